package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"tickmark/internal/ledger/merkle"
)

// The record of a run commits to its answers and to which version was made of which of them, so that three files lead from a record to
// the bytes that the source sent: traces, answers, bodies.

// Answer is an answer of a source: one line of answers/list.jsonl, in order of run and number. One that is withheld, or whose bytes
// were destroyed, shows its commitment and nothing else.
type Answer struct {
	Run int64
	merkle.Answer
	Kind       string // of the first thing that was made of it
	Bytes      int64  // of the unedited answer
	Edited     []string
	Gone       int64 // the entry of the log that destroyed its bytes; 0: none
	Hidden     bool
	commitment [32]byte
}

// Hide leaves nothing but the commitment.
func (a *Answer) Hide() { a.commitment, a.Hidden = a.Answer.Commitment(), true }

// AppendJSON appends the line.
func (a *Answer) AppendJSON(b []byte) ([]byte, error) {
	var l line
	l.int("run", a.Run)
	l.int("n", a.N)
	if a.Hidden {
		l.bytes("commitment", a.commitment[:])
		if a.Gone != 0 {
			l.int("gone", a.Gone)
		}
		return append(b, l.end()...), nil
	}
	l.text("kind", a.Kind)
	l.text("request", a.Request)
	l.text("status", a.Status)
	l.int("at", a.At)
	l.int("size", a.Bytes)
	l.bytes("sha256", a.SHA256[:])
	if a.Kept != [32]byte{} {
		l.bytes("kept", a.Kept[:])
	}
	if a.Unkept != "" {
		l.text("unkept", a.Unkept)
	}
	if len(a.Edited) > 0 {
		at, err := json.Marshal(a.Edited)
		if err != nil {
			return b, err
		}
		if err := l.json("edited", at); err != nil {
			return b, err
		}
	}
	return append(b, l.end()...), nil
}

func parseAnswer(b []byte) (a Answer, err error) {
	var l struct {
		Run        int64    `json:"run"`
		N          int64    `json:"n"`
		Commitment []byte   `json:"commitment"`
		Gone       int64    `json:"gone"`
		Kind       string   `json:"kind"`
		Request    string   `json:"request"`
		Status     string   `json:"status"`
		At         int64    `json:"at"`
		Size       int64    `json:"size"`
		SHA256     []byte   `json:"sha256"`
		Kept       []byte   `json:"kept"`
		Unkept     string   `json:"unkept"`
		Edited     []string `json:"edited"`
		Bytes      odd      `json:"bytes"`
	}
	if err := strict(b, &l); err != nil {
		return a, err
	}
	l.Bytes.put("request", &l.Request)
	l.Bytes.put("status", &l.Status)
	l.Bytes.put("unkept", &l.Unkept)
	a = Answer{Run: l.Run, Kind: l.Kind, Bytes: l.Size, Edited: l.Edited, Gone: l.Gone, Answer: merkle.Answer{N: l.N, Request: l.Request, Status: l.Status, At: l.At, Unkept: l.Unkept}}
	if l.Commitment != nil {
		a.Hidden = true
		if copy(a.commitment[:], l.Commitment) != 32 || len(l.Commitment) != 32 || l.SHA256 != nil {
			return a, fmt.Errorf("an answer that is not shown shows its commitment and nothing else")
		}
		return a, nil
	}
	if len(l.SHA256) != 32 || len(l.Kept)%32 != 0 || len(l.Kept) > 32 || l.Gone != 0 {
		return a, fmt.Errorf("answer %d of run %d has no hash, or is said to be gone and is shown", l.N, l.Run)
	}
	copy(a.SHA256[:], l.SHA256)
	copy(a.Kept[:], l.Kept)
	a.commitment = a.Answer.Commitment()
	return a, nil
}

// body is the SHA-256 of the bytes that must be in the package.
func (a *Answer) body() (sum [32]byte, ok bool) {
	switch {
	case a.Hidden || a.Unkept != "":
		return sum, false
	case a.Kept != [32]byte{}:
		return a.Kept, true
	}
	return a.SHA256, true
}

// Traces are versions of one run that were made of the same answers of it: one line of answers/traces.jsonl.
type Traces struct {
	Run     int64   `json:"run"`
	Answers []int64 `json:"answers"`
	Entries []int64 `json:"entries"`
}

// AppendBody appends a line of answers/bodies.jsonl: the bytes of an answer by their SHA-256, told by those of the line before, of which
// some stand at its start and some at its end.
func AppendBody(b, body, before []byte) []byte {
	start, end := 0, 0
	for start < len(body) && start < len(before) && body[start] == before[start] {
		start++
	}
	for end < len(body)-start && end < len(before)-start && body[len(body)-1-end] == before[len(before)-1-end] {
		end++
	}
	for start > 0 && start < len(body) && !utf8.RuneStart(body[start]) { // so that what stands between is text where the whole is
		start--
	}
	for end > 0 && !utf8.RuneStart(body[len(body)-end]) {
		end--
	}
	sum := sha256.Sum256(body)
	var l line
	l.bytes("sha256", sum[:])
	if start > 0 {
		l.int("start", int64(start))
	}
	if end > 0 {
		l.int("end", int64(end))
	}
	l.text("text", string(body[start:len(body)-end]))
	return append(b, l.end()...)
}

// MostBody is how many bytes the body of an answer may have.
const MostBody = 64 << 20

// Body reads a line of answers/bodies.jsonl, given the bytes that the line before told.
func Body(line, before []byte) ([]byte, error) {
	body, _, err := parseBody(line, before)
	return body, err
}

func parseBody(b, before []byte) (body []byte, sum [32]byte, err error) {
	var l struct {
		SHA256 [32]byte `json:"sha256"`
		Start  int64    `json:"start"`
		End    int64    `json:"end"`
		Text   string   `json:"text"`
		Bytes  odd      `json:"bytes"`
	}
	if err := strict(b, &l); err != nil {
		return nil, sum, err
	}
	l.Bytes.put("text", &l.Text)
	n := int64(len(before))
	if l.Start < 0 || l.End < 0 || l.Start > n || l.End > n || l.Start+l.End+int64(len(l.Text)) > MostBody {
		return nil, sum, fmt.Errorf("it takes %d and %d bytes from the line before, which has %d", l.Start, l.End, n)
	}
	body = slices.Concat(before[:l.Start], []byte(l.Text), before[n-l.End:])
	if is := sha256.Sum256(body); is != l.SHA256 {
		return body, sum, fmt.Errorf("the SHA-256 of an answer is %x, and it is said to be %x", is, l.SHA256)
	}
	return body, l.SHA256, nil
}

// runKind is the kind of the records that commit to answers.
const runKind = "run"

// source is what is known of a run's answers.
type source struct {
	traced   string // as its record says; empty when it has none, or does not commit to any
	versions int64  // opened, that are of it
	answers  []Answer
	traces   []merkle.Trace
}

func (v *reading) source(run int64) *source {
	s := v.sources[run]
	if s == nil {
		s = &source{}
		v.sources[run] = s
	}
	return s
}

// ofRun notes of which run a version is, and what the record of a run says of its answers.
func (v *reading) ofRun(r *Record) {
	if r.Run > 0 {
		v.source(r.Run).versions++
	}
	if r.Kind == runKind && r.To == noTime && r.Dropped == nil {
		var s struct {
			Traced string `json:"traced"`
		}
		if n, err := strconv.ParseInt(r.Key, 10, 64); err == nil && n > 0 && json.Unmarshal(r.Body, &s) == nil {
			v.source(n).traced = s.Traced
		}
	}
}

func (v *reading) answer(b []byte, _ int) error {
	a, err := parseAnswer(b)
	if err != nil {
		return err
	}
	if again, err := a.AppendJSON(nil); err != nil || !bytes.Equal(again, append(slices.Clone(b), '\n')) {
		return fmt.Errorf("answer %d of run %d is not spelt as it must be", a.N, a.Run)
	}
	s := v.source(a.Run)
	if n := len(s.answers); a.N <= 0 || n > 0 && s.answers[n-1].N >= a.N {
		return fmt.Errorf("answer %d of run %d stands out of order", a.N, a.Run)
	}
	if a.Gone != 0 {
		if v.destroyed[[2]int64{a.Run, a.N}] != a.Gone {
			return fmt.Errorf("answer %d of run %d is said to be gone by entry %d, which did not destroy it", a.N, a.Run, a.Gone)
		}
		v.gone++
	} else if a.Hidden {
		v.covered++
	}
	if a.Unkept != "" {
		v.unkept++
	}
	if sum, ok := a.body(); ok {
		v.bodies[sum] = append(v.bodies[sum], [2]int64{a.Run, a.N})
		v.counts.Answers++
	}
	s.answers = append(s.answers, a)
	return nil
}

func (v *reading) trace(b []byte, _ int) error {
	var t Traces
	if err := strict(b, &t); err != nil {
		return err
	}
	s := v.source(t.Run)
	there := false
	for _, n := range t.Answers {
		i, ok := slices.BinarySearchFunc(s.answers, n, func(a Answer, n int64) int { return int(max(min(a.N-n, 1), -1)) })
		if !ok {
			return fmt.Errorf("a version is made of answer %d of run %d, which the package does not list", n, t.Run)
		}
		_, has := s.answers[i].body()
		there = there || has
	}
	for _, e := range t.Entries {
		if e < 0 || e >= v.m.Entries || v.entries[e].typ != versionLeaf {
			return fmt.Errorf("entry %d is said to be made of answers of run %d, and is no version", e, t.Run)
		}
		if v.entries[e].open && there {
			v.counts.Traced++
		} else if v.entries[e].open {
			v.bare++
		}
		s.traces = append(s.traces, merkle.Trace{Entry: e, Answers: t.Answers})
	}
	return nil
}

// bodyReader judges the lines of the bodies.
type bodyReader struct {
	v      *reading
	before []byte
	seen   map[[32]byte]bool
}

func (r *bodyReader) line(b []byte, _ int) error {
	body, sum, err := parseBody(b, r.before)
	r.before = body
	switch {
	case err != nil:
		return err
	case r.seen[sum]:
		return fmt.Errorf("the bytes with the SHA-256 %x are in it twice", sum)
	case r.v.bodies[sum] == nil:
		return fmt.Errorf("the bytes with the SHA-256 %x belong to no answer in the package", sum)
	}
	r.seen[sum] = true
	return nil
}

// checkAnswers reads what the package has of the answers of sources, once its records and actions were read.
func (v *reading) checkAnswers(files map[string]Listed) error {
	if !v.m.Answers {
		for _, name := range []string{AnswersFile, TracesFile, BodiesFile} {
			if _, ok := files[name]; ok {
				v.manifest.fail("The manifest says that there are no answers of sources, and lists %s.", name)
			}
		}
		return nil
	}
	bodies := &bodyReader{v: v, seen: map[[32]byte]bool{}}
	for _, step := range []struct {
		path string
		line func([]byte, int) error
	}{{AnswersFile, v.answer}, {TracesFile, v.trace}, {BodiesFile, bodies.line}} {
		if f, ok := files[step.path]; ok {
			if err := v.lines(f, v.traces, step.line); err != nil {
				return err
			}
		}
	}
	for _, run := range sortedKeys(v.sources) {
		s := v.sources[run]
		switch {
		case len(s.answers)+len(s.traces) == 0 && s.traced == "":
			v.untraced += s.versions
		case len(s.answers) == 0 && s.versions == 0: // nothing of it is shown
		case len(s.answers) == 0:
			v.traces.fail("The record of run %d commits to answers, and the package does not list them.", run)
		case s.traced == "":
			v.traces.fail("The package lists answers of run %d, and no record of it in the package commits to any.", run)
		default:
			slices.SortFunc(s.traces, func(a, b merkle.Trace) int { return int(max(min(a.Entry-b.Entry, 1), -1)) })
			commitments := make([][32]byte, len(s.answers))
			for i, a := range s.answers {
				commitments[i] = a.commitment
			}
			if sum := merkle.Traced(run, commitments, s.traces); hex.EncodeToString(sum[:]) != s.traced {
				v.traces.fail("The answers of run %d, or which record was made of which of them, are not those that its record in the log commits to.", run)
			}
		}
	}
	missing := 0
	for sum, of := range v.bodies {
		if !bodies.seen[sum] {
			if missing++; missing <= maxProblems {
				v.traces.fail("The bytes of answer %d of run %d are not in the package, and nothing in the log says that they are gone.", of[0][1], of[0][0])
			}
		}
	}
	d := fmt.Sprintf("%s of records trace to %s, each with the hash that its run committed to in the ledger", count(v.counts.Traced, "version", "versions"), count(v.counts.Answers, "unedited answer", "unedited answers"))
	if n := int64(len(v.bodies)); n < v.counts.Answers {
		d += fmt.Sprintf(" (%s different)", number(n))
	}
	for _, x := range []struct {
		n    int64
		says string
	}{{v.gone, "of %s more the log says that an erasure or a rule of retention destroyed the bytes"}, {v.unkept, "of %s more no bytes were ever kept, as the run committed to as well"},
		{v.covered, "%s more are withheld"}, {v.bare, "of the answers to %s more versions none is here"}, {v.untraced, "%s more versions came from runs that commit to no answer"}} {
		if x.n > 0 {
			d += "; " + fmt.Sprintf(x.says, number(x.n))
		}
	}
	v.traces.hold("%s.", d)
	return nil
}

func sortedKeys[T any](m map[int64]T) []int64 {
	out := make([]int64, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
