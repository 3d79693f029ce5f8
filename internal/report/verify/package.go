package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/ledger/stamp"
	"tickmark/internal/report/archive"
)

// Options say what to verify against.
type Options struct {
	Key         string           // the verifier key, from somebody other than the package; empty: the package's own word
	Authorities *x509.CertPool   // roots of time-stamp authorities that the verifier trusts; nil: stamps are judged by their own certificates
	Witnesses   []*stamp.Witness // witnesses that the verifier trusts

	Anchors [][]byte // signed checkpoints of the log that outsiders kept: the log must go on from each
}

func (o Options) trusts() bool { return o.Authorities != nil || len(o.Witnesses) > 0 }

const (
	maxManifest = 64 << 20
	maxSmall    = 1 << 20
)

// File verifies a package or a proof. The error is a fault about the file or key itself, such as one that cannot be read;
// what does not hold is in the verdict.
func File(ctx context.Context, path string, o Options) (Verdict, error) {
	f, err := os.Open(path)
	if err != nil {
		return Verdict{}, fault.New(fault.NotFound, "%s cannot be opened: %w.", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return Verdict{}, fault.New(fault.Invalid, "%s is not a file.", path)
	}
	if info.Size() < maxManifest {
		head := make([]byte, 1)
		if _, err := f.ReadAt(head, 0); err == nil && head[0] == '{' {
			b, err := io.ReadAll(io.LimitReader(f, maxManifest))
			if err != nil {
				return Verdict{}, fault.New(fault.Unavailable, "%s cannot be read: %w.", path, err)
			}
			return Proof(b, o)
		}
	}
	return Archive(ctx, f, info.Size(), o)
}

// reading is one verification under way.
type reading struct {
	ctx context.Context
	o   Options
	a   *archive.Reader

	archive, key, signed, anchored, stamped, log, sealed, manifest, records, histories, actions, results, traces, complete, files, index *claim

	vkey     string
	point    merkle.Checkpoint
	m        Manifest
	entries  []entry // of the whole log; the package speaks of the first m.Entries
	seal     int64   // the entry that seals the manifest
	counts   Counts
	kinds    map[string]*Kind
	closings map[int64]closing   // by the entry of the version that ended
	erasures map[int64]int64     // by the entry that was erased: the erasure
	drops    map[int64]*dropping // by the entry of a version: the dropping of its body
	dropped  []*dropping
	hidden   int64             // closings withheld
	untold   int64             // answers withheld
	logics   map[string]bool   // checks with hashes whose content is in the package
	wanted   map[string]string // SHA-256 of files that records name: by which record
	indexing hash.Hash         // of the index that the records give
	listed   map[string]bool   // paths in the manifest
	limits   []string
	stamps   []stamped

	sources   map[int64]*source       // by run
	destroyed map[[2]int64]int64      // by run and number of an answer: the entry that destroyed its bytes
	bodies    map[[32]byte][][2]int64 // the SHA-256 of bytes that must be there: of which answers, by run and number

	gone, unkept, covered int64  // answers whose bytes are not there: destroyed, never kept, withheld
	bare, untraced        int64  // opened versions without an answer that is there, and of runs that commit to none
	since                 string // what the stamps prove of the time
}

type closing struct {
	at   int64
	seen bool
}

// Archive verifies a package.
func Archive(ctx context.Context, r io.ReaderAt, size int64, o Options) (Verdict, error) {
	v := &reading{ctx: ctx, o: o, kinds: map[string]*Kind{}, closings: map[int64]closing{}, erasures: map[int64]int64{}, drops: map[int64]*dropping{}, logics: map[string]bool{},
		wanted: map[string]string{}, seal: -1, sources: map[int64]*source{}, destroyed: map[[2]int64]int64{}, bodies: map[[32]byte][][2]int64{}}
	if o.Key != "" {
		if _, err := note.NewVerifier(o.Key); err != nil {
			return Verdict{}, fault.New(fault.Usage, "The key %q is not a verifier key: %w.", o.Key, err).WithNext("It looks like name+hash+key; tickmark ledger checkpoint prints it.")
		}
	}
	v.archive = &claim{text: "The file is a whole package, every byte around its files is as the format prescribes, and it has no file that its manifest does not list."}
	v.key = &claim{text: "The package's key is the key you gave."}
	v.signed = &claim{text: "The checkpoint is signed by that key."}
	if o.Key == "" {
		v.key.text = "The package names a key."
		v.signed.text = "The checkpoint is signed by the key that the package itself names."
	}
	v.log = &claim{text: "The log is the one that the checkpoint states: no entry was removed, changed, added or moved."}
	v.anchored = &claim{text: "The log goes on from every checkpoint you gave."}
	v.stamped = &claim{text: "The log goes on from every checkpoint that an authority you trust has stamped."}
	if len(o.Witnesses) > 0 {
		v.stamped.text = "The log goes on from every checkpoint that an authority or witness you trust has signed."
	}
	if !o.trusts() {
		v.stamped.text = "The log goes on from every checkpoint that the package has a stamp for."
	}
	v.sealed = &claim{text: "The manifest is the one that the log sealed when the package was made."}
	v.manifest = &claim{text: "Every file is the one that the manifest lists, and what it counts is there."}
	v.actions = &claim{text: "Every action, closing and erasure is what the log committed to."}
	v.records = &claim{text: "Every version of every record is what the log committed to."}
	v.histories = &claim{text: "Every record's history is unbroken: each version follows the one before, and ends when the log says."}
	v.results = &claim{text: "Every answer of a check is what the log committed to, and its logic is in the package."}
	v.traces = &claim{text: "What sources answered is in the package as it came, and which record was made of which answer is what the runs committed to."}
	v.files = &claim{text: "Every file that a record names is in the package under its own SHA-256."}
	v.index = &claim{text: "The index lists exactly the records in the package."}
	v.complete = &claim{text: "Every entry of the log up to that moment is opened in the package, or listed as withheld or erased."}
	if err := v.run(r, size); err != nil {
		if ctx.Err() != nil {
			return Verdict{}, ctx.Err()
		}
		return Verdict{}, err
	}
	return v.verdict(), nil
}

func (v *reading) verdict() Verdict {
	claims := []*claim{v.archive, v.key, v.signed, v.log}
	if len(v.o.Anchors) > 0 {
		claims = append(claims, v.anchored)
	}
	if len(v.stamps) > 0 || v.stamped.failed() || v.o.trusts() {
		claims = append(claims, v.stamped)
	}
	claims = append(claims, v.sealed, v.manifest, v.records, v.histories, v.actions, v.results)
	if v.m.Answers {
		claims = append(claims, v.traces)
	}
	claims = append(claims, v.files, v.index, v.complete)
	if v.m.Format == "" && v.archive.failed() {
		v.dependsOn("the archive is not sound.", v.archive, claims[1:]...)
	}
	v.dependsOn("the key is not the one you gave.", v.key, v.signed)
	v.dependsOn("the checkpoint is not signed by the key.", v.signed, v.log, v.anchored, v.stamped)
	v.dependsOn("the log is not the one that the checkpoint states.", v.log, v.anchored, v.stamped, v.sealed, v.records, v.histories, v.actions, v.results, v.traces, v.complete)
	v.dependsOn("the manifest is not the one that the log sealed.", v.sealed, v.manifest)
	v.dependsOn("the files are not those that the manifest lists.", v.manifest, v.histories, v.traces, v.files, v.index, v.complete)
	v.dependsOn("the records are not those that the log committed to.", v.records, v.traces)
	return verdict(claims, v.limits)
}

// dependsOn says of claims that would hold that they do not when what they rest on does not.
func (v *reading) dependsOn(why string, on *claim, claims ...*claim) {
	if on.sound() {
		return
	}
	for _, c := range claims {
		if c.skipped == "" {
			c.skipped = why
		}
	}
}

// problem puts a fault into the claim and returns any other error.
func problem(c *claim, err error) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		c.fail("%s", f.Message)
		return nil
	}
	return err
}

func (v *reading) run(r io.ReaderAt, size int64) error {
	var err error
	if v.a, err = archive.Open(r, size); err != nil {
		return problem(v.archive, err)
	}
	small := map[string][]byte{}
	for name, limit := range map[string]int64{ManifestFile: maxManifest, SealFile: maxSmall, CheckpointFile: maxSmall, KeyFile: maxSmall} {
		if m, ok := v.a.Member(name); ok && m.Method != archive.Stored {
			v.archive.fail("%s is packed; it must stand as it is.", name)
			continue
		}
		b, err := v.a.All(name, limit)
		if err != nil {
			if err := problem(v.archive, err); err != nil {
				return err
			}
			continue
		}
		small[name] = b
	}
	if m, ok := v.a.Member(LogFile); !ok {
		v.archive.fail("%s is missing from the package.", LogFile)
	} else if m.Method != archive.Stored {
		v.archive.fail("%s is packed; it must stand as it is.", LogFile)
	}
	if v.archive.failed() {
		return nil
	}
	v.checkKey(string(small[KeyFile]))
	v.checkSigned(small[CheckpointFile])
	if err := v.checkLog(); err != nil {
		return err
	}
	if ok, err := v.readManifest(small[ManifestFile]); !ok || err != nil {
		return err
	}
	v.checkSeal(small[SealFile], small[ManifestFile])
	if err := v.content(); err != nil {
		return err
	}
	if err := v.checkStamps(); err != nil {
		return err
	}
	v.accounted()
	v.sayLimits()
	return nil
}

func (v *reading) checkKey(text string) {
	v.vkey = strings.TrimSuffix(text, "\n")
	if _, err := note.NewVerifier(v.vkey); err != nil || text != v.vkey+"\n" {
		v.key.fail("%s does not hold a verifier key: %q.", KeyFile, text)
		v.vkey = v.o.Key
		return
	}
	switch {
	case v.o.Key == "":
		v.key.hold("%s. Nobody but the package vouches for it: compare it with what its maker tells you by another way, and give it with --key.", v.vkey)
	case v.vkey != v.o.Key:
		v.key.fail("The package's key is %s, yours is %s.", v.vkey, v.o.Key)
		v.vkey = v.o.Key
	default:
		v.key.hold("%s.", v.vkey)
	}
}

func (v *reading) checkSigned(signed []byte) {
	if v.vkey == "" {
		return
	}
	var err error
	if v.point, err = checkpoint(signed, v.vkey); err != nil {
		v.signed.fail("%s", sentenceOf(err))
		return
	}
	v.signed.hold("%s states %s with the root %s.", v.point.Origin, count(v.point.Size, "entry", "entries"), v.point.Root)
}

func (v *reading) checkLog() error {
	at := map[int64]bool{}
	anchors := make([]merkle.Checkpoint, 0, len(v.o.Anchors))
	for _, a := range v.o.Anchors {
		c, err := merkle.OpenCheckpoint(a, v.vkey)
		if err != nil {
			v.anchored.fail("%s", sentenceOf(err))
			continue
		}
		at[c.Size] = true
		anchors = append(anchors, c)
	}
	m, _ := v.a.Member(LogFile)
	entries, roots, err := readLog(v.a.Open(m), v.point.Size, at)
	v.entries = entries
	if err != nil {
		v.log.fail("%s", sentenceOf(err))
		return v.ctx.Err()
	}
	n := int64(len(entries))
	switch root := roots[n]; {
	case v.point.Origin == "":
		v.log.skipped = "there is no checkpoint to compare it with."
	case n != v.point.Size:
		v.log.fail("The package has %s, the checkpoint states %s.", count(n, "entry", "entries"), number(v.point.Size))
	case root != v.point.Root:
		v.log.fail("The entries give the root %s, the checkpoint states %s: at least one was changed, replaced or moved.", root, v.point.Root)
	default:
		v.log.hold("%s, recorded up to %s, give the root that the checkpoint states.", count(n, "entry", "entries"), v.lastAt(n))
	}
	for _, c := range anchors {
		root, ok := roots[c.Size]
		switch {
		case !ok:
			v.anchored.fail("Your checkpoint states %s, the package's log has only %s: it is older, or entries were removed.", count(c.Size, "entry", "entries"), number(n))
		case root != c.Root:
			v.anchored.fail("The first %s are not those that your checkpoint states: the log was rewritten.", count(c.Size, "entry", "entries"))
		}
	}
	if len(anchors) > 0 {
		largest := slices.MaxFunc(anchors, func(a, b merkle.Checkpoint) int { return int(min(max(a.Size-b.Size, -1), 1)) })
		v.anchored.hold("The first %s are exactly those that you knew.", count(largest.Size, "entry", "entries"))
	}
	return nil
}

func (v *reading) lastAt(n int64) string {
	if n == 0 {
		return "no time"
	}
	return moment(v.entries[n-1].at)
}

// readManifest reports whether there is a manifest to go on with.
func (v *reading) readManifest(b []byte) (bool, error) {
	if err := strict(b, &v.m); err != nil {
		v.sealed.fail("%s cannot be read: %v.", ManifestFile, err)
		return false, nil
	}
	if v.m.Format != Format && (v.m.Format != FormatV1 || v.m.Answers) {
		v.sealed.fail("The manifest says the format is %q; this program knows %q and %q.", v.m.Format, Format, FormatV1)
		return false, nil
	}
	if v.m.Entries < 0 || v.m.Entries > int64(len(v.entries)) {
		v.sealed.fail("The manifest speaks of %d entries, the log has %d.", v.m.Entries, len(v.entries))
		return false, nil
	}
	v.listed = map[string]bool{}
	last := ""
	for _, f := range v.m.Files {
		if f.Path <= last {
			v.manifest.fail("The manifest lists %s out of order.", f.Path)
		}
		last = f.Path
		v.listed[f.Path] = true
		if outer(f.Path) || !known(f.Path) {
			v.manifest.fail("The manifest lists %s, which is no file of this format.", f.Path)
		} else if _, ok := v.a.Member(f.Path); !ok {
			v.manifest.fail("%s is missing from the package.", f.Path)
		}
	}
	for _, m := range v.a.Members {
		if !v.listed[m.Name] && !outer(m.Name) {
			v.archive.fail("%s was added: the manifest does not list it.", m.Name)
		}
	}
	if !v.archive.failed() {
		v.archive.hold("%s.", count(int64(len(v.a.Members)), "file", "files"))
	}
	return true, nil
}

func (v *reading) checkSeal(seal, manifest []byte) {
	a, err := parseAction(bytes.TrimSuffix(seal, []byte("\n")))
	if err != nil {
		v.sealed.fail("%s cannot be read: %v.", SealFile, err)
		return
	}
	if again, err := a.AppendJSON(nil); err != nil || !bytes.Equal(again, seal) {
		v.sealed.fail("%s is not spelt as it must be.", SealFile)
		return
	}
	var d SealDetail
	if err := strict(a.Detail, &d); err != nil {
		v.sealed.fail("%s does not say what it seals: %v.", SealFile, err)
		return
	}
	if a.Entry < v.m.Entries || a.Entry >= int64(len(v.entries)) {
		v.sealed.fail("The seal is said to be entry %d, which is not among those after the package's content.", a.Entry)
		return
	}
	e := v.entries[a.Entry]
	sum := sha256.Sum256(manifest)
	switch {
	case e.typ != manifestLeaf || a.Type != merkle.LeafManifest || a.Verb != SealVerb:
		v.sealed.fail("Entry %d of the log is not the seal of a package (%s).", a.Entry, e.typ)
	case e.commitment != a.Commitment() || e.at != a.At:
		v.sealed.fail("%s is not what entry %d of the log committed to.", SealFile, a.Entry)
	case d.Manifest != hex.EncodeToString(sum[:]):
		v.sealed.fail("%s was changed: the log sealed one with the SHA-256 %s, this one has %x.", ManifestFile, d.Manifest, sum)
	case d.Entries != v.m.Entries:
		v.sealed.fail("The seal speaks of %d entries, the manifest of %d.", d.Entries, v.m.Entries)
	case v.m.Origin != v.point.Origin && v.point.Origin != "":
		v.sealed.fail("The manifest speaks of the log %s, the checkpoint of %s.", v.m.Origin, v.point.Origin)
	case v.m.By != a.Actor:
		v.sealed.fail("The manifest says that %s made the package, the seal says %s.", v.m.By, a.Actor)
	default:
		v.sealed.hold("Entry %d, recorded %s by %s.", a.Entry, moment(a.At), a.Actor)
	}
	v.seal = a.Entry
}

// accounted looks for entries that nothing accounts for.
func (v *reading) accounted() {
	n := map[leafType]int64{}
	for i, e := range v.entries[:v.m.Entries] {
		if !e.taken {
			v.complete.fail("Entry %d (%s, recorded %s) is neither opened nor listed: something was removed.", i, e.typ, moment(e.at))
		}
		n[e.typ]++
	}
	d := fmt.Sprintf("%s up to %s: %s, %s, %s, %s", count(v.m.Entries, "entry", "entries"), v.lastAt(v.m.Entries), count(n[versionLeaf], "version", "versions"),
		count(n[closeLeaf], "closing", "closings"), count(n[resultsLeaf], "batch of answers", "batches of answers"), count(n[actionLeaf]+n[erasureLeaf]+n[manifestLeaf], "action", "actions"))
	if v.counts.Withheld+v.counts.Erased > 0 {
		d += fmt.Sprintf("; of these things %s withheld and %s erased", number(v.counts.Withheld), number(v.counts.Erased))
	}
	v.complete.hold("%s.", d)
	if v.m.AsOf != asOf(v.entries[:v.m.Entries]) {
		v.complete.fail("The manifest says it is as of %s, the log says %s.", v.m.AsOf, asOf(v.entries[:v.m.Entries]))
	}
}

func asOf(entries []entry) string {
	if len(entries) == 0 {
		return ""
	}
	return moment(entries[len(entries)-1].at)
}

func (v *reading) sayLimits() {
	v.limits = append(v.limits, "A log proves what was recorded, when, and that it was not changed since. It does not prove that a source told the truth, nor that everything that matters was connected.")
	if v.since != "" && !v.o.trusts() {
		v.limits = append(v.limits, "Who stamped is what the stamps say of themselves: anyone can make a certificate or a key. Give the authority's root with --authority, or the witness's key with --witness.")
	}
	if v.since != "" && v.o.trusts() {
		v.limits = append(v.limits, "Unchanged means: "+v.since+". What came after the last stamp, no outsider has seen yet.")
	} else if len(v.o.Anchors) == 0 {
		v.limits = append(v.limits, "Unchanged means: since an outsider first knew a checkpoint of this log. Whoever holds its signing key could have written another log before. Give checkpoints that you kept, and the log is compared with them.")
	}
	if v.o.Key == "" {
		v.limits = append(v.limits, "No key was given: everything above rests on the package's own key, which anyone could have made.")
	}
	if _, ok := v.a.Member(CoverageFile); ok {
		v.limits = append(v.limits, "Coverage ("+CoverageFile+") is what the maker of the package states; the log seals the statement and does not prove it. An answer stands only for the time in which its sources were covered.")
	}
	if later := int64(len(v.entries)) - v.m.Entries - 1; later > 0 {
		v.limits = append(v.limits, fmt.Sprintf("%s came after the moment the package speaks of; they are in the log and not opened.", count(later, "entry", "entries")))
	}
	v.sayDropped()
	switch {
	case v.m.Format == FormatV1:
		v.limits = append(v.limits, "What sources answered is not in the package: its format is the first, which has no place for it.")
	case v.m.Answers:
		v.limits = append(v.limits, "That a record says what its source's answers say is for the reader to see: the log proves that it was made of them, and that both are unchanged.")
	}
	if v.m.Redacted {
		v.limits = append(v.limits, Redacted)
	}
	for _, l := range v.m.LeftOut {
		n := ""
		if l.N > 0 {
			n = " (" + number(l.N) + ")"
		}
		v.limits = append(v.limits, "Left out: "+l.What+n+". "+l.Why)
	}
	if n := len(v.m.Missing); n > 0 {
		v.limits = append(v.limits, fmt.Sprintf("%s named by records could not be put into the package; the manifest lists them.", count(int64(n), "file", "files")))
	}
}

// sayDropped says by rule and kind which bodies are gone.
func (v *reading) sayDropped() {
	type rule struct {
		kind, rule string
		days       int64
	}
	type sum struct{ n, first, last int64 }
	all := map[rule]sum{}
	var order []rule
	for _, d := range v.dropped {
		if d.found == 0 {
			continue
		}
		r := rule{d.Kind, d.Rule, d.Days}
		s, ok := all[r]
		if !ok {
			order = append(order, r)
			s.first = d.at
		}
		all[r] = sum{s.n + d.found, s.first, d.at}
	}
	for _, r := range order {
		s := all[r]
		when := "on " + day(s.first)
		if day(s.first) != day(s.last) {
			when = "from " + day(s.first) + " to " + day(s.last)
		}
		v.limits = append(v.limits, fmt.Sprintf("Without a body: %s of %s, dropped %s by the retention rule %s, %s or more after each had ended. That they stood, when, and the hash of what they said is proved. What they said is not told here; a copy of it can be proved with their salts.",
			count(s.n, "version", "versions"), r.kind, when, r.rule, count(r.days, "day", "days")))
	}
}

func day(micro int64) string { return time.UnixMicro(micro).UTC().Format(time.DateOnly) }
