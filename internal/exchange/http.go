package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"tickmark/internal/blob"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Path is where the company's server takes parcels and hands them out.
const Path = "/api/v1/parcels"

// What a message carries: a part of a parcel, from a byte on, of so many in all.
const (
	headerHash   = "Tickmark-Parcel" // SHA-256 of the whole file
	headerOffset = "Tickmark-Offset"
	headerSize   = "Tickmark-Size"
	maxPart      = 8 << 20
)

// Standing is how far an exchange is, as the company's server says it.
type Standing struct {
	Taken    int    `json:"taken"`              // the last of the firm's parcels that was taken
	Sent     int    `json:"sent"`               // the last of the company's parcels that may be fetched
	Received int64  `json:"received,omitempty"` // bytes of the parcel asked about that have arrived
	Parcel   *Taken `json:"parcel,omitempty"`   // that this message completed
}

// problem is a refusal as the server answers it.
type problem struct {
	Why    string `json:"refused"`
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"`
}

// Desk answers the firm over HTTPS. Each message shows the token of the invitation; what it brings is taken by its signature.
type Desk struct {
	Office
	Dir string // where parts are kept until a parcel is whole

	mu sync.Mutex
}

// Handler serves what is under Path.
func (d *Desk) Handler() http.Handler {
	mux := http.NewServeMux()
	serve := func(do func(w http.ResponseWriter, r *http.Request, l Link) (any, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			ctx := record.AsProgram(store.Background(r.Context()))
			l, err := d.bearer(ctx, token)
			if err != nil {
				answer(w, r, nil, err)
				return
			}
			if l.Ended() {
				answer(w, r, nil, l.over())
				return
			}
			v, err := do(w, r.WithContext(ctx), l)
			if v != nil || err != nil {
				answer(w, r, v, err)
			}
		}
	}
	mux.HandleFunc("GET "+Path, serve(func(_ http.ResponseWriter, r *http.Request, l Link) (any, error) {
		return d.standing(r.Context(), l, r.Header.Get(headerHash))
	}))
	mux.HandleFunc("POST "+Path, serve(d.part))
	mux.HandleFunc("GET "+Path+"/{number}", serve(d.hand))
	return mux
}

func (d *Desk) standing(ctx context.Context, l Link, hash string) (*Standing, error) {
	taken, err := d.parcels(ctx, d.Book.DB, l.Engagement, "taken")
	if err != nil {
		return nil, err
	}
	sent, err := d.parcels(ctx, d.Book.DB, l.Engagement, "sent")
	if err != nil {
		return nil, err
	}
	s := &Standing{Taken: len(taken), Sent: len(sent)}
	if _, err := blob.Parse(hash); err == nil {
		if info, err := os.Stat(d.spool(l, hash)); err == nil {
			s.Received = info.Size()
		}
	}
	return s, nil
}

func (d *Desk) spool(l Link, hash string) string {
	return filepath.Join(d.Dir, sum([]byte(l.Engagement))[:16]+"-"+hash)
}

// part takes a part of a parcel. One exchange has one parcel under way: the parts of another are dropped.
func (d *Desk) part(w http.ResponseWriter, r *http.Request, l Link) (any, error) {
	hash := r.Header.Get(headerHash)
	offset, err1 := strconv.ParseInt(r.Header.Get(headerOffset), 10, 64)
	size, err2 := strconv.ParseInt(r.Header.Get(headerSize), 10, 64)
	if _, err := blob.Parse(hash); errors.Join(err, err1, err2) != nil || offset < 0 || size < 1 {
		return nil, fault.New(fault.Invalid, "The message does not say which parcel it is a part of.").WithNext("Send %s, %s and %s.", headerHash, headerOffset, headerSize)
	}
	if size > MaxParcel {
		return nil, fault.New(fault.TooLarge, "The parcel has %d bytes, and %d are the most.", size, int64(MaxParcel))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPart))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, fault.New(fault.TooLarge, "A part has at most %d bytes.", maxPart)
	}
	if err != nil {
		return nil, fault.New(fault.Usage, "The part did not arrive whole.").WithNext("Ask how much of the parcel is here, and go on from there.")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	path := d.spool(l, hash)
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "Parts of parcels cannot be kept: %w.", err)
	}
	others, _ := filepath.Glob(d.spool(l, "*"))
	for _, o := range others {
		if o != path {
			os.Remove(o)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "Parts of parcels cannot be kept: %w.", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if offset > info.Size() || offset+int64(len(body)) > size {
		return nil, fault.New(fault.Conflict, "%d bytes of this parcel are here, and the part begins at %d.", info.Size(), offset).WithNext("Go on from %d.", info.Size())
	}
	if _, err := f.WriteAt(body, offset); err != nil {
		return nil, fault.New(fault.Unavailable, "The part cannot be kept: %w.", err)
	}
	if have := max(info.Size(), offset+int64(len(body))); have < size {
		return &Standing{Received: have}, nil
	}
	if err := d.equals(f, hash, size); err != nil {
		os.Remove(path)
		return nil, err
	}
	t, err := d.take(r.Context(), Firm+":"+l.Engagement, l.Engagement, f, size)
	if _, final := refusal(err); err == nil || final {
		os.Remove(path)
	}
	if err != nil {
		return nil, err
	}
	s, err := d.standing(r.Context(), l, "")
	if err == nil {
		s.Parcel = &t
	}
	return s, err
}

func (d *Desk) equals(f *os.File, hash string, size int64) error {
	h, _, err := hashOf(io.NewSectionReader(f, 0, size))
	if err == nil && h != hash {
		err = refuse(WhyBroken, "The parts do not come to the parcel with the hash %s.", hash).with("Send it again from its first byte.")
	}
	return err
}

// hand gives a parcel to the firm, from a byte on where that is asked for.
func (d *Desk) hand(w http.ResponseWriter, r *http.Request, l Link) (any, error) {
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return nil, fault.New(fault.NotFound, "There is no parcel %q.", r.PathValue("number"))
	}
	in, size, err := d.Fetch(r.Context(), l.Engagement, n)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	from, _ := strconv.ParseInt(r.Header.Get(headerOffset), 10, 64)
	if from < 0 || from > size {
		return nil, fault.New(fault.Invalid, "The parcel has %d bytes.", size)
	}
	if _, err := io.CopyN(io.Discard, in, from); err != nil {
		return nil, err
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.FormatInt(size-from, 10))
	if _, err := io.Copy(w, in); err != nil {
		panic(http.ErrAbortHandler) // what was sent must not look whole
	}
	return nil, nil
}

func answer(w http.ResponseWriter, r *http.Request, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err == nil {
		json.NewEncoder(w).Encode(v)
		return
	}
	var f *fault.Fault
	p, status := problem{Why: "unavailable", Detail: "Something went wrong here."}, http.StatusInternalServerError
	if no, ok := refusal(err); ok {
		p, status = problem{no.Why, no.Detail, no.Next}, http.StatusUnprocessableEntity
		if no.Why == WhyGap || no.Why == WhyChain {
			status = http.StatusConflict
		}
	} else if errors.As(err, &f) {
		p, status = problem{string(f.Kind), f.Message, f.Next}, fault.Status(f)
	} else {
		slog.ErrorContext(r.Context(), "answer about parcels", "error", err)
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(p)
}

// Synced is what an exchange over HTTPS did.
type Synced struct {
	Sent    []int `json:"sent"`    // of the firm's parcels
	Fetched []int `json:"fetched"` // of the company's
}

// Sync brings the firm and the company's server to the same state: it sends what the company has not taken, and takes what it has
// not fetched, going on where an earlier attempt broke off.
func (o *Office) Sync(ctx context.Context, by record.Authority, client *http.Client, id, dir string) (s Synced, err error) {
	if !o.Firm {
		return s, fault.New(fault.Conflict, "The firm's workspace sends and fetches; the company's server waits for it.")
	}
	if err := o.may(ctx, by, id, "exchange its parcels"); err != nil {
		return s, err
	}
	l, err := o.link(ctx, id)
	if err != nil {
		return s, err
	}
	if l.Address == "" || l.Sealed == "" {
		return s, fault.New(fault.Conflict, "The invitation of %s names no server.", id).WithNext("Exchange parcels as files, or ask the company for an invitation with an address.")
	}
	c, err := o.caller(client, l)
	if err != nil {
		return s, err
	}
	far, err := c.standing(ctx, "")
	if err != nil {
		return s, err
	}
	mine, err := o.parcels(ctx, o.Book.DB, id, "sent")
	if err != nil {
		return s, err
	}
	for _, n := range mine[min(far.Taken, len(mine)):] {
		if err := o.send(ctx, c, id, n); err != nil {
			return s, fmt.Errorf("send parcel %d: %w", n.Number, err)
		}
		s.Sent = append(s.Sent, n.Number)
	}
	have, err := o.parcels(ctx, o.Book.DB, id, "taken")
	if err != nil {
		return s, err
	}
	for n := len(have) + 1; n <= far.Sent; n++ {
		if err := o.fetch(ctx, by, c, id, n, dir); err != nil {
			return s, fmt.Errorf("fetch parcel %d: %w", n, err)
		}
		s.Fetched = append(s.Fetched, n)
	}
	return s, nil
}

func (o *Office) send(ctx context.Context, c *caller, id string, n noted) error {
	far, err := c.standing(ctx, n.File)
	if err != nil {
		return err
	}
	in, size, err := o.Fetch(ctx, id, n.Number)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := io.CopyN(io.Discard, in, far.Received); err != nil {
		return err
	}
	for at := far.Received; ; {
		part := make([]byte, min(maxPart, size-at))
		if _, err := io.ReadFull(in, part); err != nil {
			return err
		}
		got, err := c.part(ctx, n.File, at, size, part)
		if err != nil {
			return err
		}
		if at += int64(len(part)); at >= size {
			if got.Parcel == nil || got.Parcel.Hash != n.Hash {
				return fault.New(fault.Unavailable, "The company's server did not say that it took the parcel.").WithNext("Try again.")
			}
			return nil
		}
	}
}

// fetch reads a parcel into a file and takes it; what arrived of it before is kept, and only the rest is read.
func (o *Office) fetch(ctx context.Context, by record.Authority, c *caller, id string, n int, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.Unavailable, "The parcel cannot be kept: %w.", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, sum([]byte(id))[:16]+"-"+strconv.Itoa(n)), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fault.New(fault.Unavailable, "The parcel cannot be kept: %w.", err)
	}
	defer f.Close()
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := c.get(ctx, n, at, f); err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	_, err = o.Take(ctx, by, id, f, size)
	if err == nil || fault.Is(err, fault.Conflict) { // what is refused is fetched anew the next time
		os.Remove(f.Name())
	}
	return err
}
