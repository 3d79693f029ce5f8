package host

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/connector"
)

// socket is one address a program waits at. Several sockets at one address (a server with many workers) are one object.
type socket struct {
	Protocol  string   `json:"protocol"` // tcp or udp
	Family    string   `json:"family"`   // ipv4 or ipv6
	Address   string   `json:"address"`
	Port      int64    `json:"port"`
	Exposure  string   `json:"exposure"`  // loopback, any or address
	Ephemeral *bool    `json:"ephemeral"` // the port is one the system gives out for a while
	UIDs      []int64  `json:"uids,omitempty"`
	Owners    []string `json:"owners,omitempty"`

	lines  []string
	inodes []string
}

// program is who holds a socket open.
type program struct {
	Name       string `json:"name"`
	Executable string `json:"executable,omitempty"`
	Unit       string `json:"unit,omitempty"`
}

func (s *socket) key() string {
	return s.Protocol + ":" + netip.AddrPortFrom(s.addr(), uint16(s.Port)).String()
}

func (s *socket) addr() netip.Addr { return netip.MustParseAddr(s.Address) }

// parseSockets reads /proc/net/tcp, tcp6, udp or udp6 and returns the sockets that wait for anyone: TCP in state listen, UDP
// bound to a port and connected to nobody.
func parseSockets(protocol string, b []byte) (out []socket, problems []string) {
	waiting := "0A"
	if protocol == "udp" {
		waiting = "07"
	}
	for i, line := range lines(b) {
		f := strings.Fields(line)
		if i == 0 || len(f) == 0 {
			continue // the heading
		}
		if len(f) < 10 {
			problems = append(problems, fmt.Sprintf("line %d of the %s sockets has too few columns", i+1, protocol))
			continue
		}
		if f[3] != waiting {
			continue
		}
		at, ok := address(f[1])
		uid, err := strconv.ParseInt(f[7], 10, 64)
		if !ok || err != nil {
			problems = append(problems, fmt.Sprintf("line %d of the %s sockets has an address or user that is not understood", i+1, protocol))
			continue
		}
		if at.Port() == 0 {
			continue // a raw or unbound socket waits at no port
		}
		a := at.Addr()
		s := socket{Protocol: protocol, Family: "ipv6", Address: a.String(), Port: int64(at.Port()), Exposure: "address",
			UIDs: []int64{uid}, lines: []string{line}, inodes: []string{f[9]}}
		if a.Is4() {
			s.Family = "ipv4"
		}
		switch {
		case a.IsUnspecified():
			s.Exposure = "any"
		case a.Unmap().IsLoopback():
			s.Exposure = "loopback"
		}
		out = append(out, s)
	}
	return out, problems
}

// address reads "0100007F:0016": 32-bit words in the byte order of the machine, which is little-endian on all that are
// supported here, and the port in network order.
func address(s string) (netip.AddrPort, bool) {
	h, p, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(h)
	port, err2 := strconv.ParseUint(p, 16, 16)
	if !ok || err != nil || err2 != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.LittleEndian.Uint32(b[i:]))
	}
	a, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a, uint16(port)), true
}

// merge makes one object of all sockets at one address.
func merge(all []socket) []socket {
	var out []socket
	at := map[string]int{}
	for _, s := range all {
		i, ok := at[s.key()]
		if !ok {
			at[s.key()] = len(out)
			out = append(out, s)
			continue
		}
		o := &out[i]
		o.lines, o.inodes = append(o.lines, s.lines...), append(o.inodes, s.inodes...)
		o.UIDs, o.Owners = append(o.UIDs, s.UIDs...), append(o.Owners, s.Owners...)
	}
	for i := range out {
		slices.Sort(out[i].UIDs)
		out[i].UIDs = slices.Compact(out[i].UIDs)
		slices.Sort(out[i].Owners)
		out[i].Owners = slices.Compact(out[i].Owners)
	}
	slices.SortFunc(out, func(a, b socket) int { return strings.Compare(a.key(), b.key()) })
	return out
}

// parsePortRange reads /proc/sys/net/ipv4/ip_local_port_range.
func parsePortRange(s string) (low, high int64, ok bool) {
	f := strings.Fields(s)
	if len(f) != 2 {
		return 0, 0, false
	}
	low, err1 := strconv.ParseInt(f[0], 10, 32)
	high, err2 := strconv.ParseInt(f[1], 10, 32)
	return low, high, err1 == nil && err2 == nil
}

// sockets reads what this machine listens at, in the network namespace Tickmark runs in.
func (m *machine) sockets() error {
	var all []socket
	var problems []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		b, err := m.file(kindSocket, "/proc/net/"+table)
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(table, "6") {
			continue // a kernel without IPv6
		}
		if err != nil {
			m.missing(kindSocket, "", err)
			return nil
		}
		found, bad := parseSockets(strings.TrimSuffix(table, "6"), b)
		all, problems = append(all, found...), append(problems, bad...)
	}
	low, high, known := parsePortRange(m.peek("/proc/sys/net/ipv4/ip_local_port_range"))
	names := m.names()
	all = merge(all)
	holders, refused := m.holders()
	gap := "The open files of other users' processes may not be read by this user."
	short := false
	for _, s := range all {
		if known {
			s.Ephemeral = ptr(s.Port >= low && s.Port <= high)
		}
		for _, uid := range s.UIDs {
			if n, ok := names[uid]; ok {
				s.Owners = append(s.Owners, n)
			}
		}
		slices.Sort(s.Owners)
		var programs []program
		unheld := false
		for _, inode := range s.inodes {
			unheld = unheld || len(holders[inode]) == 0
			programs = append(programs, holders[inode]...)
		}
		slices.SortFunc(programs, func(a, b program) int {
			return strings.Compare(a.Executable+"\x00"+a.Name+"\x00"+a.Unit, b.Executable+"\x00"+b.Name+"\x00"+b.Unit)
		})
		programs = slices.Compact(programs)
		p := connector.Part{Name: "programs"}
		switch {
		case unheld && refused:
			p.Gap, short = gap, true
		case len(programs) == 0:
			p.Absent = true // held by the kernel itself, as those of a file server are
		default:
			p.JSON = encode(programs)
		}
		if err := m.put(kindSocket, s.key(), s.Protocol+" "+strings.TrimPrefix(s.key(), s.Protocol+":"), []byte(strings.Join(s.lines, "\n")), s, p); err != nil {
			return err
		}
	}
	if short {
		m.out.Missing(connector.Gap{Kind: kindSocket, Part: "programs", Denied: true, Needs: administrator, Reason: gap})
	}
	m.finish(kindSocket, problems)
	return nil
}

// holders maps the inode of each socket to the programs that hold it open; refused when some processes would not show theirs.
func (m *machine) holders() (out map[string][]program, refused bool) {
	out = map[string][]program{}
	begun := time.Now()
	processes, err := m.processes()
	if err != nil {
		return out, true
	}
	n := 0
	for _, pid := range processes {
		dir := m.path("/proc/" + pid + "/fd")
		fds, err := os.ReadDir(dir)
		if err != nil {
			refused = refused || errors.Is(err, fs.ErrPermission)
			continue
		}
		var who *program
		for _, fd := range fds {
			target, err := os.Readlink(dir + "/" + fd.Name())
			inode, ok := strings.CutPrefix(target, "socket:[")
			if err != nil || !ok {
				continue
			}
			n++
			inode = strings.TrimSuffix(inode, "]")
			if who == nil {
				who = m.program(pid)
			}
			if !slices.Contains(out[inode], *who) {
				out[inode] = append(out[inode], *who)
			}
		}
	}
	status := "ok"
	if refused {
		status = "permission denied for some processes"
	}
	m.record(kindSocket, fmt.Sprintf("list /proc/*/fd (%d processes, %d sockets)", len(processes), n), status, nil, begun)
	return out, refused || m.hidden()
}

func (m *machine) program(pid string) *program {
	p := &program{Name: clean(m.peek("/proc/" + pid + "/comm")), Unit: unitOf(m.peek("/proc/" + pid + "/cgroup"))}
	if exe, err := os.Readlink(m.path("/proc/" + pid + "/exe")); err == nil {
		p.Executable = clean(strings.TrimSuffix(exe, " (deleted)"))
	}
	return p
}

// unitOf is the service a process belongs to, from /proc/PID/cgroup; empty when it belongs to none.
func unitOf(cgroup string) string {
	for line := range strings.SplitSeq(cgroup, "\n") {
		f := strings.SplitN(line, ":", 3)
		if len(f) != 3 || f[1] != "" && f[1] != "name=systemd" {
			continue
		}
		for at := f[2]; at != "/" && at != "." && at != ""; at = path.Dir(at) {
			if u := path.Base(at); strings.HasSuffix(u, ".service") && !strings.HasPrefix(u, "user@") {
				return clean(u)
			}
		}
	}
	return ""
}

// processes lists the numbers of the processes that can be seen.
func (m *machine) processes() ([]string, error) {
	entries, err := os.ReadDir(m.path("/proc"))
	if err != nil {
		return nil, plain(err, "/proc")
	}
	var out []string
	for _, e := range entries {
		if n := e.Name(); n[0] >= '1' && n[0] <= '9' {
			out = append(out, n)
		}
	}
	return out, nil
}

// hidden tells whether processes of other users are kept from this one, as hidepid does. Then a process that is not seen may
// still run. Process 1 always runs: who cannot see it does not see all.
func (m *machine) hidden() bool {
	there, err := m.exists("/proc/1/stat")
	return err != nil || !there
}
