// Package firmfile writes the firm's file of one engagement, from which everything is performed again without a workspace, and
// verifies it. The one rule: verifying trusts the file for nothing that it can compute from the records, the log and the firm's key.
package firmfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/report/archive"
	"tickmark/internal/report/verify"
	"tickmark/internal/sample"
	"tickmark/internal/signature"
	"tickmark/internal/store"
	"tickmark/internal/workpaper"
)

// Format is the first member of the manifest, and the first line of what the firm's key signs.
const Format = "tickmark firm file v1"

// Members of the archive; files stand under files/ by their SHA-256, samples under samples/ and what freezes a table under tables/ by their population.
const (
	manifestName = "firm.json"
	signName     = "signature"
	proofsName   = "records.jsonl"
	maxMember    = 1 << 30
	maxFile      = 4 << 30
)

// Manifest says what is in a firm's file.
type Manifest struct {
	Format     string    `json:"format"`
	Engagement string    `json:"engagement"`
	Made       time.Time `json:"made"`
	Key        string    `json:"key"` // of the firm's ledger, the file's own word
	Checkpoint string    `json:"checkpoint"`
	Versions   int       `json:"versions"`
	Erased     int       `json:"erased"`            // versions whose content was destroyed
	Missing    []string  `json:"missing,omitempty"` // files that a record names and that are kept nowhere
	Members    []Member  `json:"members"`
}

// Member is a member of the archive.
type Member struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Maker makes firm's files.
type Maker struct {
	Book  *record.Book
	Blobs blob.Store
	Desk  *fieldwork.Desk // without one no sample is written
}

// Make writes the file of an engagement, for those who review its work. Everything in it is as of one checkpoint.
func (m *Maker) Make(ctx context.Context, by record.Authority, id string, w io.Writer) (Manifest, error) {
	man := Manifest{Format: Format, Engagement: id, Key: m.Book.Log.VKey, Made: m.Book.Log.Now().UTC().Truncate(time.Microsecond)}
	k, err := m.Book.Kinds.Named(engagement.Name)
	if err != nil {
		return man, err
	}
	if err := by.May(ctx, "read", k); err != nil {
		return man, err
	}
	v, err := m.Book.GetFrom(ctx, engagement.Name, id, record.Program, 0, record.Auditor)
	if err != nil {
		return man, err
	}
	e, err := engagement.Body(v)
	if err != nil {
		return man, err
	}
	if err := engagement.Requires(e, by.Actor(), "assemble its file", append(engagement.Reviewers(), engagement.QualityReviewer, engagement.PeerReviewer)...); err != nil {
		return man, err
	}
	list, err := m.records(ctx, e, v)
	if err != nil {
		return man, err
	}
	signed, err := m.Book.Log.Checkpoint(ctx)
	if err != nil {
		return man, err
	}
	man.Checkpoint = string(signed)
	var proofs bytes.Buffer
	if err := m.prove(ctx, &man, list, &proofs); err != nil {
		return man, err
	}
	small := map[string][]byte{proofsName: proofs.Bytes()}
	if m.Desk != nil {
		if err := m.samples(ctx, by, list, small); err != nil {
			return man, err
		}
		if err := m.tables(ctx, list, small); err != nil {
			return man, err
		}
	}
	files, err := m.files(&man, list)
	if err != nil {
		return man, err
	}
	return man, m.write(&man, small, files, w)
}

// records are all that belong to an engagement, with the people of its team.
func (m *Maker) records(ctx context.Context, e map[string]any, v record.Version) ([]record.Version, error) {
	out := []record.Version{v}
	for _, k := range m.Book.Kinds.All() {
		if k.Room != record.Auditor || k.Name == engagement.Name {
			continue
		}
		for _, f := range k.Fields {
			if f.Type != record.Ref || f.Refers != engagement.Name || !f.Indexed {
				continue
			}
			found, err := m.Book.Find(ctx, m.Book.DB, k.Name, f.Name, v.Key, 0)
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
			break
		}
	}
	keys := map[string]bool{}
	for _, x := range out {
		if x.Kind != signature.Name {
			continue
		}
		b, err := engagement.Body(x)
		if err != nil {
			return nil, err
		}
		if key := engagement.Text(b, "key"); !keys[key] {
			keys[key] = true
			k, err := m.Book.GetFrom(ctx, signature.KeyName, key, record.Program, 0, record.Auditor)
			if err != nil {
				return nil, err
			}
			out = append(out, k)
		}
	}
	for _, t := range engagement.Objects(e, "team") {
		p, err := m.Book.Get(ctx, "person", engagement.Text(t, "person"), 0)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// prove writes every version of the records with its proof, a line each, in the order of the log.
func (m *Maker) prove(ctx context.Context, man *Manifest, list []record.Version, w *bytes.Buffer) error {
	point, err := merkle.OpenCheckpoint([]byte(man.Checkpoint), man.Key)
	if err != nil {
		return err
	}
	return m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		for _, v := range list {
			all, err := m.Book.CommittedRecord(ctx, tx, v.Record)
			if err != nil {
				return err
			}
			for _, s := range all {
				switch {
				case s.Entry >= point.Size:
					continue // written since
				case s.Salt == nil:
					man.Erased++
					continue
				}
				f := verify.ProofFile{Format: verify.ProofFormat, Key: man.Key, Checkpoint: man.Checkpoint, Path: []string{}}
				r := verify.Record{Entry: s.Entry, Version: s.Committed, To: merkle.NoTime}
				line, err := r.AppendJSON(nil)
				if err != nil {
					return err
				}
				f.Version = line[:len(line)-1]
				leaf, err := m.Book.Log.Leaf(ctx, s.Entry)
				if err != nil {
					return err
				}
				f.Leaf = string(leaf.Bytes())
				path, err := m.Book.Log.ProveEntry(ctx, tx, point.Size, s.Entry)
				if err != nil {
					return err
				}
				for _, h := range path {
					f.Path = append(f.Path, base64.StdEncoding.EncodeToString(h[:]))
				}
				b, err := f.Encode()
				if err != nil {
					return err
				}
				w.Write(bytes.TrimRight(b, "\n"))
				w.WriteByte('\n')
				man.Versions++
			}
		}
		return nil
	})
}

// samples writes, for each population that was drawn from, the file by which it is drawn again.
func (m *Maker) samples(ctx context.Context, by record.Authority, list []record.Version, into map[string][]byte) error {
	for _, v := range list {
		if v.Kind != workpaper.SampleName {
			continue
		}
		b, err := engagement.Body(v)
		if err != nil {
			return err
		}
		if !redrawn(b) || engagement.Text(b, "extends") != "" {
			continue
		}
		f, err := m.Desk.File(ctx, by, v.Key)
		if err != nil {
			return fmt.Errorf("write the sample %s: %w", v.Key, err)
		}
		var out bytes.Buffer
		if err := f.Write(&out); err != nil {
			return err
		}
		into["samples/"+named(engagement.Text(b, workpaper.PopulationName))+".json"] = out.Bytes()
	}
	return nil
}

// Table is what freezes a list again that came as a table: the key that salts it, and what its rows came to when it was delivered, by
// which one that was changed is found. The key hides rows from who has only their hashes. Here the rows stand beside it, so that it
// gives nothing away, and it was committed to before the list was delivered, so that nothing hangs on it any more.
type Table struct {
	Population string `json:"population"`
	Salting    string `json:"salting"` // hexadecimal
	Rows       []Row  `json:"rows"`    // in canonical order; their hash is the population's
}

// Row is a row as its population's hash has it.
type Row struct {
	At         int64       `json:"at"`
	Location   string      `json:"location,omitempty"`
	Commitment sample.Hash `json:"commitment"`
}

// tables writes, for each list that was delivered as a table, what it takes to freeze it again.
func (m *Maker) tables(ctx context.Context, list []record.Version, into map[string][]byte) error {
	for _, v := range list {
		if v.Kind != workpaper.PopulationName {
			continue
		}
		p, err := engagement.Body(v)
		if err != nil {
			return err
		}
		hash, err := blob.Parse(engagement.Text(p, "file"))
		if err != nil || engagement.Text(p, "salts") != fieldwork.Committed {
			continue
		}
		if there, err := m.Blobs.Has(hash); err != nil || !there {
			if err != nil {
				return err
			}
			continue // the manifest says that it is missing
		}
		e, err := m.Book.GetFrom(ctx, engagement.Name, engagement.Text(p, engagement.Name), record.Program, 0, record.Auditor)
		if err != nil {
			return err
		}
		body, err := engagement.Body(e)
		if err != nil {
			return err
		}
		key, err := m.Desk.Salting(ctx, p)
		if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Unavailable) {
			continue // it was not made here, or is lost: verifying says that the list is not frozen again
		}
		if err != nil {
			return err
		}
		r, _, err := m.Blobs.Open(hash)
		if err != nil {
			return err
		}
		frozen, _, err := fieldwork.Tabled(body, p, key, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("freeze the list %s again: %w", v.Key, err)
		}
		t := Table{Population: v.Key, Salting: hex.EncodeToString(key), Rows: make([]Row, len(frozen.Rows))}
		for i, x := range frozen.Rows {
			t.Rows[i] = Row(x)
		}
		if into["tables/"+named(v.Key)+".json"], err = json.Marshal(t); err != nil {
			return err
		}
	}
	return nil
}

// named is a key as a member's name.
func named(key string) string {
	h := sha256.Sum256([]byte(key))
	return hex.EncodeToString(h[:8])
}

// redrawn reports whether a sample is one that can be drawn again: released, and not picked by a person.
func redrawn(b map[string]any) bool {
	return slices.Contains([]string{"sent", "testing", "concluded"}, engagement.Text(b, record.StateField)) && engagement.Text(b, "method") != string(sample.Haphazard)
}

// naming are the fields whose value is a file that was kept here.
func naming(kind string) []string {
	switch kind {
	case workpaper.PopulationName:
		return []string{"file"}
	case "company_item":
		return []string{"sha256"}
	case "company_parcel", "issued_report", "report_text":
		return []string{"file"}
	}
	return nil
}

// files are the blobs that the records speak of: those that they must have, and whatever else of them is kept.
func (m *Maker) files(man *Manifest, list []record.Version) ([]blob.Hash, error) {
	found, missing := map[blob.Hash]bool{}, map[string]bool{}
	for _, v := range list {
		b, err := engagement.Body(v)
		if err != nil {
			return nil, err
		}
		must := map[string]bool{}
		for _, f := range naming(v.Kind) {
			must[engagement.Text(b, f)] = true
		}
		var failed error
		texts(b, func(s string) {
			h, err := blob.Parse(s)
			if err != nil || found[h] || failed != nil {
				return
			}
			has, err := m.Blobs.Has(h)
			switch {
			case err != nil:
				failed = err
			case has:
				found[h] = true
			case must[s]:
				missing[s] = true
			}
		})
		if failed != nil {
			return nil, failed
		}
	}
	man.Missing = slices.Sorted(maps.Keys(missing))
	return slices.SortedFunc(maps.Keys(found), func(a, b blob.Hash) int { return bytes.Compare(a[:], b[:]) }), nil
}

// texts hands over every text within a body.
func texts(v any, fn func(string)) {
	switch v := v.(type) {
	case string:
		fn(v)
	case []any:
		for _, x := range v {
			texts(x, fn)
		}
	case map[string]any:
		for _, x := range v {
			texts(x, fn)
		}
	}
}

func (m *Maker) write(man *Manifest, small map[string][]byte, files []blob.Hash, w io.Writer) error {
	type part struct {
		Member
		crc uint32
	}
	var parts []part
	for _, name := range slices.Sorted(maps.Keys(small)) {
		b := small[name]
		h := sha256.Sum256(b)
		parts = append(parts, part{Member{name, hex.EncodeToString(h[:]), int64(len(b))}, archive.CRC(b)})
	}
	for _, h := range files { // the checksum stands before the bytes, so each is read twice
		r, size, err := m.Blobs.Open(h)
		if err != nil {
			return err
		}
		sum := crc32.NewIEEE()
		_, err = io.Copy(sum, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("read the file %s: %w", h, err)
		}
		parts = append(parts, part{Member{"files/" + h.String(), h.String(), size}, sum.Sum32()})
	}
	for _, p := range parts {
		man.Members = append(man.Members, p.Member)
	}
	raw, err := json.Marshal(man)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	signed, err := m.Book.Log.Statement(Format + "\n" + hex.EncodeToString(sum[:]) + "\n")
	if err != nil {
		return err
	}
	a := archive.NewWriter(w)
	add := func(name string, crc uint32, size int64, r io.Reader) error {
		return a.Add(archive.Member{Name: name, CRC: crc, Size: size, Packed: size}, r)
	}
	if err := add(manifestName, archive.CRC(raw), int64(len(raw)), bytes.NewReader(raw)); err != nil {
		return err
	}
	if err := add(signName, archive.CRC(signed), int64(len(signed)), bytes.NewReader(signed)); err != nil {
		return err
	}
	for _, p := range parts {
		if b, ok := small[p.Name]; ok {
			if err := add(p.Name, p.crc, p.Size, bytes.NewReader(b)); err != nil {
				return err
			}
			continue
		}
		h, err := blob.Parse(strings.TrimPrefix(p.Name, "files/"))
		if err != nil {
			return err
		}
		r, _, err := m.Blobs.Open(h)
		if err != nil {
			return err
		}
		err = add(p.Name, p.crc, p.Size, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return a.Close()
}
