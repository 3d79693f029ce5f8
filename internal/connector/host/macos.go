package host

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/connector"
)

// parseSwVers reads sw_vers: "ProductVersion:		14.5" a line.
func parseSwVers(b []byte) map[string]string {
	out := map[string]string{}
	for _, line := range lines(b) {
		if name, value, ok := strings.Cut(clean(line), ":"); ok {
			out[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return out
}

// platformID finds the machine's id in "ioreg -rd1 -c IOPlatformExpertDevice".
func platformID(b []byte) string {
	for _, line := range lines(b) {
		if _, value, ok := strings.Cut(line, `"IOPlatformUUID" = "`); ok {
			id, _, _ := strings.Cut(value, `"`)
			return id
		}
	}
	return ""
}

// macBootTime reads "sysctl -n kern.boottime": { sec = 1716200000, usec = 1 } Mon May 20 …
func macBootTime(b []byte) string {
	_, rest, ok := strings.Cut(string(b), "sec = ")
	s, _, _ := strings.Cut(rest, ",")
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 40)
	if !ok || err != nil || n <= 0 {
		return ""
	}
	return time.Unix(n, 0).UTC().Format(time.RFC3339)
}

// parseDirectory reads the blocks of "dscacheutil -q user" or "-q group": lines "name: value", blocks apart by an empty line.
// The block's own text comes with it.
func parseDirectory(b []byte) (blocks []map[string]string, texts []string) {
	var block map[string]string
	var text []string
	end := func() {
		if block["name"] != "" {
			blocks, texts = append(blocks, block), append(texts, strings.Join(text, "\n"))
		}
		block, text = nil, nil
	}
	for _, line := range lines(b) {
		if strings.TrimSpace(line) == "" {
			end()
			continue
		}
		name, value, ok := strings.Cut(clean(line), ":")
		if !ok {
			continue
		}
		if name == "name" && block != nil {
			end()
		}
		if block == nil {
			block = map[string]string{}
		}
		if name == "password" { // always a star, and no place for anything else
			continue
		}
		block[name] = strings.TrimSpace(value)
		text = append(text, line)
	}
	end()
	return blocks, texts
}

func parseMacUsers(b []byte) (out []account, problems []string) {
	blocks, texts := parseDirectory(b)
	for i, u := range blocks {
		uid, err1 := strconv.ParseInt(u["uid"], 10, 64)
		gid, err2 := strconv.ParseInt(u["gid"], 10, 64)
		if err1 != nil || err2 != nil {
			problems = append(problems, "the account "+u["name"]+" has no number")
			continue
		}
		out = append(out, account{Name: u["name"], UID: uid, GID: gid, FullName: u["gecos"], Home: u["dir"], Shell: u["shell"],
			LoginShell: loginShell(u["shell"]), System: uid < 500 || strings.HasPrefix(u["name"], "_"), line: texts[i]})
	}
	return out, problems
}

func parseMacGroups(b []byte) (out []group, problems []string) {
	blocks, texts := parseDirectory(b)
	for i, g := range blocks {
		gid, err := strconv.ParseInt(g["gid"], 10, 64)
		if err != nil {
			problems = append(problems, "the group "+g["name"]+" has no number")
			continue
		}
		out = append(out, group{Name: g["name"], GID: gid, Members: append([]string{}, strings.Fields(g["users"])...), line: texts[i]})
	}
	return out, problems
}

// parseNetstat reads "netstat -anW": listening TCP sockets and UDP sockets bound to a port; "*.5353" is every address.
func parseNetstat(b []byte) (out []socket, problems []string) {
	for i, line := range lines(b) {
		f := strings.Fields(clean(line))
		if len(f) < 5 || !strings.HasPrefix(f[0], "tcp") && !strings.HasPrefix(f[0], "udp") {
			continue
		}
		protocol := f[0][:3]
		if protocol == "tcp" && (len(f) < 6 || f[5] != "LISTEN") || protocol == "udp" && f[4] != "*.*" {
			continue
		}
		dot := strings.LastIndexByte(f[3], '.')
		if dot < 0 || f[3][dot+1:] == "*" {
			continue
		}
		port, err := strconv.ParseUint(f[3][dot+1:], 10, 16)
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d of netstat has a port that is no number", i+1))
			continue
		}
		families := []string{"ipv4"}
		switch f[0][3:] {
		case "6":
			families = []string{"ipv6"}
		case "46":
			families = []string{"ipv4", "ipv6"}
		}
		for _, family := range families {
			s := socket{Protocol: protocol, Family: family, Port: int64(port), lines: []string{line}}
			if !s.place(f[3][:dot]) {
				problems = append(problems, fmt.Sprintf("line %d of netstat has an address that is not understood", i+1))
				break
			}
			out = append(out, s)
		}
	}
	return out, problems
}

// place sets a socket's address from text; * is every address of its family.
func (s *socket) place(text string) bool {
	text, _, _ = strings.Cut(text, "%") // the interface of a link-local address
	if text == "*" {
		if text = "0.0.0.0"; s.Family == "ipv6" {
			text = "::"
		}
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	s.Address, s.Exposure = a.String(), "address"
	if s.Family = "ipv6"; a.Is4() {
		s.Family = "ipv4"
	}
	switch {
	case a.IsUnspecified():
		s.Exposure = "any"
	case a.Unmap().IsLoopback():
		s.Exposure = "loopback"
	}
	return true
}

// parseLsof reads "lsof -nP -i -F cPn": p and a process number, c and its name, then for each file P and the protocol, n and
// the address. It returns the programs by "tcp:5000".
func parseLsof(b []byte) map[string][]program {
	out := map[string][]program{}
	var name, protocol string
	for _, line := range lines(b) {
		if line == "" {
			continue
		}
		switch value := clean(line[1:]); line[0] {
		case 'p':
			name, protocol = "", ""
		case 'c':
			name = value
		case 'P':
			protocol = strings.ToLower(value)
		case 'n':
			colon := strings.LastIndexByte(value, ':')
			if colon < 0 || strings.Contains(value, "->") {
				continue
			}
			key := protocol + ":" + value[colon+1:]
			if p := (program{Name: name}); !slices.Contains(out[key], p) {
				out[key] = append(out[key], p)
			}
		}
	}
	return out
}

// parseFileVault reads "fdesetup status".
func parseFileVault(b []byte) encryption {
	text := string(b)
	switch {
	case strings.Contains(text, "Encryption in progress"), strings.Contains(text, "Decryption in progress"):
		return encryption{Encrypted: ptr(false), Reason: "FileVault is on its way."}
	case strings.Contains(text, "FileVault is On"):
		return encryption{Encrypted: ptr(true), By: "filevault"}
	case strings.Contains(text, "FileVault is Off"):
		return encryption{Encrypted: ptr(false), Reason: "FileVault is off, so the disk opens without anyone's password."}
	}
	return encryption{Reason: "fdesetup gave an answer that is not understood."}
}

// parseSoftwareUpdate reads "softwareupdate --list --no-scan": "* Label: …" and, a line below, "Title: …, Version: …, …".
func parseSoftwareUpdate(b []byte) (out []update, problems []string) {
	for _, line := range lines(b) {
		text := strings.TrimSpace(clean(line))
		if label, ok := strings.CutPrefix(text, "* Label: "); ok {
			out = append(out, update{Manager: "softwareupdate", Package: label, line: line})
			continue
		}
		if len(out) == 0 || !strings.HasPrefix(text, "Title: ") {
			continue
		}
		last := &out[len(out)-1]
		last.line += "\n" + line
		if _, rest, ok := strings.Cut(text, ", Version: "); ok {
			last.Available, _, _ = strings.Cut(rest, ",")
		}
	}
	said := string(b)
	if len(out) == 0 && !strings.Contains(said, "No new software available") {
		problems = append(problems, "softwareupdate gave an answer that is not understood")
	}
	return out, problems
}

// parsePreferences reads the top level of "defaults export DOMAIN -", an XML property list: texts, dates, numbers and yes or no.
func parsePreferences(b []byte) (map[string]string, error) {
	out := map[string]string{}
	d := xml.NewDecoder(strings.NewReader(string(b)))
	depth, key := 0, ""
	for {
		tok, err := d.Token()
		if err != nil {
			if len(out) == 0 {
				return nil, errors.New("the preferences are not a property list")
			}
			return out, nil
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			if depth != 3 { // plist, dict, value
				continue
			}
			var text string
			switch t.Name.Local {
			case "true", "false":
				text = t.Name.Local
			case "key", "string", "date", "integer", "real":
				if err := d.DecodeElement(&text, &t); err != nil {
					return nil, errors.New("the preferences are not a property list")
				}
				depth--
			default:
				key = ""
				continue
			}
			if t.Name.Local == "key" {
				key = text
			} else if key != "" {
				out[key], key = strings.TrimSpace(clean(text)), ""
			}
		case xml.EndElement:
			depth--
		}
	}
}

// parseAppFirewall reads "socketfilterfw --getglobalstate": Firewall is enabled. (State = 1)
func parseAppFirewall(b []byte) (on, ok bool) {
	text := string(b)
	switch {
	case strings.Contains(text, "State = 0"), strings.Contains(text, "is disabled"):
		return false, true
	case strings.Contains(text, "State = 1"), strings.Contains(text, "State = 2"), strings.Contains(text, "is enabled"):
		return true, true
	}
	return false, false
}

var macUnread = []string{kindSSHD, kindSwap, kindTime, kindService, kindLog, kindKernelSetting, kindFile}

// mac is what is read of a Mac.
func (m *machine) mac() []func() error {
	return []func() error{m.macPeople, m.macSockets, m.macDisk, m.macUpdates, m.macFirewall, m.macProtection, m.macLock, m.unread("Tickmark does not read this on macOS.", macUnread...)}
}

// told runs a command and reports an error unless it ended well.
func (m *machine) told(kind string, argv ...string) ([]byte, error) {
	a := m.run(kind, argv...)
	switch {
	case a.failed != nil:
		return nil, fmt.Errorf("%s did not answer: %w", argv[0], a.failed)
	case a.exit != 0:
		return nil, fmt.Errorf("%s did not answer: %s", argv[0], a.said())
	}
	return a.out, nil
}

func (m *machine) macSystem() error {
	versions, err := m.told(kindHost, "/usr/bin/sw_vers")
	if err != nil {
		m.missing(kindHost, "", err)
		return nil
	}
	v := parseSwVers(versions)
	kernel, _ := m.told(kindHost, "/usr/bin/uname", "-r")
	boot, _ := m.told(kindHost, "/usr/sbin/sysctl", "-n", "kern.boottime")
	s := system{Hostname: m.hostname(), OS: "darwin", Distribution: "macos", Name: v["ProductName"] + " " + v["ProductVersion"], Version: v["ProductVersion"],
		Build: v["BuildVersion"], Kernel: clean(strings.TrimSpace(string(kernel))), Architecture: runtime.GOARCH, Booted: macBootTime(boot), Machine: m.macID()}
	var raw sources
	raw.add("exec sw_vers", versions)
	raw.add("exec uname -r", kernel)
	return m.handSystem(s, raw)
}

func (m *machine) macID() string {
	id, _ := m.told(kindHost, "/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
	return machineID(platformID(id))
}

func (m *machine) macPeople() error {
	rules, rulesErr := m.privileges()
	if err := m.sudoRules(rules, rulesErr); err != nil {
		return err
	}
	rulesErr = firstError(rulesErr, unresolved(rules))
	users, err := m.told(kindAccount, "/usr/bin/dscacheutil", "-q", "user")
	if err != nil {
		m.missing(kindAccount, "", err)
		m.missing(kindGroup, "", err)
		return nil
	}
	groupText, err := m.told(kindGroup, "/usr/bin/dscacheutil", "-q", "group")
	if err != nil {
		m.missing(kindAccount, "", err)
		m.missing(kindGroup, "", err)
		return nil
	}
	accounts, problems := parseMacUsers(users)
	groups, groupProblems := parseMacGroups(groupText)
	join(accounts, groups)
	if err := m.handGroups(groups, groupProblems); err != nil {
		return err
	}
	if rulesErr != nil {
		m.missing(kindAccount, "rights", rulesErr)
	}
	taken := map[string]bool{}
	for _, a := range accounts {
		if taken[a.Name] {
			continue // a directory lists the same account again
		}
		taken[a.Name] = true
		if err := m.put(kindAccount, a.Name, a.Name, []byte(a.line), a, rightsOf(a, rules, rulesErr)); err != nil {
			return err
		}
	}
	m.finish(kindAccount, problems)
	return nil
}

func (m *machine) macSockets() error {
	b, err := m.told(kindSocket, "/usr/sbin/netstat", "-anW")
	if err != nil {
		m.missing(kindSocket, "", err)
		return nil
	}
	all, problems := parseNetstat(b)
	var held map[string][]program
	if m.root() {
		if b, err := m.told(kindSocket, "/usr/sbin/lsof", "-nP", "-i", "-F", "cPn"); err == nil {
			held = parseLsof(b)
		}
	}
	if held == nil {
		m.missing(kindSocket, "programs", fmt.Errorf("who holds the sockets: %w", fs.ErrPermission))
	}
	return m.handSockets(merge(all), problems, held)
}

// handSockets hands sockets over with the programs that hold a protocol and port.
func (m *machine) handSockets(all []socket, problems []string, held map[string][]program) error {
	for _, s := range all {
		p := connector.Part{Name: "programs"}
		programs := held[s.Protocol+":"+strconv.FormatInt(s.Port, 10)]
		switch {
		case held == nil:
			p.Gap = because(fmt.Errorf("who holds the sockets: %w", fs.ErrPermission))
		case len(programs) == 0:
			p.Absent = true
		default:
			p.JSON = encode(programs)
		}
		if err := m.put(kindSocket, s.key(), s.Protocol+" "+strings.TrimPrefix(s.key(), s.Protocol+":"), []byte(strings.Join(s.lines, "\n")), s, p); err != nil {
			return err
		}
	}
	m.finish(kindSocket, problems)
	return nil
}

func (m *machine) macDisk() error {
	b, err := m.told(kindMount, "/usr/bin/fdesetup", "status")
	if err != nil {
		m.missing(kindMount, "", err)
		m.whole.encrypted.gap = because(err)
		return nil
	}
	mt := mount{MountPoint: "/", Device: "startup disk", FSType: "apfs", Class: "disk", Options: []string{}, encryption: parseFileVault(b)}
	m.whole.encrypted.is = mt.Encrypted
	if err := m.put(kindMount, "/", "/", b, mt); err != nil {
		return err
	}
	m.out.Complete(kindMount, "")
	return nil
}

func (m *machine) macUpdates() error {
	s := updateState{Manager: "softwareupdate"}
	b, err := m.told(kindUpdateState, "/usr/bin/defaults", "export", "/Library/Preferences/com.apple.SoftwareUpdate", "-")
	if err != nil {
		m.noUpdates(err, kindUpdateState)
		return nil
	}
	set, err := parsePreferences(b)
	if err != nil {
		m.noUpdates(err, kindUpdateState)
		return nil
	}
	if at, err := time.Parse(time.RFC3339, set["LastSuccessfulDate"]); err == nil {
		s.ListsUpdated = ptr(at.UTC().Format(time.RFC3339))
	}
	if on := set["AutomaticallyInstallMacOSUpdates"]; on != "" {
		s.Automatic = ptr(on == "true" || on == "1")
	}
	return m.ask(s, parseSoftwareUpdate, 0, "/usr/sbin/softwareupdate", "--list", "--no-scan")
}

func (m *machine) macFirewall() error {
	b, err := m.told(kindFirewall, "/usr/libexec/ApplicationFirewall/socketfilterfw", "--getglobalstate")
	on, ok := parseAppFirewall(b)
	if err == nil && !ok {
		err = errors.New("socketfilterfw gave an answer that is not understood")
	}
	if err != nil {
		m.missing(kindFirewall, "", err)
		m.whole.firewall.gap = because(err)
		return nil
	}
	m.whole.firewall.is = &on
	f := firewall{Active: &on, IPv6: true, Asked: []string{"socketfilterfw"}, Managers: []string{}, Chains: []chain{}}
	if !on {
		f.DefaultIPv4, f.DefaultIPv6 = ptr("accept"), ptr("accept")
	}
	if err := m.put(kindFirewall, "input", "Incoming packets", b, f); err != nil {
		return err
	}
	m.out.Complete(kindFirewall, "")
	return nil
}
