// Package blob keeps bytes under their SHA-256, in a directory or in a bucket of S3. The one rule: what is handed out was read in
// full and has the hash it was asked by, or is an error.
//
// Directory and bucket are trusted for durability only: what changed there is noticed on reading and never served as whole.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"tickmark/internal/fault"
)

// Hash is the SHA-256 of some bytes; its text is 64 lower-case hexadecimal digits.
type Hash [sha256.Size]byte

// Of returns the hash of b.
func Of(b []byte) Hash { return sha256.Sum256(b) }

// Parse reads a hash from its text, and accepts only what String writes.
func Parse(s string) (Hash, error) {
	var h Hash
	n, err := hex.Decode(h[:], []byte(s[:min(len(s), 2*len(h))]))
	if err != nil || n != len(h) || h.String() != s {
		return Hash{}, fault.New(fault.Invalid, "%q is not a SHA-256: 64 digits from 0 to 9 and a to f are.", s)
	}
	return h, nil
}

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes the text form.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the text form.
func (h *Hash) UnmarshalText(b []byte) (err error) {
	*h, err = Parse(string(b))
	return err
}

// Store keeps bytes under their hash. It is safe for concurrent use, by several processes too.
type Store interface {
	// Put keeps what r holds and returns its hash and size. More than limit bytes are refused with fault.TooLarge and nothing
	// is kept. When Put has returned the bytes last; if it is killed before, nothing or the whole is there under the hash.
	Put(ctx context.Context, r io.Reader, limit int64) (Hash, int64, error)

	// Open returns a reader of h and its size; fault.NotFound when nothing is kept under h. The reader's last Read returns an error
	// instead of io.EOF when the bytes turn out not to be those of h: a caller that passes bytes on as they come must let its own
	// reader notice that (with a length announced and the connection cut, HTTP does).
	Open(h Hash) (io.ReadCloser, int64, error)

	// Remove destroys the bytes of h, for erasure; the caller knows that no record needs them any more. What is not there is
	// no error.
	Remove(h Hash) error

	Has(h Hash) (bool, error)                     // without reading the bytes
	Each(fn func(h Hash, size int64) error) error // every blob that is kept, in order
	String() string                               // where it is, for a person
}

// Get returns the bytes of h, at most limit of them (fault.TooLarge beyond).
func Get(s Store, h Hash, limit int64) ([]byte, error) {
	r, size, err := s.Open(h)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if size > limit {
		return nil, fault.New(fault.TooLarge, "The file %s has %s; at most %s can be read at once.", h, bytesText(size), bytesText(limit))
	}
	return io.ReadAll(r)
}

// Dir is a directory of blobs. It is safe for concurrent use, by several processes too.
type Dir struct{ path string }

const (
	unfinished = "unfinished"   // the folder of writes under way, on the same file system as the rest
	abandoned  = 24 * time.Hour // a write this old belongs to a process that died
)

// Open makes the directory where it is missing and clears what a killed process left half written.
func Open(path string) (*Dir, error) {
	d := &Dir{path}
	if err := os.MkdirAll(filepath.Join(path, unfinished), 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "The folder of files, %s, cannot be made: %w.", path, err).WithNext("Check that you own it and that the disk is writable.")
	}
	left, err := os.ReadDir(filepath.Join(path, unfinished))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The folder of files, %s, cannot be read: %w.", path, err).WithNext("Check who owns it.")
	}
	for _, e := range left {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > abandoned {
			os.Remove(filepath.Join(path, unfinished, e.Name()))
		}
	}
	return d, nil
}

// Put is Store's. When it has returned the bytes survive a power cut.
func (d *Dir) Put(ctx context.Context, r io.Reader, limit int64) (Hash, int64, error) {
	t, err := os.CreateTemp(filepath.Join(d.path, unfinished), "")
	if err != nil {
		return Hash{}, 0, d.cannotKeep(err)
	}
	defer os.Remove(t.Name()) // gone already when all went well
	defer t.Close()
	h, size, err := spool(ctx, t, r, limit, d.cannotKeep)
	if err != nil {
		return Hash{}, 0, err
	}
	if err := errors.Join(t.Sync(), t.Close()); err != nil {
		return Hash{}, 0, d.cannotKeep(err)
	}
	if err := d.place(t.Name(), d.file(h)); err != nil {
		return Hash{}, 0, d.cannotKeep(err)
	}
	return h, size, nil
}

// String is the directory's path.
func (d *Dir) String() string { return d.path }

// spool writes what r holds to a file and hashes it.
func spool(ctx context.Context, t *os.File, r io.Reader, limit int64, cannotKeep func(error) error) (Hash, int64, error) {
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(onDisk{t}, sum), io.LimitReader(untilDone{ctx, r}, max(limit, 0)+1))
	if disk := (*diskError)(nil); errors.As(err, &disk) {
		return Hash{}, 0, cannotKeep(disk.err)
	}
	if err != nil {
		return Hash{}, 0, fmt.Errorf("read the bytes to keep: %w", err)
	}
	if size > limit {
		return Hash{}, 0, fault.New(fault.TooLarge, "The file is larger than %s.", bytesText(limit)).WithNext("Nothing was kept; hand over a smaller file, or a link to it.")
	}
	return Hash(sum.Sum(nil)), size, nil
}

// place moves the finished file under its name and makes the names durable, the folders' own too. It replaces a file that
// is there already, which holds the same bytes or is damaged.
func (d *Dir) place(temp, to string) error {
	leaf := filepath.Dir(to)
	if err := os.MkdirAll(leaf, 0o700); err != nil {
		return err
	}
	if err := os.Rename(temp, to); err != nil {
		return err
	}
	for _, dir := range []string{leaf, filepath.Dir(leaf), d.path} {
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

// Open is Store's.
func (d *Dir) Open(h Hash) (io.ReadCloser, int64, error) {
	f, err := os.Open(d.file(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fault.New(fault.NotFound, "The file %s is not in the folder of files, %s.", h, d.path).WithNext("Restore that folder from the backup that belongs to the database.")
	}
	if err != nil {
		return nil, 0, fault.New(fault.Unavailable, "The file %s cannot be read: %w.", h, err).WithNext("Check who owns the folder of files.")
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("measure %s: %w", f.Name(), err)
	}
	return &verified{f: f, want: h, sum: sha256.New(), next: "Restore it from a backup."}, info.Size(), nil
}

// Each is Store's.
func (d *Dir) Each(fn func(Hash, int64) error) error {
	return filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return d.cannotKeep(err)
		}
		if e.IsDir() {
			if e.Name() == unfinished && filepath.Dir(path) == d.path {
				return fs.SkipDir
			}
			return nil
		}
		h, err := Parse(e.Name())
		if err != nil || path != d.file(h) {
			return nil // not ours
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // erased a moment ago
		}
		if err != nil {
			return d.cannotKeep(err)
		}
		return fn(h, info.Size())
	})
}

// Has is Store's.
func (d *Dir) Has(h Hash) (bool, error) {
	_, err := os.Stat(d.file(h))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Remove is Store's.
func (d *Dir) Remove(h Hash) error {
	to := d.file(h)
	if err := os.Remove(to); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fault.New(fault.Unavailable, "The file %s cannot be removed: %w.", h, err).WithNext("Check who owns the folder of files.")
	}
	return syncFolder(filepath.Dir(to))
}

// file is the name of h, fanned out over 65,536 folders.
func (d *Dir) file(h Hash) string {
	s := h.String()
	return filepath.Join(d.path, s[:2], s[2:4], s)
}

func (d *Dir) cannotKeep(err error) error {
	return fault.New(fault.Unavailable, "The file cannot be kept in %s: %w.", d.path, err).WithNext("Nothing was kept; free some space or check who owns the folder, and try again.")
}

// verified hashes what it reads and compares at the end.
type verified struct {
	f    io.ReadCloser
	want Hash
	sum  hash.Hash
	next string
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.f.Read(p)
	v.sum.Write(p[:n])
	if err == io.EOF && Hash(v.sum.Sum(nil)) != v.want {
		return n, fault.New(fault.Unavailable, "The file %s was changed or damaged where it is kept: its bytes have another hash.", v.want).WithNext("%s", v.next)
	}
	return n, err
}

func (v *verified) Close() error { return v.f.Close() }

// untilDone ends reading when the context does.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// onDisk marks errors of writing, so that they are not taken for errors of what is being read.
type onDisk struct{ w io.Writer }

type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }

func (o onDisk) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		err = &diskError{err}
	}
	return n, err
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // has no such thing; NTFS journals names
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func bytesText(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			s := fmt.Sprintf("%.1f", float64(n)/float64(u.size))
			return strings.TrimSuffix(s, ".0") + " " + u.name
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
