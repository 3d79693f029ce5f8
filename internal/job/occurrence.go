package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/occurrence"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

const (
	occurrenceJob = "job:occurrence"
	eventLimit    = 20_000 // events of one control in a window; more are for a check to judge
)

// operated is a control as far as its occurrences go.
type operated struct {
	key, label, owner string
	earlier           []string // those who owned it before
	versions          []occurrence.Version
}

// agenda is what the calendar and the events ask for.
type agenda struct {
	zone    *time.Location
	window  calendar.Span
	wanted  map[string]map[string]any  // by key: those to make
	asked   map[string]bool            // by key: those that stay, beyond the window too
	unknown map[string]bool            // controls whose events cannot be read now
	earlier map[string][]string        // by control: those who owned it before, whose duties pass on
	read    map[control.Events][]event // what was asked already: several controls wait for the same events
}

// occurrences makes what is due of the controls in operation for the window, follows their new versions, and takes back
// what had not begun when a control was retired or changed.
func occurrences(ctx context.Context, w *workspace.Workspace) (int, error) {
	a, err := newAgenda(ctx, w)
	if err != nil {
		return 0, err
	}
	controls, err := inOperation(ctx, w, a.zone)
	if err != nil {
		return 0, err
	}
	have := map[string]record.Version{}
	reach := a.window
	if err := w.Book.EachOpen(ctx, w.DB, occurrence.Kind().Name, func(v record.Version) error {
		var x struct{ From, To string }
		if err := json.Unmarshal(v.Body, &x); err != nil {
			return err
		}
		have[v.Key] = v
		if d := calendar.Parse(x.From); d.Before(reach.From) && !d.IsZero() {
			reach.From = d
		}
		if d := calendar.Parse(x.To); d.After(reach.To) {
			reach.To = d
		}
		return nil
	}); err != nil {
		return 0, err
	}
	for _, c := range controls {
		if err := a.ask(ctx, w, c, reach); err != nil {
			return 0, err
		}
	}
	return a.settle(ctx, w, have)
}

func newAgenda(ctx context.Context, w *workspace.Workspace) (*agenda, error) {
	a := &agenda{zone: time.UTC, wanted: map[string]map[string]any{}, asked: map[string]bool{}, unknown: map[string]bool{}, earlier: map[string][]string{}, read: map[control.Events][]event{}}
	if v, err := w.Book.Get(ctx, organisation.Kind().Name, organisation.Key, 0); err == nil {
		a.zone = organisation.Zone(v.Body)
	} else if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	p, _, err := period.Current(ctx, w.Book, 0)
	if err != nil {
		return nil, err
	}
	a.window = occurrence.Window(calendar.Parse(p.From), calendar.Parse(p.To), calendar.Of(w.Log.Now(), a.zone))
	return a, nil
}

// inOperation are all controls with their versions, oldest first.
func inOperation(ctx context.Context, w *workspace.Workspace, zone *time.Location) ([]*operated, error) {
	var out []*operated
	q := record.Query{Kind: "control", During: [2]store.Moment{1, store.At(w.Log.Now()) + 1}, Limit: 500}
	for {
		page, err := w.Book.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			var b struct {
				State, Type, Frequency, Owner string
				Grace                         int `json:"grace_days"`
				Events                        control.Events
			}
			if err := json.Unmarshal(v.Body, &b); err != nil {
				return nil, fmt.Errorf("read control %s: %w", v.Key, err)
			}
			if b.Type == "automated" {
				b.Events = control.Events{} // its checks judge them; nobody performs it
			}
			if len(out) == 0 || out[len(out)-1].key != v.Key {
				out = append(out, &operated{key: v.Key})
			}
			c := out[len(out)-1]
			if c.owner != "" && c.owner != b.Owner {
				c.earlier = append(c.earlier, c.owner)
			}
			c.label, c.owner = v.Label, b.Owner
			c.versions = append(c.versions, occurrence.Version{From: calendar.Of(v.From.Time(), zone), State: b.State, Frequency: b.Frequency, Grace: b.Grace, Events: b.Events})
		}
		if page.Next == "" {
			return out, nil
		}
		q.After = page.Next
	}
}

// ask adds what a control asks for.
func (a *agenda) ask(ctx context.Context, w *workspace.Workspace, c *operated, reach calendar.Span) error {
	terms := occurrence.Terms(c.versions)
	a.earlier[c.key] = c.earlier
	for _, d := range occurrence.Scheduled(terms, reach.From, reach.To) {
		a.add(occurrence.Key(c.key, d.From), c, d, d.Words(), a.window.Has(d.To))
	}
	seen := map[control.Events]bool{}
	for _, t := range terms {
		asked := t.Events.Question()
		if asked.Kind == "" || t.Frequency != "per_event" || seen[asked] {
			continue
		}
		seen[asked] = true
		list, err := a.events(ctx, w, asked)
		var f *fault.Fault
		if errors.As(err, &f) {
			slog.WarnContext(ctx, "the events of a control cannot be read", "control", c.key, "error", err)
			a.unknown[c.key] = true
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range list {
			d, ok := occurrence.ForEvent(terms, asked, e.on)
			if !ok {
				continue
			}
			change := calendar.Day{}
			if asked.Changed != "" {
				change = e.on
			}
			key := occurrence.EventKey(c.key, asked.Kind, e.key, change)
			a.add(key, c, d, asked.Kind+" "+e.key, a.window.Has(e.on))
			if body := a.wanted[key]; body != nil {
				body["event_kind"], body["event_key"], body["event_on"] = asked.Kind, e.key, calendar.Text(e.on)
			}
		}
	}
	return nil
}

func (a *agenda) add(key string, c *operated, d occurrence.Due, words string, make bool) {
	a.asked[key] = true
	if !make {
		return
	}
	body := map[string]any{"title": cmp.Or(c.label, c.key) + ", " + words, "control": c.key, "zone": a.zone.String(),
		"from": calendar.Text(d.From), "to": calendar.Text(d.To), "due": calendar.Text(d.Due)}
	if c.owner != "" {
		body["owner"] = c.owner
	}
	a.wanted[key] = body
}

type event struct {
	key string
	on  calendar.Day
}

// events are the records that call for a control, from the window's first day on.
func (a *agenda) events(ctx context.Context, w *workspace.Workspace, e control.Events) ([]event, error) {
	if list, ok := a.read[e]; ok {
		return list, nil
	}
	var list []event
	var err error
	if e.Changed != "" {
		list, err = a.changes(ctx, w, e)
	} else {
		list, err = a.dated(ctx, w, e)
	}
	if err == nil {
		a.read[e] = list
	}
	return list, err
}

// changes are the days on which a field of records came to say something else, by their history. What is said for the first
// time, or no longer, is no change.
func (a *agenda) changes(ctx context.Context, w *workspace.Workspace, e control.Events) ([]event, error) {
	if _, err := w.Book.Kinds.Named(e.Kind); err != nil {
		return nil, err
	}
	var out []event
	last, said := "", any(nil)
	begins := store.At(calendar.Begins(a.window.From, a.zone))
	for q := (record.Query{Kind: e.Kind, Where: e.Where, During: [2]store.Moment{begins, store.At(w.Log.Now()) + 1}, Limit: 500}); ; {
		page, err := w.Book.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			var body map[string]any
			if err := json.Unmarshal(v.Body, &body); err != nil {
				return nil, err
			}
			now, blank := body[e.Changed], body[e.Changed] == nil || body[e.Changed] == ""
			if v.Key != last {
				last, said = v.Key, nil
			}
			if said != nil && !blank && !reflect.DeepEqual(said, now) && v.From >= begins {
				if on := calendar.Of(v.From.Time(), a.zone); len(out) == 0 || out[len(out)-1] != (event{v.Key, on}) {
					out = append(out, event{v.Key, on})
				}
			}
			if !blank {
				said = now
			}
		}
		if len(out) > eventLimit {
			return nil, tooMany(e.Kind)
		}
		if page.Next == "" {
			return out, nil
		}
		q.After = page.Next
	}
}

func tooMany(kind string) error {
	return fault.New(fault.TooLarge, "More than %d records of kind %s are events of one control.", eventLimit, kind).WithNext("Narrow its filter, or let a check judge them.")
}

// dated are the records whose day is that of an event.
func (a *agenda) dated(ctx context.Context, w *workspace.Workspace, e control.Events) ([]event, error) {
	k, err := w.Book.Kinds.Named(e.Kind)
	if err != nil {
		return nil, err
	}
	var out []event
	for q := (record.Query{Kind: e.Kind, Where: e.Where, Limit: 500}); ; {
		page, err := w.Book.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			var on calendar.Day
			switch {
			case e.Date != "":
				var body map[string]any
				if err := json.Unmarshal(v.Body, &body); err != nil {
					return nil, err
				}
				s, _ := body[e.Date].(string)
				if on = calendar.Parse(s); on.IsZero() {
					if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
						on = calendar.Of(t, a.zone)
					}
				}
			case v.Occurred != nil:
				on = calendar.Of(v.Occurred.At, a.zone)
			}
			if on.IsZero() {
				continue
			}
			if on.Before(a.window.From) {
				if e.Date == "" && k.Occurred != "" {
					return out, nil // they come latest first
				}
				continue
			}
			if out = append(out, event{v.Key, on}); len(out) > eventLimit {
				return nil, tooMany(e.Kind)
			}
		}
		if page.Next == "" {
			return out, nil
		}
		q.After = page.Next
	}
}

// fromCalendar are the fields of an occurrence that follow its control as long as it is scheduled.
var fromCalendar = []string{"title", "from", "to", "due", "zone", "event_on"}

// settle writes the difference between what is asked for and what there is. What was done, missed or excluded stands.
func (a *agenda) settle(ctx context.Context, w *workspace.Workspace, have map[string]record.Version) (int, error) {
	var fresh, changed []record.Change
	none := store.Moment(0)
	for key, body := range a.wanted {
		v, ok := have[key]
		if !ok {
			b, err := json.Marshal(body)
			if err != nil {
				return 0, err
			}
			fresh = append(fresh, record.Change{Kind: "occurrence", Key: key, Body: b, Reason: "its control's calendar", If: &none})
			continue
		}
		now, err := content(v)
		if err != nil {
			return 0, err
		}
		if now[record.StateField] == "withdrawn" {
			changed = append(changed, record.Change{Kind: "occurrence", Key: key, Move: "restore", Reason: "its control asks for it again"})
			now[record.StateField] = "scheduled"
		}
		if now[record.StateField] != "scheduled" {
			continue
		}
		differs := false
		for _, f := range fromCalendar {
			differs = differs || now[f] != body[f]
			now[f] = body[f]
		}
		owner, _ := now["owner"].(string)
		if control, _ := body["control"].(string); body["owner"] != nil && owner != body["owner"] && (owner == "" || slices.Contains(a.earlier[control], owner)) {
			now["owner"], differs = body["owner"], true // what was given to somebody else stays with them
		}
		if differs {
			b, err := json.Marshal(now)
			if err != nil {
				return 0, err
			}
			changed = append(changed, record.Change{Kind: "occurrence", Key: key, Body: b, Reason: "its control's new version"})
		}
	}
	for key, v := range have {
		now, err := content(v)
		if err != nil {
			return 0, err
		}
		if now[record.StateField] == "scheduled" && !a.asked[key] && a.made(key, now) {
			changed = append(changed, record.Change{Kind: "occurrence", Key: key, Move: "withdraw", Reason: "its control was retired or changed before it began, or its event is no more"})
		}
	}
	byKey := func(x, y record.Change) int { return cmp.Compare(x.Key, y.Key) }
	slices.SortFunc(fresh, byKey)
	slices.SortStableFunc(changed, byKey)
	n, err := putAll(ctx, w, record.Job(occurrenceJob), fresh)
	if err != nil {
		return n, err
	}
	more, err := put(ctx, w, record.Job(occurrenceJob), changed)
	return n + more, err
}

// made reports whether an occurrence was made here, and may be taken back: what a person wrote is theirs, and what cannot
// be read now may come again.
func (a *agenda) made(key string, body map[string]any) bool {
	control, _ := body["control"].(string)
	from, _ := body["from"].(string)
	kind, _ := body["event_kind"].(string)
	event, _ := body["event_key"].(string)
	if event != "" {
		on, _ := body["event_on"].(string)
		day := calendar.Parse(cmp.Or(on, from))
		return (key == occurrence.EventKey(control, kind, event, calendar.Day{}) || key == occurrence.EventKey(control, kind, event, day)) && !a.unknown[control] && !day.Before(a.window.From)
	}
	return key == occurrence.Key(control, calendar.Parse(from))
}

// missed marks what is still scheduled when its due date is over.
func missed(ctx context.Context, w *workspace.Workspace) (int, error) {
	list, err := w.Book.Find(ctx, w.DB, "occurrence", record.StateField, "scheduled", 0)
	if err != nil {
		return 0, err
	}
	var moves []record.Change
	for _, v := range list {
		body, err := content(v)
		if err != nil {
			return 0, err
		}
		if occurrence.Overdue(body, w.Log.Now()) {
			moves = append(moves, record.Change{Kind: "occurrence", Key: v.Key, Move: "miss", Reason: "its due date passed"})
		}
	}
	return putAll(ctx, w, record.Job(occurrenceJob), moves)
}

// putAll writes many changes, some hundred at a time; where one of them is refused, those around it are written one by one.
func putAll(ctx context.Context, w *workspace.Workspace, by record.Authority, changes []record.Change) (int, error) {
	n := 0
	for some := range slices.Chunk(changes, 200) {
		_, err := w.Book.Put(ctx, by, some...)
		switch {
		case err == nil:
			n += len(some)
		case fault.Is(err, fault.Conflict):
			one, err := put(ctx, w, by, some)
			if n += one; err != nil {
				return n, err
			}
		default:
			return n, err
		}
	}
	return n, nil
}
