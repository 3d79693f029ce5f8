package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/markdown"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/web/part"
)

// ConnectorList offers what can be connected.
type ConnectorList struct {
	Filter part.Filter
	Rows   []ConnectorRow
}

// ConnectorRow is one connector.
type ConnectorRow struct {
	Name, Title, Help string
	Kinds, Checks     int
	Local             bool
	Used              []string // connections to it
}

// SourceForm sets up a connection or changes it.
type SourceForm struct {
	Connector connector.Connector
	New       bool
	Conn      collect.Connection // as typed, without secrets
	Every     []part.Option
	Wrong     string
	Manual    []part.Link
	Grant     string // the connector's, as safe HTML
	Command   string // what to type on the server, for a connector of the machine itself
	Checks    []part.Link
	CheckMore int
	Cancel    string
}

// connecting is who may give Tickmark credentials, now.
func (s *site) connecting(r *http.Request) error {
	ctx := r.Context()
	k, err := s.Book.Kinds.Named(collect.ConnectionKind)
	if err != nil {
		return err
	}
	if part.Past(ctx) {
		return fault.New(fault.Conflict, "The past cannot be changed.").WithNext("Go back to now, and do it there.")
	}
	return session(ctx).May(ctx, access.Connect, k)
}

// checksOf are the checks that judge what a connector reads, by their ids.
func (s *site) checksOf(k connector.Connector) []part.Link {
	var out []part.Link
	for _, c := range s.Monitor.Set.Checks() {
		if slices.ContainsFunc(k.Kinds, func(x record.Kind) bool { return x.Name == c.For || offers(x, c.For) }) {
			out = append(out, part.Link{Text: c.ID + " " + c.Title, Href: part.Path("checks", c.ID)})
		}
	}
	return out
}

func (s *site) sourceKinds(w http.ResponseWriter, r *http.Request) error {
	if err := s.connecting(r); err != nil {
		return err
	}
	ctx, q := r.Context(), r.URL.Query().Get("q")
	used := map[string][]string{}
	list, err := s.connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		used[c.Connector] = append(used[c.Connector], c.Name)
	}
	v := ConnectorList{}
	all := 0
	for _, k := range s.Collector.Connectors {
		if !k.Offered() {
			continue
		}
		all++
		if !fits(q, k.Name, k.Title, k.Help) {
			continue
		}
		v.Rows = append(v.Rows, ConnectorRow{Name: k.Name, Title: k.Title, Help: k.Help, Kinds: len(k.Kinds), Checks: len(s.checksOf(k)), Local: k.Local, Used: used[k.Name]})
	}
	slices.SortFunc(v.Rows, func(a, b ConnectorRow) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	v.Filter = part.Filter{Action: "/connect", Q: q, Hint: "Filter by name", Found: fmt.Sprintf("%d of %d", len(v.Rows), all)}
	p := Page{Title: "Connect a source", Section: "/sources", Crumbs: []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: "Connect"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return connectorsPage(p, v) })
}

func (s *site) sourceNew(w http.ResponseWriter, r *http.Request) error {
	if err := s.connecting(r); err != nil {
		return err
	}
	k, err := s.Collector.Connector(segment(r, "connector"))
	if err != nil {
		return err
	}
	conn := collect.Connection{Name: k.Name, Connector: k.Name, Settings: map[string]string{}, Every: "1h"}
	if k.Sent { // how often something is expected
		conn.Every = "24h"
	}
	list, err := s.connections(r.Context())
	if err != nil {
		return err
	}
	for n := 2; slices.ContainsFunc(list, func(c collect.Connection) bool { return c.Name == conn.Name }); n++ {
		conn.Name = fmt.Sprintf("%s-%d", k.Name, n)
	}
	for _, x := range k.Settings {
		if !x.Secret {
			conn.Settings[x.Name] = x.Default
		}
	}
	if tried := r.URL.Query().Get("trial"); tried != "" {
		t, err := s.trialOf(r, tried)
		if err != nil || t.conn.Connector != k.Name {
			return cmp.Or(err, noPage(r))
		}
		conn = t.conn
	}
	return s.showSourceForm(w, r, http.StatusOK, SourceForm{Connector: k, New: true, Conn: conn})
}

func (s *site) sourceEdit(w http.ResponseWriter, r *http.Request) error {
	if err := s.connecting(r); err != nil {
		return err
	}
	conn, err := s.Collector.Connection(r.Context(), segment(r, "name"))
	if err != nil {
		return err
	}
	k, err := s.Collector.Connector(conn.Connector)
	if err != nil {
		return err
	}
	if tried := r.URL.Query().Get("trial"); tried != "" {
		t, err := s.trialOf(r, tried)
		if err != nil || t.conn.Name != conn.Name {
			return cmp.Or(err, noPage(r))
		}
		conn = t.conn
	}
	return s.showSourceForm(w, r, http.StatusOK, SourceForm{Connector: k, Conn: conn})
}

func (s *site) showSourceForm(w http.ResponseWriter, r *http.Request, status int, f SourceForm) error {
	k := f.Connector
	if k.Demonstration {
		return fault.New(fault.Denied, "%s reads what does not exist.", k.Title).WithNext("Make a demonstration with: tickmark demo --data DIR")
	}
	if k.Enrolled {
		return fault.New(fault.Denied, "A machine becomes a source when it enrols, and changes with its group.").WithNext("The page of its group shows its machines.")
	}
	f.Every = []part.Option{{Value: "15m", Text: "Every 15 minutes"}, {Value: "1h", Text: "Every hour"}, {Value: "6h", Text: "Every 6 hours"}, {Value: "24h", Text: "Every day"}}
	if !slices.ContainsFunc(f.Every, func(o part.Option) bool { return o.Value == f.Conn.Every }) {
		f.Every = append(f.Every, part.Option{Value: f.Conn.Every, Text: "Every " + f.Conn.Every})
	}
	f.Grant, f.Manual = s.grant(k), manualOfConnector(k)
	f.Checks = s.checksOf(k)
	if most := 12; len(f.Checks) > most {
		f.Checks, f.CheckMore = f.Checks[:most], len(f.Checks)-most
	}
	f.Cancel = "/connect"
	title := "Connect " + k.Title
	crumbs := []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: "Connect", Href: "/connect"}, {Text: k.Title}}
	if !f.New {
		f.Cancel, title = part.Path("sources", f.Conn.Name), "Change "+f.Conn.Name
		crumbs = []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: f.Conn.Name, Href: f.Cancel}, {Text: "Change"}}
	}
	if k.Local {
		f.Command = "tickmark connect add " + k.Name
		for _, x := range k.Settings {
			if x.Required || x.Name == "path" {
				f.Command += " --set " + x.Name + "=" + strings.ToUpper(x.Name)
			}
		}
	}
	p := Page{Title: title, Section: "/sources", Crumbs: crumbs}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return sourceFormPage(p, f) })
}

// sourceSave sets up a connection, or changes one, and asks for a run of it.
func (s *site) sourceSave(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	if err := s.connecting(r); err != nil {
		return err
	}
	ctx, in := r.Context(), r.PostForm
	f := SourceForm{New: r.PathValue("connector") != ""}
	var err error
	if f.New {
		f.Conn = collect.Connection{Name: strings.TrimSpace(in.Get("_name")), Connector: segment(r, "connector")}
	} else if f.Conn, err = s.Collector.Connection(ctx, segment(r, "name")); err != nil {
		return err
	}
	k, err := s.Collector.Connector(f.Conn.Connector)
	if err != nil {
		return err
	}
	if k.Local {
		return fault.New(fault.Denied, "%s reads the machine that the server runs on, and is set up there.", k.Title).WithNext("Run: tickmark connect add %s", k.Name)
	}
	f.Connector = k
	var secrets map[string]secret.Value
	f.Conn.Settings, secrets = entered(k, r)
	f.Conn.Title, f.Conn.Every, f.Conn.Paused = strings.TrimSpace(in.Get("_title")), in.Get("_every"), in.Get("_paused") == "true"
	wrong := func(err error) error {
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
			return err
		}
		if f.Wrong = sentenceOf(err); len(secrets) > 0 {
			f.Wrong += " The secrets are not shown again: enter them once more."
		}
		return s.showSourceForm(w, r, fault.Status(err), f)
	}
	if err := s.nameFree(ctx, f.Conn.Name, f.New); err != nil {
		return wrong(err)
	}
	if in.Get("_do") == "try" {
		if _, err := s.Collector.Triable(ctx, session(ctx), f.Conn, secrets); err != nil {
			return wrong(err)
		}
		return s.trialBefore(w, r, f, secrets)
	}
	to, said, err := s.connect(ctx, f.Conn, secrets, f.New)
	if err != nil {
		return wrong(err)
	}
	return done(w, r, to, said)
}

// sourceRemove ends a connection, with the reason.
func (s *site) sourceRemove(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	if err := s.connecting(r); err != nil {
		return err
	}
	name, reason := segment(r, "name"), strings.TrimSpace(r.PostForm.Get("_reason"))
	if reason == "" {
		return fault.New(fault.Invalid, "Say why %s is removed.", name).WithNext("The reason stays on record.")
	}
	if _, err := s.Collector.Connection(r.Context(), name); err != nil {
		return err
	}
	if err := s.Collector.Remove(r.Context(), session(r.Context()), name, reason); err != nil {
		return err
	}
	return done(w, r, "/sources", name+" is removed. What it read stays; what it says from now on is unknown.")
}

// sourceHook makes a new secret with which the service says that something changed, or ends it.
func (s *site) sourceHook(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	if err := s.connecting(r); err != nil {
		return err
	}
	ctx, name := r.Context(), segment(r, "name")
	if r.PostForm.Get("off") != "" {
		if err := s.Collector.CloseHook(ctx, session(ctx), name); err != nil {
			return err
		}
		return done(w, r, part.Path("sources", name), "Messages for "+name+" are no longer taken.")
	}
	made, err := s.Collector.OpenHook(ctx, session(ctx), name)
	if err != nil {
		return err
	}
	return s.showSource(w, r, made)
}

// grant is what a connector needs to be granted, as safe HTML.
func (s *site) grant(k connector.Connector) string { return markdown.HTML(k.Grant) }

func settingTitle(x connector.Setting) string { return cmp.Or(x.Title, part.Sentence(x.Name)) }

func sourceAction(f SourceForm) templ.SafeURL {
	if f.New {
		return templ.SafeURL("/connect/" + url.PathEscape(f.Connector.Name))
	}
	return templ.SafeURL(part.Path("sources", f.Conn.Name, "edit"))
}

// offers says whether records of a kind are seen in a view.
func offers(k record.Kind, view string) bool {
	return slices.ContainsFunc(k.Views, func(v record.View) bool { return v.Name == view })
}
