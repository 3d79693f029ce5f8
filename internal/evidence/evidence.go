// Package evidence holds what proves a control: files and links with the period they speak for. The one rule: evidence is
// never overwritten; a better file is a new record that replaces the old one, and both stay.
package evidence

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

var hash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Kind declares evidence: received, reviewed by another person, or withdrawn with a reason.
func Kind() record.Kind {
	return record.Kind{
		Name: "evidence", Title: "Evidence", Plural: "Evidence", Group: "Program",
		Help:  "A file or link that proves a control, with the period it speaks for.",
		Label: "title",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Required: true},
			{Name: "controls", Type: record.Ref, Refers: "control", List: true, Indexed: true, Help: "The controls it proves."},
			{Name: "item", Title: "Evidence item", Type: record.Text, Hidden: true, Help: "Which item of the control's evidence rule this is."},
			{Name: "requirement", Type: record.Ref, Refers: "requirement", Indexed: true, Hidden: true, Help: "The requirement it meets."},
			{Name: "sort", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"document", "population", "configuration", "observation"},
				Help: "A population is a full list somebody drew from a system; it needs its source, query, time, count and how it was checked."},
			{Name: "sha256", Title: "SHA-256 of the file", Type: record.Text, Indexed: true, Hidden: true},
			{Name: "file_name", Title: "File", Type: record.Text, Personal: true},
			{Name: "media_type", Type: record.Text, Hidden: true},
			{Name: "size", Title: "Bytes", Type: record.Integer, Hidden: true},
			{Name: "link", Type: record.URL, Help: "Where it is kept, when it is not a file here. A link proves nothing once its target changes."},
			{Name: "covers_from", Title: "Covers from", Type: record.Date, Indexed: true, Help: "First day it speaks for; not the day it was received."},
			{Name: "covers_to", Title: "Covers to", Type: record.Date, Indexed: true, Help: "Last day it speaks for, inclusive."},
			{Name: "source", Type: record.Text, Hidden: true, Help: "The system it was drawn from."},
			{Name: "query", Type: record.Long, Hidden: true, Help: "The query, report or clicks that produced it."},
			{Name: "drawn_at", Type: record.Time, Hidden: true, Help: "When it was drawn from the source."},
			{Name: "row_count", Title: "Rows", Type: record.Integer, Hidden: true},
			{Name: "validation", Type: record.Long, Hidden: true, Help: "How completeness was checked, such as a count against the source's own."},
			{Name: "replaces", Type: record.Ref, Refers: "evidence", Indexed: true, Hidden: true, Help: "The earlier record that this one takes the place of."},
			{Name: "note", Type: record.Long, Hidden: true},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "received_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "received_at", Title: "Received", Type: record.Time, Fixed: true},
			{Name: "reviewed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "reviewed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "review", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "withdrawn_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "withdrawn_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "withdrawn_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: machine(),
		Guard:  written,
	}
}

func machine() *record.Machine {
	return &record.Machine{
		Initial: "received", By: "received_by", At: "received_at", Frozen: []string{"reviewed"},
		Moves: []record.Move{
			{Name: "review", Title: "Mark as reviewed", From: []string{"received"}, To: "reviewed", By: "reviewed_by", At: "reviewed_at",
				Fields: []record.Field{{Name: "review", Title: "What you looked at", Type: record.Long, Required: true,
					Help: "Say what you compared it with and what you found."}},
				Guard: func(before, _ map[string]any, actor record.Actor) error {
					giver, _ := before["received_by"].(string)
					return record.Apart(actor, "review it", record.Party{Role: "the one who handed this in", Stamp: giver})
				}},
			{Name: "withdraw", Title: "Withdraw", From: []string{"received", "reviewed"}, To: "withdrawn", By: "withdrawn_by", At: "withdrawn_at",
				Fields: []record.Field{{Name: "withdrawn_reason", Title: "Reason", Type: record.Long, Required: true,
					Help: "Say why it proves nothing. It stays visible with this reason."}}},
		},
	}
}

// written refuses a record without a proof, and another proof in a record that has one.
func written(before, after map[string]any, _ record.Actor) error {
	sum, link := text(after, "sha256"), text(after, "link")
	switch {
	case sum == "" && link == "":
		return fault.New(fault.Invalid, "This evidence has neither a file nor a link.").WithNext("Attach a file, or give the link to where it is kept.")
	case sum != "" && link != "":
		return fault.New(fault.Invalid, "This evidence has both a file and a link, and only one can be what it proves by.").
			WithNext("Make two records.")
	case sum != "" && !hash.MatchString(sum):
		return fault.New(fault.Invalid, "sha256 must be the 64 hexadecimal digits of the file's SHA-256.")
	}
	if link != "" {
		if u, err := url.Parse(link); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return fault.New(fault.Invalid, "The link must begin with https:// or http:// and name a host.")
		}
	}
	if from, to := text(after, "covers_from"), text(after, "covers_to"); from != "" && to != "" && to < from {
		return fault.New(fault.Invalid, "It covers up to %s, which lies before %s, where it begins.", to, from)
	}
	if before == nil {
		return nil
	}
	for _, f := range []string{"sha256", "file_name", "size", "link", "sort", "source", "query", "drawn_at", "row_count", "replaces"} {
		if !reflect.DeepEqual(before[f], after[f]) {
			return fault.New(fault.Conflict, "Evidence is never overwritten, and this would change its %s.", strings.ReplaceAll(f, "_", " ")).
				WithNext("Make a new record and name this one in its field replaces.")
		}
	}
	return nil
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}
