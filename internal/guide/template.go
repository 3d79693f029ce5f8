package guide

import "slices"

// Template is a policy that is proposed.
type Template struct {
	ID, Title, Sort string
	Controls        []string
	Why             string // when it is needed
	only            []string
}

// Templates are the policies that an examination of some categories needs.
func Templates(categories []string) []Template {
	var out []Template
	for _, t := range templates() {
		if len(t.only) == 0 || slices.ContainsFunc(t.only, func(c string) bool { return slices.Contains(categories, c) }) {
			out = append(out, t)
		}
	}
	return out
}
