package parcel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Next is the content of the next parcel, as the code that makes the parcel has it.
type Next struct {
	ID, Name  string
	Firm, May bool
	Begun     bool // there is an exchange that is confirmed, so that it can be sent
	Items     []NextItem
	Wait      int
	Known     int
	Digest    string
	Kinds     []Pick // what may be handed over
	Records   string // typed, one a line
	Files     []Kept
	Asked     []string // keys of populations that the firm asked for
	Query     url.Values
	Refusal   Refusal
}

// Pick is a kind that may be handed over.
type Pick struct {
	Name, Title string
	Picked      bool
}

// Kept is a file that was put to the next parcel.
type Kept struct{ Sort, Key, Name, Sum string }

func (k Kept) value() string {
	return url.Values{"sort": {k.Sort}, "key": {k.Key}, "name": {k.Name}, "sha256": {k.Sum}}.Encode()
}

// NextItem is one thing that would be told, readable.
type NextItem struct {
	Sort, Key, Title string
	Says             []part.Fact
	File             string
	Proof            bool
}

// selected is what the address says is to go besides what goes by itself.
func selected(q url.Values) (d exchange.Deliver, kept []Kept, err error) {
	d.Kinds = q["kind"]
	for _, typed := range q["record"] {
		d.Records = append(d.Records, strings.Fields(typed)...)
	}
	for _, f := range q["file"] {
		v, err := url.ParseQuery(f)
		if err != nil {
			return d, nil, fault.New(fault.Invalid, "The address names a file that cannot be read.").WithNext("Choose the file again.")
		}
		k := Kept{v.Get("sort"), v.Get("key"), v.Get("name"), v.Get("sha256")}
		kept = append(kept, k)
		d.Kept = append(d.Kept, exchange.Item{Sort: k.Sort, Key: k.Key, File: k.Sum, Name: k.Name})
	}
	return d, kept, nil
}

// query is the selection as an address keeps it.
func query(in url.Values) url.Values {
	out := url.Values{}
	for _, name := range []string{"kind", "record", "file"} {
		for _, v := range in[name] {
			if strings.TrimSpace(v) != "" {
				out.Add(name, v)
			}
		}
	}
	return out
}

// next shows what the next parcel would tell. It works before there is an exchange, so that a company sees it before it invites.
func (s *Site) next(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), segment(r, "id")
	q := r.URL.Query()
	if why := refused(ctx); why.At == "send" || why.At == "file" {
		q = query(r.PostForm)
	}
	d, kept, err := selected(q)
	if err != nil {
		return err
	}
	n := Next{ID: id, Name: id, Firm: s.Office.Firm, May: s.mayAct(ctx), Files: kept, Records: strings.Join(d.Records, "\n"), Query: query(q), Refusal: refused(ctx)}
	if l, err := s.Office.Link(ctx, s.Who(ctx), id); err == nil {
		n.Name, n.Begun = l.Name, l.State == "confirmed"
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	p, err := s.Office.Next(ctx, s.Who(ctx), id, d)
	var f *fault.Fault
	if err != nil && !asFault(err, &f) {
		return err
	} else if err != nil {
		n.Refusal = Refusal{At: "send", Sentence: strings.TrimSpace(f.Message + " " + f.Next), Status: fault.Status(f)}
	}
	n.Wait, n.Known, n.Digest = p.Wait, p.Known, p.Digest
	for _, i := range p.Items {
		n.Items = append(n.Items, s.readable(i))
	}
	if !n.Firm {
		n.Kinds = s.kinds(d.Kinds)
		if n.Asked, err = s.populations(r, id); err != nil {
			return err
		}
	}
	code := status(ctx)
	if n.Refusal.Status != 0 {
		code = n.Refusal.Status
	}
	return s.Show(w, r, code, shell.Page{Title: "The next parcel", Section: Section, Crumbs: []part.Crumb{{Text: "Parcels", Href: Section}, {Text: id, Href: s.path(id)}, {Text: "The next parcel"}}}, NextView(n))
}

func asFault(err error, into **fault.Fault) bool {
	for _, k := range []fault.Kind{fault.Invalid, fault.Conflict, fault.NotFound, fault.Usage, fault.TooLarge} {
		if fault.Is(err, k) {
			f := fault.New(k, "%s", sentence(err))
			*into = f
			return true
		}
	}
	return false
}

func sentence(err error) string { return err.Error() }

// kinds are those whose records a company may hand over.
func (s *Site) kinds(picked []string) (out []Pick) {
	for _, k := range s.Office.Book.Kinds.All() {
		if exchange.HandedOver(k) && !k.Collected {
			out = append(out, Pick{k.Name, k.Plural, slices.Contains(picked, k.Name)})
		}
	}
	slices.SortFunc(out, func(a, b Pick) int { return strings.Compare(a.Title, b.Title) })
	return out
}

// populations are the keys of the lists that the firm asked for.
func (s *Site) populations(r *http.Request, id string) (out []string, err error) {
	came, err := s.Office.Came(r.Context(), s.Who(r.Context()), id)
	for _, c := range came {
		if c.Sort == exchange.PopulationRequest {
			out = append(out, c.Of)
		}
	}
	return out, err
}

// readable is an item as people read it: every member that goes, with nothing left out but the proof's own text.
func (s *Site) readable(i exchange.Item) NextItem {
	out := NextItem{Sort: part.Sentence(i.Sort), Key: i.Key, Title: i.Title}
	if i.File != "" {
		out.File = i.Name + " (SHA-256 " + i.File + ")"
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(i.Content, &m) != nil {
		out.Says = []part.Fact{part.Say("Content", string(i.Content))}
		return out
	}
	var k *record.Kind
	if i.Sort == exchange.CompanyRecord {
		name, _, _ := strings.Cut(i.Key, "/")
		k, _ = s.Office.Book.Kinds.Named(name)
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name == "proof" && i.Sort == exchange.CompanyRecord {
			out.Proof = true
			continue
		}
		var body map[string]json.RawMessage
		if name == "body" && k != nil && json.Unmarshal(m[name], &body) == nil {
			for _, field := range slices.Sorted(maps.Keys(body)) {
				title := part.Sentence(field)
				if f, ok := k.FieldNamed(field); ok && f.Title != "" {
					title = f.Title
				}
				out.Says = append(out.Says, part.Say(title, shown(body[field])))
			}
			continue
		}
		out.Says = append(out.Says, part.Say(part.Sentence(name), shown(m[name])))
	}
	return out
}

// shown is a value as text: a text without its quotes, anything else as its JSON on lines.
func shown(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return strings.Join(list, ", ")
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", " ") != nil {
		return string(raw)
	}
	return b.String()
}

// addFile keeps a file and goes back to the preview with it.
func (s *Site) addFile(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx, id := r.Context(), segment(r, "id")
	if err := s.Office.May(ctx, s.Who(ctx), id); err != nil {
		return err
	}
	q := query(r.PostForm)
	k := Kept{Sort: exchange.CompanyFile, Key: strings.TrimSpace(r.PostForm.Get("what"))}
	if p := r.PostForm.Get("population"); p != "" {
		k.Sort, k.Key = exchange.PopulationList, p
	}
	err := func() error {
		if k.Key == "" {
			return fault.New(fault.Invalid, "Nothing says what the file is.").WithNext("Choose the list that the firm asked for, or name the file.")
		}
		in, h, err := upload(r, "upload")
		if err != nil {
			return err
		}
		defer in.Close()
		k.Name = path.Base(strings.ReplaceAll(h.Filename, `\`, "/"))
		sum, _, err := s.Office.Blobs.Put(ctx, in, exchange.MaxParcel)
		k.Sum = sum.String()
		return err
	}()
	if err == nil {
		q.Add("file", k.value())
	}
	return s.tried(w, r, s.next, "file", err, s.path(id, "next")+"?"+q.Encode(), "The file goes with the next parcel.")
}

// send makes the next parcel of exactly what was looked at, or refuses.
func (s *Site) send(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx, id := r.Context(), segment(r, "id")
	seen := r.PostForm.Get("seen")
	d, _, err := selected(query(r.PostForm))
	if err != nil {
		return err
	}
	if seen == "" {
		err = fault.New(fault.Invalid, "Nothing says what was looked at.").WithNext("Look at the next parcel, and send it from there.")
	}
	var sent exchange.Sent
	if err == nil && s.Office.Firm {
		sent, err = s.Office.TellSeen(ctx, s.Who(ctx), id, seen)
	} else if err == nil {
		d.Seen = seen
		sent, err = s.Office.Hand(ctx, s.Who(ctx), id, d)
	}
	return s.tried(w, r, s.next, "send", err, s.path(id), fmt.Sprintf("Parcel %d is made: it tells %s. The firm fetches it over HTTPS, or you hand over the file.", sent.Number, part.Count(sent.Items, "thing")))
}
