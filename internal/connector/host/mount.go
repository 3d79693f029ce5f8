package host

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// mount is a mounted file system that holds files of its own.
type mount struct {
	MountPoint string   `json:"mount_point"`
	Device     string   `json:"device"`
	FSType     string   `json:"fstype"`
	Class      string   `json:"class"` // disk, memory, network or overlay
	Options    []string `json:"options"`
	ReadOnly   bool     `json:"read_only"`
	NoSUID     bool     `json:"nosuid"`
	NoDev      bool     `json:"nodev"`
	NoExec     bool     `json:"noexec"`
	encryption

	number string // major:minor
	line   string
}

// encryption says whether what is written to a device is encrypted by this machine. Encrypted is nil where that cannot be
// told, with the reason.
type encryption struct {
	Encrypted *bool  `json:"encrypted"`
	By        string `json:"encrypted_by,omitempty"`
	Reason    string `json:"encryption_reason,omitempty"`
}

// swap is one area that memory is written out to.
type swap struct {
	Path  string `json:"path"`
	Type  string `json:"type"`
	Class string `json:"class"` // disk or memory
	encryption

	line string
}

var networkFS = []string{"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "lustre", "ocfs2", "gfs2"}

var diskFS = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "reiser4", "bcachefs", "nilfs2", "vfat", "msdos", "exfat", "ntfs",
	"ntfs3", "fuseblk", "hfs", "hfsplus", "apfs", "udf", "erofs", "ubifs", "jffs2", "ecryptfs", "fuse.gocryptfs", "fuse.encfs", "virtiofs", "stratis"}

// sharedTemp are the folders every account may write to; they are often in memory.
var sharedTemp = []string{"/tmp", "/var/tmp", "/dev/shm"}

// parseMounts reads /proc/self/mountinfo and keeps the file systems that hold files: disks, network shares, the root, and
// the shared temporary folders. Of several mounts on one point the last is the one in force.
func parseMounts(b []byte) (out []mount, problems []string) {
	for i, line := range lines(b) {
		left, right, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(left), strings.Fields(right)
		if !ok || len(f) < 6 || len(g) < 2 {
			problems = append(problems, "line "+strconv.Itoa(i+1)+" of the mounts is not understood")
			continue
		}
		mt := mount{MountPoint: clean(unescape(f[4])), FSType: clean(g[0]), Device: clean(unescape(g[1])), number: f[2], line: line}
		super := ""
		if len(g) > 2 {
			super = g[2]
		}
		mt.Class = class(mt)
		if mt.Class == "" {
			continue
		}
		options := strings.Split(clean(f[5]), ",")
		for o := range strings.SplitSeq(clean(super), ",") {
			if o == "ro" || o == "rw" || o == "" || strings.HasPrefix(o, "size=") || strings.HasPrefix(o, "nr_inodes=") {
				continue // the size of a file system in memory follows the machine's memory, and is no rule about the files
			}
			options = append(options, o)
		}
		slices.Sort(options)
		mt.Options = slices.Compact(options)
		mt.ReadOnly = slices.Contains(mt.Options, "ro") || strings.Split(super, ",")[0] == "ro"
		mt.NoSUID, mt.NoDev, mt.NoExec = slices.Contains(mt.Options, "nosuid"), slices.Contains(mt.Options, "nodev"), slices.Contains(mt.Options, "noexec")
		out = slices.DeleteFunc(out, func(o mount) bool { return o.MountPoint == mt.MountPoint })
		out = append(out, mt)
	}
	return out, problems
}

func class(m mount) string {
	switch {
	case slices.Contains(networkFS, m.FSType):
		return "network"
	case slices.Contains(diskFS, m.FSType):
		if strings.HasPrefix(m.Device, "/dev/loop") && m.FSType != "ext4" && m.FSType != "xfs" && m.FSType != "btrfs" {
			return "" // an image of a package
		}
		return "disk"
	case m.FSType == "tmpfs" && (slices.Contains(sharedTemp, m.MountPoint) || m.MountPoint == "/"):
		return "memory"
	case m.FSType == "overlay" && m.MountPoint == "/":
		return "overlay"
	case m.MountPoint == "/" && m.FSType != "rootfs":
		return "overlay" // a root of a sort not known here
	}
	return ""
}

// unescape turns \040 into a blank, as the kernel writes paths.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func parseSwaps(b []byte) (out []swap, problems []string) {
	for i, line := range lines(b) {
		f := strings.Fields(line)
		if i == 0 || len(f) == 0 {
			continue
		}
		if len(f) < 5 {
			problems = append(problems, "line "+strconv.Itoa(i+1)+" of /proc/swaps is not understood")
			continue
		}
		s := swap{Path: clean(unescape(f[0])), Type: clean(f[1]), Class: "disk", line: line}
		if strings.HasPrefix(path.Base(s.Path), "zram") {
			s.Class = "memory"
		}
		out = append(out, s)
	}
	return out, problems
}

// mounts reads file systems and swap areas, and for each whether an encrypting layer lies beneath it.
func (m *machine) mounts() error {
	b, err := m.file(kindMount, "/proc/self/mountinfo")
	if err != nil {
		m.missing(kindMount, "", err)
		m.missing(kindSwap, "", err)
		m.whole.encrypted.gap = because(err)
		return nil
	}
	all, problems := parseMounts(b)
	for _, mt := range all {
		mt.encryption = m.encryption(mt)
		if mt.MountPoint == "/" {
			m.whole.encrypted.is = mt.Encrypted
		}
		if err := m.put(kindMount, mt.MountPoint, mt.MountPoint, []byte(mt.line), mt); err != nil {
			return err
		}
	}
	m.finish(kindMount, problems)

	if b, err = m.file(kindSwap, "/proc/swaps"); err != nil {
		m.missing(kindSwap, "", err)
		return nil
	}
	swaps, problems := parseSwaps(b)
	for _, s := range swaps {
		switch {
		case s.Class == "memory":
			s.Reason = "It stays in memory."
		case s.Type == "partition":
			s.encryption = m.device(m.deviceName(s.Path), 0)
		default:
			s.Reason = "The file system that holds the swap file is not among those mounted."
			if at := holding(all, s.Path); at != nil {
				s.encryption = m.encryption(*at)
			}
		}
		if err := m.put(kindSwap, s.Path, s.Path, []byte(s.line), s); err != nil {
			return err
		}
	}
	m.finish(kindSwap, problems)
	return nil
}

// holding is the mount a path is in.
func holding(all []mount, file string) (at *mount) {
	for i, mt := range all {
		if mt.MountPoint == "/" || file == mt.MountPoint || strings.HasPrefix(file, mt.MountPoint+"/") {
			if at == nil || len(mt.MountPoint) > len(at.MountPoint) {
				at = &all[i]
			}
		}
	}
	return at
}

func (m *machine) encryption(mt mount) encryption {
	switch {
	case mt.Class == "network":
		return encryption{Reason: "The files are on another machine."}
	case mt.Class == "memory":
		return encryption{Reason: "The files are in memory."}
	case mt.Class == "overlay":
		return encryption{Reason: "The root is laid over another file system that is not seen from here."}
	case mt.FSType == "ecryptfs" || mt.FSType == "fuse.gocryptfs" || mt.FSType == "fuse.encfs":
		return encryption{Encrypted: ptr(true), By: mt.FSType}
	case mt.FSType == "zfs":
		return m.zfs(mt.Device)
	case mt.FSType == "virtiofs":
		return encryption{Reason: "The files are on the machine that runs this one."}
	case mt.FSType == "btrfs":
		return m.btrfs(mt)
	}
	name := m.blockName(mt.number)
	if name == "" {
		name = m.deviceName(mt.Device)
	}
	return m.device(name, 0)
}

// zfs asks for the property of a dataset.
func (m *machine) zfs(dataset string) encryption {
	tool := m.command("zfs")
	if tool == "" {
		return encryption{Reason: "The zfs command, which knows, is not installed."}
	}
	if strings.HasPrefix(dataset, "-") {
		return encryption{Reason: "The name of the dataset is not understood."}
	}
	a := m.run(kindMount, tool, "get", "-H", "-o", "value", "encryption", dataset)
	switch value := strings.TrimSpace(string(a.out)); {
	case a.failed != nil || a.exit != 0 || value == "" || value == "-":
		return encryption{Reason: "The zfs command did not answer: " + a.said()}
	case value == "off":
		return encryption{Encrypted: ptr(false)}
	default:
		return encryption{Encrypted: ptr(true), By: "zfs " + value}
	}
}

// btrfs spans devices: all must be encrypted.
func (m *machine) btrfs(mt mount) encryption {
	first := m.deviceName(mt.Device)
	pools, _ := os.ReadDir(m.path("/sys/fs/btrfs"))
	for _, p := range pools {
		devices, err := os.ReadDir(m.path("/sys/fs/btrfs/" + p.Name() + "/devices"))
		if err != nil || !slices.ContainsFunc(devices, func(d os.DirEntry) bool { return d.Name() == first }) {
			continue
		}
		var names []string
		for _, d := range devices {
			names = append(names, d.Name())
		}
		return m.together(names, 0)
	}
	return m.device(first, 0)
}

// blockName is the kernel's name of a block device by its number.
func (m *machine) blockName(number string) string {
	target, err := os.Readlink(m.path("/sys/dev/block/" + number))
	if err != nil {
		return ""
	}
	return path.Base(target)
}

// deviceName is the kernel's name of a device path; /dev/mapper/x is a link to /dev/dm-0.
func (m *machine) deviceName(device string) string {
	if !strings.HasPrefix(device, "/dev/") {
		return ""
	}
	if target, err := os.Readlink(m.path(device)); err == nil {
		return path.Base(target)
	}
	return path.Base(device)
}

// device walks down from a block device: an encrypting layer anywhere below covers all above it.
func (m *machine) device(name string, depth int) encryption {
	dir := "/sys/class/block/" + name
	if there, err := m.exists(dir); name == "" || err != nil || !there || depth > 10 {
		return encryption{Reason: "The device beneath is not known to this system."}
	}
	if uuid := m.peek(dir + "/dm/uuid"); strings.HasPrefix(uuid, "CRYPT-") {
		kind, _, _ := strings.Cut(strings.TrimPrefix(uuid, "CRYPT-"), "-")
		if kind == "VERITY" || kind == "INTEGRITY" {
			return m.beneath(dir, depth)
		}
		return encryption{Encrypted: ptr(true), By: strings.ToLower(clean(kind))}
	}
	return m.beneath(dir, depth)
}

func (m *machine) beneath(dir string, depth int) encryption {
	below, err := os.ReadDir(m.path(dir + "/slaves"))
	if err == nil && len(below) > 0 {
		var names []string
		for _, b := range below {
			names = append(names, b.Name())
		}
		return m.together(names, depth+1)
	}
	base := path.Base(dir)
	if m.peek(dir+"/partition") != "" { // a partition: ask the disk it is part of
		if target, err := os.Readlink(m.path(dir)); err == nil {
			base = path.Base(path.Dir(target))
		}
	}
	if why := m.virtual(base); why != "" {
		return encryption{Reason: why}
	}
	if strings.HasPrefix(base, "loop") {
		return encryption{Reason: "It lies in a file, whose own file system is not followed."}
	}
	return encryption{Encrypted: ptr(false), Reason: "No encrypting layer lies beneath; a drive that encrypts by itself is not recognised."}
}

// together is encrypted when every device is, plain when one is, and unknown otherwise.
func (m *machine) together(names []string, depth int) encryption {
	out := encryption{Encrypted: ptr(true)}
	slices.Sort(names)
	for _, n := range names {
		e := m.device(n, depth)
		switch {
		case e.Encrypted == nil:
			if out.Encrypted == nil || *out.Encrypted {
				out = e
			}
		case !*e.Encrypted:
			out = e
		case out.Encrypted != nil && *out.Encrypted:
			out.By = e.By
		}
	}
	return out
}

// virtual says why a disk's encryption cannot be seen from inside: another system provides the disk.
func (m *machine) virtual(disk string) string {
	dir := "/sys/class/block/" + disk
	vendor, model := m.peek(dir+"/device/vendor"), m.peek(dir+"/device/model")
	provided := vendor == "0x1af4" || strings.HasPrefix(disk, "xvd") || strings.HasPrefix(disk, "nbd") || strings.HasPrefix(disk, "rbd")
	for _, sign := range []string{"QEMU", "VBOX", "VMware", "Virtual", "Msft", "Amazon Elastic Block Store", "Amazon EC2", "Google", "nvme_card", "PersistentDisk", "DigitalOcean", "OPC"} {
		provided = provided || strings.Contains(vendor, sign) || strings.Contains(model, sign)
	}
	if !provided {
		return ""
	}
	return "The disk is virtual; whether its provider encrypts it cannot be seen from inside."
}
