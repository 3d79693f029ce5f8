// Package content holds the compliance library as data: criteria, starter controls, checks and policies, embedded in the binary. The
// one rule: no code here; the rooms that own a format read and judge it.
package content

import "embed"

// Framework holds framework/*.yaml, the criteria.
//
//go:embed framework/*.yaml
var Framework embed.FS

// Control holds control/*.yaml, the starter controls.
//
//go:embed control/*.yaml
var Control embed.FS

// Check holds check/<subject>/*.yaml, one file a check.
//
//go:embed check
var Check embed.FS

// Policy holds policy/*.md, the templates of policies, and policy/standards.yaml, the numbers and names they refer to.
//
//go:embed policy
var Policy embed.FS

// Mapping holds mapping/*.yaml, the controls that rules of other tools speak for.
//
//go:embed mapping/*.yaml
var Mapping embed.FS

// Risk holds risk/threats.yaml, common threats to begin from.
//
//go:embed risk/*.yaml
var Risk embed.FS

// Description holds description/template.yaml, what the parts of a system description begin from.
//
//go:embed description/template.yaml
var Description embed.FS

// Training holds training/*.md, modules to begin from, with their questions.
//
//go:embed training/*.md
var Training embed.FS
