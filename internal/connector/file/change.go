package file

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// personKind is the kind whose last day is never taken out by silence.
const personKind = "person"

// Changes puts each row over the record there is: a field that the file does not speak of stays as it stands, and one whose cell
// is empty is taken out, save the last day of somebody who left. fresh is how many records are new. Whoever writes them later than they were made is refused when a record
// changed meanwhile.
func Changes(ctx context.Context, book *record.Book, k *record.Kind, rows []Row, today, reason string) (out []record.Change, fresh int, err error) {
	for _, r := range rows {
		c := record.Change{Kind: k.Name, Key: r.Key, Body: r.Body, Reason: reason, Origin: record.Uploaded}
		now, err := record.Version{}, error(fault.New(fault.NotFound, "It has no key."))
		if r.Key != "" {
			now, err = book.GetFrom(ctx, k.Name, r.Key, record.Program, 0, record.Company)
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, 0, err
		}
		from := now.From
		if c.If = &from; err != nil {
			fresh++
		}
		if c.Body, err = over(now.Body, r, k.Name == personKind, today); err != nil {
			return nil, 0, err
		}
		out = append(out, c)
	}
	return out, fresh, nil
}

// over is the body of a record after a row.
func over(now json.RawMessage, r Row, people bool, today string) (json.RawMessage, error) {
	body, said := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(now) > 0 {
		if err := json.Unmarshal(now, &body); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(r.Body, &said); err != nil {
		return nil, err
	}
	end := body[lastDay]
	for _, field := range r.Speaks {
		if _, ok := said[field]; !ok {
			delete(body, field)
		}
	}
	for name, v := range said {
		body[name] = v
	}
	_, told := said[lastDay]
	switch ended := end != nil && string(end) != "null"; {
	case !people || told && string(said[lastDay]) != "null" || r.Here:
	case ended && (r.Left || !told): // an empty cell brings nobody back who left
		body[lastDay] = end
	case r.Left:
		body[lastDay], _ = json.Marshal(today)
	}
	return json.Marshal(body)
}

// Missing are records of people that a file of everybody no longer names though, as far as is known, they work here: one who
// vanished from the list may have left, been renumbered or been forgotten, and only a person can tell.
func Missing(ctx context.Context, book *record.Book, k *record.Kind, rows []Row, today string) (gone []record.Version, err error) {
	if k.Name != personKind {
		return nil, fault.New(fault.Invalid, "That everybody is listed can be said of a file of people.").WithNext("Leave it out.")
	}
	named := map[string]bool{}
	for _, r := range rows {
		named[r.Key] = true
	}
	err = book.EachAt(ctx, book.DB, k.Name, 0, func(v record.Version) error {
		var p struct{ End string }
		if err := json.Unmarshal(v.Body, &p); err != nil {
			return fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
		}
		if v.Source == record.Program && !v.Erased && !named[v.Key] && (p.End == "" || p.End >= today) {
			gone = append(gone, v)
		}
		return nil
	})
	slices.SortFunc(gone, func(a, b record.Version) int { return strings.Compare(a.Key, b.Key) })
	return gone, err
}

// Ask makes a task for each missing person, unless one is there already, whatever became of it.
func Ask(ctx context.Context, book *record.Book, gone []record.Version, reason string, today time.Time) (out []record.Change, err error) {
	for _, v := range gone {
		key := "missing-person-" + v.Key + "-" + v.From.Time().UTC().Format("20060102T150405") // another version asks anew
		_, err := book.Get(ctx, "task", key, 0)
		if err == nil {
			continue
		}
		if !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		body, err := json.Marshal(map[string]any{"title": "Does " + v.Label + " (" + v.Key + ") still work here?", "sort": "decision", "due": today.AddDate(0, 0, 2).Format(time.DateOnly),
			"description": "A list of everybody no longer names this person. Nothing was ended. Ask whoever keeps the list: set the last working day of somebody who left; put back who was left out."})
		if err != nil {
			return nil, err
		}
		none := store.Moment(0)
		out = append(out, record.Change{Kind: "task", Key: key, Body: body, Reason: reason, If: &none})
	}
	return out, nil
}
