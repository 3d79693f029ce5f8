package part

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Sentence turns a name such as in_review into words: "In review".
func Sentence(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == ' ' })
	for i, w := range words {
		switch w {
		case "it", "hr", "ci", "cli", "ssh", "id", "url", "mfa":
			words[i] = strings.ToUpper(w)
		}
	}
	s := strings.Join(words, " ")
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return ""
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// Count writes a number with its noun: "1 record", "2,300 records". The plural is the noun with an s unless given.
func Count(n int, noun string, plural ...string) string {
	if n != 1 {
		if len(plural) > 0 {
			noun = plural[0]
		} else {
			noun += "s"
		}
	}
	return Number(int64(n)) + " " + noun
}

// Number writes a whole number with commas between thousands.
func Number(n int64) string {
	s := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Bytes writes a size: "312 B", "4.2 kB".
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n), -1
	for f >= 1000 && i < 4 {
		f /= 1000
		i++
	}
	return fmt.Sprintf("%.1f %cB", f, "kMGTP"[i])
}

// Span writes a length of time in its largest unit: "3 days", "12 minutes".
func Span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return Count(int(d.Seconds()), "second")
	case d < time.Hour:
		return Count(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return Count(int(d.Hours()), "hour")
	case d < 100*24*time.Hour: // deadlines are 7, 30 or 90 days, and are read as such
		return Count(int(math.Round(d.Hours()/24)), "day")
	case d < 730*24*time.Hour:
		return Count(int(math.Round(d.Hours()/24/30.44)), "month")
	}
	return Count(int(d.Hours()/24/365.25), "year")
}

// Relative says when t is as seen from at: "3 days ago", "in 2 hours", "just now".
func Relative(t, at time.Time) string {
	d := t.Sub(at)
	switch {
	case d > -45*time.Second && d <= 0:
		return "just now"
	case d > 0 && d < 45*time.Second:
		return "in a moment"
	case d < 0:
		return Span(d) + " ago"
	}
	return "in " + Span(d)
}

// Full writes a moment with its zone: "22 Nov 2026, 15:43:41 UTC".
func Full(t time.Time, zone *time.Location) string {
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format("2 Jan 2006, 15:04:05 MST")
}

// Initials are at most two letters for an avatar: of first and last word.
func Initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	if len(words) == 1 {
		return string(unicode.ToUpper(first))
	}
	last, _ := utf8.DecodeRuneInString(words[len(words)-1])
	return string(unicode.ToUpper(first)) + string(unicode.ToUpper(last))
}

// Short cuts a long identity in its middle so that start and end stay readable.
func Short(s string, most int) string {
	r := []rune(s)
	if len(r) <= most || most < 5 {
		return s
	}
	head := (most - 1) * 2 / 3
	return string(r[:head]) + "…" + string(r[len(r)-(most-1-head):])
}

// ID makes a valid element id from any words.
func ID(parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('-')
		}
		for _, r := range strings.ToLower(p) {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				b.WriteRune(r)
			} else {
				b.WriteByte('-')
			}
		}
	}
	return b.String()
}
