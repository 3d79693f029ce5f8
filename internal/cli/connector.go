package cli

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tickmark/internal/connector"
	"tickmark/internal/connector/declared"
	"tickmark/internal/fault"
	"tickmark/internal/workspace"
)

type connectorCommand struct {
	New  connectorNew  `cmd:"" help:"Begin a connector of your own: a YAML file in the workspace's connectors folder, with answers to try it with."`
	Test connectorTest `cmd:"" help:"Read a connector's file, and try it with recorded answers, without a network and without a workspace."`
}

type connectorNew struct {
	Name string `arg:"" help:"What it is called, in small letters, digits and _."`
	Go   bool   `help:"In a checkout of Tickmark's source: a package in Go, with a cassette and the test that all connectors pass."`
}

func (c *connectorNew) Run(s *session) error {
	text, answers, err := declared.New(c.Name)
	if err != nil {
		return err
	}
	files := map[string]string{c.Name + ".yaml": text, c.Name + ".cassette.json": answers}
	dir := filepath.Join(s.flags.Data, "connectors")
	if c.Go {
		if dir, err = sourceFolder(c.Name); err != nil {
			return err
		}
		files = goConnector(c.Name, answers)
	} else if info, err := os.Stat(s.flags.Data); err != nil || !info.IsDir() {
		return fault.New(fault.NotFound, "There is no workspace in %s.", s.flags.Data).WithNext("Name its directory with --data.")
	}
	if !c.Go && slices.ContainsFunc(workspace.Connectors(), func(k connector.Connector) bool { return k.Name == c.Name }) {
		return fault.New(fault.Conflict, "There is a connector %s already.", c.Name).WithNext("Choose another name.")
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := makeFile(filepath.Join(dir, filepath.FromSlash(name)), files[name]); err != nil {
			return err
		}
		s.fact("%s", filepath.Join(dir, filepath.FromSlash(name)))
	}
	if c.Go {
		s.say("Try it with go test ./internal/connector/%s. Then name it in internal/workspace, and write docs anew: go test ./internal/cli -run Manual -update.", c.Name)
		return nil
	}
	s.say("Change it to what your service answers, and try it with tickmark connector test %s. Start Tickmark again to use it.", filepath.Join(dir, c.Name+".yaml"))
	return nil
}

// makeFile writes a file that is not there yet.
func makeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fault.New(fault.Unavailable, "%s cannot be made: %w.", filepath.Dir(path), err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fault.New(fault.Conflict, "%s is there already, and is left as it is.", path).WithNext("Choose another name, or take it away.")
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fault.New(fault.Unavailable, "%s cannot be written: %w.", path, err)
	}
	return nil
}

// sourceFolder is where a connector's package belongs in the checkout that this runs in.
func sourceFolder(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(b), "module tickmark\n") {
			return filepath.Join(dir, "internal", "connector", strings.ReplaceAll(name, "_", "")), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fault.New(fault.NotFound, "This is no checkout of Tickmark's source.").WithNext("Run it in one, or leave --go out: a file of YAML needs no source.")
		}
		dir = up
	}
}

type connectorTest struct {
	File     string            `arg:"" type:"existingfile" help:"The connector's YAML file."`
	Cassette string            `type:"existingfile" placeholder:"FILE" help:"Recorded answers: JSON, by request the answer's body. NAME.cassette.json beside the file when left out."`
	Set      map[string]string `placeholder:"K=V" help:"A setting to try it with, where an invented one will not do."`
}

func (c *connectorTest) Run(s *session) error {
	kinds, err := workspace.Kinds()
	if err != nil {
		return err
	}
	k, err := declared.Check(c.File, workspace.Connectors(), kinds.All())
	if err != nil {
		return fault.New(fault.Invalid, "%s cannot be used: %s", c.File, sentenceOf(err))
	}
	at := c.Cassette
	if at == "" {
		at = strings.TrimSuffix(c.File, filepath.Ext(c.File)) + ".cassette.json"
	}
	cassette, err := readFile(at, 8<<20)
	if errors.Is(err, os.ErrNotExist) && c.Cassette == "" {
		s.fact("%s can be used: %d kinds", k.Name, len(k.Kinds))
		s.say("It was not tried: there is no %s with recorded answers.", at)
		return nil
	}
	if err != nil {
		return unreadable(at, err)
	}
	t, err := declared.Try(s, k, cassette, c.Set)
	if err != nil {
		return err
	}
	if s.flags.JSON {
		if err := s.writeJSON(t); err != nil {
			return err
		}
	} else {
		for _, name := range slices.Sorted(maps.Keys(t.Read)) {
			s.fact("%s  %d", name, t.Read[name])
		}
		for _, p := range t.Problems {
			s.fact("problem  %s", printable(p))
		}
	}
	if n := len(t.Problems); n > 0 {
		return fault.New(fault.Invalid, "%s does not hold: %d %s.", k.Name, n, word(n == 1, "problem", "problems"))
	}
	s.say("%s reads everything on its cassette in %d questions, and says what is refused.", k.Name, t.Asked)
	return nil
}

func sentenceOf(err error) string {
	if f := (*fault.Fault)(nil); errors.As(err, &f) {
		return f.Error()
	}
	return err.Error() + "."
}

// goConnector are the files of a package that reads what the YAML to begin from reads.
func goConnector(name, answers string) map[string]string {
	pkg := strings.ReplaceAll(name, "_", "")
	fill := strings.NewReplacer("PKG", pkg, "NAME", name).Replace
	return map[string]string{pkg + ".go": fill(goPackage), pkg + "_test.go": fill(goTest), "testdata/cassette.json": answers}
}
