package postgres

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/connector/connectortest/certificate"
	"tickmark/internal/fault"
)

// A certificate that is not believed is named as that, before any password is sent. What a server says first about TLS is one letter,
// which the test says; the certificate is shown by real TLS.
func TestACertificateThatIsNotBelievedIsNamed(t *testing.T) {
	day := 24 * time.Hour
	now := time.Now()
	for name, c := range map[string]struct {
		from, until time.Time
		host        string
		trusted     bool
		says        string
	}{
		"expired":             {now.Add(-2 * day), now.Add(-day), "127.0.0.1", true, "has expired or is not valid yet"},
		"another host's":      {now.Add(-day), now.Add(day), "db.example.com", true, "is another host's"},
		"of nobody one knows": {now.Add(-day), now.Add(day), "127.0.0.1", false, "an authority that this machine does not trust"},
	} {
		t.Run(name, func(t *testing.T) {
			shown, ca := certificate.Of(t, c.from, c.until, c.host)
			if !c.trusted {
				_, ca = certificate.Of(t, c.from, c.until, c.host)
			}
			root := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(root, []byte(ca), 0o600); err != nil {
				t.Fatal(err)
			}
			at := certificate.Greets(t, shown, func(c net.Conn) error {
				var asked [8]byte
				if _, err := io.ReadFull(c, asked[:]); err != nil || binary.BigEndian.Uint32(asked[4:]) != 80877103 {
					return io.ErrUnexpectedEOF
				}
				_, err := c.Write([]byte("S"))
				return err
			})
			rec := &connectortest.Recorder{}
			err := Connector().Read(t.Context(), connector.Values{"url": "postgres://reader@" + at + "/x?sslmode=verify-full&sslrootcert=" + url.QueryEscape(root), "password": "planted-secret"}, rec)
			if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "planted-secret") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A server that falls silent in the middle of an answer, with the connection still open, is not waited for without end: the run says so,
// and reads nothing as whole that was not.
func TestAServerThatFallsSilentIsNotWaitedForWithoutEnd(t *testing.T) {
	_, v := server(t, true)
	at, err := url.Parse(v["url"])
	if err != nil {
		t.Fatal(err)
	}
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	server := at.Host
	var left atomic.Int64 // bytes that the server may still say
	go func() {
		for {
			client, err := relay.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				return
			}
			go func() { io.Copy(upstream, client); upstream.Close() }()
			go func() {
				defer client.Close()
				b := make([]byte, 4096)
				for {
					n, err := upstream.Read(b)
					if err != nil {
						return
					}
					if room := left.Add(-int64(n)) + int64(n); room < int64(n) {
						client.Write(b[:max(0, room)])
						<-t.Context().Done() // and says no more
						return
					}
					client.Write(b[:n])
				}
			}()
		}
	}()
	at.Host = relay.Addr().String()
	v["url"] = at.String()
	ctx := context.WithValue(t.Context(), silenceKey{}, 700*time.Millisecond)
	for _, said := range []int64{20, 500, 6000, 30000} {
		left.Store(said)
		rec := &connectortest.Recorder{}
		begun := time.Now()
		err := Connector().Read(ctx, v, rec)
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("after %d bytes it was waited for %s", said, took)
		}
		if fault.KindOf(err) != fault.Unavailable || rec.Completed(Database, "") {
			t.Errorf("after %d bytes: %v", said, err)
		}
		if !strings.Contains(err.Error(), map[bool]string{true: "fell silent in the middle", false: "it did not answer"}[said >= 6000]) {
			t.Errorf("after %d bytes: %v", said, err)
		}
	}
	left.Store(1 << 40)
	rec := &connectortest.Recorder{}
	if err := Connector().Read(ctx, v, rec); err != nil || !rec.Whole() {
		t.Errorf("a server that answers: %v, %v", err, rec.Gaps())
	}
}
