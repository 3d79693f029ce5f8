// Package job does what time alone makes due: exceptions begin and expire, dates pass, spans are missed. The one rule: a step
// may run at any moment and any number of times, and writes only what the records of that moment call for.
package job

import (
	"context"
	"fmt"

	"tickmark/internal/workspace"
)

// step is one kind of work that falls due; it returns how many records it wrote.
type step struct {
	name string
	do   func(ctx context.Context, w *workspace.Workspace) (int, error)
}

// steps in the order in which they run: what one writes, the next may read.
func steps() []step {
	return []step{
		{"exceptions", exceptions},
		{"accepted findings", accepted},
		{"findings", findings},
		{"policies", policies},
		{"training", trainings},
		{"people who join, change and leave", employments},
		{"occurrences", occurrences},
		{"what was missed", missed},
		{"tasks", tasks},
		{"risks", risks},
		{"the programme", programme},
		{"access", accessRights},
		{"report recipients", grants},
	}
}

// Due does everything that is due now, by the workspace's clock, and returns how many records were written.
func Due(ctx context.Context, w *workspace.Workspace) (int, error) {
	n := 0
	for _, s := range steps() {
		done, err := s.do(ctx, w)
		n += done
		if err != nil {
			return n, fmt.Errorf("do what is due of %s: %w", s.name, err)
		}
	}
	return n, nil
}
