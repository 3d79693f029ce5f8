// Package agenda says on which days something waits for a person, for a calendar outside. The one rule: a calendar outside is
// read by whoever has its address, so that it names duties and days, and never what a finding says.
package agenda

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/record"
	"tickmark/internal/standing"
	"tickmark/internal/work"
)

// Of are the days of a person: what waits for them with its date, and the coming performances of the controls that they own.
// Base is the address of the workspace.
func Of(ctx context.Context, book *record.Book, person, base string) ([]Event, error) {
	o, err := standing.Load(ctx, book, 0)
	if err != nil {
		return nil, err
	}
	items, err := work.Of(ctx, book, o, person, 0)
	if err != nil {
		return nil, err
	}
	var out []Event
	seen := map[string]bool{}
	add := func(e Event) {
		if e.UID = uid(e.UID); !seen[e.UID] {
			seen[e.UID] = true
			out = append(out, e)
		}
	}
	for _, i := range items {
		day := calendar.Parse(i.Due)
		if day.IsZero() {
			continue
		}
		what := i.Act + ": " + i.Label
		if i.Kind == "finding" || i.Kind == "exception" || i.Kind == "risk" {
			what = i.Act + " a " + i.Kind
		}
		if i.Overdue {
			what = "Overdue: " + what
		}
		add(Event{UID: strings.Join([]string{i.Kind, i.Key, i.From, i.Act}, "\n"), Day: day, Summary: what, Detail: i.Why, URL: address(base, i.Kind, i.Key)})
	}
	owned, err := book.Find(ctx, book.DB, "control", "owner", person, 0)
	if err != nil {
		return nil, err
	}
	for _, c := range owned {
		for _, x := range o.Occurrences[c.Key] {
			day := calendar.Parse(x.Due)
			if x.State != "scheduled" || day.IsZero() || x.Owner != "" && x.Owner != person {
				continue
			}
			add(Event{UID: strings.Join([]string{"occurrence", x.Key, x.From, "Do"}, "\n"), Day: day, Summary: "Do: " + x.Title, Detail: "Due performance", URL: address(base, "occurrence", x.Key)})
		}
	}
	slices.SortFunc(out, func(a, b Event) int { return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.UID, b.UID)) })
	return out, nil
}

// uid is a name of a duty that stays the same and tells nothing.
func uid(of string) string {
	sum := sha256.Sum256([]byte("tickmark duty\n" + of))
	return hex.EncodeToString(sum[:16]) + "@tickmark"
}

func address(base, kind, key string) string {
	return strings.TrimSuffix(base, "/") + "/records/" + url.PathEscape(kind) + "/" + url.PathEscape(key)
}

// Feed is the calendar of a person, as a calendar program reads it.
func Feed(ctx context.Context, book *record.Book, person, base string, now time.Time) ([]byte, error) {
	events, err := Of(ctx, book, person, base)
	if err != nil {
		return nil, err
	}
	return Write("Tickmark duties", now, events), nil
}
