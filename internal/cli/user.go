package cli

import (
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/workspace"
)

type userCommand struct {
	List userList `cmd:"" help:"List users."`
	Add  userAdd  `cmd:"" help:"Add a user and print a sign-in link."`
	Link userLink `cmd:"" help:"Print a new one-time sign-in link."`
	Role userRole `cmd:"" help:"Set a user's roles."`
	Join userJoin `cmd:"" help:"Say which person a user is."`
	Off  userOff  `cmd:"" help:"Take a user's access away; their sessions and tokens end."`
}

type userList struct{}

func (userList) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		users, err := w.Gate.Users(s)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			type row struct {
				Key string `json:"key"`
				access.User
			}
			out := make([]row, len(users))
			for i, u := range users {
				out[i] = row{u.Key, u}
			}
			return s.writeJSON(out)
		}
		var rows [][]string
		for _, u := range users {
			rows = append(rows, []string{u.Key, u.Name, u.Email, roles(u.Roles), u.Person, word(u.Disabled, "off", "")})
		}
		return s.table([]string{"user", "name", "email", "roles", "person", ""}, rows)
	})
}

func roles(list []access.Role) string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = string(r)
	}
	return strings.Join(out, ",")
}

func rolesOf(list []string) []access.Role {
	out := make([]access.Role, len(list))
	for i, r := range list {
		out[i] = access.Role(r)
	}
	return out
}

type userAdd struct {
	Key    string   `arg:"" help:"The key that the user shall have, such as ada."`
	Name   string   `required:"" help:"Their full name."`
	Email  string   `required:"" help:"Their address."`
	Role   []string `required:"" help:"owner, lead, engineer, employee, auditor or viewer."`
	Person string   `help:"Key of the person they are."`
}

func (c *userAdd) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		u, err := w.Gate.CreateUser(s, me, access.NewUser{Key: c.Key, Name: c.Name, Email: c.Email, Roles: rolesOf(c.Role), Person: c.Person})
		if err != nil {
			return err
		}
		return (&userLink{Key: u.Key}).link(s, w, me)
	})
}

type userLink struct {
	Key string `arg:"" help:"The key of the user; tickmark user list shows them."`
}

func (c *userLink) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error { return c.link(s, w, me) })
}

func (c *userLink) link(s *session, w *workspace.Workspace, me access.Session) error {
	link, err := w.Gate.Link(s, me, c.Key)
	if err != nil {
		return err
	}
	s.say("This link signs %s in, once, within 24 hours:", c.Key)
	s.fact("%s", link)
	return nil
}

type userRole struct {
	Key    string   `arg:"" help:"The key of the user; tickmark user list shows them."`
	Role   []string `required:"" help:"owner, lead, engineer, employee, auditor or viewer."`
	Reason string   `required:"" help:"Why; it stays on record."`
}

func (c *userRole) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		u, err := w.Gate.SetRoles(s, me, c.Key, rolesOf(c.Role), c.Reason)
		if err != nil {
			return err
		}
		s.say("The user %s is now %s.", c.Key, roles(u.Roles))
		return nil
	})
}

type userJoin struct {
	Key    string `arg:"" help:"The key of the user; tickmark user list shows them."`
	Person string `arg:"" help:"The key of the person; tickmark records person shows them."`
	Reason string `default:"linked to the person" help:"Why; it stays on record."`
}

func (c *userJoin) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if _, err := w.Gate.SetPerson(s, me, c.Key, c.Person, c.Reason); err != nil {
			return err
		}
		s.say("The user %s is the person %s.", c.Key, c.Person)
		return nil
	})
}

type userOff struct {
	Key    string `arg:"" help:"The key of the user; tickmark user list shows them."`
	Reason string `required:"" help:"Why; it stays on record."`
}

func (c *userOff) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if _, err := w.Gate.SetDisabled(s, me, c.Key, true, c.Reason); err != nil {
			return err
		}
		s.say("The user %s can no longer sign in; their sessions and tokens have ended.", c.Key)
		return nil
	})
}

type tokenCommand struct {
	List   tokenList   `cmd:"" help:"List a user's tokens."`
	Add    tokenAdd    `cmd:"" help:"Make a token; it is shown once."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token."`
}

type tokenList struct {
	User string `arg:"" help:"The key of the user; tickmark user list shows them."`
}

func (c *tokenList) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		if _, err := w.Gate.User(s, c.User); err != nil {
			return err
		}
		list, err := w.Gate.Tokens(s, c.User)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(list)
		}
		var rows [][]string
		for _, t := range list {
			state := "until " + t.Expires.String()
			if t.Revoked != 0 {
				state = "revoked"
			}
			rows = append(rows, []string{t.ID, t.Name, t.Scope, state})
		}
		return s.table([]string{"token", "name", "scope", ""}, rows)
	})
}

type tokenAdd struct {
	User    string        `arg:"" help:"The key of the user; tickmark user list shows them."`
	Name    string        `required:"" help:"What it is for."`
	Scope   string        `enum:"read,write" default:"read"`
	Push    string        `placeholder:"CONNECTION" help:"Instead of a scope: it may send to this connection and do nothing else."`
	Expires time.Duration `default:"2160h" help:"How long it is valid."`
}

func (c *tokenAdd) Run(s *session) error {
	if c.Expires <= 0 {
		return fault.New(fault.Usage, "--expires: %s is no time to be valid.", c.Expires)
	}
	if c.Push != "" {
		c.Scope = access.ScopePush + c.Push
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		plain, _, err := w.Gate.NewToken(s, me, access.TokenRequest{User: c.User, Name: c.Name, Scope: c.Scope, Expires: time.Now().Add(c.Expires)})
		if err != nil {
			return err
		}
		s.say("The token is shown once:")
		s.fact("%s", plain)
		return nil
	})
}

type tokenRevoke struct {
	ID string `arg:"" help:"The id of the token; tickmark token list shows them."`
}

func (c *tokenRevoke) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error { return w.Gate.RevokeToken(s, me, c.ID) })
}
