package sample

import (
	"fmt"
	"time"
)

// Cycle is a pattern in time that the interval of a systematic selection keeps step with: its items would all be of the same
// weekday, say, and the others never looked at.
type Cycle struct {
	Pattern string `json:"pattern"`
	Reason  string `json:"reason"`
}

// patterns are the ways in which a list repeats itself, each with the class that a moment belongs to.
func patterns() []struct {
	name  string
	class func(time.Time) int
} {
	return []struct {
		name  string
		class func(time.Time) int
	}{
		{"hour of the day", func(t time.Time) int { return t.Hour() }},
		{"day of the week", func(t time.Time) int { return int(t.Weekday()) }},
		{"part of the month", func(t time.Time) int { return min((t.Day()-1)/7, 3) }},
		{"month of the quarter", func(t time.Time) int { return int(t.Month()-1) % 3 }},
	}
}

// Cycles says with which patterns a systematic selection of n of the rows would keep step, whichever row it starts from. For
// each pattern it compares how alike the items of one start are, averaged over the starts, with how alike items chosen by
// chance would be, and tells those that are more than half the way from there to being all alike. The days are those of the
// zone. Whoever goes on nonetheless says why; the safe answer is another method.
func Cycles(rows []Row, n int, zone *time.Location) ([]Cycle, error) {
	if n < 1 || n > len(rows) {
		return nil, fmt.Errorf("%d items cannot be drawn from %d rows", n, len(rows))
	}
	var found []Cycle
	for _, p := range patterns() {
		class := make([]uint8, len(rows))
		var whole [32]int64
		for i, r := range rows {
			if r.At == NoTime {
				return nil, fmt.Errorf("row %d has no time, so that no pattern in time can be looked for", i)
			}
			class[i] = uint8(p.class(time.UnixMicro(r.At).In(zone)))
			whole[class[i]]++
		}
		starts, alike := (len(rows)+n-1)/n, 0.0
		for start := range starts {
			var count [32]int64
			for i := range n {
				count[class[min(scaled(i, len(rows), start*n, n), len(rows)-1)]]++
			}
			alike += likeness(count, n)
		}
		alike /= float64(starts)
		chance := likeness(whole, len(rows))
		chance += (1 - chance) / float64(n)
		if n > 1 && chance < 0.999 && alike > (1+chance)/2 {
			found = append(found, Cycle{p.name, fmt.Sprintf("An item each %.1f rows keeps step with the %s: the items of one start are %.0f%% alike, by chance they would be %.0f%%.",
				float64(len(rows))/float64(n), p.name, 100*alike, 100*chance)})
		}
	}
	return found, nil
}

// likeness is how likely two items, each taken by chance, are of the same class.
func likeness(count [32]int64, n int) float64 {
	var sum float64
	for _, c := range count {
		sum += float64(c) * float64(c)
	}
	return sum / (float64(n) * float64(n))
}
