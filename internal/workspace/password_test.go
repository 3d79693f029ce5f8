package workspace_test

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"tickmark/internal/collect"
	"tickmark/internal/record"
	"tickmark/internal/secret"
)

// A directory and a database that refuse to let the reader in say its password back.
func TestServersThatSayThePasswordBack(t *testing.T) {
	const password = "planted/password+of-the-reader"
	var clock atomic.Int64
	clock.Store(march.UnixNano())
	w := openedAt(t, &clock)
	directory, ca := directoryThatSays(t, said([]string{password})[:110])
	database := databaseThatSays(t, said([]string{password}))
	for name, settings := range map[string]map[string]string{
		"ldap":     {"url": "ldaps://" + directory, "base": "dc=example,dc=com", "bind_dn": "cn=reader,dc=example,dc=com", "ca": ca},
		"postgres": {"url": "postgres://reader@" + database + "/x?sslmode=disable"},
		"sql":      {"url": "postgres://reader@" + database + "/x?sslmode=disable", "name": "all", "query": "SELECT 1 AS id", "key": "id"},
	} {
		if _, err := w.Collect.Add(t.Context(), record.Job("person:ada"), collect.Connection{Name: name, Connector: name, Settings: settings}, map[string]secret.Value{"password": secret.Of(password)}); err != nil {
			t.Fatal(err)
		}
		got, err := w.Collect.Run(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Outcome != collect.Failed || len(got.Missing) == 0 || len(got.Missing[0].Reason) < 60 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	look(t, []string{password}, []string{password}).everywhere(w)
}

// databaseThatSays speaks as much of PostgreSQL's protocol as is needed to be told a password and to refuse it.
func databaseThatSays(t *testing.T, why string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := pgproto3.NewBackend(c, c)
			if _, err := b.ReceiveStartupMessage(); err == nil {
				b.Send(&pgproto3.AuthenticationCleartextPassword{})
				b.Flush()
				b.SetAuthType(pgproto3.AuthTypeCleartextPassword)
				b.Receive()
				b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: why})
				b.Flush()
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

// directoryThatSays answers the first question of LDAP, which signs in, with a refusal (RFC 4511, 4.2.2).
func directoryThatSays(t *testing.T, why string) (address, ca string) {
	t.Helper()
	web := httptest.NewTLSServer(nil) // whose certificate is used
	t.Cleanup(web.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	result := append([]byte{0x0a, 1, 53, 0x04, 0, 0x04, byte(len(why))}, why...) // unwilling to perform
	if len(result) > 120 {
		t.Fatal("the reason is too long for a length of one byte")
	}
	message := append([]byte{0x02, 1, 1, 0x61, byte(len(result))}, result...)
	answer := append([]byte{0x30, byte(len(message))}, message...)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			c.Write(answer)
			c.Read(make([]byte, 4096))
			c.Close()
		}
	}()
	return l.Addr().String(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}))
}
