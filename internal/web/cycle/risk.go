package cycle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tickmark/internal/record"
	"tickmark/internal/risk"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// RiskBoard is the risks by state.
type RiskBoard struct {
	Tabs    []part.Tab
	Columns []RiskColumn
	Any     bool
	Changed []string // boundaries that changed after the assessment that was approved last
}

// RiskColumn is the risks in some states.
type RiskColumn struct {
	Title string
	Cards []RiskCard
}

// RiskCard is a risk.
type RiskCard struct {
	ID, Title, Href, Owner, Until string
	Rating                        int
	Level                         part.Status
}

// RiskTabs lead from one page of risks to the others.
func RiskTabs(current string) []part.Tab {
	out := []part.Tab{{Text: "Register", Href: "/risks"}, {Text: "Board", Href: "/risks/board"}, {Text: "Assets and measures", Href: "/risks/matrix"}, {Text: "Common threats", Href: "/risks/threats"}}
	for i := range out {
		out[i].Current = out[i].Href == current
	}
	return out
}

func riskPage(title string) shell.Page {
	return shell.Page{Title: title, Section: "/risks", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Risks", Href: "/risks"}, {Text: title}}}
}

// columns are the board's, each with its states.
var columns = []struct {
	title  string
	states []string
}{
	{"To analyse", []string{"identified"}}, {"To decide", []string{"analysed"}}, {"In treatment", []string{"response_chosen", "treating"}},
	{"Settled", []string{"treated", "transferred", "avoided"}}, {"Accepted for a time", []string{"accepted"}},
}

func (s *Site) risks(look record.Look) ([]risk.Risk, error) {
	list, err := look.All("risk")
	if err != nil {
		return nil, err
	}
	var out []risk.Risk
	for _, v := range list {
		var body map[string]any
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return nil, fmt.Errorf("read risk %s: %w", v.Key, err)
		}
		x, err := risk.Of(body)
		if err != nil {
			return nil, err
		}
		x.ID = v.Key
		out = append(out, x)
	}
	rating := func(r risk.Risk) int { return cmp.Or(r.Residual, r.Inherent) }
	slices.SortFunc(out, func(a, b risk.Risk) int { return cmp.Or(rating(b)-rating(a), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

func (s *Site) riskBoard(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, "risk", "risk_assessment", "system"); err != nil {
		return err
	}
	look := s.look(ctx)
	list, err := s.risks(look)
	if err != nil {
		return err
	}
	d := RiskBoard{Tabs: RiskTabs("/risks/board"), Any: len(list) > 0}
	for _, c := range columns {
		col := RiskColumn{Title: c.title}
		for _, x := range list {
			if !slices.Contains(c.states, x.State) {
				continue
			}
			card := RiskCard{ID: x.ID, Title: x.Title, Href: part.Path("records", "risk", x.ID), Rating: cmp.Or(x.Residual, x.Inherent), Level: part.Status(risk.Level(cmp.Or(x.Residual, x.Inherent)))}
			if x.Owner != "" {
				card.Owner = part.People(ctx, x.Owner)
			}
			if x.State == "accepted" {
				card.Until = x.Until
			}
			col.Cards = append(col.Cards, card)
		}
		d.Columns = append(d.Columns, col)
	}
	if d.Changed, err = changedSince(look); err != nil {
		return err
	}
	return s.Show(w, r, http.StatusOK, riskPage("Board"), RiskBoardView(d))
}

// changedSince names the systems whose boundary was approved anew, or is being changed, after the assessment that covered them
// last: what was assessed is then no longer what is there.
func changedSince(look record.Look) ([]string, error) {
	assessments, err := look.All("risk_assessment")
	if err != nil {
		return nil, err
	}
	last := map[string]time.Time{}
	for _, v := range assessments {
		var a struct {
			State    string
			Systems  []string
			Approved time.Time `json:"approved_at"`
		}
		if err := json.Unmarshal(v.Body, &a); err != nil {
			return nil, fmt.Errorf("read risk assessment %s: %w", v.Key, err)
		}
		for _, s := range a.Systems {
			if a.State == "approved" && a.Approved.After(last[s]) {
				last[s] = a.Approved
			}
		}
	}
	var out []string
	for key, at := range last {
		v, err := look.Get("system", key)
		if err != nil {
			return nil, err
		}
		var b struct {
			Name, State string
			Approved    time.Time `json:"approved_at"`
		}
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return nil, fmt.Errorf("read system %s: %w", key, err)
		}
		switch {
		case b.Approved.After(at):
			out = append(out, fmt.Sprintf("The boundary of %s was approved again on %s, after its risks were assessed on %s.", b.Name, b.Approved.Format("2 Jan 2006"), at.Format("2 Jan 2006")))
		case b.State == "draft" && v.From.Time().After(at):
			out = append(out, fmt.Sprintf("The boundary of %s is being changed, after its risks were assessed on %s.", b.Name, at.Format("2 Jan 2006")))
		}
	}
	slices.Sort(out)
	return out, nil
}

// ThreatPage is common threats to begin from, and findings that are weaknesses.
type ThreatPage struct {
	Tabs     []part.Tab
	May      bool
	Rows     []ThreatRow
	Findings []part.Link
}

// ThreatRow is a threat, with where a risk that begins from it is written.
type ThreatRow struct {
	risk.Threat
	New   string
	Named []part.Link // risks that name it already
}

func (s *Site) threats(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, "risk", "finding"); err != nil {
		return err
	}
	look := s.look(ctx)
	list, err := s.risks(look)
	if err != nil {
		return err
	}
	common, err := risk.Threats()
	if err != nil {
		return err
	}
	d := ThreatPage{Tabs: RiskTabs("/risks/threats"), May: s.writes(ctx, "risk")}
	for _, t := range common {
		q := url.Values{"title": {t.Title}, "source": {t.Source}, "threats": {t.Threat}, "weaknesses": t.Weaknesses, "affects": t.Affects}
		row := ThreatRow{Threat: t, New: "/new/risk?" + q.Encode()}
		for _, x := range list {
			if slices.Contains(x.Threats, t.Threat) {
				row.Named = append(row.Named, part.Link{Text: x.ID, Href: part.Path("records", "risk", x.ID)})
			}
		}
		d.Rows = append(d.Rows, row)
	}
	linked := map[string]bool{}
	all, err := look.All("risk")
	if err != nil {
		return err
	}
	for _, v := range all {
		var b struct{ Findings []string }
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return err
		}
		for _, f := range b.Findings {
			linked[f] = true
		}
	}
	findings, err := look.All("finding")
	if err != nil {
		return err
	}
	for _, v := range findings {
		var f struct{ State, Severity string }
		if err := json.Unmarshal(v.Body, &f); err != nil {
			return err
		}
		open := slices.Contains([]string{"open", "assigned", "in_progress", "risk_accepted"}, f.State)
		if open && !linked[v.Key] && (f.Severity == "critical" || f.Severity == "high") {
			q := url.Values{"title": {v.Label}, "source": {"practice"}, "weaknesses": {v.Label}, "findings": {v.Key}}
			d.Findings = append(d.Findings, part.Link{Text: v.Label, Href: "/new/risk?" + q.Encode(), Note: part.Sentence(f.Severity)})
		}
	}
	return s.Show(w, r, http.StatusOK, riskPage("Common threats"), ThreatView(d))
}

// matrixCSV is assets by risks by measures, as one table.
func (s *Site) matrixCSV(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, "risk", "asset", "task"); err != nil {
		return err
	}
	look := s.look(ctx)
	list, err := s.risks(look)
	if err != nil {
		return err
	}
	due := map[string][]string{}
	tasks, err := look.All("task")
	if err != nil {
		return err
	}
	for _, v := range tasks {
		var t struct{ Title, Risk, Due, State string }
		if err := json.Unmarshal(v.Body, &t); err != nil {
			return err
		}
		if t.Risk != "" && t.State != "verified" && t.State != "cancelled" {
			due[t.Risk] = append(due[t.Risk], t.Title+", due "+cmp.Or(t.Due, "without a date"))
		}
	}
	assets, err := look.All("asset")
	if err != nil {
		return err
	}
	slices.SortFunc(assets, func(a, b record.Version) int { return cmp.Compare(a.Key, b.Key) })
	out := [][]string{{"asset", "asset_title", "confidentiality", "integrity", "availability", "risk", "risk_title", "affects", "likelihood", "impact", "inherent", "residual", "level", "response", "state", "accepted_until", "owner", "measures_in_place", "measures_due", "as_of"}}
	when := part.Of(ctx).Moment().UTC().Format(time.RFC3339)
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	line := func(head []string, x risk.Risk) []string {
		return append(slices.Clone(head), x.ID, x.Title, strings.Join(x.Affects, ", "), number(x.Likelihood), number(x.Impact), number(x.Inherent), number(x.Residual), risk.Level(cmp.Or(x.Residual, x.Inherent)), x.Response, x.State, x.Until, x.Owner, strings.Join(x.Controls, ", "), strings.Join(due[x.ID], "; "), when)
	}
	today := part.Of(ctx).Moment().Format(time.DateOnly)
	placed := map[string]bool{}
	for _, v := range assets {
		a, err := risk.ReadAsset(v)
		if err != nil {
			return err
		}
		if !a.Held(today) {
			continue
		}
		head := []string{v.Key, a.Title, number(a.Confidentiality), number(a.Integrity), number(a.Availability)}
		any := false
		for _, x := range list {
			if x.State != "closed" && slices.Contains(x.Assets, v.Key) {
				any, placed[x.ID] = true, true
				out = append(out, line(head, x))
			}
		}
		if !any { // an asset of which no risk was assessed is a row too
			out = append(out, line(head, risk.Risk{State: "no risk was assessed"}))
		}
	}
	for _, x := range list {
		if x.State != "closed" && !placed[x.ID] {
			out = append(out, line([]string{"", "", "", "", ""}, x))
		}
	}
	return table(w, "asset-risk-measure", out)
}
