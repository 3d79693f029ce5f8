package host

import (
	"errors"
	"fmt"
	"strings"

	"tickmark/internal/record"
)

// longestIdle is after how many seconds without anybody a machine must have locked itself to count as one that does.
const longestIdle = 3600

func protectionKind() record.Kind {
	return kind(kindProtection, "Protection", "Protections", "What the operating system itself brings against malware, or what registered with it. On Linux there is none; products run there as services.", "product",
		record.Field{Name: "product", Type: record.Text, Indexed: true},
		record.Field{Name: "class", Type: record.Choice, Choices: []string{"antivirus", "origin", "integrity"}, Indexed: true,
			Help: "antivirus: looks for malware. origin: runs only programs of known makers. integrity: keeps the system's own files from change."},
		record.Field{Name: "active", Type: record.Bool, Indexed: true, Help: "Empty where the system does not say."},
		record.Field{Name: "real_time", Type: record.Bool, Help: "antivirus: files are looked at as they are used."},
		record.Field{Name: "tamper_proof", Type: record.Bool, Hidden: true, Help: "antivirus: programs cannot turn it off."},
		record.Field{Name: "mode", Type: record.Text, Hidden: true, Help: "antivirus: as the system calls it."},
		record.Field{Name: "definitions_updated", Type: record.Time, Title: "Definitions updated"},
	)
}

type protection struct {
	Product     string  `json:"product"`
	Class       string  `json:"class"`
	Active      *bool   `json:"active"`
	RealTime    *bool   `json:"real_time,omitempty"`
	TamperProof *bool   `json:"tamper_proof,omitempty"`
	Mode        string  `json:"mode,omitempty"`
	Definitions *string `json:"definitions_updated,omitempty"`
}

// protections says that Linux brings none.
func (m *machine) protections() error {
	m.out.Complete(kindProtection, "")
	return nil
}

// parseGatekeeper reads "spctl --status": assessments enabled.
func parseGatekeeper(b []byte) *bool {
	switch strings.TrimSpace(string(b)) {
	case "assessments enabled":
		return ptr(true)
	case "assessments disabled":
		return ptr(false)
	}
	return nil
}

// parseSIP reads "csrutil status": System Integrity Protection status: enabled. With a configuration of its own it is unknown.
func parseSIP(b []byte) *bool {
	for _, line := range lines(b) {
		state, ok := strings.CutPrefix(strings.TrimSpace(clean(line)), "System Integrity Protection status: ")
		switch {
		case !ok:
		case state == "enabled.":
			return ptr(true)
		case state == "disabled.":
			return ptr(false)
		}
	}
	return nil
}

func (m *machine) macProtection() error {
	var problems []string
	for _, q := range []struct {
		product, class string
		parse          func([]byte) *bool
		argv           []string
	}{
		{"Gatekeeper", "origin", parseGatekeeper, []string{"/usr/sbin/spctl", "--status"}},
		{"System Integrity Protection", "integrity", parseSIP, []string{"/usr/bin/csrutil", "status"}},
	} {
		a := m.run(kindProtection, q.argv...) // spctl says that it is disabled with exit 1
		p := protection{Product: q.product, Class: q.class, Active: q.parse(a.out)}
		if a.failed != nil || p.Active == nil && len(strings.TrimSpace(string(a.out))) == 0 {
			problems = append(problems, q.argv[0]+" did not answer")
			continue
		}
		if err := m.put(kindProtection, q.product, q.product, a.out, p); err != nil {
			return err
		}
	}
	m.finish(kindProtection, problems)
	return nil
}

// parseScreenLock reads "sysadminctl -screenLock status" of the user that asks: "screenLock is off", "screenLock delay is immediate".
// That it is on for one says nothing of others, and nothing of when the screen turns dark.
func parseScreenLock(b []byte) *bool {
	if strings.Contains(string(b), "screenLock is off") {
		return ptr(false)
	}
	return nil
}

// managedLock reads what a management has set for every user in com.apple.screensaver.
func managedLock(set map[string]string) *bool {
	var idle, delay float64
	if _, err := fmt.Sscan(set["idleTime"], &idle); err != nil {
		return nil
	}
	if set["askForPasswordDelay"] != "" {
		if _, err := fmt.Sscan(set["askForPasswordDelay"], &delay); err != nil {
			return nil
		}
	}
	ask := set["askForPassword"] == "true" || set["askForPassword"] == "1"
	return ptr(ask && idle > 0 && delay >= 0 && idle+delay <= longestIdle)
}

func (m *machine) macLock() error {
	if b, err := m.told(kindHost, "/usr/bin/defaults", "export", "/Library/Managed Preferences/com.apple.screensaver", "-"); err == nil {
		if set, err := parsePreferences(b); err == nil {
			m.whole.lock.is = managedLock(set)
		}
	}
	if m.whole.lock.is == nil && !m.root() {
		a := m.run(kindHost, "/usr/sbin/sysadminctl", "-screenLock", "status")
		if a.failed == nil {
			m.whole.lock.is = parseScreenLock(append(a.err, a.out...)) // it speaks as logs do
		}
	}
	return nil
}

const (
	// A server has no security centre, and Defender may be taken off; each is asked by itself.
	scriptProtection = scriptStart + `$d=try{Get-MpComputerStatus}catch{$null};$c=try{@(Get-CimInstance -Namespace root/SecurityCenter2 -ClassName AntiVirusProduct)}catch{@()};` +
		`ConvertTo-Json -Compress -Depth 4 -InputObject @([pscustomobject]@{Others=@($c|%{$_.displayName});Defender=$(if($d){[pscustomobject]@{Mode=[string]$d.AMRunningMode;Enabled=$d.AntivirusEnabled;` +
		`RealTime=$d.RealTimeProtectionEnabled;Tamper=$d.IsTamperProtected;Updated=T $d.AntivirusSignatureLastUpdated}})})`
	scriptLock = scriptStart + `$p=Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System';ConvertTo-Json -Compress -InputObject @([pscustomobject]@{Seconds=$p.InactivityTimeoutSecs})`
)

type windowsProtection struct {
	Others   []string
	Defender *windowsDefender
}

type windowsDefender struct {
	Mode                      string
	Enabled, RealTime, Tamper *bool
	Updated                   *string
}

// defender is the name under which Defender registers itself.
const defender = "Windows Defender"

// list makes records of what Windows says. Defender that another product put to rest is not active; of another product Windows
// says only that it registered.
func (w windowsProtection) list() (out []protection) {
	if d := w.Defender; d != nil {
		p := protection{Product: "Microsoft Defender", Class: "antivirus", RealTime: d.RealTime, TamperProof: d.Tamper, Mode: d.Mode, Definitions: d.Updated}
		if d.Enabled != nil && d.Mode != "" {
			p.Active = ptr(*d.Enabled && d.Mode == "Normal")
		}
		out = append(out, p)
	}
	seen := map[string]bool{}
	for _, name := range w.Others {
		if name = strings.TrimSpace(clean(name)); name != "" && !seen[name] && name != defender && name != "Microsoft Defender Antivirus" {
			seen[name] = true
			out = append(out, protection{Product: name, Class: "antivirus"})
		}
	}
	return out
}

func (m *machine) windowsProtection() error {
	all, raw, err := powershell[windowsProtection](m, kindProtection, scriptProtection)
	if err == nil && len(all) != 1 {
		err = errors.New("PowerShell gave an answer that is not understood")
	}
	var list []protection
	if err == nil {
		if list = all[0].list(); len(list) == 0 { // neither answered, which is not that there is none
			err = errors.New("neither Microsoft Defender nor the security centre answered")
		}
	}
	if err != nil {
		m.missing(kindProtection, "", err)
		return nil
	}
	for _, p := range list {
		if err := m.put(kindProtection, p.Product, p.Product, raw[0], p); err != nil {
			return err
		}
	}
	m.out.Complete(kindProtection, "")
	return nil
}

type windowsLock struct{ Seconds *int64 }

// locks reads the limit on inactivity that holds for the whole machine. Without one it is each user's own affair.
func (w windowsLock) locks() *bool {
	if w.Seconds == nil || *w.Seconds == 0 {
		return nil
	}
	return ptr(*w.Seconds > 0 && *w.Seconds <= longestIdle)
}

func (m *machine) windowsLock() error {
	all, _, err := powershell[windowsLock](m, kindHost, scriptLock)
	if err == nil && len(all) == 1 {
		m.whole.lock.is = all[0].locks()
	}
	return nil
}
