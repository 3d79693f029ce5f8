package cli

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/server"
	"tickmark/internal/standing"
	"tickmark/internal/workspace"
)

type upCommand struct {
	Once   bool   `help:"Do not serve."`
	Listen string `env:"TICKMARK_LISTEN" default:"127.0.0.1:8420" placeholder:"ADDRESS" help:"Where to serve."`
	Repo   string `default:"." type:"path" placeholder:"DIR" help:"The repository to read."`
	Firm   bool   `help:"Set up the home of a firm that examines companies; nothing of this machine is read."`
}

func (c *upCommand) Run(s *session) error {
	var l net.Listener
	if !c.Once {
		var err error
		if l, err = server.Take(s, c.Listen); err != nil {
			return err
		}
		defer l.Close()
	}
	w, err := s.openAs(workspace.Options{Create: true, BaseURL: workspace.Base(c.Listen), Firm: c.Firm})
	if err != nil {
		return err
	}
	defer w.Close()
	var srv *server.Server
	if !c.Once { // a second server is refused before any work
		if srv, err = server.New(s, w, l); err != nil {
			return err
		}
		defer srv.Close()
	}
	made, err := w.Setup(s)
	if err != nil {
		return err
	}
	me, err := w.Local(s)
	if err != nil {
		return err
	}
	if made.New {
		s.say("A new workspace in %s.", w.Data)
	} else {
		s.say("The workspace in %s.", w.Data)
	}
	if w.Firm {
		s.say("It is a firm's: engagements stand under /engagements.")
	} else if err := c.read(s, w, me); err != nil {
		return err
	}
	if _, err := w.Log.Checkpoint(s); err != nil {
		return err
	}
	if made.Link != "" {
		s.fact("\nSign in once with this link, within 24 hours; then set up a passkey or a password:\n  %s", made.Link)
	}
	if c.Once {
		return nil
	}
	if made.Link == "" {
		s.fact("\nTo sign in without a passkey or password: tickmark user link %s", made.User.Key)
	}
	s.fact("\nServing %s (Ctrl-C stops)", workspace.Base(c.Listen))
	return srv.Serve(s)
}

// read reads this machine and the repository, checks, and says how the programme stands.
func (c *upCommand) read(s *session, w *workspace.Workspace, me access.Session) error {
	if err := c.connections(s, w, me); err != nil {
		return err
	}
	runs, err := s.collect(w, nil)
	if err != nil {
		return err
	}
	s.say("Checking …")
	if _, err := w.Monitor.Evaluate(s, check.Options{}); err != nil {
		return err
	}
	return s.summary(w, runs)
}

// connections makes the two connections of a new workspace; existing ones stay as they are.
func (c *upCommand) connections(s *session, w *workspace.Workspace, me access.Session) error {
	repo, err := filepath.Abs(c.Repo)
	if err != nil {
		return err
	}
	have, err := w.Collect.Connections(s)
	if err != nil {
		return err
	}
	for _, conn := range []collect.Connection{{Name: "host", Connector: "host"}, {Name: "git", Connector: "git", Settings: map[string]string{"path": repo}}} {
		if slices.ContainsFunc(have, func(h collect.Connection) bool { return h.Connector == conn.Connector }) {
			continue
		}
		if conn.Connector == "git" {
			if _, err := os.Stat(filepath.Join(repo, ".git")); errors.Is(err, os.ErrNotExist) {
				s.say("%s is not a git repository, so none is read. Name one with --repo.", repo)
				continue
			}
		}
		if _, err := w.Collect.Add(s, me, conn, nil); err != nil {
			return err
		}
	}
	return nil
}

// collect runs the named connections, or all that are not paused.
func (s *session) collect(w *workspace.Workspace, names []string) ([]collect.Summary, error) {
	conns, err := w.Collect.Connections(s)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		for _, c := range conns {
			if !c.Paused {
				names = append(names, c.Name)
			}
		}
	}
	for _, name := range names { // before any is read
		if !slices.ContainsFunc(conns, func(c collect.Connection) bool { return c.Name == name }) {
			return nil, fault.New(fault.NotFound, "There is no connection %q.", name).WithNext("tickmark connect list shows them.")
		}
	}
	var out []collect.Summary
	for len(names) > 0 {
		name := names[0]
		conn := conns[slices.IndexFunc(conns, func(c collect.Connection) bool { return c.Name == name })]
		if k, err := w.Collect.Connector(conn.Connector); err == nil && k.Sent {
			waiting, err := w.Collect.Waiting(s, name)
			if err != nil {
				return out, err
			}
			if len(waiting) == 0 {
				s.say("Nothing waits that was sent to %s.", name)
			}
			if len(waiting) < 2 { // each is a run of its own
				names = names[1:]
			}
			if len(waiting) == 0 {
				continue
			}
		} else {
			names = names[1:]
		}
		end := s.progress(name)
		sum, err := w.Collect.Run(s, name, end.step)
		end.done(sum.Describe())
		if err != nil {
			return out, err
		}
		out = append(out, sum)
		if s.Err() != nil {
			return out, s.Err()
		}
	}
	return out, nil
}

// summary tells a person where they stand and what to do next.
func (s *session) summary(w *workspace.Workspace, runs []collect.Summary) error {
	st, err := standing.At(s, w.Book, w.Monitor, 0)
	if err != nil {
		return err
	}
	s.fact("\nCollected")
	needs, lost := map[string][]string{}, []string{}
	for _, r := range runs {
		s.fact("  %-10s %s", r.Connection, r.Describe())
		for _, m := range r.Missing {
			what := m.Kind
			if m.Part != "" {
				what += " (" + strings.ReplaceAll(m.Part, "_", " ") + ")"
			}
			if m.Needs == "" {
				lost = append(lost, what+": "+printable(m.Reason))
			} else if !slices.Contains(needs[m.Needs], what) {
				needs[m.Needs] = append(needs[m.Needs], what)
			}
		}
	}
	counts, apart := check.Tally(st.Checks)
	var records check.Counts
	for _, c := range st.Checks {
		if !c.Off && !c.Unconnected {
			records.Pass, records.Fail, records.Unknown = records.Pass+c.Counts.Pass, records.Fail+c.Counts.Fail, records.Unknown+c.Counts.Unknown
		}
	}
	criteria := map[check.Status]int{}
	for _, c := range st.Criteria {
		criteria[c.Status]++
	}
	s.fact("\nChecks     %d: %d passing, %d failing, %d unknown, %d not applicable, %d of services not connected (%d answers: %d pass, %d fail, %d unknown)", len(st.Checks),
		counts.Pass, counts.Fail, counts.Unknown, counts.NotApplicable, apart, records.Pass+records.Fail+records.Unknown, records.Pass, records.Fail, records.Unknown)
	s.fact("Criteria   %d: %d passing, %d failing, %d unknown", len(st.Criteria), criteria[check.Pass], criteria[check.Fail], criteria[check.Unknown])
	for _, p := range w.Monitor.Set.Problems() {
		s.fact("Broken     %s", p.Message)
	}
	for _, need := range slices.Sorted(maps.Keys(needs)) {
		s.fact("Not read   without %s: %s", need, strings.Join(needs[need], ", "))
	}
	for _, l := range lost {
		s.fact("Not read   %s", l)
	}
	s.fact("\nNext")
	for i, step := range s.nextSteps(w, st, needs) {
		s.fact("  %d. %s", i+1, step)
	}
	return nil
}

// nextSteps are the three most useful things to do.
func (s *session) nextSteps(w *workspace.Workspace, st standing.Summary, needs map[string][]string) []string {
	var steps []string
	for _, p := range w.Monitor.Set.Problems() {
		steps = append(steps, p.Next())
	}
	failing := slices.DeleteFunc(slices.Clone(st.Checks), func(c check.State) bool { return c.Off || c.Status != check.Fail })
	rank := map[string]int{"critical": 0, "high": 1, "medium": 2, "low": 3}
	slices.SortStableFunc(failing, func(a, b check.State) int { return rank[a.Severity] - rank[b.Severity] })
	for i, c := range failing {
		if i == 2 {
			break
		}
		steps = append(steps, fmt.Sprintf("%s, %s: %q fails for %d. See why and how to fix it: tickmark check show %s", c.ID, c.Severity, c.Title, c.Counts.Fail, c.ID))
	}
	user := "USER"
	if me, err := w.Local(s); err == nil {
		user = me.User.Key
	}
	totals, err := w.Book.Totals(s)
	switch {
	case err == nil && totals["person"] == 0:
		steps = append(steps, fmt.Sprintf("Say who works here, and which of them you are, for an account without a person can approve nothing: tickmark import people.csv --kind person, then tickmark user join %s PERSON", user))
	case w.Unlinked(s):
		steps = append(steps, fmt.Sprintf("Say which person you are, for an account without a person can approve nothing: tickmark user join %s PERSON", user))
	}
	if len(needs["root"]) > 0 {
		steps = append(steps, "Read what needs root, as root: sudo tickmark collect host")
	}
	drafts := 0
	for _, c := range st.Controls {
		if c.Life == "draft" {
			drafts++
		}
	}
	if drafts > 0 {
		steps = append(steps, fmt.Sprintf("Make the %d starter controls yours: open Controls, name owners, have another person approve them.", drafts))
	}
	steps = append(steps, "Hand over what you have, provable offline: tickmark package --out evidence.zip")
	return steps[:min(3, len(steps))]
}

type initCommand struct {
	Firm bool `help:"Make the workspace of a firm that examines companies, and not of a company."`
}

func (c *initCommand) Run(s *session) error {
	w, err := s.openAs(workspace.Options{Create: true, Firm: c.Firm})
	if err != nil {
		return err
	}
	defer w.Close()
	made, err := w.Setup(s)
	if err != nil {
		return err
	}
	if !made.New {
		s.say("The workspace in %s is there already.", w.Data)
		return nil
	}
	s.fact("A new workspace in %s. Its first user is %s; sign in once with this link, within 24 hours:\n  %s", w.Data, made.User.Key, made.Link)
	return nil
}

type serveCommand struct {
	Listen string `env:"TICKMARK_LISTEN" default:"127.0.0.1:8420" placeholder:"ADDRESS" help:"Where to serve."`
	Base   string `env:"TICKMARK_BASE_URL" placeholder:"URL" help:"Where browsers find it, such as https://tickmark.example.com."`
}

func (c *serveCommand) Run(s *session) error {
	base := c.Base
	if base == "" {
		base = workspace.Base(c.Listen)
	}
	l, err := server.Take(s, c.Listen)
	if err != nil {
		return err
	}
	defer l.Close()
	w, err := s.openAs(workspace.Options{BaseURL: base})
	if err != nil {
		return err
	}
	defer w.Close()
	srv, err := server.New(s, w, l)
	if err != nil {
		return err
	}
	defer srv.Close()
	if _, err := w.Setup(s); err != nil {
		return err
	}
	s.fact("Serving %s (Ctrl-C stops)", base)
	return srv.Serve(s)
}

type migrateCommand struct{}

func (migrateCommand) Run(s *session) error {
	w, err := s.open() // opening migrates
	if err != nil {
		return err
	}
	s.say("The schema is up to date.")
	return w.Close()
}

type collectCommand struct {
	Names []string `arg:"" optional:"" name:"connection" help:"Connections to read; all when none is named."`
}

func (c *collectCommand) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		runs, err := s.collect(w, c.Names)
		if err != nil {
			return err
		}
		if conns, err := w.Collect.Connections(s); err != nil {
			return err
		} else if len(runs) == 0 && len(c.Names) == 0 && !slices.ContainsFunc(conns, func(c collect.Connection) bool { return !c.Paused }) {
			return fault.New(fault.NotFound, "There is no connection to collect.").WithNext("Add one with tickmark connect add.")
		}
		if _, err := w.Monitor.Evaluate(s, check.Options{}); err != nil {
			return err
		}
		if _, err := w.Log.Checkpoint(s); err != nil {
			return err
		}
		if s.flags.JSON {
			if err := s.writeJSON(runs); err != nil {
				return err
			}
		}
		missing := 0
		for _, r := range runs {
			for _, k := range r.Kinds {
				if !s.flags.JSON {
					s.fact("%s\t%s\t%d read\t%d new\t%d changed\t%d gone\t%s", r.Connection, k.Kind, k.Read, k.New, k.Changed, k.Closed, strings.Join(append([]string{word(k.Complete, "complete", "incomplete")}, k.Course()...), "\t"))
				}
			}
			missing += len(r.Missing)
			for _, line := range unread(r.Missing) {
				s.say("%s: %s", r.Connection, line)
			}
		}
		if missing > 0 {
			return fault.New(fault.Incomplete, "%d of what is in scope could not be read; what rests on it is unknown.", missing)
		}
		return nil
	})
}

// unread is a line for each reason why something was not read, with all that it keeps from being read.
func unread(missing []collect.Missing) []string {
	var reasons []string
	what := map[string][]string{}
	for _, m := range missing {
		reason := printable(m.Reason)
		if m.Needs != "" {
			reason += " It needs " + m.Needs + "."
		}
		if what[reason] == nil {
			reasons = append(reasons, reason)
		}
		if of := m.Kind + word(m.Part != "", " ("+m.Part+")", ""); !slices.Contains(what[reason], of) {
			what[reason] = append(what[reason], of)
		}
	}
	lines := make([]string, len(reasons))
	for i, reason := range reasons {
		of := what[reason]
		lines[i] = strings.Join(of, ", ") + word(len(of) == 1, " was", " were") + " not read: " + reason
	}
	return lines
}

func word(cond bool, yes, no string) string {
	if cond {
		return yes
	}
	return no
}
