package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/secret"
)

func (s *site) signIn(w http.ResponseWriter, r *http.Request) error {
	to := within(r.URL.Query().Get("to"))
	if _, ok := access.FromContext(r.Context()); ok {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
	return s.showSignIn(w, r, http.StatusOK, SignIn{To: to})
}

func (s *site) showSignIn(w http.ResponseWriter, r *http.Request, status int, v SignIn) error {
	v.Passkeys = s.noPasskeys(r)
	return s.showAs(w, r, status, Page{Title: "Sign in"}, func(p Page) templ.Component { return signInPage(p, v) })
}

// noPasskeys says why passkeys do not work here; empty when they do.
func (s *site) noPasskeys(r *http.Request) string {
	if err := s.Access.PasskeysWork(); err != nil {
		return sentenceOf(err)
	}
	return ""
}

// sentenceOf is what a fault tells a person.
func sentenceOf(err error) string {
	var f *fault.Fault
	if errors.As(err, &f) {
		return strings.TrimSpace(f.Message + " " + f.Next)
	}
	return "It did not work."
}

func (s *site) signInByPassword(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, 10_000); err != nil {
		return err
	}
	f := r.PostForm
	_, err := s.Access.SignInByPassword(r.Context(), access.Attempt{Email: f.Get("email"), Password: secret.Of(f.Get("password")), Code: secret.Of(f.Get("code")), Address: address(r)})
	if known(err) {
		return s.showSignIn(w, r, fault.Status(err), SignIn{To: within(f.Get("to")), Email: f.Get("email"), Wrong: messageOf(err), Next: nextOf(err)})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, within(f.Get("to")), http.StatusSeeOther)
	return nil
}

// known says that an error is one for the person at the form.
func known(err error) bool {
	var f *fault.Fault
	return errors.As(err, &f) && f.Kind != fault.Internal
}

func messageOf(err error) string {
	var f *fault.Fault
	if errors.As(err, &f) {
		return f.Message
	}
	return "It did not work."
}

func nextOf(err error) string {
	var f *fault.Fault
	if errors.As(err, &f) {
		return f.Next
	}
	return ""
}

func (s *site) passkeyBegin(w http.ResponseWriter, r *http.Request) error {
	options, err := s.Access.BeginPasskeySignIn(r.Context())
	return answer(w, options, err)
}

func (s *site) passkeyFinish(w http.ResponseWriter, r *http.Request) error {
	in, err := replied(w, r)
	if err != nil {
		return err
	}
	if _, err := s.Access.FinishPasskeySignIn(r.Context(), in.Reply, address(r)); err != nil {
		return err
	}
	return answerTo(w, within(r.URL.Query().Get("to")))
}

// reply is what the browser's passkey answered.
type reply struct {
	Label string          `json:"label"`
	Reply json.RawMessage `json:"reply"`
}

func replied(w http.ResponseWriter, r *http.Request) (in reply, err error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100_000))
	if err == nil {
		err = json.Unmarshal(b, &in)
	}
	if err != nil {
		return in, fault.New(fault.Usage, "The browser's answer cannot be read: %w.", err).WithNext("Load the page again.")
	}
	return in, nil
}

func answer(w http.ResponseWriter, b []byte, err error) error {
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err = w.Write(b)
	return err
}

func answerTo(w http.ResponseWriter, to string) error {
	b, err := json.Marshal(map[string]string{"to": to})
	return answer(w, b, err)
}

// link is where a one-time link leads. It consumes nothing: mail scanners follow links.
func (s *site) link(w http.ResponseWriter, r *http.Request) error {
	token := r.URL.Query().Get("token")
	v, status := LinkLanding{Token: token}, http.StatusOK
	u, err := s.Access.PeekLink(r.Context(), token)
	switch {
	case known(err):
		v.Wrong, v.Next, status = messageOf(err), nextOf(err), fault.Status(err)
	case err != nil:
		return err
	default:
		v.Name = u.Name
	}
	w.Header().Set("Referrer-Policy", "no-referrer") // the address holds the token
	return s.showAs(w, r, status, Page{Title: "Welcome"}, func(p Page) templ.Component { return linkPage(p, v) })
}

func (s *site) linkUse(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, 10_000); err != nil {
		return err
	}
	_, err := s.Access.SignInByLink(r.Context(), r.PostForm.Get("token"), address(r))
	if known(err) {
		v := LinkLanding{Wrong: messageOf(err), Next: nextOf(err)}
		return s.showAs(w, r, fault.Status(err), Page{Title: "Welcome"}, func(p Page) templ.Component { return linkPage(p, v) })
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/sign-in/enrol", http.StatusSeeOther)
	return nil
}

func (s *site) enrol(w http.ResponseWriter, r *http.Request) error {
	who := session(r.Context())
	v := Enrol{Name: who.User.Name, Passkeys: s.noPasskeys(r), Has: !who.Unenrolled}
	return s.show(w, r, Page{Title: "How you sign in"}, func(p Page) templ.Component { return enrolPage(p, v) })
}

func (s *site) enrolPasskeyBegin(w http.ResponseWriter, r *http.Request) error {
	options, err := s.Access.BeginPasskey(r.Context())
	return answer(w, options, err)
}

func (s *site) enrolPasskeyFinish(w http.ResponseWriter, r *http.Request) error {
	in, err := replied(w, r)
	if err != nil {
		return err
	}
	label := strings.TrimSpace(in.Label)
	if label == "" {
		label = "Passkey"
	}
	if _, err := s.Access.FinishPasskey(r.Context(), label, in.Reply); err != nil {
		return err
	}
	return answerTo(w, "/")
}

func (s *site) enrolPassword(w http.ResponseWriter, r *http.Request) error {
	return s.showEnrolPassword(w, r, http.StatusOK, "")
}

func (s *site) showEnrolPassword(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	e, err := s.Access.BeginPassword(r.Context())
	if err != nil {
		return err
	}
	v := EnrolPassword{Email: session(r.Context()).User.Email, Secret: e.Secret.Reveal(), URL: e.URL.Reveal(), Wrong: wrong,
		QR: "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte(e.QR.Reveal()))}
	return s.showAs(w, r, status, Page{Title: "Password and code"}, func(p Page) templ.Component { return enrolPasswordPage(p, v) })
}

func (s *site) enrolPasswordSet(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, 10_000); err != nil {
		return err
	}
	codes, err := s.Access.FinishPassword(r.Context(), r.PostForm.Get("password"), r.PostForm.Get("code"))
	if known(err) && !fault.Is(err, fault.SignIn) {
		return s.showEnrolPassword(w, r, fault.Status(err), sentenceOf(err))
	}
	if err != nil {
		return err
	}
	return s.show(w, r, Page{Title: "Recovery codes"}, func(p Page) templ.Component { return recoveryPage(p, Recovery{Codes: codes}) })
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.Access.SignOut(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/sign-in?to="+url.QueryEscape("/"), http.StatusSeeOther)
	return nil
}
