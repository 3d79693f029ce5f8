package host

import (
	"os"

	"tickmark/internal/connector"
)

// administrator is who may read everything.
const administrator = "administrator"

func permissions() []connector.Permission {
	return []connector.Permission{{
		Name: administrator, Why: "Disk encryption and, on some systems, members of the administrators' group are shown to administrators only.",
		Kinds: []string{kindMount, kindAccount + ".rights"},
	}}
}

func (m *machine) sections() []func() error { return m.windows() }

func (m *machine) self() error { return m.windowsSystem() }

func (m *machine) identity() string { return m.windowsID() }

// notRead are the kinds that are not read on this system.
var notRead = windowsUnread

func thisKernel() kernel { return kernel{} }

// environment are the variables without which PowerShell does not start.
func environment() []string {
	var out []string
	for _, name := range []string{"SystemRoot", "windir", "TEMP", "TMP", "ProgramFiles", "ProgramData", "PSModulePath", "USERPROFILE"} {
		if v, ok := os.LookupEnv(name); ok {
			out = append(out, name+"="+v)
		}
	}
	return out
}
