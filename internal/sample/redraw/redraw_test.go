package redraw_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tickmark/internal/sample"
	"tickmark/internal/sample/redraw"
)

var update = flag.Bool("update", false, "write testdata anew: samples as this release makes them")

// made is a sample of n rows with an extension, a replacement and a targeted item, and the first items shown.
func made(t rapid.TB, n int, plan sample.Plan) redraw.File {
	t.Helper()
	var all []sample.Occurrence
	for i := range n {
		salt := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("salt"), uint64(i)))
		all = append(all, sample.Occurrence{At: 1767225600000000 + int64(i)*3_600_000_000, Location: []string{"north", "süd"}[i%2],
			Opening: sample.Opening{Salt: salt[:16], Key: fmt.Sprint("change-", i), Content: fmt.Appendf(nil, `{"merged":%d}`, i)}})
	}
	frozen, err := sample.Freeze(slices.Values(all))
	if err != nil {
		t.Fatal(err)
	}
	nonce := sample.Nonce(sha256.Sum256([]byte("nonce")))
	commitment := nonce.Commitment()
	f := redraw.File{Format: redraw.Format, Engagement: "E-2026-01", Control: "CHG-01", Population: frozen.Hash,
		Earlier: []redraw.Earlier{{What: "population", Hash: sample.Hash{1}, Reason: "the contractors were missing"}}}
	for _, r := range frozen.Rows {
		f.Rows = append(f.Rows, redraw.RowOf(r))
	}
	if plan.Method == sample.All {
		f.Stages = []sample.Stage{{Plan: plan}}
		return f
	}
	seed, err := sample.SeedOf(f.Engagement, f.Control, f.Population, nonce)
	if err != nil {
		t.Fatal(err)
	}
	f.Commitment, f.Nonce, f.Seed = &commitment, &nonce, &seed
	first := sample.Stage{Plan: plan}
	if first.Runs, err = sample.Draw(seed, frozen.Rows, plan); err != nil {
		t.Fatal(err)
	}
	if len(first.Runs[0].Reserves) > 0 {
		r, err := first.Replace(first.Runs[0].Items[0], sample.Void, "withdrawn before it was merged")
		if err != nil {
			t.Fatal(err)
		}
		first.Replaced = append(first.Replaced, r)
	}
	for i := range n {
		if !slices.Contains(first.Seen(), i) {
			first.Targeted = append(first.Targeted, sample.Targeted{Position: i, Reason: "merged on a holiday"})
			break
		}
	}
	second := sample.Stage{Plan: sample.Plan{Method: plan.Method, Size: 4, Reserves: 1, ByLocation: plan.ByLocation}}
	if second.Runs, err = sample.Extend(seed, frozen.Rows, second.Plan, 1, first.Seen()); err != nil {
		t.Fatal(err)
	}
	f.Stages = []sample.Stage{first, second}
	for _, i := range first.Tested()[:2] {
		o := all[frozen.Order[i]]
		f.Opened = append(f.Opened, redraw.Opened{Position: i, Salt: o.Salt, Key: o.Key, Content: string(o.Content)})
	}
	return f
}

func plans() map[string]sample.Plan {
	return map[string]sample.Plan{
		"stratified": {Method: sample.Stratified, Size: 5, Reserves: 2}, "random": {Method: sample.Random, Size: 5, Reserves: 3},
		"systematic": {Method: sample.Systematic, Size: 5, Reserves: 1}, "location": {Method: sample.Stratified, Size: 6, Reserves: 1, ByLocation: true},
		"all": {Method: sample.All, Size: 24},
	}
}

func again(t *testing.T, f redraw.File, k redraw.Known) redraw.Verdict {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	read, err := redraw.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	v := redraw.Draw(read, k)
	if _, failed := v.Failed(); failed == v.OK {
		t.Fatalf("ok is %v: %+v", v.OK, v.Claims)
	}
	return v
}

func TestASampleIsDrawnAgainAlsoWhenItsRowsWereErased(t *testing.T) {
	for name, plan := range plans() {
		f := made(t, 24, plan)
		v := again(t, f, redraw.Known{Commitment: f.Commitment, Population: &f.Population})
		if !v.OK {
			t.Errorf("%s: %+v", name, v.Claims)
		}
		if hidden := map[string]string{"all": "Of 24 tested rows 24", "location": "Of 11 tested rows 9"}[name]; !strings.Contains(strings.Join(v.Limits, "\n"), cmp.Or(hidden, "Of 10 tested rows 8")) {
			t.Errorf("%s: what is not shown is not told: %q", name, v.Limits)
		}
		f.Opened = nil // their salts and contents are destroyed
		if erased := again(t, f, redraw.Known{}); !erased.OK || len(erased.Limits) != len(v.Limits)+1 {
			t.Errorf("%s, erased: %+v", name, erased)
		}
	}
	empty := made(t, 0, sample.Plan{Method: sample.All})
	if v := again(t, empty, redraw.Known{}); !v.OK || !strings.Contains(fmt.Sprint(v.Claims), "0 rows") {
		t.Errorf("no rows: %+v", v.Claims)
	}
}

func TestWhatWasChangedIsNamed(t *testing.T) {
	other := sample.Hash{7}
	for name, c := range map[string]struct {
		spoil func(*redraw.File)
		claim string // begins the first claim that fails
	}{
		"format":               {func(f *redraw.File) { f.Format = "tickmark sample v2" }, "The file is"},
		"no stages":            {func(f *redraw.File) { f.Stages = nil }, "The file is"},
		"haphazard":            {func(f *redraw.File) { f.Stages[0].Plan.Method = sample.Haphazard }, "The file is"},
		"an earlier one":       {func(f *redraw.File) { f.Earlier[0].Reason = " " }, "The file is"},
		"an earlier what":      {func(f *redraw.File) { f.Earlier[0].What = "seed" }, "The file is"},
		"nonce":                {func(f *redraw.File) { f.Nonce[0]++ }, "The nonce"},
		"no nonce":             {func(f *redraw.File) { f.Nonce = nil }, "The nonce"},
		"commitment":           {func(f *redraw.File) { f.Commitment[0]++ }, "The nonce"},
		"no commitment":        {func(f *redraw.File) { f.Commitment = nil }, "The nonce"},
		"row left out":         {func(f *redraw.File) { f.Rows = f.Rows[1:] }, "The rows"},
		"row twice":            {func(f *redraw.File) { f.Rows = append(f.Rows, f.Rows[len(f.Rows)-1]) }, "The rows"},
		"row moved":            {func(f *redraw.File) { f.Rows[0], f.Rows[1] = f.Rows[1], f.Rows[0] }, "The rows"},
		"time":                 {func(f *redraw.File) { *f.Rows[5].At++ }, "The rows"},
		"no time":              {func(f *redraw.File) { f.Rows[23].At = nil }, "The rows"},
		"location":             {func(f *redraw.File) { f.Rows[5].Location = "west" }, "The rows"},
		"row's commitment":     {func(f *redraw.File) { f.Rows[5].Commitment[9]++ }, "The rows"},
		"population":           {func(f *redraw.File) { f.Population[0]++ }, "The rows"},
		"engagement":           {func(f *redraw.File) { f.Engagement = "E-2026-02" }, "The seed"},
		"control":              {func(f *redraw.File) { f.Control = "CHG-02" }, "The seed"},
		"no control":           {func(f *redraw.File) { f.Control = "" }, "The seed"},
		"seed":                 {func(f *redraw.File) { f.Seed[0]++ }, "The seed"},
		"no seed":              {func(f *redraw.File) { f.Seed = nil }, "The seed"},
		"size":                 {func(f *redraw.File) { f.Stages[0].Plan.Size-- }, "The items are"},
		"size over all":        {func(f *redraw.File) { f.Stages[0].Plan.Size = 25 }, "The items are"},
		"method":               {func(f *redraw.File) { f.Stages[0].Plan.Method = sample.Systematic }, "The items are"},
		"by location":          {func(f *redraw.File) { f.Stages[0].Plan.ByLocation = true }, "The items are"},
		"location of a run":    {func(f *redraw.File) { f.Stages[0].Runs[1].Location = "north" }, "The items are"},
		"item":                 {func(f *redraw.File) { f.Stages[0].Runs[1].Items[0]++ }, "The items are"},
		"item more":            {func(f *redraw.File) { r := &f.Stages[0].Runs[1]; r.Items = append(r.Items, 23) }, "The items are"},
		"no items":             {func(f *redraw.File) { f.Stages[0].Runs[1].Items = nil }, "The items are"},
		"run less":             {func(f *redraw.File) { f.Stages[0].Runs = f.Stages[0].Runs[:4] }, "The items are"},
		"reserve":              {func(f *redraw.File) { f.Stages[0].Runs[1].Reserves[0]++ }, "The reserves are"},
		"reserves turned":      {func(f *redraw.File) { slices.Reverse(f.Stages[0].Runs[1].Reserves) }, "The reserves are"},
		"reserves planned":     {func(f *redraw.File) { f.Stages[0].Plan.Reserves-- }, "The reserves are"},
		"replaced by another":  {func(f *redraw.File) { f.Stages[0].Replaced[0].By = f.Stages[0].Runs[0].Reserves[1] }, "Each replacement has"},
		"replaced why":         {func(f *redraw.File) { f.Stages[0].Replaced[0].Why = "no_evidence" }, "Each replacement has"},
		"replaced for nothing": {func(f *redraw.File) { f.Stages[0].Replaced[0].Reason = "" }, "Each replacement has"},
		"targeted and drawn":   {func(f *redraw.File) { f.Stages[0].Targeted[0].Position = f.Stages[0].Runs[2].Items[0] }, "The targeted items are"},
		"replaced is hidden":   {func(f *redraw.File) { f.Stages[0].Replaced = nil }, "The items of extension 1"},
		"targeted is hidden":   {func(f *redraw.File) { f.Stages[0].Targeted = nil }, "The items of extension 1"},
		"extension's size":     {func(f *redraw.File) { f.Stages[1].Plan.Size++ }, "The items of extension 1"},
		"extension's item":     {func(f *redraw.File) { f.Stages[1].Runs[0].Items[0]++ }, "The items of extension 1"},
		"extension's reserve":  {func(f *redraw.File) { f.Stages[1].Runs[0].Reserves[0]++ }, "The reserves of extension 1"},
		"extension to all":     {func(f *redraw.File) { f.Stages[1].Plan.Method = sample.All }, "The items of extension 1"},
		"extension twice":      {func(f *redraw.File) { f.Stages = append(f.Stages, f.Stages[1]) }, "The items of extension 2"},
		"extension left out":   {func(f *redraw.File) { f.Stages = f.Stages[1:] }, "The items are"},
		"shown content":        {func(f *redraw.File) { f.Opened[0].Content = "{}" }, "The rows that are shown"},
		"shown key":            {func(f *redraw.File) { f.Opened[0].Key = "change-99" }, "The rows that are shown"},
		"shown at another":     {func(f *redraw.File) { f.Opened[0].Position = f.Opened[1].Position }, "The rows that are shown"},
		"shown twice":          {func(f *redraw.File) { f.Opened = append(f.Opened, f.Opened[0]) }, "The rows that are shown"},
		"shown nowhere":        {func(f *redraw.File) { f.Opened[0].Position = 24 }, "The rows that are shown"},
	} {
		f := made(t, 24, plans()["stratified"])
		c.spoil(&f)
		v := again(t, f, redraw.Known{})
		failed, _ := v.Failed()
		if v.OK || !strings.HasPrefix(failed.Claim, c.claim) || failed.Detail == "" {
			t.Errorf("%s: %+v", name, failed)
		}
		for _, later := range v.Claims[slices.Index(v.Claims, failed)+1:] {
			if later.OK {
				t.Errorf("%s: %s was proved after what it rests on failed", name, later.Claim)
			}
		}
	}
	for name, spoil := range map[string]func(*redraw.File){
		"size": func(f *redraw.File) { f.Stages[0].Plan.Size = 23 }, "runs": func(f *redraw.File) { f.Stages[0].Runs = []sample.Run{{Items: []int{1}}} },
		"extension": func(f *redraw.File) { f.Stages = append(f.Stages, f.Stages[0]) }, "row": func(f *redraw.File) { f.Rows = f.Rows[1:] },
		"targeted": func(f *redraw.File) { f.Stages[0].Targeted = []sample.Targeted{{Position: 1, Reason: "large"}} },
		"nonce":    func(f *redraw.File) { f.Commitment = &other },
	} {
		f := made(t, 24, plans()["all"])
		spoil(&f)
		if v := again(t, f, redraw.Known{}); v.OK {
			t.Errorf("all, %s: %+v", name, v.Claims)
		}
	}
	f := made(t, 24, plans()["random"])
	for name, k := range map[string]redraw.Known{"commitment": {Commitment: &other}, "population": {Population: &other}} {
		if v := again(t, f, k); v.OK {
			t.Errorf("another %s is known: %+v", name, v.Claims)
		}
	}
	if v := again(t, made(t, 24, plans()["all"]), redraw.Known{Commitment: &other}); v.OK {
		t.Errorf("a commitment is known, and the file has none: %+v", v.Claims)
	}
}

func TestAFileOfAnotherSpellingIsRefused(t *testing.T) {
	var b bytes.Buffer
	if err := made(t, 24, plans()["stratified"]).Write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for name, change := range map[string][2]string{
		"unknown member": {`{"format":`, `{"note":"","format":`}, "twice": {`{"format":`, `{"control":"X","format":`}, "another case": {`"nonce":`, `"Nonce":`},
		"a run's items twice": {`{"items":`, `{"items":[1],"items":`}, "longer": {`"seed":"`, `"seed":"0`}, "fraction": {`"size":5`, `"size":5.0`}, "more": {"{", "{}{"}, "not UTF-8": {"CHG-01", "CHG\xff01"},
	} {
		changed := strings.Replace(text, change[0], change[1], 1)
		if f, err := redraw.Read(strings.NewReader(changed)); changed == text || err == nil {
			t.Errorf("%s: %+v", name, f.Stages)
		}
	}
	if _, err := redraw.Read(strings.NewReader(text[:len(text)-2])); err == nil {
		t.Error("half a file was read")
	}
}

// TestSamplesOfEarlierReleasesAreDrawnAgain reads samples that were handed over once, with this program and with the second
// implementation. They are never made anew for a change of the code: a new format gets new ones beside them.
func TestSamplesOfEarlierReleasesAreDrawnAgain(t *testing.T) {
	python, missing := exec.LookPath("python3")
	for name, plan := range plans() {
		path := filepath.Join("testdata", name+".json")
		if *update {
			var b, lines bytes.Buffer
			if err := made(t, 24, plan).Write(&b); err != nil {
				t.Fatal(err)
			}
			if err := json.Indent(&lines, b.Bytes(), "", " "); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(lines.Bytes(), '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := redraw.Read(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if v := redraw.Draw(f, redraw.Known{}); !v.OK {
			t.Errorf("%s: %+v", name, v.Claims)
		}
		if missing != nil {
			t.Logf("%s: there is no python3 to run the second implementation", name)
			continue
		}
		second := filepath.Join("..", "testdata", "redraw.py")
		if out, err := exec.Command(python, second, path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if name == "all" {
			continue
		}
		f.Stages[1].Runs[0].Items[0]++
		b2 := filepath.Join(t.TempDir(), "other.json")
		w, err := os.Create(b2)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Write(w); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if out, err := exec.Command(python, second, b2).CombinedOutput(); err == nil {
			t.Errorf("%s: the second implementation drew another item\n%s", name, out)
		}
	}
}

// Whatever is in a file, drawing again ends, and never with all proved unless the first items are the seed's.
func TestAnyChangeOfANumberIsSeen(t *testing.T) {
	f := made(t, 24, plans()["location"])
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.Bytes()
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		c := rapid.SampledFrom([]byte("0123456789abcdef-\",:[]{}")).Draw(t, "as")
		changed := slices.Clone(text)
		changed[i] = c
		if changed[i] == text[i] {
			return
		}
		g, err := redraw.Read(bytes.NewReader(changed))
		if err != nil {
			return
		}
		if v := redraw.Draw(g, redraw.Known{}); v.OK && told(f) == told(g) {
			t.Fatalf("byte %d became %q and nothing failed", i, c)
		}
	})
}

// told is what of a file is only its own word: sentences of people.
func told(f redraw.File) string {
	s := fmt.Sprint(f.Earlier)
	for _, stage := range f.Stages {
		for _, r := range stage.Replaced {
			s += string(r.Why) + r.Reason
		}
		for _, x := range stage.Targeted {
			s += fmt.Sprint(x)
		}
	}
	return s
}
