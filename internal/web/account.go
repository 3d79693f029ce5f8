package web

import (
	"context"
	"strings"

	"tickmark/internal/expr"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// accountView is the view by which every source is asked about accounts in the same words.
const accountView = "account"

func optionOf(p personBody) form.Option { return form.Option{Key: p.ID, Label: p.Name} }

// eachAccount hands over every account of every source at the reader's moment.
func (s *site) eachAccount(ctx context.Context, fn func(AccountRow)) error {
	for _, k := range s.Monitor.Words.Kinds(accountView) {
		if s.may(ctx, k.Name) != nil {
			continue
		}
		var doc expr.Doc
		err := s.Book.EachAt(ctx, s.Book.DB, k.Name, at(ctx), func(v record.Version) error {
			row, ok, err := s.seeAccount(k, v, &doc)
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
			row, ok, err := s.seeAccount(k, v, &doc)
			if err == nil && ok && contains(ids, row.ID) {
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

// seeAccount shows a record through the view of accounts. What the source does not say stays unknown.
func (s *site) seeAccount(k *record.Kind, v record.Version, doc *expr.Doc) (AccountRow, bool, error) {
	row := AccountRow{Kind: k.Title, Source: v.Source, Href: hrefOf(v)}
	if v.Erased {
		return row, false, nil
	}
	if err := doc.Parse(v.Full()); err != nil {
		return row, false, err
	}
	seen, in, err := s.Monitor.Words.See(accountView, k.Name, doc)
	if err != nil || in.Answer != expr.True {
		return row, false, err
	}
	row.ID, row.Name = textIn(seen, "id"), textIn(seen, "name")
	row.Enabled, row.Admin, row.LastUsed = yesNo(seen, "enabled"), yesNo(seen, "admin"), textIn(seen, "last_used")
	return row, true, nil
}

func textIn(doc *expr.Doc, field string) string {
	for _, v := range doc.Scalars(field) {
		return part.Plain(v)
	}
	return ""
}

// yesNo is a truth value in words; empty when the source does not say.
func yesNo(doc *expr.Doc, field string) string {
	for _, v := range doc.Scalars(field) {
		if is, ok := v.(bool); ok && is {
			return "Yes"
		} else if ok {
			return "No"
		}
	}
	return ""
}
