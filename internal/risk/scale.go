package risk

// Scale names the scale by which risks are rated, so that a rating of the past can be computed again by the scale of its time.
const Scale = "5x5, 1"

// Accepted is the highest level that needs no decision of an executive: what lies above it is treated, or accepted by one for a time.
const Accepted = "medium"

// levels from the mildest; each reaches up to its highest rating.
var levels = []struct {
	name string
	upTo int
}{{"low", 4}, {"medium", 9}, {"high", 16}, {"critical", 25}}

// Rate is the product of likelihood and impact, each from 1 to 5; 0 where one of them is not on the scale.
func Rate(likelihood, impact int) int {
	if likelihood < 1 || likelihood > 5 || impact < 1 || impact > 5 {
		return 0
	}
	return likelihood * impact
}

// Level is the word for a rating; empty for none.
func Level(rating int) string {
	for _, l := range levels {
		if rating >= 1 && rating <= l.upTo {
			return l.name
		}
	}
	return ""
}

// Above reports whether a rating lies above the accepted level.
func Above(rating int) bool {
	for _, l := range levels {
		if l.name == Accepted {
			return rating > l.upTo
		}
	}
	return true
}

// Levels are the words of the scale, the mildest first.
func Levels() []string {
	var out []string
	for _, l := range levels {
		out = append(out, l.name)
	}
	return out
}
