// Package agent takes what machines say of themselves. A machine enrols once, with a token that an administrator made for a
// group, and from then on signs each message with a key that never leaves it. The one rule: a machine is a source of its own,
// so that nothing it sends can stand beside, close or vouch for what another machine is.
//
// The key says which machine speaks. It does not say that the machine tells the truth: whoever is administrator there can have
// it say anything. What came this way is therefore forwarded, never collected.
package agent

import (
	"context"

	"tickmark/internal/connector"
	"tickmark/internal/connector/host"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// The connectors of this package.
const (
	GroupConnector   = "agent"
	MachineConnector = "machine"
)

// Group returns the connector whose connections are groups of machines: what they have in common, and who may enrol. Nothing
// is sent to a group itself; each machine in it is a connection of its own.
func Group() connector.Connector {
	return connector.Connector{
		Name: GroupConnector, Title: "Machines with an agent", Sent: true, Borrows: true, Origin: record.Forwarded, Kinds: host.Connector().Kinds,
		Help: "Employees' and servers' machines that read themselves and send what they found, signed with a key of their own. A group is set up here; each machine joins it with tickmark agent enrol and is a source of its own.",
		Settings: []connector.Setting{{Name: "devices", Title: "People work at them", Default: "yes",
			Help: "yes for laptops and desktops: each has an owner, and the checks of managed devices ask about it. no for servers."}},
		Tried: "Agents and a server as processes on Debian, killed in the middle. The agent has not run on a machine with macOS or Windows; what it asks there is parsed from the descriptions of their commands.",
		Read:  readsNothing,
	}
}

// Machine returns the connector of one machine that enrolled.
func Machine() connector.Connector {
	return connector.Connector{
		Name: MachineConnector, Title: "A machine with an agent", Sent: true, Borrows: true, Enrolled: true, Origin: record.Forwarded, Kinds: host.Connector().Kinds,
		Help:        "One machine that reads itself and sends what it found, signed with its own key.",
		Permissions: host.Connector().Permissions,
		Tried:       Group().Tried,
		Read:        readsNothing,
	}
}

func readsNothing(context.Context, connector.Values, connector.Sink) error {
	return fault.New(fault.Invalid, "Nothing is read from a machine that sends.")
}
