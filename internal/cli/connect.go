package cli

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/agent"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/secret"
	"tickmark/internal/workspace"
)

type connectCommand struct {
	Add         connectAdd         `cmd:"" help:"Add or change a connection."`
	List        connectList        `cmd:"" help:"List connections and their last run."`
	Kinds       connectKinds       `cmd:"" help:"List the connectors there are, their settings and the permissions they need."`
	Permissions connectPermissions `cmd:"" help:"Show what a connector needs to be granted, ready to copy, and what it was tested against."`
	Test        connectTest        `cmd:"" help:"Show what a connection's credential can read, kind by kind; writes nothing."`
	Secret      connectSecret      `cmd:"" help:"Put new secrets in the place of old ones, after a test with them."`
	Webhook     connectWebhook     `cmd:"" help:"Let the service say when something changes, so that it is read at once; prints the address and a new secret."`
	Confirm     connectConfirm     `cmd:"" help:"Confirm that a list which came back empty really is empty."`
	End         connectEnd         `cmd:"" help:"Say that a part of what is sent to a connection is no more, such as a machine that was given up."`
	Remove      connectRemove      `cmd:"" help:"Remove a connection; its records stay, what they say from now on is unknown."`
}

type connectAdd struct {
	Connector string            `arg:"" help:"Which connector."`
	Name      string            `help:"Name of the connection; the connector's when left out."`
	Title     string            `help:"What to show."`
	Set       map[string]string `placeholder:"K=V" help:"A setting."`
	Secret    map[string]string `placeholder:"K=@FILE" help:"A secret, from a file, or - for standard input; never on the command line itself."`
	Every     string            `help:"How often, such as 1h."`
	Paused    *bool             `negatable:"" help:"Do not collect by itself."`
}

func (c *connectAdd) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		conn := collect.Connection{Name: c.Name, Connector: c.Connector, Title: c.Title, Settings: c.Set, Every: c.Every, Paused: c.Paused != nil && *c.Paused}
		if conn.Name == "" {
			conn.Name = c.Connector
		}
		if old, err := w.Collect.Connection(s, conn.Name); err == nil { // change: what is not said stays
			if old.Connector != conn.Connector {
				return fault.New(fault.Conflict, "%s is a connection to %s.", conn.Name, old.Connector).WithNext("Choose another --name.")
			}
			for k, v := range old.Settings {
				if _, said := conn.Settings[k]; !said {
					if conn.Settings == nil {
						conn.Settings = map[string]string{}
					}
					conn.Settings[k] = v
				}
			}
			conn.Secrets = old.Secrets
			if c.Paused == nil {
				conn.Paused = old.Paused
			}
			if conn.Title == "" {
				conn.Title = old.Title
			}
			if conn.Every == "" {
				conn.Every = old.Every
			}
		}
		if k, err := w.Collect.Connector(conn.Connector); err == nil && slices.ContainsFunc(k.Settings, func(x connector.Setting) bool { return x.Name == "path" }) {
			if conn.Settings == nil {
				conn.Settings = map[string]string{}
			}
			path := conn.Settings["path"]
			if path == "" {
				path = "."
			}
			if conn.Settings["path"], err = filepath.Abs(path); err != nil { // the server may run elsewhere
				return err
			}
		}
		secrets := map[string]secret.Value{}
		for k, v := range c.Secret {
			b, err := s.secretFrom(k, v)
			if err != nil {
				return err
			}
			secrets[k] = secret.Of(strings.TrimRight(string(b), "\r\n"))
		}
		conn, err := w.Collect.Add(s, me, conn, secrets)
		if err != nil {
			return err
		}
		if conn.Connector == agent.GroupConnector {
			s.say("The group %s is set up. Make a token with which machines join it: tickmark agent token add %s.", conn.Name, conn.Name)
			return nil
		}
		if k, err := w.Collect.Connector(conn.Connector); err == nil && k.Sent {
			s.say("The connection %s is set up. Make a token that may send to it with tickmark token add %s --name %s --push %s.", conn.Name, me.User.Key, conn.Name, conn.Name)
			return nil
		}
		s.say("The connection %s is set up. Read it with tickmark collect %s.", conn.Name, conn.Name)
		return nil
	})
}

func (s *session) secretFrom(name, from string) ([]byte, error) {
	switch {
	case from == "-":
		return io.ReadAll(io.LimitReader(s.stdin, 64<<10))
	case strings.HasPrefix(from, "@"):
		b, err := readFile(from[1:], 64<<10)
		if err != nil {
			return nil, fault.New(fault.Invalid, "The secret %s cannot be read: %w.", name, err)
		}
		return b, nil
	}
	return nil, fault.New(fault.Usage, "--secret %s: a secret on the command line can be seen by other users of this machine.", name).WithNext("Put it into a file and say --secret %s=@FILE, or --secret %s=- and give it on standard input.", name, name)
}

type connectList struct{}

func (connectList) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		conns, err := w.Collect.Connections(s)
		if err != nil {
			return err
		}
		type row struct {
			Name string `json:"name"`
			collect.Connection
			Last *collect.Summary `json:"last_run"`
		}
		var out []row
		var lines [][]string
		for _, c := range conns {
			r := row{Name: c.Name, Connection: c}
			state := "never read"
			last, err := w.Collect.LastRuns(s, c.Name, 1)
			if err != nil {
				return err
			}
			if len(last) > 0 {
				sum, err := collect.ParseSummary(last[0])
				if err != nil {
					return err
				}
				r.Last = &sum
				state = sum.Outcome + " at " + sum.Started.Format("2006-01-02 15:04:05Z07:00") + ": " + sum.Describe()
			}
			out = append(out, r)
			lines = append(lines, []string{c.Name, c.Connector, "every " + c.Every, state})
		}
		if s.flags.JSON {
			return s.writeJSON(out)
		}
		if len(lines) == 0 {
			s.say("There is no connection yet. tickmark connect kinds shows what can be connected.")
		}
		return s.table([]string{"name", "connector", "interval", "last run"}, lines)
	})
}

type connectKinds struct{}

func (connectKinds) Run(s *session) error {
	own, wrong := workspace.Own(cmp.Or(s.flags.Data, "tickmark-data"))
	all := workspace.Connectors()
	for _, c := range own {
		all = append(all, c.Connector)
	}
	for _, k := range all {
		if !k.Offered() {
			continue
		}
		s.fact("%s: %s. %s", k.Name, k.Title, k.Help)
		for _, v := range k.Settings {
			s.fact("  setting     %s%s  %s", v.Name, word(v.Secret, " (secret)", word(v.Required, " (needed)", "")), v.Help)
		}
		for _, p := range k.Permissions {
			s.fact("  permission  %s  %s (%s)", p.Name, p.Why, strings.Join(p.Kinds, ", "))
		}
	}
	for _, err := range wrong {
		s.say("A connector of this workspace's own cannot be used: %s", printable(err.Error()))
	}
	return nil
}

type connectPermissions struct {
	Connector string `arg:"" help:"The connector, or a connection of it; tickmark connect kinds lists the connectors."`
}

func (c *connectPermissions) Run(s *session) error {
	list := workspace.Connectors()
	at := slices.IndexFunc(list, func(k connector.Connector) bool { return k.Name == c.Connector })
	if at < 0 { // perhaps a connection; the workspace's own connectors are in it too
		return s.with(func(w *workspace.Workspace, _ access.Session) error {
			name := c.Connector
			if conn, err := w.Collect.Connection(s, name); err == nil {
				name = conn.Connector
			}
			k, err := w.Collect.Connector(name)
			if err != nil {
				return err
			}
			return s.permissions(k)
		})
	}
	return s.permissions(list[at])
}

func (s *session) permissions(k connector.Connector) error {
	if s.flags.JSON {
		return s.writeJSON(map[string]any{"connector": k.Name, "permissions": k.Permissions, "grant": k.Grant, "tried": k.Tried})
	}
	s.fact("%s: %s", k.Name, k.Title)
	for _, p := range k.Permissions {
		s.fact("  %s  %s (%s)", p.Name, p.Why, strings.Join(p.Kinds, ", "))
	}
	if len(k.Permissions) == 0 {
		s.fact("  It needs no permission beyond its settings.")
	}
	if k.Grant != "" {
		s.fact("\n%s", strings.TrimSpace(k.Grant))
	}
	s.fact("\nTested against: %s", cmp.Or(k.Tried, "Its maker did not say."))
	return nil
}

type connectTest struct {
	Name string `arg:"" help:"The name of the connection; tickmark connect list shows them."`
}

func (c *connectTest) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		t, err := w.Collect.Try(s, me, c.Name, nil, nil)
		if err != nil {
			return err
		}
		return s.trial(t)
	})
}

// trial shows what a credential can read, and is an error where something in scope cannot be.
func (s *session) trial(t collect.Trial) error {
	if s.flags.JSON {
		if err := s.writeJSON(t); err != nil {
			return err
		}
	} else {
		var rows [][]string
		for _, r := range t.Rows {
			seen := fmt.Sprint(r.Seen)
			if r.Expected > 0 {
				seen += fmt.Sprintf(" of %d", r.Expected)
			}
			need := ""
			if r.Needs != "" {
				need = " It needs " + r.Needs + "."
			}
			rows = append(rows, []string{r.Kind + word(r.Part != "", " ("+r.Part+")", ""), r.Outcome, seen, strings.TrimSpace(printable(r.Reason) + need)})
		}
		if err := s.table([]string{"kind", "outcome", "seen", "why"}, rows); err != nil {
			return err
		}
	}
	if n := len(t.Unread()); n > 0 {
		return fault.New(fault.Incomplete, "%d of what is in scope cannot be read. Nothing was written.", n).WithNext("tickmark connect permissions shows what to grant.")
	}
	s.say("Everything in scope can be read. Nothing was written.")
	return nil
}

type connectSecret struct {
	Name     string            `arg:"" help:"The name of the connection; tickmark connect list shows them."`
	Secrets  map[string]string `arg:"" name:"k=@file" help:"The secret, from a file, or - for standard input; never on the command line itself."`
	Untested string            `placeholder:"REASON" help:"Put it in without the test, or although the test failed, for this reason; it stays on record."`
}

func (c *connectSecret) Run(s *session) error {
	secrets := map[string]secret.Value{}
	for k, v := range c.Secrets {
		b, err := s.secretFrom(k, v)
		if err != nil {
			return err
		}
		secrets[k] = secret.Of(strings.TrimRight(string(b), "\r\n"))
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if _, err := w.Collect.Rotate(s, me, c.Name, secrets, c.Untested, nil); err != nil {
			return err
		}
		s.say("%s has the new secret%s. End the old one at the service.", c.Name, word(c.Untested != "", ", untested", ", which reads what the old one did"))
		return nil
	})
}

type connectWebhook struct {
	Name string `arg:"" help:"The name of the connection; tickmark connect list shows them."`
	Off  bool   `help:"Take no more messages."`
}

func (c *connectWebhook) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if c.Off {
			if err := w.Collect.CloseHook(s, me, c.Name); err != nil {
				return err
			}
			s.say("Messages for %s are no longer taken.", c.Name)
			return nil
		}
		made, err := w.Collect.OpenHook(s, me, c.Name)
		if err != nil {
			return err
		}
		conn, err := w.Collect.Connection(s, c.Name)
		if err != nil {
			return err
		}
		k, err := w.Collect.Connector(conn.Connector)
		if err != nil {
			return err
		}
		at := strings.TrimRight(w.BaseURL, "/") + collect.HookPath(c.Name)
		if s.flags.JSON {
			return s.writeJSON(map[string]string{"url": at, "secret": made})
		}
		s.fact("address  %s", at)
		s.fact("secret   %s", made)
		s.say("%s The secret is shown only now; one made before no longer counts.", k.Hook.Setup)
		return nil
	})
}

type connectConfirm struct {
	Name  string `arg:"" help:"The name of the connection; tickmark connect list shows them."`
	Kind  string `arg:"" help:"The kind whose list came back empty."`
	Scope string `arg:"" optional:"" help:"The machine or other parent that it is about."`
}

func (c *connectConfirm) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if _, err := w.Collect.Connection(s, c.Name); err != nil {
			return err
		}
		if _, err := w.Book.Kinds.Named(c.Kind); err != nil {
			return err
		}
		return w.Collect.Confirm(s, me, c.Name, c.Kind, c.Scope)
	})
}

type connectEnd struct {
	Name   string `arg:"" help:"The name of the connection; tickmark connect list shows them."`
	Scope  string `arg:"" help:"The machine or other parent that was sent for."`
	Reason string `required:"" help:"Why; it stays on record."`
}

func (c *connectEnd) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		return w.Collect.Retire(s, me, c.Name, c.Scope, c.Reason)
	})
}

type connectRemove struct {
	Name   string `arg:"" help:"The name of the connection; tickmark connect list shows them."`
	Reason string `required:"" help:"Why; it stays on record."`
}

func (c *connectRemove) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		return w.Collect.Remove(s, me, c.Name, c.Reason)
	})
}
