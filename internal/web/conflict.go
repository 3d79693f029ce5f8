package web

import (
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// Conflict shows what two people wrote on one record: neither is lost, and whoever comes second puts them together.
type Conflict struct {
	By, Reason string // who saved in the meantime
	At         time.Time
	Gone       bool // the record was ended in the meantime
	Rows       []ConflictRow
}

// ConflictRow is one field that somebody changed.
type ConflictRow struct {
	Title            string
	Base, Mine, Then string
	ByMe, ByThem     bool
}

// Both says that the two wrote different things, so that a person must choose.
func (r ConflictRow) Both() bool { return r.ByMe && r.ByThem && r.Mine != r.Then }

// conflicted answers a form that was filled in over a version that no longer holds: it shows the three versions side by side
// and a form in which the changes of both are put together; where both changed a field, what this person wrote stands in it.
func (s *site) conflicted(w http.ResponseWriter, r *http.Request, k *record.Kind, fields []record.Field, now record.Version, seen store.Moment, mine []byte, reason string) error {
	base, err := s.Book.GetFrom(r.Context(), k.Name, now.Key, record.Program, seen, k.Room)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	c := Conflict{By: part.Who(r.Context(), now.Actor), Reason: now.Reason, At: now.From.Time()}
	merged, rows, err := merge(fields, base.Body, mine, now.Body)
	if err != nil {
		return err
	}
	c.Rows = rows
	f := form.New(fields, merged)
	f.Reason = reason
	return s.showForm(w, r, http.StatusConflict, k, RecordForm{Key: now.Key, Seen: part.Stamp(now.From.Time()), Form: f, Conflict: &c})
}

// merge puts what one person changed of base over what stands now, field by field, and says who changed what.
func merge(fields []record.Field, base, mine, now []byte) (merged []byte, rows []ConflictRow, err error) {
	var b, m, n map[string]any
	for _, x := range []struct {
		from []byte
		to   *map[string]any
	}{{base, &b}, {mine, &m}, {now, &n}} {
		if len(x.from) == 0 {
			continue
		}
		if err := json.Unmarshal(x.from, x.to); err != nil {
			return nil, nil, err
		}
	}
	raw := map[string]json.RawMessage{}
	own := map[string]json.RawMessage{}
	if err := json.Unmarshal(now, &raw); err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(mine, &own); err != nil {
		return nil, nil, err
	}
	for _, f := range fields {
		if f.Fixed {
			continue
		}
		row := ConflictRow{Title: titleOf(f), ByMe: !reflect.DeepEqual(b[f.Name], m[f.Name]), ByThem: !reflect.DeepEqual(b[f.Name], n[f.Name])}
		if !row.ByMe && !row.ByThem {
			continue
		}
		row.Base, row.Mine, row.Then = stated(b[f.Name]), stated(m[f.Name]), stated(n[f.Name])
		rows = append(rows, row)
		if row.ByMe {
			if v, ok := own[f.Name]; ok {
				raw[f.Name] = v
			} else {
				delete(raw, f.Name)
			}
		}
	}
	merged, err = json.Marshal(raw)
	return merged, rows, err
}

// stated is a value in words; what is not stated is empty.
func stated(v any) string {
	if v == nil {
		return ""
	}
	return part.Plain(v)
}

// readBody is a record's content; nothing when it cannot be read.
func readBody(raw []byte) map[string]any {
	var b map[string]any
	if json.Unmarshal(raw, &b) != nil {
		return nil
	}
	return b
}
