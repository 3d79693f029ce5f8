package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
)

// Collector knows the connectors and runs connections.
type Collector struct {
	Book       *record.Book
	Keys       *secret.Keys
	Connectors []connector.Connector
	Release    string // of this program, for the run's record
}

// Connection is a configured instance of a connector.
type Connection struct {
	Name      string            `json:"-"`
	Connector string            `json:"connector"`
	Title     string            `json:"title"`
	Settings  map[string]string `json:"settings"`
	Secrets   []string          `json:"secrets,omitempty"`
	Every     string            `json:"every"`
	Paused    bool              `json:"paused"`
	Webhook   bool              `json:"webhook,omitempty"` // the service says when something changed
}

// longest is the longest interval: a reading vouches for twice as long as until the next is due, and no longer than two months.
const longest = 31 * 24 * time.Hour

// Interval is how often the connection is collected.
func (c Connection) Interval() time.Duration {
	d, err := time.ParseDuration(c.Every)
	if err != nil || d <= 0 {
		return time.Hour
	}
	return min(d, longest)
}

// Connector returns the named connector, or a fault that lists them.
func (c *Collector) Connector(name string) (connector.Connector, error) {
	var names []string
	for _, k := range c.Connectors {
		if k.Name == name {
			return k, nil
		}
		if k.Offered() {
			names = append(names, k.Name)
		}
	}
	return connector.Connector{}, fault.New(fault.NotFound, "There is no connector %q.", name).WithNext("There are %s.", strings.Join(names, ", "))
}

// credential is a password in an address, as https://user:password@host or in a parameter that is one. A user alone is none,
// except where it stands for a token.
var credential = regexp.MustCompile(`(?i)^\s*(?:[a-z][a-z0-9+.-]*://[^/\s?#@:]*:[^/\s?#@]+@|https?://[^/\s?#@]+@|[a-z][a-z0-9+.-]*://\S*[?&](?:password|sslpassword|access_token|token|api_?key|secret)=[^&#\s])`)

// Add makes a connection, or changes it. Settings not given keep the connector's default; secrets are sealed. by needs the
// verb connect.
func (c *Collector) Add(ctx context.Context, by record.Authority, conn Connection, secrets map[string]secret.Value) (Connection, error) {
	return c.set(ctx, by, conn, secrets, func(*ledger.Tx) error { return nil })
}

// complete says how a connection will stand with what is given: by its connector, with what is left out filled in.
func (c *Collector) complete(ctx context.Context, conn Connection, secrets map[string]secret.Value) (Connection, connector.Connector, error) {
	k, err := c.Connector(conn.Connector)
	if err != nil {
		return conn, k, err
	}
	if k.Enrolled {
		return conn, k, fault.New(fault.Denied, "A machine becomes a source when it enrols, and changes with its group.").WithNext("tickmark agent machines shows them; tickmark agent enrol on a machine makes one.")
	}
	if k.Demonstration {
		if err := c.invented(ctx); err != nil {
			return conn, k, err
		}
	}
	conn.Secrets = slices.Clone(conn.Secrets)
	if conn.Name == "" || len(conn.Name) > 60 || strings.ContainsAny(conn.Name, " /\t\n") || conn.Name == record.Program {
		return conn, k, fault.New(fault.Invalid, "%q cannot be a connection's name.", conn.Name).WithNext("Use letters, digits and hyphens.")
	}
	given := conn.Settings
	conn.Settings = map[string]string{}
	for _, s := range k.Settings {
		v, ok := given[s.Name]
		if s.Secret {
			if ok {
				return conn, k, fault.New(fault.Invalid, "%s of %s is a secret.", s.Name, k.Title).WithNext("Give it with --secret %s=@FILE.", s.Name)
			}
			if _, sealed := secrets[s.Name]; !sealed && s.Required && !slices.Contains(conn.Secrets, s.Name) {
				return conn, k, fault.New(fault.Invalid, "%s needs the secret %s: %s.", k.Title, s.Name, s.Help)
			}
			continue
		}
		if !ok {
			v = s.Default
		}
		if v == "" && s.Required {
			return conn, k, fault.New(fault.Invalid, "%s needs the setting %s: %s.", k.Title, s.Name, s.Help)
		}
		if credential.MatchString(v) {
			return conn, k, fault.New(fault.Invalid, "The setting %s of %s holds a password, where everybody who may see connections reads it.", s.Name, k.Title).
				WithNext("Take it out, and give it as the connection's secret.")
		}
		if v != "" {
			conn.Settings[s.Name] = v
		}
	}
	for name := range given {
		if !slices.ContainsFunc(k.Settings, func(s connector.Setting) bool { return s.Name == name }) {
			return conn, k, fault.New(fault.Invalid, "%s has no setting %q.", k.Title, name)
		}
	}
	for name := range secrets {
		if !slices.ContainsFunc(k.Settings, func(s connector.Setting) bool { return s.Name == name && s.Secret }) {
			return conn, k, fault.New(fault.Invalid, "%s has no secret %q.", k.Title, name)
		}
		if !slices.Contains(conn.Secrets, name) {
			conn.Secrets = append(conn.Secrets, name)
		}
	}
	slices.Sort(conn.Secrets)
	if old, err := c.Connection(ctx, conn.Name); err == nil {
		conn.Webhook = old.Webhook && old.Connector == conn.Connector
	}
	if k.Sent {
		for _, name := range SentKinds(conn) {
			if _, err := c.sentKind(name); err != nil {
				return conn, k, err
			}
		}
	}
	if conn.Title == "" {
		conn.Title = k.Title
		if conn.Name != k.Name {
			conn.Title += " (" + conn.Name + ")"
		}
	}
	if conn.Every == "" && k.Sent && k.Borrows {
		conn.Every = "24h" // how often each machine of the group is expected
	} else if conn.Every == "" && k.Sent {
		conn.Every = "168h" // how often something is expected
	} else if conn.Every == "" {
		conn.Every = "1h"
	}
	if d, err := time.ParseDuration(conn.Every); err != nil || d < time.Minute {
		return conn, k, fault.New(fault.Invalid, "%q is not an interval of a minute or more, such as 1h.", conn.Every)
	} else if d > longest {
		return conn, k, fault.New(fault.Invalid, "%s is too long an interval: what was read once would speak for all of it.", conn.Every).WithNext("Give at most 744h, which is 31 days.")
	}
	return conn, k, nil
}

// set writes a connection and seals its secrets, and does with it what belongs into the same transaction.
func (c *Collector) set(ctx context.Context, by record.Authority, conn Connection, secrets map[string]secret.Value, with func(*ledger.Tx) error) (Connection, error) {
	if err := c.mayConnect(ctx, by); err != nil {
		return conn, err
	}
	conn, _, err := c.complete(ctx, conn, secrets)
	if err != nil {
		return conn, err
	}
	body, err := json.Marshal(conn)
	if err != nil {
		return conn, err
	}
	err = c.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		for name, v := range secrets {
			sealed, err := c.Keys.Seal(secret.Place{Connection: conn.Name, Setting: name}, v)
			if err != nil {
				return err
			}
			if err := store.InsertOr(ctx, tx, "sealed", []string{"connection", "setting", "value"}, "ON CONFLICT (connection, setting) DO UPDATE SET value = excluded.value", [][]any{{conn.Name, name, sealed}}); err != nil {
				return err
			}
		}
		if err := forget(ctx, tx, conn.Name); err != nil { // it is of the settings before
			return err
		}
		if _, err := c.Book.PutIn(ctx, tx, onBehalf(by), record.Change{Kind: ConnectionKind, Key: conn.Name, Body: body, Reason: "connection set up"}); err != nil {
			return err
		}
		return with(tx)
	})
	return conn, err
}

// invented refuses what reads an invention where the organisation is real, or both would stand beside each other.
func (c *Collector) invented(ctx context.Context) error {
	v, err := c.Book.Get(ctx, "organisation", "organisation", 0)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	var o struct{ Demo bool }
	if err == nil && json.Unmarshal(v.Body, &o) == nil && o.Demo {
		return nil
	}
	return fault.New(fault.Denied, "This connector reads what does not exist, and this workspace is of a real organisation.").
		WithNext("Make a demonstration of its own with tickmark demo --data DIR.")
}

// onBehalf writes the program's own kinds in the name of a person who may.
func onBehalf(by record.Authority) record.Authority { return record.Job(by.Actor().Name) }

// Remove ends a connection. Its records stay as they were last seen; what they say after now is unknown.
func (c *Collector) Remove(ctx context.Context, by record.Authority, name, reason string) error {
	if err := c.mayConnect(ctx, by); err != nil {
		return err
	}
	return c.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		if _, err := c.Book.PutIn(ctx, tx, onBehalf(by), record.Change{Kind: ConnectionKind, Key: name, Delete: true, Reason: reason}); err != nil {
			return err
		}
		for _, sql := range []string{"DELETE FROM sealed WHERE connection = $1", "DELETE FROM sending_batch WHERE connection = $1", "DELETE FROM sending WHERE connection = $1"} {
			if _, err := tx.Exec(ctx, sql, name); err != nil {
				return err
			}
		}
		if err := forget(ctx, tx, name); err != nil {
			return err
		}
		_, err := leave(ctx, tx, name, Removed, func(stretch) bool { return true })
		return err
	})
}

// forget drops what spares a connection work.
func forget(ctx context.Context, tx *ledger.Tx, name string) error {
	for _, table := range []string{"connection_state", "event_mark"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE connection = $1", name); err != nil {
			return err
		}
	}
	return nil
}

// Connections returns every connection, by name.
func (c *Collector) Connections(ctx context.Context) ([]Connection, error) {
	var out []Connection
	err := c.Book.EachOpen(ctx, c.Book.DB, ConnectionKind, func(v record.Version) error {
		conn, err := parse(v)
		out = append(out, conn)
		return err
	})
	slices.SortFunc(out, func(a, b Connection) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

// Connection returns one connection.
func (c *Collector) Connection(ctx context.Context, name string) (Connection, error) {
	v, err := c.Book.Get(ctx, ConnectionKind, name, 0)
	if fault.Is(err, fault.NotFound) {
		return Connection{}, fault.New(fault.NotFound, "There is no connection %q.", name).WithNext("tickmark connect list shows them.")
	}
	if err != nil {
		return Connection{}, err
	}
	return parse(v)
}

func parse(v record.Version) (Connection, error) {
	c := Connection{Name: v.Key}
	if err := json.Unmarshal(v.Body, &c); err != nil {
		return c, fmt.Errorf("read the connection %s: %w", v.Key, err)
	}
	return c, nil
}

// values opens the settings and secrets of a connection.
func (c *Collector) values(ctx context.Context, conn Connection) (connector.Values, error) {
	v := connector.Values{}
	for k, s := range conn.Settings {
		v[k] = s
	}
	for _, name := range conn.Secrets {
		sealed, err := store.One[[]byte](ctx, c.Book.DB, "SELECT value FROM sealed WHERE connection = $1 AND setting = $2", conn.Name, name)
		if err != nil {
			return nil, fault.New(fault.Unavailable, "The secret %s of %s is missing.", name, conn.Name).WithNext("Set up the connection again.")
		}
		open, err := c.Keys.Open(secret.Place{Connection: conn.Name, Setting: name}, sealed)
		if err != nil {
			return nil, err
		}
		v[name] = open.Reveal()
	}
	return v, nil
}

// hider takes a connection's secrets out of a text, whatever said it.
func hider(k connector.Connector, values connector.Values) func(string) string {
	var c secret.Cover
	for _, s := range k.Settings {
		if s.Secret {
			c.Add(values[s.Name])
		}
	}
	return c.Hide
}

// Confirm says, in a person's name, that a list which came back empty really is empty; the next run closes what was in it.
func (c *Collector) Confirm(ctx context.Context, by record.Authority, connection, kind, scope string) error {
	if err := c.mayConnect(ctx, by); err != nil {
		return err
	}
	return c.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		if _, err := tx.Act(ctx, "connection.confirmed_empty", by.Actor().Name, connection, map[string]any{"kind": kind, "scope": scope}); err != nil {
			return err
		}
		return store.InsertOr(ctx, tx, "confirmation", []string{"connection", "kind", "scope"}, "ON CONFLICT (connection, kind, scope) DO NOTHING", [][]any{{connection, kind, scope}})
	})
}
