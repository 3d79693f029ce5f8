package ldap

import (
	"strings"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/connector/connectortest/certificate"
	"tickmark/internal/fault"
)

// A certificate that is not believed is named as that, with what is wrong with it, and no password is sent.
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
		"not yet valid":       {now.Add(day), now.Add(2 * day), "127.0.0.1", true, "has expired or is not valid yet"},
		"another host's":      {now.Add(-day), now.Add(day), "ldap.example.com", true, "is another host's"},
		"of nobody one knows": {now.Add(-day), now.Add(day), "127.0.0.1", false, "an authority that this machine does not trust"},
	} {
		t.Run(name, func(t *testing.T) {
			shown, ca := certificate.Of(t, c.from, c.until, c.host)
			if !c.trusted {
				_, ca = certificate.Of(t, c.from, c.until, c.host)
			}
			at := certificate.Greets(t, shown, nil)
			rec := &connectortest.Recorder{}
			err := Connector().Read(t.Context(), connector.Values{"url": "ldaps://" + at, "base": "dc=example,dc=com", "bind_dn": "cn=reader", "password": password, "ca": ca}, rec)
			if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), password) {
				t.Errorf("%v", err)
			}
			if len(rec.Exchanges()) > 0 {
				t.Errorf("it was asked: %v", rec.Exchanges())
			}
		})
	}
}

// The same where the connection is encrypted only when it stands: the library passes on the words of the error alone.
func TestACertificateAfterStartTLSIsNamed(t *testing.T) {
	s := start(t)
	for name, c := range map[string]struct{ url, ca, says string }{
		"another host's":      {strings.Replace(s.plain, "127.0.0.1", "localhost", 1), s.ca, "is another host's"},
		"of nobody one knows": {s.plain, "", "an authority that this machine does not trust"},
	} {
		err := Connector().Read(t.Context(), s.values(map[string]string{"url": c.url, "ca": c.ca}), &connectortest.Recorder{})
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
