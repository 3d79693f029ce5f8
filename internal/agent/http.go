package agent

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"tickmark/internal/fault"
	"tickmark/internal/store"
)

const (
	enrolLimit   = 16 << 10
	readingLimit = 8 << 20
	atOnce       = 8 // messages that are read at once; the others are told to come again
)

// Handler answers machines, which have no session: each message is taken by its signature, and an enrolment by its token.
func (f *Fleet) Handler() http.Handler {
	mux, room := http.NewServeMux(), make(chan struct{}, atOnce)
	serve := func(limit int64, do func(r *http.Request, body []byte) (any, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			select {
			case room <- struct{}{}:
				defer func() { <-room }()
			default:
				w.Header().Set("Retry-After", "10")
				answer(w, r, nil, fault.New(fault.Unavailable, "Many machines send just now."))
				return
			}
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
			if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
				answer(w, r, nil, fault.New(fault.TooLarge, "The message is larger than %d KiB.", limit>>10))
				return
			}
			if err != nil {
				answer(w, r, nil, fault.New(fault.Usage, "The message did not arrive whole."))
				return
			}
			v, err := do(r.WithContext(store.Background(r.Context())), body)
			answer(w, r, v, err)
		}
	}
	mux.HandleFunc("POST "+EnrolPath, serve(enrolLimit, func(r *http.Request, body []byte) (any, error) { return f.Enrol(r.Context(), r, body) }))
	mux.HandleFunc("POST /agents/{machine}/readings", serve(readingLimit, func(r *http.Request, body []byte) (any, error) {
		return f.Receive(r.Context(), r.PathValue("machine"), r, body)
	}))
	mux.HandleFunc("GET /agents/{machine}/readings/{run}", serve(0, func(r *http.Request, _ []byte) (any, error) {
		return f.Arrived(r.Context(), r.PathValue("machine"), r.PathValue("run"), r)
	}))
	return mux
}

func answer(w http.ResponseWriter, r *http.Request, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err == nil {
		json.NewEncoder(w).Encode(v)
		return
	}
	var no *Refused
	var f *fault.Fault
	switch {
	case errors.As(err, &no):
	case errors.As(err, &f):
		no = &Refused{Why: WhyContent, Detail: f.Message, Next: f.Next, status: fault.Status(f)}
		if no.status >= 500 {
			no.Why = "unavailable"
		}
		if f.Kind == fault.NotFound {
			no.Why = "not_found"
		}
	default:
		slog.ErrorContext(r.Context(), "answer a machine", "path", r.URL.Path, "error", err)
		no = &Refused{Why: "unavailable", Detail: "Something went wrong here.", status: http.StatusInternalServerError}
	}
	w.WriteHeader(no.status)
	json.NewEncoder(w).Encode(no)
}
