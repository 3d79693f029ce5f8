package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

// CheckTrial is what a check would have answered over a past window, beside what was answered.
type CheckTrial struct {
	FromDay, ToDay string // of the form
	From, To       time.Time
	Ran            bool
	Wrong          string // why it did not run
	Sum            check.Backtest
	Pairs          []PairRow
	Rows           []DifferenceRow // the first of them
	More           int
	All            string // address of all of it
}

// PairRow is how much would have been answered otherwise in one way.
type PairRow struct {
	Was, Would         part.Status
	Records, Intervals int
	Hours              string
}

// DifferenceRow is a time in which a record would have been answered otherwise.
type DifferenceRow struct {
	Text, Href  string
	Was, Would  part.Status
	Why, Before string
	From, To    time.Time
}

// SettingPreview is what other thresholds would have answered, before they are set.
type SettingPreview struct {
	ID, Title string
	Values    []SettingValue // those that would change
	Off, Was  bool           // it would be off; it is off
	Fails     int64          // records that fail now
	Reason    string
	Fields    []Typed // what the form that sets it sends
	Trial     CheckTrial
	Since     string // when the window began
}

// Typed is a field of a form with what stands in it.
type Typed struct{ Name, Value string }

const (
	trialRows = 50
	trialTime = 30 * time.Second
)

// trialWindow is the window that a back-test is asked for, the current period or the last twelve months when none is named, until
// the reader's moment at most.
func (s *site) trialWindow(ctx context.Context, q url.Values) (v CheckTrial) {
	zone, now := part.Of(ctx).Zone, part.Of(ctx).Moment()
	from, to := now.AddDate(-1, 0, 0).In(zone), now
	from = time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, zone)
	if begins, _, name := s.periodWindow(ctx); name != "" && begins.Before(now) {
		from = begins
	}
	day := func(name string, days int, at *time.Time) {
		text := q.Get(name)
		if text == "" {
			return
		}
		t, err := time.ParseInLocation(time.DateOnly, text, zone)
		if err != nil {
			v.Wrong = fmt.Sprintf("%q is not a day such as 2026-01-31.", text)
			return
		}
		*at = t.AddDate(0, 0, days)
	}
	day("from", 0, &from)
	day("to", 1, &to)
	to = earlier(to, now)
	v.From, v.To = from, to
	v.FromDay, v.ToDay = from.In(zone).Format(time.DateOnly), to.Add(-time.Microsecond).In(zone).Format(time.DateOnly)
	if v.Wrong == "" && !from.Before(to) {
		v.Wrong = "The window ends before it begins."
	}
	return v
}

// try runs a back-test and keeps the first differences of it.
func (s *site) try(ctx context.Context, c *check.Check, v *CheckTrial) error {
	for _, k := range c.Reads() {
		if err := s.may(ctx, k.Name); err != nil {
			return err
		}
	}
	limited, stop := context.WithTimeout(ctx, trialTime)
	defer stop()
	var err error
	var fresh []DifferenceRow
	v.Sum, err = s.Monitor.Backtest(limited, c, store.At(v.From), store.At(v.To), func(x check.Retried) error {
		for _, d := range x.Differences {
			list := &v.Rows
			if d.Was == check.Unanswered {
				list = &fresh // less telling
			}
			if v.More++; len(*list) >= trialRows {
				continue
			}
			row := DifferenceRow{Text: cmp.Or(d.Label, d.Key), Href: recordPath(d.Kind, d.Key), Was: answered(d.Was), Would: answered(d.Would), Why: d.Reason, Before: d.WasReason, From: d.From.Time(), To: d.To.Time()}
			*list = append(*list, row)
		}
		return nil
	})
	var f *fault.Fault
	switch {
	case err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded):
		v.Wrong = fmt.Sprintf("It takes longer than a page may. Choose a shorter window, or ask tickmark check backtest %s --from %s, which has no limit.", c.ID, v.FromDay)
		return nil
	case errors.As(err, &f) && f.Kind != fault.Internal:
		v.Wrong = f.Message + " " + f.Next
		return nil
	case err != nil:
		return err
	}
	v.Ran = true
	v.Rows = append(v.Rows, fresh[:min(len(fresh), trialRows-len(v.Rows))]...)
	v.More -= len(v.Rows)
	for _, p := range v.Sum.Pairs {
		v.Pairs = append(v.Pairs, PairRow{Was: answered(p.Was), Would: answered(p.Would), Records: p.Records, Intervals: p.Intervals, Hours: inHours(p.Hours)})
	}
	return nil
}

// answered is the word for an answer in a back-test; there a failure is one, whatever its due date.
func answered(s check.Status) part.Status {
	if s == check.Unanswered {
		return part.Unanswered
	}
	return statusOf(s)
}

// inHours writes a time in hours, with a part of one only where there is not much more.
func inHours(h float64) string {
	if h < 100 {
		return fmt.Sprintf("%.1f", h)
	}
	return part.Number(int64(h + .5))
}

// checkTrial fills in the tab of a check.
func (s *site) checkTrial(ctx context.Context, r *http.Request, id string) (CheckTrial, error) {
	q := r.URL.Query()
	v := s.trialWindow(ctx, q)
	if q.Get("from") == "" || v.Wrong != "" {
		return v, nil
	}
	c, err := s.Monitor.InUse(ctx, id)
	if err != nil {
		return v, err
	}
	v.All = "/api/v1/checks/" + url.PathEscape(id) + "/backtest?" + url.Values{"from": {v.From.UTC().Format(time.RFC3339)}, "to": {v.To.UTC().Format(time.RFC3339Nano)}}.Encode()
	return v, s.try(ctx, c, &v)
}

// settingsCheckPreview shows what thresholds would have answered since the period began, before they are set.
func (s *site) settingsCheckPreview(w http.ResponseWriter, r *http.Request) error {
	ctx, f := r.Context(), r.URL.Query()
	k, err := s.Book.Kinds.Named(check.SettingKind)
	if err != nil {
		return err
	}
	if err := session(ctx).May(ctx, access.Write, k); err != nil {
		return err
	}
	c, err := s.Monitor.Set.Get(segment(r, "id"))
	if err != nil {
		return err
	}
	set, off, reason, wrong := settingAsked(c, f)
	if wrong != "" {
		return s.showCheckSettings(w, r, http.StatusUnprocessableEntity, wrong)
	}
	next, err := c.With(set)
	if err != nil {
		return s.showCheckSettings(w, r, fault.Status(err), sentenceOf(err))
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	now := st.byCheck[c.ID]
	v := SettingPreview{ID: c.ID, Title: c.Title, Off: off, Was: now.Off, Fails: now.Counts.Fail, Reason: reason, Trial: s.trialWindow(ctx, nil)}
	v.Since = v.Trial.From.In(part.Of(ctx).Zone).Format("2 January 2006")
	for i, x := range next.Settings {
		was := part.Plain(x.Default)
		if now.Check != nil && i < len(now.Settings) {
			was = part.Plain(now.Settings[i].Value)
		}
		if will := part.Plain(x.Value); will != was {
			v.Values = append(v.Values, SettingValue{Name: x.Name, Title: part.Sentence(x.Name), Value: will, Default: was})
		}
	}
	for _, name := range slices.Sorted(keysOf(f)) {
		if strings.HasPrefix(name, "set.") || name == "off" || name == "reason" || name == "_seen" {
			v.Fields = append(v.Fields, Typed{name, f.Get(name)})
		}
	}
	if !off && v.Trial.Wrong == "" {
		if err := s.try(ctx, next, &v.Trial); err != nil {
			return err
		}
	}
	p := Page{Title: "Before " + c.ID + " is set", Section: "/settings/checks", Crumbs: append(settingCrumbs("Checks and deadlines"), part.Crumb{Text: c.ID})}
	p.Crumbs[1].Href = "/settings/checks"
	return s.show(w, r, p, func(p Page) templ.Component { return settingPreviewPage(p, v) })
}

// toPreview leads from the form of the records to what the check would have answered; from there it is set.
func (s *site) toPreview(w http.ResponseWriter, r *http.Request, k *record.Kind, f RecordForm, body []byte) error {
	var said struct {
		Check    string                     `json:"check"`
		Off      bool                       `json:"off"`
		Settings map[string]json.RawMessage `json:"settings"`
		Reason   string                     `json:"reason"`
	}
	err := json.Unmarshal(body, &said)
	var c *check.Check
	if err == nil {
		c, err = s.Monitor.Set.Get(said.Check)
	}
	q := url.Values{"reason": {said.Reason}}
	if f.Seen != "" {
		q.Set("_seen", f.Seen)
	}
	if said.Off {
		q.Set("off", "true")
	}
	for name, raw := range said.Settings {
		if err == nil && !slices.ContainsFunc(c.Settings, func(x check.Setting) bool { return x.Name == name }) {
			err = fault.New(fault.Invalid, "%s has no threshold %q.", c.ID, name).WithNext("Its thresholds stand on the tab Logic and examples of its page.")
		}
		text := string(raw)
		if json.Unmarshal(raw, &text) != nil { // no text: as JSON has it
			text = string(raw)
		}
		q.Set("set."+name, text)
	}
	if err != nil {
		f.Form.Wrong = sentenceOf(err)
		return s.showForm(w, r, http.StatusUnprocessableEntity, k, f)
	}
	http.Redirect(w, r, part.Path("settings", "checks", c.ID, "preview")+"?"+q.Encode(), http.StatusSeeOther)
	return nil
}

// settingAsked reads what a form sets of a check, and says what of it cannot be. A threshold that is the library's is not among
// them, so that it goes along when the library changes.
func settingAsked(c *check.Check, f url.Values) (set map[string]any, off bool, reason, wrong string) {
	if reason = strings.TrimSpace(f.Get("reason")); reason == "" {
		return nil, false, "", "Say why " + c.ID + " is set otherwise; the examiner will ask."
	}
	set = map[string]any{}
	for _, x := range c.Settings {
		typed := strings.TrimSpace(f.Get("set." + x.Name))
		if typed == "" || typed == part.Plain(x.Default) {
			continue
		}
		value, err := check.Typed(x.Default, typed)
		if err != nil {
			return nil, false, "", c.ID + ", " + part.Sentence(x.Name) + ": " + err.Error() + "."
		}
		set[x.Name] = value
	}
	return set, f.Get("off") == "true", reason, ""
}
