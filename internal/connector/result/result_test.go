package result

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/content"
	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/fault"
)

func understand(name string, data []byte, o Options) (*File, error) {
	o.Name, o.At = name, time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
	return Read(context.Background(), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, o)
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func library(t testing.TB) Mapping {
	t.Helper()
	files, err := Library(content.Mapping)
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	m, err := ReadMapping(nil, files...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEachFormatIsKnownByItsContent(t *testing.T) {
	for _, c := range []struct {
		file, target, format string
		scopes               []string
		says                 []string // parts of bodies, as JSON
		silent               []string
	}{
		{file: "prowler.ocsf.json", format: "OCSF", scopes: []string{"prowler/111122223333", "prowler/444455556666"},
			says: []string{`"rule":"s3_bucket_default_encryption","severity":"high","status":"pass"`, `"holds":false`, `"controls":["NET-01"]`, `"status":"unknown","target":"111122223333"`, `"controls":["AC-08"]`}},
		{file: "vulnerability.ocsf.json", format: "OCSF", scopes: []string{"inspector/111122223333"}, says: []string{`"detected":"2026-01-05T00:00:00Z"`, `"severity":"critical","state":"open"`}},
		{file: "prowler.csv", format: "Prowler's CSV", scopes: []string{"prowler/111122223333"}, says: []string{`"reason":"it is; not"`, `"severity":"critical","status":"fail"`}},
		{file: "gitleaks.sarif", target: "leak", format: "SARIF", scopes: []string{"gitleaks/leak"}, says: []string{`"vulnerability":"generic-api-key"`, `"asset":"config.ini"`, `"severity":"medium"`}, silent: []string{"ada@example.com", "snippet"}},
		{file: "openscap.xml", format: "XCCDF", scopes: []string{"openscap/anssi_np_nt28_minimal/vm"}, says: []string{`"status":"fail"`, `"status":"pass"`, `"title":"Ensure rsyslog is Installed"`}, silent: []string{"notselected"}},
		{file: "trivy.json", format: "Trivy", scopes: []string{"trivy/shop:1.4"}, says: []string{`"fixed_version":"5.6.2"`, `"severity":"critical"`, `"rule":"AVD-DS-0002"`, `"vulnerability":"aws-access-key-id"`}, silent: []string{"PLANTED-SECRET-7"}},
		{file: "grype.json", format: "Grype", scopes: []string{"grype/shop:1.4"}, says: []string{`"asset":"xz-utils"`, `"fixed_version":"5.6.2"`}},
		{file: "bom.cdx.json", format: "CycloneDX", scopes: []string{"syft/shop"}, says: []string{`"licenses":["0BSD"]`, `"severity":"critical","state":"dismissed"`, `"name":"org/lib"`}},
		{file: "securityhub.json", format: "AWS Security Hub", scopes: []string{"inspector/111122223333", "security hub/111122223333"}, says: []string{`"controls":["NET-01"]`, `"state":"dismissed"`, `"detected":"2026-01-01T00:00:00Z"`}, silent: []string{"gone"}},
		{file: "powerpipe.json", format: "Powerpipe", scopes: []string{"powerpipe/aws_compliance.benchmark.cis/111122223333"}, target: "111122223333",
			says: []string{`"resource":"arn:ada"`, `"status":"not_applicable"`, `"reason":"access denied"`, `"controls":["AC-07"]`}},
		{file: "powerpipe.csv", format: "Powerpipe's CSV", scopes: []string{"powerpipe/cis/main"}, target: "main", says: []string{`"status":"fail"`, `"status":"pass"`}},
		{file: "junit.xml", format: "JUnit", scopes: []string{"junit/none", "junit/unit"}, says: []string{`"failed":1`, `"failures":["p.B"]`, `"ok":false,"seconds":0.75,"skipped":1`, `"ok":false,"seconds":0,"skipped":0,"suite":"none"`}},
		{file: "osquery.results.log", format: "osquery", scopes: []string{"osquery/H1", "osquery/H2"},
			says: []string{`"encrypted":true`, `"os":"macOS","os_version":"15.3"`, `"screen_lock":true,"screen_lock_delay":300`, `"removable":true,"removable_devices":["Acme Stick"]`, `"removable":false`, `"path":"/etc/passwd"`}},
	} {
		f, err := understand(c.file, sample(t, c.file), Options{Target: c.target, Mapping: library(t)})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		var scopes []string
		for _, s := range f.Report().Scans {
			scopes = append(scopes, s.scope())
		}
		if f.Report().Format != c.format || !slices.Equal(scopes, c.scopes) {
			t.Errorf("%s is %s of %q", c.file, f.Report().Format, scopes)
		}
		rec := &connectortest.Recorder{}
		if err := f.Hand(context.Background(), rec); err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		var all strings.Builder
		n := 0
		for _, kind := range f.Kinds() {
			for _, it := range rec.Items(kind) {
				n++
				fmt.Fprintf(&all, "%s %s %s\n", it.Key, it.Raw, it.Body)
				if kind != ScanKind && !slices.Contains(scopes, it.Scope) {
					t.Errorf("%s: %s is in the scope %q", c.file, it.Key, it.Scope)
				}
			}
		}
		if n != f.Report().Items+len(scopes) || f.Report().Items == 0 {
			t.Errorf("%s: %d handed over, and %d were told of", c.file, n-len(scopes), f.Report().Items)
		}
		for _, s := range c.says {
			if !strings.Contains(all.String(), s) {
				t.Errorf("%s does not say %s:\n%s", c.file, s, all.String())
			}
		}
		for _, s := range c.silent {
			if strings.Contains(all.String(), s) {
				t.Errorf("%s says %s", c.file, s)
			}
		}
	}
}

func TestABrokenFileIsRefusedWithItsPlace(t *testing.T) {
	trivy, ocsf, xccdf := string(sample(t, "trivy.json")), string(sample(t, "prowler.ocsf.json")), string(sample(t, "openscap.xml"))
	bomb := `<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><testsuites><testsuite name="&b;"/></testsuites>`
	for name, c := range map[string]struct{ data, says string }{
		"empty":                  {" \n", "is empty"},
		"no tool's":              {`{"hello":"world"}`, "of no tool that is known here"},
		"an empty list":          {`[]`, "does not say which tool"},
		"a page":                 {`<!doctype html><title>Sign in</title>`, "declares a document type"},
		"cut off":                {trivy[:len(trivy)*2/3], "it ends in the middle"},
		"cut off XML":            {xccdf[:len(xccdf)*2/3], "it ends in the middle"},
		"a name twice":           {strings.Replace(trivy, `"VulnerabilityID": "CVE-2024-3094",`, `"VulnerabilityID": "CVE-1", "VulnerabilityID": "CVE-2024-3094",`, 1), "duplicate object member name"},
		"a type":                 {strings.Replace(trivy, `"PkgName": "xz-utils"`, `"PkgName": [1]`, 1), "near byte"},
		"entities":               {bomb, "declares a document type"},
		"an external entity":     {`<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuites>&x;</testsuites>`, "declares a document type"},
		"a document type within": {`<testsuites><!DOCTYPE t [<!ENTITY x "y">]><testsuite name="a"/></testsuites>`, "declares a document type"},
		"two tools":              {string(sample(t, "mixed.ocsf.json")), "results of prowler and of other"},
		"the same, otherwise":    {strings.Replace(ocsf, `"s3_bucket_public_access",`, `"s3_bucket_default_encryption",`, 1), "x"},
		"another class":          {strings.Replace(ocsf, `"class_uid": 2004`, `"class_uid": 3002`, 1), "class 3002"},
		"go's own":               {`{"Time":"2026-01-01T00:00:00Z","Action":"start","Package":"p"}`, "JUnit"},
		"a benchmark":            {`<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b"><Rule id="r"><title>t</title></Rule></Benchmark>`, "without results"},
		"no account":             {"CHECK_ID;FINDING_UID;STATUS;ACCOUNT_UID\nx;y;PASS;\n", "no ACCOUNT_UID"},
		"a ragged row":           {"CHECK_ID;FINDING_UID;STATUS;ACCOUNT_UID\nx;y;PASS\n", "line 2"},
		"deep":                   {"<testsuites>" + strings.Repeat("<a>", 300), "200 deep"},
		"a failed run":           {strings.Replace(string(sample(t, "gitleaks.sarif")), `"results"`, `"invocations":[{"executionSuccessful":false}],"results"`, 1), "did not run to its end"},
	} {
		if name == "the same, otherwise" { // one resource and rule, two answers
			c.data, c.says = strings.NewReplacer(`"s3_bucket_public_access"`, `"s3_bucket_default_encryption"`, `arn:aws:s3:::two`, `arn:aws:s3:::one`).Replace(ocsf), "stands in it twice, with different content"
		}
		_, err := understand("file", []byte(c.data), Options{Target: "x"})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s is no fault of the file: %v", name, err)
		}
	}
}

func TestTheLongestLineOfAMappingCounts(t *testing.T) {
	m, err := ReadMapping(nil, NamedFile{"own", []byte("- {tool: prowler, rules: [\"s3_*\", \"*_end\"], controls: [DAT-01]}")}, NamedFile{"lib", []byte("- {tool: prowler, rules: [\"s3_bucket_*\", s3_x], controls: [NET-01, CRY-02]}")})
	if err != nil {
		t.Fatal(err)
	}
	for rule, want := range map[string]string{"s3_bucket_a": "[CRY-02 NET-01]", "s3_a": "[DAT-01]", "s3_x": "[CRY-02 NET-01]", "ec2": "[]", "the_end": "[DAT-01]"} {
		if got := fmt.Sprint(m.Controls("Prowler", rule)); got != want {
			t.Errorf("%s: %s", rule, got)
		}
	}
	for says, data := range map[string]string{"cannot be read": "- {tool: t, rule: x}", "lacks tool": "- {tool: t, rules: [x]}", "which there is not": "- {tool: t, rules: [x], controls: [NO-1]}"} {
		if _, err := ReadMapping(map[string]bool{"AC-01": true}, NamedFile{"own", []byte(data)}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestAFolderOfResultsIsReadWholeAndTheNewerFileCounts(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (*connectortest.Recorder, error) {
		rec := &connectortest.Recorder{}
		return rec, Folder(library(t)).Read(context.Background(), map[string]string{"path": dir}, rec)
	}
	put("a.json", sample(t, "trivy.json"))
	put("b.xml", sample(t, "openscap.xml"))
	newer := strings.NewReplacer("2026-02-01T04:00:00Z", "2026-02-03T04:00:00Z", "CVE-2023-0001", "CVE-2023-0002").Replace(string(sample(t, "trivy.json")))
	put("c.json", []byte(newer))
	rec, err := read()
	if err != nil || !rec.Whole() || len(rec.Items(ScanKind)) != 2 {
		t.Fatal(err, rec.Gaps())
	}
	if b, _ := json.Marshal(rec.Items(FlawKind)); strings.Contains(string(b), "CVE-2023-0001") || len(rec.Items(FlawKind)) != 3 {
		t.Errorf("the older file counts: %s", b)
	}
	put("d.json", []byte(`{"SchemaVersion":2,"ArtifactName":"x","Results":[`))
	if rec, err := read(); err == nil || len(rec.Items(FlawKind)) != 0 || !strings.Contains(err.Error(), "d.json") {
		t.Errorf("%v, %d items", err, len(rec.Items(FlawKind)))
	}
}

// endless is a file of OCSF findings made as it is read.
type endless struct {
	left, n int
	buf     bytes.Buffer
	one     string
}

func (e *endless) Read(p []byte) (int, error) {
	for e.buf.Len() < len(p) && e.left >= 0 {
		switch {
		case e.n == 0:
			e.buf.WriteString("[")
		case e.left == 0:
			e.buf.WriteString("]")
			e.left--
			continue
		default:
			e.buf.WriteString(",")
		}
		fmt.Fprintf(&e.buf, e.one, e.n)
		e.n++
		e.left--
	}
	return e.buf.Read(p)
}

func (e *endless) Close() error { return nil }

// BenchmarkOCSF understands and hands over a file of 100 MB.
func BenchmarkOCSF(b *testing.B) {
	var list []json.RawMessage
	if err := json.Unmarshal(sample(b, "prowler.ocsf.json"), &list); err != nil {
		b.Fatal(err)
	}
	one := strings.Replace(strings.ReplaceAll(string(list[0]), "%", "%%"), `arn:aws:s3:::one`, `arn:aws:s3:::one-%d`, 1)
	one = strings.Replace(one, `"message": "m"`, `"message": "`+strings.Repeat("what it is and why it matters; ", 60)+`"`, 1)
	n := 100_000_000 / len(one)
	for b.Loop() {
		start := time.Now()
		f, err := Read(context.Background(), func() (io.ReadCloser, error) { return &endless{left: n, one: one}, nil }, Options{Name: "big", Mapping: library(b)})
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Hand(context.Background(), nothing{&connectortest.Recorder{}}); err != nil {
			b.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(n*len(one))/1e6/time.Since(start).Seconds(), "MB/s")
		b.ReportMetric(float64(f.Report().Items), "findings")
		b.ReportMetric(float64(m.Sys)/1e6, "MB-taken")
	}
}

// nothing is a run that keeps nothing.
type nothing struct{ *connectortest.Recorder }

func (nothing) Item(connector.Item) error { return nil }
