package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tickmark/content"
	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/standing"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

type checkCommand struct {
	List     checkList     `cmd:"" help:"List the checks in use and how they stand."`
	Show     checkShow     `cmd:"" help:"One check: what it asks, why, how to fix it, what fails."`
	Test     checkTest     `cmd:"" help:"Run the examples of check files; without paths, of the library and the workspace's own."`
	Run      checkRun      `cmd:"" help:"Judge the records now."`
	Backtest checkBacktest `cmd:"" help:"Judge the past with a check, in use or in a file, and say what it would have answered otherwise; nothing is written."`
	Verify   checkVerify   `cmd:"" help:"Judge everything again from its versions and say which kept answers differ; exit 1 when one does."`
}

type checkList struct{}

func (checkList) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		states, err := w.Monitor.Summary(s, 0)
		if err != nil {
			return err
		}
		type row struct {
			ID       string       `json:"id"`
			Title    string       `json:"title"`
			For      string       `json:"for"`
			Severity string       `json:"severity"`
			Controls []string     `json:"controls"`
			Status   check.Status `json:"status"`
			Reason   string       `json:"reason"`
			Counts   check.Counts `json:"counts"`
			Off      bool         `json:"off"`
			Own      bool         `json:"own"`
		}
		var out []row
		var lines [][]string
		for _, c := range states {
			out = append(out, row{c.ID, c.Title, c.For, c.Severity, c.Controls, c.Status, c.Reason, c.Counts, c.Off, c.Own})
			lines = append(lines, []string{c.ID, word(c.Off, "off", string(c.Status)), fmt.Sprintf("%d/%d/%d", c.Counts.Pass, c.Counts.Fail, c.Counts.Unknown), c.Severity, c.For, c.Title})
		}
		s.problems(w)
		if s.flags.JSON {
			return s.writeJSON(out)
		}
		return s.table([]string{"id", "status", "pass/fail/unknown", "severity", "for", "title"}, lines)
	})
}

// problems names the organisation's check files that are broken.
func (s *session) problems(w *workspace.Workspace) {
	for _, p := range w.Monitor.Set.Problems() {
		s.say("Broken: %s\n  %s", p.Message, p.Next())
	}
}

type checkShow struct {
	ID string `arg:"" help:"The id of the check, such as HOST-26; tickmark check list shows them."`
}

func (c *checkShow) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		states, err := w.Monitor.Summary(s, 0)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(states, func(x check.State) bool { return strings.EqualFold(x.ID, c.ID) })
		if i < 0 {
			return fault.New(fault.NotFound, "There is no check %q.", c.ID).WithNext("tickmark check list shows them.")
		}
		st := states[i]
		s.fact("%s  %s  (%s, %s)", st.ID, st.Title, st.Severity, st.Status)
		if st.Reason != "" {
			s.fact("  %s", st.Reason)
		}
		s.fact("  for      %s", st.For)
		if st.Where != "" {
			s.fact("  where    %s", st.Where)
		}
		if st.Broken == "" {
			s.fact("  expect   %s", st.Expect)
		}
		s.fact("  controls %s", strings.Join(st.Controls, ", "))
		s.fact("\nWhy\n  %s", strings.TrimSpace(st.Why))
		s.fact("\nFix")
		for _, f := range st.Fix {
			s.fact("  %s: %s", f.Where, strings.ReplaceAll(strings.TrimSpace(f.How), "\n", "\n    "))
		}
		for _, status := range []check.Status{check.Fail, check.Unknown} {
			page, err := w.Monitor.Results(s, check.Filter{Check: st.ID, Status: status, Limit: 20})
			if err != nil {
				return err
			}
			if len(page.Results) == 0 {
				continue
			}
			s.fact("\n%s", map[check.Status]string{check.Fail: "Failing", check.Unknown: "Unknown"}[status])
			for _, r := range page.Results {
				s.fact("  %s  %s  since %s  %s", r.Kind, printable(r.Label), r.From, printable(r.Reason))
			}
			if page.Next != "" {
				s.fact("  … tickmark results --check %s --status %s lists all", st.ID, status)
			}
		}
		return nil
	})
}

type checkTest struct {
	Paths []string `arg:"" optional:"" type:"path" help:"Check files or directories."`
}

func (c *checkTest) Run(s *session) error {
	kinds, err := workspace.Kinds()
	if err != nil {
		return err
	}
	words, err := check.NewVocabulary(kinds.All()...)
	if err != nil {
		return err
	}
	var report check.Report
	if len(c.Paths) > 0 {
		report, err = check.TestPaths(words, check.Rules{}, c.Paths...)
	} else {
		report, err = check.Test(words, check.Rules{Unknown: true}, content.Check)
		if own := filepath.Join(s.flags.Data, "checks"); err == nil {
			if files, _ := filepath.Glob(filepath.Join(own, "*")); len(files) > 0 {
				var more check.Report
				if more, err = check.TestPaths(words, check.Rules{}, own); err == nil {
					report = append(report, more...)
				}
			}
		}
	}
	if err != nil {
		return err
	}
	for _, t := range report {
		if t.Err != nil {
			s.fact("%v", t.Err)
		}
		for _, e := range t.Examples {
			if !e.Held {
				s.fact("%s:%d: %s: expected %s, got %s: %s", t.File, e.Line, e.Name, e.Expect, e.Got, e.Reason)
			}
		}
	}
	files, examples, failed := report.Counts()
	s.fact("Checks %d, examples %d, failed %d", files, examples, failed)
	if !report.OK() {
		return fault.New(fault.Invalid, "Not every file is sound, or not every example holds.").WithNext("The lines above name them.")
	}
	return nil
}

type checkRun struct {
	IDs  []string `arg:"" optional:"" name:"id" help:"Only these checks."`
	Full bool     `help:"Judge every record anew."`
}

func (c *checkRun) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		var err error
		broken := len(c.IDs) == 0 && len(w.Monitor.Set.Problems()) > 0
		for i, id := range c.IDs {
			if c.IDs[i], err = checkID(w, id); err != nil {
				return err
			}
			k, err := w.Monitor.Set.Get(c.IDs[i])
			if err != nil {
				return err
			}
			broken = broken || k.Broken != ""
		}
		e, err := w.Monitor.Evaluate(s, check.Options{Checks: c.IDs, Full: c.Full})
		if err != nil {
			return err
		}
		if _, err := w.Log.Checkpoint(s); err != nil {
			return err
		}
		s.say("Checks run %d, records judged %d, answers changed %d, in %s.", e.Checks, e.Judged, e.Flips, e.Took.Round(1e6))
		if e.Behind > 0 {
			s.say("This machine's clock is %s behind what was recorded; it was judged by the newest recorded time.", e.Behind)
		}
		if broken {
			s.problems(w)
			return fault.New(fault.Invalid, "The answers of a check whose file is broken are unknown.").WithNext("The lines above name the files.")
		}
		return nil
	})
}

type checkBacktest struct {
	Check string            `arg:"" name:"check" help:"The id of a check, or a file with one that need not be in use."`
	From  string            `required:"" placeholder:"TIME" help:"The window's beginning."`
	To    string            `placeholder:"TIME" help:"The window's end; a day is inclusive, in UTC; now when left out."`
	Set   map[string]string `placeholder:"NAME=VALUE" help:"A threshold other than the one in use, such as max_age_days=30."`
	Limit int               `default:"100" help:"At most so many differences; 0 is all. With --json all are there, and every answer."`
}

func (c *checkBacktest) Run(s *session) error {
	win, err := window(c.From, c.To, time.UTC)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		win[1] = min(win[1], store.At(w.Log.Now()))
		x, err := c.check(s, w)
		if err != nil {
			return err
		}
		if x, err = set(x, c.Set); err != nil {
			return err
		}
		for _, k := range x.Reads() {
			if err := me.May(s, access.Read, k); err != nil {
				return err
			}
		}
		if s.flags.JSON {
			_, err := w.Monitor.WriteBacktest(s, s.stdout, x, win[0], win[1])
			return err
		}
		var rows [][]string
		more := 0
		b, err := w.Monitor.Backtest(s, x, win[0], win[1], func(r check.Retried) error {
			for _, d := range r.Differences {
				if c.Limit > 0 && len(rows) >= c.Limit {
					more++
					continue
				}
				rows = append(rows, []string{d.Kind, printable(cmp.Or(d.Label, d.Key)), d.From.String(), d.To.String(), string(d.Was), string(d.Would), printable(cmp.Or(d.Reason, d.WasReason))})
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.fact("%s from %s to %s: records %d, versions %d, answers %d; hours pass %.1f, fail %.1f, unknown %.1f", b.Check, b.From, b.To, b.Records, b.Versions, b.Answers, b.PassTime, b.FailTime, b.Unsure)
		s.fact("Records about which an answer was given that would have been another at some time: %d", b.Flipped)
		var pairs [][]string
		for _, p := range b.Pairs {
			pairs = append(pairs, []string{string(p.Was), string(p.Would), fmt.Sprint(p.Records), fmt.Sprint(p.Intervals), fmt.Sprintf("%.1f", p.Hours)})
		}
		if len(pairs) == 0 {
			s.say("It would have answered all that was answered, and nothing else.")
			return nil
		}
		if err := s.table([]string{"was", "would be", "records", "intervals", "hours"}, pairs); err != nil {
			return err
		}
		s.fact("")
		if err := s.table([]string{"kind", "record", "from", "to", "was", "would be", "reason"}, rows); err != nil {
			return err
		}
		if more > 0 {
			s.say("There are %d more differences; --limit 0 or --json shows them.", more)
		}
		return nil
	})
}

// check is the check that is named: a file where it looks like one, and otherwise one of the set.
func (c *checkBacktest) check(s *session, w *workspace.Workspace) (*check.Check, error) {
	if ext := filepath.Ext(c.Check); ext == ".yaml" || ext == ".yml" || strings.ContainsAny(c.Check, `/\`) {
		b, err := readFile(c.Check, record.MaxBody)
		if err != nil {
			return nil, unreadable(c.Check, err)
		}
		return check.Read(w.Monitor.Words, check.Rules{}, c.Check, b)
	}
	for _, x := range w.Monitor.Set.Checks() {
		if strings.EqualFold(x.ID, c.Check) {
			return w.Monitor.InUse(s, x.ID)
		}
	}
	return nil, fault.New(fault.NotFound, "There is no check %q.", c.Check).WithNext("tickmark check list shows them; a file with a check ends in .yaml.")
}

// set is a check with other thresholds.
func set(c *check.Check, values map[string]string) (*check.Check, error) {
	typed := map[string]any{}
	for name, text := range values {
		i := slices.IndexFunc(c.Settings, func(x check.Setting) bool { return x.Name == name })
		if i < 0 {
			return nil, fault.New(fault.Usage, "The check %s has no setting %q.", c.ID, name).WithNext("tickmark check show %s says what it has.", c.ID)
		}
		v, err := check.Typed(c.Settings[i].Default, text)
		if err != nil {
			return nil, fault.New(fault.Usage, "--set %s: %w.", name, err)
		}
		typed[name] = v
	}
	return c.With(typed)
}

// checkID is the id of a check as its file has it.
func checkID(w *workspace.Workspace, id string) (string, error) {
	for _, c := range w.Monitor.Set.Checks() {
		if strings.EqualFold(c.ID, id) {
			return c.ID, nil
		}
	}
	return "", fault.New(fault.NotFound, "There is no check %q.", id).WithNext("tickmark check list shows them.")
}

type checkVerify struct {
	Check string `placeholder:"ID" help:"Only this check."`
	AsOf  string `placeholder:"TIME" help:"As everything was at a past moment, by the checks and settings in force then."`
}

func (c *checkVerify) Run(s *session) error {
	asOf, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		o := check.RecheckOptions{AsOf: asOf}
		if c.Check != "" {
			id, err := checkID(w, c.Check)
			if err != nil {
				return err
			}
			o.Checks = []string{id}
		}
		end := s.progress("every record again")
		o.Progress = func(id string, done int) { end.step("", id+", answers", done, 0) }
		found, err := w.Monitor.Recheck(s, o)
		if err != nil {
			end.done("it was not judged to its end")
			return err
		}
		end.done(word(found.Differ == 0, "every answer is the one that its versions give", "not every answer is the one that its versions give"))
		if s.flags.JSON {
			if err := s.writeJSON(found); err != nil {
				return err
			}
		} else {
			var rows [][]string
			for _, d := range found.Differences {
				rows = append(rows, []string{d.Check, d.Kind, printable(d.Key), string(d.Stored), word(d.Since == 0, "", d.Since.String()), string(d.Judged), strings.Trim(fmt.Sprint(d.Versions), "[]"), printable(d.Reason)})
			}
			if err := s.table([]string{"check", "kind", "key", "kept", "since", "judged again", "versions", "reason"}, rows); err != nil {
				return err
			}
			s.fact("As of %s: checks %d, answers judged again %d, differing %d.", found.At, found.Checks, found.Judged, found.Differ)
			if found.Unread > 0 {
				s.fact("%d answers are unknown, whatever is kept: their source was not read then.", found.Unread)
			}
			for _, l := range found.Left {
				s.fact("%s: %d not judged again. %s", l.Check, l.Records, l.Why)
			}
		}
		if found.Differ > 0 {
			return fault.New(fault.Invalid, "%d answers are not those that their versions give.", found.Differ).WithNext("Run tickmark ledger verify first: if it fails, somebody changed the database. If it holds, the mistake is Tickmark's: keep what this says and tell whoever makes it. Then tickmark check run --full corrects the answers and marks the corrections; what somebody changed, the server sets aside at night.")
		}
		return nil
	})
}

type resultsCommand struct {
	Check  string `placeholder:"ID" help:"Only this check."`
	Status string `enum:"pass,fail,unknown,not_applicable," default:"" help:"Only pass, fail, unknown or not_applicable."`
	Kind   string `help:"Only records of this kind."`
	Key    string `help:"Only this record."`
	System string `placeholder:"ID" help:"Only about records inside the boundary of this system at the moment, or on a day of the window."`
	AsOf   string `placeholder:"TIME" help:"As known at a past moment."`
	From   string `placeholder:"TIME" help:"With --to: every interval in the window."`
	To     string `placeholder:"TIME" help:"The window's end; a day is inclusive, in UTC."`
	Limit  int    `default:"0" help:"At most so many; 0 is all with --json and 100 otherwise."`
}

func (c *resultsCommand) Run(s *session) error {
	asOf, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	win, err := window(c.From, c.To, time.UTC)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		f := check.Filter{Check: c.Check, Status: check.Status(c.Status), Kind: c.Kind, Key: c.Key, AsOf: asOf, From: win[0], To: win[1], Limit: 500}
		if c.Kind != "" {
			if _, err := w.Book.Kinds.Named(c.Kind); err != nil {
				return err
			}
		}
		in, err := s.boundary(w, c.System, asOf, win)
		if err != nil {
			return err
		}
		limit := c.Limit
		if limit == 0 && !s.flags.JSON {
			limit = 100
		}
		n := 0
		for {
			if limit > 0 {
				f.Limit = min(500, limit-n)
			}
			page, err := w.Monitor.Results(s, f)
			if err != nil {
				return err
			}
			if page.Results, err = in.answers(s, w, page.Results); err != nil {
				return err
			}
			var rows [][]string
			for _, r := range page.Results {
				if s.flags.JSON {
					b, err := json.Marshal(struct {
						Check  string       `json:"check"`
						Kind   string       `json:"kind"`
						Key    string       `json:"key"`
						Label  string       `json:"label"`
						Status check.Status `json:"status"`
						Reason string       `json:"reason"`
						From   store.Moment `json:"from"`
						To     store.Moment `json:"to"`
					}{r.Check, r.Kind, r.Key, r.Label, r.Status, r.Reason, r.From, r.To})
					if err != nil {
						return err
					}
					fmt.Fprint(s.stdout, word(n > 0, ",\n", "[\n"), string(b))
				}
				n++
				rows = append(rows, []string{r.Check, string(r.Status), r.Kind, r.Label, r.From.String(), word(r.To == store.Forever, "now", r.To.String()), r.Reason})
			}
			if !s.flags.JSON {
				if err := s.table([]string{"check", "status", "kind", "record", "from", "to", "reason"}, rows); err != nil {
					return err
				}
			}
			if page.Next == "" || limit > 0 && n >= limit {
				if page.Next != "" && !s.flags.JSON {
					s.say("There are more; --limit shows them.")
				}
				in.say(s)
				s.endList(n, "No answer matches.")
				return nil
			}
			f.After = page.Next
		}
	})
}

type statusCommand struct {
	AsOf string `placeholder:"TIME" help:"As of a past moment."`
	From string `placeholder:"TIME" help:"With --to: coverage over the window; the last 30 days otherwise."`
	To   string `placeholder:"TIME" help:"The window's end; a day is inclusive, in UTC."`
}

func (c *statusCommand) Run(s *session) error {
	asOf, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	win, err := window(c.From, c.To, time.UTC)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		st, err := standing.At(s, w.Book, w.Monitor, asOf)
		if err != nil {
			return err
		}
		at := asOf
		if at == 0 {
			at = store.At(w.Log.Now())
		}
		if win[1] == 0 {
			win = [2]store.Moment{at - 30*24*3600*1_000_000, at}
		}
		counts, unconnected := check.Tally(st.Checks)
		coverage := 0.0
		covered, err := w.Monitor.Covered(s, win[0], win[1])
		if err != nil {
			return err
		}
		for _, percent := range covered {
			coverage += percent / float64(len(covered))
		}
		type criterion struct {
			ID       string       `json:"id"`
			Controls []string     `json:"controls"`
			Status   check.Status `json:"status"`
		}
		out := struct {
			AsOf        store.Moment `json:"as_of"`
			Criteria    []criterion  `json:"criteria"`
			Checks      check.Counts `json:"checks"`
			Unconnected int64        `json:"not_connected"`
			Coverage    float64      `json:"coverage"`
		}{AsOf: at, Checks: counts, Unconnected: unconnected, Coverage: coverage}
		var rows [][]string
		for _, x := range st.Criteria {
			out.Criteria = append(out.Criteria, criterion{x.ID, x.Controls, x.Status})
			rows = append(rows, []string{x.ID, string(x.Status), fmt.Sprintf("%d controls", len(x.Controls)), x.Title})
		}
		if s.flags.JSON {
			return s.writeJSON(out)
		}
		s.fact("As of %s: %d checks pass, %d fail, %d unknown, %d not applicable, %d of services not connected; coverage %.1f%% from %s to %s", at, counts.Pass, counts.Fail, counts.Unknown, counts.NotApplicable, unconnected, coverage, win[0], win[1])
		return s.table([]string{"criterion", "status", "controls", "title"}, rows)
	})
}
