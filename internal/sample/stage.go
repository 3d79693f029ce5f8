package sample

import (
	"fmt"
	"slices"
	"strings"
)

// Why is why an item does not belong in the population. There is none for evidence that cannot be found: that is a deviation,
// and the item stays.
type Why string

// The reasons for which an item may be replaced.
const (
	Trial     Why = "trial"     // made to try something out: a test user, a test ticket
	Void      Why = "void"      // withdrawn before it took effect
	Duplicate Why = "duplicate" // the same occurrence as another row
	Outside   Why = "outside"   // not of the window, the system or the control
)

// Replacement puts the next reserve of the same run in the place of an item that does not belong in the population.
type Replacement struct {
	Item   int    `json:"item"`
	By     int    `json:"by"`
	Why    Why    `json:"why"`
	Reason string `json:"reason"`
}

// Targeted is an item that a person added on purpose. It is reported apart and never projected.
type Targeted struct {
	Position int    `json:"position"`
	Reason   string `json:"reason"`
}

// Stage is a draw and what came of its items: the first draw, or an extension.
type Stage struct {
	Plan     Plan          `json:"plan"`
	Runs     []Run         `json:"runs,omitempty"`
	Replaced []Replacement `json:"replaced,omitempty"` // in the order in which it was done
	Targeted []Targeted    `json:"targeted,omitempty"`
}

// Replace gives the replacement of an item by the next reserve of its run. It refuses an item that is not in use, a reason
// that is none, and a run whose reserves are used up, which only an extension makes good.
func (s Stage) Replace(item int, why Why, reason string) (Replacement, error) {
	u := s.use()
	for _, r := range s.Replaced {
		if err := u.take(r); err != nil {
			return Replacement{}, err
		}
	}
	return u.next(item, why, reason)
}

// CheckReplaced says what of the replacements is not as Replace gives it, one after the other.
func (s Stage) CheckReplaced() error {
	u := s.use()
	for _, r := range s.Replaced {
		if err := u.take(r); err != nil {
			return err
		}
	}
	return nil
}

// use is which rows of the runs are in use.
type use struct {
	runs []Run
	of   map[int]int // the run of each item in use
	used []int       // of each run, how many of its reserves are in use
	out  map[int]bool
}

func (s Stage) use() use {
	u := use{s.Runs, map[int]int{}, make([]int, len(s.Runs)), map[int]bool{}}
	for i, r := range s.Runs {
		for _, item := range r.Items {
			u.of[item] = i
		}
	}
	return u
}

func (u use) next(item int, why Why, reason string) (Replacement, error) {
	switch why {
	case Trial, Void, Duplicate, Outside:
	default:
		return Replacement{}, fmt.Errorf("%q is no reason to replace row %d; it must be %s, %s, %s or %s, and evidence that cannot be found is a deviation", why, item, Trial, Void, Duplicate, Outside)
	}
	if strings.TrimSpace(reason) == "" {
		return Replacement{}, fmt.Errorf("row %d is replaced without a reason in words", item)
	}
	i, ok := u.of[item]
	switch {
	case u.out[item]:
		return Replacement{}, fmt.Errorf("row %d was replaced before", item)
	case !ok:
		return Replacement{}, fmt.Errorf("row %d is no item of this draw", item)
	case u.used[i] == len(u.runs[i].Reserves):
		return Replacement{}, fmt.Errorf("the run of row %d has no reserve left", item)
	}
	return Replacement{item, u.runs[i].Reserves[u.used[i]], why, reason}, nil
}

func (u use) take(r Replacement) error {
	want, err := u.next(r.Item, r.Why, r.Reason)
	if err != nil {
		return err
	}
	if want.By != r.By {
		return fmt.Errorf("row %d was replaced by row %d; the next reserve of its run is row %d", r.Item, r.By, want.By)
	}
	i := u.of[r.Item]
	u.used[i]++
	u.out[r.Item], u.of[r.By] = true, i
	return nil
}

// CheckTargeted says which targeted items are not apart: no row among n, without a reason, there twice, or drawn in this stage
// or seen before it.
func (s Stage) CheckTargeted(n int, before []int) error {
	seen := map[int]bool{}
	for _, i := range append(slices.Clone(before), s.looked()...) {
		seen[i] = true
	}
	for _, t := range s.Targeted {
		switch {
		case t.Position < 0 || t.Position >= n:
			return fmt.Errorf("there is no row %d among %d", t.Position, n)
		case seen[t.Position]:
			return fmt.Errorf("row %d is tested anyway; it is not targeted", t.Position)
		case strings.TrimSpace(t.Reason) == "":
			return fmt.Errorf("row %d was targeted without a reason", t.Position)
		}
		seen[t.Position] = true
	}
	return nil
}

// CheckPicked says what is amiss with items that a person picked haphazardly: they are one run without reserves, as many as
// planned, ascending, each a row among n that was not seen before.
func (s Stage) CheckPicked(n int, before []int) error {
	if s.Plan.Method != Haphazard {
		return fmt.Errorf("items by the method %q are drawn, not picked", s.Plan.Method)
	}
	if len(s.Runs) != 1 || len(s.Runs[0].Reserves) > 0 || len(s.Replaced) > 0 || len(s.Runs[0].Items) != s.Plan.Size {
		return fmt.Errorf("picked items are one run of the %d that were planned, without reserves", s.Plan.Size)
	}
	seen := map[int]bool{}
	for _, i := range before {
		seen[i] = true
	}
	last := -1
	for _, i := range s.Runs[0].Items {
		switch {
		case i < 0 || i >= n:
			return fmt.Errorf("there is no row %d among %d", i, n)
		case i <= last:
			return fmt.Errorf("row %d stands after row %d; picked items stand in ascending order, each once", i, last)
		case seen[i]:
			return fmt.Errorf("row %d was looked at before", i)
		}
		last = i
	}
	return nil
}

// looked are the drawn rows that somebody looked at: items, and reserves in use.
func (s Stage) looked() []int {
	var all []int
	for _, r := range s.Runs {
		all = append(all, r.Items...)
	}
	for _, r := range s.Replaced {
		all = append(all, r.By)
	}
	return all
}

// Seen are all rows that were looked at in a stage, ascending: what an extension leaves out.
func (s Stage) Seen() []int {
	all := s.looked()
	for _, t := range s.Targeted {
		all = append(all, t.Position)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Tested are the items whose results count, ascending: those drawn, and in the place of a replaced one its reserve.
func (s Stage) Tested() []int {
	out := map[int]bool{}
	for _, r := range s.Replaced {
		out[r.Item] = true
	}
	all := slices.DeleteFunc(s.looked(), func(i int) bool { return out[i] })
	slices.Sort(all)
	return all
}
