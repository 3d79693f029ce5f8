// Package exchange carries what the company's workspace and the firm's tell each other: signed, numbered parcels, as files or over
// HTTPS. The one rule: a side sends only what is listed here for it, by kind and field, and what arrives is verified whole before
// anything of it is kept.
package exchange

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tickmark/internal/blob"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/report/archive"
)

// The sides.
const (
	Company = "company"
	Firm    = "firm"
)

// Format is the first member of a parcel's content.
const Format = "tickmark parcel v1"

// Limits of a parcel.
const (
	MaxParcel  = 512 << 20 // bytes of the file
	MaxItems   = 10_000
	maxContent = 32 << 20 // bytes of parcel.json
	kept       = "parcel.json"
	signature  = "signature"
)

// Parcel is what one side tells the other at one time. Its JSON is canonical, and its SHA-256 is what the next parcel names.
type Parcel struct {
	Format     string    `json:"format"`
	Engagement string    `json:"engagement"`
	From       string    `json:"from"`     // a side
	Number     int       `json:"number"`   // from 1, without gaps
	Previous   string    `json:"previous"` // SHA-256 of the one before it of the same side; empty for the first
	Made       time.Time `json:"made"`
	Items      []Item    `json:"items"`
	Files      []File    `json:"files"`
}

// Item is one thing that is told.
type Item struct {
	Sort    string          `json:"sort"`
	Key     string          `json:"key"` // among those of its sort; a later parcel may tell it anew
	Title   string          `json:"title"`
	Content json.RawMessage `json:"content"`
	File    string          `json:"file,omitempty"` // SHA-256 of the file that belongs to it
	Name    string          `json:"name,omitempty"` // of the file
}

// File is a member that is named by its hash.
type File struct {
	Hash string `json:"sha256"`
	Size int64  `json:"size"`
}

// Refused is why a parcel was not taken, by a name that programs can tell apart.
type Refused struct {
	Why    string
	Detail string
	Next   string
}

func (r *Refused) Error() string { return strings.TrimSpace(r.Detail + " " + r.Next) }

// The names of refusals.
const (
	WhyBroken    = "broken"    // it is no parcel, or not whole
	WhySignature = "signature" // not signed by the other side's key
	WhyForeign   = "foreign"   // of another engagement, or of the same side
	WhyGap       = "gap"       // parcels before it are missing
	WhyChain     = "chain"     // it does not follow the one that was taken before it, or another was taken under its number
	WhyContent   = "content"   // it tells what its side does not tell
	WhyEnded     = "ended"     // one side ended the exchange
	WhyUnknown   = "unknown"   // there is no exchange for the engagement, or it is not confirmed
)

func refuse(why, format string, args ...any) *Refused {
	return &Refused{Why: why, Detail: fmt.Sprintf(format, args...)}
}

func (r *Refused) with(format string, args ...any) *Refused {
	r.Next = fmt.Sprintf(format, args...)
	return r
}

// Fingerprint names a verifier key, for two people to compare: the first 128 bits of its SHA-256 in groups of four digits.
func Fingerprint(vkey string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(vkey)))
	text := hex.EncodeToString(sum[:16])
	var out []string
	for g := range slices.Chunk([]byte(text), 4) {
		out = append(out, string(g))
	}
	return strings.Join(out, " ")
}

// same reports whether a fingerprint that somebody typed names the key.
func same(typed, vkey string) bool {
	plain := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }
	return plain(typed) != "" && plain(typed) == plain(Fingerprint(vkey))
}

func goodKey(vkey string) bool {
	_, err := note.NewVerifier(vkey)
	return err == nil
}

// write writes a parcel as an archive: its content, the signature over that, and the files, read from where blobs are kept.
func (p Parcel) write(w io.Writer, log *ledger.Log, blobs blob.Store) (hash string, err error) {
	raw, err := canonical(p)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	hash = hex.EncodeToString(sum[:])
	signed, err := log.Statement(Format + "\n" + hash + "\n")
	if err != nil {
		return "", err
	}
	a := archive.NewWriter(w)
	for _, m := range []struct {
		name string
		b    []byte
	}{{kept, raw}, {signature, signed}} {
		if err := a.Add(archive.Member{Name: m.name, CRC: archive.CRC(m.b), Size: int64(len(m.b)), Packed: int64(len(m.b))}, bytes.NewReader(m.b)); err != nil {
			return "", err
		}
	}
	for _, f := range p.Files {
		h, err := blob.Parse(f.Hash)
		if err != nil {
			return "", err
		}
		if err := add(a, "files/"+f.Hash, blobs, h); err != nil {
			return "", err
		}
	}
	return hash, a.Close()
}

// add writes a kept file as a member; its checksum, which stands before it, takes a reading of its own.
func add(a *archive.Writer, name string, blobs blob.Store, h blob.Hash) error {
	r, size, err := blobs.Open(h)
	if err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	_, err = io.Copy(sum, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("read the file %s: %w", h, err)
	}
	if r, _, err = blobs.Open(h); err != nil {
		return err
	}
	defer r.Close()
	return a.Add(archive.Member{Name: name, CRC: sum.Sum32(), Size: size, Packed: size}, r)
}

// opened is a parcel that was verified: signature, shape, and each file's hash.
type opened struct {
	Parcel
	hash string
	zip  *archive.Reader
}

// open verifies all of a parcel that needs no other: the archive, the signature by the other side's key, the files.
func open(r io.ReaderAt, size int64, vkey string) (*opened, error) {
	if size > MaxParcel {
		return nil, refuse(WhyBroken, "The parcel has %d bytes, and %d are the most.", size, int64(MaxParcel)).with("Let it be sent in several.")
	}
	zip, err := archive.Open(r, size)
	if err != nil {
		return nil, refuse(WhyBroken, "It is no parcel, or it did not arrive whole: %v", err).with("Fetch or copy it again.")
	}
	raw, err := zip.All(kept, maxContent)
	if err != nil {
		return nil, refuse(WhyBroken, "Its content cannot be read: %v", err).with("Fetch or copy it again.")
	}
	signed, err := zip.All(signature, 1<<16)
	if err != nil {
		return nil, refuse(WhyBroken, "It has no signature: %v", err)
	}
	sum := sha256.Sum256(raw)
	o := &opened{hash: hex.EncodeToString(sum[:]), zip: zip}
	text, err := ledger.OpenStatement(signed, vkey)
	if err != nil {
		return nil, refuse(WhySignature, "It is not signed with the key that was confirmed for the other side: %v", err).with("Ask them which key is theirs, by another way than this parcel.")
	}
	if text != Format+"\n"+o.hash+"\n" {
		return nil, refuse(WhySignature, "The signature is over another content.").with("Fetch or copy it again.")
	}
	if err := strict(raw, &o.Parcel); err != nil {
		return nil, refuse(WhyBroken, "Its content is not that of a parcel: %v", err)
	}
	again, err := canonical(o.Parcel)
	if err != nil || !bytes.Equal(again, raw) {
		return nil, refuse(WhyBroken, "Its content is not in the one form that a parcel has.")
	}
	return o, o.whole()
}

// Inspect verifies a parcel of a side by its key, without taking it, and returns what it tells and the hash of that.
func Inspect(r io.ReaderAt, size int64, vkey, from string) (Parcel, string, error) {
	p, err := open(r, size, vkey)
	if err != nil {
		return Parcel{}, "", err
	}
	if p.From != from {
		return Parcel{}, "", refuse(WhyForeign, "It is from the %s.", p.From)
	}
	return p.Parcel, p.hash, (&Office{}).speaks(p.Parcel, vkey)
}

func (o *opened) whole() error {
	if o.Format != Format {
		return refuse(WhyBroken, "It says its format is %q, and this program knows %q.", o.Format, Format)
	}
	if len(o.Items) > MaxItems {
		return refuse(WhyBroken, "It tells %d things, and %d are the most.", len(o.Items), MaxItems)
	}
	named := map[string]bool{kept: true, signature: true}
	for _, f := range o.Files {
		if _, err := blob.Parse(f.Hash); err != nil {
			return refuse(WhyBroken, "It names a file by %q, which is no SHA-256.", f.Hash)
		}
		m, ok := o.zip.Member("files/" + f.Hash)
		if !ok {
			return refuse(WhyBroken, "The file %s is missing from it.", f.Hash)
		}
		named[m.Name] = true
		c := o.zip.Open(m)
		n, err := io.Copy(io.Discard, c)
		if err != nil {
			return refuse(WhyBroken, "The file %s in it cannot be read: %v", f.Hash, err)
		}
		if sum, _ := c.Sums(); hex.EncodeToString(sum[:]) != f.Hash || n != f.Size {
			return refuse(WhyBroken, "The file %s in it has another content.", f.Hash)
		}
	}
	for _, m := range o.zip.Members {
		if !named[m.Name] {
			return refuse(WhyBroken, "It holds %s, which its content does not name.", m.Name)
		}
	}
	seen := map[string]bool{}
	for _, i := range o.Items {
		switch id := i.Sort + "\x00" + i.Key; {
		case i.Key == "" || len(i.Key) > 200 || seen[id]:
			return refuse(WhyBroken, "It tells %s %q twice, or under no good key.", i.Sort, i.Key)
		case i.File != "" && !named["files/"+i.File]:
			return refuse(WhyBroken, "%s %s names a file that is not in it.", i.Sort, i.Key)
		default:
			seen[id] = true
		}
	}
	return nil
}

// file reads a file of a verified parcel.
func (o *opened) file(hash string) io.Reader {
	m, _ := o.zip.Member("files/" + hash)
	return o.zip.Open(m)
}

// canonical is the one JSON of a parcel: items in order of sort and key, files in order of hash, content as the heart writes it.
func canonical(p Parcel) ([]byte, error) {
	p.Items, p.Files = slices.Clone(p.Items), slices.Clone(p.Files)
	slices.SortFunc(p.Items, func(a, b Item) int { return cmp.Or(strings.Compare(a.Sort, b.Sort), strings.Compare(a.Key, b.Key)) })
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Hash, b.Hash) })
	if p.Items == nil {
		p.Items = []Item{}
	}
	if p.Files == nil {
		p.Files = []File{}
	}
	p.Made = p.Made.UTC().Truncate(time.Microsecond)
	return json.Marshal(p)
}

// strict reads one JSON value that holds nothing else and no unknown members.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows it")
	}
	return nil
}

// asFault is a refusal as the command line and pages say it.
func asFault(err error) error {
	var r *Refused
	if errors.As(err, &r) {
		f := fault.New(fault.Conflict, "The parcel is refused (%s). %s Nothing was changed.", r.Why, r.Detail)
		if r.Next != "" {
			f = f.WithNext("%s", r.Next)
		}
		f.Err = r
		return f
	}
	return err
}
