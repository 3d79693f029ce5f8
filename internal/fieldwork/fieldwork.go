// Package fieldwork does what the firm's people do with populations and samples beyond writing records: commit to a nonce, take
// delivery of a list, draw, release, and hand out what anybody needs to draw again. The one rule: it decides nothing that the
// records' own rules do not compute again, so that whoever goes round it gains nothing.
package fieldwork

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/sample"
	"tickmark/internal/sample/redraw"
	"tickmark/internal/secret"
	"tickmark/internal/workpaper"
)

// MaxFile is the largest list that is taken, in bytes.
const MaxFile = 2 << 30

// Desk is where the firm's people work.
type Desk struct {
	Book  *record.Book
	Keys  *secret.Keys
	Blobs blob.Store
}

// place is where the secrets of a commitment are sealed for.
func place(id, control, commitment string) secret.Place {
	return secret.Place{Connection: "engagement " + id, Setting: "nonce of " + control + " " + commitment}
}

// Commit makes a nonce for a control, seals it and writes the commitment; it returns the record's key. With it goes a key for
// salting lists that come without salts, so that salts are fixed before the list is known and nobody looks for a pleasing hash.
func (d *Desk) Commit(ctx context.Context, by record.Authority, id, control, again string) (string, error) {
	var nonce sample.Nonce
	salting := make([]byte, 32)
	if _, err := rand.Read(nonce[:]); err != nil {
		return "", fmt.Errorf("make a nonce: %w", err)
	}
	if _, err := rand.Read(salting); err != nil {
		return "", fmt.Errorf("make a nonce: %w", err)
	}
	commitment := nonce.Commitment().String()
	sealed, err := d.Keys.Seal(place(id, control, commitment), secret.Of(hex.EncodeToString(nonce[:])+hex.EncodeToString(salting)))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(salting)
	body := map[string]any{engagement.Name: id, "control": control, "commitment": commitment, "salting": hex.EncodeToString(sum[:]), "sealed": base64.StdEncoding.EncodeToString(sealed)}
	if again != "" {
		body["again"] = again
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	v, err := d.Book.Put(ctx, by, record.Change{Kind: workpaper.NonceName, Body: raw, Reason: "before the population is delivered"})
	if err != nil {
		return "", err
	}
	return v[0].Key, nil
}

// opened are the nonce and the salting key of a commitment.
func (d *Desk) opened(c map[string]any) (nonce sample.Nonce, salting []byte, err error) {
	control := engagement.Text(c, "control")
	sealed, err := base64.StdEncoding.DecodeString(engagement.Text(c, "sealed"))
	if err != nil || len(sealed) == 0 {
		return nonce, nil, fault.New(fault.Conflict, "The nonce of %s was not made here, so it cannot be used here.", control).WithNext("Commit with tickmark audit commit.")
	}
	v, err := d.Keys.Open(place(engagement.Text(c, engagement.Name), control, engagement.Text(c, "commitment")), sealed)
	if err != nil {
		return nonce, nil, err
	}
	b, err := hex.DecodeString(v.Reveal())
	if err != nil || len(b) != 64 {
		return nonce, nil, fault.New(fault.Unavailable, "The nonce of %s cannot be read.", control)
	}
	return sample.Nonce(b[:32]), b[32:], nil
}

// Delivery is a list as the company delivered it: a file of a population as Tickmark draws it, or a table in CSV with a line of
// column names.
type Delivery struct {
	Key, At, Location string    // columns of a table: what names a row, when it happened, where
	Extractor         string    // of a table: who drew it
	Extracted         time.Time // of a table: when
	Complete          bool      // of a table: whether the source is known to have been read completely
	Gaps              []string
}

// Deliver keeps a list and records what it comes to. It is refused whole or taken whole.
func (d *Desk) Deliver(ctx context.Context, by record.Authority, key string, r io.Reader, how Delivery) (record.Version, error) {
	p, err := d.body(ctx, workpaper.PopulationName, key)
	if err != nil {
		return record.Version{}, err
	}
	if err := by.May(ctx, "act", d.kind(workpaper.PopulationName)); err != nil {
		return record.Version{}, err
	}
	hash, _, err := d.Blobs.Put(ctx, r, MaxFile)
	if err != nil {
		return record.Version{}, err
	}
	l, err := d.list(ctx, p, hash, how)
	if err != nil {
		return record.Version{}, err
	}
	said := map[string]any{"extractor": l.extractor, "extracted_at": l.extracted.UTC().Format(time.RFC3339Nano), "row_count": float64(len(l.Rows)), "file": hex.EncodeToString(hash[:]), "root": l.Hash.String(),
		"columns": texts(l.columns), "origin": l.origin, "complete": l.complete, "gaps": texts(l.gaps), "salts": l.salts, "key_column": how.Key, "time_column": how.At, "location_column": how.Location}
	v, err := d.Book.Put(ctx, by, record.Change{Kind: workpaper.PopulationName, Key: key, Move: "deliver", Said: said})
	if err != nil {
		return record.Version{}, err
	}
	return v[0], nil
}

// Draw draws a sample by the seed that engagement, control, population and the committed nonce give.
func (d *Desk) Draw(ctx context.Context, by record.Authority, key string) (record.Version, error) {
	s, err := d.body(ctx, workpaper.SampleName, key)
	if err != nil {
		return record.Version{}, err
	}
	if err := by.May(ctx, "act", d.kind(workpaper.SampleName)); err != nil {
		return record.Version{}, err
	}
	var said map[string]any
	if drawn(s) {
		p, err := d.body(ctx, workpaper.PopulationName, engagement.Text(s, workpaper.PopulationName))
		if err != nil {
			return record.Version{}, err
		}
		if p[record.StateField] != "frozen" {
			return record.Version{}, fault.New(fault.Conflict, "The population %s is %s, and nothing is drawn before it is frozen.", engagement.Text(p, "name"), engagement.Text(p, record.StateField))
		}
		seed, err := d.seed(ctx, s, p)
		if err != nil {
			return record.Version{}, err
		}
		said = map[string]any{"seed": seed.String()}
	}
	v, err := d.Book.Put(ctx, by, record.Change{Kind: workpaper.SampleName, Key: key, Move: "draw", Said: said})
	if err != nil {
		return record.Version{}, err
	}
	return v[0], nil
}

func (d *Desk) seed(ctx context.Context, s, p map[string]any) (sample.Seed, error) {
	c, err := d.body(ctx, workpaper.NonceName, engagement.Text(p, "nonce"))
	if err != nil {
		return sample.Seed{}, err
	}
	nonce, _, err := d.opened(c)
	if err != nil {
		return sample.Seed{}, err
	}
	var root sample.Hash
	if err := root.UnmarshalText([]byte(engagement.Text(p, "root"))); err != nil {
		return sample.Seed{}, err
	}
	return sample.SeedOf(engagement.Text(s, engagement.Name), engagement.Text(s, "control"), root, nonce)
}

// Release reveals the nonce, where there is one, and sends the sample to the company, in one transaction.
func (d *Desk) Release(ctx context.Context, by record.Authority, key string) (record.Version, error) {
	s, err := d.body(ctx, workpaper.SampleName, key)
	if err != nil {
		return record.Version{}, err
	}
	if err := by.May(ctx, "act", d.kind(workpaper.SampleName)); err != nil {
		return record.Version{}, err
	}
	var changes []record.Change
	if drawn(s) {
		p, err := d.body(ctx, workpaper.PopulationName, engagement.Text(s, workpaper.PopulationName))
		if err != nil {
			return record.Version{}, err
		}
		c, err := d.body(ctx, workpaper.NonceName, engagement.Text(p, "nonce"))
		if err != nil {
			return record.Version{}, err
		}
		if c[record.StateField] == "committed" {
			nonce, _, err := d.opened(c)
			if err != nil {
				return record.Version{}, err
			}
			changes = append(changes, record.Change{Kind: workpaper.NonceName, Key: engagement.Text(p, "nonce"), Move: "reveal", Said: map[string]any{"nonce": nonce.String()}, Reason: "the sample is released"})
		}
	}
	var out record.Version
	err = d.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		for _, c := range append(changes, record.Change{Kind: workpaper.SampleName, Key: key, Move: "send"}) {
			v, err := d.Book.PutIn(ctx, tx, by, c)
			if err != nil {
				return err
			}
			out = v[0]
		}
		return nil
	})
	return out, err
}

func drawn(s map[string]any) bool {
	m := sample.Method(engagement.Text(s, "method"))
	return m != sample.All && m != sample.Haphazard
}

// Item is a row of a sample with what the list says of it.
type Item struct {
	Position int       `json:"position"`
	Key      string    `json:"key"`
	At       time.Time `json:"at"`
	Content  string    `json:"content"`
	Targeted bool      `json:"targeted,omitempty"`
}

// Items are the items of a sample, by position.
func (d *Desk) Items(ctx context.Context, by record.Authority, key string) ([]Item, error) {
	s, l, err := d.sampled(ctx, by, key)
	if err != nil {
		return nil, err
	}
	targeted := map[int]bool{}
	for _, t := range engagement.Objects(s, "targeted") {
		targeted[workpaper.Whole(t["position"])] = true
	}
	var out []Item
	for _, i := range positions(s) {
		o := l.of[l.Order[i]]
		out = append(out, Item{Position: i, Key: o.Key, At: time.UnixMicro(l.Rows[i].At).UTC(), Content: string(o.Content), Targeted: targeted[i]})
	}
	slices.SortFunc(out, func(a, b Item) int { return a.Position - b.Position })
	return out, nil
}

// sampled is a sample with its list.
func (d *Desk) sampled(ctx context.Context, by record.Authority, key string) (map[string]any, list, error) {
	for _, name := range []string{workpaper.SampleName, workpaper.PopulationName} {
		if err := by.May(ctx, "read", d.kind(name)); err != nil {
			return nil, list{}, err
		}
	}
	s, err := d.body(ctx, workpaper.SampleName, key)
	if err != nil {
		return nil, list{}, err
	}
	p, err := d.body(ctx, workpaper.PopulationName, engagement.Text(s, workpaper.PopulationName))
	if err != nil {
		return nil, list{}, err
	}
	l, err := d.kept(ctx, p)
	return s, l, err
}

// positions are the rows of a sample, those drawn and those targeted.
func positions(s map[string]any) []int {
	var out []int
	for _, v := range workpaper.Items(s) {
		var n int
		if _, err := fmt.Sscan(v, &n); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// File is what anybody needs to draw the samples of a population again: every stage, the commitments and populations that were
// given up, and the items opened.
func (d *Desk) File(ctx context.Context, by record.Authority, key string) (redraw.File, error) {
	s, l, err := d.sampled(ctx, by, key)
	if err != nil {
		return redraw.File{}, err
	}
	id, control := engagement.Text(s, engagement.Name), engagement.Text(s, "control")
	f := redraw.File{Format: redraw.Format, Engagement: id, Control: control, Population: l.Hash}
	look := d.Book.LookAt(ctx, time.Time{})
	if err := d.secrets(look, s, &f); err != nil {
		return f, err
	}
	stages, err := workpaper.Stages(look, engagement.Text(s, workpaper.PopulationName))
	if err != nil {
		return f, err
	}
	shown := map[int]bool{}
	for _, of := range stages {
		for _, i := range of.Seen() {
			shown[i] = true
		}
		if of.Plan.Method == sample.All { // nothing was drawn: the form has no runs, and nothing is left to replace a row
			of.Runs, of.Plan.Reserves = nil, 0
		}
		f.Stages = append(f.Stages, of)
	}
	for i, r := range l.Rows {
		f.Rows = append(f.Rows, redraw.RowOf(r))
		if shown[i] {
			o := l.of[l.Order[i]]
			f.Opened = append(f.Opened, redraw.Opened{Position: i, Salt: o.Salt, Key: o.Key, Content: string(o.Content)})
		}
	}
	return f, nil
}

// secrets puts commitment, nonce and seed into a file, and what was given up before.
func (d *Desk) secrets(look record.Look, s map[string]any, f *redraw.File) error {
	populations, err := engagement.Found(look, workpaper.PopulationName, engagement.Name, f.Engagement)
	if err != nil {
		return err
	}
	nonces, err := look.Find(workpaper.NonceName, engagement.Name, f.Engagement)
	if err != nil {
		return err
	}
	used, err := look.Get(workpaper.PopulationName, engagement.Text(s, workpaper.PopulationName))
	if err != nil {
		return err
	}
	p, err := engagement.Body(used)
	if err != nil {
		return err
	}
	for _, o := range populations {
		var h sample.Hash
		if o["control"] == f.Control && o[record.StateField] == "superseded" && h.UnmarshalText([]byte(engagement.Text(o, "root"))) == nil {
			f.Earlier = append(f.Earlier, redraw.Earlier{What: "population", Hash: h, Reason: engagement.Text(o, "superseded_reason")})
		}
	}
	for _, v := range nonces {
		c, err := engagement.Body(v)
		if err != nil {
			return err
		}
		var h sample.Hash
		if c["control"] != f.Control {
			continue
		}
		if err := h.UnmarshalText([]byte(engagement.Text(c, "commitment"))); err != nil {
			return err
		}
		if v.Key != engagement.Text(p, "nonce") {
			f.Earlier = append(f.Earlier, redraw.Earlier{What: "commitment", Hash: h, Reason: cmp.Or(engagement.Text(c, "again"), "the first commitment")})
			continue
		}
		if !drawn(s) {
			continue // where every row is tested nothing hangs on the nonce, and it stays sealed
		}
		f.Commitment = &h
		var nonce sample.Nonce
		if c[record.StateField] == "revealed" && nonce.UnmarshalText([]byte(engagement.Text(c, "nonce"))) == nil {
			f.Nonce = &nonce
		}
	}
	var seed sample.Seed
	if seed.UnmarshalText([]byte(engagement.Text(s, "seed"))) == nil {
		f.Seed = &seed
	}
	return nil
}

func (d *Desk) kind(name string) *record.Kind {
	k, _ := d.Book.Kinds.Named(name)
	return k
}

func (d *Desk) body(ctx context.Context, kind, key string) (map[string]any, error) {
	v, err := d.Book.GetFrom(ctx, kind, key, record.Program, 0, record.Auditor)
	if err != nil {
		return nil, err
	}
	return engagement.Body(v)
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// salt is the salt of a row of a list that came without any. It follows from what names the row, so that another order of the
// same list has the same hash.
func salt(key []byte, row string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(row))
	return m.Sum(nil)[:16]
}
