package demo

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tickmark/internal/connector/demo"
	"tickmark/internal/record"
	"tickmark/internal/requirement"
)

func sortBy(list []object, field string) {
	slices.SortFunc(list, func(a, b object) int { return cmp.Compare(text(a, field), text(b, field)) })
}

// duties are what the records of a day call for.
func (s *story) duties(day time.Time) []act {
	if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		return nil
	}
	out := s.findings(day)
	out = append(out, s.occurrences(day)...)
	out = append(out, s.reviews(day)...)
	return append(out, s.acknowledgements(day)...)
}

// in are the records of a kind in a state, by key.
func (s *story) in(kind, state string) []record.Version {
	list, err := s.w.Book.Find(s.ctx, s.w.DB, kind, record.StateField, state, 0)
	if err != nil && s.failed == nil {
		s.failed = err
	}
	slices.SortFunc(list, func(a, b record.Version) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// occurrences are performed a few days after their span is over, with a document to show for it. A few are forgotten until
// somebody notices, and of those some for ever. Others look at most of what was done.
func (s *story) occurrences(day time.Time) []act {
	var out []act
	for _, state := range []string{"scheduled", "missed"} {
		for _, v := range s.in("occurrence", state) {
			b := body(v)
			to, err := time.Parse(time.DateOnly, text(b, "to"))
			due, wrong := time.Parse(time.DateOnly, text(b, "due"))
			if err != nil || wrong != nil {
				continue
			}
			from, err := time.Parse(time.DateOnly, text(b, "from"))
			if err != nil {
				continue
			}
			chance := s.Chance("occurrence", v.Key)
			ready, move := to.AddDate(0, 0, 1+int(chance*3)), "perform"
			if span := to.Sub(from); span > 150*24*time.Hour { // what is done once a year is done when there is time
				ready = demo.Day(from.Add(time.Duration(float64(span) * (0.2 + 0.65*chance))))
			}
			switch {
			case state == "missed" && chance < 0.015:
				continue // for ever
			case state == "missed":
				ready, move = due.AddDate(0, 0, 5+int(chance*400)%16), "perform_late"
			case chance < 0.05:
				continue // forgotten
			}
			if day.Before(ready) && !(state == "scheduled" && !day.Before(from) && lastWorkday(due, day)) {
				continue
			}
			out = append(out, func() error { return s.perform(v.Key, b, move) })
		}
	}
	for _, state := range []string{"performed", "performed_late"} {
		for _, v := range s.in("occurrence", state) {
			b := body(v)
			if text(b, "reviewed_by") != "" || s.Chance("look", v.Key) < 0.25 || day.Before(demo.Day(v.From.Time()).AddDate(0, 0, 3)) {
				continue
			}
			who := s.but([]int{demo.Analyst, demo.SecurityLead}, text(b, "performed_by"))
			out = append(out, func() error {
				if err := s.move(who, "occurrence", v.Key, "review", object{"review": "Read the document and compared it with what was read from the systems in the same time."}); err != nil {
					return err
				}
				list, _ := b["evidence"].([]any)
				for _, e := range list {
					if err := s.move(who, "evidence", fmt.Sprint(e), "review", object{"review": "It is whole, and speaks for the time it says."}); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	return out
}

// lastWorkday reports whether no working day comes after day up to and including due.
func lastWorkday(due, day time.Time) bool {
	for d := day.AddDate(0, 0, 1); !d.After(due); d = d.AddDate(0, 0, 1) {
		if d.Weekday() != time.Saturday && d.Weekday() != time.Sunday {
			return false
		}
	}
	return !day.After(due)
}

func (s *story) perform(key string, b object, move string) error {
	who := s.who(text(b, "owner"))
	from, err := time.Parse(time.DateOnly, text(b, "from"))
	if err != nil {
		return err
	}
	to, err := time.Parse(time.DateOnly, text(b, "to"))
	if err != nil {
		return err
	}
	if today := demo.Day(s.now); to.After(today) { // no document speaks for days that have not come
		to = today
	}
	proof, err := s.show(who, key, b, from, to)
	if err != nil {
		return err
	}
	note := ""
	if move == "perform_late" {
		note = "It was forgotten, and noticed when the list was gone through."
	}
	return s.move(who, "occurrence", key, move, object{"occurred_at": s.now.Add(-30 * time.Minute).Format(time.RFC3339), "evidence": proof, "note": note})
}

// show hands in what shows a performance: a document, or where its control asks for several things one for each.
func (s *story) show(who int, key string, b object, from, to time.Time) (keys []any, err error) {
	asked, err := s.w.Book.Find(s.ctx, s.w.DB, "requirement", "control", text(b, "control"), 0)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(asked, func(a, b record.Version) int { return cmp.Compare(a.Key, b.Key) })
	if text(b, "event_key") != "" || len(asked) < 2 {
		return []any{"proof-" + key}, s.hand(who, "proof-"+key, text(b, "title"), text(b, "control"), "", from, to)
	}
	for n, r := range asked {
		piece := fmt.Sprintf("proof-%s-%d", key, n+1)
		if err := s.hand(who, piece, text(body(r), "title")+", "+date(from)+" through "+date(to), text(b, "control"), r.Key, from, to); err != nil {
			return nil, err
		}
		keys = append(keys, piece)
	}
	return keys, nil
}

// hand hands in a file as evidence for a control, and perhaps for what is required of it, and a period.
func (s *story) hand(who int, key, title, control, requirement string, from, to time.Time) error {
	content := fmt.Sprintf("DEMONSTRATION: an invented document.\n\n%s\nControl %s\nFrom %s through %s\nHanded in by %s\n", title, control, date(from), date(to), s.People[who].ID)
	sum, size, err := s.w.Blobs.Put(s.ctx, bytes.NewReader([]byte(content)), 1<<20)
	if err != nil {
		return err
	}
	b := object{"title": title, "controls": []string{control}, "sort": "document", "sha256": sum.String(), "file_name": key + ".txt", "media_type": "text/plain", "size": size,
		"covers_from": date(from), "covers_to": date(to)}
	if requirement != "" {
		b["requirement"] = requirement
	}
	if control == "AST-01" {
		b["sort"], b["source"], b["query"], b["drawn_at"], b["row_count"], b["validation"] = "population", "Demonstration", "every machine that was on", s.now, len(s.Hosts), "Counted against what the provider bills; the same."
	}
	return s.put(who, "evidence", key, b, "")
}

// requirements say what must exist as proof of the controls that no calendar asks for: something each quarter. What is handed
// in is reviewed by another, but for a few pieces that still wait.
func (s *story) requirements() {
	from, to := s.window()
	from = later(from, workday(s.Begin).AddDate(0, 0, 45))
	for n, i := range s.standing {
		owner := owners()[i.OwnerRole]
		asked := map[string]string{} // by key: what is to be shown
		if i.Frequency == "continuous" && i.Type != "automated" {
			for _, item := range i.Evidence { // asked for since it went into operation
				asked[requirement.Key(i.ID, item)] = item
			}
		} else {
			key, title := "shown-"+i.ID, i.Title
			if len(i.Evidence) > 0 {
				title = i.Evidence[0]
			}
			asked[key] = title
			s.on(from, func() error {
				return s.put(demo.Analyst, "requirement", key, object{"control": i.ID, "frequency": "quarterly", "title": title, "owner": s.People[owner].ID, "from": date(from)}, "")
			})
		}
		for _, key := range slices.Sorted(maps.Keys(asked)) {
			for q := from; q.Before(to); {
				end := time.Date(q.Year(), q.Month()-(q.Month()-1)%3+3, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1)
				begin, piece := q, fmt.Sprintf("%s-%s", key, date(end))
				q = end.AddDate(0, 0, 1)
				if s.Chance(piece) < 0.02 {
					continue // never came
				}
				s.on(end.AddDate(0, 0, 2+n%9), func() error {
					return s.hand(owner, piece, asked[key]+", through "+end.Format("January 2006"), i.ID, key, begin, end)
				})
				if s.Chance("seen", piece) < 0.04 && end.After(s.End.AddDate(0, -3, 0)) {
					continue // waits for somebody to look
				}
				who := s.but([]int{demo.Analyst, demo.SecurityLead}, s.People[owner].ID)
				s.on(end.AddDate(0, 0, 6+n%9), func() error {
					return s.move(who, "evidence", piece, "review", object{"review": "Compared three of its entries with the systems they come from."})
				})
			}
		}
	}
}

// tasks that people gave each other, in every state.
func (s *story) tasks() {
	give := func(key string, day time.Time, owner int, due time.Time, fields object) {
		fields["owner"], fields["due"] = s.People[owner].ID, date(due)
		s.on(day, func() error { return s.put(demo.SecurityLead, "task", key, fields, "") })
	}
	first := s.Begin.AddDate(0, 0, 12)
	give("T-01", first, demo.ITLead, first.AddDate(0, 0, 20), object{"title": "Bring build-1 under the same image as the others", "sort": "technical", "control": "CHG-07"})
	s.on(first.AddDate(0, 0, 4), func() error { return s.move(demo.ITLead, "task", "T-01", "start", nil) })
	s.on(first.AddDate(0, 0, 26), func() error {
		return s.move(demo.ITLead, "task", "T-01", "finish", object{"outcome": "Rebuilt from the image; the machine's record shows it."})
	})
	s.on(first.AddDate(0, 0, 29), func() error { return s.move(demo.Analyst, "task", "T-01", "verify", nil) })
	give("T-02", s.At(0.5), demo.PeopleLead, s.At(0.5).AddDate(0, 0, 30), object{"title": "Train the new hires of the spring", "sort": "training", "control": "HR-04"})
	s.on(s.At(0.5).AddDate(0, 0, 21), func() error {
		return s.move(demo.PeopleLead, "task", "T-02", "finish", object{"outcome": "Everybody took it; the list of who and when is with the evidence."})
	})
	give("T-03", s.At(0.7), demo.Manager, s.At(0.7).AddDate(0, 0, 20), object{"title": "Ask the carrier for its own report", "sort": "evidence", "control": "VEN-04"})
	s.on(s.At(0.7).AddDate(0, 0, 9), func() error {
		return s.move(demo.Manager, "task", "T-03", "cancel", object{"cancelled_reason": "The carrier was replaced."})
	})
	give("T-04", s.End.AddDate(0, 0, -40), demo.EngineeringLead, s.End.AddDate(0, 0, -12), object{"title": "Draw the new data flow", "sort": "document", "control": "AST-02"})
	s.on(s.End.AddDate(0, 0, -30), func() error { return s.move(demo.EngineeringLead, "task", "T-04", "start", nil) })
	give("T-05", s.End.AddDate(0, 0, -8), demo.Manager, s.End.AddDate(0, 0, 22), object{"title": "Decide how long parcel events are kept", "sort": "decision", "control": "CON-03"})
	give("T-06", s.End.AddDate(0, 0, -6), demo.ITLead, s.End.AddDate(0, 0, 5), object{"title": "Restart build-1, so that its update takes effect", "sort": "technical", "control": "VUL-02"})
}

// reviews: before the approval of a policy is too old its owner looks at it again and another approves; that settles the task.
func (s *story) reviews(day time.Time) []act {
	var out []act
	for _, v := range s.in("task", "open") {
		b := body(v)
		id, due := text(b, "policy"), text(b, "due")
		last, err := time.Parse(time.DateOnly, due)
		if err != nil || !strings.HasPrefix(v.Key, "review-") || day.Before(last.AddDate(0, 0, -12-int(s.Chance("review", id)*30))) {
			continue
		}
		out = append(out, func() error { return s.renew(v.Key, id) })
	}
	return out
}

func (s *story) renew(task, id string) error {
	for _, v := range s.in("policy_version", "published") {
		if text(body(v), "policy") != id {
			continue
		}
		key := task
		if err := s.put(demo.SecurityLead, "policy_review", key, object{"policy": id, "version": v.Key, "note": "Read against the year's findings and exceptions; nothing in it has to change."}, ""); err != nil {
			return err
		}
		if err := s.move(demo.Director, "policy_review", key, "approve", nil); err != nil {
			return err
		}
	}
	return nil
}
