package host

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"tickmark/internal/connector"
)

// administrator is who may read everything.
const administrator = "root"

func permissions() []connector.Permission {
	return []connector.Permission{{
		Name: administrator,
		Why: "Password states, sudo rules, the SSH daemon's effective settings, who holds a socket, firewall rules and audit rules are " +
			"shown to root only.",
		Kinds: []string{kindAccount + ".password", kindAccount + ".rights", kindSudoRule, kindSSHD, kindSocket + ".programs", kindFirewall, kindLog},
	}}
}

func (m *machine) sections() []func() error {
	return []func() error{m.updates, m.people, m.ssh, m.sockets, m.mounts, m.firewall, m.time, m.services, m.logs, m.baseline, m.protections}
}

func (m *machine) self() error { return m.system() }

func (m *machine) identity() string { return m.linuxID() }

// notRead are the kinds that are not read on this system.
var notRead = linuxUnread

// environment is what commands need beyond a path and a language.
func environment() []string { return nil }

func thisKernel() kernel {
	return kernel{tables: nftTables, clock: kernelClock, owner: ownerOf}
}

// kernelClock asks adjtimex(2), which needs no rights: the kernel calls its clock in step while a time daemon keeps it so.
func kernelClock() (bool, error) {
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	if err != nil {
		return false, fmt.Errorf("ask the kernel's clock: %w", err)
	}
	const unsynchronised, errorState = 0x40, 5 // STA_UNSYNC, TIME_ERROR
	return t.Status&unsynchronised == 0 && state != errorState, nil
}

func ownerOf(path string) (uid, gid int64, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int64(s.Uid), int64(s.Gid), true
}

// nftTables counts the tables of nftables by asking the kernel itself (NFT_MSG_GETTABLE over netlink), which needs root. A
// kernel without nftables answers that there is no such protocol or subsystem, which is the statement that there are none.
func nftTables() (int, error) {
	const (
		netfilter = 12        // NETLINK_NETFILTER
		getTable  = 10<<8 | 1 // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE
	)
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netfilter)
	if err == syscall.EPROTONOSUPPORT || err == syscall.EAFNOSUPPORT {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask the kernel for firewall tables: %w", err)
	}
	defer syscall.Close(fd)
	wait := syscall.NsecToTimeval(int64(2 * time.Second))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait); err != nil {
		return 0, fmt.Errorf("ask the kernel for firewall tables: %w", err)
	}
	msg := make([]byte, 20) // a header and, behind it, family (any), version and resource
	binary.NativeEndian.PutUint32(msg[0:], uint32(len(msg)))
	binary.NativeEndian.PutUint16(msg[4:], getTable)
	binary.NativeEndian.PutUint16(msg[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_DUMP)
	binary.NativeEndian.PutUint32(msg[8:], 1)
	if err := syscall.Sendto(fd, msg, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return 0, fmt.Errorf("ask the kernel for firewall tables: %w", err)
	}
	n := 0
	for buf := make([]byte, 1<<16); ; {
		size, _, err := syscall.Recvfrom(fd, buf, 0)
		if err != nil {
			return 0, fmt.Errorf("ask the kernel for firewall tables: %w", err)
		}
		answers, err := syscall.ParseNetlinkMessage(buf[:size])
		if err != nil {
			return 0, fmt.Errorf("ask the kernel for firewall tables: %w", err)
		}
		for _, a := range answers {
			switch a.Header.Type {
			case syscall.NLMSG_DONE:
				return n, nil
			case syscall.NLMSG_ERROR:
				if len(a.Data) < 4 {
					return 0, fmt.Errorf("ask the kernel for firewall tables: the answer is too short")
				}
				switch code := syscall.Errno(-int32(binary.NativeEndian.Uint32(a.Data))); code {
				case 0:
				case syscall.EPERM, syscall.EACCES:
					return 0, fmt.Errorf("the kernel's firewall tables: %w", fs.ErrPermission)
				case syscall.EINVAL, syscall.EOPNOTSUPP, syscall.ENOENT:
					return 0, nil // no such subsystem
				default:
					return 0, fmt.Errorf("ask the kernel for firewall tables: %w", code)
				}
			default:
				n++
			}
		}
	}
}
