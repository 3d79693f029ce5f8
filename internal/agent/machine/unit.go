package machine

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"tickmark/internal/fault"
)

// Unit is what makes a system start the agent: a text, where it belongs, and what to run then.
type Unit struct{ Path, Text, Then string }

// UnitFor makes the unit of a system; "this" is the one it runs on.
func UnitFor(system, program, dir string, interval time.Duration) (Unit, error) {
	if system == "this" {
		system = runtime.GOOS
	}
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return Unit{}, fmt.Errorf("find this program: %w", err)
		}
	}
	if strings.ContainsAny(program+dir, "\"\n\r%$\x00") {
		return Unit{}, fault.New(fault.Usage, "A path with a quote, %% or $ cannot be put into a unit.").WithNext("Choose other directories.")
	}
	switch system {
	case "linux":
		return Unit{Path: "/etc/systemd/system/tickmark-agent.service", Text: fmt.Sprintf(systemd, program, interval, dir), Then: "systemctl daemon-reload && systemctl enable --now tickmark-agent"}, nil
	case "darwin":
		return Unit{Path: "/Library/LaunchDaemons/org.tickmark.agent.plist", Text: fmt.Sprintf(launchd, escaped(program), interval, escaped(dir)), Then: "launchctl bootstrap system /Library/LaunchDaemons/org.tickmark.agent.plist"}, nil
	case "windows":
		path := dir + `\task.xml`
		return Unit{Path: path, Text: fmt.Sprintf(task, escaped(program), interval, escaped(dir)), Then: fmt.Sprintf(`schtasks /Create /TN "Tickmark Agent" /XML "%s" && schtasks /Run /TN "Tickmark Agent"`, path)}, nil
	}
	return Unit{}, fault.New(fault.Usage, "On %s the agent is not made a service.", system).WithNext("Run tickmark agent run --once from whatever runs programs at times there.")
}

// Write puts the unit where the system looks for it.
func (u Unit) Write() error {
	if _, err := os.Stat(filepath.Dir(u.Path)); err != nil {
		return fault.New(fault.NotFound, "There is no %s here.", filepath.Dir(u.Path)).WithNext("Leave --write out, and put what is shown where this system looks for services.")
	}
	if err := write(u.Path, []byte(u.Text)); err != nil {
		return err
	}
	return os.Chmod(u.Path, 0o644)
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}

// No namespace of its own: what the agent reads of mounts and processes must be the machine's.
const systemd = `[Unit]
Description=Tickmark agent: reads this machine and sends what it found
After=network-online.target
Wants=network-online.target

[Service]
ExecStart="%s" agent run --interval %s --state "%s"
Restart=always
RestartSec=60
Nice=10
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=multi-user.target
`

const launchd = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>org.tickmark.agent</string>
  <key>ProgramArguments</key>
  <array>
    <string>%s</string><string>agent</string><string>run</string>
    <string>--interval</string><string>%s</string>
    <string>--state</string><string>%s</string>
  </array>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><true/>
  <key>ThrottleInterval</key><integer>60</integer>
  <key>ProcessType</key><string>Background</string>
  <key>Umask</key><integer>63</integer>
</dict>
</plist>
`

const task = `<?xml version="1.0"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers><BootTrigger><Enabled>true</Enabled></BootTrigger></Triggers>
  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>255</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec><Command>%s</Command><Arguments>agent run --interval %s --state "%s"</Arguments></Exec>
  </Actions>
</Task>
`
