package readiness

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"tickmark/internal/report/document"
	"tickmark/internal/store"
)

func (p *paper) checks() document.Section {
	var rows []document.Row
	for _, c := range p.r.Checks {
		went := document.Cell{Strip: p.strip(c.Course), Sub: p.says(c.Course)}
		if c.Course.Partial {
			went.Sub += ". There are more answers than were summed"
		}
		stands := document.Cell{Status: status(c.Status), Sub: c.Why}
		if c.Off {
			stands.Status = &document.Status{Word: "Turned off", Tone: document.Unknown}
		} else if c.Why == "" {
			stands.Sub = fmt.Sprintf("%d pass, %d fail, %d unknown", c.Pass, c.Fail, c.Unknown)
			if c.NA > 0 {
				stands.Sub += fmt.Sprintf(", %d not applicable", c.NA)
			}
		}
		longest := document.Cell{Text: "None"}
		if f := c.Course.Longest; f != nil {
			longest = document.Cell{Text: span(float64(f.To-f.From)/hour) + ": " + f.Label, Sub: strings.ReplaceAll(f.Kind, "_", " ") + ", from " + p.day(f.From), Refs: p.ref(f.Ref)}
			if f.From < p.r.From {
				longest.Sub += ", before the window,"
			}
			if f.Goes {
				longest.Sub += ", goes on"
			} else {
				longest.Sub += " to " + p.day(f.To)
			}
		}
		rows = append(rows, document.Row{Cells: []document.Cell{{Title: c.ID, Refs: p.ref(c.Ref)}, {Text: c.Title, Sub: plain(c.Severity) + controlsOf(c.Controls)},
			stands, went, {Text: percent(c.Course.Covered)}, longest}})
	}
	s := document.Section{ID: "checks", Title: "Checks over the window", Blocks: []document.Block{
		text("Each check as it stands, and as it went from %s to %s, in %s. The line shows the worst answer about any record: a full dark bar is failing, a hatched one unknown, a low light one passing, and nothing where there was nothing to judge. Covered is the share of the time in which everything the check rests on was read. A check without a mark has given no answer about any record.", p.day(p.r.From), p.day(p.r.To-1), p.r.Zone),
		table(document.Table{Label: "Checks", Empty: "No checks are loaded.", Columns: []document.Column{{Title: "Id", Width: -52}, {Title: "Check", Width: 1.7}, {Title: "Stands", Width: 1.9}, {Title: "Over the window", Width: 1.7}, {Title: "Covered", Width: -42, Right: true}, {Title: "Longest failure", Width: 1.3}}, Rows: rows}),
	}}
	silent, more := p.silences()
	sub := document.Section{ID: "check-gaps", Title: "When checks could not speak", Blocks: []document.Block{
		text("Each time with its cause, and the checks that are unknown for it. The JSON of this report has them check by check."),
		table(document.Table{Label: "Times in which checks could not speak", Empty: "Every check was covered for the whole window.",
			Columns: []document.Column{{Title: "Time", Width: 1.2}, {Title: "Why", Width: 2.6}, {Title: "Checks", Width: 2.2}}, Rows: silent})}}
	if more > 0 {
		sub.Blocks = append(sub.Blocks, small(fmt.Sprintf("%d more such times are in the JSON of this report.", more)))
	}
	s.Sections = append(s.Sections, sub)
	return s
}

// silences are the times in which checks could not speak, one line for each time and cause: an outage of a source silences
// many checks at once, over many kinds of record. more is how many lines are left out.
func (p *paper) silences() (rows []document.Row, more int) {
	type silence struct {
		from                 store.Moment
		when, cause          string
		about, where, checks []string
		ref                  string // of the source, or of the setting that turned the check off
	}
	sources := map[string]string{}
	for _, s := range p.r.Sources {
		sources[s.Name] = s.Ref
	}
	var all []*silence
	by := map[[3]string]*silence{}
	for _, c := range p.r.Checks {
		for _, g := range c.Course.Gaps {
			about, where, source, cause := silent(g.Reason)
			ref := sources[source]
			for _, x := range p.r.Changes {
				if source == "" && x.Check == c.ID && x.Off && x.At < g.To && x.Ended > g.From {
					ref = x.Ref
				}
			}
			id := [3]string{p.from(g.From, g.To), cause, ref}
			s := by[id]
			if s == nil {
				s = &silence{from: g.From, when: id[0], cause: cause, ref: ref}
				by[id], all = s, append(all, s)
			}
			s.about, s.where, s.checks = with(s.about, about), with(s.where, where), with(s.checks, c.ID)
		}
	}
	slices.SortStableFunc(all, func(a, b *silence) int { return cmp.Compare(a.from, b.from) })
	const most = 100
	for _, s := range all[:min(most, len(all))] {
		sub := strings.Join(s.about, ", ")
		if len(s.where) > 0 {
			sub += " in " + strings.Join(s.where, ", ")
		}
		rows = append(rows, document.Row{Cells: []document.Cell{{Title: s.when, Refs: p.ref(s.ref)}, {Text: s.cause, Sub: sub}, {Text: count(len(s.checks), "check"), Sub: strings.Join(s.checks, ", ")}}})
	}
	return rows, max(0, len(all)-most)
}

// with is a list with a text, once.
func with(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// silent takes the reason of a check's gap apart: what was not read, in which machine or other parent, from which source, and
// what happened; so that the same outage is told once for all that it silenced. A reason of another form is its own cause.
func silent(reason string) (about, where, source, cause string) {
	if kind, ok := strings.CutPrefix(reason, "No connection reads any "); ok {
		return strings.TrimSuffix(kind, "."), "", "", "No connection reads them:"
	}
	for _, form := range []struct{ says, until, cause string }{
		{" could not be read completely from ", ": ", "Not read completely from "},
		{" were not yet read completely from ", ".", "Not yet read completely from "},
		{" were last read completely from ", " at ", "Last read completely from "},
		{" were not read from ", " between ", "Not read from "},
	} {
		what, rest, ok := strings.Cut(reason, form.says)
		if what, the := strings.CutPrefix(what, "The "); ok && the {
			source, _, _ = strings.Cut(rest, form.until)
			about, where, _ = strings.Cut(what, " in ")
			return about, where, source, form.cause + strings.Replace(rest, ", and what they are since", "; what they are since", 1)
		}
	}
	return "", "", "", reason
}

func controlsOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return ", for " + strings.Join(list, ", ")
}

func forControl(id string) string {
	if id == "" {
		return ""
	}
	return ", for " + id
}

// percent never rounds up to the whole.
func percent(v float64) string {
	switch {
	case v >= 100:
		return "100%"
	case v > 99.9:
		return "99.9%"
	case v <= 0:
		return "0%"
	}
	return fmt.Sprintf("%.1f%%", v)
}

func (p *paper) from(a, b store.Moment) string {
	if p.day(a) == p.day(b-1) {
		return p.day(a)
	}
	return p.day(a) + " to " + p.day(b-1)
}

func (p *paper) findings() document.Section {
	var rows, exceptions []document.Row
	for _, open := range []bool{true, false} {
		n := 0
		for _, f := range p.r.Findings {
			if f.Open != open {
				continue
			}
			if n++; n == 1 {
				rows = append(rows, document.Row{Group: map[bool]string{true: "Open", false: "No longer open"}[open]})
			}
			due := document.Cell{Text: "No date"}
			if f.Due != "" {
				due.Text = date(f.Due)
			}
			if f.Overdue != "" {
				due.Status, due.Sub = &document.Status{Word: "Past due", Tone: document.Fail}, "since "+date(f.Overdue)
				if !f.Open {
					due.Status, due.Sub = &document.Status{Word: "Was late", Tone: document.Attention}, "from "+date(f.Overdue)
				}
			}
			rows = append(rows, document.Row{Cells: []document.Cell{{Status: severity(f.Severity)}, {Title: f.Title, Sub: strings.TrimPrefix(strings.TrimSpace(f.Check+controlsOf(f.Controls)), ", "), Refs: p.ref(f.Ref)},
				{Text: plain(f.State), Sub: "opened " + f.Opened.In(p.zone).Format("2 Jan 2006")}, {Text: cmp.Or(f.Owner, "Nobody")}, due}})
		}
	}
	for _, e := range p.r.Exceptions {
		exceptions = append(exceptions, document.Row{Cells: []document.Cell{{Title: e.Title, Text: e.Reason, Sub: "Covers " + strings.Join(e.Resources, ", ") + forControl(e.Control), Refs: p.ref(e.Ref)}, {Text: plain(e.State)}, {Text: date(e.From) + " to " + date(e.To)}, {Text: cmp.Or(e.Approved, "Nobody yet")}}})
	}
	return document.Section{ID: "findings", Follows: true, Title: "Findings and exceptions", Blocks: []document.Block{
		text("What is open now, and what was open in the window and is dealt with, or was accepted as a risk. A fix never takes away that something was late."),
		table(document.Table{Label: "Findings", Empty: "No findings are open, and none were in the window.", Columns: []document.Column{{Title: "Severity", Width: -62}, {Title: "Finding", Width: 3}, {Title: "State", Width: 1.1}, {Title: "Owner", Width: 1}, {Title: "Due", Width: 1}}, Rows: rows}),
	}, Sections: []document.Section{{ID: "exceptions", Title: "Exceptions", Blocks: []document.Block{
		text("An exception turns no failure into a pass; what it covers goes on failing."),
		table(document.Table{Label: "Exceptions that held in the window or are asked for", Empty: "No exception held in the window, and none is asked for.", Columns: []document.Column{{Title: "Exception and reason", Width: 3}, {Title: "State", Width: 1}, {Title: "Days", Width: 1.3}, {Title: "Approved by", Width: 1}}, Rows: exceptions}),
	}}}}
}

func (p *paper) unwatched() document.Section {
	titles := map[string]Control{}
	for _, c := range p.r.Controls {
		titles[c.ID] = c
	}
	names := map[string]Criterion{}
	for _, c := range p.r.Criteria {
		names[c.ID] = c
	}
	var criteria, controls []document.Row
	for _, id := range p.r.Unwatched.Criteria {
		criteria = append(criteria, document.Row{Cells: []document.Cell{{Title: id, Refs: p.ref(names[id].Ref)}, {Text: names[id].Title}, {Words: names[id].Controls, Text: none(len(names[id].Controls), "No control")}}})
	}
	for _, id := range p.r.Unwatched.Controls {
		controls = append(controls, document.Row{Cells: []document.Cell{{Title: id, Refs: p.ref(titles[id].Ref)}, {Text: titles[id].Title}, {Text: occurred(titles[id]), Sub: proof(titles[id])}}})
	}
	return document.Section{ID: "people", Follows: true, Title: "What no machine checks", Blocks: []document.Block{
		text("For these, no check judged any record. Only people can answer for them, by what they did and what they kept; the records say nothing by themselves."),
	}, Sections: []document.Section{
		{ID: "people-criteria", Title: fmt.Sprintf("Criteria (%d)", len(criteria)), Blocks: []document.Block{table(document.Table{Label: "Criteria that no check watches", Empty: "Every criterion in scope is watched by a check.", Columns: []document.Column{{Title: "Id", Width: -48}, {Title: "Criterion", Width: 3}, {Title: "Controls", Width: 1.4}}, Rows: criteria})}},
		{ID: "people-controls", Title: fmt.Sprintf("Controls (%d)", len(controls)), Blocks: []document.Block{table(document.Table{Label: "Controls that no check watches", Empty: "Every control is watched by a check.", Columns: []document.Column{{Title: "Id", Width: -48}, {Title: "Control", Width: 2.4}, {Title: "In the window", Width: 2}}, Rows: controls})}},
	}}
}

func (p *paper) policies() document.Section {
	var rows []document.Row
	for _, x := range p.r.Policies {
		force := document.Cell{Status: &document.Status{Word: "Not in force", Tone: document.Fail}}
		approved, read := document.Cell{Text: "Nobody"}, document.Cell{Text: "Nobody"}
		if x.Version != "" {
			force = document.Cell{Text: "Version " + x.Version, Refs: p.ref(x.VersionRef)}
			if x.Effective != "" {
				force.Sub = "in force from " + date(x.Effective)
			}
			approved = document.Cell{Text: cmp.Or(x.ApprovedBy, "Nobody")}
			if !x.ApprovedAt.IsZero() {
				approved.Sub = x.ApprovedAt.In(p.zone).Format("2 Jan 2006")
				if x.Alone != "" {
					approved.Sub += ", " + x.Alone
				}
				if len(x.Missed) > 0 {
					approved.Sub += ". " + strings.Join(x.Missed, " ")
				}
			}
		}
		if x.Draft != "" && x.Version == "" {
			force.Sub = "its text is " + x.Draft + ", not published"
		} else if x.Draft != "" {
			force.Sub += "; a new text is " + x.Draft
		}
		if x.Assigned > 0 {
			read.Text = fmt.Sprintf("%d of %d", x.Acknowledged, x.Assigned)
			if x.Overdue > 0 {
				read.Sub = fmt.Sprintf("%d past due", x.Overdue)
			}
		}
		rows = append(rows, document.Row{Cells: []document.Cell{{Title: x.Title, Sub: plain(x.Sort), Refs: p.ref(x.Ref)}, {Text: cmp.Or(x.Owner, "Nobody")}, force, approved, read}})
	}
	return document.Section{ID: "policies", Follows: true, Title: "Policies", Blocks: []document.Block{
		text("Each policy with its text in force, its last approval, by review too, and how many of those whom it concerns have accepted it."),
		table(document.Table{Label: "Policies", Empty: "No policies are on record.", Columns: []document.Column{{Title: "Policy", Width: 2.4}, {Title: "Owner", Width: 1}, {Title: "Text in force", Width: 1.6}, {Title: "Last approved", Width: 1.1}, {Title: "Acknowledged", Width: 1.1}}, Rows: rows}),
	}}
}

func (p *paper) sources() document.Section {
	s := document.Section{ID: "sources", Title: "Sources", Blocks: []document.Block{
		text("Where the records come from, and for how much of the window each source was read completely. What was not read is unknown, and checks that rest on it are too."),
	}}
	if len(p.r.Sources) == 0 {
		s.Blocks = append(s.Blocks, document.Block{Note: &document.Note{Tone: document.Attention, Title: "Nothing is connected", Text: "No source is read; every check that rests on one is unknown."}})
	}
	for _, x := range p.r.Sources {
		facts := []document.Fact{{Name: "Connection", Value: x.Name + " (" + x.Connector + ")", Ref: p.one(x.Ref)}}
		if x.Paused {
			facts = append(facts, document.Fact{Name: "Paused", Value: "It is not read at present."})
		}
		if x.Last != nil {
			facts = append(facts, document.Fact{Name: "Last run", Value: plain(x.Last.Outcome) + ", ended " + x.Last.Ended.In(p.zone).Format("2 Jan 2006, 15:04 MST"), Ref: p.one(x.Last.Ref)})
			for i, g := range x.Last.Missing {
				name := ""
				if i == 0 {
					name = "Not read"
				}
				facts = append(facts, document.Fact{Name: name, Value: g})
			}
		}
		rows := p.vouched(x.Coverage)
		for i := range rows {
			rows[i].Cells[0].Refs = p.ref(x.Ref)
		}
		s.Sections = append(s.Sections, document.Section{ID: "source-" + slug(x.Name), Title: x.Title, Blocks: []document.Block{{Facts: facts},
			table(document.Table{Label: "What " + x.Name + " vouches for", Empty: "It vouched for nothing in the window.", Columns: []document.Column{{Title: "Records", Width: 1.4}, {Title: "Covered", Width: -48, Right: true}, {Title: "Not covered", Width: 3}}, Rows: rows})}})
	}
	return s
}

// vouched is what a source vouches for, one line for all kinds that were read, and not read, at the same times of the same
// scopes.
func (p *paper) vouched(coverage []SourceKind) []document.Row {
	type line struct {
		kind, share string
		why, scopes []string
	}
	var byKind []*line // the scopes of a kind that have the same times
	for _, c := range coverage {
		why := []string{}
		for _, g := range c.Gaps[:min(4, len(c.Gaps))] {
			why = append(why, p.from(g.From, g.To)+": "+g.Reason)
		}
		if n := len(c.Gaps) - 4; n > 0 {
			why = append(why, fmt.Sprintf("%d more", n))
		}
		i := slices.IndexFunc(byKind, func(l *line) bool {
			return l.kind == c.Title && l.share == percent(c.Percent) && slices.Equal(l.why, why)
		})
		if i < 0 {
			i, byKind = len(byKind), append(byKind, &line{kind: c.Title, share: percent(c.Percent), why: why})
		}
		if c.Scope != "" {
			byKind[i].scopes = append(byKind[i].scopes, c.Scope)
		}
	}
	rows := []document.Row{}
	for len(byKind) > 0 {
		l, kinds, rest := byKind[0], []string{}, []*line{}
		for _, x := range byKind {
			if x.share == l.share && slices.Equal(x.why, l.why) && slices.Equal(x.scopes, l.scopes) {
				kinds = append(kinds, x.kind)
			} else {
				rest = append(rest, x)
			}
		}
		byKind = rest
		first := document.Cell{Title: strings.Join(kinds, ", ")}
		if len(l.scopes) > 0 {
			first.Sub = "of " + strings.Join(l.scopes, ", ")
		}
		cell := document.Cell{Text: "Covered throughout"}
		if len(l.why) > 0 {
			cell = document.Cell{Spans: lines(l.why)}
		}
		rows = append(rows, document.Row{Cells: []document.Cell{first, {Text: l.share}, cell}})
	}
	return rows
}

func lines(list []string) []document.Span {
	out := make([]document.Span, len(list))
	for i, s := range list {
		out[i] = document.Span{Text: s, Break: i < len(list)-1}
	}
	return out
}

func (p *paper) changes() document.Section {
	var rows []document.Row
	for _, c := range p.r.Changes {
		until := "holds"
		if c.Ended != store.Forever {
			until = "until " + p.at(c.Ended)
		}
		rows = append(rows, document.Row{Cells: []document.Cell{{Title: c.Check, Refs: p.ref(c.Ref)}, {Text: c.What, Sub: c.Reason}, {Text: c.By}, {Text: "from " + p.at(c.At), Sub: until}}})
	}
	return document.Section{ID: "changes", Follows: true, Title: "Checks that were changed", Blocks: []document.Block{
		text("Every check that was turned off or had its thresholds changed in the window, also where that was taken back."),
		table(document.Table{Label: "Changed checks", Empty: "No check was turned off, and no threshold was changed.", Columns: []document.Column{{Title: "Check", Width: -60}, {Title: "Change and reason", Width: 2.6}, {Title: "By", Width: 1.1}, {Title: "When", Width: 1.8}}, Rows: rows}),
	}}
}

func (p *paper) references() document.Section {
	var rows []document.Row
	for _, x := range p.r.References {
		cell := document.Cell{Title: x.Label}
		if p.link != nil {
			cell.Href = p.link(x)
		}
		rows = append(rows, document.Row{Ref: x.Code, Cells: []document.Cell{{Code: x.Code}, cell, {Text: plain(x.Kind), Sub: x.Key}, {Text: p.at(x.VersionFrom)}, {Code: fmt.Sprint(x.Entry)}}})
	}
	return document.Section{ID: "references", Title: "References", Blocks: []document.Block{
		text("What each tickmark was traced to: the record, the moment from which its version holds, and the entry of the ledger %s that commits to it. For the answers of a check it is the entry of their newest batch.", p.r.Ledger.Origin),
		{Text: []document.Span{{Text: "To verify a record, ask for its proof with "}, {Text: "tickmark ledger prove KIND KEY", Code: true}, {Text: ", and with "}, {Text: "--as-of", Code: true}, {Text: " for a version that holds no more. The answers of checks are proved by a package, which "}, {Text: "tickmark package", Code: true}, {Text: " makes. "}, {Text: "tickmark verify", Code: true}, {Text: " checks either, on any machine."}}},
		table(document.Table{Label: "References", Empty: "There are none.", Columns: []document.Column{{Title: "Mark", Width: -44}, {Title: "Record", Width: 2.2}, {Title: "Kind and key", Width: 1.6}, {Title: "Version from", Width: 1.7}, {Title: "Entry", Width: -48, Right: true}}, Rows: rows}),
	}}
}

// Path is the page on which a reference can be followed, at the moment of the reader: the record, or the check.
func Path(x Reference) string {
	if x.Kind == AnswersKind {
		return "/checks/" + url.PathEscape(x.Key)
	}
	return "/records/" + url.PathEscape(x.Kind) + "/" + segment(x.Key)
}

// PathThen is Path at the moment from which the version holds, for who has no moment of their own.
func PathThen(x Reference) string {
	return Path(x) + "?as_of=" + url.QueryEscape(x.VersionFrom.Time().Format("2006-01-02T15:04:05.999999Z"))
}

// segment writes a key as it stands in the addresses of pages, in which some keys would mean something else.
func segment(key string) string {
	switch key {
	case "/":
		return "~slash"
	case ".":
		return "~dot"
	case "..":
		return "~dots"
	}
	if strings.HasPrefix(key, "~") {
		key = "~" + key
	}
	return url.PathEscape(key)
}
