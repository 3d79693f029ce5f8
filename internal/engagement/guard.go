package engagement

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// step is what one move of an engagement asks: who may make it, and what must be there first.
type step struct {
	act   string
	roles []Role
	ready func(look record.Look, after map[string]any) error
}

// steps are the moves by the state they lead from and to. A move that is not here is refused.
func steps() map[[2]string]step {
	leave := step{"withdraw", []Role{Partner}, nil}
	rest := step{"suspend it", []Role{Partner}, nil}
	out := map[[2]string]step{
		{"proposed", "accepted"}:                 {"accept it", []Role{Partner}, acceptable},
		{"proposed", "declined"}:                 {"decline it", []Role{Partner}, nil},
		{"accepted", "planning"}:                 {"plan it", Reviewers(), nil},
		{"planning", "fieldwork_interim"}:        {"begin fieldwork", Reviewers(), planned},
		{"fieldwork_interim", "fieldwork_final"}: {"begin final fieldwork", Reviewers(), over},
		{"fieldwork_final", "wrap_up"}:           {"wrap it up", Reviewers(), concluded},
		{"wrap_up", "draft_report"}:              {"draft the report", Reviewers(), disposed},
		{"draft_report", "quality_review"}:       {"hand it over to quality review", Reviewers(), described},
		{"quality_review", "draft_report"}:       {"return it to draft", []Role{Partner, QualityReviewer}, nil},
		{"quality_review", "issued"}:             {"issue the report", []Role{Partner}, issuable},
		{"issued", "archived"}:                   {"archive the file", Reviewers(), assembled},
	}
	for _, from := range []string{"wrap_up", "draft_report", "quality_review"} {
		out[[2]string{from, "fieldwork_final"}] = step{"reopen fieldwork", Reviewers(), nil}
	}
	for _, state := range []string{"accepted", "planning", "fieldwork_interim", "fieldwork_final", "wrap_up", "draft_report", "quality_review"} {
		out[[2]string{state, "suspended"}] = rest
		out[[2]string{"suspended", state}] = step{"resume it", []Role{Partner}, nil}
		out[[2]string{state, "withdrawn"}] = leave
	}
	out[[2]string{"suspended", "withdrawn"}] = leave
	return out
}

// scoped are the fields whose change after acceptance is a change of scope.
func scoped() []string {
	return []string{"type", "categories", "system", "from", "to", "zone", "company", "require_signatures", "prior"}
}

// allowed says who may write an engagement or move it, and what must be there first. A job may begin the final fieldwork.
func allowed(look record.Look, before, after map[string]any, actor record.Actor) error {
	if before == nil {
		if actor.Person == "" {
			return fault.New(fault.Denied, "Only a person can propose an engagement, and %s is not linked to one.", actor.Stamp()).WithNext("Link the user to a person record first.")
		}
		return outside(look, nil, after)
	}
	was, is := Text(before, record.StateField), Text(after, record.StateField)
	if was == is {
		if before["recalled_at"] != after["recalled_at"] {
			return Requires(before, actor, "recall the report", Partner)
		}
		if before["held_at"] != after["held_at"] || before["released_at"] != after["released_at"] {
			return Requires(before, actor, "put it under a legal hold, or end that", Partner)
		}
		if err := changed(look, before, after, actor); err != nil {
			return err
		}
		return outside(look, before, after)
	}
	s, known := steps()[[2]string{was, is}]
	if !known {
		return fault.New(fault.Conflict, "An engagement does not go from %s to %s.", was, is)
	}
	if !actor.IsJob() {
		if err := Requires(before, actor, s.act, s.roles...); err != nil {
			return err
		}
	}
	if s.ready == nil {
		return nil
	}
	return s.ready(look, after)
}

// changed says who may change the content: those who answer for it by the team that stood, and not the team that is proposed.
func changed(look record.Look, before, after map[string]any, actor record.Actor) error {
	if Text(before, record.StateField) == "proposed" {
		if RoleOf(before, actor.Person) == "" && Text(before, "proposed_by") != actor.Person || actor.Person == "" {
			return Requires(before, actor, "change it", Reviewers()...)
		}
		return nil
	}
	for _, f := range scoped() {
		if reflect.DeepEqual(before[f], after[f]) {
			continue
		}
		if err := Requires(before, actor, "change its scope", Partner); err != nil {
			return err
		}
		if Text(after, "scope_reason") == "" || before["scope_reason"] == after["scope_reason"] {
			return fault.New(fault.Invalid, "The scope changes (%s) without a reason.", f).WithNext("Say under scope_reason what is reasonable about it and who of the company agreed.")
		}
		frozen, err := Matrices(look, Text(after, "id"))
		if err != nil {
			return err
		}
		if len(frozen) > 0 && (f == "from" || f == "to" || f == "categories") {
			return fault.New(fault.Conflict, "The control matrix is frozen for this scope, and %s cannot change under it.", f).WithNext("Withdraw, or conduct another engagement for the other scope.")
		}
	}
	return Requires(before, actor, "change it", Reviewers()...)
}

func acceptable(look record.Look, b map[string]any) error {
	if err := outside(look, nil, b); err != nil {
		return err
	}
	firm, _ := b["firm"].(map[string]any)
	switch {
	case b["operator"] == "firm_or_network":
		return fault.New(fault.Conflict, "The firm or its network runs the company's workspace, so it would examine its own work.").WithNext("Decline, or let the company run it itself first.")
	case !IsSum(Text(b, "letter")):
		return fault.New(fault.Invalid, "letter must be the 64 hexadecimal digits of the letter's SHA-256.")
	}
	if b["type"] != Readiness {
		switch {
		case Text(firm, "licence") == "" || Text(firm, "jurisdiction") == "":
			return fault.New(fault.Conflict, "The firm's licence and who gave it are not on record, and only a licensed firm may issue the report.").WithNext("Fill in firm.licence and firm.jurisdiction.")
		case Text(firm, "licensed_to") < look.At.UTC().Format(time.DateOnly):
			return fault.New(fault.Conflict, "The firm's licence is not shown to be in force today.").WithNext("Fill in firm.licensed_to.")
		case Text(firm, "peer_reviewed") < look.At.UTC().AddDate(-4, 0, 0).Format(time.DateOnly):
			return fault.New(fault.Conflict, "No peer review of the firm was accepted in the last four years.").WithNext("Fill in firm.peer_reviewed from the acceptance letter.")
		case Text(firm, "peer_review") == "" || Text(firm, "peer_review") == "fail":
			return fault.New(fault.Conflict, "The firm's last peer review is not on record as passed.").WithNext("Fill in firm.peer_review, or decline.")
		}
	}
	return confirmed(look, b, AtAcceptance)
}

// planned asks for frozen matrices over every day of the window, and for each control's risk.
func planned(look record.Look, b map[string]any) error {
	matrices, err := Matrices(look, Text(b, "id"))
	if err != nil {
		return err
	}
	first := Text(b, "from")
	if first == "" {
		first = Text(b, "to")
	}
	next := first
	for _, m := range matrices {
		if Text(m, "from") > next {
			break
		}
		if day, err := time.Parse(time.DateOnly, Text(m, "to")); err == nil {
			next = day.AddDate(0, 0, 1).Format(time.DateOnly)
		}
	}
	if next <= Text(b, "to") {
		return fault.New(fault.Conflict, "No frozen control matrix covers %s.", next).WithNext("Freeze one for every day of the window: tickmark act control_matrix KEY freeze.")
	}
	papers, err := byControl(look, Text(b, "id"))
	if err != nil {
		return err
	}
	ids, _ := Controls(matrices)
	var missing []string
	for _, id := range ids {
		if p := papers[id]; p == nil || Text(p, "risk") == "" {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return fault.New(fault.Conflict, "There is no paper with an assessed risk for %s.", strings.Join(missing, ", ")).WithNext("Write one for each control: tickmark put workpaper.")
	}
	return nil
}

// byControl are the papers of an engagement by control.
func byControl(look record.Look, id string) (map[string]map[string]any, error) {
	found, err := look.Find("workpaper", Name, id)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]any{}
	for _, v := range found {
		b, err := Body(v)
		if err != nil {
			return nil, err
		}
		out[Text(b, "control")] = b
	}
	return out, nil
}

// over asks that the window has ended, in the company's zone.
func over(look record.Look, b map[string]any) error {
	_, to, err := Window(b)
	if err == nil && look.At.Before(to) {
		err = fault.New(fault.Conflict, "The window is open until the end of %s, and what has not happened yet cannot be examined.", Text(b, "to")).WithNext("Begin the final fieldwork after that day.")
	}
	return err
}

// each gathers the records of a kind that are not in one of the states, by a name for a sentence.
func each(look record.Look, kind, id string, label string, states ...string) ([]string, error) {
	found, err := look.Find(kind, Name, id)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, v := range found {
		b, err := Body(v)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(states, Text(b, record.StateField)) {
			out = append(out, Text(b, label)+" ("+strings.ReplaceAll(Text(b, record.StateField), "_", " ")+")")
		}
	}
	slices.Sort(out)
	return out, nil
}

// concluded asks for a reviewed conclusion on every control and a conclusion on every criterion in scope.
func concluded(look record.Look, b map[string]any) error {
	id := Text(b, "id")
	matrices, err := Matrices(look, id)
	if err != nil {
		return err
	}
	if open, err := each(look, "sample", id, "name", "concluded", "voided"); err != nil || len(open) > 0 {
		return unfinished(err, "samples", open)
	}
	papers, err := byControl(look, id)
	if err != nil {
		return err
	}
	ids, _ := Controls(matrices)
	var open []string
	for _, c := range ids {
		if p := papers[c]; p == nil || !slices.Contains([]string{"reviewed", "partner_signed"}, Text(p, record.StateField)) {
			open = append(open, c)
		}
	}
	if len(open) > 0 {
		return unfinished(nil, "papers of controls", open)
	}
	if b["type"] == Readiness {
		return nil
	}
	answered, err := look.Find("criterion_conclusion", Name, id)
	if err != nil {
		return err
	}
	done := map[string]bool{}
	for _, v := range answered {
		c, err := Body(v)
		if err != nil {
			return err
		}
		if c[record.StateField] == "reviewed" {
			done[Text(c, "criterion")] = true
		}
	}
	for _, m := range matrices {
		for _, n := range Objects(m, "not_relevant") {
			done[Text(n, "criterion")] = true
		}
	}
	all, err := Uncovered(b, map[string]any{})
	if err != nil {
		return err
	}
	for _, c := range all {
		if !done[c] {
			open = append(open, c)
		}
	}
	if len(open) > 0 {
		return unfinished(nil, "criteria", open)
	}
	return nil
}

// unfinished refuses for what is not concluded.
func unfinished(err error, what string, open []string) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "These %s are not concluded and reviewed: %s.", what, strings.Join(open, ", ")).WithNext("Conclude them first; nothing is concluded by being left out.")
}

// disposed asks that each deviation was decided on and that the company was asked, and that subsequent events were asked about.
func disposed(look record.Look, b map[string]any) error {
	if open, err := each(look, "deviation", Text(b, "id"), "name", "disposition_set", "response_received", "reported", "not_a_deviation"); err != nil || len(open) > 0 {
		return unfinished(err, "deviations", open)
	}
	if b["type"] == Readiness {
		return nil
	}
	asked, err := look.Find("subsequent_inquiry", Name, Text(b, "id"))
	if err == nil && len(asked) == 0 {
		err = fault.New(fault.Conflict, "Nobody asked about events after the window.").WithNext("Ask management and write down the answer: tickmark put subsequent_inquiry.")
	}
	return err
}

func described(look record.Look, b map[string]any) error {
	if !IsSum(Text(b, "description")) {
		return fault.New(fault.Invalid, "description must be the 64 hexadecimal digits of the description's SHA-256.")
	}
	if open, err := each(look, "deviation", Text(b, "id"), "name", "response_received", "reported", "not_a_deviation"); err != nil || len(open) > 0 {
		return unfinished(err, "deviations", open)
	}
	return nil
}

// Issuable refuses an engagement whose report may not be issued with what is on record at the moment looked at.
func Issuable(look record.Look, body map[string]any) error { return issuable(look, body) }

// Guard is one thing that a report may not be issued without, and why it is not there; a nil refusal says that it is.
type Guard struct {
	What    string
	Refused error
}

// IssueGuards are all of them as the records stand, were the report dated a day, written as 2026-12-31.
func IssueGuards(look record.Look, b map[string]any, day string) []Guard {
	b = maps.Clone(b)
	b["report_date"] = day
	var out []Guard
	for _, c := range issuing(look, b) {
		out = append(out, Guard{c.what, c.holds()})
	}
	return out
}

type condition struct {
	what  string
	holds func() error
}

// issuable holds what a report may not be issued without: rules.md 1, 6, 7 and 20, audit.md 16 and 26.
func issuable(look record.Look, b map[string]any) error {
	for _, c := range issuing(look, b) {
		if err := c.holds(); err != nil {
			return err
		}
	}
	if !IsSum(Text(b, "report_file")) {
		return fault.New(fault.Invalid, "report_file must be the 64 hexadecimal digits of the report's SHA-256.")
	}
	return nil
}

func issuing(look record.Look, b map[string]any) []condition {
	id, day := Text(b, "id"), Text(b, "report_date")
	none := func(kind, label, what string, states ...string) func() error {
		return func() error {
			if open, err := each(look, kind, id, label, states...); err != nil || len(open) > 0 {
				return unfinished(err, what, open)
			}
			return nil
		}
	}
	return []condition{
		{"It is an examination by a firm that does not run the company's workspace", func() error {
			switch {
			case b["type"] == Readiness:
				return fault.New(fault.Conflict, "A readiness assessment issues no report of an examination.").WithNext("Hand over its observations, and withdraw or archive it.")
			case b["operator"] == "firm_or_network":
				return fault.New(fault.Conflict, "The firm or its network runs the company's workspace.").WithNext("Withdraw.")
			}
			return nil
		}},
		{"The report's date lies after the window and has come", func() error { return dated(look, b, day) }},
		{"Each member confirmed independence again", func() error { return confirmed(look, b, BeforeIssue) }},
		{"Review notes are closed", none("review_note", "note", "review notes", "closed")},
		{"Papers are reviewed", none("workpaper", "reference", "papers", "reviewed", "partner_signed")},
		{"The opinion is signed, and the report not dated before", func() error { return opined(look, b, day) }},
		{"Management asserted in writing, not after the report", func() error {
			if at, err := lettered(look, id, "assertion"); err != nil || at == "" || at > day {
				return cmp.Or(err, error(fault.New(fault.Conflict, "There is no written assertion of management dated %s or before.", day).WithNext("Without one the firm withdraws.")))
			}
			return nil
		}},
		{"Management's representations are dated the day of the report", func() error {
			if at, err := lettered(look, id, "representations"); err != nil || at != day {
				return cmp.Or(err, error(fault.New(fault.Conflict, "The written representations are dated %q and the report %s.", at, day).WithNext("They are dated the day of the report; let them be dated anew, and extend the inquiry to that day.")))
			}
			return nil
		}},
		{"Events after the window were asked about up to that day", func() error { return inquired(look, id, day) }},
		{"Sign-offs carry the own signatures of those who gave them, where that is required", func() error { return signed(look, b) }},
	}
}

func dated(look record.Look, b map[string]any, day string) error {
	_, end, err := Window(b)
	switch {
	case err != nil:
		return err
	case day < end.Format(time.DateOnly):
		return fault.New(fault.Conflict, "The report is dated %s, and the window ends with %s.", day, Text(b, "to"))
	case day > look.At.In(end.Location()).Format(time.DateOnly):
		return fault.New(fault.Conflict, "The report is dated %s, which has not come yet.", day).WithNext("Date it the day on which it is signed.")
	}
	return nil
}

func opined(look record.Look, b map[string]any, day string) error {
	_, end, err := Window(b)
	if err != nil {
		return err
	}
	signed, err := look.Find("opinion", Name, Text(b, "id"))
	if err != nil {
		return err
	}
	last := ""
	for _, v := range signed {
		o, err := Body(v)
		if err != nil {
			return err
		}
		if o[record.StateField] == "signed" {
			last = Text(o, "signed_at")
		}
	}
	if last == "" {
		return fault.New(fault.Conflict, "No opinion is signed.").WithNext("The partner writes and signs it, after the quality reviewer agreed: tickmark put opinion.")
	}
	if at, err := time.Parse(time.RFC3339Nano, last); err != nil || day < at.In(end.Location()).Format(time.DateOnly) {
		return fault.New(fault.Conflict, "The report is dated %s, before the opinion was signed.", day).WithNext("A report is not dated before its last sign-off.")
	}
	return nil
}

// lettered is the date of the letter of a sort that stands; empty when there is none.
func lettered(look record.Look, id, sort string) (string, error) {
	letters, err := look.Find("letter", Name, id)
	if err != nil {
		return "", err
	}
	at := ""
	for _, v := range letters {
		l, err := Body(v)
		if err != nil {
			return "", err
		}
		if l[record.StateField] == "received" && l["sort"] == sort {
			at = Text(l, "dated")
		}
	}
	return at, nil
}

func inquired(look record.Look, id, day string) error {
	asked, err := look.Find("subsequent_inquiry", Name, id)
	if err != nil {
		return err
	}
	for _, v := range asked {
		if q, err := Body(v); err != nil {
			return err
		} else if Text(q, "up_to") >= day {
			return nil
		}
	}
	return fault.New(fault.Conflict, "The inquiry about subsequent events does not reach the date of the report, %s.", day).WithNext("Ask again up to that day.")
}

// assembled holds the file's time limits.
func assembled(look record.Look, b map[string]any) error {
	day, err := time.Parse(time.DateOnly, Text(b, "report_date"))
	switch {
	case err != nil:
		return fault.New(fault.Conflict, "The report has no date.")
	case !IsSum(Text(b, "archive_file")):
		return fault.New(fault.Invalid, "archive_file must be the 64 hexadecimal digits of the file's SHA-256.")
	case Text(b, "kept_until") < day.AddDate(fewestYears, 0, 0).Format(time.DateOnly):
		return fault.New(fault.Conflict, "The file would be kept until %s, less than five years from the report.", Text(b, "kept_until"))
	case Text(b, "kept_until") < day.AddDate(retention(b), 0, 0).Format(time.DateOnly):
		return fault.New(fault.Conflict, "The file would be kept until %s, and the firm keeps files for %d years from the report.", Text(b, "kept_until"), retention(b)).WithNext("Give a day from %s on.", day.AddDate(retention(b), 0, 0).Format(time.DateOnly))
	}
	if RequiresSignatures(b) {
		return Signed(look, Name, Text(b, "id"), b, "issued")
	}
	return nil
}

// ArchiveLate reports whether the file of an issued engagement was, or is, assembled later than it should be.
func ArchiveLate(body map[string]any, now time.Time) bool {
	issued, err := time.Parse(time.RFC3339Nano, Text(body, "issued_at"))
	if err != nil {
		return false
	}
	if at, err := time.Parse(time.RFC3339Nano, Text(body, "archived_at")); err == nil {
		now = at
	}
	return now.After(issued.AddDate(0, 0, ArchiveDays))
}
