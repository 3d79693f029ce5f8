// Package host reads the machine Tickmark runs on: what it is, its accounts and who of them may act as root, the SSH daemon,
// listening sockets, file systems and their encryption, pending updates, firewall, clock, services, logs, kernel settings.
// The one rule: what could not be read is said to be missing and is never taken for "no"; only the machine's own statement
// that there is none counts as none.
//
// It reads only. Commands are run by their full path in the system's own folders, with fixed arguments, without a shell,
// with a limit on time and on output; password hashes are recognised and never handed over. It sees what its own namespaces
// show: in a container, the container.
package host

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// The kinds this connector hands over.
const (
	kindHost          = "host"
	kindAccount       = "host_account"
	kindGroup         = "host_group"
	kindSudoRule      = "host_sudo_rule"
	kindSSHD          = "host_sshd"
	kindSocket        = "host_socket"
	kindMount         = "host_mount"
	kindSwap          = "host_swap"
	kindUpdate        = "host_update"
	kindUpdateState   = "host_update_state"
	kindFirewall      = "host_firewall"
	kindTime          = "host_time"
	kindService       = "host_service"
	kindLog           = "host_log"
	kindKernelSetting = "host_kernel_setting"
	kindFile          = "host_file"
	kindProtection    = "host_protection"
)

// Machine is the kind of the machine itself; its key is what ID tells.
const Machine = kindHost

// ID is a digest of this machine's own id, which names it and gives nothing else away; empty when it has none, as in many
// containers.
func ID(ctx context.Context) string {
	m := &machine{ctx: ctx, out: silent{}, base: "/", user: os.Geteuid(), kernel: thisKernel(),
		exec: func(ctx context.Context, argv []string) answer { return perform(ctx, argv, environment()...) }}
	return m.identity()
}

// silent hears only that something was asked.
type silent struct{ connector.Sink }

func (silent) Exchange(connector.Exchange) connector.Answer { return nil }

// Reads are the kinds that are read on this operating system.
func Reads() []string {
	var out []string
	for _, name := range Connector().KindNames() {
		if !slices.Contains(notRead, name) {
			out = append(out, name)
		}
	}
	return out
}

// GivenID is the value under which Read takes an id for a machine that has none of its own.
const GivenID = "machine"

// Connector returns the connector. It has no settings: the machine is the one it runs on.
func Connector() connector.Connector {
	return connector.Connector{
		Name: "host", Local: true,
		Title: "This machine",
		Help: "Reads the machine Tickmark runs on: system, accounts, SSH, sockets, disks, updates, firewall, clock, services and logs. " +
			"Reads only. Run as " + administrator + " to see all of it.",
		Permissions: permissions(),
		Tried: "Real machines with Debian. What macOS and Windows say is taken from the descriptions of their commands; " +
			"it has not run on a machine of either.",
		Kinds: []record.Kind{
			hostKind(), accountKind(), groupKind(), sudoRuleKind(), sshdKind(), socketKind(), mountKind(), swapKind(), updateKind(),
			updateStateKind(), firewallKind(), timeKind(), serviceKind(), logKind(), kernelSettingKind(), fileKind(), protectionKind(),
		},
		FreshFor: 48 * time.Hour,
		Read:     read,
	}
}

func read(ctx context.Context, v connector.Values, out connector.Sink) error {
	m := &machine{given: v[GivenID], ctx: ctx, out: out, base: "/", user: os.Geteuid(), kernel: thisKernel(),
		exec: func(ctx context.Context, argv []string) answer { return perform(ctx, argv, environment()...) }}
	if err := m.all(m.sections()); err != nil {
		return err
	}
	return m.self()
}

// all reads the sections side by side; some wait for a command while others compute. The first error ends the reading.
func (m *machine) all(sections []func() error) error {
	var wg sync.WaitGroup
	failed := make(chan error, len(sections))
	for _, section := range sections {
		wg.Go(func() { failed <- section() })
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	if err := m.ctx.Err(); err != nil {
		return fmt.Errorf("read this machine: %w", err)
	}
	return nil
}

// unread reports kinds that are not read on this system at all.
func (m *machine) unread(why string, kinds ...string) func() error {
	return func() error {
		for _, k := range kinds {
			m.out.Missing(connector.Gap{Kind: k, Reason: why})
		}
		return nil
	}
}
