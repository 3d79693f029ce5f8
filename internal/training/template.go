package training

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"tickmark/content"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// Template is a module to begin from, in our own words. What it asks is public with this program, so that its questions show that
// somebody read the text and no more; questions of the organisation's own show more.
type Template struct {
	ID        string     `yaml:"id"`
	Title     string     `yaml:"title"`
	Topic     string     `yaml:"topic"`
	Audience  string     `yaml:"audience"`
	Groups    []string   `yaml:"groups,omitempty"`
	Days      int        `yaml:"days"`
	Months    int        `yaml:"months"`
	PassMark  int        `yaml:"pass_mark"`
	Questions []question `yaml:"questions"`
	Text      string     `yaml:"-"`
}

type question struct {
	ID       string   `yaml:"id"`
	Question string   `yaml:"question"`
	Options  []string `yaml:"options"`
	Right    int      `yaml:"right"`
}

// Templates are the modules of this release.
var Templates = sync.OnceValues(func() ([]Template, error) {
	names, err := fs.Glob(content.Training, "training/*.md")
	if err != nil {
		return nil, fmt.Errorf("list the training modules: %w", err)
	}
	var out []Template
	for _, name := range names {
		data, err := fs.ReadFile(content.Training, name)
		if err != nil {
			return nil, fmt.Errorf("read the training modules: %w", err)
		}
		front, text, ok := strings.Cut(strings.TrimPrefix(string(data), "---\n"), "\n---\n")
		if !ok {
			return nil, fault.New(fault.Invalid, "%s:1:1: it does not begin with its front matter between two lines of three dashes.", name)
		}
		t := Template{}
		if err := framework.Read(name, []byte("\n"+front), &t); err != nil {
			return nil, err
		}
		t.Text = strings.TrimSpace(text)
		out = append(out, t)
	}
	return out, nil
})

// Begin returns the changes that begin a module from a template: the module as a draft, and its right answers apart.
func Begin(look record.Look, template string) ([]record.Change, error) {
	all, err := Templates()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range all {
		if t.ID != template {
			ids = append(ids, t.ID)
			continue
		}
		if _, err := look.Get("training_module", t.ID); err == nil {
			return nil, fault.New(fault.Conflict, "There is a training module %s already.", t.ID).WithNext("Revise it instead.")
		} else if !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		return t.changes(), nil
	}
	return nil, fault.New(fault.NotFound, "There is no training module %q to begin from.", template).WithNext("There are %s.", strings.Join(ids, ", "))
}

func (t Template) changes() []record.Change {
	questions, right := []any{}, []any{}
	for _, q := range t.Questions {
		questions = append(questions, map[string]any{"id": q.ID, "question": q.Question, "options": q.Options})
		right = append(right, map[string]any{"question": q.ID, "option": q.Right})
	}
	body := map[string]any{"id": t.ID, "title": t.Title, "topic": t.Topic, "audience": t.Audience, "days": t.Days, "months": t.Months, "text": t.Text, "questions": questions, "pass_mark": t.PassMark}
	if len(t.Groups) > 0 {
		body["groups"] = t.Groups
	}
	none, why := record.Moment(0), "begun from the starter module "+t.ID
	return []record.Change{
		{Kind: "training_module", Key: t.ID, If: &none, Body: encoded(body), Reason: why},
		{Kind: "training_key", Key: t.ID, If: &none, Body: encoded(map[string]any{"module": t.ID, "right": right}), Reason: why},
	}
}
