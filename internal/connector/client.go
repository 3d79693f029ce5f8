package connector

import (
	"bytes"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tickmark/internal/fault"
	"tickmark/internal/secret"
)

const (
	maxAnswer    = 32 << 20 // bytes of one page
	maxTries     = 6
	maxRedirects = 5
	secondary    = 60               // of the first wait, where a service says that it was asked too much and not for how long
	longestWait  = 15 * time.Minute // for one retry; a service that asks for more is reported as not read
	askTimeout   = 2 * time.Minute  // of one request with its answer
)

// client asks one service.
type client struct {
	http    *http.Client
	base    *url.URL
	moved   bool // the connection names the endpoint, so that every declared host is there
	sign    func(http.Header) error
	failed  func([]byte) (string, bool)
	fetch   func(context.Context) (Token, error) // nil: the credential is at hand
	out     Sink
	budget  *Budget
	backoff time.Duration

	cover secret.Cover

	mu     sync.Mutex
	met    bool           // the service has answered once
	behind time.Duration  // how far its clock was behind this machine's, at most
	worn   map[string]int // by declared path: how often in a row it failed whatever was tried

	fetching sync.Mutex
	token    Token
	fetched  int // how many tokens there were
}

// question is one request: a GET, or a POST with a body that only reads.
type question struct {
	*url.URL
	body   []byte
	mime   string      // of body; JSON when empty
	accept string      // the form of the answer; JSON when empty
	grant  http.Header // of a question for a token, which is signed by these alone; its answer is a secret
	page   bool        // it asks for a page of a list
	place  string      // what it is called, where its address differs from run to run
	of     string      // the declared path that was filled
}

// id tells questions apart.
func (q question) id() string { return q.URL.String() + " " + string(q.body) }

func (q question) method() string {
	if q.body != nil || q.grant != nil {
		return http.MethodPost
	}
	return http.MethodGet
}

// dial settles where the service is. Nothing is sent.
func (s Service) dial(ctx context.Context, v Values, out Sink) (*client, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	base, err := origin(cmp.Or(v["endpoint"], s.Base(v)), "endpoint")
	if err != nil {
		return nil, err
	}
	c := &client{base: base, moved: v["endpoint"] != "", failed: s.Failed, out: out, backoff: FirstWait(ctx, cmp.Or(s.Backoff, time.Second)), worn: map[string]int{}}
	if c.budget, err = NewBudget(v); err != nil {
		return nil, err
	}
	if s.Token != nil {
		from := &Issuer{c: c, base: base}
		if at := v["token_endpoint"]; at != "" || s.TokenAt != nil {
			if at == "" {
				at = s.TokenAt(v)
			}
			if from.base, err = origin(at, "token_endpoint"); err != nil {
				return nil, err
			}
		}
		c.fetch = func(ctx context.Context) (Token, error) { return s.Token(ctx, v, from) }
	}
	c.sign = func(h http.Header) error {
		if s.Sign == nil {
			return nil
		}
		return s.Sign(v, h)
	}
	signed := http.Header{}
	if err := c.sign(signed); err != nil {
		return nil, err
	}
	// What a header carries is a secret wherever else it turns up.
	for name, value := range v {
		for _, header := range signed {
			if name != "endpoint" && value != "" && strings.Contains(strings.Join(header, "\n"), value) {
				c.cover.Add(value)
			}
		}
	}
	c.guard(signed)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = careful(strings.EqualFold(v[Private], "yes") || strings.EqualFold(v[Private], "true"))
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if s.Roots != nil {
		if transport.TLSClientConfig.RootCAs, err = roots(s.Roots(v)); err != nil {
			return nil, err
		}
	}
	c.http = &http.Client{Transport: transport, Timeout: askTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// roots are the machine's authorities and those in PEM; nil, which is the machine's alone, when there are none.
func roots(own string) (*x509.CertPool, error) {
	if strings.TrimSpace(own) == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM([]byte(own)) {
		return nil, fault.New(fault.Invalid, "The authority's certificate is not in PEM form.").WithNext("Give it from -----BEGIN CERTIFICATE----- to the last line.")
	}
	return pool, nil
}

// origin reads the address of a host, and of a path there.
func origin(at, setting string) (*url.URL, error) {
	at = strings.TrimRight(at, "/")
	base, err := url.Parse(at)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fault.New(fault.Invalid, "%q is not an address that starts with https:// or http://.", printable(at)).
			WithNext("Correct the connection's %s.", setting)
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fault.New(fault.Invalid, "The address of %s holds a user, a query or a fragment.", base.Host).
			WithNext("Give the address alone, and the credential in its own setting.")
	}
	return base, nil
}

// guard hides from now on what headers carry as a credential.
func (c *client) guard(signed http.Header) {
	for name, header := range signed {
		lower := strings.ToLower(name)
		if lower != "authorization" && !strings.Contains(lower, "token") && !strings.Contains(lower, "key") {
			continue
		}
		for _, h := range header {
			scheme, credential, _ := strings.Cut(h, " ")
			c.cover.Add(cmp.Or(credential, h))
			if pair, err := base64.StdEncoding.DecodeString(credential); err == nil && strings.EqualFold(scheme, "basic") {
				_, password, _ := strings.Cut(string(pair), ":")
				c.cover.Add(string(pair), password)
			}
		}
	}
}

// question asks for a path of the service, or of one of its other hosts.
func (r *rest) question(base, path string, body any, over parent) (q question, err error) {
	filled, err := r.fill(path, over)
	if err != nil {
		return q, err
	}
	at := r.base
	if base != "" && !r.moved {
		if base, err = r.fill(base, over); err != nil {
			return q, err
		}
		if at, err = origin(base, "endpoint"); err != nil {
			return q, err
		}
	}
	q.of = path
	if q.URL, err = address(at, filled); err != nil || body == nil {
		return q, err
	}
	fields, err := r.fillBody(body, over)
	if err != nil {
		return q, err
	}
	q.body, err = json.Marshal(fields)
	return q, err
}

// fillBody fills the texts of a body that are one hole each.
func (r *rest) fillBody(body any, over parent) (out any, err error) {
	switch b := body.(type) {
	case string:
		if h := hole.FindString(b); h != "" && h == b {
			return r.value(h[1:len(h)-1], over)
		}
	case map[string]any:
		filled := map[string]any{}
		for name, v := range b {
			if filled[name], err = r.fillBody(v, over); err != nil {
				return nil, err
			}
		}
		return filled, nil
	case []any:
		filled := make([]any, len(b))
		for i, v := range b {
			if filled[i], err = r.fillBody(v, over); err != nil {
				return nil, err
			}
		}
		return filled, nil
	}
	return body, nil
}

// address is a path below a host.
func address(base *url.URL, path string) (*url.URL, error) {
	if path != "" && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "?") {
		path = "/" + path
	}
	at, err := url.Parse(base.String() + path)
	if err != nil || !same(base, at) {
		return nil, fmt.Errorf("the path %s is not one of %s", path, base.Host)
	}
	return at, nil
}

// same says that two addresses are of one origin.
func same(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && port(a) == port(b) && strings.EqualFold(a.Hostname(), b.Hostname()) && b.User == nil
}

func port(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

// follow is where a page or redirect leads, refused when that is elsewhere.
func (c *client) follow(from *url.URL, to string) (*url.URL, error) {
	at, err := from.Parse(to)
	if err != nil {
		return nil, errors.New("its address cannot be read")
	}
	if !same(from, at) {
		return nil, fmt.Errorf("it leads to another place, %s://%s", printable(at.Scheme), printable(at.Host))
	}
	at.Fragment = ""
	return at, nil
}

// where is an address as a person reads it: without its query.
func where(at *url.URL) string { return at.Host + at.EscapedPath() }

func escape(segment string) string { return url.PathEscape(segment) }

// answer is what a service said.
type answer struct {
	header http.Header
	body   []byte
	absent bool
	from   Answer // as it was recorded
}

// refused is a question that got no usable answer.
type refused struct {
	denied bool
	reason string
	status int // of an answer that is neither usable nor a refusal
}

func (r *refused) Error() string { return r.reason }

func refuse(format string, args ...any) error { return &refused{reason: fmt.Sprintf(format, args...)} }

// get asks once and, where the service is busy or the network broke, again. The error is a *refused for what the service
// would not or could not say, and otherwise ends the read.
func (c *client) get(ctx context.Context, kind string, q question, said []Told) (answer, error) {
	redirects, renewed := 0, 0
	tries := max(1, maxTries>>c.wear(q.of, 0))
	for try := 1; ; try++ {
		at := q.URL
		header, number, err := c.credential(ctx, q)
		if err != nil {
			return answer{}, err
		}
		done, err := c.budget.Take(ctx)
		if e := (*Exhausted)(nil); errors.As(err, &e) {
			return answer{}, refuse("%s was not asked: %v.", where(at), e)
		}
		if err != nil {
			return answer{}, err
		}
		resp, body, x, err := c.ask(ctx, kind, q, header)
		done()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		var told *Told
		if err == nil {
			told = tell(said, resp.StatusCode, body)
		}
		wait := c.backoff << (try - 1)
		if err == nil && (told == nil && busy(resp) || told != nil && told.Busy) {
			if told != nil {
				wait = secondary * c.backoff
			}
			if asked := retryAfter(resp, c.out.Now()); asked >= 0 {
				wait = asked
			}
			most := tries
			if throttled(resp, told) {
				most = maxTries
			}
			if x.Busy = true; try < most && wait <= longestWait {
				x.Wait = wait
			}
		} else if err == nil {
			c.wear(q.of, -1)
		}
		var from Answer
		if x.Request != "" {
			from = c.out.Exchange(x)
		}
		if ctx.Err() != nil {
			return answer{}, ctx.Err()
		}
		reason := ""
		switch {
		case errors.Is(err, errTooLarge):
			return answer{}, refuse("The answer of %s is larger than %d MB and was not read.", where(at), maxAnswer>>20)
		case err != nil:
			if reason = Failure(at, err); Lasting(err) || try >= tries {
				c.wear(q.of, 1)
				if c.unmet() {
					return answer{}, fault.New(fault.Unavailable, "%s", c.cover.Hide(reason)).WithNext("Check the connection's endpoint and the network.")
				}
				return answer{}, refuse("%s", reason)
			}
		case told != nil && told.Busy:
			reason = fmt.Sprintf("%s answered %s", where(at), status(resp))
		case told != nil && told.Denied:
			which := "where one may not look"
			if resp.StatusCode == http.StatusNotFound {
				which = "where there is nothing of that name, and where one may not look"
			}
			return answer{}, &refused{denied: true, reason: fmt.Sprintf("%s answered %s, as it does %s.", where(at), status(resp), which)}
		case told != nil && told.Means != "":
			return answer{body: []byte(told.Means), from: from}, nil
		case told != nil:
			return answer{absent: true, from: from}, nil
		case busy(resp):
			reason = fmt.Sprintf("%s answered %s", where(at), status(resp))
		case resp.StatusCode >= 300 && resp.StatusCode < 400:
			to := resp.Header.Get("Location")
			if redirects++; to == "" || redirects > maxRedirects {
				return answer{}, refuse("%s sends round in redirects (%s).", where(at), status(resp))
			}
			next, err := c.follow(at, to)
			if err != nil {
				return answer{}, refuse("%s redirects, which is not followed: %v.", where(at), err)
			}
			if q.body != nil && resp.StatusCode != 307 && resp.StatusCode != 308 {
				return answer{}, refuse("%s redirects a question with a body (%s), which is not followed.", where(at), status(resp))
			}
			q.URL, try = next, 0
			continue
		case resp.StatusCode == 401 && number > 0 && renewed == 0:
			renewed++
			c.expire(number)
			try--
			continue
		case resp.StatusCode == 401 || resp.StatusCode == 403:
			return answer{}, &refused{denied: true, reason: fmt.Sprintf("%s refused it: %s.%s", where(at), status(resp), Skew(resp.Header, c.out.Now()))}
		case resp.StatusCode != 200 && (q.grant == nil || resp.StatusCode != 201):
			if q.grant != nil {
				return answer{}, &refused{denied: resp.StatusCode == 400, reason: fmt.Sprintf("%s refused it: %s%s.%s", where(at), status(resp), c.oauthError(body), Skew(resp.Header, c.out.Now()))}
			}
			return answer{}, &refused{reason: fmt.Sprintf("%s answered %s.", where(at), status(resp)), status: resp.StatusCode}
		default:
			a, err := usable(at, resp, body)
			a.from = from
			if err == nil && c.failed != nil && q.grant == nil {
				if reason, denied := c.failed(a.body); reason != "" {
					return answer{}, &refused{denied: denied, reason: fmt.Sprintf("%s answered with an error: %s.", where(at), printable(reason))}
				}
			}
			return a, err
		}
		slow := err == nil && throttled(resp, told)
		if try == maxTries || try >= tries && !slow {
			if !slow {
				c.wear(q.of, 1)
			}
			if reason = strings.TrimSuffix(reason, "."); try == 1 {
				return answer{}, refuse("%s.", reason)
			}
			return answer{}, refuse("%s, also after %d tries.", reason, try)
		}
		if wait > longestWait {
			return answer{}, refuse("%s and asks to wait %s; that was not waited for.", reason, wait.Round(time.Second))
		}
		if err := sleep(ctx, wait); err != nil {
			return answer{}, err
		}
	}
}

// wear counts how often in a row what a declared path asks for failed to the last try, and tells it: each time the next question of
// it is tried half as often, or a part that is out of order would hold up a run for hours, object by object. by is 1 for a failure,
// -1 for an answer.
func (c *client) wear(of string, by int) int {
	if of == "" {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch by {
	case 1:
		c.worn[of] = min(c.worn[of]+1, 8)
	case -1:
		delete(c.worn, of)
	}
	return c.worn[of]
}

// throttled says that the service was asked too much, which patience mends.
func throttled(resp *http.Response, told *Told) bool {
	return told != nil && told.Busy || told == nil && resp.StatusCode < 500
}

// lag is how far the service's clock is behind this machine's, as far as it was met.
func (c *client) lag() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.behind
}

// dated notes by which clock an answer was given. One that was kept on the way says how old it is.
func (c *client) dated(h http.Header) {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	if age, err := strconv.ParseUint(h.Get("Age"), 10, 31); err == nil {
		at = at.Add(time.Duration(age) * time.Second)
	}
	behind := c.out.Now().Sub(at)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behind = max(c.behind, behind)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errTooLarge = errors.New("answer too large")

// ask sends one request and reads the answer. The exchange, which holds no header, is for the caller to record.
func (c *client) ask(ctx context.Context, kind string, q question, header http.Header) (*http.Response, []byte, Exchange, error) {
	var content io.Reader
	if q.body != nil {
		content = bytes.NewReader(q.body)
	}
	req, err := http.NewRequestWithContext(ctx, q.method(), q.URL.String(), content)
	if err != nil {
		return nil, nil, Exchange{}, err
	}
	req.Header.Set("Accept", cmp.Or(q.accept, "application/json"))
	req.Header.Set("User-Agent", "tickmark")
	if q.body != nil {
		req.Header.Set("Content-Type", cmp.Or(q.mime, "application/json"))
	}
	if q.grant == nil {
		if err := c.sign(req.Header); err != nil {
			return nil, nil, Exchange{}, err
		}
	}
	maps.Copy(req.Header, header)
	began := c.out.Now()
	var body []byte
	said := "failed"
	resp, err := c.http.Do(req)
	if err == nil {
		said = strconv.Itoa(resp.StatusCode)
		if q.grant == nil { // a host of tokens counts for itself
			c.budget.Heed(resp.Header)
			c.dated(resp.Header)
		}
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
		resp.Body.Close()
		if err == nil && len(body) > maxAnswer {
			err = errTooLarge
		}
		if err != nil {
			said += ", not whole"
		}
		c.mu.Lock()
		c.met = true
		c.mu.Unlock()
	}
	x := Exchange{Kind: kind, Page: q.page, Request: c.cover.Hide(asked(q)), Status: said, Bytes: int64(len(body)), SHA256: sha256.Sum256(body),
		At: began, Took: c.out.Now().Sub(began), Place: q.place, Reveals: c.cover.Within}
	switch {
	case q.grant != nil:
		x.Unkept = "It is a credential."
	case err != nil:
		x.Unkept = "It is not whole."
	default:
		x.Body = body
	}
	return resp, body, x, err
}

// asked is a question as the run's record keeps it. What a question for a token holds is left out.
func asked(q question) string {
	s := q.method() + " " + q.URL.String()
	if q.body == nil || q.grant != nil {
		return s
	}
	body := string(q.body)
	var graph map[string]any
	if query := ""; json.Unmarshal(q.body, &graph) == nil && len(body) > 300 { // the same long text on every page
		query, _ = graph["query"].(string)
		if fields := strings.Fields(query); len(fields) > 8 {
			graph["query"] = strings.Join(fields[:8], " ") + " …"
			if short, err := json.Marshal(graph); err == nil {
				body = string(short)
			}
		}
	}
	return s + " " + body
}

func (c *client) unmet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.met
}

// tell finds what an answer says, when it is one that was declared.
func tell(said []Told, status int, body []byte) *Told {
	for _, t := range said {
		if t.Status == status && (t.Says == "" || bytes.Contains(bytes.ToLower(body), []byte(strings.ToLower(t.Says)))) && (t.When == nil || t.bound != nil && t.bound(body)) {
			return &t
		}
	}
	return nil
}

// busy says that asking again later may help. GitHub answers 403 where others answer 429, and says so in a header.
func busy(resp *http.Response) bool {
	switch resp.StatusCode {
	case 408, 425, 429, 500, 502, 503, 504:
		return true
	case 403:
		return resp.Header.Get("Retry-After") != "" || resp.Header.Get("X-RateLimit-Remaining") == "0"
	}
	return false
}

// retryAfter is how long the service asks to wait, in seconds or until a time; negative when it does not say.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	if s := resp.Header.Get("Retry-After"); s != "" {
		if n, err := strconv.ParseInt(s, 10, 32); err == nil && n >= 0 {
			return time.Duration(n) * time.Second
		}
		if at, err := http.ParseTime(s); err == nil {
			return max(at.Sub(now), 0)
		}
	}
	if resp.StatusCode >= 500 || cmp.Or(resp.Header.Get("X-RateLimit-Remaining"), "0") != "0" {
		return -1 // it says on every answer when it counts anew; that is not why
	}
	for _, name := range []string{"X-RateLimit-Reset", "X-Rate-Limit-Reset"} {
		if n, err := strconv.ParseInt(resp.Header.Get(name), 10, 64); err == nil && n > 1e9 {
			return max(time.Unix(n, 0).Sub(now)+time.Second, 0)
		}
	}
	return -1
}

func status(resp *http.Response) string {
	return strings.TrimSpace(strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode))
}

// Lasting says that asking again would fail in the same way.
func Lasting(err error) bool {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var elsewhere *misplaced
	return errors.As(err, &elsewhere) || errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid) || errors.As(err, &record) ||
		errors.As(err, &dns) && dns.IsNotFound
}

// Failure says in words why there was no answer, as a sentence. What it quotes of the error may hold what the address holds.
func Failure(at *url.URL, err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	var elsewhere *misplaced
	if errors.As(err, &elsewhere) {
		return fmt.Sprintf("%s was not asked: %s.", where(at), elsewhere)
	}
	if why := Untrusted(at.Host, err); why != "" {
		return why
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("The answer of %s broke off.", where(at))
	}
	var corrupt flate.CorruptInputError
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt) {
		return fmt.Sprintf("The answer of %s is compressed, and damaged.", where(at))
	}
	return fmt.Sprintf("%s could not be reached: %s.", where(at), printable(err.Error()))
}

// usable checks that an answer is one whole JSON value, strictly: no member twice, no bad letters.
func usable(at *url.URL, resp *http.Response, body []byte) (answer, error) {
	trimmed := bytes.TrimSpace(body)
	switch {
	case len(trimmed) == 0:
		return answer{}, refuse("%s answered nothing.", where(at))
	case trimmed[0] == '<':
		return answer{}, refuse("%s answered with a web page instead of JSON; it may be a page to sign in at, or not the API.", where(at))
	}
	d := jsontext.NewDecoder(bytes.NewReader(trimmed))
	_, err := d.ReadValue()
	if err == nil {
		if _, more := d.ReadToken(); !errors.Is(more, io.EOF) {
			err = errors.New("more follows after it")
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return answer{}, refuse("The answer of %s is JSON that ends in the middle.", where(at))
	}
	if err != nil {
		return answer{}, refuse("The answer of %s is not whole JSON: %s.", where(at), printable(strings.TrimPrefix(err.Error(), "jsontext: ")))
	}
	return answer{header: resp.Header, body: trimmed}, nil
}
