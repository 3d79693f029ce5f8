package part

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestWorstPutsFailureFirstAndNothingIsUnknown(t *testing.T) {
	for _, c := range []struct {
		in   []Status
		want Status
	}{
		{nil, Unknown},
		{[]Status{Passing}, Passing},
		{[]Status{Passing, NotApplicable}, Passing},
		{[]Status{Passing, Unknown}, Unknown},
		{[]Status{Unknown, Attention}, Attention},
		{[]Status{Attention, Failing, Passing}, Failing},
	} {
		if got := Worst(c.in...); got != c.want {
			t.Errorf("Worst(%v) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestAnyOtherStatusCountsAsUnknown(t *testing.T) {
	var c Counts
	c.Add("something new")
	if c.Unknown != 1 || c.Passing != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestPathAndSegmentAgree(t *testing.T) {
	for _, key := range []string{"/", ".", "..", "~", "~slash", "~~", "/var/log", "a b", "arn:aws:iam::1:user/bob", "ä%2F", "?x=1#y"} {
		p := Path("records", "kind", key)
		if strings.Contains(p, "//") || strings.Count(p, "/") != 3 || strings.ContainsAny(p, "?# ") {
			t.Errorf("Path of %q is %s", key, p)
		}
		last := p[strings.LastIndexByte(p, '/')+1:]
		back, err := url.PathUnescape(last)
		if err != nil || Segment(back) != key {
			t.Errorf("%q became %s and came back as %q", key, p, Segment(back))
		}
	}
}

func TestToKeepsTheMoment(t *testing.T) {
	past := With(t.Context(), View{Now: time.Now(), AsOf: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)})
	for in, want := range map[string]string{
		"/checks":            "/checks?as_of=2026-01-02T03%3A04%3A05.000006Z",
		"/checks?q=a%26b#x":  "/checks?as_of=2026-01-02T03%3A04%3A05.000006Z&q=a%26b#x",
		"/a?as_of=elsewhere": "/a?as_of=elsewhere",
	} {
		if got := string(To(past, in)); got != want {
			t.Errorf("To(%s) = %s, want %s", in, got, want)
		}
	}
	if got := To(t.Context(), "/checks", "status", "", "q", "a b"); got != "/checks?q=a+b" {
		t.Errorf("now: %s", got)
	}
}

func TestWordDiffRebuildsBothTexts(t *testing.T) {
	for _, c := range [][2]string{
		{"Access ends within one business day of termination.", "Access ends within four hours of termination."},
		{"", "new"}, {"old", ""}, {"same", "same"}, {"a  b\n c", "a b\nc"}, {"x y z", "z y x"}, {strings.Repeat("a b ", 3000), strings.Repeat("b a ", 3000)},
	} {
		var before, after strings.Builder
		for _, p := range WordDiff(c[0], c[1]) {
			if p.Kind != '+' {
				before.WriteString(p.Text)
			}
			if p.Kind != '-' {
				after.WriteString(p.Text)
			}
		}
		if before.String() != c[0] || after.String() != c[1] {
			t.Errorf("%.30q to %.30q came back as %.30q to %.30q", c[0], c[1], before.String(), after.String())
		}
	}
}

func TestCompareTellsAbsentFromNullAndKeepsNumbersAsWritten(t *testing.T) {
	got := Compare([]byte(`{"a":1,"b":null,"c":{"d":[1,2]},"n":1.50}`), []byte(`{"a":1,"c":{"d":[2]},"n":1.5,"e":false}`))
	want := []Change{{Field: "b", Before: "null", Gone: true}, {Field: "c.d", Before: "1, 2", After: "2"}, {Field: "e", After: "no", Added: true}, {Field: "n", Before: "1.50", After: "1.5"}}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}

func TestJSONShowsWhatItIsGivenAndEscapesIt(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"<script>","b":[1.50,null,true,"x\"y"]}`: `&lt;script&gt;`,
		`{"n":12345678901234567890.10}`:                `12345678901234567890.10`,
		`not json <b>`:                                 `not json &lt;b&gt;`,
	} {
		var b bytes.Buffer
		if err := JSON([]byte(in)).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) || strings.Contains(b.String(), "<script>") || strings.Contains(b.String(), "<b>") {
			t.Errorf("%s became %s", in, b.String())
		}
	}
}

func TestRelativeReadsBothWays(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-10 * time.Second: "just now", -90 * time.Second: "1 minute ago", 3 * 24 * time.Hour: "in 3 days", -400 * 24 * time.Hour: "13 months ago", 26 * time.Hour: "in 26 hours",
		90*24*time.Hour - 3*time.Second: "in 90 days", 180*24*time.Hour - time.Hour: "in 6 months",
	} {
		if got := Relative(at.Add(d), at); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}
