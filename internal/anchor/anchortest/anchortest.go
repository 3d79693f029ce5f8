// Package anchortest runs a real time-stamp authority, OpenSSL's, on the loopback interface.
package anchortest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Authority is a running authority.
type Authority struct {
	URL   string
	Roots []byte // its root certificate in PEM

	mu  sync.Mutex
	dir string
}

// Start starts an authority that ends with the test.
func Start(t testing.TB) *Authority {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed; scripts/test installs it")
	}
	a := &Authority{dir: t.TempDir()}
	root, rootKey := certificate(t, "Loopback root", nil, nil)
	leaf, leafKey := certificate(t, "Loopback stamps", root, rootKey)
	a.Roots = encode("CERTIFICATE", root.Raw)
	key, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		path := filepath.Join(a.dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("openssl.cnf", fmt.Appendf(nil, `[tsa]
default_tsa = here
[here]
serial = %s
signer_cert = %s
certs = %s
signer_key = %s
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
`, write("serial", []byte("01\n")), write("leaf.pem", encode("CERTIFICATE", leaf.Raw)), write("root.pem", a.Roots), write("key.pem", encode("PRIVATE KEY", key))))
	server := httptest.NewServer(http.HandlerFunc(a.answer))
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

func (a *Authority) answer(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock() // OpenSSL keeps its serial number in a file
	defer a.mu.Unlock()
	q, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "a question is a POST of application/timestamp-query", http.StatusBadRequest)
		return
	}
	in, out := filepath.Join(a.dir, "q.tsq"), filepath.Join(a.dir, "a.tsr")
	err = os.WriteFile(in, q, 0o600)
	if err == nil {
		var said []byte
		if said, err = exec.Command("openssl", "ts", "-reply", "-config", filepath.Join(a.dir, "openssl.cnf"), "-queryfile", in, "-out", out).CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, said)
		}
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(out)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.Write(b)
}

// certificate makes a root, or with a parent a certificate for stamping.
func certificate(t testing.TB, name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true, IsCA: parent == nil, KeyUsage: x509.KeyUsageCertSign}
	if parent == nil {
		parent, by = c, key
	} else {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		purpose, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}) // time stamping, and critical: RFC 3161, 2.3
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: purpose}}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
