package agenda

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Event is a whole day in a calendar.
type Event struct {
	UID     string // the same as long as it is the same duty
	Day     time.Time
	Summary string
	Detail  string
	URL     string
}

// Write writes a calendar as RFC 5545 has it: lines end in CRLF and are folded at 75 octets, text is escaped, and each event
// has its UID and the moment at which it was written out.
func Write(name string, now time.Time, events []Event) []byte {
	var b strings.Builder
	line := func(name, value string) { b.WriteString(fold(name + ":" + value)) }
	line("BEGIN", "VCALENDAR")
	line("VERSION", "2.0")
	line("PRODID", "-//Tickmark//Duties//EN")
	line("CALSCALE", "GREGORIAN")
	line("X-WR-CALNAME", escape(name))
	stamp := now.UTC().Format("20060102T150405Z")
	for _, e := range events {
		line("BEGIN", "VEVENT")
		line("UID", escape(e.UID))
		line("DTSTAMP", stamp)
		line("DTSTART;VALUE=DATE", e.Day.Format("20060102"))
		line("DTEND;VALUE=DATE", e.Day.AddDate(0, 0, 1).Format("20060102")) // the day after: the end is exclusive
		line("SUMMARY", escape(e.Summary))
		if e.Detail != "" {
			line("DESCRIPTION", escape(e.Detail))
		}
		if e.URL != "" {
			line("URL", e.URL)
		}
		line("TRANSP", "TRANSPARENT")
		line("END", "VEVENT")
	}
	line("END", "VCALENDAR")
	return []byte(b.String())
}

// escape writes a text value: a comma, a semicolon, a backslash and a line break mean something else otherwise. Other control
// characters have no place in a calendar.
func escape(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	s = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(s)
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// fold breaks a line at 75 octets, never within a character; what goes on begins with a space.
func fold(s string) string {
	const most = 75
	var b strings.Builder
	room := most
	for _, r := range s {
		if n := utf8.RuneLen(r); n > room {
			b.WriteString("\r\n ")
			room = most - 1
			b.WriteRune(r)
			room -= n
		} else {
			b.WriteRune(r)
			room -= n
		}
	}
	b.WriteString("\r\n")
	return b.String()
}
