package agenda

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A reader of calendars gets what it expects: CRLF, lines of at most 75 octets that come together again, escaped text, a stable
// UID, the end exclusive.
func TestACalendarIsWrittenAsItsFormatHasIt(t *testing.T) {
	summary := "Review: Access; keys, “roots”\\and\r\nleaves " + strings.Repeat("ü€𝄞", 40) + "\x07"
	day := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	got := string(Write("Duties, all", time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600)), []Event{{UID: uid("a"), Day: day, Summary: summary, URL: "http://x/records/task/t%2F1"}}))
	if strings.Contains(strings.ReplaceAll(got, "\r\n", ""), "\n") || strings.Contains(strings.ReplaceAll(got, "\r\n", ""), "\r") || !strings.HasSuffix(got, "END:VCALENDAR\r\n") {
		t.Fatal("a line ends in something else than CRLF")
	}
	for _, l := range strings.Split(strings.TrimSuffix(got, "\r\n"), "\r\n") {
		if len(l) > 75 || !utf8.ValidString(l) {
			t.Errorf("a line of %d octets, or one that ends within a character: %q", len(l), l)
		}
	}
	whole := strings.ReplaceAll(got, "\r\n ", "")
	for _, want := range []string{"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:", "X-WR-CALNAME:Duties\\, all\r\n", "DTSTAMP:20260301T120000Z\r\n", "DTSTART;VALUE=DATE:20260331\r\nDTEND;VALUE=DATE:20260401\r\n",
		"SUMMARY:Review: Access\\; keys\\, “roots”\\\\and\\nleaves " + strings.Repeat("ü€𝄞", 40) + "\r\n", "URL:http://x/records/task/t%2F1\r\n"} {
		if !strings.Contains(whole, want) {
			t.Errorf("the calendar lacks %q:\n%s", want, whole)
		}
	}
	if uid("a") != uid("a") || uid("a") == uid("b") {
		t.Error("the name of a duty is not its own, or not always the same")
	}
}
