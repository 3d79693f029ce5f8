package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/workpaper"
)

// Asked is something that the firm asked by parcel, with the company's answers, as the company sees it.
type Asked struct {
	Engagement, Sort, Of, Title string
	Content                     map[string]any
	Came                        time.Time
	Answers                     []Answer // by round
}

// Answer is one round of the company's.
type Answer struct {
	Key     string
	Version record.Version
	Body    map[string]any
	Parcel  int // the number of the parcel that it went with; 0: it was not sent yet
}

func (a Answer) state() string { return engagement.Text(a.Body, record.StateField) }

// Told is the state that the firm's last parcel tells.
func (a Asked) Told() string { return engagement.Text(a.Content, record.StateField) }

// Round is which answer the firm waits for, from 1.
func (a Asked) Round() int {
	if a.Sort == QuestionnaireSent {
		return request.Asked(a.Content)
	}
	return request.Round(a.Content)
}

// Open reports whether the firm waits for an answer, as far as its parcels tell.
func (a Asked) Open() bool {
	return slices.Contains([]string{"open", "returned", "assigned", "answering", "clarifying"}, a.Told())
}

// Answer is the answer of the round that the firm waits for.
func (a Asked) Answer() (Answer, bool) {
	for _, x := range a.Answers {
		if workpaper.Whole(x.Body["round"]) == a.Round() {
			return x, true
		}
	}
	return Answer{}, false
}

// State is how it stands as both sides know it: what the company handed in stands as submitted before the firm says so.
func (a Asked) State() string {
	x, ok := a.Answer()
	switch {
	case !a.Open() || !ok:
		return a.Told()
	case x.state() == "handed_in":
		return "submitted"
	case x.state() == "not_available":
		return "not_available"
	case x.state() == "in_review":
		return "internal_review"
	case a.Sort == QuestionnaireSent:
		return "answering"
	}
	return a.Told()
}

// askedOf is what the firm's last parcel says of one thing that it asked.
func askedOf(look record.Look, id, sort, of string) (Asked, error) {
	none := fault.New(fault.NotFound, "The firm asked no %s %q in %s.", strings.ReplaceAll(sort, "_", " "), of, id).WithNext("Take the firm's newest parcel.")
	found, err := look.Find(FirmItem, "of", of)
	if err != nil {
		return Asked{}, err
	}
	for _, v := range found {
		a, err := askedIn(v)
		if err == nil && a.Engagement == id && a.Sort == sort && a.Of == of {
			return a, nil
		}
	}
	return Asked{}, none
}

func askedIn(v record.Version) (a Asked, err error) {
	b, err := engagement.Body(v)
	if err != nil {
		return a, err
	}
	content, _ := b["content"].(map[string]any)
	return Asked{Engagement: engagement.Text(b, engagement.Name), Sort: engagement.Text(b, "sort"), Of: engagement.Text(b, "of"), Title: engagement.Text(b, "title"), Content: content, Came: v.From.Time()}, nil
}

// AskedOf is one thing that the firm asked the company by parcel, with its answers.
func (o *Office) AskedOf(ctx context.Context, by record.Authority, id, sort, of string) (Asked, error) {
	list, err := o.Asked(ctx, by, id)
	if err != nil {
		return Asked{}, err
	}
	for _, a := range list {
		if a.Sort == sort && a.Of == of {
			return a, nil
		}
	}
	return Asked{}, fault.New(fault.NotFound, "The firm asked no %s %q.", strings.ReplaceAll(sort, "_", " "), of)
}

// Asked is everything that the firm asked the company by parcel in an engagement, or in all with an empty id, what is due first at first.
func (o *Office) Asked(ctx context.Context, by record.Authority, id string) ([]Asked, error) {
	if o.Firm {
		return nil, fault.New(fault.Conflict, "The firm asks, and is asked nothing by parcel.")
	}
	if err := o.reads(ctx, by); err != nil {
		return nil, err
	}
	var out []Asked
	err := o.Book.EachOpen(ctx, o.Book.DB, FirmItem, func(v record.Version) error {
		a, err := askedIn(v)
		if err == nil && (a.Sort == EvidenceRequest || a.Sort == QuestionnaireSent) && (id == "" || a.Engagement == id) {
			out = append(out, a)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sent := map[string]map[string]int{}
	for i := range out {
		a := &out[i]
		if sent[a.Engagement] == nil {
			if sent[a.Engagement], err = o.wentWith(ctx, a.Engagement); err != nil {
				return nil, err
			}
		}
		found, err := o.Book.Find(ctx, o.Book.DB, FirmAnswer, "of", a.Of, 0)
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			b, err := engagement.Body(v)
			if err != nil {
				return nil, err
			}
			if b[engagement.Name] == a.Engagement && b["sort"] == a.Sort {
				a.Answers = append(a.Answers, Answer{Key: v.Key, Version: v, Body: b, Parcel: sent[a.Engagement][v.Key]})
			}
		}
		slices.SortFunc(a.Answers, func(x, y Answer) int { return workpaper.Whole(x.Body["round"]) - workpaper.Whole(y.Body["round"]) })
	}
	slices.SortStableFunc(out, func(a, b Asked) int {
		return strings.Compare(engagement.Text(a.Content, "due")+a.Of, engagement.Text(b.Content, "due")+b.Of)
	})
	return out, nil
}

// AnyAsked reports whether the firm asked anything by parcel.
func (o *Office) AnyAsked(ctx context.Context, by record.Authority) bool {
	if o.Firm || o.reads(ctx, by) != nil {
		return false
	}
	for _, sort := range []string{EvidenceRequest, QuestionnaireSent} {
		if found, err := o.Book.Find(ctx, o.Book.DB, FirmItem, "sort", sort, 0); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// wentWith is with which parcel each answer was sent.
func (o *Office) wentWith(ctx context.Context, id string) (map[string]int, error) {
	list, err := o.parcels(ctx, o.Book.DB, id, "sent")
	out := map[string]int{}
	for _, n := range list {
		for _, t := range n.Told {
			if f := strings.Fields(t); len(f) > 2 && f[0] == AnswerGiven {
				out[strings.Join(f[1:len(f)-1], " ")] = n.Number
			}
		}
	}
	return out, err
}

// AnswerKey is the key of the answer of a round.
func AnswerKey(id, sort, of string, round int) string {
	return fmt.Sprintf("%s.%s.%s.%d", id, sort, of, round)
}

// answerTells are the members of an answer's content; what is not in it stays with the company.
var answerTells = []string{"of_sort", "of", "name", "round", "outcome", "text", "replies", "source", "query", "extractor", "extracted_at", "row_count", "checked_by", "reason", "by", "at", "files"}

// given is an answer as a parcel tells it.
type given struct {
	OfSort    string           `json:"of_sort"`
	Of        string           `json:"of"`
	Name      string           `json:"name"`
	Round     int              `json:"round"`
	Outcome   string           `json:"outcome"` // handed_in or not_available
	Text      string           `json:"text,omitempty"`
	Replies   []map[string]any `json:"replies,omitempty"`
	Source    string           `json:"source,omitempty"`
	Query     string           `json:"query,omitempty"`
	Extractor string           `json:"extractor,omitempty"`
	Extracted string           `json:"extracted_at,omitempty"`
	Rows      *int             `json:"row_count,omitempty"`
	Checked   string           `json:"checked_by,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	By        string           `json:"by"` // who of the company, by name
	At        string           `json:"at"`
	Files     []map[string]any `json:"files,omitempty"`
}

// answersToTell are the answers that were handed in, each with its files, as items of the next parcel. Those that were sent already are
// left out; what does not fit into one parcel waits for the one after, the earliest first.
func (o *Office) answersToTell(ctx context.Context, id string) (items []Item, wait int, err error) {
	sent, err := o.wentWith(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	found, err := o.Book.Find(ctx, o.Book.DB, FirmAnswer, engagement.Name, id, 0)
	if err != nil {
		return nil, 0, err
	}
	type ready struct {
		v record.Version
		b map[string]any
	}
	var list []ready
	for _, v := range found {
		b, err := engagement.Body(v)
		if err != nil {
			return nil, 0, err
		}
		if sent[v.Key] == 0 && slices.Contains([]string{"handed_in", "not_available"}, engagement.Text(b, record.StateField)) {
			list = append(list, ready{v, b})
		}
	}
	slices.SortFunc(list, func(a, b ready) int {
		return strings.Compare(engagement.Text(a.b, "handed_in_at")+a.v.Key, engagement.Text(b.b, "handed_in_at")+b.v.Key)
	})
	size := 0
	for i, r := range list {
		more, bytes, err := o.answerItems(ctx, r.v.Key, r.b)
		if err != nil {
			return nil, 0, err
		}
		if size += bytes; i > 0 && (size > largestAnswer || len(items)+len(more) > MaxItems/2) {
			return items, len(list) - i, nil
		}
		items = append(items, more...)
	}
	return items, 0, nil
}

func (o *Office) answerItems(ctx context.Context, key string, b map[string]any) (items []Item, size int, err error) {
	text := func(f string) string { return engagement.Text(b, f) }
	g := given{OfSort: text("sort"), Of: text("of"), Name: text("name"), Round: workpaper.Whole(b["round"]), Outcome: text(record.StateField), Text: text("text"), Replies: engagement.Objects(b, "replies"), Source: text("source"), Query: text("query"), Extractor: text("extractor"), Extracted: text("extracted_at"), Checked: text("checked_by"), Reason: text("reason"), At: text("handed_in_at")}
	if b["row_count"] != nil {
		n := workpaper.Whole(b["row_count"])
		g.Rows = &n
	}
	if g.By, err = o.nameOf(ctx, text("handed_in_by")); err != nil {
		return nil, 0, err
	}
	for n, f := range engagement.Objects(b, "files") {
		g.Files = append(g.Files, f)
		raw, err := json.Marshal(map[string]any{"answer": key, "item": engagement.Text(f, "item"), "media_type": engagement.Text(f, "media_type")})
		if err != nil {
			return nil, 0, err
		}
		size += workpaper.Whole(f["size"])
		items = append(items, Item{Sort: AnswerFile, Key: fmt.Sprintf("%s.%d", key, n+1), Title: engagement.Text(f, "name"), Content: raw, File: engagement.Text(f, "sha256"), Name: engagement.Text(f, "name")})
	}
	raw, err := json.Marshal(g)
	if err != nil {
		return nil, 0, err
	}
	return append([]Item{{Sort: AnswerGiven, Key: key, Title: g.Name, Content: raw}}, items...), size, nil
}

// nameOf is a person's name, for people elsewhere, who know no keys of here.
func (o *Office) nameOf(ctx context.Context, key string) (string, error) {
	v, err := o.Book.Get(ctx, "person", key, 0)
	if fault.Is(err, fault.NotFound) {
		return key, nil
	}
	if err != nil || v.Label == "" {
		return key, err
	}
	return v.Label, nil
}

// whole refuses answers of the company that are not what they should be: of no round, or with files that did not come.
func whole(items []Item) error {
	files := map[string]bool{}
	for _, i := range items {
		if i.Sort == AnswerFile {
			var c struct {
				Answer string `json:"answer"`
			}
			if json.Unmarshal(i.Content, &c) != nil || i.File == "" {
				return refuse(WhyContent, "The file %s belongs to no answer, or did not come.", i.Key)
			}
			files[c.Answer+" "+i.File] = true
		}
	}
	for _, i := range items {
		if i.Sort != AnswerGiven {
			continue
		}
		var g given
		if err := strict(i.Content, &g); err != nil {
			return refuse(WhyContent, "The answer %s cannot be read: %v.", i.Key, err)
		}
		at, err := time.Parse(time.RFC3339Nano, g.At)
		if err != nil || at.IsZero() || g.Round < 1 || g.By == "" || !slices.Contains([]string{"handed_in", "not_available"}, g.Outcome) {
			return refuse(WhyContent, "The answer %s does not say who handed in which round when.", i.Key)
		}
		for _, f := range g.Files {
			if !files[i.Key+" "+engagement.Text(f, "sha256")] {
				return refuse(WhyContent, "The answer %s names the file %s, which did not come with it.", i.Key, engagement.Text(f, "name"))
			}
		}
	}
	return nil
}

// Unapplied is an answer that came and that was not taken over into the firm's request, with the reason.
type Unapplied struct{ Key, Name, Of, Why string }

// Apply takes the answers that came over into the firm's own requests and questionnaires, each whole or not at all. What was taken over
// before, or is of an earlier round, is passed over; what cannot be is said with its reason, and stands in the parcel all the same.
func (o *Office) Apply(ctx context.Context, id string) ([]Unapplied, error) {
	return o.eachAnswer(ctx, id, true)
}

// Unapplied are the answers that came and were not taken over, with what stands against each. Nothing is written.
func (o *Office) Unapplied(ctx context.Context, id string) ([]Unapplied, error) {
	return o.eachAnswer(ctx, id, false)
}

func (o *Office) eachAnswer(ctx context.Context, id string, write bool) ([]Unapplied, error) {
	if !o.Firm {
		return nil, nil
	}
	ctx = record.AsProgram(ctx)
	found, err := o.Book.Find(ctx, o.Book.DB, CompanyItem, engagement.Name, id, 0)
	if err != nil {
		return nil, err
	}
	var out []Unapplied
	for _, v := range found {
		b, err := engagement.Body(v)
		if err != nil {
			return nil, err
		}
		if b["sort"] != AnswerGiven {
			continue
		}
		raw, err := json.Marshal(b["content"])
		if err != nil {
			return nil, err
		}
		var g given
		if err := strict(raw, &g); err != nil {
			return nil, fmt.Errorf("read the answer %s: %w", v.Key, err)
		}
		if err := o.apply(ctx, id, g, write); err != nil {
			var no *fault.Fault
			if no = faultOf(err); no == nil {
				return nil, err
			}
			out = append(out, Unapplied{engagement.Text(b, "of"), g.Name, g.Of, strings.TrimSpace(no.Message + " " + no.Next)})
		}
	}
	return out, nil
}

// apply takes one answer over.
func (o *Office) apply(ctx context.Context, id string, g given, write bool) error {
	kind := request.Name
	if g.OfSort == QuestionnaireSent {
		kind = request.QuestionnaireName
	}
	v, err := o.Book.GetFrom(ctx, kind, g.Of, record.Program, 0, record.Auditor)
	if err != nil {
		return err
	}
	b, err := engagement.Body(v)
	if err != nil {
		return err
	}
	if b[engagement.Name] != id {
		return fault.New(fault.Conflict, "It answers a request of another engagement.").WithNext("Ask the company which request it means.")
	}
	said := map[string]any{"told_by": g.By + ", of the company", "told_at": g.At}
	var changes []record.Change
	reason := "from the company's parcel"
	if kind == request.QuestionnaireName {
		if done := engagement.Text(b, "told_at"); g.Round < request.Asked(b) || g.Round == request.Asked(b) && done == g.At {
			return nil
		}
		if g.Round > request.Asked(b) {
			return ahead(g.Round, request.Asked(b))
		}
		given, err := o.Book.Find(ctx, o.Book.DB, request.AnswerName, request.QuestionnaireName, g.Of, 0)
		if err != nil {
			return err
		}
		keys := map[string]string{}
		for _, a := range given {
			ab, err := engagement.Body(a)
			if err != nil {
				return err
			}
			if ab[record.StateField] != "given_up" {
				keys[engagement.Text(ab, "question")] = a.Key
			}
		}
		for _, r := range g.Replies {
			question := engagement.Text(r, "question")
			body := map[string]any{engagement.Name: id, request.QuestionnaireName: g.Of, "question": question, "told_by": said["told_by"], "told_at": g.At}
			for _, f := range []string{"reply", "text", "evidence", "taken_from", "taken_on", "despite"} {
				if x, ok := r[f]; ok {
					body[f] = x
				}
			}
			raw, err := json.Marshal(body)
			if err != nil {
				return err
			}
			key := keys[question]
			if key == "" {
				key = g.Of + "." + question
			}
			changes = append(changes, record.Change{Kind: request.AnswerName, Key: key, Body: raw, Origin: record.Forwarded, Reason: reason})
		}
		changes = append(changes, record.Change{Kind: kind, Key: g.Of, Move: "receive", Said: said, Reason: reason})
	} else {
		if done := engagement.Text(b, "told_at"); g.Round < request.Round(b) || g.Round == request.Round(b) && done == g.At {
			return nil
		}
		if g.Round > request.Round(b) {
			return ahead(g.Round, request.Round(b))
		}
		move := "receive"
		if g.Outcome == "not_available" {
			move, said["reason"] = "receive_refusal", g.Reason
		} else {
			files := []any{}
			for _, f := range g.Files {
				files = append(files, f)
			}
			for name, x := range map[string]string{"answer": g.Text, "checked_by": g.Checked, "source": g.Source, "query": g.Query, "extractor": g.Extractor, "extracted_at": g.Extracted} {
				if x != "" {
					said[name] = x
				}
			}
			if len(files) > 0 {
				said["new_files"] = files
			}
			if g.Rows != nil {
				said["row_count"] = float64(*g.Rows)
			}
		}
		changes = append(changes, record.Change{Kind: kind, Key: g.Of, Move: move, Said: said, Reason: reason})
	}
	if !write {
		k, err := o.Book.Kinds.Named(kind)
		if err != nil {
			return err
		}
		last := changes[len(changes)-1]
		if err := k.Refusal(o.Book.LookAt(ctx, time.Time{}), b, last.Move, record.Job("job:exchange").Actor()); err != nil {
			return err
		}
		return fault.New(fault.Conflict, "It was not taken over yet.").WithNext("It is taken over with the next parcel that comes.")
	}
	_, err = o.Book.Put(ctx, record.Job("job:exchange"), changes...)
	return err
}

func ahead(round, waits int) error {
	return fault.New(fault.Conflict, "It is the answer of round %d, and the request is in round %d.", round, waits).WithNext("Take the company's parcels in their order, and ask it what it answered.")
}
