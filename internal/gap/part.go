package gap

import "slices"

// Part is one part of readiness: how many of what is needed are there, and the sort of gap that the rest are. The parts are
// never added up: nine of ten criteria covered is not ready.
type Part struct {
	Title string `json:"title"`
	Sort  Sort   `json:"sort"`
	Of    int    `json:"of"`
	Open  int    `json:"open"` // gaps of that sort
}

// Done is how many are there.
func (p Part) Done() int { return p.Of - p.Open }

// Parts says how far the world is, part by part. gaps are the world's.
func (w World) Parts(gaps []Gap) []Part {
	n := map[Sort]int{}
	for _, g := range gaps {
		n[g.Sort]++
	}
	in := map[string]bool{}
	for _, c := range w.Criteria {
		in[c.ID] = w.asked(c)
	}
	for _, c := range w.Standing.Criteria {
		in[c.ID] = in[c.ID] && !c.Excluded
	}
	of := map[Sort]int{Scope: 1} // that there is a period; then, that it is current and names a system; then, that its boundary is approved
	if w.Period != nil {
		of[Scope] = 2
	}
	if w.System != nil {
		of[Scope] = 3
	}
	of[Place] = len(w.Placed)
	for _, c := range w.Standing.Criteria {
		if in[c.ID] {
			of[Criterion]++
		}
	}
	checks := map[string]bool{}
	for _, c := range w.Controls {
		if c.State == "retired" || c.State == "draft" && !in[c.Criteria[0]] || !slices.ContainsFunc(c.Criteria, func(id string) bool { return in[id] }) {
			continue
		}
		of[Owner]++
		of[Approval]++
		if c.State != "draft" {
			of[Operation]++
		}
		if c.State == "active" {
			of[Proof]++
		}
		for _, s := range w.Standing.Controls {
			if s.Key == c.Key {
				for _, k := range s.Checks {
					checks[k.ID] = true
				}
			}
		}
	}
	of[Policy] = len(w.missing())
	for _, p := range w.Policies {
		if p.State != "retired" {
			of[Policy]++
		}
	}
	today := w.Now.Format("2006-01-02")
	for _, c := range w.Commitments {
		if c.Until == "" || c.Until >= today {
			of[Commitment]++
		}
	}
	for _, o := range w.Observations {
		if o.State != "withdrawn" {
			of[Observed]++
		}
	}
	due := 0
	for _, r := range w.Requirements {
		if r.From <= today {
			due++
		}
	}
	of[Requirement] = max(due, n[Requirement])
	of[Failing], of[Unknown] = len(checks), len(checks)
	var out []Part
	for _, s := range Sorts() {
		if of[s] > 0 || n[s] > 0 {
			out = append(out, Part{Title: s.part(), Sort: s, Of: max(of[s], n[s]), Open: n[s]})
		}
	}
	return out
}

// part names the part of readiness that a sort of gap is missing from.
func (s Sort) part() string {
	return map[Sort]string{
		Scope: "Scope settled", Place: "Kinds of parts that all belong to a system or are outside", Criterion: "Criteria with a control in operation", Owner: "Controls with an owner", Approval: "Controls approved",
		Operation: "Approved controls in operation", Proof: "Controls in operation with something on record", Requirement: "Required evidence kept", Failing: "Checks that do not fail",
		Unknown: "Checks that are answered", Policy: "Policies in force", Commitment: "Commitments kept by a control", Observed: "What an assessor noted, put right and verified",
	}[s]
}
