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
	"tickmark/internal/anchor"
	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
	"tickmark/internal/retention"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
	"tickmark/internal/workspace"
)

// SettingsIndex leads to everything that is set rather than done.
type SettingsIndex struct{ Items []SettingsItem }

// SettingsItem is one page of settings with what it says now.
type SettingsItem struct {
	item
	Now string
}

// OrganisationPage shows the company, its periods and its systems.
type OrganisationPage struct {
	Facts    []part.Fact
	Edit     string
	Editable bool
	Periods  []PeriodRow
	Systems  []OwnedRow
	By       string
	Since    time.Time
}

// PeriodRow is one examination that the organisation works towards.
type PeriodRow struct {
	Name, Href, Report, From, To, Fieldwork, Categories string
	State                                               part.Status
}

// CheckSettings shows what is set of each check, and by when failures are to be fixed.
type CheckSettings struct {
	Days    []part.Fact
	Rows    []CheckSetting
	Filter  part.Filter
	Changes bool // the reader may change them
	Named   bool // the organisation is on record, which keeps the days
	Wrong   string
}

// CheckSetting is one check with its thresholds.
type CheckSetting struct {
	ID, Title, Severity, Reason, By, Fault string
	At                                     time.Time
	Seen                                   string
	Off, Own                               bool // it is off; something was set by the organisation
	Values                                 []SettingValue
}

// SettingValue is one threshold.
type SettingValue struct{ Name, Title, Value, Default string }

// VersionPage says what runs here and what to keep safe.
type VersionPage struct {
	Facts  []part.Fact
	Backup []string
}

func (s *site) settingsIndex(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	notes := map[string]string{
		"/settings/organisation": "Name, zone, the periods you work towards and the systems in scope",
		"/settings/checks":       "Thresholds, which checks are off and why, days to fix by severity",
		"/settings/users":        "Who can sign in, as what, and which person each is",
		"/settings/tokens":       "Keys for programs",
		"/settings/jobs":         "What the servers do now, how far it is, and how it ended",
		"/settings/retention":    "After how long bodies of past versions are dropped, and why",
		"/settings/version":      "Release, database, ledger, and what to back up",
		"/manual":                "How Tickmark is used, what each check asks, and what each source reads",
		"/settings/history":      "Who changed which setting, when and why",
	}
	var v SettingsIndex
	for _, it := range s.frame(r).Settings {
		if it.Href != "/settings" {
			v.Items = append(v.Items, SettingsItem{it, notes[it.Href]})
		}
	}
	v.Items = append(v.Items, SettingsItem{item{"Sources", "/sources", "plug", ""}, "Connections, when each was last read, and what it could not read"}, SettingsItem{item{"My account", "/settings/me", "user", ""}, "Which person you are, and how you sign in"})
	p := Page{Title: "Settings", Section: "/settings"}
	return s.show(w, r, p, func(p Page) templ.Component { return settingsPage(p, v) })
}

func (s *site) settingsOrganisation(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, "organisation"); err != nil {
		return err
	}
	k, err := s.Book.Kinds.Named("organisation")
	if err != nil {
		return err
	}
	d := OrganisationPage{Edit: part.Path("new", "organisation"), Editable: session(ctx).May(ctx, access.Write, k) == nil}
	if v, err := s.Book.Get(ctx, "organisation", organisation.Key, at(ctx)); err == nil {
		d.Edit, d.By, d.Since = recordPath("organisation", organisation.Key)+"/edit", v.Actor, v.From.Time()
		d.Facts = s.fields(ctx, k, v)
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	if s.may(ctx, "period") == nil {
		err := s.each(ctx, record.Query{Kind: "period", AsOf: at(ctx)}, func(v record.Version) error {
			var b struct {
				Report, Type, From, To, Fieldwork, State string
				Categories                               []string
			}
			if err := json.Unmarshal(v.Body, &b); err != nil {
				return err
			}
			report := strings.ToUpper(strings.ReplaceAll(b.Report, "_", " ")) + map[string]string{"type_1": " Type I", "type_2": " Type II"}[b.Type]
			d.Periods = append(d.Periods, PeriodRow{Name: cmp.Or(v.Label, v.Key), Href: recordPath("period", v.Key), Report: report, From: b.From, To: b.To, Fieldwork: b.Fieldwork, Categories: strings.Join(said(b.Categories...), ", "), State: part.Status(b.State)})
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortFunc(d.Periods, func(a, b PeriodRow) int { return strings.Compare(b.To, a.To) })
	}
	if s.may(ctx, "system") == nil {
		err := s.each(ctx, record.Query{Kind: "system", AsOf: at(ctx)}, func(v record.Version) error {
			var b struct{ State string }
			if err := json.Unmarshal(v.Body, &b); err != nil {
				return err
			}
			d.Systems = append(d.Systems, OwnedRow{Title: cmp.Or(v.Label, v.Key), Href: s.pathOf("system", v.Key), State: part.Status(b.State)})
			return nil
		})
		if err != nil {
			return err
		}
	}
	p := Page{Title: "Organisation and periods", Section: "/settings/organisation", Crumbs: settingCrumbs("Organisation and periods")}
	return s.show(w, r, p, func(p Page) templ.Component { return organisationPage(p, d) })
}

func settingCrumbs(title string) []part.Crumb {
	return []part.Crumb{{Text: "Settings", Href: "/settings"}, {Text: title}}
}

func (s *site) settingsChecks(w http.ResponseWriter, r *http.Request) error {
	return s.showCheckSettings(w, r, http.StatusOK, "")
}

func (s *site) showCheckSettings(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, check.SettingKind); err != nil {
		return err
	}
	k, err := s.Book.Kinds.Named(check.SettingKind)
	if err != nil {
		return err
	}
	v := CheckSettings{Wrong: wrong, Changes: session(ctx).May(ctx, access.Write, k) == nil && !part.Past(ctx)}
	var company []byte
	if o, err := s.Book.Get(ctx, "organisation", organisation.Key, at(ctx)); err == nil {
		company, v.Named = o.Body, true
	}
	days := check.DueDays(company)
	for _, severity := range []string{"critical", "high", "medium", "low"} {
		v.Days = append(v.Days, part.Say(part.Sentence(severity), part.Count(days[severity], "day")))
	}
	set := map[string]record.Version{}
	if err := s.Book.EachAt(ctx, s.Book.DB, check.SettingKind, at(ctx), func(x record.Version) error {
		set[x.Key] = x
		return nil
	}); err != nil {
		return err
	}
	show := part.Choice{Name: "show", Label: "Show", Value: q.Get("show"), Segments: true, Options: []part.Option{{Value: "", Text: "All"}, {Value: "own", Text: "Set by us"}, {Value: "off", Text: "Off"}}}
	all := s.Monitor.Set.Checks()
	for _, c := range all {
		row := CheckSetting{ID: c.ID, Title: c.Title, Severity: c.Severity}
		own := map[string]any{}
		if x, ok := set[c.ID]; ok {
			var b struct {
				Off      bool
				Settings map[string]any
				Reason   string
			}
			if err := json.Unmarshal(x.Body, &b); err != nil {
				return err
			}
			row.Off, row.Own, row.Reason, row.By, row.At, row.Seen, own = b.Off, b.Off || len(b.Settings) > 0, b.Reason, x.Actor, x.From.Time(), part.Stamp(x.From.Time()), b.Settings
			if _, err := c.With(b.Settings); err != nil {
				row.Fault = sentenceOf(err)
			}
		}
		for _, x := range c.Settings {
			value := SettingValue{Name: x.Name, Title: part.Sentence(x.Name), Default: part.Plain(x.Default), Value: part.Plain(x.Default)}
			if o, ok := own[x.Name]; ok {
				value.Value = part.Plain(o)
			}
			row.Values = append(row.Values, value)
		}
		if show.Value == "own" && !row.Own || show.Value == "off" && !row.Off || !fits(q.Get("q"), c.ID, c.Title) {
			continue
		}
		v.Rows = append(v.Rows, row)
	}
	v.Filter = part.Filter{Action: "/settings/checks", Q: q.Get("q"), Hint: "Filter by text or id", Found: fmt.Sprintf("%d of %d", len(v.Rows), len(all)), Groups: []part.Choice{show}}
	p := Page{Title: "Checks and deadlines", Section: "/settings/checks", Crumbs: settingCrumbs("Checks and deadlines")}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return checkSettingsPage(p, v) })
}

// settingsCheckSave turns a check off or on and sets its thresholds, with the reason.
func (s *site) settingsCheckSave(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	ctx, f := r.Context(), r.PostForm
	c, err := s.Monitor.Set.Get(segment(r, "id"))
	if err != nil {
		return err
	}
	set, off, reason, wrong := settingAsked(c, f)
	if wrong != "" {
		return s.showCheckSettings(w, r, http.StatusUnprocessableEntity, wrong)
	}
	if _, err := c.With(set); err != nil {
		return s.showCheckSettings(w, r, fault.Status(err), sentenceOf(err))
	}
	body := map[string]any{"check": c.ID, "reason": reason}
	if off {
		body["off"] = true
	}
	if len(set) > 0 {
		body["settings"] = set
	}
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	change := record.Change{Kind: check.SettingKind, Key: c.ID, Body: b, Reason: reason}
	seen := store.Moment(0)
	if t, err := time.Parse(time.RFC3339Nano, f.Get("_seen")); err == nil {
		seen = store.At(t)
	}
	change.If = &seen
	if _, err := s.Book.Put(ctx, session(ctx), change); err != nil {
		if fault.Is(err, fault.Conflict) {
			return s.showCheckSettings(w, r, http.StatusConflict, "Somebody set "+c.ID+" since you looked. What they set stands below; yours was not saved.")
		}
		return err
	}
	return done(w, r, "/settings/checks", c.ID+" is set. The next evaluation uses it; what was answered before stays.")
}

func (s *site) settingsVersion(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	head, err := s.Book.Log.Head(ctx, s.Book.DB)
	if err != nil {
		return err
	}
	engine := "SQLite, in the workspace's own directory"
	if s.Book.DB.Engine == store.Postgres {
		engine = "PostgreSQL"
	}
	totals, err := s.Book.Totals(ctx)
	if err != nil {
		return err
	}
	records := int64(0)
	for _, n := range totals {
		records += n
	}
	v := VersionPage{Facts: []part.Fact{
		part.Say("Release", workspace.Release()),
		part.Say("Database", engine),
		part.Say("Records that hold now", part.Number(records)),
		{Name: "Ledger", Value: part.LinkTo(part.Link{Text: part.Count(int(head.Size), "entry", "entries"), Href: "/ledger"})},
		{Name: "Last entry", Value: part.Date(moment(head.At))},
		part.Say("Outside anchor", "None. Nobody outside has seen a checkpoint yet, so only this workspace vouches for its own past."),
	}}
	if last, ok, err := anchor.Last(ctx, s.Book, "", 0); err != nil {
		return err
	} else if ok {
		v.Facts[len(v.Facts)-1] = part.Fact{Name: "Outside anchor", Value: part.LinkTo(part.Link{Text: "Stamped by " + last.Authority + " on " + part.Full(last.At, time.UTC), Href: "/ledger"})}
	}
	v.Backup = []string{"tickmark backup FILE writes everything as of one moment, also while this server runs. It restores to SQLite and to PostgreSQL.", "ledger.key, which signs in this workspace's name, and secret.key, which opens credentials, are not in it: keep copies in another place.", "tickmark restore FILE --keys DIR makes a workspace of it, and proves every entry before it takes its place."}
	p := Page{Title: "Backup and version", Section: "/settings/version", Crumbs: settingCrumbs("Backup and version")}
	return s.show(w, r, p, func(p Page) templ.Component { return versionPage(p, v) })
}

// settingKinds are the kinds whose records are settings.
var settingKinds = []string{"organisation", "period", "system", check.SettingKind, access.UserKind, "connection", "custom_field", "hold", retention.RuleKind}

func (s *site) settingsHistory(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	list, err := s.Book.Recent(ctx, at(ctx), 200, func(k *record.Kind) bool {
		return contains(settingKinds, k.Name) && session(ctx).May(ctx, access.Read, k) == nil
	})
	if err != nil {
		return err
	}
	var events []part.Event
	for _, v := range list {
		events = append(events, s.event(v))
	}
	p := Page{Title: "History of settings", Section: "/settings/history", Crumbs: settingCrumbs("History of settings")}
	return s.show(w, r, p, func(p Page) templ.Component { return settingsHistoryPage(p, events) })
}
