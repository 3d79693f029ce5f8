package git

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
)

// repository is what the repository says about itself.
type repository struct {
	root         string // folder of the work tree; of the repository itself when bare
	bare         bool
	worktree     bool // linked to another repository by git worktree
	shallow      bool
	partial      bool // a clone that leaves objects at the remote
	objectFormat string
	head         string // commit id; empty before the first commit
	headBranch   string // empty when detached
	remotes      []remote
	originHead   string // the branch the remote calls its head

	branch, defaultRef, defaultHead string // the default branch: short name, full ref, commit
	configured                      bool   // branch was named in the settings
}

type remote struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	Scheme string `json:"scheme"`
	Host   string `json:"host"`
	Push   string `json:"push_url,omitempty"`
	PushBy string `json:"push_scheme,omitempty"`
	Secret bool   `json:"credentials_in_url"`
}

// open asks what is at the path, and says in words why it cannot be read.
func (c *command) open(ctx context.Context, path string) (repository, error) {
	var r repository
	answer, beside, err := c.ask(ctx, KindRepository, "rev-parse", "--is-bare-repository", "--is-inside-work-tree",
		"--is-shallow-repository", "--show-object-format")
	var f *failed
	if errors.As(err, &f) {
		return r, c.refused(f.stderr)
	}
	if err != nil {
		return r, err
	}
	lines := strings.Split(strings.TrimSpace(string(answer)), "\n")
	if len(lines) != 4 {
		return r, fault.New(fault.Unavailable, "git in %s answered in a form that is not known: %s", c.dir, firstLine(beside)).
			WithNext("Use git 2.31 or newer.")
	}
	r.bare, r.shallow, r.objectFormat = lines[0] == "true", lines[2] == "true", lines[3]
	where := "--absolute-git-dir"
	if lines[1] == "true" {
		where = "--show-toplevel"
	}
	if r.root, err = c.line(ctx, KindRepository, "rev-parse", where); err != nil {
		return r, err
	}
	if lines[1] != "true" && !r.bare { // asked from inside .git
		r.root = filepath.Dir(r.root)
	}
	r.root = filepath.FromSlash(clean(r.root))
	own, err := c.line(ctx, KindRepository, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return r, err
	}
	r.worktree = strings.Contains(filepath.ToSlash(own), "/worktrees/")

	if r.head, err = c.optional(ctx, "rev-parse", "--quiet", "--verify", "HEAD^{commit}"); err != nil {
		return r, err
	}
	head, err := c.optional(ctx, "symbolic-ref", "--quiet", "HEAD")
	if err != nil {
		return r, err
	}
	r.headBranch = strings.TrimPrefix(head, "refs/heads/")
	return r, c.readConfig(ctx, &r)
}

// optional asks for one line that may not be there: exit 1 and 128 with nothing to say mean there is none.
func (c *command) optional(ctx context.Context, args ...string) (string, error) {
	line, err := c.line(ctx, KindRepository, args...)
	var f *failed
	if errors.As(err, &f) {
		return "", nil
	}
	return line, err
}

func (c *command) refused(stderr string) error {
	said := firstLine(stderr)
	switch {
	case strings.Contains(stderr, "dubious ownership"):
		return fault.New(fault.Denied, "git refuses to read %s because another user owns it.", c.dir).
			WithNext("Run Tickmark as the owner, or allow it: git config --global --add safe.directory %s", c.dir)
	case strings.Contains(stderr, "not a git repository"):
		return fault.New(fault.NotFound, "%s is not in a git repository.", c.dir).
			WithNext("Set path to a repository's folder, or make one there with git init.")
	case strings.Contains(stderr, "Permission denied"):
		return fault.New(fault.Denied, "The repository at %s cannot be read by this user (git: %s).", c.dir, said).
			WithNext("Run as a user who may read it.")
	}
	return fault.New(fault.Unavailable, "git cannot read the repository at %s: %s", c.dir, said).
		WithNext("Run git status there and mend what it names.")
}

// readConfig takes remotes, with the rewriting that git applies to their addresses, and whether the clone is partial.
func (c *command) readConfig(ctx context.Context, r *repository) error {
	p, err := c.start(ctx, KindRepository, nil, "config", "-z", "--get-regexp",
		`^(remote\..*\.(url|pushurl|promisor)|url\..*\.(insteadof|pushinsteadof)|extensions\.partialclone)$`)
	if err != nil {
		return err
	}
	type pair struct{ key, value string }
	var pairs []pair
	records := newRecords(p)
	for records.next() {
		key, value, _ := strings.Cut(records.text(), "\n")
		pairs = append(pairs, pair{key, value})
	}
	err = p.end(ctx)
	var f *failed
	if errors.As(err, &f) && f.code == 1 { // nothing matched
		err = nil
	}
	if err != nil {
		return err
	}
	fetch, push := map[string]string{}, map[string]string{} // prefix to what takes its place
	urls, pushes := map[string]string{}, map[string]string{}
	for _, kv := range pairs {
		section, rest, _ := strings.Cut(kv.key, ".")
		at := strings.LastIndexByte(rest, '.')
		if at < 0 {
			r.partial = r.partial || section == "extensions"
			continue
		}
		name, field := rest[:at], rest[at+1:]
		switch {
		case section == "url" && field == "insteadof":
			fetch[kv.value] = name
		case section == "url":
			push[kv.value] = name
		case field == "url" && urls[name] == "":
			urls[name] = kv.value
		case field == "pushurl" && pushes[name] == "":
			pushes[name] = kv.value
		case field == "promisor" && kv.value == "true":
			r.partial = true
		}
	}
	for _, name := range sortedKeys(urls) {
		plain, secret := strip(rewrite(urls[name], fetch))
		m := remote{Name: clean(name), URL: plain, Secret: secret}
		m.Scheme, m.Host = scheme(plain)
		to, given := pushes[name], true
		if to == "" {
			to, given = rewrite(urls[name], push), false
		}
		if given || to != urls[name] {
			if given {
				to = rewrite(to, fetch)
			}
			m.Push, secret = strip(to)
			m.PushBy, _ = scheme(m.Push)
			m.Secret = m.Secret || secret
		}
		r.remotes = append(r.remotes, m)
	}
	return nil
}

// rewrite puts the replacement of the longest prefix in its place, as url.<base>.insteadOf does.
func rewrite(address string, rules map[string]string) string {
	best := ""
	for prefix := range rules {
		if prefix != "" && strings.HasPrefix(address, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best == "" {
		return address
	}
	return rules[best] + address[len(best):]
}

var scpLike = regexp.MustCompile(`^(?:([^@/:]+)@)?(\[[^\]/]+\]|[^:/@]+):(.*)$`)

// strip takes credentials out of a remote's address and says whether there were any. The user name of an SSH address
// stays: it is an account on the server and proves nothing.
func strip(address string) (plain string, secret bool) {
	address = clean(address)
	if i := strings.Index(address, "::"); i >= 0 && !strings.Contains(address[:i], "/") {
		return address[:i] + "::…", false // a helper with a command line of its own
	}
	if !strings.Contains(address, "://") {
		return address, false
	}
	u, err := url.Parse(address)
	if err != nil {
		// What cannot be taken apart cannot be cleaned: keep the scheme only.
		return address[:strings.Index(address, "://")] + "://…", true
	}
	ssh := strings.Contains(u.Scheme, "ssh")
	if u.User != nil {
		_, password := u.User.Password()
		if ssh {
			u.User, secret = url.User(u.User.Username()), password
		} else {
			u.User, secret = nil, true
		}
	}
	if u.RawQuery != "" || u.Fragment != "" {
		u.RawQuery, u.Fragment, u.RawFragment, secret = "", "", "", true
	}
	u.ForceQuery = false
	return u.String(), secret
}

// scheme is how a remote is reached, and where.
func scheme(address string) (scheme, host string) {
	if name, _, ok := strings.Cut(address, "::"); ok && !strings.Contains(name, "/") {
		return name, ""
	}
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil {
			name, _, _ := strings.Cut(address, "://")
			return strings.ToLower(name), ""
		}
		s := strings.ToLower(u.Scheme)
		if s == "git+ssh" || s == "ssh+git" {
			s = "ssh"
		}
		return s, u.Hostname()
	}
	drive := len(address) > 1 && address[1] == ':' && (len(address) == 2 || address[2] == '\\' || address[2] == '/')
	if m := scpLike.FindStringSubmatch(address); m != nil && !drive {
		return "ssh", strings.Trim(m[2], "[]")
	}
	return "file", ""
}

// chooseDefault settles which branch is the default, and its full ref. The local branch stands before the remote's copy of
// it, because this connector speaks about the repository on this machine.
func (r *repository) chooseDefault(rs refs, configured string) {
	r.originHead = rs.originHead()
	r.configured = configured != ""
	try := func(name string) bool {
		for _, full := range []string{"refs/heads/" + name, "refs/remotes/origin/" + name, name} {
			if at, ok := rs.branch(full); ok {
				r.branch, r.defaultRef, r.defaultHead = shortName(full), full, at
				return true
			}
		}
		return false
	}
	if r.configured {
		if !try(configured) {
			r.branch = configured
		}
		return
	}
	candidates := []string{r.originHead, "main", "master", "trunk", r.headBranch}
	if r.bare {
		candidates = []string{r.headBranch, r.originHead, "main", "master", "trunk"}
	}
	for _, name := range candidates {
		if name != "" && try(name) {
			return
		}
	}
	if only := rs.locals(); len(only) == 1 {
		try(only[0])
		return
	}
	if r.head == "" {
		r.branch = r.headBranch
	}
}

// shortName is a branch's name without the folder of its ref, and without the remote.
func shortName(full string) string {
	if name, ok := strings.CutPrefix(full, "refs/heads/"); ok {
		return name
	}
	if rest, ok := strings.CutPrefix(full, "refs/remotes/"); ok {
		if _, name, ok := strings.Cut(rest, "/"); ok {
			return name
		}
		return rest
	}
	return full
}

type repositoryBody struct {
	Path          string   `json:"path"`
	Name          string   `json:"name"`
	Bare          bool     `json:"bare"`
	Worktree      bool     `json:"linked_worktree"`
	Empty         bool     `json:"empty"`
	Shallow       bool     `json:"shallow"`
	Partial       bool     `json:"partial"`
	ObjectFormat  string   `json:"object_format"`
	Head          *string  `json:"head"`
	HeadBranch    *string  `json:"head_branch"`
	Branch        *string  `json:"default_branch"`
	DefaultRef    *string  `json:"default_ref"`
	DefaultHead   *string  `json:"default_head"`
	DefaultExists *bool    `json:"default_branch_exists,omitempty"`
	Remotes       []remote `json:"remotes"`
}

func (r repository) body() repositoryBody {
	b := repositoryBody{Path: r.root, Name: strings.TrimSuffix(filepath.Base(r.root), ".git"), Bare: r.bare, Worktree: r.worktree,
		Shallow: r.shallow, Partial: r.partial, ObjectFormat: r.objectFormat,
		Head: some(r.head), HeadBranch: some(text(r.headBranch)), Branch: some(text(r.branch)), DefaultRef: some(text(r.defaultRef)),
		DefaultHead: some(r.defaultHead), Remotes: slices.Clone(r.remotes)}
	if b.Remotes == nil {
		b.Remotes = []remote{}
	}
	b.Empty = r.head == "" && r.defaultHead == ""
	// A branch that was named, or that HEAD names, either exists or not. When nothing names one, that is unknown.
	if exists := r.defaultHead != ""; exists || r.branch != "" {
		b.DefaultExists = &exists
	}
	return b
}

func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (r *reading) readRepository(ctx context.Context) error {
	body, err := encode(r.repo.body())
	if err != nil {
		return err
	}
	err = r.out.Item(connector.Item{Kind: KindRepository, Key: text(r.repo.root), Raw: body, Label: clean(r.repo.root)})
	if err != nil {
		return err
	}
	r.out.Complete(KindRepository, "")
	return nil
}
