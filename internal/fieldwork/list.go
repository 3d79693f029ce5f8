package fieldwork

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/sample"
	"tickmark/internal/workpaper"
)

// list is a population as its file has it, in canonical order.
type list struct {
	sample.Frozen
	of        []sample.Occurrence // in the order of the file
	extractor string
	extracted time.Time
	columns   []string
	origin    string
	complete  bool
	gaps      []string
	salts     string // where the salts come from: the file, or the commitment
	kind      string // of records, where Tickmark drew them; empty for a table
	whole     bool   // it was drawn without a filter
}

// kept is the list of a population that was delivered, and holds it against what was recorded of it.
func (d *Desk) kept(ctx context.Context, p map[string]any) (list, error) {
	var hash blob.Hash
	b, err := hex.DecodeString(engagement.Text(p, "file"))
	if err != nil || len(b) != len(hash) {
		return list{}, fault.New(fault.Conflict, "The population %s was not delivered yet.", engagement.Text(p, "name"))
	}
	copy(hash[:], b)
	l, err := d.list(ctx, p, hash, columnsOf(p))
	if err == nil && l.Hash.String() != engagement.Text(p, "root") {
		err = fault.New(fault.Unavailable, "The file of the population %s does not give the hash that was recorded.", engagement.Text(p, "name")).WithNext("Restore it from a backup.")
	}
	return l, err
}

// list reads a delivered file, in whichever of the two forms it is.
func (d *Desk) list(ctx context.Context, p map[string]any, hash blob.Hash, how Delivery) (list, error) {
	r, _, err := d.Blobs.Open(hash)
	if err != nil {
		return list{}, err
	}
	defer r.Close()
	in := bufio.NewReaderSize(r, 1<<16)
	begin, err := in.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return list{}, fault.New(fault.Invalid, "The file is empty.").WithNext("A population without rows still has its first line.")
	case err != nil:
		return list{}, err
	case begin[0] == '{':
		return d.drawn(p, in)
	}
	return d.table(ctx, p, in, how)
}

// drawn reads what Tickmark drew at the company.
func (d *Desk) drawn(p map[string]any, in io.Reader) (list, error) {
	l := list{salts: "the file"}
	h, t, err := population.Read(in, func(r population.Row) error {
		l.of = append(l.of, r.Occurrence())
		return nil
	})
	if err != nil {
		return l, err
	}
	for field, said := range map[string]string{"from": h.From, "to": h.To, "sort": h.Sort} {
		if engagement.Text(p, field) != said {
			return l, fault.New(fault.Conflict, "The file says %s for %s, and the population was requested with %s.", said, field, engagement.Text(p, field)).WithNext("Let the company draw it again, or request another population.")
		}
	}
	l.extractor, l.extracted, l.columns, l.origin, l.complete, l.gaps = h.Extractor+", "+h.ExtractedBy, h.AsOf, t.Columns, t.Origin, t.Complete, t.Gaps
	l.kind, l.whole = h.Kind, h.Query == "" && h.Source == ""
	if l.origin == "" {
		l.origin = string(record.Collected)
	}
	l.Frozen, err = sample.Freeze(slices.Values(l.of))
	return l, err
}

// table reads a CSV. Its salts come from the key that was committed to with the nonce.
func (d *Desk) table(ctx context.Context, p map[string]any, in io.Reader, how Delivery) (list, error) {
	key, err := d.salting(ctx, p)
	if err != nil {
		return list{}, err
	}
	e, err := d.body(ctx, engagement.Name, engagement.Text(p, engagement.Name))
	if err != nil {
		return list{}, err
	}
	return tabled(e, p, key, in, how)
}

// Tabled freezes a table that was delivered once more, from what is on record of its population and engagement, its bytes and the key
// that salts it, and nothing else.
func Tabled(e, p map[string]any, salting []byte, in io.Reader) (sample.Frozen, []sample.Occurrence, error) {
	l, err := tabled(e, p, salting, in, columnsOf(p))
	return l.Frozen, l.of, err
}

// columnsOf says which columns of a table were named when it was delivered.
func columnsOf(p map[string]any) Delivery {
	return Delivery{Key: engagement.Text(p, "key_column"), At: engagement.Text(p, "time_column"), Location: engagement.Text(p, "location_column")}
}

func tabled(e, p map[string]any, key []byte, in io.Reader, how Delivery) (list, error) {
	l := list{extractor: how.Extractor, extracted: how.Extracted, origin: string(record.Uploaded), complete: how.Complete, gaps: how.Gaps, salts: Committed}
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	head, err := rows.Read()
	if err != nil {
		return l, fault.New(fault.Invalid, "The first line is no line of column names: %w.", err)
	}
	l.columns = slices.Clone(head)
	l.columns[0] = strings.TrimPrefix(l.columns[0], "\ufeff")
	at := map[string]int{}
	for i, c := range l.columns {
		if _, twice := at[c]; twice || c == "" {
			return l, fault.New(fault.Invalid, "The column name %q stands there twice, or is empty.", c)
		}
		at[c] = i
	}
	column := func(name, what string) (int, error) {
		i, ok := at[name]
		if !ok {
			return 0, fault.New(fault.Invalid, "There is no column %q for %s.", name, what).WithNext("The columns are %s.", strings.Join(l.columns, ", "))
		}
		return i, nil
	}
	keyAt, err := column(how.Key, "what names a row")
	if err != nil {
		return l, err
	}
	timeAt, placeAt := -1, -1
	if how.At != "" {
		if timeAt, err = column(how.At, "when it happened"); err != nil {
			return l, err
		}
	}
	if how.Location != "" {
		if placeAt, err = column(how.Location, "where it happened"); err != nil {
			return l, err
		}
	}
	zone, window, err := windowOf(e, p)
	if err != nil {
		return l, err
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return l, fault.New(fault.Invalid, "The table cannot be read: %w.", err)
		}
		line, _ := rows.FieldPos(0)
		o := sample.Occurrence{At: sample.NoTime, Opening: sample.Opening{Key: strings.Clone(row[keyAt]), Salt: salt(key, row[keyAt])}}
		if timeAt >= 0 {
			moment, err := when(row[timeAt], zone)
			if err != nil {
				return l, fault.New(fault.Invalid, "Line %d: %q is no time.", line, row[timeAt]).WithNext("Write it as 2026-03-31 or 2026-03-31T12:00:00Z.")
			}
			if engagement.Text(p, "sort") == population.Events && (moment.Before(window[0]) || !moment.Before(window[1])) {
				return l, fault.New(fault.Invalid, "Line %d: %s lies outside the window.", line, row[timeAt]).WithNext("Draw the list again over %s to %s.", engagement.Text(p, "from"), engagement.Text(p, "to"))
			}
			o.At = moment.UnixMicro()
		}
		if placeAt >= 0 {
			o.Location = strings.Clone(row[placeAt])
		}
		content, err := ordered(l.columns, row)
		if err != nil {
			return l, err
		}
		o.Content = content
		l.of = append(l.of, o)
	}
	l.Frozen, err = sample.Freeze(slices.Values(l.of))
	if err != nil {
		return l, fault.New(fault.Invalid, "The list cannot be a population: %w.", err).WithNext("Each row needs a name of its own in the column %s.", how.Key)
	}
	return l, nil
}

// ordered is a row as JSON in the order of its columns.
func ordered(columns, row []string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(row[i])
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// when reads a day or a moment.
func when(s string, zone *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, form := range []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(form, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("no time")
}

// window is the zone and the window of a population's engagement and days.
func windowOf(e, p map[string]any) (*time.Location, [2]time.Time, error) {
	from, to, err := engagement.Window(map[string]any{"zone": e["zone"], "from": p["from"], "to": p["to"]})
	return from.Location(), [2]time.Time{from, to}, err
}

// Committed is where the salts of a table come from: the key that was committed to with the nonce.
const Committed = "the commitment"

// Salting is the key that salts a table, of a population that was delivered: until then it salts nothing and stays sealed.
func (d *Desk) Salting(ctx context.Context, p map[string]any) ([]byte, error) {
	if engagement.Text(p, "root") == "" || engagement.Text(p, "salts") != Committed {
		return nil, fault.New(fault.Conflict, "The population %s was not delivered as a table.", engagement.Text(p, "name"))
	}
	return d.salting(ctx, p)
}

// salting is the key of the commitment that the population's delivery rests on.
func (d *Desk) salting(ctx context.Context, p map[string]any) ([]byte, error) {
	look := d.Book.LookAt(ctx, time.Time{})
	key := engagement.Text(p, "nonce")
	if key == "" {
		var err error
		if key, err = workpaper.Commitment(look, p); err != nil {
			return nil, err
		}
	}
	c, err := d.body(ctx, workpaper.NonceName, key)
	if err != nil {
		return nil, err
	}
	_, salting, err := d.opened(c)
	return salting, err
}
