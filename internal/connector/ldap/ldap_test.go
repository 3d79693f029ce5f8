package ldap

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/fault"
)

const password = "s3cret-of-the-reader"

// server is a real OpenLDAP with 1,205 users, on ldap:// and ldaps://.
type server struct{ plain, secure, ca string }

func start(t *testing.T) server {
	t.Helper()
	program := "/usr/sbin/slapd"
	if found, err := exec.LookPath("slapd"); err == nil {
		program = found
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("slapd is not installed (Debian: apt-get install slapd)")
	}
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certificate, key := certify(t)
	crt, private := write("server.crt", certificate), write("server.key", key)
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	conf := write("slapd.conf", fmt.Sprintf(`include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/pid
argsfile %[1]s/args
TLSCertificateFile %[2]s
TLSCertificateKeyFile %[3]s
security simple_bind=128
database mdb
suffix dc=example,dc=com
rootdn cn=root,dc=example,dc=com
rootpw root-of-the-test
directory %[1]s/data
limits dn.exact="cn=hasty,dc=example,dc=com" size=10 size.prtotal=10
limits users size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by users read
access to * by dn.exact="cn=blind,dc=example,dc=com" none by users read by anonymous auth
`, dir, crt, private))
	seed := exec.Command(strings.Replace(program, "slapd", "slapadd", 1), "-q", "-f", conf)
	seed.Stdin = strings.NewReader(people())
	if out, err := seed.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v: %s", err, out)
	}
	s := server{plain: "ldap://" + free(t), secure: "ldaps://" + free(t), ca: certificate}
	run := exec.Command(program, "-d", "0", "-f", conf, "-h", s.plain+"/ "+s.secure+"/")
	var said strings.Builder
	run.Stdout, run.Stderr = &said, &said
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		run.Process.Kill()
		run.Wait()
	})
	for range 600 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.secure, "ldaps://"))
		if err == nil {
			c.Close()
			return s
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("slapd does not listen: %s", said.String())
	return s
}

func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func certify(t *testing.T) (certificate, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "directory"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func people() string {
	var b strings.Builder
	b.WriteString("dn: dc=example,dc=com\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n")
	for _, cn := range []string{"reader", "hasty", "blind"} {
		fmt.Fprintf(&b, "dn: cn=%[1]s,dc=example,dc=com\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: %[1]s\nuserPassword: %[2]s\n\n", cn, password)
	}
	b.WriteString("dn: ou=people,dc=example,dc=com\nobjectClass: organizationalUnit\nou: people\n\n")
	for i := range 1205 {
		fmt.Fprintf(&b, "dn: uid=u%04[1]d,ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: User %[1]d\nsn: Example\nuid: u%04[1]d\nmail: U%04[1]d@Example.com\nuserPassword: hidden-of-u%04[1]d\n\n", i)
	}
	b.WriteString("dn: cn=inner,dc=example,dc=com\nobjectClass: groupOfNames\ncn: inner\nmember: uid=u0002,ou=people,dc=example,dc=com\n\n")
	b.WriteString("dn: cn=admins,dc=example,dc=com\nobjectClass: groupOfNames\ncn: admins\nmember: uid=u0001,ou=people,dc=example,dc=com\nmember: CN=inner, DC=example,DC=com\n\n")
	return b.String()
}

func (s server) values(more map[string]string) connector.Values {
	v := connector.Values{"url": s.secure, "base": "dc=example,dc=com", "bind_dn": "cn=reader,dc=example,dc=com", "password": password, "ca": s.ca, "admin_groups": "admins"}
	maps.Copy(v, more)
	return v
}

func TestARealDirectoryIsReadWhole(t *testing.T) {
	s := start(t)
	for _, at := range []string{s.secure, s.plain} {
		r := &connectortest.Recorder{}
		if err := Connector().Read(t.Context(), s.values(map[string]string{"url": at}), r); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		if p := r.Problems(Connector()); !r.Whole() || len(p) > 0 || r.Count(kindUser) != 1205 || r.Count(kindGroup) != 2 || r.Count(kindDomain) != 1 {
			t.Fatalf("%s: %d users, %d groups, gaps %v, %v", at, r.Count(kindUser), r.Count(kindGroup), r.Gaps(), p)
		}
		for _, secret := range []string{password, "hidden-of-u0001"} {
			if leaks := r.Leaks(secret); len(leaks) > 0 {
				t.Errorf("a secret is in %v", leaks)
			}
		}
		admins := map[string]bool{}
		for _, it := range r.Items(kindUser) {
			b := connectortest.Decode(it)
			if b["admin"] == true {
				admins[b["name"].(string)] = true
			}
			if b["enabled"] != true || b["created"] == nil || it.Key == "" || it.Key != b["id"] {
				t.Fatalf("user %v", b)
			}
		}
		if !maps.Equal(admins, map[string]bool{"u0001": true, "u0002": true}) {
			t.Errorf("administrators are %v", admins)
		}
		again := r.Next()
		if err := Connector().Read(t.Context(), s.values(map[string]string{"url": at}), again); err != nil || !slices.Equal(r.Keys(kindUser, ""), again.Keys(kindUser, "")) {
			t.Errorf("other keys the second time: %v", err)
		}
	}

	t.Run("a search that is cut short is not whole", func(t *testing.T) {
		r := &connectortest.Recorder{}
		if err := Connector().Read(t.Context(), s.values(map[string]string{"bind_dn": "cn=hasty,dc=example,dc=com"}), r); err != nil || r.Completed(kindUser, "") || len(r.Gaps()) == 0 {
			t.Errorf("%v, gaps %v", err, r.Gaps())
		}
	})
	t.Run("who may see nothing reads nothing whole", func(t *testing.T) {
		r := &connectortest.Recorder{}
		if err := Connector().Read(t.Context(), s.values(map[string]string{"bind_dn": "cn=blind,dc=example,dc=com"}), r); err != nil || r.Completed(kindUser, "") || r.Completed(kindGroup, "") {
			t.Errorf("%v, gaps %v", err, r.Gaps())
		}
	})
	t.Run("refused", func(t *testing.T) {
		for name, c := range map[string]struct {
			more map[string]string
			want fault.Kind
		}{
			"a wrong password":            {map[string]string{"password": "wrong-password"}, fault.Denied},
			"no password":                 {map[string]string{"password": ""}, fault.Invalid},
			"a certificate nobody knows":  {map[string]string{"ca": ""}, fault.Unavailable},
			"another's certificate":       {map[string]string{"url": strings.Replace(s.secure, "127.0.0.1", "localhost", 1)}, fault.Unavailable},
			"a filter that is none":       {map[string]string{"users": "(uid="}, fault.Invalid},
			"an address that is none":     {map[string]string{"url": "http://127.0.0.1"}, fault.Invalid},
			"an authority that is no PEM": {map[string]string{"ca": "x"}, fault.Invalid},
		} {
			err := Connector().Read(t.Context(), s.values(c.more), &connectortest.Recorder{})
			if fault.KindOf(err) != c.want || strings.Contains(err.Error(), "wrong-password") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("stops when it is told to", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := Connector().Read(ctx, s.values(nil), &connectortest.Recorder{Fail: func(connector.Item) error { cancel(); return nil }})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		full := errors.New("disk full")
		if err := Connector().Read(t.Context(), s.values(nil), &connectortest.Recorder{Fail: func(connector.Item) error { return full }}); !errors.Is(err, full) {
			t.Errorf("%v", err)
		}
	})
}

func entry(dn string, attributes map[string][]string) *ldap.Entry {
	return ldap.NewEntry(dn, attributes)
}

// domainAdmins is the identifier S-1-5-21-1-2-3-512.
var domainAdmins = string([]byte{1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 2, 0, 0})

func TestActiveDirectorysBitsAndTimesAreUnderstood(t *testing.T) {
	ada := entry("CN=Ada,DC=example,DC=com", map[string][]string{"objectClass": {"user"}, "sAMAccountName": {"ada"}, "mail": {"ada@example.com"}, "userAccountControl": {"66048"}, "lastLogonTimestamp": {"134140000000000000"},
		"accountExpires": {"9223372036854775807"}, "whenCreated": {"20250110080000.0Z"}, "objectGUID": {string([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})}})
	b := userBody(ada, true)
	if b["enabled"] != true || b["password_never_expires"] != true || b["smartcard_required"] != false || b["expires"] != nil || b["never_signed_in"] != false ||
		b["last_sign_in"] != "2026-01-27T15:06:40Z" || b["created"] != "2025-01-10T08:00:00Z" || b["id"] != "04030201-0605-0807-090a-0b0c0d0e0f10" {
		t.Errorf("%v", b)
	}
	off := userBody(entry("CN=Eve,DC=example,DC=com", map[string][]string{"userAccountControl": {"514"}, "lastLogonTimestamp": {"0"}}), true)
	if off["enabled"] != false || off["never_signed_in"] != true {
		t.Errorf("%v", off)
	}
	if b := userBody(entry("CN=Nobody,DC=example,DC=com", nil), true); b["enabled"] != nil {
		t.Errorf("without its bits an account is %v", b["enabled"])
	}
	groups := []*ldap.Entry{
		entry("CN=Domain Admins,CN=Users,DC=example,DC=com", map[string][]string{"cn": {"Domain Admins"}, "objectSid": {domainAdmins}, "member": {"CN=Ops,DC=example,DC=com"}}),
		entry("CN=Ops,DC=example,DC=com", map[string][]string{"cn": {"Ops"}, "member": {"cn=ada, dc=example,dc=com", "CN=Domain Admins,CN=Users,DC=example,DC=com"}}),
	}
	a := administrators(groups, nil, true)
	if !a.known || !a.holds(ada) || a.holds(entry("CN=Bob,DC=example,DC=com", map[string][]string{"primaryGroupID": {"513"}})) || !a.holds(entry("CN=Root,DC=example,DC=com", map[string][]string{"primaryGroupID": {"512"}})) {
		t.Errorf("%+v", a)
	}
	if a := administrators(groups, nil, false); a.known {
		t.Error("a group of another directory administers by its identifier")
	}
}

func TestReferralsAreGapsSaveThoseOfActiveDirectorysOwnParts(t *testing.T) {
	for ref, want := range map[string]string{"ldap://ForestDnsZones.example.com/DC=ForestDnsZones,DC=example,DC=com": "", "ldap://example.com/CN=Configuration,DC=example,DC=com": "",
		"ldap://child.example.com/DC=child,DC=example,DC=com": "child.example.com/DC=child,DC=example,DC=com"} {
		if got := elsewhere(ref); got != want {
			t.Errorf("%s: %q", ref, got)
		}
	}
}

func TestEntriesAreWrittenAsLDIF(t *testing.T) {
	got := string(ldif(entry("uid=ada,dc=example", map[string][]string{"uid": {"ada"}, "cn": {"Ada Ünal", " b"}})))
	if want := "dn: uid=ada,dc=example\ncn:: IGI=\ncn:: QWRhIMOcbmFs\nuid: ada\n"; got != want {
		t.Errorf("%q", got)
	}
}
