package host

import "tickmark/internal/connector"

// administrator is who may read everything.
const administrator = "root"

func permissions() []connector.Permission {
	return []connector.Permission{{
		Name: administrator, Why: "Sudo rules and who holds a socket are shown to root only.",
		Kinds: []string{kindAccount + ".rights", kindSudoRule, kindSocket + ".programs"},
	}}
}

func (m *machine) sections() []func() error { return m.mac() }

func (m *machine) self() error { return m.macSystem() }

func (m *machine) identity() string { return m.macID() }

// notRead are the kinds that are not read on this system.
var notRead = macUnread

func thisKernel() kernel { return kernel{} }

func environment() []string { return nil }
