package sample

import (
	"container/heap"
	"fmt"
	"maps"
	"math/bits"
	"slices"
)

// Method is how items are chosen.
type Method string

// The methods. Only Stratified, Random and Systematic are drawn; All needs no draw, and Haphazard was picked by a person.
const (
	All        Method = "all"        // every row: no sample, and no risk of one
	Stratified Method = "stratified" // one item of each of as many runs of time as there are items
	Random     Method = "random"     // simple random selection; the only one that confidence and limits are stated for
	Systematic Method = "systematic" // each N/n-th from a start by chance, unless that keeps step with a pattern in time; see Cycles
	Haphazard  Method = "haphazard"  // picked by a person without a pattern; cannot be drawn again
)

// Plan is what is fixed before a draw.
type Plan struct {
	Method     Method `json:"method"`
	Size       int    `json:"size"`                  // n, the items to test
	Reserves   int    `json:"reserves,omitempty"`    // of each run, at most; with Random, of each location or of the whole
	ByLocation bool   `json:"by_location,omitempty"` // the size is shared out over the locations, at least one of each
}

// Statistical says whether confidence and limits may be stated for what the plan gives, and if not, why.
func (p Plan) Statistical() (bool, string) {
	switch {
	case p.Method == All:
		return false, "Every row is tested, so that there is no sample to project from."
	case p.Method != Random:
		return false, fmt.Sprintf("The items are chosen by the method %s; confidence and limits are stated for simple random selection only.", p.Method)
	case p.ByLocation:
		return false, "The items are shared out over locations; confidence and limits are stated for simple random selection from the whole only."
	}
	return true, ""
}

// Run is one part of a draw with what it gave: positions of rows in the population, counted from 0.
type Run struct {
	Location string `json:"location,omitempty"` // with Plan.ByLocation
	Items    []int  `json:"items"`              // ascending
	Reserves []int  `json:"reserves"`           // in the order in which they are used
}

// Draw gives the runs of the first draw from rows in canonical order.
func Draw(seed Seed, rows []Row, p Plan) ([]Run, error) { return draw(seed, rows, p, nil) }

// Extend gives the runs of an extension, whose number counts from 1, over the rows that were not looked at yet: seen are all
// items, reserves in use, replaced and targeted items before it (Stage.Seen). Its size is fixed before it is drawn.
func Extend(seed Seed, rows []Row, p Plan, number int, seen []int) ([]Run, error) {
	if number < 1 {
		return nil, fmt.Errorf("an extension has the number %d; the first has 1", number)
	}
	if len(seen) == 0 {
		return nil, fmt.Errorf("extension %d extends no draw", number)
	}
	return draw(seed.extension(number, p.Size), rows, p, seen)
}

func draw(seed Seed, rows []Row, p Plan, seen []int) ([]Run, error) {
	if !slices.IsSortedFunc(rows, Compare) {
		return nil, fmt.Errorf("the rows do not stand in canonical order")
	}
	pool, err := unseen(rows, seen)
	if err != nil {
		return nil, err
	}
	switch p.Method {
	case Stratified, Random, Systematic:
	case All:
		return nil, fmt.Errorf("every row is tested: there is nothing to draw")
	case Haphazard:
		return nil, fmt.Errorf("a person picked the items haphazardly: there is nothing to draw")
	default:
		return nil, fmt.Errorf("there is no method %q", p.Method)
	}
	if p.Size < 1 || p.Size > len(pool) {
		return nil, fmt.Errorf("%d items cannot be drawn from %d rows", p.Size, len(pool))
	}
	if p.Reserves < 0 {
		return nil, fmt.Errorf("%d reserves cannot be drawn", p.Reserves)
	}
	if p.Method != Random {
		for _, i := range pool {
			if rows[i].At == NoTime {
				return nil, fmt.Errorf("row %d has no time, and the method %s needs the order of occurrence: draw it by the method %s", i, p.Method, Random)
			}
		}
	}
	p.Reserves = min(p.Reserves, len(pool))
	if !p.ByLocation {
		return one(seed, rows, pool, p, p.Size)
	}
	at := map[string][]int{}
	for _, i := range pool {
		at[rows[i].Location] = append(at[rows[i].Location], i)
	}
	names := slices.Sorted(maps.Keys(at))
	sizes := make([]int, len(names))
	for i, name := range names {
		sizes[i] = len(at[name])
	}
	shares, err := Share(p.Size, sizes)
	if err != nil {
		return nil, err
	}
	var out []Run
	for i, name := range names {
		runs, err := one(seed.location(name), rows, at[name], p, shares[i])
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			r.Location = name
			out = append(out, r)
		}
	}
	return out, nil
}

// unseen are the positions of rows that were not looked at, ascending.
func unseen(rows []Row, seen []int) ([]int, error) {
	skip := make(map[int]bool, len(seen))
	for _, i := range seen {
		if i < 0 || i >= len(rows) {
			return nil, fmt.Errorf("there is no row %d among %d", i, len(rows))
		}
		skip[i] = true
	}
	pool := make([]int, 0, len(rows)-len(skip))
	for i := range rows {
		if !skip[i] {
			pool = append(pool, i)
		}
	}
	return pool, nil
}

// one draws n of a pool, which are at least n.
func one(seed Seed, rows []Row, pool []int, p Plan, n int) ([]Run, error) {
	reserves := p.Reserves
	if p.Method == Random {
		order := shuffle(seed, 0, pool, n+min(reserves, len(pool)-n))
		items := slices.Sorted(slices.Values(order[:n]))
		return []Run{{Items: items, Reserves: order[n:]}}, nil
	}
	chosen := make([]int, n)
	if p.Method == Systematic {
		if found, err := cycles(rows, pool, n); err != nil {
			return nil, err
		} else if len(found) > 0 {
			return nil, fmt.Errorf("a systematic selection of %d of %d rows would always find the same: %s Draw it by the method %s", n, len(pool), found[0].Reason, Stratified)
		}
		start := seed.below(0, 0, len(pool))
		for i := range chosen {
			chosen[i] = pool[scaled(i, len(pool), start, n)]
		}
	}
	out := make([]Run, n)
	for i := range out {
		part := pool[scaled(i, len(pool), 0, n):scaled(i+1, len(pool), 0, n)]
		if p.Method == Stratified {
			order := shuffle(seed, i, part, 1+min(reserves, len(part)-1))
			out[i] = Run{Items: order[:1:1], Reserves: order[1:]}
			continue
		}
		// An item of a neighbouring interval may stand at the edge of this run; it is nobody's reserve.
		order := slices.DeleteFunc(shuffle(seed, i+1, part, min(reserves+2, len(part))), func(x int) bool {
			_, taken := slices.BinarySearch(chosen, x)
			return taken
		})
		out[i] = Run{Items: chosen[i : i+1 : i+1], Reserves: order[:min(reserves, len(order))]}
	}
	return out, nil
}

// scaled is (i·total + start) / parts, rounded down, without overflow.
func scaled(i, total, start, parts int) int {
	hi, lo := bits.Mul64(uint64(i), uint64(total))
	lo, carry := bits.Add64(lo, uint64(start), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(parts))
	return int(q)
}

// shuffle gives the first count of a run's rows in the order of a Fisher-Yates shuffle: at each place j the j-th number of the
// run says which of the rest comes there. Only what moved is kept, so that a long run costs no more than what is taken of it.
func shuffle(seed Seed, run int, rows []int, count int) []int {
	moved := map[int]int{}
	at := func(i int) int {
		if m, ok := moved[i]; ok {
			return m
		}
		return i
	}
	out := make([]int, count)
	for j := range out {
		r := j + seed.below(run, j, len(rows)-j)
		out[j] = rows[at(r)]
		moved[r] = at(j)
	}
	return out
}

// Share gives each location its part of n: one each, and then one by one to the location whose N/(2a+1) is greatest, N being
// its rows and a what it has (Sainte-Laguë), the first named where two are equal. None gets more than its rows.
func Share(n int, sizes []int) ([]int, error) {
	if n < len(sizes) {
		return nil, fmt.Errorf("%d items do not reach %d locations; each must have at least one", n, len(sizes))
	}
	shares, left := make([]int, len(sizes)), n
	q := &quotients{sizes, shares, nil}
	for i, size := range sizes {
		if size < 1 {
			return nil, fmt.Errorf("location %d has no rows", i)
		}
		shares[i] = 1
		left--
		q.order = append(q.order, i)
	}
	heap.Init(q)
	for ; left > 0; left-- {
		if len(q.order) == 0 || shares[q.order[0]] == sizes[q.order[0]] {
			return nil, fmt.Errorf("%d items are more than all locations have", n)
		}
		shares[q.order[0]]++
		heap.Fix(q, 0)
	}
	return shares, nil
}

// quotients is a heap of locations, the next to get an item first.
type quotients struct{ sizes, shares, order []int }

func (q *quotients) Len() int      { return len(q.order) }
func (q *quotients) Swap(i, j int) { q.order[i], q.order[j] = q.order[j], q.order[i] }
func (q *quotients) Push(x any)    { q.order = append(q.order, x.(int)) }
func (q *quotients) Pop() any      { panic("locations stay") }
func (q *quotients) Less(i, j int) bool {
	a, b := q.order[i], q.order[j]
	left, right := uint64(q.sizes[a])*uint64(2*q.shares[b]+1), uint64(q.sizes[b])*uint64(2*q.shares[a]+1)
	return left > right || left == right && a < b
}
