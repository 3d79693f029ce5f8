package web

import (
	"context"
	"time"

	"tickmark/internal/web/chart"
	"tickmark/internal/web/part"
)

// SourceList shows the connections.
type SourceList struct {
	Rows     []SourceRow
	Connects bool // this reader may connect one
}

// SourceRow is one connection and how its last run went.
type SourceRow struct {
	Name, Connector string
	Status          part.Status // complete, incomplete, running, failed, stale, never
	LastRun         time.Time
	Complete        time.Time // last complete run
	Records         int
	Gaps            int // things in scope that the last run could not read
	Kinds           int
	Every           time.Duration
}

// SourcePage shows one connection: what it may read, what it read, what it missed.
type SourcePage struct {
	SourceRow
	Help        string
	Answer      part.Answer
	Job         JobRow      // that reads it now or is about to
	Busy        bool        // there is one
	Settings    []part.Fact // without secrets
	Permissions []PermissionRow
	Coverage    []CoverageRow
	From, To    time.Time
	Now         time.Time
	Gaps        []GapRow
	Runs        []RunRow
	Collects    bool   // this reader may start a run here
	Changes     bool   // this reader may change and remove it
	Scopes      string // the page of what others send to it for; empty: it is read
	Local       bool   // it is set up on the machine itself
	Tries       bool   // it can be tried what it reads
	Secret      bool   // it is read with one
	Manual      []part.Link
	Hook        *HookPart
	Machines    *MachinesPart // of a group of machines
	Machine     *MachineRow   // of one that enrolled
}

// HookPart is how the service says that something changed.
type HookPart struct {
	At, Setup string
	On        bool
	Made      string // its secret, just made: shown once
}

// PermissionRow is what the operator must grant and what cannot be read without it.
type PermissionRow struct {
	Name, Why string
	Kinds     []string
	Missing   bool // the last run lacked it
}

// CoverageRow is when a kind, part and scope were covered.
type CoverageRow struct {
	Kind, Title, Part, Scope string
	Records                  int
	Spans                    []CoverageSpan
	Now                      part.Status // covered, denied, failed, stale
	Reason                   string
}

// CoverageSpan is a stretch that was read (Reason empty) or not.
type CoverageSpan struct {
	From, To time.Time
	Reason   string
}

// GapRow is something in scope that was not read.
type GapRow struct {
	Kind, Title, Part, Scope string
	Denied                   bool
	Reason, Needs            string
	Since                    time.Time
}

// RunRow is one collection.
type RunRow struct {
	ID            int64
	Href          string
	Status        part.Status
	Began, Ended  time.Time
	Read, Changed int
	New, Gone     int
	Gaps          int
	By            string
	Entry         int64
}

func coverage(ctx context.Context, s SourcePage) string {
	var rows []chart.Row
	for _, c := range s.Coverage {
		row := chart.Row{Label: coverageName(c)}
		for _, sp := range c.Spans {
			class, said := "covered", "read"
			if sp.Reason != "" {
				class, said = "unknown", "not read: "+sp.Reason
			}
			until := "until now"
			if !sp.To.IsZero() {
				until = "until " + part.Full(sp.To, part.Of(ctx).Zone)
			}
			row.Intervals = append(row.Intervals, chart.Interval{From: sp.From, To: sp.To, Class: class,
				Title: coverageName(c) + " " + said + ", from " + part.Full(sp.From, part.Of(ctx).Zone) + " " + until})
		}
		rows = append(rows, row)
	}
	return chart.Timeline("What was read of "+s.Name+" and when", s.From, s.To, s.Now, part.Of(ctx).Zone, rows)
}

func coverageName(c CoverageRow) string {
	name := c.Title
	if c.Part != "" {
		name += ", " + part.Sentence(c.Part)
	}
	if c.Scope != "" {
		name += " in " + c.Scope
	}
	return name
}
