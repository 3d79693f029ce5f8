package cli

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

type actCommand struct {
	Kind   string            `arg:"" help:"The kind, such as control; tickmark records lists them."`
	Key    string            `arg:"" help:"The key of the record, such as AC-01."`
	Move   string            `arg:"" optional:"" help:"The move, such as approve; without one, the moves there are and what stands against them."`
	Say    map[string]string `placeholder:"FIELD=TEXT" aliases:"set" help:"What the move asks for."`
	Reason string            `help:"Why; it stays on record."`
}

func (c *actCommand) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if c.Move == "" {
			return c.moves(s, w, me)
		}
		said := map[string]any{}
		var err error
		for name, text := range c.Say {
			if said[name], err = c.value(w, name, text); err != nil {
				return err
			}
		}
		v, err := w.Book.Put(s, me, record.Change{Kind: c.Kind, Key: c.Key, Move: c.Move, Said: said, Reason: c.Reason})
		if err != nil {
			return err
		}
		if !s.flags.JSON {
			s.fact("%s %s is %s since %s, by %s.", v[0].Kind, v[0].Key, stateOf(v[0].Body), v[0].From, v[0].Actor)
		}
		return s.written(v[0])
	})
}

// value is what a move's field takes, read from a text: a number, yes or no, a list divided by commas, or JSON.
func (c *actCommand) value(w *workspace.Workspace, name, text string) (any, error) {
	k, err := w.Book.Kinds.Named(c.Kind)
	if err != nil || k.States == nil {
		return text, nil // the book says what is wrong
	}
	for _, m := range k.States.Moves {
		for _, f := range m.Fields {
			if m.Name != c.Move || f.Name != name {
				continue
			}
			var v any
			switch {
			case f.Type == record.Object || f.Type == record.JSON || f.Type == record.Integer || f.Type == record.Number || f.Type == record.Bool:
				if err := json.Unmarshal([]byte(text), &v); err != nil {
					return nil, fault.New(fault.Usage, "--say %s: %q is no %s.", name, text, f.Type).WithNext("Write it as in JSON.")
				}
				return v, nil
			case f.List:
				list := []any{}
				for _, part := range strings.Split(text, ",") {
					if part = strings.TrimSpace(part); part != "" {
						list = append(list, part)
					}
				}
				return list, nil
			}
			return text, nil
		}
	}
	return text, nil
}

func stateOf(body json.RawMessage) string {
	var b struct{ State string }
	json.Unmarshal(body, &b)
	return strings.ReplaceAll(b.State, "_", " ")
}

// move is one way on from where a record stands, as the command line's contract shows it.
type move struct {
	Move    string   `json:"move"`
	Title   string   `json:"title"`
	To      string   `json:"to"`
	Asks    []string `json:"asks"`    // fields that must be said
	Against string   `json:"against"` // why whoever asks could not make it now; empty when they could
	Next    string   `json:"next"`    // and what would help
}

// moves lists the ways on from where the record stands, and what stands against each for whoever asks.
func (c *actCommand) moves(s *session, w *workspace.Workspace, me access.Session) error {
	k, err := w.Book.Kinds.Named(c.Kind)
	if err != nil {
		return err
	}
	if err := me.May(s, access.Read, k); err != nil {
		return err
	}
	if k.States == nil {
		return fault.New(fault.Invalid, "Records of kind %s have no states, so there is no move.", k.Name)
	}
	v, err := w.Book.GetFrom(s, c.Kind, c.Key, record.Program, 0, k.Room)
	if err != nil {
		return err
	}
	var before map[string]any
	if err := json.Unmarshal(v.Body, &before); err != nil {
		return err
	}
	state, _ := before[record.StateField].(string)
	list := []move{}
	for _, m := range k.States.MovesFrom(state) {
		out := move{Move: m.Name, Title: m.Title, To: m.To, Asks: []string{}}
		if out.To == "" {
			out.To = state
		}
		for _, f := range m.Fields {
			if f.Required {
				out.Asks = append(out.Asks, f.Name)
			}
		}
		err := me.May(s, access.Act, k)
		if err == nil {
			err = k.Refusal(w.Book.LookAt(s, time.Time{}), before, m.Name, me.Actor())
		}
		if f := (*fault.Fault)(nil); errors.As(err, &f) && f.Kind != fault.Invalid { // what is still to be said is in Asks
			out.Against, out.Next = f.Message, f.Next
		} else if err != nil && f == nil {
			return err
		}
		list = append(list, out)
	}
	if s.flags.JSON {
		return s.writeJSON(list)
	}
	s.say("%s %s is %s.", v.Kind, v.Key, stateOf(v.Body))
	rows := [][]string{}
	for _, m := range list {
		rows = append(rows, []string{m.Move, m.To, strings.Join(m.Asks, ", "), strings.TrimSpace(m.Against + " " + m.Next)})
	}
	if len(rows) == 0 {
		s.say("No move leaves this state.")
		return nil
	}
	return s.table([]string{"move", "to", "say", "against it"}, rows)
}
