package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"github.com/klauspost/compress/flate"

	"tickmark/internal/fault"
	"tickmark/internal/report/archive"
	"tickmark/internal/report/verify"
)

// part is a file of the package under way, packed in a temporary file until everything is known that its header must say.
type part struct {
	name    string
	method  uint16
	dir     string
	f       *os.File
	out     *bufio.Writer
	pack    *flate.Writer // nil: stored
	content sums
	packed  sums
}

type sums struct {
	n   int64
	sum hash.Hash
	crc uint32
}

func (s *sums) Write(b []byte) (int, error) {
	s.n += int64(len(b))
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b)
	return s.sum.Write(b)
}

func newPart(dir, name string, method uint16) (*part, error) {
	f, err := os.CreateTemp(dir, "part-*")
	if err != nil {
		return nil, cannotWrite(err)
	}
	p := &part{name: name, method: method, dir: dir, f: f, content: sums{sum: sha256.New()}, packed: sums{sum: sha256.New()}}
	p.out = bufio.NewWriterSize(io.MultiWriter(f, &p.packed), 64<<10)
	if method == archive.Deflated {
		p.pack, _ = flate.NewWriter(p.out, 5) // the level is one
	}
	return p, nil
}

func cannotWrite(err error) error {
	return fault.New(fault.Unavailable, "The package cannot be written: %w.", err).WithNext("Free some space, or choose another folder.")
}

func (p *part) Write(b []byte) (n int, err error) {
	p.content.Write(b)
	if p.pack != nil {
		n, err = p.pack.Write(b)
	} else {
		n, err = p.out.Write(b)
	}
	if err != nil {
		return n, cannotWrite(err)
	}
	return n, nil
}

// done ends the part. Content that packs better than a reader takes for honest is stored as it is.
func (p *part) done() error {
	if p.pack != nil {
		if err := p.pack.Close(); err != nil {
			return cannotWrite(err)
		}
		p.pack = nil
	}
	if err := p.out.Flush(); err != nil {
		return cannotWrite(err)
	}
	if p.method == archive.Deflated && (p.content.n > archive.Trusted && p.content.n > archive.MaxRatio*p.packed.n || p.packed.n >= p.content.n) {
		stored, err := newPart(p.dir, p.name, archive.Stored)
		if err != nil {
			return err
		}
		if _, err := p.f.Seek(0, io.SeekStart); err != nil {
			return cannotWrite(err)
		}
		if _, err := io.Copy(stored, flate.NewReader(bufio.NewReader(p.f))); err != nil {
			return err
		}
		p.f.Close()
		os.Remove(p.f.Name())
		if err := stored.done(); err != nil {
			return err
		}
		*p = *stored
		return nil
	}
	if err := p.f.Close(); err != nil { // a package may have more files than a process may hold open
		return cannotWrite(err)
	}
	return nil
}

func (p *part) listed() verify.Listed {
	return verify.Listed{Path: p.name, Size: p.content.n, SHA256: hex.EncodeToString(p.content.sum.Sum(nil)),
		Packed: p.packed.n, PackedSHA256: hex.EncodeToString(p.packed.sum.Sum(nil))}
}

func (p *part) into(w *archive.Writer) error {
	f, err := os.Open(p.f.Name())
	if err != nil {
		return cannotWrite(err)
	}
	defer f.Close()
	return w.Add(archive.Member{Name: p.name, Method: p.method, CRC: p.content.crc, Size: p.content.n, Packed: p.packed.n}, f)
}
