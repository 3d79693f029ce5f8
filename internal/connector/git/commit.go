package git

import (
	"bytes"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
)

// The sorts of signature that git knows, by the armour they wear; and what stands for none.
const (
	noSignature    = "none"
	gpgSignature   = "gpg"
	sshSignature   = "ssh"
	x509Signature  = "x509"
	otherSignature = "other"
)

// commitBody is made from a commit's bytes alone, but for its place: on_default_branch changes when a branch is merged or a
// push is forced, and only then does a commit get another version. It is absent when there is no default branch to ask.
type commitBody struct {
	ID             string   `json:"id"`
	Tree           string   `json:"tree"`
	Parents        []string `json:"parents"`
	Merge          bool     `json:"merge"`
	AuthorName     string   `json:"author_name"`
	AuthorEmail    string   `json:"author_email"`
	AuthoredAt     *string  `json:"authored_at"`
	AuthorZone     *string  `json:"author_zone"`
	CommitterName  string   `json:"committer_name"`
	CommitterEmail string   `json:"committer_email"`
	CommittedAt    *string  `json:"committed_at"`
	CommitterZone  *string  `json:"committer_zone"`
	Subject        string   `json:"subject"`
	Message        string   `json:"message"`
	Encoding       *string  `json:"encoding,omitempty"`
	Damaged        bool     `json:"text_damaged,omitempty"`
	Signed         bool     `json:"signed"`
	Signature      string   `json:"signature"`
	OnDefault      *bool    `json:"on_default_branch,omitempty"`
}

// parseCommit turns a commit's bytes into its body. Like git it takes the first of a header that stands twice, and it
// refuses nothing: a field that is not there is empty, a time that is none is null.
func parseCommit(id string, raw []byte) (commitBody, time.Time) {
	b := commitBody{ID: id, Parents: []string{}, Signature: noSignature}
	head, message := splitObject(raw)
	var author, committer person
	var hasAuthor, hasCommitter bool
	encoding := ""
	for h := range headers(head) {
		switch h.name {
		case "tree":
			if b.Tree == "" {
				b.Tree = clean(string(h.value))
			}
		case "parent":
			b.Parents = append(b.Parents, clean(string(h.value)))
		case "author":
			if !hasAuthor {
				author, hasAuthor = parsePerson(h.value), true
			}
		case "committer":
			if !hasCommitter {
				committer, hasCommitter = parsePerson(h.value), true
			}
		case "encoding":
			if encoding == "" {
				encoding = clean(string(h.value))
			}
		case "gpgsig", "gpgsig-sha256":
			b.Signature = signatureKind(h.value)
		}
	}
	b.Merge = len(b.Parents) > 1
	b.Signed = b.Signature != noSignature
	b.Encoding = some(encoding)
	take := func(raw []byte) string {
		d := decodeText(raw, encoding)
		b.Damaged = b.Damaged || d.damaged
		return d.text
	}
	b.AuthorName, b.AuthorEmail = take(author.name), take(author.email)
	b.CommitterName, b.CommitterEmail = take(committer.name), take(committer.email)
	b.AuthoredAt, b.CommittedAt = author.stated(), committer.stated()
	b.AuthorZone, b.CommitterZone = some(author.zone), some(committer.zone)
	b.Message = strings.TrimRight(take(message), "\n")
	b.Subject = subject(b.Message)
	at, _ := committer.stamp()
	return b, at
}

// splitObject parts the headers of a commit or tag from its message.
func splitObject(raw []byte) (head, message []byte) {
	if bytes.HasPrefix(raw, []byte("\n")) {
		return nil, raw[1:]
	}
	head, message, _ = bytes.Cut(raw, []byte("\n\n"))
	return head, message
}

type header struct {
	name  string
	value []byte // with the lines that go on it, each without its leading space
}

// headers are the lines of a header; a line that begins with a space goes on the one before.
func headers(head []byte) iter.Seq[header] {
	return func(yield func(header) bool) {
		for len(head) > 0 {
			line, rest, _ := bytes.Cut(head, []byte("\n"))
			name, value, _ := bytes.Cut(line, []byte(" "))
			h := header{name: string(name), value: value}
			for len(rest) > 0 && rest[0] == ' ' {
				var more []byte
				more, rest, _ = bytes.Cut(rest, []byte("\n"))
				h.value = append(append(h.value[:len(h.value):len(h.value)], '\n'), more[1:]...)
			}
			head = rest
			if !yield(h) {
				return
			}
		}
	}
}

// person is who wrote or committed, and when: "Ada <ada@example.org> 1767225600 +0100".
type person struct {
	name, email []byte
	seconds     int64
	zone        string // as stated
	dated       bool
}

// parsePerson takes the line apart as git does: the address between the first < and the first > behind it, the time behind
// the last >.
func parsePerson(line []byte) person {
	var p person
	open := bytes.IndexByte(line, '<')
	if open < 0 {
		p.name = bytes.TrimSpace(line)
		return p
	}
	p.name = bytes.TrimSpace(line[:open])
	if n := bytes.IndexByte(line[open:], '>'); n > 0 {
		p.email = bytes.TrimSpace(line[open+1 : open+n])
	}
	when := string(line[bytes.LastIndexByte(line, '>')+1:])
	seconds, zone, _ := strings.Cut(strings.TrimSpace(when), " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	p.seconds, p.dated, p.zone = n, err == nil, cut(clean(zone), 20)
	return p
}

// stamp is the time with its zone; false when there is none, or none that a calendar holds. A zone that no place could
// have is taken as UTC; the text of it stays in the body.
func (p person) stamp() (time.Time, bool) {
	const first, last = -62135596800, 253402300799 // years 1 to 9999
	if !p.dated || p.seconds < first+86400 || p.seconds > last-86400 {
		return time.Time{}, false
	}
	at := time.Unix(p.seconds, 0).UTC()
	if minutes, ok := zoneMinutes(p.zone); ok && minutes != 0 {
		at = at.In(time.FixedZone("", minutes*60))
	}
	return at, true
}

// stated is the time as the body holds it; nil when there is none.
func (p person) stated() *string {
	at, ok := p.stamp()
	if !ok {
		return nil
	}
	s := at.Format(time.RFC3339)
	return &s
}

// zoneMinutes reads +hhmm; zones on earth run from -12:00 to +14:00.
func zoneMinutes(zone string) (int, bool) {
	if len(zone) != 5 || (zone[0] != '+' && zone[0] != '-') {
		return 0, false
	}
	n, err := strconv.ParseUint(zone[1:], 10, 16)
	if err != nil || n%100 > 59 || n > 1400 {
		return 0, false
	}
	minutes := int(n/100*60 + n%100)
	if zone[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}

// signatureKind tells the sort of signature from its first line. That it is valid is not said.
func signatureKind(armour []byte) string {
	armour = bytes.TrimSpace(armour)
	for prefix, kind := range map[string]string{
		"-----BEGIN PGP SIGNATURE-----":  gpgSignature,
		"-----BEGIN PGP MESSAGE-----":    gpgSignature,
		"-----BEGIN SSH SIGNATURE-----":  sshSignature,
		"-----BEGIN SIGNED MESSAGE-----": x509Signature,
	} {
		if bytes.HasPrefix(armour, []byte(prefix)) {
			return kind
		}
	}
	return otherSignature
}

type decoded struct {
	text    string
	damaged bool
}

// decodeText makes UTF-8 of a commit's text: by the encoding it declares, else as it stands. What fits neither is replaced
// by U+FFFD and marked; so is a zero byte, which no database holds.
func decodeText(raw []byte, encoding string) decoded {
	s := string(raw)
	switch strings.ToLower(encoding) {
	case "", "utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "replacement", "x-user-defined":
	default:
		if e, err := htmlindex.Get(strings.ToLower(encoding)); err == nil {
			if t, err := e.NewDecoder().String(s); err == nil {
				s = t
			}
		}
	}
	d := decoded{text: s}
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		d.damaged = true
		d.text = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	}
	return d
}

const maxSubject = 500 // runes; the message holds the whole

// subject is the first paragraph on one line.
func subject(message string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimLeft(message, " \t\r\n"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || b.Len() > 4*maxSubject {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return cut(b.String(), maxSubject)
}
