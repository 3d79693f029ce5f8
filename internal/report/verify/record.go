package verify

import (
	"fmt"
	"io"
	"runtime"
	"sync"

	"tickmark/internal/ledger/merkle"
)

// history follows the versions of one kind, which stand record by record, oldest first.
type history struct {
	v    *reading
	kind string
	last *Record // the version before, nil at the beginning
}

// opened is a line that was read: the record, what it commits to, and its line in the index.
type opened struct {
	r          Record
	commitment [32]byte
	row        []byte
	err        error
}

// chunk is some lines on their way: read by one goroutine, opened by any, judged in order by another.
type chunk struct {
	text  []byte
	ends  []int
	first int // number of the first line
	out   []opened
	done  chan struct{}
}

const chunkSize = 256 << 10

func (c *chunk) open() {
	from := 0
	c.out = make([]opened, len(c.ends))
	for i, end := range c.ends {
		o := &c.out[i]
		if o.err = parseRecord(c.text[from:end], &o.r); o.err == nil {
			o.commitment = o.r.Commitment()
			o.row = AppendIndex(nil, &o.r)
		}
		from = end
	}
	close(c.done)
}

// read judges a file of records.
func (h *history) read(r io.Reader, f Listed) error {
	workers := runtime.GOMAXPROCS(0)
	work, order := make(chan *chunk), make(chan *chunk, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for c := range work {
				c.open()
			}
		})
	}
	late := &claim{} // what the judging goroutine says against the records
	group.Go(func() {
		for c := range order {
			<-c.done
			for i := range c.out {
				if err := h.judge(&c.out[i]); err != nil {
					late.fail("%s, line %d: %s", f.Path, c.first+i, sentenceOf(err))
				}
			}
		}
	})
	next := &chunk{first: 1}
	send := func() {
		if len(next.ends) > 0 {
			next.done = make(chan struct{})
			order <- next
			work <- next
		}
	}
	err := eachLine(r, f, h.v.records, func(line []byte, n int) {
		next.text = append(next.text, line...)
		next.ends = append(next.ends, len(next.text))
		if len(next.text) >= chunkSize {
			send()
			next = &chunk{first: n + 1}
		}
	})
	send()
	close(work)
	close(order)
	group.Wait()
	for _, p := range late.problems {
		h.v.records.fail("%s", p)
	}
	h.v.records.more += late.more
	return err
}

func (h *history) judge(o *opened) error {
	if o.err != nil {
		return o.err
	}
	v, r := h.v, &o.r
	if r.Kind != h.kind {
		return fmt.Errorf("it is of the kind %s", r.Kind)
	}
	e, err := v.take(r.Entry, versionLeaf)
	if err != nil {
		return err
	}
	if o.commitment != e.commitment || e.at != r.From {
		return fmt.Errorf("%s %q from %s is not what entry %d of the log committed to", r.Kind, r.Key, moment(r.From), r.Entry)
	}
	if r.Dropped != nil {
		if err := v.lost(r); err != nil {
			return err
		}
	}
	v.entries[r.Entry].open = true
	if v.m.Answers {
		v.ofRun(r)
	}
	v.indexing.Write(o.row)
	h.follows(r)
	k := v.kinds[r.Kind]
	if k == nil {
		k = &Kind{Kind: r.Kind}
		v.kinds[r.Kind] = k
	}
	k.Versions++
	v.counts.Versions++
	if r.To == noTime {
		k.Current++
		v.counts.Current++
	}
	if NamesFile(r.Kind) {
		if sum := FileOf(r.Body); sum != "" {
			v.wanted[sum] = r.Kind + " " + r.Key
		}
	}
	if r.Kind == "stamp" {
		v.keepStamp(r)
	}
	return nil
}

// follows judges a version against the one before it.
func (h *history) follows(r *Record) {
	p := h.last
	h.last = &Record{Entry: r.Entry, To: r.To, Version: merkle.Version{Key: r.Key, Source: r.Source, From: r.From}}
	fail := func(format string, args ...any) {
		h.v.histories.fail("%s %q from %s: %s", r.Kind, r.Key, moment(r.From), fmt.Sprintf(format, args...))
	}
	if r.To <= r.From {
		fail("it ends before it begins.")
	}
	if r.Previous < 0 {
		h.ended(p)
		if p != nil && p.Key == r.Key && p.Source == r.Source && (p.To == noTime || p.To > r.From) {
			fail("it begins while the version in entry %d holds.", p.Entry)
		}
		return
	}
	switch {
	case p == nil || p.Entry != r.Previous || p.Key != r.Key || p.Source != r.Source:
		h.ended(p)
		fail("the version before it, entry %d, is not in the package.", r.Previous)
	case p.To != r.From:
		fail("the version before it ends at %q and not where it begins.", moment(p.To))
	}
}

// ended judges the last version of a record: it holds, or the log says that it was closed.
func (h *history) ended(p *Record) {
	if p == nil {
		return
	}
	c, closed := h.v.closings[p.Entry]
	switch {
	case p.To == noTime && closed:
		h.v.histories.fail("%s %q is said to hold, and the log closed it at %s.", h.kind, p.Key, moment(c.at))
	case p.To != noTime && !closed:
		h.v.histories.fail("%s %q is said to end at %s, and nothing in the log ends it.", h.kind, p.Key, moment(p.To))
	case closed && c.at != p.To:
		h.v.histories.fail("%s %q is said to end at %s, the log says %s.", h.kind, p.Key, moment(p.To), moment(c.at))
	}
	if closed {
		c.seen = true
		h.v.closings[p.Entry] = c
	}
}

func (h *history) end() { h.ended(h.last); h.last = nil }
