//go:build unix

package doctor

import "golang.org/x/sys/unix"

const permissionsUnknown = false

// freeBytes is what this user may still write on the disk of a directory.
func freeBytes(dir string) (int64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
