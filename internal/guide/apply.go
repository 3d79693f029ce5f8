package guide

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/fault"
	"tickmark/internal/period"
	"tickmark/internal/record"
)

// Apply keeps the answers of one step, and returns what was written.
func Apply(ctx context.Context, book *record.Book, by record.Authority, step string, a Answers) ([]record.Version, error) {
	s, err := Load(ctx, book)
	if err != nil {
		return nil, err
	}
	changes, err := s.Answer(step, a)
	if err != nil {
		return nil, err
	}
	return book.Put(ctx, by, changes...)
}

// Run answers all steps from one set of answers, in their order; without the plan when the organisation only wants to see it.
func Run(ctx context.Context, book *record.Book, by record.Authority, a Answers, confirm bool) (written map[string]int, err error) {
	written = map[string]int{}
	before, err := book.Log.Head(ctx, book.DB)
	if err != nil {
		return written, err
	}
	for _, step := range period.Steps() {
		if step == "plan" && !confirm {
			break
		}
		list, err := Apply(ctx, book, by, step, a)
		if err != nil {
			return written, within(step, err)
		}
		for _, v := range list {
			if v.Entry >= before.Size { // what stood there already is no writing
				written[v.Kind]++
			}
		}
	}
	return written, nil
}

// within names the step that a refusal is about.
func within(step string, err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return fmt.Errorf("answer the step %s: %w", step, err)
	}
	g := *f
	g.Message = "Step " + step + ": " + f.Message
	return &g
}

// Read reads answers from YAML. A name that is none is refused, with its line.
func Read(r io.Reader) (Answers, error) {
	data, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return Answers{}, err
	}
	var a Answers
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&a); err != nil {
		return a, fault.New(fault.Invalid, "The answers cannot be read: %w.", err).WithNext("docs/start.md shows every name there is.")
	}
	if !slices.Contains([]string{"", "soc_1", "soc_2", "soc_3"}, a.Report) {
		return a, fault.New(fault.Invalid, "%q is no report.", a.Report).WithNext("Write soc_2.")
	}
	if a.Report == "" {
		a.Report = "soc_2"
	}
	return a, nil
}
