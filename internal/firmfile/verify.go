package firmfile

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/ledger"
	"tickmark/internal/opinion"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/report/archive"
	"tickmark/internal/report/verify"
	"tickmark/internal/sample"
	"tickmark/internal/sample/redraw"
	"tickmark/internal/signature"
	"tickmark/internal/workpaper"
)

// Is reports whether an archive is a firm's file, by its first member.
func Is(r io.ReaderAt, size int64) bool {
	a, err := archive.Open(r, size)
	return err == nil && len(a.Members) > 0 && a.Members[0].Name == manifestName
}

// reading is a firm's file that is being verified.
type reading struct {
	Manifest
	zip     *archive.Reader
	sums    map[string]string        // of each member, as read
	records map[string]*line         // the newest version, by kind, source and key
	byKind  map[string][]*line       // the same, by kind, in the order of the log
	bodies  map[*line]map[string]any // decoded
	hashes  map[string]bool          // every version, by kind, key and SHA-256 of its body
}

// line is a version as its proof has it.
type line struct {
	Kind     string          `json:"kind"`
	Key      string          `json:"key"`
	Source   string          `json:"source"`
	Entry    int64           `json:"entry"`
	Previous int64           `json:"previous"`
	Body     json.RawMessage `json:"body"`
}

// Verify says claim by claim what a firm's file proves, by the firm's key as it is known from elsewhere; without one the file's own is
// taken, and that is said.
func Verify(r io.ReaderAt, size int64, key string) (verify.Verdict, error) {
	f := &reading{sums: map[string]string{}, records: map[string]*line{}, byKind: map[string][]*line{}, bodies: map[*line]map[string]any{}, hashes: map[string]bool{}}
	v := verify.Verdict{OK: true, Limits: []string{
		"A log proves what was recorded, when, and that it was not changed since. It does not prove that what people wrote is true.",
		"Records of the engagement that the firm left out of the file are not noticed by the file alone; the firm's ledger shows how many entries there are."}}
	if key == "" {
		v.Limits = append(v.Limits, "No key was given: everything above rests on the file's own key, which anyone could have made.")
	}
	for _, s := range []struct {
		claim string
		prove func() ([]string, string)
	}{
		{"The file is whole, and signed with the firm's key.", func() ([]string, string) { return f.whole(r, size, key) }},
		{"Every version of every record stands in the firm's log, and no history has a gap.", f.logged},
		{"Every file that a record rests on is here.", f.complete},
		{"Each population that a sample was drawn of is here as it was recorded, and its rows give its hash.", f.populations},
		{"Each released sample is drawn again: its seed follows from the committed nonce and the population's hash.", f.samples},
		{"Each reviewed paper has every cell marked, and was reviewed by somebody who had no part in it.", f.papers},
		{"The opinion is not milder than the partner's own answers lead to.", f.opinions},
		{"The report was issued by the rules of the firm's room.", f.issued},
		{"Each parcel of the company is signed with its key, follows the one before, and none is missing.", f.parcels},
		{"Each auditor's signature holds over a version that is here, by a key of that person that was not revoked.", f.signatures},
	} {
		problems, detail := s.prove()
		c := verify.Claim{Claim: s.claim, OK: len(problems) == 0, Detail: detail}
		if !c.OK {
			c.Detail = strings.Join(problems[:min(5, len(problems))], " ")
			if len(problems) > 5 {
				c.Detail += fmt.Sprintf(" And %d more.", len(problems)-5)
			}
		}
		v.Claims, v.OK = append(v.Claims, c), v.OK && c.OK
		if !c.OK && len(v.Claims) <= 2 { // nothing rests on what is not whole
			break
		}
	}
	return v, nil
}

func bad(format string, args ...any) ([]string, string) {
	return []string{fmt.Sprintf(format, args...)}, ""
}

func (f *reading) whole(r io.ReaderAt, size int64, key string) ([]string, string) {
	if size > maxFile {
		return bad("It has %d bytes, and %d are the most.", size, int64(maxFile))
	}
	zip, err := archive.Open(r, size)
	if err != nil {
		return bad("It cannot be read: %v", err)
	}
	f.zip = zip
	raw, err := zip.All(manifestName, maxMember)
	if err != nil {
		return bad("Its manifest cannot be read: %v", err)
	}
	signed, err := zip.All(signName, 1<<16)
	if err != nil {
		return bad("Its signature cannot be read: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f.Manifest); err != nil || f.Format != Format {
		return bad("Its manifest is not that of a firm's file.")
	}
	if key != "" && key != f.Key {
		return bad("Its key is %s, yours is %s.", f.Key, key)
	}
	sum := sha256.Sum256(raw)
	text, err := ledger.OpenStatement(signed, f.Key)
	if err != nil {
		return bad("%v", err)
	}
	if text != Format+"\n"+hex.EncodeToString(sum[:])+"\n" {
		return bad("The signature is over another manifest.")
	}
	if len(zip.Members) != len(f.Members)+2 {
		return bad("It has %d members, and its manifest names %d.", len(zip.Members), len(f.Members)+2)
	}
	var problems []string
	for _, m := range f.Members {
		at, ok := zip.Member(m.Name)
		if !ok {
			problems = append(problems, m.Name+" is missing.")
			continue
		}
		c := zip.Open(at)
		n, err := io.Copy(io.Discard, c)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s cannot be read: %v", m.Name, err))
			continue
		}
		h, _ := c.Sums()
		f.sums[m.Name] = hex.EncodeToString(h[:])
		if f.sums[m.Name] != m.SHA256 || n != m.Size || strings.HasPrefix(m.Name, "files/") && m.Name != "files/"+m.SHA256 {
			problems = append(problems, m.Name+" has another content.")
		}
	}
	return problems, fmt.Sprintf("%d members; the key is %s.", len(f.Members), f.Key)
}

func (f *reading) logged() ([]string, string) {
	raw, err := f.zip.All(proofsName, maxMember)
	if err != nil {
		return bad("%v", err)
	}
	var problems []string
	last, n, lowest := map[string]int64{}, 0, f.Erased
	for text := range bytes.Lines(raw) {
		n++
		var p verify.ProofFile
		var l line
		if json.Unmarshal(text, &p) != nil || json.Unmarshal(p.Version, &l) != nil {
			problems = append(problems, fmt.Sprintf("Line %d is no proof.", n))
			continue
		}
		if v, err := verify.Proof(text, verify.Options{Key: f.Key}); err != nil || !v.OK || p.Checkpoint != f.Checkpoint {
			why := "of another checkpoint"
			if failed := v.Failed(); len(failed) > 0 {
				why = failed[0].Detail
			}
			problems = append(problems, fmt.Sprintf("%s %s, entry %d: %s", l.Kind, l.Key, l.Entry, why))
			continue
		}
		id := l.Kind + "\x00" + l.Source + "\x00" + l.Key
		before, known := last[id]
		if !known {
			before = -1
		}
		if l.Previous != before {
			if lowest--; lowest < 0 { // an erased version may stand between
				problems = append(problems, fmt.Sprintf("%s %s: the version before entry %d is missing.", l.Kind, l.Key, l.Entry))
			}
		}
		last[id] = l.Entry
		f.records[id] = &l
		f.hashes[l.Kind+"\x00"+l.Key+"\x00"+signature.Hash(l.Body)] = true
	}
	if n != f.Versions {
		problems = append(problems, fmt.Sprintf("There are %d versions, and the manifest says %d.", n, f.Versions))
	}
	for _, l := range f.records {
		b := map[string]any{}
		if err := json.Unmarshal(l.Body, &b); err != nil {
			problems = append(problems, fmt.Sprintf("%s %s has no body that can be read.", l.Kind, l.Key))
		}
		f.bodies[l] = b
		f.byKind[l.Kind] = append(f.byKind[l.Kind], l)
	}
	for _, list := range f.byKind {
		slices.SortFunc(list, func(a, b *line) int { return cmp.Compare(a.Entry, b.Entry) })
	}
	if e := f.of(engagement.Name); len(e) != 1 || e[0].Key != f.Engagement {
		problems = append(problems, "It does not hold the one engagement that it names.")
	}
	for kind, list := range f.byKind {
		for _, l := range list {
			if kind != engagement.Name && kind != "person" && kind != signature.KeyName && engagement.Text(f.bodies[l], engagement.Name) != f.Engagement {
				problems = append(problems, fmt.Sprintf("%s %s belongs to another engagement.", kind, l.Key))
			}
		}
	}
	return problems, fmt.Sprintf("%d versions of %d records; %d were erased.", n, len(f.records), f.Erased)
}

func (f *reading) of(kind string) []*line { return f.byKind[kind] }

func (f *reading) body(l *line) map[string]any { return f.bodies[l] }

func (f *reading) complete() ([]string, string) {
	var problems []string
	n := 0
	for kind, list := range f.byKind {
		for _, l := range list {
			for _, name := range naming(kind) {
				s := engagement.Text(f.body(l), name)
				if s == "" {
					continue
				}
				if n++; f.sums["files/"+s] != s {
					problems = append(problems, fmt.Sprintf("The file %s of %s %s is missing.", s, kind, l.Key))
				}
			}
		}
	}
	slices.Sort(problems)
	return problems, fmt.Sprintf("%d files.", n)
}

func (f *reading) member(name string) *bufio.Reader {
	m, ok := f.zip.Member(name)
	if !ok {
		return bufio.NewReader(strings.NewReader(""))
	}
	return bufio.NewReader(f.zip.Open(m))
}

// populations freezes each list once more: one that came with its salts from its bytes, one that came as a table with the key that
// was committed to before it was delivered.
func (f *reading) populations() ([]string, string) {
	var problems []string
	frozen, tables, untold := 0, 0, 0
	for _, l := range f.of(workpaper.PopulationName) {
		b := f.body(l)
		file := engagement.Text(b, "file")
		if file == "" {
			continue
		}
		if engagement.Text(b, "salts") == fieldwork.Committed {
			wrong, told := f.table(l)
			switch {
			case wrong != "":
				problems = append(problems, wrong)
			case told:
				tables++
			default:
				untold++ // its key was not at hand, or the file is older than that
			}
			continue
		}
		var of []sample.Occurrence
		_, _, err := population.Read(f.member("files/"+file), func(r population.Row) error { of = append(of, r.Occurrence()); return nil })
		var made sample.Frozen
		if err == nil {
			made, err = sample.Freeze(slices.Values(of))
		}
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("The population %s cannot be read: %v", l.Key, err))
		case made.Hash.String() != engagement.Text(b, "root") || len(of) != workpaper.Whole(b["row_count"]):
			problems = append(problems, fmt.Sprintf("The rows of the population %s do not give its hash.", l.Key))
		default:
			frozen++
		}
	}
	detail := fmt.Sprintf("%d lists were frozen again, and %d tables with the keys that were committed to.", frozen, tables)
	if untold > 0 {
		detail += fmt.Sprintf(" %d tables have no key here: that their rows give the recorded hash is not shown here.", untold)
	}
	return problems, detail
}

// maxNamed is how many rows that were changed are named.
const maxNamed = 5

// table freezes a list again that came as a table. It says what is wrong with it; told is false where the file lacks what that takes, and
// a sample of it stands in for it.
func (f *reading) table(l *line) (wrong string, told bool) {
	b := f.body(l)
	name := "tables/" + named(l.Key) + ".json"
	if _, ok := f.sums[name]; !ok {
		if _, drawn := f.sums["samples/"+named(l.Key)+".json"]; !drawn && workpaper.Whole(b["row_count"]) > 0 && f.sampled(l.Key) {
			return fmt.Sprintf("Nothing shows that the rows of the population %s give its hash.", l.Key), false
		}
		return "", false
	}
	var t Table
	if err := json.NewDecoder(f.member(name)).Decode(&t); err != nil || t.Population != l.Key {
		return fmt.Sprintf("What freezes the population %s again cannot be read.", l.Key), false
	}
	key, err := hex.DecodeString(t.Salting)
	sum := sha256.Sum256(key)
	c := f.get(workpaper.NonceName, engagement.Text(b, "nonce"))
	switch {
	case err != nil || c == nil || engagement.Text(f.body(c), "salting") != hex.EncodeToString(sum[:]):
		return fmt.Sprintf("The key of the population %s is not the one that was committed to.", l.Key), false
	case c.Entry > l.Entry && engagement.Text(f.body(c), "committed_at") >= engagement.Text(b, "delivered_at"):
		return fmt.Sprintf("The key of the population %s was committed to after the list was delivered.", l.Key), false
	}
	said, rows := make([]sample.Row, len(t.Rows)), map[Row]bool{}
	for i, r := range t.Rows {
		said[i], rows[r] = sample.Row(r), true
	}
	root := engagement.Text(b, "root")
	known := false
	if h, err := sample.HashOf(said); err == nil {
		known = h.String() == root // then they are what was delivered
	}
	e := f.get(engagement.Name, f.Engagement)
	if e == nil {
		return "The engagement is not in its own file.", false
	}
	made, of, err := fieldwork.Tabled(f.body(e), b, key, f.member("files/"+engagement.Text(b, "file")))
	switch {
	case err != nil:
		return fmt.Sprintf("The population %s cannot be frozen again: %v", l.Key, err), false
	case made.Hash.String() == root && len(of) == workpaper.Whole(b["row_count"]):
		return "", true
	case !known:
		return fmt.Sprintf("The rows of the population %s do not give its hash.", l.Key), false
	}
	var changed []string
	for i, r := range made.Rows {
		if !rows[Row(r)] {
			changed = append(changed, fmt.Sprintf("%q", of[made.Order[i]].Key))
		}
		delete(rows, Row(r))
	}
	slices.Sort(changed)
	wrong = fmt.Sprintf("The rows of the population %s do not give its hash: %d were changed or added, and %d of those that were delivered are not there.", l.Key, len(changed), len(rows))
	if n := min(len(changed), maxNamed); n > 0 {
		wrong += " Changed or added: " + strings.Join(changed[:n], ", ") + "."
	}
	return wrong, false
}

func (f *reading) sampled(population string) bool {
	return slices.ContainsFunc(f.of(workpaper.SampleName), func(l *line) bool {
		return redrawn(f.body(l)) && f.body(l)[workpaper.PopulationName] == population
	})
}

func (f *reading) samples() ([]string, string) {
	var problems []string
	stages, n := map[string][]*line{}, 0
	for _, l := range f.of(workpaper.SampleName) {
		if b := f.body(l); redrawn(b) {
			key := engagement.Text(b, workpaper.PopulationName)
			stages[key] = append(stages[key], l)
			n++
		}
	}
	for key, list := range stages {
		if err := f.again(key, list); err != nil {
			problems = append(problems, fmt.Sprintf("The sample of the population %s: %v", key, err))
		}
	}
	slices.Sort(problems)
	return problems, fmt.Sprintf("%d samples of %d populations.", n, len(stages))
}

// again draws the samples of a population from its file, and holds what comes of it against the records.
func (f *reading) again(key string, list []*line) error {
	file, err := redraw.Read(f.member("samples/" + named(key) + ".json"))
	if err != nil {
		return fmt.Errorf("it has no file by which it is drawn again (%v).", err)
	}
	p := f.get(workpaper.PopulationName, key)
	if p == nil {
		return fmt.Errorf("its population is not here.")
	}
	known := redraw.Known{Population: new(sample.Hash)}
	if err := known.Population.UnmarshalText([]byte(engagement.Text(f.body(p), "root"))); err != nil {
		return fmt.Errorf("its population has no hash.")
	}
	if c := f.get(workpaper.NonceName, engagement.Text(f.body(p), "nonce")); c != nil {
		known.Commitment = new(sample.Hash)
		if err := known.Commitment.UnmarshalText([]byte(engagement.Text(f.body(c), "commitment"))); err != nil {
			return fmt.Errorf("its nonce has no commitment.")
		}
		if engagement.Text(f.body(list[0]), "method") == string(sample.All) {
			known.Commitment = nil // where every row is tested nothing hangs on the nonce, which stays sealed
		}
		if c.Entry > p.Entry && engagement.Text(f.body(c), "committed_at") >= engagement.Text(f.body(p), "delivered_at") {
			return fmt.Errorf("the nonce was committed to after the list was delivered.")
		}
	}
	if said := redraw.Draw(file, known); !said.OK {
		c, _ := said.Failed()
		return fmt.Errorf("%s %s", c.Claim, c.Detail)
	}
	if file.Engagement != f.Engagement || file.Control != engagement.Text(f.body(p), "control") {
		return fmt.Errorf("its file is of another engagement or control.")
	}
	slices.SortFunc(list, func(a, b *line) int {
		return strings.Compare(engagement.Text(f.body(a), "drawn_at"), engagement.Text(f.body(b), "drawn_at"))
	})
	if len(list) != len(file.Stages) {
		return fmt.Errorf("%d draws were recorded, and its file has %d.", len(list), len(file.Stages))
	}
	for i, l := range list {
		b := f.body(l)
		var tested []int
		for _, v := range engagementInts(b, "tested") {
			tested = append(tested, v)
		}
		drawn := file.Stages[i].Tested()
		if file.Stages[i].Plan.Method == sample.All {
			drawn = nil
			for n := range file.Rows {
				drawn = append(drawn, n)
			}
		}
		if !slices.Equal(tested, drawn) {
			return fmt.Errorf("the items of %s are not those that the draw gives.", l.Key)
		}
		if s := engagement.Text(b, "seed"); s != "" && (file.Seed == nil || s != file.Seed.String()) {
			return fmt.Errorf("the seed of %s is another.", l.Key)
		}
	}
	return nil
}

func engagementInts(b map[string]any, field string) []int {
	list, _ := b[field].([]any)
	out := make([]int, 0, len(list))
	for _, v := range list {
		out = append(out, workpaper.Whole(v))
	}
	return out
}

func (f *reading) get(kind, key string) *line {
	for _, l := range f.of(kind) {
		if l.Key == key {
			return l
		}
	}
	return nil
}

func (f *reading) papers() ([]string, string) {
	var problems []string
	n, cells := 0, 0
	for _, l := range f.of(workpaper.Name) {
		b := f.body(l)
		if !slices.Contains([]string{"reviewed", "partner_signed"}, engagement.Text(b, record.StateField)) {
			continue
		}
		n++
		reviewer := engagement.Text(b, "reviewed_by")
		if reviewer == "" || reviewer == engagement.Text(b, "prepared_by") || slices.Contains(engagement.List(b, "authors"), reviewer) {
			problems = append(problems, fmt.Sprintf("The paper %s was reviewed by %q, who had a part in it.", l.Key, reviewer))
		}
		marked := map[string]bool{}
		for _, c := range engagement.Objects(b, "grid") {
			marked[engagement.Text(c, "item")+"\x00"+engagement.Text(c, "attribute")] = engagement.Text(c, "mark") != "" && engagement.Text(c, "mark") != "open"
		}
		for _, s := range f.of(workpaper.SampleName) {
			sb := f.body(s)
			if sb["control"] != b["control"] || sb[workpaper.PopulationName] != b["population"] || slices.Contains([]string{"designed", "voided"}, engagement.Text(sb, record.StateField)) {
				continue
			}
			for _, item := range workpaper.Items(sb) {
				for _, a := range engagement.Objects(b, "attributes") {
					if cells++; !marked[item+"\x00"+engagement.Text(a, "id")] && !slices.Contains([]string{"", workpaper.NotTested, workpaper.NotOperated}, engagement.Text(b, "result")) {
						problems = append(problems, fmt.Sprintf("The paper %s has no mark for item %s, attribute %s.", l.Key, item, engagement.Text(a, "id")))
					}
				}
			}
		}
	}
	return problems, fmt.Sprintf("%d papers with %d cells.", n, cells)
}

// look is the records of the file as the rules of kinds see others.
func (f *reading) look(at time.Time) record.Look {
	version := func(l *line) record.Version {
		return record.Version{Kind: l.Kind, Key: l.Key, Source: l.Source, Entry: l.Entry, Body: l.Body}
	}
	return record.Look{At: at,
		Get: func(kind, key string) (record.Version, error) {
			if l := f.get(kind, key); l != nil {
				return version(l), nil
			}
			return record.Version{}, fault.New(fault.NotFound, "There is no %s %q in the file.", kind, key)
		},
		Find: func(kind, field string, value any) (out []record.Version, _ error) {
			for _, l := range f.of(kind) {
				if f.body(l)[field] == value {
					out = append(out, version(l))
				}
			}
			return out, nil
		},
		All: func(kind string) (out []record.Version, _ error) {
			for _, l := range f.of(kind) {
				out = append(out, version(l))
			}
			return out, nil
		}}
}

func (f *reading) opinions() ([]string, string) {
	var problems []string
	n := 0
	for _, l := range f.of(opinion.Name) {
		b := f.body(l)
		if !slices.Contains([]string{"agreed", "signed"}, engagement.Text(b, record.StateField)) {
			continue
		}
		n++
		if err := opinion.Borne(f.look(time.Time{}), b); err != nil {
			problems = append(problems, err.Error())
		}
		if engagement.Text(b, "signed_by") != "" && engagement.Text(b, "signed_by") == engagement.Text(b, "agreed_by") {
			problems = append(problems, "One person agreed to the opinion as quality reviewer and signed it.")
		}
	}
	if n == 0 {
		return nil, "No opinion was agreed to yet."
	}
	return problems, fmt.Sprintf("%d opinions, held against the matters and the conclusions on criteria.", n)
}

func (f *reading) issued() ([]string, string) {
	e := f.get(engagement.Name, f.Engagement)
	b := f.body(e)
	if engagement.Text(b, "issued_at") == "" {
		return nil, "It is not issued yet."
	}
	at, err := time.Parse(time.RFC3339Nano, engagement.Text(b, "issued_at"))
	if err != nil {
		return bad("It was issued at %q, which is no time.", engagement.Text(b, "issued_at"))
	}
	if err := engagement.Issuable(f.look(at), b); err != nil {
		return bad("%v", err)
	}
	return nil, fmt.Sprintf("Issued on %s: independence, notes, papers, opinion, letters and inquiry are there.", engagement.Text(b, "report_date"))
}

// parcels opens each parcel that was taken, by the key that people compared.
func (f *reading) parcels() ([]string, string) {
	links := f.of(exchange.CompanyLink)
	var taken []*line
	for _, l := range f.of(exchange.CompanyParcel) {
		if f.body(l)["direction"] == "taken" {
			taken = append(taken, l)
		}
	}
	if len(taken) == 0 {
		return nil, "No parcel was taken."
	}
	if len(links) != 1 {
		return bad("The key that the company's parcels are verified with is not here.")
	}
	slices.SortFunc(taken, func(a, b *line) int {
		return workpaper.Whole(f.body(a)["number"]) - workpaper.Whole(f.body(b)["number"])
	})
	previous := ""
	told := map[string]bool{}
	for i, l := range taken {
		b := f.body(l)
		raw, err := f.zip.All("files/"+engagement.Text(b, "file"), exchange.MaxParcel)
		if err != nil {
			return bad("Parcel %d cannot be read: %v", i+1, err)
		}
		p, hash, err := exchange.Inspect(bytes.NewReader(raw), int64(len(raw)), engagement.Text(f.body(links[0]), "key"), exchange.Company)
		switch {
		case err != nil:
			return bad("Parcel %d: %v", i+1, err)
		case p.Number != i+1 || p.Previous != previous || p.Engagement != f.Engagement || hash != engagement.Text(b, "hash"):
			return bad("Parcel %d does not follow the one before it, or is not the one that was recorded.", i+1)
		}
		previous = hash
		for _, item := range p.Items {
			told[exchange.ItemKey(p.Engagement, item.Sort, item.Key)] = true
		}
	}
	for _, l := range f.of(exchange.CompanyItem) {
		if !told[l.Key] {
			return bad("%s is said to come from the company, and no parcel tells it.", l.Key)
		}
	}
	return nil, fmt.Sprintf("%d parcels, by the key with the fingerprint %s.", len(taken), exchange.Fingerprint(engagement.Text(f.body(links[0]), "key")))
}

func (f *reading) signatures() ([]string, string) {
	var problems []string
	list := f.of(signature.Name)
	for _, l := range list {
		b := f.body(l)
		text := func(name string) string { return engagement.Text(b, name) }
		k := f.get(signature.KeyName, text("key"))
		switch {
		case k == nil || engagement.Text(f.body(k), "person") != text("person"):
			problems = append(problems, fmt.Sprintf("The key of the signature of %s on %s is not here, or is another's.", text("person"), text("of")))
		case f.body(k)[record.StateField] == "revoked" && k.Entry < l.Entry:
			problems = append(problems, fmt.Sprintf("The key of %s was revoked before %s was signed with it.", text("person"), text("of")))
		case !f.hashes[text("of_kind")+"\x00"+text("of")+"\x00"+text("hash")]:
			problems = append(problems, fmt.Sprintf("The version of %s %s that %s signed is not here.", text("of_kind"), text("of"), text("person")))
		case !signature.Holds(engagement.Text(f.body(k), "key"), text("signature"), f.Engagement, text("act"), text("of_kind"), text("of"), text("hash"), text("person")):
			problems = append(problems, fmt.Sprintf("The signature of %s on %s %s does not hold.", text("person"), text("of_kind"), text("of")))
		}
	}
	if len(list) == 0 {
		return nil, "Nobody signed with a key of his own."
	}
	return problems, fmt.Sprintf("%d signatures.", len(list))
}
