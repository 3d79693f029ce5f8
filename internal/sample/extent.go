package sample

import (
	"fmt"
	"strings"
)

// AllUpTo is the number of occurrences up to which people read all of them, unless the firm has set another.
const AllUpTo = 25

// Risk is the auditor's rating of the risk that a control did not operate.
type Risk string

// The ratings, which are the columns of a Table.
const (
	Low      Risk = "low"
	Moderate Risk = "moderate"
	High     Risk = "high"
)

// Table is a firm's custom for how many items people read. No standard fixes it, so that it is the firm's own data, with a
// version that goes into the file of each test.
type Table struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Bands   []Band `json:"bands"` // each ends where the next begins; the last has no end
}

// Band is the sizes for a control that occurred at least From times in the window.
type Band struct {
	From     int `json:"from"`
	Low      int `json:"low"`
	Moderate int `json:"moderate"`
	High     int `json:"high"`
}

// Common is a table as many firms have it, to begin from.
func Common() Table {
	return Table{"common", "1", []Band{{1, 1, 1, 1}, {2, 2, 2, 2}, {3, 2, 2, 3}, {6, 2, 3, 4}, {16, 3, 5, 8}, {31, 5, 7, 9},
		{61, 8, 10, 15}, {121, 15, 20, 25}, {250, 20, 25, 40}, {366, 25, 40, 60}}}
}

// Check refuses a table that leaves a number of occurrences without a size, or that asks for less where more occurred or more
// is at risk.
func (t Table) Check() error {
	if strings.TrimSpace(t.Name) == "" || strings.TrimSpace(t.Version) == "" {
		return fmt.Errorf("a table needs a name and a version")
	}
	if len(t.Bands) == 0 || t.Bands[0].From != 1 {
		return fmt.Errorf("the first band of table %s must be from 1", t.Name)
	}
	for i, b := range t.Bands {
		if b.Low < 1 || b.Moderate < b.Low || b.High < b.Moderate {
			return fmt.Errorf("the band from %d of table %s asks for %d, %d and %d: each must be at least 1 and none less than the one before", b.From, t.Name, b.Low, b.Moderate, b.High)
		}
		if i == 0 {
			continue
		}
		last := t.Bands[i-1]
		if b.From <= last.From {
			return fmt.Errorf("the band from %d of table %s comes after the one from %d", b.From, t.Name, last.From)
		}
		if b.Low < last.Low || b.Moderate < last.Moderate || b.High < last.High {
			return fmt.Errorf("the band from %d of table %s asks for less than the one from %d", b.From, t.Name, last.From)
		}
	}
	return nil
}

// Size is what the table asks for of n occurrences, and never more than all of them.
func (t Table) Size(n int, r Risk) (int, error) {
	if err := t.Check(); err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, fmt.Errorf("a control cannot have occurred %d times", n)
	}
	size := 0
	for _, b := range t.Bands {
		if b.From > n {
			break
		}
		size = map[Risk]int{Low: b.Low, Moderate: b.Moderate, High: b.High}[r]
	}
	if n > 0 && size == 0 {
		return 0, fmt.Errorf("there is no risk %q; it is %s, %s or %s", r, Low, Moderate, High)
	}
	return min(n, size), nil
}

// Extent is how many items an attribute is tested on, and by which rule.
type Extent struct {
	Size int    `json:"size"`
	All  bool   `json:"all"` // every row; no sample
	Rule string `json:"rule"`
}

// ByMachine is the extent of an attribute that a machine decides from records: all of them.
func ByMachine(n int) Extent {
	return Extent{n, true, fmt.Sprintf("Decided by machine from records: all %d.", n)}
}

// ByPeople is the extent of an attribute that people read: all occurrences up to a number that the firm sets (AllUpTo when it
// has set none), beyond it the firm's table.
func ByPeople(n, allUpTo int, t Table, r Risk) (Extent, error) {
	size, err := t.Size(n, r)
	switch {
	case err != nil:
		return Extent{}, err
	case allUpTo < 0:
		return Extent{}, fmt.Errorf("all up to %d is no setting", allUpTo)
	case n <= allUpTo:
		return Extent{n, true, fmt.Sprintf("Read by people: all of up to %d.", allUpTo)}, nil
	case size == n:
		return Extent{n, true, fmt.Sprintf("Read by people: table %s, version %s, asks for all %d at %s risk.", t.Name, t.Version, n, r)}, nil
	}
	return Extent{size, false, fmt.Sprintf("Read by people: table %s, version %s, asks for %d of %d at %s risk.", t.Name, t.Version, size, n, r)}, nil
}

// Plan is how the extent is chosen unless the auditor decides otherwise: all, or one item of each of as many runs of time.
func (e Extent) Plan(reserves int) Plan {
	if e.All {
		return Plan{Method: All, Size: e.Size}
	}
	return Plan{Method: Stratified, Size: e.Size, Reserves: reserves}
}

// Choose refuses a size other than the rule's where it may not be: more than there is, or less than the rule without a reason.
func (e Extent) Choose(size, n int, reason string) error {
	switch {
	case size > n || size < 0 || size == 0 && n > 0:
		return fmt.Errorf("%d of %d items cannot be tested", size, n)
	case size < e.Size && e.All:
		return fmt.Errorf("the rule asks for all %d; %d would be a sample", e.Size, size)
	case size < e.Size && strings.TrimSpace(reason) == "":
		return fmt.Errorf("%d is less than the %d that the rule asks for; it needs a reason", size, e.Size)
	}
	return nil
}

// Answer is what a person said. Unanswered is neither yes nor no.
type Answer string

// The answers.
const (
	Unanswered Answer = ""
	Yes        Answer = "yes"
	No         Answer = "no"
)

// Automated is what has to be so that one operation of each configuration may stand for a whole window.
type Automated struct {
	Configurations int    `json:"configurations"` // distinct ones: forty repositories set one by one are forty
	Automated      Answer `json:"automated"`      // no person takes part
	Unchanged      Answer `json:"unchanged"`      // shown for the whole window, by a change log or settings captured at many dates
	Technology     Answer `json:"technology"`     // controls over the system (who may change it, changes, operations) were tested and effective
	Negative       Answer `json:"negative"`       // the test includes that it blocks what it should
	Inspected      Answer `json:"inspected"`      // the parameters were inspected, not only what came of them
}

// OfOne is the extent of a test of one for each configuration, and what stands against it: as long as anything does, the
// control is tested as if people did it.
func (a Automated) OfOne() (Extent, []string) {
	var against []string
	for _, q := range []struct {
		a       Answer
		unknown string
		no      string
	}{
		{a.Automated, "Whether a person takes part is not answered.", "A person takes part."},
		{a.Unchanged, "Whether the configuration was the same for the whole window is not answered.", "The configuration was not the same for the whole window; what happened while it was weaker is tested by hand."},
		{a.Technology, "Whether the controls over the system are effective is not answered.", "The controls over the system were not effective."},
		{a.Negative, "Whether it blocks what it should is not answered.", "It was not tested that it blocks what it should."},
		{a.Inspected, "Whether its parameters were inspected is not answered.", "Its parameters were not inspected."},
	} {
		switch q.a {
		case Yes:
		case No:
			against = append(against, q.no)
		default:
			against = append(against, q.unknown)
		}
	}
	if a.Configurations < 1 {
		against = append(against, "How many configurations there are is not answered.")
	}
	if len(against) > 0 {
		return Extent{}, against
	}
	return Extent{a.Configurations, true, fmt.Sprintf("Automated and unchanged: one operation of each of %d configurations.", a.Configurations)}, nil
}
