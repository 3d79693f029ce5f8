package host

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// logger is one of the programs that keep a machine's logs: journald, syslog or auditd.
type logger struct {
	Component   string   `json:"component"`
	Installed   bool     `json:"installed"`
	Active      *bool    `json:"active"`
	Persistent  *bool    `json:"persistent,omitempty"` // journald: kept over a restart
	Retention   string   `json:"retention,omitempty"`  // journald: MaxRetentionSec as written
	ForwardsTo  []string `json:"forwards_to"`          // syslog: other machines; nil when not known
	Rules       *int64   `json:"rules,omitempty"`      // auditd: how many rules the kernel holds
	RulesLocked *bool    `json:"rules_locked,omitempty"`
}

// parseJournald reads the [Journal] section of journald.conf and its drop-ins, later files winning.
func parseJournald(files ...[]byte) map[string]string {
	out := map[string]string{}
	for _, b := range files {
		section := ""
		for _, line := range lines(b) {
			line = strings.TrimSpace(clean(line))
			if line == "" || line[0] == '#' || line[0] == ';' {
				continue
			}
			if line[0] == '[' {
				section = line
				continue
			}
			if name, value, ok := strings.Cut(line, "="); ok && section == "[Journal]" {
				out[strings.TrimSpace(name)] = strings.TrimSpace(value)
			}
		}
	}
	return out
}

// persistent tells whether the journal is kept over a restart: by setting, or, left to itself, when its folder is there.
func persistent(storage string, folder bool) bool {
	switch storage {
	case "persistent":
		return true
	case "", "auto":
		return folder
	}
	return false
}

// parseRsyslog finds the machines that rsyslog sends to: "*.* @@host:port", "action(type="omfwd" target="host" …)".
func parseRsyslog(b []byte) (out []string) {
	var text strings.Builder
	for _, line := range lines(b) {
		line = strings.TrimSpace(clean(line))
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Fields(line)
		if len(f) >= 2 && strings.Contains(f[0], ".") && strings.HasPrefix(f[1], "@") {
			to := strings.TrimLeft(f[1], "@")
			if strings.HasPrefix(to, "(") {
				_, to, _ = strings.Cut(to, ")")
			}
			to, _, _ = strings.Cut(to, ";")
			if to != "" {
				out = append(out, to)
			}
			continue
		}
		text.WriteString(line + " ")
	}
	for rest := text.String(); ; {
		at := strings.Index(rest, "action(")
		if at < 0 {
			break
		}
		rest = rest[at+len("action("):]
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			break
		}
		action := rest[:end]
		target := argument(action, "target")
		if kind := argument(action, "type"); target != "" && (kind == "omfwd" || kind == "omrelp") {
			out = append(out, target)
		}
		rest = rest[end:]
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// argument is the value of name="value" in an action, the name in any case.
func argument(action, name string) string {
	at := strings.Index(strings.ToLower(action), name+"=\"")
	if at < 0 {
		return ""
	}
	value, _, _ := strings.Cut(action[at+len(name)+2:], `"`)
	return value
}

// parseAuditStatus reads "auditctl -s": a word and a number a line. Enabled 2 means that the rules cannot be changed until a restart.
func parseAuditStatus(b []byte) (on, locked, ok bool) {
	for _, line := range lines(b) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "enabled" {
			return f[1] != "0", f[1] == "2", true
		}
	}
	return false, false, false
}

// parseAuditRules counts the rules of "auditctl -l".
func parseAuditRules(b []byte) (n int64) {
	for _, line := range lines(b) {
		if strings.HasPrefix(line, "-w ") || strings.HasPrefix(line, "-a ") {
			n++
		}
	}
	return n
}

// logs reads who keeps this machine's logs.
func (m *machine) logs() error {
	for _, read := range []func() error{m.journald, m.syslog, m.auditd} {
		if err := read(); err != nil {
			return err
		}
	}
	m.out.Complete(kindLog, "")
	return nil
}

func (m *machine) journald() error {
	l := logger{Component: "journald", Active: m.running("systemd-journal")} // names of processes are cut at 15 letters
	for _, p := range []string{"/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"} {
		there, err := m.exists(p)
		l.Installed = l.Installed || err == nil && there
	}
	var raw sources
	if l.Installed {
		whole, files := true, []string{}
		for _, p := range []string{"/usr/lib/systemd/journald.conf", "/etc/systemd/journald.conf"} {
			if there, err := m.exists(p); err == nil && there {
				files = files[:0] // that of /etc takes the place of that of /usr
				files = append(files, p)
			}
		}
		for _, dir := range []string{"/usr/lib/systemd/journald.conf.d", "/etc/systemd/journald.conf.d"} {
			names, err := m.list(kindLog, dir)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				whole = false
				m.missing(kindLog, "persistent", err)
			}
			for _, n := range names {
				if strings.HasSuffix(n, ".conf") {
					files = append(files, path.Join(dir, n))
				}
			}
		}
		var texts [][]byte
		for _, f := range files {
			b, err := m.file(kindLog, f)
			whole = whole && err == nil
			raw.add("read "+f, b)
			texts = append(texts, b)
		}
		set := parseJournald(texts...)
		l.Retention = set["MaxRetentionSec"]
		if folder, err := m.exists("/var/log/journal"); err == nil && whole {
			l.Persistent = ptr(persistent(set["Storage"], folder))
		}
	}
	return m.put(kindLog, l.Component, "Journal (systemd)", raw.bytes(), l)
}

func (m *machine) syslog() error {
	l := logger{Component: "syslog", Active: m.running("rsyslogd", "syslog-ng", "syslogd", "busybox-syslogd")}
	l.Installed = m.installed("rsyslogd") || m.installed("syslog-ng") || m.installed("syslogd")
	var raw sources
	if m.installed("rsyslogd") {
		files := []string{"/etc/rsyslog.conf"}
		if names, err := m.list(kindLog, "/etc/rsyslog.d"); err == nil {
			for _, n := range names {
				if strings.HasSuffix(n, ".conf") {
					files = append(files, path.Join("/etc/rsyslog.d", n))
				}
			}
		}
		whole := true
		to := []string{}
		for _, f := range files {
			b, err := m.file(kindLog, f)
			whole = whole && (err == nil || errors.Is(err, fs.ErrNotExist))
			raw.add("read "+f, b)
			to = append(to, parseRsyslog(b)...)
		}
		slices.Sort(to)
		if whole {
			l.ForwardsTo = slices.Compact(to)
		}
	}
	return m.put(kindLog, l.Component, "System log (syslog)", raw.bytes(), l)
}

func (m *machine) auditd() error {
	l := logger{Component: "auditd", Active: m.running("auditd")}
	l.Installed = m.installed("auditd")
	var raw sources
	if tool := m.command("auditctl"); tool != "" && m.root() {
		if a := m.run(kindLog, tool, "-s"); a.failed == nil && a.exit == 0 {
			if on, locked, ok := parseAuditStatus(a.out); ok {
				raw.add("exec auditctl -s", auditSettings(a.out))
				l.RulesLocked = &locked
				if l.Active != nil {
					l.Active = ptr(*l.Active && on)
				}
			}
		}
		if a := m.run(kindLog, tool, "-l"); a.failed == nil && a.exit == 0 {
			raw.add("exec auditctl -l", a.out)
			l.Rules = ptr(parseAuditRules(a.out))
		}
	}
	return m.put(kindLog, l.Component, "Audit daemon", raw.bytes(), l)
}

// auditSettings keeps of "auditctl -s" the settings, without process number and counters.
func auditSettings(b []byte) []byte {
	var out []string
	for _, line := range lines(b) {
		switch f := strings.Fields(line); firstOf(f) {
		case "pid", "lost", "backlog", "backlog_wait_time_actual":
		default:
			out = append(out, line)
		}
	}
	return []byte(strings.Join(out, "\n") + "\n")
}
