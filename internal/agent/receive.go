package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector/host"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// oldest is how long ago a reading may have begun when its last message arrives. It must be about what is, not about what was:
// an agent that could not send reads again.
const oldest = time.Hour

// admit finds who sent a message and refuses all but the machine itself, each message once and in order. A refusal of what the
// machine did sign is kept, for an administrator to see.
func (f *Fleet) admit(ctx context.Context, name string, r *http.Request, body []byte) (collect.Connection, Member, error) {
	unknown := refuse(http.StatusUnauthorized, WhyUnknown, "No machine %q with this key is enrolled here.", name).with("Enrol it with tickmark agent enrol.")
	conn, m, err := f.machine(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return conn, m, unknown
	}
	if err != nil {
		return conn, m, err
	}
	p, err := readProof(r, body)
	if err != nil {
		return conn, m, err
	}
	if m.Waiting != "" && p.key == m.Waiting {
		return conn, m, refuse(http.StatusForbidden, WhyWaiting, "The key %s of %s waits to be approved.", Short(m.Waiting), name).with("An administrator approves it with tickmark agent approve %s %s.", name, Short(m.Waiting))
	}
	key, err := keyOf(conn)
	if err != nil {
		return conn, m, unknown
	}
	now := f.Book.Log.Clock()
	if err := p.by(key, now); err != nil {
		var no *Refused
		if errors.As(err, &no) && (no.Why == WhyExpired || no.Why == WhyAhead) {
			f.note(ctx, name, no)
		}
		return conn, m, err
	}
	if m.Revoked != "" {
		no := refuse(http.StatusForbidden, WhyRevoked, "The machine %s was revoked: %s", name, m.Revoked).with("Enrol it again if it is to come back.")
		f.note(ctx, name, no)
		return conn, m, no
	}
	err = f.Book.DB.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE machine SET sequence = $1 WHERE connection = $2 AND sequence < $1", p.sequence, name)
		if err == nil && n == 0 {
			return refuse(http.StatusConflict, WhyReplayed, "The message %d of %s arrived before, or a later one did.", p.sequence, name).with("Read and send again.")
		}
		return err
	})
	if no := (*Refused)(nil); errors.As(err, &no) {
		f.note(ctx, name, no)
	}
	return conn, m, err
}

// note keeps why a message was refused. That it cannot be kept is no reason to answer otherwise.
func (f *Fleet) note(ctx context.Context, name string, no *Refused) {
	_ = f.Book.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE machine SET refused = $1, refused_at = $2 WHERE connection = $3", no.Detail, store.At(f.Book.Log.Now()), name)
		return err
	})
}

// Receive takes one message of a reading.
func (f *Fleet) Receive(ctx context.Context, name string, r *http.Request, body []byte) (Answer, error) {
	conn, m, err := f.admit(ctx, name, r, body)
	if err != nil {
		return Answer{}, err
	}
	answer, err := f.receive(ctx, conn, m, body)
	if no := (*Refused)(nil); errors.As(err, &no) {
		f.note(ctx, name, no)
	}
	return answer, err
}

func (f *Fleet) receive(ctx context.Context, conn collect.Connection, m Member, body []byte) (Answer, error) {
	var msg Message
	if err := strict(body, &msg); err != nil {
		return Answer{}, refuse(http.StatusUnprocessableEntity, WhyContent, "The message is not one of a reading: %s.", err)
	}
	group, err := f.group(ctx, m.Group)
	if err != nil {
		return Answer{}, refuse(http.StatusForbidden, WhyRevoked, "The group of %s is gone.", m.Name).with("Enrol the machine in another.")
	}
	if group.Paused {
		return Answer{}, fault.New(fault.Unavailable, "The group %s is paused.", group.Name)
	}
	if err := f.follow(ctx, conn, group); err != nil {
		return Answer{}, err
	}
	if msg.Items, err = f.own(ctx, m, group, msg.Items); err != nil {
		return Answer{}, err
	}
	if msg.Statement != nil {
		if err := f.timely(ctx, m, msg.Statement.Began); err != nil {
			return Answer{}, err
		}
	}
	got, err := f.Collector.Receive(ctx, collect.Delivery{Connection: m.Name, ID: msg.Run, Sender: "machine " + m.Name + ", signed with the key " + Short(m.Key), Key: m.Key,
		Kinds: msg.Kinds, Batch: msg.Batch, Items: msg.Items, Complete: msg.Complete, Statement: msg.Statement})
	if err != nil {
		return Answer{}, err
	}
	began := store.Moment(0)
	if msg.Statement != nil {
		began = store.At(msg.Statement.Began)
	}
	err = f.Book.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE machine SET heard = $1, began = CASE WHEN began < $2 THEN $2 ELSE began END, refused = '', refused_at = 0 WHERE connection = $3", store.At(f.Book.Log.Now()), began, m.Name)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("note that %s was heard: %w", m.Name, err)
	}
	if got.State == collect.Ready {
		if err := f.takeOver(ctx, m.Name); err != nil {
			return Answer{}, err
		}
	}
	return f.arrived(ctx, m.Name, msg.Run)
}

// timely refuses a reading that is not of now, or older than one that arrived: it would write what was over what is.
func (f *Fleet) timely(ctx context.Context, m Member, began time.Time) error {
	now := f.Book.Log.Clock()
	last, err := store.One[store.Moment](ctx, f.Book.DB, "SELECT began FROM machine WHERE connection = $1", m.Name)
	if err != nil {
		return fmt.Errorf("read when %s was read last: %w", m.Name, err)
	}
	switch {
	case now.Sub(began) > oldest:
		return refuse(http.StatusConflict, WhyOld, "The reading began %s ago.", now.Sub(began).Round(time.Second)).with("Read the machine again.")
	case began.Sub(now) > Drift:
		return refuse(http.StatusConflict, WhyAhead, "The reading began in what is the future here.").with("Set the machine's clock.")
	case store.At(began) < last:
		return refuse(http.StatusConflict, WhyOld, "A reading that began later arrived before this one.").with("Read the machine again.")
	}
	return nil
}

// own checks that items speak of this machine, and adds what the organisation knows of it, which no machine may say itself.
func (f *Fleet) own(ctx context.Context, m Member, group collect.Connection, items []json.RawMessage) ([]json.RawMessage, error) {
	for i, raw := range items {
		var it collect.Sent
		if err := strict(raw, &it); err != nil {
			return nil, refuse(http.StatusUnprocessableEntity, WhyContent, "Item %d is not what an item is: %s.", i+1, err)
		}
		if it.Kind != host.Machine {
			continue
		}
		var said map[string]json.RawMessage
		if err := json.Unmarshal(it.Body, &said); err != nil {
			return nil, refuse(http.StatusUnprocessableEntity, WhyContent, "The machine's own record is no JSON object.")
		}
		var id string
		if json.Unmarshal(said["machine"], &id) != nil || id != m.Machine || it.Key != m.Machine {
			return nil, refuse(http.StatusForbidden, WhyForeign, "The reading is of another machine than the one that enrolled as %s.", m.Name).with("Enrol that machine by itself; a key and its state are not copied to another.")
		}
		parts, err := f.beside(ctx, m, group)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			_, has := said[p.Name]
			for _, q := range it.Parts {
				has = has || q.Name == p.Name
			}
			if has {
				return nil, refuse(http.StatusForbidden, WhyContent, "The machine says %s of itself, which the organisation says.", p.Name)
			}
		}
		if group.Settings["devices"] == "yes" {
			it.Parts = append(it.Parts, parts...)
		}
		if items[i], err = json.Marshal(it); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// beside is what the organisation knows of a machine that people work at.
func (f *Fleet) beside(ctx context.Context, m Member, group collect.Connection) ([]collect.SentPart, error) {
	managed := collect.SentPart{Name: "managed", JSON: json.RawMessage("true")}
	owner := collect.SentPart{Name: "owner_email", JSON: json.RawMessage(`""`)} // nobody is named, which is an answer
	if m.Owner != "" {
		v, err := f.Book.Get(ctx, "person", m.Owner, 0)
		var p struct {
			Email string `json:"email"`
		}
		switch {
		case fault.Is(err, fault.NotFound):
			owner = collect.SentPart{Name: "owner_email", Absent: true}
		case err != nil:
			return nil, err
		case json.Unmarshal(v.Body, &p) != nil || p.Email == "":
			owner = collect.SentPart{Name: "owner_email", Absent: true}
		default:
			owner.JSON, _ = json.Marshal(p.Email)
		}
	}
	return []collect.SentPart{managed, owner}, nil
}

// follow gives a machine the interval of its group.
func (f *Fleet) follow(ctx context.Context, conn, group collect.Connection) error {
	if conn.Every == group.Every {
		return nil
	}
	return f.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		conn.Every = group.Every
		return f.put(ctx, tx, "machine:"+conn.Name, conn, "the interval of the group")
	})
}

func (f *Fleet) takeOver(ctx context.Context, name string) error {
	if f.TakeOver != nil {
		return f.TakeOver(ctx, name)
	}
	_, err := f.Collector.Run(ctx, name, nil)
	if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Incomplete) { // another does so already
		return nil
	}
	return err
}

// Arrived says how far a reading is, to the machine that sends it.
func (f *Fleet) Arrived(ctx context.Context, name, run string, r *http.Request) (Answer, error) {
	if _, _, err := f.admit(ctx, name, r, nil); err != nil {
		return Answer{}, err
	}
	return f.arrived(ctx, name, run)
}

func (f *Fleet) arrived(ctx context.Context, name, run string) (Answer, error) {
	s, batches, err := f.Collector.SendingOf(ctx, name, run)
	return Answer{State: s.State, Received: batches}, err
}

// strict reads one JSON value that holds nothing else.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows it")
	}
	return nil
}
