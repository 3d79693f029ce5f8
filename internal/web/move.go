package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// moves are the steps of a record's life cycle from where it is. One that something stands against says what, and who can
// take it. They are bound to the version that the reader sees: nobody approves what changed behind the page.
func (s *site) moves(ctx context.Context, v record.Version) ([]Move, error) {
	k, err := s.Book.Kinds.Named(v.Kind)
	if err != nil {
		return nil, err
	}
	who := session(ctx)
	if k.States == nil || part.Past(ctx) || !v.Open() || v.Erased || v.Source != record.Program {
		return nil, nil
	}
	var body map[string]any
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
	}
	state, _ := body[record.StateField].(string)
	refused := who.May(ctx, access.Act, k)
	var out []Move
	look := s.Book.LookAt(ctx, time.Time{})
	for _, m := range k.States.MovesFrom(cmp.Or(state, k.States.Initial)) {
		if m.Name == approval.Own && !s.smallTeam(ctx) || m.Name == approval.Later && approval.Of(body) != approval.ByAuthor {
			continue // it is no step here
		}
		move := Move{Name: m.Name, Title: cmp.Or(m.Title, part.Sentence(m.Name)), Seen: part.Stamp(v.From.Time())}
		if refused != nil {
			move.Blocked = sentenceOf(refused)
		} else if move.Blocked = against(k, look, m, body, who.Actor()); move.Blocked == "" {
			move.Form = form.New(m.Fields, nil)
			for i := range move.Form.Inputs {
				move.Form.Inputs[i].ID = m.Name + "-"
			}
		}
		if move.Blocked != "" {
			move.Blocked = named(ctx, k, body, move.Blocked)
			move.Unlinked = refused == nil && who.User.Person == ""
			if move.Who, err = s.whoCan(ctx, k, look, m, body); err != nil {
				return nil, err
			}
		}
		out = append(out, move)
	}
	return out, nil
}

// against is what stands against a move by an actor as the record and the others stand; empty when only what the form asks for
// is missing.
func against(k *record.Kind, look record.Look, m record.Move, body map[string]any, actor record.Actor) string {
	var f *fault.Fault
	if err := k.Refusal(look, body, m.Name, actor); errors.As(err, &f) && (f.Kind == fault.Denied || f.Kind == fault.Conflict) {
		return sentenceOf(err)
	}
	return ""
}

// named puts the names of the people that a record speaks of in place of their keys, which is what the rooms below know.
func named(ctx context.Context, k *record.Kind, body map[string]any, said string) string {
	for _, f := range k.Fields {
		if f.Refers != "person" {
			continue
		}
		values, _ := body[f.Name].([]any)
		for _, v := range append(values, body[f.Name]) {
			if key, ok := v.(string); ok && key != "" && !strings.Contains(key, ":") {
				name := strings.ReplaceAll(part.People(ctx, key), "$", "$$")
				said = regexp.MustCompile(`\b`+regexp.QuoteMeta(key)+`\b`).ReplaceAllString(said, name)
			}
		}
	}
	return said
}

// whoCan names the users who could take a move as the record stands.
func (s *site) whoCan(ctx context.Context, k *record.Kind, look record.Look, m record.Move, body map[string]any) (string, error) {
	users, err := s.Access.Users(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, u := range users {
		if u.May(access.Act, k) && against(k, look, m, body, u.Actor()) == "" {
			names = append(names, u.Name)
		}
	}
	switch {
	case len(names) == 0:
		return "Nobody who signs in here can do it as things stand.", nil
	case len(names) > 4:
		return "These can do it: " + strings.Join(names[:4], ", ") + " and " + part.Count(len(names)-4, "other") + ".", nil
	}
	return "Can do it: " + strings.Join(names, ", ") + ".", nil
}
