package aws

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"tickmark/internal/awsauth"
	"tickmark/internal/connector"
)

// protocol is how a service is asked and answers.
type protocol int

const (
	query    protocol = iota // a form, answered in XML
	json10                   // JSON under a target
	json11                   // the same, another content type
	restJSON                 // paths, answered in JSON
	restXML                  // paths, answered in XML
)

// service is one of AWS's.
type service struct {
	prefix   string // of its actions in a policy
	protocol protocol
	version  string // of a form, or the target's name
	host     string // where it differs from prefix; {account} is filled
	signs    string // the name it is signed for, where it differs from prefix
	home     string // the region that answers for all; empty: each for itself
}

// call is one question that can be asked. Everything that is asked is declared as one, so that the policy names it.
type call struct {
	service *service
	op      string
	action  string         // the action that allows it, where it is not the operation
	method  string         // of a path: GET when empty
	path    string         // filled from the object and the place, each as one segment
	params  map[string]any // of the form, body or address; filled likewise
	in, out string         // the parameter that takes the token of the next page, and where the answer has it
	limit   string         // the parameter that says how many a page
	most    int            // and how many
	absent  []string       // codes that say that there is none
}

// allows is the action that a policy must allow.
func (c *call) allows() string { return c.service.prefix + ":" + cmp.Or(c.action, c.op) }

// refusal is a question that got no usable answer.
type refusal struct {
	call          *call
	code          string
	denied        bool
	nowhere       bool // there is no such service in this region
	unreached     bool // there was no answer at all
	throttled     bool // it was asked too much
	reason, where string
	clock         string // how far AWS's clock is from this machine's, where that may be why it refused
}

func (r *refusal) Error() string {
	if r.denied {
		return fmt.Sprintf("AWS refused %s in %s (%s).%s", r.call.allows(), r.where, r.code, r.clock)
	}
	return fmt.Sprintf("%s in %s: %s.", r.call.allows(), r.where, strings.TrimSuffix(r.reason, "."))
}

// ErrorCode is AWS's word for what is wrong, by which the pace is kept.
func (r *refusal) ErrorCode() string { return r.code }

func (r *refusal) needs() string {
	if r.denied {
		return r.call.allows()
	}
	return ""
}

const (
	maxAnswer   = 64 << 20
	maxTries    = 8
	maxPages    = 20_000
	longestWait = 2 * time.Minute
)

var hole = regexp.MustCompile(`\{([A-Za-z0-9_.]+)\}`)

// fill puts members of an object and of the place into a text. ok is false when one is not there.
func (p place) fill(template string, from any, escape func(string) string) (out string, ok bool) {
	ok = true
	out = hole.ReplaceAllStringFunc(template, func(h string) string {
		s := ""
		switch name := h[1 : len(h)-1]; name {
		case "account":
			s = p.account
		case "region":
			s = p.region
		case "partition":
			s = p.partition
		default:
			s = text(from, name)
		}
		ok = ok && s != ""
		if escape != nil {
			return escape(s)
		}
		return s
	})
	return out, ok
}

func (p place) fillAny(v any, from any) (out any, ok bool) {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") { // a list as it is
			list, ok := at(from, v[1:len(v)-1]).([]any)
			return list, ok
		}
		return p.fill(v, from, nil)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			if list[i], ok = p.fillAny(v[i], from); !ok {
				return nil, false
			}
		}
		return list, true
	case map[string]any:
		m := map[string]any{}
		for name, x := range v {
			if m[name], ok = p.fillAny(x, from); !ok {
				return nil, false
			}
		}
		return m, true
	}
	return v, true
}

// question is a call filled and ready to be sent.
type question struct {
	call   *call
	place  place
	method string
	url    *url.URL
	body   []byte
	header http.Header
	region string // it is signed for
	always string // what it is called in every run, where it asks for a later page of a list
}

// question makes a call about an object, for the page after token.
func (r *reader) question(c *call, p place, from any, token string) (question, error) {
	missing := func() (question, error) {
		return question{}, &refusal{call: c, where: p.scope(), reason: "what it is asked about lacks a name"}
	}
	filled, ok := p.fillAny(maps.Clone(c.params), from)
	if !ok {
		return missing()
	}
	params, _ := filled.(map[string]any)
	if params == nil {
		params = map[string]any{}
	}
	if token != "" {
		params[c.in] = token
	}
	if c.limit != "" {
		params[c.limit] = c.most
	}
	path, ok := p.fill(c.path, from, url.PathEscape)
	if !ok {
		return missing()
	}
	s := c.service
	q := question{call: c, place: p, method: cmp.Or(c.method, http.MethodGet), region: cmp.Or(s.home, p.region), header: http.Header{}}
	if s.home != "" && p.partition != "aws" {
		q.region = map[string]string{"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}[p.partition]
	}
	address := url.Values{}
	switch s.protocol {
	case query:
		form := url.Values{"Action": {c.op}, "Version": {s.version}}
		for name, v := range params {
			form.Set(name, fmt.Sprint(v))
		}
		q.method, q.body = http.MethodPost, []byte(form.Encode())
		q.header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	case json10, json11:
		q.method = http.MethodPost
		q.header.Set("Content-Type", map[protocol]string{json10: "application/x-amz-json-1.0", json11: "application/x-amz-json-1.1"}[s.protocol])
		q.header.Set("X-Amz-Target", s.version+"."+c.op)
	default:
		if q.method == http.MethodGet {
			for name, v := range params {
				address.Set(name, fmt.Sprint(v))
			}
		}
	}
	if q.body == nil && q.method == http.MethodPost {
		var err error
		if q.body, err = json.Marshal(params); err != nil {
			return q, err
		}
		if q.header.Get("Content-Type") == "" {
			q.header.Set("Content-Type", "application/json")
		}
	}
	base := r.endpoint
	if base == "" {
		host, _ := p.fill(cmp.Or(s.host, s.prefix), nil, nil)
		switch {
		case s.home == "":
			host += "." + q.region
		case p.partition == "aws-us-gov" && s.prefix == "iam":
			host += ".us-gov"
		case p.partition == "aws-cn":
			host += "." + q.region
		}
		base = "https://" + host + "." + awsauth.Domain(q.region)
	}
	path, fixed, _ := strings.Cut(path, "?")
	u, err := url.Parse(strings.TrimRight(base, "/") + "/" + strings.TrimPrefix(path, "/"))
	if err != nil {
		return q, err
	}
	if u.RawQuery = fixed; len(address) > 0 {
		u.RawQuery = strings.Trim(fixed+"&"+address.Encode(), "&")
	}
	if strings.Contains(s.host, "{account}") {
		q.header.Set("X-Amz-Account-Id", p.account)
	}
	q.url = u
	return q, nil
}

// ask asks once and, where the service is busy or the network broke, again.
func (r *reader) ask(ctx context.Context, kind string, q question) (answer, error) {
	tries := max(1, maxTries>>r.wear(q.call, 0))
	for try := 1; ; try++ {
		answered, err := r.paced(q).GetAttemptToken(ctx)
		if err != nil {
			return answer{}, cmp.Or(ctx.Err(), err)
		}
		a, wait, err := r.once(ctx, kind, q)
		answered(err)
		if ctx.Err() != nil {
			return a, ctx.Err()
		}
		var f *refusal
		errors.As(err, &f)
		if err == nil || wait < 0 {
			if f == nil || !f.unreached {
				r.wear(q.call, -1)
			}
			return a, err
		}
		most := tries
		if f != nil && f.throttled {
			most = maxTries
		}
		if try >= most || wait > longestWait {
			if f != nil && !f.throttled {
				r.wear(q.call, 1)
			}
			if f != nil && try > 1 {
				f.reason += fmt.Sprintf(", also after %d tries", try)
			}
			return a, err
		}
		if wait == 0 {
			top := min(r.backoff<<(try-1), 20*time.Second)
			wait = top/2 + rand.N(top/2+1) // so that not all come back at once
		}
		select {
		case <-time.After(wait - time.Nanosecond):
		case <-ctx.Done():
			return a, ctx.Err()
		}
	}
}

// wear counts how often in a row an action failed to the last try, and tells it: each time the next question of it is tried half as
// often, or an action that is out of order would hold up a run for hours, object by object. by is 1 for a failure, -1 for an answer.
func (r *reader) wear(c *call, by int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch action := c.service.prefix + ":" + c.op; by {
	case 1:
		r.worn[action] = min(r.worn[action]+1, 8)
	case -1:
		delete(r.worn, action)
	}
	return r.worn[c.service.prefix+":"+c.op]
}

// paced is how fast a service of a region is asked.
func (r *reader) paced(q question) *retry.AdaptiveMode {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := q.call.service.prefix + " " + q.region
	if r.pace[at] == nil {
		r.pace[at] = retry.NewAdaptiveMode()
	}
	return r.pace[at]
}

// once sends a question. A wait of less than zero says that asking again does not help; zero, that nobody said how long.
func (r *reader) once(ctx context.Context, kind string, q question) (answer, time.Duration, error) {
	s := q.call.service
	fail := func(wait time.Duration, format string, args ...any) (answer, time.Duration, error) {
		return answer{}, wait, &refusal{call: q.call, where: q.place.scope(), reason: fmt.Sprintf(format, args...)}
	}
	req, err := http.NewRequestWithContext(ctx, q.method, q.url.String(), bytes.NewReader(q.body))
	if err != nil {
		return answer{}, -1, err
	}
	req.Header = q.header.Clone()
	req.Header.Set("User-Agent", "tickmark")
	if s.protocol == restJSON {
		req.Header.Set("Accept", "application/json")
	}
	sum := sha256.Sum256(q.body)
	hash := hex.EncodeToString(sum[:])
	signs := cmp.Or(s.signs, s.prefix)
	if signs == "s3" {
		req.Header.Set("X-Amz-Content-Sha256", hash)
	}
	keys, err := q.place.keys.Retrieve(ctx)
	if err != nil {
		return answer{}, -1, err
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = signs == "s3" })
	if err := signer.SignHTTP(ctx, keys, req, hash, signs, q.region, time.Now()); err != nil {
		return answer{}, -1, err
	}
	status, header, body, from, err := r.send(req, kind, q, keys)
	switch {
	case errors.Is(err, errTooLarge):
		return fail(-1, "the answer is larger than %d MB and was not read", maxAnswer>>20)
	case err != nil:
		var none *net.DNSError
		if errors.As(err, &none) && none.IsNotFound {
			return answer{}, -1, &refusal{call: q.call, where: q.place.scope(), nowhere: true, unreached: true, reason: none.Name + " does not exist"}
		}
		wait := time.Duration(0)
		if connector.Lasting(err) {
			wait = -1
		}
		return answer{}, wait, &refusal{call: q.call, where: q.place.scope(), unreached: true, reason: r.cover.Hide(connector.Failure(q.url, err))}
	}
	if status == http.StatusOK {
		a, err := s.read(q.call, body)
		if err != nil {
			return fail(-1, "the answer is not as expected: %s", plain(err))
		}
		a.from = from
		return a, -1, nil
	}
	code, message := s.wrong(header, body)
	r.cover.Add(keys.SecretAccessKey, keys.SessionToken) // what an error says of the credential is in no record
	code, message = r.cover.Hide(code), r.cover.Hide(message)
	if code != "" && slices.Contains(q.call.absent, code) {
		return answer{absent: true, from: from}, -1, nil
	}
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	_, again := retry.DefaultRetryableErrorCodes[code]
	switch {
	case throttled || again || status == 429 || status == 500 || status == 502 || status == 503 || status == 504:
		if status == 429 && !throttled {
			code = "TooManyRequestsException"
		}
		return answer{}, waits(header, r.out.Now()), &refusal{call: q.call, where: q.place.scope(), code: code, throttled: throttled || status == 429,
			reason: strings.TrimSpace(fmt.Sprintf("it answered %d %s", status, code))}
	case refused(status, code):
		return answer{}, -1, &refusal{call: q.call, where: q.place.scope(), denied: true, code: cmp.Or(code, strconv.Itoa(status)), reason: message,
			clock: connector.Skew(header, r.out.Now())}
	case code == "" && status/100 == 3:
		return fail(-1, "it answered %d and leads elsewhere, which is not followed", status)
	}
	said := strings.TrimSpace(fmt.Sprintf("it answered %d %s", status, code))
	if message != "" {
		said += ": " + plain(errors.New(message))
	}
	return fail(-1, "%s", said)
}

// refused says that the service knows who asks and does not answer, or does not accept who asks.
func refused(status int, code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation", "UnauthorizedException", "AuthorizationError",
		"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException",
		"InvalidAccessKeyId", "NotAuthorized", "AllAccessDisabled", "AccountProblem", "IncompleteSignature", "MissingAuthenticationToken":
		return true
	}
	return code == "" && (status == 401 || status == 403) || status == 403 && strings.HasPrefix(code, "AccessDenied")
}

func waits(h http.Header, now time.Time) time.Duration {
	s := h.Get("Retry-After")
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && n >= 0 {
		return time.Duration(n)*time.Second + time.Nanosecond // not zero, which is another thing
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(at.Sub(now), time.Nanosecond)
	}
	return 0
}

var errTooLarge = errors.New("answer too large")

// send sends a request, reads the answer and records the exchange without a header.
func (r *reader) send(req *http.Request, kind string, q question, keys aws.Credentials) (status int, header http.Header, body []byte, from []connector.Answer, err error) {
	done, err := r.budget.Take(req.Context())
	if err != nil {
		return 0, nil, nil, nil, err
	}
	defer done()
	began := r.out.Now()
	said := "failed"
	resp, err := r.http.Do(req)
	if err == nil {
		status, header, said = resp.StatusCode, resp.Header, strconv.Itoa(resp.StatusCode)
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
		resp.Body.Close()
		if err == nil && len(body) > maxAnswer {
			err = errTooLarge
		}
		if err != nil {
			said += ", not whole"
		}
	}
	x := connector.Exchange{Kind: kind, Request: q.String(), Place: q.always, Status: said, Bytes: int64(len(body)), SHA256: sha256.Sum256(body), Body: body,
		At: began, Took: r.out.Now().Sub(began)}
	x.Reveals = func(body []byte) bool {
		return slices.ContainsFunc([]string{keys.SecretAccessKey, keys.SessionToken}, func(s string) bool { return s != "" && bytes.Contains(body, []byte(s)) })
	}
	return status, header, body, []connector.Answer{r.out.Exchange(x)}, err
}

// String is the question as the record of exchanges has it.
func (q question) String() string {
	s := fmt.Sprintf("%s %s %s:%s", q.method, q.url, cmp.Or(q.call.service.signs, q.call.service.prefix), q.call.op)
	if len(q.body) > 2 {
		s += " " + string(q.body[:min(len(q.body), 500)])
	}
	return s + " in " + q.place.scope()
}

// read takes an answer for what it says; anything else than one whole document of the service's own form is an error.
func (s *service) read(c *call, body []byte) (answer, error) {
	a := answer{body: body}
	if c.service.protocol == query || c.service.protocol == restXML && !strings.HasSuffix(c.path, "?policy") {
		root, err := parse(body)
		if err != nil {
			return a, err
		}
		if root.name == "html" || root.name == "Error" || root.name == "ErrorResponse" {
			return a, fmt.Errorf("it is <%s>", root.name)
		}
		a.root = root
		if c.service.protocol == query {
			if root.name != c.op+"Response" {
				return a, fmt.Errorf("it is <%s>", root.name)
			}
			if result := root.kid(c.op + "Result"); result != nil {
				a.root = result
			}
		}
		return a, nil
	}
	v, err := decode(body)
	if _, ok := v.(map[string]any); err == nil && !ok {
		err = errors.New("it is not a JSON object")
	}
	return a, err
}

// wrong is the code and message of an answer that is an error.
func (s *service) wrong(h http.Header, body []byte) (code, message string) {
	if root, err := parse(body); err == nil {
		if n := root.find("Code"); n != nil {
			code = n.text
		}
		if n := cmp.Or(root.find("Message"), root.find("message")); n != nil {
			message = n.text
		}
		return code, message
	}
	v, _ := decode(body)
	code = cmp.Or(h.Get("X-Amzn-Errortype"), text(v, "__type"), text(v, "code"), text(v, "Code"))
	code, _, _ = strings.Cut(code, ":")
	if i := strings.LastIndex(code, "#"); i >= 0 {
		code = code[i+1:]
	}
	return code, cmp.Or(text(v, "message"), text(v, "Message"), text(v, "errorMessage"))
}

// plain is an error's words in one line that a database and a page can hold.
func plain(err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(err.Error(), "\uFFFD"))
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
