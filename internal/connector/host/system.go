package host

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// system is the machine itself.
type system struct {
	Hostname       string   `json:"hostname"`
	Machine        string   `json:"machine,omitempty"` // a digest of the machine's id
	OS             string   `json:"os"`                // linux, darwin, windows
	Distribution   string   `json:"distribution,omitempty"`
	Name           string   `json:"name,omitempty"`
	Version        string   `json:"version,omitempty"`
	Codename       string   `json:"codename,omitempty"`
	Build          string   `json:"build,omitempty"`
	SupportEnd     string   `json:"support_end,omitempty"`
	Kernel         string   `json:"kernel,omitempty"`
	Architecture   string   `json:"architecture"`
	Virtualisation string   `json:"virtualisation,omitempty"` // none, or what the machine runs in
	AccountSources []string `json:"account_sources,omitempty"`
	Booted         string   `json:"booted,omitempty"`
}

// parseRelease reads /etc/os-release: NAME=value lines with shell quoting.
func parseRelease(b []byte) map[string]string {
	out := map[string]string{}
	for _, line := range lines(b) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			quote := value[0]
			value = value[1 : n-1]
			if quote == '"' {
				value = strings.NewReplacer(`\"`, `"`, `\$`, `$`, `\\`, `\`, "\\`", "`").Replace(value)
			}
		}
		out[name] = clean(value)
	}
	return out
}

// machineID turns the machine's id, which systemd asks to keep confidential, into one that names the machine only here.
func machineID(id string) string {
	if id = strings.TrimSpace(id); id == "" || id == "uninitialized" {
		return ""
	}
	h := hmac.New(sha256.New, []byte(strings.ToLower(id)))
	h.Write([]byte("tickmark host connector"))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (m *machine) linuxID() string {
	id, err := m.file(kindHost, "/etc/machine-id")
	if err != nil {
		id, _ = m.file(kindHost, "/var/lib/dbus/machine-id")
	}
	return machineID(string(id))
}

// bootTime reads the line btime of /proc/stat.
func bootTime(stat []byte) string {
	for _, line := range lines(stat) {
		if s, ok := strings.CutPrefix(line, "btime "); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil && n > 0 && n < 1<<40 {
				return time.Unix(n, 0).UTC().Format(time.RFC3339)
			}
		}
	}
	return ""
}

func (m *machine) hostname() string {
	if name := m.peek("/proc/sys/kernel/hostname"); name != "" {
		return clean(name)
	}
	name, _ := os.Hostname()
	return clean(name)
}

// system reads what this machine is.
func (m *machine) system() error {
	var raw sources
	release, err := m.file(kindHost, "/etc/os-release")
	if errors.Is(err, fs.ErrNotExist) {
		release, err = m.file(kindHost, "/usr/lib/os-release")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.missing(kindHost, "", err)
		return nil
	}
	raw.add("read /etc/os-release", release)
	r := parseRelease(release)
	s := system{
		Hostname: m.hostname(), OS: runtime.GOOS, Architecture: runtime.GOARCH,
		Distribution: r["ID"], Name: r["PRETTY_NAME"], Version: r["VERSION_ID"], Codename: r["VERSION_CODENAME"], Build: r["BUILD_ID"],
	}
	if _, err := time.Parse(time.DateOnly, r["SUPPORT_END"]); err == nil {
		s.SupportEnd = r["SUPPORT_END"]
	}
	if b, err := m.file(kindHost, "/proc/sys/kernel/osrelease"); err == nil {
		raw.add("read /proc/sys/kernel/osrelease", b)
		s.Kernel = clean(strings.TrimSpace(string(b)))
	}
	s.Machine = m.linuxID()
	if tool := m.command("systemd-detect-virt"); tool != "" {
		// It says none with exit 1.
		if a := m.run(kindHost, tool); a.failed == nil && len(a.out) > 0 {
			raw.add("exec systemd-detect-virt", a.out)
			s.Virtualisation = clean(strings.TrimSpace(string(a.out)))
		}
	}
	if b, err := m.file(kindHost, "/etc/nsswitch.conf"); err == nil {
		raw.add("read /etc/nsswitch.conf", b)
		s.AccountSources = nssSources(clean(string(b)), "passwd")
		slices.Sort(s.AccountSources)
	}
	if b, err := m.file(kindHost, "/proc/stat"); err == nil {
		s.Booted = bootTime(b)
	}
	return m.handSystem(s, raw)
}

// handSystem hands the machine over with what the other sections found out about it; it comes last.
func (m *machine) handSystem(s system, raw sources) error {
	d := m.whole
	s.Machine = cmp.Or(m.given, s.Machine)
	if err := m.put(kindHost, s.key(), s.Hostname, raw.bytes(), s, d.encrypted.part("encrypted"), d.firewall.part("firewall"), d.updated.part("updated"), d.lock.part("screen_lock")); err != nil {
		return err
	}
	m.out.Complete(kindHost, "")
	return nil
}

func (s *system) key() string {
	if s.Machine != "" {
		return s.Machine
	}
	return s.Hostname
}

// linuxUnread are the kinds that are not read on Linux.
var linuxUnread []string
