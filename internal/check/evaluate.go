package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Options say what to evaluate.
type Options struct {
	Checks []string // ids; none: all
	Full   bool     // judge every record anew, as the nightly run does; the answers must come out the same
	Light  bool     // leave what is kept outside the history to the evaluation that follows its reading
}

// Evaluation is what an evaluation did.
type Evaluation struct {
	Checks, Judged, Flips int
	Corrected             int // answers about a time that had been answered otherwise before
	Took                  time.Duration
	Behind                time.Duration // how far the clock is behind what was recorded: judged by the newest recorded time
}

// unit is one check under evaluation.
type unit struct {
	*Check
	series Series
	fresh  bool         // its series has just begun
	empty  bool         // and no answer was written in it yet, not even by an evaluation that was stopped
	whole  bool         // every record is judged: the clock, other records or volatile values may have changed the answer
	all    bool         // and that for all kinds, so that flip is known anew
	flip   store.Moment // the earliest moment found at which an answer changes by itself; zero: none
	came   store.Moment // the earliest at which an answer of this evaluation has changed by itself already; zero: none
	vol    bool         // it reads volatile values
	prior  store.Moment // up to when an earlier series of the check judged; zero: there is none
	flips  []*answer
	ended  []*answer       // stored rows to close or supersede
	delta  map[int64]int64 // by status: how many more answers there are
	moved  map[int64]int64 // by record that was answered otherwise in this evaluation: one more that fails, one fewer, or as many
	expect map[int64]int64 // by record: the result that stands in the database, 0 for none
	unread map[lane]unread // by where a subject comes from: when that was not read
	others map[lane]unread // and the same of what is looked up, a whole kind or view without a connection
}

// round is one evaluation.
type round struct {
	m       *Monitor
	light   bool // Options.Light
	full    bool // Options.Full
	whole   bool // what is looked up is read whole, and not through its index
	units   []*unit
	last    store.Moment // recorded time of the snapshot: what is written later is judged later
	upto    int64        // the last version in the snapshot
	now     time.Time
	current map[subjectID]*answer // in the present batch
	past    map[store.Moment]*lookups
	over    *lookups                 // of a back-test: over its window
	bounds  map[bound][]store.Moment // moments of change
	merged  map[string]moments       // by check: those of all kinds that it looks up
	doc     expr.Doc
	parsed  int64 // the version in doc
	report  *Evaluation
	q       store.Q
	cover   *cover
	touched map[string]bool    // checks with flips
	brief   map[string][]int64 // by check: records that were found to have failed for a time that is over
	known   *memory            // what is known of the findings
	lists   []relisting        // findings to be written at the end
}

const (
	judging   = "judging" // the lock of who evaluates
	flipBatch = 1000
	slip      = 60 * minute // what failed for less, and was over before anybody looked, is in the answers and opens no finding
)

// Evaluate judges what changed since the last time, and for checks that read the clock or other records everything, and
// writes the answers that changed. Findings follow.
func (m *Monitor) Evaluate(ctx context.Context, o Options) (Evaluation, error) {
	m.one.Lock()
	defer m.one.Unlock()
	ctx = store.Background(ctx)
	begun := time.Now()
	var report Evaluation
	if err := m.Set.refresh(); err != nil {
		return report, err
	}
	setups, err := m.setups(ctx)
	if err != nil {
		return report, err
	}
	release, err := m.Book.DB.Lock(ctx, judging)
	alone := err == nil
	if alone {
		defer release()
	} else if !errors.Is(err, store.ErrLocked) {
		return report, fmt.Errorf("see whether anybody else evaluates: %w", err)
	}
	if err := m.finish(ctx, setups, o, alone, &report); err != nil {
		return report, fmt.Errorf("judge what ends to its end: %w", err)
	}
	series, err := m.align(ctx, setups, o.Checks, alone)
	if err != nil {
		return report, err
	}
	var units []*unit
	for _, s := range setups {
		sr, ok := series[s.ID]
		if !ok {
			continue
		}
		u, err := m.unit(ctx, s.Check, sr, o)
		if err != nil {
			return report, err
		}
		units = append(units, u)
	}
	report.Checks = len(units)
	err = m.evaluate(ctx, o, units, &report)
	report.Behind = m.Book.Log.Behind()
	report.Took = time.Since(begun)
	return report, err
}

func (m *Monitor) unit(ctx context.Context, c *Check, s Series, o Options) (*unit, error) {
	u := &unit{Check: c, series: s, fresh: s.Evaluated == 0, delta: map[int64]int64{}, moved: map[int64]int64{}, expect: map[int64]int64{}}
	if u.fresh {
		n, err := store.All[int64](ctx, m.Book.DB, "SELECT id FROM result WHERE series = $1 LIMIT 1", s.ID)
		if err != nil {
			return nil, err
		}
		u.empty = len(n) == 0
	}
	var err error
	if u.prior, err = m.prior(ctx, m.Book.DB, s); err != nil {
		return nil, err
	}
	u.vol = m.volatile(c)
	u.whole = o.Full || u.fresh || u.vol && !o.Light
	u.all = u.whole
	return u, nil
}

// finish judges the series that are about to end: what happened under their logic and settings is answered by these.
func (m *Monitor) finish(ctx context.Context, setups []Setup, o Options, alone bool, report *Evaluation) error {
	t, err := m.plan(ctx, m.Book.DB, setups, o.Checks, alone)
	if err != nil {
		return err
	}
	var units []*unit
	for _, id := range slices.Sorted(maps.Keys(t.ended)) {
		s := t.ended[id]
		c := m.inForce(s)
		if s.Evaluated == 0 || c == nil || c.Broken != "" {
			continue
		}
		if i := slices.IndexFunc(setups, func(x Setup) bool { return x.ID == id }); i >= 0 { // what is said of it in findings is no logic
			x := setups[i]
			c.Title, c.Severity, c.Why, c.Controls = x.Title, x.Severity, x.Why, x.Controls
		}
		u, err := m.unit(ctx, c, s, o)
		if err != nil {
			return err
		}
		units = append(units, u)
	}
	if len(units) == 0 {
		return nil
	}
	return m.evaluate(ctx, o, units, report)
}

// evaluate judges for some series.
func (m *Monitor) evaluate(ctx context.Context, o Options, units []*unit, report *Evaluation) error {
	r := &round{m: m, light: o.Light, full: o.Full, units: units, now: m.Book.Log.Now(), report: report, past: map[store.Moment]*lookups{}, bounds: map[bound][]store.Moment{}, merged: map[string]moments{}, touched: map[string]bool{}, brief: map[string][]int64{}}
	known := m.known
	m.known = nil // until this evaluation comes to its end
	err := m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		head, err := m.Book.Log.Head(ctx, tx)
		if err != nil {
			return err
		}
		if r.upto, err = store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) FROM version"); err != nil {
			return err
		}
		r.last, r.q = head.At, tx
		if r.known, err = m.remember(ctx, tx, known); err != nil {
			return fmt.Errorf("see what is known of the findings: %w", err)
		}
		if r.cover, err = m.cover(ctx, tx); err != nil {
			return err
		}
		for _, u := range r.units {
			if !u.whole {
				if u.whole, err = r.stirred(ctx, u); err != nil {
					return err
				}
				u.all = u.whole
			}
		}
		if at := store.At(r.now); at < r.last {
			r.now = r.last.Time() // the recorded time runs ahead of the clock
		}
		return r.run(ctx)
	})
	if err == nil {
		err = r.cover.failed
	}
	if err == nil {
		err = r.close(ctx)
	}
	if err == nil {
		err = m.findings(ctx, r)
	}
	if err == nil {
		m.known = r.known
	}
	return err
}

// volatile reports whether a check reads a field kept outside the history, whose change makes no version.
func (m *Monitor) volatile(c *Check) bool {
	for _, k := range m.Words.Kinds(c.For) {
		for _, f := range k.Fields {
			if f.Volatile && (m.Words.IsView(c.For) || slices.Contains(c.Fields, f.Name)) {
				return true
			}
		}
	}
	return false
}

// stirred reports whether answers may have changed without a new version of their record: a moment has come, a source is
// read again, or a record that is looked up changed.
func (r *round) stirred(ctx context.Context, u *unit) (bool, error) {
	if u.Clock && store.At(r.now) >= u.series.Flip || r.returned(u) {
		return true, nil
	}
	for _, name := range u.Joins {
		for _, k := range r.m.Words.Kinds(name) {
			if !r.light && slices.ContainsFunc(k.Fields, func(f record.Field) bool { return f.Volatile }) {
				return true, nil
			}
			for _, q := range []struct {
				sql  string
				args []any
			}{
				{"SELECT v.id FROM version v WHERE v.id > $2 AND v.kind = (SELECT id FROM kind WHERE name = $1) LIMIT 1", []any{k.Name, u.series.Upto}},
				{"SELECT v.id FROM version v WHERE v.kind = (SELECT id FROM kind WHERE name = $1) AND v.valid_to > $2 AND v.valid_to <= $3 LIMIT 1", []any{k.Name, u.series.Evaluated, r.last}},
			} {
				n, err := store.All[int64](ctx, r.q, q.sql, q.args...)
				if err != nil {
					return false, fmt.Errorf("see whether any %s changed: %w", k.Name, err)
				}
				if len(n) > 0 {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// turns notes when an answer changes by itself. It reports whether that moment has come already.
func (u *unit) turns(at, now time.Time) bool {
	if at.IsZero() {
		return false
	}
	if !at.After(now) {
		if u.came == 0 || store.At(at) < u.came {
			u.came = store.At(at)
		}
		return true
	}
	if u.flip == 0 || store.At(at) < u.flip {
		u.flip = store.At(at)
	}
	return false
}

// about are the units that judge records of a kind.
func (r *round) about(kind string, want func(*unit) bool) []*unit {
	var out []*unit
	for _, u := range r.units {
		if want(u) && slices.ContainsFunc(r.m.Words.Kinds(u.For), func(k *record.Kind) bool { return k.Name == kind }) {
			out = append(out, u)
		}
	}
	return out
}

func (r *round) run(ctx context.Context) error {
	for _, k := range r.m.Book.Kinds.All() {
		if len(r.about(k.Name, func(*unit) bool { return true })) == 0 {
			continue
		}
		if err := r.gone(ctx, k); err != nil {
			return fmt.Errorf("end the answers about %s: %w", k.Name, err)
		}
		if err := r.newVersions(ctx, k); err != nil {
			return fmt.Errorf("judge new versions of %s: %w", k.Name, err)
		}
		if err := r.everything(ctx, k); err != nil {
			return fmt.Errorf("judge every %s: %w", k.Name, err)
		}
	}
	return nil
}

// newVersions judges each version written since the last evaluation at the moment it came to hold.
func (r *round) newVersions(ctx context.Context, k *record.Kind) error {
	units := r.about(k.Name, func(u *unit) bool { return !u.fresh && !u.vol })
	if len(units) == 0 {
		return nil
	}
	after := slices.MinFunc(units, func(a, b *unit) int { return cmp.Compare(a.series.Upto, b.series.Upto) }).series.Upto
	for after < r.upto {
		var batch []record.Version
		err := r.m.Book.EachVersion(ctx, r.q, k.Name, after, flipBatch, func(v record.Version) error {
			if after = v.ID; v.ID <= r.upto {
				batch = append(batch, v)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := r.load(ctx, units, batch); err != nil {
			return err
		}
		before, err := r.earlier(ctx, units, batch)
		if err != nil {
			return err
		}
		for _, v := range batch {
			for _, u := range units {
				if v.ID <= u.series.Upto || v.Erased {
					continue
				}
				if before[v.Record] {
					if err := r.meanwhile(ctx, u, v.Record, v.From); err != nil {
						return err
					}
				}
				if err := r.begin(ctx, u, v, v.From); err != nil {
					return err
				}
				if v.Closed != nil {
					if err := r.meanwhile(ctx, u, v.Record, v.To); err != nil {
						return err
					}
					if err := r.end(ctx, u, v); err != nil {
						return err
					}
				}
			}
			before[v.Record] = true
		}
		if err := r.flush(ctx); err != nil {
			return err
		}
		if len(batch) < flipBatch {
			return nil
		}
	}
	return nil
}

// since is the moment in the world from which an answer about a version holds: for an event, when it happened, save what an
// earlier series of the check answered about it. One that says it will happen is judged from when it was read.
func (u *unit) since(v record.Version) store.Moment {
	if v.Occurred != nil && v.From > u.prior {
		return min(store.At(v.Occurred.At), v.From)
	}
	return max(v.From, u.series.Started)
}

// gone ends the answers about records that ended, or were erased, since the last evaluation.
func (r *round) gone(ctx context.Context, k *record.Kind) error {
	units := r.about(k.Name, func(u *unit) bool { return !u.fresh })
	if len(units) == 0 {
		return nil
	}
	since := slices.MinFunc(units, func(a, b *unit) int { return cmp.Compare(a.series.Evaluated, b.series.Evaluated) }).series.Evaluated
	type end struct {
		ID     int64        `db:"id"`
		Record int64        `db:"record"`
		To     store.Moment `db:"valid_to"`
		Entry  int64        `db:"entry"`
	}
	ends, err := store.All[end](ctx, r.q, `SELECT v.id, v.record, v.valid_to, v.entry FROM version v JOIN kind k ON k.id = v.kind
		WHERE k.name = $1 AND v.valid_to > $2 AND v.valid_to <= $3 AND (v.closed IS NOT NULL OR v.salt IS NULL) ORDER BY v.valid_to, v.id`, k.Name, since, r.last)
	if err != nil {
		return err
	}
	for len(ends) > 0 {
		n := min(len(ends), flipBatch)
		batch := make([]record.Version, n)
		for i, e := range ends[:n] {
			batch[i] = record.Version{ID: e.ID, Record: e.Record, To: e.To, Entry: e.Entry}
		}
		if err := r.load(ctx, units, batch); err != nil {
			return err
		}
		for _, v := range batch {
			for _, u := range units {
				// Later versions end where they are judged.
				if v.To > u.series.Evaluated && (u.vol || v.ID <= u.series.Upto) {
					if err := r.meanwhile(ctx, u, v.Record, v.To); err != nil {
						return err
					}
					if err := r.end(ctx, u, v); err != nil {
						return err
					}
				}
			}
		}
		if err := r.flush(ctx); err != nil {
			return err
		}
		ends = ends[n:]
	}
	return nil
}

// end says that a record is gone since its version ended.
func (r *round) end(ctx context.Context, u *unit, v record.Version) error {
	if err := r.reopen(ctx, u, v.Record, v.To); err != nil {
		return err
	}
	if o := r.current[subjectID{u.series.ID, v.Record}]; o != nil && o.Status != 0 {
		r.put(u, o, &answer{Status: 0, From: v.To, Version: v.ID, Entry: v.Entry, Basis: basis{Ended: "gone"}.text()}, v.Record)
	}
	return nil
}

// everything judges all records that hold, for the checks that need it.
func (r *round) everything(ctx context.Context, k *record.Kind) error {
	units := r.about(k.Name, func(u *unit) bool { return u.whole })
	if len(units) == 0 {
		return nil
	}
	var batch []record.Version
	work := func() error {
		if err := r.load(ctx, units, batch); err != nil {
			return err
		}
		for _, v := range batch {
			if v.Erased {
				continue
			}
			for _, u := range units {
				if err := r.settle(ctx, u, v); err != nil {
					return err
				}
			}
		}
		batch = batch[:0]
		return r.flush(ctx)
	}
	err := r.m.Book.EachOpen(ctx, r.q, k.Name, func(v record.Version) error {
		if batch = append(batch, v); len(batch) < flipBatch {
			return nil
		}
		return work()
	})
	if err != nil {
		return err
	}
	return work()
}

// judge judges a version as of a moment; zero is now. While its source was not read, it is judged as it was last known.
func (r *round) judge(ctx context.Context, u *unit, v record.Version, at store.Moment) (judged, error) {
	return r.judgeAt(ctx, u, v, at, at)
}

// judgeAt is judge by the clock of one moment and the records of another, which is not before it.
func (r *round) judgeAt(ctx context.Context, u *unit, v record.Version, clock, at store.Moment) (judged, error) {
	r.report.Judged++
	if v.Dropped != nil {
		return judged{Result: Result{Status: Unknown, Reason: v.Dropped.String()}, lost: v.Dropped}, nil
	}
	j := judged{}
	moment := at
	if at == 0 {
		moment = store.At(r.now)
	}
	if clock == 0 {
		clock = moment
	}
	known, until := r.knownAt(u, v, moment)
	if j.until = until; known < moment {
		at, clock = known, min(clock, known)
	}
	var source *lookups
	if len(u.Joins) > 0 {
		if source = r.past[at]; r.over != nil {
			source = r.over
			source.at = at
		} else if source == nil {
			if len(r.past) > 24 {
				present := r.past[0]
				clear(r.past)
				if present != nil {
					r.past[0] = present
				}
			}
			source = r.m.lookups(ctx, r.q, at)
			source.whole = r.whole
			r.past[at] = source
		}
	}
	if r.parsed != v.ID {
		r.parsed = 0
		if err := r.doc.Parse(v.Full()); err != nil {
			return judged{}, fmt.Errorf("%s %s: %w", v.Kind, v.Key, err)
		}
		r.parsed = v.ID
	}
	now := clock.Time()
	subject := Subject{Kind: v.Kind, Key: v.Key, Label: v.Label, Source: v.Source, Doc: &r.doc}
	if source == nil {
		j.Result = u.Judge(subject, now, nil)
	} else {
		source.begin(v)
		j.Result = u.Judge(subject, now, source)
		j.versions = source.versions()
		if j.Status == Unknown {
			j.lost = source.lost
		}
		lost, next := r.vouched(source, cmp.Or(at, moment))
		if next != 0 && (j.until == 0 || next < j.until) {
			j.until = next
		}
		if len(lost) > 0 && (j.Status == Pass || j.Status == NotApplicable) {
			before := j
			source.begin(v, lost...)
			if j.Result = u.Judge(subject, now, source); j.Status != before.Status {
				j = before
				j.Status, j.Reason, j.waits, j.lost = Unknown, r.without(lost[0], before.Status), true, source.lost
			} else {
				j.versions = source.versions()
			}
			if flip := before.Flip; !flip.IsZero() && (j.Flip.IsZero() || flip.Before(j.Flip)) {
				j.Flip = flip
			}
			j.Clock = j.Clock || before.Clock
		}
		if source.failed != nil {
			return judged{}, fmt.Errorf("judge %s %s: %w", v.Kind, v.Key, source.failed)
		}
		r.doubt(u, source, moment, &j)
	}
	return j, nil
}

type judged struct {
	Result
	versions []int64
	until    store.Moment    // when a source is read again that the answer waits for; zero: it waits for none
	doubt    string          // why the answer is not known: it rests on something that was not read then
	waits    bool            // it is unknown for that reason
	lost     *record.Dropped // it is unknown because a rule of retention dropped what it rests on
}

func (j judged) basis() basis {
	b := basis{Joins: joinsOf(j.Result), Versions: j.versions, Waits: j.waits}
	if len(b.Versions) > maxBasis {
		b.More, b.Versions = len(b.Versions)-maxBasis, b.Versions[:maxBasis]
	}
	return b
}

// flush writes what the batch changed.
func (r *round) flush(ctx context.Context) error {
	dirty := false
	for _, u := range r.units {
		dirty = dirty || len(u.flips)+len(u.ended) > 0
	}
	if !dirty {
		return nil
	}
	return r.m.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		next, err := store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) FROM result")
		if err != nil {
			return err
		}
		if next != r.known.results { // somebody else wrote answers
			clear(r.known.checks)
		}
		defer func() { r.known.results = next }()
		for _, u := range r.units {
			if len(u.flips)+len(u.ended) == 0 {
				continue
			}
			if err := u.overtaken(ctx, tx); err != nil {
				return err
			}
			if next, err = u.write(ctx, tx, r.m, next); err != nil {
				return fmt.Errorf("write the answers of %s: %w", u.ID, err)
			}
			r.report.Flips += len(u.flips)
			for _, a := range u.flips {
				if a.Status == codes[Fail] && a.To != store.Forever && a.To-a.From >= slip {
					r.brief[u.ID] = append(r.brief[u.ID], a.Record)
				}
			}
			r.touched[u.ID] = true
			u.flips, u.ended, u.delta, u.expect = nil, nil, map[int64]int64{}, map[int64]int64{}
		}
		return nil
	})
}

// overtaken refuses to write when another process evaluated meanwhile: its answers would stand beside ours.
func (u *unit) overtaken(ctx context.Context, tx *ledger.Tx) error {
	refused := fault.New(fault.Conflict, "Another process is evaluating the checks.").WithNext("Its answers will be there shortly.")
	s, err := store.One[Series](ctx, tx, "SELECT "+seriesColumns+" FROM series WHERE id = $1", u.series.ID)
	if err != nil {
		return err
	}
	if s.Upto != u.series.Upto || s.Evaluated != u.series.Evaluated || s.Ended != store.Forever {
		return refused
	}
	records := make([]any, 0, len(u.expect))
	for record := range u.expect {
		records = append(records, record)
	}
	standing := map[int64]int64{}
	for len(records) > 0 {
		n := min(len(records), 200)
		type row struct {
			Record int64 `db:"record"`
			ID     int64 `db:"id"`
		}
		err := store.Each(ctx, tx, func(r row) error { standing[r.Record] = r.ID; return nil },
			"SELECT record, id FROM result WHERE series = $1 AND valid_to = $2 AND superseded = $2 AND record IN ("+store.Marks(3, n)+")", append([]any{u.series.ID, store.Forever}, records[:n]...)...)
		if err != nil {
			return err
		}
		records = records[n:]
	}
	for record, id := range u.expect {
		if standing[record] != id {
			return refused
		}
	}
	return nil
}

// close says how far each series is judged, and how many records there were to judge.
func (r *round) close(ctx context.Context) error {
	totals, err := r.m.Book.Totals(ctx)
	if err != nil {
		return err
	}
	return r.m.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		had, err := r.m.tallies(ctx, tx, store.Forever)
		if err != nil {
			return err
		}
		var history [][]any
		for _, u := range r.units {
			n := int64(0)
			for _, k := range r.m.Words.Kinds(u.For) {
				n += totals[k.Name]
			}
			if had[[2]int64{u.series.ID, total}] != n {
				history = append(history, []any{u.series.ID, total, tx.Now, n})
			}
			flip := u.next()
			if u.series.Upto == r.upto && u.series.Evaluated == r.last && u.series.Flip == flip {
				continue
			}
			if _, err := tx.Exec(ctx, "UPDATE series SET upto = $1, evaluated = $2, flip = $3 WHERE id = $4 AND upto = $5 AND evaluated = $6",
				r.upto, r.last, flip, u.series.ID, u.series.Upto, u.series.Evaluated); err != nil {
				return fmt.Errorf("note how far %s is judged: %w", u.ID, err)
			}
		}
		return store.Insert(ctx, tx, "result_history", []string{"series", "status", "at", "n"}, history)
	})
}

// next is the earliest moment at which an answer of the unit changes by itself.
func (u *unit) next() store.Moment {
	flip := store.Forever
	if !u.all {
		flip = u.series.Flip
	}
	if u.flip != 0 {
		flip = min(flip, u.flip)
	}
	return flip
}
