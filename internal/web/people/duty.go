package people

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/training"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Sheet is what one person answers for, has to know and has to do.
type Sheet struct {
	Name, Person, Export, Role string
	Facts                      []part.Fact
	Rows                       []Duty
	Left                       []string // kinds that the reader may not see
}

// Duty is one of them.
type Duty struct {
	Sort, Title, Href, Since, Due string
	State                         part.Status
}

var owned = []string{"control", "policy", "system", "risk", "asset", "commitment", "machine_identity", "training_module", "requirement", "finding", "task"}

func (s *Site) duties(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), segment(r, "id")
	// One's own duties everybody sees; those of others only who may read about people.
	if who := s.Who(ctx).User.Person; who != id || who == "" {
		if err := s.may(ctx, access.Read, "person"); err != nil {
			return err
		}
	}
	look := s.look(ctx)
	v, err := look.Get("person", id)
	if err != nil {
		return err
	}
	var p struct {
		Name, Title, Manager, Start string
		Role                        string `json:"role_description"`
		Screened                    string
		Terms                       string `json:"terms_signed"`
	}
	if err := json.Unmarshal(v.Body, &p); err != nil {
		return err
	}
	d := Sheet{Name: cmp.Or(p.Name, id), Person: part.Path("people", id), Export: part.Path("people", "duties", id) + "?as=csv", Role: p.Role}
	if m, err := look.Get("person", p.Manager); err == nil {
		d.Facts = append(d.Facts, part.Say("Manager", m.Label))
	}
	d.Facts = append(d.Facts, part.Say("Position", cmp.Or(p.Title, "Not stated")), part.Say("First day", cmp.Or(p.Start, "Not stated")), part.Say("Screening cleared", cmp.Or(p.Screened, "Not on record")), part.Say("Terms signed", cmp.Or(p.Terms, "Not on record")))
	for _, kind := range owned {
		k, err := s.Book.Kinds.Named(kind)
		if err != nil {
			return err
		}
		if s.may(ctx, access.Read, kind) != nil {
			d.Left = append(d.Left, cmp.Or(k.Plural, k.Title))
			continue
		}
		if f, ok := k.FieldNamed("owner"); !ok || !f.Indexed {
			continue
		}
		list, err := look.Find(kind, "owner", id)
		if err != nil {
			return err
		}
		for _, v := range list {
			var b struct{ State, Due string }
			if err := json.Unmarshal(v.Body, &b); err != nil {
				return err
			}
			if slices.Contains([]string{"retired", "closed", "verified", "cancelled", "withdrawn", "superseded"}, b.State) {
				continue
			}
			d.Rows = append(d.Rows, Duty{Sort: k.Title, Title: cmp.Or(v.Label, v.Key), Href: part.Path("records", kind, v.Key), State: part.Status(b.State), Due: b.Due})
		}
	}
	more, err := s.learned(look, id)
	if err != nil {
		return err
	}
	d.Rows = append(d.Rows, more...)
	if r.URL.Query().Get("as") == "csv" {
		return sheetCSV(w, id, d)
	}
	page := shell.Page{Title: "Duties of " + d.Name, Section: "/people", Crumbs: []part.Crumb{{Text: "People", Href: "/people"}, {Text: d.Name, Href: d.Person}, {Text: "Duties"}}}
	return s.Show(w, r, http.StatusOK, page, ShowDuties(d))
}

// learned are the policies that somebody has to acknowledge and the training that they have to take, with what they did.
func (s *Site) learned(look record.Look, id string) ([]Duty, error) {
	var out []Duty
	acks, err := look.Find("acknowledgement", "person", id)
	if err != nil {
		return nil, err
	}
	for _, v := range acks {
		a, err := policy.ReadAcknowledgement(v)
		if err != nil {
			return nil, err
		}
		if a.State == "void" {
			continue
		}
		x := Duty{Sort: "Policy to know", Title: a.Policy, Due: a.Due, State: part.Status(a.State)}
		if p, err := look.Get("policy", a.Policy); err == nil {
			x.Title = p.Label
		} else if !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if a.State == "acknowledged" {
			x.Since = a.AcknowledgedAt.Format("2006-01-02")
		} else if a.OverdueSince != "" {
			x.State = "overdue"
		}
		out = append(out, x)
	}
	taken, err := training.Assignments(look, "person", id)
	if err != nil {
		return nil, err
	}
	for _, a := range taken {
		if a.State == "void" {
			continue
		}
		x := Duty{Sort: "Training", Title: a.Module, Due: a.Due, State: part.Status(a.State), Since: a.CompletedOn}
		if m, err := look.Get("training_module", a.Module); err == nil {
			x.Title = m.Label
		} else if !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if a.State == "assigned" && a.OverdueSince != "" {
			x.State = "overdue"
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b Duty) int {
		return cmp.Or(strings.Compare(a.Sort, b.Sort), strings.Compare(b.Due, a.Due))
	})
	return out, nil
}

func sheetCSV(w http.ResponseWriter, id string, d Sheet) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="duties.csv"`)
	out := csv.NewWriter(w)
	rows := [][]string{{"person", "sort", "what", "state", "due", "done"}}
	for _, x := range d.Rows {
		rows = append(rows, []string{plain(id), x.Sort, plain(x.Title), string(x.State), x.Due, x.Since})
	}
	return out.WriteAll(rows)
}

// plain keeps a spreadsheet from taking a text for a formula.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
