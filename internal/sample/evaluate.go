package sample

import (
	"fmt"
	"slices"
	"strings"
)

// fewest is the number of occurrences below which no rate is told, and marked is the rate from which a marker is given.
const (
	fewest = 10
	marked = 5 * Percent
)

// DeviationKind is in which way an item deviated; empty as long as nobody said.
type DeviationKind string

// The ways.
const (
	Wrong      DeviationKind = "wrong"       // done wrongly
	Late       DeviationKind = "late"        // done too late
	NotDone    DeviationKind = "not_done"    // not done
	NoEvidence DeviationKind = "no_evidence" // asked for and not produced
)

// Deviation is one item that was not as the control says, with what people recorded of it. What is empty was not recorded.
type Deviation struct {
	Item    int           `json:"item"`
	Kind    DeviationKind `json:"kind"`
	Cause   string        `json:"cause"`   // names the cause; deviations of one cause name it alike
	Episode string        `json:"episode"` // names the occasion; what went wrong at one time for one reason is one episode
	Design  Answer        `json:"design"`  // whether the cause lies in the design
	Factors string        `json:"factors"` // of a late one: what was weighed
	Slice   string        `json:"slice"`   // the part of the window that the item speaks for, such as 2026-01-01 to 2026-03-31
	Covered string        `json:"covered"` // a control that was tested and covered the same ground for that part
}

// Results are what the test of one attribute gave.
type Results struct {
	Population int         `json:"population"` // N, the rows in the window that belong in it
	Complete   Answer      `json:"complete"`   // whether the source was completely read
	Size       int         `json:"size"`       // items to test: all draws together, targeted ones left out
	Tested     int         `json:"tested"`     // of them, those that were answered; unknown is no answer
	Planned    int         `json:"planned"`    // deviations that the size was planned for, fixed with it before the draw; none in a table's sizes
	Deviations []Deviation `json:"deviations"`

	Concentrated Judgement `json:"concentrated"` // whether they stand where it defeats the control's purpose
	Persistent   Judgement `json:"persistent"`   // whether they go on over the window
}

// Judgement is what a person judged, in a word and in a sentence.
type Judgement struct {
	Answer Answer `json:"answer"`
	Reason string `json:"reason"`
}

func (j Judgement) given() bool {
	return (j.Answer == Yes || j.Answer == No) && strings.TrimSpace(j.Reason) != ""
}

// census says whether every row was to be tested, which is no sample.
func (r Results) census() bool { return r.Size == r.Population }

// Markers by the rule that gives them.
const (
	DidNotOccur   = "did_not_occur"  // a complete source with no rows: neither a pass nor a deviation
	BeyondPlan    = "beyond_plan"    // more deviations in a sample than its size was planned for
	RateMarker    = "rate"           // of a census of at least 10, 5 percent or more deviate
	RepeatedCause = "repeated_cause" // one cause in separate episodes
	Concentration = "concentration"  // where they stand defeats the purpose
	Persistence   = "persistence"    // they go on over the window
	DesignCause   = "design_cause"   // a cause lies in the design
	Isolated      = "isolated"       // none of these, and each has its cause
	SliceFailed   = "slice"          // of fewer than 10, one not done or not shown: its part of the window is not covered
)

// Marker is what a rule points at. It is the rule's output and nobody's conclusion.
type Marker struct {
	Marker string `json:"marker"`
	Origin string `json:"origin"` // always rule_output
	Reason string `json:"reason"`
}

// Output is what the rules say of results: markers, and what has to be answered before the others can be given. No markers
// and nothing open does not mean that the control is effective.
type Output struct {
	Markers []Marker `json:"markers"`
	Open    []string `json:"open"`
}

// Has says whether a marker is given.
func (o Output) Has(marker string) bool {
	return slices.ContainsFunc(o.Markers, func(m Marker) bool { return m.Marker == marker })
}

func (o *Output) mark(marker, format string, args ...any) {
	o.Markers = append(o.Markers, Marker{marker, "rule_output", fmt.Sprintf(format, args...)})
}

func (o *Output) ask(format string, args ...any) {
	o.Open = append(o.Open, fmt.Sprintf(format, args...))
}

// Evaluate applies the rules to results. From silence it takes nothing: as long as an item has no answer, or a deviation has
// no cause, no marker calls the deviations systematic or isolated. It refuses results that cannot be.
func Evaluate(r Results) (Output, error) {
	var o Output
	if r.Population < 0 || r.Size < 0 || r.Size > r.Population || r.Size == 0 && r.Population > 0 || r.Tested < 0 || r.Tested > r.Size || len(r.Deviations) > r.Tested || r.Planned < 0 {
		return o, fmt.Errorf("%d rows, %d items, %d answered and %d deviations, %d planned, cannot be the results of one test", r.Population, r.Size, r.Tested, len(r.Deviations), r.Planned)
	}
	items := map[int]bool{}
	for _, d := range r.Deviations {
		if items[d.Item] {
			return o, fmt.Errorf("row %d deviates twice in one attribute", d.Item)
		}
		items[d.Item] = true
	}
	switch r.Complete {
	case Yes:
		if r.Population == 0 {
			o.mark(DidNotOccur, "The source was completely read and has no rows.")
		}
	case No:
		o.ask("The source was not completely read: what else occurred is not known.")
	default:
		o.ask("Whether the source was completely read is not answered.")
	}
	if r.Tested < r.Size {
		o.ask("%d of %d items have no answer.", r.Size-r.Tested, r.Size)
	}
	if len(r.Deviations) == 0 {
		return o, nil
	}
	if !r.census() && len(r.Deviations) > r.Planned {
		o.mark(BeyondPlan, "%d deviations in a sample that was planned for %d: it is extended, all is tested, or the control is not effective.", len(r.Deviations), r.Planned)
	}
	if r.Population < fewest {
		uncovered(r, &o)
	}
	for _, d := range r.Deviations {
		recorded(d, &o)
	}
	if !r.Concentrated.given() {
		o.ask("Whether the deviations stand where it defeats the control's purpose is not answered with a reason.")
	}
	if !r.Persistent.given() {
		o.ask("Whether the deviations go on over the window is not answered with a reason.")
	}
	if len(o.Open) == 0 {
		systematic(r, &o)
	}
	return o, nil
}

// recorded asks for what a deviation lacks.
func recorded(d Deviation, o *Output) {
	switch d.Kind {
	case Wrong, Late, NotDone, NoEvidence:
	default:
		o.ask("Row %d: in which way it deviates is not recorded.", d.Item)
	}
	if strings.TrimSpace(d.Cause) == "" {
		o.ask("Row %d: its cause is not recorded.", d.Item)
	}
	if strings.TrimSpace(d.Episode) == "" {
		o.ask("Row %d: which episode it belongs to is not recorded.", d.Item)
	}
	if d.Design != Yes && d.Design != No {
		o.ask("Row %d: whether its cause lies in the design is not answered.", d.Item)
	}
	if d.Kind == Late && strings.TrimSpace(d.Factors) == "" {
		o.ask("Row %d: it was late, and what was weighed is not recorded.", d.Item)
	}
}

// uncovered marks, where there are too few occurrences for a rate, the parts of the window that nothing covers.
func uncovered(r Results, o *Output) {
	for _, d := range r.Deviations {
		if d.Kind != NotDone && d.Kind != NoEvidence || strings.TrimSpace(d.Covered) != "" {
			continue
		}
		if strings.TrimSpace(d.Slice) == "" {
			o.ask("Row %d: which part of the window it speaks for is not recorded.", d.Item)
			continue
		}
		done := "was not done"
		if d.Kind == NoEvidence {
			done = "was not shown to be done"
		}
		o.mark(SliceFailed, "Row %d %s, and no tested control covers %s: for that part the control is not effective.", d.Item, done, d.Slice)
	}
}

// systematic gives the markers of a systematic deviation, or the one of isolated ones. All that it needs is recorded.
func systematic(r Results, o *Output) {
	before := len(o.Markers)
	episodes := map[string][]string{}
	var causes []string
	for _, d := range r.Deviations {
		cause, episode := strings.Join(strings.Fields(strings.ToLower(d.Cause)), " "), strings.TrimSpace(d.Episode)
		if episodes[cause] == nil {
			causes = append(causes, cause)
		}
		if !slices.Contains(episodes[cause], episode) {
			episodes[cause] = append(episodes[cause], episode)
		}
	}
	for _, cause := range causes {
		if n := len(episodes[cause]); n > 1 {
			o.mark(RepeatedCause, "The cause %q comes in %d separate episodes.", cause, n)
		}
	}
	if r.Concentrated.Answer == Yes {
		o.mark(Concentration, "Where they stand defeats the purpose: %s", strings.TrimSpace(r.Concentrated.Reason))
	}
	if r.census() && r.Population >= fewest && int64(len(r.Deviations))*int64(whole) >= int64(marked)*int64(r.Population) {
		o.mark(RateMarker, "All %d were tested and %d deviate, which is %s or more.", r.Population, len(r.Deviations), marked)
	}
	if r.Persistent.Answer == Yes {
		o.mark(Persistence, "They go on over the window: %s", strings.TrimSpace(r.Persistent.Reason))
	}
	for _, d := range r.Deviations {
		if d.Design == Yes {
			o.mark(DesignCause, "The cause of row %d lies in the design: %s.", d.Item, strings.TrimSuffix(strings.TrimSpace(d.Cause), "."))
		}
	}
	if len(o.Markers) == before {
		o.mark(Isolated, "None of the marks of a systematic deviation, and each deviation has its cause.")
	}
}
