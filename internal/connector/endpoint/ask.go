package endpoint

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
)

// What port 80 does.
const (
	plainClosed    = "closed"
	plainRedirects = "redirects" // to TLS
	plainServes    = "serves"
)

// watched are the headers that are looked for.
var watched = []string{"Content-Security-Policy", "Permissions-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options"}

// said is what an endpoint answered; what could not be told is left out.
type said struct {
	Endpoint    string       `json:"endpoint"`
	Host        string       `json:"host"`
	Port        int          `json:"port"`
	Reached     bool         `json:"reached"`
	Reason      string       `json:"reason,omitempty"`
	Protocols   []string     `json:"protocols,omitempty"`
	AcceptsOld  *bool        `json:"accepts_old,omitempty"`
	Certificate *certificate `json:"certificate,omitempty"`
	ChainValid  *bool        `json:"chain_valid,omitempty"`
	ChainReason string       `json:"chain_reason,omitempty"`
	HTTP        *bool        `json:"http,omitempty"`
	HSTS        *int64       `json:"hsts_seconds,omitempty"`
	Headers     []string     `json:"headers,omitempty"`
	Plain       string       `json:"plain,omitempty"`
}

type certificate struct {
	Subject   string   `json:"subject"`
	Issuer    string   `json:"issuer"`
	Names     []string `json:"names,omitempty"`
	NotBefore string   `json:"not_before"`
	NotAfter  string   `json:"not_after"`
	Key       string   `json:"key"`
	Signature string   `json:"signature"`
	Serial    string   `json:"serial"`
	SHA256    string   `json:"sha256"`
}

// asker asks the endpoints of one run.
type asker struct {
	out     connector.Sink
	roots   *x509.CertPool // nil: this machine's
	trusts  bool           // some authority is trusted
	private bool

	mu   sync.Mutex
	from map[place][]connector.Answer // what each endpoint said
}

func newAsker(v connector.Values, out connector.Sink) (*asker, error) {
	a := &asker{out: out, trusts: true, from: map[place][]connector.Answer{}}
	switch v["private"] {
	case "", "no":
	case "yes":
		a.private = true
	default:
		return nil, fault.New(fault.Invalid, "The setting private is yes or no, not %q.", v["private"])
	}
	pool, err := x509.SystemCertPool()
	if err != nil || pool == nil {
		pool = x509.NewCertPool()
	}
	machine := runtime.GOOS == "darwin" || runtime.GOOS == "windows" // asked of the system itself, and not shown as a list
	if own := strings.TrimSpace(v["authorities"]); own != "" {
		if !pool.AppendCertsFromPEM([]byte(own)) {
			return nil, fault.New(fault.Invalid, "The authorities are not certificates in PEM form.").WithNext("Give them from -----BEGIN CERTIFICATE----- to the last line.")
		}
		a.roots = pool
	} else if !machine {
		a.roots = pool
	}
	a.trusts = machine || !pool.Equal(x509.NewCertPool())
	return a, nil
}

// exchange notes a question and what came back.
func (a *asker) exchange(p place, request, status string, answer []byte, began time.Time) {
	if answer == nil {
		answer = []byte{}
	}
	x := a.out.Exchange(connector.Exchange{Kind: Kind, Request: request, Status: status, Bytes: int64(len(answer)), SHA256: sha256.Sum256(answer), Body: answer, At: began, Took: a.out.Now().Sub(began)})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.from[p] = append(a.from[p], x)
}

// told are the answers of an endpoint.
func (a *asker) told(p place) []connector.Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.from[p]
}

// ask returns what an endpoint said, and its own words: the versions it took and the certificates it showed.
func (a *asker) ask(ctx context.Context, p place) (said, []byte) {
	s := said{Endpoint: p.String(), Host: p.host, Port: p.port}
	var raw bytes.Buffer
	began := a.out.Now()
	where, err := a.resolve(ctx, p)
	if err != nil {
		s.Reason = err.Error()
		a.exchange(p, "look up "+p.host, "not asked", []byte(s.Reason), began)
		fmt.Fprintln(&raw, s.Reason)
		return s, raw.Bytes()
	}
	began = a.out.Now()
	state, conn, err := a.handshake(ctx, p, where)
	if err != nil {
		s.Reason = "It did not speak TLS: " + plainWords(err) + "."
		if state == nil && isDial(err) {
			s.Reason = "It could not be reached: " + plainWords(err) + "."
		}
		a.exchange(p, "connect "+p.String(), "failed", nil, began)
		fmt.Fprintln(&raw, s.Reason)
		return s, raw.Bytes()
	}
	s.Reached = true
	var chain bytes.Buffer
	for _, c := range state.PeerCertificates {
		pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	a.exchange(p, "connect "+p.String(), tls.VersionName(state.Version), chain.Bytes(), began)
	a.judge(&s, p, state)
	a.page(&s, p, conn)
	conn.Close()
	a.versions(ctx, &s, p, where, &raw)
	if p.port == 443 {
		s.Plain = a.plain(ctx, p, where)
	}
	raw.Write(chain.Bytes())
	return s, raw.Bytes()
}

// resolve finds the address to ask, and refuses what the connection did not ask for.
func (a *asker) resolve(ctx context.Context, p place) (string, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", p.host)
	if err != nil || len(ips) == 0 {
		return "", errors.New("Its name has no address.")
	}
	slices.SortFunc(ips, func(x, y netip.Addr) int { return x.Unmap().Compare(y.Unmap()) })
	for _, ip := range ips {
		ip = ip.Unmap()
		if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
			return "", errors.New("Its name leads to an address that is no host's (" + ip.String() + "), and it was not asked.")
		}
		if !a.private && (ip.IsPrivate() || ip.IsLoopback()) {
			return "", errors.New("Its name leads to a private address, which this connection does not ask (the setting private).")
		}
	}
	return net.JoinHostPort(ips[0].Unmap().String(), strconv.Itoa(p.port)), nil
}

func dial(ctx context.Context, where string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", where)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func plainWords(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "tls: "), "remote error: tls: ")
}

// handshake greets as a browser does, whatever the certificate: that is judged apart.
func (a *asker) handshake(ctx context.Context, p place, where string) (*tls.ConnectionState, *tls.Conn, error) {
	conn, err := dial(ctx, where)
	if err != nil {
		return nil, nil, err
	}
	c := tls.Client(conn, &tls.Config{ServerName: p.host, MinVersion: tls.VersionTLS10, InsecureSkipVerify: true, CipherSuites: suites(), NextProtos: []string{"http/1.1"}})
	if err := c.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, nil, err
	}
	state := c.ConnectionState()
	return &state, c, nil
}

func suites() []uint16 {
	var out []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		out = append(out, s.ID)
	}
	return out
}

// judge says what the certificate is and whether it holds.
func (a *asker) judge(s *said, p place, state *tls.ConnectionState) {
	if len(state.PeerCertificates) == 0 {
		return
	}
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	s.Certificate = &certificate{Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(), Names: slices.Clone(leaf.DNSNames), NotBefore: leaf.NotBefore.UTC().Format(time.RFC3339), NotAfter: leaf.NotAfter.UTC().Format(time.RFC3339),
		Key: keyName(leaf), Signature: leaf.SignatureAlgorithm.String(), Serial: leaf.SerialNumber.Text(16), SHA256: hex.EncodeToString(sum[:])}
	for _, ip := range leaf.IPAddresses {
		s.Certificate.Names = append(s.Certificate.Names, ip.String())
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: p.host, Roots: a.roots, Intermediates: between, CurrentTime: a.out.Now()})
	var unknown x509.UnknownAuthorityError
	if err != nil && errors.As(err, &unknown) && !a.trusts {
		s.ChainReason = "This machine trusts no authority, so it cannot be told."
		return
	}
	valid := err == nil
	if s.ChainValid = &valid; err != nil {
		s.ChainReason = chainWords(err)
	}
}

// chainWords say why a certificate does not hold, in words that do not change from read to read.
func chainWords(err error) string {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "It is outside the time for which it was issued."
	case errors.As(err, &name):
		return "It is not of this host."
	case errors.As(err, &unknown):
		return "It leads to no authority that is trusted here, or a certificate between is not sent."
	}
	return strings.TrimPrefix(err.Error(), "x509: ")
}

func keyName(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

// page asks for the first page, for its headers.
func (a *asker) page(s *said, p place, conn net.Conn) {
	began := a.out.Now()
	answer, err := get(conn, p.host)
	speaks := err == nil
	s.HTTP = &speaks
	if err != nil {
		return
	}
	a.exchange(p, "GET https://"+p.String()+"/", strconv.Itoa(answer.StatusCode), nil, began)
	for _, name := range watched {
		if answer.Header.Get(name) != "" {
			s.Headers = append(s.Headers, strings.ToLower(name))
		}
	}
	age := hsts(answer.Header.Get("Strict-Transport-Security"))
	s.HSTS = &age
}

func get(conn net.Conn, host string) (*http.Response, error) {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+host+"\r\nUser-Agent: tickmark\r\nAccept: */*\r\nConnection: close\r\n\r\n"); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, mostHeaders)), nil)
	if err != nil {
		return nil, err
	}
	answer.Body.Close()
	return answer, nil
}

func hsts(header string) int64 {
	for part := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(name), "max-age") {
			n, err := strconv.ParseInt(strings.Trim(strings.TrimSpace(value), `"`), 10, 64)
			if err == nil && n > 0 {
				return n
			}
		}
	}
	return 0
}

// plain says what port 80 of the host does; "" when that cannot be told.
func (a *asker) plain(ctx context.Context, p place, where string) string {
	host, _, err := net.SplitHostPort(where)
	if err != nil {
		return ""
	}
	began := a.out.Now()
	conn, err := dial(ctx, net.JoinHostPort(host, "80"))
	if err != nil {
		var nerr net.Error
		if errors.As(err, &nerr) && nerr.Timeout() || ctx.Err() != nil {
			return ""
		}
		return plainClosed
	}
	defer conn.Close()
	answer, err := get(conn, p.host)
	if err != nil {
		return ""
	}
	a.exchange(p, "GET http://"+p.host+"/", strconv.Itoa(answer.StatusCode), nil, began)
	if to := answer.Header.Get("Location"); answer.StatusCode >= 300 && answer.StatusCode < 400 && strings.HasPrefix(strings.ToLower(to), "https://") {
		return plainRedirects
	}
	return plainServes
}
