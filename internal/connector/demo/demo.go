// Package demo reads an invented organisation: machines and repositories that do not exist, in the kinds of the connectors
// that read real ones. The one rule: it is only for a workspace that says on every page that it is a demonstration, and so
// nobody is offered it as a connector.
package demo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// The connectors' names.
const (
	Machines     = "demonstration-machines"
	Repositories = "demonstration-repositories"
)

// Connectors hand over records of the given kinds, which are those of the connectors that read real machines and repositories.
func Connectors(machines, repositories []record.Kind) []connector.Connector {
	return []connector.Connector{
		one(Machines, "Demonstration: machines", machines, (*World).readMachines),
		one(Repositories, "Demonstration: repositories", repositories, (*World).readRepositories),
	}
}

func one(name, title string, kinds []record.Kind, read func(*World, context.Context, connector.Sink) error) connector.Connector {
	var mu sync.Mutex
	worlds := map[Plan]*World{}
	return connector.Connector{
		Name: name, Title: title, Help: "Invented, for a demonstration only.", Kinds: kinds, Demonstration: true, FreshFor: 36 * time.Hour,
		Settings: []connector.Setting{
			{Name: "seed", Required: true, Help: "what the invention follows from"},
			{Name: "people", Required: true, Help: "how many people"},
			{Name: "begin", Required: true, Help: "first day"},
			{Name: "end", Required: true, Help: "last planned day"},
		},
		Read: func(ctx context.Context, v connector.Values, out connector.Sink) error {
			plan, err := PlanOf(v)
			if err != nil {
				return fmt.Errorf("read the plan of the demonstration: %w", err)
			}
			mu.Lock()
			w := worlds[plan]
			if w == nil {
				w = Make(plan)
				worlds[plan] = w
			}
			mu.Unlock()
			return read(w, ctx, out)
		},
	}
}

// Values are the settings of a connection that reads a plan's world; PlanOf reads them back.
func (p Plan) Values() map[string]string {
	return map[string]string{"seed": strconv.FormatUint(p.Seed, 10), "people": strconv.Itoa(p.People),
		"begin": p.Begin.Format(time.DateOnly), "end": p.End.Format(time.DateOnly)}
}

// PlanOf reads the settings of a connection.
func PlanOf(v map[string]string) (Plan, error) {
	var p Plan
	var errs [4]error
	p.Seed, errs[0] = strconv.ParseUint(v["seed"], 10, 64)
	p.People, errs[1] = strconv.Atoi(v["people"])
	p.Begin, errs[2] = time.Parse(time.DateOnly, v["begin"])
	p.End, errs[3] = time.Parse(time.DateOnly, v["end"])
	return p, errors.Join(errs[:]...)
}

// asked notes the one question that is asked of what does not exist.
func asked(out connector.Sink, kind, what string, answer []byte) {
	out.Exchange(connector.Exchange{Kind: kind, Request: "invent " + what, Status: "ok", Bytes: int64(len(answer)), SHA256: sha256.Sum256(answer), At: out.Now()})
}
