// Package archive is the zip profile of packages. The one rule: for given members there is exactly one sequence of bytes
// around them, so a reader rebuilds every header and compares; any zip program opens it, and nothing can hide between.
//
// Members stand one after the other from the first byte, each a local header without extra fields and its data, then the
// central directory in the same order, then its end record, which is the end of the file. No comments, no times (all
// members bear 1 January 1980), no data descriptors, no encryption, no zip64: at most 4 GiB and 65,534 members.
package archive

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"tickmark/internal/fault"
)

// How a member's data stand in the archive.
const (
	Stored   = uint16(0)
	Deflated = uint16(8)
)

// Limits of the profile.
const (
	MaxMembers = 65_534
	MaxSize    = 1<<32 - 2 // of the archive, and of a member in either form
	MaxName    = 200
)

// Member is one file in the archive.
type Member struct {
	Name   string // letters, digits and ._- in parts divided by /
	Method uint16
	CRC    uint32 // CRC-32 (IEEE) of the content
	Size   int64  // of the content
	Packed int64  // bytes in the archive
	Offset int64  // of its local header
}

const (
	localSize     = 30
	directorySize = 46
	endSize       = 22
	date1980      = 1<<5 | 1
)

func (m Member) local() []byte {
	b := make([]byte, 0, localSize+len(m.Name))
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x04034b50)
	b = m.common(b)
	b = le.AppendUint16(b, uint16(len(m.Name)))
	b = le.AppendUint16(b, 0) // extra
	return append(b, m.Name...)
}

// common is what both headers say: version needed, flags, method, time, date, CRC and sizes.
func (m Member) common(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint16(b, 20)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, m.Method)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, date1980)
	b = le.AppendUint32(b, m.CRC)
	b = le.AppendUint32(b, uint32(m.Packed))
	return le.AppendUint32(b, uint32(m.Size))
}

func (m Member) directory(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x02014b50)
	b = le.AppendUint16(b, 20) // made by
	b = m.common(b)
	b = le.AppendUint16(b, uint16(len(m.Name)))
	b = append(b, make([]byte, 12)...) // extra, comment, disk, internal and external attributes
	b = le.AppendUint32(b, uint32(m.Offset))
	return append(b, m.Name...)
}

func end(members int, size, offset int64) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0x06054b50)
	b = le.AppendUint32(b, 0) // disks
	b = le.AppendUint16(b, uint16(members))
	b = le.AppendUint16(b, uint16(members))
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint32(b, uint32(offset))
	return le.AppendUint16(b, 0)
}

// GoodName reports whether the profile takes a name: relative, without ".." or anything a file system could read otherwise.
func GoodName(name string) bool {
	if name == "" || len(name) > MaxName {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || part[len(part)-1] == '.' {
			return false
		}
		for _, c := range []byte(part) {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
				return false
			}
		}
	}
	return true
}

// Writer writes an archive front to back.
type Writer struct {
	w       io.Writer
	at      int64
	members []Member
	names   map[string]bool
}

// NewWriter begins an archive.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w, names: map[string]bool{}} }

// Add writes a member whose packed bytes r gives. Name, Method, CRC, Size and Packed are the caller's.
func (w *Writer) Add(m Member, r io.Reader) error {
	if !GoodName(m.Name) || w.names[strings.ToLower(m.Name)] {
		return fmt.Errorf("add %q to the archive: not a name, or there already", m.Name)
	}
	if len(w.members) == MaxMembers {
		return fault.New(fault.TooLarge, "The package would have more than %d files.", MaxMembers).WithNext("Make it for fewer kinds.")
	}
	m.Offset = w.at
	if m.Size > MaxSize || w.at+localSize+int64(len(m.Name))+m.Packed > MaxSize {
		return fault.New(fault.TooLarge, "The package would be larger than 4 GiB.").WithNext("Make it for fewer kinds.")
	}
	w.names[strings.ToLower(m.Name)] = true
	head := m.local()
	if _, err := w.w.Write(head); err != nil {
		return err
	}
	n, err := io.Copy(w.w, r)
	if err != nil {
		return err
	}
	if n != m.Packed {
		return fmt.Errorf("add %s to the archive: %d bytes came, %d were announced", m.Name, n, m.Packed)
	}
	w.at += int64(len(head)) + n
	w.members = append(w.members, m)
	return nil
}

// Close writes the directory.
func (w *Writer) Close() error {
	b := directoryOf(w.members)
	if w.at+int64(len(b)) > MaxSize {
		return fault.New(fault.TooLarge, "The package would be larger than 4 GiB.").WithNext("Make it for fewer kinds.")
	}
	b = append(b, end(len(w.members), int64(len(b)), w.at)...)
	_, err := w.w.Write(b)
	return err
}

func directoryOf(members []Member) []byte {
	var b []byte
	for _, m := range members {
		b = m.directory(b)
	}
	return b
}

// CRC is the checksum that Member.CRC takes.
func CRC(b []byte) uint32 { return crc32.ChecksumIEEE(b) }
