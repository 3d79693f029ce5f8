package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// update is a newer version of an installed package that waits to be installed.
type update struct {
	Manager      string   `json:"manager"`
	Package      string   `json:"package"`
	Architecture string   `json:"architecture,omitempty"`
	Installed    string   `json:"installed,omitempty"`
	Available    string   `json:"available,omitempty"`
	Origins      []string `json:"origins,omitempty"` // the suites or repositories that offer it
	Security     *bool    `json:"security"`          // nil where the manager does not tell

	line string
}

// updateState says how much the list of updates is worth, so that an empty one is a stated fact.
type updateState struct {
	Manager         string  `json:"manager"`
	ListsUpdated    *string `json:"lists_updated"` // when the manager last asked its repositories
	Pending         *int64  `json:"pending"`
	SecurityPending *int64  `json:"security_pending"`
	Automatic       *bool   `json:"automatic"`
	RebootRequired  *bool   `json:"reboot_required"`
}

func (u *update) key() string {
	if u.Architecture == "" {
		return u.Package
	}
	return u.Package + ":" + u.Architecture
}

// parseAptList reads "apt list --upgradable --all-versions": for each package the version that would be installed, then older
// ones down to the one that is, then perhaps still older ones.
//
//	jq/stable 1.6-2.1+deb12u4 amd64 [upgradable from: 1.6-2.1+deb12u1]
//	jq/stable-security 1.6-2.1+deb12u3 amd64
//	jq/now 1.6-2.1+deb12u1 amd64 [installed,upgradable to: 1.6-2.1+deb12u4]
//
// An update counts as security when any version newer than the installed one comes from a suite whose name ends in -security,
// as those of Debian and Ubuntu do: a later version without that mark mends the same faults.
func parseAptList(b []byte) (out []update, problems []string) {
	open := false // between the version to install and the installed one
	for i, line := range lines(b) {
		if line == "" || strings.HasPrefix(line, "Listing") || strings.HasPrefix(line, "WARNING") || strings.HasPrefix(line, "N:") {
			continue
		}
		text := clean(line)
		left, mark, marked := strings.Cut(text, " [")
		f := strings.Fields(left)
		name, suites, slash := strings.Cut(firstOf(f), "/")
		if len(f) != 3 || !slash || name == "" {
			problems = append(problems, fmt.Sprintf("line %d of apt list is not understood", i+1))
			continue
		}
		from, candidate := strings.CutPrefix(mark, "upgradable from: ")
		switch {
		case candidate:
			out = append(out, update{Manager: "apt", Package: name, Available: f[1], Architecture: f[2], Installed: strings.TrimSuffix(from, "]"), Security: ptr(false)})
			open = true
		case len(out) == 0 || out[len(out)-1].Package != name || out[len(out)-1].Architecture != f[2]:
			problems = append(problems, fmt.Sprintf("line %d of apt list belongs to no update", i+1))
			continue
		case marked && strings.HasPrefix(mark, "installed"):
			open = false
		}
		u := &out[len(out)-1]
		u.line = strings.TrimPrefix(u.line+"\n"+line, "\n")
		for s := range strings.SplitSeq(suites, ",") {
			if candidate && s != "now" && s != "" {
				u.Origins = append(u.Origins, s)
			}
			if open && strings.HasSuffix(s, "-security") {
				u.Security = ptr(true)
			}
		}
	}
	return out, problems
}

func firstOf(f []string) string {
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

// parseDnf reads "dnf check-update": name.arch, version and repository, until the list of packages that replace others.
func parseDnf(b []byte) (out []update, problems []string) {
	var pending string
	for i, line := range lines(b) {
		if strings.HasPrefix(line, "Obsoleting Packages") {
			break
		}
		if strings.HasPrefix(line, "Last metadata expiration") || strings.HasPrefix(line, "Security:") || strings.TrimSpace(line) == "" {
			continue
		}
		f := strings.Fields(pending + " " + clean(line))
		if len(f) < 3 { // a long name is wrapped
			pending = strings.Join(f, " ")
			continue
		}
		pending = ""
		dot := strings.LastIndexByte(f[0], '.')
		if len(f) != 3 || dot <= 0 {
			problems = append(problems, fmt.Sprintf("line %d of dnf check-update is not understood", i+1))
			continue
		}
		out = append(out, update{Manager: "dnf", Package: f[0][:dot], Architecture: f[0][dot+1:], Available: f[1], Origins: []string{f[2]}, line: line})
	}
	if pending != "" {
		problems = append(problems, "the last line of dnf check-update is not understood")
	}
	return out, problems
}

// parseDnfSecurity reads "dnf updateinfo list --security": advisory, severity and name-version-release.arch. It returns the
// packages as name:arch, without the version: a later version than the advisory's mends the same fault.
func parseDnfSecurity(b []byte) map[string]bool {
	out := map[string]bool{}
	for _, line := range lines(b) {
		f := strings.Fields(clean(line))
		if len(f) < 3 {
			continue
		}
		nevra := f[len(f)-1]
		if len(f) > 3 && !strings.Contains(nevra, ".") { // newer versions write the date behind
			nevra = f[2]
		}
		dot := strings.LastIndexByte(nevra, '.')
		if dot < 0 {
			continue
		}
		if name, _, ok := cutVersion(nevra[:dot]); ok {
			out[name+":"+nevra[dot+1:]] = true
		}
	}
	return out
}

// parseApk reads "apk version -l <": name-version-rN < newer. Alpine does not say which updates are for security.
func parseApk(b []byte) (out []update, problems []string) {
	for i, line := range lines(b) {
		f := strings.Fields(clean(line))
		if len(f) == 0 || f[0] == "Installed:" || f[0] == "WARNING:" {
			continue
		}
		name, version, ok := cutVersion(f[0])
		if len(f) < 3 || f[1] != "<" || !ok {
			problems = append(problems, fmt.Sprintf("line %d of apk version is not understood", i+1))
			continue
		}
		out = append(out, update{Manager: "apk", Package: name, Installed: version, Available: f[2], line: line})
	}
	return out, problems
}

// cutVersion cuts "libcrypto3-3.1.4-r5" before version and release, at the last dash but one.
func cutVersion(s string) (name, version string, ok bool) {
	last := strings.LastIndexByte(s, '-')
	if last <= 0 {
		return "", "", false
	}
	cut := strings.LastIndexByte(s[:last], '-')
	if cut <= 0 {
		return "", "", false
	}
	return s[:cut], s[cut+1:], true
}

// parsePacman reads "pacman -Qu": name old -> new, with [ignored] behind when held.
func parsePacman(b []byte) (out []update, problems []string) {
	for i, line := range lines(b) {
		f := strings.Fields(clean(line))
		if len(f) == 0 {
			continue
		}
		if len(f) < 4 || f[2] != "->" {
			problems = append(problems, fmt.Sprintf("line %d of pacman -Qu is not understood", i+1))
			continue
		}
		out = append(out, update{Manager: "pacman", Package: f[0], Installed: f[1], Available: f[3], line: line})
	}
	return out, problems
}

// updates reads what waits to be installed, from what the package manager last fetched; it fetches nothing itself.
func (m *machine) updates() error {
	switch {
	case m.command("apt") != "" && m.command("dpkg") != "":
		return m.apt()
	case m.command("dnf") != "":
		return m.dnf()
	case m.command("apk") != "":
		return m.ask(updateState{Manager: "apk", ListsUpdated: m.newest("/var/cache/apk", "/lib/apk/db", "/etc/apk/cache")}, parseApk, 0,
			m.command("apk"), "--no-network", "version", "-l", "<")
	case m.command("pacman") != "":
		return m.ask(updateState{Manager: "pacman", ListsUpdated: m.newest("/var/lib/pacman/sync")}, parsePacman, 1, m.command("pacman"), "-Qu")
	}
	err := errors.New("no package manager that is known here (apt, dnf, apk, pacman) is installed")
	m.noUpdates(err, kindUpdateState)
	return nil
}

func (m *machine) apt() error {
	tool := m.command("apt")
	s := updateState{Manager: "apt"}
	lists, err := m.list(kindUpdateState, "/var/lib/apt/lists")
	if err == nil && !slices.ContainsFunc(lists, func(n string) bool { return strings.Contains(n, "_Packages") }) {
		return m.neverFetched(s, "apt has no package lists, so it cannot know of updates; run apt-get update")
	}
	if err != nil {
		m.noUpdates(err, kindUpdateState)
		return nil
	}
	s.ListsUpdated = m.newest("/var/lib/apt/lists", "/var/lib/apt/lists/partial", "/var/lib/apt/periodic/update-success-stamp")
	s.RebootRequired = m.rebootRequired()
	s.Automatic = m.unattended()
	// The caches are kept in memory: reading must not write to the machine.
	return m.ask(s, parseAptList, 0, tool, "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "list", "--upgradable", "--all-versions")
}

// noUpdates reports that pending updates, and other kinds with them, could not be read.
func (m *machine) noUpdates(err error, with ...string) {
	for _, k := range append([]string{kindUpdate}, with...) {
		m.missing(k, "", err)
	}
	m.whole.updated.gap = because(err)
}

// neverFetched hands over a state that says nothing is known of updates.
func (m *machine) neverFetched(s updateState, why string) error {
	if err := m.put(kindUpdateState, s.Manager, s.Manager, encode(s), s); err != nil {
		return err
	}
	m.out.Complete(kindUpdateState, "")
	m.noUpdates(errors.New(why))
	return nil
}

// ask runs the package manager and hands over what it lists. none is a further exit code that means an empty list.
func (m *machine) ask(s updateState, parse func([]byte) ([]update, []string), none int, argv ...string) error {
	if s.ListsUpdated == nil {
		return m.neverFetched(s, s.Manager+" has never asked its repositories, so it cannot know of updates")
	}
	a := m.run(kindUpdate, argv...)
	if a.failed != nil || a.exit != 0 && (a.exit != none || len(a.out) > 0) {
		err := fmt.Errorf("%s did not list updates: %s", s.Manager, a.said())
		if a.failed != nil {
			err = fmt.Errorf("%s did not list updates: %w", s.Manager, a.failed)
		}
		m.noUpdates(err, kindUpdateState)
		return nil
	}
	all, problems := parse(a.out)
	return m.handUpdates(s, all, problems)
}

func (m *machine) handUpdates(s updateState, all []update, problems []string) error {
	taken := map[string]bool{}
	s.Pending, s.SecurityPending = ptr(int64(0)), ptr(int64(0))
	var raw strings.Builder
	for _, u := range all {
		if taken[u.key()] {
			continue
		}
		taken[u.key()] = true
		*s.Pending++
		raw.WriteString(u.line + "\n")
		switch {
		case u.Security == nil:
			s.SecurityPending = nil
		case *u.Security && s.SecurityPending != nil:
			*s.SecurityPending++
		}
		if err := m.put(kindUpdate, u.key(), u.key(), []byte(u.line), u); err != nil {
			return err
		}
	}
	if s.Manager == "apk" || s.Manager == "pacman" {
		s.SecurityPending = nil // they never tell, not even when the list is empty; an empty list of all is stated by pending
	}
	if len(problems) > 0 {
		m.noUpdates(errors.New(strings.Join(problems, "; ")), kindUpdateState)
		return nil
	}
	if *s.Pending == 0 {
		m.whole.updated.is = ptr(true)
	} else if s.SecurityPending != nil {
		m.whole.updated.is = ptr(*s.SecurityPending == 0)
	}
	if err := m.put(kindUpdateState, s.Manager, s.Manager, []byte(raw.String()), s); err != nil {
		return err
	}
	m.out.Complete(kindUpdate, "")
	m.out.Complete(kindUpdateState, "")
	return nil
}

func (m *machine) dnf() error {
	tool := m.command("dnf")
	s := updateState{Manager: "dnf", ListsUpdated: m.newest("/var/cache/dnf", "/var/cache/libdnf5")}
	if s.ListsUpdated == nil {
		return m.neverFetched(s, "dnf has no package lists, so it cannot know of updates; run dnf makecache")
	}
	a := m.run(kindUpdate, tool, "--quiet", "--cacheonly", "check-update")
	if a.failed != nil || a.exit != 0 && a.exit != 100 { // 100: there are updates
		err := fmt.Errorf("dnf did not list updates: %s", a.said())
		m.noUpdates(err, kindUpdateState)
		return nil
	}
	all, problems := parseDnf(a.out)
	if sec := m.run(kindUpdate, tool, "--quiet", "--cacheonly", "updateinfo", "list", "--security"); sec.failed == nil && sec.exit == 0 {
		known := parseDnfSecurity(sec.out)
		for i, u := range all {
			all[i].Security = ptr(known[u.key()])
		}
	}
	return m.handUpdates(s, all, problems)
}

// newest is the latest time at which one of the paths was written; nil when none is there.
func (m *machine) newest(paths ...string) *string {
	var last time.Time
	for _, p := range paths {
		if info, err := os.Stat(m.path(p)); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	if last.IsZero() {
		return nil
	}
	return ptr(last.UTC().Truncate(time.Second).Format(time.RFC3339))
}

// rebootRequired is what the packages of Debian and Ubuntu leave behind; without the program that leaves it, its absence says nothing.
func (m *machine) rebootRequired() *bool {
	if there, err := m.exists("/run/reboot-required"); err == nil && there {
		return ptr(true)
	}
	for _, p := range []string{"/usr/share/update-notifier/notify-reboot-required", "/usr/share/unattended-upgrades/50unattended-upgrades"} {
		if there, err := m.exists(p); err == nil && there {
			return ptr(false)
		}
	}
	return nil
}

// unattended tells whether apt installs updates by itself.
func (m *machine) unattended() *bool {
	if there, err := m.exists("/usr/bin/unattended-upgrade"); err != nil || !there {
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		return ptr(false)
	}
	tool := m.command("apt-config")
	if tool == "" {
		return nil
	}
	a := m.run(kindUpdateState, tool, "dump", "APT::Periodic")
	if a.failed != nil || a.exit != 0 {
		return nil
	}
	return ptr(parseAptPeriodic(a.out))
}

// parseAptPeriodic reads "apt-config dump APT::Periodic": both the lists and the upgrade must be due every so often.
func parseAptPeriodic(b []byte) bool {
	on := map[string]bool{}
	for _, line := range lines(b) {
		name, value, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), ";"), " ")
		value = strings.Trim(value, `"`)
		on[name] = value != "" && value != "0"
	}
	return on["APT::Periodic::Unattended-Upgrade"] && on["APT::Periodic::Update-Package-Lists"]
}
