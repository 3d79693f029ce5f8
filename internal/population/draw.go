package population

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Name is the kind that keeps what was drawn.
const Name = "extract"

// Kind declares what the company handed out as a population: each one, also those that were drawn again.
func Kind() record.Kind {
	return record.Kind{
		Name: Name, Title: "Population extract", Plural: "Population extracts", Group: "System", System: true, Label: "name", Occurred: "drawn",
		Help: "A list of a control's occasions that was drawn from the records for an examination, by whom and how, with the hash that nobody changes afterwards.",
		Fields: []record.Field{
			{Name: "name", Type: record.Text, Required: true},
			{Name: "drawn", Type: record.Time, Required: true},
			{Name: "drawn_by", Type: record.Text},
			{Name: "of", Title: "Kind", Type: record.Text, Required: true, Indexed: true},
			{Name: "query", Type: record.Long},
			{Name: "source", Type: record.Text},
			{Name: "from", Title: "First day", Type: record.Date, Required: true},
			{Name: "to", Title: "Last day", Type: record.Date, Required: true},
			{Name: "zone", Title: "Time zone", Type: record.Text},
			{Name: "rows", Type: record.Integer},
			{Name: "root", Title: "Hash of the population", Type: record.Text},
			{Name: "file", Title: "SHA-256 of the file", Type: record.Text, Indexed: true},
			{Name: "origin", Type: record.Text},
			{Name: "complete", Title: "Sources read completely over the window", Type: record.Bool},
			{Name: "gaps", Type: record.Text, List: true},
		},
	}
}

// Query is what to draw.
type Query struct {
	Name, Kind, Where, Source string
	From, To                  string // days, inclusive
	Zone                      *time.Location
	Release, Ledger           string // of the program, and the key of its ledger
}

// Drawn is a population with the hash of its file.
type Drawn struct {
	Header
	Trailer
	File string `json:"file"`
}

// maxGaps is how many gaps are named one by one.
const maxGaps = 50

// Draw writes the population to w and what was drawn to the ledger. A window that is not over is refused: an event population drawn
// before would lack what is still to come.
func Draw(ctx context.Context, book *record.Book, by record.Authority, q Query, w io.Writer) (Drawn, error) {
	kind, err := book.Kinds.Named(q.Kind)
	if err != nil {
		return Drawn{}, err
	}
	for verb, k := range map[string]*record.Kind{"read": kind, "approve": nil} {
		if err := by.May(ctx, verb, k); err != nil {
			return Drawn{}, err
		}
	}
	if kind.Room != record.Company && kind.Room != "" {
		return Drawn{}, fault.New(fault.Denied, "Populations are drawn from the company's records, and %s is none of them.", kind.Name)
	}
	from, to := calendar.Parse(q.From), calendar.Parse(q.To)
	if from.IsZero() || to.IsZero() || to.Before(from) {
		return Drawn{}, fault.New(fault.Invalid, "The window is from %q to %q.", q.From, q.To).WithNext("Give the first and the last day, as 2026-01-01.")
	}
	now := book.Log.Now()
	begins, ends := calendar.Begins(from, q.Zone), calendar.Ends(to, q.Zone)
	if now.Before(ends) {
		return Drawn{}, fault.New(fault.Conflict, "The window is open until the end of %s, so what happens until then would be missing.", q.To).WithNext("Draw it from %s on.", ends.Format(time.RFC3339))
	}
	d := &drawing{ctx: ctx, book: book, kind: kind, q: q, at: store.At(now), from: begins, to: ends, origin: record.Collected, columns: map[string]bool{}, sources: map[string]bool{}, runs: map[int64]bool{}}
	d.Header = Header{Name: cmp.Or(q.Name, kind.Plural), Sort: Configuration, Kind: q.Kind, Query: q.Where, Source: q.Source, From: q.From, To: q.To, Zone: q.Zone.String(), AsOf: now.UTC(),
		Extractor: "tickmark " + q.Release, ExtractedBy: by.Actor().Stamp(), Ledger: q.Ledger}
	if kind.Occurred != "" {
		d.Sort = Events
	}
	sum := sha256.New()
	t, err := write(io.MultiWriter(w, sum), d.Header, d.rows, d.end)
	if err := cmp.Or(d.err, err); err != nil {
		return Drawn{}, err
	}
	out := Drawn{d.Header, t, hex.EncodeToString(sum.Sum(nil))}
	return out, keep(ctx, book, by, out)
}

func keep(ctx context.Context, book *record.Book, by record.Authority, d Drawn) error {
	body, err := json.Marshal(map[string]any{"name": d.Name, "drawn": d.AsOf.Format(time.RFC3339Nano), "drawn_by": d.ExtractedBy, "of": d.Kind, "query": d.Query, "source": d.Source, "from": d.From, "to": d.To,
		"zone": d.Zone, "rows": d.Rows, "root": d.Root.String(), "file": d.File, "origin": d.Origin, "complete": d.Complete, "gaps": d.Gaps})
	if err != nil {
		return err
	}
	_, err = book.Put(ctx, record.Job("job:population"), record.Change{Kind: Name, Body: body, Reason: "drawn by " + by.Actor().Name})
	return err
}

// drawing is a population on its way to a file.
type drawing struct {
	ctx      context.Context
	book     *record.Book
	kind     *record.Kind
	q        Query
	at       store.Moment
	from, to time.Time
	Header
	origin  record.Origin
	columns map[string]bool
	sources map[string]bool
	runs    map[int64]bool
	untold  int
	n       int
	err     error
}

// rows are the records of the window, as of one moment.
func (d *drawing) rows(yield func(Row) bool) {
	q := record.Query{Kind: d.kind.Name, Where: d.q.Where, Source: d.q.Source, Limit: 1000}
	if d.Sort == Events {
		q.AsOf = d.at
	} else {
		q.During = [2]store.Moment{store.At(d.from), store.At(d.to)}
	}
	for {
		page, err := d.book.List(d.ctx, q)
		if err != nil {
			d.err = err
			return
		}
		d.untold += page.Untold
		for _, v := range page.Versions {
			r, in, err := d.row(v)
			if err != nil {
				d.err = err
				return
			}
			if in && !yield(r) {
				return
			}
		}
		if page.Next == "" {
			return
		}
		q.After = page.Next
	}
}

// row is a version as a row, and whether it is in the window.
func (d *drawing) row(v record.Version) (Row, bool, error) {
	r := Row{Key: v.Source + " " + v.Key, Content: string(v.Body), Salt: make([]byte, 16)}
	switch {
	case d.Sort == Configuration:
		// From and until when it stood, which is empty while it stands: without it nobody could tell a setting that went from one that stayed.
		until := ""
		if v.To != store.Forever {
			until = v.To.Time().UTC().Format(time.RFC3339Nano)
		}
		r.Key, r.At = fmt.Sprintf("%s %s/%s", r.Key, v.From.Time().UTC().Format(time.RFC3339Nano), until), v.From.Time()
	case v.Occurred == nil:
		d.untold++
		return r, false, nil
	default:
		if r.At = v.Occurred.At; r.At.Before(d.from) || !r.At.Before(d.to) {
			return r, false, nil
		}
	}
	if v.Dropped != nil || v.Erased {
		d.untold++
	}
	d.origin = record.Weaker(d.origin, cmp.Or(v.Origin, record.Typed))
	d.sources[v.Source] = true
	if v.Run != 0 {
		d.runs[v.Run] = true
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(v.Body, &members); err != nil {
		return r, false, fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
	}
	for name := range members {
		d.columns[name] = true
	}
	d.n++
	_, err := rand.Read(r.Salt)
	return r, true, err
}

// end is what is known once all rows are written.
func (d *drawing) end() (Trailer, error) {
	if d.err != nil {
		return Trailer{}, d.err
	}
	gaps, err := d.gaps()
	if err != nil {
		return Trailer{}, err
	}
	t := Trailer{Columns: slices.Sorted(maps.Keys(d.columns)), Origin: string(d.origin), Complete: len(gaps) == 0, Gaps: gaps, Runs: slices.Sorted(maps.Keys(d.runs))}
	if len(d.sources) == 0 {
		t.Origin = ""
	}
	return t, nil
}

// gaps says where nothing shows that all was read: each connection and scope over the window, what people wrote, and bodies that
// are gone.
func (d *drawing) gaps() ([]string, error) {
	cover, err := collect.CoverageOf(d.ctx, d.book.DB, collect.CoverageQuery{Kind: d.kind.Name, Connection: d.q.Source})
	if err != nil {
		return nil, err
	}
	type place struct{ connection, scope string }
	read, last := map[place][][2]time.Time{}, map[place]time.Time{}
	for _, c := range cover {
		if c.Part == "" {
			p := place{c.Connection, c.Scope}
			read[p] = append(read[p], [2]time.Time{c.From.Time(), c.To.Time()})
			if at := c.LastRead.Time(); c.Reads > 0 && at.After(last[p]) {
				last[p] = at
			}
			d.sources[c.Connection] = true
		}
	}
	var out []string
	for source := range d.sources {
		if source == record.Program {
			out = append(out, "They were written by people here; no source shows that none is missing.")
		} else if !slices.ContainsFunc(slices.Collect(maps.Keys(read)), func(p place) bool { return p.connection == source }) {
			out = append(out, fmt.Sprintf("%s never read them completely.", source))
		}
	}
	if len(d.sources) == 0 {
		out = append(out, "No source was ever read for them.")
	}
	for p, spans := range read {
		slices.SortFunc(spans, func(a, b [2]time.Time) int { return a[0].Compare(b[0]) })
		at := d.from
		for _, s := range append(spans, [2]time.Time{d.to, d.to}) {
			if s[0].After(at) && at.Before(d.to) {
				until := s[0]
				if until.After(d.to) {
					until = d.to
				}
				out = append(out, fmt.Sprintf("%s was not read from %s to %s.", named(p.connection, p.scope), at.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339)))
			}
			if s[1].After(at) {
				at = s[1]
			}
		}
		// A reading vouches for some time after it; what came after it and before the window was over, it cannot have seen.
		if l := last[p]; !l.IsZero() && l.Before(d.to) && !at.Before(d.to) {
			out = append(out, fmt.Sprintf("%s was last read at %s, before the window was over.", named(p.connection, p.scope), l.UTC().Format(time.RFC3339)))
		}
	}
	if d.untold > 0 {
		out = append(out, fmt.Sprintf("Of %d records the body is gone or no time is known, so nobody can tell whether they belong here.", d.untold))
	}
	slices.Sort(out)
	if more := len(out) - maxGaps; more > 0 {
		out = append(out[:maxGaps], fmt.Sprintf("And %d more.", more))
	}
	return out, nil
}

// named is a connection with the scope of it that is meant.
func named(connection, scope string) string {
	if scope != "" {
		return connection + " (" + scope + ")"
	}
	return connection
}
