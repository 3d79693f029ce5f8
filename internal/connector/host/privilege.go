package host

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// parseDoas reads /etc/doas.conf: permit|deny [options] identity [as target] [cmd command [args …]].
func parseDoas(file string, b []byte) (rules []sudoRule, problems []string) {
	for i, line := range lines(b) {
		if at := strings.IndexByte(line, '#'); at >= 0 {
			line = line[:at]
		}
		w := strings.Fields(strings.NewReplacer("{", " { ", "}", " } ").Replace(line))
		if len(w) == 0 {
			continue
		}
		r := sudoRule{Tool: "doas", Except: []string{}, Hosts: []string{"ALL"}, RunAs: []string{"ALL"}, AsRoot: true, AllCommands: true,
			Commands: []string{"ALL"}, Denies: w[0] == "deny", Files: []string{file}, line: line}
		at := 1
	options:
		for at < len(w) {
			switch w[at] {
			case "nopass":
				r.NoPasswd = true
			case "nolog", "persist", "keepenv":
			case "setenv":
				for at < len(w) && w[at] != "}" {
					at++
				}
			default:
				break options
			}
			at++
		}
		if w[0] != "permit" && w[0] != "deny" || at >= len(w) {
			problems = append(problems, fmt.Sprintf("line %d of %s is not understood", i+1, file))
			continue
		}
		r.Who = w[at]
		if g, ok := strings.CutPrefix(r.Who, ":"); ok {
			r.Who = "%" + g
		}
		r.WhoKind = whoKind(r.Who)
		if at++; at+1 < len(w) && w[at] == "as" {
			r.RunAs, r.AsRoot = []string{w[at+1]}, w[at+1] == "root"
			at += 2
		}
		if at+1 < len(w) && w[at] == "cmd" {
			r.Commands, r.AllCommands = []string{strings.Join(w[at+1:], " ")}, false
		}
		r.Rule = strings.Join(w, " ")
		if slices.ContainsFunc(rules, func(o sudoRule) bool { return o.Rule == r.Rule }) {
			continue
		}
		rules = append(rules, r)
	}
	return rules, problems
}

// privileges reads every rule that lets someone act as root, from sudo and doas. No such file is the statement that there is none.
func (m *machine) privileges() ([]sudoRule, error) {
	var s sudoers
	todo, seen := []string{"/etc/sudoers"}, map[string]bool{}
	for len(todo) > 0 {
		file := todo[0]
		todo = todo[1:]
		if seen[file] {
			continue
		}
		seen[file] = true
		b, err := m.file(kindSudoRule, file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && file == "/etc/sudoers":
			continue
		case err != nil:
			return nil, err
		}
		var found []string
		for _, inc := range s.read(file, b) {
			target := strings.ReplaceAll(inc.path, "%h", m.hostname())
			if !strings.HasPrefix(target, "/") {
				target = path.Join(path.Dir(file), target)
			}
			if !inc.dir {
				found = append(found, target)
				continue
			}
			names, err := m.list(kindSudoRule, target)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			for _, n := range names {
				if !strings.Contains(n, ".") && !strings.HasSuffix(n, "~") { // as sudo skips them
					found = append(found, path.Join(target, n))
				}
			}
		}
		todo = append(found, todo...)
	}
	s.resolve()
	rules, problems := s.rules, s.problems
	b, err := m.file(kindSudoRule, "/etc/doas.conf")
	if err == nil {
		doas, bad := parseDoas("/etc/doas.conf", b)
		rules, problems = append(rules, doas...), append(problems, bad...)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, source := range nssSources(m.peek("/etc/nsswitch.conf"), "sudoers") {
		if source != "files" {
			problems = append(problems, "sudo also takes rules from "+source+", which is not read")
		}
	}
	if len(problems) > 0 {
		return rules, errors.New(strings.Join(problems, "; "))
	}
	return rules, nil
}

// sudoRules hands the rules over. Rules that are read are handed over even when others could not be.
func (m *machine) sudoRules(rules []sudoRule, err error) error {
	for _, r := range rules {
		if err := m.put(kindSudoRule, r.Tool+" "+r.Rule, r.Rule, []byte(r.line), r); err != nil {
			return err
		}
	}
	if err != nil {
		m.missing(kindSudoRule, "", err)
		return nil
	}
	m.out.Complete(kindSudoRule, "")
	return nil
}

// nssSources are the places /etc/nsswitch.conf names for a database, without their [reactions].
func nssSources(text, database string) (out []string) {
	for line := range strings.SplitSeq(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		name, rest, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) != database {
			continue
		}
		reaction := false
		for w := range strings.FieldsSeq(rest) {
			if strings.HasPrefix(w, "[") {
				reaction = true
			}
			if !reaction {
				out = append(out, w)
			}
			if strings.HasSuffix(w, "]") {
				reaction = false
			}
		}
	}
	return out
}
