// Package ldap reads a directory over LDAP: OpenLDAP and its kin, and Active Directory. The one rule: no password crosses the
// network in the clear, no password's hash is asked for, and a search that the server cut short is never whole.
package ldap

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/secret"
)

// Connector declares the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Name: "ldap", Title: "LDAP and Active Directory", Help: "Users and groups of a directory, and the password rules of an Active Directory domain.",
		Settings: []connector.Setting{
			{Name: "url", Title: "Address", Required: true, Help: "ldaps://host, or ldap://host, which is then encrypted by StartTLS."},
			{Name: "base", Title: "Base", Required: true, Help: "Below which to look, such as dc=example,dc=com."},
			{Name: "bind_dn", Title: "Signs in as", Required: true, Help: "A user of its own that may only read: its DN, or user@domain at Active Directory."},
			{Name: "password", Title: "Password", Secret: true, Required: true},
			{Name: "ca", Title: "Certificate authority", Lines: true, Help: "In PEM, where the system does not know who signed the server's certificate."},
			{Name: "users", Title: "Users", Default: "(|(objectClass=inetOrgPerson)(objectClass=posixAccount)(&(objectClass=user)(!(objectClass=computer))))", Help: "Filter of what a user is."},
			{Name: "groups", Title: "Groups", Default: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))", Help: "Filter of what a group is."},
			{Name: "admin_groups", Title: "Administrators", Help: "Names (cn) of groups whose members administer, between commas. Active Directory's own count without it."},
		},
		Permissions: []connector.Permission{{Name: "read", Why: "To search users and groups below the base.", Kinds: []string{kindUser, kindGroup, kindDomain}}},
		Grant: "A user of its own without any group is enough at Active Directory, where every user may read. At OpenLDAP:\n\n" +
			"    olcAccess: to attrs=userPassword by anonymous auth by * none\n    olcAccess: to dn.subtree=\"dc=example,dc=com\" by dn.exact=\"cn=tickmark,dc=example,dc=com\" read by * break\n\n" +
			"A size limit for that user makes a large directory unknown: give it `size.prtotal=unlimited`.\n",
		Tried: "Tested against a real OpenLDAP (slapd 2.5). Active Directory's attributes were tested on entries written by hand after Microsoft's reference; it never ran against a real domain controller.",
		Kinds: []record.Kind{connector.Component(domainKind(), `r.id`, `r.name`), userKind(), groupKind()},
		Read:  read,
	}
}

const (
	pageSize = 500
	patience = time.Minute
	maxPages = 20_000
)

// directory is one run.
type directory struct {
	conn   *ldap.Conn
	out    connector.Sink
	v      connector.Values
	active bool // it is Active Directory

	from map[*ldap.Entry][]connector.Answer // what each entry was told by
}

func read(ctx context.Context, v connector.Values, out connector.Sink) error {
	d := &directory{out: out, v: v, from: map[*ldap.Entry][]connector.Answer{}}
	if err := d.dial(ctx); err != nil {
		return err
	}
	defer d.conn.Close()
	stop := context.AfterFunc(ctx, func() { d.conn.Close() })
	defer stop()
	if err := d.read(ctx); err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	return ctx.Err()
}

// dial connects, encrypts and signs in.
func (d *directory) dial(ctx context.Context) error {
	at, err := url.Parse(d.v["url"])
	if err != nil || at.Hostname() == "" || at.Scheme != "ldap" && at.Scheme != "ldaps" || at.User != nil {
		return fault.New(fault.Invalid, "%q is not an address that starts with ldaps:// or ldap://.", d.v["url"]).WithNext("Correct the connection's address.")
	}
	if d.v["bind_dn"] == "" || d.v["password"] == "" { // many servers take an empty password for an anonymous bind, and say success
		return fault.New(fault.Invalid, "The connection has no user or no password to sign in with.").WithNext("Give both.")
	}
	conf := &tls.Config{ServerName: at.Hostname(), MinVersion: tls.VersionTLS12}
	if d.v["ca"] != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(d.v["ca"])) {
			return fault.New(fault.Invalid, "The certificate authority is not in PEM.").WithNext("Give the file that begins with -----BEGIN CERTIFICATE-----.")
		}
	}
	unreachable := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if why := connector.Untrusted(at.Host, err); why != "" {
			return fault.New(fault.Unavailable, "%s", why).WithNext("Check the address; renew the certificate, or name its authority in the connection.")
		}
		return fault.New(fault.Unavailable, "%s could not be reached: %s.", at.Host, d.hide(err)).WithNext("Check the address, its certificate and the network.")
	}
	dialer := &net.Dialer{Timeout: patience}
	host := net.JoinHostPort(at.Hostname(), cmp.Or(at.Port(), map[string]string{"ldap": "389", "ldaps": "636"}[at.Scheme]))
	raw, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return unreachable(err)
	}
	if at.Scheme == "ldaps" {
		secure := tls.Client(raw, conf)
		soon, enough := context.WithTimeout(ctx, patience)
		defer enough()
		if err := secure.HandshakeContext(soon); err != nil {
			raw.Close()
			return unreachable(err)
		}
		raw = secure
	}
	d.conn = ldap.NewConn(raw, at.Scheme == "ldaps")
	d.conn.SetTimeout(patience)
	d.conn.Start()
	if at.Scheme == "ldap" {
		if err := raw.SetDeadline(time.Now().Add(patience)); err != nil { // the library waits for the handshake for ever
			d.conn.Close()
			return unreachable(err)
		}
		if err := d.conn.StartTLS(conf); err != nil {
			d.conn.Close()
			return unreachable(fmt.Errorf("it was not encrypted by StartTLS: %w", err))
		}
		if err := raw.SetDeadline(time.Time{}); err != nil {
			d.conn.Close()
			return unreachable(err)
		}
	}
	if err := d.conn.Bind(d.v["bind_dn"], d.v["password"]); err != nil {
		d.conn.Close()
		if ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			return fault.New(fault.Denied, "%s does not take the user and password.", at.Host).WithNext("Check the connection's user and password.")
		}
		return unreachable(fmt.Errorf("sign in: %w", err))
	}
	return nil
}

func (d *directory) hide(err error) string {
	s := strings.TrimRight(strings.ToValidUTF8(err.Error(), "\uFFFD"), ". ")
	var c secret.Cover
	c.Add(d.v["password"])
	s = c.Hide(s)
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}

// activeDirectory is the capability that only Active Directory states.
const activeDirectory = "1.2.840.113556.1.4.800"

func (d *directory) read(ctx context.Context) error {
	root, gap, err := d.search(ctx, kindDomain, "", ldap.ScopeBaseObject, "(objectClass=*)", []string{"supportedCapabilities", "defaultNamingContext", "vendorName", "vendorVersion", "namingContexts"})
	if err != nil {
		return err
	}
	var top *ldap.Entry
	if gap == nil && len(root) == 1 {
		d.active = slices.Contains(root[0].GetAttributeValues("supportedCapabilities"), activeDirectory)
		var domain []*ldap.Entry
		domain, gap, err = d.search(ctx, kindDomain, d.v["base"], ldap.ScopeBaseObject, "(objectClass=*)", domainAttributes)
		if err != nil {
			return err
		}
		if gap == nil && len(domain) == 1 {
			top = domain[0]
			if err := d.give(kindDomain, d.v["base"], top, domainBody(top, d.active)); err != nil {
				return err
			}
		}
	}
	if top == nil {
		gap = cmp.Or(gap, &connector.Gap{Reason: "The base " + d.v["base"] + " is not shown to this user, or is not there."})
	}
	d.done(kindDomain, gap)

	groups, lost, err := d.search(ctx, kindGroup, d.v["base"], ldap.ScopeWholeSubtree, d.filter("groups"), groupAttributes)
	if err != nil {
		return err
	}
	for _, g := range groups {
		more, err := d.members(ctx, g)
		if err != nil {
			return err
		}
		lost = cmp.Or(lost, more)
		if err := d.give(kindGroup, idOf(g), g, groupBody(g)); err != nil {
			return err
		}
	}
	if len(groups) == 0 && top == nil {
		lost = cmp.Or(lost, gap)
	}
	d.done(kindGroup, lost)

	users, gap, err := d.search(ctx, kindUser, d.v["base"], ldap.ScopeWholeSubtree, d.filter("users"), userAttributes)
	if err != nil {
		return err
	}
	admins := administrators(groups, values(d.v["admin_groups"]), d.active)
	for _, u := range users {
		body := userBody(u, d.active)
		if lost == nil && (admins.known || d.active) {
			body["admin"] = admins.holds(u)
		}
		if err := d.give(kindUser, idOf(u), u, body); err != nil {
			return err
		}
	}
	if len(users) == 0 && top == nil {
		gap = cmp.Or(gap, &connector.Gap{Reason: "The base " + d.v["base"] + " is not shown to this user, or is not there."})
	}
	d.done(kindUser, gap)
	return nil
}

func (d *directory) filter(name string) string {
	if f := d.v[name]; f != "" {
		return f
	}
	for _, s := range Connector().Settings {
		if s.Name == name {
			return s.Default
		}
	}
	return ""
}

func (d *directory) give(kind, key string, e *ldap.Entry, body map[string]any) error {
	it := item(kind, key, e, body)
	it.From = d.from[e]
	return d.out.Item(it)
}

func (d *directory) done(kind string, gap *connector.Gap) {
	if gap == nil {
		d.out.Complete(kind, "")
		return
	}
	gap.Kind = kind
	d.out.Missing(*gap)
}

// search reads all pages of a search. It returns a gap when not all of it was read.
func (d *directory) search(ctx context.Context, kind, base string, scope int, filter string, attributes []string) (all []*ldap.Entry, gap *connector.Gap, err error) {
	if _, err := ldap.CompileFilter(filter); err != nil {
		return nil, nil, fault.New(fault.Invalid, "%q is not a filter of LDAP.", filter).WithNext("Correct the connection's setting.")
	}
	paging := ldap.NewControlPaging(pageSize)
	seen := map[string]bool{}
	for page := 1; ; page++ {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		req := ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, int(patience/time.Second), false, filter, attributes, nil)
		if scope != ldap.ScopeBaseObject {
			req.Controls = []ldap.Control{paging}
		}
		began := d.out.Now()
		res, err := d.conn.Search(req)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		status, text := "0 success", []byte{}
		var new []*ldap.Entry
		if res != nil {
			for _, e := range res.Entries {
				text = append(append(text, ldif(e)...), '\n') // as RFC 2849 parts entries
				if id := strings.ToLower(e.DN); !seen[id] {   // a directory that changes while it is paged may show an entry twice
					seen[id] = true
					new = append(new, e)
				}
			}
		}
		if err != nil {
			status = d.hide(err)
		}
		from := d.out.Exchange(connector.Exchange{Kind: kind, Page: scope != ldap.ScopeBaseObject, Request: fmt.Sprintf("search %q %s, page %d", base, filter, page), Status: status,
			Bytes: int64(len(text)), SHA256: sha256.Sum256(text), Body: text, At: began, Took: d.out.Now().Sub(began)})
		for _, e := range new {
			all, d.from[e] = append(all, e), []connector.Answer{from}
		}
		d.out.Progress(kind, len(all), 0)
		switch {
		case ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights):
			return all, &connector.Gap{Denied: true, Needs: "read", Reason: "The directory refused the search: " + d.hide(err) + "."}, nil
		case ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded, ldap.LDAPResultTimeLimitExceeded):
			return all, &connector.Gap{Reason: fmt.Sprintf("The directory gave %d entries and then stopped: %s.", len(all), d.hide(err))}, nil
		case err != nil:
			return all, &connector.Gap{Reason: "The directory did not answer the search whole: " + d.hide(err) + "."}, nil
		}
		for _, ref := range res.Referrals {
			if at := elsewhere(ref); at != "" {
				gap = &connector.Gap{Reason: "A part of the directory lies elsewhere and was not read: " + at + "."}
			}
		}
		next, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		switch {
		case scope == ldap.ScopeBaseObject:
			return all, gap, nil
		case !ok && len(res.Entries) >= pageSize:
			return all, &connector.Gap{Reason: "The directory does not give its entries in pages, so that it is not known whether these are all."}, nil
		case !ok || len(next.Cookie) == 0:
			return all, gap, nil
		case page >= maxPages:
			return all, &connector.Gap{Reason: fmt.Sprintf("The search has more than %d pages; the rest was not read.", maxPages)}, nil
		}
		paging.SetCookie(next.Cookie)
	}
}

// elsewhere is where a referral leads, empty for the parts of Active Directory that hold no users.
func elsewhere(ref string) string {
	at, err := url.Parse(ref)
	if err != nil {
		return "an address that cannot be read"
	}
	dn := strings.ToLower(strings.TrimPrefix(at.Path, "/"))
	for _, own := range []string{"dc=forestdnszones,", "dc=domaindnszones,", "cn=configuration,", "cn=schema,"} {
		if strings.HasPrefix(dn, own) {
			return ""
		}
	}
	return at.Host + at.Path
}

// members completes a group whose members Active Directory gives in ranges.
func (d *directory) members(ctx context.Context, g *ldap.Entry) (*connector.Gap, error) {
	for {
		i := slices.IndexFunc(g.Attributes, func(a *ldap.EntryAttribute) bool { return strings.HasPrefix(strings.ToLower(a.Name), "member;range=") })
		if i < 0 {
			return nil, nil
		}
		part := g.Attributes[i]
		_, last, _ := strings.Cut(part.Name[len("member;range="):], "-")
		whole := slices.IndexFunc(g.Attributes, func(a *ldap.EntryAttribute) bool { return strings.EqualFold(a.Name, "member") })
		if whole < 0 {
			g.Attributes = append(g.Attributes, &ldap.EntryAttribute{Name: "member"})
			whole = len(g.Attributes) - 1
		}
		g.Attributes[whole].Values = append(g.Attributes[whole].Values, part.Values...)
		g.Attributes = slices.Delete(g.Attributes, i, i+1)
		g.Attributes = slices.DeleteFunc(g.Attributes, func(a *ldap.EntryAttribute) bool { return strings.EqualFold(a.Name, "member") && len(a.Values) == 0 })
		if last == "*" {
			return nil, nil
		}
		n, err := strconv.Atoi(last)
		if err != nil || len(part.Values) == 0 {
			return &connector.Gap{Reason: "The members of " + g.DN + " were not given whole."}, nil
		}
		more, gap, err := d.search(ctx, kindGroup, g.DN, ldap.ScopeBaseObject, "(objectClass=*)", []string{fmt.Sprintf("member;range=%d-*", n+1)})
		if err != nil || gap != nil {
			return gap, err
		}
		if len(more) != 1 {
			return &connector.Gap{Reason: "The members of " + g.DN + " were not given whole."}, nil
		}
		for _, a := range more[0].Attributes {
			if strings.HasPrefix(strings.ToLower(a.Name), "member;range=") {
				g.Attributes = append(g.Attributes, a)
				d.from[g] = append(d.from[g], d.from[more[0]]...)
			}
		}
	}
}

func values(setting string) (out []string) {
	for v := range strings.SplitSeq(setting, ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}
