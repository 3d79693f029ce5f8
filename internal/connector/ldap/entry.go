package ldap

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"tickmark/internal/connector"
)

// What is asked of entries. userPassword is never among it.
var (
	userAttributes = []string{"objectClass", "objectGUID", "entryUUID", "objectSid", "uid", "sAMAccountName", "userPrincipalName", "cn", "displayName", "mail", "proxyAddresses", "employeeNumber", "employeeID", "title", "manager",
		"userAccountControl", "accountExpires", "lastLogonTimestamp", "pwdLastSet", "whenCreated", "createTimestamp", "authTimestamp", "pwdLastSuccess", "pwdChangedTime", "pwdAccountLockedTime", "nsAccountLock",
		"shadowExpire", "loginShell", "memberOf", "primaryGroupID", "servicePrincipalName"}
	groupAttributes  = []string{"objectClass", "objectGUID", "entryUUID", "objectSid", "cn", "sAMAccountName", "description", "groupType", "member", "uniqueMember", "memberUid", "whenCreated", "createTimestamp"}
	domainAttributes = []string{"objectClass", "objectGUID", "entryUUID", "dc", "o", "minPwdLength", "pwdHistoryLength", "lockoutThreshold", "lockoutDuration", "maxPwdAge", "pwdProperties"}
)

// item is an entry as it is handed over: its LDIF, and JSON made from that.
func item(kind, key string, e *ldap.Entry, body map[string]any) connector.Item {
	for name, v := range body {
		if v == nil {
			delete(body, name)
		}
	}
	j, _ := json.Marshal(body) // texts, numbers and lists of texts encode
	label, _ := body["name"].(string)
	if label == "" {
		label = e.DN
	}
	return connector.Item{Kind: kind, Key: key, Raw: ldif(e), Body: j, Label: label}
}

// ldif writes an entry as RFC 2849 has it, its attributes by name, their values in order.
func ldif(e *ldap.Entry) []byte {
	var b strings.Builder
	line := func(name, value string) {
		plain := value == "" || value[0] > ' ' && value[0] < 0x7f && value[0] != ':' && value[0] != '<' && value[len(value)-1] != ' '
		for i := 0; i < len(value) && plain; i++ {
			plain = value[i] >= ' ' && value[i] < 0x7f
		}
		if plain {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		} else {
			fmt.Fprintf(&b, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(value)))
		}
	}
	line("dn", e.DN)
	attributes := slices.Clone(e.Attributes)
	slices.SortFunc(attributes, func(a, b *ldap.EntryAttribute) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	for _, a := range attributes {
		values := raw(a)
		slices.Sort(values)
		for _, v := range values {
			line(a.Name, v)
		}
	}
	return []byte(b.String())
}

func raw(a *ldap.EntryAttribute) []string {
	if len(a.ByteValues) != len(a.Values) {
		return slices.Clone(a.Values)
	}
	out := make([]string, len(a.ByteValues))
	for i, v := range a.ByteValues {
		out[i] = string(v)
	}
	return out
}

// all are an attribute's values as valid text, sorted; nil when there is none.
func all(e *ldap.Entry, name string) any {
	var out []string
	for _, v := range e.GetEqualFoldAttributeValues(name) {
		out = append(out, strings.ToValidUTF8(v, "\uFFFD"))
	}
	if out == nil {
		return nil
	}
	slices.Sort(out)
	return out
}

// one is an attribute's only or first value; nil when there is none.
func one(e *ldap.Entry, names ...string) any {
	for _, name := range names {
		if v := e.GetEqualFoldAttributeValue(name); v != "" {
			return strings.ToValidUTF8(v, "\uFFFD")
		}
	}
	return nil
}

func number(e *ldap.Entry, name string) (int64, bool) {
	n, err := strconv.ParseInt(e.GetEqualFoldAttributeValue(name), 10, 64)
	return n, err == nil
}

// idOf names an entry for good: what the directory gave it, which a rename leaves alone; else where it stands.
func idOf(e *ldap.Entry) string {
	if g := e.GetEqualFoldRawAttributeValue("objectGUID"); len(g) == 16 {
		return fmt.Sprintf("%08x-%04x-%04x-%s-%s", binary.LittleEndian.Uint32(g), binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), hex.EncodeToString(g[8:10]), hex.EncodeToString(g[10:]))
	}
	if id := e.GetEqualFoldAttributeValue("entryUUID"); id != "" {
		return id
	}
	return strings.ToLower(e.DN)
}

// sid is a security identifier as it is written, empty when there is none.
func sid(e *ldap.Entry) string {
	b := e.GetEqualFoldRawAttributeValue("objectSid")
	if len(b) < 8 || len(b) != 8+4*int(b[1]) {
		return ""
	}
	s := fmt.Sprintf("S-%d-%d", b[0], uint64(b[2])<<40|uint64(b[3])<<32|uint64(binary.BigEndian.Uint32(b[4:])))
	for i := 8; i < len(b); i += 4 {
		s += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(b[i:]))
	}
	return s
}

// filetime reads Microsoft's time: ticks of 100 ns since 1601; 0 and the largest are none.
func filetime(e *ldap.Entry, name string) any {
	n, ok := number(e, name)
	if !ok || n <= 0 || n >= 0x7FFFFFFFFFFFFFFF {
		return nil
	}
	const epoch = 11644473600
	return time.Unix(n/1e7-epoch, n%1e7*100).UTC().Format(time.RFC3339)
}

// generalized reads the directory's own time (RFC 4517, 3.3.13).
func generalized(e *ldap.Entry, names ...string) any {
	for _, name := range names {
		v := e.GetEqualFoldAttributeValue(name)
		for _, layout := range []string{"20060102150405Z0700", "20060102150405.999999999Z0700", "200601021504Z0700"} {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC().Format(time.RFC3339)
			}
		}
	}
	return nil
}

// Bits of userAccountControl.
const (
	accountDisabled    = 0x2
	passwordNotNeeded  = 0x20
	neverExpires       = 0x10000
	smartcardRequired  = 0x40000
	trustedToDelegate  = 0x80000
	noPreauthenticated = 0x400000
)

func classes(e *ldap.Entry, names ...string) bool {
	return slices.ContainsFunc(e.GetEqualFoldAttributeValues("objectClass"), func(c string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(c, n) })
	})
}

func userBody(e *ldap.Entry, active bool) map[string]any {
	b := map[string]any{"id": idOf(e), "dn": e.DN, "name": one(e, "sAMAccountName", "uid", "cn"), "principal": one(e, "userPrincipalName"), "display_name": one(e, "displayName", "cn"),
		"mail": one(e, "mail"), "mails": all(e, "mail"), "employee_number": one(e, "employeeNumber", "employeeID"), "title": one(e, "title"), "manager": one(e, "manager"),
		"created": generalized(e, "whenCreated", "createTimestamp"), "member_of": all(e, "memberOf"), "service_names": all(e, "servicePrincipalName"), "login_shell": one(e, "loginShell")}
	b["service"] = classes(e, "msDS-GroupManagedServiceAccount", "msDS-ManagedServiceAccount")
	if active {
		b["expires"], b["password_changed"], b["last_sign_in"] = filetime(e, "accountExpires"), filetime(e, "pwdLastSet"), filetime(e, "lastLogonTimestamp")
		b["never_signed_in"] = b["last_sign_in"] == nil
		if flags, ok := number(e, "userAccountControl"); ok {
			b["enabled"] = flags&accountDisabled == 0
			b["password_not_required"], b["password_never_expires"], b["smartcard_required"] = flags&passwordNotNeeded != 0, flags&neverExpires != 0, flags&smartcardRequired != 0
			b["trusted_for_delegation"], b["preauthentication_off"] = flags&trustedToDelegate != 0, flags&noPreauthenticated != 0
		}
		return b
	}
	b["password_changed"], b["last_sign_in"] = generalized(e, "pwdChangedTime"), generalized(e, "pwdLastSuccess", "authTimestamp")
	// Locked by the password policy for good (RFC draft-behera 5.3.3), or by the servers that descend from Netscape's.
	b["enabled"] = e.GetEqualFoldAttributeValue("pwdAccountLockedTime") != "000001010000Z" && !strings.EqualFold(e.GetEqualFoldAttributeValue("nsAccountLock"), "true")
	if days, ok := number(e, "shadowExpire"); ok && days > 0 {
		b["expires"] = time.Unix(days*86400, 0).UTC().Format(time.RFC3339)
	}
	return b
}

func groupBody(e *ldap.Entry) map[string]any {
	b := map[string]any{"id": idOf(e), "dn": e.DN, "name": one(e, "sAMAccountName", "cn"), "description": one(e, "description"), "created": generalized(e, "whenCreated", "createTimestamp")}
	var members []string
	for _, name := range []string{"member", "uniqueMember", "memberUid"} {
		if m, ok := all(e, name).([]string); ok {
			members = append(members, m...)
		}
	}
	slices.Sort(members)
	b["members"] = append([]string{}, slices.Compact(members)...)
	if s := sid(e); s != "" {
		b["sid"] = s
	}
	return b
}

func domainBody(e *ldap.Entry, active bool) map[string]any {
	b := map[string]any{"id": idOf(e), "dn": e.DN, "name": e.DN, "active_directory": active}
	for member, name := range map[string]string{"min_password_length": "minPwdLength", "password_history": "pwdHistoryLength", "lockout_threshold": "lockoutThreshold"} {
		if n, ok := number(e, name); ok {
			b[member] = n
		}
	}
	if n, ok := number(e, "pwdProperties"); ok {
		b["password_complexity"] = n&1 != 0
	}
	return b
}

// admins are the users that administer, directly or by groups in groups.
type admins struct {
	known   bool // some group is known to administer
	dns     map[string]bool
	uids    map[string]bool
	primary bool // Domain Admins is one of them, of which a user may be a member by its primary group
}

// administrators follows the groups that administer down to their members. Active Directory's are known by their identifiers:
// Domain, Schema and Enterprise Admins and the built-in Administrators.
func administrators(groups []*ldap.Entry, named []string, active bool) admins {
	a := admins{dns: map[string]bool{}, uids: map[string]bool{}}
	byDN := map[string]*ldap.Entry{}
	var open []*ldap.Entry
	for _, g := range groups {
		byDN[normal(g.DN)] = g
		s := sid(g)
		rid := s[strings.LastIndexByte(s, '-')+1:]
		own := active && (s == "S-1-5-32-544" || strings.HasPrefix(s, "S-1-5-21-") && slices.Contains([]string{"512", "518", "519"}, rid))
		if own || slices.ContainsFunc(named, func(n string) bool { return strings.EqualFold(n, g.GetEqualFoldAttributeValue("cn")) }) {
			open, a.known = append(open, g), true
			a.primary = a.primary || rid == "512"
		}
	}
	done := map[*ldap.Entry]bool{}
	for len(open) > 0 {
		g := open[0]
		if open = open[1:]; done[g] {
			continue
		}
		done[g] = true
		for _, name := range []string{"member", "uniqueMember"} {
			for _, m := range g.GetEqualFoldAttributeValues(name) {
				a.dns[normal(m)] = true
				if sub := byDN[normal(m)]; sub != nil {
					open = append(open, sub)
				}
			}
		}
		for _, m := range g.GetEqualFoldAttributeValues("memberUid") {
			a.uids[m] = true
		}
	}
	return a
}

func (a admins) holds(u *ldap.Entry) bool {
	return a.dns[normal(u.DN)] || a.uids[u.GetEqualFoldAttributeValue("uid")] || a.primary && u.GetEqualFoldAttributeValue("primaryGroupID") == "512"
}

// normal writes a DN in one way, so that two of the same entry are equal.
func normal(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(dn)
	}
	return strings.ToLower(parsed.String())
}
