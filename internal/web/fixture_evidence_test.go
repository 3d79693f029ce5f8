package web

import (
	"context"
	"fmt"
	"io"

	"github.com/a-h/templ"

	"tickmark/internal/web/part"
)

func evidenceFixtures() []fixture {
	filter := part.Filter{Action: "/evidence", Hint: "Filter by text, source or hash", Found: "2 found"}
	cards := []part.Stat{{Icon: "folder-check", Word: "Pieces of evidence", N: 2, Href: "/evidence", Current: true}, {Icon: "eye", Word: "Wait for review", N: 1, Href: "/evidence?show=waiting"}, {Icon: "circle-question-mark", Word: "Requirements with gaps", N: 1, Href: "/evidence?show=gaps"}, {Icon: "clock", Word: "Due next", N: 1, Href: "/evidence?show=due"}, {Icon: "calendar-clock", Word: "All requirements", N: 1, Href: "/evidence?show=calendar"}}
	show := func(path string, fill func(ctx context.Context, v *EvidencePage)) fixture {
		return fixture{path: path, page: func() templ.Component {
			return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
				v := EvidencePage{Any: true, Cards: cards, Filter: filter}
				fill(ctx, &v)
				return evidencePage(framed("Evidence", "/evidence"), v).Render(ctx, w)
			})
		}}
	}
	return []fixture{
		show("/evidence", func(ctx context.Context, v *EvidencePage) {
			v.Rows, v.Pager = fixtureControl(ctx, "evidence").Evidence, part.Pager{Shown: 3, Next: "/evidence?after=x", Note: "of 43"}
			if !part.Past(ctx) {
				v.Bulk = &Bulk{Kind: "evidence", Plural: "evidence", To: "/evidence", Moves: []BulkMove{{Name: "review", Title: "Mark as reviewed", Says: "What you looked at"}}}
				for i := range v.Rows {
					v.Rows[i].Pick = fmt.Sprintf("2026-11-22T11:00:00Z e%d", i)
				}
			}
		}),
		show("/evidence-calendar", func(ctx context.Context, v *EvidencePage) {
			v.Calendar, v.Required = true, fixtureControl(ctx, "evidence").Requirements
			v.Required[0].Control = part.Link{Text: "AC-05", Href: "/controls/AC-05/evidence"}
		}),
		show("/evidence-none", func(_ context.Context, v *EvidencePage) {}),
		show("/evidence-empty", func(_ context.Context, v *EvidencePage) { v.Any = false }),
	}
}
