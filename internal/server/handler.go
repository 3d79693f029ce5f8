package server

import (
	"context"
	"net/http"

	"tickmark/internal/api"
	"tickmark/internal/check"
	"tickmark/internal/web"
	"tickmark/internal/workspace"
)

// Handler is everything a workspace answers: pages, the API, and the ledger for anyone to read.
func Handler(w *workspace.Workspace) (http.Handler, error) {
	pages, err := web.New(web.Deps{Book: w.Book, Blobs: w.Blobs, Access: w.Gate, Monitor: w.Monitor, Collector: w.Collect,
		Collect: func(ctx context.Context, connection string) error { return begin(ctx, w, connection) }})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.Handle("/api/", api.New(api.Deps{Book: w.Book, Blobs: w.Blobs, Access: w.Gate, Monitor: w.Monitor, Collector: w.Collect}))
	log := http.StripPrefix("/ledger", w.Log.Handler())
	mux.Handle("GET /ledger/checkpoint", log)
	mux.Handle("GET /ledger/tile/", log)
	return mux, nil
}

// begin starts a collection that outlives the request which asked for it.
func begin(ctx context.Context, w *workspace.Workspace, connection string) error {
	if _, err := w.Collect.Connection(ctx, connection); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s := &Server{w: w}
	go s.try(ctx, "collect "+connection, func(ctx context.Context) error {
		if _, err := w.Collect.Run(ctx, connection, nil); err != nil {
			return err
		}
		_, err := w.Monitor.Evaluate(ctx, check.Options{})
		return err
	})
	return nil
}
