package agent

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Fleet are the machines that enrolled. What stands about a machine is in the settings of its connection, so that who made it,
// changed its key or revoked it has a history and a proof like any record.
type Fleet struct {
	Book      *record.Book
	Collector *collect.Collector
	TakeOver  func(ctx context.Context, connection string) error // has what was sent written; nil: the caller waits for it
}

// The settings of a machine's connection.
const (
	setGroup    = "group"
	setMachine  = "machine"
	setHostname = "hostname"
	setSystem   = "system"
	setKey      = "key"
	setOwner    = "owner"
	setWaiting  = "waiting_key"
	setRevoked  = "revoked"
)

// The states of a machine.
const (
	StateEnrolled = "enrolled"
	StateWaiting  = "waiting" // it asks to be known by another key; until an administrator approves that, the old one holds
	StateRevoked  = "revoked"
)

// Member is one machine of a group.
type Member struct {
	Name      string       `json:"name" doc:"Its name as a source."`
	Group     string       `json:"group"`
	Hostname  string       `json:"hostname" doc:"As the machine said when it enrolled."`
	System    string       `json:"system"`
	Machine   string       `json:"machine" doc:"A digest of the machine's id."`
	Key       string       `json:"key" doc:"The fingerprint of its key."`
	Waiting   string       `json:"waiting_key,omitempty" doc:"The fingerprint of the key that it asks to be known by."`
	Owner     string       `json:"owner,omitempty" doc:"The person who answers for it."`
	State     string       `json:"state" enum:"enrolled,waiting,revoked"`
	Revoked   string       `json:"revoked,omitempty" doc:"Why."`
	Heard     store.Moment `json:"heard,omitzero" doc:"When a message of it was last taken."`
	Refused   string       `json:"refused,omitempty" doc:"Why the last message that it signed was refused, unless one was taken since."`
	RefusedAt store.Moment `json:"refused_at,omitzero"`
}

// row is what changes with each message of a machine, and has no history.
type row struct {
	Connection string       `db:"connection"`
	Sequence   int64        `db:"sequence"`
	Heard      store.Moment `db:"heard"`
	Began      store.Moment `db:"began"`
	Refused    string       `db:"refused"`
	RefusedAt  store.Moment `db:"refused_at"`
}

const rowColumns = "connection, sequence, heard, began, refused, refused_at"

// memberOf reads a machine of its connection; ok is false when it is none.
func memberOf(c collect.Connection) (m Member, ok bool) {
	if c.Connector != MachineConnector {
		return m, false
	}
	s := c.Settings
	m = Member{Name: c.Name, Group: s[setGroup], Hostname: s[setHostname], System: s[setSystem], Machine: s[setMachine], Owner: s[setOwner], Revoked: s[setRevoked], State: StateEnrolled}
	if key, err := parseKey(s[setKey]); err == nil {
		m.Key = Fingerprint(key)
	}
	if key, err := parseKey(s[setWaiting]); err == nil {
		m.Waiting, m.State = Fingerprint(key), StateWaiting
	}
	if m.Revoked != "" && m.Waiting == "" {
		m.State = StateRevoked
	}
	return m, true
}

// Machines lists those of a group, or of all when it is empty, by name.
func (f *Fleet) Machines(ctx context.Context, group string) ([]Member, error) {
	conns, err := f.Collector.Connections(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := store.All[row](ctx, f.Book.DB, "SELECT "+rowColumns+" FROM machine")
	if err != nil {
		return nil, fmt.Errorf("read when machines were heard: %w", err)
	}
	var out []Member
	for _, c := range conns {
		m, ok := memberOf(c)
		if !ok || group != "" && m.Group != group {
			continue
		}
		if i := slices.IndexFunc(rows, func(r row) bool { return r.Connection == c.Name }); i >= 0 {
			m.Heard, m.Refused, m.RefusedAt = rows[i].Heard, rows[i].Refused, rows[i].RefusedAt
		}
		out = append(out, m)
	}
	return out, nil
}

// machine finds one by its name as a source.
func (f *Fleet) machine(ctx context.Context, name string) (collect.Connection, Member, error) {
	conn, err := f.Collector.Connection(ctx, name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return conn, Member{}, err
	}
	m, ok := memberOf(conn)
	if !ok {
		return conn, m, fault.New(fault.NotFound, "There is no machine %q.", name).WithNext("tickmark agent machines lists them.")
	}
	return conn, m, nil
}

// May refuses who may not set up sources.
func (f *Fleet) May(ctx context.Context, by record.Authority) error {
	k, err := f.Book.Kinds.Named(collect.ConnectionKind)
	if err != nil {
		return err
	}
	return by.May(ctx, "connect", k)
}

// change writes a machine's connection anew, as somebody decided.
func (f *Fleet) change(ctx context.Context, by record.Authority, name, verb, reason string, detail map[string]any, edit func(tx *ledger.Tx, conn *collect.Connection, m Member) error) error {
	if err := f.May(ctx, by); err != nil {
		return err
	}
	return f.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		conn, m, err := f.machine(ctx, name)
		if err != nil {
			return err
		}
		if err := edit(tx, &conn, m); err != nil {
			return err
		}
		if err := f.put(ctx, tx, by.Actor().Name, conn, reason); err != nil {
			return err
		}
		_, err = tx.Act(ctx, verb, by.Actor().Name, name, detail)
		return err
	})
}

func (f *Fleet) put(ctx context.Context, tx *ledger.Tx, actor string, conn collect.Connection, reason string) error {
	body, err := json.Marshal(conn)
	if err != nil {
		return err
	}
	_, err = f.Book.PutIn(ctx, tx, record.Job(actor), record.Change{Kind: collect.ConnectionKind, Key: conn.Name, Body: body, Reason: reason})
	return err
}

// SetOwner names the person who answers for a machine; none when it is empty.
func (f *Fleet) SetOwner(ctx context.Context, by record.Authority, name, person string) error {
	if err := f.May(ctx, by); err != nil {
		return err
	}
	if person != "" {
		if _, err := f.Book.Get(ctx, "person", person, 0); fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "There is no person %q.", person).WithNext("tickmark records person lists people.")
		} else if err != nil {
			return err
		}
	}
	return f.change(ctx, by, name, "machine.owned", "owner named", map[string]any{"owner": person}, func(_ *ledger.Tx, conn *collect.Connection, _ Member) error {
		set(conn, setOwner, person)
		return nil
	})
}

// Revoke ends what a machine's key may do, now. What it said before stays; what it is from now on is unknown.
func (f *Fleet) Revoke(ctx context.Context, by record.Authority, name, reason string) error {
	if err := f.May(ctx, by); err != nil {
		return err
	}
	if reason = strings.TrimSpace(reason); reason == "" {
		return fault.New(fault.Invalid, "Say why %s is revoked.", name).WithNext("The reason stays on record.")
	}
	return f.change(ctx, by, name, "machine.revoked", "machine revoked: "+reason, map[string]any{"reason": reason}, func(tx *ledger.Tx, conn *collect.Connection, _ Member) error {
		set(conn, setRevoked, reason)
		set(conn, setWaiting, "")
		conn.Paused = true
		return f.Collector.Cut(ctx, tx, name, "the machine was revoked: "+reason)
	})
}

// Approve lets a machine be known by the key that it asks to be known by. The fingerprint is that of the key that was looked at,
// so that no other takes its place meanwhile.
func (f *Fleet) Approve(ctx context.Context, by record.Authority, name, fingerprint string) error {
	return f.change(ctx, by, name, "machine.approved", "another key approved", map[string]any{"key": fingerprint}, func(tx *ledger.Tx, conn *collect.Connection, m Member) error {
		switch {
		case m.Waiting == "":
			return fault.New(fault.Conflict, "%s does not ask to be known by another key.", name)
		case len(fingerprint) < 16 || !strings.HasPrefix(m.Waiting, strings.ToLower(fingerprint)):
			return fault.New(fault.Conflict, "%s asks to be known by the key %s, and not by %s.", name, Short(m.Waiting), Short(fingerprint)).WithNext("Compare it with what tickmark agent status says on the machine.")
		}
		set(conn, setKey, conn.Settings[setWaiting])
		set(conn, setWaiting, "")
		set(conn, setRevoked, "")
		conn.Paused = false
		// What the key before sent was of another machine perhaps; sequence numbers begin with the new key.
		if err := f.Collector.Cut(ctx, tx, name, "the machine is known by another key"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE machine SET sequence = 0, began = 0, refused = '', refused_at = 0 WHERE connection = $1", name)
		return err
	})
}

// Dismiss refuses the key that a machine asks to be known by.
func (f *Fleet) Dismiss(ctx context.Context, by record.Authority, name string) error {
	return f.change(ctx, by, name, "machine.dismissed", "another key refused", nil, func(_ *ledger.Tx, conn *collect.Connection, m Member) error {
		if m.Waiting == "" {
			return fault.New(fault.Conflict, "%s does not ask to be known by another key.", name)
		}
		set(conn, setWaiting, "")
		return nil
	})
}

func set(conn *collect.Connection, name, value string) {
	s := map[string]string{}
	for k, v := range conn.Settings {
		s[k] = v
	}
	if s[name] = value; value == "" {
		delete(s, name)
	}
	conn.Settings = s
}

// group finds the group that machines join.
func (f *Fleet) group(ctx context.Context, name string) (collect.Connection, error) {
	conn, err := f.Collector.Connection(ctx, name)
	if fault.Is(err, fault.NotFound) || err == nil && conn.Connector != GroupConnector {
		return conn, fault.New(fault.NotFound, "There is no group of machines %q.", name).WithNext("Make one with tickmark connect add agent --name %s.", cmp.Or(name, "laptops"))
	}
	return conn, err
}

// keyOf is the public key of a machine.
func keyOf(conn collect.Connection) (ed25519.PublicKey, error) {
	return parseKey(conn.Settings[setKey])
}
