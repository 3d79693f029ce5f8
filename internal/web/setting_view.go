package web

import (
	"time"

	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// UserList shows who can sign in.
type UserList struct {
	Rows   []UserRow
	Filter part.Filter
	Pager  part.Pager
	Roles  []string
	People []form.Option
	Link   string // a one-time link just made, shown once
	For    string // for whom
	Wrong  string
}

// UserRow is one user.
type UserRow struct {
	Key, Name, Email, Person string
	Roles                    []string
	Ways                     string // "passkey", "password", "none yet"
	Disabled                 bool
	Made                     time.Time
	Me                       bool
}

// TokenList shows the tokens of the interface for programs.
type TokenList struct {
	Rows     []TokenRow
	Plain    string // one just made, shown once
	Scopes   []part.Option
	Connects bool // the reader may make one that sends
	Sends    bool // there is a connection to send to
	Users    []string
	Wrong    string
}

// TokenRow is one token; its secret is never shown again.
type TokenRow struct {
	ID, Name, User, Scope  string
	Made, Expires, LastUse time.Time
	Revoked                bool
}

// Me shows how a reader signs in.
type Me struct {
	Name, Login string
	Roles       []string
	Passkeys    []PasskeyRow
	Password    bool
	Person      *part.Link    // who the reader is; nil: nobody known
	People      []form.Option // who they may be, for those who may say so
	Says        bool          // may say so
	Wrong       string
}

// PasskeyRow is one passkey.
type PasskeyRow struct {
	ID, Label  string
	Made, Used time.Time
}
