package host

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// sudoRule lets one user or group run commands as another, usually root. Its key is its own text, written the same way
// wherever it stands; a rule that stands in two files is one rule.
type sudoRule struct {
	Tool        string   `json:"tool"` // sudo or doas
	Rule        string   `json:"rule"`
	Who         string   `json:"who"`
	WhoKind     string   `json:"who_kind"`
	Except      []string `json:"except"`
	Hosts       []string `json:"hosts"`
	RunAs       []string `json:"run_as"`
	AsRoot      bool     `json:"as_root"`
	Commands    []string `json:"commands"`
	AllCommands bool     `json:"all_commands"`
	NoPasswd    bool     `json:"nopasswd"`
	Denies      bool     `json:"denies"`
	Files       []string `json:"files"`

	line   string
	spared []string // users and groups that are never asked for a password
}

// sudoers is what a set of sudoers files says.
type sudoers struct {
	rules    []sudoRule
	problems []string
	defaults []sudoDefault
	alias    map[string][]string // "User_Alias ADMINS" -> members
	specs    []sudoSpec
	expanded map[string]*expansion
	at       map[string]int // rules by their text
}

type sudoDefault struct{ scope, setting string }

type sudoSpec struct{ file, line string }

// sudoInclude is a line that pulls in another file, or every file of a folder.
type sudoInclude struct {
	path string
	dir  bool
}

// logical joins continued lines and takes comments away; each keeps the number of its first line.
func logical(b []byte) (out []string, at []int) {
	var pending string
	first := 0
	for i, line := range lines(b) {
		if pending == "" {
			first = i + 1
		}
		if strings.HasSuffix(line, `\`) && !strings.HasPrefix(strings.TrimSpace(pending+line), "#") {
			pending += strings.TrimSuffix(line, `\`) + " "
			continue
		}
		line = strings.TrimSpace(uncomment(pending + line))
		pending = ""
		if line != "" {
			out, at = append(out, line), append(at, first)
		}
	}
	if pending = strings.TrimSpace(uncomment(pending)); pending != "" {
		out, at = append(out, pending), append(at, first)
	}
	return out, at
}

// uncomment cuts a sudoers comment: a # that begins no user number and no include, outside quotes and not escaped.
func uncomment(line string) string {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted:
			rest := line[i+1:]
			if rest != "" && rest[0] >= '0' && rest[0] <= '9' {
				continue
			}
			if strings.TrimSpace(line[:i]) == "" && strings.HasPrefix(rest, "include") {
				continue
			}
			return line[:i]
		}
	}
	return line
}

// read takes one file's text and returns the includes in it, in order.
func (s *sudoers) read(file string, b []byte) (includes []sudoInclude) {
	if s.alias == nil {
		s.alias = map[string][]string{}
	}
	text, at := logical(b)
	for i, line := range text {
		bad := func(what string) {
			s.problems = append(s.problems, fmt.Sprintf("line %d of %s %s", at[i], file, what))
		}
		word, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		rest = strings.TrimSpace(rest)
		switch {
		case word == "@include" || word == "#include":
			includes = append(includes, sudoInclude{path: unquote(rest)})
		case word == "@includedir" || word == "#includedir":
			includes = append(includes, sudoInclude{path: unquote(rest), dir: true})
		case strings.HasPrefix(word, "Defaults"):
			scope := strings.TrimPrefix(word, "Defaults")
			for _, d := range split(rest, ',') {
				s.defaults = append(s.defaults, sudoDefault{scope, d})
			}
		case word == "User_Alias" || word == "Runas_Alias" || word == "Host_Alias" || word == "Cmnd_Alias" || word == "Cmd_Alias":
			if word == "Cmd_Alias" {
				word = "Cmnd_Alias"
			}
			for _, def := range split(rest, ':') {
				name, members, ok := strings.Cut(def, "=")
				if !ok {
					bad("defines an alias without members")
					continue
				}
				name = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), "+"))
				s.alias[word+" "+name] = append(s.alias[word+" "+name], split(members, ',')...)
			}
		default:
			if !strings.Contains(line, "=") {
				bad("is not understood")
				continue
			}
			s.specs = append(s.specs, sudoSpec{file, line})
		}
	}
	return includes
}

// resolve turns the collected lines into rules, once every file is read: aliases may be defined after their use.
func (s *sudoers) resolve() {
	s.at = map[string]int{}
	for _, spec := range s.specs {
		if problem := s.spec(spec); problem != "" {
			s.problems = append(s.problems, fmt.Sprintf("a rule in %s %s: %s", spec.file, problem, clean(spec.line)))
		}
	}
	for i := range s.rules {
		s.rules[i].Files = slices.Compact(slices.Sorted(slices.Values(s.rules[i].Files)))
	}
}

// spec reads "who hosts = commands : hosts = commands".
func (s *sudoers) spec(spec sudoSpec) string {
	sections := sectionsOf(spec.line)
	who, rest, ok := cutList(sections[0])
	if !ok {
		return "names no host"
	}
	sections[0] = rest
	users, except := s.expand("User_Alias", split(who, ','))
	for _, section := range sections {
		hosts, commands, ok := cutEqual(section)
		if !ok {
			return "has no ="
		}
		hostList, _ := s.expand("Host_Alias", split(hosts, ','))
		groups, problem := s.commands(commands)
		if problem != "" {
			return problem
		}
		for _, user := range users {
			for _, g := range groups {
				r := g
				r.Tool, r.Who, r.WhoKind, r.Except, r.Hosts = "sudo", user, whoKind(user), except, hostList
				r.line, r.Files = spec.line, []string{spec.file}
				r.Rule = r.text() // with the tags of the file alone: its key does not follow the Defaults
				s.apply(&r)
				if i, ok := s.at[r.Rule]; ok {
					s.rules[i].Files = append(s.rules[i].Files, spec.file)
					s.rules[i].NoPasswd = s.rules[i].NoPasswd || r.NoPasswd
					continue
				}
				s.at[r.Rule] = len(s.rules)
				s.rules = append(s.rules, r)
			}
		}
	}
	return ""
}

// apply lets the Defaults that spare people the password bear on a rule. One that is bound to a host, a command or a target
// counts for every rule: it is better to ask about one too many. One for some users spares them under every rule.
func (s *sudoers) apply(r *sudoRule) {
	for _, d := range s.defaults {
		name, value, _ := strings.Cut(strings.ReplaceAll(d.setting, " ", ""), "=")
		switch name {
		case "!authenticate":
			who, some := strings.CutPrefix(d.scope, ":")
			if !some {
				r.NoPasswd = true
				continue
			}
			users, _ := s.expand("User_Alias", split(who, ','))
			r.spared = append(r.spared, users...)
		case "exempt_group":
			r.spared = append(r.spared, "%"+unquote(value))
		}
	}
	r.NoPasswd = r.NoPasswd || slices.Contains(r.spared, r.Who) || slices.Contains(r.spared, "ALL")
}

// free tells whether a rule lets an account do without a password.
func (r *sudoRule) free(a account) bool {
	return r.NoPasswd || slices.ContainsFunc(r.spared, func(who string) bool { return r.names(who, a) })
}

// commands reads "(runas) TAGS: command, command, (runas) command" into one rule for each change of runas or tags.
func (s *sudoers) commands(text string) (out []sudoRule, problem string) {
	cur := sudoRule{RunAs: []string{"root"}, AsRoot: true}
	fresh := true
	for _, c := range split(text, ',') {
		changed := false
		if strings.HasPrefix(c, "(") {
			end := strings.IndexByte(c, ')')
			if end < 0 {
				return nil, "has an open parenthesis"
			}
			cur.RunAs, cur.AsRoot = s.runAs(c[1:end])
			c, changed = strings.TrimSpace(c[end+1:]), true
		}
		for {
			name, rest, ok := tag(c)
			if !ok {
				break
			}
			switch name {
			case "NOPASSWD":
				changed = changed || !cur.NoPasswd
				cur.NoPasswd = true
			case "PASSWD":
				changed = changed || cur.NoPasswd
				cur.NoPasswd = false
			}
			c = rest
		}
		if c == "" {
			return nil, "names no command"
		}
		list, not := s.expand("Cmnd_Alias", []string{c})
		if fresh || changed {
			out = append(out, sudoRule{RunAs: cur.RunAs, AsRoot: cur.AsRoot, NoPasswd: cur.NoPasswd})
			fresh = false
		}
		g := &out[len(out)-1]
		g.Commands = append(g.Commands, list...)
		for _, n := range not {
			g.Commands = append(g.Commands, "!"+n)
		}
		g.AllCommands = g.AllCommands || slices.Contains(list, "ALL")
	}
	if len(out) == 0 {
		return nil, "names no command"
	}
	return out, ""
}

var sudoTags = []string{"EXEC", "NOEXEC", "FOLLOW", "NOFOLLOW", "LOG_INPUT", "NOLOG_INPUT", "LOG_OUTPUT", "NOLOG_OUTPUT", "MAIL", "NOMAIL",
	"INTERCEPT", "NOINTERCEPT", "PASSWD", "NOPASSWD", "SETENV", "NOSETENV"}

var sudoOptions = []string{"ROLE", "TYPE", "PRIVS", "LIMITPRIVS", "TIMEOUT", "CWD", "CHROOT", "NOTBEFORE", "NOTAFTER", "APPARMOR_PROFILE"}

// tag takes a leading "NOPASSWD:" or "CWD=/x" off a command.
func tag(c string) (name, rest string, ok bool) {
	for _, t := range sudoTags {
		if r, ok := strings.CutPrefix(c, t); ok {
			if r = strings.TrimLeft(r, " \t"); strings.HasPrefix(r, ":") {
				return t, strings.TrimSpace(r[1:]), true
			}
		}
	}
	for _, o := range sudoOptions {
		if r, ok := strings.CutPrefix(c, o); ok {
			if r = strings.TrimLeft(r, " \t"); strings.HasPrefix(r, "=") {
				_, after, _ := strings.Cut(strings.TrimLeft(r[1:], " \t"), " ")
				return o, strings.TrimSpace(after), true
			}
		}
	}
	return "", c, false
}

// runAs reads "users : groups". With groups alone, commands run as the caller, who does not become root.
func (s *sudoers) runAs(text string) (list []string, root bool) {
	users, groups, _ := strings.Cut(text, ":")
	list, except := s.expand("Runas_Alias", split(users, ','))
	for _, u := range list {
		root = root || u == "ALL" || u == "root" || u == "#0"
	}
	if slices.Contains(except, "root") || slices.Contains(except, "#0") {
		root = slices.Contains(list, "root") || slices.Contains(list, "#0")
	}
	for _, e := range except {
		list = append(list, "!"+e)
	}
	for _, g := range split(groups, ',') {
		list = append(list, ":"+g)
	}
	if len(list) == 0 { // "()": the caller
		list = []string{}
	}
	return list, root
}

// expand replaces aliases by their members; what stands behind an odd number of exclamation marks is excepted.
func (s *sudoers) expand(kind string, list []string) (in, except []string) {
	got := &expansion{in: []string{}, except: []string{}, has: map[string]bool{}}
	for _, m := range list {
		not := false
		for strings.HasPrefix(m, "!") {
			not, m = !not, strings.TrimSpace(m[1:])
		}
		if _, ok := s.alias[kind+" "+m]; !ok {
			got.add(unquote(m), not)
			continue
		}
		e := s.aliasOf(kind, m)
		for _, name := range e.in {
			got.add(name, not)
		}
		for _, name := range e.except {
			got.add(name, !not)
		}
	}
	return got.in, got.except
}

// expansion is what a list of names comes to, each once.
type expansion struct {
	in, except []string
	has        map[string]bool
}

func (e *expansion) add(name string, not bool) {
	to, mark := &e.in, "+"
	if not {
		to, mark = &e.except, "-"
	}
	if !e.has[mark+name] {
		e.has[mark+name] = true
		*to = append(*to, name)
	}
}

// aliasOf expands an alias once; one that leads back to itself has no members on that way.
func (s *sudoers) aliasOf(kind, name string) *expansion {
	key := kind + " " + name
	if e, ok := s.expanded[key]; ok {
		return e
	}
	if s.expanded == nil {
		s.expanded = map[string]*expansion{}
	}
	e := &expansion{}
	s.expanded[key] = e
	e.in, e.except = s.expand(kind, s.alias[key])
	return e
}

func whoKind(who string) string {
	switch {
	case who == "ALL":
		return "everyone"
	case strings.HasPrefix(who, "%"):
		return "group"
	case strings.HasPrefix(who, "+"):
		return "netgroup"
	}
	return "user"
}

// text writes a rule the same way wherever it came from.
func (r *sudoRule) text() string {
	var b strings.Builder
	b.WriteString(r.Who)
	for _, e := range r.Except {
		b.WriteString(",!" + e)
	}
	b.WriteString(" " + strings.Join(r.Hosts, ",") + "=(" + strings.Join(r.RunAs, ",") + ") ")
	if r.NoPasswd {
		b.WriteString("NOPASSWD: ")
	}
	b.WriteString(strings.Join(r.Commands, ", "))
	return clean(b.String())
}

// grants tells whether a rule is for this account.
func (r *sudoRule) grants(a account) bool {
	if r.Denies || len(r.Commands) > 0 && !slices.ContainsFunc(r.Commands, func(c string) bool { return !strings.HasPrefix(c, "!") }) {
		return false
	}
	return r.names(r.Who, a) && !slices.ContainsFunc(r.Except, func(e string) bool { return r.names(e, a) })
}

func (r *sudoRule) names(who string, a account) bool {
	switch {
	case who == "ALL" || who == a.Name:
		return true
	case strings.HasPrefix(who, "%#"):
		gid, err := strconv.ParseInt(who[2:], 10, 64)
		return err == nil && (gid == a.GID || slices.Contains(a.gids, gid))
	case strings.HasPrefix(who, "%"):
		return slices.Contains(a.Groups, who[1:])
	case strings.HasPrefix(who, "#"):
		return who[1:] == strconv.FormatInt(a.UID, 10)
	}
	return false
}

// unresolved names rules for groups that only a directory knows.
func unresolved(rules []sudoRule) error {
	for _, r := range rules {
		if r.WhoKind == "netgroup" || strings.HasPrefix(r.Who, "%:") {
			return fmt.Errorf("a rule is for %s, and who belongs to it cannot be read from this machine's files", r.Who)
		}
	}
	return nil
}

// sectionsOf splits a rule at the colons that begin another host list: those outside parentheses that follow no tag.
func sectionsOf(line string) []string {
	var out []string
	depth, quoted, begin := 0, false, 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '(':
			depth++
		case ')':
			depth--
		case ':':
			if quoted || depth > 0 || begin == i {
				continue
			}
			before := strings.TrimSpace(line[begin:i])
			word := before[strings.LastIndexAny(before, " \t,)=:")+1:]
			if slices.Contains(sudoTags, word) || !strings.Contains(line[i:], "=") || !strings.Contains(before, "=") {
				continue
			}
			out, begin = append(out, before), i+1
		}
	}
	return append(out, strings.TrimSpace(line[begin:]))
}

// cutList takes a comma-separated list off the front of a rule: it ends at a blank that follows no comma and precedes none.
func cutList(line string) (list, rest string, ok bool) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			after := strings.TrimLeft(line[i:], " \t")
			before := strings.TrimRight(line[:i], " \t")
			if strings.HasPrefix(after, ",") || strings.HasSuffix(before, ",") || strings.HasSuffix(before, "!") {
				continue
			}
			return line[:i], after, after != ""
		}
	}
	return line, "", false
}

// cutEqual cuts at the first = that is not escaped.
func cutEqual(s string) (before, after string, ok bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '=':
			return strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+1:]), true
		}
	}
	return s, "", false
}

// split cuts at a separator outside quotes and parentheses, not escaped; pieces are trimmed, empty ones dropped.
func split(s string, sep byte) (out []string) {
	depth, quoted, begin := 0, false, 0
	cut := func(end int) {
		if piece := strings.TrimSpace(s[begin:end]); piece != "" {
			out = append(out, piece)
		}
		begin = end + 1
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == sep && depth <= 0:
			cut(i)
		}
	}
	if begin < len(s) {
		cut(len(s))
	}
	return out
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	return strings.ReplaceAll(s, `\ `, " ")
}
