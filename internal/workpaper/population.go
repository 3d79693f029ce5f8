package workpaper

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// NonceName and PopulationName are kinds of the file.
const (
	NonceName      = "nonce"
	PopulationName = "population"
)

// NonceKind declares the firm's commitment to a secret number, made before a population is delivered, so that nobody can foresee
// the sample and nobody can draw it again until it pleases.
func NonceKind() record.Kind {
	return record.Kind{
		Name: NonceName, Title: "Nonce", Plural: "Nonces", Group: "Examination", Room: record.Auditor,
		Help:  "The firm's commitment to a secret 256-bit number for one control, made before its population is delivered, and the number once it is revealed.",
		Label: "control",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "control", Type: record.Text, Required: true, Indexed: true},
			{Name: "commitment", Type: record.Text, Required: true, Help: "SHA-256 of the 32 bytes, as hexadecimal digits."},
			{Name: "salting", Type: record.Text, Hidden: true, Help: "SHA-256 of the key that salts a list which comes without salts, committed to with the nonce."},
			{Name: "sealed", Type: record.Text, Hidden: true, Help: "Nonce and key, sealed for this workspace alone."},
			{Name: "again", Title: "Why another one", Type: record.Long, Help: "Needed when the control has a commitment already."},
			{Name: record.StateField, Type: record.Choice, Choices: nonced().States(), Fixed: true, Indexed: true},
			{Name: "committed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "committed_at", Type: record.Time, Fixed: true},
			{Name: "nonce", Type: record.Text, Fixed: true, Hidden: true, Help: "The 32 bytes as hexadecimal digits, once revealed."},
			{Name: "revealed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "revealed_at", Type: record.Time, Fixed: true},
		},
		States: nonced(),
		Guard: func(before, after map[string]any, _ record.Actor) error {
			switch {
			case !engagement.IsSum(engagement.Text(after, "commitment")):
				return fault.New(fault.Invalid, "commitment must be the 64 hexadecimal digits of the nonce's SHA-256.")
			case before != nil:
				return fault.New(fault.Conflict, "A commitment is never changed.").WithNext("Make another one, and say why under again.")
			}
			return nil
		},
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			if _, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, "commit to a nonce", engagement.Workers()...); err != nil || before != nil {
				return err
			}
			earlier, err := look.Find(NonceName, engagement.Name, engagement.Text(after, engagement.Name))
			if err != nil {
				return err
			}
			for _, v := range earlier {
				b, err := engagement.Body(v)
				if err != nil {
					return err
				}
				if b["control"] == after["control"] && engagement.Text(after, "again") == "" {
					return fault.New(fault.Conflict, "%s has a commitment of %s already, and a second one needs a reason.", engagement.Text(b, "control"), engagement.Text(b, "committed_at")).WithNext("Say it under again; it stays on record, and so does the first.")
				}
			}
			return nil
		},
	}
}

func nonced() *record.Machine {
	return &record.Machine{Initial: "committed", By: "committed_by", At: "committed_at", Moves: []record.Move{
		{Name: "reveal", Title: "Reveal", From: []string{"committed"}, To: "revealed", By: "revealed_by", At: "revealed_at",
			Fields: []record.Field{{Name: "nonce", Type: record.Text, Required: true, Help: "The 32 bytes as hexadecimal digits."}},
			Guard: func(before, after map[string]any, _ record.Actor) error {
				b, err := hex.DecodeString(engagement.Text(after, "nonce"))
				if sum := sha256.Sum256(b); err != nil || len(b) != 32 || hex.EncodeToString(sum[:]) != engagement.Text(before, "commitment") {
					return fault.New(fault.Invalid, "That is not the number that was committed to.").WithNext("Release the sample with tickmark audit sample release, which reveals the right one.")
				}
				return nil
			}},
	}}
}

// PopulationKind declares the complete list of a control's occasions, with where it came from.
func PopulationKind() record.Kind {
	fixed := func(name, title string, t record.Type, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: t, Fixed: true, Hidden: true, Help: help}
	}
	return record.Kind{
		Name: PopulationName, Title: "Population", Plural: "Populations", Group: "Examination", Room: record.Auditor,
		Help:  "The complete list of a control's occasions in the window: where it came from, how it was drawn, and what shows that nothing is missing from it.",
		Label: "name",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "name", Type: record.Text, Required: true},
			{Name: "control", Type: record.Text, Required: true, Indexed: true, Help: "The control whose occasions these are."},
			{Name: "sort", Type: record.Choice, Required: true, Choices: []string{"events", "configuration"}, Help: "What happened over the window, or what stood at a moment."},
			{Name: "source", Title: "System of record", Type: record.Text, Required: true, Help: "Where it happens, which is seldom the tool in which tickets are written."},
			{Name: "query", Type: record.Long, Required: true, Help: "The exact query, filter or menu path."},
			{Name: "parameters", Type: record.Text, Help: "Such as the first and last day, with their time zone."},
			{Name: "from", Title: "First day", Type: record.Date, Required: true},
			{Name: "to", Title: "Last day", Type: record.Date, Required: true, Help: "Inclusive."},
			fixed("extractor", "Drawn by", record.Text, "The person or the program."), fixed("extracted_at", "Drawn at", record.Time, ""), fixed("row_count", "Rows", record.Integer, "Zero rows are a population."),
			fixed("file", "SHA-256 of the file", record.Text, ""), fixed("root", "Hash of the population", record.Text, "Merkle root over salted commitments of its rows, in their order."),
			{Name: "columns", Type: record.Text, List: true, Fixed: true, Hidden: true},
			{Name: "origin", Type: record.Choice, Choices: []string{"collected", "forwarded", "uploaded", "typed"}, Fixed: true, Help: "How it came here; all that rests on it is no stronger."},
			{Name: "responses", Title: "The source's own answers", Type: record.Text, List: true, Fixed: true, Hidden: true, Help: "By SHA-256."},
			{Name: "complete", Title: "Source read completely over the window", Type: record.Bool, Fixed: true, Hidden: true},
			{Name: "gaps", Type: record.Text, List: true, Fixed: true, Hidden: true, Help: "Where the source was not read, with the reason."},
			{Name: "late", Title: "Drawn after the window closed", Type: record.Bool, Fixed: true, Hidden: true, Help: "For a configuration: it shows what stood then, not what stood in the window."},
			{Name: "nonce", Type: record.Ref, Refers: NonceName, Fixed: true, Hidden: true},
			fixed("salts", "Where the salts come from", record.Text, ""), fixed("key_column", "", record.Text, ""), fixed("time_column", "", record.Text, ""), fixed("location_column", "", record.Text, ""),
			{Name: "reconciled_with", Type: record.Text, Fixed: true, Hidden: true},
			{Name: "matched", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "only_here", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "only_there", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "explained", Title: "Differences explained", Type: record.Long, Fixed: true, Hidden: true},
			fixed("reconciled_ours", "Compared here by", record.Text, ""), fixed("reconciled_theirs", "Compared there by", record.Text, ""), fixed("reconciled_root", "Hash of the other list", record.Text, "As it was then."),
			{Name: "differences", Type: record.Object, List: true, Fixed: true, Hidden: true, Help: "Each row of either list that has none in the other, and what became of it.", Fields: differenceFields()},
			{Name: "explanations", Type: record.Object, List: true, Fixed: true, Hidden: true, Fields: explanationFields()},
			{Name: "reconciled_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "explained_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "explained_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "completeness", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "accuracy", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "logic", Title: "Logic and control of the tool", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "reliable", Title: "Complete and accurate enough", Type: record.Choice, Choices: []string{"yes", "no"}, Fixed: true},
			{Name: record.StateField, Type: record.Choice, Choices: listed().States(), Fixed: true, Indexed: true},
			{Name: "requested_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "requested_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "delivered_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "delivered_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "evaluated_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "evaluated_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "frozen_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "frozen_at", Type: record.Time, Fixed: true},
			{Name: "superseded_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "superseded_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "superseded_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: listed(),
		Guard: func(before, after map[string]any, _ record.Actor) error {
			if before != nil && before[record.StateField] != "requested" {
				return fault.New(fault.Conflict, "A population that was delivered is never changed.").WithNext("Request another one, which supersedes it and voids its samples.")
			}
			if engagement.Text(after, "to") < engagement.Text(after, "from") {
				return fault.New(fault.Invalid, "The population ends on %s, before it begins on %s.", engagement.Text(after, "to"), engagement.Text(after, "from"))
			}
			return nil
		},
		Check:   delivered,
		Follows: voided,
	}
}

func listed() *record.Machine {
	field := func(name, title string, t record.Type, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: t, Required: true, Help: help}
	}
	optional := func(name, title string, t record.Type, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: t, Help: help}
	}
	texts := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Text, List: true, Help: help}
	}
	return &record.Machine{Initial: "requested", By: "requested_by", At: "requested_at", Moves: []record.Move{
		{Name: "deliver", Title: "Take delivery", From: []string{"requested"}, To: "delivered", By: "delivered_by", At: "delivered_at", Guard: received, Fields: []record.Field{
			field("extractor", "Drawn by", record.Text, "Name the person or the program that drew it."), field("extracted_at", "Drawn at", record.Time, "Say when it was drawn from its source."),
			optional("row_count", "Rows", record.Integer, "Zero rows are a population."), field("file", "SHA-256 of the file", record.Text, "Give the SHA-256 of the file as delivered."),
			field("root", "Hash of the population", record.Text, "As tickmark computes it."), texts("columns", "Columns", ""),
			{Name: "origin", Type: record.Choice, Choices: []string{"collected", "forwarded", "uploaded", "typed"}, Required: true, Help: "Say how it came here."},
			texts("responses", "The source's own answers", "By SHA-256."), optional("complete", "Source read completely over the window", record.Bool, ""), texts("gaps", "Gaps", ""),
			optional("salts", "Where the salts come from", record.Text, ""), optional("key_column", "Column that names a row", record.Text, ""), optional("time_column", "Column of the time", record.Text, ""),
			optional("location_column", "Column of the location", record.Text, "")}},
		{Name: "reconcile", Title: "Reconcile with another list", From: []string{"delivered"}, Job: true, At: "reconciled_at", Guard: reconciled, Fields: []record.Field{
			field("reconciled_with", "Reconciled with", record.Text, "Tickmark compares the lists: tickmark audit population reconcile."), field("reconciled_ours", "Compared here by", record.Text, "As an expression."), field("reconciled_theirs", "Compared there by", record.Text, "As an expression."),
			optional("reconciled_root", "Hash of the other list", record.Text, ""), optional("matched", "Matched", record.Integer, ""), optional("only_here", "Only here", record.Integer, ""), optional("only_there", "Only there", record.Integer, ""),
			{Name: "differences", Type: record.Object, List: true, Fields: differenceFields()}}},
		{Name: "explain", Title: "Explain differences", From: []string{"delivered"}, By: "explained_by", At: "explained_at", Guard: explained, Fields: []record.Field{
			{Name: "explanations", Type: record.Object, List: true, Required: true, Help: "Say of a row on a side what became of it.", Fields: explanationFields()}}},
		{Name: "evaluate", Title: "Evaluate", From: []string{"delivered"}, To: "ipe_evaluated", By: "evaluated_by", At: "evaluated_at", Guard: evaluated, Fields: []record.Field{
			field("completeness", "Why nothing is missing", record.Long, "Say what you compared it with: a count, a sequence, another system."),
			field("accuracy", "Why each row is true", record.Long, "Say what you traced back to the source."),
			field("logic", "Logic and control of the tool", record.Long, "Parameters alone never suffice: say what shows that the query's logic is right and the tool under control."),
			{Name: "reliable", Title: "Complete and accurate enough", Type: record.Choice, Choices: []string{"yes", "no"}, Required: true, Help: "Say yes or no."},
			optional("reconciled_with", "Reconciled with", record.Text, ""), optional("matched", "Matched", record.Integer, ""), optional("only_here", "Only here", record.Integer, ""),
			optional("only_there", "Only there", record.Integer, ""), optional("explained", "Differences explained", record.Long, "")}},
		{Name: "freeze", Title: "Freeze", From: []string{"ipe_evaluated"}, To: "frozen", By: "frozen_by", At: "frozen_at", Guard: func(before, _ map[string]any, _ record.Actor) error {
			if before["reliable"] != "yes" {
				return fault.New(fault.Conflict, "The population was judged not complete and accurate enough, so nothing is sampled from it.").WithNext("Request another one.")
			}
			return nil
		}},
		{Name: "supersede", Title: "Supersede", From: []string{"requested", "delivered", "ipe_evaluated", "frozen"}, To: "superseded", By: "superseded_by", At: "superseded_at",
			Fields: []record.Field{{Name: "superseded_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why; its samples are void from now on."}}},
	}}
}

// received refuses a delivery that cannot be sampled from by anybody else.
func received(before, after map[string]any, _ record.Actor) error {
	switch {
	case !engagement.IsSum(engagement.Text(after, "file")) || !engagement.IsSum(engagement.Text(after, "root")):
		return fault.New(fault.Invalid, "file and root must be the 64 hexadecimal digits of a SHA-256.").WithNext("Take the delivery with tickmark audit population deliver.")
	case after["row_count"] == nil:
		return fault.New(fault.Invalid, "Nothing says how many rows there are.").WithNext("Give row_count; zero rows are a population.")
	case Whole(after["row_count"]) < 0:
		return fault.New(fault.Invalid, "A population has no negative number of rows.").WithNext("Count them again.")
	case after["complete"] == true && len(engagement.List(after, "gaps")) > 0:
		return fault.New(fault.Invalid, "The source is said to be read completely, and gaps are named too.").WithNext("Leave one of them out.")
	}
	return nil
}

func differenceFields() []record.Field {
	return []record.Field{{Name: "side", Type: record.Choice, Required: true, Choices: []string{"here", "there"}}, {Name: "row", Type: record.Text, Required: true}, {Name: "text", Type: record.Text}, {Name: "explained", Type: record.Long}}
}

func explanationFields() []record.Field {
	return []record.Field{{Name: "side", Type: record.Choice, Required: true, Choices: []string{"here", "there"}}, {Name: "row", Type: record.Text, Required: true}, {Name: "explained", Type: record.Long, Required: true}}
}

// reconciled takes what Tickmark found by comparing, and from nobody else.
func reconciled(_, after map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "Lists are compared by Tickmark, and nobody writes what that gives.").WithNext("Run tickmark audit population reconcile.")
	}
	for _, f := range []string{"explained_by", "explained_at", "explained"} { // of differences that stood before
		delete(after, f)
	}
	return nil
}

// explained puts people's words to the differences that they explain.
func explained(before, after map[string]any, _ record.Actor) error {
	said := engagement.Objects(after, "explanations")
	delete(after, "explanations")
	list := []any{}
	for _, d := range engagement.Objects(before, "differences") {
		c := maps.Clone(d)
		for _, x := range said {
			if x["side"] == c["side"] && x["row"] == c["row"] {
				c["explained"] = x["explained"]
			}
		}
		list = append(list, c)
	}
	for _, x := range said {
		if !slices.ContainsFunc(list, func(v any) bool { d, _ := v.(map[string]any); return d["side"] == x["side"] && d["row"] == x["row"] }) {
			return fault.New(fault.Invalid, "There is no difference %q on that side.", engagement.Text(x, "row")).WithNext("Name the row as the list of differences has it, and here or there.")
		}
	}
	after["differences"] = list
	return nil
}

func evaluated(before, after map[string]any, _ record.Actor) error {
	if engagement.Text(before, "reconciled_at") != "" {
		var open []string
		for _, d := range engagement.Objects(before, "differences") {
			if engagement.Text(d, "explained") == "" {
				open = append(open, engagement.Text(d, "row"))
			}
		}
		if len(open) > 0 {
			return fault.New(fault.Conflict, "%d differences between the lists are not explained: %s.", len(open), strings.Join(open[:min(len(open), 5)], ", ")).WithNext("Say of each what became of it: tickmark audit population explain.")
		}
		for _, f := range []string{"reconciled_with", "matched", "only_here", "only_there"} {
			if !reflect.DeepEqual(before[f], after[f]) {
				return fault.New(fault.Conflict, "%s was found by comparing, and is not said otherwise.", words(f)).WithNext("Leave it out, or compare again.")
			}
		}
		return nil
	}
	if engagement.Text(after, "reconciled_with") != "" && Whole(after["only_here"])+Whole(after["only_there"]) > 0 && engagement.Text(after, "explained") == "" {
		return fault.New(fault.Conflict, "The two lists differ, and nothing explains it.").WithNext("Say under explained what became of each difference.")
	}
	return nil
}

// delivered holds a population against its engagement: an event population opens when the window has ended, the commitment to
// the nonce came first, and a configuration captured after the close says so.
func delivered(look record.Look, before, after map[string]any, actor record.Actor) error {
	if actor.IsJob() && before != nil && before["reconciled_at"] != after["reconciled_at"] {
		return nil // who asked for it is a member, which fieldwork held
	}
	e, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, "work on its populations", engagement.Workers()...)
	if err != nil || after[record.StateField] != "delivered" || before[record.StateField] == "delivered" {
		return err
	}
	_, end, err := engagement.Window(map[string]any{"type": e["type"], "zone": e["zone"], "from": after["from"], "to": after["to"]})
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, engagement.Text(after, "extracted_at"))
	if err != nil {
		return fault.New(fault.Invalid, "extracted_at %q is no time.", engagement.Text(after, "extracted_at")).WithNext("Write it as 2026-12-31T12:00:00Z.")
	}
	switch {
	case after["sort"] == "events" && at.Before(end):
		return fault.New(fault.Conflict, "The list was drawn at %s, before its last day %s had ended, so what happened after is missing.", engagement.Text(after, "extracted_at"), engagement.Text(after, "to")).
			WithNext("Draw it again from %s on.", end.Format(time.RFC3339))
	case at.After(look.At.Add(5 * time.Minute)):
		return fault.New(fault.Invalid, "The list was drawn at %s, which has not come yet.", engagement.Text(after, "extracted_at"))
	}
	after["late"] = after["sort"] == "configuration" && !at.Before(end)
	after["nonce"], err = Commitment(look, after)
	return err
}

// Commitment is the newest commitment of a population's control that is not revealed, on which its delivery rests.
func Commitment(look record.Look, p map[string]any) (string, error) {
	nonces, err := look.Find(NonceName, engagement.Name, p[engagement.Name])
	if err != nil {
		return "", err
	}
	key, last := "", ""
	for _, v := range nonces {
		c, err := engagement.Body(v)
		if err != nil {
			return "", err
		}
		if at := engagement.Text(c, "committed_at"); c["control"] == p["control"] && c[record.StateField] == "committed" && at > last {
			last, key = at, v.Key
		}
	}
	if key == "" {
		return "", fault.New(fault.Conflict, "The firm has committed to no nonce for %s, and after the delivery it could choose one that pleases.", engagement.Text(p, "control")).WithNext("Commit first: tickmark audit commit.")
	}
	return key, nil
}

// voided ends the samples of a population that is superseded.
func voided(look record.Look, key string, before, after map[string]any) ([]record.Change, error) {
	if after[record.StateField] != "superseded" || before == nil || before[record.StateField] == "superseded" {
		return nil, nil
	}
	samples, err := look.Find(SampleName, PopulationName, key)
	if err != nil {
		return nil, err
	}
	var out []record.Change
	for _, v := range samples {
		b, err := engagement.Body(v)
		if err != nil {
			return nil, err
		}
		if b[record.StateField] != "voided" {
			out = append(out, record.Change{Kind: SampleName, Key: v.Key, Move: "void", Said: map[string]any{"voided_reason": "its population was superseded"}, Reason: "its population was superseded"})
		}
	}
	return out, nil
}
