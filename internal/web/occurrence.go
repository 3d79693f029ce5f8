package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	stands "tickmark/internal/standing"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

func (s *site) occurrence(w http.ResponseWriter, r *http.Request) error {
	return s.showOccurrence(w, r, http.StatusOK, "")
}

func (s *site) showOccurrence(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	ctx, key := r.Context(), segment(r, "key")
	if err := s.may(ctx, "occurrence"); err != nil {
		return err
	}
	v, err := s.Book.Get(ctx, "occurrence", key, at(ctx))
	if err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	var b struct {
		stands.Occurrence
		Note, Review, Zone string
		ReviewedAt         string `json:"reviewed_at"`
		MissedAt           string `json:"missed_at"`
		ExcludedReason     string `json:"excluded_reason"`
		ExcludedSource     string `json:"excluded_source"`
	}
	if err := json.Unmarshal(v.Body, &b); err != nil {
		return fmt.Errorf("read occurrence %s: %w", key, err)
	}
	o, people := st.whole.Operation, s.namer(ctx)
	span := o.Span(b.Occurrence)
	p := PerformancePage{Key: key, Title: b.Title, Span: span.Words(), Control: part.Link{Text: b.Control, Href: part.Path("controls", b.Control)}, Note: b.Note, Wrong: wrong,
		Record: recordPath("occurrence", key), Action: part.Path("occurrences", key), From: b.From, To: b.To, NoteTyped: r.Form.Get("note"), Now: cmp.Or(r.Form.Get("occurred_at"), part.Of(ctx).Moment().In(o.Zone).Format("2006-01-02T15:04"))}
	late := o.Missed(b.Occurrence)
	p.Late = b.State == "missed"
	p.Answer = part.Answer{Status: part.Status(b.State), Since: v.From.Time(), From: []part.Link{{Text: b.Control, Href: p.Control.Href, Note: "its control"}}}
	due := endOfDay(b.Due, part.Of(ctx).Zone)
	switch b.State {
	case "scheduled":
		p.Answer.Why = fmt.Sprintf("It is to be done for %s, by %s.", span.Words(), b.Due)
		p.Answer.Next = []part.Link{{Text: "Record it as done", Href: "#done", Note: "with what shows it."}}
		if late {
			p.Answer.Status, p.Answer.Why = part.Failing, fmt.Sprintf("It was due on %s and is not on record as done.", b.Due)
		} else if span.From.After(o.Today) {
			p.Answer.Next = []part.Link{{Text: "Nothing before " + span.From.Format("2 January 2006")}}
		}
	case "missed":
		p.Answer.Why = fmt.Sprintf("It was due on %s and not on record as done by then. It stays missed; doing it late ends the failure of today.", b.Due)
		p.Answer.Next = []part.Link{{Text: "Record it as done late", Href: "#done"}}
	case "performed_late":
		p.Answer.Why = fmt.Sprintf("It was done after its due date, %s. The window goes on saying so.", b.Due)
	case "performed":
		p.Answer.Why = "It was done in time, with what shows it."
	case "not_applicable":
		p.Answer.Why = strings.TrimSpace("Nothing called for it: " + b.ExcludedReason + " Shown by: " + b.ExcludedSource)
	case "withdrawn":
		p.Answer.Why = "Its control was retired or changed before it began, or its event is no more."
	}
	if performed := b.State == "performed" || b.State == "performed_late"; performed && b.ReviewedBy == "" {
		p.Answer.Next = []part.Link{{Text: "Review it", Note: "by another person than " + people(b.PerformedBy) + "."}}
	}
	day := func(text string) templ.Component {
		t, _ := time.Parse(time.RFC3339Nano, text)
		return part.Time(t)
	}
	p.Facts = []part.Fact{{Name: "Control", Value: part.LinkTo(p.Control)}, part.Say("For", p.Span), {Name: "Due", Value: dueDay(part.Due{Day: due, Overdue: late && b.State != "performed_late"})}, {Name: "Owner", Value: part.Person(people(b.Owner))}}
	if b.PerformedBy != "" {
		p.Facts = append(p.Facts, part.Fact{Name: "Done on", Value: day(b.Occurred)}, part.Fact{Name: "Recorded", Value: day(b.PerformedAt)}, part.Fact{Name: "Done by", Value: part.Person(people(b.PerformedBy))})
	}
	if b.ReviewedBy != "" {
		p.Facts = append(p.Facts, part.Fact{Name: "Reviewed by", Value: part.Person(people(b.ReviewedBy))}, part.Say("Review", b.Review))
	}
	if b.EventKey != "" {
		event := part.Link{Text: b.EventKey, Href: s.pathOf(b.EventKind, b.EventKey)}
		if k, err := s.Book.Kinds.Named(b.EventKind); err == nil && session(ctx).May(ctx, access.Read, k) == nil {
			if v, err := s.Book.Get(ctx, b.EventKind, b.EventKey, at(ctx)); err == nil {
				event.Text = cmp.Or(v.Label, b.EventKey)
			}
			event.Note = k.Title
		}
		p.Facts = append(p.Facts, part.Fact{Name: "Called for by", Value: part.LinkTo(event)})
	}
	for _, e := range b.Evidence {
		p.Evidence = append(p.Evidence, pieceRow(o.Evidence[e], people))
	}
	moves, err := s.moves(ctx, v)
	if err != nil {
		return err
	}
	for _, m := range moves {
		switch m.Name {
		case "perform", "perform_late":
			p.Form = m.Blocked == "" && !span.From.After(o.Today)
			if m.Blocked != "" {
				p.Blocked = strings.TrimSpace(m.Blocked + " " + m.Who)
			}
		case "review", "exclude":
			p.Moves = append(p.Moves, m)
		}
	}
	if p.Form {
		for _, e := range o.EvidenceOf(b.Control) {
			p.Pieces = append(p.Pieces, pieceRow(o.Evidence[e], people))
		}
		slices.SortFunc(p.Pieces, func(a, b EvidenceRow) int { return b.Received.Compare(a.Received) })
		p.Pieces = p.Pieces[:min(len(p.Pieces), 30)]
		p.Items = items(o, b.Occurrence)
	}
	page := Page{Title: p.Title, Section: "/controls", Crumbs: []part.Crumb{{Text: "Controls", Href: "/controls"}, {Text: b.Control, Href: p.Control.Href}, {Text: "Performances", Href: p.Control.Href + "/occurrences"}, {Text: p.Span}}}
	return s.showAs(w, r, status, page, func(page Page) templ.Component { return performancePage(page, p) })
}

// items are what the control asks for of the span of a performance, where that is more than one thing: what is handed in has to
// say which it shows.
func items(o *stands.Operation, x stands.Occurrence) []part.Link {
	list := o.Requirements[x.Control]
	if len(list) < 2 || x.EventKey != "" {
		return nil
	}
	var out []part.Link
	for _, r := range list {
		if (r.From == "" || r.From <= x.To) && (r.To == "" || r.To >= x.From) {
			out = append(out, part.Link{Text: r.Title, Note: r.Title + ", " + o.Span(x).Words(), Href: r.Key})
		}
	}
	return out
}

// occurrenceDone records a performance with what shows it: evidence that is there, or files that come along, all or none.
func (s *site) occurrenceDone(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "key")
	if err := submitted(w, r); err != nil {
		return err
	}
	v, err := s.Book.Get(ctx, "occurrence", key, 0)
	if err != nil {
		return err
	}
	var b stands.Occurrence
	if err := json.Unmarshal(v.Body, &b); err != nil {
		return err
	}
	again := func(err error) error {
		if known(err) && !fault.Is(err, fault.Denied) {
			return s.showOccurrence(w, r, fault.Status(err), sentenceOf(err))
		}
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	when, err := time.ParseInLocation("2006-01-02T15:04", r.Form.Get("occurred_at"), st.whole.Zone)
	if err != nil {
		return again(fault.New(fault.Invalid, "When it was done is needed, with date and time."))
	}
	var evidence []any
	for _, e := range r.Form["evidence"] {
		evidence = append(evidence, e)
	}
	var changes []record.Change
	shown := append(items(st.whole.Operation, b), part.Link{Note: b.Title})
	for _, item := range shown {
		field := "_file" + item.Href
		if r.MultipartForm == nil || len(r.MultipartForm.File[field]) == 0 || r.MultipartForm.File[field][0].Size == 0 {
			continue
		}
		k, err := s.Book.Kinds.Named("evidence")
		if err != nil {
			return err
		}
		if err := session(ctx).May(ctx, access.Write, k); err != nil {
			return err
		}
		kept, err := s.keep(r, field)
		if err != nil {
			return again(err)
		}
		day := calendar.Text(calendar.Of(when, st.whole.Zone))
		body := map[string]any{"title": item.Note, "sort": "document", "controls": []any{b.Control}, "sha256": kept.sum, "file_name": kept.name, "media_type": kept.media, "size": kept.size,
			"covers_from": cmp.Or(r.Form.Get("covers_from"), day), "covers_to": cmp.Or(r.Form.Get("covers_to"), day)}
		name := key + "." + kept.sum[:12]
		if item.Href != "" {
			body["requirement"] = item.Href
			name += "." + item.Href
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		none := store.Moment(0)
		changes = append(changes, record.Change{Kind: "evidence", Key: name, Body: raw, Origin: record.Uploaded, Reason: "shows that " + key + " was done", If: &none})
		evidence = append(evidence, name)
	}
	move := "perform"
	if b.State == "missed" {
		move = "perform_late"
	}
	said := map[string]any{"occurred_at": when.Format(time.RFC3339), "evidence": evidence}
	if note := strings.TrimSpace(r.Form.Get("note")); note != "" {
		said["note"] = note
	}
	changes = append(changes, record.Change{Kind: "occurrence", Key: key, Move: move, Said: said})
	if _, err := s.Book.Put(ctx, session(ctx), changes...); err != nil {
		return again(err)
	}
	return done(w, r, part.Path("occurrences", key), "It is on record as done.")
}
