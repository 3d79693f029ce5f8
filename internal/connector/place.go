package connector

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Private is the setting that lets a public name lead to a private address, as that of a service in one's own network may.
const Private = "allow_private"

// WithPrivate gives a connector whose endpoint can be named the setting Private.
func WithPrivate(c Connector) Connector {
	has := func(name string) bool {
		return slices.ContainsFunc(c.Settings, func(s Setting) bool { return s.Name == name })
	}
	if has("endpoint") && !has(Private) {
		c.Settings = append(slices.Clone(c.Settings), Setting{Name: Private, Title: "Private addresses",
			Help: "Yes, where the endpoint has a public name but stands in your own network. Otherwise a name that leads to a private address is refused."})
	}
	return c
}

// misplaced is an address that is not asked.
type misplaced struct {
	host string
	at   netip.Addr
}

func (m *misplaced) Error() string {
	if m.at.IsLinkLocalUnicast() {
		return fmt.Sprintf("%s leads to %s, where machines in a cloud are told their own secrets; nothing is ever asked there", m.host, m.at)
	}
	return fmt.Sprintf("%s is a public name and leads to the private address %s, which is not asked unless the connection's setting %s is yes", m.host, m.at, Private)
}

// careful dials the service: never what is link-local, and nothing private behind a public name unless that is allowed.
func careful(allowed bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		d := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
		d.Control = func(_, to string, _ syscall.RawConn) error { // for each address the name has, before it is asked
			at, err := netip.ParseAddrPort(to)
			if err != nil {
				return err
			}
			return place(host, at.Addr(), allowed)
		}
		return d.DialContext(ctx, network, address)
	}
}

// place refuses an address that a name leads to.
func place(host string, ip netip.Addr, allowed bool) error {
	ip = ip.Unmap().WithZone("")
	if ip.IsLinkLocalUnicast() || inside(ip) && public(host) && !allowed && !proxy(host) {
		return &misplaced{host, ip}
	}
	return nil
}

// shared is the space of carriers' own networks (RFC 6598), which clouds use inside as well.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// inside says that an address is none of the public network.
func inside(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() || shared.Contains(ip)
}

// public says that a name is one of the public network, and no address and none of those that only one's own network has.
func public(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return false
	}
	for _, own := range []string{".localhost", ".local", ".internal", ".lan", ".intranet", ".corp", ".home.arpa", ".svc", ".cluster"} {
		if strings.HasSuffix(host, own) {
			return false
		}
	}
	return true
}

// proxy says that a name is that of the machine's own proxy, which asks in our place.
func proxy(host string) bool {
	for _, scheme := range []string{"https", "http"} {
		via, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: "tickmark.example"}})
		if err == nil && via != nil && strings.EqualFold(via.Hostname(), host) {
			return true
		}
	}
	return false
}

// Skew says how far the clock of the service that gave an answer is from this one's, where that may be why a credential was refused.
func Skew(h http.Header, now time.Time) string {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return ""
	}
	if d := at.Sub(now).Round(time.Minute); d >= 5*time.Minute || d <= -5*time.Minute {
		return fmt.Sprintf(" Its clock and this machine's differ by %s.", d.Abs())
	}
	return ""
}
