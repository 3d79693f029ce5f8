package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/record"
)

// recordedMachine is a Debian whose files lie in a folder and whose commands answer from recordings.
type recordedMachine struct {
	*machine
	sink    *connectortest.Recorder
	answers map[string]answer
	asked   []string
}

// newMachine lays a recorded machine out. commands are those that are installed.
func newMachine(t *testing.T, commands ...string) *recordedMachine {
	t.Helper()
	base := t.TempDir()
	if err := os.CopyFS(base, os.DirFS("testdata/debian")); err != nil {
		t.Fatal(err)
	}
	r := &recordedMachine{sink: &connectortest.Recorder{}, answers: map[string]answer{}}
	r.machine = &machine{ctx: t.Context(), out: r.sink, base: base, user: 0, kernel: kernel{
		tables: func() (int, error) { return 0, nil },
		clock:  func() (bool, error) { return true, nil },
		owner:  func(string) (int64, int64, bool) { return 0, 0, true },
	}}
	r.exec = func(_ context.Context, argv []string) answer {
		line := strings.Join(argv, " ")
		r.asked = append(r.asked, line)
		if a, ok := r.answers[line]; ok {
			return a
		}
		return answer{failed: errors.New("not recorded")}
	}
	for _, c := range commands {
		r.write(t, c, "")
	}
	r.write(t, "/proc/sys/kernel/hostname", "web1\n")
	r.write(t, "/proc/1/comm", "systemd\n")
	r.write(t, "/proc/1/stat", "1 (systemd) S 0\n")
	return r
}

func (r *recordedMachine) write(t *testing.T, path, text string) {
	t.Helper()
	p := r.path(path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *recordedMachine) link(t *testing.T, path, target string) {
	t.Helper()
	p := r.path(path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, p); err != nil {
		t.Fatal(err)
	}
}

// block lays out a block device under /sys: its number, the disk it is part of, the layer it is, and what lies beneath.
func (r *recordedMachine) block(t *testing.T, name, number, disk, uuid string, beneath ...string) {
	t.Helper()
	real := "/sys/devices/virtual/block/" + name
	if disk != "" {
		real = "/sys/devices/pci/block/" + disk + "/" + name
		r.write(t, real+"/partition", "1\n")
	}
	r.write(t, real+"/dev", number+"\n")
	if uuid != "" {
		r.write(t, real+"/dm/uuid", uuid+"\n")
	}
	for _, b := range beneath {
		r.write(t, real+"/slaves/"+b, "")
	}
	r.link(t, "/sys/class/block/"+name, r.path(real))
	r.link(t, "/sys/dev/block/"+number, r.path(real))
}

func (r *recordedMachine) body(t *testing.T, kind, key string) map[string]any {
	t.Helper()
	b := r.sink.Body(kind, key)
	if b == nil {
		t.Fatalf("there is no %s %q; there are %q; gaps %+v", kind, key, r.sink.Keys(kind, ""), r.sink.Gaps())
	}
	return b
}

func (r *recordedMachine) gap(kind, part string) *connector.Gap {
	for _, g := range r.sink.Gaps() {
		if g.Kind == kind && g.Part == part {
			return &g
		}
	}
	return nil
}

func object(t *testing.T, body map[string]any, name string) map[string]any {
	t.Helper()
	o, ok := body[name].(map[string]any)
	if !ok {
		t.Fatalf("%s of %v is no object", name, body)
	}
	return o
}

func TestAccountsOfARecordedMachine(t *testing.T) {
	m := newMachine(t)
	m.sink.Clock = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)
	if err := m.people(); err != nil {
		t.Fatal(err)
	}
	ada := m.body(t, kindAccount, "ada")
	if p := object(t, ada, "password"); p["algorithm"] != "sha512crypt" || p["changed"] != "2026-05-20" || p["locked"] != false || p["empty"] != false {
		t.Errorf("ada: %v", p)
	}
	if r := object(t, ada, "rights"); r["admin"] != true || ada["full_name"] != "Ada Example" {
		t.Errorf("ada: %v", ada)
	}
	bob := m.body(t, kindAccount, "bob")
	if r := object(t, bob, "rights"); r["admin"] != true || r["nopasswd"] != true {
		t.Errorf("bob is in the group of the container manager, and never asked: %v", r)
	}
	if p := object(t, m.body(t, kindAccount, "guest"), "password"); p["empty"] != true || p["set"] != false {
		t.Errorf("guest: %v", p)
	}
	if r := object(t, m.body(t, kindAccount, "guest"), "rights"); r["admin"] != false {
		t.Errorf("guest is excepted: %v", r)
	}
	if p := object(t, m.body(t, kindAccount, "carol"), "password"); p["locked"] != true || p["account_expires"] != "2025-01-31" || p["account_expired"] != true {
		t.Errorf("carol: %v", p)
	}
	if toor := m.body(t, kindAccount, "toor"); toor["uid"] != float64(0) || object(t, toor, "rights")["admin"] != true {
		t.Errorf("toor: %v", toor)
	}
	if pg := m.body(t, kindAccount, "postgres"); pg["system"] != true || pg["login_shell"] != true {
		t.Errorf("postgres: %v", pg)
	}
	if _, known := ada["login_recorded"]; known {
		t.Error("without a record of sign-ins nothing is said of them")
	}
	if !m.sink.Completed(kindAccount, "") || !m.sink.Completed(kindGroup, "") || !m.sink.Completed(kindSudoRule, "") {
		t.Errorf("gaps: %+v", m.sink.Gaps())
	}
	for _, secret := range []string{"abcdefgh$", "ABCDEFGHIJKLMNOP", "xRrhnavKotRuHx"} {
		if where := m.sink.Leaks(secret); len(where) > 0 {
			t.Errorf("a password hash is in %v", where)
		}
	}
}

func TestSSHOfARecordedMachine(t *testing.T) {
	m := newMachine(t, "/usr/sbin/sshd")
	m.answers["/usr/sbin/sshd -T"] = answer{out: recorded(t, "sshd-T.txt")}
	m.write(t, "/proc/77/comm", "sshd\n")
	if err := m.ssh(); err != nil {
		t.Fatal(err)
	}
	s := m.body(t, kindSSHD, "sshd")
	if s["permit_root_login"] != "prohibit-password" || s["running"] != true || len(s["overrides"].([]any)) != 4 {
		t.Errorf("%v", s)
	}
}

func TestSSHThatWillNotSpeakIsMissing(t *testing.T) {
	for said, denied := range map[string]bool{"sshd: no hostkeys available -- exiting.": true, "Missing privilege separation directory: /run/sshd": false} {
		m := newMachine(t, "/usr/sbin/sshd")
		if denied {
			m.user = 1000
		}
		m.answers["/usr/sbin/sshd -T"] = answer{err: []byte(said + "\n"), exit: 1}
		if err := m.ssh(); err != nil {
			t.Fatal(err)
		}
		g := m.gap(kindSSHD, "")
		if g == nil || g.Denied != denied || denied && g.Needs != "root" || m.sink.Count(kindSSHD) != 0 {
			t.Errorf("%s: %+v", said, g)
		}
	}
	m := newMachine(t)
	if err := m.ssh(); err != nil {
		t.Fatal(err)
	}
	if s := m.body(t, kindSSHD, "sshd"); s["installed"] != false || !m.sink.Completed(kindSSHD, "") {
		t.Errorf("without a daemon that is said: %v", s)
	}
	m = newMachine(t)
	m.write(t, "/proc/77/comm", "sshd\n")
	if err := m.ssh(); err != nil || m.gap(kindSSHD, "") == nil || m.sink.Count(kindSSHD) != 0 {
		t.Error("a daemon that runs from somewhere else is missing, not absent")
	}
	m = newMachine(t, "/usr/sbin/dropbear")
	if err := m.ssh(); err != nil || m.gap(kindSSHD, "") == nil {
		t.Error("another daemon's settings are missing, not fine")
	}
}

func TestEncryptionBeneathFileSystems(t *testing.T) {
	for name, c := range map[string]struct {
		build func(m *recordedMachine)
		want  any
	}{
		"LVM on LUKS on a partition": {func(m *recordedMachine) {
			m.block(t, "sda", "8:0", "", "")
			m.block(t, "sda3", "8:3", "sda", "")
			m.block(t, "dm-0", "253:0", "", "CRYPT-LUKS2-0123-x", "sda3")
			m.block(t, "dm-1", "253:1", "", "LVM-abc", "dm-0")
		}, true},
		"LVM on a partition": {func(m *recordedMachine) {
			m.block(t, "sda", "8:0", "", "")
			m.block(t, "sda3", "8:3", "sda", "")
			m.block(t, "dm-1", "253:1", "", "LVM-abc", "sda3")
		}, false},
		"LVM over one encrypted disk and one plain": {func(m *recordedMachine) {
			m.block(t, "sda", "8:0", "", "")
			m.block(t, "sdb", "8:16", "", "")
			m.block(t, "dm-0", "253:0", "", "CRYPT-LUKS1-0123-x", "sda")
			m.block(t, "dm-1", "253:1", "", "LVM-abc", "dm-0", "sdb")
		}, false},
		"a mirror of encrypted disks": {func(m *recordedMachine) {
			m.block(t, "sda", "8:0", "", "")
			m.block(t, "sdb", "8:16", "", "")
			m.block(t, "dm-0", "253:0", "", "CRYPT-LUKS1-0123-x", "sda")
			m.block(t, "dm-2", "253:2", "", "CRYPT-LUKS1-0124-x", "sdb")
			m.block(t, "dm-1", "253:1", "", "LVM-abc", "dm-0", "dm-2")
		}, true},
		"a layer that only checks": {func(m *recordedMachine) {
			m.block(t, "sda", "8:0", "", "")
			m.block(t, "dm-1", "253:1", "", "CRYPT-VERITY-0123-x", "sda")
		}, false},
		"a virtual disk": {func(m *recordedMachine) {
			m.block(t, "vda", "254:0", "", "")
			m.write(t, "/sys/devices/virtual/block/vda/device/vendor", "0x1af4\n")
			m.block(t, "dm-1", "253:1", "", "LVM-abc", "vda")
		}, nil},
		"LUKS on a virtual disk": {func(m *recordedMachine) {
			m.block(t, "vda", "254:0", "", "")
			m.write(t, "/sys/devices/virtual/block/vda/device/vendor", "0x1af4\n")
			m.block(t, "dm-1", "253:1", "", "CRYPT-LUKS2-0123-x", "vda")
		}, true},
		"a device nobody knows": {func(*recordedMachine) {}, nil},
	} {
		m := newMachine(t)
		m.write(t, "/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/swapfile                               file\t\t2097148\t\t0\t\t-2\n/dev/zram0 partition 100 0 5\n")
		c.build(m)
		if err := m.mounts(); err != nil {
			t.Fatal(err)
		}
		root := m.body(t, kindMount, "/")
		if root["encrypted"] != c.want {
			t.Errorf("%s: %v (%v)", name, root["encrypted"], root["encryption_reason"])
		}
		if c.want == nil && root["encryption_reason"] == "" {
			t.Errorf("%s: it is not said why it cannot be told", name)
		}
		if swap := m.body(t, kindSwap, "/swapfile"); swap["encrypted"] != c.want {
			t.Errorf("%s: a swap file is as its file system: %v", name, swap)
		}
		if z := m.body(t, kindSwap, "/dev/zram0"); z["class"] != "memory" {
			t.Errorf("%v", z)
		}
	}
}

func TestSocketsOfARecordedMachine(t *testing.T) {
	m := newMachine(t)
	m.write(t, "/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
	m.write(t, "/proc/77/comm", "sshd\n")
	m.write(t, "/proc/77/cgroup", "0::/system.slice/ssh.service\n")
	m.link(t, "/proc/77/exe", "/usr/sbin/sshd")
	m.link(t, "/proc/77/fd/3", "socket:["+inodeOf(t, "tcp", ":0016")+"]")
	m.write(t, "/proc/1/fd/none", "")
	if err := m.sockets(); err != nil {
		t.Fatal(err)
	}
	s := m.body(t, kindSocket, "tcp:0.0.0.0:22")
	who, _ := s["programs"].([]any)
	if len(who) != 1 || who[0].(map[string]any)["unit"] != "ssh.service" || who[0].(map[string]any)["executable"] != "/usr/sbin/sshd" {
		t.Errorf("%v", s)
	}
	if o := s["owners"].([]any); len(o) != 1 || o[0] != "root" { // toor has the same number; the first in the file is its name
		t.Errorf("owners %v", o)
	}
	if v, said := m.body(t, kindSocket, "tcp:127.0.0.1:5432")["programs"]; !said || v != nil {
		t.Errorf("a socket that nobody holds is the kernel's own: %v", v)
	}
	if m.body(t, kindSocket, "udp:[::]:40000")["ephemeral"] != true {
		t.Error("40000 is given out for a while")
	}
	if m.sink.Count(kindSocket) != 8 {
		t.Errorf("%q", m.sink.Keys(kindSocket, ""))
	}
}

func inodeOf(t *testing.T, table, port string) string {
	t.Helper()
	for _, line := range lines(recorded(t, "debian/proc/net/"+table)) {
		if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], port) {
			return f[9]
		}
	}
	t.Fatal("no such socket was recorded")
	return ""
}

func TestUpdatesAreKnownOnlyFromLists(t *testing.T) {
	const ask = "/usr/bin/apt -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= list --upgradable --all-versions"
	m := newMachine(t, "/usr/bin/apt", "/usr/bin/dpkg", "/var/lib/apt/lists/lock")
	m.answers[ask] = answer{out: []byte("Listing...\n")}
	if err := m.updates(); err != nil {
		t.Fatal(err)
	}
	if s := m.body(t, kindUpdateState, "apt"); s["pending"] != nil || s["lists_updated"] != nil || m.gap(kindUpdate, "") == nil || m.sink.Completed(kindUpdate, "") {
		t.Errorf("without lists an empty answer says nothing: %v", s)
	}
	if m.whole.updated.is != nil || m.whole.updated.gap == "" {
		t.Errorf("nor is the machine up to date: %+v", m.whole.updated)
	}

	m = newMachine(t, "/usr/bin/apt", "/usr/bin/dpkg", "/var/lib/apt/lists/x_Packages.lz4")
	m.answers[ask] = answer{out: recorded(t, "apt-list.txt")}
	if err := m.updates(); err != nil {
		t.Fatal(err)
	}
	s := m.body(t, kindUpdateState, "apt")
	if s["pending"] != float64(5) || s["security_pending"] != float64(4) || s["automatic"] != false || s["reboot_required"] != nil || !m.sink.Completed(kindUpdate, "") {
		t.Errorf("%v", s)
	}
	if m.whole.updated.is == nil || *m.whole.updated.is {
		t.Error("security updates wait")
	}

	m = newMachine(t, "/usr/bin/apt", "/usr/bin/dpkg", "/var/lib/apt/lists/x_Packages.lz4")
	m.answers[ask] = answer{exit: 100, err: []byte("E: broken\n")}
	if err := m.updates(); err != nil || m.gap(kindUpdate, "") == nil || m.gap(kindUpdateState, "") == nil {
		t.Error("a command that fails gives no empty list")
	}

	m = newMachine(t, "/usr/bin/pacman", "/var/lib/pacman/sync/core.db")
	m.answers["/usr/bin/pacman -Qu"] = answer{exit: 1}
	if err := m.updates(); err != nil {
		t.Fatal(err)
	}
	if s := m.body(t, kindUpdateState, "pacman"); s["pending"] != float64(0) || s["security_pending"] != nil {
		t.Errorf("%v", s)
	}

	m = newMachine(t)
	if err := m.updates(); err != nil || m.gap(kindUpdate, "") == nil {
		t.Error("a machine without a known manager says so")
	}
}

func TestFirewallOfARecordedMachine(t *testing.T) {
	const nft, save, save6 = "/usr/sbin/nft", "/usr/sbin/iptables-save", "/usr/sbin/ip6tables-save"
	for name, c := range map[string]struct {
		commands []string
		build    func(m *recordedMachine)
		v4, v6   any
		missing  bool
		denied   bool
	}{
		"nft drops": {[]string{nft}, func(m *recordedMachine) {
			m.answers[nft+" -s list ruleset"] = answer{out: recorded(t, "nft-drop.txt")}
		}, "drop", "drop", false, false},
		"nft is refused": {[]string{nft}, func(m *recordedMachine) {
			m.answers[nft+" -s list ruleset"] = answer{exit: 1, err: []byte("Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed: Operation not permitted\n")}
		}, nil, nil, true, true},
		"no command, and the kernel holds no table": {nil, func(*recordedMachine) {}, "accept", "accept", false, false},
		"no command, and the kernel holds tables": {nil, func(m *recordedMachine) {
			m.kernel.tables = func() (int, error) { return 2, nil }
		}, nil, nil, true, false},
		"no command, and the kernel does not say": {nil, func(m *recordedMachine) {
			m.kernel.tables = func() (int, error) { return 0, os.ErrPermission }
		}, nil, nil, true, true},
		"the older tables": {[]string{save, save6}, func(m *recordedMachine) {
			m.write(t, "/proc/net/ip_tables_names", "filter\n")
			m.write(t, "/proc/net/ip6_tables_names", "")
			m.answers[save] = answer{out: recorded(t, "iptables-save.txt")}
		}, "reject", "accept", false, false},
		"the older tables, without the command": {nil, func(m *recordedMachine) {
			m.write(t, "/proc/net/ip_tables_names", "filter\n")
		}, nil, nil, true, false},
		"the older tables, and a command that shows others": {[]string{save}, func(m *recordedMachine) {
			m.write(t, "/proc/net/ip_tables_names", "filter\nraw\n")
			m.answers[save] = answer{out: []byte("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")}
		}, nil, nil, true, false},
		"nft lets in, and the older tables are not shown": {[]string{nft}, func(m *recordedMachine) {
			m.answers[nft+" -s list ruleset"] = answer{}
			m.write(t, "/proc/net/ip_tables_names", "filter\n")
		}, nil, nil, true, false},
		"nft drops, and the older tables are not shown": {[]string{nft}, func(m *recordedMachine) {
			m.answers[nft+" -s list ruleset"] = answer{out: recorded(t, "nft-drop.txt")}
			m.write(t, "/proc/net/ip_tables_names", "filter\n")
		}, "drop", "drop", false, false},
		"tables seen through iptables-nft": {[]string{"/usr/sbin/iptables-nft-save", "/usr/sbin/ip6tables-nft-save"}, func(m *recordedMachine) {
			m.kernel.tables = func() (int, error) { return 1, nil }
			m.answers["/usr/sbin/iptables-nft-save"] = answer{out: recorded(t, "iptables-save.txt")}
			m.answers["/usr/sbin/ip6tables-nft-save"] = answer{}
		}, "reject", "accept", false, false},
		"one table more than iptables-nft shows": {[]string{"/usr/sbin/iptables-nft-save", "/usr/sbin/ip6tables-nft-save"}, func(m *recordedMachine) {
			m.kernel.tables = func() (int, error) { return 2, nil }
			m.answers["/usr/sbin/iptables-nft-save"] = answer{out: []byte("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")}
			m.answers["/usr/sbin/ip6tables-nft-save"] = answer{}
		}, nil, nil, true, false},
	} {
		m := newMachine(t, c.commands...)
		c.build(m)
		if err := m.firewall(); err != nil {
			t.Fatal(err)
		}
		g := m.gap(kindFirewall, "")
		if c.missing != (g != nil) || g != nil && g.Denied != c.denied {
			t.Errorf("%s: gap %+v", name, g)
		}
		if c.missing {
			if m.sink.Count(kindFirewall) != 0 || m.whole.firewall.gap == "" {
				t.Errorf("%s: what is not known is not handed over", name)
			}
			continue
		}
		if f := m.body(t, kindFirewall, "input"); f["default_ipv4"] != c.v4 || f["default_ipv6"] != c.v6 {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestClockServicesAndLogsOfARecordedMachine(t *testing.T) {
	m := newMachine(t, "/usr/bin/chronyc", "/usr/bin/systemctl", "/usr/lib/systemd/systemd-journald", "/etc/systemd/journald.conf", "/var/log/journal/x", "/usr/sbin/rsyslogd", "/etc/rsyslog.conf", "/usr/sbin/auditd", "/usr/sbin/auditctl")
	m.write(t, "/run/systemd/system/x", "")
	m.write(t, "/proc/88/comm", "systemd-journal\n")
	m.answers["/usr/bin/chronyc -n -c tracking"] = answer{out: recorded(t, "chronyc-tracking.txt")}
	m.answers["/usr/bin/systemctl list-units --type=service,socket,timer --all --plain --no-legend --no-pager --full"] = answer{out: []byte("cron.service loaded active running Cron\n")}
	m.answers["/usr/bin/systemctl list-unit-files --type=service,socket,timer --plain --no-legend --no-pager --full"] = answer{out: []byte("cron.service enabled enabled\n")}
	m.answers["/usr/sbin/auditctl -s"] = answer{out: recorded(t, "auditctl-s.txt")}
	m.answers["/usr/sbin/auditctl -l"] = answer{out: []byte("No rules\n")}
	for _, section := range []func() error{m.time, m.services, m.logs} {
		if err := section(); err != nil {
			t.Fatal(err)
		}
	}
	if c := m.body(t, kindTime, "clock"); c["synchronised"] != true || c["offset_below_ms"] != float64(1) || c["service"] != "chrony" {
		t.Errorf("%v", c)
	}
	if s := m.body(t, kindService, "cron.service"); s["running"] != true || s["starts_by_itself"] != true {
		t.Errorf("%v", s)
	}
	if l := m.body(t, kindLog, "journald"); l["active"] != true || l["persistent"] != true {
		t.Errorf("%v", l)
	}
	if l := m.body(t, kindLog, "syslog"); l["installed"] != true || l["active"] != false {
		t.Errorf("%v", l)
	}
	if l := m.body(t, kindLog, "auditd"); l["active"] != false || l["rules"] != float64(0) {
		t.Errorf("%v", l)
	}
	m = newMachine(t)
	m.kernel.clock = func() (bool, error) { return false, nil }
	if err := m.time(); err != nil {
		t.Fatal(err)
	}
	if c := m.body(t, kindTime, "clock"); c["synchronised"] != false {
		t.Errorf("%v", c)
	}
	if err := m.services(); err != nil || m.gap(kindService, "") == nil {
		t.Error("without systemd the services are missing")
	}
}

func TestALongKeyIsCutAndStaysItsOwn(t *testing.T) {
	m := newMachine(t)
	for _, last := range []string{"a", "b"} {
		if err := m.put(kindSudoRule, strings.Repeat("é", 400)+last, "x", nil, sudoRule{}); err != nil {
			t.Fatal(err)
		}
	}
	keys := m.sink.Keys(kindSudoRule, "")
	if len(keys) != 2 || len(keys[0]) > maxKey || !utf8.ValidString(keys[0]) {
		t.Errorf("%q", keys)
	}
}

func TestHiddenProcessesAreNotStopped(t *testing.T) {
	m := newMachine(t)
	if err := os.RemoveAll(m.path("/proc/1")); err != nil {
		t.Fatal(err)
	}
	if on := m.running("auditd"); on != nil {
		t.Errorf("a process that may be hidden is neither running nor stopped: %v", *on)
	}
}

func TestACommandIsStoppedAndCut(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := perform(ctx, []string{"/bin/sh", "-c", "echo x"}); a.failed == nil {
		t.Error("a run that ended asks nothing more")
	}
	if a := perform(t.Context(), []string{"/nowhere/at/all"}); a.failed == nil {
		t.Error("a command that is not there fails")
	}
	l := &limited{}
	l.Write(make([]byte, maxAnswer))
	if n, err := l.Write([]byte("x")); n != 1 || err != nil || !l.over || l.Len() != maxAnswer {
		t.Errorf("what is too long is cut and known to be: %d %v %v", n, err, l.over)
	}
}

func TestDeclaredFieldsAreThoseHandedOver(t *testing.T) {
	kinds := map[string]record.Kind{}
	for _, k := range Connector().Kinds {
		kinds[k.Name] = k
	}
	for kind, body := range map[string]any{
		kindHost: system{}, kindAccount: account{}, kindGroup: group{}, kindSudoRule: sudoRule{}, kindSSHD: sshd{Overrides: []override{{}}},
		kindSocket: socket{}, kindMount: mount{}, kindSwap: swap{}, kindUpdate: update{}, kindUpdateState: updateState{},
		kindFirewall: firewall{Chains: []chain{{}}}, kindTime: clock{}, kindService: service{}, kindLog: logger{}, kindKernelSetting: kernelSetting{}, kindFile: criticalFile{},
	} {
		declared(t, kind, kinds[kind].Fields, names(t, body))
	}
	account := kinds[kindAccount]
	for name, body := range map[string]any{"password": password{}, "rights": rights{}} {
		f, _ := account.FieldNamed(name)
		declared(t, kindAccount+"."+name, f.Fields, names(t, body))
	}
	f, _ := account.FieldNamed("password")
	declared(t, "password on Windows", f.Fields, names(t, localPassword{}))
	declared(t, "account on Windows", account.Fields, names(t, localUser{}))
	socket := kinds[kindSocket]
	f, _ = socket.FieldNamed("programs")
	declared(t, "programs", f.Fields, names(t, program{}))
}

func declared(t *testing.T, what string, fields []record.Field, names []string) {
	t.Helper()
	for _, n := range names {
		if !strings.Contains(" "+strings.Join(fieldNames(fields), " ")+" ", " "+n+" ") {
			t.Errorf("%s hands over %q, which it does not declare", what, n)
		}
	}
}

func fieldNames(fields []record.Field) (out []string) {
	for _, f := range fields {
		out = append(out, f.Name)
	}
	return out
}

func names(t *testing.T, body any) (out []string) {
	t.Helper()
	for _, f := range reflect.VisibleFields(reflect.TypeOf(body)) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%T hands over nothing", body)
	}
	return out
}
