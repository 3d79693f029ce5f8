package host

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	errNoClock   = errors.New("the kernel did not say whether its clock is in step")
	errNoSystemd = errors.New("systemd does not run this machine, and services of another manager are not read")
)

// service is a unit of systemd that runs, has failed, or is set to start by itself.
type service struct {
	Unit        string `json:"unit"`
	Description string `json:"description,omitempty"`
	Loaded      *bool  `json:"loaded,omitempty"`
	Active      *bool  `json:"active,omitempty"`
	Running     *bool  `json:"running,omitempty"`
	Failed      *bool  `json:"failed,omitempty"`
	Enabled     string `json:"enabled,omitempty"` // enabled, disabled, static, masked …
	AtStart     *bool  `json:"starts_by_itself,omitempty"`

	line string
}

// parseUnits reads "systemctl list-units --all --plain --no-legend": unit, load, active, sub, description.
func parseUnits(b []byte) (out []service, problems []string) {
	for i, line := range lines(b) {
		f := strings.Fields(strings.TrimPrefix(clean(line), "●"))
		if len(f) == 0 {
			continue
		}
		if len(f) < 4 || !strings.Contains(f[0], ".") {
			problems = append(problems, fmt.Sprintf("line %d of systemctl list-units is not understood", i+1))
			continue
		}
		out = append(out, service{Unit: f[0], Loaded: ptr(f[1] == "loaded"), Active: ptr(f[2] == "active"), Running: ptr(f[3] == "running"),
			Failed: ptr(f[2] == "failed"), Description: strings.Join(f[4:], " "), line: line})
	}
	return out, problems
}

// parseUnitFiles reads "systemctl list-unit-files --plain --no-legend": unit and state, then perhaps the preset.
func parseUnitFiles(b []byte) (out map[string]string, problems []string) {
	out = map[string]string{}
	for i, line := range lines(b) {
		f := strings.Fields(clean(line))
		if len(f) == 0 {
			continue
		}
		if len(f) < 2 {
			problems = append(problems, fmt.Sprintf("line %d of systemctl list-unit-files is not understood", i+1))
			continue
		}
		out[f[0]] = f[1]
	}
	return out, problems
}

// combine keeps the units that say something lasting: those that run, have failed, or start by themselves. A unit that ran
// once and ended comes and goes, and says nothing.
func combine(units []service, files map[string]string) []service {
	var out []service
	seen := map[string]bool{}
	for _, s := range units {
		seen[s.Unit] = true
		s.Enabled = files[s.Unit]
		if s.Enabled == "" {
			if at := strings.IndexByte(s.Unit, '@'); at > 0 { // an instance of a template
				s.Enabled = files[s.Unit[:at+1]+s.Unit[strings.LastIndexByte(s.Unit, '.'):]]
			}
		}
		if s.Enabled != "" {
			s.AtStart = ptr(s.Enabled == "enabled" || s.Enabled == "enabled-runtime")
		}
		if *s.Running || *s.Failed || s.AtStart != nil && *s.AtStart {
			out = append(out, s)
		}
	}
	for unit, state := range files {
		if !seen[unit] && state == "enabled" && !strings.Contains(unit, "@.") {
			out = append(out, service{Unit: unit, Enabled: state, AtStart: ptr(true), Active: ptr(false), Running: ptr(false), Failed: ptr(false), line: unit + " " + state})
		}
	}
	slices.SortFunc(out, func(a, b service) int { return strings.Compare(a.Unit, b.Unit) })
	return out
}

// systemd tells whether systemd runs this machine, as sd_booted(3) does.
func (m *machine) systemd() bool {
	there, err := m.exists("/run/systemd/system")
	return err == nil && there
}

func (m *machine) services() error {
	tool := m.command("systemctl")
	if tool == "" || !m.systemd() {
		m.missing(kindService, "", errNoSystemd)
		return nil
	}
	units := m.run(kindService, tool, "list-units", "--type=service,socket,timer", "--all", "--plain", "--no-legend", "--no-pager", "--full")
	files := m.run(kindService, tool, "list-unit-files", "--type=service,socket,timer", "--plain", "--no-legend", "--no-pager", "--full")
	for _, a := range []answer{units, files} {
		if a.failed != nil || a.exit != 0 {
			m.missing(kindService, "", firstError(a.failed, errors.New("systemctl did not answer: "+a.said())))
			return nil
		}
	}
	list, problems := parseUnits(units.out)
	states, bad := parseUnitFiles(files.out)
	for _, s := range combine(list, states) {
		if err := m.put(kindService, s.Unit, s.Unit, []byte(s.line), s); err != nil {
			return err
		}
	}
	m.finish(kindService, append(problems, bad...))
	return nil
}
