package check

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/store"
)

// Problem is a file in the organisation's directory that is no check.
type Problem struct {
	File    string
	Check   string // the id of the check it holds, as far as it says so
	Message string // what is wrong, with file, line and column
}

// Next is what to do about a Problem.
func (p Problem) Next() string {
	return "Mend the file and try it with tickmark check test " + p.File + ", or move it out of that folder."
}

// breakWith makes a check answer unknown, with the reason, about every record. It is another logic than that of the sound check,
// so that it begins a series of its own: what was answered while nothing could be said stays unknown for good.
func (c *Check) breakWith(reason string) error {
	c.Broken = reason
	var err error
	if c.Logic, err = json.Marshal(map[string]string{"id": c.ID, "for": c.For, "broken": reason}); err != nil {
		return err
	}
	return c.settle()
}

var (
	salvageLine = regexp.MustCompile(`(?m)^ ?(id|title|for|severity|controls): *(.+?) *$`)
	salvageList = regexp.MustCompile(`[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+`)
)

// salvage reads of a broken file what it can: which check it is, and about what. The id stays empty when that cannot be told.
func salvage(words *Vocabulary, file string, data []byte, message string) *Check {
	c := &Check{File: file, Own: true, words: words}
	said := map[string]string{}
	for _, m := range salvageLine.FindAllSubmatch(data, -1) {
		if name := string(m[1]); said[name] == "" {
			said[name] = strings.Trim(string(m[2]), `"'`)
		}
	}
	var doc struct { // controls may stand one a line
		Controls []string `yaml:"controls"`
	}
	if yaml.Unmarshal(data, &doc) == nil {
		c.Controls = doc.Controls
	} else {
		c.Controls = salvageList.FindAllString(said["controls"], -1)
	}
	if idForm.MatchString(said["id"]) {
		c.ID = said["id"]
	}
	if words.known(said["for"]) == nil {
		c.For = said["for"]
	}
	if c.Severity = "high"; slices.Contains(severities, said["severity"]) {
		c.Severity = said["severity"]
	}
	if c.Title = said["title"]; c.Title == "" {
		c.Title = "A check whose file is broken"
	}
	c.Why = "Its file is broken, and nothing is known until it is mended."
	c.breakWith("The check's file is broken, so that nothing is known: " + message)
	return c
}

// mourn completes what is known of broken checks from their last series, and adds those that no file is known to hold any
// more while there is a broken file that does not say which check it holds.
func (m *Monitor) mourn(ctx context.Context, setups []Setup) ([]Setup, error) {
	problems := m.Set.Problems()
	nameless := slices.IndexFunc(problems, func(p Problem) bool { return p.Check == "" })
	if nameless < 0 && !slices.ContainsFunc(setups, func(s Setup) bool { return s.Broken != "" }) {
		return setups, nil
	}
	last, err := store.All[Series](ctx, m.Book.DB, "SELECT "+seriesColumns+" FROM series WHERE id IN (SELECT max(id) FROM series GROUP BY check_id) ORDER BY check_id")
	if err != nil {
		return nil, fmt.Errorf("read the last series of checks: %w", err)
	}
	for _, s := range last {
		i := slices.IndexFunc(setups, func(x Setup) bool { return x.ID == s.Check })
		switch {
		case i >= 0 && setups[i].Broken != "":
			c := *setups[i].Check
			if err := m.recall(ctx, &c, s); err != nil {
				return nil, err
			}
			setups[i].Check = &c
		case i < 0 && nameless >= 0 && s.Ended == store.Forever:
			p := problems[nameless]
			c := &Check{ID: s.Check, Title: s.Check, File: p.File, Own: true, Severity: "high", words: m.Words, Why: "Its file is broken, and nothing is known until it is mended.",
				Broken: "A file of the organisation's checks is broken and may be the one of this check, so that nothing is known: " + p.File[strings.LastIndexByte(p.File, '/')+1:] + "."}
			if err := m.recall(ctx, c, s); err != nil {
				return nil, err
			}
			setups = append(setups, Setup{Check: c})
		}
	}
	slices.SortFunc(setups, func(a, b Setup) int { return strings.Compare(a.ID, b.ID) })
	return setups, nil
}

// recall fills in what a broken check was about: its controls above all, for a control must not pass because a check of it
// fell silent.
func (m *Monitor) recall(ctx context.Context, c *Check, last Series) error {
	var logic struct{ For string }
	if json.Unmarshal(last.Content, &logic) == nil && c.For == "" {
		c.For = logic.For
	}
	began, err := store.All[[]byte](ctx, m.Book.DB, "SELECT detail FROM action WHERE subject = $1 AND verb = $2 ORDER BY entry DESC LIMIT 1", last.Check, seriesBegan)
	if err != nil {
		return fmt.Errorf("read what %s was about: %w", c.ID, err)
	}
	var was struct {
		Title    string
		Controls []string
	}
	if len(began) > 0 && json.Unmarshal(began[0], &was) == nil {
		if c.Title == c.ID && was.Title != "" {
			c.Title = was.Title
		}
		for _, id := range was.Controls {
			if !slices.Contains(c.Controls, id) {
				c.Controls = append(slices.Clone(c.Controls), id)
			}
		}
	}
	return c.breakWith(c.Broken)
}

// checkOf is the check of a series, as its logic was: a later max gap, or other fields and lookups, must not change what was
// answered. What can no longer be understood rests on everything that it may have read.
func (m *Monitor) checkOf(s Series) *Check {
	if c := m.Set.of(s.Check); c != nil && string(c.Logic) == string(s.Content) {
		return c
	}
	m.old.Lock()
	defer m.old.Unlock()
	if c := m.revived[string(s.Hash)]; c != nil {
		return c
	}
	c := m.Words.revive(s)
	if m.revived == nil || len(m.revived) > 1000 {
		m.revived = map[string]*Check{}
	}
	m.revived[string(s.Hash)] = c
	return c
}

// revive compiles the logic of a series.
func (w *Vocabulary) revive(s Series) *Check {
	vague := &Check{ID: s.Check, words: w, vague: true}
	var logic struct {
		For, Where, Expect, Because, Broken string
		Let                                 map[string]string
		MaxGap                              string `json:"max_gap"`
	}
	if json.Unmarshal(s.Content, &logic) != nil || w.known(logic.For) != nil {
		return vague
	}
	vague.For, vague.Broken = logic.For, logic.Broken
	if logic.MaxGap != "" {
		d, err := time.ParseDuration(logic.MaxGap)
		if err != nil {
			return vague
		}
		vague.MaxGap = d
	}
	if logic.Broken != "" {
		return vague
	}
	c := *vague
	c.vague = false
	set, err := decodeExact([]byte(s.Settings))
	if values, ok := set.(map[string]any); err == nil && ok {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			c.Settings = append(c.Settings, Setting{Name: name, Default: values[name], Value: values[name]})
		}
	}
	text := func(s string) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Line: 1, Column: 1}
	}
	let := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range slices.Sorted(maps.Keys(logic.Let)) {
		let.Content = append(let.Content, text(name), text(logic.Let[name]))
	}
	c.Where, c.Expect, c.Because = logic.Where, logic.Expect, logic.Because
	r := &reader{file: s.Check, words: w}
	r.compile(&c, map[string]*yaml.Node{"let": let, "where": text(c.Where), "expect": text(c.Expect), "because": text(c.Because)})
	if r.err != nil {
		return vague
	}
	return &c
}

// unanswered is the time of a series that was never judged to its end, and the time since one was last judged in which its
// check is broken.
func (m *Monitor) unanswered(s Series) []Gap {
	if s.Evaluated == 0 {
		return []Gap{{From: s.Started, To: store.Forever, Reason: "The check was not judged to its end."}}
	}
	c := m.Set.of(s.Check)
	if c == nil || c.Broken == "" || s.Ended != store.Forever || string(c.Logic) == string(s.Content) {
		return nil
	}
	return []Gap{{From: s.Evaluated, To: store.Forever, Reason: c.Broken}}
}
