package check

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
)

// Rules are what a set of checks must keep to besides the language.
type Rules struct {
	Controls map[string]bool // known control ids; nil: not judged
	Unknown  bool            // every check needs an example that is unknown too, as those of the library do
}

var (
	idForm      = regexp.MustCompile(`^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$`)
	nameForm    = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	letForm     = regexp.MustCompile(`(?s)^\s*([a-z][a-z0-9_]*)\s+by\s+([A-Za-z_][A-Za-z0-9_-]*)\s*=\s*(.*)$`)
	reserved    = []string{"r", "settings", "key", "label", "source", "kind"}
	gapForm     = regexp.MustCompile(`^[1-9][0-9]{0,4}(m|h|d|w)$`)
	statusWords = []string{string(Pass), string(Fail), string(Unknown), string(NotApplicable)}
)

// Read reads one check and runs its examples; the error is a fault that names file, line and column.
func Read(words *Vocabulary, rules Rules, file string, data []byte) (*Check, error) {
	c, err := parse(words, rules, file, data)
	if err != nil {
		return nil, err
	}
	for _, e := range c.Examples {
		if got := c.try(e); got.Status != e.Expect {
			return nil, mismatch(c, e, got)
		}
	}
	return c, nil
}

func mismatch(c *Check, e Example, got Result) error {
	reason := ""
	if got.Reason != "" {
		reason = " (" + got.Reason + ")"
	}
	return fault.New(fault.Invalid, "%s:%d:%d: the example %q of %s should be %s, and is %s%s.", c.File, e.Line, e.Column, e.Name, c.ID, e.Expect, got.Status, reason)
}

// reader walks a check's YAML, strictly. The first error stands.
type reader struct {
	file  string
	lines []string
	words *Vocabulary
	rules Rules
	err   error
}

func (r *reader) refuse(n *yaml.Node, format string, args ...any) {
	if r.err == nil {
		r.err = at(r.file, n.Line, n.Column, fmt.Sprintf(format, args...))
	}
}

func at(file string, line, column int, message string) error {
	if !strings.HasSuffix(message, "?") {
		message = strings.TrimSuffix(message, ".") + "."
	}
	return fault.New(fault.Invalid, "%s:%d:%d: %s", file, max(line, 1), max(column, 1), message)
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// parse reads and compiles, without running the examples.
func parse(words *Vocabulary, rules Rules, file string, data []byte) (*Check, error) {
	r := &reader{file: file, lines: strings.Split(string(data), "\n"), words: words, rules: rules}
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err != nil {
		line := 1
		msg := err.Error()
		if m := yamlLine.FindStringSubmatch(msg); m != nil {
			fmt.Sscan(m[1], &line)
			msg = strings.TrimPrefix(msg, m[0])
		}
		if msg == "EOF" {
			msg = "the file is empty"
		}
		return nil, at(file, line, 1, "this is not YAML: "+strings.TrimPrefix(msg, "yaml: "))
	}
	if err := dec.Decode(&second); err == nil {
		return nil, at(file, second.Line, second.Column, "a file holds one check, and here a second document begins")
	} else if err != io.EOF {
		return nil, at(file, 1, 1, "this is not YAML: "+strings.TrimPrefix(err.Error(), "yaml: "))
	}
	c := &Check{File: file, words: words}
	root := doc.Content[0]
	m := r.mapping(root, "a check", "id", "title", "for", "where", "let", "expect", "because", "severity", "controls", "settings", "why", "fix", "max_gap", "examples")
	for _, name := range []string{"id", "title", "for", "expect", "because", "severity", "why", "fix", "examples"} {
		if m[name] == nil {
			r.refuse(root, "the check has no %s", name)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	c.ID, c.Title, c.Why = r.text(m["id"]), r.text(m["title"]), r.text(m["why"])
	c.For, c.Severity = r.text(m["for"]), r.text(m["severity"])
	c.Where, c.Expect, c.Because = r.text(m["where"]), r.text(m["expect"]), r.text(m["because"])
	if r.err == nil && !idForm.MatchString(c.ID) {
		r.refuse(m["id"], "the id %q is not capital letters and digits joined by hyphens, such as HOST-01", c.ID)
	}
	if r.err == nil && !slices.Contains(severities, c.Severity) {
		r.refuse(m["severity"], "the severity %q is none of %s", c.Severity, strings.Join(severities, ", "))
	}
	if err := words.known(c.For); err != nil && r.err == nil {
		r.refuse(m["for"], "%s", err.Error())
	}
	r.controls(c, m["controls"])
	r.settings(c, m["settings"])
	r.fix(c, m["fix"])
	r.gap(c, m["max_gap"])
	r.compile(c, m)
	r.examples(c, m["examples"])
	if r.err == nil {
		r.err = c.finish()
	}
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}

// mapping gives the values of a mapping by name, each known and there once.
func (r *reader) mapping(n *yaml.Node, what string, names ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	if n == nil || r.err != nil {
		return out
	}
	if n.Kind != yaml.MappingNode {
		r.refuse(n, "%s is a mapping of names to values", what)
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode || k.Tag == "!!merge":
			r.refuse(k, "%s has names in plain text", what)
		case out[k.Value] != nil:
			r.refuse(k, "%s is there twice", k.Value)
		case names != nil && !slices.Contains(names, k.Value):
			r.refuse(k, "%s has no field %q; it has %s", what, k.Value, strings.Join(names, ", "))
		case v.Kind == yaml.AliasNode || v.Anchor != "":
			r.refuse(v, "anchors and aliases are not used in checks")
		}
		out[k.Value] = v
	}
	return out
}

func (r *reader) sequence(n *yaml.Node, what string) []*yaml.Node {
	if n == nil || r.err != nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.refuse(n, "%s is a list", what)
		return nil
	}
	for _, e := range n.Content {
		if e.Kind == yaml.AliasNode || e.Anchor != "" {
			r.refuse(e, "anchors and aliases are not used in checks")
		}
	}
	return n.Content
}

func (r *reader) text(n *yaml.Node) string {
	if n == nil || r.err != nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.refuse(n, "text is needed here")
		return ""
	}
	s := strings.TrimSpace(n.Value)
	if s == "" {
		r.refuse(n, "text is needed here, and it is empty")
	}
	return s
}

// names reads the keys of a mapping in order.
func names(n *yaml.Node) (out []*yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		out = append(out, n.Content[i])
	}
	return out
}

func (r *reader) controls(c *Check, n *yaml.Node) {
	for _, e := range r.sequence(n, "controls") {
		id := r.text(e)
		if r.rules.Controls != nil && !r.rules.Controls[id] {
			r.refuse(e, "there is no control %q", id)
		}
		if slices.Contains(c.Controls, id) {
			r.refuse(e, "the control %s is there twice", id)
		}
		c.Controls = append(c.Controls, id)
	}
}

func (r *reader) settings(c *Check, n *yaml.Node) {
	m := r.mapping(n, "settings")
	for _, k := range names(n) {
		if r.err != nil {
			return
		}
		if !nameForm.MatchString(k.Value) {
			r.refuse(k, "the setting %q is not small letters, digits and underscores", k.Value)
			return
		}
		j := r.json(m[k.Value])
		if r.err != nil {
			return
		}
		v, err := decodeExact(j)
		if err != nil || v == nil || !settable(v) {
			r.refuse(m[k.Value], "the setting %s is a number, text, true, false or a list of one of these", k.Value)
			return
		}
		c.Settings = append(c.Settings, Setting{Name: k.Value, Default: v, Value: v})
	}
}

func settable(v any) bool {
	switch v := v.(type) {
	case bool, int64, float64, string:
		return true
	case []any:
		for _, e := range v {
			if _, nested := e.([]any); nested || !settable(e) || fmt.Sprintf("%T", e) != fmt.Sprintf("%T", v[0]) {
				return false
			}
		}
		return true
	}
	return false
}

func settingFields(settings []Setting) []expr.Field {
	var out []expr.Field
	for _, s := range settings {
		v, list := s.Default, false
		if l, ok := v.([]any); ok {
			v, list = nil, true
			if len(l) > 0 {
				v = l[0]
			}
		}
		t := expr.JSON
		switch v.(type) {
		case bool:
			t = expr.Bool
		case int64:
			t = expr.Integer
		case float64:
			t = expr.Number
		case string:
			t = expr.Text
		}
		out = append(out, expr.Field{Name: s.Name, Type: t, List: list})
	}
	return out
}

func (r *reader) fix(c *Check, n *yaml.Node) {
	m := r.mapping(n, "fix")
	for _, k := range names(n) {
		c.Fix = append(c.Fix, Fix{k.Value, r.text(m[k.Value])})
	}
	if n != nil && r.err == nil && len(c.Fix) == 0 {
		r.refuse(n, "fix says for at least one place (console, cli, terraform) what to do")
	}
}

func (r *reader) gap(c *Check, n *yaml.Node) {
	if n == nil || r.err != nil {
		return
	}
	s := r.text(n)
	if !gapForm.MatchString(s) {
		r.refuse(n, "max_gap is a number with m, h, d or w, such as 36h")
		return
	}
	zero := time.Unix(0, 0).UTC()
	end, err := expr.AddSpan(zero, s)
	if err != nil {
		r.refuse(n, "%s", err.Error())
		return
	}
	c.MaxGap = end.Sub(zero)
}

// compile compiles let, where, expect and because.
func (r *reader) compile(c *Check, m map[string]*yaml.Node) {
	if r.err != nil {
		return
	}
	settings := settingFields(c.Settings)
	vars := []expr.Field{{Name: "key", Type: expr.Text}, {Name: "label", Type: expr.Text}, {Name: "source", Type: expr.Text}, {Name: "kind", Type: expr.Text}}
	lets := r.mapping(m["let"], "let")
	var plain *expr.Env
	var err error
	if len(lets) > 0 {
		if plain, err = r.words.types().Env(expr.Options{Record: c.For, Settings: settings, Vars: vars, Alone: true, Plain: r.words.plain}); err != nil {
			r.err = err
			return
		}
	}
	for _, k := range names(m["let"]) {
		if r.err != nil {
			return
		}
		l, prog := r.let(plain, k, lets[k.Value])
		c.Let, c.lets = append(c.Let, l), append(c.lets, prog)
		vars = append(vars, expr.Field{Name: l.Name, Type: expr.Object, Of: l.Kind, List: true})
	}
	if r.err != nil {
		return
	}
	env, err := r.words.types().Env(expr.Options{Record: c.For, Settings: settings, Vars: vars, Plain: r.words.plain})
	if err != nil {
		r.err = err
		return
	}
	joins := map[string]bool{}
	fields := map[string]bool{}
	one := func(name, src string, compile func(*expr.Env, string) (*expr.Program, error)) *expr.Program {
		if src == "" || r.err != nil {
			return nil
		}
		p, err := compile(env, m[name].Value)
		if err != nil {
			r.expression(m[name], err)
			return nil
		}
		if name != "because" {
			c.Clock = c.Clock || p.Clock
			c.named = c.named || p.Vars
			c.asks = c.asks || p.Fits
			for _, j := range p.Joins {
				joins[j] = true
			}
		}
		for _, f := range p.Fields {
			fields[f] = true
		}
		return p
	}
	c.where = one("where", c.Where, expr.CompileTest)
	c.expect = one("expect", c.Expect, expr.CompileTest)
	c.because = one("because", c.Because, expr.Compile)
	if r.err == nil && !c.because.IsText() {
		r.refuse(m["because"], "because makes a sentence; join the parts with + and wrap numbers in string()")
	}
	for i, l := range c.Let {
		c.named = true
		joins[l.Kind] = true
		c.Clock = c.Clock || c.lets[i].Clock
		for _, f := range c.lets[i].Fields {
			fields[f] = true
		}
	}
	c.Joins, c.Fields = sorted(joins), sorted(fields)
	c.said = wordsOf(c.Where, c.Expect)
	for _, l := range c.Let {
		maps.Copy(c.said, wordsOf(l.Field, l.Value))
	}
}

var word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// wordsOf are the words of expressions, those between quotation marks among them: find names its field so.
func wordsOf(texts ...string) map[string]bool {
	out := map[string]bool{}
	for _, t := range texts {
		for _, w := range word.FindAllString(t, -1) {
			out[w] = true
		}
	}
	return out
}

// readsPart reports whether a check may read a part of the records of a kind that it looks up by a name: its logic has the word,
// or one for a field of the view that is made of it.
func (c *Check) readsPart(name, kind, part string) bool {
	p := c.words.offers(name, kind)
	if c.said == nil || p == nil {
		return c.said == nil || c.said[part]
	}
	for field, words := range p.said() {
		if words[part] && (field == "" || c.said[field]) {
			return true
		}
	}
	return false
}

func sorted(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (r *reader) let(env *expr.Env, k, n *yaml.Node) (Let, *expr.Program) {
	l := Let{Name: k.Value}
	if !nameForm.MatchString(l.Name) || slices.Contains(reserved, l.Name) {
		r.refuse(k, "the name %q is not small letters, digits and underscores, or means something already", l.Name)
		return l, nil
	}
	src := r.text(n)
	parts := letForm.FindStringSubmatch(src)
	if r.err != nil || parts == nil {
		r.refuse(n, "let is written KIND by FIELD = VALUE, such as account by email = r.email")
		return l, nil
	}
	l.Kind, l.Field, l.Value = parts[1], parts[2], parts[3]
	if err := r.words.known(l.Kind); err != nil {
		r.refuse(n, "%s", err.Error())
		return l, nil
	}
	if l.Field != expr.Key && !r.words.types().HasField(l.Kind, l.Field) {
		r.refuse(n, "there is no field %q declared in %s", l.Field, l.Kind)
		return l, nil
	}
	prog, err := expr.Compile(env, l.Value)
	if err != nil {
		r.expressionAt(n, strings.LastIndex(n.Value, l.Value), err)
		return l, nil
	}
	if !r.words.types().Comparable(l.Kind, l.Field, prog.Type()) {
		r.refuse(n, "the value of %s is of another type than the field %s of %s, and would find nothing", l.Name, l.Field, l.Kind)
	}
	return l, prog
}

// expression reports an expression's error at its place in the file.
func (r *reader) expression(n *yaml.Node, err error) { r.expressionAt(n, 0, err) }

// expressionAt is expression for one that begins some bytes into the scalar.
func (r *reader) expressionAt(n *yaml.Node, offset int, err error) {
	e, ok := expr.AsError(err)
	if !ok {
		r.refuse(n, "%s", err.Error())
		return
	}
	line, column := n.Line, n.Column
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle:
		line += e.Line
		if line-1 < len(r.lines) {
			text := r.lines[line-1]
			column = indent(text) - indent(lineOf(n.Value, e.Line)) + e.Column
		}
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		column += offset + e.Column
	case yaml.FoldedStyle:
	default:
		if e.Line == 1 {
			column += offset + e.Column - 1
		}
	}
	if r.err == nil {
		r.err = at(r.file, line, column, e.Message)
	}
}

func indent(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

func lineOf(s string, n int) string {
	lines := strings.Split(s, "\n")
	if n-1 < len(lines) {
		return lines[n-1]
	}
	return ""
}

// finish fixes what the check's answers depend on, and its hash.
func (c *Check) finish() error {
	logic := map[string]any{"id": c.ID, "for": c.For, "expect": c.Expect, "because": c.Because}
	if c.Where != "" {
		logic["where"] = c.Where
	}
	if c.MaxGap != 0 {
		logic["max_gap"] = c.MaxGap.String()
	}
	lets := map[string]string{}
	for _, l := range c.Let {
		lets[l.Name] = l.Kind + " by " + l.Field + " = " + l.Value
	}
	if len(lets) > 0 {
		logic["let"] = lets
	}
	views := map[string]any{}
	for _, name := range append([]string{c.For}, c.Joins...) {
		if l := c.words.logic(name); l != nil {
			views[name] = l
		}
	}
	if len(views) > 0 {
		logic["views"] = views
	}
	var err error
	if c.Logic, err = json.Marshal(logic); err != nil {
		return fmt.Errorf("write the logic of %s: %w", c.ID, err)
	}
	return c.settle()
}
