package room

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Questionnaire is a list of questions with its answers, as either side sees it.
type Questionnaire struct {
	Name, Engagement string
	State            part.Status
	Due              Deadline
	Late             string
	Unclear          string // what the firm wants made clear
	Questions        []Question
	Company          bool
	Tabs             []part.Tab
	Record, Act      string
	Moves            []form.Move
	Edit             string
	Wrong, At        string // what was refused, and at which question
	Typed            map[string][]string
}

// Question is one of them.
type Question struct {
	ID, Text, Control string
	Reply             part.Status
	Answer, TakenFrom string
	Evidence          []string
	By                string
	At                time.Time
	Despite           string
	Form              string // where it is answered; empty where it cannot be
}

// QuestionnaireRow is one in a list.
type QuestionnaireRow struct {
	Name, Href, Engagement string
	State                  part.Status
	Due                    Deadline
	Questions, Answered    int
}

// answersOf are the answers to a questionnaire, by question.
func (f *file) answersOf(key string) (map[string]entry, error) {
	list, err := f.those(request.AnswerName, request.QuestionnaireName, key)
	out := map[string]entry{}
	for _, e := range list {
		if e.state() != "given_up" {
			out[e.text("question")] = e
		}
	}
	return out, err
}

func (f *file) questionnaireRow(ctx context.Context, e entry) (QuestionnaireRow, error) {
	answers, err := f.answersOf(e.Key)
	due := &file{entry: entry{Body: map[string]any{"due": e.Body["due"], "zone": f.Body["zone"]}}}
	return QuestionnaireRow{Name: e.text("name"), Href: f.path("questionnaires", e.Key), Engagement: f.text("name"), State: part.Status(e.state()), Due: due.deadline(ctx, "due", slices.Contains([]string{"submitted", "accepted"}, e.state())),
		Questions: len(engagement.Objects(e.Body, "questions")), Answered: len(answers)}, err
}

// questionnaires are those of an engagement; the company sees what was sent.
func (f *file) questionnaires(ctx context.Context, company bool) ([]QuestionnaireRow, error) {
	list, err := f.all(request.QuestionnaireName)
	var out []QuestionnaireRow
	for _, e := range list {
		if company && e.state() == "imported" {
			continue
		}
		row, err := f.questionnaireRow(ctx, e)
		if err != nil {
			return nil, err
		}
		if company {
			row.Href = part.Path("questionnaires", e.Key)
		}
		out = append(out, row)
	}
	return out, err
}

func (s *Site) questionnaire(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.open(r)
	if err != nil {
		return err
	}
	e, err := s.within(f, request.QuestionnaireName, segment(r, "key"))
	if err != nil {
		return err
	}
	q, err := f.questionnairePage(ctx, e, "")
	if err != nil {
		return err
	}
	q.Record, q.Act = part.Path("records", request.QuestionnaireName, e.Key), f.record(e)
	if e.state() == "imported" && s.mayWrite(ctx) {
		q.Edit = f.path("edit", request.QuestionnaireName, e.Key)
	}
	if q.Tabs, err = f.tabs("Requests"); err != nil {
		return err
	}
	if q.Moves, err = s.movesOf(ctx, e, append([]string{"receive"}, companySteps...)...); err != nil {
		return err
	}
	crumbs := f.crumbs(part.Crumb{Text: "Requests", Href: f.path("requests")}, part.Crumb{Text: q.Name})
	return s.Show(w, r, status(ctx), shell.Page{Title: q.Name, Section: Section, Crumbs: crumbs}, QuestionnaireView(q))
}

// companySteps are the company's steps with a questionnaire, firmSteps the firm's.
var companySteps, firmSteps = []string{"begin", "hand_over", "return", "submit", "answer_again"}, []string{"assign", "clarify", "accept", "receive"}

func (f *file) questionnairePage(ctx context.Context, e entry, answer string) (Questionnaire, error) {
	row, err := f.questionnaireRow(ctx, e)
	if err != nil {
		return Questionnaire{}, err
	}
	q := Questionnaire{Name: row.Name, Engagement: row.Engagement, State: row.State, Due: row.Due, Late: e.text("overdue_since")}
	if slices.Contains([]string{"clarifying", "answering"}, e.state()) {
		q.Unclear = e.text("clarification")
	}
	answers, err := f.answersOf(e.Key)
	if err != nil {
		return q, err
	}
	for _, o := range engagement.Objects(e.Body, "questions") {
		x := Question{ID: text(o, "id"), Text: text(o, "text"), Control: text(o, "control"), Form: answer}
		if a, ok := answers[x.ID]; ok {
			x.Reply, x.Answer, x.Evidence, x.TakenFrom, x.Despite = part.Status("reply_"+a.text("reply")), a.text("text"), engagement.List(a.Body, "evidence"), a.text("taken_from"), a.text("despite")
			x.By, x.At = a.V.Actor, a.V.From.Time()
		}
		q.Questions = append(q.Questions, x)
	}
	return q, nil
}

// askedQuestions is a questionnaire that was sent to the reader's company.
func (s *Site) askedQuestions(r *http.Request) (*file, entry, error) {
	none := fault.New(fault.NotFound, "There is no such questionnaire.")
	v, err := s.look(r.Context()).Get(request.QuestionnaireName, segment(r, "key"))
	if fault.Is(err, fault.NotFound) {
		return nil, entry{}, none
	}
	if err != nil {
		return nil, entry{}, err
	}
	e, err := entryOf(v)
	if err != nil {
		return nil, entry{}, err
	}
	found, err := s.contactOf(r.Context())
	if err != nil {
		return nil, entry{}, err
	}
	for _, f := range found {
		if f.Key == e.text(engagement.Name) && e.state() != "imported" {
			return f, e, nil
		}
	}
	return nil, entry{}, none
}

func (s *Site) askedQuestionnaire(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, e, err := s.askedQuestions(r)
	if err != nil {
		return err
	}
	answer := ""
	if e.state() == "answering" && !part.Past(ctx) {
		answer = part.Path("questionnaires", e.Key, "answer")
	}
	q, err := f.questionnairePage(ctx, e, answer)
	if err != nil {
		return err
	}
	q.Company, q.Act = true, part.Path("questionnaires", e.Key)
	if q.Moves, err = s.movesOf(ctx, e, firmSteps...); err != nil {
		return err
	}
	if why := refused(ctx); strings.HasPrefix(why.At, "question ") {
		q.Wrong, q.At, q.Typed = why.Sentence, strings.TrimPrefix(why.At, "question "), why.Typed
	}
	crumbs := []part.Crumb{{Text: "Requests", Href: AskedSection}, {Text: q.Name}}
	return s.Show(w, r, status(ctx), shell.Page{Title: q.Name, Section: AskedSection, Crumbs: crumbs}, QuestionnaireView(q))
}

// askedAnswer writes the answer to one question.
func (s *Site) askedAnswer(w http.ResponseWriter, r *http.Request) error {
	f, e, err := s.askedQuestions(r)
	if err != nil {
		return err
	}
	if err := s.Read(w, r); err != nil {
		return err
	}
	in := r.PostForm
	id := in.Get("question")
	answers, err := f.answersOf(e.Key)
	if err != nil {
		return err
	}
	b := map[string]any{engagement.Name: f.Key, request.QuestionnaireName: e.Key, "question": id}
	for _, name := range []string{"reply", "text", "taken_from", "taken_on", "despite"} {
		if v := strings.TrimSpace(in.Get(name)); v != "" {
			b[name] = v
		}
	}
	if list := references(in.Get("evidence")); len(list) > 0 {
		b["evidence"] = anys(list)
	}
	_, err = s.put(r.Context(), request.AnswerName, answers[id].Key, b, "answered", nil)
	return s.tried(w, r, s.askedQuestionnaire, "question "+id, err, part.Path("questionnaires", e.Key)+"#"+part.ID("question", id), "The answer to "+id+" is kept.")
}

// askedStep takes a step of the company's with a questionnaire.
func (s *Site) askedStep(w http.ResponseWriter, r *http.Request) error {
	_, e, err := s.askedQuestions(r)
	if err != nil {
		return err
	}
	if err := s.Read(w, r); err != nil {
		return err
	}
	move := r.PathValue("move")
	if !slices.Contains(companySteps, move) {
		return fault.New(fault.NotFound, "There is no step %q.", move)
	}
	_, err = s.Desk.Book.Put(r.Context(), s.Who(r.Context()), record.Change{Kind: request.QuestionnaireName, Key: e.Key, Move: move})
	if said(err) {
		why := refusal{At: request.QuestionnaireName + "/" + e.Key + "/" + move, Sentence: sentence(err), Status: fault.Status(err)}
		return s.again(w, r, s.askedQuestionnaire, why)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, part.Path("questionnaires", e.Key), "Done: "+words(move)+".")
}
