package git_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/connector/git"
	"tickmark/internal/fault"
)

func TestReadsCommitsBranchesTagsAndFiles(t *testing.T) {
	dir := newRepository(t)
	first := commit(t, dir, "charge the account once", map[string]string{"main.go": "package main\n", "SECURITY.md": "Write to us.\n"})
	run(t, dir, nil, "checkout", "--quiet", "-b", "side")
	side := commit(t, dir, "side work", map[string]string{"side.txt": "x"})
	run(t, dir, nil, "checkout", "--quiet", "main")
	second := commit(t, dir, "second", map[string]string{"two.txt": "x"})
	run(t, dir, nil, "tag", "light", first)
	run(t, dir, nil, "tag", "-a", "v1", "-m", "release one")

	r := read(t, dir, &connectortest.Recorder{})
	if !r.Whole() {
		t.Fatalf("gaps: %v", r.Gaps())
	}
	want := []string{first, side, second}
	slices.Sort(want)
	if got := r.Keys(git.KindCommit, ""); !slices.Equal(got, want) {
		t.Errorf("commits %v, want %v", got, want)
	}
	c := r.Body(git.KindCommit, first)
	for field, want := range map[string]any{
		"id": first, "subject": "charge the account once", "author_name": "Ada", "author_email": "ada@example.org",
		"authored_at": "2026-01-02T03:04:05+01:00", "committed_at": "2026-01-02T03:04:06+01:00", "committer_zone": "+0100",
		"merge": false, "signed": false, "signature": "none", "on_default_branch": true,
	} {
		if c[field] != want {
			t.Errorf("%s is %v, want %v", field, c[field], want)
		}
	}
	it, _ := r.Find(git.KindCommit, first)
	if raw := run(t, dir, nil, "cat-file", "commit", first); string(it.Raw) != raw+"\n" {
		t.Errorf("raw is %q, want git's bytes %q", it.Raw, raw)
	}
	if it.Occurred.Format("2006-01-02T15:04:05Z07:00") != "2026-01-02T03:04:06+01:00" {
		t.Errorf("occurred %s", it.Occurred)
	}
	if on := r.Body(git.KindCommit, side)["on_default_branch"]; on != false {
		t.Errorf("a commit of a side branch is on the default branch: %v", on)
	}
	if b := r.Body(git.KindBranch, "refs/heads/main"); b["head"] != second || b["is_default"] != true {
		t.Errorf("main is %v", b)
	}
	if b := r.Body(git.KindBranch, "refs/heads/side"); b["is_default"] != false {
		t.Errorf("side is %v", b)
	}
	if tag := r.Body(git.KindTag, "v1"); tag["annotated"] != true || tag["target"] != second || tag["tagger_email"] != "ada@example.org" || tag["signed"] != false {
		t.Errorf("v1 is %v", tag)
	}
	if tag := r.Body(git.KindTag, "light"); tag["annotated"] != false || tag["target"] != first || tag["target_type"] != "commit" {
		t.Errorf("light is %v", tag)
	}
	if f := r.Body(git.KindFile, "security_policy"); f["present"] != true || f["path"] != "SECURITY.md" ||
		f["sha256"] != "3e217526707644cfb4c399c80a69582d59b4a4cc3bbfa79261226d0600a0fa1b" {
		t.Errorf("security policy is %v", f)
	}
	for _, thing := range []string{"code_owners", "ci", "licence", "dependency_updates", "secret_file"} {
		if f := r.Body(git.KindFile, thing); f == nil || f["present"] != false || f["path"] != nil {
			t.Errorf("%s should be stated as absent: %v", thing, f)
		}
	}
	if b := r.Body(git.KindRepository, dir); b["default_branch"] != "main" || b["head"] != second || b["shallow"] != false || b["default_branch_exists"] != true {
		t.Errorf("repository is %v", b)
	}
	if len(r.Exchanges()) == 0 {
		t.Error("no exchange was recorded")
	}
}

func TestSecondReadHandsOverOnlyWhatIsNew(t *testing.T) {
	dir := newRepository(t)
	commit(t, dir, "one", map[string]string{"a": "1"})
	run(t, dir, nil, "tag", "v1")
	first := read(t, dir, &connectortest.Recorder{})

	same := read(t, dir, first.Next())
	if n := len(same.Items("")); n != 0 {
		t.Errorf("%d items were handed over though nothing changed", n)
	}
	for _, k := range git.Connector().Kinds {
		if !same.SaidUnchanged(k.Name, "") {
			t.Errorf("%s was not said to be unchanged", k.Name)
		}
	}

	two := commit(t, dir, "two", map[string]string{"a": "2"})
	more := read(t, dir, same.Next())
	if got := more.Items(git.KindCommit); len(got) != 1 || got[0].Key != two || more.SeenCount(git.KindCommit) != 1 {
		t.Errorf("handed over %d commits, saw %d", len(got), more.SeenCount(git.KindCommit))
	}
}

func TestMergedCommitIsHandedOverAgainWithItsNewPlace(t *testing.T) {
	dir := newRepository(t)
	commit(t, dir, "one", map[string]string{"a": "1"})
	run(t, dir, nil, "checkout", "--quiet", "-b", "side")
	side := commit(t, dir, "side", map[string]string{"b": "1"})
	run(t, dir, nil, "checkout", "--quiet", "main")
	first := read(t, dir, &connectortest.Recorder{})
	if first.Body(git.KindCommit, side)["on_default_branch"] != false {
		t.Fatal("side is on main before the merge")
	}
	run(t, dir, nil, "merge", "--quiet", "--ff-only", "side")
	second := read(t, dir, first.Next())
	if b := second.Body(git.KindCommit, side); b == nil || b["on_default_branch"] != true {
		t.Errorf("after the merge side is %v", b)
	}
	if n := second.Count(git.KindCommit); n != 1 {
		t.Errorf("%d commits were handed over, want only the merged one", n)
	}
}

func TestForcedPushClosesCommitsAndTakesOthersOffTheDefaultBranch(t *testing.T) {
	dir := newRepository(t)
	base := commit(t, dir, "base", map[string]string{"a": "1"})
	kept := commit(t, dir, "kept on a side branch", map[string]string{"a": "2"})
	run(t, dir, nil, "branch", "side")
	gone := commit(t, dir, "gone", map[string]string{"a": "3"})
	first := read(t, dir, &connectortest.Recorder{})
	run(t, dir, nil, "reset", "--quiet", "--hard", base)
	run(t, dir, nil, "reflog", "expire", "--expire=now", "--all")

	second := read(t, dir, first.Next())
	if slices.Contains(second.Keys(git.KindCommit, ""), gone) || !second.Completed(git.KindCommit, "") {
		t.Error("the commit that was pushed away is not closed")
	}
	if b := second.Body(git.KindCommit, kept); b == nil || b["on_default_branch"] != false {
		t.Errorf("the commit taken off main is %v", b)
	}

	run(t, dir, nil, "gc", "--quiet", "--prune=now") // the old head is no more: the third read cannot compare with it
	commit(t, dir, "again", map[string]string{"a": "4"})
	third := read(t, dir, first.Next())
	if b := third.Body(git.KindCommit, kept); b == nil || b["on_default_branch"] != false {
		t.Errorf("with the old head gone, the commit taken off main is %v", b)
	}
}

func TestMergesAndOctopus(t *testing.T) {
	dir := newRepository(t)
	commit(t, dir, "base", map[string]string{"a": "1"})
	for _, b := range []string{"x", "y", "z"} {
		run(t, dir, nil, "checkout", "--quiet", "-b", b, "main")
		commit(t, dir, b, map[string]string{b: b})
	}
	run(t, dir, nil, "checkout", "--quiet", "main")
	run(t, dir, nil, "merge", "--quiet", "-m", "octopus", "x", "y", "z")
	r := read(t, dir, &connectortest.Recorder{})
	b := r.Body(git.KindCommit, run(t, dir, nil, "rev-parse", "HEAD"))
	if len(b["parents"].([]any)) < 3 || b["merge"] != true {
		t.Errorf("octopus is %v", b)
	}
}

const (
	gpg  = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n aGVsbG8=\n -----END PGP SIGNATURE-----\n"
	ssh  = "gpgsig -----BEGIN SSH SIGNATURE-----\n aGVsbG8=\n -----END SSH SIGNATURE-----\n"
	x509 = "gpgsig -----BEGIN SIGNED MESSAGE-----\n aGVsbG8=\n -----END SIGNED MESSAGE-----\n"
)

func TestOddCommitsAreReadAsStated(t *testing.T) {
	huge := strings.Repeat("many words ", 200_000)
	for _, c := range []struct {
		name, raw string
		want      map[string]any
	}{
		{"gpg", who("Ada <ada@example.org> 1767323045 +0100") + gpg + "\nsigned\n", map[string]any{"signed": true, "signature": "gpg", "subject": "signed"}},
		{"ssh", who("Ada <ada@example.org> 1767323045 +0100") + ssh + "\nsigned\n", map[string]any{"signature": "ssh"}},
		{"x509", who("Ada <ada@example.org> 1767323045 +0100") + x509 + "\nsigned\n", map[string]any{"signature": "x509"}},
		{"strange signature", who("Ada <ada@example.org> 1767323045 +0100") + "gpgsig trust me\n\nx\n", map[string]any{"signature": "other", "signed": true}},
		{"signature in the message", who("Ada <ada@example.org> 1767323045 +0100") + "\n" + gpg, map[string]any{"signed": false}},
		{"latin-1 declared", who("J\xfcrgen <j@example.org> 1767323045 +0100") + "encoding ISO-8859-1\n\ngr\xfc\xdfe\n",
			map[string]any{"author_name": "Jürgen", "subject": "grüße", "encoding": "ISO-8859-1", "text_damaged": nil}},
		{"latin-1 undeclared", who("J\xfcrgen <j@example.org> 1767323045 +0100") + "\nx\n",
			map[string]any{"author_name": "J\uFFFDrgen", "text_damaged": true}},
		{"zero byte", who("Ada <ada@example.org> 1767323045 +0100") + "\na\x00b\n", map[string]any{"text_damaged": true}},
		{"huge message", who("Ada <ada@example.org> 1767323045 +0100") + "\n" + huge + "\n", map[string]any{"message": huge}},
		{"no message", who("Ada <ada@example.org> 1767323045 +0100") + "\n", map[string]any{"subject": "", "message": ""}},
		{"paragraph as subject", who("Ada <ada@example.org> 1767323045 +0100") + "\n\none\ntwo\n\nthree\n", map[string]any{"subject": "one two"}},
		{"two addresses", who("Ada <a@example.org> <b@example.org> 1767323045 +0100") + "\nx\n",
			map[string]any{"author_name": "Ada", "author_email": "a@example.org", "authored_at": "2026-01-02T04:04:05+01:00"}},
		{"no address", who("Ada 1767323045 +0100") + "\nx\n", map[string]any{"author_email": "", "authored_at": nil}},
		{"impossible zone", who("Ada <ada@example.org> 1767323045 +9999") + "\nx\n",
			map[string]any{"authored_at": "2026-01-02T03:04:05Z", "author_zone": "+9999"}},
		{"half-hour zone", who("Ada <ada@example.org> 1767323045 -0330") + "\nx\n", map[string]any{"authored_at": "2026-01-01T23:34:05-03:30"}},
		{"before 1970", who("Ada <ada@example.org> -86400 +0000") + "\nx\n", map[string]any{"authored_at": "1969-12-31T00:00:00Z"}},
		{"beyond any calendar", who("Ada <ada@example.org> 99999999999999 +0000") + "\nx\n", map[string]any{"authored_at": nil, "committed_at": nil}},
		{"author twice", "author Bob <bob@example.org> 1767323045 +0000\n" + who("Ada <ada@example.org> 1767323045 +0000") + "\nx\n",
			map[string]any{"author_name": "Bob"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newRepository(t)
			tree := run(t, dir, strings.NewReader(""), "hash-object", "-w", "-t", "tree", "--stdin")
			id := object(t, dir, "commit", "tree "+tree+"\n"+c.raw)
			if err := os.WriteFile(filepath.Join(dir, ".git/refs/heads/main"), []byte(id+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			r := read(t, dir, &connectortest.Recorder{})
			body := r.Body(git.KindCommit, id)
			for field, want := range c.want {
				if body[field] != want {
					t.Errorf("%s is %.80q, want %.80q", field, body[field], want)
				}
			}
		})
	}
}

func who(line string) string { return "author " + line + "\ncommitter " + line + "\n" }

func TestTagsSayWhoSignedThemAndWhatTheyName(t *testing.T) {
	dir := newRepository(t)
	head := commit(t, dir, "one", map[string]string{"a": "1"})
	signed := object(t, dir, "tag", "object "+head+"\ntype commit\ntag v1\ntagger Ada <ada@example.org> 1767323045 +0100\n\nrelease\n"+
		"-----BEGIN SSH SIGNATURE-----\naGVsbG8=\n-----END SSH SIGNATURE-----\n")
	outer := object(t, dir, "tag", "object "+signed+"\ntype tag\ntag outer\n\nno tagger\n")
	run(t, dir, nil, "update-ref", "refs/tags/v1", signed)
	run(t, dir, nil, "update-ref", "refs/tags/outer", outer)
	run(t, dir, nil, "update-ref", "refs/tags/tree", run(t, dir, nil, "rev-parse", "HEAD^{tree}"))
	run(t, dir, nil, "update-ref", "refs/tags/blob", run(t, dir, nil, "rev-parse", "HEAD:a"))

	r := read(t, dir, &connectortest.Recorder{})
	if !r.Whole() {
		t.Fatalf("gaps: %v", r.Gaps())
	}
	if b := r.Body(git.KindTag, "v1"); b["signature"] != "ssh" || b["subject"] != "release" || b["tagged_at"] != "2026-01-02T04:04:05+01:00" {
		t.Errorf("v1 is %v", b)
	}
	if b := r.Body(git.KindTag, "outer"); b["target_type"] != "tag" || b["tagger_email"] != nil {
		t.Errorf("outer is %v", b)
	}
	if r.Body(git.KindTag, "tree")["target_type"] != "tree" || r.Body(git.KindTag, "blob")["target_type"] != "blob" {
		t.Error("tags of a tree and a blob are not told")
	}
	if n := r.Count(git.KindCommit); n != 1 {
		t.Errorf("%d commits", n)
	}
}

func TestHistoryThatIsNotWholeIsNeverComplete(t *testing.T) {
	t.Run("shallow", func(t *testing.T) {
		dir := newRepository(t)
		commit(t, dir, "one", map[string]string{"a": "1"})
		commit(t, dir, "two", map[string]string{"a": "2"})
		clone := filepath.Join(t.TempDir(), "clone")
		run(t, dir, nil, "clone", "--quiet", "--depth=1", "file://"+filepath.ToSlash(dir), clone)
		r := read(t, clone, &connectortest.Recorder{})
		if r.Completed(git.KindCommit, "") || len(r.Gaps()) != 1 || !strings.Contains(r.Gaps()[0].Reason, "shallow") {
			t.Errorf("gaps: %v", r.Gaps())
		}
		if r.Count(git.KindCommit) != 1 || !r.Completed(git.KindBranch, "") {
			t.Error("what a shallow clone does hold was not read")
		}
		again := read(t, clone, r.Next())
		if again.Completed(git.KindCommit, "") {
			t.Error("the second read takes the shallow history for whole")
		}
	})
	t.Run("damaged object", func(t *testing.T) {
		dir := newRepository(t)
		one := commit(t, dir, "one", map[string]string{"a": "1"})
		commit(t, dir, "two", map[string]string{"a": "2"})
		at := filepath.Join(dir, ".git/objects", one[:2], one[2:])
		os.Remove(at)
		r := read(t, dir, &connectortest.Recorder{})
		if r.Completed(git.KindCommit, "") || len(r.Gaps()) == 0 {
			t.Errorf("a lost commit was not noticed; gaps: %v", r.Gaps())
		}
	})
	t.Run("object that is not what its name says", func(t *testing.T) {
		dir := newRepository(t)
		one := commit(t, dir, "one", map[string]string{"a": "1"})
		commit(t, dir, "two", map[string]string{"a": "2"})
		other := object(t, dir, "commit", strings.Replace(run(t, dir, nil, "cat-file", "commit", one), "Ada", "Eve", 1)+"\n")
		forged, err := os.ReadFile(filepath.Join(dir, ".git/objects", other[:2], other[2:]))
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, ".git/objects", one[:2], one[2:])
		os.Chmod(at, 0o644)
		if err := os.WriteFile(at, forged, 0o644); err != nil {
			t.Fatal(err)
		}
		r := read(t, dir, &connectortest.Recorder{})
		if r.Completed(git.KindCommit, "") {
			t.Errorf("a forged commit was taken for genuine: %v", r.Body(git.KindCommit, one))
		}
		if b := r.Body(git.KindCommit, one); b != nil {
			t.Errorf("handed over %v", b)
		}
	})
	t.Run("branch that names nothing", func(t *testing.T) {
		dir := newRepository(t)
		commit(t, dir, "one", map[string]string{"a": "1"})
		os.WriteFile(filepath.Join(dir, ".git/refs/heads/bad"), []byte("not an id\n"), 0o644)
		r := read(t, dir, &connectortest.Recorder{})
		for _, kind := range []string{git.KindBranch, git.KindTag, git.KindCommit} {
			if r.Completed(kind, "") {
				t.Errorf("%s is complete though a name could not be read", kind)
			}
		}
	})
}

func TestGraftsAndReplacementsDoNotRewriteHistory(t *testing.T) {
	dir := newRepository(t)
	one := commit(t, dir, "one", map[string]string{"a": "1"})
	two := commit(t, dir, "two", map[string]string{"a": "2"})
	three := commit(t, dir, "three", map[string]string{"a": "3"})
	run(t, dir, nil, "replace", two, one)
	os.MkdirAll(filepath.Join(dir, ".git/info"), 0o755)
	os.WriteFile(filepath.Join(dir, ".git/info/grafts"), []byte(three+" "+one+"\n"), 0o644)
	r := read(t, dir, &connectortest.Recorder{})
	want := []string{one, two, three}
	slices.Sort(want)
	if got := r.Keys(git.KindCommit, ""); !slices.Equal(got, want) {
		t.Errorf("commits %v, want %v", got, want)
	}
	if r.Body(git.KindCommit, two)["subject"] != "two" {
		t.Error("a replacement was believed")
	}
}

func TestHostileConfigurationRunsNothing(t *testing.T) {
	dir := newRepository(t)
	commit(t, dir, "one", map[string]string{"a": "1"})
	mark := filepath.Join(t.TempDir(), "mark")
	script := filepath.Join(t.TempDir(), "evil")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntouch "+mark+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"core.fsmonitor", "core.pager", "core.sshCommand", "diff.external", "core.askPass", "credential.helper",
		"gpg.program", "core.alternateRefsCommand", "core.gitProxy", "uploadpack.packObjectsHook"} {
		run(t, dir, nil, "config", key, script)
	}
	run(t, dir, nil, "config", "remote.origin.url", "ext::"+script)
	run(t, dir, nil, "config", "remote.origin.promisor", "true")
	run(t, dir, nil, "config", "extensions.partialClone", "origin")
	run(t, dir, nil, "config", "core.repositoryFormatVersion", "1")
	blob := run(t, dir, nil, "rev-parse", "HEAD:a")
	os.Remove(filepath.Join(dir, ".git/objects", blob[:2], blob[2:]))
	for _, hook := range []string{"post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman"} {
		os.WriteFile(filepath.Join(dir, ".git/hooks", hook), []byte("#!/bin/sh\ntouch "+mark+"\n"), 0o755)
	}
	r := read(t, dir, &connectortest.Recorder{})
	if _, err := os.Stat(mark); err == nil {
		t.Fatal("the repository ran a program of its own")
	}
	if b := r.Body(git.KindRepository, dir); b["remotes"].([]any)[0].(map[string]any)["url"] != "ext::…" {
		t.Errorf("remotes %v", b["remotes"])
	}
}

func TestHostileNames(t *testing.T) {
	dir := newRepository(t)
	head := commit(t, dir, "one", map[string]string{"new\nline/package.json": `{"dependencies":{"a":"1"}}`, "t\tab/go.mod": "module x\n", "-rf/go.mod": "module y\nrequire a v1\n"})
	for _, name := range []string{"refs/heads/--upload-pack=x", "refs/heads/\xff\xfe", "refs/heads/$(touch x)", "refs/tags/-d"} {
		if strings.Contains(name, " ") {
			name = strings.ReplaceAll(name, " ", "_")
		}
		run(t, dir, nil, "update-ref", name, head)
	}
	r := read(t, dir, &connectortest.Recorder{})
	if !r.Whole() {
		t.Fatalf("gaps: %v", r.Gaps())
	}
	if r.Body(git.KindBranch, `refs/heads/\xff\xfe`) == nil || r.Body(git.KindBranch, "refs/heads/--upload-pack=x") == nil {
		t.Errorf("branches %v", r.Keys(git.KindBranch, ""))
	}
	if f := r.Body(git.KindFile, "lock_file:new\nline/package.json"); f == nil || f["present"] != false || f["needed"] != true {
		t.Errorf("files %q", r.Keys(git.KindFile, ""))
	}
}

func TestCredentialsAreTakenOutOfRemotes(t *testing.T) {
	const secret = "s3cr3t"
	for address, want := range map[string][3]any{
		"https://ada:s3cr3t@example.org/a.git":         {"https://example.org/a.git", "https", true},
		"https://s3cr3t@example.org/a.git":             {"https://example.org/a.git", "https", true},
		"https://example.org/a.git?token=s3cr3t":       {"https://example.org/a.git", "https", true},
		"https://ada:s3%zz@example.org/s3cr3t":         {"https://…", "https", true},
		"ssh://git:s3cr3t@example.org/a.git":           {"ssh://git@example.org/a.git", "ssh", true},
		"git@example.org:a.git":                        {"git@example.org:a.git", "ssh", false},
		"http://example.org/a.git":                     {"http://example.org/a.git", "http", false},
		"git://example.org/a.git":                      {"git://example.org/a.git", "git", false},
		"/srv/git/a.git":                               {"/srv/git/a.git", "file", false},
		"../a.git":                                     {"../a.git", "file", false},
		"ext::sh -c s3cr3t":                            {"ext::…", "ext", false},
		"short:a.git":                                  {"http://example.org/a.git", "http", false},
		"codecommit::eu-central-1://s3cr3t@repository": {"codecommit::…", "codecommit", false},
	} {
		dir := newRepository(t)
		commit(t, dir, "one", nil)
		run(t, dir, nil, "config", "remote.origin.url", address)
		run(t, dir, nil, "config", "url.http://example.org/.insteadOf", "short:")
		r := read(t, dir, &connectortest.Recorder{})
		m := r.Body(git.KindRepository, dir)["remotes"].([]any)[0].(map[string]any)
		if m["url"] != want[0] || m["scheme"] != want[1] || m["credentials_in_url"] != want[2] {
			t.Errorf("%s is %v, want %v", address, m, want)
		}
		if leaks := r.Leaks(secret); len(leaks) > 0 {
			t.Errorf("%s leaks in %v", address, leaks)
		}
	}
}

func TestPlacesThatAreNoOrdinaryRepository(t *testing.T) {
	refused := func(t *testing.T, dir string, kind fault.Kind, words string) {
		t.Helper()
		err := git.Connector().Read(t.Context(), connector.Values{"path": dir}, &connectortest.Recorder{})
		var f *fault.Fault
		if !errors.As(err, &f) || f.Kind != kind || !strings.Contains(f.Message, words) || f.Next == "" {
			t.Errorf("%s: %v", dir, err)
		}
	}
	t.Run("nothing there", func(t *testing.T) { refused(t, filepath.Join(t.TempDir(), "no"), fault.NotFound, "no folder") })
	t.Run("not a repository", func(t *testing.T) {
		t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
		refused(t, t.TempDir(), fault.NotFound, "not in a git repository")
	})
	t.Run("a file", func(t *testing.T) {
		at := filepath.Join(t.TempDir(), "f")
		os.WriteFile(at, nil, 0o644)
		refused(t, at, fault.Invalid, "a file")
	})
	t.Run("git missing", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		refused(t, t.TempDir(), fault.Unavailable, "git command was not found")
	})
	t.Run("empty", func(t *testing.T) {
		dir := newRepository(t)
		r := read(t, dir, &connectortest.Recorder{})
		if b := r.Body(git.KindRepository, dir); b["empty"] != true || b["default_branch_exists"] != false {
			t.Errorf("repository %v", b)
		}
		if len(r.Gaps()) != 1 || r.Gaps()[0].Kind != git.KindFile || !strings.Contains(r.Gaps()[0].Reason, "no commit yet") {
			t.Errorf("gaps %v", r.Gaps())
		}
		if !r.Completed(git.KindCommit, "") {
			t.Error("zero commits, read, are complete")
		}
	})
	t.Run("bare", func(t *testing.T) {
		dir := newRepository(t)
		commit(t, dir, "one", map[string]string{"CODEOWNERS": "# only\n* @ada\n"})
		bare := filepath.Join(filepath.Dir(dir), "bare.git")
		run(t, dir, nil, "clone", "--quiet", "--bare", ".", bare)
		r := read(t, bare, &connectortest.Recorder{})
		if b := r.Body(git.KindRepository, bare); b["bare"] != true || b["name"] != "bare" {
			t.Errorf("repository %v", b)
		}
		if f := r.Body(git.KindFile, "code_owners"); f["present"] != true || f["lines"] != 1.0 {
			t.Errorf("code owners %v", f)
		}
	})
	t.Run("linked worktree and folder within", func(t *testing.T) {
		dir := newRepository(t)
		commit(t, dir, "one", map[string]string{"deep/down/a": "1"})
		tree := filepath.Join(t.TempDir(), "tree")
		run(t, dir, nil, "worktree", "add", "--quiet", "-b", "other", tree)
		r := read(t, filepath.Join(tree, "deep/down"), &connectortest.Recorder{})
		if got := r.Items(git.KindRepository); len(got) != 1 || connectortest.Decode(got[0])["linked_worktree"] != true || connectortest.Decode(got[0])["default_branch"] != "main" {
			t.Errorf("repository %s", got[0].Body)
		}
	})
	t.Run("inside a hook", func(t *testing.T) {
		dir, other := newRepository(t), newRepository(t)
		commit(t, dir, "one", nil)
		t.Setenv("GIT_DIR", filepath.Join(other, ".git"))
		r := &connectortest.Recorder{}
		if err := git.Connector().Read(t.Context(), connector.Values{"path": dir}, r); err != nil || r.Count(git.KindCommit) != 1 {
			t.Errorf("read another repository: %v, %d commits", err, r.Count(git.KindCommit))
		}
	})
	t.Run("sha-256", func(t *testing.T) {
		dir := newRepository(t, "--object-format=sha256")
		head := commit(t, dir, "one", nil)
		r := read(t, dir, &connectortest.Recorder{})
		if !r.Whole() || r.Body(git.KindCommit, head) == nil {
			t.Errorf("gaps %v, keys %v", r.Gaps(), r.Keys(git.KindCommit, ""))
		}
	})
}

func TestDefaultBranch(t *testing.T) {
	t.Run("named and missing", func(t *testing.T) {
		dir := newRepository(t)
		head := commit(t, dir, "one", nil)
		r := read(t, dir, &connectortest.Recorder{}, "branch", "release")
		if b := r.Body(git.KindRepository, dir); b["default_branch"] != "release" || b["default_branch_exists"] != false {
			t.Errorf("repository %v", b)
		}
		if r.Completed(git.KindFile, "") || !r.Completed(git.KindBranch, "") {
			t.Errorf("gaps %v", r.Gaps())
		}
		if b := r.Body(git.KindCommit, head); b["on_default_branch"] != nil || !slices.ContainsFunc(r.Gaps(), func(g connector.Gap) bool { return g.Part == "on_default_branch" }) {
			t.Errorf("place of a commit is stated without a default branch: %v", b)
		}
	})
	t.Run("the remote's head before the branch in use", func(t *testing.T) {
		dir := newRepository(t)
		commit(t, dir, "one", nil)
		run(t, dir, nil, "branch", "-m", "production")
		clone := filepath.Join(filepath.Dir(dir), "clone")
		run(t, dir, nil, "clone", "--quiet", ".", clone)
		run(t, clone, nil, "checkout", "--quiet", "-b", "work")
		r := read(t, clone, &connectortest.Recorder{})
		if got := connectortest.Decode(r.Items(git.KindRepository)[0])["default_ref"]; got != "refs/heads/production" {
			t.Errorf("default is %v", got)
		}
		if b := r.Body(git.KindBranch, "refs/remotes/origin/production"); b["remote"] != "origin" || b["name"] != "production" {
			t.Errorf("remote branch %v", b)
		}
	})
	t.Run("nothing but a commit in use", func(t *testing.T) {
		dir := newRepository(t)
		head := commit(t, dir, "one", nil)
		run(t, dir, nil, "checkout", "--quiet", "--detach")
		run(t, dir, nil, "branch", "-D", "main")
		r := read(t, dir, &connectortest.Recorder{})
		if r.Completed(git.KindFile, "") || r.Body(git.KindCommit, head) == nil {
			t.Errorf("gaps %v", r.Gaps())
		}
		if b := r.Body(git.KindRepository, dir); b["default_branch_exists"] != nil {
			t.Errorf("repository %v", b)
		}
	})
}

func TestWatchedFiles(t *testing.T) {
	dir := newRepository(t)
	commit(t, dir, "one", map[string]string{
		"go.mod": "module x\n\nrequire a v1\n", "go.sum": "a v1 h1:x\n",
		"tool/go.mod":             "module tool\n",
		"web/package.json":        `{"devDependencies":{"a":"1"}}`,
		"package-lock.json":       "{}",
		"app/package.json":        `not json`,
		"vendor/z/go.mod":         "module z\nrequire b v1\n",
		"rust/Cargo.toml":         "[package]\n",
		".github/workflows/a.yml": "on: push\n", ".github/workflows/b.yaml": "on: push\n", ".github/workflows/readme.md": "x",
		"jenkinsfile": "wrong case", "licence.txt": "x", "CODEOWNERS": "# nobody yet\n", ".github/CODEOWNERS": "* @ada\n/billing @bob\n",
		"deploy/.env": "KEY=1", "testdata/id_rsa": "x", ".env.example": "KEY=",
	})
	run(t, dir, nil, "update-index", "--add", "--cacheinfo", "120000,"+run(t, dir, strings.NewReader("../SECURITY"), "hash-object", "-w", "--stdin")+",SECURITY.md")
	run(t, dir, nil, "commit", "--quiet", "-m", "a link")
	r := read(t, dir, &connectortest.Recorder{})
	for key, want := range map[string]map[string]any{
		"ci":                         {"present": true, "path": ".github/workflows/a.yml"},
		"code_owners":                {"present": true, "path": ".github/CODEOWNERS", "lines": 2.0},
		"licence":                    {"present": true, "path": "licence.txt"},
		"security_policy":            {"present": false},
		"secret_file":                {"present": true, "path": "deploy/.env"},
		"lock_file:go.mod":           {"present": true, "needed": true, "path": "go.sum"},
		"lock_file:tool/go.mod":      {"present": false, "needed": false},
		"lock_file:web/package.json": {"present": true, "needed": true, "path": "package-lock.json"},
		"lock_file:app/package.json": {"present": true, "needed": nil},
		"lock_file:rust/Cargo.toml":  {"present": false, "needed": true},
	} {
		got := r.Body(git.KindFile, key)
		for field, v := range want {
			if got[field] != v {
				t.Errorf("%s: %s is %v, want %v", key, field, got[field], v)
			}
		}
	}
	if r.Body(git.KindFile, "lock_file:vendor/z/go.mod") != nil {
		t.Error("a vendored manifest is judged as our own")
	}
	if files := r.Body(git.KindFile, "ci")["files"].([]any); len(files) != 2 {
		t.Errorf("ci files %v", files)
	}
}

func TestReadStopsWhenTheSinkFailsOrTheContextEnds(t *testing.T) {
	dir := newRepository(t)
	for range 5 {
		commit(t, dir, "one", nil)
	}
	full := errors.New("disk full")
	r := &connectortest.Recorder{Fail: func(it connector.Item) error {
		if it.Kind == git.KindCommit {
			return full
		}
		return nil
	}}
	if err := git.Connector().Read(t.Context(), connector.Values{"path": dir}, r); !errors.Is(err, full) {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r = &connectortest.Recorder{Fail: func(connector.Item) error { cancel(); return nil }}
	if err := git.Connector().Read(ctx, connector.Values{"path": dir}, r); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if len(r.Next().State()) != 0 {
		t.Error("state was kept by a run that ended early")
	}
}
