package workpaper

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/sample"
)

// SampleName is the kind of a sample.
const SampleName = "sample"

// ReadAll is how many rows people read without sampling, where the firm has not said otherwise: rules.md 12.
const ReadAll = 25

// SampleKind declares the items of a population that are tested. What is drawn follows from the seed alone, which the record's own
// rules compute again: no account can record another selection.
func SampleKind() record.Kind {
	positions := record.Field{Name: "items", Type: record.Integer, List: true}
	return record.Kind{
		Name: SampleName, Title: "Sample", Plural: "Samples", Group: "Examination", Room: record.Auditor,
		Help:  "The items of one frozen population that are tested for one control: how many and why, how they were chosen, and the seed by which anybody draws them again.",
		Label: "name",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "name", Type: record.Text, Required: true},
			{Name: "control", Type: record.Text, Required: true, Indexed: true},
			{Name: PopulationName, Type: record.Ref, Refers: PopulationName, Required: true, Indexed: true},
			{Name: "method", Type: record.Choice, Required: true, Choices: []string{string(sample.All), string(sample.Stratified), string(sample.Random), string(sample.Systematic), string(sample.Haphazard)},
				Help: "All rows, or: one of each of as many runs of time as there are items (the usual way), simple random, systematic, or picked by a person without a pattern."},
			{Name: "size", Type: record.Integer, Required: true, Help: "How many items; fixed before they are drawn."},
			{Name: "size_reason", Title: "Why so many", Type: record.Long, Required: true, Help: "From the firm's table, with what raised or lowered it, or from statistics."},
			{Name: "not_raised", Title: "Why it is not larger than last year", Type: record.Long, Hidden: true, Help: "Where items of the control deviated in the engagement before, the sample grows, or this says why it does not."},
			{Name: "reserves", Type: record.Integer, Help: "For each run, for items that do not belong in the population."},
			{Name: "extends", Type: record.Ref, Refers: SampleName, Indexed: true, Help: "The sample that this one extends."},
			{Name: "extends_reason", Title: "Why it is extended", Type: record.Long, Help: "Why the first is taken for not representative; said before the draw. All results count."},
			{Name: "picked", Title: "Picked haphazardly", Type: record.Integer, List: true, Hidden: true, Help: "Positions from 0, only for that method."},
			{Name: "targeted", Type: record.Object, List: true, Hidden: true, Help: "Items added on purpose; reported apart and never projected.", Fields: []record.Field{
				{Name: "position", Type: record.Integer, Required: true}, {Name: "reason", Type: record.Text, Required: true}}},
			{Name: "statistical", Type: record.Bool, Fixed: true, Help: "Whether confidence and limits may be stated."},
			{Name: "seed", Type: record.Text, Fixed: true, Hidden: true},
			{Name: "runs", Type: record.Object, List: true, Fixed: true, Hidden: true, Fields: []record.Field{positions, {Name: "reserves", Type: record.Integer, List: true}}},
			{Name: "replaced", Type: record.Object, List: true, Fixed: true, Hidden: true, Fields: []record.Field{
				{Name: "item", Type: record.Integer}, {Name: "by", Type: record.Integer}, {Name: "why", Type: record.Text}, {Name: "reason", Type: record.Text}}},
			{Name: "tested", Type: record.Integer, List: true, Fixed: true, Hidden: true, Help: "Positions of the rows whose results count, from 0."},
			{Name: record.StateField, Type: record.Choice, Choices: drawn().States(), Fixed: true, Indexed: true},
			{Name: "designed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "designed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "drawn_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "drawn_at", Type: record.Time, Fixed: true},
			{Name: "sent_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "sent_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "replaced_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "replaced_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "concluded_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "concluded_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "voided_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "voided_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "voided_reason", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "item", Title: "Item to replace", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "why", Type: record.Choice, Choices: replaceable(), Fixed: true, Hidden: true},
			{Name: "reason", Type: record.Text, Fixed: true, Hidden: true},
		},
		States: drawn(), Guard: designed, Check: selected,
	}
}

func replaceable() []string {
	return []string{string(sample.Trial), string(sample.Void), string(sample.Duplicate), string(sample.Outside)}
}

func drawn() *record.Machine {
	return &record.Machine{Initial: "designed", By: "designed_by", At: "designed_at", Frozen: []string{"drawn", "sent", "testing", "concluded"}, Moves: []record.Move{
		{Name: "draw", Title: "Draw", From: []string{"designed"}, To: "drawn", By: "drawn_by", At: "drawn_at",
			Fields: []record.Field{{Name: "seed", Type: record.Text, Help: "The 64 hexadecimal digits that engagement, control, population and nonce give. Needed where something is drawn."}}},
		{Name: "send", Title: "Release to the company", From: []string{"drawn"}, To: "sent", By: "sent_by", At: "sent_at"},
		{Name: "begin_test", Title: "Begin testing", From: []string{"sent"}, To: "testing"},
		{Name: "replace", Title: "Replace an item", From: []string{"drawn", "sent", "testing"}, By: "replaced_by", At: "replaced_at", Guard: replaced, Fields: []record.Field{
			{Name: "item", Title: "Item to replace", Type: record.Integer, Help: "Its position. The next reserve of its run takes its place."},
			{Name: "why", Type: record.Choice, Choices: replaceable(), Required: true, Help: "Only what does not belong in the population is replaced. Evidence that cannot be found is a deviation."},
			{Name: "reason", Type: record.Text, Required: true, Help: "Say how you know."}}},
		{Name: "conclude", Title: "Conclude", From: []string{"testing"}, To: "concluded", By: "concluded_by", At: "concluded_at"},
		{Name: "void", Title: "Void", From: []string{"designed", "drawn", "sent", "testing", "concluded"}, To: "voided", By: "voided_by", At: "voided_at", Job: true,
			Fields: []record.Field{{Name: "voided_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why; it stays on record with what it showed."}}},
	}}
}

func designed(_, after map[string]any, _ record.Actor) error {
	n, extends := Whole(after["size"]), engagement.Text(after, "extends") != ""
	switch {
	case n < 1:
		return fault.New(fault.Invalid, "A sample has at least one item.")
	case extends != (engagement.Text(after, "extends_reason") != ""):
		return fault.New(fault.Invalid, "An extension names the sample that it extends and why.").WithNext("Fill in both, extends and extends_reason, or neither.")
	case (after["method"] == string(sample.Haphazard)) != (len(numbers(after, "picked")) > 0):
		return fault.New(fault.Invalid, "Positions are picked for the haphazard method and for no other.")
	case Whole(after["reserves"]) < 0:
		return fault.New(fault.Invalid, "There is no negative number of reserves.")
	}
	return nil
}

// selected holds a sample against its population and computes the draw again.
func selected(look record.Look, before, after map[string]any, actor record.Actor) error {
	was, is := engagement.Text(before, record.StateField), engagement.Text(after, record.StateField)
	if is == "voided" && actor.IsJob() {
		return nil
	}
	e, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, "work on its samples", engagement.Workers()...)
	if err != nil {
		return err
	}
	v, err := look.Get(PopulationName, engagement.Text(after, PopulationName))
	if err != nil {
		return err
	}
	p, err := engagement.Body(v)
	if err != nil {
		return err
	}
	switch {
	case p["engagement"] != after["engagement"] || p["control"] != after["control"]:
		return fault.New(fault.Invalid, "The population %s is of another engagement or control.", engagement.Text(p, "name"))
	case is == "drawn" && was == "designed":
		if err := raised(look, e, p, after); err != nil {
			return err
		}
		return draw(look, p, after)
	case is == "sent" && was == "drawn":
		return revealed(look, e, p, after)
	case is == "concluded" && was == "testing":
		return tested(look, after)
	}
	return nil
}

// draw records what the seed gives, and nothing else.
func draw(look record.Look, p, after map[string]any) error {
	n := Whole(p["row_count"])
	plan := sample.Plan{Method: sample.Method(engagement.Text(after, "method")), Size: Whole(after["size"]), Reserves: Whole(after["reserves"])}
	switch {
	case p[record.StateField] != "frozen":
		return fault.New(fault.Conflict, "The population %s is %s, and nothing is drawn before it is frozen.", engagement.Text(p, "name"), words(engagement.Text(p, record.StateField)))
	case n == 0:
		return fault.New(fault.Conflict, "The population has no rows, so there is nothing to draw.").WithNext("Conclude not_operated on the paper, where the source is complete.")
	case plan.Method != sample.All && n <= ReadAll && engagement.Text(after, "extends") == "":
		return fault.New(fault.Conflict, "The population has %d rows, and up to %d all of them are read.", n, ReadAll).WithNext("Set method to all and size to %d.", n)
	case plan.Method == sample.All && plan.Size != n:
		return fault.New(fault.Invalid, "All %d rows are tested, and size says %d.", n, plan.Size).WithNext("Set size to %d.", n)
	}
	number, seen, err := earlier(look, after)
	if err != nil {
		return err
	}
	stage := sample.Stage{Plan: plan}
	switch plan.Method {
	case sample.All:
		every := make([]int, n)
		for i := range every {
			every[i] = i
		}
		stage.Runs = []sample.Run{{Items: every}}
	case sample.Haphazard:
		picked := slices.Sorted(slices.Values(numbers(after, "picked")))
		if len(picked) != plan.Size || len(slices.Compact(slices.Clone(picked))) != plan.Size || picked[0] < 0 || picked[plan.Size-1] >= n || slices.ContainsFunc(picked, func(i int) bool { return slices.Contains(seen, i) }) {
			return fault.New(fault.Invalid, "%d different rows among %d that were not looked at yet were to be picked.", plan.Size, n)
		}
		stage.Runs = []sample.Run{{Items: picked}}
	default:
		var seed sample.Seed
		if err := seed.UnmarshalText([]byte(engagement.Text(after, "seed"))); err != nil {
			return fault.New(fault.Invalid, "seed must be 64 hexadecimal digits: %v.", err)
		}
		// What a draw without locations gives rests on the number of rows alone; their own order is the population's.
		rows := make([]sample.Row, n)
		for i := range rows {
			rows[i].At = int64(i)
		}
		if number > 0 {
			stage.Runs, err = sample.Extend(seed, rows, plan, number, seen)
		} else {
			stage.Runs, err = sample.Draw(seed, rows, plan)
		}
		if err != nil {
			return fault.New(fault.Invalid, "The sample cannot be drawn: %v.", err)
		}
	}
	for _, t := range engagement.Objects(after, "targeted") {
		stage.Targeted = append(stage.Targeted, sample.Targeted{Position: Whole(t["position"]), Reason: engagement.Text(t, "reason")})
	}
	if err := stage.CheckTargeted(n, seen); err != nil {
		return fault.New(fault.Invalid, "A targeted item is not apart: %v.", err)
	}
	after["statistical"], _ = plan.Statistical()
	keep(after, stage)
	return nil
}

// keep writes a stage into the sample's body.
func keep(after map[string]any, s sample.Stage) {
	runs := make([]any, len(s.Runs))
	for i, r := range s.Runs {
		runs[i] = map[string]any{"items": anys(r.Items), "reserves": anys(r.Reserves)}
	}
	replaced := make([]any, len(s.Replaced))
	for i, r := range s.Replaced {
		replaced[i] = map[string]any{"item": float64(r.Item), "by": float64(r.By), "why": string(r.Why), "reason": r.Reason}
	}
	after["runs"], after["replaced"], after["tested"] = runs, replaced, anys(s.Tested())
}

// stageOf reads what keep wrote.
func stageOf(body map[string]any) sample.Stage {
	s := sample.Stage{Plan: sample.Plan{Method: sample.Method(engagement.Text(body, "method")), Size: Whole(body["size"]), Reserves: Whole(body["reserves"])}}
	for _, r := range engagement.Objects(body, "runs") {
		s.Runs = append(s.Runs, sample.Run{Items: numbers(r, "items"), Reserves: numbers(r, "reserves")})
	}
	for _, r := range engagement.Objects(body, "replaced") {
		s.Replaced = append(s.Replaced, sample.Replacement{Item: Whole(r["item"]), By: Whole(r["by"]), Why: sample.Why(engagement.Text(r, "why")), Reason: engagement.Text(r, "reason")})
	}
	for _, t := range engagement.Objects(body, "targeted") {
		s.Targeted = append(s.Targeted, sample.Targeted{Position: Whole(t["position"]), Reason: engagement.Text(t, "reason")})
	}
	return s
}

// earlier is which extension a sample is, 0 for a first draw, and the rows that earlier ones of its population looked at. A second
// first draw is refused: it would be another throw of the same dice.
func earlier(look record.Look, after map[string]any) (number int, seen []int, err error) {
	others, err := look.Find(SampleName, PopulationName, after[PopulationName])
	if err != nil {
		return 0, nil, err
	}
	for _, v := range others {
		o, err := engagement.Body(v)
		if err != nil {
			return 0, nil, err
		}
		if slices.Contains([]string{"designed", "voided"}, engagement.Text(o, record.StateField)) {
			continue
		}
		number++
		seen = append(seen, stageOf(o).Seen()...)
	}
	slices.Sort(seen)
	switch extends := engagement.Text(after, "extends") != ""; {
	case number > 0 && !extends:
		return 0, nil, fault.New(fault.Conflict, "A sample of this population was drawn already, and there is one draw.").WithNext("Extend it: name it under extends, with the reason; all results count.")
	case number == 0 && extends:
		return 0, nil, fault.New(fault.Conflict, "There is no drawn sample that this one could extend.")
	}
	return number, seen, nil
}

// replaced takes the next reserve for an item that does not belong in the population.
func replaced(before, after map[string]any, _ record.Actor) error {
	s := stageOf(before)
	if after["item"] == nil {
		return fault.New(fault.Invalid, "Nothing says which item is replaced.").WithNext("Give its position as item.")
	}
	r, err := s.Replace(Whole(after["item"]), sample.Why(engagement.Text(after, "why")), engagement.Text(after, "reason"))
	if err != nil {
		return fault.New(fault.Conflict, "The item is not replaced: %v.", err).WithNext("Evidence that cannot be found is a deviation; where no reserve is left, extend the sample.")
	}
	s.Replaced = append(s.Replaced, r)
	keep(after, s)
	for _, f := range []string{"item", "why", "reason"} {
		delete(after, f)
	}
	return nil
}

// revealed refuses to release what was drawn by another seed than the firm's commitment gives.
func revealed(look record.Look, e, p, after map[string]any) error {
	if method := sample.Method(engagement.Text(after, "method")); method == sample.All || method == sample.Haphazard {
		return nil
	}
	v, err := look.Get(NonceName, engagement.Text(p, "nonce"))
	if err != nil {
		return err
	}
	c, err := engagement.Body(v)
	if err != nil {
		return err
	}
	if c[record.StateField] != "revealed" {
		return fault.New(fault.Conflict, "The nonce is not revealed, so nobody could draw the sample again.").WithNext("Reveal it with the release: tickmark act nonce %s reveal.", v.Key)
	}
	var nonce sample.Nonce
	var root sample.Hash
	if err := cmp.Or(nonce.UnmarshalText([]byte(engagement.Text(c, "nonce"))), root.UnmarshalText([]byte(engagement.Text(p, "root")))); err != nil {
		return fmt.Errorf("read nonce and population: %w", err)
	}
	seed, err := sample.SeedOf(engagement.Text(e, "id"), engagement.Text(after, "control"), root, nonce)
	if err != nil {
		return err
	}
	if seed.String() != engagement.Text(after, "seed") {
		return fault.New(fault.Conflict, "The sample was drawn by another seed than engagement, control, population and the committed nonce give.").WithNext("Void it, with the reason, and draw by %s.", seed)
	}
	return nil
}

// tested asks that every item was marked and every deviation decided on.
func tested(look record.Look, after map[string]any) error {
	papers, err := engagement.Found(look, Name, engagement.Name, after[engagement.Name])
	if err != nil {
		return err
	}
	i := slices.IndexFunc(papers, func(b map[string]any) bool { return b["control"] == after["control"] })
	if i < 0 {
		return fault.New(fault.Conflict, "There is no paper of %s in which its items could be marked.", engagement.Text(after, "control"))
	}
	if err := marked(look, papers[i]); err != nil {
		return err
	}
	all, err := deviationsOf(look, papers[i])
	if err != nil {
		return err
	}
	for _, d := range all {
		if slices.Contains([]string{"identified", "fact_confirmed", "cause_assessed", "doubted", "suspected_fraud"}, engagement.Text(d, record.StateField)) {
			return fault.New(fault.Conflict, "The deviation %s is not decided on.", engagement.Text(d, "name"))
		}
	}
	return nil
}

// Stages are the drawn samples of a population, the first draw before its extensions.
func Stages(look record.Look, population string) ([]sample.Stage, error) {
	all, err := engagement.Found(look, SampleName, PopulationName, population)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s map[string]any) bool {
		return slices.Contains([]string{"designed", "voided"}, engagement.Text(s, record.StateField))
	})
	slices.SortFunc(all, func(a, b map[string]any) int {
		return strings.Compare(engagement.Text(a, "drawn_at"), engagement.Text(b, "drawn_at"))
	})
	out := make([]sample.Stage, len(all))
	for i, s := range all {
		out[i] = stageOf(s)
	}
	return out, nil
}

// samplesOf are the samples of a paper's control that count: drawn or further, and not void.
func samplesOf(look record.Look, paper map[string]any) ([]map[string]any, error) {
	all, err := engagement.Found(look, SampleName, PopulationName, paper["population"])
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s map[string]any) bool {
		return s["control"] != paper["control"] || slices.Contains([]string{"designed", "voided"}, engagement.Text(s, record.StateField))
	}), nil
}

// Items are the items of a sample as a grid names them: positions of rows from 0, those drawn and those targeted.
func Items(s map[string]any) []string {
	var out []string
	for _, i := range numbers(s, "tested") {
		out = append(out, strconv.Itoa(i))
	}
	for _, t := range engagement.Objects(s, "targeted") {
		out = append(out, strconv.Itoa(Whole(t["position"])))
	}
	return out
}

func numbers(body map[string]any, field string) []int {
	l, _ := body[field].([]any)
	out := make([]int, 0, len(l))
	for _, v := range l {
		out = append(out, Whole(v))
	}
	return out
}

func anys(list []int) []any {
	out := make([]any, len(list))
	for i, n := range list {
		out[i] = float64(n)
	}
	return out
}
