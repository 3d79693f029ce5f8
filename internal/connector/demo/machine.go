package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tickmark/internal/connector"
)

type object = map[string]any

// machineKinds are the kinds that a read of the machines vouches for, also where there is nothing of them.
func machineKinds() []string {
	return []string{"host", "host_account", "host_group", "host_sudo_rule", "host_sshd", "host_socket", "host_mount", "host_swap", "host_update", "host_update_state",
		"host_firewall", "host_time", "host_service", "host_log", "host_kernel_setting", "host_file"}
}

func (w *World) host(i int) Host {
	switch i {
	case 0:
		return Host{Name: "web-1", Ports: []int{443}, Data: "/srv"}
	case 1:
		return Host{Name: "database-1", Data: "/var/lib/postgresql"}
	case 2:
		return Host{Name: "build-1", Data: "/var/lib/build"}
	}
	if i%2 == 1 {
		return Host{Name: fmt.Sprintf("web-%d", i/2+1), Ports: []int{443}, Data: "/srv"}
	}
	return Host{Name: fmt.Sprintf("worker-%d", i/2-1), Data: "/var/lib/worker"}
}

func (w *World) readMachines(ctx context.Context, out connector.Sink) error {
	now := out.Now().UTC()
	if w.Outage().Holds(now) {
		return errors.New("the machines did not answer within 30 seconds")
	}
	for _, k := range machineKinds() {
		for _, h := range w.Hosts {
			out.Complete(k, h.Name)
		}
	}
	for i, h := range w.Hosts {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := &machine{w: w, out: out, host: h, i: i, now: now, day: Day(now)}
		if err := m.read(); err != nil {
			return err
		}
		asked(out, "host", h.Name, m.said)
	}
	return nil
}

// machine is one machine being read.
type machine struct {
	w    *World
	out  connector.Sink
	host Host
	i    int
	now  time.Time
	day  time.Time
	said []byte
	err  error
}

func (m *machine) put(kind, key, label string, body object, parts ...connector.Part) {
	if m.err != nil {
		return
	}
	raw, err := json.Marshal(body)
	if err != nil {
		m.err = err
		return
	}
	if key = m.host.Name + "/" + key; kind == "host" {
		key = m.host.Name
	}
	m.said = append(m.said, raw...)
	m.err = m.out.Item(connector.Item{Kind: kind, Key: key, Scope: m.host.Name, Raw: raw, Label: label, Parts: parts})
}

// last reports whether it is the machine that others forget.
func (m *machine) last() bool { return m.i == len(m.w.Hosts)-1 }

// patched is the last day on which the machine took its updates: the second Tuesday of each month, as planned.
func (m *machine) patched() time.Time {
	at := func(year int, month time.Month) time.Time {
		first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		return first.AddDate(0, 0, (int(time.Tuesday)-int(first.Weekday())+7)%7+7)
	}
	if t := at(m.day.Year(), m.day.Month()); !t.After(m.day) {
		return t
	}
	before := time.Date(m.day.Year(), m.day.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1)
	return at(before.Year(), before.Month())
}

func (m *machine) read() error {
	late := m.w.LatePatches().Holds(m.now) && (m.i == 0 || m.last())
	open := m.i == 0 && m.w.OpenFirewall().Holds(m.now)
	sum := sha256.Sum256(fmt.Append(nil, "machine", m.w.Seed, m.host.Name))
	patched := m.patched()
	m.put("host", "", m.host.Name, object{
		"account_sources": []string{"files", "systemd"}, "architecture": "amd64", "booted": patched.Add(3 * time.Hour), "codename": "bookworm", "distribution": "debian",
		"encrypted": true, "firewall": !open, "hostname": m.host.Name, "kernel": fmt.Sprintf("6.1.0-%d-amd64", 20+monthsBetween(m.w.Begin, patched)),
		"machine": hex.EncodeToString(sum[:16]), "name": "Debian GNU/Linux 12 (bookworm)", "os": "linux", "updated": !late, "version": "12", "virtualisation": "kvm",
	})
	m.accounts()
	m.network(open)
	m.disks()
	pending, security := 0, 0
	if late {
		pending, security = 7, 3
	}
	m.put("host_update_state", "apt", "apt on "+m.host.Name, object{"automatic": true, "lists_updated": m.day.Add(-time.Duration(m.day.YearDay()%2) * 24 * time.Hour), "manager": "apt", "pending": pending,
		"security_pending": security, "reboot_required": m.i == 2 && m.w.AwaitsReboot().Holds(m.now)})
	adrift := m.i == 2 && m.w.Drift().Holds(m.now)
	clock := object{"synchronised": !adrift, "service": "chrony", "offset_below_ms": 1}
	if adrift {
		clock["offset_below_ms"] = 10000
	}
	m.put("host_time", "clock", "Clock of "+m.host.Name, clock)
	m.logs()
	m.settings()
	return m.err
}

func monthsBetween(a, b time.Time) int {
	return (b.Year()-a.Year())*12 + int(b.Month()) - int(a.Month())
}

func (m *machine) accounts() {
	password := func(day time.Time) object {
		return object{"account_expired": false, "account_expires": nil, "changed": day.Format(time.DateOnly), "empty": false, "inactive_days": nil, "locked": true,
			"max_days": 99999, "min_days": 0, "must_change": false, "set": false, "warn_days": 7}
	}
	installed := m.w.Begin.AddDate(-1, 0, 0)
	for i, name := range []string{"root", "daemon", "www-data", "sshd"} {
		uid := []int{0, 1, 33, 104}[i]
		rights := object{"admin": uid == 0, "by": []string{}, "nopasswd": false, "sudo": false}
		if uid == 0 {
			rights = object{"admin": true, "by": []string{"user number 0"}, "nopasswd": false, "sudo": false}
		}
		m.account(name, object{"full_name": name, "gid": uid, "groups": []string{name}, "home": "/", "login_shell": false, "name": name, "password": password(installed),
			"shell": "/usr/sbin/nologin", "system": true, "uid": uid}, rights)
	}
	if m.i == 2 && m.w.SpareRoot().Holds(m.now) { // what builds things needs a way to become root, somebody thought
		m.account("builder", object{"full_name": "Build agent", "gid": 990, "groups": []string{"builder"}, "home": "/var/lib/build", "login_shell": false, "name": "builder",
			"password": password(installed), "shell": "/usr/sbin/nologin", "system": true, "uid": 990}, object{"admin": true, "by": []string{"sudo: builder"}, "nopasswd": true, "sudo": true})
		m.put("host_sudo_rule", "builder", "builder ALL=(ALL) NOPASSWD: ALL", object{"rule": "builder ALL=(ALL) NOPASSWD: ALL", "tool": "sudo", "who": "builder", "who_kind": "user", "except": []string{},
			"hosts": []string{"ALL"}, "run_as": []string{"ALL"}, "as_root": true, "commands": []string{"ALL"}, "all_commands": true, "nopasswd": true, "denies": false, "files": []string{"/etc/sudoers.d/builder"}})
	}
	for _, n := range m.w.Accounts(m.i, m.now) {
		p := m.w.People[n]
		seen := m.day.AddDate(0, 0, -(m.day.YearDay()+n*3)%28) // the day is told to the month or so, as a login record is
		if seen.Before(p.Start) {
			seen = p.Start
		}
		if !p.End.IsZero() && seen.After(p.End) {
			seen = p.End
		}
		admin := n == PlatformEngineer || n == ITLead
		rights := object{"admin": false, "by": []string{}, "nopasswd": false, "sudo": false}
		if admin {
			rights = object{"admin": true, "by": []string{"group sudo"}, "nopasswd": false, "sudo": true}
		}
		m.account(p.Login, object{"full_name": p.Name, "gid": 1000 + n, "groups": []string{p.Login}, "home": "/home/" + p.Login, "login_shell": true, "login_recorded": true, "last_login": seen.Add(9 * time.Hour),
			"last_login_on": seen.Format(time.DateOnly), "name": p.Login, "password": password(p.Start), "shell": "/bin/bash", "system": false, "uid": 1000 + n}, rights)
	}
	m.put("host_group", "sudo", "sudo on "+m.host.Name, object{"gid": 27, "name": "sudo", "members": []string{m.w.People[ITLead].Login, m.w.People[PlatformEngineer].Login}})
	m.put("host_sudo_rule", "sudo", "%sudo ALL=(ALL:ALL) ALL", object{"rule": "%sudo ALL=(ALL:ALL) ALL", "tool": "sudo", "who": "%sudo", "who_kind": "group", "except": []string{}, "hosts": []string{"ALL"},
		"run_as": []string{"ALL"}, "as_root": true, "commands": []string{"ALL"}, "all_commands": true, "nopasswd": false, "denies": false, "files": []string{"/etc/sudoers"}})
}

// account hands over an account with its rights as a part of their own, which a machine may refuse to show.
func (m *machine) account(name string, body, rights object) {
	part := connector.Part{Name: "rights"}
	if m.i == 1 && m.w.Denied().Holds(m.now) {
		part.Gap = "permission denied: /etc/sudoers"
	} else if part.JSON, m.err = json.Marshal(rights); m.err != nil {
		return
	}
	m.put("host_account", name, name+" on "+m.host.Name, body, part)
}

func (m *machine) network(open bool) {
	policy := "drop"
	if open {
		policy = "accept"
	}
	m.put("host_firewall", "input", "Incoming packets of "+m.host.Name, object{"active": true, "default_ipv4": policy, "default_ipv6": policy, "ipv6": true, "asked": []string{"kernel"}, "managers": []string{"ufw"},
		"chains": []object{{"layer": "nftables", "table": "filter", "name": "INPUT", "family": "inet", "policy": policy, "default": policy, "rules": 9}}})
	for _, port := range append([]int{22}, m.host.Ports...) {
		unit, owner := "ssh.service", "root"
		if port == 443 {
			unit, owner = "nginx.service", "www-data"
		}
		m.put("host_socket", fmt.Sprintf("tcp:0.0.0.0:%d", port), fmt.Sprintf("tcp 0.0.0.0:%d of %s", port, m.host.Name), object{"address": "0.0.0.0", "ephemeral": false, "exposure": "any", "family": "ipv4",
			"owners": []string{owner}, "port": port, "programs": []object{{"name": unit, "executable": "/usr/sbin/" + unit, "unit": unit}}, "protocol": "tcp", "uids": []int{0}})
	}
	if m.host.Data == "/var/lib/postgresql" {
		m.put("host_socket", "tcp:127.0.0.1:5432", "tcp 127.0.0.1:5432 of "+m.host.Name, object{"address": "127.0.0.1", "ephemeral": false, "exposure": "loopback", "family": "ipv4", "owners": []string{"postgres"}, "port": 5432,
			"programs": []object{{"name": "postgres", "executable": "/usr/lib/postgresql/15/bin/postgres", "unit": "postgresql.service"}}, "protocol": "tcp", "uids": []int{107}})
	}
	m.put("host_sshd", "sshd", "SSH daemon of "+m.host.Name, object{"installed": true, "running": true, "permit_root_login": "no", "password_authentication": m.last() && m.w.Passwords().Holds(m.now),
		"kbd_interactive_authentication": false, "permit_empty_passwords": false, "pubkey_authentication": true, "hostbased_authentication": false, "gssapi_authentication": false, "use_pam": true, "strict_modes": true,
		"ignore_rhosts": "yes", "permit_user_environment": "no", "authentication_methods": "any", "ports": []int{22}, "listen_addresses": []string{"0.0.0.0:22"}, "max_auth_tries": 3, "max_sessions": 10,
		"max_startups": "10:30:100", "login_grace_time": 30, "client_alive_interval": 300, "client_alive_count_max": 2, "x11_forwarding": false, "allow_tcp_forwarding": "no", "allow_agent_forwarding": false,
		"permit_tunnel": "no", "gateway_ports": "no", "log_level": "VERBOSE", "banner": "none", "subsystems": []string{"sftp"}, "ciphers": []string{"chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"},
		"macs": []string{"hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com"}, "kex_algorithms": []string{"sntrup761x25519-sha512@openssh.com", "curve25519-sha256"},
		"host_key_algorithms": []string{"ssh-ed25519"}, "pubkey_algorithms": []string{"ssh-ed25519"}, "required_rsa_size": 3072, "authorized_keys_file": []string{".ssh/authorized_keys"}, "overrides": []object{}})
}

func (m *machine) disks() {
	mount := func(point, device, kind, class string, encrypted any, safe bool) {
		m.put("host_mount", point, point+" of "+m.host.Name, object{"class": class, "device": device, "encrypted": encrypted, "encrypted_by": map[bool]any{true: "LUKS", false: nil}[encrypted == true], "fstype": kind,
			"mount_point": point, "nodev": safe, "noexec": false, "nosuid": safe, "options": []string{"rw", "relatime"}, "read_only": false})
	}
	mount("/", "/dev/mapper/root", "ext4", "disk", true, false)
	mount("/tmp", "tmpfs", "tmpfs", "memory", nil, true)
	mount("/dev/shm", "tmpfs", "tmpfs", "memory", nil, true)
	mount(m.host.Data, "/dev/mapper/data", "ext4", "disk", !(m.i == 1 && m.w.PlainDisk().Holds(m.now)), true)
}

func (m *machine) logs() {
	m.put("host_log", "journald", "Journal of "+m.host.Name, object{"component": "journald", "installed": true, "active": true, "persistent": true, "retention": "1year", "forwards_to": []string{}})
	m.put("host_log", "syslog", "System log of "+m.host.Name, object{"component": "syslog", "installed": true, "active": true, "forwards_to": []string{"logs.example.com:6514"}})
	m.put("host_log", "auditd", "Audit daemon of "+m.host.Name, object{"component": "auditd", "installed": true, "active": true, "rules": 42, "rules_locked": true, "forwards_to": nil})
	for _, s := range [][2]string{{"ssh.service", "OpenBSD Secure Shell server"}, {"auditd.service", "Security Auditing Service"}, {"clamav-daemon.service", "Virus scanner"}, {"chrony.service", "NTP client/server"}} {
		m.put("host_service", s[0], s[0]+" of "+m.host.Name, object{"unit": s[0], "description": s[1], "running": true, "active": true, "failed": false, "loaded": true, "enabled": "enabled", "starts_by_itself": true})
	}
}

func (m *machine) settings() {
	for _, s := range [][2]string{{"kernel.randomize_va_space", "2"}, {"fs.suid_dumpable", "0"}, {"fs.protected_symlinks", "1"}, {"fs.protected_hardlinks", "1"},
		{"net.ipv4.conf.all.accept_source_route", "0"}, {"net.ipv4.conf.all.accept_redirects", "0"}, {"net.ipv6.conf.all.accept_redirects", "0"}, {"net.ipv4.conf.all.send_redirects", "0"}} {
		m.put("host_kernel_setting", s[0], s[0]+" of "+m.host.Name, object{"name": s[0], "value": s[1]})
	}
	for _, f := range []struct {
		path, mode, kind string
		readable, sticky bool
	}{
		{"/etc/passwd", "0644", "file", true, false}, {"/etc/shadow", "0640", "file", false, false}, {"/etc/sudoers", "0440", "file", false, false}, {"/etc/ssh/sshd_config", "0600", "file", false, false},
		{"/etc/ssh/ssh_host_ed25519_key", "0600", "file", false, false}, {"/tmp", "1777", "directory", true, true}, {"/root", "0700", "directory", false, false},
	} {
		m.put("host_file", f.path, f.path+" of "+m.host.Name, object{"path": f.path, "exists": true, "type": f.kind, "mode": f.mode, "owner": "root", "uid": 0, "gid": 0, "group_writable": f.mode == "1777",
			"other_readable": f.readable, "other_writable": f.mode == "1777", "sticky": f.sticky})
	}
	for _, p := range []string{"/etc/ld.so.preload", "/etc/hosts.equiv"} {
		m.put("host_file", p, p+" of "+m.host.Name, object{"path": p, "exists": false})
	}
}
