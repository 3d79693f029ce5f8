package sample

import (
	"fmt"
	"slices"
	"strings"
)

// Conclusion is what the auditor says of a control. It starts empty, and nothing here proposes one.
type Conclusion string

// The conclusions.
const (
	Effective              Conclusion = "effective"
	EffectiveWithDeviation Conclusion = "effective_with_deviation"
	NotEffective           Conclusion = "not_effective"
	NotOperated            Conclusion = "not_operated"
	NotTested              Conclusion = "not_tested"
)

// Grounds are what a conclusion rests on besides the results.
type Grounds struct {
	By           string `json:"by"`           // the person who concludes
	Reason       string `json:"reason"`       // why it is softer than what the rules point at
	Reviewer     string `json:"reviewer"`     // another person, who agreed
	Compensating string `json:"compensating"` // a control that was tested and made up for it
	Partner      string `json:"partner"`      // a partner's written reason
}

// Lacks says what a conclusion still needs before it may stand beside what the rules say of the results. What is harsher than they point at
// needs nothing; what is softer needs a reason and a reviewer. That nothing is lacking makes no conclusion right.
func Lacks(r Results, c Conclusion, g Grounds) ([]string, error) {
	o, err := Evaluate(r)
	if err != nil {
		return nil, err
	}
	var lacks []string
	need := func(ok bool, format string, args ...any) {
		if !ok {
			lacks = append(lacks, fmt.Sprintf(format, args...))
		}
	}
	deviations := len(r.Deviations)
	switch c {
	case NotEffective:
		need(r.Population > 0, "Nothing occurred that could show that it does not operate.")
	case NotOperated:
		need(o.Has(DidNotOccur), "That it did not occur is shown by a completely read source with no rows only.")
	case NotTested:
		need(said(g.Reason), "A reason why it was not tested.")
		if deviations > 0 {
			need(reviewed(g), "Deviations are on file: a reviewer who is another person than who concludes.")
		}
	case Effective, EffectiveWithDeviation:
		need(r.Population > 0, "Nothing occurred that could show that it operates.")
		lacks = append(lacks, o.Open...)
		if c == Effective {
			need(deviations == 0, "There are deviations, and each is reported: it is no plain effective.")
			break
		}
		need(deviations > 0, "There is no deviation.")
		if o.Has(BeyondPlan) {
			need(said(g.Compensating) || said(g.Partner), "More deviations than planned: a tested control that makes up for them, or a partner's written reason.")
		}
		if o.softened() {
			need(said(g.Reason), "A reason why it is softer than what the rules point at.")
			need(reviewed(g), "A reviewer who is another person than who concludes.")
		}
	default:
		need(false, "A conclusion.")
	}
	return lacks, nil
}

// softened says whether any marker points at not effective.
func (o Output) softened() bool {
	return slices.ContainsFunc([]string{RepeatedCause, Concentration, RateMarker, Persistence, DesignCause, SliceFailed}, o.Has)
}

func reviewed(g Grounds) bool {
	return said(g.By) && said(g.Reviewer) && !strings.EqualFold(strings.TrimSpace(g.By), strings.TrimSpace(g.Reviewer))
}

func said(s string) bool { return strings.TrimSpace(s) != "" }
