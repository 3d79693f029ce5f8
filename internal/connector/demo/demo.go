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

// Name is the connector's name.
const Name = "demonstration"

// What a connection reads.
const (
	Machines     = "machines"
	Repositories = "repositories"
)

// Connector hands over records of the given kinds, which are those of other connectors.
func Connector(kinds ...[]record.Kind) connector.Connector {
	c := connector.Connector{
		Name: Name, Title: "Demonstration", Help: "Invented machines and repositories, for a demonstration only.",
		Demonstration: true, FreshFor: 36 * time.Hour,
		Settings: []connector.Setting{
			{Name: "part", Required: true, Help: "machines or repositories"},
			{Name: "seed", Required: true, Help: "what the invention follows from"},
			{Name: "people", Required: true, Help: "how many people"},
			{Name: "begin", Required: true, Help: "first day"},
			{Name: "end", Required: true, Help: "last planned day"},
		},
	}
	for _, k := range kinds {
		c.Kinds = append(c.Kinds, k...)
	}
	var mu sync.Mutex
	worlds := map[Plan]*World{}
	c.Read = func(ctx context.Context, v connector.Values, out connector.Sink) error {
		plan, err := PlanOf(v)
		if err != nil {
			return err
		}
		mu.Lock()
		w := worlds[plan]
		if w == nil {
			w = Make(plan)
			worlds[plan] = w
		}
		mu.Unlock()
		switch v["part"] {
		case Machines:
			return w.readMachines(ctx, out)
		case Repositories:
			return w.readRepositories(ctx, out)
		}
		return fmt.Errorf("there is no part %q of the demonstration", v["part"])
	}
	return c
}

// Values are the settings of a connection that reads a part of a plan's world; PlanOf reads them back.
func (p Plan) Values(part string) map[string]string {
	return map[string]string{"part": part, "seed": strconv.FormatUint(p.Seed, 10), "people": strconv.Itoa(p.People),
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
