package web

import (
	"cmp"
	"context"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/a-h/templ"

	"tickmark/docs"
	"tickmark/internal/connector"
	"tickmark/internal/markdown"
	"tickmark/internal/web/part"
)

// ManualDoc is one page of the manual that comes with this release.
type ManualDoc struct {
	Name     string // its address within the manual: checks/git
	Title    string
	Intro    string // before the first heading, as safe HTML
	Sections []ManualSection
}

// ManualSection is one heading with what stands under it.
type ManualSection struct {
	ID, Title, HTML string
	text            string
}

// ManualIndex lists the manual's pages, or what was found in them.
type ManualIndex struct {
	Filter part.Filter
	Groups []ManualGroup
	Found  []ManualHit
}

// ManualGroup is pages of one sort.
type ManualGroup struct {
	Title string
	Pages []part.Link
}

// ManualHit is a section in which something was found.
type ManualHit struct {
	part.Link
	Page, Around string
}

var manual = sync.OnceValues(func() ([]ManualDoc, error) { return readManual(docs.Files) })

// readManual reads the manual's pages, by name.
func readManual(files fs.FS) ([]ManualDoc, error) {
	var out []ManualDoc
	err := fs.WalkDir(files, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(file) != ".md" {
			return err
		}
		b, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		out = append(out, manualDoc(files, file, string(b)))
		return nil
	})
	slices.SortFunc(out, func(a, b ManualDoc) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

var (
	manualLink  = regexp.MustCompile(`(!?)\[([^\]]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)`)
	manualCheck = regexp.MustCompile(`^([A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-[A-Z]?[0-9]+) `)
)

// manualDoc cuts a page at its headings of the second level, so that each can be linked to.
func manualDoc(files fs.FS, file, text string) ManualDoc {
	d := ManualDoc{Name: strings.TrimSuffix(file, ".md")}
	var at *ManualSection
	var body strings.Builder
	end := func() {
		text := linked(files, file, body.String())
		body.Reset()
		if at == nil {
			d.Intro = markdown.HTML(text)
			return
		}
		at.text, at.HTML = text, markdown.HTML(text)
		d.Sections = append(d.Sections, *at)
	}
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if title, ok := strings.CutPrefix(line, "# "); ok && !fenced && d.Title == "" {
			d.Title = strings.TrimSpace(title)
			continue
		}
		if title, ok := strings.CutPrefix(line, "## "); ok && !fenced {
			end()
			title = strings.ReplaceAll(strings.TrimSpace(title), "`", "")
			at = &ManualSection{ID: slug(title), Title: title}
			if m := manualCheck.FindStringSubmatch(title); m != nil {
				at.ID = m[1]
			}
			continue
		}
		body.WriteString(line)
	}
	end()
	d.Title = cmp.Or(d.Title, d.Name)
	return d
}

// linked leads links between the pages into this manual; one to what is not part of it becomes its words.
func linked(files fs.FS, file, text string) string {
	return manualLink.ReplaceAllStringFunc(text, func(link string) string {
		m := manualLink.FindStringSubmatch(link)
		to := path.Join(path.Dir(file), m[3])
		if _, err := fs.Stat(files, to); err != nil || path.Ext(to) != ".md" || m[1] != "" {
			return m[2]
		}
		return "[" + m[2] + "](" + manualPath(strings.TrimSuffix(to, ".md")) + m[4] + ")"
	})
}

var manualHref = regexp.MustCompile(`href="(/manual[^"]*)"`)

// manualAt is a text of the manual whose links keep the moment that the reader looks at.
func manualAt(ctx context.Context, text string) string {
	if !part.Past(ctx) {
		return text
	}
	return manualHref.ReplaceAllStringFunc(text, func(m string) string {
		to := html.UnescapeString(manualHref.FindStringSubmatch(m)[1])
		return `href="` + html.EscapeString(string(part.To(ctx, to))) + `"`
	})
}

// slug is the id of a heading: its letters and digits, in small letters, parted by hyphens, as links between the pages write it.
func slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, title)
}

func manualPath(name string) string {
	return part.Path(append([]string{"manual"}, strings.Split(name, "/")...)...)
}

// manualOfCheck is where the manual speaks of a check; "" of the organisation's own.
func manualOfCheck(id string) string {
	pages, err := manual()
	if err != nil {
		return ""
	}
	for _, d := range pages {
		if strings.HasPrefix(d.Name, "checks/") && slices.ContainsFunc(d.Sections, func(x ManualSection) bool { return x.ID == id }) {
			return manualPath(d.Name) + "#" + id
		}
	}
	return ""
}

// manualOfConnector are the pages of the manual about a service: what it reads, and how it is connected.
func manualOfConnector(k connector.Connector) []part.Link {
	pages, err := manual()
	if err != nil {
		return nil
	}
	var out []part.Link
	for _, d := range pages {
		if d.Name == "sources" && slices.ContainsFunc(d.Sections, func(x ManualSection) bool { return x.Title == k.Title }) {
			out = append(out, part.Link{Text: "What it reads, and for which checks", Href: manualPath(d.Name) + "#" + slug(k.Title)})
		}
		if d.Name == "connect/"+k.Name {
			out = append(out, part.Link{Text: "How to connect it, step by step", Href: manualPath(d.Name)})
		}
	}
	return out
}

var manualGroups = []struct{ dir, title string }{{".", "How to"}, {"connect", "Connecting a service"}, {"checks", "Checks"}, {"decisions", "Why it is so"}}

const manualFound = 100

func (s *site) manualIndex(w http.ResponseWriter, r *http.Request) error {
	pages, err := manual()
	if err != nil {
		return err
	}
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	v := ManualIndex{Filter: part.Filter{Action: "/manual", Q: q, Hint: "Search the manual"}}
	if q != "" {
		v.Found = searchManual(pages, q, manualFound, true)
		v.Filter.Found = part.Count(len(v.Found), "section")
	} else {
		for _, g := range manualGroups {
			x := ManualGroup{Title: g.title}
			for _, d := range pages {
				if path.Dir(d.Name) == g.dir {
					x.Pages = append(x.Pages, part.Link{Text: d.Title, Href: manualPath(d.Name)})
				}
			}
			slices.SortFunc(x.Pages, func(a, b part.Link) int { return strings.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text)) })
			v.Groups = append(v.Groups, x)
		}
		v.Filter.Found = part.Count(len(pages), "page")
	}
	p := Page{Title: "Manual", Section: "/manual"}
	return s.show(w, r, p, func(p Page) templ.Component { return manualIndexPage(p, v) })
}

// searchManual finds sections by their title and their page's, and with whole by what they say.
func searchManual(pages []ManualDoc, q string, most int, whole bool) []ManualHit {
	var titles, texts []ManualHit
	for _, d := range pages {
		if fits(q, d.Title) {
			titles = append(titles, ManualHit{Link: part.Link{Text: d.Title, Href: manualPath(d.Name)}})
		}
		for _, x := range d.Sections {
			hit := ManualHit{Link: part.Link{Text: x.Title, Href: manualPath(d.Name) + "#" + x.ID}, Page: d.Title}
			switch {
			case fits(q, x.Title, d.Title) && (whole || !manualCheck.MatchString(x.Title)):
				titles = append(titles, hit)
			case whole && fits(q, x.Title, d.Title, x.text):
				hit.Around = around(x.text, q)
				texts = append(texts, hit)
			}
		}
	}
	out := append(titles, texts...)
	return out[:min(most, len(out))]
}

// around is the line of a text that holds most of the words.
func around(text, q string) string {
	best, most := "", 0
	for line := range strings.Lines(text) {
		n := 0
		for _, w := range strings.Fields(strings.ToLower(q)) {
			if strings.Contains(strings.ToLower(line), w) {
				n++
			}
		}
		if n > most {
			best, most = strings.TrimSpace(line), n
		}
	}
	return part.Short(best, 200)
}

func (s *site) manualPage(w http.ResponseWriter, r *http.Request) error {
	pages, err := manual()
	if err != nil {
		return fmt.Errorf("read the manual: %w", err)
	}
	name := r.PathValue("page")
	i := slices.IndexFunc(pages, func(d ManualDoc) bool { return d.Name == name })
	if i < 0 {
		return noPage(r)
	}
	d := pages[i]
	p := Page{Title: d.Title, Section: "/manual", Crumbs: []part.Crumb{{Text: "Manual", Href: "/manual"}, {Text: d.Title}}}
	return s.show(w, r, p, func(p Page) templ.Component { return manualDocPage(p, d) })
}
