package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// kernelSetting is one value under /proc/sys, as it is in force.
type kernelSetting struct {
	Name  string `json:"name"` // as sysctl writes it
	Value string `json:"value"`
}

// criticalFile is a file on which the security of the machine rests: who owns it and who may do what with it.
type criticalFile struct {
	Path          string `json:"path"`
	Exists        bool   `json:"exists"`
	Type          string `json:"type,omitempty"` // file or directory
	Mode          string `json:"mode,omitempty"` // four octal digits
	Owner         string `json:"owner,omitempty"`
	UID           *int64 `json:"uid,omitempty"`
	GID           *int64 `json:"gid,omitempty"`
	GroupWritable *bool  `json:"group_writable,omitempty"`
	OtherReadable *bool  `json:"other_readable,omitempty"`
	OtherWritable *bool  `json:"other_writable,omitempty"`
	Sticky        *bool  `json:"sticky,omitempty"`
}

// settings of the kernel that published hardening guides agree on; those a kernel does not have are left out.
var kernelSettings = []string{
	"fs.protected_fifos", "fs.protected_hardlinks", "fs.protected_regular", "fs.protected_symlinks", "fs.suid_dumpable",
	"kernel.core_pattern", "kernel.dmesg_restrict", "kernel.kptr_restrict", "kernel.perf_event_paranoid", "kernel.randomize_va_space",
	"kernel.sysrq", "kernel.unprivileged_bpf_disabled", "kernel.yama.ptrace_scope",
	"net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.all.accept_source_route", "net.ipv4.conf.all.log_martians", "net.ipv4.conf.all.rp_filter",
	"net.ipv4.conf.all.secure_redirects", "net.ipv4.conf.all.send_redirects", "net.ipv4.conf.default.accept_source_route",
	"net.ipv4.conf.default.accept_redirects", "net.ipv4.icmp_echo_ignore_broadcasts", "net.ipv4.ip_forward", "net.ipv4.tcp_syncookies",
	"net.ipv6.conf.all.accept_redirects", "net.ipv6.conf.all.accept_source_route", "net.ipv6.conf.all.forwarding",
}

var criticalFiles = []string{
	"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/doas.conf", "/etc/ssh/sshd_config",
	"/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key", "/etc/crontab", "/etc/cron.d", "/etc/hosts.equiv",
	"/etc/ld.so.preload", "/etc/pam.d", "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/root", "/tmp", "/var/tmp", "/var/log",
}

// modeOf reads the permissions of a file.
func modeOf(path string, info fs.FileInfo) criticalFile {
	p := info.Mode()
	mode := uint32(p.Perm())
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if p&flag != 0 {
			mode |= bit
		}
	}
	f := criticalFile{Path: path, Exists: true, Type: "file", Mode: fmt.Sprintf("%04o", mode), GroupWritable: ptr(mode&0o020 != 0),
		OtherReadable: ptr(mode&0o004 != 0), OtherWritable: ptr(mode&0o002 != 0), Sticky: ptr(mode&0o1000 != 0)}
	if p.IsDir() {
		f.Type = "directory"
	}
	return f
}

// baseline reads the settings of the kernel and the permissions of critical files.
func (m *machine) baseline() error {
	var problems []string
	for _, name := range kernelSettings {
		path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
		b, err := m.file(kindKernelSetting, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			problems = append(problems, because(err))
			continue
		}
		if err := m.put(kindKernelSetting, name, name, b, kernelSetting{name, clean(strings.TrimSpace(string(b)))}); err != nil {
			return err
		}
	}
	m.finish(kindKernelSetting, problems)

	names, begun := m.names(), time.Now()
	var found []criticalFile
	var said []byte
	for _, path := range criticalFiles {
		f := criticalFile{Path: path}
		info, err := os.Stat(m.path(path))
		switch {
		case err == nil:
			f = modeOf(path, info)
			if uid, gid, ok := m.owner(m.path(path)); ok {
				f.UID, f.GID, f.Owner = &uid, &gid, names[uid]
			}
		case errors.Is(err, fs.ErrNotExist):
		default:
			m.missing(kindFile, "", plain(err, path))
			return nil
		}
		found, said = append(found, f), append(append(said, encode(f)...), '\n')
	}
	m.record(kindFile, "stat "+strings.Join(criticalFiles, " "), "ok", said, begun)
	for _, f := range found {
		if err := m.put(kindFile, f.Path, f.Path, encode(f), f); err != nil {
			return err
		}
	}
	m.out.Complete(kindFile, "")
	return nil
}
