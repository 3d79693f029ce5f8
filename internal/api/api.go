// Package api answers JSON over HTTP from the kinds' declarations. The one rule: nothing is answered to nobody; every request
// has a session, every read asks May, and every write hands that session to the record package as who acts.
//
// The routes are declared once, in route values: from them come the router, the checks of parameters, the OpenAPI 3.1
// document at /api/openapi.json and the reference at /api/reference. Errors are RFC 9457 problem documents.
//
// A record's key is one path segment, percent-encoded: arn:aws:iam::1:user/bob is arn:aws:iam::1:user%2Fbob.
package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tickmark/internal/access"
	"tickmark/internal/blob"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Deps are what the API stands on.
type Deps struct {
	Book      *record.Book
	Blobs     blob.Store
	Access    *access.Gate
	Monitor   *check.Monitor
	Collector *collect.Collector
	Jobs      Jobs // nil where no server does what is asked for

	Parcels http.Handler // of a company's workspace: the exchange of parcels, under exchange.Path; nil at a firm's

	// TakeOver has what was sent to a connection written; nil: the request does it itself.
	TakeOver func(ctx context.Context, connection string) error
}

// server is the API over a workspace.
type server struct {
	Deps
	log     *slog.Logger
	mux     *http.ServeMux
	adapter huma.Adapter
	doc     *huma.OpenAPI
	cross   *http.CrossOriginProtection
}

// How much a request may carry.
const (
	bodyLimit = record.MaxBody // JSON
	fileLimit = 32 << 20       // a file: an attachment, evidence, an import
)

// New returns the handler of everything under /api/. Mount it outside the pages' own session handling: it signs in by
// cookie and by token itself, so that a refusal is a problem document too. A session that is in the request's context
// already is taken as it is, which is how a local socket hands one in.
func New(d Deps) http.Handler {
	s := &server{Deps: d, log: slog.Default(), mux: http.NewServeMux(), doc: newDocument(), cross: http.NewCrossOriginProtection()}
	s.adapter = humago.NewAdapter(s.mux, "")
	for _, r := range s.routes() {
		s.add(r)
	}
	h := s.guard(s.admit(http.HandlerFunc(s.dispatch)))
	if s.Parcels != nil {
		s.addParcels()
		h = s.withParcels(h)
	}
	s.addReference()
	return h
}

func (s *server) routes() []route {
	all := s.workspaceRoutes()
	all = append(all, s.jobRoutes()...)
	all = append(all, s.pushRoutes()...)
	all = append(all, s.agentRoutes()...)
	all = append(all, s.checkRoutes()...)
	all = append(all, s.ledgerRoutes()...)
	all = append(all, s.fileRoutes()...)
	all = append(all, s.retentionRoutes()...)
	for _, k := range s.Book.Kinds.All() {
		all = append(all, s.recordRoutes(k)...)
		all = append(all, s.writeRoutes(k)...)
		all = append(all, s.aboutRoutes(k)...)
		all = append(all, s.importRoutes(k)...)
	}
	return all
}

// guard sets the headers that every answer has, and turns a panic into a problem.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
		h.Set("Referrer-Policy", "no-referrer")
		started := &begun{ResponseWriter: w}
		defer func() {
			switch p := recover(); {
			case p == nil:
			case p == http.ErrAbortHandler:
				panic(p)
			case started.begun: // what was sent must not look whole
				s.log.ErrorContext(r.Context(), "api: an answer was cut short", "panic", p, "stack", string(debug.Stack()))
				panic(http.ErrAbortHandler)
			default:
				s.fail(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		next.ServeHTTP(started, r)
	})
}

// begun notes that an answer was begun.
type begun struct {
	http.ResponseWriter
	begun bool
}

func (b *begun) WriteHeader(code int)        { b.begun = true; b.ResponseWriter.WriteHeader(code) }
func (b *begun) Write(p []byte) (int, error) { b.begun = true; return b.ResponseWriter.Write(p) }
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

type sessionKey struct{}

// admit finds who asks, by bearer token or by the cookie of a browser, and refuses everybody else.
func (s *server) admit(next http.Handler) http.Handler {
	nobody := func() error {
		return fault.New(fault.SignIn, "Nobody is signed in.").WithNext("Send \"Authorization: Bearer TOKEN\" with a token made under your name or by tickmark token add.")
	}
	enter := func(w http.ResponseWriter, r *http.Request, who access.Session) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(access.NewContext(r.Context(), who), sessionKey{}, who)))
	}
	browser := s.Access.Sessions(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := access.FromContext(r.Context())
		if !ok {
			s.fail(w, r, nobody())
			return
		}
		if err := s.cross.Check(r); err != nil {
			s.fail(w, r, fault.New(fault.Denied, "This request comes from a page of another site.").WithNext("Use an API token, which needs no browser."))
			return
		}
		enter(w, r, who)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who, ok := access.FromContext(r.Context()); ok && (who.Method == access.ByToken || who.Method == access.ByLocal) {
			enter(w, r, who)
			return
		}
		head := r.Header.Get("Authorization")
		if head == "" {
			browser.ServeHTTP(w, r)
			return
		}
		scheme, token, _ := strings.Cut(head, " ")
		if !strings.EqualFold(scheme, "bearer") || token == "" {
			s.fail(w, r, fault.New(fault.SignIn, "The Authorization header holds no bearer token.").WithNext("Send \"Authorization: Bearer TOKEN\"."))
			return
		}
		who, err := s.Access.Bearer(r.Context(), strings.TrimSpace(token))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		enter(w, r, who)
	})
}

// dispatch routes, and answers what no route takes with a problem.
func (s *server) dispatch(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	var allow []string
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		other := *r
		other.Method = m
		if _, pattern := s.mux.Handler(&other); pattern != "" {
			allow = append(allow, m)
		}
	}
	if len(allow) > 0 {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		s.write(w, r, http.StatusMethodNotAllowed, Problem{Kind: "method-not-allowed", Detail: fmt.Sprintf("%s cannot be done here.", r.Method), Next: "Use one of " + strings.Join(allow, ", ") + "."})
		return
	}
	s.fail(w, r, s.nothingAt(r))
}

// nothingAt says what of an unknown path is wrong. An unknown kind and one in a room that the caller may not enter read alike.
func (s *server) nothingAt(r *http.Request) error {
	for _, base := range []string{recordsPath, importPath, exportPath, kindsPath} {
		if rest, ok := strings.CutPrefix(r.URL.Path, base+"/"); ok {
			if name, _, _ := strings.Cut(rest, "/"); name != "" {
				if _, err := s.Book.Kinds.Named(name); err != nil {
					return noKind(name)
				}
			}
		}
	}
	return fault.New(fault.NotFound, "There is nothing at this address.").WithNext("The reference at /api/reference lists what there is.")
}

func noKind(name string) error {
	return fault.New(fault.NotFound, "There is no kind %q.", name).WithNext("GET %s lists the kinds you may read.", kindsPath)
}

// fail answers err as a problem: a fault as it is, anything else without its words, which go to the log.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var f *fault.Fault
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		f = fault.New(fault.TooLarge, "The request is larger than %s.", bytesText(large.Limit)).WithNext("Nothing was written; send less at once.")
	case errors.As(err, &f):
	case r.Context().Err() != nil:
		f = fault.New(fault.Unavailable, "The request was given up before it was answered.")
	default:
		f = fault.New(fault.Internal, "Something went wrong here.").WithNext("Try again; if it stays, tell who runs this Tickmark the instance above.")
	}
	p := Problem{Kind: string(f.Kind), Detail: f.Message, Next: f.Next}
	var listed *problems
	if errors.As(err, &listed) {
		p.Errors = listed.errors
	}
	status := fault.Status(f)
	var refused *precondition
	if errors.As(err, &refused) {
		status, p.Kind = http.StatusPreconditionFailed, "precondition-failed"
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	p.Instance = "urn:uuid:" + uuid()
	if status >= 500 && r.Context().Err() == nil {
		s.log.ErrorContext(r.Context(), "api", "instance", p.Instance, "method", r.Method, "route", r.Pattern, "error", cause(err))
	}
	s.write(w, r, status, p)
}

// cause is an error with what a fault keeps for the operator.
func cause(err error) string {
	if u := errors.Unwrap(err); u != nil {
		return err.Error() + ": " + u.Error()
	}
	return err.Error()
}

// uuid is a random one (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func bytesText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
