package web

import "tickmark/internal/web/part"

// WorkPage shows what waits, for the reader or for everybody.
type WorkPage struct {
	Cards    []part.Stat
	Filter   part.Filter
	Groups   []WorkGroup
	Any      bool
	Everyone bool
	Notices  []NoticeRow // that the reader has not seen
	Unlinked bool        // the reader is linked to no person, so nothing can wait for them
}

// NoticeRow is something the reader is told of what waits, for them or for those whom they manage.
type NoticeRow struct {
	ID    string
	Level part.Status // due_soon, overdue, escalated
	Row   WorkRow
}

// WorkGroup is what is due in one stretch of time.
type WorkGroup struct {
	Title string
	Tone  part.Tone
	Rows  []WorkRow
}

// WorkRow is one thing that waits.
type WorkRow struct {
	Act, Title, Href, Why string
	Due                   part.Due
	For                   string // a person's name; empty: anybody who may
	Control               part.Link
}
