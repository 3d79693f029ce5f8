package result

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tickmark/internal/connector"
)

// The formats of scanners for weaknesses: SARIF, Trivy, Grype, CycloneDX.

type message struct {
	Text string `json:"text"`
}

func sarif(f *File) *format {
	f.about.rules = map[string]rule{}
	type ruleOf struct {
		ID         string  `json:"id"`
		Short      message `json:"shortDescription"`
		Full       message `json:"fullDescription"`
		Default    struct{ Level string }
		Properties struct {
			Severity text `json:"security-severity"`
		}
	}
	type result struct {
		RuleID    string `json:"ruleId"`
		Level     string
		Kind      string
		Message   message
		Locations []struct {
			Physical struct {
				Artifact struct{ URI string } `json:"artifactLocation"`
				Region   struct {
					Start int `json:"startLine"`
				}
			} `json:"physicalLocation"`
			Logical []struct {
				Name string `json:"fullyQualifiedName"`
			} `json:"logicalLocations"`
		}
		Partial      map[string]text `json:"partialFingerprints"`
		Fingerprints map[string]text
		Suppressions []struct{ Status, Justification string }
		Baseline     string `json:"baselineState"`
	}
	fm := &format{name: "sarif", title: "SARIF", kinds: []string{FlawKind}}
	fm.about = func(r io.Reader) error {
		return walk(f, r, map[string]func([]byte, int64) error{
			"runs[].tool.driver": func(raw []byte, at int64) error {
				var d struct {
					Name, Version string
					Semantic      string `json:"semanticVersion"`
					Rules         []ruleOf
				}
				if err := take(f, raw, at, &d); err != nil {
					return err
				}
				if f.about.tool != "" && f.about.tool != d.Name && f.about.first != at {
					return f.wrong(at, "it holds results of %s and of %s; import each by itself", f.about.tool, d.Name)
				}
				f.about.tool, f.about.version, f.about.first = d.Name, first(d.Semantic, d.Version), at
				for _, x := range d.Rules {
					f.about.rules[x.ID] = rule{first(x.Short.Text, x.Full.Text), first(score(string(x.Properties.Severity)), severity(x.Default.Level))}
				}
				return nil
			},
			"runs[].versionControlProvenance[]": func(raw []byte, at int64) error {
				var v struct {
					URI string `json:"repositoryUri"`
				}
				err := take(f, raw, at, &v)
				f.about.target = first(f.about.target, v.URI)
				return err
			},
			"runs[].invocations[]": func(raw []byte, at int64) error {
				var v struct {
					Command string `json:"commandLine"`
					End     string `json:"endTimeUtc"`
					OK      *bool  `json:"executionSuccessful"`
				}
				if err := take(f, raw, at, &v); err != nil {
					return err
				}
				if v.OK != nil && !*v.OK {
					return f.wrong(at, "the tool says that it did not run to its end, so that what it did not find says nothing")
				}
				f.about.command, f.about.at = v.Command, moment(v.End)
				return nil
			},
		})
	}
	seen := map[string]int{}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		clear(seen)
		return walk(f, r, map[string]func([]byte, int64) error{"runs[].results[]": func(raw []byte, at int64) error {
			var x result
			if err := take(f, raw, at, &x); err != nil {
				return err
			}
			if x.Kind == "pass" || x.Kind == "notApplicable" || x.Kind == "informational" || x.Baseline == "absent" {
				return nil
			}
			place, print := "", ""
			if len(x.Locations) > 0 {
				if place = x.Locations[0].Physical.Artifact.URI; place == "" && len(x.Locations[0].Logical) > 0 {
					place = x.Locations[0].Logical[0].Name
				}
			}
			for _, m := range []map[string]text{x.Fingerprints, x.Partial} {
				for _, name := range sortedKeys(m) {
					if low := strings.ToLower(name); strings.Contains(low, "hash") || strings.Contains(low, "fingerprint") { // others are who and when
						print += "/" + string(m[name])
					}
				}
				if print != "" {
					break
				}
			}
			if print == "" && len(x.Locations) > 0 {
				print = fmt.Sprint("/", x.Locations[0].Physical.Region.Start, "/", x.Partial["commitSha"])
			}
			id := x.RuleID + "/" + place + print
			if n := seen[id]; n > 0 { // the same twice, as some tools say it
				id = fmt.Sprint(id, "#", n+1)
			}
			seen[x.RuleID+"/"+place+print]++
			state, why := "open", ""
			for _, s := range x.Suppressions {
				if s.Status == "" || s.Status == "accepted" {
					state, why = "dismissed", first(s.Justification, "suppressed in the source")
				}
			}
			title := first(f.about.rules[x.RuleID].title, x.Message.Text, x.RuleID)
			return f.add(found{kind: FlawKind, key: id, label: title, body: map[string]any{ // its own words may hold the line of a secret
				"vulnerability": x.RuleID, "title": title, "asset": place, "severity": first(f.about.rules[x.RuleID].severity, severity(first(x.Level, "warning"))), "state": state, "reason": why,
			}}, at, out)
		}})
	}
	return fm
}

// score is a CVSS score in words (https://www.first.org/cvss/v3.1/specification-document, 5).
func score(s string) string {
	var n float64
	if _, err := fmt.Sscan(s, &n); err != nil {
		return ""
	}
	switch {
	case n >= 9:
		return "critical"
	case n >= 7:
		return "high"
	case n >= 4:
		return "medium"
	case n > 0:
		return "low"
	}
	return "info"
}

func trivy(f *File) *format {
	type flaw struct {
		ID        string `json:"VulnerabilityID"`
		Package   string `json:"PkgName"`
		PackageID string `json:"PkgID"`
		Path      string `json:"PkgPath"`
		Installed string `json:"InstalledVersion"`
		Fixed     string `json:"FixedVersion"`
		Title     string
		Severity  string
		URL       string `json:"PrimaryURL"`
	}
	type misconfiguration struct{ ID, AVDID, Title, Message, Severity, Status, PrimaryURL string }
	type secret struct {
		RuleID, Title, Severity string
		StartLine               int
	}
	fm := &format{name: "trivy", title: "Trivy", tool: "trivy", kinds: []string{FlawKind, RuleKind}}
	fm.about = func(r io.Reader) error {
		str := func(into *string) func([]byte, int64) error {
			return func(raw []byte, at int64) error { return take(f, raw, at, into) }
		}
		at := ""
		err := walk(f, r, map[string]func([]byte, int64) error{"ArtifactName": str(&f.about.target), "CreatedAt": str(&at), "Trivy.Version": str(&f.about.version)})
		f.about.at = moment(at)
		return err
	}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		return walk(f, r, map[string]func([]byte, int64) error{"Results[]": func(raw []byte, at int64) error {
			var x struct {
				Target            string
				Vulnerabilities   []jsonOf[flaw]
				Misconfigurations []jsonOf[misconfiguration]
				Secrets           []jsonOf[secret]
			}
			if err := take(f, raw, at, &x); err != nil {
				return err
			}
			for _, v := range x.Vulnerabilities {
				s := severity(v.is.Severity)
				if err := f.add(found{kind: FlawKind, key: strings.Join([]string{x.Target, v.is.ID, first(v.is.PackageID, v.is.Package), v.is.Installed, v.is.Path}, "/"), label: first(v.is.Title, v.is.ID), raw: v.raw, body: map[string]any{
					"vulnerability": v.is.ID, "title": first(v.is.Title, v.is.ID), "severity": s, "asset": first(v.is.Package, x.Target), "version": v.is.Installed, "fixed_version": v.is.Fixed, "state": "open", "url": v.is.URL,
				}}, at, out); err != nil {
					return err
				}
			}
			for _, v := range x.Secrets {
				if err := f.add(found{kind: FlawKind, key: fmt.Sprintf("%s/%s/%d", x.Target, v.is.RuleID, v.is.StartLine), label: v.is.Title, body: map[string]any{
					"vulnerability": v.is.RuleID, "title": first(v.is.Title, v.is.RuleID), "severity": severity(v.is.Severity), "asset": x.Target, "state": "open",
				}}, at, out); err != nil { // the tool's words hold the line with the secret
					return err
				}
			}
			for i, v := range x.Misconfigurations {
				id := first(v.is.AVDID, v.is.ID)
				if err := f.add(found{kind: RuleKind, rule: id, key: fmt.Sprintf("%s/%s/%d", id, x.Target, i), label: v.is.Title, raw: v.raw, body: map[string]any{
					"rule": id, "title": first(v.is.Title, id), "resource": x.Target, "status": verdict(v.is.Status), "severity": severity(v.is.Severity), "reason": v.is.Message,
				}}, at, out); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	return fm
}

func grype(f *File) *format {
	fm := &format{name: "grype", title: "Grype", tool: "grype", kinds: []string{FlawKind}}
	fm.about = func(r io.Reader) error {
		return walk(f, r, map[string]func([]byte, int64) error{
			"source": func(raw []byte, at int64) error {
				var s struct{ Target any }
				if err := take(f, raw, at, &s); err != nil {
					return err
				}
				switch t := s.Target.(type) {
				case string:
					f.about.target = t
				case map[string]any:
					f.about.target, _ = t["userInput"].(string)
				}
				return nil
			},
			"descriptor": func(raw []byte, at int64) error {
				var d struct{ Version, Timestamp string }
				err := take(f, raw, at, &d)
				f.about.version, f.about.at = d.Version, moment(d.Timestamp)
				return err
			},
		})
	}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		return walk(f, r, map[string]func([]byte, int64) error{"matches[]": func(raw []byte, at int64) error {
			var x struct {
				Vulnerability struct {
					ID, Severity, Description, DataSource string
					Fix                                   struct{ Versions []string }
				}
				Artifact struct {
					Name, Version, Type, ID string
					Locations               []struct{ Path string }
				}
			}
			if err := take(f, raw, at, &x); err != nil {
				return err
			}
			place := ""
			if len(x.Artifact.Locations) > 0 {
				place = x.Artifact.Locations[0].Path
			}
			v := x.Vulnerability
			return f.add(found{kind: FlawKind, key: strings.Join([]string{v.ID, x.Artifact.Name, x.Artifact.Version, x.Artifact.Type, place}, "/"), label: v.ID + " in " + x.Artifact.Name, raw: raw, body: map[string]any{
				"vulnerability": v.ID, "title": v.ID + " in " + x.Artifact.Name, "severity": severity(v.Severity), "asset": x.Artifact.Name, "version": x.Artifact.Version,
				"fixed_version": strings.Join(v.Fix.Versions, ", "), "state": "open", "url": v.DataSource,
			}}, at, out)
		}})
	}
	return fm
}

func cyclonedx(f *File) *format {
	fm := &format{name: "cyclonedx", title: "CycloneDX"}
	fm.about = func(r io.Reader) error {
		return walk(f, r, map[string]func([]byte, int64) error{
			"components":      func([]byte, int64) error { fm.kinds = appendOnce(fm.kinds, PartKind); return nil },
			"vulnerabilities": func([]byte, int64) error { fm.kinds = appendOnce(fm.kinds, FlawKind); return nil },
			"metadata": func(raw []byte, at int64) error {
				var m struct {
					Timestamp string
					Component struct{ Name, Version, Purl string }
					Tools     any
				}
				if err := take(f, raw, at, &m); err != nil {
					return err
				}
				f.about.at, f.about.target = moment(m.Timestamp), m.Component.Name
				list, _ := m.Tools.([]any)
				if o, ok := m.Tools.(map[string]any); ok {
					list, _ = o["components"].([]any)
				}
				for _, t := range list {
					if o, ok := t.(map[string]any); ok && f.about.tool == "" {
						f.about.tool, _ = o["name"].(string)
						f.about.version, _ = o["version"].(string)
					}
				}
				f.about.tool = first(f.about.tool, "cyclonedx")
				return nil
			},
		})
	}
	fm.items = func(f *File, r io.Reader, out connector.Sink) error {
		f.about.tool = first(f.about.tool, "cyclonedx")
		return walk(f, r, map[string]func([]byte, int64) error{
			"components[]": func(raw []byte, at int64) error {
				var x struct {
					Ref, Type, Group, Name, Version, Purl string
					BomRef                                string `json:"bom-ref"`
					Licenses                              []struct {
						License    struct{ ID, Name string }
						Expression string
					}
				}
				if err := take(f, raw, at, &x); err != nil {
					return err
				}
				licences := []string{}
				for _, l := range x.Licenses {
					licences = append(licences, first(l.Expression, l.License.ID, l.License.Name))
				}
				name := strings.TrimPrefix(x.Group+"/"+x.Name, "/")
				return f.add(found{kind: PartKind, key: first(x.Purl, x.BomRef, x.Type+"/"+name+"@"+x.Version), label: name, raw: raw, body: map[string]any{
					"name": name, "version": x.Version, "type": x.Type, "purl": x.Purl, "licenses": licences}}, at, out)
			},
			"vulnerabilities[]": func(raw []byte, at int64) error {
				var x struct {
					ID, Description string
					Source          struct{ URL string }
					Ratings         []struct {
						Severity string
						Score    float64
					}
					Affects   []struct{ Ref string }
					Published string
					Analysis  struct{ State, Detail string }
				}
				if err := take(f, raw, at, &x); err != nil {
					return err
				}
				worst := ""
				for _, r := range x.Ratings {
					if s := severity(r.Severity); s != "" && (worst == "" || rank(s) < rank(worst)) {
						worst = s
					}
				}
				state := "open"
				switch x.Analysis.State {
				case "resolved", "resolved_with_pedigree":
					state = "fixed"
				case "false_positive", "not_affected":
					state = "dismissed"
				}
				parts := []string{}
				for _, a := range x.Affects {
					parts = append(parts, a.Ref)
				}
				if len(parts) == 0 {
					parts = []string{""}
				}
				for _, part := range parts {
					if err := f.add(found{kind: FlawKind, key: x.ID + "/" + part, label: x.ID, raw: raw, body: map[string]any{
						"vulnerability": x.ID, "title": first(clip(x.Description, 300), x.ID), "severity": worst, "asset": part, "state": state, "reason": x.Analysis.Detail, "url": x.Source.URL,
					}}, at, out); err != nil {
						return err
					}
				}
				return nil
			},
		})
	}
	return fm
}

func rank(s string) int {
	for i, x := range []string{"critical", "high", "medium", "low", "info"} {
		if x == s {
			return i
		}
	}
	return 9
}

func appendOnce(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}

// jsonOf is a value with the bytes that it was read from.
type jsonOf[T any] struct {
	is  T
	raw []byte
}

func (j *jsonOf[T]) UnmarshalJSON(b []byte) error {
	j.raw = bytes.Clone(b)
	return json.Unmarshal(b, &j.is)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
