package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/queue"
	"tickmark/internal/secret"
	"tickmark/internal/web/part"
)

// What a trial is for.
const (
	trialLook = "look" // what the credential reads that there is
	trialAdd  = "add"  // what would be read with what was typed, before it is saved
	trialTurn = "turn" // a new secret, which is put in place when it reads what the old one did
)

const (
	trialLife     = 30 * time.Minute // how long it is kept; the secrets that were tried go with it
	trialPatience = 10 * time.Minute
	trialsMost    = 4 // under way at a time
)

// trial is one reading of a service that shows what a credential may read. It is kept in memory and nowhere else, by the process
// that made it: what is tried before it is sealed lies on no disk and in no queue.
type trial struct {
	id, user, purpose string
	fresh             bool               // the connection is not set up yet
	conn              collect.Connection // as typed
	secrets           map[string]secret.Value
	stop              context.CancelFunc
	at                time.Time

	// Under the site's lock.
	far      queue.Progress
	stopping bool
	over     bool
	found    collect.Trial
	err      error
}

// TrialPage shows a trial, kind by kind.
type TrialPage struct {
	ID, Name, Service   string
	Purpose             string
	Far                 JobRow // while it goes on
	Running, Stopping   bool
	Rows                []TrialRow
	Requests            int
	Took                time.Duration
	Tone                part.Tone
	Icon, Word, Sayings string
	Source, Change      string // addresses; "" where there is none
	Keeps               bool   // what was tried can be put in place now
	Whole               bool   // everything in scope was read
}

// TrialRow is one kind, or one part of it that could not be read.
type TrialRow struct {
	Kind, Title, Part string
	Status            part.Status // read, denied, failed
	Seen, Reason      string
	Needs             string
}

// begin begins a trial behind the reader and leads to its page.
func (s *site) begin(w http.ResponseWriter, r *http.Request, t *trial, read func(context.Context, collect.Progress) (collect.Trial, error)) error {
	t.id, t.user, t.at = rand.Text(), session(r.Context()).User.Key, time.Now()
	s.mu.Lock()
	under := 0
	for _, o := range s.trials {
		if !o.over {
			under++
		}
	}
	if under >= trialsMost {
		s.mu.Unlock()
		return fault.New(fault.Unavailable, "%d tests are under way.", under).WithNext("Wait until one has ended, or stop one.")
	}
	if s.trials == nil {
		s.trials = map[string]*trial{}
	}
	ctx, stop := context.WithTimeout(context.Background(), trialPatience)
	t.stop = stop
	s.trials[t.id] = t
	s.mu.Unlock()
	time.AfterFunc(trialLife, func() { s.forget(t.id) })
	s.behind("try "+t.conn.Name, func(life context.Context) error {
		defer stop()
		defer context.AfterFunc(life, stop)()
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
				s.log.Error("try a connection", "connection", t.conn.Name, "error", err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if t.err, t.over = err, true; t.purpose == trialTurn && err == nil || t.purpose == trialLook {
				t.secrets = nil
			}
		}()
		var found collect.Trial
		found, err = read(ctx, func(_, kind string, done, total int) {
			s.mu.Lock()
			defer s.mu.Unlock()
			t.far = queue.Progress{Said: s.titleOfKind(kind), Done: done, Of: total}
		})
		s.mu.Lock()
		t.found = found
		s.mu.Unlock()
		return nil // why it did not work is on its page
	})
	return done(w, r, part.Path("trials", t.id), "")
}

// forget drops a trial and what was tried in it.
func (s *site) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.trials[id]; t != nil {
		t.stop()
		delete(s.trials, id)
	}
}

// trialOf is a trial of the reader's own.
func (s *site) trialOf(r *http.Request, id string) (*trial, error) {
	if err := s.connecting(r); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trials[id]
	if t == nil || t.user != session(r.Context()).User.Key {
		return nil, fault.New(fault.NotFound, "This test is no longer at hand. It is kept for half an hour, by the server that made it.").WithNext("Make it again from the page of the source; nothing was written.")
	}
	return t, nil
}

// trial shows how far a trial is, and what it found.
func (s *site) trial(w http.ResponseWriter, r *http.Request) error {
	t, err := s.trialOf(r, segment(r, "id"))
	if err != nil {
		return err
	}
	v := s.trialPage(t)
	if v.Running {
		w.Header().Set("Refresh", "2") // the page comes back by itself until the trial is over
	}
	crumbs := []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: t.conn.Name, Href: v.Source}, {Text: "Test"}}
	title := "What " + t.conn.Name + " can read"
	if t.purpose == trialTurn {
		title = "A new secret for " + t.conn.Name
	}
	p := Page{Title: title, Section: "/sources", Crumbs: crumbs}
	return s.show(w, r, p, func(p Page) templ.Component { return trialPage(p, v) })
}

func (s *site) trialPage(t *trial) TrialPage {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := TrialPage{ID: t.id, Name: t.conn.Name, Service: t.conn.Connector, Purpose: t.purpose, Running: !t.over, Stopping: t.stopping && !t.over, Requests: t.found.Requests, Took: time.Duration(t.found.Seconds * float64(time.Second))}
	if k, err := s.Collector.Connector(t.conn.Connector); err == nil {
		v.Service = k.Title
	}
	if !t.fresh {
		v.Source = part.Path("sources", t.conn.Name)
	}
	if t.purpose == trialAdd {
		v.Change = part.Path("sources", t.conn.Name, "edit") + "?trial=" + t.id
		if t.fresh {
			v.Change = part.Path("connect", t.conn.Connector) + "?trial=" + t.id
		}
	}
	for _, x := range t.found.Rows {
		row := TrialRow{Kind: x.Kind, Title: s.titleOfKind(x.Kind), Part: x.Part, Status: part.Status(x.Outcome), Reason: x.Reason, Needs: x.Needs}
		if x.Outcome == collect.TrialRead || x.Seen > 0 {
			row.Seen = part.Number(int64(x.Seen))
		}
		if x.Expected > 0 && row.Seen != "" {
			row.Seen += " of " + part.Number(int64(x.Expected))
		}
		v.Rows = append(v.Rows, row)
	}
	if v.Running {
		v.Far = JobRow{Title: "Test", Status: "running", Said: t.far.Said, Done: t.far.Done, Of: t.far.Of}
		if v.Far.Said == "" {
			v.Far.Said = "The service is being asked."
		}
		return v
	}
	unread := len(t.found.Unread())
	v.Whole = t.err == nil && unread == 0 && len(v.Rows) > 0
	v.Keeps = t.purpose == trialAdd || t.purpose == trialTurn && t.err != nil
	v.Tone, v.Icon = part.Unsure, "circle-alert"
	switch {
	case t.purpose == trialTurn && t.err == nil:
		v.Tone, v.Icon, v.Word, v.Sayings = part.OK, "circle-check", "The new secret is in place", "It reads what the old one did. End the old one at the service."
		if unread > 0 {
			v.Sayings += fmt.Sprintf(" What the old one could not read it cannot either: %d below.", unread)
		}
	case t.purpose == trialTurn && known(t.err):
		v.Tone, v.Icon, v.Word, v.Sayings = part.Bad, "circle-x", "The old secret stays", strings.TrimSuffix(messageOf(t.err), " The old one stays.")
	case t.err != nil && known(t.err):
		v.Tone, v.Icon, v.Word, v.Sayings = part.Bad, "circle-x", "It could not be tried", sentenceOf(t.err)
	case t.err != nil:
		v.Tone, v.Icon, v.Word, v.Sayings = part.Bad, "circle-x", "It could not be tried", "Something broke on our side; the server's log has the reason."
	case v.Whole:
		v.Tone, v.Icon, v.Word, v.Sayings = part.OK, "circle-check", "Everything in scope can be read", "Of each list one page was asked for. Nothing was written."
	case len(v.Rows) == 0:
		v.Word, v.Sayings = "Nothing was read", "The service listed nothing of any kind. Nothing was written."
	default:
		v.Word, v.Sayings = fmt.Sprintf("%d of what is in scope cannot be read", unread), "What rests on it would be unknown. Grant what is missing, then try again. Nothing was written."
	}
	return v
}

// trialStop ends a trial that goes on.
func (s *site) trialStop(w http.ResponseWriter, r *http.Request) error {
	t, err := s.trialOf(r, segment(r, "id"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	if !t.over {
		t.stopping = true
	}
	s.mu.Unlock()
	t.stop()
	return done(w, r, part.Path("trials", t.id), "")
}

// trialKeep puts in place what was tried: a connection, or a secret that its trial spoke against, for a reason.
func (s *site) trialKeep(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	t, err := s.trialOf(r, segment(r, "id"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	over, secrets, failed := t.over, t.secrets, t.err
	s.mu.Unlock()
	ctx := r.Context()
	switch {
	case !over:
		return fault.New(fault.Conflict, "The test is still under way.").WithNext("Wait until it has ended, or stop it.")
	case t.purpose == trialAdd:
		if err := s.nameFree(ctx, t.conn.Name, t.fresh); err != nil {
			return err
		}
		to, said, err := s.connect(ctx, t.conn, secrets, t.fresh)
		if err != nil {
			return err
		}
		s.forget(t.id)
		return done(w, r, to, said)
	case t.purpose == trialTurn && failed != nil:
		reason := strings.TrimSpace(r.PostForm.Get("_reason"))
		if reason == "" {
			return fault.New(fault.Invalid, "Say why the secret is put in although its test failed.").WithNext("The reason stays on record.")
		}
		if _, err := s.Collector.Rotate(ctx, session(ctx), t.conn.Name, secrets, reason, nil); err != nil {
			return err
		}
		s.forget(t.id)
		return done(w, r, part.Path("sources", t.conn.Name), t.conn.Name+" has the new secret, untested.")
	}
	return fault.New(fault.Conflict, "There is nothing to put in place.")
}

// sourceTry tries a connection as it is set up.
func (s *site) sourceTry(w http.ResponseWriter, r *http.Request) error {
	if err := s.connecting(r); err != nil {
		return err
	}
	conn, err := s.Collector.Connection(r.Context(), segment(r, "name"))
	if err != nil {
		return err
	}
	who := session(r.Context())
	return s.begin(w, r, &trial{purpose: trialLook, conn: conn}, func(ctx context.Context, far collect.Progress) (collect.Trial, error) {
		return s.Collector.Try(ctx, who, conn.Name, nil, far)
	})
}

// trialBefore tries what was typed before it is saved.
func (s *site) trialBefore(w http.ResponseWriter, r *http.Request, f SourceForm, secrets map[string]secret.Value) error {
	who, conn := session(r.Context()), f.Conn
	return s.begin(w, r, &trial{purpose: trialAdd, conn: conn, fresh: f.New, secrets: secrets}, func(ctx context.Context, far collect.Progress) (collect.Trial, error) {
		return s.Collector.TryAs(ctx, who, conn, secrets, far)
	})
}

// SecretForm asks for new secrets of a connection.
type SecretForm struct {
	Name    string
	Secrets []connector.Setting
	Grant   string // what a new one must be granted, as safe HTML
	Wrong   string
	Read    bool // something was read with the old one, which the new one must read too
}

func (s *site) sourceSecret(w http.ResponseWriter, r *http.Request) error {
	return s.showSecret(w, r, http.StatusOK, "")
}

func (s *site) showSecret(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	conn, k, err := s.secretly(r)
	if err != nil {
		return err
	}
	f := SecretForm{Name: conn.Name, Wrong: wrong, Grant: s.grant(k)}
	for _, x := range k.Settings {
		if x.Secret {
			f.Secrets = append(f.Secrets, x)
		}
	}
	p := Page{Title: "A new secret for " + conn.Name, Section: "/sources", Crumbs: []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: conn.Name, Href: part.Path("sources", conn.Name)}, {Text: "New secret"}}}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return secretPage(p, f) })
}

// secretly is the connection whose secrets somebody may replace.
func (s *site) secretly(r *http.Request) (collect.Connection, connector.Connector, error) {
	if err := s.connecting(r); err != nil {
		return collect.Connection{}, connector.Connector{}, err
	}
	conn, err := s.Collector.Connection(r.Context(), segment(r, "name"))
	if err != nil {
		return conn, connector.Connector{}, err
	}
	k, err := s.Collector.Connector(conn.Connector)
	if err == nil && !slices.ContainsFunc(k.Settings, func(x connector.Setting) bool { return x.Secret }) {
		err = fault.New(fault.NotFound, "%s is read without a secret.", conn.Name)
	}
	return conn, k, err
}

// sourceSecretTry tries new secrets, and puts them in the place of the old ones when they read what those did.
func (s *site) sourceSecretTry(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	conn, k, err := s.secretly(r)
	if err != nil {
		return err
	}
	_, secrets := entered(k, r)
	if len(secrets) == 0 {
		return s.showSecret(w, r, http.StatusUnprocessableEntity, "No secret was given.")
	}
	who := session(r.Context())
	return s.begin(w, r, &trial{purpose: trialTurn, conn: conn, secrets: secrets}, func(ctx context.Context, far collect.Progress) (collect.Trial, error) {
		return s.Collector.Rotate(ctx, who, conn.Name, secrets, "", far)
	})
}

// entered reads the settings and secrets of a form.
func entered(k connector.Connector, r *http.Request) (map[string]string, map[string]secret.Value) {
	settings, secrets := map[string]string{}, map[string]secret.Value{}
	for _, x := range k.Settings {
		given := strings.TrimSpace(strings.ReplaceAll(r.PostForm.Get("set."+x.Name), "\r\n", "\n"))
		switch {
		case x.Secret && given != "":
			secrets[x.Name] = secret.Of(given)
		case !x.Secret:
			settings[x.Name] = given
		}
	}
	return settings, secrets
}

// connect sets up a connection, or changes it, and asks for a run of it.
func (s *site) connect(ctx context.Context, conn collect.Connection, secrets map[string]secret.Value, fresh bool) (to, said string, err error) {
	conn, err = s.Collector.Add(ctx, session(ctx), conn, secrets)
	if err != nil {
		return "", "", err
	}
	if said = conn.Name + " is set up."; !fresh {
		said = conn.Name + " is changed."
	}
	k, err := s.Collector.Connector(conn.Connector)
	if err != nil {
		return "", "", err
	}
	if s.Jobs != nil && !conn.Paused && !k.Sent && session(ctx).May(ctx, access.Act, nil) == nil {
		if _, err := s.Jobs.Ask(ctx, "collect", conn.Name, session(ctx).Actor().Name); err != nil {
			return "", "", err
		}
		said += " A run is asked for."
	}
	return part.Path("sources", conn.Name), said, nil
}

// nameFree refuses a new connection under the name of another.
func (s *site) nameFree(ctx context.Context, name string, fresh bool) error {
	if !fresh {
		return nil
	}
	_, err := s.Collector.Connection(ctx, name)
	if err == nil {
		return fault.New(fault.Conflict, "There is a source called %q.", name).WithNext("Choose another name.")
	}
	if f := (*fault.Fault)(nil); errors.As(err, &f) && f.Kind == fault.NotFound {
		return nil
	}
	return err
}
