package check

import (
	"sync"

	"tickmark/internal/expr"
)

// conditions are texts that records hold and that are asked of other records, compiled, by kind: where a part of a system is
// which records. There are few.
type conditions struct {
	mu  sync.Mutex
	all map[[2]string]condition
}

type condition struct {
	program *expr.Program
	wrong   string // why it cannot be asked of the kind
}

const mostConditions = 1000

// fits asks conditions of the record that is judged, as it is stored: a view would hide what a condition speaks of.
func (v *Vocabulary) fits(s Subject) func(string) (expr.Answer, string) {
	k := v.kinds[s.Kind]
	if k == nil || s.Doc == nil || s.Seen {
		return nil
	}
	return func(text string) (expr.Answer, string) {
		c := v.condition(s.Kind, text)
		if c.program == nil {
			return expr.Unknown, c.wrong
		}
		r := c.program.Eval(s.Doc, nil)
		return r.Answer, r.Reason
	}
}

func (v *Vocabulary) condition(kind, text string) condition {
	v.conditions.mu.Lock()
	defer v.conditions.mu.Unlock()
	at := [2]string{kind, text}
	c, ok := v.conditions.all[at]
	if ok {
		return c
	}
	env, err := v.types().Env(expr.Options{Record: kind, Timeless: true, Alone: true})
	if err == nil {
		c.program, err = expr.CompileTest(env, text)
	}
	if err != nil {
		c.wrong = "The condition " + text + " cannot be asked of " + v.kinds[kind].Title + ": " + err.Error() + "."
	}
	if len(v.conditions.all) >= mostConditions {
		clear(v.conditions.all)
	}
	v.conditions.all[at] = c
	return c
}
