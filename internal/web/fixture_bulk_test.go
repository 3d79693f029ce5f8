package web

import (
	"context"
	"io"

	"github.com/a-h/templ"

	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// bulkFixtures show a list with rows that can be chosen and views that were saved.
func bulkFixtures() []fixture {
	bulk := &Bulk{Kind: "task", Plural: "tasks", To: "/records/task", Owner: true, Due: true, People: []form.Option{{Key: "ada", Label: "Ada"}}, Moves: []BulkMove{{Name: "start", Title: "Start"}, {Name: "cancel", Title: "Cancel", Says: "Reason"}}}
	list := RecordList{Kind: "task", Title: "Tasks", Help: "Work that somebody does by a date.", Makes: true, Bulk: bulk,
		Columns: []part.Column{{Text: "Choose", Pick: true}, {Text: "Task"}, {Text: "Owner"}, {Text: "Due"}, {Text: "State"}, {Text: "Source"}, {Text: "Since"}, {Text: "Quick look", Mute: true}},
		Filter:  part.Filter{Action: "/records/task", Hint: "Filter by name", Found: "3"}}
	for _, t := range []string{"Write down the recovery plan", "Train the support team", "Name an owner for the firewall"} {
		list.Rows = append(list.Rows, RecordRow{Label: t, Href: "/records/task/t", Pick: "2026-11-22T11:00:00Z t", Cells: []Cell{{Text: "ada", Href: "/people/ada"}, {Text: "2026-12-01"}, {Status: "open"}}, Source: "program", Since: ago(day)})
	}
	saved := &part.Saved{Path: "/records/task", Query: "f_state=open", Keeps: true, Views: []part.SavedView{{Key: "a", Name: "Mine, open", Href: "/records/task?f_state=open", Mine: true, Current: true}, {Key: "b", Name: "Everybody's, late", Href: "/records/task?q=late", Shared: true}}}
	owned := &Bulk{Kind: "control", Plural: "controls", To: "/controls", Owner: true, People: bulk.People, Tasks: []string{"document", "technical"}, Moves: []BulkMove{{Name: "retire", Title: "Retire", Says: "Reason"}}}
	return []fixture{{path: "/controls-chosen", page: func() templ.Component {
		return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
			p, l := framed("Controls", "/controls"), ControlList{Rows: fixtureControls(), Filter: part.Filter{Action: "/controls", Hint: "Filter by text, id or owner", Found: "4 of 4"}}
			if !part.Past(ctx) {
				p.Frame.Toast, p.Frame.Undo, l.Bulk = "2 controls changed.", "x", owned
				for i := range l.Rows {
					l.Rows[i].Pick = "2026-11-22T11:00:00Z " + l.Rows[i].ID
				}
			}
			return controlsPage(p, l).Render(ctx, w)
		})
	}}, {path: "/import", page: func() templ.Component {
		return importKindsPage(framed("Import", "/records"), KindList{Groups: []KindGroup{{Name: "Program", Kinds: []KindRow{{Name: "person", Title: "People", Help: "Somebody who works here."}, {Name: "task", Title: "Tasks"}}}}})
	}}, {path: "/import-nothing", page: func() templ.Component {
		return importKindsPage(framed("Import", "/records"), KindList{})
	}}, {path: "/records/task", page: func() templ.Component {
		return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
			v := part.Of(ctx)
			v.Saved = saved
			l := list
			if part.Past(ctx) {
				l.Bulk, l.Columns = nil, list.Columns[1:]
			}
			return recordsPage(framed("Tasks", "/records", part.Crumb{Text: "Records", Href: "/records"}, part.Crumb{Text: "Tasks"}), l).Render(part.With(ctx, v), w)
		})
	}}}
}
