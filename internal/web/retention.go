package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/fault"
	"tickmark/internal/retention"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// RetentionPage shows by which rules bodies of past versions are dropped, and what a rule would do before it is set.
type RetentionPage struct {
	Rules   []RetentionRule
	Gone    []part.Fact // by kind, what was dropped so far
	Changes bool        // the reader may set rules
	Looked  bool        // what the rules would drop now was counted
	Kinds   []form.Option
	Draft   RetentionDraft
	Tried   *RetentionRule // the draft, as it would be
	Wrong   string
}

// RetentionDraft is what was typed of a rule.
type RetentionDraft struct{ Kind, Source, Days, Reason string }

// RetentionRule is a rule and what it would drop now.
type RetentionRule struct {
	Key, Kind, Title, Source, Reason, By string
	Days                                 int
	Since                                time.Time
	Versions, Bytes, Young               int64
	Kept                                 []part.Fact
}

// Sentence is what it would drop now.
func (r RetentionRule) Sentence() string {
	return fmt.Sprintf("%s, %s; %s not old enough.", bodies(r.Versions), part.Bytes(r.Bytes), part.Number(r.Young))
}

func (s *site) retention(w http.ResponseWriter, r *http.Request) error {
	return s.showRetention(w, r, http.StatusOK, "")
}

func (s *site) showRetention(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	v := RetentionPage{Wrong: wrong, Changes: s.mayAdmin(ctx) == nil && !part.Past(ctx)}
	q := r.Form
	if q == nil {
		q = r.URL.Query()
	}
	v.Draft = RetentionDraft{q.Get("kind"), strings.TrimSpace(q.Get("source")), q.Get("days"), strings.TrimSpace(q.Get("reason"))}
	for _, k := range s.Book.Kinds.All() {
		if k.Collected {
			v.Kinds = append(v.Kinds, form.Option{Key: k.Name, Label: cmp.Or(k.Plural, k.Title)})
		}
	}
	rules, err := retention.Rules(ctx, s.Book, at(ctx))
	if err != nil {
		return err
	}
	for _, x := range rules {
		v.Rules = append(v.Rules, s.retentionRule(retention.RulePlan{Rule: x}))
	}
	if !part.Past(ctx) {
		gone, err := s.Book.DroppedSoFar(ctx, s.Book.DB)
		if err != nil {
			return err
		}
		for _, k := range v.Kinds {
			if n, ok := gone[k.Key]; ok {
				v.Gone = append(v.Gone, part.Say(k.Label, fmt.Sprintf("%s, %s, the last on %s", bodies(n.Versions), part.Bytes(n.Bytes), part.Full(n.Last.Time(), part.Of(ctx).Zone))))
			}
		}
		if err := s.retentionPreview(ctx, &v, q.Has("look") || v.Draft.Kind != ""); err != nil {
			return err
		}
	}
	if v.Wrong != "" && status == http.StatusOK {
		status = http.StatusUnprocessableEntity
	}
	p := Page{Title: "Retention", Section: "/settings/retention", Crumbs: settingCrumbs("Retention")}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return retentionPage(p, v) })
}

// retentionPreview counts what the rules would drop now, and what the one would that was typed.
func (s *site) retentionPreview(ctx context.Context, v *RetentionPage, look bool) error {
	if !look {
		return nil
	}
	var tried []retention.Rule
	if v.Draft.Kind != "" {
		days, err := strconv.Atoi(v.Draft.Days)
		if err != nil {
			v.Wrong = cmp.Or(v.Wrong, fmt.Sprintf("%q is no number of days.", v.Draft.Days))
			return nil
		}
		tried = append(tried, retention.Rule{Kind: v.Draft.Kind, Source: v.Draft.Source, Days: days, Reason: v.Draft.Reason})
	}
	plan, err := retention.Preview(ctx, s.Book, tried...)
	if known(err) && !fault.Is(err, fault.Denied) {
		v.Wrong = cmp.Or(v.Wrong, sentenceOf(err))
		return nil
	}
	if err != nil {
		return err
	}
	v.Looked, v.Rules = true, nil
	for _, l := range plan.Rules {
		row := s.retentionRule(l)
		if l.Entry == 0 {
			v.Tried = &row
		} else {
			v.Rules = append(v.Rules, row)
		}
	}
	return nil
}

func (s *site) retentionRule(l retention.RulePlan) RetentionRule {
	row := RetentionRule{Key: l.Key, Kind: l.Kind, Title: s.titleOfKind(l.Kind), Source: l.Source, Reason: l.Reason, By: l.By, Days: l.Days, Since: moment(l.Since), Versions: l.Versions, Bytes: l.Bytes, Young: l.Young}
	for _, x := range retention.Reasons() {
		if n := l.Kept[x]; n > 0 {
			row.Kept = append(row.Kept, part.Say(part.Sentence(string(x)), part.Number(n)))
		}
	}
	return row
}

func (s *site) retentionSet(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	f := r.PostForm
	days, err := strconv.Atoi(f.Get("days"))
	if err != nil {
		return s.showRetention(w, r, http.StatusUnprocessableEntity, fmt.Sprintf("%q is no number of days.", f.Get("days")))
	}
	rule, err := retention.Set(r.Context(), s.Book, session(r.Context()), retention.Rule{Kind: f.Get("kind"), Source: f.Get("source"), Days: days, Reason: f.Get("reason")})
	return s.retentionDone(w, r, err, "The rule "+rule.Key+" is set: it is applied each night.")
}

func (s *site) retentionEnd(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	f := r.PostForm
	err := retention.End(r.Context(), s.Book, session(r.Context()), f.Get("kind"), f.Get("source"), f.Get("reason"))
	r.Form = url.Values{} // the form is of a rule that there is, and no draft
	return s.retentionDone(w, r, err, "The rule is ended. What it dropped stays dropped.")
}

func (s *site) retentionDone(w http.ResponseWriter, r *http.Request, err error, said string) error {
	if known(err) && !fault.Is(err, fault.Denied) {
		return s.showRetention(w, r, fault.Status(err), sentenceOf(err))
	}
	if err != nil {
		return err
	}
	return done(w, r, "/settings/retention", said)
}

func bodies(n int64) string {
	if n == 1 {
		return "1 body"
	}
	return part.Number(n) + " bodies"
}
