package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/connector/file"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// Bulk is what can be done with the chosen rows of a list, all at once or not at all.
type Bulk struct {
	Kind, Plural string
	To           string // where to go back to
	Owner, Due   bool   // the kind has them
	Moves        []BulkMove
	People       []form.Option
	Tasks        []string // the sorts of tasks that can be made of the rows; none where tasks speak of no such record
}

// BulkMove is a step of the life cycle that takes at most one text.
type BulkMove struct {
	Name, Title, Says string
	field             string
}

// bulkOf says what the reader may do with many records of a kind at once; nil where nothing.
func (s *site) bulkOf(r *http.Request, k *record.Kind) (*Bulk, error) {
	ctx := r.Context()
	if part.Past(ctx) || k.Collected || k.System {
		return nil, nil
	}
	b := Bulk{Kind: k.Name, Plural: strings.ToLower(cmp.Or(k.Plural, k.Title)), To: r.URL.RequestURI()}
	if session(ctx).May(ctx, access.Write, k) == nil {
		b.Owner, b.Due = free(k, "owner"), free(k, "due")
	}
	if k.States != nil && session(ctx).May(ctx, access.Act, k) == nil {
		for _, m := range k.States.Moves {
			if assigns(m) {
				b.Owner, b.Due = true, true
				continue
			}
			if x, ok := bulkMove(m); ok {
				b.Moves = append(b.Moves, x)
			}
		}
	}
	if tasks, about := s.taskAbout(k); about != "" && session(ctx).May(ctx, access.Write, tasks) == nil {
		if f, ok := tasks.FieldNamed("sort"); ok {
			b.Tasks = f.Choices
		}
	}
	if b.Owner || b.Tasks != nil {
		var err error
		if b.People, err = s.peopleOptions(ctx); err != nil {
			return nil, err
		}
	}
	return &b, nil
}

// taskAbout is the kind of tasks and its field that names a record of a kind; empty where it has none.
func (s *site) taskAbout(k *record.Kind) (tasks *record.Kind, field string) {
	tasks, err := s.Book.Kinds.Named("task")
	if err != nil {
		return nil, ""
	}
	for _, f := range tasks.Fields {
		if f.Refers == k.Name && !f.List && !f.Fixed {
			return tasks, f.Name
		}
	}
	return tasks, ""
}

// picks are what the boxes of a kind's records say, by key.
func (s *site) picks(ctx context.Context, kind string) (map[string]string, error) {
	out := map[string]string{}
	err := s.each(ctx, record.Query{Kind: kind, Source: record.Program}, func(v record.Version) error {
		if !v.Erased {
			out[v.Key] = pickValue(v)
		}
		return nil
	})
	return out, err
}

// free says that a kind has a field that a form may set.
func free(k *record.Kind, name string) bool {
	f, ok := k.FieldNamed(name)
	return ok && !f.Fixed
}

// assigns says that a move gives a record its owner.
func assigns(m record.Move) bool {
	for _, f := range m.Fields {
		if f.Name == "owner" {
			return true
		}
	}
	return false
}

// bulkMove is a move as far as it can be made for many: a person may make it, and what it asks for is one text, which may
// be true of all.
func bulkMove(m record.Move) (BulkMove, bool) {
	b := BulkMove{Name: m.Name, Title: cmp.Or(m.Title, part.Sentence(m.Name))}
	for _, f := range m.Fields {
		if !f.Required {
			continue
		}
		if f.Type != record.Long && f.Type != record.Text || f.List || b.field != "" {
			return b, false
		}
		b.field, b.Says = f.Name, titleOf(f)
	}
	return b, true
}

// bulk does one thing with every chosen record: all of them change, or none does and the first that refuses is named.
func (s *site) bulk(w http.ResponseWriter, r *http.Request) error {
	k, err := s.readable(r)
	if err != nil {
		return err
	}
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	ctx, f := r.Context(), r.PostForm
	rows, err := chosen(f["row"])
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fault.New(fault.Invalid, "No row was chosen.").WithNext("Go back and tick the rows that you mean.")
	}
	if len(rows) > 1000 {
		return fault.New(fault.TooLarge, "%d rows are more than 1,000.", len(rows)).WithNext("Choose fewer at a time.")
	}
	if f.Get("do") == "export" {
		return s.bulkExport(w, r, k, rows)
	}
	reason := strings.TrimSpace(f.Get("reason"))
	if reason == "" {
		return fault.New(fault.Invalid, "A change of many records needs its reason, for the history and the auditor.").WithNext("Go back and say why.")
	}
	if f.Get("do") == "tasks" {
		return s.bulkTasks(w, r, k, rows, reason)
	}
	var changes []record.Change
	var back []undoing
	said := ""
	for _, row := range rows {
		c, err := s.bulkChange(ctx, k, row, f.Get("do"), f.Get("owner"), f.Get("due"), f.Get("move"), strings.TrimSpace(f.Get("text")))
		if err != nil {
			return err
		}
		c.Reason = reason
		changes = append(changes, c)
		if c.Move == "" {
			back = append(back, undoing{kind: k.Name, key: row.key, before: row.seen})
		}
	}
	out, err := s.Book.Put(ctx, session(ctx), changes...)
	var refused *record.Refused
	if errors.As(err, &refused) && refused.Change < len(rows) {
		return fault.New(refused.Fault.Kind, "Nothing was changed, because of %s: %s", s.labelOf(ctx, k.Name, rows[refused.Change].key), refused.Fault.Message).
			WithNext("%s", cmp.Or(refused.Fault.Next, "Go back and leave it out."))
	}
	if err != nil {
		return err
	}
	switch f.Get("do") {
	case "assign":
		said = part.Count(len(rows), strings.ToLower(k.Title), strings.ToLower(cmp.Or(k.Plural, k.Title))) + " changed."
	default:
		said = part.Count(len(rows), strings.ToLower(k.Title), strings.ToLower(cmp.Or(k.Plural, k.Title))) + ": " + strings.ReplaceAll(f.Get("move"), "_", " ") + "."
	}
	if len(back) < len(rows) { // a step of a life cycle is not taken back by writing
		return done(w, r, within(f.Get("to")), said)
	}
	return s.doneUndoable(w, r, within(f.Get("to")), said, back, out)
}

// bulkTasks makes a task of every chosen record: for its owner where nobody else is named.
func (s *site) bulkTasks(w http.ResponseWriter, r *http.Request, k *record.Kind, rows []chosenRow, reason string) error {
	ctx, f := r.Context(), r.PostForm
	_, about := s.taskAbout(k)
	if about == "" {
		return fault.New(fault.Usage, "No task can be about %s.", strings.ToLower(cmp.Or(k.Plural, k.Title)))
	}
	what := strings.TrimSpace(f.Get("what"))
	if what == "" {
		return fault.New(fault.Invalid, "The tasks need a title that says what is to be done.").WithNext("Go back and say it.")
	}
	if _, err := time.Parse(time.DateOnly, f.Get("task_due")); err != nil {
		return fault.New(fault.Invalid, "The tasks need a day by which they are due.").WithNext("Go back and choose one.")
	}
	if owner := f.Get("task_owner"); owner != "" {
		if _, err := s.Book.Get(ctx, "person", owner, 0); err != nil {
			return err
		}
	}
	var changes []record.Change
	for _, row := range rows {
		v, err := s.Book.GetFrom(ctx, k.Name, row.key, record.Program, 0, record.Company)
		if err != nil {
			return err
		}
		body := map[string]any{"title": what + ": " + cmp.Or(v.Label, v.Key), "sort": f.Get("sort"), about: v.Key, "due": f.Get("task_due")}
		own, _ := readBody(v.Body)["owner"].(string)
		if who := cmp.Or(f.Get("task_owner"), own); who != "" {
			body["owner"] = who
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		changes = append(changes, record.Change{Kind: "task", Body: raw, Reason: reason})
	}
	if _, err := s.Book.Put(ctx, session(ctx), changes...); err != nil {
		return err
	}
	return done(w, r, within(f.Get("to")), part.Count(len(changes), "task is", "tasks are")+" made. They stand in the plan.")
}

func (s *site) labelOf(ctx context.Context, kind, key string) string {
	if v, err := s.Book.Get(ctx, kind, key, 0); err == nil && v.Label != "" {
		return "“" + v.Label + "”"
	}
	return key
}

func (s *site) bulkChange(ctx context.Context, k *record.Kind, row chosenRow, do, owner, due, move, text string) (record.Change, error) {
	c := record.Change{Kind: k.Name, Key: row.key, If: &row.seen}
	v, err := s.Book.GetFrom(ctx, k.Name, row.key, record.Program, 0, record.Company)
	if err != nil {
		return c, err
	}
	if v.From != row.seen {
		return c, fault.New(fault.Conflict, "Nothing was changed, because %s changed “%s” since you looked at it.", part.Who(ctx, v.Actor), cmp.Or(v.Label, v.Key)).
			WithNext("Go back, load the list again and look at it.")
	}
	body := readBody(v.Body)
	state, _ := body[record.StateField].(string)
	switch do {
	case "assign":
		if owner == "" && due == "" {
			return c, fault.New(fault.Invalid, "Neither an owner nor a due date was chosen.").WithNext("Go back and choose one.")
		}
		if k.States != nil {
			for _, m := range k.States.MovesFrom(cmp.Or(state, k.States.Initial)) {
				if !assigns(m) {
					continue
				}
				c.Move, c.Said = m.Name, map[string]any{}
				for field, x := range map[string]string{"owner": owner, "due": due} {
					if old, _ := body[field].(string); cmp.Or(x, old) != "" {
						c.Said[field] = cmp.Or(x, old)
					}
				}
				return c, nil
			}
		}
		for field, x := range map[string]string{"owner": owner, "due": due} {
			if x == "" {
				continue
			}
			if !free(k, field) {
				return c, fault.New(fault.Invalid, "%s have no %s that can be set.", cmp.Or(k.Plural, k.Title), field)
			}
			body[field] = x
		}
		c.Body, err = json.Marshal(body)
		return c, err
	case "move":
		if k.States != nil {
			for _, m := range k.States.Moves {
				if x, ok := bulkMove(m); ok && m.Name == move {
					c.Move = m.Name
					if x.field != "" {
						c.Said = map[string]any{x.field: text}
					}
					return c, nil
				}
			}
		}
		return c, fault.New(fault.Invalid, "No step was chosen.").WithNext("Go back and choose one.")
	}
	return c, fault.New(fault.Usage, "There is nothing named %q to do.", do)
}

// chosenRow is a row that was ticked, in the version that stood on the page.
type chosenRow struct {
	key  string
	seen store.Moment
}

// pickValue is what the box of a row says when it is ticked.
func pickValue(v record.Version) string { return part.Stamp(v.From.Time()) + " " + v.Key }

func chosen(values []string) ([]chosenRow, error) {
	var out []chosenRow
	for _, x := range values {
		stamp, key, ok := strings.Cut(x, " ")
		seen, err := time.Parse(time.RFC3339Nano, stamp)
		if !ok || err != nil {
			return nil, fault.New(fault.Usage, "%q is no row of a list.", x)
		}
		out = append(out, chosenRow{key, store.At(seen)})
	}
	return out, nil
}

// bulkExport hands out the chosen rows as a table.
func (s *site) bulkExport(w http.ResponseWriter, r *http.Request, k *record.Kind, chosen []chosenRow) error {
	var rows []file.Row
	for _, x := range chosen {
		v, err := s.Book.GetFrom(r.Context(), k.Name, x.key, record.Program, 0, record.Company)
		if err != nil {
			return err
		}
		rows = append(rows, file.Row{Key: v.Key, Body: v.Body})
	}
	var b strings.Builder
	if err := file.Write(k, file.CSV, &b, rows, file.Options{Fixed: true}); err != nil {
		return err
	}
	download(w, k.Name+".csv", int64(b.Len()))
	_, err := w.Write([]byte(b.String()))
	return err
}
