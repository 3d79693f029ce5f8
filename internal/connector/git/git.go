// Package git reads one repository on this machine: its branches, tags, every commit, and whether the files that govern
// change (code owners, security policy, pipelines, lock files) are there. The one rule: the repository is data and perhaps
// hostile; only the git command reads it, with fixed arguments, no hook, no helper, no pager and no network, and every
// commit's bytes are hashed here and must match the name under which git gave them.
//
// Not handled: whether a signature is valid. That needs keys this package does not have, so a commit says only that it
// carries a signature and of which sort; no field says verified, and a check that asks for one answers unknown.
//
// State kept between runs: a hash over every ref, the remotes and what the repository is, and the commit the default
// branch stood at. An equal hash proves that nothing changed, because every object is named by its content.
package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// Connector returns the connector; its settings are path and branch.
func Connector() connector.Connector {
	return connector.Connector{
		Name: "git", Local: true,
		Title: "Git repository",
		Help: "Reads a git repository on this machine: branches, tags, every commit with author, committer, time and signature, " +
			"and the files that govern change. Reads only; it never fetches.",
		Settings: []connector.Setting{
			{Name: "path", Title: "Path", Help: "The repository's folder, or any folder within it.", Default: "."},
			{Name: "branch", Title: "Main branch", Help: "The branch that releases are made from. Detected when empty: what the remote " +
				"calls its head, else main, master or trunk, else the branch in use."},
		},
		Permissions: []connector.Permission{{
			Name: "read", Why: "The user Tickmark runs as must be able to read the repository's folder, and git must trust its owner.",
			Kinds: []string{KindRepository, KindBranch, KindTag, KindCommit, KindFile},
		}},
		Tried: "Real repositories, made and read with git itself in every test run.",
		Kinds: []record.Kind{repositoryKind(), branchKind(), tagKind(), commitKind(), fileKind()},
		Read:  read,
	}
}

// reading is one run over one repository.
type reading struct {
	git  *command
	out  connector.Sink
	repo repository
	refs refs
	skip map[string]bool // kinds proven unchanged
	last state           // of the last complete run; zero at first
}

// state is what is kept for the next run.
type state struct {
	Version int    `json:"version"`
	Digest  string `json:"digest"`
	Default string `json:"default"` // the commit the default branch stood at; empty when there was none
	Branch  string `json:"branch"`  // the default branch's full ref
}

const stateVersion = 1

func read(ctx context.Context, v connector.Values, out connector.Sink) error {
	path := v["path"]
	if path == "" {
		path = "."
	}
	r := &reading{out: out, skip: map[string]bool{}}
	var err error
	if r.git, err = newCommand(path, out); err != nil {
		return err
	}
	if r.repo, err = r.git.open(ctx, path); err != nil {
		return err
	}
	if r.refs, err = r.git.readRefs(ctx); err != nil {
		return err
	}
	r.repo.chooseDefault(r.refs, v["branch"])

	now := state{Version: stateVersion, Digest: r.digest(), Default: r.repo.defaultHead, Branch: r.repo.defaultRef}
	if kept := out.State(); kept != nil {
		if json.Unmarshal(kept, &r.last) != nil || r.last.Version != stateVersion {
			r.last = state{}
		}
	}
	if r.last.Digest == now.Digest {
		for _, kind := range []string{KindRepository, KindBranch, KindTag, KindFile, KindCommit} {
			r.skip[kind] = out.Unchanged(kind, "")
		}
	}
	for _, part := range []struct {
		kind string
		read func(context.Context) error
	}{
		{KindRepository, r.readRepository},
		{KindBranch, r.readBranches},
		{KindTag, r.readTags},
		{KindFile, r.readFiles},
		{KindCommit, r.readCommits},
	} {
		if r.skip[part.kind] {
			continue
		}
		if err := part.read(ctx); err != nil {
			return err
		}
	}
	kept, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("keep git state: %w", err)
	}
	out.SetState(kept)
	return nil
}

// digest hashes everything that this package's answer depends on besides the objects themselves, which refs name by content.
func (r *reading) digest() string {
	h := sha256.New()
	repo, err := json.Marshal(r.repo.body())
	if err != nil { // a struct of strings and booleans always encodes
		panic(err)
	}
	fmt.Fprintf(h, "%d\n%s\n%s\n%s\n", stateVersion, repo, r.repo.defaultRef, r.repo.defaultHead)
	h.Write(r.refs.raw)
	for _, w := range r.refs.warnings {
		fmt.Fprintln(h, w)
	}
	for _, t := range watched() {
		fmt.Fprintln(h, t.name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// missing reports one kind as not read.
func (r *reading) missing(kind, part, format string, args ...any) {
	r.out.Missing(connector.Gap{Kind: kind, Part: part, Reason: clean(fmt.Sprintf(format, args...))})
}

// encode is JSON without the escaping meant for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// sortedKeys are a map's keys in order.
func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// clean makes text from a repository fit for one line of a message, a label or a database.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s))
}

// cut shortens text to at most n runes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	i := 0
	for at := range s {
		if i == n {
			return s[:at] + "…"
		}
		i++
	}
	return s
}
