package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tickmark/internal/ledger/merkle"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Reason is why the body of a version is kept that a rule would drop.
type Reason string

// The reasons; of several, the first counts.
const (
	Held      Reason = "a legal hold is on the record"
	Examined  Reason = "it held in the window of a period that is open, or closed less than 400 days ago"
	Answered  Reason = "a check failed by it, or an answer that stands rests on it"
	Found     Reason = "a finding names the record at that time"
	Excepted  Reason = "an exception covers the record"
	Referred  Reason = "evidence, an occurrence, a comment or an attachment refers to the record"
	Delivered Reason = "it held when a report or a package was made"
)

// Reasons are all of them, in order.
func Reasons() []Reason {
	return []Reason{Held, Examined, Answered, Found, Excepted, Referred, Delivered}
}

type span struct{ from, to store.Moment }

func (s span) meets(v record.Ended) bool { return s.from < v.To && v.From < s.to }

// moments are times in order.
type moments []store.Moment

// in reports whether one of them lies within the life of a version.
func (m moments) in(v record.Ended) bool {
	i, _ := slices.BinarySearch(m, v.From)
	return i < len(m) && m[i] < v.To
}

// keeper knows what is kept, whatever a rule says.
type keeper struct {
	book *record.Book
	age  age

	held, referred map[string]bool   // kind/key
	found          map[string][]span // kind/key
	excepted       map[string]bool   // what exceptions cover, as they say it
	windows        []span
	delivered      moments
	looked         map[int64]bool     // versions that were looked up by answers that failed or stand
	many           map[string]moments // by kind: when answers looked up more of it than they name
	results        int64              // the last answer that was read
}

func newKeeper(ctx context.Context, book *record.Book, q store.Q) (*keeper, error) {
	k := &keeper{book: book, looked: map[int64]bool{}, many: map[string]moments{}}
	if err := k.load(ctx, q); err != nil {
		return nil, fmt.Errorf("find what is kept: %w", err)
	}
	return k, nil
}

// fresh reads again when anything was written since.
func (k *keeper) fresh(ctx context.Context, q store.Q) error {
	a, err := ageOf(ctx, k.book, q)
	if err != nil || a.size == k.age.size {
		return err
	}
	return k.load(ctx, q)
}

func (k *keeper) load(ctx context.Context, q store.Q) (err error) {
	if k.age, err = ageOf(ctx, k.book, q); err != nil {
		return err
	}
	k.held, k.referred, k.found, k.excepted, k.windows, k.delivered = map[string]bool{}, map[string]bool{}, map[string][]span{}, map[string]bool{}, nil, nil
	for _, read := range []func(context.Context, store.Q) error{k.holds, k.references, k.findings, k.exceptions, k.periods, k.reports, k.packages, k.lookups} {
		if err := read(ctx, q); err != nil {
			return err
		}
	}
	slices.Sort(k.delivered)
	return nil
}

// each reads the records of a kind that hold, where the workspace has the kind.
func each[T any](ctx context.Context, k *keeper, q store.Q, kind string, fn func(record.Version, T) error) error {
	if _, err := k.book.Kinds.Named(kind); err != nil {
		return nil
	}
	return k.book.EachOpen(ctx, q, kind, func(v record.Version) error {
		var body T
		if v.Erased {
			return nil
		}
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return fmt.Errorf("read the %s %s: %w", kind, v.Key, err)
		}
		return fn(v, body)
	})
}

type about struct {
	On string `json:"on"`
}

func (k *keeper) holds(ctx context.Context, q store.Q) error {
	return each(ctx, k, q, "hold", func(_ record.Version, b about) error { k.held[b.On] = true; return nil })
}

func (k *keeper) references(ctx context.Context, q store.Q) error {
	for _, kind := range []string{"comment", "attachment"} {
		if err := each(ctx, k, q, kind, func(_ record.Version, b about) error { k.referred[b.On] = true; return nil }); err != nil {
			return err
		}
	}
	type event struct {
		Kind string `json:"event_kind"`
		Key  string `json:"event_key"`
	}
	if err := each(ctx, k, q, "occurrence", func(_ record.Version, b event) error { k.referred[b.Kind+"/"+b.Key] = true; return nil }); err != nil {
		return err
	}
	type link struct {
		Link string `json:"link"`
	}
	return each(ctx, k, q, "evidence", func(_ record.Version, b link) error {
		if u, err := url.Parse(b.Link); err == nil {
			if _, path, ok := strings.Cut(u.EscapedPath(), "/records/"); ok { // a page of a workspace
				if path, err = url.PathUnescape(path); err == nil {
					k.referred[path] = true
				}
			}
		}
		return nil
	})
}

func (k *keeper) findings(ctx context.Context, q store.Q) error {
	type finding struct {
		Items []struct {
			Kind string     `json:"kind"`
			Key  string     `json:"key"`
			From time.Time  `json:"from"`
			To   *time.Time `json:"to"`
		} `json:"items"`
	}
	return each(ctx, k, q, "finding", func(_ record.Version, b finding) error {
		for _, i := range b.Items {
			s := span{store.At(i.From), store.Forever}
			if i.To != nil {
				s.to = store.At(*i.To) + 1
			}
			k.found[i.Kind+"/"+i.Key] = append(k.found[i.Kind+"/"+i.Key], s)
		}
		return nil
	})
}

func (k *keeper) exceptions(ctx context.Context, q store.Q) error {
	type exception struct {
		Resources []string `json:"resources"`
	}
	return each(ctx, k, q, "exception", func(_ record.Version, b exception) error {
		for _, r := range b.Resources {
			k.excepted[r] = true
		}
		return nil
	})
}

// periods finds the windows that keep what held in them: also those that a period had before somebody changed it.
func (k *keeper) periods(ctx context.Context, q store.Q) error {
	if _, err := k.book.Kinds.Named("period"); err != nil {
		return nil
	}
	zone := time.UTC
	if err := each(ctx, k, q, "organisation", func(v record.Version, _ struct{}) error { zone = organisation.Zone(v.Body); return nil }); err != nil {
		return err
	}
	old, err := k.age.before(ctx, q, AfterClose)
	if err != nil {
		return err
	}
	keys, err := store.All[string](ctx, q, "SELECT DISTINCT r.key FROM record r JOIN kind k ON k.id = r.kind WHERE k.name = 'period' ORDER BY r.key")
	if err != nil {
		return err
	}
	for _, key := range keys {
		all, err := k.book.History(ctx, "period", key)
		if err != nil {
			return err
		}
		last := all[len(all)-1]
		closed := last.To
		if p, err := period.Read(last); err != nil {
			return err
		} else if last.Open() && p.State == "closed" {
			closed = last.From
		}
		if closed <= old {
			continue
		}
		for _, v := range all {
			p, err := period.Read(v)
			if err != nil {
				return err
			}
			if from, to := p.Days(zone); p.To != "" {
				k.windows = append(k.windows, span{store.At(from), store.At(to)})
			}
		}
	}
	return nil
}

func (k *keeper) reports(ctx context.Context, q store.Q) error {
	type report struct {
		AsOf time.Time `json:"as_of"`
	}
	return each(ctx, k, q, "report", func(_ record.Version, b report) error {
		k.delivered = append(k.delivered, store.At(b.AsOf))
		return nil
	})
}

// packages finds the moments that packages speak of: when the last entry of what they hold was recorded.
func (k *keeper) packages(ctx context.Context, q store.Q) error {
	made, err := store.All[[]byte](ctx, q, "SELECT detail FROM action WHERE verb = 'package.made'")
	if err != nil {
		return err
	}
	for _, detail := range made {
		var d struct {
			Entries int64 `json:"entries"`
		}
		if err := json.Unmarshal(detail, &d); err != nil || d.Entries < 1 {
			continue
		}
		list, err := k.book.Log.Entries(ctx, q, d.Entries-1, d.Entries)
		if err != nil {
			return err
		}
		if len(list) == 1 {
			leaf, err := merkle.ParseLeaf(list[0])
			if err != nil {
				return err
			}
			k.delivered = append(k.delivered, store.Moment(leaf.At))
		}
	}
	return nil
}

// lookups finds what was looked up by answers that failed, or that stand. Answers are never taken back, so that only those are read
// that came since.
func (k *keeper) lookups(ctx context.Context, q store.Q) error {
	type row struct {
		ID    int64        `db:"id"`
		From  store.Moment `db:"valid_from"`
		Known store.Moment `db:"known"`
		Basis string       `db:"basis"`
	}
	type basis struct {
		Joins []struct {
			Name string `json:"name"`
		} `json:"joins"`
		Versions []int64 `json:"versions"`
		More     int     `json:"more"`
	}
	more := map[string]map[store.Moment]bool{}
	last, err := store.One[int64](ctx, q, "SELECT coalesce(max(id), 0) FROM result")
	if err != nil {
		return err
	}
	err = store.Each(ctx, q, func(r row) error {
		var b basis
		if err := json.Unmarshal([]byte(r.Basis), &b); err != nil {
			return fmt.Errorf("read what answer %d rests on: %w", r.ID, err)
		}
		for _, id := range b.Versions {
			k.looked[id] = true
		}
		if b.More == 0 {
			return nil
		}
		for _, j := range b.Joins {
			for _, kind := range k.kinds(j.Name) {
				if more[kind] == nil {
					more[kind] = map[store.Moment]bool{}
				}
				more[kind][r.From], more[kind][r.Known] = true, true
			}
		}
		return nil
	}, "SELECT id, valid_from, known, basis FROM result WHERE id > $1 AND basis <> '' AND (status = 2 OR status > 0 AND valid_to = $2 AND superseded = $2)", k.results, store.Forever)
	if err != nil {
		return err
	}
	k.results = last
	for kind, list := range more {
		for at := range list {
			k.many[kind] = append(k.many[kind], at)
		}
		slices.Sort(k.many[kind])
	}
	return nil
}

// kinds are those that a name in a lookup stands for: itself, or all that answer as a view.
func (k *keeper) kinds(name string) []string {
	out := []string{name}
	for _, kind := range k.book.Kinds.All() {
		for _, view := range kind.Views {
			if view.Name == name {
				out = append(out, kind.Name)
			}
		}
	}
	return out
}

// reasons say of versions of a kind why they are kept; empty for those that nothing keeps.
func (k *keeper) reasons(ctx context.Context, q store.Q, kind string, list []record.Ended) ([]Reason, error) {
	answered, err := k.answered(ctx, q, list)
	if err != nil {
		return nil, err
	}
	out := make([]Reason, len(list))
	for i, v := range list {
		id := kind + "/" + v.Key
		meets := func(s span) bool { return s.meets(v) }
		switch {
		case k.held[id]:
			out[i] = Held
		case slices.ContainsFunc(k.windows, meets):
			out[i] = Examined
		case answered[v.ID] || k.looked[v.ID] || k.many[kind].in(v):
			out[i] = Answered
		case slices.ContainsFunc(k.found[id], meets):
			out[i] = Found
		case k.excepted[v.Key] || k.excepted[id] || k.excepted[v.Label] || v.Scope != "" && k.excepted[v.Scope]:
			out[i] = Excepted
		case k.referred[id]:
			out[i] = Referred
		case k.delivered.in(v):
			out[i] = Delivered
		}
	}
	return out, nil
}

// answered are the versions that failed, at any time and by any check, with all that held while the failure did, and those that an
// answer names which stands.
func (k *keeper) answered(ctx context.Context, q store.Q, list []record.Ended) (map[int64]bool, error) {
	type row struct {
		Record  int64        `db:"record"`
		Version int64        `db:"version"`
		Status  int64        `db:"status"`
		From    store.Moment `db:"valid_from"`
		To      store.Moment `db:"valid_to"`
	}
	mine := map[int64][]record.Ended{}
	for _, v := range list {
		mine[v.Record] = append(mine[v.Record], v)
	}
	out := map[int64]bool{}
	for rest := list; len(rest) > 0; {
		n := min(len(rest), 200)
		args := []any{store.Forever}
		for _, v := range rest[:n] {
			args = append(args, v.Record)
		}
		err := store.Each(ctx, q, func(r row) error {
			out[r.Version] = true
			for _, v := range mine[r.Record] {
				if r.Status == 2 && (span{r.From, r.To}).meets(v) {
					out[v.ID] = true
				}
			}
			return nil
		}, "SELECT record, version, status, valid_from, valid_to FROM result WHERE (status = 2 OR status > 0 AND valid_to = $1 AND superseded = $1) AND record IN ("+store.Marks(2, n)+")", args...)
		if err != nil {
			return nil, fmt.Errorf("find the answers about them: %w", err)
		}
		rest = rest[n:]
	}
	return out, nil
}
