package control

import (
	"encoding/json"
	"fmt"
	"reflect"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// sound refuses events that contradict themselves.
func (e Events) sound() error {
	if e.Waits != "" {
		if e.Kind != "" || e.Where != "" || e.Date != "" || e.Changed != "" {
			return fault.New(fault.Invalid, "What calls for it both waits for %s and is told by records.", e.Waits).WithNext("Clear waits_for once a kind tells it.")
		}
		return nil
	}
	switch {
	case e.Kind == "":
		return fault.New(fault.Invalid, "What calls for it names no kind of record.").WithNext("Fill in kind, or waits_for while no kind can tell.")
	case e.Date != "" && e.Changed != "":
		return fault.New(fault.Invalid, "What calls for it names both a date and a field that changes.").WithNext("Leave one of date and changed empty.")
	case e.Lead < 0 || e.Days < 0:
		return fault.New(fault.Invalid, "The days before and after an event are counted from 0.")
	}
	return nil
}

// EventsOf reads them from a control's body; the zero value when it says none.
func EventsOf(body map[string]any) (Events, error) {
	var e Events
	if body["events"] == nil {
		return e, nil
	}
	raw, err := json.Marshal(body["events"])
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	if err != nil {
		return e, fmt.Errorf("read what calls for a control: %w", err)
	}
	return e, nil
}

// askable refuses events that could never be read: their list would be empty, and look as if nothing had happened.
func askable(look record.Look, before, after map[string]any) error {
	if reflect.DeepEqual(before["events"], after["events"]) {
		return nil
	}
	e, err := EventsOf(after)
	if err != nil || e == (Events{}) {
		return err
	}
	if err := e.sound(); err != nil || e.Waits != "" {
		return err
	}
	if after["type"] == "automated" {
		return nil // its checks judge them
	}
	k, err := look.Kind(e.Kind)
	if err != nil {
		return err
	}
	for _, f := range []string{e.Date, e.Changed} {
		if _, ok := k.FieldNamed(f); f != "" && !ok {
			return fault.New(fault.Invalid, "%s have no field %q that could call for a control.", k.Plural, f)
		}
	}
	if e.Date == "" && e.Changed == "" && k.Occurred == "" {
		return fault.New(fault.Invalid, "%s do not say when they occurred.", k.Plural).WithNext("Name the field that holds the day in date, or one that changes in changed.")
	}
	if e.Where == "" {
		return nil
	}
	return look.Fits(e.Kind, e.Where)
}
