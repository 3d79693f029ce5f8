package internal

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tickmark/content"
	"tickmark/internal/check"
	"tickmark/internal/workspace"
)

// spoilt is an operator of an expectation and what it is mistaken for.
var spoilt = map[string]string{"&&": "||", "||": "&&", "==": "!=", "!=": "==", "<=": ">", ">=": "<", "<": ">=", ">": "<=", "!": ""}

var operator = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|&&|\|\||==|!=|<=|>=|<|>|!`)

// mutants are an expectation as somebody might have written it by mistake: turned round as a whole, and with each operator mistaken
// for its opposite.
func mutants(expect string) []string {
	out := []string{"!(" + expect + ")"}
	for _, at := range operator.FindAllStringIndex(expect, -1) {
		if other, ok := spoilt[expect[at[0]:at[1]]]; ok {
			out = append(out, expect[:at[0]]+other+expect[at[1]:])
		}
	}
	return out
}

// The examples of each check catch it when it says the opposite. With TICKMARK_TEST_HEAVY each operator is mistaken too, and what no
// example catches is told: of the library's most is, and not all can be, for some mistakes change nothing that can be there.
func TestExamplesCatchWhatIsMistaken(t *testing.T) {
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	words, err := check.ShippedVocabulary(kinds.All()...)
	if err != nil {
		t.Fatal(err)
	}
	heavy := os.Getenv("TICKMARK_TEST_HEAVY") != ""
	checks, tried, caught := 0, 0, 0
	err = fs.WalkDir(content.Check, "check", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(file) != ".yaml" {
			return err
		}
		data, err := fs.ReadFile(content.Check, file)
		if err != nil {
			return err
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(data, &doc); err != nil {
			return err
		}
		root := doc.Content[0]
		at := slices.IndexFunc(root.Content, func(n *yaml.Node) bool { return n.Value == "expect" })
		expect := root.Content[at+1]
		checks++
		all := mutants(expect.Value)
		if !heavy {
			all = all[:1]
		}
		for i, m := range all {
			was := *expect
			expect.Value, expect.Style = m, yaml.DoubleQuotedStyle
			text, err := yaml.Marshal(&doc)
			*expect = was
			if err != nil {
				return err
			}
			switch _, err := check.Read(words, check.Rules{}, file, text); {
			case err != nil && strings.Contains(err.Error(), "the example "):
				tried++
				caught++
			case err != nil && i > 0: // it is none that loads
			case i == 0:
				t.Errorf("%s: its examples hold when it says the opposite: %v", file, err)
			default:
				tried++
				t.Logf("%s: its examples hold with\n%s", file, m)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d checks; of %d mistakes their examples catch %d", checks, tried, caught)
}
