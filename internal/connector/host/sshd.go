package host

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sshd is the SSH daemon with its settings as they take effect. A setting the daemon did not name is absent.
type sshd struct {
	Installed bool  `json:"installed"`
	Running   *bool `json:"running,omitempty"`

	Ports           []int64  `json:"ports,omitempty"`
	ListenAddresses []string `json:"listen_addresses,omitempty"`

	PermitRootLogin         string `json:"permit_root_login,omitempty"` // yes, no, prohibit-password, forced-commands-only
	PasswordAuthentication  *bool  `json:"password_authentication,omitempty"`
	KbdInteractive          *bool  `json:"kbd_interactive_authentication,omitempty"`
	PermitEmptyPasswords    *bool  `json:"permit_empty_passwords,omitempty"`
	PubkeyAuthentication    *bool  `json:"pubkey_authentication,omitempty"`
	HostbasedAuthentication *bool  `json:"hostbased_authentication,omitempty"`
	IgnoreRhosts            string `json:"ignore_rhosts,omitempty"` // yes, no, shosts-only
	GSSAPIAuthentication    *bool  `json:"gssapi_authentication,omitempty"`
	UsePAM                  *bool  `json:"use_pam,omitempty"`
	StrictModes             *bool  `json:"strict_modes,omitempty"`
	PermitUserEnvironment   string `json:"permit_user_environment,omitempty"`
	AuthenticationMethods   string `json:"authentication_methods,omitempty"`

	MaxAuthTries        *int64   `json:"max_auth_tries,omitempty"`
	MaxSessions         *int64   `json:"max_sessions,omitempty"`
	MaxStartups         string   `json:"max_startups,omitempty"`
	LoginGraceTime      *int64   `json:"login_grace_time,omitempty"` // seconds; 0 is no limit
	ClientAliveInterval *int64   `json:"client_alive_interval,omitempty"`
	ClientAliveCountMax *int64   `json:"client_alive_count_max,omitempty"`
	X11Forwarding       *bool    `json:"x11_forwarding,omitempty"`
	AllowTCPForwarding  string   `json:"allow_tcp_forwarding,omitempty"`
	AllowAgentForward   *bool    `json:"allow_agent_forwarding,omitempty"`
	PermitTunnel        string   `json:"permit_tunnel,omitempty"`
	GatewayPorts        string   `json:"gateway_ports,omitempty"`
	LogLevel            string   `json:"log_level,omitempty"`
	Banner              string   `json:"banner,omitempty"`
	Subsystems          []string `json:"subsystems,omitempty"`

	Ciphers               []string `json:"ciphers,omitempty"`
	MACs                  []string `json:"macs,omitempty"`
	KexAlgorithms         []string `json:"kex_algorithms,omitempty"`
	HostKeyAlgorithms     []string `json:"host_key_algorithms,omitempty"`
	PubkeyAlgorithms      []string `json:"pubkey_algorithms,omitempty"`
	RequiredRSASize       *int64   `json:"required_rsa_size,omitempty"`
	AllowUsers            []string `json:"allow_users,omitempty"`
	AllowGroups           []string `json:"allow_groups,omitempty"`
	DenyUsers             []string `json:"deny_users,omitempty"`
	DenyGroups            []string `json:"deny_groups,omitempty"`
	AuthorizedKeysFile    []string `json:"authorized_keys_file,omitempty"`
	AuthorizedKeysCommand string   `json:"authorized_keys_command,omitempty"`
	TrustedUserCAKeys     string   `json:"trusted_user_ca_keys,omitempty"`

	Overrides []override `json:"overrides"`
}

// override is a setting that a Match block changes for some connections; sshd -T does not show those.
type override struct {
	Match   string `json:"match"`
	Setting string `json:"setting"` // lower case, as sshd -T writes it
	Value   string `json:"value"`
}

// parseSSHD reads the output of sshd -T: a lower-case word and its value a line.
func parseSSHD(b []byte) (s sshd, problems []string) {
	s.Installed = true
	for i, line := range lines(b) {
		name, value, _ := strings.Cut(clean(strings.TrimSpace(line)), " ")
		value = strings.TrimSpace(value)
		bad := func() {
			problems = append(problems, fmt.Sprintf("line %d of sshd -T has a value that is not understood", i+1))
		}
		yes := func(to **bool) {
			switch value {
			case "yes":
				*to = ptr(true)
			case "no":
				*to = ptr(false)
			default:
				bad()
			}
		}
		number := func(to **int64) {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				bad()
				return
			}
			*to = &n
		}
		switch name {
		case "port":
			var n *int64
			if number(&n); n != nil {
				s.Ports = append(s.Ports, *n)
			}
		case "listenaddress":
			s.ListenAddresses = append(s.ListenAddresses, value)
		case "permitrootlogin":
			if s.PermitRootLogin = value; value == "without-password" {
				s.PermitRootLogin = "prohibit-password" // its older name
			}
		case "passwordauthentication":
			yes(&s.PasswordAuthentication)
		case "kbdinteractiveauthentication", "challengeresponseauthentication":
			yes(&s.KbdInteractive)
		case "permitemptypasswords":
			yes(&s.PermitEmptyPasswords)
		case "pubkeyauthentication":
			yes(&s.PubkeyAuthentication)
		case "hostbasedauthentication":
			yes(&s.HostbasedAuthentication)
		case "ignorerhosts":
			s.IgnoreRhosts = value
		case "gssapiauthentication":
			yes(&s.GSSAPIAuthentication)
		case "usepam":
			yes(&s.UsePAM)
		case "strictmodes":
			yes(&s.StrictModes)
		case "permituserenvironment":
			s.PermitUserEnvironment = value
		case "authenticationmethods":
			s.AuthenticationMethods = value
		case "maxauthtries":
			number(&s.MaxAuthTries)
		case "maxsessions":
			number(&s.MaxSessions)
		case "maxstartups":
			s.MaxStartups = value
		case "logingracetime":
			number(&s.LoginGraceTime)
		case "clientaliveinterval":
			number(&s.ClientAliveInterval)
		case "clientalivecountmax":
			number(&s.ClientAliveCountMax)
		case "x11forwarding":
			yes(&s.X11Forwarding)
		case "allowtcpforwarding":
			s.AllowTCPForwarding = value
		case "allowagentforwarding":
			yes(&s.AllowAgentForward)
		case "permittunnel":
			s.PermitTunnel = value
		case "gatewayports":
			s.GatewayPorts = value
		case "loglevel":
			s.LogLevel = value
		case "banner":
			s.Banner = value
		case "subsystem":
			s.Subsystems = append(s.Subsystems, value)
		case "ciphers":
			s.Ciphers = commas(value)
		case "macs":
			s.MACs = commas(value)
		case "kexalgorithms":
			s.KexAlgorithms = commas(value)
		case "hostkeyalgorithms":
			s.HostKeyAlgorithms = commas(value)
		case "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes":
			s.PubkeyAlgorithms = commas(value)
		case "requiredrsasize":
			number(&s.RequiredRSASize)
		case "allowusers":
			s.AllowUsers = append(s.AllowUsers, value)
		case "allowgroups":
			s.AllowGroups = append(s.AllowGroups, value)
		case "denyusers":
			s.DenyUsers = append(s.DenyUsers, value)
		case "denygroups":
			s.DenyGroups = append(s.DenyGroups, value)
		case "authorizedkeysfile":
			s.AuthorizedKeysFile = strings.Fields(value)
		case "authorizedkeyscommand":
			s.AuthorizedKeysCommand = value
		case "trustedusercakeys":
			s.TrustedUserCAKeys = value
		}
	}
	slices.Sort(s.ListenAddresses)
	slices.Sort(s.Ports)
	return s, problems
}

func commas(s string) []string {
	if s == "" || s == "none" {
		return []string{}
	}
	return strings.Split(s, ",")
}

// sshdConfig collects what the Match blocks of sshd_config change.
type sshdConfig struct {
	read  func(path string) ([]byte, error)
	glob  func(pattern string) ([]string, error)
	found []override
	depth int
}

// file reads one configuration file within the Match block given, if any, and returns the block in force at its end, which
// lasts past an include's end only within that include.
func (c *sshdConfig) file(name, match string) error {
	if c.depth++; c.depth > 16 {
		return fmt.Errorf("the includes of %s go too deep", name)
	}
	defer func() { c.depth-- }()
	b, err := c.read(name)
	if err != nil {
		return err
	}
	for _, line := range lines(b) {
		w := words(line)
		if len(w) == 0 {
			continue
		}
		keyword := strings.ToLower(w[0])
		switch {
		case keyword == "match":
			if match = strings.Join(w[1:], " "); strings.EqualFold(match, "all") {
				match = "all"
			}
		case keyword == "include":
			for _, pattern := range w[1:] {
				if !path.IsAbs(pattern) {
					pattern = path.Join("/etc/ssh", pattern)
				}
				files, err := c.glob(pattern)
				if err != nil {
					return err
				}
				for _, f := range files {
					if err := c.file(f, match); err != nil {
						return err
					}
				}
			}
		case match != "":
			c.found = append(c.found, override{Match: clean(match), Setting: clean(keyword), Value: clean(strings.Join(w[1:], " "))})
		}
	}
	return nil
}

// words splits a line of sshd_config: blanks or one = between keyword and values, double quotes, comments.
func words(line string) (out []string) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	var cur strings.Builder
	quoted, some := false, false
	flush := func() {
		if some {
			out = append(out, cur.String())
		}
		cur.Reset()
		some = false
	}
	for i := 0; i < len(line); i++ {
		switch ch := line[i]; {
		case ch == '"':
			quoted, some = !quoted, true
		case quoted:
			cur.WriteByte(ch)
		case ch == ' ' || ch == '\t' || ch == '=' && (len(out) == 0 && some || len(out) == 1 && !some):
			flush()
		case ch == '#' && !some:
			return out
		default:
			cur.WriteByte(ch)
			some = true
		}
	}
	flush()
	return out
}

// ssh reads the SSH daemon. Where none is installed it says so, which is a fact; where its settings cannot be had it says that.
func (m *machine) ssh() error {
	tool := m.command("sshd")
	if tool == "" {
		if other := m.command("dropbear"); other != "" {
			m.missing(kindSSHD, "", errors.New("the SSH daemon here is dropbear, whose settings cannot be asked for"))
			return nil
		}
		if on := m.running("sshd"); on != nil && *on {
			m.missing(kindSSHD, "", errors.New("an SSH daemon runs from a folder that is not one of the system's, or in a container, and was not asked"))
			return nil
		}
		raw := []byte("no sshd in " + commandPath + "\n")
		m.record(kindSSHD, "find sshd in "+commandPath, "not installed", nil, time.Now())
		if err := m.put(kindSSHD, "sshd", "No SSH daemon", raw, sshd{}); err != nil {
			return err
		}
		m.out.Complete(kindSSHD, "")
		return nil
	}
	a := m.run(kindSSHD, tool, "-T")
	if a.failed != nil || a.exit != 0 {
		err := fmt.Errorf("sshd would not say its settings: %s", a.said())
		if a.failed != nil {
			err = fmt.Errorf("sshd would not say its settings: %w", a.failed)
		} else if !m.root() {
			err = fmt.Errorf("the settings of the SSH daemon: %w", fs.ErrPermission)
		}
		m.missing(kindSSHD, "", err)
		return nil
	}
	s, problems := parseSSHD(a.out)
	c := sshdConfig{read: func(p string) ([]byte, error) { return m.file(kindSSHD, p) }, glob: m.glob}
	if err := c.file("/etc/ssh/sshd_config", ""); err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.missing(kindSSHD, "", err)
		return nil
	}
	if s.Overrides = c.found; s.Overrides == nil {
		s.Overrides = []override{}
	}
	s.Running = m.running("sshd")
	var raw sources
	raw.add("exec sshd -T", a.out)
	if err := m.put(kindSSHD, "sshd", "SSH daemon", raw.bytes(), s); err != nil {
		return err
	}
	m.finish(kindSSHD, problems)
	return nil
}

// glob finds the files of an Include, in order of name.
func (m *machine) glob(pattern string) ([]string, error) {
	found, err := filepath.Glob(m.path(pattern))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 { // a folder that may not be read looks empty to Glob
		if _, err := m.list(kindSSHD, path.Dir(pattern)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	for i, f := range found {
		rel, err := filepath.Rel(m.base, f)
		if err != nil {
			return nil, err
		}
		found[i] = "/" + filepath.ToSlash(rel)
	}
	return found, nil
}

// running tells whether a process of one of these names runs; nil when other users' processes are hidden and none was seen.
func (m *machine) running(names ...string) *bool {
	processes, err := m.processes()
	if err != nil {
		return nil
	}
	for _, pid := range processes {
		if slices.Contains(names, m.peek("/proc/"+pid+"/comm")) {
			return ptr(true)
		}
	}
	if m.hidden() {
		return nil
	}
	return ptr(false)
}
