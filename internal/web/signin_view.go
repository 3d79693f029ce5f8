package web

// SignIn is the page of somebody who comes back: a passkey, or a password with a code.
type SignIn struct {
	To       string // where to go afterwards
	Email    string
	Wrong    string
	Next     string
	Passkeys string // why passkeys do not work here; empty when they do
}

// LinkLanding is where a one-time link leads: a button, because mail scanners follow links.
type LinkLanding struct {
	Token, Name, Wrong, Next string
}

// Enrol offers the two ways to sign in again.
type Enrol struct {
	Name     string
	Passkeys string // why passkeys do not work here; empty when they do
	Has      bool   // has one already: this adds another
}

// EnrolPassword sets a password, always with a time-based code.
type EnrolPassword struct {
	Email  string
	Secret string // to type where the picture cannot be read
	QR     string // PNG as data: address
	URL    string
	Wrong  string
}

// Recovery shows the codes, once.
type Recovery struct{ Codes []string }
