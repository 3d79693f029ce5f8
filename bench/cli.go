package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The programs that are compared, in the versions that are compared.
const (
	opaProgram      = "github.com/open-policy-agent/opa@v1.22.2"
	conftestProgram = "github.com/open-policy-agent/conftest@v0.71.1"
)

// program gives the path of a Go program in dir, installing it there when it is not; why says that it cannot be had.
func program(dir, module string) (path, why string) {
	name, version, _ := strings.Cut(filepath.Base(module), "@")
	path = filepath.Join(dir, name+"-"+version)
	if _, err := os.Stat(path); err == nil {
		return path, ""
	}
	fmt.Fprintf(os.Stderr, "installing %s into %s, once; this takes minutes\n", module, dir)
	install := exec.Command("go", "install", module)
	install.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	install.Dir = os.TempDir() // outside of every module
	if out, err := install.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return "", fmt.Sprintf("go install %s: %s", module, lines[len(lines)-1])
	}
	if err := os.Rename(filepath.Join(dir, name), path); err != nil {
		return "", err.Error()
	}
	return path, ""
}

// run runs a program and gives what it printed and the processor time it took.
func run(path string, args ...string) ([]byte, time.Duration, error) {
	cmd := exec.Command(path, args...)
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		return nil, 0, fmt.Errorf("%s %s: %w: %.300s%.300s", filepath.Base(path), args[0], err, failed.String(), out)
	}
	return out, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// opaEval asks the program once for each kind, with all its records in one list.
func opaEval(bin, dir string, most int, docs []doc) (engine, error) {
	e := engine{name: "opa eval", how: "the program, once for each kind, with all records in one list", most: most}
	path, why := program(bin, opaProgram)
	if e.skip = why; why != "" {
		return e, nil
	}
	places := map[string][]int{}
	bodies := map[string][]json.RawMessage{}
	for i, d := range docs[:min(most, len(docs))] {
		places[d.kind] = append(places[d.kind], i)
		bodies[d.kind] = append(bodies[d.kind], d.body)
	}
	file := func(kind, end string) string { return filepath.Join(dir, "opa-"+kind+end) }
	for _, k := range kinds {
		j, err := json.Marshal(bodies[k.Name])
		if err != nil {
			return e, err
		}
		if err := os.WriteFile(file(k.Name, ".json"), j, 0o600); err != nil {
			return e, err
		}
		if err := os.WriteFile(file(k.Name, ".rego"), []byte(module(k.Name, true, false)), 0o600); err != nil {
			return e, err
		}
	}
	e.judge = func(docs []doc, out []bool) (spent time.Duration, err error) {
		clear(out)
		for _, k := range kinds {
			printed, took, err := run(path, "eval", "--format", "raw", "--input", file(k.Name, ".json"), "--data", file(k.Name, ".rego"), "data.bench."+k.Name+".pass")
			if err != nil {
				return 0, err
			}
			spent += took
			var passes [][2]any
			if err := json.Unmarshal(printed, &passes); err != nil {
				return 0, fmt.Errorf("opa eval printed %.200s: %w", printed, err)
			}
			for _, p := range passes {
				for j, r := range rulesOf(k.Name) {
					if r.id == p[0] {
						out[places[k.Name][int(p[1].(float64))]*perKind+j] = true
					}
				}
			}
		}
		return spent, nil
	}
	return e, nil
}

// conftest asks the program once for each kind, with a file for each record, as it is meant to be used.
func conftest(bin, dir string, most int, docs []doc) (engine, error) {
	e := engine{name: "conftest", how: "the program, once for each kind, with a file for each record", most: most}
	path, why := program(bin, conftestProgram)
	if e.skip = why; why != "" {
		return e, nil
	}
	for _, k := range kinds {
		if err := os.MkdirAll(filepath.Join(dir, k.Name), 0o700); err != nil {
			return e, err
		}
		if err := os.WriteFile(filepath.Join(dir, "conftest-"+k.Name+".rego"), []byte(module(k.Name, false, true)), 0o600); err != nil {
			return e, err
		}
	}
	for i, d := range docs[:min(most, len(docs))] {
		if err := os.WriteFile(filepath.Join(dir, d.kind, strconv.Itoa(i)+".json"), d.body, 0o600); err != nil {
			return e, err
		}
	}
	e.judge = func(docs []doc, out []bool) (spent time.Duration, err error) {
		for i := range out {
			out[i] = false
		}
		for _, k := range kinds {
			printed, took, err := run(path, "test", "--no-fail", "--output", "json", "--policy", filepath.Join(dir, "conftest-"+k.Name+".rego"), "--namespace", "bench."+k.Name, filepath.Join(dir, k.Name))
			if err != nil {
				return 0, err
			}
			spent += took
			var files []struct {
				Filename string
				Failures []struct{ Msg string }
			}
			if err := json.Unmarshal(printed, &files); err != nil {
				return 0, fmt.Errorf("conftest printed %.200s: %w", printed, err)
			}
			for _, f := range files {
				i, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(f.Filename), ".json"))
				if err != nil {
					return 0, err
				}
				for j, r := range rulesOf(k.Name) {
					out[i*perKind+j] = true
					for _, failure := range f.Failures {
						if failure.Msg == r.id {
							out[i*perKind+j] = false
						}
					}
				}
			}
		}
		return spent, nil
	}
	return e, nil
}
