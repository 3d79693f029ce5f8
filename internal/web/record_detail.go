package web

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

// found is a record at the reader's moment, or the last version of one that is gone by then.
func (s *site) found(r *http.Request) (k *record.Kind, v record.Version, gone time.Time, err error) {
	ctx, key, source := r.Context(), segment(r, "key"), r.URL.Query().Get("source")
	if k, err = s.readable(r); err != nil {
		return k, v, gone, err
	}
	v, err = s.Book.GetFrom(ctx, k.Name, key, source, at(ctx), k.Room)
	if !fault.Is(err, fault.NotFound) {
		return k, v, gone, err
	}
	notThere := err
	history, err := s.Book.HistoryFor(ctx, k.Name, key, k.Room)
	if err != nil {
		return k, v, gone, notThere
	}
	for _, h := range history {
		if (at(ctx) == 0 || h.To <= at(ctx)) && !h.Open() && (source == "" || h.Source == source) && h.From >= v.From {
			v, gone = h, h.To.Time()
		}
	}
	if gone.IsZero() {
		return k, v, gone, notThere
	}
	return k, v, gone, nil
}

func (s *site) record(w http.ResponseWriter, r *http.Request) error {
	ctx, tab := r.Context(), r.PathValue("tab")
	if !contains([]string{"", "results", "history", "raw", "proof", "comments", "attachments"}, tab) {
		return noPage(r)
	}
	k, v, gone, err := s.found(r)
	if err != nil {
		return err
	}
	if k.Room != record.Company && contains([]string{"results", "comments", "attachments"}, tab) {
		return noPage(r)
	}
	d := RecordPage{Kind: k.Name, KindTitle: k.Title, Plural: cmp.Or(k.Plural, k.Title), Key: v.Key, Label: cmp.Or(v.Label, v.Key), Source: v.Source, Room: k.Room, Tab: tab, Gone: gone, Lost: lost(v)}
	if v.Erased {
		d.Label = "Erased record"
	}
	d.Editable = gone.IsZero() && !k.Collected && !k.System && session(ctx).May(ctx, access.Write, k) == nil
	if d.Moves, err = s.moves(ctx, v); err != nil {
		return err
	}
	if k.States != nil {
		var b struct{ State string }
		json.Unmarshal(v.Body, &b)
		d.State = part.Status(b.State)
	}
	if own := s.pathOf(k.Name, v.Key); !strings.HasPrefix(own, "/records/") && k.Name != "user" && gone.IsZero() {
		d.Program = &part.Link{Text: k.Title + " page", Href: own}
	}
	d.About = s.about(v)
	judged := len(s.Monitor.Words.Kinds(k.Name)) > 0
	switch tab {
	case "":
		if v.Dropped == nil {
			d.Fields = s.fields(ctx, k, v)
		}
		if d.Parts, err = s.parts(ctx, v); err != nil {
			return err
		}
		if gone.IsZero() && judged {
			err = s.recordResults(ctx, &d, v, false)
		}
	case "results":
		if gone.IsZero() {
			err = s.recordResults(ctx, &d, v, true)
		}
	case "history":
		err = s.recordHistory(r, &d, v)
	case "raw":
		err = s.recordRaw(ctx, &d, v)
	case "proof":
		d.Proof, err = s.prove(ctx, v.Entry)
	case "comments":
		err = s.recordComments(ctx, &d)
	case "attachments":
		err = s.recordAttachments(ctx, &d)
	}
	if err != nil {
		return err
	}
	d.Tabs = tabsOf(r, d)
	p := Page{Title: d.Label, Section: sectionOf(k.Name), Crumbs: []part.Crumb{{Text: "Records", Href: "/records"}, {Text: d.Plural, Href: part.Path("records", k.Name)}, {Text: part.Short(d.Label, 48)}}}
	return s.show(w, r, p, func(p Page) templ.Component { return recordPage(p, d) })
}

func tabsOf(r *http.Request, d RecordPage) []part.Tab {
	query := ""
	if src := r.URL.Query().Get("source"); src != "" {
		query = "?source=" + url.QueryEscape(src)
	}
	var out []part.Tab
	for _, t := range []struct{ tab, text string }{{"", "Overview"}, {"results", "Results"}, {"comments", "Comments"}, {"attachments", "Attachments"}, {"raw", "Raw"}, {"history", "History"}, {"proof", "Proof"}} {
		if d.Room != record.Company && (t.tab == "comments" || t.tab == "attachments" || t.tab == "results") {
			continue
		}
		href := recordPath(d.Kind, d.Key)
		if t.tab != "" {
			href += "/" + t.tab
		}
		out = append(out, part.Tab{Text: t.text, Href: href + query, Current: t.tab == d.Tab})
	}
	return out
}

func (s *site) about(v record.Version) []part.Fact {
	facts := []part.Fact{}
	if v.Source == record.Program {
		facts = append(facts, part.Say("Source", "Written here"))
	} else {
		facts = append(facts, part.Fact{Name: "Source", Value: part.LinkTo(part.Link{Text: v.Source, Href: part.Path("sources", v.Source)})})
	}
	facts = append(facts, part.Say("Origin", part.Sentence(string(v.Origin))))
	if v.Scope != "" {
		facts = append(facts, part.Say("Within", v.Scope))
	}
	if v.Occurred != nil {
		facts = append(facts, part.Fact{Name: "Happened", Value: part.Date(v.Occurred.At)})
	}
	facts = append(facts, part.Fact{Name: "Holds since", Value: part.Date(v.From.Time())})
	if !v.Open() {
		facts = append(facts, part.Fact{Name: "Until", Value: part.Date(v.To.Time())})
	}
	facts = append(facts, part.Fact{Name: "By", Value: part.Person(v.Actor)})
	if v.Reason != "" {
		facts = append(facts, part.Say("Because", v.Reason))
	}
	return append(facts, part.Fact{Name: "Ledger entry", Value: part.LinkTo(part.Link{Text: part.Number(v.Entry), Href: fmt.Sprintf("/ledger?entry=%d", v.Entry)})})
}

// fields are the declared fields in their order, then what the source said beyond them.
func (s *site) fields(ctx context.Context, k *record.Kind, v record.Version) (facts []part.Fact) {
	body := map[string]json.RawMessage{}
	if json.Unmarshal(v.Full(), &body) != nil {
		return nil
	}
	seen := map[string]bool{}
	for _, f := range k.Fields {
		seen[f.Name] = true
		raw := body[f.Name]
		if len(raw) == 0 && (f.Hidden || f.Fixed) {
			continue
		}
		facts = append(facts, part.Fact{Name: titleOf(f), Value: s.fieldValue(ctx, v, f, raw)})
	}
	for _, name := range slices.Sorted(keysOf(body)) {
		if !seen[name] {
			facts = append(facts, part.Fact{Name: part.Sentence(name), Value: s.fieldValue(ctx, v, record.Field{Name: name}, body[name])})
		}
	}
	return facts
}

// parts are the named parts of a composed record, and whether each was read at the reader's moment. A part that was refused
// changes nothing in the body, so that only this says that it is not known.
func (s *site) parts(ctx context.Context, v record.Version) ([]PartRow, error) {
	if v.Source == record.Program {
		return nil, nil
	}
	moment := store.At(part.Of(ctx).Moment())
	list, err := s.Collector.Coverage(ctx, collect.CoverageQuery{Connection: v.Source, Kind: v.Kind, To: moment + 1})
	if err != nil {
		return nil, err
	}
	var out []PartRow
	set := func(name string, row PartRow) {
		row.Name = part.Sentence(name)
		for i := range out {
			if out[i].Name == row.Name {
				out[i] = row
				return
			}
		}
		out = append(out, row)
	}
	for _, c := range list { // by part and time: the last of a part is the one that counts
		if c.Part == "" || c.Scope != v.Scope {
			continue
		}
		row := PartRow{Status: "covered"}
		if c.To <= moment {
			row = PartRow{Status: "stale", Reason: cmp.Or(c.Ended, "It was not read in time.")}
		}
		set(c.Part, row)
	}
	runs, _, err := s.runs(ctx, v.Source, 1)
	if err != nil || len(runs) == 0 {
		return out, err
	}
	for _, m := range runs[0].Missing {
		if m.Kind == v.Kind && m.Part != "" && m.Scope == v.Scope {
			row := PartRow{Status: "failed", Reason: m.Reason}
			if m.Denied {
				row.Status = "denied"
			}
			set(m.Part, row)
		}
	}
	return out, nil
}

// reach leads to a record that a collected one names: by its key, or by its name within the same scope, such as the group of an
// account on one machine. What is not known is named without a link.
func (s *site) reach(ctx context.Context, v record.Version, kind string, l part.Link) part.Link {
	if v.Source == record.Program {
		return l
	}
	for _, try := range []struct{ key, source string }{{l.Text, v.Source}, {v.Scope + "/" + l.Text, v.Source}, {l.Text, record.Program}} {
		if x, err := s.Book.GetFrom(ctx, kind, try.key, try.source, at(ctx), record.Company); err == nil {
			if l.Href = pageOf(kind, try.key); try.source != record.Program {
				l.Href = hrefOf(x)
			}
			return l
		}
	}
	l.Href = ""
	return l
}

// fieldValue shows one value in full.
func (s *site) fieldValue(ctx context.Context, v record.Version, f record.Field, raw json.RawMessage) templ.Component {
	c := cellOf(f, raw)
	switch {
	case c.Status != "":
		return part.Chip(c.Status)
	case !c.Time.IsZero():
		return part.Date(c.Time)
	case c.Href != "":
		return refLink(f.Refers, s.reach(ctx, v, f.Refers, part.Link{Text: c.Text, Href: c.Href}))
	case len(raw) == 0 || string(raw) == "null":
		return part.Words("")
	case f.Secret:
		return part.Words("Not kept; its keyed digest stands in its place.")
	}
	if c.Links != nil {
		for i := range c.Links {
			c.Links[i] = s.reach(ctx, v, f.Refers, c.Links[i])
		}
		return refLinks(f.Refers, c.Links)
	}
	if f.Type == record.URL && strings.HasPrefix(c.Text, "http") {
		return part.External(c.Text, c.Text)
	}
	if raw[0] == '{' || raw[0] == '[' && strings.Contains(string(raw), "{") {
		return part.JSON(raw)
	}
	return part.Words(c.Text)
}

// recordResults fills in what the checks say of a record now and, when over is asked, over the last weeks.
func (s *site) recordResults(ctx context.Context, d *RecordPage, v record.Version, over bool) error {
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	page, err := s.Monitor.Results(ctx, check.Filter{Kind: d.Kind, Key: d.Key, Source: v.Source, AsOf: at(ctx), Limit: 100})
	if err != nil {
		return err
	}
	for _, x := range page.Results {
		c := st.byCheck[x.Check]
		title := x.Check
		if c.Check != nil {
			title = c.Title
		}
		row := ResultRow{Text: title, Href: part.Path("checks", x.Check), Note: x.Check, Status: shownAs(x.Status, c), Reason: x.Reason, Since: x.From.Time()}
		if x.Status == check.Fail {
			row.Due = c.due
		}
		d.Results = append(d.Results, row)
	}
	slices.SortStableFunc(d.Results, func(a, b ResultRow) int { return rank(a.Status) - rank(b.Status) })
	if !over || len(page.Results) == 0 {
		return nil
	}
	now := part.Of(ctx).Moment()
	d.Window = Window{From: now.AddDate(0, 0, -windowDays), To: now, Now: now}
	window, err := s.Monitor.Results(ctx, check.Filter{Kind: d.Kind, Key: d.Key, Source: v.Source, From: store.At(d.Window.From), To: store.At(now) + 1, Limit: 1000})
	if err != nil {
		return err
	}
	rows := map[string]int{}
	first := now
	for _, x := range window.Results {
		if x.Status == check.NotApplicable {
			continue
		}
		i, ok := rows[x.Check]
		if !ok {
			i = len(d.Window.Rows)
			rows[x.Check] = i
			label := x.Check
			if c, ok := st.byCheck[x.Check]; ok {
				label += " " + c.Title
			}
			d.Window.Rows = append(d.Window.Rows, WindowRow{Label: label, Href: part.Path("checks", x.Check)})
		}
		d.Window.Rows[i].Spans = append(d.Window.Rows[i].Spans, spansOf([]check.Interval{x}, st.byCheck[x.Check])...)
		if t := x.From.Time(); t.Before(first) {
			first = t
		}
	}
	if first.After(d.Window.From) {
		d.Window.From = first.Add(-now.Sub(first)/10 - time.Second)
	}
	return nil
}

// compared is what differs between two versions of a kind, in the words of its fields, and people by name.
func compared(ctx context.Context, k *record.Kind, before, after []byte) []part.Change {
	out := part.Compare(before, after)
	for i, c := range out {
		f, ok := k.FieldNamed(c.Field)
		if !ok {
			continue
		}
		if out[i].Field = titleOf(f); f.Refers == "person" && !f.List {
			for _, side := range []*string{&out[i].Before, &out[i].After} {
				if *side != "" {
					*side = part.People(ctx, *side)
				}
			}
		}
	}
	return out
}

func rank(s part.Status) int {
	i := slices.Index(part.Statuses, s)
	if i < 0 {
		return len(part.Statuses)
	}
	return i
}

const mostVersions = 100 // drawn with their differences; more are read through the API

func (s *site) recordHistory(r *http.Request, d *RecordPage, v record.Version) error {
	ctx, q := r.Context(), r.URL.Query()
	all, err := s.Book.HistoryFor(ctx, d.Kind, d.Key, d.Room)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(h record.Version) bool { return h.Source != v.Source || at(ctx) != 0 && h.From > at(ctx) })
	if len(all) == 0 {
		return nil
	}
	k, err := s.Book.Kinds.Named(d.Kind)
	if err != nil {
		return err
	}
	path := recordPath(d.Kind, d.Key) + "/history?source=" + url.QueryEscape(v.Source)
	for i := len(all) - 1; i >= 0 && len(d.Versions) < mostVersions; i-- {
		h := all[i]
		row := VersionRow{From: h.From.Time(), By: part.Who(ctx, h.Actor), Reason: h.Reason, Origin: string(h.Origin), Entry: h.Entry, First: i == 0, Erased: h.Erased, Lost: lost(h)}
		if !h.Open() {
			row.To = h.To.Time()
		}
		if h.Closed != nil && (at(ctx) == 0 || h.To <= at(ctx)) {
			d.Versions = append(d.Versions, VersionRow{From: h.To.Time(), By: part.Who(ctx, h.Actor), Origin: string(h.Origin), Entry: *h.Closed, Deleted: true})
		}
		if i > 0 && h.Dropped == nil && all[i-1].Dropped == nil {
			row.Changes = compared(ctx, k, all[i-1].Body, h.Body)
			row.Href = path + "&before=" + url.QueryEscape(part.Stamp(all[i-1].From.Time())) + "&after=" + url.QueryEscape(part.Stamp(h.From.Time()))
		}
		d.Versions = append(d.Versions, row)
	}
	if len(all) < 2 {
		return nil
	}
	c := Comparison{}
	pick := func(name string, otherwise record.Version) record.Version {
		for _, h := range all {
			if part.Stamp(h.From.Time()) == q.Get(name) {
				return h
			}
		}
		return otherwise
	}
	before, after := pick("before", all[len(all)-2]), pick("after", all[len(all)-1])
	c.Before, c.After, c.Lost = before.From.Time(), after.From.Time(), cmp.Or(lost(before), lost(after))
	if c.Lost == "" {
		c.Changes = compared(ctx, k, before.Body, after.Body)
	}
	for i := len(all) - 1; i >= 0; i-- {
		c.Choices = append(c.Choices, all[i].From.Time())
	}
	d.Compare = &c
	return nil
}

func (s *site) recordRaw(ctx context.Context, d *RecordPage, v record.Version) error {
	d.Raw = Raw{Erased: v.Erased, Authored: v.Source == record.Program, Source: v.Source, Read: v.From.Time()}
	if d.Raw.Authored {
		d.Raw.Source = ""
	}
	if v.Erased || v.Dropped != nil {
		return nil
	}
	b, err := s.Book.Raw(ctx, v)
	if err != nil {
		return err
	}
	d.Raw.Bytes, d.Raw.Size = b, int64(len(b))
	sum := hashOf(b)
	d.Raw.SHA256 = hex.EncodeToString(sum[:])
	d.Raw.Download = recordPath(d.Kind, d.Key) + "/bytes?source=" + url.QueryEscape(v.Source)
	if v.Run > 0 {
		if run, err := s.Book.Get(ctx, collect.RunKind, fmt.Sprint(v.Run), 0); err == nil {
			var sum collect.Summary
			if json.Unmarshal(run.Body, &sum) == nil {
				d.Raw.Endpoint = "Run " + run.Key + " of " + sum.Connection + ", as " + cmp.Or(sum.Account, "an unknown account")
			}
		}
	}
	list, err := s.Book.SourcesOf(ctx, s.Book.DB, v.ID)
	for _, a := range list {
		out := Answered{Request: a.Request, Status: a.Status, At: a.At.Time(), Size: a.Bytes, SHA256: hex.EncodeToString(a.SHA256), Edited: a.Edited, Gone: a.Gone}
		if a.Gone == "" {
			out.Download = fmt.Sprintf("%s/answers/%d?source=%s", recordPath(d.Kind, d.Key), a.N, url.QueryEscape(v.Source))
		}
		d.Raw.Answers = append(d.Raw.Answers, out)
	}
	return err
}

// recordAnswer hands out the bytes of an answer that the record was made of.
func (s *site) recordAnswer(w http.ResponseWriter, r *http.Request) error {
	_, v, _, err := s.found(r)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil {
		return noPage(r)
	}
	a, body, err := s.Collector.AnswerOf(r.Context(), v, n)
	if err != nil {
		return err
	}
	download(w, fmt.Sprintf("run-%d-answer-%d.txt", a.Run, a.N), int64(len(body)))
	_, err = w.Write(body)
	return err
}

// recordBytes hands out the source's own bytes.
func (s *site) recordBytes(w http.ResponseWriter, r *http.Request) error {
	_, v, _, err := s.found(r)
	if err != nil {
		return err
	}
	if v.Erased {
		return fault.New(fault.NotFound, "The body of this version was erased.").WithNext("Its proof stands; see the tab Proof.")
	}
	b, err := s.Book.Raw(r.Context(), v)
	if err != nil {
		return err
	}
	download(w, v.Kind+"-"+v.Key+".txt", int64(len(b)))
	_, err = w.Write(b)
	return err
}

// download makes an answer a file to keep: never a page, whatever is in it.
func download(w http.ResponseWriter, name string, size int64) {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+strings.ReplaceAll(url.PathEscape(name), "+", "%2B"))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Length", fmt.Sprint(size))
	h.Set("Cache-Control", "no-store")
}

func (s *site) on(d *RecordPage) string { return "r.on == " + quoted(d.Kind+"/"+d.Key) }

func (s *site) recordComments(ctx context.Context, d *RecordPage) error {
	if err := s.may(ctx, "comment"); err != nil {
		return err
	}
	err := s.each(ctx, record.Query{Kind: "comment", AsOf: at(ctx), Where: s.on(d)}, func(v record.Version) error {
		var c struct{ Text string }
		if err := json.Unmarshal(v.Body, &c); err != nil {
			return err
		}
		if v.Erased {
			c.Text = "This comment was erased."
		}
		d.Comments = append(d.Comments, Comment{By: part.Who(ctx, v.Actor), Text: c.Text, At: v.From.Time()})
		return nil
	})
	slices.SortStableFunc(d.Comments, func(a, b Comment) int { return a.At.Compare(b.At) })
	return err
}

func (s *site) recordAttachments(ctx context.Context, d *RecordPage) error {
	if err := s.may(ctx, "attachment"); err != nil {
		return err
	}
	err := s.each(ctx, record.Query{Kind: "attachment", AsOf: at(ctx), Where: s.on(d)}, func(v record.Version) error {
		var a struct {
			Name, SHA256 string
			Size         int64
			Type         string `json:"media_type"`
		}
		if err := json.Unmarshal(v.Body, &a); err != nil {
			return err
		}
		d.Attachments = append(d.Attachments, Attachment{Name: cmp.Or(a.Name, "Erased"), Href: recordPath("attachment", v.Key) + "/file", SHA256: a.SHA256, Type: a.Type, Size: a.Size, By: part.Who(ctx, v.Actor), At: v.From.Time()})
		return nil
	})
	slices.SortStableFunc(d.Attachments, func(a, b Attachment) int { return a.At.Compare(b.At) })
	return err
}
