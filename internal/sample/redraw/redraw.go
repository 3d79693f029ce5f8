package redraw

import (
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/sample"
)

// Verdict is what drawing again found. OK means that every claim was proved.
type Verdict struct {
	OK     bool     `json:"ok"`
	Claims []Claim  `json:"claims"`
	Limits []string `json:"limits"` // what no file can prove, and what this one does not
}

// Claim is one statement, whether it was proved, and from what or why not.
type Claim struct {
	Claim  string `json:"claim"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Failed is the first claim that was not proved.
func (v Verdict) Failed() (Claim, bool) {
	i := slices.IndexFunc(v.Claims, func(c Claim) bool { return !c.OK })
	if i < 0 {
		return Claim{}, false
	}
	return v.Claims[i], true
}

// Known is what whoever draws again knows from elsewhere, such as from the firm's ledger. Without it the file is its own word.
type Known struct {
	Commitment *sample.Hash
	Population *sample.Hash
}

// step is a claim and how it is proved: what it holds from, or what stands against it.
type step struct {
	claim string
	prove func() (string, error)
}

// Draw makes everything that the file claims anew. The claims rest on each other in order, so that after the first that fails
// none is examined.
func Draw(f File, k Known) Verdict {
	rows := make([]sample.Row, len(f.Rows))
	for i, r := range f.Rows {
		rows[i] = r.row()
	}
	d := &draft{File: f, known: k, rows: rows}
	steps := []step{{"The file is a sample that can be drawn again.", d.whole}}
	if d.drawn() || f.Commitment != nil || k.Commitment != nil {
		steps = append(steps, step{"The nonce is the one that was committed to.", d.nonce})
	}
	steps = append(steps, step{"The rows, in canonical order and each once, give the hash of the population.", d.population})
	if d.drawn() {
		steps = append(steps, step{"The seed follows from engagement, control, population and nonce.", d.seed})
	}
	for i := range f.Stages {
		draw, of := "draw", ""
		if i > 0 {
			draw, of = fmt.Sprintf("extension %d", i), fmt.Sprintf(" of extension %d", i)
		}
		if !d.drawn() {
			steps = append(steps, step{"Every row is tested.", d.all})
		} else {
			steps = append(steps, step{fmt.Sprintf("The items%s are those that the seed gives.", of), func() (string, error) { return d.items(i, draw) }},
				step{fmt.Sprintf("The reserves%s are those that the seed gives.", of), func() (string, error) { return d.reserves(i) }},
				step{fmt.Sprintf("Each replacement%s has its reason and is the next reserve of its run.", of), func() (string, error) { return d.replaced(i) }})
		}
		steps = append(steps, step{fmt.Sprintf("The targeted items%s are apart from those drawn.", of), func() (string, error) { return d.targeted(i) }})
	}
	if len(f.Opened) > 0 {
		steps = append(steps, step{"The rows that are shown are those that were committed to.", d.opened})
	}
	v := Verdict{OK: true, Limits: d.limits()}
	for _, s := range steps {
		c := Claim{Claim: s.claim, Detail: "Not examined, because an earlier claim failed."}
		if v.OK {
			detail, err := s.prove()
			if c.OK, c.Detail = err == nil, detail; err != nil {
				c.Detail = sentence(err)
			}
		}
		v.OK = v.OK && c.OK
		v.Claims = append(v.Claims, c)
	}
	return v
}

type draft struct {
	File
	known Known
	rows  []sample.Row
	seen  []int        // looked at in the stages proved so far
	runs  []sample.Run // of the stage that is being proved, as the seed gives them
	start sample.Seed
}

// drawn says whether chance had a part in it.
func (d *draft) drawn() bool { return len(d.Stages) == 0 || d.Stages[0].Plan.Method != sample.All }

func (d *draft) whole() (string, error) {
	if d.Format != Format {
		return "", fmt.Errorf("it says its format is %q; this program knows %q", d.Format, Format)
	}
	if len(d.Stages) == 0 {
		return "", fmt.Errorf("it has no draw")
	}
	if d.Stages[0].Plan.Method == sample.Haphazard {
		return "", fmt.Errorf("a person picked the items haphazardly: there is nothing to draw again")
	}
	for _, e := range d.Earlier {
		if e.What != "commitment" && e.What != "population" {
			return "", fmt.Errorf("%q was given up, which is neither commitment nor population", e.What)
		}
		if strings.TrimSpace(e.Reason) == "" {
			return "", fmt.Errorf("the earlier %s %s was given up without a reason", e.What, e.Hash)
		}
	}
	return fmt.Sprintf("Engagement %q, control %q.", d.Engagement, d.Control), nil
}

func (d *draft) nonce() (string, error) {
	switch {
	case d.Commitment == nil || d.Nonce == nil:
		return "", fmt.Errorf("the nonce or its commitment is missing")
	case d.known.Commitment != nil && *d.known.Commitment != *d.Commitment:
		return "", fmt.Errorf("you know the commitment %s, the file says %s", *d.known.Commitment, *d.Commitment)
	case d.Nonce.Commitment() != *d.Commitment:
		return "", fmt.Errorf("the nonce gives the commitment %s, the file says %s", d.Nonce.Commitment(), *d.Commitment)
	case d.known.Commitment != nil:
		return fmt.Sprintf("%s, which is the one you gave.", *d.Commitment), nil
	}
	return fmt.Sprintf("%s, which only the file vouches for: give the one you know with --commitment.", *d.Commitment), nil
}

func (d *draft) population() (string, error) {
	hash, err := sample.HashOf(d.rows)
	switch {
	case err != nil:
		return "", err
	case d.known.Population != nil && *d.known.Population != hash:
		return "", fmt.Errorf("you know the population %s, the rows give %s", *d.known.Population, hash)
	case hash != d.Population:
		return "", fmt.Errorf("the rows give %s, the file says %s", hash, d.Population)
	case d.known.Population != nil:
		return fmt.Sprintf("%s, %s, which is the one you gave.", count(len(d.rows), "row", "rows"), hash), nil
	}
	return fmt.Sprintf("%s, %s, which only the file vouches for: give the one you know with --population.", count(len(d.rows), "row", "rows"), hash), nil
}

func (d *draft) seed() (string, error) {
	s, err := sample.SeedOf(d.Engagement, d.Control, d.Population, *d.Nonce)
	if err != nil {
		return "", err
	}
	if d.Seed == nil {
		return "", fmt.Errorf("the seed is missing; it is %s", s)
	}
	if s != *d.Seed {
		return "", fmt.Errorf("it is %s, the file says %s", s, *d.Seed)
	}
	d.start = s
	return s.String() + ".", nil
}

func (d *draft) all() (string, error) {
	s := d.Stages[0]
	switch {
	case len(d.Stages) > 1:
		return "", fmt.Errorf("there is nothing to extend to")
	case s.Plan != sample.Plan{Method: sample.All, Size: len(d.rows)}:
		return "", fmt.Errorf("the plan is not to test all %d rows", len(d.rows))
	case len(s.Runs) > 0 || len(s.Replaced) > 0:
		return "", fmt.Errorf("there are no runs and no replacements where every row is tested")
	}
	for i := range d.rows {
		d.seen = append(d.seen, i)
	}
	return fmt.Sprintf("All %d: no sample, and nothing to draw.", len(d.rows)), nil
}

func (d *draft) items(stage int, draw string) (string, error) {
	s := d.Stages[stage]
	var err error
	if stage == 0 {
		d.runs, err = sample.Draw(d.start, d.rows, s.Plan)
	} else {
		d.runs, err = sample.Extend(d.start, d.rows, s.Plan, stage, d.seen)
	}
	if err != nil {
		return "", err
	}
	if len(d.runs) != len(s.Runs) {
		return "", fmt.Errorf("the seed gives %s, the file has %d", count(len(d.runs), "run", "runs"), len(s.Runs))
	}
	for i, r := range d.runs {
		if r.Location != s.Runs[i].Location {
			return "", fmt.Errorf("run %d belongs to %q, the file says %q", i, r.Location, s.Runs[i].Location)
		}
		if !slices.Equal(r.Items, s.Runs[i].Items) {
			return "", fmt.Errorf("run %d has the items %s, the file says %s", i, list(r.Items), list(s.Runs[i].Items))
		}
	}
	how := "Non-statistical: no confidence is stated for it."
	if ok, _ := s.Plan.Statistical(); ok {
		how = "Simple random selection."
	}
	left := len(d.rows) - len(d.seen)
	if stage > 0 {
		return fmt.Sprintf("%d of the %d rows not looked at before, by the method %s; its size is part of its seed.", s.Plan.Size, left, s.Plan.Method), nil
	}
	return fmt.Sprintf("%d of %d rows by the method %s. %s", s.Plan.Size, left, s.Plan.Method, how), nil
}

func (d *draft) reserves(stage int) (string, error) {
	n := 0
	for i, r := range d.runs {
		if !slices.Equal(r.Reserves, d.Stages[stage].Runs[i].Reserves) {
			return "", fmt.Errorf("run %d has the reserves %s, the file says %s", i, list(r.Reserves), list(d.Stages[stage].Runs[i].Reserves))
		}
		n += len(r.Reserves)
	}
	return count(n, "reserve.", "reserves."), nil
}

func (d *draft) replaced(stage int) (string, error) {
	s := d.Stages[stage]
	if err := s.CheckReplaced(); err != nil {
		return "", err
	}
	return count(len(s.Replaced), "replacement.", "replacements."), nil
}

func (d *draft) targeted(stage int) (string, error) {
	s := d.Stages[stage]
	if err := s.CheckTargeted(len(d.rows), d.seen); err != nil {
		return "", err
	}
	d.seen = append(d.seen, s.Seen()...)
	return count(len(s.Targeted), "targeted item, reported apart and never projected.", "targeted items, reported apart and never projected."), nil
}

func (d *draft) opened() (string, error) {
	shown := map[int]bool{}
	for _, o := range d.Opened {
		if o.Position < 0 || o.Position >= len(d.rows) {
			return "", fmt.Errorf("there is no row %d among %d", o.Position, len(d.rows))
		}
		if shown[o.Position] {
			return "", fmt.Errorf("row %d is shown twice", o.Position)
		}
		shown[o.Position] = true
		if (sample.Opening{Salt: o.Salt, Key: o.Key, Content: []byte(o.Content)}).Commitment() != d.rows[o.Position].Commitment {
			return "", fmt.Errorf("row %d was committed to with other content than %q has here", o.Position, o.Key)
		}
	}
	return count(len(shown), "row is shown.", "rows are shown."), nil
}

func (d *draft) limits() []string {
	out := []string{
		"Whether the rows are all that occurred, and true, is not shown by drawing again: that is what the evaluation of the population is for.",
	}
	if d.drawn() {
		out = append(out, "When the nonce was committed to, that there was no other commitment, and that sizes were fixed before they were drawn is shown by the firm's ledger, not by this file.")
	}
	if d.known.Commitment == nil && d.drawn() || d.known.Population == nil {
		out = append(out, "What only the file vouches for, anybody could have made: compare it with what was logged.")
	}
	if hidden, tested := d.hidden(); hidden > 0 {
		out = append(out, fmt.Sprintf("Of %s %d are not shown: only their commitments stand for them.", count(tested, "tested row", "tested rows"), hidden))
	}
	for _, e := range d.Earlier {
		out = append(out, fmt.Sprintf("The file states an earlier %s, %s, given up for this reason: %s", e.What, e.Hash, e.Reason))
	}
	return out
}

// hidden is how many of the rows that were tested are not shown.
func (d *draft) hidden() (hidden, tested int) {
	shown := map[int]bool{}
	for _, o := range d.Opened {
		shown[o.Position] = true
	}
	all := map[int]bool{}
	for _, s := range d.Stages {
		for _, i := range s.Tested() {
			all[i] = true
		}
		for _, t := range s.Targeted {
			all[t.Position] = true
		}
	}
	if !d.drawn() {
		return len(d.rows) - len(shown), len(d.rows)
	}
	for i := range all {
		if !shown[i] {
			hidden++
		}
	}
	return hidden, len(all)
}

func sentence(err error) string {
	s := strings.TrimSuffix(err.Error(), ".")
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// list shows some positions, and how many there are when they are many.
func list(at []int) string {
	if len(at) == 0 {
		return "none"
	}
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(at[:min(len(at), 10)]), " ", ", "), "[]")
	if len(at) > 10 {
		text += fmt.Sprintf(" and %d more", len(at)-10)
	}
	return text
}
