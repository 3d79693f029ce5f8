package web

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

// withViews puts the saved views of the list that is asked for into the context, for its filter bar.
func (s *site) withViews(r *http.Request) *http.Request {
	ctx := r.Context()
	k, err := s.Book.Kinds.Named("saved_view")
	who := session(ctx)
	if err != nil || who.May(ctx, access.Read, k) != nil || r.URL.Path == "/" {
		return r
	}
	found, err := s.Book.Find(ctx, s.Book.DB, k.Name, "path", r.URL.Path, 0) // a view is no fact of the past: it is how one looks
	if err != nil {
		return r
	}
	q := r.URL.Query()
	q.Del(part.AsOfName)
	q.Del("after")
	saved := part.Saved{Path: r.URL.Path, Query: q.Encode(), Keeps: who.May(ctx, access.Write, k) == nil}
	for _, v := range found {
		var b struct {
			Name, Query, User string
			Shared            bool
		}
		if json.Unmarshal(v.Body, &b) != nil || b.User != who.User.Key && !b.Shared {
			continue
		}
		href := r.URL.Path
		if b.Query != "" {
			href += "?" + b.Query
		}
		saved.Views = append(saved.Views, part.SavedView{Key: v.Key, Name: b.Name, Href: href, Mine: b.User == who.User.Key, Shared: b.Shared, Current: b.Query == saved.Query})
	}
	slices.SortFunc(saved.Views, func(a, b part.SavedView) int { return cmp.Compare(a.Name, b.Name) })
	view := part.Of(ctx)
	view.Saved = &saved
	return r.WithContext(part.With(ctx, view))
}

func (s *site) viewSave(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	ctx, f := r.Context(), r.PostForm
	query, _ := url.ParseQuery(strings.TrimPrefix(f.Get("query"), "?"))
	query.Del(part.AsOfName)
	query.Del("after")
	body := map[string]any{"name": strings.TrimSpace(f.Get("name")), "path": f.Get("path"), "query": query.Encode(), "user": session(ctx).User.Key}
	if f.Get("shared") == "true" {
		body["shared"] = true
	}
	if err := s.put(r, "saved_view", body, record.Typed); err != nil {
		return err
	}
	to := f.Get("path")
	if len(query) > 0 {
		to += "?" + query.Encode()
	}
	return done(w, r, within(to), "The view is saved.")
}

func (s *site) viewRemove(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := s.Book.GetFrom(ctx, "saved_view", segment(r, "key"), record.Program, 0, record.Company)
	if err != nil {
		return err
	}
	var b struct{ Path, User string }
	if err := json.Unmarshal(v.Body, &b); err != nil {
		return err
	}
	if b.User != session(ctx).User.Key {
		return noPage(r)
	}
	if _, err := s.Book.Put(ctx, session(ctx), record.Change{Kind: "saved_view", Key: v.Key, Delete: true, Reason: "Removed by who kept it"}); err != nil {
		return err
	}
	return done(w, r, within(b.Path), "The view is removed.")
}
