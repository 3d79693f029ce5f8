// Package stamp is what outsiders sign of a checkpoint: RFC 3161 stamps of time-stamp authorities, which it also asks for, and
// cosignatures of C2SP witnesses.
// The one rule: no database, no network and no clock here, so that anyone can verify a stamp offline with this code alone.
package stamp

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

// The media types of RFC 3161 over HTTP.
const (
	QueryType = "application/timestamp-query"
	ReplyType = "application/timestamp-reply"
)

// Query is a question to an authority.
type Query struct {
	Body  []byte // DER, to be sent as it is
	nonce *big.Int
	over  []byte
}

// Ask asks for a stamp over a signed checkpoint.
func Ask(signed []byte) (Query, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return Query{}, err
	}
	sum := sha256.Sum256(signed)
	body, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Certificates: true, Nonce: nonce}).Marshal()
	return Query{body, nonce, signed}, err
}

// Token takes the stamp out of the authority's answer. It is the answer to this very question, or an error.
func (q Query) Token(reply []byte, roots *x509.CertPool) ([]byte, Statement, error) {
	t, err := timestamp.ParseResponse(reply)
	if err != nil {
		return nil, Statement{}, fmt.Errorf("the answer is no stamp: %w", err)
	}
	if t.Nonce == nil || t.Nonce.Cmp(q.nonce) != 0 {
		return nil, Statement{}, errors.New("the answer is to another question than this one")
	}
	s, err := Check(t.RawToken, q.over, roots)
	return t.RawToken, s, err
}

// Statement is what a stamp says.
type Statement struct {
	At        time.Time // when the authority saw the checkpoint, by its own clock
	Authority string    // the name in its certificate
	Serial    string    // of the stamp, as the authority counts
	Trusted   bool      // its certificate leads to one of the given roots
}

// Check verifies that token is a stamp over the signed checkpoint. With roots, the authority's certificate must lead to one
// of them and be made for stamping; without, the signature is verified by the certificate that the stamp itself carries.
func Check(token, signed []byte, roots *x509.CertPool) (Statement, error) {
	t, err := timestamp.Parse(token)
	if err != nil {
		return Statement{}, fmt.Errorf("it is no stamp: %w", err)
	}
	p, err := pkcs7.Parse(token)
	if err != nil {
		return Statement{}, fmt.Errorf("it is no stamp: %w", err)
	}
	signer := p.GetOnlySigner()
	if signer == nil {
		return Statement{}, errors.New("it does not carry the certificate of its one signer")
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: t.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}
	for _, c := range p.Certificates {
		o.Intermediates.AddCert(c)
	}
	if err := p.VerifyWithOpts(o); err != nil {
		return Statement{}, fmt.Errorf("its signature does not hold: %w", err)
	}
	if sum := sha256.Sum256(signed); t.HashAlgorithm != crypto.SHA256 || !bytes.Equal(t.HashedMessage, sum[:]) {
		return Statement{}, errors.New("it is over something else than this checkpoint")
	}
	name := signer.Subject.CommonName
	if name == "" {
		name = signer.Subject.String()
	}
	return Statement{At: t.Time.UTC(), Authority: name, Serial: t.SerialNumber.Text(16), Trusted: roots != nil}, nil
}

// Roots reads certificates in PEM.
func Roots(text []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for rest := text; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a block of PEM is %q, not a certificate", b.Type)
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			var syntax asn1.SyntaxError
			if errors.As(err, &syntax) {
				return nil, errors.New("a certificate cannot be read")
			}
			return nil, fmt.Errorf("a certificate cannot be read: %w", err)
		}
		pool.AddCert(c)
		n++
	}
	if n == 0 {
		return nil, errors.New("there is no certificate in PEM")
	}
	return pool, nil
}
