package description

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
	"tickmark/internal/system"
)

// Format names the shape of the file.
const Format = "tickmark description v1"

// Description is what its record says.
type Description struct {
	ID             string        `json:"id"`
	Name           string        `json:"name"`
	System         string        `json:"system"`
	Type           string        `json:"type"`
	Categories     []string      `json:"categories"`
	From           string        `json:"from,omitempty"`
	To             string        `json:"to"`
	Incidents      []Incident    `json:"incident_list,omitempty"`
	NoIncidents    bool          `json:"no_incidents,omitempty"`
	UserControls   []UserControl `json:"user_control_list,omitempty"`
	NoUserControls bool          `json:"no_user_controls,omitempty"`
	Subservice     []Outside     `json:"subservice_list,omitempty"`
	Vendors        []Reason      `json:"vendor_list,omitempty"`
	NotRelevant    []Reason      `json:"not_relevant_list,omitempty"`
	Changes        []Change      `json:"change_list,omitempty"`
	LeftOut        []Reason      `json:"left_out,omitempty"`
	NoChanges      bool          `json:"no_changes,omitempty"`
}

// Incident is one that is disclosed.
type Incident struct {
	On      string `json:"on"`
	Nature  string `json:"nature"`
	Extent  string `json:"extent"`
	Done    string `json:"done"`
	Finding string `json:"finding,omitempty"`
}

// UserControl is a control that user entities must operate.
type UserControl struct {
	Text     string   `json:"text"`
	Criteria []string `json:"criteria"`
}

// Outside is a subservice organisation.
type Outside struct {
	Name     string   `json:"name"`
	Services string   `json:"services"`
	Method   string   `json:"method"`
	Expected []string `json:"expected,omitempty"`
	Criteria []string `json:"criteria,omitempty"`
}

// Reason is something with the reason for how it is treated.
type Reason struct {
	Name      string `json:"name,omitempty"`      // of a third party
	Criterion string `json:"criterion,omitempty"` // that is not relevant
	What      string `json:"what,omitempty"`      // id of a change or incident that is left out
	Reason    string `json:"reason"`
}

// Change is what was otherwise before a day. One from a register has an id.
type Change struct {
	ID     string `json:"id,omitempty"`
	On     string `json:"on"`
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Commitment is a promise or requirement that held in the period.
type Commitment struct {
	ID        string   `json:"id"`
	Title     string   `json:"title"`
	Sort      string   `json:"sort"`
	Category  string   `json:"category"`
	Statement string   `json:"statement"`
	MadeIn    string   `json:"made_in"`
	Since     string   `json:"since,omitempty"`
	Until     string   `json:"until,omitempty"`
	Controls  []string `json:"controls,omitempty"`
}

// Control is a control that operated in the period, as the register says it.
type Control struct {
	ID        string   `json:"id"`
	Title     string   `json:"title"`
	Statement string   `json:"statement"`
	Criteria  []string `json:"criteria"`
	Type      string   `json:"type,omitempty"` // automated, manual, hybrid
	Frequency string   `json:"frequency,omitempty"`
	Since     string   `json:"since,omitempty"` // day from which it operates
	Until     string   `json:"until,omitempty"` // day on which it was retired
	Version   string   `json:"version"`         // SHA-256 of its record's body
}

// Position counts people by their position on the last day; nobody is named.
type Position struct {
	Title      string `json:"title"`
	Employment string `json:"employment"`
	Count      int    `json:"count"`
}

// Procedure is a policy with the version in force.
type Procedure struct {
	Title   string `json:"title"`
	Version string `json:"version,omitempty"`
	Since   string `json:"since,omitempty"`
}

// Text is one part as people wrote it.
type Text struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	DC    string `json:"dc"`
	Text  string `json:"text"` // Markdown
}

// File is the whole description: what people wrote, and the registers as of a moment.
type File struct {
	Format string `json:"format"`
	AsOf   string `json:"as_of"`
	Description
	Organisation string             `json:"organisation"`
	LegalName    string             `json:"legal_name,omitempty"`
	Zone         string             `json:"zone"`
	SystemName   string             `json:"system_name"`
	Approved     bool               `json:"boundary_approved"`
	Services     []string           `json:"services"`
	Locations    []string           `json:"locations,omitempty"`
	Inside       string             `json:"inside,omitempty"`
	Beyond       string             `json:"outside,omitempty"`
	Texts        []Text             `json:"texts"`
	Commitments  []Commitment       `json:"commitments"`
	Components   []system.Component `json:"components"`
	Data         []system.Data      `json:"data,omitempty"`
	Positions    []Position         `json:"positions,omitempty"`
	Procedures   []Procedure        `json:"procedures,omitempty"`
	Controls     []Control          `json:"controls"`
	OnRecord     []Change           `json:"changes_on_record,omitempty"`
	Reported     []Change           `json:"incidents_on_record,omitempty"` // findings that an incident brought to light
}

// Read reads a record's body.
func Read(body map[string]any) (Description, error) {
	var d Description
	b, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err != nil {
		return d, fault.New(fault.Invalid, "The description cannot be read: %w.", err)
	}
	return d, nil
}

// Bytes are the file as it is written and summed: the same content always gives the same bytes.
func (f *File) Bytes() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(f); err != nil {
		return nil, fmt.Errorf("write the description: %w", err)
	}
	return b.Bytes(), nil
}

// Sum is the SHA-256 of a file in hexadecimal digits.
func Sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// Parse reads a file that another workspace wrote.
func Parse(b []byte) (*File, error) {
	var f File
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fault.New(fault.Invalid, "That is no description that Tickmark wrote: %w.", err).WithNext("The company writes it with tickmark description file.")
	}
	if f.Format != Format {
		return nil, fault.New(fault.Invalid, "The description has the format %q and not %q.", f.Format, Format)
	}
	return &f, nil
}

// begin and end are the first and last day that the description speaks of.
func (f *File) begin() string { return cmp.Or(f.From, f.To) }

// within reports whether what held from a day until another, either of which may be open, held on some day of the period.
func (f *File) within(since, until string) bool {
	return (since == "" || since <= f.To) && (until == "" || until >= f.begin())
}

// assembling is a file under way.
type assembling struct {
	look record.Look
	zone *time.Location
	f    *File
}

// Assemble puts a description together from its record and the registers as the look sees them.
func Assemble(look record.Look, body map[string]any) (*File, error) {
	d, err := Read(body)
	if err != nil {
		return nil, err
	}
	a := &assembling{look: look, zone: time.UTC, f: &File{Format: Format, AsOf: look.At.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano), Description: d,
		Texts: []Text{}, Commitments: []Commitment{}, Components: []system.Component{}, Controls: []Control{}, Services: []string{}}}
	for _, p := range Parts() {
		if s, _ := body[p.Name].(string); strings.TrimSpace(s) != "" && (!p.Type2 || d.Type == "type_2") {
			a.f.Texts = append(a.f.Texts, Text{p.Name, p.Title, p.DC, s})
		}
	}
	for _, step := range []func() error{a.organisation, a.system, a.commitments, a.controls, a.people, a.policies, a.findings} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(a.f.OnRecord, func(x, y Change) int { return cmp.Or(strings.Compare(x.On, y.On), strings.Compare(x.ID, y.ID)) })
	return a.f, nil
}

// each reads all records of a kind, by key.
func each[T any](a *assembling, kind string, fn func(v record.Version, b T) error) error {
	all, err := a.look.All(kind)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(x, y record.Version) int { return strings.Compare(x.Key, y.Key) })
	for _, v := range all {
		var b T
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
		}
		if err := fn(v, b); err != nil {
			return err
		}
	}
	return nil
}

// day is the day of a moment where the organisation is.
func (a *assembling) day(moment string) string {
	at, err := time.Parse(time.RFC3339Nano, moment)
	if err != nil {
		return ""
	}
	return at.In(a.zone).Format(time.DateOnly)
}

// changed keeps a change that a register shows, if it lies in the period and after its first day, whose state is what the
// description begins with.
func (a *assembling) changed(c Change) {
	if a.f.Type == "type_2" && c.On > a.f.From && c.On <= a.f.To {
		a.f.OnRecord = append(a.f.OnRecord, c)
	}
}

func (a *assembling) organisation() error {
	a.f.Zone = "UTC"
	return each(a, "organisation", func(_ record.Version, o struct {
		Name  string
		Legal string `json:"legal_name"`
		Zone  string `json:"time_zone"`
	}) error {
		a.f.Organisation, a.f.LegalName = o.Name, o.Legal
		if z, err := time.LoadLocation(o.Zone); err == nil && o.Zone != "" {
			a.zone, a.f.Zone = z, o.Zone
		}
		return nil
	})
}

func (a *assembling) system() error {
	v, err := a.look.Get("system", a.f.System)
	if err != nil {
		return err
	}
	var s system.System
	if err := json.Unmarshal(v.Body, &s); err != nil {
		return fmt.Errorf("read system %s: %w", v.Key, err)
	}
	a.f.SystemName, a.f.Approved, a.f.Services, a.f.Locations, a.f.Data = s.Name, s.State == "approved", append([]string{}, s.Services...), s.Locations, s.Data
	a.f.Inside, a.f.Beyond = s.Inside, s.Outside
	for _, c := range s.Components {
		if !a.f.within(c.From, c.To) {
			continue
		}
		c.Source, c.Kinds, c.Where = "", nil, "" // how it is watched is no part of what it is
		a.f.Components = append(a.f.Components, c)
		if c.Outside != "" {
			continue
		}
		what := strings.ReplaceAll(c.Type, "_", " ") + " " + c.Name
		a.changed(Change{ID: "component " + c.Name + " from " + c.From, On: c.From, What: what, Before: "Not part of the system", After: cmp.Or(c.Description, "Part of the system")})
		if c.To != "" && c.To < a.f.To {
			day, err := time.Parse(time.DateOnly, c.To)
			if err == nil {
				a.changed(Change{ID: "component " + c.Name + " through " + c.To, On: day.AddDate(0, 0, 1).Format(time.DateOnly), What: what, Before: cmp.Or(c.Description, "Part of the system"), After: "No longer part of the system"})
			}
		}
	}
	slices.SortStableFunc(a.f.Components, func(x, y system.Component) int {
		return cmp.Or(strings.Compare(x.Type, y.Type), strings.Compare(x.Name, y.Name), strings.Compare(x.From, y.From))
	})
	return nil
}

func (a *assembling) commitments() error {
	return each(a, "commitment", func(_ record.Version, c Commitment) error {
		if slices.Contains(a.f.Categories, c.Category) && a.f.within(c.Since, c.Until) {
			a.f.Commitments = append(a.f.Commitments, c)
			if c.Since != "" {
				a.changed(Change{ID: "commitment " + c.ID + " from " + c.Since, On: c.Since, What: "commitment " + c.ID, Before: "Not made", After: c.Title})
			}
			if c.Until != "" && c.Until < a.f.To {
				a.changed(Change{ID: "commitment " + c.ID + " through " + c.Until, On: c.Until, What: "commitment " + c.ID, Before: c.Title, After: "Ended with that day"})
			}
		}
		return nil
	})
}

func (a *assembling) controls() error {
	return each(a, "control", func(v record.Version, c struct {
		Control
		State   string
		Active  string `json:"active_since"`
		Retired string `json:"retired_at"`
	}) error {
		c.Since, c.Until = a.day(c.Active), ""
		if c.State == "retired" {
			c.Until = a.day(c.Retired)
		}
		if c.Since == "" || c.State != "active" && c.State != "retired" || !a.f.within(c.Since, c.Until) {
			return nil
		}
		sum := sha256.Sum256(v.Body)
		c.Version = hex.EncodeToString(sum[:])
		a.f.Controls = append(a.f.Controls, c.Control)
		a.changed(Change{ID: "control " + c.ID + " from " + c.Since, On: c.Since, What: "control " + c.ID, Before: "Not in operation", After: c.Statement})
		if c.Until != "" {
			a.changed(Change{ID: "control " + c.ID + " until " + c.Until, On: c.Until, What: "control " + c.ID, Before: c.Statement, After: "Retired"})
		}
		return nil
	})
}

func (a *assembling) people() error {
	count := map[Position]int{}
	err := each(a, "person", func(_ record.Version, p struct{ Title, Employment, Start, End string }) error {
		if (p.Start == "" || p.Start <= a.f.To) && (p.End == "" || p.End >= a.f.To) {
			count[Position{Title: cmp.Or(p.Title, "No position on record"), Employment: p.Employment}]++
		}
		return nil
	})
	for p, n := range count {
		p.Count = n
		a.f.Positions = append(a.f.Positions, p)
	}
	slices.SortFunc(a.f.Positions, func(x, y Position) int {
		return cmp.Or(strings.Compare(x.Title, y.Title), strings.Compare(x.Employment, y.Employment))
	})
	return err
}

func (a *assembling) policies() error {
	type version struct {
		Policy, Number, State, Effective string
		Published                        string `json:"published_at"`
	}
	held := map[string]version{}
	err := each(a, "policy_version", func(_ record.Version, v version) error {
		day := cmp.Or(v.Effective, a.day(v.Published))
		if day != "" && day <= a.f.To && v.State != "draft" && v.Published != "" && day >= held[v.Policy].Effective {
			v.Effective = day
			held[v.Policy] = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(a, "policy", func(v record.Version, p struct{ Title, State string }) error {
		if h, ok := held[v.Key]; ok && p.State != "retired" {
			a.f.Procedures = append(a.f.Procedures, Procedure{p.Title, h.Number, h.Effective})
		}
		return nil
	})
}

// findings are those that an incident brought to light: each is disclosed or left out with a reason.
func (a *assembling) findings() error {
	return each(a, "finding", func(v record.Version, b struct{ Title, Origin, Opened, State string }) error {
		day := a.day(b.Opened)
		if b.Origin == "incident" && !slices.Contains([]string{"duplicate", "false_positive"}, b.State) && day >= a.f.begin() && (a.f.Type == "type_2" || day <= a.f.To) {
			a.f.Reported = append(a.f.Reported, Change{ID: "finding " + v.Key, On: day, What: b.Title})
		}
		return nil
	})
}

// Scope are the criteria of the description's categories.
func (f *File) Scope() ([]framework.Criterion, error) {
	all, err := framework.Load()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c framework.Criterion) bool { return !c.InScope(f.Categories) }), nil
}

// Text is what people wrote for a part.
func (f *File) Text(name string) string {
	for _, t := range f.Texts {
		if t.Name == name {
			return t.Text
		}
	}
	return ""
}

// Approved assembles the text that management approved, and refuses when it is not the one that the record has the sum of: a
// record behind it was erased since.
func Approved(ctx context.Context, look func(context.Context, time.Time) record.Look, body map[string]any) (*File, error) {
	sum, _ := body["file"].(string)
	asOf, _ := body["as_of"].(string)
	at, err := time.Parse(time.RFC3339Nano, asOf)
	if err != nil || sum == "" {
		return nil, fault.New(fault.Conflict, "The description is not approved.").WithNext("Complete it, and let another person approve it: tickmark description check.")
	}
	draft := map[string]any{}
	for k, v := range body {
		draft[k] = v
	}
	f, err := Assemble(look(ctx, at), draft)
	if err != nil {
		return nil, err
	}
	f.AsOf = asOf
	b, err := f.Bytes()
	if err != nil {
		return nil, err
	}
	if Sum(b) != sum {
		return nil, fault.New(fault.Conflict, "The registers no longer give the text that was approved, with the SHA-256 %s.", sum).WithNext("A record behind it was erased. Use the file that was written then, or approve the description again.")
	}
	return f, nil
}
