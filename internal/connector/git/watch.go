package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"tickmark/internal/connector"
)

// thing is something a repository should have, known by the paths of its files. It is handed over whether it is there or
// not, so that its absence is a stated fact.
type thing struct {
	name, title string
	match       *regexp.Regexp // whole path; the first file by the order of its text is the one in force
	order       []string       // folders in order of precedence, "" for the root
	comments    bool           // a line that begins with # says nothing
}

// watched are the things, each recognised as the tool that reads it would: names that a tool reads exactly are exact.
func watched() []thing {
	return []thing{
		{name: "code_owners", title: "Code owners", match: regexp.MustCompile(`^(\.github/|\.gitlab/|\.gitea/|\.forgejo/|docs/)?CODEOWNERS$`),
			order: []string{".github", ".gitlab", ".gitea", ".forgejo", "", "docs"}, comments: true},
		{name: "security_policy", title: "Security policy",
			match: regexp.MustCompile(`(?i)^(\.github/|\.gitlab/|docs/)?SECURITY(\.md|\.txt|\.rst|\.adoc)?$|^(public/|static/)?\.well-known/security\.txt$`),
			order: []string{".github", "", "docs", ".gitlab"}},
		{name: "ci", title: "CI definition", match: regexp.MustCompile(`^(\.(github|gitea|forgejo)/workflows/[^/]+\.ya?ml|\.gitlab-ci\.yml|\.ci/run|Jenkinsfile|` +
			`\.circleci/config\.yml|\.?azure-pipelines\.ya?ml|\.azure-pipelines/[^/]+\.ya?ml|\.travis\.yml|bitbucket-pipelines\.yml|\.drone\.ya?ml|` +
			`\.buildkite/pipeline\.ya?ml|\.woodpecker\.ya?ml|\.woodpecker/[^/]+\.ya?ml|\.?appveyor\.yml|cloudbuild\.(ya?ml|json)|buildspec\.ya?ml|` +
			`\.semaphore/semaphore\.yml|\.cirrus\.yml|\.builds/[^/]+\.yml|\.build\.yml|\.teamcity/settings\.kts)$`)},
		{name: "licence", title: "Licence", match: regexp.MustCompile(`(?i)^((LICEN[CS]E|COPYING|UNLICEN[CS]E)([-.][A-Za-z0-9.+-]+)?|LICENSES/[^/]+)$`)},
		{name: "dependency_updates", title: "Dependency updates", match: regexp.MustCompile(`^(\.github/dependabot\.ya?ml|(\.github/|\.gitlab/)?renovate\.json5?|` +
			`\.renovaterc(\.json5?)?)$`)},
		{name: "secret_file", title: "Files named like secrets", match: regexp.MustCompile(`(^|/)(\.env(\.(local|prod|production|staging|dev|development))?|` +
			`id_(rsa|dsa|ecdsa|ed25519)|[^/]+\.(p12|pfx|ppk|kdbx|jks|keystore|tfstate|tfstate\.backup)|\.netrc|\.pypirc|\.htpasswd|\.pgpass|\.git-credentials)$`)},
	}
}

// ecosystem is a way to declare dependencies: the manifest, and the files any of which pins what it asks for. A lock file
// stands beside the manifest or, for a workspace, in a folder above it.
type ecosystem struct {
	manifest string
	locks    []string
	asks     func([]byte) (needs, known bool) // whether the manifest asks for anything to pin
}

func ecosystems() []ecosystem {
	return []ecosystem{
		{"go.mod", []string{"go.sum"}, goAsks},
		{"package.json", []string{"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"}, nodeAsks},
		{"Cargo.toml", []string{"Cargo.lock"}, nil},
		{"Gemfile", []string{"Gemfile.lock"}, nil},
		{"composer.json", []string{"composer.lock"}, nil},
		{"Pipfile", []string{"Pipfile.lock"}, nil},
		{"pyproject.toml", []string{"poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "requirements.txt"}, pythonAsks},
		{"mix.exs", []string{"mix.lock"}, nil},
		{"pubspec.yaml", []string{"pubspec.lock"}, nil},
		{"Package.swift", []string{"Package.resolved"}, nil},
		{"Podfile", []string{"Podfile.lock"}, nil},
		{"flake.nix", []string{"flake.lock"}, nil},
	}
}

// apart are folders whose manifests belong to somebody else or to a test.
var apart = regexp.MustCompile(`(^|/)(node_modules|vendor|third_party|testdata|fixtures|__fixtures__|Pods)/`)

// test are folders whose files named like secrets are usually made up for tests.
var test = regexp.MustCompile(`(^|/)(node_modules|vendor|third_party|testdata|fixtures|__fixtures__)/`)

func goAsks(b []byte) (bool, bool) {
	return regexp.MustCompile(`(?m)^\s*require[\s(]`).Match(b), true
}

func nodeAsks(b []byte) (bool, bool) {
	var m struct {
		Dependencies         map[string]any `json:"dependencies"`
		DevDependencies      map[string]any `json:"devDependencies"`
		OptionalDependencies map[string]any `json:"optionalDependencies"`
	}
	if json.Unmarshal(b, &m) != nil {
		return false, false
	}
	return len(m.Dependencies)+len(m.DevDependencies)+len(m.OptionalDependencies) > 0, true
}

// pythonAsks looks for a table of dependencies; a pyproject.toml that only configures tools asks for nothing.
func pythonAsks(b []byte) (bool, bool) {
	return regexp.MustCompile(`(?m)^\s*(dependencies\s*=\s*\[\s*["'\n#]|\[tool\.poetry\.(dev-)?dependencies\]|\[dependency-groups\]|\[project\.optional-dependencies\])`).Match(b), true
}

type fileBody struct {
	Thing    string      `json:"thing"`
	Branch   string      `json:"branch"`
	Present  bool        `json:"present"`
	Path     *string     `json:"path"`
	SHA256   *string     `json:"sha256"`
	Size     *int64      `json:"size"`
	Lines    *int        `json:"lines"`
	Paths    []string    `json:"paths"`
	Files    []fileFacts `json:"files"`
	Manifest *string     `json:"manifest,omitempty"`
	Needed   *bool       `json:"needed,omitempty"`
}

type fileFacts struct {
	Path   string  `json:"path"`
	SHA256 *string `json:"sha256"`
	Size   int64   `json:"size"`
}

// found is a file of the default branch that bears on a thing.
type found struct {
	path, object string
	content      object
}

const maxListed = 1000 // files of one thing named in its record

func (r *reading) readFiles(ctx context.Context) error {
	if r.repo.defaultHead == "" {
		switch {
		case r.repo.configured && r.repo.head != "":
			r.missing(KindFile, "", "The branch %s is not in the repository, so its files cannot be judged. Correct the setting branch.", r.repo.branch)
		case r.repo.head == "":
			r.missing(KindFile, "", "The repository has no commit yet, so there are no files to judge.")
		default:
			r.missing(KindFile, "", "No default branch could be found, so its files cannot be judged. Name it in the setting branch.")
		}
		return nil
	}
	files, err := r.list(ctx)
	var f *failed
	if errors.As(err, &f) {
		r.missing(KindFile, "", "git could not list the files of %s: %s", r.repo.branch, firstLine(f.stderr))
		return nil
	}
	if err != nil {
		return err
	}
	unread := ""
	err = r.git.objects(ctx, KindFile, len(files), func(i int) string { return files[i].object }, func(i int, o object) error {
		files[i].content = o
		if o.kind == "" || o.content == nil {
			unread = files[i].path
		}
		if len(o.content) > 256<<10 && !slices.ContainsFunc(ecosystems(), func(e ecosystem) bool { return e.manifest == path.Base(files[i].path) }) {
			files[i].content = digested(o) // what is only hashed is not held
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range watched() {
		if err := r.hand(t.name, r.body(t, files)); err != nil {
			return err
		}
	}
	at := make(map[string]found, len(files))
	for _, f := range files {
		at[f.path] = f
	}
	for _, f := range files {
		for _, e := range ecosystems() {
			if path.Base(f.path) == e.manifest && !apart.MatchString(f.path) {
				if err := r.hand("lock_file:"+text(f.path), r.lock(e, f, at)); err != nil {
					return err
				}
			}
		}
	}
	if unread != "" {
		r.missing(KindFile, "", "The file %s and perhaps others could not be read, so what they hold is not known.", text(unread))
		return nil
	}
	r.out.Complete(KindFile, "")
	return nil
}

// list walks the tree of the default branch and keeps the files that bear on a thing. Links and submodules are not files.
func (r *reading) list(ctx context.Context) ([]found, error) {
	p, err := r.git.start(ctx, KindFile, nil, "ls-tree", "-r", "-z", "--full-tree", r.repo.defaultHead)
	if err != nil {
		return nil, err
	}
	things, names := watched(), map[string]bool{}
	for _, e := range ecosystems() {
		names[e.manifest] = true
		for _, l := range e.locks {
			names[l] = true
		}
	}
	var files []found
	records := newRecords(p)
	for records.next() { // <mode> SP <type> SP <object> TAB <path>
		meta, file, ok := bytes.Cut(records.last, []byte("\t"))
		parts := bytes.Fields(meta)
		if !ok || len(parts) != 3 || !bytes.HasPrefix(parts[0], []byte("100")) {
			continue
		}
		name := string(file)
		if names[path.Base(name)] || slices.ContainsFunc(things, func(t thing) bool { return t.match.MatchString(name) }) {
			files = append(files, found{path: name, object: string(parts[2])})
		}
	}
	return files, p.end(ctx)
}

// body says whether the thing is there, and what is in force.
func (r *reading) body(t thing, files []found) fileBody {
	b := fileBody{Thing: t.name, Branch: text(r.repo.branch), Paths: []string{}, Files: []fileFacts{}}
	var mine []found
	for _, f := range files {
		if t.match.MatchString(f.path) && !(t.name == "secret_file" && test.MatchString(f.path)) {
			mine = append(mine, f)
		}
	}
	rank := func(f found) int {
		dir := path.Dir(f.path)
		if dir == "." {
			dir = ""
		}
		if i := slices.Index(t.order, dir); i >= 0 {
			return i
		}
		return len(t.order)
	}
	slices.SortStableFunc(mine, func(a, b found) int {
		if n := rank(a) - rank(b); n != 0 {
			return n
		}
		return strings.Compare(a.path, b.path)
	})
	for _, f := range mine[:min(len(mine), maxListed)] {
		b.add(f)
	}
	if len(mine) > 0 {
		b.force(mine[0], t.comments)
	}
	return b
}

func (b *fileBody) add(f found) {
	b.Paths = append(b.Paths, text(f.path))
	b.Files = append(b.Files, fileFacts{Path: text(f.path), SHA256: f.content.sha256(), Size: f.content.size})
}

// force states the file that counts.
func (b *fileBody) force(f found, comments bool) {
	b.Present = true
	b.Path, b.SHA256, b.Size = some(text(f.path)), f.content.sha256(), &f.content.size
	if f.content.content != nil {
		n := 0
		for line := range bytes.SplitSeq(f.content.content, []byte("\n")) {
			line = bytes.TrimSpace(line)
			if len(line) > 0 && !(comments && line[0] == '#') {
				n++
			}
		}
		b.Lines = &n
	}
}

// lock says whether what a manifest asks for is pinned.
func (r *reading) lock(e ecosystem, manifest found, at map[string]found) fileBody {
	b := fileBody{Thing: "lock_file", Branch: text(r.repo.branch), Manifest: some(text(manifest.path)), Paths: []string{}, Files: []fileFacts{}}
	if e.asks == nil {
		yes := true
		b.Needed = &yes
	} else if manifest.content.content != nil {
		if needs, known := e.asks(manifest.content.content); known {
			b.Needed = &needs
		}
	}
	for dir := path.Dir(manifest.path); ; dir = path.Dir(dir) {
		for _, name := range e.locks {
			if f, ok := at[path.Join(dir, name)]; ok {
				if !b.Present {
					b.force(f, false)
				}
				b.add(f)
			}
		}
		if b.Present || dir == "." || e.manifest == "go.mod" { // a Go module's sums stand beside it and nowhere else
			return b
		}
	}
}

func (r *reading) hand(key string, b fileBody) error {
	raw, err := encode(b)
	if err != nil {
		return err
	}
	label := strings.ReplaceAll(b.Thing, "_", " ")
	for _, t := range watched() {
		if t.name == b.Thing {
			label = t.title
		}
	}
	if b.Manifest != nil {
		label = "Lock file of " + clean(*b.Manifest)
	}
	return r.out.Item(connector.Item{Kind: KindFile, Key: key, Raw: raw, Label: label})
}

// digested is the object with its hash in place of its content.
func digested(o object) object {
	sum := sha256.Sum256(o.content)
	o.content, o.sum = nil, hex.EncodeToString(sum[:])
	return o
}

// sha256 is the hash of a file's content; nil when it was not read.
func (o object) sha256() *string {
	if o.sum == "" && o.content != nil {
		o.sum = digested(o).sum
	}
	return some(o.sum)
}
