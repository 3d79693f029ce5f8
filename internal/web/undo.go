package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

// undoing is one record that was changed: the moments at which the version before and the one after began. What stood before
// is read from the book when it is wanted, so that nothing that was erased in the meantime comes back.
type undoing struct {
	kind, key     string
	before, after store.Moment
}

// undo is what one user changed lately and may take back.
type undo struct {
	user    string
	at      time.Time
	records []undoing
}

const undoLife = 10 * time.Minute

// doneUndoable is done, with an offer to take it back. out are the versions that were written, in the order of records.
func (s *site) doneUndoable(w http.ResponseWriter, r *http.Request, to, said string, records []undoing, out []record.Version) error {
	if len(out) < len(records) {
		return done(w, r, to, said)
	}
	for i := range records {
		if out[i].Kind != records[i].kind || out[i].Key != records[i].key {
			return done(w, r, to, said)
		}
		records[i].after = out[i].From
	}
	id, now := rand.Text(), time.Now()
	s.mu.Lock()
	for old, u := range s.undos {
		if now.Sub(u.at) > undoLife {
			delete(s.undos, old)
		}
	}
	s.undos[id] = undo{session(r.Context()).User.Key, now, records}
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "undo", Value: id, Path: "/", MaxAge: saidLife, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return done(w, r, to, said)
}

// canUndo is the id of what was just done, if its reader may take it back.
func (s *site) canUndo(r *http.Request, who access.Session) string {
	c, err := r.Cookie("undo")
	if err != nil || part.Past(r.Context()) {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.undos[c.Value]; !ok || u.user != who.User.Key || time.Since(u.at) > undoLife {
		return ""
	}
	return c.Value
}

// undone writes what stood before as a new version, of all the records or of none: of none where one of them changed since.
func (s *site) undone(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	ctx, id := r.Context(), r.PostForm.Get("id")
	s.mu.Lock()
	u, ok := s.undos[id]
	s.mu.Unlock()
	if !ok || u.user != session(ctx).User.Key || time.Since(u.at) > undoLife {
		return fault.New(fault.NotFound, "This can no longer be undone at once.").WithNext("Open the record and change it; its history shows what stood before.")
	}
	var changes []record.Change
	for _, x := range u.records {
		c, err := s.undoChange(ctx, x)
		if err != nil {
			return err
		}
		changes = append(changes, c)
	}
	if _, err := s.Book.Put(ctx, session(ctx), changes...); fault.Is(err, fault.Conflict) {
		return fault.New(fault.Conflict, "Nothing was undone: %s", sentenceOf(err)).WithNext("Open the record and change it; its history shows what stood before.")
	} else if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.undos, id)
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "undo", Path: "/", MaxAge: -1})
	return done(w, r, within(r.PostForm.Get("to")), "Undone: what stood before is written again, as a new version.")
}

func (s *site) undoChange(ctx context.Context, x undoing) (record.Change, error) {
	c := record.Change{Kind: x.kind, Key: x.key, If: &x.after, Reason: "undone"}
	k, err := s.Book.Kinds.Named(x.kind)
	if err != nil {
		return c, err
	}
	before, err := s.Book.GetFrom(ctx, x.kind, x.key, record.Program, x.before, record.Company)
	if err != nil {
		return c, err
	}
	now, err := s.Book.GetFrom(ctx, x.kind, x.key, record.Program, 0, record.Company)
	if err != nil {
		return c, err
	}
	if before.Erased || now.From != x.after {
		return c, fault.New(fault.Conflict, "Nothing was undone, because %s changed since.", s.labelOf(ctx, x.kind, x.key)).
			WithNext("Open the record and change it; its history shows what stood before.")
	}
	// fixed fields, such as states and approvals, stay as they are now: no writing brings an approval back
	body, stays := readBody(before.Body), readBody(now.Body)
	for _, f := range k.Fields {
		if !f.Fixed {
			continue
		}
		if v, ok := stays[f.Name]; ok {
			body[f.Name] = v
		} else {
			delete(body, f.Name)
		}
	}
	c.Body, err = json.Marshal(body)
	return c, err
}
