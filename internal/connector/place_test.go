package connector

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAPublicNameIsNotFollowedToAPrivateAddress(t *testing.T) {
	for _, c := range []struct {
		host, at string
		allowed  bool
		refused  bool
	}{
		{"git.example.com", "93.184.216.34", false, false},
		{"git.example.com", "10.1.2.3", false, true},
		{"git.example.com", "192.168.0.1", false, true},
		{"git.example.com", "127.0.0.1", false, true},
		{"git.example.com", "100.64.0.7", false, true},
		{"git.example.com", "::1", false, true},
		{"git.example.com", "fd00::1", false, true},
		{"git.example.com", "::ffff:10.1.2.3", false, true},
		{"git.example.com.", "0.0.0.0", false, true},
		{"git.example.com", "10.1.2.3", true, false},
		{"git.example.com", "169.254.169.254", true, true},
		{"metadata.google.internal", "169.254.169.254", false, true},
		{"169.254.169.254", "::ffff:169.254.169.254", true, true},
		{"fe80::1", "fe80::1", true, true},
		{"git.corp", "10.1.2.3", false, false},
		{"git", "10.1.2.3", false, false},
		{"localhost", "127.0.0.1", false, false},
		{"10.1.2.3", "10.1.2.3", false, false},
	} {
		if err := place(c.host, netip.MustParseAddr(c.at), c.allowed); (err != nil) != c.refused {
			t.Errorf("%s at %s, private allowed %t: %v", c.host, c.at, c.allowed, err)
		}
	}
	conn, err := careful(true)(t.Context(), "tcp", "169.254.169.254:80")
	if err == nil {
		conn.Close()
		t.Fatal("it was asked")
	}
	at := &url.URL{Scheme: "http", Host: "169.254.169.254", Path: "/latest"}
	if said := Failure(at, &url.Error{Err: err}); !Lasting(err) || !strings.Contains(said, "machines in a cloud are told their own secrets") {
		t.Error(said)
	}
}

func TestReasonsAreNamed(t *testing.T) {
	at := &url.URL{Scheme: "https", Host: "git.example.com"}
	if said := Failure(at, fmt.Errorf("tls: %w", x509.CertificateInvalidError{Reason: x509.Expired})); !strings.Contains(said, "certificate of git.example.com has expired") {
		t.Error(said)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for date, want := range map[string]string{"Sun, 01 Mar 2026 12:01:00 GMT": "", "yesterday": "", "Sun, 01 Mar 2026 11:40:00 GMT": " Its clock and this machine's differ by 20m0s.", "Sun, 01 Mar 2026 12:20:00 GMT": " Its clock and this machine's differ by 20m0s."} {
		if got := Skew(http.Header{"Date": {date}}, now); got != want {
			t.Errorf("%s: %s", date, got)
		}
	}
}

func TestOnlyWhatHasAnEndpointMayBePrivate(t *testing.T) {
	c := WithPrivate(Connector{Settings: []Setting{{Name: "endpoint"}}})
	if len(c.Settings) != 2 || len(WithPrivate(c).Settings) != 2 || len(WithPrivate(Connector{}).Settings) != 0 {
		t.Errorf("%+v", c.Settings)
	}
}
