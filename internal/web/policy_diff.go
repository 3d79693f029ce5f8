package web

import (
	"regexp"
	"strings"

	"tickmark/internal/markdown"
	"tickmark/internal/web/part"
)

// BlockChange is a paragraph, list item or heading of two texts: the same in both, taken out, put in, or changed.
type BlockChange struct {
	Kind          byte // ' ', '-', '+', '~', and '.' for blocks that are the same and left out
	Before, After string
	Hidden        int // of '.': how many
}

const mostBlocks = 2000

// blockDiff compares two texts by blocks, and pairs what was taken out with what was put in its place. Of what is the same
// it keeps one block on each side of a change.
func blockDiff(before, after string) []BlockChange {
	a, b := markdown.Blocks(before), markdown.Blocks(after)
	if len(a) > mostBlocks || len(b) > mostBlocks {
		return []BlockChange{{Kind: '~', Before: before, After: after}}
	}
	var all []BlockChange
	var gone, come []string
	flush := func() {
		for len(gone) > 0 || len(come) > 0 {
			switch {
			case len(gone) > 0 && len(come) > 0 && (alike(gone[0], come[0]) || len(gone) == len(come)):
				all = append(all, BlockChange{Kind: '~', Before: gone[0], After: come[0]})
				gone, come = gone[1:], come[1:]
			case len(gone) > len(come):
				all = append(all, BlockChange{Kind: '-', Before: gone[0]})
				gone = gone[1:]
			default:
				all = append(all, BlockChange{Kind: '+', After: come[0]})
				come = come[1:]
			}
		}
	}
	longest(a, b, func(kind byte, block string) {
		switch kind {
		case '-':
			gone = append(gone, block)
		case '+':
			come = append(come, block)
		default:
			flush()
			all = append(all, BlockChange{Kind: ' ', Before: block})
		}
	})
	flush()
	return folded(all)
}

// alike says that two blocks share half of their words or more, so that one is a change of the other.
func alike(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	have := map[string]int{}
	for _, w := range x {
		have[w]++
	}
	n := 0
	for _, w := range y {
		if have[w] > 0 {
			have[w]--
			n++
		}
	}
	return 2*n >= min(len(x), len(y)) && n > 0
}

// longest walks through both lists along their longest common part.
func longest(a, b []string, say func(byte, string)) {
	w := len(b) + 1
	table := make([]int32, (len(a)+1)*w)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i*w+j] = table[(i+1)*w+j+1] + 1
			} else {
				table[i*w+j] = max(table[(i+1)*w+j], table[i*w+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			say(' ', a[i])
			i++
			j++
		case i < len(a) && (j == len(b) || table[(i+1)*w+j] >= table[i*w+j+1]):
			say('-', a[i])
			i++
		default:
			say('+', b[j])
			j++
		}
	}
}

// folded leaves out what is the same and stands next to no change.
func folded(all []BlockChange) []BlockChange {
	near := func(i int) bool { return i >= 0 && i < len(all) && all[i].Kind != ' ' }
	var out []BlockChange
	for i, c := range all {
		switch {
		case c.Kind != ' ' || near(i-1) || near(i+1):
			out = append(out, c)
		case len(out) > 0 && out[len(out)-1].Kind == '.':
			out[len(out)-1].Hidden++
		default:
			out = append(out, BlockChange{Kind: '.', Hidden: 1})
		}
	}
	return out
}

// unchanged says that nothing differs.
func unchanged(blocks []BlockChange) bool {
	for _, b := range blocks {
		if b.Kind != '.' && b.Kind != ' ' {
			return false
		}
	}
	return true
}

// pieces are the words of a changed block: kept, taken out, put in. Readers see it without the marks of Markdown; where only
// those differ, and for writers, they stay.
func pieces(c BlockChange, raw bool) []part.Piece {
	before, after := unmarked(c.Before), unmarked(c.After)
	if raw || before == after {
		before, after = c.Before, c.After
	}
	return part.WordDiff(before, after)
}

var (
	clauseMark = regexp.MustCompile(`\s*\{#[A-Z][A-Z0-9 ,\-]*\}`)
	ruleMark   = regexp.MustCompile(`(?m)^\|[\s:|-]+\|\s*\n?`)
	cellMark   = regexp.MustCompile(`\s*\|\s*`)
	leadMark   = regexp.MustCompile(`(?m)^(#{1,6}|>)\s+`)
)

// unmarked is a block without the marks of headings, quotes, tables and clauses.
func unmarked(block string) string {
	out := clauseMark.ReplaceAllString(leadMark.ReplaceAllString(block, ""), "")
	if strings.HasPrefix(block, "|") {
		var rows []string
		for _, row := range strings.Split(strings.TrimSpace(ruleMark.ReplaceAllString(out, "")), "\n") {
			rows = append(rows, cellMark.ReplaceAllString(strings.Trim(row, "| "), " · "))
		}
		return strings.Join(rows, "\n")
	}
	return out
}

// blockText is a block as readers see it, or as writers do.
func blockText(block string, raw bool) string {
	if raw {
		return block
	}
	return unmarked(block)
}
