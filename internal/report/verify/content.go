package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tickmark/internal/ledger/merkle"
	"tickmark/internal/report/archive"
)

const maxLine = 64 << 20

// content reads every file that the manifest lists, once: each is hashed while its lines are judged.
func (v *reading) content() error {
	files := map[string]Listed{}
	for _, f := range v.m.Files {
		files[f.Path] = f
	}
	v.indexing = sha256.New()
	v.indexing.Write([]byte(IndexHeader))
	steps := []struct {
		path string
		c    *claim
		line func([]byte, int) error
	}{
		{ActionsFile, v.actions, v.action},
		{ErasedFile, v.actions, v.erased},
		{WithheldVersionsFile, v.records, v.withheldVersion},
		{WithheldActionsFile, v.actions, v.withheldAction},
		{ChecksFile, v.results, v.series},
	}
	for _, s := range steps {
		if f, ok := files[s.path]; ok {
			if err := v.lines(f, s.c, s.line); err != nil {
				return err
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if recordsName.MatchString(path) {
			h := &history{v: v, kind: strings.TrimSuffix(strings.TrimPrefix(path, RecordsFolder), ".jsonl")}
			if err := v.read(files[path], func(r io.Reader) error { return h.read(r, files[path]) }); err != nil {
				return err
			}
			h.end()
		}
	}
	if f, ok := files[ResultsFile]; ok {
		b := &batch{v: v, entry: -1}
		if err := v.lines(f, v.results, b.line); err != nil {
			return err
		}
		b.end()
	}
	if err := v.checkAnswers(files); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if path == IndexFile || path == ReadmeFile || path == CoverageFile || blobName.MatchString(path) {
			if err := v.plain(files[path]); err != nil {
				return err
			}
		}
	}
	v.concluded(files)
	return nil
}

// read hands a file to fn and compares its sums. What fn does not read is read here.
func (v *reading) read(f Listed, fn func(io.Reader) error) error {
	m, ok := v.a.Member(f.Path)
	if !ok {
		return nil // the manifest's claim says so
	}
	c := v.a.Open(m)
	err := fn(&stoppable{v, c})
	if err == nil {
		_, err = io.Copy(io.Discard, &stoppable{v, c})
	}
	if err != nil {
		if v.ctx.Err() != nil {
			return v.ctx.Err()
		}
		return problem(v.manifest, err)
	}
	content, packed := c.Sums()
	if m.Size != f.Size {
		v.manifest.fail("%s was changed: it has %d bytes, the manifest says %d.", f.Path, m.Size, f.Size)
	} else if hex.EncodeToString(content[:]) != f.SHA256 {
		v.manifest.fail("%s was changed: its SHA-256 is %x, the manifest says %s.", f.Path, content, f.SHA256)
	} else if m.Packed != f.Packed || hex.EncodeToString(packed[:]) != f.PackedSHA256 {
		v.manifest.fail("%s was packed anew or its packing changed: the packed bytes have the SHA-256 %x, the manifest says %s.", f.Path, packed, f.PackedSHA256)
	}
	return nil
}

type stoppable struct {
	v *reading
	c *archive.Content
}

func (s *stoppable) Read(b []byte) (int, error) {
	if err := s.v.ctx.Err(); err != nil {
		return 0, err
	}
	return s.c.Read(b)
}

// lines hands over each line without its end. An error of fn speaks against the claim and the next line is read.
func (v *reading) lines(f Listed, c *claim, fn func(line []byte, n int) error) error {
	return v.read(f, func(r io.Reader) error {
		return eachLine(r, f, c, func(line []byte, n int) {
			if err := fn(line, n); err != nil {
				c.fail("%s, line %d: %s", f.Path, n, sentenceOf(err))
			}
		})
	})
}

func eachLine(r io.Reader, f Listed, c *claim, fn func(line []byte, n int)) error {
	br := bufio.NewReaderSize(r, int(min(1<<18, max(f.Size, 16))))
	var long []byte
	for n := 1; ; n++ {
		part, err := br.ReadSlice('\n')
		line := part
		if err == bufio.ErrBufferFull {
			long = append(long[:0], part...)
			for err == bufio.ErrBufferFull {
				if part, err = br.ReadSlice('\n'); len(long)+len(part) > maxLine {
					c.fail("%s, line %d: it is longer than %d bytes.", f.Path, n, maxLine)
					return nil
				}
				long = append(long, part...)
			}
			line = long
		}
		if err == io.EOF {
			if len(line) > 0 {
				c.fail("%s ends within line %d.", f.Path, n)
			}
			return nil
		}
		if err != nil {
			return err
		}
		fn(line[:len(line)-1], n)
	}
}

// plain reads a file whose content is judged by its hash alone.
func (v *reading) plain(f Listed) error {
	if blobName.MatchString(f.Path) {
		name := strings.TrimPrefix(f.Path, FilesFolder)
		if name != f.SHA256 {
			v.files.fail("%s is listed with the SHA-256 %s.", f.Path, f.SHA256)
		}
		if v.wanted[name] == "" {
			v.files.fail("%s belongs to no record in the package.", f.Path)
		}
		delete(v.wanted, name)
		v.counts.Files++
	}
	return v.read(f, func(io.Reader) error { return nil })
}

// take marks an entry as accounted for and returns it.
func (v *reading) take(i int64, want ...leafType) (entry, error) {
	if i < 0 || i >= v.m.Entries {
		return entry{}, fmt.Errorf("entry %d is not among the %d that the package speaks of", i, v.m.Entries)
	}
	e := &v.entries[i]
	if !slices.Contains(want, e.typ) {
		return *e, fmt.Errorf("entry %d of the log is %s", i, article(e.typ.String()))
	}
	if e.taken {
		return *e, fmt.Errorf("entry %d is in the package twice", i)
	}
	e.taken = true
	return *e, nil
}

func article(s string) string {
	switch {
	case strings.HasPrefix(s, "of "):
		return s
	case s == merkle.LeafResults:
		return "a batch of answers"
	case strings.ContainsRune("aeiou", rune(s[0])):
		return "an " + s
	}
	return "a " + s
}

func (v *reading) action(b []byte, _ int) error {
	a, err := parseAction(b)
	if err != nil {
		return err
	}
	typ := leafTypeOf(a.Type)
	switch typ {
	case actionLeaf, closeLeaf, erasureLeaf, manifestLeaf:
	default:
		return fmt.Errorf("%q is no type of action", a.Type)
	}
	e, err := v.take(a.Entry, typ)
	if err != nil {
		return err
	}
	if e.commitment != a.Commitment() || e.at != a.At {
		return fmt.Errorf("the %s %s is not what entry %d of the log committed to", a.Type, a.Verb, a.Entry)
	}
	v.counts.Actions++
	switch typ {
	case closeLeaf:
		var d struct {
			Version *int64 `json:"version"`
		}
		if err := json.Unmarshal(a.Detail, &d); err != nil || d.Version == nil {
			return fmt.Errorf("the closing in entry %d does not say which version it ends", a.Entry)
		}
		if _, twice := v.closings[*d.Version]; twice {
			return fmt.Errorf("the version in entry %d is closed twice", *d.Version)
		}
		if *d.Version < 0 || *d.Version >= a.Entry || v.entries[*d.Version].typ != versionLeaf {
			return fmt.Errorf("the closing in entry %d ends entry %d, which is no version before it", a.Entry, *d.Version)
		}
		v.closings[*d.Version] = closing{at: a.At}
	case erasureLeaf:
		if a.Verb == dropVerb {
			return v.dropping(a)
		}
		var d struct {
			Entries []int64    `json:"entries"`
			Answers [][2]int64 `json:"answers"`
		}
		if err := json.Unmarshal(a.Detail, &d); err != nil {
			return fmt.Errorf("the erasure in entry %d does not say what it erased", a.Entry)
		}
		for _, x := range d.Answers {
			v.destroyed[x] = a.Entry
		}
		for _, i := range d.Entries {
			if i >= 0 && i < a.Entry {
				v.erasures[i] = a.Entry
			}
		}
	}
	return nil
}

// dropVerb is the verb of an erasure that destroyed bodies by a rule of retention, and nothing else.
const dropVerb = "record.dropped"

// dropping is what the log says of bodies that a rule of retention dropped.
type dropping struct {
	Kind    string  `json:"kind"`
	Rule    string  `json:"rule"`
	Days    int64   `json:"days"`
	Entries []int64 `json:"entries"`

	Answers [][2]int64 `json:"answers"`

	entry int64
	at    int64
	found int64 // versions without their bodies in the package
}

func (v *reading) dropping(a Action) error {
	d := &dropping{entry: a.Entry, at: a.At}
	if err := json.Unmarshal(a.Detail, d); err != nil || d.Days < 0 || d.Days > 1<<20 {
		return fmt.Errorf("the dropping in entry %d does not say what it dropped", a.Entry)
	}
	for _, i := range d.Entries {
		if i >= 0 && i < a.Entry {
			v.drops[i] = d
		}
	}
	for _, x := range d.Answers {
		v.destroyed[x] = a.Entry
	}
	v.dropped = append(v.dropped, d)
	return nil
}

// lost judges a version whose body was dropped: the log must say so, and by a rule that it had outlived.
func (v *reading) lost(r *Record) error {
	d := v.drops[r.Entry]
	switch {
	case r.To == noTime:
		return fmt.Errorf("%s %q from %s is said to hold, and its body is gone: no rule drops that", r.Kind, r.Key, moment(r.From))
	case d == nil || d.entry != r.Dropped.By || d.Kind != r.Kind:
		return fmt.Errorf("the body of %s %q from %s is gone, and no rule of retention in the log dropped it", r.Kind, r.Key, moment(r.From))
	case r.To+d.Days*24*3600*1e6 > d.at:
		return fmt.Errorf("the body of %s %q from %s was dropped at %s, less than %s after it ended", r.Kind, r.Key, moment(r.From), moment(d.at), count(d.Days, "day", "days"))
	}
	d.found++
	v.counts.Dropped++
	return nil
}

func (v *reading) erased(b []byte, _ int) error {
	var e Erased
	if err := strict(b, &e); err != nil {
		return err
	}
	if by, ok := v.erasures[e.Entry]; !ok || by != e.By {
		return fmt.Errorf("entry %d is said to be erased, and no erasure in the log says so", e.Entry)
	}
	if _, err := v.take(e.Entry, versionLeaf, closeLeaf); err != nil {
		return err
	}
	v.counts.Erased++
	return nil
}

func (v *reading) withheldVersion(b []byte, _ int) error {
	w, err := parseWithheld(b)
	if err != nil {
		return err
	}
	e, err := v.take(w.Entry, versionLeaf)
	if err != nil {
		return err
	}
	if e.commitment != w.Commitment() || e.at != w.From {
		return fmt.Errorf("the withheld version of a %s is not what entry %d of the log committed to", w.Kind, w.Entry)
	}
	if v.listed[RecordsFile(w.Kind)] {
		return fmt.Errorf("a version of %s is withheld, and others of that kind are not", w.Kind)
	}
	v.counts.Withheld++
	return nil
}

func (v *reading) withheldAction(b []byte, _ int) error {
	w, err := parseWithheldAction(b)
	if err != nil {
		return err
	}
	typ := leafTypeOf(w.Type)
	if typ != actionLeaf && typ != closeLeaf {
		return fmt.Errorf("a %s is never withheld", w.Type)
	}
	e, err := v.take(w.Entry, typ)
	if err != nil {
		return err
	}
	if e.commitment != w.Commitment() || e.at != w.At {
		return fmt.Errorf("the withheld %s %s is not what entry %d of the log committed to", w.Type, w.Verb, w.Entry)
	}
	v.counts.Withheld++
	if typ == closeLeaf {
		v.hidden++
	}
	return nil
}

// NamesFile says whether records of a kind name a file by its SHA-256; a policy's version has one too, of its text.
func NamesFile(kind string) bool {
	return kind == "evidence" || kind == "attachment" || kind == "report"
}

// FileOf is the SHA-256 of the file that an evidence's or attachment's body names; empty when it names none.
func FileOf(body []byte) string {
	if !bytes.Contains(body, []byte(`"sha256"`)) {
		return ""
	}
	var b struct {
		SHA256 string `json:"sha256"`
	}
	if json.Unmarshal(body, &b) != nil || !blobName.MatchString(FilesFolder+b.SHA256) {
		return ""
	}
	return b.SHA256
}

func (v *reading) series(b []byte, _ int) error {
	var s Series
	if err := strict(b, &s); err != nil {
		return err
	}
	if sum := sha256.Sum256([]byte(s.Logic + "\n" + s.Settings)); !bytes.Equal(sum[:], s.Hash) {
		return fmt.Errorf("the logic and settings of %s are not those of the hash %x", s.Check, s.Hash)
	}
	v.logics[s.Check+string(s.Hash)] = true
	return nil
}

// batch gathers the answers of one entry.
type batch struct {
	v     *reading
	entry int64
	check string
	hash  []byte
	flips [][32]byte
}

func (b *batch) line(text []byte, _ int) error {
	r, err := parseResult(text)
	if err != nil {
		b.flips = append(b.flips, [32]byte{}) // the batch cannot hold
		return err
	}
	if r.Entry < 0 || r.Entry >= b.v.m.Entries {
		return fmt.Errorf("entry %d is not among the %d that the package speaks of", r.Entry, b.v.m.Entries)
	}
	if r.Entry != b.entry {
		b.end()
		b.entry, b.check, b.hash, b.flips = r.Entry, r.Check, r.Hash, b.flips[:0]
	}
	if r.Check != b.check || !bytes.Equal(r.Hash, b.hash) {
		return fmt.Errorf("entry %d is said to hold answers of %s and of %s", r.Entry, b.check, r.Check)
	}
	b.flips = append(b.flips, r.Commitment)
	v := b.v
	if !v.logics[r.Check+string(r.Hash)] {
		v.logics[r.Check+string(r.Hash)] = true // said once
		v.results.fail("The logic of %s with the hash %x is not in the package.", r.Check, r.Hash)
	}
	if r.Withheld {
		v.counts.Withheld++
		v.untold++
		return nil
	}
	v.counts.Results++
	switch {
	case r.Version < -1 || r.Version >= r.Entry || r.Version >= 0 && v.entries[r.Version].typ != versionLeaf:
		return fmt.Errorf("the answer of %s names entry %d, which is no version before it", r.Check, r.Version)
	case v.entries[r.Entry].at != r.Known:
		return fmt.Errorf("the answer of %s is said to be known since %s, the log says %s", r.Check, moment(r.Known), moment(v.entries[r.Entry].at))
	}
	return nil
}

func (b *batch) end() {
	if b.entry < 0 {
		return
	}
	e, err := b.v.take(b.entry, resultsLeaf)
	if err == nil && e.commitment != merkle.FlipsCommitment(b.check, b.hash, b.flips) {
		err = errors.New("the answers of " + b.check + " are not those that entry " + fmt.Sprint(b.entry) + " of the log committed to")
	}
	if err != nil {
		b.v.results.fail("%s: %s", ResultsFile, sentenceOf(err))
	}
	b.entry = -1
}

// concluded says from what the claims about content hold, and compares what was counted with what the manifest says.
func (v *reading) concluded(files map[string]Listed) {
	for version, c := range v.closings {
		switch e := v.entries[version]; {
		case !e.taken:
			v.histories.fail("Entry %d is closed at %s and is not in the package.", version, moment(c.at))
		case e.open && !c.seen:
			v.histories.fail("Entry %d is closed at %s, and another version is said to follow it.", version, moment(c.at))
		}
	}
	for _, s := range slices.Sorted(maps.Keys(v.wanted)) {
		if !slices.Contains(v.m.Missing, s) {
			v.files.fail("The file %s of %s is not in the package.", s, v.wanted[s])
		}
	}
	for _, s := range v.m.Missing {
		if v.wanted[s] == "" {
			v.files.fail("The manifest says that the file %q is missing, and no record names it or it is there.", s)
		}
	}
	if f, ok := files[IndexFile]; !ok {
		v.index.fail("There is no index.")
	} else if hex.EncodeToString(v.indexing.Sum(nil)) != f.SHA256 {
		v.index.fail("The index is not the one that the records give.")
	}
	c, m := v.counts, v.m.Counts
	for _, n := range []struct {
		what         string
		there, state int64
	}{{"versions", c.Versions, m.Versions}, {"records that hold", c.Current, m.Current}, {"actions", c.Actions, m.Actions}, {"answers", c.Results, m.Results},
		{"things withheld", c.Withheld, m.Withheld}, {"things erased", c.Erased, m.Erased}, {"bodies dropped", c.Dropped, m.Dropped}, {"files", c.Files, m.Files},
		{"unedited answers", c.Answers, m.Answers}, {"versions made of them", c.Traced, m.Traced}} {
		if n.there != n.state {
			v.manifest.fail("The manifest counts %s %s, the package has %s.", number(n.state), n.what, number(n.there))
		}
	}
	stated := map[string]bool{}
	for _, k := range v.m.Kinds {
		stated[k.Kind] = true
		there := v.kinds[k.Kind]
		if there == nil {
			there = &Kind{}
		}
		if there.Versions != k.Versions || there.Current != k.Current {
			v.manifest.fail("The manifest counts %s of %s, %s of them current; the package has %s and %s.", count(k.Versions, "version", "versions"), k.Kind,
				number(k.Current), number(there.Versions), number(there.Current))
		}
	}
	for kind := range v.kinds {
		if !stated[kind] {
			v.manifest.fail("The manifest does not count the kind %s.", kind)
		}
	}
	v.manifest.hold("%s.", count(int64(len(files)), "file", "files"))
	gone := ""
	if c.Dropped > 0 {
		gone = fmt.Sprintf("; of %s the body was dropped by a rule of retention, and only its hash is left", number(c.Dropped))
	}
	v.records.hold("%s of %s; %s hold at %s%s.", count(c.Versions, "version", "versions"), count(int64(len(v.kinds)), "kind", "kinds"), number(c.Current), v.lastAt(v.m.Entries), gone)
	told := fmt.Sprintf("%s, %s", count(c.Versions, "version", "versions"), count(int64(len(v.closings)), "closing", "closings"))
	if v.hidden > 0 {
		told += fmt.Sprintf("; %s withheld, so that a record said to hold may have ended", count(v.hidden, "closing is", "closings are"))
	}
	v.histories.hold("%s.", told)
	v.actions.hold("%s.", count(c.Actions, "action", "actions"))
	answers := count(c.Results, "change of an answer", "changes of answers")
	if v.untold > 0 {
		answers += fmt.Sprintf("; %s withheld, and what they say is not told", number(v.untold))
	}
	v.results.hold("%s.", answers)
	held := count(c.Files, "file", "files")
	if len(v.m.Missing) > 0 {
		held += "; the manifest says that " + number(int64(len(v.m.Missing))) + " more could not be put in"
	}
	v.files.hold("%s.", held)
	v.index.hold("%s.", count(c.Versions, "line", "lines"))
}
