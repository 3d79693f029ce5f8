package report

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"tickmark/internal/collect"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/report/verify"
)

// answerOf names an answer of a source by its run and its number in it.
type answerOf = [2]int64

// answers packs the unedited answers of sources behind the versions that are opened, of every run whose record commits to them.
func (p *packing) answers() error {
	what := verify.LeftOut{What: "unedited answers of sources"}
	switch {
	case p.WithoutAnswers:
		what.Why = "The package was made without them."
	case p.Redact:
		what.Why = "The package is redacted, and an answer may hold what no kind declares."
	case p.kinds[collect.RunKind] == nil:
		what.Why = "The records of the runs that commit to them are not in the package."
	}
	if what.Why != "" {
		return p.Book.EachAnswer(p.ctx, p.tx, func(k record.Kept) error {
			if k.There {
				p.left[what]++
			}
			return nil
		})
	}
	p.m.Answers = true
	uses, err := p.traces()
	if err != nil {
		return err
	}
	only, err := p.only()
	if err != nil {
		return err
	}
	wanted := map[answerOf][32]byte{} // whose bytes are to be packed: their SHA-256
	elsewhere := verify.LeftOut{What: "unedited answers of sources that hold more than the kinds of the package, or of which that is not known", Why: "Only their commitments are shown."}
	err = p.Book.EachAnswer(p.ctx, p.tx, func(k record.Kept) error {
		used, is := uses[answerOf{k.Run, k.N}]
		if !is && !p.shown[k.Run] {
			return nil
		}
		a := verify.Answer{Run: k.Run, Answer: k.Answer, Kind: k.Kind, Bytes: k.Bytes, Edited: k.Edited, Gone: k.Gone}
		fits := only == nil
		if !fits && used && k.There && p.withheld(k.Kind) == nil {
			var err error
			if fits, err = k.HoldsOnly(only); err != nil {
				return err
			}
		}
		switch {
		case k.Gone != 0:
			a.Hide()
		case !fits:
			a.Hide()
			p.left[elsewhere]++
		case k.There:
			wanted[answerOf{k.Run, k.N}] = k.Hash()
			p.m.Counts.Answers++
		case k.Unkept == "":
			return unsound("the bytes of answer %d of run %d are not there, and nothing says how they went", k.N, k.Run)
		}
		var err error
		if p.row, err = a.AppendJSON(p.row[:0]); err != nil {
			return unsound("answer %d of run %d cannot be written down: %v", k.N, k.Run, err)
		}
		return p.write(verify.AnswersFile, p.row)
	})
	if err != nil {
		return fmt.Errorf("pack the answers of sources: %w", err)
	}
	for _, t := range p.traced {
		if slices.ContainsFunc(t.answers, func(n int64) bool { _, has := wanted[answerOf{t.run, n}]; return has }) {
			p.m.Counts.Traced += t.open
		}
	}
	return p.answerBodies(wanted)
}

// only are the records of the kinds that the package is made for; nil: it is for all.
func (p *packing) only() (map[int64]bool, error) {
	if len(p.Kinds) == 0 {
		return nil, nil
	}
	var names []string
	for _, k := range p.Book.Kinds.All() {
		if k.Collected && p.withheld(k.Name) == nil {
			names = append(names, k.Name)
		}
	}
	return p.Book.RecordsOf(p.ctx, p.tx, names)
}

// tracedTo are opened versions that were made of the same answers.
type tracedTo struct {
	run     int64
	answers []int64
	open    int64
}

// traces writes which version was made of which answers, for every run of which a version is opened. It returns the answers of these
// runs that something was made of, and whether any of that is opened.
func (p *packing) traces() (map[answerOf]bool, error) {
	uses := map[answerOf]bool{}
	p.shown = map[int64]bool{}
	unsaid := verify.LeftOut{What: "unedited answers behind versions of runs whose records do not commit to them", Why: "The run has not ended, or is of an earlier release."}
	var run int64
	var list []merkle.Trace
	end := func() error {
		open := func(t merkle.Trace) bool { return p.entries[t.Entry].open }
		if !slices.ContainsFunc(list, open) {
			return nil
		}
		if !p.commits[run] {
			for _, t := range list {
				if open(t) {
					p.left[unsaid]++
				}
			}
			return nil
		}
		p.shown[run] = true
		slices.SortStableFunc(list, func(a, b merkle.Trace) int { return slices.Compare(a.Answers, b.Answers) })
		for len(list) > 0 {
			t := verify.Traces{Run: run, Answers: list[0].Answers}
			to := tracedTo{run: run, answers: t.Answers}
			for len(list) > 0 && slices.Equal(list[0].Answers, t.Answers) {
				t.Entries = append(t.Entries, list[0].Entry)
				if open(list[0]) {
					to.open++
				}
				list = list[1:]
			}
			for _, n := range t.Answers {
				uses[answerOf{run, n}] = uses[answerOf{run, n}] || to.open > 0
			}
			p.traced = append(p.traced, to)
			b, err := json.Marshal(t)
			if err != nil {
				return err
			}
			if err := p.write(verify.TracesFile, append(b, '\n')); err != nil {
				return err
			}
		}
		return nil
	}
	err := p.Book.EachTrace(p.ctx, p.tx, func(of int64, t merkle.Trace) error {
		if of != run {
			if err := end(); err != nil {
				return err
			}
			run, list = of, nil
		}
		if t.Entry >= p.m.Entries {
			return unsound("a version has the entry %d", t.Entry)
		}
		list = append(list, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return uses, end()
}

// answerBodies packs bytes of answers, those of the same SHA-256 once.
func (p *packing) answerBodies(wanted map[answerOf][32]byte) error {
	packed := map[[32]byte]bool{}
	var before []byte
	done := int64(0)
	return p.Book.EachAnswerBody(p.ctx, p.tx, func(run, n int64, body []byte) error {
		sum, is := wanted[answerOf{run, n}]
		if !is {
			return nil
		}
		if sha256.Sum256(body) != sum {
			return unsound("answer %d of run %d is not what was received", n, run)
		}
		if done++; done%256 == 0 {
			p.progress("answers", done, int64(len(wanted)))
		}
		if packed[sum] {
			return nil
		}
		packed[sum] = true
		p.row = verify.AppendBody(p.row[:0], body, before)
		before = body
		return p.write(verify.BodiesFile, p.row)
	})
}

// commitsTo notes of the record of a run whether it commits to answers.
func (p *packing) commitsTo(s *record.Sealed) {
	var b struct {
		Traced string `json:"traced"`
	}
	if n, err := strconv.ParseInt(s.Key, 10, 64); err == nil && json.Unmarshal(s.Body, &b) == nil && b.Traced != "" {
		p.commits[n] = true
	}
}
