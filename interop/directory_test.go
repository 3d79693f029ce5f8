package interop

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"tickmark/internal/collect"
	"tickmark/internal/connector/connectortest/certificate"
	"tickmark/internal/secret"
)

const below = "ou=people,dc=example,dc=com"

// directory starts a real OpenLDAP with some users, encrypted, and returns its address and the authority of its certificate.
func directory(t *testing.T, users int) (at, ca string) {
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
	shown, ca := certificate.Of(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "127.0.0.1")
	private, err := x509.MarshalPKCS8PrivateKey(shown.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
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
database mdb
suffix dc=example,dc=com
rootdn cn=root,dc=example,dc=com
rootpw root-of-the-test
directory %[1]s/data
`, dir, write("server.crt", ca), write("server.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))))
	var b strings.Builder
	b.WriteString("dn: dc=example,dc=com\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n")
	b.WriteString("dn: " + below + "\nobjectClass: organizationalUnit\nou: people\n\n")
	for i := range users {
		fmt.Fprintf(&b, "dn: uid=u%[1]d,%[2]s\nobjectClass: inetOrgPerson\ncn: User %[1]d\nsn: Example\nuid: u%[1]d\nmail: u%[1]d@example.com\n\n", i, below)
	}
	seed := exec.Command(strings.Replace(program, "slapd", "slapadd", 1), "-q", "-f", conf)
	seed.Stdin = strings.NewReader(b.String())
	if out, err := seed.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v: %s", err, out)
	}
	at = free(t)
	c := exec.Command(program, "-d", "0", "-f", conf, "-h", "ldaps://"+at+"/")
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", at); err == nil {
			c.Close()
			return at, ca
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("slapd does not listen: %s", said.String())
		}
	}
}

// A bad network between the collector and a real OpenLDAP: as before a database.
func TestABadNetworkBeforeADirectory(t *testing.T) {
	const users = 400
	at, ca := directory(t, users)
	root, err := ldap.DialURL("ldaps://"+at, ldap.DialWithTLSConfig(trusting(t, ca)))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := root.Bind("cn=root,dc=example,dc=com", "root-of-the-test"); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := through(t, at)
	endure(t, p, collect.Connection{Name: "directory", Connector: "ldap", Settings: map[string]string{"url": "ldaps://" + p.Listen, "base": "dc=example,dc=com", "bind_dn": "cn=root,dc=example,dc=com", "ca": ca}},
		map[string]secret.Value{"password": secret.Of("root-of-the-test")}, "ldap_user", users, func(n int) {
			must(root.Del(ldap.NewDelRequest(fmt.Sprintf("uid=u%d,%s", n, below), nil)))
			fresh := ldap.NewAddRequest(fmt.Sprintf("uid=new%d,%s", n, below), nil)
			for name, v := range map[string]string{"objectClass": "inetOrgPerson", "cn": "New", "sn": "Example", "uid": fmt.Sprintf("new%d", n)} {
				fresh.Attribute(name, []string{v})
			}
			must(root.Add(fresh))
			other := ldap.NewModifyRequest(fmt.Sprintf("uid=u%d,%s", 200+n, below), nil)
			other.Replace("mail", []string{"changed@example.com"})
			must(root.Modify(other))
		})
}
