package document

import (
	"fmt"
	"strings"
	"time"
)

// PolicyText is one version of a policy with what is known of its approval.
type PolicyText struct {
	Title, Organisation, Number, State, Effective, Text, SHA256, Key string
	Entry                                                            int64     // of the ledger, of the version of its record
	From                                                             time.Time // from when that version holds
	Zone                                                             *time.Location
	Authors                                                          []string
	ReviewedBy, ApprovedBy                                           string
	Alone                                                            string // what stands beside an approval that no second person gave
	ApprovedAt, PublishedAt                                          time.Time
	Demo                                                             bool
}

// Policy lays out a version of a policy, with a last page that says who wrote and approved exactly this text. A text that is
// not approved says so on every page.
func Policy(p PolicyText) Document {
	zone := p.Zone
	if zone == nil {
		zone = time.UTC
	}
	when := func(t time.Time) string { return t.In(zone).Format("2 Jan 2006, 15:04 MST") }
	approved := !p.ApprovedAt.IsZero() && p.ApprovedBy != ""
	state, alone := strings.ReplaceAll(p.State, "_", " "), ""
	if p.Alone != "" {
		alone = ", " + p.Alone
	}
	d := Document{Title: p.Title, Subtitle: "Version " + p.Number + ", " + state, Organisation: p.Organisation, Running: p.Title + ", version " + p.Number, Date: p.From, Language: "en", Contents: true,
		Notice: "Version " + p.Number + ", " + state}
	if p.Effective != "" {
		d.Facts = append(d.Facts, Fact{Name: "In force from", Value: day(p.Effective)})
	}
	if approved {
		d.Facts = append(d.Facts, Fact{Name: "Approved", Value: "by " + p.ApprovedBy + " on " + p.ApprovedAt.In(zone).Format("2 Jan 2006") + alone})
	}
	if p.SHA256 != "" {
		d.Facts = append(d.Facts, Fact{Name: "SHA-256 of the text", Value: p.SHA256, Code: true})
	}
	switch {
	case p.Demo:
		d.Banner = "Demo data: this organisation and all its records are invented."
	case !approved:
		d.Banner = "Not approved: this text is " + state + " and binds nobody."
	}
	sign := []Fact{{Name: "Policy", Value: p.Title}, {Name: "Version", Value: p.Number + ", " + state}, {Name: "Written by", Value: orNobody(strings.Join(p.Authors, ", "))}}
	if p.ReviewedBy != "" {
		sign = append(sign, Fact{Name: "Reviewed by", Value: p.ReviewedBy})
	}
	if approved {
		sign = append(sign, Fact{Name: "Approved by", Value: p.ApprovedBy + alone}, Fact{Name: "Approved on", Value: when(p.ApprovedAt)})
	} else {
		sign = append(sign, Fact{Name: "Approved by", Value: "Nobody yet"})
	}
	if !p.PublishedAt.IsZero() {
		sign = append(sign, Fact{Name: "Published on", Value: when(p.PublishedAt)})
	}
	if p.SHA256 != "" {
		sign = append(sign, Fact{Name: "SHA-256 of the text", Value: p.SHA256, Code: true})
	}
	sign = append(sign, Fact{Name: "Record", Value: "policy_version " + p.Key + ", as of " + when(p.From)}, Fact{Name: "Ledger entry", Value: fmt.Sprint(p.Entry), Code: true})
	d.Sections = append(sections(p.Title, Markdown(p.Text)), Section{ID: "approval", Title: "Approval", Blocks: []Block{
		{Text: Plain("What was approved is the text with exactly the SHA-256 below. The record of the approval is in the ledger; tickmark ledger prove gives the proof that it was not changed since.")},
		{Sign: sign},
	}})
	return d
}

func orNobody(s string) string {
	if s == "" {
		return "Nobody is on record"
	}
	return s
}

func day(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("2 Jan 2006")
}

// sections cuts a text into sections at its first two levels of headings; what stands before the first is one of its own.
func sections(title string, blocks []Block) []Section {
	var out []Section
	add := func(title string) *Section {
		out = append(out, Section{ID: fmt.Sprintf("part-%d", len(out)+1), Title: title, Follows: len(out) > 0})
		return &out[len(out)-1]
	}
	top := 6
	for _, b := range blocks {
		if b.Head != nil {
			top = min(top, b.Head.Level)
		}
	}
	heads := 0
	for _, b := range blocks {
		if b.Head != nil && b.Head.Level == top {
			heads++
		}
	}
	if heads == 1 && len(blocks) > 0 && blocks[0].Head != nil && blocks[0].Head.Level == top { // the title itself, said once
		blocks, top = blocks[1:], top+1
	}
	var at *Section
	for _, b := range blocks {
		if b.Head != nil && b.Head.Level <= top {
			at = add(textOf(b.Head.Spans))
			continue
		}
		if at == nil {
			at = add(title)
		}
		if b.Head != nil {
			h := *b.Head
			h.Level = max(1, h.Level-top)
			b.Head = &h
		}
		at.Blocks = append(at.Blocks, b)
	}
	return out
}

func textOf(list []Span) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(s.Text)
	}
	return b.String()
}
