package demo

import (
	"encoding/json"
	"fmt"
	"time"

	"tickmark/internal/connector/demo"
	"tickmark/internal/record"
)

// act is something that somebody does.
type act func() error

type object = map[string]any

// on plans an act for a day, or the next working day.
func (s *story) on(day time.Time, a act) {
	day = demo.Day(day)
	for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		day = day.AddDate(0, 0, 1)
	}
	if day.Before(s.Begin) {
		day = s.Begin
	}
	s.acts[day] = append(s.acts[day], a)
}

// put writes content as one of the people.
func (s *story) put(who int, kind, key string, body object, reason string) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = s.w.Book.Put(s.ctx, s.users[who], record.Change{Kind: kind, Key: key, Body: b, Reason: reason})
	return said(err, "write", kind, key)
}

// change writes some fields of a record anew and leaves the others.
func (s *story) change(who int, kind, key string, fields object, reason string) error {
	v, err := s.w.Book.GetFrom(s.ctx, kind, key, record.Program, 0, record.Company)
	if err != nil {
		return said(err, "read", kind, key)
	}
	var body object
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return err
	}
	for k, f := range fields {
		body[k] = f
	}
	return s.put(who, kind, key, body, reason)
}

// move lets one of the people move a record along its life cycle.
func (s *story) move(who int, kind, key, move string, fields object) error {
	_, err := s.w.Book.Put(s.ctx, s.users[who], record.Change{Kind: kind, Key: key, Move: move, Said: fields})
	return said(err, move, kind, key)
}

func said(err error, act, kind, key string) error {
	if err != nil {
		return fmt.Errorf("%s %s %s: %w", act, kind, key, err)
	}
	return nil
}

// body reads a record as it stands.
func body(v record.Version) object {
	var b object
	if json.Unmarshal(v.Body, &b) != nil {
		return object{}
	}
	return b
}

func text(b object, field string) string {
	t, _ := b[field].(string)
	return t
}

// who is the place of a person by their id; the analyst where it is nobody who can sign in.
func (s *story) who(id string) int {
	for i := range s.users {
		if s.People[i].ID == id {
			return i
		}
	}
	return demo.Analyst
}

// but is somebody of a preferred few who is none of the others.
func (s *story) but(prefer []int, others ...string) int {
	for _, i := range prefer {
		mine := true
		for _, o := range others {
			mine = mine && s.People[i].ID != o
		}
		if mine {
			return i
		}
	}
	return demo.Director
}

func date(t time.Time) string { return t.Format(time.DateOnly) }
