package web

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// accountView is the view by which every source is asked about accounts in the same words.
const accountView = "account"

func optionOf(p personBody) form.Option { return form.Option{Key: p.ID, Label: p.Name} }

// eachAccount hands over every account of every source at the reader's moment, whose id is wanted.
func (s *site) eachAccount(ctx context.Context, want func(id string) bool, fn func(AccountRow)) error {
	for _, k := range s.Monitor.Words.Kinds(accountView) {
		if s.may(ctx, k.Name) != nil {
			continue
		}
		var doc expr.Doc
		each := s.Book.EachBody
		if s.volatileAccount(k) {
			each = s.Book.EachAt
		}
		err := each(ctx, s.Book.DB, k.Name, at(ctx), func(v record.Version) error {
			row, ok, err := s.seeAccount(k, v, &doc, want)
			if err == nil && ok {
				fn(row)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// accountsOf are the accounts with these ids, and the ids that no source lists.
func (s *site) accountsOf(ctx context.Context, ids []string) (rows []AccountRow, unseen []string, err error) {
	found := map[string]bool{}
	for _, k := range s.Monitor.Words.Kinds(accountView) {
		if s.may(ctx, k.Name) != nil || len(ids) == 0 {
			continue
		}
		var doc expr.Doc
		take := func(v record.Version) error {
			row, ok, err := s.seeAccount(k, v, &doc, func(id string) bool { return contains(ids, id) })
			if err == nil && ok {
				rows, found[row.ID] = append(rows, row), true
			}
			return err
		}
		field, simple := strings.CutPrefix(s.Monitor.Words.ViewField(accountView, k.Name, "id"), "r.")
		if f, ok := k.FieldNamed(field); simple && ok && f.Indexed {
			for _, id := range ids {
				list, err := s.Book.Find(ctx, s.Book.DB, k.Name, field, id, at(ctx))
				if err != nil {
					return nil, nil, err
				}
				for _, v := range list {
					if err := take(v); err != nil {
						return nil, nil, err
					}
				}
			}
			continue
		}
		if err := s.Book.EachAt(ctx, s.Book.DB, k.Name, at(ctx), take); err != nil {
			return nil, nil, err
		}
	}
	for _, id := range ids {
		if !found[id] {
			unseen = append(unseen, id)
		}
	}
	return rows, unseen, nil
}

// volatileAccount reports whether a kind says of an account what is kept outside the history.
func (s *site) volatileAccount(k *record.Kind) bool {
	return slices.ContainsFunc(k.Fields, func(f record.Field) bool {
		read := regexp.MustCompile(`\br\.` + f.Name + `\b`)
		return f.Volatile && slices.ContainsFunc(k.Views, func(v record.View) bool {
			return v.Name == accountView && (read.MatchString(v.Where) || slices.ContainsFunc(slices.Collect(maps.Values(v.Fields)), read.MatchString))
		})
	})
}

// seeAccount shows a record through the view of accounts, if its id is wanted. What the source does not say stays unknown.
func (s *site) seeAccount(k *record.Kind, v record.Version, doc *expr.Doc, want func(id string) bool) (AccountRow, bool, error) {
	row := AccountRow{Kind: k.Title, Source: v.Source}
	if v.Erased {
		return row, false, nil
	}
	if err := doc.Parse(v.Full()); err != nil {
		return row, false, err
	}
	id, in := s.Monitor.Words.Values(accountView, k.Name, doc, "id")
	if in.Answer != expr.True {
		return row, false, nil
	}
	if row.ID = textOf(id[0]); !want(row.ID) {
		return row, false, nil
	}
	seen, _ := s.Monitor.Words.Values(accountView, k.Name, doc, "name", "enabled", "admin", "last_used")
	row.Name, row.Enabled, row.Admin, row.LastUsed, row.Href = textOf(seen[0]), yesNo(seen[1]), yesNo(seen[2]), textOf(seen[3]), hrefOf(v)
	return row, true, nil
}

// textOf is a value as text, of a list its first, and empty when there is none.
func textOf(v any) string {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	switch x := v.(type) {
	case nil, []any, map[string]any:
		return ""
	case time.Time:
		return x.Format(time.RFC3339Nano)
	}
	return part.Plain(v)
}

// yesNo is a truth value in words; empty when the source does not say.
func yesNo(v any) string {
	switch v {
	case true:
		return "Yes"
	case false:
		return "No"
	}
	return ""
}
