package report

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"tickmark/internal/blob"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
	"tickmark/internal/report/archive"
	"tickmark/internal/report/verify"
	"tickmark/internal/store"
)

func (p *packing) leaves() error {
	p.entries = make([]entry, 0, p.m.Entries)
	for from := int64(0); from < p.m.Entries; from += 4096 {
		list, err := p.Book.Log.Entries(p.ctx, p.tx, from, min(from+4096, p.m.Entries))
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		for _, b := range list {
			leaf, err := merkle.ParseLeaf(b)
			if err != nil {
				return unsound("entry %d is no leaf", len(p.entries))
			}
			p.entries = append(p.entries, entry{commitment: leaf.Commitment, typ: leaf.Type})
		}
	}
	if int64(len(p.entries)) != p.m.Entries {
		return unsound("it has %d entries, its head says %d", len(p.entries), p.m.Entries)
	}
	return nil
}

func unsound(format string, args ...any) error {
	return fault.New(fault.Unavailable, "No package can be made, for the workspace does not agree with its ledger: %s.", fmt.Sprintf(format, args...)).
		WithNext("Run tickmark ledger verify and restore from a backup.")
}

// take marks an entry as accounted for, and compares its commitment unless it is nil.
func (p *packing) take(i int64, commitment *[32]byte, types ...string) error {
	if i < 0 || i >= p.m.Entries || p.entries[i].taken || !slices.Contains(types, p.entries[i].typ) {
		return unsound("entry %d is not what the workspace says", i)
	}
	if commitment != nil && *commitment != p.entries[i].commitment {
		return unsound("entry %d committed to something else than what is there", i)
	}
	p.entries[i].taken = true
	return nil
}

func (p *packing) actions() error {
	if err := p.write(verify.ActionsFile, nil); err != nil {
		return err
	}
	types := []string{merkle.LeafAction, merkle.LeafClose, merkle.LeafErasure, merkle.LeafManifest}
	var blank []int64 // erased
	for after := int64(-1); ; {
		list, err := store.All[ledger.Action](p.ctx, p.tx, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE entry > $1 ORDER BY entry LIMIT 2000", after)
		if err != nil {
			return fmt.Errorf("read actions: %w", err)
		}
		if len(list) == 0 {
			break
		}
		for _, a := range list {
			if after = a.Entry; a.Entry >= p.m.Entries {
				return unsound("the action %s has no entry", a.Verb)
			}
			if a.Salt == nil {
				blank = append(blank, a.Entry)
				continue
			}
			o := a.Opening()
			c := o.Commitment()
			if err := p.take(a.Entry, &c, types...); err != nil {
				return err
			}
			if err := p.action(verify.Action{Entry: a.Entry, Type: p.entries[a.Entry].typ, Action: o}); err != nil {
				return err
			}
		}
	}
	for _, i := range blank {
		if err := p.erased(i, merkle.LeafClose); err != nil {
			return err
		}
	}
	return nil
}

func (p *packing) action(a verify.Action) error {
	var why *verify.LeftOut
	switch a.Type {
	case merkle.LeafClose:
		kind, _, _ := strings.Cut(a.Subject, "/")
		if why = p.withheld(kind); why != nil {
			why.What = strings.Replace(why.What, "versions", "closings", 1)
		}
	case merkle.LeafErasure:
		var d struct {
			Entries []int64 `json:"entries"`
		}
		if err := json.Unmarshal(a.Detail, &d); err != nil {
			return unsound("the erasure in entry %d does not say what it erased", a.Entry)
		}
		gone := p.erasures
		if a.Verb == record.DropVerb {
			gone = p.drops
		}
		for _, i := range d.Entries {
			gone[i] = a.Entry
		}
	case merkle.LeafAction:
		if (p.Redact || len(p.Kinds) > 0) && !strings.HasPrefix(a.Actor, "job:") {
			why = &verify.LeftOut{What: "what people and connections did besides records, such as sign-ins", Why: "The package is redacted, or made for some kinds only."}
		}
	}
	if why != nil {
		p.left[*why]++
		p.m.Counts.Withheld++
		w := verify.WithheldAction{Entry: a.Entry, Type: a.Type, HiddenAction: a.Action.Hidden()}
		return p.write(verify.WithheldActionsFile, w.AppendJSON(nil))
	}
	b, err := a.AppendJSON(nil)
	if err != nil {
		return unsound("the action in entry %d cannot be written down: %v", a.Entry, err)
	}
	p.m.Counts.Actions++
	return p.write(verify.ActionsFile, b)
}

// erased lists an entry whose content was destroyed.
func (p *packing) erased(i int64, types ...string) error {
	by, ok := p.erasures[i]
	if !ok {
		return unsound("the content of entry %d is gone, and no erasure says so", i)
	}
	if err := p.take(i, nil, types...); err != nil {
		return err
	}
	p.m.Counts.Erased++
	b, err := json.Marshal(verify.Erased{Entry: i, By: by})
	if err != nil {
		return err
	}
	return p.write(verify.ErasedFile, append(b, '\n'))
}

func (p *packing) versions() error {
	total := int64(0)
	for _, e := range p.entries {
		if e.typ == merkle.LeafVersion {
			total++
		}
	}
	after, from, done := int64(0), store.Moment(0), int64(0)
	for {
		list, err := p.Book.CommittedInOrder(p.ctx, p.tx, after, from, 1000)
		if err != nil {
			return fmt.Errorf("read versions: %w", err)
		}
		if len(list) == 0 {
			return nil
		}
		for i := range list {
			after, from = list[i].Record, store.Moment(list[i].From)
			if err := p.version(&list[i]); err != nil {
				return err
			}
		}
		done += int64(len(list))
		p.progress("records", done, total)
	}
}

func (p *packing) version(s *record.Sealed) error {
	if s.Salt == nil {
		return p.erased(s.Entry, merkle.LeafVersion)
	}
	hidden := s.Hidden()
	c := hidden.Commitment()
	if err := p.take(s.Entry, &c, merkle.LeafVersion); err != nil {
		return err
	}
	if why := p.withheld(s.Kind); why != nil {
		p.left[*why]++
		p.m.Counts.Withheld++
		w := verify.Withheld{Entry: s.Entry, HiddenVersion: hidden}
		return p.write(verify.WithheldVersionsFile, w.AppendJSON(nil))
	}
	if s.Dropped != nil {
		if by, ok := p.drops[s.Entry]; !ok || by != s.Dropped.By || s.To == store.Forever {
			return unsound("the body of entry %d is gone, and no rule of retention dropped it", s.Entry)
		}
		p.m.Counts.Dropped++
	}
	p.entries[s.Entry].open = true
	r := verify.Record{Entry: s.Entry, Version: s.Committed, To: int64(s.To)}
	var err error
	if p.row, err = r.AppendJSON(p.row[:0]); err != nil {
		return unsound("%s %s cannot be written down: %v", s.Kind, s.Key, err)
	}
	if err := p.write(verify.RecordsFile(s.Kind), p.row); err != nil {
		return err
	}
	ix := p.index[s.Kind]
	if ix == nil {
		if ix, err = newPart(p.dir, s.Kind, archive.Stored); err != nil {
			return err
		}
		p.index[s.Kind] = ix
		k, err := p.Book.Kinds.Named(s.Kind)
		if err != nil {
			return err
		}
		p.kinds[s.Kind] = &verify.Kind{Kind: s.Kind, Title: k.Title}
	}
	p.row = verify.AppendIndex(p.row[:0], &r)
	if _, err := ix.Write(p.row); err != nil {
		return err
	}
	p.kinds[s.Kind].Versions++
	p.m.Counts.Versions++
	if s.To == store.Forever {
		p.kinds[s.Kind].Current++
		p.m.Counts.Current++
		p.current(s)
	}
	if verify.NamesFile(s.Kind) {
		if sum := verify.FileOf(s.Body); sum != "" {
			p.files[sum] = true
		}
	}
	return nil
}

// current takes from records that hold what the manifest says of them.
func (p *packing) current(s *record.Sealed) {
	switch s.Kind {
	case "organisation":
		if s.Key == organisation.Key {
			p.m.Organisation = s.Label
		}
	case collect.RunKind:
		p.commitsTo(s)
	case check.SettingKind:
		var b struct {
			Check    string          `json:"check"`
			Off      bool            `json:"off"`
			Settings json.RawMessage `json:"settings"`
			Reason   string          `json:"reason"`
		}
		if json.Unmarshal(s.Body, &b) == nil {
			p.m.Checks = append(p.m.Checks, verify.Setting{Check: b.Check, Off: b.Off, Settings: string(b.Settings), Reason: b.Reason, By: s.Actor,
				From: store.Moment(s.From).String(), Entry: s.Entry})
		}
	}
}

// results opens the answers of checks. Those about records that are left out are shown as hashes.
func (p *packing) results() error {
	if err := p.write(verify.ResultsFile, nil); err != nil {
		return err
	}
	var head check.CommittedFlip
	var batch [][32]byte
	end := func() error {
		if len(batch) == 0 {
			return nil
		}
		c := merkle.FlipsCommitment(head.Check, head.Hash, batch)
		batch = batch[:0]
		return p.take(head.Entry, &c, merkle.LeafResults)
	}
	hidden := verify.LeftOut{What: "answers of checks about records that are left out or were erased", Why: "Only their hashes are shown."}
	err := (&check.Monitor{Book: p.Book}).Flips(p.ctx, p.tx, func(f check.CommittedFlip) error {
		if f.Entry != head.Entry {
			if err := end(); err != nil {
				return err
			}
			head = f
		}
		if len(f.Commitment) != 32 || f.Version < 0 || f.Version >= p.m.Entries {
			return unsound("an answer of %s in entry %d is damaged", f.Check, f.Entry)
		}
		r := verify.Result{Entry: f.Entry, Commitment: [32]byte(f.Commitment), Flip: merkle.Flip{Check: f.Check, Hash: f.Hash, Version: f.Version, Status: f.Status,
			From: f.From, Known: f.Known, Reason: f.Reason, Basis: f.Basis, Salt: f.Salt}}
		batch = append(batch, r.Commitment)
		switch {
		case f.Salt == nil || !p.entries[f.Version].open:
			r.Withheld = true
			p.left[hidden]++
			p.m.Counts.Withheld++
		case f.Status < 0 || f.Status > 3 || r.Flip.Commitment() != r.Commitment:
			return unsound("an answer of %s in entry %d was changed", f.Check, f.Entry)
		default:
			p.m.Counts.Results++
		}
		return p.write(verify.ResultsFile, r.AppendJSON(nil))
	})
	if err != nil {
		return err
	}
	return end()
}

// series writes the logic and settings of every check that ever answered.
func (p *packing) series() error {
	if err := p.write(verify.ChecksFile, nil); err != nil {
		return err
	}
	return store.Each(p.ctx, p.tx, func(s check.Series) error {
		if sum := sha256.Sum256([]byte(string(s.Content) + "\n" + s.Settings)); string(sum[:]) != string(s.Hash) {
			return unsound("the logic of %s was changed", s.Check)
		}
		out := verify.Series{Check: s.Check, Hash: s.Hash, From: s.Started.String(), Reason: s.Reason, Settings: s.Settings, Logic: string(s.Content)}
		if s.Ended != store.Forever {
			t := s.Ended.String()
			out.To = &t
		}
		b, err := json.Marshal(out)
		if err != nil {
			return err
		}
		return p.write(verify.ChecksFile, append(b, '\n'))
	}, "SELECT id, check_id, hash, content, settings, started, ended, reason, upto, evaluated FROM series ORDER BY check_id, started, id")
}

// covered is a line of coverage.jsonl: for this time the source vouched for the kind, and why it ended.
type covered struct {
	Connection string       `db:"connection" json:"connection"`
	Kind       string       `db:"kind" json:"kind"`
	Part       string       `db:"part" json:"part"`
	Scope      string       `db:"scope" json:"scope"`
	From       store.Moment `db:"valid_from" json:"from"`
	To         store.Moment `db:"valid_to" json:"to"`
	LastRead   store.Moment `db:"last_read" json:"last_read"`
	Reads      int64        `db:"reads" json:"reads"`
	FirstRun   int64        `db:"first_run" json:"first_run"`
	LastRun    int64        `db:"last_run" json:"last_run"`
	Ended      string       `db:"ended" json:"ended"`
}

func (p *packing) coverage() error {
	return store.Each(p.ctx, p.tx, func(c covered) error {
		if p.withheld(c.Kind) != nil {
			return nil
		}
		b, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return p.write(verify.CoverageFile, append(b, '\n'))
	}, `SELECT connection, kind, part, scope, valid_from, valid_to, last_read, reads, first_run, last_run, ended FROM coverage
		ORDER BY connection, kind, part, scope, valid_from, id`)
}

// accounted refuses a package that would leave an entry unexplained.
func (p *packing) accounted() error {
	for i, e := range p.entries {
		if !e.taken {
			return unsound("nothing in it belongs to entry %d, a %s", i, e.typ)
		}
	}
	return nil
}

// blobs packs the files that the records name.
func (p *packing) blobs() error {
	names := slices.Sorted(maps.Keys(p.files))
	for i, name := range names {
		h, err := blob.Parse(name)
		if err != nil {
			return err
		}
		if p.Blobs == nil {
			p.m.Missing = append(p.m.Missing, name)
			continue
		}
		r, _, err := p.Blobs.Open(h)
		if fault.Is(err, fault.NotFound) {
			p.m.Missing = append(p.m.Missing, name)
			continue
		}
		if err != nil {
			return err
		}
		err = p.copy(verify.FilesFolder+name, r)
		r.Close()
		if err != nil {
			return err
		}
		p.m.Counts.Files++
		p.progress("files", int64(i+1), int64(len(names)))
	}
	return nil
}

func (p *packing) copy(name string, r io.Reader) error {
	q, err := p.open(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(q, r); err != nil {
		return err
	}
	return q.done()
}

// finish writes index and readme, and the manifest's lists.
func (p *packing) finish() error {
	if err := p.write(verify.IndexFile, []byte(verify.IndexHeader)); err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(p.index)) {
		ix := p.index[kind]
		if err := ix.done(); err != nil {
			return err
		}
		f, err := os.Open(ix.f.Name())
		if err != nil {
			return cannotWrite(err)
		}
		_, err = io.Copy(p.parts[verify.IndexFile], f)
		if err := errors.Join(err, f.Close(), os.Remove(ix.f.Name())); err != nil {
			return cannotWrite(err)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(p.kinds)) {
		p.m.Kinds = append(p.m.Kinds, *p.kinds[kind])
	}
	for l, n := range p.left {
		l.N = n
		p.m.LeftOut = append(p.m.LeftOut, l)
	}
	slices.SortFunc(p.m.LeftOut, func(a, b verify.LeftOut) int { return strings.Compare(a.What, b.What) })
	p.m.LeftOut = append(p.m.LeftOut, verify.LeftOut{What: "latest values of volatile fields, such as a last use", Why: "They stand outside the history and the log does not commit to them."})
	if err := p.write(verify.ReadmeFile, readme(&p.m)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.parts)) {
		q := p.parts[name]
		if !strings.HasPrefix(name, verify.FilesFolder) {
			if err := q.done(); err != nil {
				return err
			}
		}
		p.m.Files = append(p.m.Files, q.listed())
	}
	return nil
}
