package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"

	"tickmark/internal/fault"
)

// MaxRatio is how many times larger than its packed form a member of more than Trusted bytes may be. Deflate reaches 1,032.
const (
	MaxRatio = 200
	Trusted  = 1 << 20
)

// Reader is an opened archive of which every byte outside the members' data was compared with what it must be.
type Reader struct {
	r       io.ReaderAt
	Members []Member
	at      map[string]int
}

// Open reads the directory and all headers. The error says what is wrong and at which byte; nothing is unpacked.
func Open(r io.ReaderAt, size int64) (*Reader, error) {
	if size < endSize {
		return nil, broken("The file has %d bytes and is no package.", size)
	}
	if size > MaxSize+endSize {
		return nil, fault.New(fault.TooLarge, "The file is larger than 4 GiB and is no package.")
	}
	tail := make([]byte, endSize)
	if err := readAt(r, tail, size-endSize); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if le.Uint32(tail) != 0x06054b50 {
		return nil, noEnd(r, size)
	}
	members, length, offset := int(le.Uint16(tail[10:])), int64(le.Uint32(tail[12:])), int64(le.Uint32(tail[16:]))
	if offset+length != size-endSize || !bytes.Equal(tail, end(members, length, offset)) {
		return nil, broken("The end record (byte %d) is not as it must be: the package was changed, cut or added to.", size-endSize)
	}
	if members > MaxMembers || length < int64(members)*directorySize || length > int64(members)*(directorySize+MaxName) {
		return nil, broken("The directory (byte %d) has %d bytes for %d files.", offset, length, members)
	}
	dir := make([]byte, length)
	if err := readAt(r, dir, offset); err != nil {
		return nil, err
	}
	a := &Reader{r: r, at: map[string]int{}}
	next := int64(0)
	head := make([]byte, localSize+MaxName)
	folded := map[string]bool{}
	for rest := dir; len(a.Members) < members; {
		where := offset + int64(len(dir)-len(rest))
		if len(rest) < directorySize {
			return nil, broken("The directory (byte %d) ends within a file's entry.", where)
		}
		m := Member{Method: le.Uint16(rest[10:]), CRC: le.Uint32(rest[16:]), Packed: int64(le.Uint32(rest[20:])), Size: int64(le.Uint32(rest[24:])), Offset: int64(le.Uint32(rest[42:]))}
		n := int(le.Uint16(rest[28:]))
		if n > MaxName || len(rest) < directorySize+n {
			return nil, broken("The directory's entry at byte %d has a name of %d bytes.", where, n)
		}
		m.Name = string(rest[directorySize : directorySize+n])
		if !GoodName(m.Name) {
			return nil, broken("The directory's entry at byte %d has the name %q, which a package cannot hold.", where, m.Name)
		}
		if folded[strings.ToLower(m.Name)] {
			return nil, broken("%s is in the package twice.", m.Name)
		}
		folded[strings.ToLower(m.Name)] = true
		if !bytes.Equal(m.directory(nil), rest[:directorySize+n]) {
			return nil, broken("The directory's entry of %s (byte %d) is not as it must be.", m.Name, where)
		}
		if m.Method != Stored && m.Method != Deflated || m.Method == Stored && m.Size != m.Packed {
			return nil, broken("%s is packed in a way (%d) that a package does not use.", m.Name, m.Method)
		}
		if m.Offset != next {
			return nil, broken("%s begins at byte %d, not at %d: something lies between the files.", m.Name, m.Offset, next)
		}
		want := m.local()
		if next += int64(len(want)) + m.Packed; next > offset {
			return nil, broken("%s reaches into the directory.", m.Name)
		}
		if err := readAt(r, head[:len(want)], m.Offset); err != nil {
			return nil, err
		}
		if !bytes.Equal(want, head[:len(want)]) {
			return nil, broken("The header of %s (byte %d) is not what the directory says.", m.Name, m.Offset)
		}
		if m.Size > Trusted && m.Size > MaxRatio*m.Packed {
			return nil, fault.New(fault.TooLarge, "%s would unpack from %d bytes to %d; a package does not hold such files.", m.Name, m.Packed, m.Size)
		}
		a.at[m.Name] = len(a.Members)
		a.Members = append(a.Members, m)
		rest = rest[directorySize+n:]
		if len(a.Members) == members && len(rest) > 0 {
			return nil, broken("%d bytes lie between the directory and its end.", len(rest))
		}
	}
	if next != offset {
		return nil, broken("%d bytes lie between the files and the directory.", offset-next)
	}
	return a, nil
}

// noEnd says whether something follows the end or the end is missing.
func noEnd(r io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 1<<16))
	if err := readAt(r, tail, size-int64(len(tail))); err != nil {
		return err
	}
	if i := bytes.LastIndex(tail, []byte("PK\x05\x06")); i >= 0 && len(tail)-i > endSize {
		return broken("%d bytes follow the end of the archive: the package was added to or changed.", len(tail)-i-endSize)
	}
	head := make([]byte, 4)
	if readAt(r, head, 0) == nil && string(head) != "PK\x03\x04" {
		return broken("The file is no package: it does not begin as a zip file does.")
	}
	return broken("The file ends before the archive does: it was cut short or its end changed.")
}

func broken(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }

func readAt(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		return fault.New(fault.Unavailable, "The package cannot be read at byte %d: %w.", at, err)
	}
	return nil
}

// Member finds a member by name.
func (a *Reader) Member(name string) (Member, bool) {
	i, ok := a.at[name]
	if !ok {
		return Member{}, false
	}
	return a.Members[i], true
}

// Content reads a member's content. At its end Read gives an error instead of io.EOF unless the packed bytes were used up
// and length and CRC agree; Sums is then valid.
type Content struct {
	m        Member
	packed   *packed
	r        io.Reader
	n        int64
	crc      uint32
	sum      hash.Hash
	finished bool
}

// packed hands out the packed bytes and hashes them. It is a ByteReader, so that inflating reads not a byte too many.
type packed struct {
	r   *io.SectionReader
	buf []byte
	off int
	sum hash.Hash
	err error
}

func (p *packed) fill() error {
	if p.off < len(p.buf) || p.err != nil {
		return p.err
	}
	n, err := p.r.Read(p.buf[:cap(p.buf)])
	p.buf, p.off = p.buf[:n], 0
	p.sum.Write(p.buf)
	if n == 0 {
		p.err = err
		return err
	}
	return nil
}

func (p *packed) ReadByte() (byte, error) {
	if err := p.fill(); err != nil {
		return 0, err
	}
	p.off++
	return p.buf[p.off-1], nil
}

func (p *packed) Read(b []byte) (int, error) {
	if err := p.fill(); err != nil {
		return 0, err
	}
	n := copy(b, p.buf[p.off:])
	p.off += n
	return n, nil
}

// Open begins to read a member's content.
func (a *Reader) Open(m Member) *Content {
	p := &packed{r: io.NewSectionReader(a.r, m.Offset+localSize+int64(len(m.Name)), m.Packed), buf: make([]byte, 0, min(64<<10, max(m.Packed, 1))), sum: sha256.New()}
	c := &Content{m: m, packed: p, r: p, sum: sha256.New()}
	if m.Method == Deflated {
		c.r = flate.NewReader(p)
	}
	return c
}

func (c *Content) Read(b []byte) (int, error) {
	if c.finished {
		return 0, io.EOF
	}
	n, err := c.r.Read(b)
	c.n += int64(n)
	if c.n > c.m.Size {
		return 0, broken("%s unpacks to more than the %d bytes it announces.", c.m.Name, c.m.Size)
	}
	c.crc = crc32.Update(c.crc, crc32.IEEETable, b[:n])
	c.sum.Write(b[:n])
	switch {
	case err == io.EOF:
		if err := c.finish(); err != nil {
			return n, err
		}
		return n, io.EOF
	case err != nil:
		return n, broken("%s cannot be unpacked: %w.", c.m.Name, err)
	}
	return n, nil
}

func (c *Content) finish() error {
	c.finished = true
	if _, err := c.packed.ReadByte(); err != io.EOF {
		return broken("Something follows the content of %s within its place.", c.m.Name)
	}
	if c.n != c.m.Size {
		return broken("%s unpacks to %d bytes, it announces %d.", c.m.Name, c.n, c.m.Size)
	}
	if c.crc != c.m.CRC {
		return broken("The checksum of %s does not agree with its content.", c.m.Name)
	}
	return nil
}

// Sums are the SHA-256 of the content and of the packed bytes, once Read has returned io.EOF.
func (c *Content) Sums() (content, packed [32]byte) {
	return [32]byte(c.sum.Sum(nil)), [32]byte(c.packed.sum.Sum(nil))
}

// All reads a small member whole.
func (a *Reader) All(name string, limit int64) ([]byte, error) {
	m, ok := a.Member(name)
	if !ok {
		return nil, broken("%s is missing from the package.", name)
	}
	if m.Size > limit {
		return nil, fault.New(fault.TooLarge, "%s has %d bytes; at most %d are read.", name, m.Size, limit)
	}
	b := make([]byte, 0, m.Size+1)
	c := a.Open(m)
	for {
		n, err := c.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) == cap(b) {
			return nil, fmt.Errorf("read %s: it does not end", name)
		}
	}
}
