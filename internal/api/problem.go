package api

import (
	"bytes"
	"encoding/json"
	"net/http"

	"tickmark/internal/fault"
)

// Problem is an error as RFC 9457 describes it.
type Problem struct {
	Type     string  `json:"type" format:"uri-reference" doc:"Which sort of problem it is: its place in the reference."`
	Title    string  `json:"title" doc:"The sort of problem in words."`
	Status   int     `json:"status" doc:"The HTTP status."`
	Detail   string  `json:"detail" doc:"What is wrong, and where."`
	Next     string  `json:"next,omitempty" doc:"What to do about it."`
	Instance string  `json:"instance,omitempty" format:"uri" doc:"Names this one occurrence; the operator's log has it too."`
	Errors   []Wrong `json:"errors,omitempty" doc:"Each thing that is wrong, where there may be several."`
	Kind     string  `json:"-"`
}

// Wrong is one thing that is wrong in a request or a file.
type Wrong struct {
	Detail   string `json:"detail" doc:"What is wrong."`
	Location string `json:"location,omitempty" doc:"The parameter, as query.limit, or the field."`
	Line     int    `json:"line,omitempty" doc:"The line of the file, the first being 1."`
	Column   string `json:"column,omitempty" doc:"The column of the file, by its header."`
}

// sorts are the sorts of problem with their titles and statuses; the reference lists them.
var sorts = []struct {
	Kind, Title string
	Status      int
}{
	{string(fault.SignIn), "Nobody is signed in", http.StatusUnauthorized},
	{string(fault.Denied), "Not allowed", http.StatusForbidden},
	{string(fault.NotFound), "Not found", http.StatusNotFound},
	{"method-not-allowed", "Method not allowed", http.StatusMethodNotAllowed},
	{string(fault.Conflict), "In conflict with what is there", http.StatusConflict},
	{"precondition-failed", "Changed meanwhile", http.StatusPreconditionFailed},
	{string(fault.TooLarge), "Too large", http.StatusRequestEntityTooLarge},
	{string(fault.Invalid), "Not valid", http.StatusUnprocessableEntity},
	{string(fault.Usage), "Not understood", http.StatusBadRequest},
	{string(fault.Incomplete), "Incomplete", http.StatusInternalServerError},
	{string(fault.Internal), "Internal error", http.StatusInternalServerError},
	{string(fault.Unavailable), "Not available now", http.StatusServiceUnavailable},
}

// problems carries several things that are wrong along with the fault that sums them up.
type problems struct {
	*fault.Fault
	errors []Wrong
}

func (p *problems) Unwrap() error { return p.Fault }

// precondition is a conflict that the caller asked to be told of (If-Match, If-None-Match).
type precondition struct{ error }

func (p *precondition) Unwrap() error { return p.error }

func (s *server) write(w http.ResponseWriter, r *http.Request, status int, p Problem) {
	p.Type, p.Title, p.Status = referencePath+"#problem-"+p.Kind, http.StatusText(status), status
	for _, t := range sorts {
		if t.Kind == p.Kind {
			p.Title = t.Title
		}
	}
	s.send(w, r, status, "application/problem+json", p)
}

// send writes v as JSON, and nothing of it when v cannot be written whole.
func (s *server) send(w http.ResponseWriter, r *http.Request, status int, media string, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		s.log.ErrorContext(r.Context(), "api: encode an answer", "route", r.Pattern, "error", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	w.Write(b.Bytes())
}
