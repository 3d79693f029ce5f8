package connector

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Untrusted says in words, as a sentence, why the certificate of a host is not believed; "" where that is not what went wrong. Some
// libraries pass on the text of an error alone, so that the text is looked at where the error tells nothing.
func Untrusted(host string, err error) string {
	if err == nil {
		return ""
	}
	said := err.Error()
	says := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(said, w) {
				return true
			}
		}
		return false
	}
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	why := ""
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired || says("x509: certificate has expired or is not yet valid"):
		why = "has expired or is not valid yet"
	case errors.As(err, &name) || says("x509: certificate is valid for", "x509: certificate is not valid for any names", "x509: cannot validate certificate for", "x509: certificate relies on legacy Common Name"):
		why = "is another host's"
	case errors.As(err, &unknown) || says("x509: certificate signed by unknown authority"):
		why = "was signed by an authority that this machine does not trust"
	default:
		return ""
	}
	return fmt.Sprintf("The certificate of %s %s, so that nobody can tell who answers.", host, why)
}
