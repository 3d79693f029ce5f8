package result

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"tickmark/internal/connector"
)

// The formats of rules: OCSF (Prowler), Prowler's CSV, AWS Security Hub, XCCDF and ARF (OpenSCAP), Powerpipe.

// ocsf reads Detection (2004), Compliance (2003) and Vulnerability (2002) Findings of https://schema.ocsf.io.
func ocsf(f *File) *format {
	type resource struct {
		UID, Name string
		Region    string
	}
	type finding struct {
		Class    int    `json:"class_uid"`
		Activity int    `json:"activity_id"`
		Severity string `json:"severity"`
		Status   string
		Code     string `json:"status_code"`
		Detail   string `json:"status_detail"`
		Message  string
		TimeDT   string `json:"time_dt"`
		Time     int64
		Metadata struct {
			EventCode string `json:"event_code"`
			Product   struct {
				Name    string
				Version string
				UID     string
			}
		}
		Info struct {
			Title     string
			UID       string
			FirstSeen int64  `json:"first_seen_time"`
			FirstDT   string `json:"first_seen_time_dt"`
		} `json:"finding_info"`
		Resources  []resource
		Resource   resource
		Cloud      struct{ Account struct{ UID string } }
		Compliance struct{ Control, Status string }
		Flaws      []struct {
			CVE       struct{ UID string }
			Title     string
			Severity  string
			FirstSeen int64 `json:"first_seen_time"`
		} `json:"vulnerabilities"`
	}
	fm := &format{name: "ocsf", title: "OCSF"}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		return walk(f, r, map[string]func([]byte, int64) error{"[]": func(raw []byte, at int64) error {
			var x finding
			if err := take(f, raw, at, &x); err != nil {
				return err
			}
			res := x.Resource
			if len(x.Resources) > 0 {
				res = x.Resources[0]
			}
			base := found{tool: strings.ToLower(x.Metadata.Product.Name), version: x.Metadata.Product.Version, target: x.Cloud.Account.UID, at: moment(x.TimeDT), raw: raw}
			if base.at.IsZero() && x.Time > 0 {
				base.at = epoch(x.Time)
			}
			where := first(res.UID, res.Name)
			seen := moment(x.Info.FirstDT)
			if seen.IsZero() && x.Info.FirstSeen > 0 {
				seen = epoch(x.Info.FirstSeen)
			}
			switch x.Class {
			case 2003, 2004:
				code := first(x.Metadata.EventCode, x.Compliance.Control, x.Info.UID)
				status := verdict(first(x.Code, x.Compliance.Status, x.Status))
				base.kind, base.rule, base.label, base.key = RuleKind, code, x.Info.Title, code+"/"+res.Region+"/"+where
				base.body = map[string]any{"rule": code, "title": first(x.Info.Title, code), "resource": where, "status": status, "severity": severity(x.Severity), "reason": first(x.Detail, x.Message)}
				return f.add(base, at, out)
			case 2002:
				for _, v := range x.Flaws {
					one := base
					one.kind, one.key, one.label = FlawKind, v.CVE.UID+"/"+where, first(v.Title, x.Info.Title, v.CVE.UID)
					one.body = map[string]any{"vulnerability": v.CVE.UID, "title": one.label, "severity": severity(first(v.Severity, x.Severity)), "asset": where, "state": flawState(x.Status), "detected": stamp(seen)}
					if err := f.add(one, at, out); err != nil {
						return err
					}
				}
				if len(x.Flaws) == 0 {
					return f.wrong(at, "a vulnerability finding names no vulnerability")
				}
				return nil
			}
			return f.wrong(at, "it is of the OCSF class %d; 2002, 2003 and 2004 (vulnerability, compliance, detection finding) are known", x.Class)
		}})
	}
	return fm
}

// epoch is a time in seconds or milliseconds since 1970.
func epoch(n int64) time.Time {
	if n > 1e11 {
		return time.UnixMilli(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}

// flawState is open unless the tool says otherwise.
func flawState(s string) string {
	switch strings.ToLower(s) {
	case "resolved", "fixed", "archived":
		return "fixed"
	case "suppressed":
		return "dismissed"
	}
	return "open"
}

func prowlerCSV(f *File) *format {
	fm := &format{name: "prowler-csv", title: "Prowler's CSV", tool: "prowler", kinds: []string{RuleKind}}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		return table(f, r, func(m map[string]string, at int64) error {
			for _, need := range []string{"check_id", "status", "account_uid"} {
				if m[need] == "" {
					return f.wrong(at, "a row has no %s", strings.ToUpper(need))
				}
			}
			raw, err := json.Marshal(m)
			if err != nil {
				return err
			}
			where := first(m["resource_uid"], m["resource_name"])
			return f.add(found{kind: RuleKind, rule: m["check_id"], key: m["check_id"] + "/" + m["region"] + "/" + where, label: m["check_title"], target: m["account_uid"], version: m["prowler_version"], at: moment(m["timestamp"]), raw: raw,
				body: map[string]any{"rule": m["check_id"], "title": first(m["check_title"], m["check_id"]), "resource": where, "status": verdict(m["status"]), "severity": severity(m["severity"]), "reason": m["status_extended"]}}, at, out)
		})
	}
	return fm
}

// asff reads https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html, as get-findings and
// exports have it, and Prowler's.
func asff(f *File) *format {
	one := func(f *File, out connector.Sink) func(raw []byte, at int64) error {
		return func(raw []byte, at int64) error {
			var x struct {
				ID              string `json:"Id"`
				ProductName     string
				ProductArn      string
				GeneratorID     string `json:"GeneratorId"`
				AccountID       string `json:"AwsAccountId"`
				Title           string
				FirstObservedAt string
				CreatedAt       string
				UpdatedAt       string
				Severity        struct{ Label string }
				Compliance      *struct{ Status, SecurityControlId string }
				Resources       []struct {
					ID string `json:"Id"`
				}
				RecordState     string
				Workflow        struct{ Status string }
				Vulnerabilities []struct {
					ID string `json:"Id"`
				}
				Types            []string
				ProductFields    map[string]string
				WorkflowStateOld string `json:"WorkflowState"`
			}
			if err := take(f, raw, at, &x); err != nil {
				return err
			}
			if x.ID == "" || x.AccountID == "" {
				return f.wrong(at, "a finding has no Id or no AwsAccountId")
			}
			if x.RecordState == "ARCHIVED" {
				return nil
			}
			product := first(x.ProductName, x.ProductArn[strings.LastIndex(x.ProductArn, "/")+1:])
			base := found{tool: strings.ToLower(product), target: x.AccountID, at: moment(x.UpdatedAt), raw: raw, label: x.Title}
			where := ""
			if len(x.Resources) > 0 {
				where = x.Resources[0].ID
			}
			switch {
			case x.Compliance != nil && x.Compliance.Status != "":
				rule := first(x.Compliance.SecurityControlId, x.GeneratorID)
				base.kind, base.rule, base.key = RuleKind, rule, x.ID
				base.body = map[string]any{"rule": rule, "title": first(x.Title, rule), "resource": where, "status": verdict(x.Compliance.Status), "severity": severity(x.Severity.Label)}
			default:
				id := x.GeneratorID
				if len(x.Vulnerabilities) > 0 {
					id = x.Vulnerabilities[0].ID
				}
				state := flawState(x.Workflow.Status)
				base.kind, base.key = FlawKind, x.ID
				base.body = map[string]any{"vulnerability": id, "title": first(x.Title, id), "severity": severity(x.Severity.Label), "asset": where, "state": state, "detected": stamp(moment(first(x.FirstObservedAt, x.CreatedAt)))}
			}
			return f.add(base, at, out)
		}
	}
	fm := &format{name: "asff", title: "AWS Security Hub", many: true, kinds: []string{FlawKind, RuleKind}}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		do := one(f, out)
		in := map[string]func([]byte, int64) error{"Findings[]": do}
		if !f.wrapped {
			in = map[string]func([]byte, int64) error{"[]": do}
		}
		return walk(f, r, in)
	}
	return fm
}

// xccdf reads results of XCCDF 1.1 and 1.2, alone or in an asset report collection.
func xccdf(f *File) *format {
	f.about.rules = map[string]rule{}
	fm := &format{name: "xccdf", title: "XCCDF", tool: "openscap", kinds: []string{RuleKind}}
	fm.about = func(r io.Reader) error {
		return elements(f, r, map[string]func(*xml.Decoder, xml.StartElement) error{
			"Rule": func(d *xml.Decoder, e xml.StartElement) error {
				var x struct {
					ID       string `xml:"id,attr"`
					Severity string `xml:"severity,attr"`
					Title    string `xml:"title"`
				}
				if err := d.DecodeElement(&x, &e); err != nil {
					return err
				}
				f.about.rules[x.ID] = rule{strings.Join(strings.Fields(x.Title), " "), severity(x.Severity)}
				return nil
			},
			"TestResult": func(_ *xml.Decoder, e xml.StartElement) error {
				if system := attribute(e, "test-system"); system != "" { // cpe:/a:redhat:openscap:1.3.7
					if p := strings.Split(system, ":"); len(p) > 4 {
						f.about.version = p[len(p)-1]
					}
				}
				f.about.at = moment(first(attribute(e, "end-time"), attribute(e, "start-time")))
				return nil
			},
			"profile": func(d *xml.Decoder, e xml.StartElement) error {
				id := attribute(e, "idref")
				f.about.profile = first(f.about.profile, id[strings.LastIndex(id, "profile_")+len("profile_")*min(1, strings.Count(id, "profile_")):])
				return d.Skip()
			},
			"target": func(d *xml.Decoder, e xml.StartElement) error {
				var s string
				if err := d.DecodeElement(&s, &e); err != nil {
					return err
				}
				f.about.target = first(f.about.target, strings.TrimSpace(s))
				return nil
			},
		})
	}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		n := 0
		err := elements(f, r, map[string]func(*xml.Decoder, xml.StartElement) error{
			"Rule": func(d *xml.Decoder, _ xml.StartElement) error { return d.Skip() },
			"rule-result": func(d *xml.Decoder, e xml.StartElement) error {
				at := d.InputOffset()
				var x struct {
					Rule     string `xml:"idref,attr"`
					Severity string `xml:"severity,attr"`
					Time     string `xml:"time,attr"`
					Result   string `xml:"result"`
					Message  string `xml:"message"`
					Instance string `xml:"instance"`
				}
				if err := d.DecodeElement(&x, &e); err != nil {
					return err
				}
				n++
				if x.Result == "notselected" {
					return nil // the profile does not ask for it
				}
				about := f.about.rules[x.Rule]
				id := strings.TrimPrefix(x.Rule, "xccdf_org.ssgproject.content_rule_")
				raw, err := json.Marshal(map[string]any{"idref": x.Rule, "severity": x.Severity, "result": x.Result, "message": x.Message, "instance": x.Instance})
				if err != nil {
					return err
				}
				return f.add(found{kind: RuleKind, rule: id, key: id + "/" + x.Instance, label: first(about.title, id), raw: raw, body: map[string]any{
					"rule": id, "title": first(about.title, id), "resource": first(x.Instance, f.about.target), "status": verdict(x.Result), "severity": first(severity(x.Severity), about.severity), "reason": strings.TrimSpace(x.Message)}}, at, out)
			},
		})
		if err == nil && n == 0 {
			return f.wrong(0, "it is a benchmark without results; import what oscap xccdf eval --results wrote")
		}
		return err
	}
	return fm
}

// powerpipe reads a benchmark of Powerpipe or Steampipe (--output json), groups in groups.
func powerpipe(f *File) *format {
	type control struct {
		ID      string `json:"control_id"`
		Title   string
		Results []struct {
			Status, Reason, Resource string
			Dimensions               []struct{ Key, Value string }
		}
		Error    string `json:"run_error"`
		Severity string
	}
	type group struct {
		ID       string `json:"group_id"`
		Title    string
		Groups   []group
		Controls []control
	}
	fm := &format{name: "powerpipe", title: "Powerpipe", tool: "powerpipe", kinds: []string{RuleKind}}
	fm.about = func(r io.Reader) error {
		return walk(f, r, map[string]func([]byte, int64) error{"groups[].group_id": func(raw []byte, at int64) error {
			if f.about.profile != "" {
				return nil
			}
			return take(f, raw, at, &f.about.profile)
		}})
	}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		do := func(c control, at int64) error {
			if c.Error != "" || len(c.Results) == 0 && c.ID != "" {
				status := "unknown"
				if c.Error == "" {
					status = "not_applicable"
				}
				return f.add(found{kind: RuleKind, rule: c.ID, key: c.ID + "/", label: c.Title, raw: []byte(`{}`), body: map[string]any{
					"rule": c.ID, "title": first(c.Title, c.ID), "status": status, "severity": severity(c.Severity), "reason": first(c.Error, "no resource")}}, at, out)
			}
			for _, x := range c.Results {
				raw, err := json.Marshal(x)
				if err != nil {
					return err
				}
				where := x.Resource
				for _, d := range x.Dimensions {
					where += "/" + d.Value
				}
				if err := f.add(found{kind: RuleKind, rule: c.ID, key: c.ID + "/" + where, label: c.Title, raw: raw, body: map[string]any{
					"rule": c.ID, "title": first(c.Title, c.ID), "resource": x.Resource, "status": verdict(x.Status), "severity": severity(c.Severity), "reason": x.Reason}}, at, out); err != nil {
					return err
				}
			}
			return nil
		}
		var each func(g group, at int64) error
		each = func(g group, at int64) error {
			for _, c := range g.Controls {
				if err := do(c, at); err != nil {
					return err
				}
			}
			for _, in := range g.Groups {
				if err := each(in, at); err != nil {
					return err
				}
			}
			return nil
		}
		return walk(f, r, map[string]func([]byte, int64) error{
			"groups[]": func(raw []byte, at int64) error {
				var g group
				if err := take(f, raw, at, &g); err != nil {
					return err
				}
				return each(g, at)
			},
			"controls[]": func(raw []byte, at int64) error {
				var c control
				if err := take(f, raw, at, &c); err != nil {
					return err
				}
				return do(c, at)
			},
		})
	}
	return fm
}

func powerpipeCSV(f *File) *format {
	fm := &format{name: "powerpipe-csv", title: "Powerpipe's CSV", tool: "powerpipe", kinds: []string{RuleKind}}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		return table(f, r, func(m map[string]string, at int64) error {
			if m["control_id"] == "" || m["status"] == "" {
				return f.wrong(at, "a row has no control_id or no status")
			}
			raw, err := json.Marshal(m)
			if err != nil {
				return err
			}
			return f.add(found{kind: RuleKind, rule: m["control_id"], key: fmt.Sprintf("%s/%s/%s/%s", m["control_id"], m["resource"], m["region"], m["account_id"]), label: m["control_title"], profile: m["group_id"], raw: raw,
				body: map[string]any{"rule": m["control_id"], "title": first(m["control_title"], m["control_id"]), "resource": m["resource"], "status": verdict(m["status"]), "severity": severity(m["severity"]), "reason": m["reason"]}}, at, out)
		})
	}
	return fm
}
