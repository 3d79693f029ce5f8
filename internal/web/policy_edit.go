package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/markdown"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

// blankPolicy begins a policy without a template.
func blankPolicy(id, title string) ([]record.Change, error) {
	if title == "" || id == "" {
		return nil, fault.New(fault.Invalid, "A policy needs an id and a title.").WithNext("Fill in both, such as access-control and Access control policy.")
	}
	doc, errDoc := json.Marshal(map[string]any{"id": id, "title": title, "sort": "policy", "audience": "everyone", "review_months": policy.MaxMonths})
	text, errText := json.Marshal(map[string]any{"policy": id, "title": title, "number": "1.0", "change": "major", "text": "## 1. Purpose\n\nTODO\n\n## 2. Scope\n\nTODO\n\n## 3. Rules\n\n1. TODO {#" + prefix(id) + "-1}\n"})
	none := store.Moment(0)
	return []record.Change{{Kind: "policy", Key: id, Body: doc, If: &none, Reason: "begun"}, {Kind: "policy_version", Key: id + "-1", Body: text, If: &none, Reason: "begun"}}, errors.Join(errDoc, errText)
}

// prefix makes the begin of clause ids of the letters of an id.
func prefix(id string) string {
	var b strings.Builder
	for _, r := range strings.ToUpper(id) {
		if r >= 'A' && r <= 'Z' && b.Len() < 3 {
			b.WriteRune(r)
		}
	}
	return b.String() + strings.Repeat("P", max(0, 2-b.Len()))
}

// policyEditor is the form of the text under way, or says why there is none to write.
func (s *site) policyEditor(ctx context.Context, sum policy.Summary) (*PolicyEditor, error) {
	v := sum.Working
	switch {
	case sum.State != "active":
		return &PolicyEditor{Closed: "This policy is retired. Its texts stay as they were."}, nil
	case v == nil:
		return &PolicyEditor{Closed: "A text in force never changes. Begin the next version to change it; this one stays in force until that is published."}, nil
	case v.State != "draft":
		return &PolicyEditor{Closed: "Version " + v.Number + " is no draft any more (" + strings.ToLower(part.Status(v.State).Word()) + "), and its text stands still meanwhile. Return it with comments or refuse it to write on."}, nil
	case part.Past(ctx):
		return &PolicyEditor{Closed: "The past cannot be changed."}, nil
	case !s.writes(ctx, "policy_version"):
		return &PolicyEditor{Closed: "You may read this draft and not write it. Ask an owner of the workspace."}, nil
	}
	rec, err := s.Book.Get(ctx, "policy_version", v.Key, 0)
	if err != nil {
		return nil, err
	}
	e := &PolicyEditor{Action: part.Path("policies", sum.Key) + "/edit", Title: v.Title, Change: v.Change, Effective: v.Effective, Number: v.Number, First: sum.InForce == nil, Summary: v.Summary, Text: v.Text, Seen: part.Stamp(rec.From.Time())}
	e.Variables, err = variableRows(v.Text, v.Variables)
	return e, err
}

func variableRows(text string, values map[string]any) ([]VariableRow, error) {
	library, err := policy.Templates()
	if err != nil {
		return nil, err
	}
	var out []VariableRow
	for _, name := range policy.Variables(text) {
		st, _ := library.Standard(name)
		value, _ := values[name].(string)
		out = append(out, VariableRow{Name: name, Title: st.Title, Value: value, Default: st.Default})
	}
	slices.SortStableFunc(out, func(a, b VariableRow) int { // what has no value yet comes first
		return boolInt(a.Value != "") - boolInt(b.Value != "")
	})
	return out, nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// policyDraft begins the next version from the text in force.
func (s *site) policyDraft(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	ctx, key := r.Context(), segment(r, "id")
	look := s.Book.LookAt(ctx, time.Time{})
	sum, err := policy.Summarise(look, key)
	if err != nil {
		return err
	}
	change := r.PostForm.Get("change")
	if change != "minor" {
		change = "major"
	}
	from := sum.InForce
	if from == nil && len(sum.Versions) > 0 {
		from = &sum.Versions[len(sum.Versions)-1]
	}
	body := map[string]any{"policy": key, "title": sum.Title, "number": policy.NextNumber(sum.Versions, change), "change": change, "text": "TODO"}
	if from != nil {
		body["title"], body["text"], body["variables"] = from.Title, from.Text, from.Variables
	}
	if body["variables"] == nil {
		delete(body, "variables")
	}
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	none := store.Moment(0)
	next := record.Change{Kind: "policy_version", Key: fmt.Sprintf("%s-%d", key, len(sum.Versions)+1), Body: b, If: &none, Reason: "the next version is begun"}
	if _, err := s.Book.Put(ctx, session(ctx), next); err != nil {
		return err
	}
	return done(w, r, part.Path("policies", key)+"/edit", "Version "+body["number"].(string)+" is a draft. What is in force stays so until you publish it.")
}

// policySave saves the draft, or only shows how it reads.
func (s *site) policySave(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	r.SetPathValue("tab", "edit")
	ctx, key, in := r.Context(), segment(r, "id"), r.PostForm
	look := s.Book.LookAt(ctx, time.Time{})
	sum, err := policy.Summarise(look, key)
	if err != nil {
		return err
	}
	if sum.Working == nil {
		return fault.New(fault.Conflict, "There is no draft of this policy any more.").WithNext("Look at the versions, and begin the next one.")
	}
	rec, err := s.Book.Get(ctx, "policy_version", sum.Working.Key, 0)
	if err != nil {
		return err
	}
	e := PolicyEditor{Action: part.Path("policies", key) + "/edit", Title: strings.TrimSpace(in.Get("title")), Change: in.Get("change"), Effective: in.Get("effective"), First: sum.InForce == nil,
		Summary: lines(in.Get("summary")), Text: lines(in.Get("text")), Seen: in.Get("_seen"), Reason: strings.TrimSpace(in.Get("_reason"))}
	if e.Change != "minor" || e.First {
		e.Change = "major"
	}
	others := slices.DeleteFunc(slices.Clone(sum.Versions), func(v policy.Version) bool { return v.Key == sum.Working.Key })
	e.Number = policy.NextNumber(others, e.Change)
	values := map[string]any{}
	for name, all := range in {
		if v, ok := strings.CutPrefix(name, "v:"); ok && strings.TrimSpace(all[0]) != "" {
			values[v] = strings.TrimSpace(all[0])
		}
	}
	if e.Variables, err = variableRows(e.Text, values); err != nil {
		return err
	}
	if in.Get("do") == "preview" {
		text, _ := policy.Version{Text: e.Text, Variables: values}.Render()
		e.Preview, e.Previewed = markdown.HTML(text), true
		return s.showPolicy(w, r, http.StatusOK, &e)
	}
	seen, err := time.Parse(time.RFC3339Nano, e.Seen)
	if err != nil {
		return fault.New(fault.Usage, "The form does not say which version it changes.").WithNext("Open the draft again and edit it there.")
	}
	when := store.At(seen)
	if rec.From != when {
		return s.bothTexts(w, r, sum, rec, &e)
	}
	body, err := draftBody(rec, e, values)
	if err != nil {
		return err
	}
	_, err = s.Book.Put(ctx, session(ctx), record.Change{Kind: "policy_version", Key: sum.Working.Key, Body: body, Reason: e.Reason, If: &when})
	switch {
	case fault.Is(err, fault.Conflict): // somebody saved between our look and our write
		if now, again := s.Book.Get(ctx, "policy_version", sum.Working.Key, 0); again == nil && now.From != when {
			return s.bothTexts(w, r, sum, now, &e)
		}
		fallthrough
	case known(err) && !fault.Is(err, fault.Denied):
		e.Wrong = sentenceOf(err)
		return s.showPolicy(w, r, fault.Status(err), &e)
	case err != nil:
		return err
	}
	return done(w, r, part.Path("policies", key)+"/edit", "Version "+e.Number+" is saved.")
}

// bothTexts shows what somebody else saved beside what the reader wrote. Nothing is lost: theirs is kept as a version, and the
// reader's stands in the form; saving again is a decision.
func (s *site) bothTexts(w http.ResponseWriter, r *http.Request, sum policy.Summary, rec record.Version, e *PolicyEditor) error {
	theirs, err := policy.ReadVersion(rec)
	if err != nil {
		return err
	}
	e.Theirs = &TheirText{By: part.Who(r.Context(), rec.Actor), At: rec.From.Time(), Text: theirs.Text, Diff: blockDiff(theirs.Text, e.Text)}
	if theirs.State == "draft" {
		e.Seen = part.Stamp(rec.From.Time())
	}
	return s.showPolicy(w, r, http.StatusConflict, e)
}

// draftBody is the draft with what was typed; what the form does not show stays.
func draftBody(rec record.Version, e PolicyEditor, values map[string]any) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(rec.Body))
	d.UseNumber()
	body := map[string]any{}
	if err := d.Decode(&body); err != nil {
		return nil, err
	}
	for name, v := range map[string]string{"title": e.Title, "change": e.Change, "number": e.Number, "summary": e.Summary, "text": e.Text, "effective": e.Effective} {
		if v == "" {
			delete(body, name)
		} else {
			body[name] = v
		}
	}
	body["variables"] = values
	return json.Marshal(body)
}

func lines(typed string) string { return strings.ReplaceAll(typed, "\r\n", "\n") }
