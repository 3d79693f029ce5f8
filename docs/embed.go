// Package docs holds the manual, embedded in the binary so that the pages serve what belongs to this release. The one rule: no
// code here.
package docs

import "embed"

// Files holds the manual's pages: *.md, checks/*.md, connect/*.md and decisions/*.md.
//
//go:embed *.md checks/*.md connect/*.md decisions/*.md
var Files embed.FS
