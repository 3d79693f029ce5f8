package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
)

// Trial is what a connection's credential was seen to read. Nothing of it is in a record.
type Trial struct {
	Connection string     `json:"connection"`
	Rows       []TrialRow `json:"rows"`
	Requests   int        `json:"requests"`
	Seconds    float64    `json:"seconds"`
}

// The outcomes of a trial's row.
const (
	TrialRead   = "read"
	TrialDenied = "denied"
	TrialFailed = "failed"
)

// TrialRow is one kind, or one part of it that could not be read.
type TrialRow struct {
	Kind     string `json:"kind"`
	Part     string `json:"part,omitempty"`
	Outcome  string `json:"outcome"`
	Seen     int    `json:"seen"`               // on the first page
	Expected int    `json:"expected,omitempty"` // as the service counts; 0 when it does not
	Reason   string `json:"reason,omitempty"`
	Needs    string `json:"needs,omitempty"` // the permission that is missing, as the service calls it
}

// Unread are the rows that were not read.
func (t Trial) Unread() []TrialRow {
	return slices.DeleteFunc(slices.Clone(t.Rows), func(r TrialRow) bool { return r.Outcome == TrialRead })
}

// Try reads as much of a connection as shows what its credential may read, with these secrets instead of those that are
// sealed, and writes nothing. by needs the verb connect.
func (c *Collector) Try(ctx context.Context, by record.Authority, name string, instead map[string]secret.Value, progress Progress) (Trial, error) {
	t := Trial{Connection: name}
	if err := c.mayConnect(ctx, by); err != nil {
		return t, err
	}
	conn, err := c.Connection(ctx, name)
	if err != nil {
		return t, err
	}
	k, err := c.Connector(conn.Connector)
	if err != nil {
		return t, err
	}
	for setting := range instead {
		if !slices.ContainsFunc(k.Settings, func(s connector.Setting) bool { return s.Name == setting && s.Secret }) {
			return t, fault.New(fault.Invalid, "%s has no secret %q.", k.Title, setting)
		}
	}
	return c.try(ctx, conn, k, instead, progress)
}

// TryAs is Try of a connection as it would be set up.
func (c *Collector) TryAs(ctx context.Context, by record.Authority, conn Connection, secrets map[string]secret.Value, progress Progress) (Trial, error) {
	conn, err := c.Triable(ctx, by, conn, secrets)
	if err != nil {
		return Trial{Connection: conn.Name}, err
	}
	k, err := c.Connector(conn.Connector)
	if err != nil {
		return Trial{Connection: conn.Name}, err
	}
	return c.try(ctx, conn, k, secrets, progress)
}

// Triable is the connection that TryAs would try, with what is left out filled in, or why it cannot. What is sealed of one that
// is set up goes nowhere but where it was set up for: with other settings its secrets are given anew.
func (c *Collector) Triable(ctx context.Context, by record.Authority, conn Connection, secrets map[string]secret.Value) (Connection, error) {
	if err := c.mayConnect(ctx, by); err != nil {
		return conn, err
	}
	conn, _, err := c.complete(ctx, conn, secrets)
	if err != nil {
		return conn, err
	}
	if slices.ContainsFunc(conn.Secrets, func(s string) bool { _, given := secrets[s]; return !given }) {
		old, err := c.Connection(ctx, conn.Name)
		if err != nil {
			return conn, err
		}
		if old.Connector != conn.Connector || !maps.Equal(old.Settings, conn.Settings) {
			return conn, fault.New(fault.Invalid, "What is sealed for %s is not sent anywhere else to try it.", conn.Name).
				WithNext("Enter the secrets again to try other settings.")
		}
	}
	return conn, nil
}

func (c *Collector) try(ctx context.Context, conn Connection, k connector.Connector, instead map[string]secret.Value, progress Progress) (Trial, error) {
	t := Trial{Connection: conn.Name}
	if k.Sent {
		return t, fault.New(fault.Invalid, "Nothing is read from %s: programs send to it.", conn.Name)
	}
	known := conn
	known.Secrets = slices.DeleteFunc(slices.Clone(conn.Secrets), func(s string) bool { _, other := instead[s]; return other })
	values, err := c.values(ctx, known)
	if err != nil {
		return t, err
	}
	for setting, v := range instead {
		values[setting] = v.Reveal()
	}
	hide := hider(k, values)
	began := time.Now()
	s := &sample{c: c, conn: conn, hide: hide, progress: progress, seen: map[string]int{}, total: map[string]int{}, read: map[string]bool{}}
	failed := k.Read(connector.Glimpse(ctx), values, s)
	if ctx.Err() != nil {
		failed = fault.New(fault.Unavailable, "The test was stopped before it ended.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Requests, t.Seconds = s.asked, time.Since(began).Seconds()
	names := map[string]bool{}
	for _, kind := range k.Kinds {
		names[kind.Name] = true
	}
	for kind := range s.seen {
		names[kind] = true // of the kinds of a file connection none is declared
	}
	for _, kind := range slices.Sorted(maps.Keys(names)) {
		row := TrialRow{Kind: kind, Outcome: TrialRead, Seen: s.seen[kind], Expected: s.total[kind]}
		at := slices.IndexFunc(s.gaps, func(g Missing) bool { return g.Kind == kind && g.Part == "" })
		switch {
		case at >= 0:
			row = s.gaps[at].row(row)
		case !s.read[kind] && failed != nil:
			why, denied := reasonOf(failed)
			row = Missing{Kind: kind, Reason: hide(why), Denied: denied}.row(row)
		case !s.read[kind]:
			row = Missing{Kind: kind, Reason: "The connector did not say that it read this."}.row(row)
		}
		t.Rows = append(t.Rows, row)
		for i, g := range s.gaps {
			if g.Kind == kind && g.Part != "" && !slices.ContainsFunc(s.gaps[:i], func(o Missing) bool { return o.Kind == kind && o.Part == g.Part }) {
				t.Rows = append(t.Rows, g.row(TrialRow{Kind: kind, Part: g.Part}))
			}
		}
	}
	return t, nil
}

func (m Missing) row(r TrialRow) TrialRow {
	r.Outcome, r.Reason, r.Needs = TrialFailed, m.Reason, m.Needs
	if m.Denied {
		r.Outcome = TrialDenied
	}
	return r
}

// reasonOf is why a read ended early, and whether the source refused it.
func reasonOf(err error) (why string, denied bool) {
	if f := (*fault.Fault)(nil); errors.As(err, &f) {
		return f.Message, f.Kind == fault.Denied
	}
	return err.Error(), false
}

// Rotate puts new secrets in the place of a connection's old ones, when a trial with them reads everything that the last run
// did; otherwise the old ones stay. With a reason to go untested they are put in without a trial. by needs the verb connect.
func (c *Collector) Rotate(ctx context.Context, by record.Authority, name string, secrets map[string]secret.Value, untested string, progress Progress) (Trial, error) {
	t := Trial{Connection: name}
	if len(secrets) == 0 {
		return t, fault.New(fault.Invalid, "No secret is given.").WithNext("Say which, as in token=@FILE.")
	}
	for setting, v := range secrets {
		if v.Empty() {
			return t, fault.New(fault.Invalid, "The secret %s is empty.", setting)
		}
	}
	if untested == "" {
		var err error
		if t, err = c.Try(ctx, by, name, secrets, progress); err != nil {
			return t, err
		}
		if ctx.Err() != nil {
			return t, fault.New(fault.Unavailable, "The test was stopped before it ended. The old one stays.")
		}
		had, err := c.hadRead(ctx, name)
		if err != nil {
			return t, err
		}
		unread := t.Unread()
		if len(unread) > 0 && len(unread) == len(t.Rows) {
			return t, fault.New(fault.Denied, "With the new secret nothing can be read: %s The old one stays.", unread[0].Reason).
				WithNext("Grant the new one what is missing, or say --untested REASON to put it in all the same.")
		}
		for _, row := range unread {
			if had == nil || had[[2]string{row.Kind, row.Part}] {
				return t, fault.New(fault.Denied, "With the new secret %s cannot be read: %s The old one stays.", said(row.Kind, row.Part), row.Reason).
					WithNext("Grant the new one what is missing, or say --untested REASON to put it in all the same.")
			}
		}
	}
	conn, err := c.Connection(ctx, name)
	if err != nil {
		return t, err
	}
	_, err = c.set(ctx, by, conn, secrets, func(tx *ledger.Tx) error {
		_, err := tx.Act(ctx, "connection.secret_replaced", by.Actor().Name, name, map[string]any{"secrets": slices.Sorted(maps.Keys(secrets)), "untested": untested})
		return err
	})
	return t, err
}

func said(kind, part string) string {
	if part != "" {
		kind += " (" + part + ")"
	}
	return kind
}

// lookedBack is how many runs are looked through for one that read something: an old secret may have ended long before.
const lookedBack = 50

// hadRead says which kinds, and parts that were ever missing, the last run that read anything did read; nil when there was none.
func (c *Collector) hadRead(ctx context.Context, name string) (map[[2]string]bool, error) {
	last, err := c.LastRuns(ctx, name, lookedBack)
	if err != nil {
		return nil, err
	}
	var sum Summary
	for _, v := range last {
		if sum, err = ParseSummary(v); err != nil {
			return nil, err
		}
		if !sum.nothing() {
			break
		}
	}
	if len(last) == 0 || sum.nothing() {
		return nil, nil
	}
	k, err := c.Connector(sum.Connector)
	if err != nil {
		return nil, err
	}
	had := map[[2]string]bool{}
	for _, kind := range k.Kinds {
		had[[2]string{kind.Name, ""}] = true
		for _, f := range kind.Fields {
			had[[2]string{kind.Name, f.Name}] = true
		}
	}
	for _, m := range sum.Missing {
		had[[2]string{m.Kind, m.Part}] = false
	}
	return had, nil
}

func (c *Collector) mayConnect(ctx context.Context, by record.Authority) error {
	kind, err := c.Book.Kinds.Named(ConnectionKind)
	if err != nil {
		return err
	}
	return by.May(ctx, "connect", kind)
}

// sample is the Sink of a trial: it counts and keeps nothing.
type sample struct {
	c    *Collector
	conn Connection
	hide func(string) string

	progress Progress // nil where nobody waits

	mu    sync.Mutex
	seen  map[string]int
	total map[string]int
	read  map[string]bool
	gaps  []Missing
	asked int
}

var _ connector.Sink = (*sample)(nil)

func (s *sample) Item(it connector.Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it.Parts == nil { // whole, so that it can be told whether it could be kept
		_, err := s.c.Book.Observe(record.Collection{Source: s.conn.Name, Origin: record.Collected, Actor: "connection:" + s.conn.Name},
			record.Observation{Kind: it.Kind, Key: it.Key, Scope: it.Scope, Label: it.Label, Raw: it.Raw, Body: it.Body, Occurred: it.Occurred}, nil)
		if f := (*fault.Fault)(nil); errors.As(err, &f) && (f.Kind == fault.Invalid || f.Kind == fault.TooLarge) {
			s.gaps = append(s.gaps, Missing{Kind: it.Kind, Scope: it.Scope, Reason: s.hide(fmt.Sprintf("The object %q cannot be kept: %s", it.Key, f.Message))})
		} else if err != nil {
			return err
		}
	}
	for _, p := range it.Parts {
		if p.Gap != "" {
			s.gaps = append(s.gaps, Missing{Kind: it.Kind, Scope: it.Scope, Part: p.Name, Reason: s.hide(p.Gap)})
		}
	}
	s.seen[it.Kind]++
	return nil
}

func (s *sample) Seen(string, string) bool             { return false }
func (s *sample) Unchanged(string, string) bool        { return false }
func (s *sample) Since(string, string) time.Time       { return time.Time{} }
func (s *sample) Under(string, string)                 {}
func (s *sample) Through(k, scope string, _ time.Time) { s.Complete(k, scope) }
func (s *sample) State() []byte                        { return nil }
func (s *sample) SetState([]byte)                      {}
func (s *sample) Now() time.Time                       { return s.c.Book.Log.Clock() }

func (s *sample) Complete(kind, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read[kind] = true
}

// Missing keeps what is denied before what failed: it says what to do.
func (s *sample) Missing(g connector.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := Missing{Kind: g.Kind, Scope: g.Scope, Part: g.Part, Denied: g.Denied, Reason: s.hide(g.Reason), Needs: g.Needs}
	if g.Denied {
		s.gaps = append([]Missing{m}, s.gaps...)
	} else {
		s.gaps = append(s.gaps, m)
	}
}

func (s *sample) Exchange(connector.Exchange) connector.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return nil
}

func (s *sample) Progress(kind string, done, total int) {
	s.mu.Lock()
	s.total[kind] = cmp.Or(total, s.total[kind])
	s.mu.Unlock()
	if s.progress != nil {
		s.progress(s.conn.Name, kind, done, total)
	}
}
