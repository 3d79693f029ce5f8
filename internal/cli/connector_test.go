package cli

import (
	"bytes"
	"encoding/json"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func said(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	var b bytes.Buffer
	code = Main(args, strings.NewReader(""), &b, &b)
	return b.String(), code
}

func TestAConnectorThatWasBegunHolds(t *testing.T) {
	data := t.TempDir()
	if out, code := said(t, "connector", "new", "acme_desk", "--data", data); code != 0 {
		t.Fatal(out)
	}
	file := filepath.Join(data, "connectors", "acme_desk.yaml")
	if out, code := said(t, "connector", "test", file); code != 0 || !strings.Contains(out, "acme_desk_user  2") {
		t.Errorf("%d: %s", code, out)
	}
	if out, code := said(t, "connect", "kinds", "--data", data); code != 0 || !strings.Contains(out, "acme_desk:") || strings.Contains(out, "cannot be used") {
		t.Errorf("the workspace does not offer it: %s", out)
	}
	if out, code := said(t, "connector", "new", "acme_desk", "--data", data); code != 1 || !strings.Contains(out, "left as it is") {
		t.Errorf("it is written over: %d: %s", code, out)
	}
	if out, code := said(t, "connector", "new", "github", "--data", data); code != 1 {
		t.Errorf("a name that is taken: %d: %s", code, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), ", next: {cursor: next, into: cursor}", "", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, code := said(t, "connector", "test", file); code != 1 || !strings.Contains(out, "is not followed") {
		t.Errorf("a page that is not followed: %d: %s", code, out)
	}
	if err := os.Remove(filepath.Join(data, "connectors", "acme_desk.cassette.json")); err != nil {
		t.Fatal(err)
	}
	if out, code := said(t, "connector", "test", file); code != 0 || !strings.Contains(out, "It was not tried") {
		t.Errorf("without a cassette: %d: %s", code, out)
	}
	t.Chdir(data)
	if out, code := said(t, "connector", "new", "acme_desk", "--go"); code != 1 || !strings.Contains(out, "no checkout") {
		t.Errorf("outside of the source: %d: %s", code, out)
	}
}

// The package in Go is laid over the source by an overlay, so that no other test meets it.
func TestAConnectorInGoThatWasBegunCompilesAndConforms(t *testing.T) {
	if os.Getenv("TICKMARK_TEST_HEAVY") == "" {
		t.Skip("it compiles and links a test of its own, some ten seconds: TICKMARK_TEST_HEAVY")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	answers := ""
	tmp, over := t.TempDir(), map[string]string{}
	for name, text := range goConnector("acme_desk", answers) {
		if strings.HasSuffix(name, ".go") {
			at := filepath.Join(tmp, name)
			if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			over[filepath.Join(root, "internal", "connector", "acmedesk", name)] = at
		}
	}
	data := t.TempDir()
	if out, code := said(t, "connector", "new", "acme_desk", "--data", data); code != 0 {
		t.Fatal(out)
	}
	cassette, err := os.ReadFile(filepath.Join(data, "connectors", "acme_desk.cassette.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := makeFile(filepath.Join(tmp, "testdata", "cassette.json"), string(cassette)); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": over})
	if err != nil {
		t.Fatal(err)
	}
	if err := makeFile(filepath.Join(tmp, "overlay.json"), string(overlay)); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", filepath.Join(tmp, "overlay.json"), "-o", filepath.Join(tmp, "conforms"), "tickmark/internal/connector/acmedesk")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := exec.Command(filepath.Join(tmp, "conforms"), "-test.v")
	run.Dir = tmp
	if out, err := run.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestItConforms/reads_everything") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTheFilesOfAConnectorInGoAreFormatted(t *testing.T) {
	for name, text := range goConnector("acme_desk", "{}") {
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		if got, err := format.Source([]byte(text)); err != nil || string(got) != text {
			t.Errorf("%s is not as gofmt writes it: %v", name, err)
		}
	}
}
