package access

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// UserKind is the kind under which users are recorded.
const UserKind = "user"

// Kind declares the user: who can sign in, which is not who works here (a person). Only this package writes it.
func Kind() record.Kind {
	roles := make([]string, len(Roles()))
	for i, r := range Roles() {
		roles[i] = string(r)
	}
	return record.Kind{
		Name: UserKind, Title: "User", Plural: "Users", Group: "System", Label: "name", System: true,
		Help: "Who can sign in, and as what. Users are never removed; they are disabled, so that their acts keep a name.",
		Fields: []record.Field{
			{Name: "name", Type: record.Text, Required: true, Personal: true},
			{Name: "email", Type: record.Email, Required: true, Personal: true, Indexed: true, Help: "In lower case; one user has it."},
			{Name: "roles", Type: record.Choice, Choices: roles, List: true, Required: true, Indexed: true},
			{Name: "person", Type: record.Ref, Refers: "person", Indexed: true,
				Help: "Who it is. Two accounts of one person are one person wherever duties must be apart; without a person a user can't approve."},
			{Name: "disabled", Type: record.Bool, Indexed: true},
		},
	}
}

// commonKind stands for what every role may read: the right to be here at all.
func commonKind() *record.Kind { return &record.Kind{Name: "organisation", Plural: "the organisation"} }

// User is who can sign in.
type User struct {
	Key      string `json:"-"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Roles    []Role `json:"roles"`
	Person   string `json:"person,omitempty"` // key of the person it resolves to; empty when it does to none
	Disabled bool   `json:"disabled"`
}

// Actor is who the user is in records and in the ledger.
func (u User) Actor() record.Actor {
	a := record.Actor{User: u.Key, Person: u.Person, Name: "user:" + u.Key}
	if u.Person != "" {
		a.Name = "person:" + u.Person
	}
	return a
}

// May reports whether a signed-in session of the user may do the verb on the kind; k is nil for the workspace itself.
func (u User) May(verb string, k *record.Kind) bool { return !u.Disabled && may(u.Roles, verb, k) }

// subject names the user in an action, as kind/key like every record.
func (u User) subject() string { return UserKind + "/" + u.Key }

// NewUser is what a new user is made of.
type NewUser struct {
	Key    string // from the address when empty; letters, digits, dot, dash, underscore
	Name   string
	Email  string
	Roles  []Role
	Person string // key of an existing person; may be empty
}

// CreateUser makes a user, who can't sign in until Link made a link. Needs the right to administer users.
func (g *Gate) CreateUser(ctx context.Context, by record.Authority, n NewUser) (User, error) {
	k := Kind()
	if err := by.May(ctx, Admin, &k); err != nil {
		return User{}, err
	}
	return g.create(ctx, by.Actor().Name, n, false)
}

// FirstUser makes the workspace's first user, an owner, who in a firm's workspace examines too; it is refused once there is any.
func (g *Gate) FirstUser(ctx context.Context, n NewUser) (User, error) {
	if !slices.Contains(n.Roles, Owner) {
		n.Roles = append(slices.Clone(n.Roles), Owner)
	}
	if g.firm {
		n.Roles = append(n.Roles, Auditor)
	}
	return g.create(ctx, "job:setup", n, true)
}

func (g *Gate) create(ctx context.Context, actor string, n NewUser, first bool) (User, error) {
	u := User{Key: strings.TrimSpace(n.Key), Name: n.Name, Email: n.Email, Roles: n.Roles, Person: n.Person}
	err := g.log.Write(ctx, func(tx *ledger.Tx) error {
		all, err := g.users(ctx, tx)
		if err != nil {
			return err
		}
		if first && len(all) > 0 {
			return fault.New(fault.Conflict, "This workspace has users already.").WithNext("Make a sign-in link with tickmark user link, or sign in and add the user there.")
		}
		if u.Key == "" {
			u.Key = keyFrom(u.Email)
		}
		if !goodKey(u.Key) {
			return fault.New(fault.Invalid, "%q cannot be a user's key.", u.Key).WithNext("Use up to 64 lower-case letters, digits, dots, dashes and underscores.")
		}
		if _, taken := all[u.Key]; taken {
			return fault.New(fault.Conflict, "There is a user %s already.", u.Key).WithNext("Choose another key.")
		}
		if err := u.check(all, g.firm); err != nil {
			return err
		}
		if err := g.answers(ctx, tx, u); err != nil {
			return err
		}
		if err := g.put(ctx, tx, actor, u, "created"); err != nil {
			return err
		}
		if err := g.freeAddress(ctx, tx, u.Email, all); err != nil {
			return err
		}
		handle := make([]byte, 32)
		rand.Read(handle)
		err = store.Insert(ctx, tx, "login", []string{"user_key", "handle", "email"}, [][]any{{u.Key, handle, g.emailDigest(u.Email)}})
		if fault.Is(err, fault.Conflict) {
			return fault.New(fault.Conflict, "There is a user %s already, or was one.", u.Key).WithNext("Choose another key.")
		}
		if err != nil {
			return fmt.Errorf("keep the login of %s: %w", u.Key, err)
		}
		_, err = tx.Act(ctx, "user.created", actor, u.subject(), map[string]any{"roles": u.Roles})
		return err
	})
	return u, err
}

// User returns one user, disabled or not.
func (g *Gate) User(ctx context.Context, key string) (User, error) {
	if key == "" {
		return User{}, fault.New(fault.NotFound, "There is no user without a key.")
	}
	v, err := g.book.GetFrom(ctx, UserKind, key, record.Program, 0, record.Company)
	if err != nil {
		return User{}, err
	}
	if v.Erased {
		return User{}, fault.New(fault.NotFound, "There is no user %q.", key).WithNext("tickmark user list shows them.")
	}
	return userOf(v)
}

// Users returns every user by key, the disabled too.
func (g *Gate) Users(ctx context.Context) ([]User, error) {
	all, err := g.users(ctx, g.db)
	if err != nil {
		return nil, err
	}
	out := make([]User, 0, len(all))
	for _, u := range all {
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b User) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// Local is the authority of whoever runs commands on the workspace's own machine: they can read the database and its keys,
// so they act as the workspace's first owner, and the ledger shows that person.
func (g *Gate) Local(ctx context.Context, osUser string) (Session, error) {
	var first User
	err := g.book.EachOpen(ctx, g.db, UserKind, func(v record.Version) error {
		u, err := userOf(v)
		if err == nil && first.Key == "" && !u.Disabled && slices.Contains(u.Roles, Owner) {
			first = u
		}
		return err
	})
	if err != nil {
		return Session{}, err
	}
	if first.Key == "" {
		return Session{}, fault.New(fault.NotFound, "This workspace has no owner yet.").WithNext("Run tickmark up or tickmark init first.")
	}
	return Session{User: first, Method: ByLocal, Started: g.now().UTC(), OSUser: osUser}, nil
}

// SetRoles changes what a user is; it holds from the user's next request on. Needs the right to administer users.
func (g *Gate) SetRoles(ctx context.Context, by record.Authority, key string, roles []Role, reason string) (User, error) {
	return g.change(ctx, by, key, "user.roles_changed", reason, func(u *User) { u.Roles = roles })
}

// SetPerson says who a user is; empty: nobody known. Needs the right to administer users.
func (g *Gate) SetPerson(ctx context.Context, by record.Authority, key, person, reason string) (User, error) {
	return g.change(ctx, by, key, "user.linked", reason, func(u *User) { u.Person = person })
}

// SetName changes a user's name and address. Needs the right to administer users.
func (g *Gate) SetName(ctx context.Context, by record.Authority, key, name, email, reason string) (User, error) {
	return g.change(ctx, by, key, "user.renamed", reason, func(u *User) { u.Name, u.Email = name, email })
}

// SetDisabled shuts a user out at once, sessions, links and tokens included, or lets one in again, who then needs a new
// token and a new sign-in. Needs the right to administer users.
func (g *Gate) SetDisabled(ctx context.Context, by record.Authority, key string, disabled bool, reason string) (User, error) {
	verb := "user.enabled"
	if disabled {
		verb = "user.disabled"
	}
	return g.change(ctx, by, key, verb, reason, func(u *User) { u.Disabled = disabled })
}

// Reset takes every passkey, password, link and session of a user away, as when a device is lost; make a link afterwards.
// Needs the right to administer users.
func (g *Gate) Reset(ctx context.Context, by record.Authority, key, reason string) error {
	k := Kind()
	if err := by.May(ctx, Admin, &k); err != nil {
		return err
	}
	u, err := g.User(ctx, key)
	if err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return needsReason()
	}
	return g.log.Write(ctx, func(tx *ledger.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM passkey WHERE user_key = $1", key); err != nil {
			return fmt.Errorf("remove the passkeys of %s: %w", key, err)
		}
		if err := dropPassword(ctx, tx, key); err != nil {
			return err
		}
		if err := g.shutOut(ctx, tx, key); err != nil {
			return err
		}
		_, err := tx.Act(ctx, "user.reset", by.Actor().Name, u.subject(), map[string]any{"reason": reason})
		return err
	})
}

func (g *Gate) change(ctx context.Context, by record.Authority, key, verb, reason string, edit func(*User)) (User, error) {
	k := Kind()
	if err := by.May(ctx, Admin, &k); err != nil {
		return User{}, err
	}
	if strings.TrimSpace(reason) == "" {
		return User{}, needsReason()
	}
	var u User
	err := g.log.Write(ctx, func(tx *ledger.Tx) error {
		all, err := g.users(ctx, tx)
		if err != nil {
			return err
		}
		before, ok := all[key]
		if !ok {
			return fault.New(fault.NotFound, "There is no user %q.", key).WithNext("tickmark user list shows them.")
		}
		u = before
		edit(&u)
		if err := u.check(all, g.firm); err != nil {
			return err
		}
		if err := g.answers(ctx, tx, u); err != nil {
			return err
		}
		all[key] = u
		if before.rules() && !slices.ContainsFunc(values(all), User.rules) {
			return fault.New(fault.Conflict, "%s is the only owner who can sign in.", key).WithNext("Make another user an owner first.")
		}
		if err := g.put(ctx, tx, by.Actor().Name, u, reason); err != nil {
			return err
		}
		if u.Email != before.Email {
			if err := g.freeAddress(ctx, tx, u.Email, all); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "UPDATE login SET email = $1 WHERE user_key = $2", g.emailDigest(u.Email), key); err != nil {
				return fmt.Errorf("change the address of %s: %w", key, err)
			}
		}
		if u.Disabled && !before.Disabled {
			if err := g.shutOut(ctx, tx, key); err != nil {
				return err
			}
		}
		_, err = tx.Act(ctx, verb, by.Actor().Name, u.subject(), map[string]any{"roles": u.Roles, "before": before.Roles, "reason": reason})
		return err
	})
	return u, err
}

// shutOut ends sessions, links and tokens.
func (g *Gate) shutOut(ctx context.Context, tx *ledger.Tx, key string) error {
	if err := endSessions(ctx, tx, key, "", g.now(), false); err != nil {
		return err
	}
	if err := dropLinks(ctx, tx, key); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE api_token SET revoked = $1 WHERE user_key = $2 AND revoked = 0", store.At(g.now()), key); err != nil {
		return fmt.Errorf("revoke the tokens of %s: %w", key, err)
	}
	return nil
}

// enabled returns a user who may sign in.
func (g *Gate) enabled(ctx context.Context, key string) (User, error) {
	u, err := g.User(ctx, key)
	if err == nil && u.Disabled {
		err = fault.New(fault.Conflict, "The user %s is disabled.", key).WithNext("Enable the user first.")
	}
	return u, err
}

// put writes the user's record. The kind belongs to Tickmark itself, so it is written as its own work; the actor's name
// stays that of who decided, which May was asked about before.
func (g *Gate) put(ctx context.Context, tx *ledger.Tx, actor string, u User, reason string) error {
	body, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("write down the user %s: %w", u.Key, err)
	}
	_, err = g.book.PutIn(ctx, tx, record.Job(actor), record.Change{Kind: UserKind, Key: u.Key, Body: body, Reason: reason})
	return err
}

func (g *Gate) users(ctx context.Context, q store.Q) (map[string]User, error) {
	all := map[string]User{}
	err := g.book.EachOpen(ctx, q, UserKind, func(v record.Version) error {
		u, err := userOf(v)
		if err == nil && !v.Erased {
			all[u.Key] = u
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the users: %w", err)
	}
	return all, nil
}

func userOf(v record.Version) (User, error) {
	u := User{}
	if v.Erased {
		return u, nil
	}
	if err := json.Unmarshal(v.Body, &u); err != nil {
		return u, fmt.Errorf("read the user %s: %w", v.Key, err)
	}
	u.Key = v.Key
	return u, nil
}

// check settles how a user is written and refuses what cannot stand beside the others.
func (u *User) check(all map[string]User, firm bool) error {
	u.Name, u.Person = strings.Join(strings.Fields(u.Name), " "), strings.TrimSpace(u.Person)
	if u.Name == "" || len(u.Name) > 200 {
		return fault.New(fault.Invalid, "A user needs a name of at most 200 letters.")
	}
	u.Email = folded(u.Email)
	if a, err := mail.ParseAddress(u.Email); err != nil || a.Address != u.Email || len(u.Email) > 254 {
		return fault.New(fault.Invalid, "%q is not an email address.", u.Email)
	}
	if err := validRoles(u.Roles); err != nil {
		return err
	}
	var roles []Role // in one order, once each
	for _, r := range Roles() {
		if slices.Contains(u.Roles, r) {
			roles = append(roles, r)
		}
	}
	u.Roles = roles
	held, who := slices.Clone(roles), u.Key
	for _, o := range all {
		if o.Key == u.Key {
			continue
		}
		if o.Email == u.Email {
			return fault.New(fault.Conflict, "The user %s has the address %s.", o.Key, u.Email).WithNext("Use another address, or change that user.")
		}
		if u.Person != "" && o.Person == u.Person && !o.Disabled {
			held, who = append(held, o.Roles...), u.Person
		}
	}
	if u.Disabled {
		held = roles
	}
	if firm {
		return nil
	}
	return compatible(who, held)
}

// freeAddress takes an address from the login of a user who was erased. The login itself stays, so that nobody gets the
// passkeys of an erased user by taking the same key.
func (g *Gate) freeAddress(ctx context.Context, tx store.Q, email string, all map[string]User) error {
	holder, err := store.One[string](ctx, tx, "SELECT user_key FROM login WHERE email = $1", g.emailDigest(email))
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read whose address it is: %w", err)
	}
	if _, there := all[holder]; there {
		return nil // check refused it, or it is the user's own
	}
	if _, err := tx.Exec(ctx, "UPDATE login SET email = $1 WHERE user_key = $2", "erased "+holder, holder); err != nil {
		return fmt.Errorf("free the address: %w", err)
	}
	return nil
}

// rules reports whether the user can administer the workspace.
func (u User) rules() bool { return !u.Disabled && slices.Contains(u.Roles, Owner) }

// emailDigest finds a user by address without a second copy of the address.
func (g *Gate) emailDigest(email string) string {
	return g.keys.Digest("login email", []byte(folded(email)))
}

// goodKey reports whether key can name a user: it stands in addresses, links and the ledger.
func goodKey(key string) bool {
	return key != "" && len(key) <= 64 && keyFrom(key) == key
}

// keyFrom is the local part of an address as a key.
func keyFrom(email string) string {
	local, _, _ := strings.Cut(folded(email), "@")
	key := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, local)
	return strings.TrimLeft(key[:min(len(key), 64)], ".-_")
}

func needsReason() error {
	return fault.New(fault.Invalid, "A reason is needed.").WithNext("Say why in a sentence; the ledger keeps it.")
}

func values(all map[string]User) []User {
	out := make([]User, 0, len(all))
	for _, u := range all {
		out = append(out, u)
	}
	return out
}
