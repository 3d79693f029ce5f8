package web

import (
	"context"
	"net/http"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/agenda"
	"tickmark/internal/fault"
	"tickmark/internal/gap"
	"tickmark/internal/web/cycle"
)

// programme is the pages of the company's programme, within the pages of this site.
func (s *site) programme() *cycle.Site {
	return &cycle.Site{
		Site: s.around("programme.css"), Book: s.Book, Gate: s.Access, Base: s.BaseURL,
		Gaps: func(ctx context.Context) (gap.World, []gap.Gap, error) {
			st, err := s.stand(ctx)
			if err != nil {
				return gap.World{}, nil, err
			}
			return st.scope, st.gaps, nil
		},
	}
}

// calendarFeed is the calendar of whoever made its address. The address is all that is shown for it, so that it stands in no log
// and no cache, opens nothing else, and is over at once when its maker revokes it or may not sign in any more.
func (s *site) calendarFeed(w http.ResponseWriter, r *http.Request) error {
	token := strings.TrimSuffix(segment(r, "token"), ".ics")
	r.URL.Path = "/calendar/"
	nothing := fault.New(fault.NotFound, "There is no such calendar.").WithNext("Make a link on the calendar of the programme.")
	who, err := s.Access.Bearer(r.Context(), token)
	if fault.Is(err, fault.SignIn) || err == nil && who.Scope != access.ScopeCalendar {
		return nothing
	}
	if err != nil {
		return err
	}
	person := who.Actor().Person
	if person == "" {
		return nothing
	}
	data, err := agenda.Feed(access.NewContext(r.Context(), who), s.Book, person, s.BaseURL, s.Book.Log.Now())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	w.Header().Set("Content-Disposition", `inline; filename="tickmark.ics"`)
	w.Header().Set("Cache-Control", "private, no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, err = w.Write(data)
	return err
}
