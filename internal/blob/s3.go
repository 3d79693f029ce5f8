package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"

	"tickmark/internal/bucket"
	"tickmark/internal/fault"
)

// S3 is a bucket of blobs, each under its hash. What is being kept passes through a file of the machine first, for S3 wants to
// know the hash beforehand.
type S3 struct{ b *bucket.Bucket }

// OpenAt opens the directory, or with an address s3://… the bucket instead.
func OpenAt(dir, address string) (Store, error) {
	if address == "" {
		return Open(dir)
	}
	b, err := bucket.Open(address)
	if err != nil {
		return nil, err
	}
	return &S3{b}, nil
}

// Put is Store's.
func (s *S3) Put(ctx context.Context, r io.Reader, limit int64) (Hash, int64, error) {
	cannotKeep := func(err error) error {
		return fault.New(fault.Unavailable, "The file cannot be kept on this machine on its way to %s: %w.", s.b, err).WithNext("Nothing was kept; free some space and try again.")
	}
	t, err := os.CreateTemp("", "tickmark-*")
	if err != nil {
		return Hash{}, 0, cannotKeep(err)
	}
	defer os.Remove(t.Name())
	defer t.Close()
	h, size, err := spool(ctx, t, r, limit, cannotKeep)
	if err != nil {
		return Hash{}, 0, err
	}
	if err := s.b.Put(ctx, h.String(), t, size, h, false); err != nil {
		return Hash{}, 0, err
	}
	return h, size, nil
}

// Open is Store's.
func (s *S3) Open(h Hash) (io.ReadCloser, int64, error) {
	r, size, err := s.b.Get(context.Background(), h.String())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fault.New(fault.NotFound, "The file %s is not in %s.", h, s.b).WithNext("Restore it from the backup that belongs to the database.")
	}
	if err != nil {
		return nil, 0, err
	}
	return &verified{f: r, want: h, sum: sha256.New(), next: "Restore it from a backup, or from an older version of the object."}, size, nil
}

// Has is Store's.
func (s *S3) Has(h Hash) (bool, error) {
	_, err := s.b.Size(context.Background(), h.String())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Each is Store's.
func (s *S3) Each(fn func(Hash, int64) error) error {
	return s.b.Each(context.Background(), func(key string, size int64) error {
		h, err := Parse(key)
		if err != nil {
			return nil // not ours
		}
		return fn(h, size)
	})
}

// Remove is Store's. In a bucket that keeps older versions the bytes stay, which is an error: they were to be destroyed.
func (s *S3) Remove(h Hash) error {
	kept, err := s.b.Remove(context.Background(), h.String())
	if err == nil && kept {
		err = fault.New(fault.Unavailable, "%s keeps older versions, so that the bytes of %s are still there.", s.b, h).WithNext("Delete every version of that object, and do not let the bucket of files keep versions.")
	}
	return err
}

func (s *S3) String() string { return s.b.String() }
