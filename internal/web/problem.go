package web

import (
	"context"
	"errors"
	"fmt"

	"tickmark/internal/fault"
	"tickmark/internal/web/part"
)

// Problem is an error as a person sees it: what happened, and what to do next.
type Problem struct {
	Status  int
	Title   string
	Message string
	Next    string
	Number  string // names the line of the log, for errors that are ours
}

// problem turns an error into what may be shown: a fault says itself, anything else is ours and only its number is shown.
func problem(ctx context.Context, err error, number string) Problem {
	p := Problem{Status: fault.Status(err), Number: number}
	switch p.Status {
	case 400, 422:
		p.Title = "That cannot be done as asked"
	case 401:
		p.Title = "Sign in first"
	case 403:
		p.Title = "You may not see or do this"
	case 404:
		p.Title = "There is nothing here"
	case 409:
		if p.Title = "Somebody was faster"; part.Past(ctx) {
			p.Title = "You look at the past"
		}
	case 413:
		p.Title = "That is too large"
	case 503:
		p.Title = "Tickmark is busy"
	default:
		p.Title = "Something broke on our side"
	}
	var f *fault.Fault
	if errors.As(err, &f) && f.Kind != fault.Internal {
		p.Message, p.Next, p.Number = f.Message, f.Next, ""
		return p
	}
	p.Message = "The page could not be made. Nothing was changed."
	p.Next = fmt.Sprintf("Load it again. If it stays, look for %s in the server's log.", number)
	return p
}
