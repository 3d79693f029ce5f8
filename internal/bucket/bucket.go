// Package bucket keeps objects in a bucket of Amazon S3 or of another service that speaks its protocol. The one rule: what goes
// there is signed with its SHA-256, and nothing that comes back is trusted to be what went there.
//
// Requests are plain HTTP, signed by the AWS SDK's signer: the SDK's own S3 client would make the program 6 MB larger.
package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"tickmark/internal/awsauth"
	"tickmark/internal/fault"
)

// Bucket is a bucket, or the part of it below a prefix.
type Bucket struct {
	name, prefix string
	endpoint     *url.URL
	region       string
	retain       time.Duration // how long nobody may change what is kept under lock; zero: no lock
	mode         string
	credentials  aws.CredentialsProvider
	signer       *v4.Signer
	http         *http.Client
}

// MaxObject is the largest object that one request may bring.
const MaxObject = 5 << 30

var (
	names    = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixes = regexp.MustCompile(`^[A-Za-z0-9._/-]*$`)
	spans    = regexp.MustCompile(`^([1-9][0-9]{0,4})d$`)
)

// Is says whether an address is one of a bucket.
func Is(address string) bool { return strings.HasPrefix(address, "s3://") }

// Open reads s3://BUCKET/PREFIX with, after a question mark, endpoint=https://…, region=…, retain=30d and lock=governance.
// Credentials come from where AWS's own tools take them. Nothing is asked of the service yet.
func Open(address string) (*Bucket, error) {
	wrong := func(format string, args ...any) error {
		return fault.New(fault.Usage, "%q: %w.", address, fmt.Errorf(format, args...)).WithNext("Write it as s3://BUCKET/PREFIX?endpoint=https://s3.example.org&region=eu-central-1.")
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.User != nil || u.Fragment != "" {
		return nil, wrong("this is no address of a bucket")
	}
	b := &Bucket{name: u.Host, prefix: strings.Trim(u.Path, "/"), signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })}
	if !names.MatchString(b.name) {
		return nil, wrong("%q is no name of a bucket", b.name)
	}
	if !prefixes.MatchString(b.prefix) || strings.Contains(b.prefix, "//") || strings.Contains("/"+b.prefix+"/", "/../") {
		return nil, wrong("the prefix %q has something else than letters, digits, dots, dashes and slashes", b.prefix)
	}
	if b.prefix != "" {
		b.prefix += "/"
	}
	b.region = first(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1")
	endpoint := os.Getenv("AWS_ENDPOINT_URL_S3")
	for name, values := range u.Query() {
		value := values[len(values)-1]
		switch name {
		case "endpoint":
			endpoint = value
		case "region":
			b.region = value
		case "retain":
			m := spans.FindStringSubmatch(value)
			if m == nil {
				return nil, wrong("retain is a number of days, such as 30d, not %q", value)
			}
			days, _ := strconv.Atoi(m[1])
			b.retain = time.Duration(days) * 24 * time.Hour
		case "lock":
			if b.mode = strings.ToUpper(value); b.mode != "COMPLIANCE" && b.mode != "GOVERNANCE" {
				return nil, wrong("lock is compliance or governance, not %q", value)
			}
		default:
			return nil, wrong("there is no setting %q", name)
		}
	}
	if b.mode = first(b.mode, "COMPLIANCE"); !prefixes.MatchString(b.region) {
		return nil, wrong("%q is no region", b.region)
	}
	endpoint = first(endpoint, "https://s3."+b.region+".amazonaws.com")
	if b.endpoint, err = url.Parse(endpoint); err != nil || b.endpoint.Host == "" || b.endpoint.Scheme != "https" && b.endpoint.Scheme != "http" || b.endpoint.User != nil || b.endpoint.RawQuery != "" {
		return nil, wrong("the endpoint %q is not an address that begins with https://", endpoint)
	}
	if b.endpoint.Scheme == "http" && !loopback(b.endpoint.Hostname()) {
		return nil, wrong("the endpoint %q is not encrypted", endpoint)
	}
	b.credentials = aws.NewCredentialsCache(awsauth.Chain{STS: awsauth.STS{Region: b.region}})
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	b.http = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func first(of ...string) string {
	for _, s := range of {
		if s != "" {
			return s
		}
	}
	return ""
}

func (b *Bucket) String() string { return "s3://" + b.name + "/" + b.prefix }

// Put keeps an object and replaces what was under its key. body is read from its beginning, again when the service asks for it
// again. With lock, and a retention in the address, nobody can change or remove it until then.
func (b *Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, sum [sha256.Size]byte, lock bool) error {
	if size > MaxObject {
		return fault.New(fault.TooLarge, "An object of S3 has at most 5 GiB in one piece, %s has %d bytes.", key, size)
	}
	h := http.Header{}
	if lock && b.retain > 0 {
		h.Set("X-Amz-Object-Lock-Mode", b.mode)
		h.Set("X-Amz-Object-Lock-Retain-Until-Date", time.Now().Add(b.retain).UTC().Format(time.RFC3339))
		h.Set("X-Amz-Checksum-Sha256", base64Of(sum)) // the service asks for one with a lock
	}
	r, err := b.do(ctx, request{method: http.MethodPut, key: key, header: h, body: body, size: size, sum: hex.EncodeToString(sum[:])})
	if err == nil {
		r.Body.Close()
	}
	return err
}

// Get opens an object; fs.ErrNotExist when there is none.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	r, err := b.do(ctx, request{method: http.MethodGet, key: key})
	if err != nil {
		return nil, 0, err
	}
	return &body{r.Body, b}, r.ContentLength, nil
}

// body is an answer under way. Where it breaks off, that is said of the bucket.
type body struct {
	io.ReadCloser
	b *Bucket
}

func (r *body) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = r.b.fault(fmt.Errorf("its answer broke off: %w", err))
	}
	return n, err
}

// Size measures an object; fs.ErrNotExist when there is none.
func (b *Bucket) Size(ctx context.Context, key string) (int64, error) {
	r, err := b.do(ctx, request{method: http.MethodHead, key: key})
	if err != nil {
		return 0, err
	}
	r.Body.Close()
	return r.ContentLength, nil
}

// Remove removes an object. kept says that the bucket keeps its older versions, so that the bytes are still there.
func (b *Bucket) Remove(ctx context.Context, key string) (kept bool, err error) {
	r, err := b.do(ctx, request{method: http.MethodDelete, key: key})
	if err != nil {
		return false, err
	}
	r.Body.Close()
	return r.Header.Get("X-Amz-Delete-Marker") == "true", nil
}

// Each hands over every key, in order.
func (b *Bucket) Each(ctx context.Context, fn func(key string, size int64) error) error {
	for after := ""; ; {
		q := url.Values{"list-type": {"2"}, "prefix": {b.prefix}}
		if after != "" {
			q.Set("continuation-token", after)
		}
		r, err := b.do(ctx, request{method: http.MethodGet, query: q})
		if err != nil {
			return err
		}
		var page struct {
			Contents []struct {
				Key  string
				Size int64
			}
			IsTruncated           bool
			NextContinuationToken string
		}
		err = xml.NewDecoder(io.LimitReader(r.Body, 16<<20)).Decode(&page)
		r.Body.Close()
		if err != nil {
			return b.fault(fmt.Errorf("its list cannot be read: %w", err))
		}
		for _, o := range page.Contents {
			if key, ok := strings.CutPrefix(o.Key, b.prefix); ok {
				if err := fn(key, o.Size); err != nil {
					return err
				}
			}
		}
		if !page.IsTruncated {
			return nil
		}
		if page.NextContinuationToken == "" || page.NextContinuationToken == after {
			return b.fault(errors.New("its list does not go on"))
		}
		after = page.NextContinuationToken
	}
}

type request struct {
	method, key string
	query       url.Values
	header      http.Header
	body        io.ReadSeeker
	size        int64
	sum         string // SHA-256 of the body
}

const tries = 4

var empty = hex.EncodeToString(sha256.New().Sum(nil))

// do asks until there is an answer that is not the service's own trouble, and returns it when it is good.
func (b *Bucket) do(ctx context.Context, q request) (*http.Response, error) {
	if q.sum == "" {
		q.sum = empty
	}
	for try := 1; ; try++ {
		r, err := b.once(ctx, q)
		if err == nil && r.StatusCode/100 == 2 {
			return r, nil
		}
		again := ctx.Err() == nil
		if err == nil {
			again = r.StatusCode >= 500 || r.StatusCode == http.StatusTooManyRequests
			err = answered(r)
		}
		if !again || try == tries {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			return nil, b.fault(err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(try*try) * 100 * time.Millisecond):
		}
	}
}

func (b *Bucket) once(ctx context.Context, q request) (*http.Response, error) {
	at := b.endpoint.JoinPath(b.name)
	if q.key != "" {
		at = at.JoinPath(b.prefix + q.key)
	}
	at.RawQuery = q.query.Encode()
	var body io.Reader
	if q.body != nil {
		if _, err := q.body.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		body = io.NopCloser(q.body)
	}
	r, err := http.NewRequestWithContext(ctx, q.method, at.String(), body)
	if err != nil {
		return nil, err
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	if r.ContentLength = q.size; q.body != nil && q.size == 0 {
		r.Body = http.NoBody
	}
	r.Header.Set("X-Amz-Content-Sha256", q.sum)
	c, err := b.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.signer.SignHTTP(ctx, c, r, q.sum, "s3", b.region, time.Now()); err != nil {
		return nil, err
	}
	return b.http.Do(r)
}

// answered is what a bad answer says.
func answered(r *http.Response) error {
	defer r.Body.Close()
	var e struct{ Code, Message string }
	text, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	xml.Unmarshal(text, &e)
	if r.StatusCode == http.StatusNotFound && e.Code != "NoSuchBucket" {
		return fs.ErrNotExist
	}
	if e.Code != "" {
		return fmt.Errorf("it answered %s, %s: %s", r.Status, e.Code, strings.TrimSuffix(e.Message, "."))
	}
	return fmt.Errorf("it answered %s", r.Status)
}

func (b *Bucket) fault(err error) error {
	return fault.New(fault.Unavailable, "The bucket %s (%s) cannot be used: %w.", b, b.endpoint.Host, err).WithNext("Check the bucket's name, region and endpoint, and the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile) and what they may do.")
}

func base64Of(sum [sha256.Size]byte) string { return base64.StdEncoding.EncodeToString(sum[:]) }
