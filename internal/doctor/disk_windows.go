package doctor

import "golang.org/x/sys/windows"

const permissionsUnknown = true // they are not in the mode of a file

// freeBytes is what this user may still write on the disk of a directory.
func freeBytes(dir string) (int64, bool) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, false
	}
	return int64(free), true
}
