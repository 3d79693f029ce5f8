package web

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// accountView is the view by which every source is asked about accounts in the same words.
const accountView = "account"

func optionOf(p personBody) form.Option { return form.Option{Key: p.ID, Label: p.Name} }

// eachAccount hands over every account of every source at the reader's moment that is wanted.
func (s *site) eachAccount(ctx context.Context, want func(person.Account) bool, fn func(AccountRow)) error {
	for _, k := range s.Monitor.Words.Kinds(accountView) {
		if s.may(ctx, k.Name) != nil {
			continue
		}
		if err := s.accountsIn(ctx, k, want, fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) accountsIn(ctx context.Context, k *record.Kind, want func(person.Account) bool, fn func(AccountRow)) error {
	var doc expr.Doc
	each := s.Book.EachBody
	if s.volatileAccount(k) {
		each = s.Book.EachAt
	}
	return each(ctx, s.Book.DB, k.Name, at(ctx), func(v record.Version) error {
		row, ok, err := s.seeAccount(k, v, &doc, want)
		if err == nil && ok {
			fn(row)
		}
		return err
	})
}

// accountsOf are the accounts that are this person's alone or among others, and the links that no source lists. The directory needs to
// know of no other person.
func (s *site) accountsOf(ctx context.Context, d *person.Directory, key string, links []string) (rows []AccountRow, unseen []string, err error) {
	found := map[string]bool{}
	var failed error
	theirs := func(a person.Account) bool {
		if len(d.Machines(a)) > 0 || !contains(d.Owners(a), key) {
			return false
		}
		if contains(links, person.Link(a)) || a.Local && contains(links, a.ID) {
			return true
		}
		others, err := s.linkedBy(ctx, a) // a link of another goes before an address
		failed = cmp.Or(failed, err)
		return len(others) == 0
	}
	take := func(row AccountRow) {
		rows = append(rows, row)
		found[row.Link], found[row.ID] = true, true
	}
	for _, k := range s.Monitor.Words.Kinds(accountView) {
		if s.may(ctx, k.Name) != nil {
			continue
		}
		field, simple := strings.CutPrefix(s.Monitor.Words.ViewField(accountView, k.Name, "id"), "r.")
		f, ok := k.FieldNamed(field)
		if !simple || !ok || !f.Indexed || s.Monitor.Words.ViewField(accountView, k.Name, "email") != "" {
			if err := s.accountsIn(ctx, k, theirs, take); err != nil {
				return nil, nil, err
			}
			continue
		}
		var doc expr.Doc
		asked := map[string]bool{}
		for _, link := range links {
			_, id, _ := strings.Cut(link, "/")
			for _, id := range []string{link, id} {
				if id == "" || asked[id] {
					continue
				}
				asked[id] = true
				list, err := s.Book.Find(ctx, s.Book.DB, k.Name, field, id, at(ctx))
				if err != nil {
					return nil, nil, err
				}
				for _, v := range list {
					row, ok, err := s.seeAccount(k, v, &doc, theirs)
					if err != nil {
						return nil, nil, err
					}
					if ok {
						take(row)
					}
				}
			}
		}
	}
	for _, l := range links {
		if !found[l] {
			unseen = append(unseen, l)
		}
	}
	return rows, unseen, failed
}

// linkedBy are the people whose records link an account.
func (s *site) linkedBy(ctx context.Context, a person.Account) ([]string, error) {
	names := []string{person.Link(a)}
	if a.Local {
		names = append(names, a.ID)
	}
	var out []string
	for _, name := range names {
		found, err := s.Book.Find(ctx, s.Book.DB, "person", "accounts", name, at(ctx))
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			out = append(out, v.Key)
		}
	}
	return out, nil
}

// directory tells whose each account is at the reader's moment.
func (s *site) directory(ctx context.Context, all []personBody) (*person.Directory, error) {
	d := &person.Directory{}
	for _, p := range all {
		d.Add(p.ID, append([]string{p.Email}, p.OtherEmails...), p.Accounts)
	}
	if s.may(ctx, machineKind) != nil {
		return d, nil
	}
	return d, s.Book.EachBody(ctx, s.Book.DB, machineKind, at(ctx), func(v record.Version) error {
		var b struct{ Accounts []string }
		if v.Erased {
			return nil
		}
		err := json.Unmarshal(v.Body, &b)
		d.AddMachine(v.Key, b.Accounts)
		return err
	})
}

const machineKind = "machine_identity"

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
func (s *site) seeAccount(k *record.Kind, v record.Version, doc *expr.Doc, want func(person.Account) bool) (AccountRow, bool, error) {
	row := AccountRow{Kind: k.Title, Source: v.Source}
	if v.Erased {
		return row, false, nil
	}
	if err := doc.Parse(v.Full()); err != nil {
		return row, false, err
	}
	id, in := s.Monitor.Words.Values(accountView, k.Name, doc, "id", "email", "local")
	if in.Answer != expr.True {
		return row, false, nil
	}
	a := person.Account{Source: v.Source, ID: textOf(id[0]), Email: textOf(id[1]), Local: id[2] == true}
	if a.ID == "" || !want(a) {
		return row, false, nil
	}
	seen, _ := s.Monitor.Words.Values(accountView, k.Name, doc, "name", "enabled", "admin", "last_used")
	row.ID, row.Link, row.Email = a.ID, person.Link(a), a.Email
	row.Name, row.Enabled, row.Admin, row.LastUsed, row.Href = textOf(seen[0]), yesNo(seen[1]), yesNo(seen[2]), textOf(seen[3]), hrefOf(v)
	row.LastUsed = row.LastUsed[:min(len(row.LastUsed), len("2006-01-02"))]
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
