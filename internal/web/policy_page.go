package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/approval"
	"tickmark/internal/markdown"
	periods "tickmark/internal/period"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
	"tickmark/internal/wording"
)

var policyTabs = []struct{ tab, text string }{{"", "Text"}, {"edit", "Edit"}, {"changes", "Changes"}, {"versions", "Versions"}, {"acknowledgements", "Acknowledgements"}, {"controls", "Controls"}, {"history", "History"}}

func (s *site) policyShown(w http.ResponseWriter, r *http.Request) error {
	return s.showPolicy(w, r, http.StatusOK, nil)
}

// showPolicy shows one policy; editor is what the reader has typed, where that was not saved.
func (s *site) showPolicy(w http.ResponseWriter, r *http.Request, status int, editor *PolicyEditor) error {
	ctx, tab, key := r.Context(), r.PathValue("tab"), segment(r, "id")
	if !slices.ContainsFunc(policyTabs, func(t struct{ tab, text string }) bool { return t.tab == tab }) {
		return noPage(r)
	}
	if err := s.may(ctx, "policy"); err != nil {
		return err
	}
	look := s.lookAt(ctx)
	sum, err := policy.Summarise(look, key)
	if err != nil {
		return err
	}
	people, err := names(look)
	if err != nil {
		return err
	}
	p := PolicyPage{PolicyRow: policyRow(sum, people, look.At), Tab: tab, Record: recordPath("policy", key), Script: s.files.URL("editor.js"), Rich: s.files.URL("milkdown.js")}
	if err := s.policyMoves(ctx, &p, sum, people); err != nil {
		return err
	}
	for _, v := range sum.Versions {
		p.Versions = append(p.Versions, s.versionSummary(sum, v, people))
	}
	shown := shownVersion(sum, r.URL.Query().Get("version"), tab)
	if shown != nil {
		p.Version = s.versionSummary(sum, *shown, people)
		p.Gaps = shown.Gaps()
		text, missing := shown.Render()
		if editor != nil && editor.Previewed {
			text, _ = policy.Version{Text: editor.Text, Variables: shown.Variables}.Render()
		}
		p.Wording = wording.Check(shown.Title + "\n\n" + text)
		p.Missing = missing
		p.comments(sum, people)
	}
	switch tab {
	case "":
		if shown != nil {
			text, _ := shown.Render()
			p.HTML = markdown.HTML(text)
		}
	case "edit":
		p.Editor = editor
		if editor == nil {
			p.Editor, err = s.policyEditor(ctx, sum)
		}
	case "changes":
		p.Change = policyChange(sum, p.Versions, r.URL.Query().Get("from"), r.URL.Query().Get("to"))
	case "acknowledgements":
		p.People = acceptRows(sum, look, part.Of(ctx).Zone)
	case "controls":
		err = s.policyClauses(ctx, &p, sum, shown)
	case "history":
		p.History, err = s.everyEvent(ctx, sum, people)
	}
	if err != nil {
		return err
	}
	if sum.State == "active" {
		zone := part.Of(ctx).Zone
		from, to := look.At.AddDate(-1, 0, 0), look.At
		window, ok, err := periods.Working(look)
		if err != nil {
			return err
		}
		if begins, ends := window.Days(zone); ok && window.From != "" && begins.Before(look.At) {
			if from = begins; ends.Before(to) {
				to = ends
			}
		}
		p.Missed = sum.Missed(from, to, zone)
	}
	p.Facts = policyFacts(sum, p, people)
	for _, t := range policyTabs {
		x := part.Tab{Text: t.text, Href: p.Href, Current: t.tab == tab}
		if t.tab != "" {
			x.Href += "/" + t.tab
		}
		switch t.tab {
		case "versions":
			x.Count = len(sum.Versions)
		case "acknowledgements":
			x.Count = len(sum.Audience) - sum.Accepted
		}
		p.Tabs = append(p.Tabs, x)
	}
	page := Page{Title: sum.Title, Section: "/policies", Crumbs: []part.Crumb{{Text: "Policies", Href: "/policies"}, {Text: part.Short(sum.Title, 48)}}}
	return s.showAs(w, r, status, page, func(page Page) templ.Component { return policyPage(page, p) })
}

// shownVersion is the text asked for, or the one in force, or the one under way. Where one writes it is the one under way.
func shownVersion(sum policy.Summary, asked, tab string) *policy.Version {
	for i := range sum.Versions {
		if sum.Versions[i].Key == asked {
			return &sum.Versions[i]
		}
	}
	switch {
	case (tab == "edit" || sum.InForce == nil) && sum.Working != nil:
		return sum.Working
	case sum.InForce != nil:
		return sum.InForce
	case len(sum.Versions) > 0:
		return &sum.Versions[len(sum.Versions)-1]
	}
	return nil
}

// comments are what a reviewer or an approver said when the text under way came back.
func (p *PolicyPage) comments(sum policy.Summary, people map[string]string) {
	v := sum.Working
	if v == nil || v.State != "draft" {
		return
	}
	p.Note, p.NoteBy, p.NoteAt = v.Returned, v.ReturnedBy, v.ReturnedAt
	if v.RefusedAt.After(v.ReturnedAt) {
		p.Note, p.NoteBy, p.NoteAt = v.Refused, v.RefusedBy, v.RefusedAt
	}
	p.NoteBy = cmp.Or(people[p.NoteBy], p.NoteBy)
}

// policyMoves are the steps that can be taken of the text under way, of the policy, and of its reviews.
func (s *site) policyMoves(ctx context.Context, p *PolicyPage, sum policy.Summary, people map[string]string) error {
	get := func(kind, key string) ([]Move, error) {
		v, err := s.Book.Get(ctx, kind, key, at(ctx))
		if err != nil {
			return nil, err
		}
		return s.moves(ctx, v)
	}
	var err error
	if sum.Working != nil && sum.State == "active" {
		if p.Moves, err = get("policy_version", sum.Working.Key); err != nil {
			return err
		}
		p.Act = recordPath("policy_version", sum.Working.Key)
		p.Under = part.Path("policies", sum.Key) + "?version=" + sum.Working.Key
	}
	if v := sum.InForce; sum.Working == nil && v != nil && v.Approval() == approval.ByAuthor { // it waits for its later review
		if p.Moves, err = get("policy_version", v.Key); err != nil {
			return err
		}
		p.Act, p.Under = recordPath("policy_version", v.Key), part.Path("policies", sum.Key)+"?version="+v.Key
	}
	if sum.State == "active" {
		moves, err := get("policy", sum.Key)
		if err != nil {
			return err
		}
		for i := range moves {
			if moves[i].Name == "retire" {
				p.Retire = &moves[i]
			}
		}
	}
	p.Edits = sum.State == "active" && s.writes(ctx, "policy")
	p.Begins = sum.Working == nil && sum.State == "active" && s.writes(ctx, "policy_version")
	p.CanSay = sum.InForce != nil && sum.State == "active" && proposed(sum) == nil && s.writes(ctx, "policy_review")
	for _, r := range slices.Backward(sum.Reviews) {
		row := ReviewRow{Key: r.Key, By: cmp.Or(people[r.Reviewer], r.Reviewer), Note: r.Note, Status: part.Status(r.State), At: r.ReviewedAt, ApprovedBy: cmp.Or(people[r.ApprovedBy], r.ApprovedBy), ApprovedAt: r.ApprovedAt, Alone: r.Approval().Said(r.ReviewDue, cmp.Or(people[r.LateBy], r.LateBy)), Record: recordPath("policy_review", r.Key)}
		if r.State == "proposed" || r.Approval() == approval.ByAuthor {
			if row.Moves, err = get("policy_review", r.Key); err != nil {
				return err
			}
		}
		p.Reviews = append(p.Reviews, row)
	}
	return nil
}

func (s *site) versionSummary(sum policy.Summary, v policy.Version, people map[string]string) VersionSummary {
	base := part.Path("policies", sum.Key)
	out := VersionSummary{Key: v.Key, Number: v.Number, Change: v.Change, Href: base + "?version=" + v.Key, Status: part.Status(v.State), InForce: v.State == "published", Summary: v.Summary,
		ReviewedBy: cmp.Or(people[v.ReviewedBy], v.ReviewedBy), ApprovedBy: cmp.Or(people[v.ApprovedBy], v.ApprovedBy), ApprovedAt: v.ApprovedAt, Alone: v.Approval().Said(v.ReviewDue, cmp.Or(people[v.LateBy], v.LateBy)), From: v.PublishedAt, To: v.EndedAt, Effective: v.Effective, SHA256: v.SHA256, Proof: recordPath("policy_version", v.Key) + "/proof"}
	for _, a := range v.Authors {
		out.Authors = append(out.Authors, cmp.Or(people[a], strings.TrimPrefix(a, "user:")))
	}
	for i := range sum.Versions {
		if sum.Versions[i].Key == v.Key && i > 0 {
			out.Compare = base + "/changes?from=" + sum.Versions[i-1].Key + "&to=" + v.Key
		}
	}
	return out
}

func policyFacts(sum policy.Summary, p PolicyPage, people map[string]string) []part.Fact {
	facts := []part.Fact{{Name: "Owner", Value: part.Person(p.Owner)}}
	if sum.Approver != "" {
		facts = append(facts, part.Fact{Name: "Approver", Value: part.Person(cmp.Or(people[sum.Approver], sum.Approver))})
	} else {
		facts = append(facts, part.Say("Approver", "Nobody named; anybody with the right who did not write it"))
	}
	if sum.InForce != nil {
		facts = append(facts, part.Say("In force", "Version "+sum.InForce.Number), part.Fact{Name: "Since", Value: part.Date(sum.InForce.PublishedAt)},
			part.Fact{Name: "Last approved", Value: part.Date(sum.Approval.At)}, part.Fact{Name: "Review by", Value: reviewBy(p.PolicyRow)},
			part.Fact{Name: "Acknowledged", Value: part.LinkTo(part.Link{Text: fmt.Sprintf("%d of %d", p.Accepted, p.PolicyRow.Audience), Href: p.Href + "/acknowledgements"})})
	}
	return append(facts, part.Say("Audience", audienceWords(sum)), part.Say("Reviewed at least every", part.Count(sum.Months(), "month")), part.Say("Document", part.Sentence(sum.Sort)))
}

func audienceWords(sum policy.Summary) string {
	if sum.Document.Audience == "named" {
		return part.Count(len(sum.Named), "named person", "named people")
	}
	return part.Sentence(sum.Document.Audience)
}

// policyChange compares two texts: those asked for, or what is under way with what is in force, or the last two.
func policyChange(sum policy.Summary, choices []VersionSummary, from, to string) *PolicyChange {
	if len(sum.Versions) < 2 {
		return nil
	}
	find := func(key string) *policy.Version {
		for i := range sum.Versions {
			if sum.Versions[i].Key == key {
				return &sum.Versions[i]
			}
		}
		return nil
	}
	b := find(to)
	if b == nil {
		b = &sum.Versions[len(sum.Versions)-1]
	}
	a := find(from)
	if a == nil && sum.InForce != nil && sum.InForce.Key != b.Key {
		a = sum.InForce
	}
	if a == nil {
		a = &sum.Versions[len(sum.Versions)-2]
	}
	before, _ := a.Render()
	after, _ := b.Render()
	c := &PolicyChange{From: a.Key, To: b.Key, Choices: choices, Blocks: blockDiff(before, after)}
	c.Same = unchanged(c.Blocks)
	return c
}

func acceptRows(sum policy.Summary, look record.Look, zone *time.Location) []AcceptRow {
	number := map[string]string{}
	for _, v := range sum.Versions {
		number[v.Key] = v.Number
	}
	var out []AcceptRow
	for _, st := range sum.Audience {
		a := st.Ack
		row := AcceptRow{Person: st.Person.ID, Name: cmp.Or(st.Person.Name, st.Person.ID), Version: number[a.Version], Assigned: a.Assigned, Due: a.Due, OverdueSince: a.OverdueSince, At: a.AcknowledgedAt, SHA256: a.SHA256}
		if a.Key != "" {
			row.Record = recordPath("acknowledgement", a.Key)
		}
		due := endOfDay(a.Due, zone)
		switch {
		case a.State == "acknowledged":
			row.Status = "acknowledged"
		case a.State == "":
			row.Status = "unassigned"
		case a.OverdueSince != "" || !due.IsZero() && !look.At.Before(due):
			row.Status = "overdue"
		default:
			row.Status = "due"
		}
		out = append(out, row)
	}
	order := []part.Status{"overdue", "due", "unassigned", "acknowledged"}
	slices.SortStableFunc(out, func(a, b AcceptRow) int {
		return cmp.Or(slices.Index(order, a.Status)-slices.Index(order, b.Status), strings.Compare(a.Due, b.Due), strings.Compare(a.Name, b.Name))
	})
	return out
}

// policyClauses shows who carries out what the text promises.
func (s *site) policyClauses(ctx context.Context, p *PolicyPage, sum policy.Summary, shown *policy.Version) error {
	if shown == nil {
		return nil
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	stands := map[string]part.Status{}
	for _, c := range st.controls {
		stands[c.ID] = c.status
	}
	link := func(id string) part.Link {
		if status, ok := stands[id]; ok {
			return part.Link{Text: id, Href: part.Path("controls", id), Status: status}
		}
		return part.Link{Text: id}
	}
	text, _ := shown.Render()
	named := map[string]bool{}
	for _, c := range markdown.Clauses(text) {
		row := ClauseRow{ID: c.ID, Text: c.Text}
		for _, id := range c.Controls {
			named[id] = true
			row.Controls = append(row.Controls, link(id))
		}
		if !slices.ContainsFunc(row.Controls, func(l part.Link) bool { return l.Href != "" }) {
			p.Unlinked++
		}
		p.Clauses = append(p.Clauses, row)
	}
	for _, id := range sum.Controls {
		if !named[id] {
			p.Others = append(p.Others, link(id))
		}
	}
	return nil
}

func stateOf(v record.Version) string {
	var b struct{ State string }
	if json.Unmarshal(v.Body, &b) != nil {
		return ""
	}
	return b.State
}

// policyReview records that a review found nothing to change.
func (s *site) policyReview(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	ctx, key := r.Context(), segment(r, "id")
	version, err := policy.InForce(ctx, s.Book, key, time.Time{})
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"policy": key, "version": version.Key, "note": strings.TrimSpace(r.PostForm.Get("note"))})
	if err != nil {
		return err
	}
	if _, err := s.Book.Put(ctx, session(ctx), record.Change{Kind: "policy_review", Body: body, Reason: "reviewed, nothing to change"}); err != nil {
		return err
	}
	return done(w, r, part.Path("policies", key), "Your review stands. Another person has to approve it.")
}

// policyOf is the page of the policy that a record belongs to.
func (s *site) policyOf(ctx context.Context, kind, key string) string {
	v, err := s.Book.Get(ctx, kind, key, 0)
	if err == nil {
		var b struct{ Policy string }
		if json.Unmarshal(v.Body, &b) == nil && b.Policy != "" {
			return part.Path("policies", b.Policy)
		}
	}
	return recordPath(kind, key)
}
