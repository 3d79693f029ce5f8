package sample

import (
	"fmt"
	"math/big"
	"time"
)

// Cycle is a pattern in time that the interval of a systematic selection keeps step with: its items would all be of the same
// weekday, say, and the others never looked at.
type Cycle struct {
	Pattern string `json:"pattern"`
	Reason  string `json:"reason"`
}

type pattern struct {
	name  string
	class func(time.Time) int // less than maxClasses
}

const maxClasses = 24

// patterns are the ways in which a list repeats itself, each with the class that a moment belongs to.
func patterns() []pattern {
	return []pattern{
		{"hour of the day", func(t time.Time) int { return t.Hour() }},
		{"day of the week", func(t time.Time) int { return int(t.Weekday()) }},
		{"part of the month", func(t time.Time) int { return min((t.Day()-1)/7, 3) }},
		{"month of the quarter", func(t time.Time) int { return int(t.Month()-1) % 3 }},
	}
}

// Cycles says with which patterns a systematic selection of n of the rows would keep step, whichever row it starts from. For
// each pattern it compares how alike the items of one start are, averaged over the starts, with how alike items chosen by
// chance would be, and tells those that are more than half the way from there to being all alike. It looks in UTC and twelve
// hours on: what happens about midnight in one falls about noon in the other, so that no zone and no change to summer time
// hides a pattern. A selection that keeps step is not drawn.
func Cycles(rows []Row, n int) ([]Cycle, error) {
	pool := make([]int, len(rows))
	for i := range pool {
		pool[i] = i
	}
	return cycles(rows, pool, n)
}

func cycles(rows []Row, pool []int, n int) ([]Cycle, error) {
	if n < 1 || n > len(pool) {
		return nil, fmt.Errorf("%d items cannot be drawn from %d rows", n, len(pool))
	}
	for _, i := range pool {
		if rows[i].At == NoTime {
			return nil, fmt.Errorf("row %d has no time, so that no pattern in time can be looked for", i)
		}
	}
	var found []Cycle
	class := make([]uint8, len(pool))
	for _, p := range patterns() {
		for _, later := range []time.Duration{0, 12 * time.Hour} {
			for i, at := range pool {
				class[i] = uint8(p.class(time.UnixMicro(rows[at].At).UTC().Add(later)))
			}
			if inStep(class, n) {
				found = append(found, Cycle{p.name, fmt.Sprintf("An item each %.1f rows keeps step with the %s.", float64(len(pool))/float64(n), p.name)})
				break
			}
		}
	}
	return found, nil
}

// inStep reckons in whole numbers, to be the same on every machine: two items of one start are of one class with the chance
// A/(S·n²), S being the starts and A the squares of the counts, summed; two rows with W/N²; n items chosen by chance with
// c = W/N² + (1-W/N²)/n. In step is A/(S·n²) > (1+c)/2, which one item, or rows that are all alike, never are.
func inStep(class []uint8, n int) bool {
	size := len(class)
	starts := (size + n - 1) / n
	all := make([]int, maxClasses)
	for _, c := range class {
		all[c]++
	}
	w, a := squares(all), int64(0)
	for start := range starts {
		count := make([]int, maxClasses)
		for i := range n {
			count[class[scaled(i, size, 0, n)+start]]++
		}
		a += squares(count)
	}
	whole, of := big.NewInt(int64(size)*int64(size)), func(n int64) *big.Int { return big.NewInt(n) }
	left := new(big.Int).Mul(of(2*a), whole)
	right := new(big.Int).Mul(of(int64(n+1)), whole)          // n·N² + N²
	right.Add(right, new(big.Int).Mul(of(int64(n-1)), of(w))) // + n·W - W
	right.Mul(right, new(big.Int).Mul(of(int64(starts)), of(int64(n))))
	return left.Cmp(right) > 0
}

func squares(counts []int) (sum int64) {
	for _, c := range counts {
		sum += int64(c) * int64(c)
	}
	return sum
}
