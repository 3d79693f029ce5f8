package demo

import (
	"slices"
	"strings"
	"time"

	"tickmark/internal/connector/demo"
)

// settings are what the organisation set otherwise than the library, with its reasons; one check was off for a month.
func (s *story) settings() {
	set := func(day time.Time, check string, fields object) {
		s.on(day, func() error {
			fields["check"] = check
			return s.put(demo.SecurityLead, "check_setting", check, fields, "")
		})
	}
	set(s.Begin, "PLT-32", object{"settings": object{"max_age": "36h"}, "reason": "The sources are read once a day, at two in the morning."})
	set(s.Begin, "HOST-06", object{"settings": object{"approved": []string{"root", s.People[demo.ITLead].Login, s.People[demo.PlatformEngineer].Login}}, "reason": "These two run the machines, as the role matrix says."})
	set(s.Begin.AddDate(0, 0, 20), "GIT-11", object{"settings": object{"required": true, "since": date(s.Begin.AddDate(0, 0, 20))}, "reason": "From this day every change is signed, as the change standard says."})
	off := s.At(0.5)
	set(off, "HOST-38", object{"off": true, "reason": "The journal moves to the central log server; both are checked again when the move is done."})
	set(off.AddDate(0, 0, 30), "HOST-38", object{"off": false, "reason": "The move is done."})
}

// exceptions: one that ran out, one that is in effect, one that waits for a decision and one that was refused.
func (s *story) exceptions() {
	ask := func(day time.Time, who int, key string, fields object) {
		s.on(day, func() error { return s.put(who, "exception", key, fields, "") })
	}
	disk := s.PlainDisk().From.AddDate(0, 0, 1)
	ask(disk, demo.PlatformEngineer, "EX-01", object{"title": "Database volume without encryption until it is moved", "control": "CRY-02", "resources": []string{"database-1/var/lib/postgresql"},
		"reason": "The volume was restored from a backup onto a plain disk; moving it takes a night in which nobody books.", "risk": "Whoever takes the disk reads addresses.",
		"compensating": "The disk stands in a locked cage, and it is wiped before it leaves.", "severity": "high", "start": date(workday(disk.AddDate(0, 0, 2))), "expiry": date(disk.AddDate(0, 0, 30)), "beneficiary": s.People[demo.PlatformEngineer].ID})
	s.on(disk.AddDate(0, 0, 2), func() error {
		return s.move(demo.Director, "exception", "EX-01", "approve", object{"decision": "Four weeks are bearable behind the cage's lock; not longer."})
	})
	root := s.SpareRoot().From.AddDate(0, 0, 3)
	ask(root, demo.Developer, "EX-02", object{"title": "The build agent may become root", "control": "AC-07", "resources": []string{"build-1: the account builder"},
		"reason": "Images for the label printers are built as root until the new builder is there.", "risk": "Whoever takes over a build has the build machine.",
		"compensating": "The machine builds only what was reviewed, and reaches no customer data.", "severity": "medium", "start": date(workday(root.AddDate(0, 0, 1))), "expiry": date(root.AddDate(0, 5, 0)), "beneficiary": s.People[demo.Developer].ID})
	s.on(root.AddDate(0, 0, 1), func() error {
		return s.move(demo.SecurityLead, "exception", "EX-02", "approve", object{"decision": "The machine is alone in its network; five months for the new builder."})
	})
	s.on(root.AddDate(0, 0, 2), func() error {
		for _, check := range []string{"HOST-06", "HOST-26", "HOST-49"} {
			list, err := s.w.Book.Find(s.ctx, s.w.DB, "finding", "check", check, 0)
			if err != nil {
				return err
			}
			for _, v := range list {
				if st := text(body(v), "state"); st == "open" || st == "assigned" || st == "in_progress" {
					if err := s.move(demo.SecurityLead, "finding", v.Key, "accept_risk", object{"exception": "EX-02"}); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	wait := s.End.AddDate(0, 0, -6)
	ask(wait, demo.EngineeringLead, "EX-03", object{"title": "One release without the second reviewer", "control": "CHG-03", "resources": []string{"label-web"},
		"reason": "Half of the team is away in the last week of the year.", "risk": "A mistake is found by customers.", "compensating": "A review in the first week of the next year.",
		"severity": "medium", "start": date(s.End.AddDate(0, 0, 20)), "expiry": date(s.End.AddDate(0, 0, 34)), "beneficiary": s.People[demo.EngineeringLead].ID})
	refused := s.At(0.42)
	ask(refused, demo.Developer, "EX-04", object{"title": "Passwords for the test machines", "control": "AC-08", "resources": []string{"worker-1"}, "reason": "Keys are in the way when trying things.",
		"risk": "Passwords are guessed.", "compensating": "None.", "severity": "high", "start": date(refused.AddDate(0, 0, 10)), "expiry": date(refused.AddDate(0, 0, 40)), "beneficiary": s.People[demo.Developer].ID})
	s.on(refused.AddDate(0, 0, 2), func() error {
		return s.move(demo.SecurityLead, "exception", "EX-04", "refuse", object{"ended_reason": "Nothing makes up for it."})
	})
}

// reports are findings that people brought: one fixed long after its day, one refuted by a second person, one under work.
func (s *story) reports() {
	day := s.At(0.25)
	s.on(day, func() error {
		return s.put(demo.Analyst, "finding", "F-late", object{"title": "The restore of last quarter's backup was never tried", "description": "The plan says that a restore is tried each quarter. Nobody could show one.",
			"origin": "review", "severity": "high", "controls": []string{"BKP-02"}}, "")
	})
	s.on(day.AddDate(0, 0, 1), func() error {
		return s.move(demo.SecurityLead, "finding", "F-late", "assign", object{"owner": s.People[demo.ITLead].ID, "due": date(day.AddDate(0, 0, 30))})
	})
	s.on(day.AddDate(0, 0, 3), func() error { return s.move(demo.ITLead, "finding", "F-late", "start", nil) })
	s.on(day.AddDate(0, 0, 47), func() error {
		return s.move(demo.ITLead, "finding", "F-late", "fix", object{"cause": "Nobody was named for it.", "change": "The restore was tried and written down; it is now a duty in the calendar of IT."})
	})
	s.on(day.AddDate(0, 0, 49), func() error {
		return s.move(demo.Analyst, "finding", "F-late", "verify", object{"verification": "Read the protocol of the restore and compared ten rows with the original."})
	})
	s.on(day.AddDate(0, 0, 54), func() error {
		return s.move(demo.SecurityLead, "finding", "F-late", "close", object{"lasting": "The control has an owner and occurrences that fall due.", "similar": "Looked at the other quarterly duties; all have an owner."})
	})
	claim := s.At(0.6)
	s.on(claim, func() error {
		return s.put(demo.Manager, "finding", "F-claimed", object{"title": "A stranger was seen in the server room", "origin": "report", "severity": "medium"}, "")
	})
	s.on(claim.AddDate(0, 0, 1), func() error {
		return s.move(demo.ITLead, "finding", "F-claimed", "claim_false", object{"claim": "It was the electrician, who was announced and accompanied."})
	})
	s.on(claim.AddDate(0, 0, 2), func() error { return s.move(demo.SecurityLead, "finding", "F-claimed", "confirm_false", nil) })
	now := s.End.AddDate(0, 0, -20)
	s.on(now, func() error {
		return s.put(demo.SecurityLead, "finding", "F-open", object{"title": "Vendors were not looked at this year", "origin": "review", "severity": "medium", "controls": []string{"VEN-02"}}, "")
	})
	s.on(now.AddDate(0, 0, 1), func() error {
		return s.move(demo.SecurityLead, "finding", "F-open", "assign", object{"owner": s.People[demo.Manager].ID, "due": date(s.End.AddDate(0, 0, 25))})
	})
	s.on(now.AddDate(0, 0, 4), func() error { return s.move(demo.Manager, "finding", "F-open", "start", nil) })
}

// findings works on what the checks opened: somebody takes it, and whatever no longer fails is verified by another and closed.
func (s *story) findings(day time.Time) []act {
	var out []act
	for _, state := range []string{"open", "assigned", "in_progress", "fixed", "verified"} {
		list := s.in("finding", state)
		for _, v := range list {
			b := body(v)
			check, old := text(b, "check"), demo.Day(v.From.Time())
			if check == "" {
				continue
			}
			owner := s.fixer(check)
			wait := func(days int) bool { return day.Before(old.AddDate(0, 0, days)) }
			if due := text(b, "due"); due != "" && due <= date(day) && text(b, "escalated_at") == "" && slices.Contains([]string{"open", "assigned", "in_progress"}, state) {
				out = append(out, func() error {
					return s.move(demo.SecurityLead, "finding", v.Key, "escalate", object{"escalated_to": s.People[demo.Director].ID})
				})
				continue
			}
			switch {
			case state == "open" && !wait(1):
				due := text(b, "due")
				if due == "" {
					due = date(day.AddDate(0, 0, 30))
				}
				out = append(out, func() error {
					return s.move(demo.SecurityLead, "finding", v.Key, "assign", object{"owner": s.People[owner].ID, "due": due})
				})
			case state == "assigned" && !wait(2):
				out = append(out, func() error { return s.move(s.but([]int{owner}), "finding", v.Key, "start", nil) })
			case state == "fixed" && !wait(2):
				out = append(out, s.tolerant(func() error {
					return s.move(s.but([]int{demo.Analyst, demo.SecurityLead}, text(b, "fixed_by")), "finding", v.Key, "verify", object{"verification": "Looked at the source's own bytes of the last read, and at the day before."})
				}))
			case state == "verified" && !wait(5):
				out = append(out, s.tolerant(func() error {
					return s.move(demo.SecurityLead, "finding", v.Key, "close", object{"lasting": "The setting is part of the base image since.", "similar": "The other machines and repositories were read as well; none had it."})
				}))
			}
		}
	}
	return out
}

// tolerant lets an act be refused because the facts changed since it was planned: it is tried again another day.
func (s *story) tolerant(a act) act {
	return func() error {
		if err := a(); err != nil && !strings.Contains(err.Error(), "still fails") && !strings.Contains(err.Error(), "can't tell") {
			return err
		}
		return nil
	}
}

// fixer is who answers for what a check looks at.
func (s *story) fixer(check string) int {
	switch {
	case strings.HasPrefix(check, "GIT"):
		return demo.EngineeringLead
	case strings.HasPrefix(check, "HOST"), strings.HasPrefix(check, "JOIN"):
		return demo.ITLead
	case strings.HasPrefix(check, "HRIS"):
		return demo.PeopleLead
	}
	return demo.Analyst
}

func workday(t time.Time) time.Time {
	for t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		t = t.AddDate(0, 0, 1)
	}
	return t
}

// mended plans that people fix what they answer for on the last day on which the world is wrong, and say what they did.
func (s *story) mended() {
	for _, m := range []struct {
		span          demo.Span
		check         string
		cause, change string
	}{
		{s.PlainDisk(), "HOST-01", "A restore put the volume onto a plain disk.", "The volume was moved to an encrypted one on database-1; the old disk was wiped."},
		{s.OpenFirewall(), "HOST-34", "The default was set to accept while a carrier was connected, and stayed.", "The default of web-1 drops again, and the carrier has a rule of its own."},
		{s.Passwords(), "HOST-12", "The machine was set up from an old image.", "Passwords are off; the image was thrown away."},
	} {
		s.on(m.span.To.AddDate(0, 0, -1), func() error {
			list, err := s.w.Book.Find(s.ctx, s.w.DB, "finding", "check", m.check, 0)
			if err != nil {
				return err
			}
			for _, v := range list {
				if st := text(body(v), "state"); st == "assigned" || st == "in_progress" {
					return s.move(demo.ITLead, "finding", v.Key, "fix", object{"cause": m.cause, "change": m.change})
				}
			}
			return nil
		})
	}
}
