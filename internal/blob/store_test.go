package blob_test

import (
	"os"
	"path/filepath"
	"testing"

	"tickmark/internal/blob"
	"tickmark/internal/blob/blobtest"
)

func TestADirectoryIsAStore(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) (blob.Store, func(blob.Hash, []byte)) {
		path := filepath.Join(t.TempDir(), "blobs")
		d, err := blob.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return d, func(h blob.Hash, b []byte) {
			if err := os.WriteFile(filepath.Join(path, h.String()[:2], h.String()[2:4], h.String()), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
}
