package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tickmark/internal/connector"
)

// refs are every name in the repository with the object it stands at, read in one answer, so that branches, tags and the
// walk over commits speak of the same moment.
type refs struct {
	raw      []byte // the answer as git gave it
	list     []ref
	warnings []string // names that git could not read
}

type ref struct{ full, object, symbolic string }

// readRefs asks without looking into any object, so that one damaged object does not hide the other names.
func (c *command) readRefs(ctx context.Context) (refs, error) {
	answer, beside, err := c.ask(ctx, KindBranch, "for-each-ref", "--format=%(objectname)%00%(refname)%00%(symref)")
	var f *failed
	if errors.As(err, &f) {
		beside, err = f.Error()+"\n"+f.stderr, nil // what was answered before it ended still stands; the warning makes the gap
	}
	if err != nil {
		return refs{}, err
	}
	rs := refs{raw: answer}
	for line := range strings.SplitSeq(string(answer), "\n") {
		parts := strings.Split(line, "\x00")
		if len(parts) != 3 {
			continue
		}
		rs.list = append(rs.list, ref{object: parts[0], full: parts[1], symbolic: parts[2]})
	}
	for line := range strings.SplitSeq(beside, "\n") {
		// A symbolic name whose branch is not here, such as origin/HEAD in a clone of one branch, hides nothing.
		if line != "" && !strings.Contains(line, "dangling symref") {
			rs.warnings = append(rs.warnings, cut(clean(line), 300))
		}
	}
	return rs, nil
}

// branch is the commit at a branch's full ref.
func (rs refs) branch(full string) (string, bool) {
	i, ok := slices.BinarySearchFunc(rs.list, full, func(r ref, name string) int { return strings.Compare(r.full, name) })
	if !ok || isTag(full) {
		return "", false
	}
	return rs.list[i].object, true
}

func (rs refs) originHead() string {
	for _, r := range rs.list {
		if r.full == "refs/remotes/origin/HEAD" {
			return strings.TrimPrefix(r.symbolic, "refs/remotes/origin/")
		}
	}
	return ""
}

func (rs refs) locals() []string {
	var out []string
	for _, r := range rs.list {
		if name, ok := strings.CutPrefix(r.full, "refs/heads/"); ok {
			out = append(out, name)
		}
	}
	return out
}

// tips are the objects from which history is walked: every branch, tag and other name but those that are not the project's
// history: the stash, notes, replacements, bisection marks and the like.
func (rs refs) tips() []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range rs.list {
		own := slices.ContainsFunc([]string{"refs/stash", "refs/notes/", "refs/replace/", "refs/bisect/", "refs/prefetch/", "refs/original/",
			"refs/rewritten/", "refs/worktree/"}, func(p string) bool { return strings.HasPrefix(r.full, p) })
		if !own && !seen[r.object] {
			seen[r.object] = true
			out = append(out, r.object)
		}
	}
	return out
}

func isTag(full string) bool { return strings.HasPrefix(full, "refs/tags/") }
func isBranch(full string) bool {
	return strings.HasPrefix(full, "refs/heads/") || strings.HasPrefix(full, "refs/remotes/")
}

// text makes a name from git fit to be a key: bytes that are not UTF-8 are written \xNN. No ref can hold a backslash, so two
// names never become one.
func text(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && n == 1 {
			b.WriteString(`\x` + strconv.FormatUint(uint64(name[0])|0x100, 16)[1:])
		} else {
			b.WriteRune(r)
		}
		name = name[n:]
	}
	return b.String()
}

type branchBody struct {
	Ref     string  `json:"ref"`
	Name    string  `json:"name"`
	Remote  *string `json:"remote"`
	Head    string  `json:"head"`
	Default bool    `json:"is_default"`
}

func (r *reading) readBranches(ctx context.Context) error {
	for _, b := range r.refs.list {
		if !isBranch(b.full) || b.symbolic != "" {
			continue
		}
		body := branchBody{Ref: text(b.full), Name: text(shortName(b.full)), Head: b.object, Default: b.full == r.repo.defaultRef}
		if rest, ok := strings.CutPrefix(b.full, "refs/remotes/"); ok {
			name, _, _ := strings.Cut(rest, "/")
			body.Remote = some(text(name))
		}
		raw, err := encode(body)
		if err != nil {
			return err
		}
		label := clean(body.Name)
		if body.Remote != nil {
			label = clean(*body.Remote) + "/" + label
		}
		if err := r.out.Item(connector.Item{Kind: KindBranch, Key: body.Ref, Raw: raw, Label: label}); err != nil {
			return err
		}
	}
	return r.finish(KindBranch)
}

// finish completes a kind that rests on the list of names, unless git could not read some of them.
func (r *reading) finish(kind string) error {
	if len(r.refs.warnings) > 0 {
		r.missing(kind, "", "git could not read every branch and tag: %s", r.refs.warnings[0])
		return nil
	}
	r.out.Complete(kind, "")
	return nil
}

type tagBody struct {
	Name        string  `json:"name"`
	Object      string  `json:"object"`
	Annotated   *bool   `json:"annotated,omitempty"`
	Target      *string `json:"target,omitempty"`
	TargetType  *string `json:"target_type,omitempty"`
	TaggerName  *string `json:"tagger_name,omitempty"`
	TaggerEmail *string `json:"tagger_email,omitempty"`
	TaggedAt    *string `json:"tagged_at,omitempty"`
	Subject     *string `json:"subject,omitempty"`
	Signed      *bool   `json:"signed,omitempty"`
	Signature   *string `json:"signature,omitempty"`
}

// readTags hands over each tag. An object that cannot be read leaves out what only it could have said.
func (r *reading) readTags(ctx context.Context) error {
	var tags []ref
	var ids []string
	for _, t := range r.refs.list {
		if isTag(t.full) {
			tags = append(tags, t)
			ids = append(ids, t.object)
		}
	}
	unread := 0
	err := r.git.objects(ctx, KindTag, len(ids), func(i int) string { return ids[i] }, func(i int, o object) error {
		body := tagBody{Name: text(strings.TrimPrefix(tags[i].full, "refs/tags/")), Object: tags[i].object}
		var raw []byte
		switch {
		case o.kind == "" || (o.kind == "tag" && o.content == nil):
			unread++
		case o.kind == "tag":
			raw = o.content
			body.fill(o.content)
		default:
			no := false
			body.Annotated, body.Target, body.TargetType, body.Signed, body.Signature = &no, &body.Object, &o.kind, &no, some(noSignature)
		}
		made, err := encode(body)
		if err != nil {
			return err
		}
		if raw == nil {
			raw = made
		}
		return r.out.Item(connector.Item{Kind: KindTag, Key: body.Name, Raw: raw, Body: made, Label: clean(body.Name)})
	})
	if err != nil {
		return err
	}
	if unread > 0 {
		r.missing(KindTag, "", "%d tag objects could not be read. Run git fsck to see which.", unread)
		return nil
	}
	return r.finish(KindTag)
}

// fill takes what an annotated tag says: object, type, tag and tagger lines, a blank line, the message and at its end
// perhaps a signature.
func (b *tagBody) fill(raw []byte) {
	yes := true
	b.Annotated = &yes
	head, message := splitObject(raw)
	sign := noSignature
	for h := range headers(head) {
		value := string(h.value)
		switch h.name {
		case "object":
			b.Target = some(value)
		case "type":
			b.TargetType = some(value)
		case "tagger":
			who := parsePerson(h.value)
			name, email := decodeText(who.name, ""), decodeText(who.email, "")
			b.TaggerName, b.TaggerEmail, b.TaggedAt = &name.text, &email.text, who.stated()
		case "gpgsig", "gpgsig-sha256":
			sign = signatureKind(h.value)
		}
	}
	if at := bytes.LastIndex(message, []byte("-----BEGIN ")); at >= 0 && (at == 0 || message[at-1] == '\n') {
		if kind := signatureKind(message[at:]); kind != otherSignature {
			sign, message = kind, message[:at]
		}
	}
	b.Subject = some(subject(decodeText(message, "").text))
	signed := sign != noSignature
	b.Signed, b.Signature = &signed, &sign
}

// records reads text separated by a zero byte.
type records struct {
	in   *bufio.Reader
	last []byte
}

func newRecords(r io.Reader) *records { return &records{in: bufio.NewReaderSize(r, 64<<10)} }

func (r *records) next() bool {
	b, err := r.in.ReadBytes(0)
	if err != nil && len(b) == 0 {
		return false
	}
	r.last = bytes.TrimSuffix(b, []byte{0})
	return true
}

func (r *records) text() string { return string(r.last) }
