package check

import (
	"context"
	"fmt"
	"slices"

	"tickmark/internal/store"
)

// Hold sets how many bytes of what is looked up are kept.
func Hold(n int) (before int) { before, maxHeld = maxHeld, n; return before }

// List sets how many failing records a finding lists.
func List(n int) (before int) { before, maxItems = maxItems, n; return before }

// Meanwhile, where it is set, is called while findings are read and none is written yet.
var Meanwhile func(check string)

// Followed is how many findings were kept by what changed alone.
var Followed int

// In every test, a finding that is kept by what changed must come out as though everything were read.
func init() {
	reread = func(ctx context.Context, m *Monitor, c *Check, scope string, l *list, fails int64, brief []int64) error {
		Followed++
		if Meanwhile != nil {
			Meanwhile(c.ID)
		}
		whole, err := m.items(ctx, c, scope, l.finding.Items, brief, since(l.finding))
		if err != nil {
			return err
		}
		if got, want := l.items(), whole.items(); !slices.Equal(got, want) {
			return fmt.Errorf("of %s in %s the items would be kept as\n%+v\nand they are\n%+v", c.ID, scope, got, want)
		}
		if !slices.Equal(l.first, whole.first) {
			return fmt.Errorf("of %s in %s the first that fail would be %v, and they are %v", c.ID, scope, l.first, whole.first)
		}
		n, err := store.One[int64](ctx, m.Book.DB, "SELECT count(*) FROM result a JOIN series s ON s.id = a.series JOIN record rc ON rc.id = a.record WHERE s.check_id = $1 AND s.ended = $2 AND a.status = 2 AND a.valid_to = $2 AND a.superseded = $2 AND rc.source = $3", c.ID, store.Forever, scope)
		if err != nil || n != fails {
			return fmt.Errorf("of %s in %s %d fail, not %d: %v", c.ID, scope, n, fails, err)
		}
		v, err := m.Book.ByRecord(ctx, m.Book.DB, l.finding.version.Record, 0)
		if err != nil {
			return err
		}
		f, err := readFinding(v)
		if err != nil || f.State != l.finding.State || f.FirstSeen != l.finding.FirstSeen || !slices.Equal(f.Items, l.finding.Items) {
			return fmt.Errorf("the finding %s is not what it is thought to be: %+v and %+v, %v", v.Key, f, l.finding, err)
		}
		return nil
	}
}
