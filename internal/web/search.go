package web

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

func (s *site) search(w http.ResponseWriter, r *http.Request) error {
	_, target, _ := strings.Cut(r.Header.Get("HX-Target"), "#")
	palette := r.Header.Get("HX-Request") == "true" && target == "palette-list"
	v, err := s.find(r, strings.TrimSpace(r.URL.Query().Get("q")), palette)
	if err != nil {
		return err
	}
	if palette {
		var b bytes.Buffer
		if err := paletteList(v).Render(r.Context(), &b); err != nil {
			return err
		}
		s.write(w, http.StatusOK, b.Bytes())
		return nil
	}
	return s.show(w, r, Page{Title: "Search"}, func(p Page) templ.Component { return searchPage(p, v) })
}

// find looks for pages, checks, starter controls and records that fit some words.
func (s *site) find(r *http.Request, q string, palette bool) (Search, error) {
	ctx, v := r.Context(), Search{Q: q}
	if q == "" && !palette {
		return v, nil
	}
	most := 50
	if palette {
		most = 8
	}
	pages := SearchGroup{Title: "Go to"}
	f := s.frame(r)
	for _, g := range append(existing(sidebar(), Reader{}, s.has), group{Items: f.Settings}) {
		for _, it := range g.Items {
			if fits(q, it.Text) {
				pages.Hits = append(pages.Hits, Hit{Text: it.Text, Href: it.Href, Icon: it.Icon})
			}
		}
	}
	v.add(pages)
	v.add(s.acts(r, q, palette))
	if q == "" {
		return v, nil
	}
	if s.mayWorkspace(ctx) == nil {
		st, err := s.stand(ctx)
		if err != nil {
			return v, err
		}
		checks, criteria := SearchGroup{Title: "Checks"}, SearchGroup{Title: "Criteria"}
		for _, c := range st.checks {
			if fits(q, c.ID, c.Title) && len(checks.Hits) < most {
				checks.Hits = append(checks.Hits, Hit{Text: c.Title, Note: c.ID, Href: part.Path("checks", c.ID), Status: c.status})
			}
		}
		for _, c := range st.criteria {
			if fits(q, c.ID, c.Title) && len(criteria.Hits) < most {
				criteria.Hits = append(criteria.Hits, Hit{Text: c.Title, Note: c.ID, Href: part.Path("criteria", c.ID), Status: c.status})
			}
		}
		v.add(checks)
		v.add(criteria)
	}
	pagesOf, err := manual()
	if err != nil {
		return v, err
	}
	help := SearchGroup{Title: "Manual"}
	for _, x := range searchManual(pagesOf, q, most, false) {
		help.Hits = append(help.Hits, Hit{Text: x.Text, Note: x.Page, Href: x.Href, Icon: "book-open"})
	}
	found, err := s.Book.Search(ctx, q, at(ctx), record.Company, 4*most)
	if err != nil {
		return v, err
	}
	groups := map[string]*SearchGroup{}
	for _, x := range found {
		k, err := s.Book.Kinds.Named(x.Kind)
		if err != nil || s.may(ctx, x.Kind) != nil || x.Kind == "criterion" {
			continue
		}
		name := cmp.Or(k.Plural, k.Title)
		if groups[name] == nil {
			groups[name] = &SearchGroup{Title: name}
		}
		href := hrefOf(x)
		if own := s.pathOf(x.Kind, x.Key); !strings.HasPrefix(own, "/records/") {
			href = own
		}
		if g := groups[name]; len(g.Hits) < most {
			g.Hits = append(g.Hits, Hit{Text: cmp.Or(x.Label, x.Key), Note: part.Short(x.Key, 40), Href: href, Icon: "file-text"})
		}
	}
	for _, name := range slices.Sorted(keysOf(groups)) {
		v.add(*groups[name])
	}
	v.add(help)
	return v, nil
}

// acts are what the reader can begin from anywhere, by what it is called; with no words yet, the most usual.
func (s *site) acts(r *http.Request, q string, palette bool) SearchGroup {
	ctx, g := r.Context(), SearchGroup{Title: "Do"}
	if part.Past(ctx) {
		return g
	}
	usual := []string{"New finding", "New task", "New evidence", "Import people"}
	offer := func(text, href, icon string, words ...string) {
		if q == "" && !contains(usual, text) || q != "" && !fits(q, append(words, text)...) || palette && len(g.Hits) >= 6 {
			return
		}
		g.Hits = append(g.Hits, Hit{Text: text, Href: href, Icon: icon})
	}
	for _, k := range s.Book.Kinds.All() {
		if k.Collected || k.System || cmp.Or(k.Room, record.Company) != record.Company || contains([]string{"comment", "attachment", "saved_view", "acknowledgement", "criterion", check.SettingKind}, k.Name) || session(ctx).May(ctx, access.Write, k) != nil {
			continue
		}
		offer("New "+strings.ToLower(k.Title), part.Path("new", k.Name), "plus", "Add "+k.Title, "Report "+k.Title)
		offer("Import "+strings.ToLower(cmp.Or(k.Plural, k.Title)), part.Path("import", k.Name), "upload")
	}
	if s.may(ctx, "person") == nil {
		offer("Link accounts of nobody", "/people/unresolved", "users")
	}
	return g
}

func (v *Search) add(g SearchGroup) {
	if len(g.Hits) > 0 {
		v.Groups = append(v.Groups, g)
	}
}
