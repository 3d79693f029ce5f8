package guide

import (
	"slices"

	"tickmark/internal/policy"
)

// Templates are the policies that an examination of some categories needs.
func Templates(categories []string) []policy.Template {
	library, err := policy.Templates()
	if err != nil {
		return nil // they come with the binary, and a test reads them
	}
	var out []policy.Template
	for _, t := range library.Templates {
		if t.Category == "" || slices.Contains(categories, t.Category) {
			out = append(out, t)
		}
	}
	return out
}
