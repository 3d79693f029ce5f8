package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"tickmark/internal/access"
	"tickmark/internal/report"
	"tickmark/internal/report/readiness"
)

func TestAReportIsReadMadeKeptAndDownloadedAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.as(t, "lead", access.Lead)
	ada.says(t, "/reports", "No report was kept yet", "the last 90 days")
	page := ada.says(t, "/reports/readiness", "Where it stands", "What no machine checks", "It adds nothing up to a score")
	for _, m := range regexp.MustCompile(`class="doc-ref" href="([^"]+)"`).FindAllStringSubmatch(page, 40) {
		if status, _ := ada.get(t, strings.ReplaceAll(m[1], "&amp;", "&")); status != http.StatusOK {
			t.Errorf("the reference %s answers %d", m[1], status)
		}
	}
	status, raw := ada.get(t, "/reports/readiness.json")
	var r readiness.Report
	if err := json.Unmarshal([]byte(raw), &r); status != http.StatusOK || err != nil || r.Format != readiness.Format || len(r.References) == 0 {
		t.Fatalf("%d %v", status, err)
	}
	for _, format := range report.Formats() {
		if status, page := ada.post(t, "/reports", url.Values{"format": {format}, "from": {"2026-01-01"}, "to": {"2026-03-31"}}); status != http.StatusOK {
			t.Fatalf("%s: %d %s", format, status, page)
		}
	}
	kept := ada.says(t, "/reports", "Download", "1 Jan 2026 to 31 Mar 2026")
	files := regexp.MustCompile(`/records/report/[^"/]+/file`).FindAllString(kept, -1)
	if len(files) != 3 {
		t.Fatalf("%d files: %q", len(files), files)
	}
	for _, f := range files {
		status, body := ada.get(t, f)
		sum := sha256.Sum256([]byte(body))
		if record := ada.says(t, strings.TrimSuffix(f, "/file"), "Readiness report"); status != http.StatusOK || !strings.Contains(record+kept, hex.EncodeToString(sum[:])) {
			t.Errorf("%s: %d, and its SHA-256 %x is nowhere", f, status, sum)
		}
	}
}

func TestWhoMayNotReadEverythingGetsNoReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eve, ann := w.as(t, "eve", access.Employee), w.as(t, "ann", access.Auditor)
	for _, path := range []string{"/reports", "/reports/readiness", "/reports/readiness.json"} {
		if status, _ := eve.get(t, path); status != http.StatusForbidden {
			t.Errorf("an employee at %s: %d", path, status)
		}
	}
	if status, _ := eve.post(t, "/reports", url.Values{"format": {"json"}}); status != http.StatusForbidden {
		t.Errorf("an employee makes a report: %d", status)
	}
	ann.says(t, "/reports/readiness", "can make a file of it and keep it")
	if status, _ := ann.post(t, "/reports", url.Values{"format": {"json"}}); status != http.StatusForbidden {
		t.Errorf("an auditor writes into the company's records: %d", status)
	}
	ada := w.as(t, "lead", access.Lead)
	for _, bad := range []url.Values{{"format": {"docx"}}, {"format": {"pdf"}, "paper": {"napkin"}}, {"format": {"json"}, "to": {"2026-01-01"}}, {"format": {"json"}, "from": {"soon"}}, {"format": {"json"}, "moment": {"2999-01-01T00:00"}}} {
		if status, _ := ada.post(t, "/reports", bad); status < 400 || status >= 500 {
			t.Errorf("%v: %d", bad, status)
		}
	}
}

func TestAPolicyIsAPDFThatSaysWhetherItIsApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.as(t, "lead", access.Lead)
	w.put(t, "policy", "access-control", map[string]any{"id": "access-control", "title": "Access control policy", "sort": "policy", "audience": "everyone"})
	w.put(t, "policy_version", "access-control-1", map[string]any{"policy": "access-control", "title": "Access control policy 1.0", "number": "1.0", "change": "major", "text": "## 1. Rules\n\n1. Access ends. {#ACP-1}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<script>alert(1)</script>\n"})
	if err := paper().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, pdf := ada.get(t, "/policies/access-control/pdf")
	if status != http.StatusOK || !strings.HasPrefix(pdf, "%PDF-1.7") {
		t.Fatalf("%d %.80q", status, pdf)
	}
	if status, _ := ada.get(t, "/policies/nothing/pdf"); status != http.StatusNotFound {
		t.Errorf("a policy that is none: %d", status)
	}
}
