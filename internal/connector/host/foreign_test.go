package host

import (
	"slices"
	"testing"
)

func TestAccountsOfAMac(t *testing.T) {
	users, problems := parseMacUsers([]byte("name: root\npassword: *\nuid: 0\ngid: 0\ndir: /var/root\nshell: /bin/sh\ngecos: System Administrator\n\n" +
		"name: _www\npassword: *\nuid: 70\ngid: 70\ndir: /Library/WebServer\nshell: /usr/bin/false\ngecos: World Wide Web Server\n\n" +
		"name: ada\npassword: ********\nuid: 501\ngid: 20\ndir: /Users/ada\nshell: /bin/zsh\ngecos: Ada Example\n"))
	groups, more := parseMacGroups([]byte("name: admin\npassword: *\ngid: 80\nusers: root ada\n\nname: staff\npassword: *\ngid: 20\nusers: root\n"))
	if len(problems)+len(more) > 0 || len(users) != 3 || len(groups) != 2 {
		t.Fatal(users, groups, problems, more)
	}
	join(users, groups)
	ada := users[2]
	if ada.System || !ada.LoginShell || !slices.Equal(ada.Groups, []string{"admin", "staff"}) || !users[1].System || users[1].LoginShell {
		t.Errorf("%+v", users)
	}
}

func TestSocketsOfAMac(t *testing.T) {
	all, problems := parseNetstat([]byte("Active Internet connections (including servers)\n" +
		"Proto Recv-Q Send-Q  Local Address                                 Foreign Address                               (state)    \n" +
		"tcp4       0      0  127.0.0.1.631          *.*                    LISTEN     \n" +
		"tcp6       0      0  ::1.631                                       *.*                                           LISTEN     \n" +
		"tcp46      0      0  *.5000                 *.*                    LISTEN     \n" +
		"tcp4       0      0  192.0.2.5.50123        192.0.2.9.443          ESTABLISHED\n" +
		"tcp6       0      0  fe80::1%en0.1024       *.*                    LISTEN     \n" +
		"udp4       0      0  *.5353                 *.*                               \n" +
		"udp4       0      0  192.0.2.5.50000        192.0.2.9.443                     \n" +
		"udp6       0      0  *.*                    *.*                               \n" +
		"Active Multipath Internet connections\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got []string
	for _, s := range merge(all) {
		got = append(got, s.key()+" "+s.Exposure)
	}
	want := []string{"tcp:0.0.0.0:5000 any", "tcp:127.0.0.1:631 loopback", "tcp:[::1]:631 loopback", "tcp:[::]:5000 any", "tcp:[fe80::1]:1024 address", "udp:0.0.0.0:5353 any"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	held := parseLsof([]byte("p423\ncControlCenter\nf9\nPTCP\nn*:5000\nf10\nPTCP\nn192.0.2.5:50123->192.0.2.9:443\np88\ncmDNSResponder\nf6\nPUDP\nn*:5353\n"))
	if len(held["tcp:5000"]) != 1 || held["udp:5353"][0].Name != "mDNSResponder" || held["tcp:443"] != nil {
		t.Errorf("%v", held)
	}
}

func TestDiskUpdatesAndFirewallOfAMac(t *testing.T) {
	for said, want := range map[string]*bool{
		"FileVault is On.\n":  ptr(true),
		"FileVault is Off.\n": ptr(false),
		"FileVault is On.\nEncryption in progress: Percent completed = 31.25\n": ptr(false),
		"Error: something\n": nil,
	} {
		got := parseFileVault([]byte(said)).Encrypted
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%q", said)
		}
	}
	up, problems := parseSoftwareUpdate([]byte("Software Update Tool\n\nFinding available software\nSoftware Update found the following new or updated software:\n" +
		"* Label: macOS Sonoma 14.5-23F79\n\tTitle: macOS Sonoma 14.5, Version: 14.5, Size: 6000000KiB, Recommended: YES, Action: restart, \n"))
	if len(problems) > 0 || len(up) != 1 || up[0].Package != "macOS Sonoma 14.5-23F79" || up[0].Available != "14.5" || up[0].Security != nil {
		t.Errorf("%+v %v", up, problems)
	}
	if up, problems := parseSoftwareUpdate([]byte("Software Update Tool\n\nNo new software available.\n")); len(up)+len(problems) != 0 {
		t.Errorf("%+v %v", up, problems)
	}
	set, err := parsePreferences([]byte(`<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>AutomaticallyInstallMacOSUpdates</key><true/>` +
		`<key>LastSuccessfulDate</key><date>2026-05-20T10:00:00Z</date><key>RecommendedUpdates</key><array><dict><key>LastSuccessfulDate</key><string>no</string></dict></array>` +
		`<key>LastResultCode</key><integer>2</integer></dict></plist>`))
	if err != nil || set["LastSuccessfulDate"] != "2026-05-20T10:00:00Z" || set["AutomaticallyInstallMacOSUpdates"] != "true" || set["LastResultCode"] != "2" {
		t.Errorf("%v %v", set, err)
	}
	for said, want := range map[string][2]bool{"Firewall is enabled. (State = 1) \n": {true, true}, "Firewall is disabled. (State = 0)\n": {false, true}, "usage\n": {false, false}} {
		if on, ok := parseAppFirewall([]byte(said)); on != want[0] || ok != want[1] {
			t.Errorf("%q", said)
		}
	}
	if v := parseSwVers([]byte("ProductName:\t\tmacOS\nProductVersion:\t\t14.5\nBuildVersion:\t\t23F79\n")); v["ProductVersion"] != "14.5" {
		t.Errorf("%v", v)
	}
	if at := macBootTime([]byte("{ sec = 1716200000, usec = 1 } Mon May 20 10:13:20 2024\n")); at != "2024-05-20T10:13:20Z" {
		t.Errorf("%q", at)
	}
	if id := platformID([]byte("  {\n    \"IOPlatformUUID\" = \"0000-1111\"\n  }\n")); id != "0000-1111" {
		t.Errorf("%q", id)
	}
}

func TestAWindowsMachine(t *testing.T) {
	users, _, err := parseJSON[windowsUser]([]byte("\uFEFF" + `[{"Name":"Administrator","FullName":"","SID":"S-1-5-21-1-2-3-500","Enabled":false,"PasswordRequired":true,"PasswordLastSet":null,"LastLogon":null,"AccountExpires":null},` +
		`{"Name":"ada","FullName":"Ada Example","SID":"S-1-5-21-1-2-3-1001","Enabled":true,"PasswordRequired":true,"PasswordLastSet":"2026-01-02T03:04:05Z","LastLogon":"2026-05-20T08:00:00Z","AccountExpires":null}]`))
	if err != nil || len(users) != 2 {
		t.Fatal(users, err)
	}
	groups, _, err := parseJSON[windowsGroup]([]byte(`[{"Name":"Administrators","SID":"S-1-5-32-544","Members":[{"Name":"PC\\ada","SID":"S-1-5-21-1-2-3-1001","Class":"User"}]},{"Name":"Guests","SID":"S-1-5-32-546","Members":[]}]`))
	if err != nil {
		t.Fatal(err)
	}
	l, p, r := users[1].split(groups, nil)
	if l.System || *l.LastLoginOn != "2026-05-20" || !slices.Equal(l.Groups, []string{"Administrators"}) ||
		string(p.JSON) != `{"required":true,"changed":"2026-01-02","account_expires":null}` || string(r.JSON) != `{"admin":true,"by":["group Administrators"],"sudo":false,"nopasswd":false}` {
		t.Errorf("%+v %s %s", l, p.JSON, r.JSON)
	}
	if l, _, _ := users[0].split(groups, nil); !l.System || *l.Enabled || *l.LoginRecorded {
		t.Errorf("%+v", l)
	}
	if _, _, r := users[0].split(nil, errNoClock); r.Gap == "" || r.JSON != nil {
		t.Error("without the groups nobody's rights are known")
	}
	if _, _, err := parseJSON[windowsUser]([]byte("Get-LocalUser : not recognized")); err == nil {
		t.Error("an error is no answer")
	}
	sockets, raw, err := parseJSON[windowsSocket]([]byte(`[{"Protocol":"tcp","Address":"0.0.0.0","Port":135,"Program":"svchost"},{"Protocol":"tcp","Address":"::","Port":135,"Program":"svchost"},` +
		`{"Protocol":"udp","Address":"fe80::1%4","Port":1900,"Program":null},{"Protocol":"tcp","Address":"127.0.0.1","Port":5432,"Program":"postgres"},{"Protocol":"tcp","Address":"x","Port":1,"Program":null}]`))
	if err != nil {
		t.Fatal(err)
	}
	found, held, problems := windowsListening(sockets, raw)
	if len(found) != 4 || len(problems) != 1 || held["tcp:135"][0].Name != "svchost" || len(held["tcp:135"]) != 1 {
		t.Errorf("%+v %v %v", found, held, problems)
	}
	for _, c := range []struct {
		v    windowsVolume
		want *bool
	}{
		{windowsVolume{VolumeStatus: "FullyEncrypted", ProtectionStatus: "On"}, ptr(true)},
		{windowsVolume{VolumeStatus: "FullyEncrypted", ProtectionStatus: "Off"}, ptr(false)},
		{windowsVolume{VolumeStatus: "EncryptionInProgress", ProtectionStatus: "Off"}, ptr(false)},
		{windowsVolume{VolumeStatus: "FullyDecrypted", ProtectionStatus: "Off"}, ptr(false)},
		{windowsVolume{VolumeStatus: "FullyEncrypted", ProtectionStatus: "Unknown"}, nil},
		{windowsVolume{}, nil},
	} {
		got := c.v.encryption().Encrypted
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%+v", c.v)
		}
	}
	on := []windowsProfile{{"Domain", "True", "Block"}, {"Private", "True", "Block"}, {"Public", "True", "Block"}}
	if f := windowsFirewallOf(on); !*f.Active || *f.DefaultIPv4 != "drop" {
		t.Errorf("%s", encode(f))
	}
	on[1].Enabled = "False"
	if f := windowsFirewallOf(on); *f.Active || *f.DefaultIPv4 != "accept" {
		t.Errorf("one profile that is off leaves the machine open: %s", encode(f))
	}
	up := windowsUpdates{Updates: []windowsUpdate{{Title: "a", Categories: []string{securityUpdates}}, {Title: "b", Severity: "Critical"}, {Title: "c"}}}.pending()
	if !*up[0].Security || !*up[1].Security || *up[2].Security {
		t.Errorf("%+v", up)
	}
}

func TestAMacAndAWindowsThatSayNothing(t *testing.T) {
	for name, sections := range map[string]func(m *recordedMachine) []func() error{
		"mac":     func(m *recordedMachine) []func() error { return append(m.mac(), m.macSystem) },
		"windows": func(m *recordedMachine) []func() error { return append(m.windows(), m.windowsSystem) },
	} {
		m := newMachine(t)
		for _, s := range sections(m) {
			if err := s(); err != nil {
				t.Fatal(err)
			}
		}
		spoken := map[string]bool{}
		for _, g := range m.sink.Gaps() {
			spoken[g.Kind] = true
		}
		for _, k := range Connector().Kinds {
			if !spoken[k.Name] && !m.sink.Completed(k.Name, "") {
				t.Errorf("%s: nothing is said of %s", name, k.Name)
			}
		}
		for _, it := range m.sink.Items("") {
			if it.Kind != kindSudoRule { // its files are there
				t.Errorf("%s: %s %s was made from nothing", name, it.Kind, it.Key)
			}
		}
	}
}
