// Package server serves a workspace over HTTP and does what falls due: collecting, judging, signing checkpoints. The one
// rule: it listens on the loopback interface unless told otherwise, and one SQLite workspace has one server.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/queue"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

// Server is a listening server that does not answer yet.
type Server struct {
	w       *workspace.Workspace
	l       net.Listener
	release func()
	queue   *queue.Queue
	http    *http.Server
	life    context.Context // ends with the server
	hooks   *hooks
	under   sync.WaitGroup // what runs without a request that waits for it
	rest    time.Time      // until when nothing is judged by the minute
}

// Take takes the address, before anything else is done: a taken port or a mistyped address should be said at once.
func Take(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.New(fault.Usage, "--listen: %q is not an address such as 127.0.0.1:8420.", address)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fault.New(fault.Unavailable, "The address %s is in use by another program.", address).WithNext("It may be Tickmark itself, running already. Stop it, or name another address with --listen 127.0.0.1:8421.")
	case errors.Is(err, syscall.EACCES):
		return nil, fault.New(fault.Denied, "You may not listen on %s.", address).WithNext("Choose a port above 1023 with --listen.")
	case err != nil:
		return nil, fault.New(fault.Unavailable, "Cannot listen on %s: %w.", address, err).WithNext("Name an address of this machine, such as 127.0.0.1:8420.")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		slog.Warn("this server is reachable from other machines; put TLS in front of it", "address", address)
	}
	return l, nil
}

// New takes, on SQLite, the place of the workspace's one server. The listener is the server's from then on.
func New(ctx context.Context, w *workspace.Workspace, l net.Listener) (*Server, error) {
	s := &Server{w: w, l: l, release: func() {}, hooks: newHooks()}
	if w.DB.Engine == store.SQLite {
		release, err := w.DB.Lock(ctx, "server")
		if errors.Is(err, store.ErrLocked) {
			return nil, fault.New(fault.Unavailable, "Another server has the workspace in %s open.", w.Data).WithNext("Use that one, or stop it first; several servers need PostgreSQL (--database).")
		}
		if err != nil {
			return nil, err
		}
		s.release = release
	}
	var err error
	if s.queue, err = queue.Open(ctx, w.DB, w.Data, w.Database, s.works()); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// Address is where the server listens.
func (s *Server) Address() string { return s.l.Addr().String() }

// Close gives the address and the workspace's place free.
func (s *Server) Close() error {
	defer s.release()
	s.queue.Close()
	return s.l.Close()
}

// Serve answers until ctx ends, then lets what is under way finish for ten seconds.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.life = ctx
	h, err := s.handler()
	if err != nil {
		return fmt.Errorf("put the pages together: %w", err)
	}
	s.http = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) }}
	if err := s.queue.Start(ctx); err != nil {
		return fmt.Errorf("take work from the queue: %w", err)
	}
	s.under.Go(func() { s.sign(ctx) })
	s.under.Go(func() { s.work(ctx) })
	s.under.Go(func() { s.try(ctx, "prepare the PDF engine", s.w.Paper.Make) })
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.l) }()
	select {
	case err := <-failed:
		cancel()
		s.queue.Stop(context.WithoutCancel(ctx))
		s.under.Wait()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	late, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	err = s.http.Shutdown(late)
	if qerr := s.queue.Stop(context.WithoutCancel(ctx)); err == nil {
		err = qerr
	}
	s.under.Wait()
	if _, cerr := s.w.Log.Checkpoint(context.WithoutCancel(ctx)); cerr != nil {
		slog.Error("sign the last checkpoint", "error", cerr)
	}
	return err
}

// sign signs a checkpoint at most once a second while something is written, also while a collection runs.
func (s *Server) sign(ctx context.Context) {
	seconds := time.NewTicker(time.Second)
	defer seconds.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-seconds.C:
			s.try(ctx, "sign a checkpoint", func(ctx context.Context) error { _, err := s.w.Log.Checkpoint(ctx); return err })
		}
	}
}

func (s *Server) try(ctx context.Context, what string, fn func(context.Context) error) {
	defer func() {
		if r := recover(); r != nil {
			slog.Error(what, "panic", r)
		}
	}()
	if err := fn(store.Background(ctx)); err != nil && ctx.Err() == nil {
		slog.Error(what, "error", err)
	}
}
