// Package access says who may come in and what they may do: users, roles, sessions, sign-on and tokens. The one rule: what
// is not granted is refused, and every sign-in, refusal, credential and change of role is an action in the ledger, committed
// in the transaction that made it so.
//
// # For the pages that sign people in
//
// Wrap every route with Sessions; it reads the cookie or the bearer token and puts the Session into the context:
//
//	gate.Sessions(next http.Handler) http.Handler
//	access.FromContext(ctx) (access.Session, bool)   // false: nobody is signed in
//
// A Session is a record.Authority: pass it to record.Book as who acts. Session.Unenrolled says that the user has neither a
// passkey nor a password yet: show the page that enrols one.
//
// One-time link (/sign-in/link?token=…): GET shows a button, only POST consumes the link, because mail scanners follow
// links:
//
//	gate.Link(ctx, by, userKey) (link string, err error)       // the whole URL, shown once, 24 hours, one use
//	gate.PeekLink(ctx, token) (User, error)                    // for the page with the button; consumes nothing
//	gate.SignInByLink(ctx, token, address) (User, error)
//
// Passkeys. The two JSON answers go to navigator.credentials.create and .get (parseCreationOptionsFromJSON,
// parseRequestOptionsFromJSON); the browser's toJSON() comes back as reply:
//
//	gate.BeginPasskey(ctx) (options []byte, err error)         // signed in, within the last hour
//	gate.FinishPasskey(ctx, label, reply) (Passkey, error)
//	gate.BeginPasskeySignIn(ctx) (options []byte, err error)
//	gate.FinishPasskeySignIn(ctx, reply, address) (User, error)
//	gate.Passkeys(ctx, userKey) ([]Passkey, error)
//	gate.RemovePasskey(ctx, id) error                          // never the last way in
//
// Password, always with a time-based code (RFC 6238). Nothing of it is valid before the first code was given back:
//
//	gate.BeginPassword(ctx) (Enrolment, error)                 // Enrolment: Secret to type, URL, QR as PNG
//	gate.FinishPassword(ctx, password, code) (recovery []string, err error)   // ten codes, shown once
//	gate.SignInByPassword(ctx, Attempt{Email, Password, Code, Address}) (User, error)   // Code: six digits or a recovery code
//
//	gate.Password(ctx, userKey) (set time.Time, ok bool, err error); gate.RecoveryLeft(ctx, userKey) (int64, error)
//	gate.RemovePassword(ctx) error                             // never the last way in
//
// Out:
//
//	gate.SignOut(ctx) error
//	gate.Signed(ctx, by, userKey) ([]Signed, error)            // where the user is signed in
//	gate.SignOutEverywhere(ctx, by, userKey) error
//
// A change of how one signs in is refused with a fault of kind sign-in once the sign-in is more than an hour old: send the
// user to sign in again. The begin and finish of a ceremony, sign-ins and SignOut need a context that passed through Sessions. Every refused
// sign-in is the same fault of kind sign-in whatever was wrong; too many are a fault of kind unavailable that names the
// time to wait. address is the client's IP address, for the limits.
//
// # For the API and the CLI
//
//	gate.NewToken(ctx, by, TokenRequest{User, Name, Scope, Expires}) (plain string, Token, error)   // shown once
//	gate.Tokens(ctx, userKey) ([]Token, error)
//	gate.RevokeToken(ctx, by, id) error
//	gate.Local(ctx, osUser) (Session, error)                   // the owner of the machine, acting from it
//	gate.FirstUser(ctx, NewUser{…}) (User, error)              // only while there is none
//	gate.CreateUser(ctx, by, NewUser{…}) (User, error)
//	gate.User(ctx, key) (User, error); gate.Users(ctx) ([]User, error)
//	gate.SetRoles(ctx, by, key, roles, reason) (User, error)
//	gate.SetPerson, gate.SetName, gate.SetDisabled             // alike
//	gate.Reset(ctx, by, key, reason) error                     // a lost device: all ways in are taken away; make a Link then
//	gate.Sweep(ctx) error                                      // daily
package access
