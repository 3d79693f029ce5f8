package employment

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/expr"
	"tickmark/internal/person"
	"tickmark/internal/record"
)

const view = "account"

// Sources are what the sources of accounts show at one moment: when each was read completely, and the accounts of some people.
type Sources struct {
	Now      time.Time
	read     map[string]reading // by connection
	accounts map[string][]held  // by person
	unclear  map[string]int     // accounts that could not be read, by connection
}

type reading struct {
	connector string
	at        time.Time // the oldest of the last complete reads of its kinds of account; zero: never, or no longer fresh
	why       string
}

type held struct {
	Source, ID, Kind, State string
	Since                   time.Time
	Why                     string
}

// Look reads what the sources show now of the accounts of these people.
func Look(ctx context.Context, book *record.Book, words *check.Vocabulary, c *collect.Collector, people map[string]bool) (*Sources, error) {
	s := &Sources{Now: book.Log.Now(), read: map[string]reading{}, accounts: map[string][]held{}, unclear: map[string]int{}}
	if err := s.readings(ctx, words, c); err != nil {
		return nil, err
	}
	whose, err := directory(ctx, book)
	if err != nil {
		return nil, err
	}
	for _, k := range words.Kinds(view) {
		if err := s.gather(ctx, book, words, k, whose, people); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readings tell of each connection that could tell of accounts when it last did so completely.
func (s *Sources) readings(ctx context.Context, words *check.Vocabulary, c *collect.Collector) error {
	connections, err := c.Connections(ctx)
	if err != nil {
		return err
	}
	kinds := map[string]bool{}
	for _, k := range words.Kinds(view) {
		kinds[k.Name] = true
	}
	now := record.Moment(s.Now.UnixMicro())
	rows, err := c.Coverage(ctx, collect.CoverageQuery{From: now - 1})
	if err != nil {
		return err
	}
	fresh, ended, sent := map[[2]string]record.Moment{}, map[[2]string]string{}, map[string][]string{}
	for _, r := range rows {
		at := [2]string{r.Connection, r.Kind}
		if kinds[r.Kind] {
			sent[r.Connection] = append(sent[r.Connection], r.Kind)
		}
		switch {
		case !kinds[r.Kind] || r.Part != "":
		case r.Ended != "" || r.To <= now:
			ended[at] = r.Ended
		case fresh[at] == 0 || r.LastRead < fresh[at]:
			fresh[at] = r.LastRead // of several scopes the one that was read longest ago
		}
	}
	for _, conn := range connections {
		k, err := c.Connector(conn.Connector)
		if err != nil {
			s.read[conn.Name] = reading{connector: conn.Connector, why: "nothing here can read it"}
			continue
		}
		r := reading{connector: conn.Connector}
		any := false
		for _, name := range append(k.KindNames(), sent[conn.Name]...) { // what is sent to a connection is not among its connector's kinds
			if !kinds[name] {
				continue
			}
			at := [2]string{conn.Name, name}
			last, ok := fresh[at]
			_, over := ended[at]
			switch {
			case !ok || over:
				r.why = cmp.Or(r.why, "its accounts ("+strings.ReplaceAll(name, "_", " ")+") were not read completely of late")
			case r.at.IsZero() || last.Time().Before(r.at):
				r.at = last.Time()
			}
			any = true
		}
		if r.why != "" {
			r.at = time.Time{}
		}
		if any {
			s.read[conn.Name] = r
		}
	}
	return nil
}

func directory(ctx context.Context, book *record.Book) (*person.Directory, error) {
	d := &person.Directory{}
	err := book.EachAt(ctx, book.DB, "person", 0, func(v record.Version) error {
		var b struct {
			Email    string
			Others   []string `json:"other_emails"`
			Accounts []string
		}
		if v.Erased {
			return nil
		}
		err := json.Unmarshal(v.Body, &b)
		d.Add(v.Key, append([]string{b.Email}, b.Others...), b.Accounts)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the people: %w", err)
	}
	return d, book.EachAt(ctx, book.DB, "machine_identity", 0, func(v record.Version) error {
		var b struct{ Accounts []string }
		if v.Erased {
			return nil
		}
		err := json.Unmarshal(v.Body, &b)
		d.AddMachine(v.Key, b.Accounts)
		return err
	})
}

// gather takes the accounts of the people from one kind. An account that may be somebody's and cannot be told from another's counts as
// theirs: it is not proved that it is not.
func (s *Sources) gather(ctx context.Context, book *record.Book, words *check.Vocabulary, k *record.Kind, whose *person.Directory, people map[string]bool) error {
	var doc expr.Doc
	return book.EachAt(ctx, book.DB, k.Name, 0, func(v record.Version) error {
		if v.Erased {
			return nil
		}
		if err := doc.Parse(v.Full()); err != nil {
			return err
		}
		seen, in := words.Values(view, k.Name, &doc, "id", "email", "local", "enabled")
		if in.Answer == expr.False {
			return nil
		}
		if in.Answer != expr.True || len(seen) == 0 || word(seen[0]) == "" {
			s.unclear[v.Source]++
			return nil
		}
		a := person.Account{Source: v.Source, ID: word(seen[0]), Email: word(seen[1]), Local: seen[2] == true}
		if len(whose.Machines(a)) > 0 {
			return nil
		}
		owners := whose.Owners(a)
		for _, p := range owners {
			if !people[p] {
				continue
			}
			h := held{Source: v.Source, ID: a.ID, Kind: k.Name, State: Unclear, Since: v.From.Time()}
			switch seen[3] {
			case true:
				h.State = Enabled
			case false:
				h.State = Disabled
			}
			if len(owners) > 1 && h.State != Disabled {
				h.State, h.Why = Unclear, "several people may hold it, so that nobody can tell whether it is theirs"
			}
			s.accounts[p] = append(s.accounts[p], h)
		}
		return nil
	})
}

func word(v any) string {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	switch x := v.(type) {
	case nil, []any, map[string]any:
		return ""
	case string:
		return x
	}
	return fmt.Sprint(v)
}

// Of is what the sources show of a person who left at a moment, and how many sources there are and were not read since. What was known of
// them earlier and is no longer listed is gone, if its source was read.
func (s *Sources) Of(who string, left time.Time, earlier []Proof) (proofs []Proof, systems, unread int) {
	add := func(p Proof) {
		r, connected := s.read[p.Source]
		p.ReadAt = r.at
		p.After = connected && !r.at.IsZero() && r.at.After(left)
		switch {
		case !connected:
			p.After, p.Why = false, "it is no longer connected"
		case p.Why == "" && !p.After && r.why != "":
			p.Why = r.why
		}
		proofs = append(proofs, p)
	}
	there, sources := map[[2]string]bool{}, map[string]bool{}
	for _, h := range s.accounts[who] {
		there[[2]string{h.Source, h.ID}], sources[h.Source] = true, true
		add(Proof{Source: h.Source, Account: h.ID, Kind: h.Kind, State: h.State, Since: h.Since, Why: h.Why})
	}
	for _, p := range earlier {
		if p.Account == "" || there[[2]string{p.Source, p.Account}] {
			continue
		}
		there[[2]string{p.Source, p.Account}], sources[p.Source] = true, true
		since := p.Since
		if p.State != Gone {
			since = s.Now
		}
		add(Proof{Source: p.Source, Account: p.Account, Kind: p.Kind, State: Gone, Since: since})
	}
	for name, r := range s.read {
		systems++
		after := !r.at.IsZero() && r.at.After(left)
		if !after {
			unread++
		}
		if n := s.unclear[name]; n > 0 {
			sources[name] = true
			add(Proof{Source: name, State: Unclear, Why: fmt.Sprintf("of %d of its accounts it can't be told whose they are", n)})
		}
		if !after && !sources[name] {
			add(Proof{Source: name, State: Unclear, Why: cmp.Or(r.why, "it was not read completely since")})
		}
	}
	slices.SortFunc(proofs, func(a, b Proof) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.Source, b.Source), strings.Compare(a.Account, b.Account))
	})
	return proofs, systems, unread
}

func rank(p Proof) int {
	switch {
	case p.State == Enabled:
		return 0
	case !p.Proved():
		return 1
	}
	return 2
}

// SignOn says whether a source is where people sign on to others, so that it ends with the last day itself.
func (s *Sources) SignOn(source string) bool {
	return slices.Contains([]string{"okta", "entra", "google", "ldap"}, s.read[source].connector)
}
