package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/connector"
)

// account is one line of /etc/passwd with what /etc/group and the login record say of it.
type account struct {
	Name     string `json:"name"`
	UID      int64  `json:"uid"`
	GID      int64  `json:"gid"`
	FullName string `json:"full_name"`
	Home     string `json:"home"`
	Shell    string `json:"shell"`

	LoginShell    bool     `json:"login_shell"`
	System        bool     `json:"system"`
	Groups        []string `json:"groups"`
	LoginRecorded *bool    `json:"login_recorded,omitempty"`
	LastLogin     *string  `json:"last_login,omitempty"`
	LastLoginOn   *string  `json:"last_login_on,omitempty"`

	gids []int64 // of all its groups
	line string
	kept string // the second field of the line, never handed over
}

// password is what /etc/shadow says, without the hash.
type password struct {
	Set          bool    `json:"set"`
	Empty        bool    `json:"empty"`
	Locked       bool    `json:"locked"`
	Algorithm    string  `json:"algorithm,omitempty"`
	MustChange   bool    `json:"must_change"`
	Changed      *string `json:"changed"`
	MinDays      *int64  `json:"min_days"`
	MaxDays      *int64  `json:"max_days"`
	WarnDays     *int64  `json:"warn_days"`
	InactiveDays *int64  `json:"inactive_days"`
	Expires      *string `json:"account_expires"`
	Expired      bool    `json:"account_expired"`
}

// rights says whether an account can act as root, and by what.
type rights struct {
	Admin    bool     `json:"admin"`
	By       []string `json:"by"`
	Sudo     bool     `json:"sudo"`
	NoPasswd bool     `json:"nopasswd"`
}

// group is one line of /etc/group.
type group struct {
	Name    string   `json:"name"`
	GID     int64    `json:"gid"`
	Members []string `json:"members"` // as the group file lists them, with those who have it as first group

	line string
}

// rootGroups are groups whose members can become root by what the group is for, whatever sudoers says: the container and
// virtual machine managers start anything as root, raw disks hold every file, and polkit takes sudo and wheel for administrators.
var rootGroups = []string{"root", "sudo", "wheel", "admin", "docker", "lxd", "incus-admin", "disk", "libvirt"}

func parsePasswd(b []byte) (accounts []account, problems []string) {
	for i, line := range lines(b) {
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '+' || line[0] == '-' {
			problems = append(problems, fmt.Sprintf("line %d of /etc/passwd takes accounts from a network directory, which is not read", i+1))
			continue
		}
		f := strings.Split(line, ":")
		if len(f) != 7 || f[0] == "" {
			problems = append(problems, fmt.Sprintf("line %d of /etc/passwd does not have seven fields", i+1))
			continue
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil {
			problems = append(problems, fmt.Sprintf("line %d of /etc/passwd has a user or group number that is no number", i+1))
			continue
		}
		a := account{Name: clean(f[0]), UID: int64(uid), GID: int64(gid), Home: clean(f[5]), Shell: clean(f[6]), kept: f[1]}
		a.FullName, _, _ = strings.Cut(clean(f[4]), ",")
		if f[1] != "x" && f[1] != "*" && f[1] != "!" && f[1] != "" {
			f[1] = "(password hash, not kept)"
		}
		a.line = strings.Join(f, ":")
		a.LoginShell = loginShell(a.Shell)
		accounts = append(accounts, a)
	}
	return accounts, problems
}

// loginShell tells whether an account with this shell gets a prompt; an empty field means /bin/sh. Whatever is not known to
// turn people away counts as a shell.
func loginShell(shell string) bool {
	switch shell[strings.LastIndex(shell, "/")+1:] {
	case "nologin", "false", "true", "sync", "shutdown", "halt", "git-shell":
		return false
	}
	return true
}

func parseShadow(b []byte, now time.Time) (map[string]password, []string) {
	out, problems := map[string]password{}, []string(nil)
	for i, line := range lines(b) {
		if line == "" || line[0] == '#' || line[0] == '+' || line[0] == '-' {
			continue
		}
		f := strings.Split(line, ":")
		if len(f) < 8 || len(f) > 9 || f[0] == "" {
			problems = append(problems, fmt.Sprintf("line %d of /etc/shadow does not have nine fields", i+1))
			continue
		}
		p, ok := hashed(f[1]), true
		number := func(s string) *int64 {
			if s == "" || s == "-1" {
				return nil
			}
			n, err := strconv.ParseInt(s, 10, 32)
			if err != nil {
				ok = false
				return nil
			}
			return &n
		}
		changed, expires := number(f[2]), number(f[7])
		p.MinDays, p.MaxDays, p.WarnDays, p.InactiveDays = number(f[3]), number(f[4]), number(f[5]), number(f[6])
		if !ok {
			problems = append(problems, fmt.Sprintf("line %d of /etc/shadow has a day count that is no number", i+1))
			continue
		}
		if changed != nil && *changed == 0 {
			p.MustChange = true
		} else if changed != nil {
			p.Changed = ptr(day(*changed))
		}
		if expires != nil {
			p.Expires = ptr(day(*expires))
			p.Expired = now.Unix()/86400 >= *expires
		}
		if _, twice := out[clean(f[0])]; !twice { // the first line counts, as for the C library
			out[clean(f[0])] = p
		}
	}
	return out, problems
}

func day(n int64) string { return time.Unix(n*86400, 0).UTC().Format(time.DateOnly) }

// hashed says what kind of thing stands where a password's hash stands. See crypt(5).
func hashed(field string) (p password) {
	hash := strings.TrimLeft(field, "!")
	p.Empty = field == ""
	p.Locked = !p.Empty && (hash != field || strings.HasPrefix(field, "*"))
	if hash == "" || hash[0] == '*' || hash == "x" || hash == "NP" || hash == "LK" {
		p.Locked = !p.Empty
		return p
	}
	p.Set = true
	for _, m := range [...][2]string{
		{"$y$", "yescrypt"}, {"$gy$", "gost-yescrypt"}, {"$7$", "scrypt"}, {"$2", "bcrypt"}, {"$6$", "sha512crypt"}, {"$5$", "sha256crypt"},
		{"$sha1", "sha1crypt"}, {"$md5", "sunmd5"}, {"$1$", "md5crypt"}, {"$3$", "nthash"}, {"_", "bsdicrypt"},
	} {
		if strings.HasPrefix(hash, m[0]) {
			p.Algorithm = m[1]
			return p
		}
	}
	if p.Algorithm = "other"; len(hash) == 13 && hash[0] != '$' {
		p.Algorithm = "descrypt"
	}
	return p
}

func parseGroup(b []byte) (groups []group, problems []string) {
	for i, line := range lines(b) {
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '+' || line[0] == '-' {
			problems = append(problems, fmt.Sprintf("line %d of /etc/group takes groups from a network directory, which is not read", i+1))
			continue
		}
		f := strings.Split(line, ":")
		if len(f) != 4 || f[0] == "" {
			problems = append(problems, fmt.Sprintf("line %d of /etc/group does not have four fields", i+1))
			continue
		}
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d of /etc/group has a group number that is no number", i+1))
			continue
		}
		g := group{Name: clean(f[0]), GID: int64(gid), Members: []string{}}
		for m := range strings.SplitSeq(clean(f[3]), ",") {
			if m = strings.TrimSpace(m); m != "" {
				g.Members = append(g.Members, m)
			}
		}
		if f[1] != "x" && f[1] != "*" && f[1] != "!" && f[1] != "" {
			f[1] = "(password hash, not kept)"
		}
		g.line = strings.Join(f, ":")
		groups = append(groups, g)
	}
	return groups, problems
}

// join puts accounts into groups and groups into accounts, sorted.
func join(accounts []account, groups []group) {
	for i := range groups {
		g := &groups[i]
		for j := range accounts {
			if accounts[j].GID == g.GID {
				g.Members = append(g.Members, accounts[j].Name)
			}
		}
		slices.Sort(g.Members)
		g.Members = slices.Compact(g.Members)
	}
	for i := range accounts {
		a := &accounts[i]
		a.Groups = []string{}
		for _, g := range groups {
			if slices.Contains(g.Members, a.Name) {
				a.Groups, a.gids = append(a.Groups, g.Name), append(a.gids, g.GID)
			}
		}
		slices.Sort(a.Groups)
		a.Groups = slices.Compact(a.Groups)
	}
}

// firstPerson is the lowest user number given to people, from /etc/login.defs.
func firstPerson(defs []byte) int64 {
	for _, line := range lines(defs) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "UID_MIN" {
			if n, err := strconv.ParseInt(f[1], 10, 32); err == nil && n > 0 {
				return n
			}
		}
	}
	return 1000
}

const lastlogRecord = 4 + 32 + 256 // time, terminal, host

// lastLogin is the time of a user's last sign-in from the bytes of /var/log/lastlog; zero when none is recorded.
func lastLogin(b []byte, uid int64) time.Time {
	at := uid * lastlogRecord
	if at < 0 || at+4 > int64(len(b)) {
		return time.Time{}
	}
	if s := binary.LittleEndian.Uint32(b[at:]); s != 0 {
		return time.Unix(int64(s), 0).UTC()
	}
	return time.Time{}
}

// people reads accounts, groups and the rules that let accounts act as root.
func (m *machine) people() error {
	sudo, sudoErr := m.privileges()
	if err := m.sudoRules(sudo, sudoErr); err != nil {
		return err
	}
	sudoErr = firstError(sudoErr, unresolved(sudo))
	passwd, err := m.file(kindAccount, "/etc/passwd")
	if err != nil {
		m.missing(kindAccount, "", err)
	}
	accounts, problems := parsePasswd(passwd)
	groupFile, groupErr := m.file(kindGroup, "/etc/group")
	if groupErr != nil {
		m.missing(kindGroup, "", groupErr)
	}
	groups, groupProblems := parseGroup(groupFile)
	join(accounts, groups)
	if groupErr == nil {
		if err := m.handGroups(groups, groupProblems); err != nil {
			return err
		}
	}
	if err != nil {
		return nil
	}
	if groupErr != nil || len(groupProblems) > 0 {
		sudoErr = firstError(groupErr, errors.New("the groups could not all be read"))
	}
	defs, _ := m.file(kindAccount, "/etc/login.defs")
	first := firstPerson(defs)
	shadowFile, shadowErr := m.file(kindAccount, "/etc/shadow")
	shadow, shadowProblems := parseShadow(shadowFile, m.out.Now())
	if len(shadowProblems) > 0 {
		shadowErr = errors.New(strings.Join(shadowProblems, "; "))
	}
	if shadowErr != nil {
		m.missing(kindAccount, "password", shadowErr)
	}
	if sudoErr != nil {
		m.missing(kindAccount, "rights", sudoErr)
	}
	logins, _ := m.file(kindAccount, "/var/log/lastlog")

	taken := map[string]bool{}
	for _, a := range accounts {
		a.System = a.UID < first || a.UID >= 65534
		if len(logins) > 0 { // an empty record is one that nothing writes to
			if at := lastLogin(logins, a.UID); at.IsZero() {
				a.LoginRecorded = ptr(false)
			} else {
				a.LoginRecorded, a.LastLogin, a.LastLoginOn = ptr(true), ptr(at.Format(time.RFC3339)), ptr(at.Format(time.DateOnly))
			}
		}
		key := a.Name
		if taken[key] {
			key = fmt.Sprintf("%s:%d", a.Name, a.UID)
		}
		if taken[key] {
			continue // the same name and number again: the same account
		}
		taken[key] = true
		parts := []connector.Part{passwordOf(a, shadow, shadowErr), rightsOf(a, sudo, sudoErr)}
		if err := m.put(kindAccount, key, a.Name, []byte(a.line), a, parts...); err != nil {
			return err
		}
	}
	m.finish(kindAccount, problems)
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// finish says that a kind was read whole, or what of it was not understood.
func (m *machine) finish(kind string, problems []string) {
	if len(problems) > 0 {
		m.missing(kind, "", errors.New(strings.Join(problems, "; ")))
		return
	}
	m.out.Complete(kind, "")
}

func (m *machine) handGroups(groups []group, problems []string) error {
	taken := map[string]bool{}
	for _, g := range groups {
		key := g.Name
		if taken[key] {
			key = fmt.Sprintf("%s:%d", g.Name, g.GID)
		}
		if taken[key] {
			problems = append(problems, "the group "+g.Name+" is in /etc/group more than once")
			continue
		}
		taken[key] = true
		if err := m.put(kindGroup, key, g.Name, []byte(g.line), g); err != nil {
			return err
		}
	}
	m.finish(kindGroup, problems)
	return nil
}

func passwordOf(a account, shadow map[string]password, err error) connector.Part {
	if a.kept != "x" { // the password stands in the passwd file itself
		return part("password", hashed(a.kept))
	}
	if err != nil {
		return connector.Part{Name: "password", Gap: because(err)}
	}
	p, ok := shadow[a.Name]
	if !ok {
		return connector.Part{Name: "password", Absent: true}
	}
	return part("password", p)
}

func rightsOf(a account, rules []sudoRule, err error) connector.Part {
	if err != nil {
		return connector.Part{Name: "rights", Gap: because(err)}
	}
	r := rights{By: []string{}}
	if a.UID == 0 {
		r.By = append(r.By, "uid 0")
	}
	for _, g := range a.Groups {
		if slices.Contains(rootGroups, g) {
			r.By = append(r.By, "group "+g)
		}
	}
	for _, s := range rules {
		if !s.grants(a) {
			continue
		}
		r.Sudo = true
		if s.AsRoot && s.AllCommands {
			r.NoPasswd = r.NoPasswd || s.free(a)
			r.By = append(r.By, s.Tool+": "+s.Rule)
		}
	}
	slices.Sort(r.By)
	r.By = slices.Compact(r.By)
	r.Admin = len(r.By) > 0
	return part("rights", r)
}

// names maps user numbers to account names, for the owners of other things; empty when the file cannot be read.
func (m *machine) names() map[int64]string {
	out := map[int64]string{}
	b, err := m.bytes("/etc/passwd")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out
	}
	accounts, _ := parsePasswd(b)
	for _, a := range accounts {
		if _, ok := out[a.UID]; !ok {
			out[a.UID] = a.Name
		}
	}
	return out
}
