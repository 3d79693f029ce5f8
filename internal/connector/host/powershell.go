package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"tickmark/internal/connector"
)

// The questions put to Windows. Each is a fixed text that nothing is inserted into; each answers a JSON array, times in UTC.
const (
	scriptStart  = `$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue';[Console]::OutputEncoding=[Text.Encoding]::UTF8;function T($t){if($t){([datetime]$t).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ')}};`
	scriptSystem = scriptStart + `$o=Get-CimInstance Win32_OperatingSystem;$g=(Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Cryptography').MachineGuid;` +
		`ConvertTo-Json -Compress -InputObject @([pscustomobject]@{Caption=$o.Caption;Version=$o.Version;Build=$o.BuildNumber;Booted=T $o.LastBootUpTime;Guid=$g})`
	scriptUsers = scriptStart + `ConvertTo-Json -Compress -InputObject @(Get-LocalUser|%{[pscustomobject]@{Name=$_.Name;FullName=$_.FullName;SID=$_.SID.Value;Enabled=$_.Enabled;` +
		`PasswordRequired=$_.PasswordRequired;PasswordLastSet=T $_.PasswordLastSet;LastLogon=T $_.LastLogon;AccountExpires=T $_.AccountExpires}})`
	scriptGroups = scriptStart + `ConvertTo-Json -Compress -Depth 4 -InputObject @(Get-LocalGroup|%{$g=$_;[pscustomobject]@{Name=$g.Name;SID=$g.SID.Value;` +
		`Members=@(Get-LocalGroupMember -SID $g.SID|%{[pscustomobject]@{Name=$_.Name;SID=$_.SID.Value;Class=[string]$_.ObjectClass}})}})`
	scriptSockets = scriptStart + `$p=@{};Get-Process|%{$p[[int]$_.Id]=$_};function P($i){$x=$p[[int]$i];if($x){$x.ProcessName}};` +
		`ConvertTo-Json -Compress -InputObject @(@(Get-NetTCPConnection -State Listen|%{[pscustomobject]@{Protocol='tcp';Address=$_.LocalAddress;Port=$_.LocalPort;Program=P $_.OwningProcess}})+` +
		`@(Get-NetUDPEndpoint|%{[pscustomobject]@{Protocol='udp';Address=$_.LocalAddress;Port=$_.LocalPort;Program=P $_.OwningProcess}}))`
	scriptDisks = scriptStart + `ConvertTo-Json -Compress -InputObject @(Get-BitLockerVolume|%{[pscustomobject]@{MountPoint=$_.MountPoint;VolumeType=[string]$_.VolumeType;` +
		`VolumeStatus=[string]$_.VolumeStatus;ProtectionStatus=[string]$_.ProtectionStatus;Method=[string]$_.EncryptionMethod}})`
	scriptUpdates = scriptStart + `$s=(New-Object -ComObject Microsoft.Update.Session).CreateUpdateSearcher();$s.Online=$false;$a=(New-Object -ComObject Microsoft.Update.AutoUpdate);` +
		`$l=T $a.Results.LastSearchSuccessDate;$r=(New-Object -ComObject Microsoft.Update.SystemInfo).RebootRequired;` +
		`ConvertTo-Json -Compress -Depth 5 -InputObject @([pscustomobject]@{Searched=$l;RebootRequired=$r;Automatic=([int]$a.Settings.NotificationLevel -eq 4);` +
		`Updates=@($s.Search('IsInstalled=0 and IsHidden=0').Updates|%{[pscustomobject]@{Title=$_.Title;ID=$_.Identity.UpdateID;Severity=[string]$_.MsrcSeverity;` +
		`Categories=@($_.Categories|%{$_.CategoryID})}})})`
	scriptFirewall = scriptStart + `ConvertTo-Json -Compress -InputObject @(Get-NetFirewallProfile -PolicyStore ActiveStore|%{[pscustomobject]@{Name=$_.Name;Enabled=[string]$_.Enabled;Inbound=[string]$_.DefaultInboundAction}})`
)

// securityUpdates is the category "Security Updates" of Windows Update, which keeps its id in every language.
const securityUpdates = "0fa1201d-4330-4fa8-8ae9-b877473b6441"

type windowsSystem struct{ Caption, Version, Build, Booted, Guid string }

type windowsUser struct {
	Name, FullName, SID                        string
	Enabled                                    *bool
	PasswordRequired                           *bool
	PasswordLastSet, LastLogon, AccountExpires *string
}

type windowsGroup struct {
	Name, SID string
	Members   []struct{ Name, SID, Class string }
}

type windowsSocket struct {
	Protocol, Address string
	Port              int64
	Program           *string
}

type windowsVolume struct{ MountPoint, VolumeType, VolumeStatus, ProtectionStatus, Method string }

type windowsUpdates struct {
	Searched       *string
	RebootRequired *bool
	Automatic      *bool
	Updates        []windowsUpdate
}

type windowsUpdate struct {
	Title, ID, Severity string
	Categories          []string
}

type windowsProfile struct{ Name, Enabled, Inbound string }

// localUser is a Windows account as it is handed over: it has a security identifier in place of Unix numbers.
type localUser struct {
	Name          string   `json:"name"`
	SID           string   `json:"sid"`
	FullName      string   `json:"full_name"`
	Enabled       *bool    `json:"enabled"`
	System        bool     `json:"system"`
	Groups        []string `json:"groups"`
	LoginRecorded *bool    `json:"login_recorded"`
	LastLogin     *string  `json:"last_login"`
	LastLoginOn   *string  `json:"last_login_on"`
}

// localPassword is what Windows says of a password.
type localPassword struct {
	Required *bool   `json:"required"`
	Changed  *string `json:"changed"`
	Expires  *string `json:"account_expires"`
}

// parseJSON reads a script's answer, which is one array; the raw text of each element comes with it.
func parseJSON[T any](b []byte) (out []T, raw []json.RawMessage, err error) {
	b = []byte(strings.TrimPrefix(clean(string(b)), "\uFEFF"))
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, nil, errors.New("PowerShell gave an answer that is not understood")
	}
	for _, r := range raw {
		var v T
		if err := json.Unmarshal(r, &v); err != nil {
			return nil, nil, errors.New("PowerShell gave an answer that is not understood")
		}
		out = append(out, v)
	}
	return out, raw, nil
}

// powershell asks one question.
func powershell[T any](m *machine, kind, script string) ([]T, []json.RawMessage, error) {
	shell := os.Getenv("SystemRoot") + `\System32\WindowsPowerShell\v1.0\powershell.exe`
	a := m.run(kind, shell, "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-Command", script)
	said := strings.ToLower(string(a.err))
	switch {
	case a.failed != nil:
		return nil, nil, fmt.Errorf("PowerShell did not answer: %w", a.failed)
	case a.exit != 0 && (strings.Contains(said, "access denied") || strings.Contains(said, "access is denied") || strings.Contains(said, "permissiondenied")):
		return nil, nil, fmt.Errorf("what PowerShell was asked: %w", fs.ErrPermission)
	case a.exit != 0:
		return nil, nil, fmt.Errorf("PowerShell did not answer: %s", a.said())
	}
	return parseJSON[T](a.out)
}

var windowsUnread = []string{kindSudoRule, kindSSHD, kindSwap, kindTime, kindService, kindLog, kindKernelSetting, kindFile}

func (m *machine) windows() []func() error {
	return []func() error{m.windowsPeople, m.windowsSockets, m.windowsDisks, m.windowsUpdates, m.windowsFirewall, m.windowsProtection, m.windowsLock,
		m.unread("Tickmark does not read this on Windows.", windowsUnread...)}
}

func (m *machine) windowsID() string {
	all, _, err := powershell[windowsSystem](m, kindHost, scriptSystem)
	if err != nil || len(all) != 1 {
		return ""
	}
	return machineID(all[0].Guid)
}

func (m *machine) windowsSystem() error {
	all, raw, err := powershell[windowsSystem](m, kindHost, scriptSystem)
	if err == nil && len(all) != 1 {
		err = errors.New("PowerShell gave an answer that is not understood")
	}
	if err != nil {
		m.missing(kindHost, "", err)
		return nil
	}
	w := all[0]
	s := system{Hostname: m.hostname(), OS: "windows", Distribution: "windows", Name: w.Caption, Version: w.Version, Build: w.Build, Kernel: w.Version,
		Architecture: runtime.GOARCH, Booted: w.Booted, Machine: machineID(w.Guid)}
	var text sources
	text.add("exec powershell: system", []byte(strings.ReplaceAll(string(raw[0]), w.Guid, "(id, not kept)")))
	return m.handSystem(s, text)
}

// administrators has the same identifier on every Windows.
const administrators = "S-1-5-32-544"

func (m *machine) windowsPeople() error {
	users, rawUsers, err := powershell[windowsUser](m, kindAccount, scriptUsers)
	if err != nil {
		m.missing(kindAccount, "", err)
	}
	groups, rawGroups, groupErr := powershell[windowsGroup](m, kindGroup, scriptGroups)
	if groupErr != nil {
		m.missing(kindGroup, "", groupErr)
	} else {
		for i, g := range groups {
			body := group{Name: g.Name, Members: []string{}}
			for _, member := range g.Members {
				body.Members = append(body.Members, member.Name[strings.LastIndexByte(member.Name, '\\')+1:])
			}
			slices.Sort(body.Members)
			if err := m.put(kindGroup, g.Name, g.Name, rawGroups[i], struct {
				Name    string   `json:"name"`
				Members []string `json:"members"`
			}{body.Name, body.Members}); err != nil {
				return err
			}
		}
		m.out.Complete(kindGroup, "")
	}
	if err != nil {
		return nil
	}
	if groupErr != nil {
		m.missing(kindAccount, "rights", groupErr)
	}
	for i, u := range users {
		l, p, r := u.split(groups, groupErr)
		if err := m.put(kindAccount, u.Name, u.Name, rawUsers[i], l, p, r); err != nil {
			return err
		}
	}
	m.out.Complete(kindAccount, "")
	return nil
}

// split makes an account of a Windows user: its body, its password and its rights.
func (u windowsUser) split(groups []windowsGroup, groupErr error) (localUser, connector.Part, connector.Part) {
	l := localUser{Name: u.Name, SID: u.SID, FullName: u.FullName, Enabled: u.Enabled, Groups: []string{}, LastLogin: u.LastLogon, LoginRecorded: ptr(u.LastLogon != nil)}
	if at := strings.LastIndexByte(u.SID, '-'); at > 0 {
		id, err := strconv.Atoi(u.SID[at+1:])
		l.System = err == nil && id < 1000 // those that Windows makes itself
	}
	day := func(t *string) *string {
		if t == nil || len(*t) < 10 {
			return nil
		}
		return ptr((*t)[:10])
	}
	l.LastLoginOn = day(u.LastLogon)
	r := rights{By: []string{}}
	for _, g := range groups {
		for _, member := range g.Members {
			if member.SID != u.SID {
				continue
			}
			l.Groups = append(l.Groups, g.Name)
			if g.SID == administrators {
				r.Admin, r.By = true, append(r.By, "group "+g.Name)
			}
		}
	}
	slices.Sort(l.Groups)
	held := part("rights", r)
	if groupErr != nil {
		held = connector.Part{Name: "rights", Gap: because(groupErr)}
	}
	return l, part("password", localPassword{u.PasswordRequired, day(u.PasswordLastSet), day(u.AccountExpires)}), held
}

func (m *machine) windowsSockets() error {
	all, raw, err := powershell[windowsSocket](m, kindSocket, scriptSockets)
	if err != nil {
		m.missing(kindSocket, "", err)
		return nil
	}
	sockets, held, problems := windowsListening(all, raw)
	return m.handSockets(sockets, problems, held)
}

func windowsListening(all []windowsSocket, raw []json.RawMessage) (out []socket, held map[string][]program, problems []string) {
	held = map[string][]program{}
	for i, w := range all {
		s := socket{Protocol: w.Protocol, Port: w.Port, lines: []string{string(raw[i])}}
		if w.Protocol != "tcp" && w.Protocol != "udp" || w.Port < 1 || w.Port > 65535 || !s.place(w.Address) {
			problems = append(problems, fmt.Sprintf("socket %d has an address that is not understood", i+1))
			continue
		}
		out = append(out, s)
		if w.Program != nil {
			key := s.Protocol + ":" + strconv.FormatInt(s.Port, 10)
			if p := (program{Name: *w.Program}); !slices.Contains(held[key], p) {
				held[key] = append(held[key], p)
			}
		}
	}
	return merge(out), held, problems
}

func (m *machine) windowsDisks() error {
	all, raw, err := powershell[windowsVolume](m, kindMount, scriptDisks)
	if err != nil {
		m.missing(kindMount, "", err)
		m.whole.encrypted.gap = because(err)
		return nil
	}
	for i, v := range all {
		mt := mount{MountPoint: v.MountPoint, Device: v.MountPoint, FSType: "ntfs", Class: "disk", Options: []string{}, encryption: v.encryption()}
		if v.VolumeType == "OperatingSystem" {
			m.whole.encrypted.is = mt.Encrypted
		}
		if err := m.put(kindMount, v.MountPoint, v.MountPoint, raw[i], mt); err != nil {
			return err
		}
	}
	m.out.Complete(kindMount, "")
	return nil
}

// encryption counts a volume as encrypted when all of it is and its key is not lying open, as it does while protection is off.
func (v windowsVolume) encryption() encryption {
	switch {
	case v.VolumeStatus == "FullyEncrypted" && v.ProtectionStatus == "On":
		return encryption{Encrypted: ptr(true), By: "bitlocker " + v.Method}
	case v.VolumeStatus == "FullyEncrypted" && v.ProtectionStatus == "Off":
		return encryption{Encrypted: ptr(false), Reason: "BitLocker's protection is suspended: the key lies open on the disk."}
	case v.VolumeStatus == "FullyDecrypted" || strings.HasSuffix(v.VolumeStatus, "InProgress") || strings.HasSuffix(v.VolumeStatus, "Paused"):
		return encryption{Encrypted: ptr(false), Reason: "BitLocker says " + v.VolumeStatus + "."}
	}
	return encryption{Reason: "BitLocker does not say; the volume may be locked."}
}

func (m *machine) windowsUpdates() error {
	all, _, err := powershell[windowsUpdates](m, kindUpdate, scriptUpdates)
	if err == nil && len(all) != 1 {
		err = errors.New("PowerShell gave an answer that is not understood")
	}
	if err != nil {
		m.noUpdates(err, kindUpdateState)
		return nil
	}
	w := all[0]
	s := updateState{Manager: "windows", ListsUpdated: w.Searched, Automatic: w.Automatic, RebootRequired: w.RebootRequired}
	if s.ListsUpdated == nil {
		return m.neverFetched(s, "Windows has never searched for updates, so it cannot know of any")
	}
	return m.handUpdates(s, w.pending(), nil)
}

func (w windowsUpdates) pending() (out []update) {
	for _, u := range w.Updates {
		out = append(out, update{Manager: "windows", Package: u.Title, Available: u.ID, line: string(encode(u)),
			Security: ptr(u.Severity != "" || slices.Contains(u.Categories, securityUpdates))})
	}
	return out
}

func (m *machine) windowsFirewall() error {
	all, raw, err := powershell[windowsProfile](m, kindFirewall, scriptFirewall)
	if err == nil && len(all) == 0 {
		err = errors.New("Windows named no firewall profile")
	}
	if err != nil {
		m.missing(kindFirewall, "", err)
		m.whole.firewall.gap = because(err)
		return nil
	}
	f := windowsFirewallOf(all)
	m.whole.firewall.is = f.Active
	if err := m.put(kindFirewall, "input", "Incoming packets", encode(raw), f); err != nil {
		return err
	}
	m.out.Complete(kindFirewall, "")
	return nil
}

// windowsFirewallOf is on when every profile is on, and drops when every profile blocks: a network may fall under any of them.
func windowsFirewallOf(all []windowsProfile) firewall {
	f := firewall{Active: ptr(true), IPv6: true, DefaultIPv4: ptr("drop"), DefaultIPv6: ptr("drop"), Asked: []string{"Get-NetFirewallProfile"}, Managers: []string{}}
	for _, p := range all {
		c := chain{Layer: "windows", Table: p.Name, Name: p.Name, Family: "inet", Policy: strings.ToLower(p.Inbound), Default: "drop"}
		if p.Enabled != "True" {
			f.Active = ptr(false)
		}
		if p.Enabled != "True" || p.Inbound != "Block" {
			c.Default, f.DefaultIPv4, f.DefaultIPv6 = "accept", ptr("accept"), ptr("accept")
		}
		f.Chains = append(f.Chains, c)
	}
	return f
}
