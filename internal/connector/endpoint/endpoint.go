// Package endpoint asks the organisation's own hosts how they speak TLS: the protocols they accept, the certificate they show,
// and the headers they answer with. The one rule: it says hello and asks for one page, as any browser does, only of the
// addresses that the connection names; an address that does not answer is a record that says so, and nothing else of it.
package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kind is the name of what it hands over.
const Kind = "tls_endpoint"

const (
	together    = 8                // endpoints asked at a time
	patience    = 10 * time.Second // for each question
	mostPlaces  = 2000
	mostHeaders = 64 << 10
)

// Connector returns the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Name: "tls", Title: "TLS endpoints",
		Help: "Asks your own hosts, from where Tickmark runs, which versions of TLS they accept, what certificate they show and which protective headers they send.",
		Settings: []connector.Setting{
			{Name: "endpoints", Title: "Hosts", Required: true, Lines: true, Help: "One a line, or between commas: shop.example.org, or mail.example.org:465. Without a port it is 443. Ports that first speak something else (25, 587) cannot be asked."},
			{Name: "authorities", Title: "Authorities", Lines: true, Help: "Certificates in PEM form of your own authorities, which are trusted beside those of this machine."},
			{Name: "private", Title: "Private addresses", Default: "no", Help: "yes, to ask hosts that have an address inside a private network, or on this machine."},
		},
		Permissions: []connector.Permission{{Name: "network", Why: "Tickmark's machine must reach the hosts. No credential is needed.", Kinds: []string{Kind}}},
		Kinds:       []record.Kind{kind()},
		Tried:       "Tested against servers that the tests start on this machine, with old and new protocols, and certificates that are valid, expired, of another name and of an unknown authority.",
		Read:        Read,
	}
}

func kind() record.Kind {
	return record.Kind{
		Name: Kind, Title: "TLS endpoint", Plural: "TLS endpoints", Group: "Network", Label: "endpoint", Collected: true,
		Help: "A host and port of the organisation, as it speaks TLS to anybody.",
		Fields: []record.Field{
			{Name: "endpoint", Type: record.Text, Indexed: true},
			{Name: "host", Type: record.Text, Indexed: true},
			{Name: "port", Type: record.Integer},
			{Name: "reached", Type: record.Bool, Indexed: true, Help: "It answered. When it did not, nothing else is said of it."},
			{Name: "reason", Type: record.Text, Help: "Why it was not reached."},
			{Name: "protocols", Type: record.Text, List: true, Help: "The versions it accepts, oldest first. Absent when one could not be told."},
			{Name: "accepts_old", Type: record.Bool, Indexed: true, Title: "Accepts old versions", Help: "Some version before TLS 1.2 is accepted. Absent when that could not be told."},
			{Name: "certificate", Type: record.Object, Fields: []record.Field{
				{Name: "subject", Type: record.Text}, {Name: "issuer", Type: record.Text}, {Name: "names", Type: record.Text, List: true},
				{Name: "not_before", Type: record.Time}, {Name: "not_after", Type: record.Time}, {Name: "key", Type: record.Text, Help: "Such as RSA 2048 or ECDSA P-256."},
				{Name: "signature", Type: record.Text}, {Name: "serial", Type: record.Text}, {Name: "sha256", Type: record.Text, Title: "SHA-256"},
			}},
			{Name: "chain_valid", Type: record.Bool, Indexed: true, Help: "The certificate is of this host and leads to a trusted authority, on the day it was asked. Absent when this machine trusts no authority."},
			{Name: "chain_reason", Type: record.Text, Help: "Why it is not valid."},
			{Name: "http", Type: record.Bool, Title: "Speaks HTTP"},
			{Name: "hsts_seconds", Type: record.Integer, Title: "HSTS (seconds)", Help: "For how long browsers are told to use TLS only; 0 when they are not."},
			{Name: "headers", Type: record.Text, List: true, Help: "Which protective headers are sent: " + strings.Join(watched, ", ") + "."},
			{Name: "plain", Type: record.Choice, Choices: []string{plainClosed, plainRedirects, plainServes}, Help: "For port 443: what port 80 does."},
		},
		Views: []record.View{{Name: "component", Fields: map[string]string{"id": "r.endpoint", "name": "r.endpoint"}}, {Name: "certificate", Where: "r.reached == true", Fields: map[string]string{
			"id": "r.endpoint", "name": "r.host", "not_after": "r.certificate.not_after",
		}}},
	}
}

// place is an endpoint to ask.
type place struct {
	host string
	port int
}

func (p place) String() string { return net.JoinHostPort(p.host, strconv.Itoa(p.port)) }

// places reads the setting.
func places(setting string) ([]place, error) {
	var out []place
	for _, s := range strings.FieldsFunc(setting, func(r rune) bool { return r == ',' || r == '\n' || r == ' ' || r == '\t' || r == '\r' }) {
		host, port := s, "443"
		if h, p, err := net.SplitHostPort(s); err == nil {
			host, port = h, p
		} else if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
			host = ip.String()
		}
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 || host == "" || strings.ContainsAny(host, "/@?#:[]") && !isIP(host) {
			return nil, fault.New(fault.Invalid, "%q is not a host, or a host and port such as mail.example.org:465.", s).WithNext("Correct the connection's hosts.")
		}
		p := place{strings.ToLower(strings.TrimSuffix(host, ".")), n}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "No host is named.").WithNext("Name the hosts to ask, one a line.")
	}
	if len(out) > mostPlaces {
		return nil, fault.New(fault.Invalid, "%d hosts are named; %d can be asked by one connection.", len(out), mostPlaces).WithNext("Spread them over several connections.")
	}
	return out, nil
}

func isIP(s string) bool { _, err := netip.ParseAddr(s); return err == nil }

// Read asks every endpoint.
func Read(ctx context.Context, v connector.Values, out connector.Sink) error {
	list, err := places(v["endpoints"])
	if err != nil {
		return err
	}
	a, err := newAsker(v, out)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(together)
	var mu sync.Mutex
	done := 0
	for _, p := range list {
		group.Go(func() error {
			said, raw := a.ask(ctx, p)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			body, err := json.Marshal(said)
			if err != nil {
				return err
			}
			mu.Lock()
			done++
			out.Progress(Kind, done, len(list))
			mu.Unlock()
			return out.Item(connector.Item{Kind: Kind, Key: p.String(), Label: p.String(), Raw: raw, Body: body, From: a.told(p)})
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("ask the endpoints: %w", err)
	}
	out.Complete(Kind, "")
	return nil
}
