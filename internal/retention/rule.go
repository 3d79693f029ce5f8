// Package retention drops the bodies of versions that ended long ago, by rules that an administrator sets. The one rule: without a
// rule nothing is dropped, and what anything else rests on is kept whatever a rule says; what is dropped is the body and nothing
// else, so that every proof goes on verifying.
package retention

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Least is the fewest days after its end that a body is kept: the longest usual window, a year, and five weeks for the fieldwork
// on it.
const Least = 400

// Most is the most days that a rule may say.
const Most = 36_500

// AfterClose is how many days after its closing the window of a period keeps what held in it: the report on it is relied on for a
// year, and the next examination looks back at it.
const AfterClose = 400

// RuleKind is the kind of the rules.
const RuleKind = "retention_rule"

const (
	job     = "job:retention"
	setVerb = "retention.set"
	endVerb = "retention.ended"
)

// Kind declares the rule; only this package writes it.
func Kind() record.Kind {
	return record.Kind{
		Name: RuleKind, Title: "Retention rule", Plural: "Retention rules", Group: "System", Label: "kind", System: true,
		Help: "After how many days the bodies of versions that ended are dropped. Without a rule every body is kept for ever.",
		Fields: []record.Field{
			{Name: "kind", Title: "Kind", Type: record.Text, Required: true, Indexed: true, Help: "A kind that is read from a source."},
			{Name: "source", Type: record.Text, Help: "Only records of this source; empty: of all that have no rule of their own."},
			{Name: "days", Type: record.Integer, Required: true, Help: "After the end of a version."},
			{Name: "reason", Type: record.Long, Required: true},
			{Name: "set_by", Title: "Set by", Type: record.Text, Required: true},
		},
	}
}

// Rule says after how many days the bodies of past versions of a kind are dropped.
type Rule struct {
	Key    string       `json:"key"`
	Kind   string       `json:"kind"`
	Source string       `json:"source"` // empty: all that have no rule of their own
	Days   int          `json:"days"`
	Reason string       `json:"reason"`
	By     string       `json:"set_by"`
	Since  store.Moment `json:"since"`
	Entry  int64        `json:"entry"` // of the ledger, zero for one that is only tried
}

func keyOf(kind, source string) string {
	if source == "" {
		return kind
	}
	return kind + "@" + source
}

// Rules are the rules in force at a moment, zero being now, by key.
func Rules(ctx context.Context, book *record.Book, at store.Moment) ([]Rule, error) {
	var out []Rule
	err := book.EachAt(ctx, book.DB, RuleKind, at, func(v record.Version) error {
		r, err := read(v)
		out = append(out, r)
		return err
	})
	slices.SortFunc(out, func(a, b Rule) int { return strings.Compare(a.Key, b.Key) })
	return out, err
}

func read(v record.Version) (Rule, error) {
	r := Rule{Key: v.Key, Since: v.From, Entry: v.Entry}
	if err := json.Unmarshal(v.Body, &r); err != nil {
		return r, fmt.Errorf("read the retention rule %s: %w", v.Key, err)
	}
	r.Key = v.Key
	return r, nil
}

// valid refuses a rule that may not be, and gives it its key.
func valid(ctx context.Context, book *record.Book, r Rule) (Rule, error) {
	k, err := book.Kinds.Named(r.Kind)
	if err != nil {
		return r, err
	}
	r.Kind, r.Source = k.Name, strings.TrimSpace(r.Source)
	r.Key = keyOf(r.Kind, r.Source)
	switch {
	case !k.Collected:
		return r, fault.New(fault.Invalid, "%s are not read from a source: what people and Tickmark write is kept for ever.", cmp.Or(k.Plural, k.Title, k.Name)).WithNext("Set a rule for a kind that is collected.")
	case r.Days < Least:
		return r, fault.New(fault.Invalid, "A rule of %d days is too short: bodies are kept for at least %d, a window of a year and the fieldwork on it.", r.Days, Least).WithNext("Say %d days or more.", Least)
	case r.Days > Most:
		return r, fault.New(fault.Invalid, "A rule of %d days is over the most that a rule may say, %d.", r.Days, Most)
	}
	if r.Source != "" {
		known, err := store.All[int64](ctx, book.DB, "SELECT r.id FROM record r JOIN kind k ON k.id = r.kind WHERE k.name = $1 AND r.source = $2 LIMIT 1", r.Kind, r.Source)
		if err != nil {
			return r, fmt.Errorf("look for the source %s: %w", r.Source, err)
		}
		if len(known) == 0 {
			return r, fault.New(fault.NotFound, "No %s was ever read from a source %q.", strings.ToLower(k.Title), r.Source).WithNext("Name a connection that reads it, or leave the source out.")
		}
	}
	return r, nil
}

// Set sets the rule of a kind and source, in the place of one that there is. Only who administers the workspace may.
func Set(ctx context.Context, book *record.Book, by record.Authority, r Rule) (Rule, error) {
	if err := by.May(ctx, "admin", nil); err != nil {
		return r, err
	}
	r, err := valid(ctx, book, r)
	if err != nil {
		return r, err
	}
	if r.Reason = strings.TrimSpace(r.Reason); r.Reason == "" {
		return r, fault.New(fault.Invalid, "Say why bodies of %s are dropped after %d days.", r.Key, r.Days)
	}
	r.By = by.Actor().Name
	body, err := json.Marshal(map[string]any{"kind": r.Kind, "source": r.Source, "days": r.Days, "reason": r.Reason, "set_by": r.By})
	if err != nil {
		return r, err
	}
	err = book.Log.Write(ctx, func(tx *ledger.Tx) error {
		out, err := book.PutIn(ctx, tx, record.Job(job), record.Change{Kind: RuleKind, Key: r.Key, Body: body, Reason: r.Reason})
		if err != nil {
			return err
		}
		r.Since, r.Entry = out[0].From, out[0].Entry
		_, err = tx.Act(ctx, setVerb, r.By, r.Key, map[string]any{"days": r.Days, "reason": r.Reason})
		return err
	})
	return r, err
}

// End ends a rule: what it would have dropped is kept from now on. What it dropped stays dropped.
func End(ctx context.Context, book *record.Book, by record.Authority, kind, source, reason string) error {
	if err := by.May(ctx, "admin", nil); err != nil {
		return err
	}
	key := keyOf(kind, strings.TrimSpace(source))
	if reason = strings.TrimSpace(reason); reason == "" {
		return fault.New(fault.Invalid, "Say why the retention rule %s ends.", key)
	}
	return book.Log.Write(ctx, func(tx *ledger.Tx) error {
		if _, err := book.PutIn(ctx, tx, record.Job(job), record.Change{Kind: RuleKind, Key: key, Delete: true, Reason: reason}); err != nil {
			return err
		}
		_, err := tx.Act(ctx, endVerb, by.Actor().Name, key, map[string]any{"reason": reason})
		return err
	})
}
