package host

import (
	"encoding/json"
	"testing"
)

func said(b *bool) string {
	if b == nil {
		return "unknown"
	}
	return map[bool]string{true: "yes", false: "no"}[*b]
}

func TestWhatProtectsAMacIsReadAsItsCommandsSayIt(t *testing.T) {
	for text, want := range map[string]string{"assessments enabled\n": "yes", "assessments disabled\n": "no", "": "unknown", "assessments enabled (developer)": "unknown"} {
		if got := said(parseGatekeeper([]byte(text))); got != want {
			t.Errorf("spctl %q: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"System Integrity Protection status: enabled.\n":                                                                      "yes",
		"System Integrity Protection status: disabled.\n":                                                                     "no",
		"System Integrity Protection status: unknown (Custom Configuration).\n\nConfiguration:\n\tApple Internal: disabled\n": "unknown",
		"System Integrity Protection status: enabled (Custom Configuration).\n":                                               "unknown",
		"csrutil: failed\n": "unknown",
	} {
		if got := said(parseSIP([]byte(text))); got != want {
			t.Errorf("csrutil %q: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"2026-02-03 10:11:12.345 sysadminctl[512:4321] screenLock is off\n":             "no",
		"2026-02-03 10:11:12.345 sysadminctl[512:4321] screenLock delay is immediate\n": "unknown", // of one user only
		"2026-02-03 10:11:12.345 sysadminctl[512:4321] screenLock delay is 300 seconds": "unknown",
	} {
		if got := said(parseScreenLock([]byte(text))); got != want {
			t.Errorf("sysadminctl %q: %s, want %s", text, got, want)
		}
	}
	plist := func(inner string) string {
		return `<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd"><plist version="1.0"><dict>` + inner + `</dict></plist>`
	}
	for inner, want := range map[string]string{
		"<key>askForPassword</key><true/><key>askForPasswordDelay</key><integer>5</integer><key>idleTime</key><integer>300</integer>":     "yes",
		"<key>askForPassword</key><integer>1</integer><key>idleTime</key><integer>600</integer>":                                          "yes",
		"<key>askForPassword</key><false/><key>idleTime</key><integer>300</integer>":                                                      "no",
		"<key>idleTime</key><integer>300</integer>":                                                                                       "no",
		"<key>askForPassword</key><true/><key>idleTime</key><integer>0</integer>":                                                         "no", // never
		"<key>askForPassword</key><true/><key>idleTime</key><integer>300</integer><key>askForPasswordDelay</key><integer>86400</integer>": "no",
		"<key>askForPassword</key><true/>":                                                                                                "unknown",
	} {
		set, err := parsePreferences([]byte(plist(inner)))
		if err != nil {
			t.Fatal(err)
		}
		if got := said(managedLock(set)); got != want {
			t.Errorf("%s: %s, want %s", inner, got, want)
		}
	}
}

func TestWhatProtectsWindowsIsReadAsItSaysIt(t *testing.T) {
	for text, want := range map[string]string{
		`[{"Others":["Windows Defender"],"Defender":{"Mode":"Normal","Enabled":true,"RealTime":true,"Tamper":true,"Updated":"2026-02-03T04:05:06Z"}}]`: `[{"product":"Microsoft Defender","class":"antivirus","active":true,"real_time":true,"tamper_proof":true,"mode":"Normal","definitions_updated":"2026-02-03T04:05:06Z"}]`,
		`[{"Others":["Windows Defender","Guard 9"],"Defender":{"Mode":"Passive Mode","Enabled":true,"RealTime":false,"Tamper":false,"Updated":null}}]`: `[{"product":"Microsoft Defender","class":"antivirus","active":false,"real_time":false,"tamper_proof":false,"mode":"Passive Mode"},{"product":"Guard 9","class":"antivirus","active":null}]`,
		`[{"Others":[],"Defender":{"Mode":"Not running","Enabled":false,"RealTime":false,"Tamper":null,"Updated":null}}]`:                              `[{"product":"Microsoft Defender","class":"antivirus","active":false,"real_time":false,"mode":"Not running"}]`,
		`[{"Others":[],"Defender":{"Mode":"","Enabled":true,"RealTime":true,"Tamper":null,"Updated":null}}]`:                                           `[{"product":"Microsoft Defender","class":"antivirus","active":null,"real_time":true}]`,
		`[{"Others":["Guard 9","Guard 9"],"Defender":null}]`:                                                                                           `[{"product":"Guard 9","class":"antivirus","active":null}]`,
		`[{"Others":[],"Defender":null}]`: `null`,
	} {
		all, _, err := parseJSON[windowsProtection]([]byte(text))
		if err != nil || len(all) != 1 {
			t.Fatal(err)
		}
		got, err := json.Marshal(all[0].list())
		if err != nil || string(got) != want {
			t.Errorf("%s:\n%s\nwant\n%s", text, got, want)
		}
	}
	for text, want := range map[string]string{`[{"Seconds":900}]`: "yes", `[{"Seconds":3601}]`: "no", `[{"Seconds":0}]`: "unknown", `[{"Seconds":null}]`: "unknown", `[{"Seconds":-1}]`: "no"} {
		all, _, err := parseJSON[windowsLock]([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := said(all[0].locks()); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
