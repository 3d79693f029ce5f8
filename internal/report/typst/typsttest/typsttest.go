// Package typsttest spares tests the making of the PDF engine.
package typsttest

import (
	"os"
	"path/filepath"
)

// Dir is where all tests of this user keep the engine's machine code; "", nowhere, for a user without a directory for caches.
// It belongs to the user alone, for what lies there is run.
func Dir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "tickmark-test")
}
