package parcel

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/room"
	"tickmark/internal/web/shell"
)

func text(b map[string]any, field string) string { return engagement.Text(b, field) }

func (s *Site) requestRow(ctx context.Context, a exchange.Asked) room.RequestRow {
	state, files := part.Status(a.State()), 0
	all := map[string]any{"items": a.Content["items"]}
	var list []any
	for _, x := range a.Answers {
		for _, f := range engagement.Objects(x.Body, "files") {
			list = append(list, f)
			files++
		}
	}
	all["files"] = list
	due := text(a.Content, "due")
	met := state != "open" && state != "returned"
	if !met && due != "" && due < part.Of(ctx).Moment().UTC().Format(time.DateOnly) {
		state = "overdue"
	}
	return room.RequestRow{Key: a.Of, Name: a.Title, Href: s.path(a.Engagement, "asked", a.Sort, a.Of), Sort: part.Sentence(text(a.Content, "sort")), Control: text(a.Content, "control"), State: state, Due: deadline(ctx, due, met), Late: text(a.Content, "overdue_since"),
		Returns: whole(a.Content["returns"]), Files: files, Items: len(engagement.Objects(a.Content, "items")), Lacking: len(request.Lacking(all)), Engagement: a.Engagement}
}

func (s *Site) listRow(ctx context.Context, a exchange.Asked) room.QuestionnaireRow {
	state := a.State()
	out := room.QuestionnaireRow{Name: a.Title, Href: s.path(a.Engagement, "asked", a.Sort, a.Of), Engagement: a.Engagement, State: part.Status(state), Due: deadline(ctx, text(a.Content, "due"), state == "submitted" || state == "accepted"), Questions: len(engagement.Objects(a.Content, "questions"))}
	if x, ok := a.Answer(); ok {
		out.Answered = len(engagement.Objects(x.Body, "replies"))
	} else if n := len(a.Answers); n > 0 {
		out.Answered = len(engagement.Objects(a.Answers[n-1].Body, "replies"))
	}
	return out
}

func (s *Site) of(r *http.Request) (exchange.Asked, error) {
	ctx := r.Context()
	return s.Office.AskedOf(ctx, s.Who(ctx), segment(r, "id"), segment(r, "sort"), segment(r, "of"))
}

func (s *Site) askedPath(a exchange.Asked) string {
	return s.path(a.Engagement, "asked", a.Sort, a.Of)
}

// asked shows one thing that the firm asked, with the company's answers round by round.
func (s *Site) asked(w http.ResponseWriter, r *http.Request) error {
	a, err := s.of(r)
	if err != nil {
		return err
	}
	crumbs := []part.Crumb{{Text: "Parcels", Href: Section}, {Text: a.Engagement, Href: s.path(a.Engagement)}, {Text: a.Title}}
	frame := shell.Page{Title: a.Title, Section: Section, Crumbs: crumbs}
	if a.Sort == exchange.QuestionnaireSent {
		q, err := s.questionnaire(r.Context(), a)
		if err != nil {
			return err
		}
		return s.Show(w, r, status(r.Context()), frame, room.QuestionnaireView(q))
	}
	return s.Show(w, r, status(r.Context()), frame, room.RequestView(s.request(r.Context(), a)))
}

// mayAnswer reports whether the reader may write the company's answers.
func (s *Site) mayAnswer(ctx context.Context) bool {
	k, err := s.Office.Book.Kinds.Named(exchange.FirmAnswer)
	return err == nil && !part.Past(ctx) && s.Who(ctx).May(ctx, "write", k) == nil
}

func (s *Site) request(ctx context.Context, a exchange.Asked) room.RequestPage {
	c, base := a.Content, s.askedPath(a)
	p := room.RequestPage{RequestRow: s.requestRow(ctx, a), Text: text(c, "text"), Missing: text(c, "missing"), Reason: text(c, "reason"), Company: true, Base: base, Proof: c["sort"] == request.Population}
	span := ""
	if text(c, "to") != "" {
		span = text(c, "from") + " to " + text(c, "to")
	}
	p.Facts = []part.Fact{part.Say("Kind", p.Sort), part.Say("Control", p.Control), part.Say("Should speak for", span), part.Say("Due", text(c, "due")), {Name: "Came", Value: part.Date(a.Came)}, part.Say("Overdue since", p.Late), part.Say("Times returned", fmt.Sprint(p.Returns))}
	current, begun := a.Answer()
	draft := begun && current.Body[record.StateField] == "draft"
	p.May = a.Open() && s.mayAnswer(ctx) && (!begun || draft)
	of := map[string][]room.HandedIn{}
	for _, x := range a.Answers {
		round, pending := whole(x.Body["round"]), x.Body[record.StateField] == "draft"
		by, at := text(x.Body, "handed_in_by"), text(x.Body, "handed_in_at")
		if by == "" {
			by, at = text(x.Body, "begun_by"), text(x.Body, "begun_at")
		}
		for _, f := range engagement.Objects(x.Body, "files") {
			of[text(f, "item")] = append(of[text(f, "item")], room.HandedIn{Name: text(f, "name"), Sum: text(f, "sha256"), Href: base + "/files/" + text(f, "sha256"), By: by, Size: int64(whole(f["size"])), Round: round, At: moment(at), Pending: pending})
		}
		said := text(x.Body, "text")
		if why := text(x.Body, "reason"); why != "" {
			said = "Not available: " + why
		}
		if said != "" && !pending {
			p.Answers = append(p.Answers, room.Answer{Text: said, By: by, Checked: text(x.Body, "checked_by"), Round: round, At: moment(at)})
		}
		if text(x.Body, "query") != "" && !pending {
			p.Facts = append(p.Facts, part.Say("System of record", text(x.Body, "source")), part.Say("Query", text(x.Body, "query")), part.Say("Drawn by", text(x.Body, "extractor")), part.Say("Rows", fmt.Sprint(whole(x.Body["row_count"]))))
		}
	}
	for _, i := range engagement.Objects(c, "items") {
		p.Lines = append(p.Lines, room.RequestLine{Item: text(i, "item"), Label: text(i, "label"), Files: of[text(i, "item")]})
	}
	p.Loose = of[""]
	switch {
	case begun && current.Parcel > 0:
		p.Facts = append(p.Facts, part.Say("Went with", fmt.Sprintf("parcel %d", current.Parcel)))
	case begun && !draft && a.Open():
		p.Facts = append(p.Facts, part.Say("Goes with", "the next parcel"))
	}
	if draft {
		p.Typed = map[string][]string{}
		for box, f := range map[string]string{"answer": "text", "checked_by": "checked_by", "source": "source", "query": "query", "extractor": "extractor", "extracted_at": "extracted_at"} {
			p.Typed[box] = []string{text(current.Body, f)}
		}
	}
	if why := refused(ctx); why.At == "asked" {
		p.Wrong, p.Typed = why.Sentence, why.Typed
	}
	return p
}

// draftOf is the answer of the round as it stands, or a new one; it is written whole.
func (s *Site) draftOf(a exchange.Asked) (key string, b map[string]any) {
	if x, ok := a.Answer(); ok {
		b = map[string]any{}
		for k, v := range x.Body {
			b[k] = v
		}
		return x.Key, b
	}
	return exchange.AnswerKey(a.Engagement, a.Sort, a.Of, a.Round()), map[string]any{engagement.Name: a.Engagement, "sort": a.Sort, "of": a.Of, "name": a.Title, "round": a.Round()}
}

func (s *Site) write(ctx context.Context, key string, b map[string]any) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = s.Office.Book.Put(ctx, s.Who(ctx), record.Change{Kind: exchange.FirmAnswer, Key: key, Body: raw, Reason: "answered"})
	return err
}

func (s *Site) act(ctx context.Context, key, move string, said map[string]any) error {
	_, err := s.Office.Book.Put(ctx, s.Who(ctx), record.Change{Kind: exchange.FirmAnswer, Key: key, Move: move, Said: said})
	return err
}

// does is an act on an answer, which goes back to its page.
func (s *Site) does(w http.ResponseWriter, r *http.Request, said string, do func(a exchange.Asked) error) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	a, err := s.of(r)
	if err != nil {
		return err
	}
	if !s.mayAnswer(r.Context()) {
		return fault.New(fault.Denied, "You may not answer the firm.").WithNext("Ask whoever leads the programme.")
	}
	return s.tried(w, r, s.asked, "asked", do(a), s.askedPath(a), said)
}

func (s *Site) attach(w http.ResponseWriter, r *http.Request) error {
	return s.does(w, r, "Attached. It is handed in when you say so.", func(a exchange.Asked) error {
		files, unmatched, err := s.taken(r, a.Content)
		if err != nil {
			return err
		}
		none := func() error {
			return fault.New(fault.Invalid, "These names speak of no item, and were not attached: %s.", strings.Join(unmatched, ", ")).WithNext("Name the files after their items, or choose them beside the item.")
		}
		if len(files) == 0 {
			return none()
		}
		key, b := s.draftOf(a)
		list, _ := b["files"].([]any)
		b["files"] = append(slices.Clone(list), files...)
		if err := s.write(r.Context(), key, b); err != nil || len(unmatched) == 0 {
			return err
		}
		return none()
	})
}

// taken keeps the files of a form. One that was chosen beside an item is that item's; of the others the name says whose they are.
func (s *Site) taken(r *http.Request, asked map[string]any) (files []any, unmatched []string, err error) {
	none := fault.New(fault.Invalid, "No file came with the form.").WithNext("Choose at least one.")
	if r.MultipartForm == nil {
		return nil, nil, none
	}
	items := len(engagement.Objects(asked, "items")) > 0
	for field, heads := range r.MultipartForm.File {
		for _, h := range heads {
			if h.Filename == "" {
				continue
			}
			name := path.Base(strings.ReplaceAll(h.Filename, `\`, "/"))
			item, beside := strings.CutPrefix(field, "file|")
			if !beside {
				item = ""
				if items {
					if item = request.Match(asked, name); item == "" {
						unmatched = append(unmatched, name)
						continue
					}
				}
			}
			in, err := h.Open()
			if err != nil {
				return nil, nil, err
			}
			sum, size, err := s.Office.Blobs.Put(r.Context(), in, exchange.MaxParcel)
			in.Close()
			if err != nil {
				return nil, nil, err
			}
			files = append(files, map[string]any{"sha256": sum.String(), "name": name, "size": float64(size), "item": item})
		}
	}
	if len(files)+len(unmatched) == 0 {
		return nil, nil, none
	}
	return files, unmatched, nil
}

func (s *Site) detach(w http.ResponseWriter, r *http.Request) error {
	return s.does(w, r, "Taken back.", func(a exchange.Asked) error {
		key, b := s.draftOf(a)
		list, _ := b["files"].([]any)
		left := slices.DeleteFunc(slices.Clone(list), func(f any) bool {
			o, ok := f.(map[string]any)
			return ok && o["sha256"] == r.PostForm.Get("sum")
		})
		if len(left) == len(list) {
			return fault.New(fault.Conflict, "No file of that hash can be taken back; what was handed in stays.").WithNext("Attach what is better; both stay on record.")
		}
		b["files"] = left
		return s.write(r.Context(), key, b)
	})
}

func (s *Site) submit(w http.ResponseWriter, r *http.Request) error {
	return s.does(w, r, "Handed in. It goes with the next parcel.", func(a exchange.Asked) error {
		key, b := s.draftOf(a)
		for name, field := range map[string]string{"answer": "text", "checked_by": "checked_by", "source": "source", "query": "query", "extractor": "extractor", "extracted_at": "extracted_at"} {
			if v := strings.TrimSpace(r.PostForm.Get(name)); v != "" {
				b[field] = v
			} else {
				delete(b, field)
			}
		}
		if v := strings.TrimSpace(r.PostForm.Get("row_count")); v != "" {
			b["row_count"] = json.Number(v)
		}
		if err := s.write(r.Context(), key, b); err != nil {
			return err
		}
		return s.act(r.Context(), key, "hand_in", nil)
	})
}

func (s *Site) decline(w http.ResponseWriter, r *http.Request) error {
	return s.does(w, r, "The firm is told with the next parcel that it is not available.", func(a exchange.Asked) error {
		key, b := s.draftOf(a)
		if _, begun := a.Answer(); !begun {
			if err := s.write(r.Context(), key, b); err != nil {
				return err
			}
		}
		return s.act(r.Context(), key, "decline", map[string]any{"reason": strings.TrimSpace(r.PostForm.Get("reason"))})
	})
}

func (s *Site) askedFile(w http.ResponseWriter, r *http.Request) error {
	a, err := s.of(r)
	if err != nil {
		return err
	}
	sum := segment(r, "sum")
	for _, x := range a.Answers {
		for _, f := range engagement.Objects(x.Body, "files") {
			if f["sha256"] != sum {
				continue
			}
			h, err := blob.Parse(sum)
			if err != nil {
				return err
			}
			in, size, err := s.Office.Blobs.Open(h)
			if err != nil {
				return err
			}
			defer in.Close()
			return handOut(w, text(f, "name"), size, in)
		}
	}
	return fault.New(fault.NotFound, "The request has no such file.")
}

func (s *Site) questionnaire(ctx context.Context, a exchange.Asked) (room.Questionnaire, error) {
	row := s.listRow(ctx, a)
	q := room.Questionnaire{Name: a.Title, Engagement: a.Engagement, State: row.State, Due: row.Due, Late: text(a.Content, "overdue_since"), Company: true, Act: s.askedPath(a)}
	if a.Told() == "clarifying" {
		q.Unclear = text(a.Content, "clarification")
	}
	x, begun := a.Answer()
	if !begun && len(a.Answers) > 0 {
		x = a.Answers[len(a.Answers)-1]
	}
	replies := map[string]map[string]any{}
	for _, y := range engagement.Objects(x.Body, "replies") {
		replies[text(y, "question")] = y
	}
	open := a.Open() && s.mayAnswer(ctx) && (!begun || x.Body[record.StateField] == "draft")
	for _, y := range engagement.Objects(a.Content, "questions") {
		one := room.Question{ID: text(y, "id"), Text: text(y, "text"), Control: text(y, "control")}
		if z := replies[one.ID]; z != nil {
			one.Reply, one.Answer, one.TakenFrom, one.Despite, one.Evidence = part.Status("reply_"+text(z, "reply")), text(z, "text"), text(z, "taken_from"), text(z, "despite"), engagement.List(z, "evidence")
			one.By, one.At = "person:"+text(x.Body, "begun_by"), x.Version.From.Time()
		}
		if open {
			one.Form = q.Act + "/answer"
		}
		q.Questions = append(q.Questions, one)
	}
	if begun && a.Open() {
		var err error
		if q.Moves, err = s.Moves(ctx, x.Version); err != nil {
			return q, err
		}
		q.Moves = slices.DeleteFunc(q.Moves, func(m form.Move) bool {
			return m.Name == "decline" || m.Name == "hand_in" && x.Body[record.StateField] == "draft"
		})
	}
	if why := refused(ctx); strings.HasPrefix(why.At, "question ") {
		q.Wrong, q.At, q.Typed = why.Sentence, strings.TrimPrefix(why.At, "question "), why.Typed
	} else if why.At != "" {
		q.Unclear = why.Sentence
	}
	return q, nil
}

// answer keeps the answer to one question.
func (s *Site) answer(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	a, err := s.of(r)
	if err != nil {
		return err
	}
	id := r.PostForm.Get("question")
	key, b := s.draftOf(a)
	if _, begun := a.Answer(); !begun && len(a.Answers) > 0 { // what was answered before is gone on with
		b["replies"] = a.Answers[len(a.Answers)-1].Body["replies"]
	}
	one := map[string]any{"question": id}
	for _, name := range []string{"reply", "text", "taken_from", "despite"} {
		if v := strings.TrimSpace(r.PostForm.Get(name)); v != "" {
			one[name] = v
		}
	}
	if list := strings.Fields(r.PostForm.Get("evidence")); len(list) > 0 {
		one["evidence"] = list
	}
	list, _ := b["replies"].([]any)
	list = slices.DeleteFunc(slices.Clone(list), func(x any) bool {
		o, ok := x.(map[string]any)
		return ok && o["question"] == id
	})
	b["replies"] = append(list, any(one))
	return s.tried(w, r, s.asked, "question "+id, s.write(r.Context(), key, b), s.askedPath(a)+"#"+part.ID("question", id), "The answer to "+id+" is kept.")
}

// step takes a step of a questionnaire's answer: to its reviewer, back, and out.
func (s *Site) step(w http.ResponseWriter, r *http.Request) error {
	return s.does(w, r, "Done: "+words(r.PathValue("move"))+".", func(a exchange.Asked) error {
		x, ok := a.Answer()
		if !ok || !slices.Contains([]string{"hand_over", "return", "hand_in"}, r.PathValue("move")) {
			return fault.New(fault.NotFound, "There is no such step.").WithNext("Answer the questions first.")
		}
		return s.act(r.Context(), x.Key, r.PathValue("move"), nil)
	})
}
