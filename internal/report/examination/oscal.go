package examination

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
)

// OSCALVersion is the release of the schema that the files follow.
const OSCALVersion = "1.1.3"

// The OSCAL models that a report can be written as.
const (
	Plan    = "assessment-plan"
	Results = "assessment-results"
	POAM    = "plan-of-action-and-milestones"
)

type object = map[string]any

// uuid names a thing the same way each time: a UUID of version 5 over the engagement and the thing's own name.
func (r *Report) uuid(parts ...string) string {
	const space = "tickmark examination "
	s := sha1.Sum([]byte(space + r.ID + "\x00" + strings.Join(parts, "\x00")))
	s[6], s[8] = s[6]&0x0f|0x50, s[8]&0x3f|0x80
	h := hex.EncodeToString(s[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// OSCAL is a report in a model of OSCAL, as the firm has it: beside the printed report, the conclusion on each criterion. One that is not
// reviewed has no finding, and what could not be concluded is not satisfied, with the reason in its remarks.
func OSCAL(r *Report, model string) (map[string]any, error) {
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		zone = time.UTC
	}
	at := func(day string, end bool) string {
		t, err := time.ParseInLocation(time.DateOnly, day, zone)
		if err != nil {
			t = time.Date(1970, 1, 1, 0, 0, 0, 0, zone)
		}
		if end {
			t = t.AddDate(0, 0, 1).Add(-time.Second)
		}
		return t.Format(time.RFC3339)
	}
	metadata := func(title string) object {
		version := r.Number
		if version == "" {
			version = "draft"
		}
		dated := r.Date
		if dated == "" {
			dated = r.To
		}
		o := object{"title": title, "last-modified": at(dated, true), "version": version, "oscal-version": OSCALVersion,
			"roles":               []object{{"id": "assessor", "title": "Service auditor"}, {"id": "service-organisation", "title": "Service organisation"}},
			"parties":             []object{{"uuid": r.uuid("firm"), "type": "organization", "name": r.Firm}, {"uuid": r.uuid("company"), "type": "organization", "name": r.Company}},
			"responsible-parties": []object{{"role-id": "assessor", "party-uuids": []string{r.uuid("firm")}}, {"role-id": "service-organisation", "party-uuids": []string{r.uuid("company")}}}}
		if r.Shared != "" {
			o["remarks"] = r.Shared
		}
		return o
	}
	var include []object
	for _, c := range r.Criteria {
		if c.NotRelevant == "" {
			include = append(include, object{"control-id": strings.ToLower(c.ID)})
		}
	}
	if len(include) == 0 {
		return nil, fault.New(fault.Conflict, "No criterion is in scope, so there is nothing to write.")
	}
	reviewed := object{"description": "Trust services criteria for " + list(categories(r.Categories)) + ".", "control-selections": []object{{"include-controls": include}}}
	described := object{"resources": []object{{"uuid": r.uuid("description"), "title": "Description of the system " + r.System + " by management", "description": "Section III of the report."}}}
	ssp := object{"href": "#" + r.uuid("description"), "remarks": "Management's description of the system, Section III of the report."}
	first := r.From
	if first == "" {
		first = r.To
	}
	methods := func(k Control) []string {
		var out []string
		for _, t := range k.Tests {
			m := map[string]string{"inquiry": "INTERVIEW", "observation": "EXAMINE", "inspection": "EXAMINE", "reperformance": "TEST"}[t.Sort]
			if m != "" && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
		if out == nil {
			return []string{"UNKNOWN"}
		}
		return out
	}
	observation := func(k Control) object {
		text := "Not concluded."
		if k.Result != nil {
			text = k.Result.Text
		}
		o := object{"uuid": r.uuid("observation", k.ID), "title": k.ID, "description": text, "methods": methods(k), "types": []string{"control-objective"}, "collected": at(r.To, true),
			"props": []object{{"name": "control", "ns": "https://tickmark.example/ns/oscal", "value": k.ID}}}
		if len(k.Worded) > 0 {
			o["remarks"] = k.Worded[len(k.Worded)-1].Text
		}
		return o
	}
	switch model {
	case Plan:
		var tasks []object
		for _, k := range r.Controls {
			var steps []string
			for _, t := range k.Tests {
				steps = append(steps, test(t))
			}
			t := object{"uuid": r.uuid("task", k.ID), "type": "action", "title": "Test of " + k.ID}
			if len(steps) > 0 {
				t["description"] = strings.Join(steps, "\n\n")
			}
			tasks = append(tasks, t)
		}
		plan := object{"uuid": r.uuid("plan"), "metadata": metadata("Plan of the examination of " + r.System), "import-ssp": ssp, "reviewed-controls": reviewed, "back-matter": described}
		if tasks != nil {
			plan["tasks"] = tasks
		}
		return object{Plan: plan}, nil
	case Results:
		result := object{"uuid": r.uuid("result"), "title": "Results of the examination of " + r.System, "description": fmt.Sprintf("SOC 2 %s, %s.", map[bool]string{true: "Type II", false: "Type I"}[r.Type2()], (&writing{r: r}).span()),
			"start": at(first, false), "end": at(r.To, true), "reviewed-controls": reviewed}
		var seen, findings []object
		for _, k := range r.Controls {
			seen = append(seen, observation(k))
		}
		for _, c := range r.Criteria {
			if c.Conclusion == "" {
				continue
			}
			state, why := "not-satisfied", "The controls that were examined do not meet the criterion."
			switch c.Conclusion {
			case "met":
				state, why = "satisfied", "The controls that were examined, together, meet the criterion."
			case "not_concluded":
				why = "Sufficient appropriate evidence could not be obtained."
			}
			f := object{"uuid": r.uuid("finding", c.ID), "title": c.ID, "description": c.Title, "target": object{"type": "objective-id", "target-id": strings.ToLower(c.ID), "status": object{"state": state, "remarks": why}}}
			var related []object
			for _, id := range c.Controls {
				related = append(related, object{"observation-uuid": r.uuid("observation", id)})
			}
			if related != nil {
				f["related-observations"] = related
			}
			findings = append(findings, f)
		}
		if seen != nil {
			result["observations"] = seen
		}
		if findings != nil {
			result["findings"] = findings
		}
		out := object{"uuid": r.uuid("results"), "metadata": metadata("Results of the examination of " + r.System), "import-ap": object{"href": "#" + r.uuid("plan-resource")}, "results": []object{result},
			"back-matter": object{"resources": []object{{"uuid": r.uuid("plan-resource"), "title": "Plan of the examination", "description": "The assessment plan with the UUID " + r.uuid("plan") + "."}}}}
		return object{Results: out}, nil
	case POAM:
		if len(r.Deviations) == 0 {
			return nil, fault.New(fault.Conflict, "No exception was noted, so there is no plan of action.")
		}
		var items, seen []object
		for _, d := range r.Deviations {
			items = append(items, object{"uuid": r.uuid("item", d.Number), "title": d.Number + ", " + d.Control, "description": full(d.Facts), "related-observations": []object{{"observation-uuid": r.uuid("observation", d.Control)}},
				"remarks": strings.TrimSpace("Management's response, not examined: " + full(orNone(d.Response)) + " " + full(d.Remediation))})
			i := slices.IndexFunc(r.Controls, func(k Control) bool { return k.ID == d.Control })
			if i >= 0 && !slices.ContainsFunc(seen, func(o object) bool { return o["uuid"] == r.uuid("observation", d.Control) }) {
				seen = append(seen, observation(r.Controls[i]))
			}
		}
		out := object{"uuid": r.uuid("poam"), "metadata": metadata("Exceptions of the examination of " + r.System), "import-ssp": ssp, "poam-items": items, "back-matter": described}
		if seen != nil {
			out["observations"] = seen
		}
		return object{POAM: out}, nil
	}
	return nil, fault.New(fault.Usage, "There is no OSCAL model %q here.", model).WithNext("Choose %s, %s or %s.", Plan, Results, POAM)
}

func orNone(s string) string {
	if strings.TrimSpace(s) == "" {
		return "none was given"
	}
	return s
}
