package check

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"tickmark/internal/store"
)

// Answer is a check's answer about a record over a time, as files have it.
type Answer struct {
	Check  string       `json:"check"`
	Kind   string       `json:"kind"`
	Key    string       `json:"key"`
	Label  string       `json:"label"`
	Source string       `json:"source"`
	Status Status       `json:"status" enum:"pass,fail,unknown,not_applicable"`
	Reason string       `json:"reason"`
	From   store.Moment `json:"from"`
	To     store.Moment `json:"to"`
}

// Tested is a back-test with everything it found, as one JSON object has it.
type Tested struct {
	Results     []Answer     `json:"results" doc:"What would be answered, by record and time."`
	Differences []Difference `json:"differences" doc:"Where that is another answer than was given."`
	Backtest
}

// WriteBacktest writes a back-test as a JSON object of the form of Tested, as it goes: it is not kept in memory, so that none of
// it is left out. An error leaves the object open, so that half of it never looks like the whole.
func (m *Monitor) WriteBacktest(ctx context.Context, out io.Writer, c *Check, from, to store.Moment) (Backtest, error) {
	aside, err := os.CreateTemp("", "tickmark-backtest-*")
	if err != nil {
		return Backtest{}, fmt.Errorf("keep the differences aside: %w", err)
	}
	defer os.Remove(aside.Name())
	defer aside.Close()
	w, later := bufio.NewWriterSize(out, 1<<16), bufio.NewWriterSize(aside, 1<<16)
	n, differ, begun := 0, 0, false
	open := func() {
		if !begun {
			w.WriteString("{\"results\":[\n")
		}
		begun = true
	}
	item := func(w *bufio.Writer, n *int, v any) error {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if *n > 0 {
			w.WriteString(",\n")
		}
		*n++
		_, err = w.Write(b)
		return err
	}
	b, err := m.Backtest(ctx, c, from, to, func(x Retried) error {
		open()
		for _, i := range x.Results {
			if err := item(w, &n, Answer{i.Check, i.Kind, i.Key, i.Label, i.Source, i.Status, i.Reason, i.From, i.To}); err != nil {
				return err
			}
		}
		for _, d := range x.Differences {
			if err := item(later, &differ, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	open()
	w.WriteString("],\n\"differences\":[\n")
	if err := later.Flush(); err != nil {
		return b, err
	}
	if _, err := aside.Seek(0, io.SeekStart); err != nil {
		return b, err
	}
	if _, err := io.Copy(w, aside); err != nil {
		return b, err
	}
	sum, err := json.Marshal(b)
	if err != nil {
		return b, err
	}
	w.WriteString("],\n")
	w.Write(sum[1:])
	w.WriteString("\n")
	return b, w.Flush()
}
