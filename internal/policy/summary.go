package policy

import (
	"slices"
	"strings"
	"time"

	"tickmark/internal/record"
)

// Summary is where one policy stands at the moment of a look.
type Summary struct {
	Document
	Versions []Version // the lowest number first
	InForce  *Version  // nil when no text is in force
	Working  *Version  // the text under way; nil when there is none
	Approval Approval  // of the text in force
	Reviews  []Review
	Audience []Standing // with the text in force; empty when there is none
	Accepted int
	Overdue  int
}

// ReviewDue says that the approval of the text in force is due to be renewed, and Lapsed that it is too old.
func (s Summary) ReviewDue(at time.Time) bool {
	return s.InForce != nil && s.State == "active" && !at.Before(s.Approval.Through.AddDate(0, 0, -WarnDays))
}

// Lapsed says that the approval of the text in force is too old.
func (s Summary) Lapsed(at time.Time) bool {
	return s.InForce != nil && s.State == "active" && !at.Before(s.Approval.Through.AddDate(0, 0, 1))
}

// Summaries are all policies, by title, the retired ones last.
func Summaries(look record.Look) ([]Summary, error) {
	docs, err := look.All("policy")
	if err != nil {
		return nil, err
	}
	versions, err := look.All("policy_version")
	if err != nil {
		return nil, err
	}
	acks, err := look.All("acknowledgement")
	if err != nil {
		return nil, err
	}
	reviews, err := look.All("policy_review")
	if err != nil {
		return nil, err
	}
	people, err := People(look)
	if err != nil {
		return nil, err
	}
	by := map[string]*Summary{}
	var out []*Summary
	documents, err := each(docs, nil, ReadDocument)
	if err != nil {
		return nil, err
	}
	for _, d := range documents {
		s := &Summary{Document: d}
		by[d.Key] = s
		out = append(out, s)
	}
	texts, err := each(versions, nil, ReadVersion)
	if err != nil {
		return nil, err
	}
	for _, v := range texts {
		if s := by[v.Policy]; s != nil {
			s.Versions = append(s.Versions, v)
		}
	}
	looked, err := each(reviews, nil, ReadReview)
	if err != nil {
		return nil, err
	}
	for _, r := range looked {
		if s := by[r.Policy]; s != nil {
			s.Reviews = append(s.Reviews, r)
		}
	}
	accepted, err := each(acks, nil, ReadAcknowledgement)
	if err != nil {
		return nil, err
	}
	byPolicy := map[string][]Acknowledgement{}
	for _, a := range accepted {
		byPolicy[a.Policy] = append(byPolicy[a.Policy], a)
	}
	zone := Zone(look)
	var all []Summary
	for _, s := range out {
		s.sum(byPolicy[s.Key], people, zone)
		all = append(all, *s)
	}
	slices.SortStableFunc(all, func(a, b Summary) int {
		if a.State != b.State {
			return strings.Compare(a.State, b.State)
		}
		return strings.Compare(a.Title, b.Title)
	})
	return all, nil
}

// Summarise is one policy.
func Summarise(look record.Look, policy string) (Summary, error) {
	v, err := look.Get("policy", policy)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{}
	if s.Document, err = ReadDocument(v); err != nil {
		return s, err
	}
	if s.Versions, err = Versions(look, policy); err != nil {
		return s, err
	}
	if s.Reviews, err = Reviews(look, policy); err != nil {
		return s, err
	}
	acks, err := Acknowledgements(look, policy)
	if err != nil {
		return s, err
	}
	people, err := People(look)
	if err != nil {
		return s, err
	}
	s.sum(acks, people, Zone(look))
	return s, nil
}

// sum fills in what follows from the parts.
func (s *Summary) sum(acks []Acknowledgement, people []Person, zone *time.Location) {
	slices.SortStableFunc(s.Versions, func(a, b Version) int { return compareNumbers(a.Number, b.Number) })
	for i := range s.Versions {
		switch v := &s.Versions[i]; {
		case v.State == "published":
			s.InForce = v
		case slices.Contains(Unfinished, v.State):
			s.Working = v
		}
	}
	if s.InForce == nil {
		return
	}
	s.Approval = approvalOf(*s.InForce, s.Reviews, s.Months(), zone)
	line := lineOf(s.Versions, acks, *s.InForce)
	for _, p := range s.Document.Audiences(people) {
		st := Standing{Person: p, Ack: line[p.ID]}
		if st.Ack.State == "acknowledged" {
			s.Accepted++
		} else if st.Ack.OverdueSince != "" {
			s.Overdue++
		}
		s.Audience = append(s.Audience, st)
	}
}
