package endpoint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

var now = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// authority signs certificates of the test's servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(5, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

func (a authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// serve starts a server and returns its address.
func (a authority) serve(t *testing.T, name string, until time.Time, oldest, newest uint16, h http.Handler) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: now.AddDate(0, -2, 0), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: oldest, MaxVersion: newest, CipherSuites: suites()}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return strings.Replace(srv.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
}

func read(t *testing.T, v connector.Values) *connectortest.Recorder {
	t.Helper()
	r := &connectortest.Recorder{Clock: now}
	if err := Read(t.Context(), v, r); err != nil {
		t.Fatal(err)
	}
	if p := r.Problems(Connector()); len(p) > 0 {
		t.Error(p)
	}
	return r
}

func TestEndpointsAreToldByWhatTheyAccept(t *testing.T) {
	a := newAuthority(t)
	good := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		w.Header().Set("X-Content-Type-Options", "nosniff")
	})
	modern := a.serve(t, "localhost", now.AddDate(0, 3, 0), tls.VersionTLS12, tls.VersionTLS13, good)
	newest := a.serve(t, "localhost", now.AddDate(0, 3, 0), tls.VersionTLS13, tls.VersionTLS13, good)
	old := a.serve(t, "localhost", now.AddDate(0, 3, 0), tls.VersionTLS10, tls.VersionTLS12, http.NotFoundHandler())
	middle := a.serve(t, "localhost", now.AddDate(0, 3, 0), tls.VersionTLS11, tls.VersionTLS11, http.NotFoundHandler())
	expired := a.serve(t, "localhost", now.AddDate(0, 0, -1), tls.VersionTLS12, tls.VersionTLS13, good)
	other := a.serve(t, "shop.example.org", now.AddDate(0, 3, 0), tls.VersionTLS12, tls.VersionTLS13, good)
	closed := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}()
	plain := httptest.NewServer(good)
	defer plain.Close()
	spoken := strings.TrimPrefix(plain.URL, "http://")

	v := connector.Values{"private": "yes", "authorities": a.pem(), "endpoints": strings.Join([]string{modern, newest, old, middle, expired, other, closed, spoken, modern}, "\n")}
	r := read(t, v)
	if !r.Completed(Kind, "") || r.Count(Kind) != 8 {
		t.Fatalf("%d records, %v", r.Count(Kind), r.Gaps())
	}
	for _, c := range []struct {
		at, protocols string
		reached       bool
		old, chain    any
		reason        string
	}{
		{modern, "[TLS 1.2 TLS 1.3]", true, false, true, ""},
		{newest, "[TLS 1.3]", true, false, true, ""},
		{old, "[TLS 1.0 TLS 1.1 TLS 1.2]", true, true, true, ""},
		{middle, "[TLS 1.1]", true, true, true, ""},
		{expired, "[TLS 1.2 TLS 1.3]", true, false, false, "outside the time"},
		{other, "[TLS 1.2 TLS 1.3]", true, false, false, "not of this host"},
		{closed, "<nil>", false, nil, nil, "could not be reached"},
		{spoken, "<nil>", false, nil, nil, "did not speak TLS"},
	} {
		b := r.Body(Kind, c.at)
		if b["reached"] != c.reached || fmt.Sprint(b["protocols"]) != c.protocols || b["accepts_old"] != c.old || b["chain_valid"] != c.chain {
			t.Errorf("%s: %v", c.at, b)
		}
		if why := fmt.Sprint(b["reason"], b["chain_reason"]); !strings.Contains(why, c.reason) {
			t.Errorf("%s: %s", c.at, why)
		}
	}
	b := r.Body(Kind, modern)
	cert := b["certificate"].(map[string]any)
	if cert["not_after"] != "2026-06-02T10:00:00Z" || cert["key"] != "RSA 2048" || cert["issuer"] != "CN=Test authority" || cert["serial"] != "7" {
		t.Errorf("the certificate is %v", cert)
	}
	if b["hsts_seconds"] != 31536000.0 || fmt.Sprint(b["headers"]) != "[strict-transport-security x-content-type-options]" || b["http"] != true {
		t.Errorf("the headers are %v", b)
	}
	if fmt.Sprint(r.Body(Kind, old)["hsts_seconds"]) != "0" {
		t.Errorf("no header is %v", r.Body(Kind, old)["hsts_seconds"])
	}
	again := read(t, v)
	for _, it := range r.Items(Kind) {
		x, _ := again.Find(Kind, it.Key)
		if string(x.Body) != string(it.Body) || string(x.Raw) != string(it.Raw) {
			t.Errorf("%s is read otherwise the second time:\n%s\n%s", it.Key, it.Body, x.Body)
		}
	}

	unknown := read(t, connector.Values{"private": "yes", "endpoints": modern})
	if got := unknown.Body(Kind, modern)["chain_valid"]; got == true {
		t.Error("the chain of an unknown authority holds")
	}
}

func TestPrivateAddressesAreAskedOnlyWhereTheConnectionSaysSo(t *testing.T) {
	hit := false
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hit = true }))
	defer srv.Close()
	at := strings.TrimPrefix(srv.URL, "https://")
	r := read(t, connector.Values{"endpoints": at})
	if b := r.Body(Kind, at); hit || b["reached"] != false || !strings.Contains(fmt.Sprint(b["reason"]), "private address") {
		t.Errorf("%v, asked: %v", b, hit)
	}
	r = read(t, connector.Values{"endpoints": "169.254.169.254:443", "private": "yes"})
	if b := r.Body(Kind, "169.254.169.254:443"); b["reached"] != false || !strings.Contains(fmt.Sprint(b["reason"]), "not asked") {
		t.Errorf("%v", b)
	}
}

func TestHostsThatAreNoneAreRefusedByName(t *testing.T) {
	for _, setting := range []string{"", "https://shop.example.org", "shop.example.org:http", "shop.example.org:0", "a b@c", "user:pass@host:443"} {
		if _, err := places(setting); err == nil {
			t.Errorf("%q is taken", setting)
		}
	}
	got, err := places("Shop.example.org., shop.example.org\n[::1]:8443 ::1, 192.0.2.1:465")
	if err != nil || fmt.Sprint(got) != "[shop.example.org:443 [::1]:8443 [::1]:443 192.0.2.1:465]" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := newAsker(connector.Values{"authorities": "not PEM"}, nil); err == nil {
		t.Error("authorities that are none are taken")
	}
}

// A server that refuses says so or hangs up. One that says nothing, or a network that breaks, tells nothing.
func TestSilenceIsNoRefusal(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a server that says nothing")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	got, _ := greet(t.Context(), place{"localhost", 443}, l.Addr().String(), tls.VersionTLS10)
	if got != untold {
		t.Errorf("silence is %d", got)
	}
	for _, code := range []uint16{0x0300, 0x0301, 0x0303} {
		if h := hello("shop.example.org", code); int(h[3])<<8|int(h[4]) != len(h)-5 || !slices.Equal(h[9:11], []byte{byte(code >> 8), byte(code)}) {
			t.Errorf("the greeting in %#x is %x", code, h[:20])
		}
	}
}
