package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/queue"
	"tickmark/internal/store"
)

const (
	hookLimit   = 25 << 20 // bytes of one message; what services send at most
	hooksAtOnce = 4
	hooksApart  = 10 * time.Second
)

// hooks takes what services say: that something changed there. A message only asks for a run; it is never taken for a record.
type hooks struct {
	room  chan struct{} // one place for each message that is read
	apart time.Duration // least time between two runs of a connection that messages ask for

	mu    sync.Mutex
	asked map[string]bool      // connections for which somebody already waits to ask
	last  map[string]time.Time // when a run was asked for last
}

func newHooks() *hooks {
	return &hooks{room: make(chan struct{}, hooksAtOnce), apart: hooksApart, asked: map[string]bool{}, last: map[string]time.Time{}}
}

// heard answers POST /hooks/{connection}, and the GET with which some services make sure of the address.
func (s *Server) heard(w http.ResponseWriter, r *http.Request) {
	select {
	case s.hooks.room <- struct{}{}:
		defer func() { <-s.hooks.room }()
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, hookLimit))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "not whole", http.StatusBadRequest)
		return
	}
	conn, answer, err := s.w.Collect.Heard(store.Background(r.Context()), r.PathValue("connection"), r.Header, body)
	switch {
	case fault.Is(err, fault.Denied):
		http.Error(w, "not signed with the secret", http.StatusUnauthorized)
	case err != nil:
		http.Error(w, "nothing listens here", http.StatusNotFound)
	case answer != nil:
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusNoContent)
	default:
		if !conn.Paused {
			s.askSoon(conn.Name)
		}
		w.WriteHeader(http.StatusAccepted)
	}
}

// askSoon asks for a run of a connection, and, where one is under way, for another after it: that one may have read already
// what has just changed. However many messages come meanwhile, it is one run.
func (s *Server) askSoon(name string) {
	if s.hooks.set(name, true) {
		return
	}
	s.under.Go(func() {
		s.try(s.life, "collect what a service says has changed", func(ctx context.Context) error {
			defer s.hooks.set(name, false)
			return s.askWhenFree(ctx, name)
		})
	})
}

func (s *Server) askWhenFree(ctx context.Context, name string) error {
	for {
		if err := pause(ctx, s.hooks.rest(name)); err != nil {
			return err
		}
		s.hooks.set(name, false) // what is heard from here on is asked for by itself
		job, err := s.queue.Ask(ctx, collectWork, name, "job:webhook")
		if err != nil || job.State != queue.Running {
			return err
		}
		s.hooks.set(name, true)
		for job.State == queue.Running {
			if err := pause(ctx, time.Second); err != nil {
				return err
			}
			if job, err = s.queue.Get(ctx, job.ID); err != nil {
				return err
			}
		}
	}
}

// set says whether somebody waits to ask for a run of the connection, and returns whether somebody did.
func (h *hooks) set(name string, waits bool) (before bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.asked[name]
	h.asked[name] = waits
	return before
}

// rest is how long to wait, so that a talkative service is not read all the time, and counts from then.
func (h *hooks) rest(name string) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	at := now
	if next := h.last[name].Add(h.apart); next.After(now) {
		at = next
	}
	h.last[name] = at
	return at.Sub(now)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
