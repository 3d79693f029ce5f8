package server

import (
	"context"
	"net/http"
	"path/filepath"

	"tickmark/internal/agent"
	"tickmark/internal/api"
	"tickmark/internal/exchange"
	"tickmark/internal/web"
	"tickmark/internal/workspace"
)

// handler is everything a workspace answers: pages, the API, and the ledger for anyone to read.
func (s *Server) handler() (http.Handler, error) {
	w := s.w
	pages, err := web.New(web.Deps{Book: w.Book, Blobs: w.Blobs, Keys: w.Keys, Firm: w.Firm, Access: w.Gate, Monitor: w.Monitor, Collector: w.Collect,
		Jobs: s.queue, Paper: w.Paper, BaseURL: w.BaseURL, Parcels: filepath.Join(w.Data, "parcels"), Release: workspace.Release(), Behind: func(what string, do func(context.Context) error) {
			s.under.Go(func() { s.try(s.life, what, do) })
		}})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	var parcels http.Handler
	if !w.Firm {
		parcels = (&exchange.Desk{Office: exchange.Office{Book: w.Book, Keys: w.Keys, Blobs: w.Blobs}, Dir: filepath.Join(w.Data, "parcels")}).Handler()
	}
	mux.Handle("/api/", api.New(api.Deps{Book: w.Book, Blobs: w.Blobs, Access: w.Gate, Monitor: w.Monitor, Collector: w.Collect, Jobs: s.queue, Parcels: parcels,
		TakeOver: s.takeOver}))
	mux.Handle("/agents/", s.fleet().Handler())
	mux.HandleFunc("POST /hooks/{connection}", s.heard)
	mux.HandleFunc("GET /hooks/{connection}", s.heard)
	log := http.StripPrefix("/ledger", w.Log.Handler())
	mux.Handle("GET /ledger/checkpoint", log)
	mux.Handle("GET /ledger/tile/{level}/{rest...}", log)
	return mux, nil
}

// takeOver has what was sent to a connection written.
func (s *Server) takeOver(ctx context.Context, connection string) error {
	_, err := s.queue.Ask(ctx, collectWork, connection, "connection:"+connection)
	return err
}

func (s *Server) fleet() *agent.Fleet {
	return &agent.Fleet{Book: s.w.Book, Collector: s.w.Collect, TakeOver: s.takeOver}
}
