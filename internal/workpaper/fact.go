package workpaper

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Unknown is what a machine says where an expression has no answer. It stays that until a person marks the cell and says why.
const Unknown = "unknown"

// Fact is what an expression says of one attribute of one item. It is no mark and no conclusion: a tester accepts it, or overrules it
// with a reason.
type Fact struct {
	Item      string   `json:"item"`
	Attribute string   `json:"attribute"`
	Says      string   `json:"says"` // Met, Deviates or Unknown
	Reason    string   `json:"reason,omitempty"`
	Rests     []string `json:"rests,omitempty"` // on which records besides the item, each as kind and key
}

func factField() record.Field {
	return record.Field{Name: "facts", Title: "What a machine says", Type: record.Object, List: true, Fixed: true, Hidden: true, Help: "Facts that expressions give over the items; they mark nothing.", Fields: factFields()}
}

func factFields() []record.Field {
	return []record.Field{
		{Name: "item", Type: record.Text, Required: true}, {Name: "attribute", Type: record.Text, Required: true}, {Name: "says", Type: record.Choice, Required: true, Choices: []string{Met, Deviates, Unknown}},
		{Name: "reason", Type: record.Text}, {Name: "rests", Type: record.Text, List: true}}
}

func linkField() record.Field {
	return record.Field{Name: "links", Title: "Records beside the items", Type: record.Object, List: true, Hidden: true, Help: "What expressions may ask about besides the item: records that the company handed over, or rows of another frozen population.", Fields: []record.Field{
		{Name: "name", Type: record.Text, Required: true, Help: "As the expression calls them, such as accounts."},
		{Name: "kind", Type: record.Text, Required: true, Help: "The kind of the records, such as okta_user."},
		{Name: "theirs", Type: record.Text, Required: true, Help: "CEL over such a record as r, such as r.profile.email."},
		{Name: "ours", Type: record.Text, Required: true, Help: "CEL over the item as r; those belong to it of which both are the same text."},
	}}
}

// takeFacts is the move by which Tickmark, and nobody else, puts facts on a paper.
func takeFacts() record.Move {
	return record.Move{Name: "take_facts", Title: "Take what a machine says", From: []string{"in_progress"}, Job: true, At: "facts_at",
		Fields: []record.Field{{Name: "facts", Type: record.Object, List: true, Required: true, Help: "Tickmark computes them: tickmark audit facts.", Fields: factFields()}, {Name: "facts_for", Type: record.Text, Required: true, Help: "The person who asked."}},
		Guard: func(_, after map[string]any, actor record.Actor) error {
			if !actor.IsJob() {
				return fault.New(fault.Denied, "What a machine says is computed, and nobody writes it.").WithNext("Run tickmark audit facts.")
			}
			rules := Rules(after)
			seen := map[string]bool{}
			for _, f := range engagement.Objects(after, "facts") {
				at := engagement.Text(f, "item") + "\x00" + engagement.Text(f, "attribute")
				if rules[engagement.Text(f, "attribute")] == "" || seen[at] {
					return fault.New(fault.Invalid, "Attribute %s has no expression, or is told of item %s twice.", engagement.Text(f, "attribute"), engagement.Text(f, "item")).WithNext("Let Tickmark compute the facts again.")
				}
				seen[at] = true
			}
			after["facts_of"] = asked(after)
			agree(after)
			return nil
		}}
}

// Rules are the expressions of the attributes that a machine decides, by attribute.
func Rules(paper map[string]any) map[string]string {
	out := map[string]string{}
	for _, a := range engagement.Objects(paper, "attributes") {
		if a["decided_by"] == "machine" && engagement.Text(a, "rule") != "" {
			out[engagement.Text(a, "id")] = engagement.Text(a, "rule")
		}
	}
	return out
}

// asked names what facts are an answer to: the expressions, what they look up, and the population.
func asked(paper map[string]any) string {
	b, _ := json.Marshal([]any{Rules(paper), paper["links"], paper[PopulationName]})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// FactsOf are the facts on a paper, by item and attribute.
func FactsOf(paper map[string]any) map[[2]string]Fact {
	out := map[[2]string]Fact{}
	for _, f := range engagement.Objects(paper, "facts") {
		x := Fact{engagement.Text(f, "item"), engagement.Text(f, "attribute"), engagement.Text(f, "says"), engagement.Text(f, "reason"), engagement.List(f, "rests")}
		out[[2]string{x.Item, x.Attribute}] = x
	}
	return out
}

// agree gives each cell the fact of its item and attribute, and takes away what nobody computed. Facts that answer another question
// than the paper asks now are dropped.
func agree(after map[string]any) {
	if _, ok := after["facts"]; ok && after["facts_of"] != asked(after) {
		for _, f := range []string{"facts", "facts_of", "facts_for", "facts_at"} {
			delete(after, f)
		}
	}
	facts := FactsOf(after)
	for _, c := range engagement.Objects(after, "grid") {
		delete(c, "fact")
		if f, ok := facts[[2]string{engagement.Text(c, "item"), engagement.Text(c, "attribute")}]; ok {
			c["fact"] = f.Says
		}
	}
}

// overruled refuses a cell that says something else than the machine, or something where the machine knows nothing, without a reason.
func overruled(c map[string]any) error {
	fact, mark := engagement.Text(c, "fact"), engagement.Text(c, "mark")
	if fact == "" || mark == followsUp || fact == mark || engagement.Text(c, "note") != "" {
		return nil
	}
	at := fmt.Sprintf("Item %s, attribute %s", engagement.Text(c, "item"), engagement.Text(c, "attribute"))
	if fact == Unknown {
		return fault.New(fault.Invalid, "%s is marked %s, and the machine says that it is not known.", at, words(mark)).WithNext("Say in its note what shows it to you.")
	}
	return fault.New(fault.Invalid, "%s is marked %s, and the machine says %s.", at, words(mark), words(fact)).WithNext("Say in its note why you overrule that.")
}

// computed refuses a conclusion over an attribute that a machine decides while no machine was asked of every item of it.
func computed(paper map[string]any, samples []map[string]any) error {
	facts := FactsOf(paper)
	for _, a := range engagement.Objects(paper, "attributes") {
		if a["decided_by"] != "machine" {
			continue
		}
		id := engagement.Text(a, "id")
		if engagement.Text(a, "rule") == "" {
			return fault.New(fault.Conflict, "Attribute %s is decided by a machine, and nothing says by which expression.", id).WithNext("Write the expression, or set decided_by to person.")
		}
		for _, s := range samples {
			if s["method"] != "all" {
				return fault.New(fault.Conflict, "Attribute %s is decided by a machine, which looks at every row, and its sample is %s.", id, engagement.Text(s, "method")).
					WithNext("Draw a sample by the method all, or set decided_by to person.")
			}
			for _, item := range Items(s) {
				if _, ok := facts[[2]string{item, id}]; !ok {
					return fault.New(fault.Conflict, "No machine was asked of item %s, attribute %s, as the expression stands.", item, id).WithNext("Run tickmark audit facts.")
				}
			}
		}
	}
	return nil
}

// held refuses a conclusion from a test of one while a configuration is not shown to have held over the whole window. Configurations of
// one name join; each of another name counts by itself.
func held(paper, e map[string]any) error {
	from, to, err := engagement.Window(e)
	if err != nil {
		return err
	}
	spans := map[string][]map[string]any{}
	var names []string
	for _, c := range engagement.Objects(paper, "configurations") {
		n := engagement.Text(c, "name")
		if spans[n] == nil {
			names = append(names, n)
		}
		spans[n] = append(spans[n], c)
	}
	for _, n := range names {
		list := spans[n]
		slices.SortFunc(list, func(a, b map[string]any) int { return moment(a, "from").Compare(moment(b, "from")) })
		at := from
		for _, c := range list {
			if moment(c, "from").After(at) {
				break
			}
			if end := moment(c, "to"); end.After(at) {
				at = end
			}
		}
		if at.Before(to) {
			return fault.New(fault.Conflict, "The configuration %q is not shown to have held from %s on, and the window ends at %s.", n, at.Format("2006-01-02 15:04"), to.Format("2006-01-02 15:04")).
				WithNext("Show the rest of its time, test what happened meanwhile from a population, or conclude not_effective.")
		}
	}
	return nil
}
