// Package scope is the page of a connection that others send to, on which somebody ends a scope that will not be heard of again, such
// as a machine that was given up. The one rule: nobody can tell that from silence, so that it is done by hand, with a reason.
package scope

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Site is the pages.
type Site struct {
	shell.Site
	Collector *collect.Collector
}

// Routes is every address of the pages.
func (s *Site) Routes() shell.Routes {
	return shell.Routes{"GET /sources/{name}/scopes": s.list, "POST /sources/{name}/scopes": s.end}
}

// At is the address of the page of a connection.
func At(connection string) string { return part.Path("sources", connection, "scopes") }

// Takes says whether scopes of a connection end here: of one that Tickmark reads itself, it sees them go.
func Takes(c *collect.Collector, connector string) bool {
	k, err := c.Connector(connector)
	return err == nil && k.Sent && !k.Enrolled
}

// Row is a scope, as it stands now.
type Row struct {
	Name, Kinds string
	Read        time.Time
	Status      part.Status // read, stale, retired
	Records     int64       // that stand in it
}

// View is the page.
type View struct {
	Connection string
	Rows       []Row
	May        bool // this reader may end one
	Chosen     *Row // that is about to be ended
	Reason     string
}

const most = 2000 // rows of the table

func (s *Site) view(r *http.Request) (View, error) {
	ctx, name := r.Context(), r.PathValue("name")
	kind, err := s.Collector.Book.Kinds.Named(collect.ConnectionKind)
	if err != nil {
		return View{}, err
	}
	if err := s.Who(ctx).May(ctx, access.Read, kind); err != nil {
		return View{}, err
	}
	if part.Past(ctx) {
		return View{}, fault.New(fault.Conflict, "This page shows what stands now.").WithNext("Go back to now; what was read and when is on the connection's page.")
	}
	conn, err := s.Collector.Connection(ctx, name)
	if err != nil {
		return View{}, err
	}
	if !Takes(s.Collector, conn.Connector) {
		return View{}, fault.New(fault.NotFound, "Nothing is sent to %s: what is no longer there is seen when it is read.", name)
	}
	list, err := s.Collector.SentScopes(ctx, name)
	if err != nil {
		return View{}, err
	}
	now := store.At(s.Collector.Book.Log.Now())
	v := View{Connection: name, May: s.Who(ctx).May(ctx, access.Connect, kind) == nil}
	for _, x := range list {
		row := Row{Name: x.Name, Kinds: strings.Join(s.titles(x.Kinds), ", "), Status: "read"}
		if x.Read > 0 {
			row.Read = x.Read.Time()
		}
		switch {
		case x.Ended:
			row.Status = "retired"
		case x.Until <= now:
			row.Status = "stale"
		}
		v.Rows = append(v.Rows, row)
	}
	slices.SortStableFunc(v.Rows, func(a, b Row) int { return order[a.Status] - order[b.Status] }) // what is silent is looked for
	return v, nil
}

var order = map[part.Status]int{"stale": 0, "read": 1, "retired": 2}

func (s *Site) titles(kinds []string) (out []string) {
	for _, name := range kinds {
		title := name
		if k, err := s.Collector.Book.Kinds.Named(name); err == nil && k.Plural != "" {
			title = k.Plural
		}
		out = append(out, title)
	}
	return out
}

func (s *Site) list(w http.ResponseWriter, r *http.Request) error {
	v, err := s.view(r)
	if err != nil {
		return err
	}
	if name := r.URL.Query().Get("end"); name != "" {
		if !v.May {
			return fault.New(fault.Denied, "Who may not change connections ends no scope of one.").WithNext("Ask an administrator.")
		}
		i := slices.IndexFunc(v.Rows, func(x Row) bool { return x.Name == name && x.Status != "retired" })
		if i < 0 {
			return fault.New(fault.NotFound, "Nothing was sent to %s for the scope %q, or it has ended already.", v.Connection, name)
		}
		v.Chosen = &v.Rows[i]
		if v.Chosen.Records, err = s.standing(r, v.Connection, name); err != nil {
			return err
		}
	}
	v.Rows = v.Rows[:min(len(v.Rows), most)]
	return s.Show(w, r, http.StatusOK, shell.Page{Title: "Scopes of " + v.Connection, Section: "/sources",
		Crumbs: []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: v.Connection, Href: part.Path("sources", v.Connection)}, {Text: "Scopes"}}}, PageView(v))
}

// standing counts the records of a scope that stand.
func (s *Site) standing(r *http.Request, connection, scope string) (int64, error) {
	return store.One[int64](r.Context(), s.Collector.Book.DB, "SELECT count(*) FROM record r JOIN version v ON v.record = r.id WHERE r.source = $1 AND v.scope = $2 AND v.valid_to = $3",
		connection, scope, store.Forever)
}

func (s *Site) end(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	v, err := s.view(r)
	if err != nil {
		return err
	}
	name, reason := r.PostForm.Get("scope"), strings.TrimSpace(r.PostForm.Get("_reason"))
	if err := s.Collector.Retire(r.Context(), record.Authority(s.Who(r.Context())), v.Connection, name, reason); err != nil {
		return err
	}
	return s.Done(w, r, At(v.Connection), "The scope "+name+" of "+v.Connection+" has ended. Its records stay as they were last seen, and nobody misses it from now on.")
}
