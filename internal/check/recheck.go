package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Recheck judges from the versions alone and compares with the answers that are kept: every record, as it held at the moment, by
// the logic and settings that were in force then, with what it looks up read whole. It knows nothing of what was judged when,
// so that a mistake of Evaluate shows. It writes nothing. Verify is another thing: that the answers are the ones which the
// ledger committed to.

// RecheckOptions say what to judge again.
type RecheckOptions struct {
	Checks   []string     // ids; none: all
	AsOf     store.Moment // zero: up to where each check is judged
	Progress func(check string, done int)
}

// Recheck is what judging again found.
type Recheck struct {
	At          store.Moment  `json:"at"`
	Checks      int           `json:"checks"`
	Judged      int           `json:"judged"` // records, each by each check
	Unread      int           `json:"unread"` // whose source was not read then: unknown, whatever is kept
	Differences []Discrepancy `json:"differences"`
	Differ      int           `json:"differ"` // how many differ; Differences has the first of them
	Left        []Left        `json:"left"`   // what cannot be judged again
	Altered     int           `json:"-"`      // of a night: answers that the ledger does not back

	rests []int64 // the versions that all differences rest on, by number
}

// Discrepancy is a record about which the kept answer is not the one that its versions give.
type Discrepancy struct {
	Check    string       `json:"check"`
	Kind     string       `json:"kind"`
	Key      string       `json:"key"`
	Source   string       `json:"source"`
	At       store.Moment `json:"at"`
	Stored   Status       `json:"stored"`
	Since    store.Moment `json:"since"` // of the kept answer; zero when there is none
	Said     string       `json:"said"`  // its sentence
	Judged   Status       `json:"judged"`
	Reason   string       `json:"reason"`
	Versions []int64      `json:"versions"` // ledger entries: of the version judged, and of those it looked up
}

// Left is what a check's answers rest on and is not kept.
type Left struct {
	Check   string `json:"check"`
	Records int    `json:"records"`
	Why     string `json:"why"`
}

const mostDifferences = 1000

// Recheck judges again.
func (m *Monitor) Recheck(ctx context.Context, o RecheckOptions) (Recheck, error) {
	ctx = store.Background(ctx)
	if now := store.At(m.Book.Log.Now()); o.AsOf > now {
		return Recheck{}, fault.New(fault.Invalid, "The moment %s has not come yet.", o.AsOf).WithNext("Ask for a time in the past, or leave it out for now.")
	}
	again := &again{m: m, o: o, left: map[[2]string]int{}}
	release, err := m.still(ctx)
	if err != nil {
		return Recheck{}, err
	}
	defer func() { release() }()
	err = m.Book.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err := m.Book.Log.Head(ctx, tx); err != nil { // from here on nothing that is written is seen
			return err
		}
		release()
		release = func() {}
		again.q = tx
		if again.cover, err = m.cover(ctx, tx); err != nil {
			return err
		}
		if err := again.run(ctx); err != nil {
			return err
		}
		return again.cover.failed
	})
	for key, n := range again.left {
		again.out.Left = append(again.out.Left, Left{key[0], n, key[1]})
	}
	slices.SortFunc(again.out.Left, func(a, b Left) int { return strings.Compare(a.Check+a.Why, b.Check+b.Why) })
	return again.out, err
}

// still waits until nobody evaluates, here or in another process, and keeps it so until release.
func (m *Monitor) still(ctx context.Context) (release func(), err error) {
	m.one.Lock()
	for {
		free, err := m.Book.DB.Lock(ctx, judging)
		if err == nil {
			return func() { free(); m.one.Unlock() }, nil
		}
		if errors.Is(err, store.ErrLocked) {
			select {
			case <-time.After(200 * time.Millisecond):
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		m.one.Unlock()
		return nil, fmt.Errorf("wait for the evaluation under way: %w", err)
	}
}

// again is one judging again.
type again struct {
	m     *Monitor
	o     RecheckOptions
	q     store.Q
	cover *cover
	out   Recheck
	left  map[[2]string]int
}

// spot is a check at the moment it is judged at.
type spot struct {
	*unit
	at    store.Moment
	end   store.Moment // the last moment that its series was judged at
	found int          // kept answers that a version was found for
}

func (a *again) run(ctx context.Context) error {
	where, args := "ended = $1", []any{store.Forever}
	if a.o.AsOf != 0 {
		where, args = "started <= $1 AND ended > $1", []any{a.o.AsOf}
	}
	all, err := store.All[Series](ctx, a.q, "SELECT "+seriesColumns+" FROM series WHERE "+where+" ORDER BY check_id, started, id", args...)
	if err != nil {
		return fmt.Errorf("read the series in force: %w", err)
	}
	groups := map[[2]store.Moment][]*spot{}
	for _, s := range all {
		if len(a.o.Checks) > 0 && !slices.Contains(a.o.Checks, s.Check) {
			continue
		}
		if s.Evaluated == 0 {
			a.leave(s.Check, 1, "It was not yet judged to its end.")
			continue
		}
		x := &spot{unit: &unit{Check: a.m.inForce(s), series: s}, end: min(s.Evaluated, s.Ended-1)}
		if x.Check == nil {
			a.leave(s.Check, 1, "Its logic of then cannot be read by this release.")
			continue
		}
		if x.at = x.end; a.o.AsOf != 0 {
			x.at = min(x.at, a.o.AsOf)
		}
		if x.at < s.Started {
			continue // nothing was judged by then
		}
		why, err := a.forgotten(ctx, x)
		if err != nil {
			return err
		}
		if why != "" {
			a.leave(s.Check, 1, why)
			continue
		}
		if x.prior, err = a.m.prior(ctx, a.q, s); err != nil {
			return err
		}
		a.out.Checks++
		a.out.At = max(a.out.At, x.at)
		groups[[2]store.Moment{x.at, x.end}] = append(groups[[2]store.Moment{x.at, x.end}], x)
	}
	for _, group := range groups {
		if err := a.group(ctx, group[0].at, group[0].end, group); err != nil {
			return err
		}
	}
	slices.SortStableFunc(a.out.Differences, func(a, b Discrepancy) int {
		return strings.Compare(a.Check+"\x00"+a.Kind+"\x00"+a.Key, b.Check+"\x00"+b.Kind+"\x00"+b.Key)
	})
	return nil
}

func (a *again) leave(check string, n int, why string) { a.left[[2]string{check, why}] += n }

// forgotten says why answers of a check cannot be judged again at all.
func (a *again) forgotten(ctx context.Context, x *spot) (string, error) {
	const why = "It reads values of which only the last is kept."
	if x.at < x.end && a.m.volatile(x.Check) {
		return why, nil
	}
	for _, name := range x.Joins {
		for _, k := range a.m.Words.Kinds(name) {
			if !slices.ContainsFunc(k.Fields, func(f record.Field) bool { return f.Volatile }) {
				continue
			}
			later, err := store.All[int64](ctx, a.q, "SELECT x.record FROM volatile x JOIN record r ON r.id = x.record JOIN kind k ON k.id = r.kind WHERE k.name = $1 AND x.read_at > $2 LIMIT 1", k.Name, x.at)
			if err != nil || len(later) > 0 || x.at < x.end {
				return why, err
			}
		}
	}
	return "", nil
}

// group judges every record again for checks that are judged at one moment, and whose series were last judged at one.
func (a *again) group(ctx context.Context, at, end store.Moment, group []*spot) error {
	r := &round{m: a.m, q: a.q, now: at.Time(), past: map[store.Moment]*lookups{}, report: &Evaluation{}, cover: a.cover, whole: true}
	for _, k := range a.m.Book.Kinds.All() {
		var mine []*spot
		for _, x := range group {
			if slices.ContainsFunc(a.m.Words.Kinds(x.For), func(y *record.Kind) bool { return y.Name == k.Name }) {
				mine = append(mine, x)
			}
		}
		if len(mine) == 0 {
			continue
		}
		var batch []record.Version
		work := func() error {
			err := a.batch(ctx, r, mine, batch)
			batch = batch[:0]
			return err
		}
		err := a.versions(ctx, k, at, end, func(v record.Version) error {
			if batch = append(batch, v); len(batch) < flipBatch {
				return nil
			}
			return work()
		})
		if err == nil {
			err = work()
		}
		if err != nil {
			return fmt.Errorf("judge every %s again: %w", k.Name, err)
		}
	}
	for _, x := range group {
		if err := a.surplus(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// versions hands over what held at a moment; of events, what was known of them in the end, for the answer about an event begins
// when it happened and not when it was read.
func (a *again) versions(ctx context.Context, k *record.Kind, at, end store.Moment, fn func(record.Version) error) error {
	if k.Occurred == "" {
		return a.m.Book.EachAt(ctx, a.q, k.Name, at, fn)
	}
	if err := a.m.Book.EachAt(ctx, a.q, k.Name, end, fn); err != nil || end == at {
		return err
	}
	ended, err := store.All[int64](ctx, a.q, `SELECT v.record FROM version v JOIN kind k ON k.id = v.kind WHERE k.name = $1 AND v.closed IS NOT NULL AND v.valid_to > $2 AND v.valid_to <= $3
		AND NOT EXISTS (SELECT 1 FROM version n WHERE n.record = v.record AND n.valid_from >= v.valid_to AND n.valid_from <= $3) ORDER BY v.record`, k.Name, at, end)
	if err != nil {
		return err
	}
	for _, id := range slices.Compact(ended) {
		to, err := store.One[store.Moment](ctx, a.q, "SELECT max(valid_to) FROM version WHERE record = $1 AND valid_to <= $2", id, end)
		if err != nil {
			return err
		}
		if v, err := a.m.Book.ByRecord(ctx, a.q, id, to-1); err != nil {
			return err
		} else if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}

type keptID struct {
	record int64
	series int64
}

// kept are the answers that stand about the records of a batch at the moment of each check.
func (a *again) kept(ctx context.Context, mine []*spot, batch []record.Version) (map[keptID]answer, error) {
	out := map[keptID]answer{}
	series := make([]int64, len(mine))
	for i, x := range mine {
		series[i] = x.series.ID
	}
	for some := range slices.Chunk(batch, 200) {
		about, args := answersAbout(series, some, store.Forever, mine[0].at)
		err := store.Each(ctx, a.q, func(r answer) error { out[keptID{r.Record, r.Series}] = r; return nil },
			"SELECT "+answerColumns+" FROM result a JOIN version v ON v.id = a.version WHERE a.superseded = $1 AND a.valid_from <= $2 AND a.valid_to > $2 AND a.status > 0 AND "+about, args...)
		if err != nil {
			return nil, fmt.Errorf("read the answers that are kept: %w", err)
		}
	}
	return out, nil
}

func (a *again) batch(ctx context.Context, r *round, mine []*spot, batch []record.Version) error {
	if len(batch) == 0 {
		return nil
	}
	kept, err := a.kept(ctx, mine, batch)
	if err != nil {
		return err
	}
	for _, x := range mine {
		for _, v := range batch {
			o, ok := kept[keptID{v.Record, x.series.ID}]
			if ok {
				x.found++
			}
			if err := a.one(ctx, r, x, v, o); err != nil {
				return err
			}
		}
		if a.o.Progress != nil {
			a.o.Progress(x.ID, a.out.Judged)
		}
	}
	return nil
}

// one compares the answer about a record; o is zero where none is kept.
func (a *again) one(ctx context.Context, r *round, x *spot, v record.Version, o answer) error {
	switch {
	case v.Erased:
		a.leave(x.ID, 1, "The record was erased.")
		return nil
	case v.Dropped != nil:
		a.leave(x.ID, 1, v.Dropped.String())
		return nil
	case v.VolRead > x.at && a.m.volatile(x.Check):
		a.leave(x.ID, 1, "Its values were read again since, and only the last are kept.")
		return nil
	case len(a.cover.subject(x.Check, v.Kind, v.Source, v.Scope, x.at, x.at+1)) > 0:
		a.out.Unread++
		return nil
	}
	j := judged{Result: Result{Status: NotApplicable, Reason: "It had not happened then."}}
	if x.since(v) <= x.at {
		var err error
		// Of an event that was read later than it happened, what it looks up is taken from when it was read.
		if j, err = r.judgeAt(ctx, x.unit, v, x.at, max(x.at, v.From, x.series.Started)); err != nil {
			return err
		}
	}
	if j.lost != nil {
		a.leave(x.ID, 1, "Of what it looks up: "+j.lost.String())
		return nil
	}
	a.out.Judged++
	if a.same(x, o, j) {
		return nil
	}
	if o.Reason == tooManyMoments {
		a.leave(x.ID, 1, "So much of what it looks up changed that it was not judged at every moment.")
		return nil
	}
	// Of what is looked up, a minute's changes are one: in it, the answer is that of its beginning or of its end.
	if settling, err := a.settling(ctx, x); err != nil {
		return err
	} else if settling {
		a.leave(x.ID, 1, "What it looks up was being written in that minute.")
		return nil
	}
	return a.differ(ctx, x, v, o, j)
}

// same compares what is shown, which is the answer with what was not read then put over it.
func (a *again) same(x *spot, o answer, j judged) bool {
	shown := func(status int64, joins []basisJoin) int64 {
		for _, n := range joins {
			if (status == codes[Pass] || status == codes[Fail] && n.Needed) && len(a.cover.looked(x.Check, n.Name, x.at, x.at+1)) > 0 {
				return codes[Unknown]
			}
		}
		return status
	}
	b := parseBasis(o.Basis)
	if shown(o.Status, b.Joins) == shown(codes[j.Status], joinsOf(j.Result)) {
		return true
	}
	// While what it looks up is not read, a failure neither begins nor ends: whether it stands is told by when it began.
	return j.doubt != "" && b.Waits
}

// settling reports whether what a check looks up changed in the minute of the moment.
func (a *again) settling(ctx context.Context, x *spot) (bool, error) {
	if x.at >= x.end {
		return false, nil
	}
	begin := x.at - x.at%minute
	for _, name := range x.Joins {
		if len(a.cover.leaves(name, begin-1, begin+minute-1)) > 0 {
			return true, nil
		}
		for _, k := range a.m.Words.Kinds(name) {
			n, err := store.All[int64](ctx, a.q, `SELECT v.id FROM version v JOIN kind k ON k.id = v.kind WHERE k.name = $1 AND (v.valid_from >= $2 AND v.valid_from < $3 OR v.valid_to >= $2 AND v.valid_to < $3) LIMIT 1`, k.Name, begin, begin+minute)
			if err != nil || len(n) > 0 {
				return len(n) > 0, err
			}
		}
	}
	return false, nil
}

func (a *again) differ(ctx context.Context, x *spot, v record.Version, o answer, j judged) error {
	a.out.Differ++
	a.out.rests = append(append(a.out.rests, v.ID), j.versions...)
	if len(a.out.Differences) >= mostDifferences {
		return nil
	}
	d := Discrepancy{Check: x.ID, Kind: v.Kind, Key: v.Key, Source: v.Source, At: x.at, Stored: statusOf[o.Status], Since: o.From, Said: o.Reason, Judged: j.Status, Reason: j.Reason, Versions: []int64{v.Entry}}
	for _, id := range j.versions[:min(len(j.versions), maxBasis)] {
		entry, err := store.One[int64](ctx, a.q, "SELECT entry FROM version WHERE id = $1", id)
		if err != nil {
			return err
		}
		d.Versions = append(d.Versions, entry)
	}
	a.out.Differences = append(a.out.Differences, d)
	return nil
}

// surplus finds answers that are kept about records which were not there.
func (a *again) surplus(ctx context.Context, x *spot) error {
	const stands = "a.series = $1 AND a.superseded = $2 AND a.valid_from <= $3 AND a.valid_to > $3 AND a.status > 0"
	n, err := store.One[int64](ctx, a.q, "SELECT count(*) FROM result a WHERE "+stands, x.series.ID, store.Forever, x.at)
	if err != nil {
		return fmt.Errorf("count the answers of %s: %w", x.ID, err)
	}
	if int(n) <= x.found {
		return nil
	}
	type row struct {
		resultRow
		Held int64 `db:"held"`
	}
	rows, err := store.All[row](ctx, a.q, `SELECT a.id, a.series, a.record, a.status, a.reason, a.valid_from, a.valid_to, a.known, a.superseded, a.version, a.basis, v.entry,
		k.name AS kind, rc.key, rc.source, v.label, v.scope, 0 AS held FROM result a JOIN record rc ON rc.id = a.record JOIN kind k ON k.id = rc.kind JOIN version v ON v.id = a.version
		WHERE `+stands+` AND NOT EXISTS (SELECT 1 FROM version h WHERE h.record = a.record AND h.valid_from <= CASE WHEN v.occurred IS NULL THEN $3 ELSE $4 END AND h.valid_to > $3) ORDER BY a.record LIMIT 1001`, x.series.ID, store.Forever, x.at, x.end)
	if err != nil {
		return fmt.Errorf("find answers of %s without a record: %w", x.ID, err)
	}
	for _, r := range rows {
		if err := a.differ(ctx, x, record.Version{Kind: r.Kind, Key: r.Key, Source: r.Source, Entry: r.Entry}, r.answer, judged{Result: Result{Status: NotApplicable, Reason: "There was no such record then."}}); err != nil {
			return err
		}
	}
	return nil
}

// inForce is the check of a series with its logic and settings, nil when that cannot be read any more.
func (m *Monitor) inForce(s Series) *Check {
	c := *m.checkOf(s)
	if c.Broken != "" {
		return &c
	}
	set, err := decodeExact([]byte(s.Settings))
	values, ok := set.(map[string]any)
	if c.vague || err != nil || !ok {
		return nil
	}
	n, err := c.With(values)
	if err != nil || n.SettingsJSON() != s.Settings {
		return nil
	}
	return n
}

// prior is the moment up to which an earlier series of a check judged, zero when there is none.
func (m *Monitor) prior(ctx context.Context, q store.Q, s Series) (store.Moment, error) {
	return store.One[store.Moment](ctx, q, "SELECT coalesce(max(evaluated), 0) FROM series WHERE check_id = $1 AND id < $2", s.Check, s.ID)
}
