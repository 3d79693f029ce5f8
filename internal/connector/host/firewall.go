package host

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// firewall is what becomes of a packet that comes in and that no rule names. Verdict: drop, reject or accept.
type firewall struct {
	Active      *bool    `json:"active"`
	DefaultIPv4 *string  `json:"default_ipv4"`
	DefaultIPv6 *string  `json:"default_ipv6"`
	IPv6        bool     `json:"ipv6"` // the machine has an IPv6 address beyond loopback
	Asked       []string `json:"asked"`
	Managers    []string `json:"managers"`
	Chains      []chain  `json:"chains"`
}

// chain is one place where incoming packets are judged.
type chain struct {
	Layer   string `json:"layer"` // nftables, iptables, ip6tables
	Table   string `json:"table"`
	Name    string `json:"name"`
	Family  string `json:"family"`  // ip, ip6 or inet, which is both
	Policy  string `json:"policy"`  // as configured
	Default string `json:"default"` // what becomes of a packet no rule names: policy, or the last rule that names all
	Rules   int64  `json:"rules"`
}

// ruleSet is chains by name, as one table holds them.
type ruleSet struct {
	layer, family, table string
	rules                map[string][]string
	base                 []chain
}

// verdict walks a chain and returns what becomes of a packet that no rule names; "" when it falls through to the caller.
// unconditional answers a rule's verdict when the rule has no condition: accept, drop, reject, return, or "jump NAME".
// A rule whose condition admits everything in fact is not recognised as one that does.
func (r *ruleSet) verdict(name string, unconditional func(string) string, depth int) string {
	if depth > 16 {
		return ""
	}
	for _, rule := range r.rules[name] {
		switch v := unconditional(rule); {
		case v == "return":
			return ""
		case strings.HasPrefix(v, "jump "), strings.HasPrefix(v, "goto "):
			if end := r.verdict(v[5:], unconditional, depth+1); end != "" || v[0] == 'g' {
				return end
			}
		case v != "":
			return v
		}
	}
	return ""
}

func (r *ruleSet) settle(unconditional func(string) string) []chain {
	for i := range r.base {
		c := &r.base[i]
		if c.Default = r.verdict(c.Name, unconditional, 0); c.Default == "" {
			c.Default = c.Policy
		}
		c.Rules = int64(len(r.rules[c.Name]))
	}
	return r.base
}

// parseNft reads "nft -s list ruleset" and returns the chains that judge incoming packets.
func parseNft(b []byte) (out []chain, problems []string) {
	var table *ruleSet
	var name string
	depth, skip := 0, 0
	for i, line := range lines(b) {
		line = strings.TrimSpace(clean(line))
		if line == "" || line[0] == '#' {
			continue
		}
		opens := strings.HasSuffix(line, "{")
		switch {
		case skip > 0:
			if opens {
				skip++
			} else if line == "}" {
				skip--
			}
		case depth == 0 && opens:
			w := strings.Fields(line)
			if len(w) != 4 || w[0] != "table" {
				problems = append(problems, fmt.Sprintf("line %d of the nft ruleset is not understood", i+1))
				return out, problems
			}
			table, depth = &ruleSet{layer: "nftables", family: w[1], table: w[2], rules: map[string][]string{}}, 1
		case depth == 1 && line == "}":
			out = append(out, table.settle(nftVerdict)...)
			depth = 0
		case depth == 1 && opens:
			w := strings.Fields(line)
			if w[0] != "chain" || len(w) != 3 {
				skip = 1 // a set, map, flowtable, counter …
				continue
			}
			name, depth = w[1], 2
			table.rules[name] = nil
		case depth == 1: // flags, comment
		case depth == 2 && line == "}":
			depth = 1
		case depth == 2 && strings.HasPrefix(line, "type "):
			if c, ok := nftBase(line); ok && (table.family == "ip" || table.family == "ip6" || table.family == "inet") {
				c.Layer, c.Table, c.Family, c.Name = "nftables", table.table, table.family, name
				table.base = append(table.base, c)
			}
		case depth == 2 && strings.HasPrefix(line, "comment "):
		case depth == 2:
			table.rules[name] = append(table.rules[name], line)
			if opens {
				skip = 1 // an anonymous set over several lines
			}
		default:
			problems = append(problems, fmt.Sprintf("line %d of the nft ruleset is not understood", i+1))
			return out, problems
		}
	}
	if depth != 0 || skip != 0 {
		problems = append(problems, "the nft ruleset ends in the middle")
	}
	return out, problems
}

// nftBase reads "type filter hook input priority filter; policy drop;".
func nftBase(line string) (c chain, input bool) {
	c.Policy = "accept"
	w := strings.Fields(strings.ReplaceAll(line, ";", " ; "))
	for i := 0; i+1 < len(w); i++ {
		switch w[i] {
		case "hook":
			input = w[i+1] == "input"
		case "policy":
			c.Policy = w[i+1]
		}
	}
	return c, input && len(w) > 1 && w[1] == "filter"
}

// nftVerdict is the verdict of an nft rule that has no condition. Counting and logging are no conditions.
func nftVerdict(rule string) string {
	w := nftWords(rule)
	for len(w) > 0 {
		switch w[0] {
		case "counter", "notrack":
			w = w[1:]
		case "packets", "bytes", "prefix", "level", "flags", "group", "snaplen", "queue-threshold":
			if len(w) < 2 {
				return ""
			}
			w = w[2:]
		case "log":
			w = w[1:]
		case "accept", "drop", "return", "reject":
			return w[0]
		case "jump", "goto":
			if len(w) < 2 {
				return ""
			}
			return w[0] + " " + w[1]
		default:
			return ""
		}
	}
	return ""
}

// nftWords splits at blanks and keeps quoted text whole.
func nftWords(rule string) (out []string) {
	var cur strings.Builder
	quoted := false
	for _, c := range rule + " " {
		switch {
		case c == '"':
			quoted = !quoted
			cur.WriteRune(c)
		case c == ' ' && !quoted:
			if cur.Len() > 0 {
				out = append(out, cur.String())
				cur.Reset()
			}
		default:
			cur.WriteRune(c)
		}
	}
	return out
}

// parseIptables reads the output of iptables-save or ip6tables-save. foreign says that it names a table that only nft can show.
func parseIptables(layer string, b []byte) (out []chain, foreign bool, problems []string) {
	family := "ip"
	if layer == "ip6tables" {
		family = "ip6"
	}
	var table *ruleSet
	for i, line := range lines(b) {
		line = strings.TrimSpace(clean(line))
		switch {
		case line == "":
		case line[0] == '#':
			foreign = foreign || strings.Contains(line, "use 'nft' tool")
		case line[0] == '*':
			table = &ruleSet{layer: layer, family: family, table: line[1:], rules: map[string][]string{}}
		case table == nil:
			problems = append(problems, fmt.Sprintf("line %d of %s-save is not understood", i+1, layer))
			return out, foreign, problems
		case line == "COMMIT":
			out = append(out, table.settle(iptablesVerdict)...)
			table = nil
		case line[0] == ':':
			w := strings.Fields(line[1:])
			if len(w) >= 2 && w[0] == "INPUT" && (table.table == "filter" || w[1] == "DROP") {
				table.base = append(table.base, chain{Layer: layer, Table: table.table, Name: w[0], Family: family, Policy: strings.ToLower(w[1])})
			}
		case strings.HasPrefix(line, "-A ") || strings.HasPrefix(line, "["):
			if line[0] == '[' { // with counters in front
				_, line, _ = strings.Cut(line, "] ")
			}
			w := strings.SplitN(line, " ", 3)
			if len(w) == 3 {
				table.rules[w[1]] = append(table.rules[w[1]], w[2])
			} else if len(w) == 2 {
				table.rules[w[1]] = append(table.rules[w[1]], "")
			}
		default:
			problems = append(problems, fmt.Sprintf("line %d of %s-save is not understood", i+1, layer))
			return out, foreign, problems
		}
	}
	if table != nil {
		problems = append(problems, "the answer of "+layer+"-save ends in the middle")
	}
	return out, foreign, problems
}

// iptablesVerdict is the verdict of a rule without a condition.
func iptablesVerdict(rule string) string {
	w := nftWords(rule)
	for len(w) >= 4 && w[0] == "-m" && w[1] == "comment" && w[2] == "--comment" {
		w = w[4:]
	}
	if len(w) < 2 || w[0] != "-j" && w[0] != "-g" {
		return ""
	}
	switch w[1] {
	case "ACCEPT", "DROP", "RETURN", "REJECT":
		return strings.ToLower(w[1])
	case "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "AUDIT", "TRACE", "CT", "SET", "TCPMSS", "DSCP", "NFQUEUE", "QUEUE":
		return ""
	}
	if w[0] == "-g" {
		return "goto " + w[1]
	}
	return "jump " + w[1]
}

// conclude is what becomes of a packet that must pass all chains of a family: refused when one refuses it, let in when all
// let it in and every layer was asked, unknown otherwise.
func conclude(chains []chain, family string, asked bool) *string {
	for _, c := range chains {
		if (c.Family == family || c.Family == "inet") && (c.Default == "drop" || c.Default == "reject") {
			return ptr(c.Default)
		}
	}
	if !asked {
		return nil
	}
	return ptr("accept")
}

// firewallOf draws the conclusions from the chains found.
func firewallOf(chains []chain, asked bool, ipv6 bool) firewall {
	f := firewall{Chains: chains, IPv6: ipv6, DefaultIPv4: conclude(chains, "ip", asked), DefaultIPv6: conclude(chains, "ip6", asked)}
	judging := slices.ContainsFunc(chains, func(c chain) bool { return c.Rules > 0 || c.Policy == "drop" })
	if judging || asked {
		f.Active = ptr(judging)
	}
	if f.Chains == nil {
		f.Chains = []chain{}
	}
	return f
}

// firewall asks the kernel through nft and iptables-save. A missing command is no statement: without nft, only a kernel that
// says it holds no nftables table at all says that there is no such firewall.
func (m *machine) firewall() error {
	var chains []chain
	var raw sources
	f := firewall{Asked: []string{}, Managers: []string{}}
	var failed error // why a layer could not be read
	if tool := m.command("nft"); tool != "" {
		a := m.run(kindFirewall, tool, "-s", "list", "ruleset")
		if err := refusal("nft", a); err != nil {
			failed = err
		} else {
			found, problems := parseNft(a.out)
			if len(problems) > 0 {
				failed = errors.New(strings.Join(problems, "; "))
			}
			chains = append(chains, found...)
			f.Asked = append(f.Asked, "nft")
			raw.add("exec nft -s list ruleset", a.out)
		}
	} else if n, err := m.tables(); err != nil {
		failed = err
	} else if n > 0 {
		found, err := m.translated(n, &f, &raw)
		chains, failed = append(chains, found...), err
	} else {
		f.Asked = append(f.Asked, "kernel")
		raw.add("netlink NFT_MSG_GETTABLE", []byte("no table\n"))
	}
	for _, layer := range []string{"iptables", "ip6tables"} {
		found, err := m.iptables(layer, &f, &raw)
		chains = append(chains, found...)
		failed = firstError(failed, err)
	}
	asked := failed == nil
	g := firewallOf(chains, asked, m.hasIPv6())
	m.whole.firewall.is = g.Active
	g.Asked, g.Managers = f.Asked, m.managers()
	if failed != nil && g.DefaultIPv4 == nil {
		m.missing(kindFirewall, "", failed)
		m.whole.firewall.gap = because(failed)
		return nil
	}
	if err := m.put(kindFirewall, "input", "Incoming packets", raw.bytes(), g); err != nil {
		return err
	}
	m.out.Complete(kindFirewall, "")
	return nil
}

// iptables asks for the older tables of one family. Those of nftables were asked for already when nft is installed.
func (m *machine) iptables(layer string, f *firewall, raw *sources) ([]chain, error) {
	short := strings.TrimSuffix(layer, "tables")
	names, err := m.file(kindFirewall, "/proc/net/"+short+"_tables_names")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // this kernel has no such tables loaded
	case err != nil:
		return nil, err
	case strings.TrimSpace(string(names)) == "":
		return nil, nil
	}
	tool := m.command(layer + "-legacy-save")
	if tool == "" {
		tool = m.command(layer + "-save")
	}
	if tool == "" {
		return nil, fmt.Errorf("the kernel holds %s rules, and the %s-save command that shows them is not installed", layer, layer)
	}
	a := m.run(kindFirewall, tool)
	if err := refusal(layer+"-save", a); err != nil {
		return nil, err
	}
	found, _, problems := parseIptables(layer, a.out)
	if len(problems) > 0 {
		return found, errors.New(strings.Join(problems, "; "))
	}
	for name := range strings.FieldsSeq(string(names)) { // the command may be the one that speaks to nftables instead
		if !strings.Contains("\n"+string(a.out), "\n*"+name+"\n") {
			return found, fmt.Errorf("%s-save does not show the table %s that the kernel holds", layer, name)
		}
	}
	f.Asked = append(f.Asked, layer+"-save")
	raw.add("exec "+layer+"-save", a.out)
	return found, nil
}

// translated reads nftables through iptables-save where nft is missing. That shows only the tables iptables made; n is how
// many the kernel holds.
func (m *machine) translated(n int, f *firewall, raw *sources) ([]chain, error) {
	hidden := errors.New("the kernel holds nftables rules, and the nft command that shows them is not installed")
	var out []chain
	for _, layer := range []string{"iptables", "ip6tables"} {
		tool := m.command(layer + "-nft-save")
		if tool == "" {
			return out, hidden
		}
		a := m.run(kindFirewall, tool)
		if err := refusal(layer+"-nft-save", a); err != nil {
			return out, err
		}
		found, foreign, problems := parseIptables(layer, a.out)
		if len(problems) > 0 || foreign {
			return out, hidden
		}
		n -= strings.Count("\n"+string(a.out), "\n*")
		out = append(out, found...)
		f.Asked = append(f.Asked, layer+"-nft-save")
		raw.add("exec "+layer+"-nft-save", a.out)
	}
	if n > 0 {
		return out, hidden
	}
	return out, nil
}

// refusal is the error of a command that needs root, told as one when it was refused.
func refusal(name string, a answer) error {
	text := strings.ToLower(string(a.err) + string(a.out))
	switch {
	case a.failed != nil:
		return fmt.Errorf("%s did not answer: %w", name, a.failed)
	case a.exit != 0 && (strings.Contains(text, "permission denied") || strings.Contains(text, "not permitted") || strings.Contains(text, "must be root")):
		return fmt.Errorf("the firewall's rules (%s): %w", name, fs.ErrPermission)
	case a.exit != 0:
		return fmt.Errorf("%s did not answer: %s", name, a.said())
	}
	return nil
}

// managers names the programs that look after the rules on this machine.
func (m *machine) managers() []string {
	out := []string{}
	if strings.Contains("\n"+m.peek("/etc/ufw/ufw.conf"), "\nENABLED=yes") {
		out = append(out, "ufw")
	}
	if on := m.running("firewalld"); on != nil && *on {
		out = append(out, "firewalld")
	}
	return out
}

// hasIPv6 tells whether an interface besides loopback has an IPv6 address. When that cannot be read it says yes, so that IPv6
// is judged.
func (m *machine) hasIPv6() bool {
	b, err := m.file(kindFirewall, "/proc/net/if_inet6")
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return beyondLoopback(b)
}

// beyondLoopback reads /proc/net/if_inet6: address, index, prefix length, scope (10 is the host itself), flags, interface.
func beyondLoopback(b []byte) bool {
	return slices.ContainsFunc(lines(b), func(line string) bool {
		f := strings.Fields(line)
		return len(f) >= 6 && f[5] != "lo"
	})
}
