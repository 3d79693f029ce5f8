package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/agent"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

// MachinesPart are the machines of a group, and the tokens with which others join it.
type MachinesPart struct {
	Rows   []MachineRow
	Tokens []EnrolmentRow
	Made   string // a token just made: shown once
	URL    string // where machines find this server
}

// MachineRow is one machine that enrolled.
type MachineRow struct {
	agent.Member
	Status part.Status // heardOf, stale, never, waiting, revoked
	Heard  time.Time
	Owners []part.Option // whom a reader may name
}

// EnrolmentRow is an enrolment token.
type EnrolmentRow struct {
	agent.Token
	Stands  bool
	Expires time.Time
}

// heardOf is the status of a machine that was heard of in time; what it could not read stands on its own page.
const heardOf part.Status = "received"

func (s *site) fleet() *agent.Fleet {
	return &agent.Fleet{Book: s.Book, Collector: s.Collector}
}

// machineRows are the machines of a group as they are now, and how long each has been silent.
func (s *site) machineRows(ctx context.Context, group collect.Connection) ([]MachineRow, error) {
	list, err := s.fleet().Machines(ctx, group.Name)
	if err != nil {
		return nil, err
	}
	var out []MachineRow
	for _, m := range list {
		row := MachineRow{Member: m, Status: heardOf}
		if m.Heard != 0 {
			row.Heard = m.Heard.Time()
		}
		switch {
		case m.State == agent.StateRevoked:
			row.Status = "revoked"
		case m.State == agent.StateWaiting:
			row.Status = "waiting"
		case m.Heard == 0:
			row.Status = "never"
		case s.Book.Log.Now().Sub(row.Heard) > 2*group.Interval():
			row.Status = "stale"
		}
		out = append(out, row)
	}
	return out, nil
}

// groupRow sums a group up in the list of sources: the worst of its machines.
func (s *site) groupRow(ctx context.Context, c collect.Connection, row SourceRow) (SourceRow, error) {
	list, err := s.machineRows(ctx, c)
	if err != nil {
		return row, err
	}
	for _, m := range list {
		if m.Status == "revoked" {
			continue
		}
		row.Records++
		if m.Status != heardOf {
			row.Gaps++
		}
		if m.Heard.After(row.LastRun) {
			row.LastRun = m.Heard
		}
	}
	switch {
	case row.Records == 0:
	case row.Gaps > 0:
		row.Status = "incomplete"
	default:
		row.Status = heardOf
	}
	row.Connector += " · " + part.Count(row.Records, "machine")
	row.Records = 0
	return row, nil
}

// machines fills in what the page of a group, or of a machine, shows beside what every source has.
func (s *site) machines(ctx context.Context, c collect.Connection, d *SourcePage, made string) error {
	if part.Past(ctx) { // what machines are is of now
		return nil
	}
	switch c.Connector {
	case agent.GroupConnector:
		rows, err := s.machineRows(ctx, c)
		if err != nil {
			return err
		}
		d.Machines = &MachinesPart{Rows: rows, Made: made, URL: strings.TrimRight(s.BaseURL, "/")}
		d.Collects, d.Answer = false, groupAnswer(rows)
		d.Status = d.Answer.Status
		if !d.Changes {
			return nil
		}
		tokens, err := s.fleet().Tokens(ctx, c.Name)
		for _, t := range tokens {
			d.Machines.Tokens = append(d.Machines.Tokens, EnrolmentRow{t, t.Stands(s.Book.Log.Clock()), t.Expires.Time()})
		}
		return err
	case agent.MachineConnector:
		d.Collects, d.Local = false, true
		group, err := s.Collector.Connection(ctx, c.Settings["group"])
		if fault.Is(err, fault.NotFound) {
			group = c
			group.Name = c.Settings["group"]
		} else if err != nil {
			return err
		}
		rows, err := s.machineRows(ctx, group)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(rows, func(m MachineRow) bool { return m.Name == c.Name }); i >= 0 {
			d.Machine = &rows[i]
			if d.Changes {
				d.Machine.Owners, err = s.ownerOptions(ctx)
			}
		}
		return err
	}
	return nil
}

// ownerOptions are the people who work here.
func (s *site) ownerOptions(ctx context.Context) ([]part.Option, error) {
	out := []part.Option{{Value: "", Text: "Nobody"}}
	err := s.each(ctx, record.Query{Kind: person.Kind().Name}, func(v record.Version) error {
		out = append(out, part.Option{Value: v.Key, Text: v.Label})
		return nil
	})
	slices.SortFunc(out[1:], func(a, b part.Option) int { return strings.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text)) })
	return out, err
}

func groupAnswer(rows []MachineRow) part.Answer {
	silent, standing := 0, 0
	for _, m := range rows {
		if m.Status != "revoked" {
			standing++
			if m.Status != heardOf {
				silent++
			}
		}
	}
	switch {
	case standing == 0:
		return part.Answer{Status: "never", Why: "No machine has enrolled, so nothing is known from this group.", Next: []part.Link{{Text: "Make an enrolment token"}}}
	case silent > 0:
		return part.Answer{Status: "incomplete", Why: part.Count(silent, "machine") + " of " + strconv.Itoa(standing) + " not heard of in time, or waiting. What they are is unknown."}
	}
	return part.Answer{Status: heardOf, Why: "Every machine was heard of in time. What each could not read stands on its own page."}
}

// sourceMachine does with one machine what a reader decided.
func (s *site) sourceMachine(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	if err := s.connecting(r); err != nil {
		return err
	}
	ctx, name, in, f := r.Context(), segment(r, "name"), r.PostForm, s.fleet()
	var err error
	said := ""
	switch in.Get("do") {
	case "owner":
		err, said = f.SetOwner(ctx, session(ctx), name, in.Get("owner")), "The owner of "+name+" is named. Its next reading carries it."
	case "revoke":
		err, said = f.Revoke(ctx, session(ctx), name, in.Get("_reason")), name+" is revoked. What it is from now on is unknown."
	case "approve":
		err, said = f.Approve(ctx, session(ctx), name, in.Get("key")), name+" is known by its other key."
	case "dismiss":
		err, said = f.Dismiss(ctx, session(ctx), name), "The other key of "+name+" is refused."
	default:
		err = fault.New(fault.Usage, "Nothing is to be done with %s.", name)
	}
	if err != nil {
		return err
	}
	return done(w, r, part.Path("sources", name), said)
}

// sourceToken makes an enrolment token, shown once, or ends one.
func (s *site) sourceToken(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	if err := s.connecting(r); err != nil {
		return err
	}
	ctx, name := r.Context(), segment(r, "name")
	if id := r.PostForm.Get("revoke"); id != "" {
		if err := s.fleet().RevokeToken(ctx, session(ctx), id, ""); err != nil {
			return err
		}
		return done(w, r, part.Path("sources", name), "The token is ended. Machines that enrolled with it stay.")
	}
	uses, _ := strconv.ParseInt(r.PostForm.Get("uses"), 10, 64)
	days, _ := strconv.Atoi(r.PostForm.Get("days"))
	made, _, err := s.fleet().NewToken(ctx, session(ctx), name, uses, time.Duration(days)*24*time.Hour)
	if err != nil {
		return err
	}
	return s.showSource(w, r, made)
}
