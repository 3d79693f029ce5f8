package exchange

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"tickmark/internal/fault"
)

// caller speaks to the company's server. It follows nobody elsewhere, and shows the token only there.
type caller struct {
	client *http.Client
	base   string
	token  string
}

func (o *Office) caller(client *http.Client, l Link) (*caller, error) {
	u, err := url.Parse(l.Address)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, fault.New(fault.Invalid, "%q is no address of a server over HTTPS.", l.Address).WithNext("Ask the company for an invitation with another.")
	}
	sealed, err := base64.StdEncoding.DecodeString(l.Sealed)
	if err != nil {
		return nil, fmt.Errorf("read the token of %s: %w", l.Engagement, err)
	}
	token, err := o.Keys.Open(place(l.Engagement), sealed)
	if err != nil {
		return nil, err
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &caller{&own, l.Address + Path, token.Reveal()}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *caller) do(ctx context.Context, method, address string, body []byte, head map[string]string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	for k, v := range head {
		r.Header.Set(k, v)
	}
	a, err := c.client.Do(r)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The company's server does not answer: %w.", err).WithNext("Try again; what arrived is kept.")
	}
	if a.StatusCode == http.StatusOK {
		return a, nil
	}
	defer a.Body.Close()
	var p problem
	if json.NewDecoder(io.LimitReader(a.Body, 1<<16)).Decode(&p) != nil || p.Detail == "" {
		p.Detail = "It answered " + a.Status + "."
	}
	f := fault.New(fault.Conflict, "The company's server refuses it (%s). %s", p.Why, p.Detail)
	if a.StatusCode >= 500 {
		f = fault.New(fault.Unavailable, "The company's server cannot take it now. %s", p.Detail)
	}
	if p.Next != "" {
		f = f.WithNext("%s", p.Next)
	}
	return nil, f
}

func (c *caller) json(ctx context.Context, method string, body []byte, head map[string]string) (s Standing, err error) {
	a, err := c.do(ctx, method, c.base, body, head)
	if err != nil {
		return s, err
	}
	defer a.Body.Close()
	if err := json.NewDecoder(io.LimitReader(a.Body, 1<<16)).Decode(&s); err != nil {
		return s, fault.New(fault.Unavailable, "The company's server answers what no Tickmark answers: %w.", err)
	}
	return s, nil
}

func (c *caller) standing(ctx context.Context, hash string) (Standing, error) {
	return c.json(ctx, "GET", nil, map[string]string{headerHash: hash})
}

func (c *caller) part(ctx context.Context, hash string, at, size int64, body []byte) (Standing, error) {
	return c.json(ctx, "POST", body, map[string]string{headerHash: hash, headerOffset: strconv.FormatInt(at, 10), headerSize: strconv.FormatInt(size, 10), "Content-Type": "application/zip"})
}

func (c *caller) get(ctx context.Context, number int, at int64, w io.Writer) error {
	a, err := c.do(ctx, "GET", c.base+"/"+strconv.Itoa(number), nil, map[string]string{headerOffset: strconv.FormatInt(at, 10)})
	if err != nil {
		return err
	}
	defer a.Body.Close()
	n, err := io.Copy(w, io.LimitReader(a.Body, MaxParcel+1-at))
	if err != nil || a.ContentLength >= 0 && n != a.ContentLength {
		return fault.New(fault.Unavailable, "The parcel did not arrive whole.").WithNext("Try again; what arrived is kept.")
	}
	return nil
}

func hashOf(r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), n, err
}
