package cli

import (
	"fmt"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/wording"
	"tickmark/internal/workspace"
)

type policyCommand struct {
	New policyNewCommand `cmd:"" help:"Begin a policy from a template, as a draft."`
}

type policyNewCommand struct {
	ID       string `arg:"" help:"Id of the new policy, such as access-control."`
	Template string `placeholder:"T" help:"The template; the id's own when left out."`
}

func (c *policyNewCommand) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		template := c.Template
		if template == "" {
			template = c.ID
		}
		changes, err := policy.Begin(w.Book.LookAt(s, time.Time{}), c.ID, template)
		if err != nil {
			return err
		}
		out, err := w.Book.Put(s, me, changes...)
		if err != nil {
			return err
		}
		v, err := policy.ReadVersion(out[1])
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON([]fact{factOf(out[0]), factOf(out[1])})
		}
		s.say("The policy %s is a draft, %s.", c.ID, v.Key)
		for _, g := range v.Gaps() {
			s.say("  %s", g)
		}
		return nil
	})
}

type wordingCommand struct {
	Files []string `arg:"" name:"file" help:"Texts to look through, such as Markdown or HTML."`
}

// wordingFact is a phrase as the command line's contract shows it.
type wordingFact struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"`
	Say    string `json:"say"`
	Why    string `json:"why"`
}

func (c *wordingCommand) Run(s *session) error {
	facts := []wordingFact{}
	for _, name := range c.Files {
		b, err := readFile(name, record.MaxBody)
		if err != nil {
			return unreadable(name, err)
		}
		for _, f := range wording.Check(string(b)) {
			facts = append(facts, wordingFact{name, f.Line, f.Column, strings.Join(strings.Fields(f.Text), " "), f.Say, f.Why})
		}
	}
	if s.flags.JSON {
		if err := s.writeJSON(facts); err != nil {
			return err
		}
	} else {
		for _, f := range facts {
			s.fact("%s:%d:%d: %q. Say: %s. %s", f.File, f.Line, f.Column, f.Text, f.Say, f.Why)
		}
	}
	if len(facts) > 0 {
		return fault.New(fault.Invalid, "%s must not be said of a SOC 2 report.", fmt.Sprintf("%d %s", len(facts), word(len(facts) == 1, "phrase", "phrases"))).WithNext("Say what is suggested instead.")
	}
	return nil
}
