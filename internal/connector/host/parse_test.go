package host

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPasswordStatesAreToldApart(t *testing.T) {
	for field, want := range map[string]password{
		"":                    {Empty: true},
		"*":                   {Locked: true},
		"!":                   {Locked: true},
		"!!":                  {Locked: true},
		"!*":                  {Locked: true},
		"x":                   {Locked: true},
		"$y$j9T$abc$def":      {Set: true, Algorithm: "yescrypt"},
		"!$6$salt$hash":       {Set: true, Locked: true, Algorithm: "sha512crypt"},
		"$1$salt$hash":        {Set: true, Algorithm: "md5crypt"},
		"$2b$12$abc":          {Set: true, Algorithm: "bcrypt"},
		"abJnggxhB/yWI":       {Set: true, Algorithm: "descrypt"},
		"$argon2id$v=19$m=65": {Set: true, Algorithm: "other"},
	} {
		if got := hashed(field); got != want {
			t.Errorf("%q: %+v, want %+v", field, got, want)
		}
	}
}

func TestAPasswordNeverLeavesThePasswdFile(t *testing.T) {
	accounts, problems := parsePasswd([]byte("old:$1$salt$secret:1000:1000::/home/old:/bin/sh\nopen::1001:1001::/:\n"))
	if len(problems) > 0 || len(accounts) != 2 {
		t.Fatal(accounts, problems)
	}
	if strings.Contains(accounts[0].line, "secret") {
		t.Errorf("the line still holds the hash: %s", accounts[0].line)
	}
	if p := passwordOf(accounts[0], nil, os.ErrPermission); string(p.JSON) == "" || strings.Contains(string(p.JSON), "secret") {
		t.Errorf("a hash in the passwd file is judged without the shadow file, and not shown: %s %s", p.JSON, p.Gap)
	}
	if p := passwordOf(accounts[1], nil, os.ErrPermission); !strings.Contains(string(p.JSON), `"empty":true`) {
		t.Errorf("an empty field in the passwd file is an empty password: %s", p.JSON)
	}
	if !accounts[1].LoginShell {
		t.Error("an empty shell is /bin/sh")
	}
}

func TestWhatIsNotUnderstoodIsNeverDropped(t *testing.T) {
	for name, problems := range map[string][]string{
		"passwd, six fields":  second(parsePasswd([]byte("ada:x:1000:1000:/home/ada:/bin/sh\n"))),
		"passwd, no number":   second(parsePasswd([]byte("ada:x:one:1000::/home/ada:/bin/sh\n"))),
		"passwd, network":     second(parsePasswd([]byte("+::::::\n"))),
		"group, three fields": second(parseGroup([]byte("ada:x:1000\n"))),
		"shadow, few fields":  second(parseShadow([]byte("ada:*\n"), time.Now())),
		"shadow, no number":   second(parseShadow([]byte("ada:*:then:0:1:7:::\n"), time.Now())),
		"sockets":             second(parseSockets("tcp", []byte("head\n 0: 0100007:0016 0 0A 0 0 0 0 0 0\n"))),
		"mounts":              second(parseMounts([]byte("22 27 0:21 / /proc\n"))),
		"swaps":               second(parseSwaps([]byte("Filename\n/dev/sda1 partition\n"))),
		"apt":                 second(parseAptList([]byte("E: something\n"))),
		"dnf":                 second(parseDnf([]byte("one two three four\n"))),
		"apk":                 second(parseApk([]byte("busybox\n"))),
		"pacman":              second(parsePacman([]byte("linux 1\n"))),
		"nft":                 second(parseNft([]byte("error\n"))),
		"nft, cut":            second(parseNft([]byte("table inet filter {\n\tchain input {\n"))),
		"units":               second(parseUnits([]byte("ssh.service loaded\n"))),
		"unit files":          second(parseUnitFiles([]byte("ssh.service\n"))),
		"softwareupdate":      second(parseSoftwareUpdate([]byte("Can't connect\n"))),
		"netstat":             second(parseNetstat([]byte("tcp4 0 0 *.99999 *.* LISTEN\n"))),
		"doas":                second(parseDoas("/etc/doas.conf", []byte("allow ada\n"))),
	} {
		if len(problems) == 0 {
			t.Errorf("%s: no problem was reported", name)
		}
	}
	if _, _, problems := parseIptables("iptables", []byte("*filter\n:INPUT DROP [0:0]\n")); len(problems) == 0 {
		t.Error("an iptables answer without its end is no answer")
	}
	var s sudoers
	s.read("/etc/sudoers", []byte("ada\nbob ALL\nUser_Alias X\ncarol ALL=(root\n"))
	s.resolve()
	if len(s.problems) != 4 {
		t.Errorf("four lines are not understood, and these were reported: %q", s.problems)
	}
}

func second[T any](_ T, problems []string) []string { return problems }

func TestLastSignInComesFromTheUsersOwnRecord(t *testing.T) {
	b := make([]byte, 3*lastlogRecord)
	binary.LittleEndian.PutUint32(b[2*lastlogRecord:], 1700000000)
	if got := lastLogin(b, 2); got.Unix() != 1700000000 {
		t.Errorf("got %v", got)
	}
	for _, uid := range []int64{0, 1, 3, 4294967295, -1} {
		if got := lastLogin(b, uid); !got.IsZero() {
			t.Errorf("%d: got %v", uid, got)
		}
	}
}

func rulesOf(t *testing.T, files ...string) []sudoRule {
	t.Helper()
	var s sudoers
	for _, f := range files {
		s.read(f, recorded(t, f))
	}
	s.resolve()
	if len(s.problems) > 0 {
		t.Fatal(s.problems)
	}
	return s.rules
}

// The rules below are what sudo's own cvtsudoers makes of the same file.
func TestSudoRulesAreReadAsSudoReadsThem(t *testing.T) {
	var got []string
	for _, r := range rulesOf(t, "debian/etc/sudoers", "debian/etc/sudoers.d/operations") {
		got = append(got, r.Rule)
	}
	want := []string{
		"root ALL=(ALL,:ALL) ALL",
		"%sudo ALL=(ALL,:ALL) ALL",
		"ada web1,web2,10.0.0.0/24=(postgres,www-data) NOPASSWD: /usr/bin/psql",
		"bob web1,web2,10.0.0.0/24=(postgres,www-data) NOPASSWD: /usr/bin/psql",
		"%ops web1,web2,10.0.0.0/24=(postgres,www-data) NOPASSWD: /usr/bin/psql",
		"ada ALL=(root) /usr/bin/systemctl restart app, /usr/bin/systemctl reload app",
		"bob ALL=(root) /usr/bin/systemctl restart app, /usr/bin/systemctl reload app",
		"%ops ALL=(root) /usr/bin/systemctl restart app, /usr/bin/systemctl reload app",
		"deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart app, /usr/bin/systemctl reload app",
		"deploy ALL=(root) /usr/bin/apt-get update",
		"deploy ALL=(postgres) /usr/bin/psql",
		"ALL,!guest ALL=(ALL,:ALL) ALL, !/bin/bash, !/bin/sh",
		"#1000 ALL=(ALL) NOPASSWD: ALL",
		`%#27 ALL=(root) /usr/bin/id "a b", /usr/bin/env A\=b`,
		"carol ALL=(:adm) /usr/bin/journalctl",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhoMayBecomeRoot(t *testing.T) {
	rule := func(text string) []sudoRule {
		var s sudoers
		s.read("/etc/sudoers", []byte(text))
		s.resolve()
		if len(s.problems) > 0 {
			t.Fatal(s.problems)
		}
		return s.rules
	}
	doas := func(text string) []sudoRule {
		rules, problems := parseDoas("/etc/doas.conf", []byte(text))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return rules
	}
	ada := account{Name: "ada", UID: 1000, GID: 1000, Groups: []string{"ada", "staff"}}
	for _, c := range []struct {
		rules    []sudoRule
		who      account
		admin    bool
		sudo     bool
		nopasswd bool
	}{
		{nil, ada, false, false, false},
		{nil, account{Name: "toor"}, true, false, false},
		{nil, account{Name: "bob", UID: 1001, Groups: []string{"docker"}}, true, false, false},
		{rule("ada ALL=(ALL) ALL"), ada, true, true, false},
		{rule("%staff ALL=(ALL:ALL) NOPASSWD: ALL"), ada, true, true, true},
		{rule("%other ALL=(ALL) ALL"), ada, false, false, false},
		{rule("#1000 ALL=ALL"), ada, true, true, false},
		{rule("ada ALL=(postgres) ALL"), ada, false, true, false},
		{rule("ada ALL=(ALL,!root) ALL"), ada, false, true, false},
		{rule("ada ALL=/usr/bin/id"), ada, false, true, false},
		{rule("ada ALL=(:adm) /usr/bin/id"), ada, false, true, false},
		{rule("ALL,!ada ALL=ALL"), ada, false, false, false},
		{rule("ada ALL=!/bin/sh"), ada, false, false, false},
		{rule("ada ALL=ALL\nDefaults !authenticate"), ada, true, true, true},
		{rule("ada ALL=ALL\nDefaults:ada !authenticate"), ada, true, true, true},
		{rule("ada ALL=ALL\nDefaults:bob !authenticate"), ada, true, true, false},
		{rule("%staff ALL=ALL\nDefaults exempt_group=staff"), ada, true, true, true},
		{rule("User_Alias A=B\nUser_Alias B=ada\nA ALL=ALL"), ada, true, true, false},
		{rule("User_Alias A=A,ada\nA ALL=ALL"), ada, true, true, false},
		{rule("ada ALL=(root) NOPASSWD: /usr/bin/id, PASSWD: ALL"), ada, true, true, false},
		{rule("%staff ALL=ALL\nDefaults:ada !authenticate"), ada, true, true, true},
		{rule("%staff ALL=ALL\nUser_Alias A=bob,%staff\nDefaults:A !authenticate"), ada, true, true, true},
		{doas("permit persist :staff\n"), ada, true, true, false},
		{doas("permit nopass keepenv setenv { A=b } ada as root cmd id\n"), ada, false, true, false},
		{doas("deny ada\n"), ada, false, false, false},
		{doas("permit ada as postgres\n"), ada, false, true, false},
	} {
		p := rightsOf(c.who, c.rules, nil)
		want := part("rights", rights{c.admin, nil, c.sudo, c.nopasswd})
		strip := func(b []byte) string {
			before, rest, _ := strings.Cut(string(b), `"by":`)
			_, after, _ := strings.Cut(rest, `,"sudo"`)
			return before + after
		}
		if strip(p.JSON) != strip(want.JSON) {
			t.Errorf("%s under %v: %s", c.who.Name, c.rules, p.JSON)
		}
	}
}

func TestAliasesOfAliasesDoNotMultiply(t *testing.T) {
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "User_Alias A%d=A%d,A%d,A%d,ada%d\n", i, i+1, (i+50)%100, i, i)
	}
	var s sudoers
	s.read("/etc/sudoers", []byte(text.String()+"A0 ALL=ALL\n"))
	s.resolve()
	if len(s.rules) < 100 || len(s.rules) > 200 {
		t.Errorf("%d rules", len(s.rules))
	}
}

func TestSSHDSettingsAndWhatMatchBlocksChange(t *testing.T) {
	s, problems := parseSSHD(recorded(t, "sshd-T.txt"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.PermitRootLogin != "prohibit-password" || !*s.PasswordAuthentication || *s.PermitEmptyPasswords || *s.MaxAuthTries != 6 || *s.LoginGraceTime != 120 ||
		!*s.X11Forwarding || !slices.Equal(s.Ports, []int64{22}) || !slices.Contains(s.Ciphers, "aes256-gcm@openssh.com") || len(s.MACs) != 10 {
		t.Errorf("read as %s", encode(s))
	}
	files := map[string]string{
		"/etc/ssh/sshd_config":          string(recorded(t, "debian/etc/ssh/sshd_config")),
		"/etc/ssh/sshd_config.d/a.conf": "Match Address=10.0.0.0/8\n\tPermitRootLogin=yes # by key\nMatch all\n \"ClientAliveInterval\" 0\n",
	}
	c := sshdConfig{
		read: func(p string) ([]byte, error) {
			if text, ok := files[p]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		},
		glob: func(pattern string) ([]string, error) {
			if pattern != "/etc/ssh/sshd_config.d/*.conf" {
				t.Errorf("asked for %s", pattern)
			}
			return []string{"/etc/ssh/sshd_config.d/a.conf"}, nil
		},
	}
	if err := c.file("/etc/ssh/sshd_config", ""); err != nil {
		t.Fatal(err)
	}
	want := []override{
		{"Address=10.0.0.0/8", "permitrootlogin", "yes"}, {"all", "clientaliveinterval", "0"},
		{"User deploy", "passwordauthentication", "yes"}, {"User deploy", "x11forwarding", "no"},
		{"Group sftp Address 10.0.0.0/8", "forcecommand", "internal-sftp"}, {"Group sftp Address 10.0.0.0/8", "permitrootlogin", "yes"},
	}
	if !slices.Equal(c.found, want) {
		t.Errorf("got %v", c.found)
	}
	files["/etc/ssh/sshd_config.d/a.conf"] = "Include /etc/ssh/sshd_config.d/*.conf\n"
	c.found, c.depth = nil, 0
	if err := c.file("/etc/ssh/sshd_config", ""); err == nil {
		t.Error("a file that includes itself is refused")
	}
}

func TestListeningSocketsAreFoundAndConnectionsAreNot(t *testing.T) {
	var all []socket
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		found, problems := parseSockets(table[:3], recorded(t, "debian/proc/net/"+table))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		all = append(all, found...)
	}
	got := map[string]string{}
	for _, s := range merge(all) {
		got[s.key()] = s.Exposure
	}
	want := map[string]string{"tcp:0.0.0.0:22": "any", "tcp:[::]:22": "any", "tcp:127.0.0.1:5432": "loopback", "tcp:[::1]:5432": "loopback", "tcp:0.0.0.0:80": "any",
		"udp:0.0.0.0:68": "any", "udp:127.0.0.53:53": "loopback", "udp:[::]:40000": "any"}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is %q, want %q", k, got[k], v)
		}
	}
	if a, ok := address("0000000000000000FFFF00000100007F:0016"); !ok || a.String() != "[::ffff:127.0.0.1]:22" {
		t.Errorf("a mapped address is %v", a)
	}
	mapped, _ := parseSockets("tcp", []byte("head\n 0: 0000000000000000FFFF00000100007F:0016 0:0 0A 0:0 0:0 0 0 0 5\n"))
	if len(mapped) != 1 || mapped[0].Exposure != "loopback" {
		t.Errorf("a mapped loopback address is loopback: %+v", mapped)
	}
}

func TestTheServiceOfAProcess(t *testing.T) {
	for cgroup, want := range map[string]string{
		"0::/system.slice/ssh.service":                                     "ssh.service",
		"12:cpu:/\n1:name=systemd:/system.slice/cron.service/sub":          "cron.service",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/x":     "",
		"0::/user.slice/user-1000.slice/user@1000.service/app/foo.service": "foo.service",
		"0::/": "",
		"":     "",
	} {
		if got := unitOf(cgroup); got != want {
			t.Errorf("%q: %q", cgroup, got)
		}
	}
}

func TestFirewallDefaults(t *testing.T) {
	for _, c := range []struct {
		file, v4, v6 string
		active       bool
	}{
		{"nft-drop.txt", "drop", "drop", true},
		{"nft-reject.txt", "reject", "reject", true},   // by its last rule
		{"nft-iptables.txt", "reject", "accept", true}, // nothing was said of IPv6
		{"nft-open.txt", "drop", "drop", true},         // one table lets everything in, another drops it
	} {
		chains, problems := parseNft(recorded(t, c.file))
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.file, problems)
			continue
		}
		f := firewallOf(chains, true, true)
		if *f.DefaultIPv4 != c.v4 || *f.DefaultIPv6 != c.v6 || *f.Active != c.active {
			t.Errorf("%s: %s", c.file, encode(f))
		}
	}
	chains, foreign, problems := parseIptables("iptables", recorded(t, "iptables-save.txt"))
	if len(problems) > 0 || foreign {
		t.Fatal(problems, foreign)
	}
	if f := firewallOf(chains, true, true); *f.DefaultIPv4 != "reject" || *f.DefaultIPv6 != "accept" {
		t.Errorf("iptables: %s", encode(f))
	}
}

func TestAFirewallThatLetsEverythingInIsNone(t *testing.T) {
	nft := func(rules string) string {
		return "table inet f {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\t" + strings.ReplaceAll(rules, ";", "\n\t\t") + "\n\t}\n\n\tchain all {\n\t\taccept\n\t}\n\n\tchain some {\n\t\ttcp dport 22 accept\n\t}\n}\n"
	}
	for rules, want := range map[string]string{
		"accept":                             "accept",
		"counter packets 1 bytes 2 accept":   "accept",
		"log prefix \"in: \" accept":         "accept",
		"jump all":                           "accept",
		"goto all":                           "accept",
		"jump some":                          "drop",
		"goto some;accept":                   "drop",
		"tcp dport 22 accept":                "drop",
		"accept comment \"for now\"":         "accept",
		"return;accept":                      "drop",
		"reject with icmpx admin-prohibited": "reject",
		"drop;accept":                        "drop",
	} {
		chains, problems := parseNft([]byte(nft(rules)))
		if len(problems) > 0 || len(chains) != 1 {
			t.Errorf("%q: %v %v", rules, chains, problems)
			continue
		}
		if chains[0].Default != want {
			t.Errorf("%q: %s, want %s", rules, chains[0].Default, want)
		}
	}
	for rules, want := range map[string]string{
		"-A INPUT -j ACCEPT": "accept",
		"-A INPUT -m comment --comment \"let all in\" -j ACCEPT": "accept",
		"-A INPUT -s 10.0.0.0/8 -j ACCEPT":                       "drop",
		"-A INPUT -j OWN\n-A OWN -j ACCEPT":                      "accept",
		"-A INPUT -j OWN\n-A OWN -p tcp -j ACCEPT":               "drop",
		"-A INPUT -j LOG --log-prefix x\n-A INPUT -j REJECT":     "reject",
		"[1:2] -A INPUT -j ACCEPT":                               "accept",
		"-A INPUT -j INPUT":                                      "drop",
	} {
		chains, _, problems := parseIptables("iptables", []byte("*filter\n:INPUT DROP [0:0]\n:OWN - [0:0]\n"+rules+"\nCOMMIT\n"))
		if len(problems) > 0 || len(chains) != 1 || chains[0].Default != want {
			t.Errorf("%q: %+v %v", rules, chains, problems)
		}
	}
}

func TestALayerThatWasNotAskedLeavesTheDefaultOpen(t *testing.T) {
	drop := []chain{{Family: "ip", Default: "drop", Policy: "drop"}}
	if f := firewallOf(drop, false, true); *f.DefaultIPv4 != "drop" || f.DefaultIPv6 != nil || !*f.Active {
		t.Errorf("what is dropped by one layer is dropped: %s", encode(f))
	}
	if f := firewallOf(nil, false, true); f.DefaultIPv4 != nil || f.Active != nil {
		t.Errorf("nothing asked, nothing known: %s", encode(f))
	}
	if f := firewallOf(nil, true, true); *f.DefaultIPv4 != "accept" || *f.Active {
		t.Errorf("all asked and no rule: %s", encode(f))
	}
}

func TestMountsThatHoldFiles(t *testing.T) {
	mounts, problems := parseMounts(recorded(t, "debian/proc/self/mountinfo"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got := map[string]string{}
	for _, m := range mounts {
		got[m.MountPoint] = m.Class
		if m.MountPoint == "/tmp" && (!m.NoSUID || !m.NoDev || m.NoExec) {
			t.Errorf("/tmp: %+v", m)
		}
		if m.MountPoint == "/srv/shared files" && m.Device != "nas:/files" {
			t.Errorf("a blank in a path is written \\040: %+v", m)
		}
	}
	want := map[string]string{"/": "disk", "/boot/efi": "disk", "/home": "disk", "/tmp": "memory", "/dev/shm": "memory", "/srv/shared files": "network", "/data": "disk"}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is %q", k, got[k])
		}
	}
}

func TestUpdatesOfEachManager(t *testing.T) {
	apt, problems := parseAptList(recorded(t, "apt-list.txt"))
	if len(problems) > 0 || len(apt) != 5 {
		t.Fatal(len(apt), problems)
	}
	security := map[string]bool{"apt": true, "curl": false, "jq": true, "libssl3": true, "tzdata": true}
	for _, u := range apt {
		if want, ok := security[u.Package]; !ok || *u.Security != want || u.Installed == "" || u.Available == "" || !strings.HasPrefix(u.line, u.Package+"/") {
			t.Errorf("%s", encode(u))
		}
	}
	covered, problems := parseAptList([]byte("jq/stable 4 amd64 [upgradable from: 1]\njq/stable-security 3 amd64\njq/now 1 amd64 [installed,upgradable to: 4]\n\n" +
		"curl/stable 3 amd64 [upgradable from: 2]\ncurl/now 2 amd64 [installed,upgradable to: 3]\ncurl/stable-security 1 amd64\n"))
	if len(problems) > 0 || !*covered[0].Security || *covered[1].Security {
		t.Errorf("a later version mends what a security version between mends, and not what was mended before: %+v %v", covered, problems)
	}
	dnf, problems := parseDnf([]byte("\nopenssl-libs.x86_64      1:3.0.7-28.el9_4      baseos\na-package-with-a-very-long-name-indeed.noarch\n                         2.0-1.el9             appstream\n\nObsoleting Packages\nx.noarch 1 y\n"))
	if len(problems) > 0 || len(dnf) != 2 || dnf[0].key() != "openssl-libs:x86_64" || dnf[1].Available != "2.0-1.el9" || dnf[0].Security != nil {
		t.Errorf("%+v %v", dnf, problems)
	}
	if s := parseDnfSecurity([]byte("RHSA-2024:1 Important/Sec. openssl-libs-1:3.0.7-28.el9_4.x86_64\n")); !s["openssl-libs:x86_64"] || len(s) != 1 {
		t.Errorf("%v", s)
	}
	apk, problems := parseApk([]byte("Installed:                                Available:\nlibcrypto3-3.1.4-r5                     < 3.1.6-r0 \n"))
	if len(problems) > 0 || len(apk) != 1 || apk[0].Package != "libcrypto3" || apk[0].Installed != "3.1.4-r5" || apk[0].Available != "3.1.6-r0" {
		t.Errorf("%+v %v", apk, problems)
	}
	pacman, problems := parsePacman([]byte("linux 6.9.1.arch1-1 -> 6.9.2.arch1-1\nnginx 1.26.0-1 -> 1.26.1-1 [ignored]\n"))
	if len(problems) > 0 || len(pacman) != 2 || pacman[1].Available != "1.26.1-1" {
		t.Errorf("%+v %v", pacman, problems)
	}
	if !parseAptPeriodic([]byte("APT::Periodic \"\";\nAPT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n")) ||
		parseAptPeriodic([]byte("APT::Periodic::Update-Package-Lists \"0\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n")) {
		t.Error("both the lists and the upgrade must be due")
	}
}

func TestClocks(t *testing.T) {
	c, ok := parseChrony(recorded(t, "chronyc-tracking.txt"))
	if !ok || !*c.Synchronised || *c.OffsetBelowMS != 1 || *c.Stratum != 4 {
		t.Errorf("%s", encode(c))
	}
	if c, ok := parseChrony(recorded(t, "chronyc-alone.txt")); !ok || *c.Synchronised || c.OffsetBelowMS != nil {
		t.Errorf("a clock that follows itself is not in step: %s", encode(c))
	}
	if _, ok := parseChrony([]byte("506 Cannot talk to daemon\n")); ok {
		t.Error("an error is no answer")
	}
	c, ok = parseTimesync([]byte("       Server: 192.0.2.1 (ntp.example.org)\n         Leap: normal\n      Stratum: 2\n       Offset: -1.204ms\n"))
	if !ok || *c.OffsetBelowMS != 10 || *c.Stratum != 2 || c.Service != "systemd-timesyncd" {
		t.Errorf("%s", encode(c))
	}
	for seconds, want := range map[float64]int64{0: 1, 0.0009: 1, 0.001: 10, -0.5: 1000, 1: 10000, 86400: 100000000} {
		var c clock
		if c.setOffset(seconds); *c.OffsetBelowMS != want {
			t.Errorf("%g seconds are below %d ms, want %d", seconds, *c.OffsetBelowMS, want)
		}
	}
}

func TestServicesThatLast(t *testing.T) {
	units, problems := parseUnits([]byte("cron.service                 loaded    active   running Regular background program processing daemon\n" +
		"● broken.service               loaded    failed   failed  Something\n" +
		"apt-daily.service            loaded    inactive dead    Daily apt download activities\n" +
		"getty@tty1.service           loaded    active   running Getty on tty1\n" +
		"auditd.service               not-found inactive dead    auditd.service\n"))
	files, bad := parseUnitFiles([]byte("cron.service enabled enabled\napt-daily.service static -\ngetty@.service enabled enabled\nunattended-upgrades.service enabled enabled\n"))
	if len(problems)+len(bad) > 0 {
		t.Fatal(problems, bad)
	}
	got := map[string]service{}
	for _, s := range combine(units, files) {
		got[s.Unit] = s
	}
	if len(got) != 4 || !*got["cron.service"].Running || !*got["broken.service"].Failed || !*got["getty@tty1.service"].AtStart || *got["unattended-upgrades.service"].Running {
		t.Errorf("%+v", got)
	}
}

func TestLogKeepers(t *testing.T) {
	set := parseJournald([]byte("[Journal]\n#Storage=auto\nStorage=volatile\n"), []byte("[Journal]\nStorage = persistent\nMaxRetentionSec=1year\n[Other]\nStorage=none\n"))
	if set["Storage"] != "persistent" || set["MaxRetentionSec"] != "1year" {
		t.Errorf("%v", set)
	}
	for _, c := range []struct {
		storage string
		folder  bool
		want    bool
	}{{"", true, true}, {"auto", false, false}, {"volatile", true, false}, {"none", true, false}, {"persistent", false, true}} {
		if persistent(c.storage, c.folder) != c.want {
			t.Errorf("%+v", c)
		}
	}
	to := parseRsyslog([]byte("# *.* @@not.example.org\n*.* @@logs.example.org:6514\nauth.* @(o)10.0.0.1;format\n*.info action(type=\"omfwd\"\n  Target=\"two.example.org\" port=\"514\")\n*.* /var/log/syslog\n"))
	if !slices.Equal(to, []string{"10.0.0.1", "logs.example.org:6514", "two.example.org"}) {
		t.Errorf("%q", to)
	}
	if on, locked, ok := parseAuditStatus(recorded(t, "auditctl-s.txt")); on || locked || !ok {
		t.Error("auditing was off when this was recorded")
	}
	if on, locked, ok := parseAuditStatus([]byte("enabled 2\nfailure 1\n")); !on || !locked || !ok {
		t.Error("enabled 2 is on and locked")
	}
	if n := parseAuditRules([]byte("-w /etc/passwd -p wa -k identity\n-a always,exit -F arch=b64 -S adjtimex -F key=time\n")); n != 2 {
		t.Errorf("%d rules", n)
	}
	if n := parseAuditRules([]byte("No rules\n")); n != 0 {
		t.Errorf("%d rules", n)
	}
}

func TestReleaseAndMachine(t *testing.T) {
	r := parseRelease(recorded(t, "debian/etc/os-release"))
	if r["ID"] != "debian" || r["VERSION_ID"] != "12" || r["PRETTY_NAME"] != "Debian GNU/Linux 12 (bookworm)" {
		t.Errorf("%v", r)
	}
	if r := parseRelease([]byte("NAME='Fedora Linux'\nSUPPORT_END=2025-05-13\nX=\"a \\\"b\\\" \\$c\"\n")); r["NAME"] != "Fedora Linux" || r["X"] != `a "b" $c` || r["SUPPORT_END"] != "2025-05-13" {
		t.Errorf("%v", r)
	}
	id := machineID("3d1219c7c4c5404aaa1f6d2a48adfda4\n")
	if id == "" || strings.Contains(id, "3d1219c7") || id != machineID("3D1219C7C4C5404AAA1F6D2A48ADFDA4") || machineID("uninitialized") != "" {
		t.Errorf("%q", id)
	}
	if got := bootTime([]byte("cpu 1 2\nbtime 1700000000\n")); got != "2023-11-14T22:13:20Z" {
		t.Errorf("%q", got)
	}
	if got := nssSources("passwd: files [NOTFOUND=return] sss # x\n", "passwd"); !slices.Equal(got, []string{"files", "sss"}) {
		t.Errorf("%q", got)
	}
}
