package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/issue"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/report/verify"
	"tickmark/internal/request"
	"tickmark/internal/workpaper"
)

// The sorts of items: what the firm tells, and what the company tells. A parcel that tells anything else is refused.
const (
	NonceCommitment   = "nonce_commitment"
	PopulationRequest = "population_request"
	ReleasedSample    = "sample"
	DeviationNotice   = "deviation_notice"
	DraftReport       = "draft_report"
	EvidenceRequest   = "evidence_request"
	QuestionnaireSent = "questionnaire"
	IssuedReport      = "issued_report"

	PopulationList = "population"
	CompanyRecord  = "record"
	CompanyFile    = "file"
	AnswerGiven    = "answer"
	AnswerFile     = "answer_file"
)

// tells is one sort of the firm's: from records of which kind, in which states, and which fields of them. What is not in it stays
// with the firm: ratings, sizes and their reasons, seeds before the release, samples that were not sent, papers.
type tells struct {
	sort, kind, title string
	states            []string
	fields            []string
	unless            string // a field that, when it is true, keeps the record back
	after             string // a field without which it was never said to the company
	file, name        string // fields with the SHA-256 and the name of the file that goes with it
}

func told() []tells {
	return []tells{
		{NonceCommitment, workpaper.NonceName, "control", []string{"committed", "revealed"}, []string{"control", "commitment", "salting", "committed_at", "nonce", "revealed_at"}, "", "", "", ""},
		{PopulationRequest, workpaper.PopulationName, "name", []string{"requested", "delivered", "ipe_evaluated", "frozen"}, []string{"name", "control", "sort", "source", "query", "parameters", "from", "to", "requested_at"}, "", "", "", ""},
		{ReleasedSample, workpaper.SampleName, "name", []string{"sent", "testing", "concluded"}, []string{"name", "control", "population", "method", "seed", "sent_at"}, "", "", "", ""},
		{DeviationNotice, workpaper.DeviationName, "name", []string{"fact_confirmed", "cause_assessed", "disposition_set", "response_received", "reported"}, []string{"name", "control", "item", "sort", "facts", "occurred", "confirmed_at"}, "suspected", "", "", ""},
		{EvidenceRequest, request.Name, "name", []string{"open", "submitted", "in_auditor_review", "accepted", "returned", "not_available", "withdrawn"}, []string{"name", "text", "sort", "control", "from", "to", "due", "state", "returns", "missing", "overdue_since", "sent_at", "reason"}, "", "sent_at", "", ""},
		{QuestionnaireSent, request.QuestionnaireName, "name", []string{"assigned", "answering", "internal_review", "submitted", "clarifying", "accepted"}, []string{"name", "due", "state", "clarification", "clarifications", "overdue_since", "assigned_at"}, "", "assigned_at", "", ""},
		{IssuedReport, issue.Name, "number", []string{"issued"}, []string{"form", "number", "dated", "version", "reason"}, "", "", "file", "file_name"},
	}
}

// more are the members of an item's content that are no fields of its record.
var more = map[string][]string{ReleasedSample: {"items"}, DraftReport: {"note"}, EvidenceRequest: {"items"}, QuestionnaireSent: {"questions"}}

// lists are the members of those members that are lists.
var lists = map[string][]string{ReleasedSample + " items": {"position", "key"}, EvidenceRequest + " items": {"item", "label"}, QuestionnaireSent + " questions": {"id", "text", "control"},
	AnswerGiven + " files": {"sha256", "name", "size", "media_type", "item"}, AnswerGiven + " replies": {"question", "reply", "text", "evidence", "taken_from", "taken_on", "despite"}}

// speaks refuses a parcel that tells what its side does not tell, in a sort or in a member of the firm's.
func (o *Office) speaks(p Parcel, key string) error {
	allowed := map[string][]string{PopulationList: nil, CompanyRecord: nil, CompanyFile: nil, AnswerGiven: answerTells, AnswerFile: {"answer", "item", "media_type"}}
	if p.From == Firm {
		allowed = map[string][]string{DraftReport: more[DraftReport]}
		for _, t := range told() {
			allowed[t.sort] = append(slices.Clone(t.fields), more[t.sort]...)
		}
	}
	for _, i := range p.Items {
		fields, ok := allowed[i.Sort]
		if !ok {
			return refuse(WhyContent, "It tells of a %s, which the %s does not tell.", i.Sort, p.From)
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(i.Content, &members) != nil {
			return refuse(WhyContent, "The content of %s %s is no JSON object.", i.Sort, i.Key)
		}
		if i.Sort == CompanyRecord {
			if err := proved(i, key); err != nil {
				return err
			}
		}
		if p.From != Firm && fields == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if !slices.Contains(fields, name) {
				return refuse(WhyContent, "%s %s says %s, which the %s does not tell.", i.Sort, i.Key, name, p.From)
			}
			within, ok := lists[i.Sort+" "+name]
			if !ok {
				continue
			}
			var list []map[string]json.RawMessage
			if json.Unmarshal(members[name], &list) != nil {
				return refuse(WhyContent, "%s %s has %s that are no list.", i.Sort, i.Key, name)
			}
			for _, one := range list {
				for of := range one {
					if !slices.Contains(within, of) {
						return refuse(WhyContent, "%s %s says %s of its %s, which the %s does not tell.", i.Sort, i.Key, of, name, p.From)
					}
				}
			}
		}
	}
	return whole(p.Items)
}

// Tell makes the firm's next parcel: whatever of an engagement the company is to know and does not know yet, and a draft of the
// report where one is given.
func (o *Office) Tell(ctx context.Context, by record.Authority, id, draft string) (Sent, error) {
	if !o.Firm {
		return Sent{}, fault.New(fault.Conflict, "This is a company's workspace, which tells what is named to it.").WithNext("Name populations, records or files.")
	}
	return o.tell(ctx, by, id, draft, "")
}

// TellSeen is Tell of exactly what a preview showed, by its digest.
func (o *Office) TellSeen(ctx context.Context, by record.Authority, id, seen string) (Sent, error) {
	return o.tell(ctx, by, id, "", seen)
}

func (o *Office) tell(ctx context.Context, by record.Authority, id, draft, seen string) (Sent, error) {
	if err := o.may(ctx, by, id, "send its parcels"); err != nil {
		return Sent{}, err
	}
	items, err := o.toTell(ctx, by, id, draft)
	if err != nil {
		return Sent{}, err
	}
	return o.makeAs(ctx, by, id, items, seen)
}

// toTell is all that the company is to know by now, told already or not. It decides nothing of who may ask.
func (o *Office) toTell(ctx context.Context, by record.Authority, id, draft string) (items []Item, err error) {
	desk := &fieldwork.Desk{Book: o.Book, Keys: o.Keys, Blobs: o.Blobs}
	for _, t := range told() {
		found, err := o.Book.Find(ctx, o.Book.DB, t.kind, engagement.Name, id, 0)
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			b, err := engagement.Body(v)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(t.states, engagement.Text(b, record.StateField)) || t.unless != "" && b[t.unless] == true || t.after != "" && engagement.Text(b, t.after) == "" {
				continue
			}
			content := map[string]any{}
			for _, f := range t.fields {
				if x, ok := b[f]; ok {
					content[f] = x
				}
			}
			if t.sort == ReleasedSample {
				rows, err := desk.Items(ctx, by, v.Key)
				if err != nil {
					return nil, err
				}
				list := []any{}
				for _, r := range rows { // neither which are targeted, nor why
					list = append(list, map[string]any{"position": r.Position, "key": r.Key})
				}
				content["items"] = list
			}
			for _, name := range more[t.sort] {
				if within := lists[t.sort+" "+name]; t.sort != ReleasedSample {
					list := []any{}
					for _, x := range engagement.Objects(b, name) {
						one := map[string]any{}
						for _, f := range within {
							if y, ok := x[f]; ok {
								one[f] = y
							}
						}
						list = append(list, one)
					}
					content[name] = list
				}
			}
			raw, err := json.Marshal(content)
			if err != nil {
				return nil, err
			}
			items = append(items, Item{Sort: t.sort, Key: v.Key, Title: engagement.Text(b, t.title), Content: raw, File: engagement.Text(b, t.file), Name: engagement.Text(b, t.name)})
		}
	}
	if draft != "" {
		i, err := o.draft(ctx, id, draft)
		if err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	return items, nil
}

// draft is a file as a draft of the report, once the engagement has come so far.
func (o *Office) draft(ctx context.Context, id, path string) (Item, error) {
	v, err := o.Book.GetFrom(ctx, engagement.Name, id, record.Program, 0, record.Auditor)
	if err != nil {
		return Item{}, err
	}
	e, err := engagement.Body(v)
	if err != nil {
		return Item{}, err
	}
	if state := engagement.Text(e, record.StateField); !slices.Contains([]string{"draft_report", "quality_review", "issued"}, state) {
		return Item{}, fault.New(fault.Conflict, "The engagement is %s, and there is no draft of a report before it is drafted.", strings.ReplaceAll(state, "_", " "))
	}
	h, err := o.store(ctx, path)
	return Item{Sort: DraftReport, Key: "report", Title: "Draft of the report", Content: json.RawMessage(`{"note":"A draft. It is no report, and nobody relies on it."}`), File: h, Name: filepath.Base(path)}, err
}

func (o *Office) store(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fault.New(fault.NotFound, "The file %s cannot be read: %w.", path, err)
	}
	defer f.Close()
	h, _, err := o.Blobs.Put(ctx, f, MaxParcel)
	return h.String(), err
}

// Deliver is what the company hands over in a parcel.
type Deliver struct {
	Populations map[string]string // the firm's request -> path of the list that was drawn for it
	Records     []string          // kind/key
	Kinds       []string          // every record of a kind, such as control
	Files       map[string]string // what it is, or the request it answers -> path
	Kept        []Item            // files that are kept already: sort, key, file and its name
	Seen        string            // the digest of a preview: something else is not sent
}

// Hand makes the company's next parcel of what it names.
func (o *Office) Hand(ctx context.Context, by record.Authority, id string, d Deliver) (Sent, error) {
	if o.Firm {
		return Sent{}, fault.New(fault.Conflict, "This is a firm's workspace, which tells what its records say the company is to know.").WithNext("Make the parcel without naming anything but a draft.")
	}
	if err := o.may(ctx, by, id, "send its parcels"); err != nil {
		return Sent{}, err
	}
	items, _, err := o.toHand(ctx, by, id, d)
	if err != nil {
		return Sent{}, err
	}
	return o.makeAs(ctx, by, id, items, d.Seen)
}

// toHand is what the company names, and the answers that it handed in.
func (o *Office) toHand(ctx context.Context, by record.Authority, id string, d Deliver) (items []Item, wait int, err error) {
	if items, wait, err = o.answersToTell(ctx, id); err != nil {
		return nil, 0, err
	}
	for _, what := range []struct {
		sort string
		of   map[string]string
	}{{PopulationList, d.Populations}, {CompanyFile, d.Files}} {
		for _, key := range slices.Sorted(maps.Keys(what.of)) {
			h, err := o.store(ctx, what.of[key])
			if err != nil {
				return nil, 0, err
			}
			d.Kept = append(d.Kept, Item{Sort: what.sort, Key: key, File: h, Name: filepath.Base(what.of[key])})
		}
	}
	for _, i := range d.Kept {
		if i.Sort != PopulationList && i.Sort != CompanyFile || i.Key == "" || i.File == "" {
			return nil, 0, fault.New(fault.Invalid, "A file is handed over as a population or as a file, under a name.").WithNext("Say what it is.")
		}
		i.Title, i.Content = i.Key, json.RawMessage("{}")
		if i.Sort == PopulationList { // what the company's own ledger says of the list, where it drew it itself
			drawn, err := o.Book.Find(ctx, o.Book.DB, population.Name, "file", i.File, 0)
			if err != nil {
				return nil, 0, err
			}
			for _, v := range drawn {
				i.Content = v.Body
			}
		}
		items = append(items, i)
	}
	names := slices.Clone(d.Records)
	for _, kind := range d.Kinds {
		k, err := o.open(ctx, by, kind)
		if err != nil {
			return nil, 0, err
		}
		err = o.Book.EachOpen(ctx, o.Book.DB, k.Name, func(v record.Version) error { names = append(names, kind+"/"+v.Key); return nil })
		if err != nil {
			return nil, 0, err
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		i, err := o.record(ctx, by, name)
		if err != nil {
			return nil, 0, err
		}
		items = append(items, i)
	}
	return items, wait, nil
}

// HandedOver reports whether records of a kind may be handed over: not what Tickmark keeps about itself, nor who signs in.
func HandedOver(k *record.Kind) bool {
	return k.Room == record.Company && !k.System && !slices.Contains([]string{"saved_view", "notice", "report_grant", FirmAnswer}, k.Name)
}

// open refuses a kind whose records are not handed over: what Tickmark keeps about itself, and who signs in.
func (o *Office) open(ctx context.Context, by record.Authority, kind string) (*record.Kind, error) {
	k, err := o.Book.Kinds.Named(kind)
	if err != nil {
		return nil, err
	}
	if !HandedOver(k) {
		return nil, fault.New(fault.Denied, "%s are not handed over to a firm.", k.Plural).WithNext("Hand over records of the programme, or what sources said.")
	}
	return k, by.May(ctx, "read", k)
}

// record is a record as it holds, with the proof that it stands in the company's ledger, and its file where it names one.
func (o *Office) record(ctx context.Context, by record.Authority, name string) (Item, error) {
	kind, key, _ := strings.Cut(name, "/")
	k, err := o.open(ctx, by, kind)
	if err != nil {
		return Item{}, err
	}
	v, err := o.Book.Get(ctx, k.Name, key, 0)
	if err != nil {
		return Item{}, err
	}
	proof, err := report.Prove(ctx, o.Book, by, k.Name, key, 0)
	if err != nil {
		return Item{}, err
	}
	line, err := proof.Encode()
	if err != nil {
		return Item{}, fmt.Errorf("write the proof of %s down: %w", name, err)
	}
	var proved struct {
		Body json.RawMessage `json:"body"` // as it was committed to
	}
	if err := json.Unmarshal(proof.Version, &proved); err != nil {
		return Item{}, fmt.Errorf("read the proof of %s: %w", name, err)
	}
	// The proof stands as text: its numbers are larger than those that every JSON reader keeps.
	content := map[string]any{"kind": v.Kind, "key": v.Key, "source": v.Source, "origin": v.Origin, "label": v.Label, "from": v.From.Time(), "entry": v.Entry, "body": proved.Body, "proof": string(line)}
	if v.Occurred != nil {
		content["occurred"] = v.Occurred.At
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return Item{}, fmt.Errorf("write %s down: %w", name, err)
	}
	i := Item{Sort: CompanyRecord, Key: name, Title: v.Label, Content: raw}
	if verify.NamesFile(v.Kind) {
		i.File = verify.FileOf(v.Body)
	}
	return i, nil
}

// proved refuses a record that is not what its proof says, or whose proof does not hold by the company's key.
func proved(i Item, key string) error {
	var c, v struct {
		Kind  string          `json:"kind"`
		Key   string          `json:"key"`
		Entry int64           `json:"entry"`
		Body  json.RawMessage `json:"body"`
		Proof string          `json:"proof"`
	}
	var f verify.ProofFile
	no := func(why string) error { return refuse(WhyContent, "The record %s %s.", i.Key, why) }
	if json.Unmarshal(i.Content, &c) != nil || json.Unmarshal([]byte(c.Proof), &f) != nil || json.Unmarshal(f.Version, &v) != nil {
		return no("comes without a proof that can be read")
	}
	said, err := verify.Proof([]byte(c.Proof), verify.Options{Key: key})
	if err != nil {
		return err
	}
	if !said.OK {
		return no("comes with a proof that does not hold by the company's key")
	}
	a, err1 := record.Canonical(c.Body)
	b, err2 := record.Canonical(v.Body)
	if err1 != nil || err2 != nil || string(a) != string(b) || c.Kind != v.Kind || c.Key != v.Key || c.Entry != v.Entry || i.Key != c.Kind+"/"+c.Key {
		return no("is not the one that its proof speaks of")
	}
	return nil
}
