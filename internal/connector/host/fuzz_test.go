package host

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzParsers feeds every parser the same bytes: none may panic, and what comes out must be JSON that a database holds.
func FuzzParsers(f *testing.F) {
	for _, name := range []string{"debian/etc/passwd", "debian/etc/shadow", "debian/etc/group", "debian/etc/sudoers", "debian/etc/sudoers.d/operations", "debian/etc/os-release",
		"debian/etc/ssh/sshd_config", "debian/proc/net/tcp", "debian/proc/net/udp6", "debian/proc/self/mountinfo", "sshd-T.txt", "apt-list.txt", "nft-drop.txt", "nft-reject.txt",
		"iptables-save.txt", "chronyc-tracking.txt", "auditctl-s.txt"} {
		f.Add(recorded(f, name))
	}
	f.Add([]byte("permit nopass setenv { A=b } ada as root cmd id\n"))
	f.Add([]byte("\x00\xff:::\n[Journal]\nStorage=\n*.* @\naction(target=\""))
	f.Fuzz(func(t *testing.T, b []byte) {
		now := time.Unix(1_700_000_000, 0)
		accounts, _ := parsePasswd(b)
		groups, _ := parseGroup(b)
		if len(accounts)*len(groups) < 10_000 {
			join(accounts, groups)
		}
		shadow, _ := parseShadow(b, now)
		var s sudoers
		s.read("/etc/sudoers", b)
		if len(b) < 10_000 { // users times commands
			s.resolve()
		}
		doas, _ := parseDoas("/etc/doas.conf", b)
		sshd, _ := parseSSHD(b)
		c := sshdConfig{read: func(string) ([]byte, error) { return b, nil }, glob: func(string) ([]string, error) { return nil, nil }}
		if err := c.file("/etc/ssh/sshd_config", ""); err != nil {
			t.Fatal(err)
		}
		tcp, _ := parseSockets("tcp", b)
		udp, _ := parseSockets("udp", b)
		net, _ := parseNetstat(b)
		mounts, _ := parseMounts(b)
		swaps, _ := parseSwaps(b)
		apt, _ := parseAptList(b)
		dnf, _ := parseDnf(b)
		apk, _ := parseApk(b)
		pacman, _ := parsePacman(b)
		mac, _ := parseSoftwareUpdate(b)
		nft, _ := parseNft(b)
		four, _, _ := parseIptables("iptables", b)
		chrony, _ := parseChrony(b)
		sync, _ := parseTimesync(b)
		units, _ := parseUnits(b)
		files, _ := parseUnitFiles(b)
		users, _ := parseMacUsers(b)
		macGroups, _ := parseMacGroups(b)
		prefs, _ := parsePreferences(b)
		parseAuditStatus(b)
		parseAuditRules(b)
		parseAptPeriodic(b)
		lastLogin(b, 3)
		firstPerson(b)
		bootTime(b)
		macBootTime(b)
		platformID(b)
		beyondLoopback(b)
		for _, v := range []any{accounts, groups, shadow, s.rules, s.problems, doas, sshd, c.found, merge(append(tcp, append(udp, net...)...)), mounts, swaps, apt, dnf, apk, pacman, mac,
			nft, four, firewallOf(append(nft, four...), true, true), chrony, sync, combine(units, files), users, macGroups, prefs, parseRelease(b), parseJournald(b), parseRsyslog(b),
			parseDnfSecurity(b), parseLsof(b), parseFileVault(b), parseSwVers(b), unitOf(string(b)), nssSources(string(b), "passwd"), rightsOf(account{Name: "ada", UID: 1}, doas, nil)} {
			if out := encode(v); !json.Valid(out) || !utf8.Valid(out) {
				t.Errorf("%T became %q", v, out)
			}
		}
	})
}
