package file_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/connector/file"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// staff is a kind with a field of every type.
func staff() *record.Kind {
	return &record.Kind{Name: "staff", Title: "Member", Plural: "Staff", Key: "id", Label: "name", Fields: []record.Field{
		{Name: "id", Type: record.Text, Required: true},
		{Name: "name", Type: record.Text, Required: true},
		{Name: "email", Type: record.Email},
		{Name: "start", Type: record.Date, Title: "First day"},
		{Name: "seen", Type: record.Time},
		{Name: "active", Type: record.Bool},
		{Name: "level", Type: record.Integer},
		{Name: "share", Type: record.Number},
		{Name: "employment", Type: record.Choice, Choices: []string{"employee", "contractor"}},
		{Name: "tags", Type: record.Text, List: true},
		{Name: "page", Type: record.URL},
		{Name: "place", Type: record.Object, Fields: []record.Field{{Name: "city", Type: record.Text}, {Name: "floor", Type: record.Integer}}},
		{Name: "more", Type: record.JSON},
		{Name: "state", Type: record.Choice, Choices: []string{"draft", "approved"}, Fixed: true},
		{Name: "pin", Type: record.Text, Secret: true},
	}}
}

func read(t testing.TB, name, content string, m file.Mapping) ([]file.Row, error) {
	t.Helper()
	return file.Read(staff(), name, strings.NewReader(content), m)
}

func mapping(t testing.TB, text string) file.Mapping {
	t.Helper()
	m, err := file.ReadMapping("map.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReadsTablesByFieldName(t *testing.T) {
	want := `{"active":true,"email":"ada@example.org","employment":"employee","id":"7","level":3,"name":"Ada","place":{"city":"Berlin","floor":2},"seen":"2026-01-02T03:04:05+01:00","share":-0.5,"start":"2026-01-31","tags":["a","b"]}`
	head := "id,name,email,First day,seen,Active,level,share,employment,tags,place.city,place.floor,more\n"
	for name, content := range map[string]string{
		"comma.csv":       head + "7,Ada,ada@example.org,2026-01-31,2026-01-02T03:04:05+01:00,yes,3,-0.5,Employee,a; b,Berlin,2,\n",
		"semicolon.csv":   strings.ReplaceAll(head, ",", ";") + "7;Ada;ada@example.org;2026-01-31;2026-01-02T03:04:05+01:00;yes;3;-0.5;Employee;\"a; b\";Berlin;2;\n",
		"tab.tsv":         strings.ReplaceAll(head+"7,Ada,ada@example.org,2026-01-31,2026-01-02T03:04:05+01:00,yes,3,-0.5,Employee,a; b,Berlin,2,\n", ",", "\t"),
		"mark.csv":        "\xef\xbb\xbf" + head + "7,Ada,ada@example.org,2026-01-31,2026-01-02T03:04:05+01:00,TRUE,3,-0.5,employee,a;b,Berlin,2,\r\n\r\n",
		"array.json":      "[\n" + want + "\n]",
		"lines.jsonl":     want + "\n",
		"without ending":  want,
		"dotted.json":     `[{"id":"7","name":"Ada","email":"ada@example.org","start":"2026-01-31","seen":"2026-01-02T03:04:05+01:00","active":true,"level":3,"share":-0.5,"employment":"employee","tags":["a","b"],"place.city":"Berlin","place.floor":2}]`,
		"spelled out.csv": head + "7,json:\"Ada\",ada@example.org,2026-01-31,2026-01-02T03:04:05+01:00,1,json:3,-0.5,employee,\"json:[\"\"a\"\",\"\"b\"\"]\",Berlin,2,\n",
	} {
		if name == "spelled out.csv" {
			content = strings.Replace(content, `json:"Ada"`, `"json:""Ada"""`, 1)
		}
		rows, err := read(t, name, content, file.Mapping{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(rows) != 1 || rows[0].Key != "7" {
			t.Errorf("%s: %d rows", name, len(rows))
			continue
		}
		if d := cmp.Diff(want, string(rows[0].Body)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestBadRowsAreNamedAndNothingIsTaken(t *testing.T) {
	for _, c := range []struct{ name, content, says string }{
		{"a.csv", "id,name,start\n1,Ada,31.01.2026\n", `line 2, column start: "31.01.2026" is not a date`},
		{"a.csv", "id,name,level\n1,Ada,3\n2,Bob,high\n", `line 3, column level: "high" is not a whole number`},
		{"a.csv", "id,name,share\n1,Ada,\"1,5\"\n", "column share"},
		{"a.csv", "id,name,active\n1,Ada,maybe\n", "neither true nor false"},
		{"a.csv", "id,name,employment\n1,Ada,employe\n", `is not one of employee, contractor; did you mean employee?`},
		{"a.csv", "id,name,email\n1,Ada,ada\n", "is not an address"},
		{"a.csv", "id,name,email\n1,Ada,Ada <ada@example.org>\n", "is not an address"},
		{"a.csv", "id,name,page\n1,Ada,nowhere\n", "not a web address"},
		{"a.csv", "id,name,seen\n1,Ada,2026-01-02 03:04\n", "says no time zone"},
		{"a.csv", "id,name\n1,\n", "line 2, column name: a value is needed"},
		{"a.csv", "id,name\n1,Ada\n1,Bob\n", `line 3, column id: "1" stands already on line 2`},
		{"a.csv", "id,name,nmae\n1,Ada,x\n", "column nmae: staff has no such field; did you mean name?"},
		{"a.csv", "id,name,state\n1,Ada,approved\n", "state is set by an action"},
		{"a.csv", "id,name,name\n1,Ada,x\n", "twice"},
		{"a.csv", "id,name,First day,start\n1,Ada,,\n", "two columns give start"},
		{"a.csv", "id,name\n1,Ada,extra\n", "3 values stand under 2 columns"},
		{"a.csv", "id,name\n1,\"Ada\n", "quotation mark is not closed"},
		{"a.csv", "id,name\n1,Ada\n2,B\"ob\n", "line 3"},
		{"a.csv", "id,name\n1,J\xfcrgen\n", "not UTF-8: line 2"},
		{"a.csv", "id,name\n1,a\x00b\n", "zero byte"},
		{"a.csv", "", "is empty"},
		{"a.csv", "x,y\n1,2\n", "no such field"},
		{"a.json", `[{"id":"1","name":"Ada","level":"3"}]`, `column level: "3" is not a number`},
		{"a.json", `[{"id":1,"name":"Ada"}]`, "1 is not text"},
		{"a.json", "[{\"id\":\"1\",\n\"name\":\"Ada\"},\n{\"id\":\"2\",\"name\":\"Bob\",\"levle\":1}]", "line 3, column levle: staff has no such field; did you mean level?"},
		{"a.json", `[{"id":"1","name":"Ada","name":"Eve"}]`, "line 1"},
		{"a.json", "[{\"id\":\"1\",\"name\":\"Ada\"},\n{\"id\":", "line 2: the file ends in the middle"},
		{"a.json", `[{"id":"1","name":"Ada"}] 5`, "more follows"},
		{"a.json", `[5]`, "an object is needed"},
		{"a.json", `{"id":"1","name":"Ada","place":{"town":"x"}}`, `no member "town"`},
		{"a.json", `{"id":"1","name":"Ada","tags":"a"}`, "a list is needed"},
		{"a.json", `{"id":"1","name":"Ada","start":"2026-02-30"}`, "is not a date"},
		{"a.xlsx", "not a zip", "not a whole XLSX"},
	} {
		rows, err := read(t, c.name, c.content, file.Mapping{})
		if err == nil || !strings.Contains(err.Error(), c.says) || len(rows) > 0 {
			t.Errorf("%s %q: %d rows, says %v; want %q", c.name, c.content, len(rows), err, c.says)
		}
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q is a fault of kind %s", c.content, fault.KindOf(err))
		}
	}
}

func TestUpToTwentyProblemsAreListed(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,name,level\n")
	for i := range 30 {
		fmt.Fprintf(&b, "%d,Ada,x\n", i)
	}
	_, err := read(t, "a.csv", b.String(), file.Mapping{})
	var r *file.Refusal
	if !errors.As(err, &r) || len(r.Problems) != file.MaxListed || !r.More {
		t.Fatalf("error is %v", err)
	}
	if p := r.Problems[1]; p.Line != 3 || p.Column != "level" {
		t.Errorf("problem is %+v", p)
	}
}

func TestMapping(t *testing.T) {
	m := mapping(t, `
zone: Europe/Berlin
fields:
  id: Staff number
  name: "{First} {Last}"
  employment: {column: Type, values: {FT: employee, EXT: contractor}, default: employee}
  start: {column: Hired, format: DD.MM.YYYY}
  seen: Last seen
  tags: {value: imported}
ignore: [Salary]
`)
	rows, err := read(t, "hr.csv", "Staff number,First,Last,Type,Hired,Last seen,Salary,level\n1,Ada,L,ext,31.01.2026,2026-07-01 09:00,9000,4\n2,Bob,,,,,,\n", m)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"employment":"contractor","id":"1","level":4,"name":"Ada L","seen":"2026-07-01T09:00:00+02:00","start":"2026-01-31","tags":["imported"]}`,
		`{"employment":"employee","id":"2","name":"Bob ","tags":["imported"]}`,
	}
	want[1] = strings.Replace(want[1], "Bob ", "Bob", 1)
	for i, r := range rows {
		if string(r.Body) != want[i] {
			t.Errorf("row %d is %s, want %s", i, r.Body, want[i])
		}
	}
	for _, c := range []struct{ text, content, says string }{
		{"fields: {nmae: A}", "A\n1\n", `the map names "nmae"`},
		{"fields: {id: Staff, name: N}", "Staf,N\n1,Ada\n", "did you mean Staf?"},
		{"fields: {state: A}", "id,name,A\n1,Ada,x\n", "never by a file"},
		{"sheet: x", "id,name,Pay\n1,Ada,1\n", "column Pay"},
	} {
		if _, err := read(t, "a.csv", c.content, mapping(t, c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	for text, says := range map[string]string{
		"felds: {}":                               "cannot be read",
		"fields: {id: {colum: A}}":                "colum",
		"fields: {id: {value: a, column: b}}":     "one of column, template and value",
		"fields: {id: {column: a, format: yyyy}}": "format",
		"zone: Nowhere/At-all":                    "not known",
		"fields: [":                               "cannot be read",
	} {
		if _, err := file.ReadMapping("map.yaml", []byte(text)); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if rows, err := read(t, "a.csv", "id,name,Pay,Age\n1,Ada,1,2\n", mapping(t, `ignore: ["*"]`)); err != nil || string(rows[0].Body) != `{"id":"1","name":"Ada"}` {
		t.Errorf("%v", err)
	}
}

func TestSpreadsheetCellsAreTakenAsStored(t *testing.T) {
	f := excelize.NewFile()
	f.SetSheetRow("Sheet1", "A2", &[]any{"id", "name", "start", "seen", "level", "active"})
	f.SetSheetRow("Sheet1", "A4", &[]any{7, "Ada", 46053, "2026-01-02T03:04:05Z", 3.0, true})
	style, _ := f.NewStyle(&excelize.Style{NumFmt: 14})
	f.SetCellStyle("Sheet1", "C4", "C4", style)
	f.SetCellFormula("Sheet1", "B5", `="x"`)
	f.SetCellValue("Sheet1", "A5", "0012")
	f.SetCellStr("Sheet1", "B5", "Bob")
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := file.Read(staff(), "a.xlsx", &b, file.Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Line != 4 || string(rows[0].Body) != `{"active":true,"id":"7","level":3,"name":"Ada","seen":"2026-01-02T03:04:05Z","start":"2026-01-31"}` ||
		rows[1].Key != "0012" {
		t.Errorf("rows %+v: %s", rows, rows[0].Body)
	}
}

func TestBombsAreRefused(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create("xl/worksheets/sheet1.xml")
	w.Write(make([]byte, 60<<20))
	z.Close()
	if _, err := file.Read(staff(), "bomb.xlsx", &b, file.Mapping{}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("error is %v", err)
	}
	if _, err := file.Read(staff(), "a.csv", &endless{}, file.Mapping{}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("error is %v", err)
	}
	if _, err := read(t, "a.csv", "id,name"+strings.Repeat(",", file.MaxColumns)+"\n", file.Mapping{}); err == nil || !strings.Contains(err.Error(), "columns") {
		t.Errorf("error is %v", err)
	}
	if _, err := read(t, "a.csv", "id,name\n1,"+strings.Repeat("x", file.MaxCell+1)+"\n", file.Mapping{}); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("error is %.200v", err)
	}
	if _, err := read(t, "a.json", strings.Repeat("[", 100_000), file.Mapping{}); err == nil {
		t.Error("deep nesting was taken")
	}
}

type endless struct{}

func (*endless) Read(p []byte) (int, error) { return len(p), nil }

func TestKindsThatAreNotWrittenByPeopleAreRefused(t *testing.T) {
	k := staff()
	k.Collected = true
	if _, err := file.Read(k, "a.csv", strings.NewReader("id,name\n1,Ada\n"), file.Mapping{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("error is %v", err)
	}
}

func TestWhatIsWrittenIsReadBackAsItWas(t *testing.T) {
	texts := rapid.OneOf(
		rapid.SampledFrom([]string{"Ada", "", " a ", "=1+1", "+49 30", "-", "@ada", "'=x", "''@", "'plain", "json:", "json:null", "null", "true", "5", "a;b", "a\nb", "a\r\nb", "\tx", "_x0041_",
			"ü\u200b", `"q"`, "a,b", "\x01", `\`, "\ufffe"}),
		rapid.StringN(0, 20, -1))
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.ReplaceAll(strings.ToValidUTF8(texts.Draw(t, "text"), "?"), "\x00", "0")
	})
	rapid.Check(t, func(t *rapid.T) {
		var rows []file.Row
		for i := range rapid.IntRange(1, 5).Draw(t, "rows") {
			body := map[string]any{"id": fmt.Sprint("k", i), "name": text.Draw(t, "name")}
			maybe := func(name string, g *rapid.Generator[any]) {
				switch rapid.IntRange(0, 4).Draw(t, "how "+name) {
				case 0:
				case 1:
					body[name] = nil
				default:
					body[name] = g.Draw(t, name)
				}
			}
			maybe("tags", rapid.SliceOfN(text, 0, 3).AsAny())
			maybe("level", rapid.Int64Range(-1<<53, 1<<53).AsAny())
			maybe("share", rapid.Float64Range(-1e9, 1e9).AsAny())
			maybe("active", rapid.Bool().AsAny())
			maybe("start", rapid.SampledFrom([]string{"2026-01-31", ""}).AsAny())
			maybe("seen", rapid.SampledFrom([]string{"2026-01-31T01:02:03.5+01:00", "2026-01-31T01:02:03Z"}).AsAny())
			maybe("employment", rapid.SampledFrom([]string{"employee", "contractor"}).AsAny())
			maybe("more", rapid.OneOf(text.AsAny(), rapid.SampledFrom([]any{1, true, []any{"a", nil}, map[string]any{"a": 1}})))
			maybe("place", rapid.SampledFrom([]any{map[string]any{}, map[string]any{"city": "Berlin"}, map[string]any{"city": nil, "floor": 3}}))
			if rapid.Bool().Draw(t, "own") {
				body["custom"] = map[string]any{"shoe": rapid.OneOf(text.AsAny(), rapid.Just(any(44)), rapid.Just(any(nil))).Draw(t, "shoe")}
			}
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, file.Row{Key: fmt.Sprint("k", i), Body: raw})
		}
		for _, format := range []file.Format{file.CSV, file.XLSX, file.JSON, file.JSONL} {
			var b bytes.Buffer
			if err := file.Write(staff(), format, &b, rows, file.Options{}); err != nil {
				t.Fatal(err)
			}
			written := b.String()
			if format == file.XLSX {
				written = ""
			}
			back, err := file.Read(staff(), "x."+string(format), &b, file.Mapping{})
			if err != nil {
				t.Fatalf("%s: %v\n%q", format, err, written)
			}
			if len(back) != len(rows) {
				t.Fatalf("%s: %d rows of %d\n%q", format, len(back), len(rows), written)
			}
			for i := range rows {
				if !bytes.Equal(back[i].Body, rows[i].Body) || back[i].Key != rows[i].Key {
					t.Fatalf("%s: %s is read back as %s\n%q", format, rows[i].Body, back[i].Body, written)
				}
			}
		}
	})
}

func TestKeysWithoutAFieldStandInAColumn(t *testing.T) {
	k := &record.Kind{Name: "note", Title: "Note", Plural: "Notes", Fields: []record.Field{{Name: "text", Type: record.Text}}}
	rows := []file.Row{{Key: "n1", Body: []byte(`{"text":"a"}`)}, {Key: "n2", Body: []byte(`{}`)}}
	for _, format := range []file.Format{file.CSV, file.XLSX, file.JSON, file.JSONL} {
		var b bytes.Buffer
		if err := file.Write(k, format, &b, rows, file.Options{}); err != nil {
			t.Fatal(err)
		}
		back, err := file.Read(k, "x."+string(format), &b, file.Mapping{})
		if err != nil || len(back) != 2 || back[1].Key != "n2" || string(back[1].Body) != `{}` {
			t.Errorf("%s: %v %v", format, back, err)
		}
	}
}

func TestExportLeavesOutWhatMayNotComeBack(t *testing.T) {
	rows := []file.Row{{Key: "1", Body: []byte(`{"id":"1","name":"=HYPERLINK(\"x\")","state":"approved","pin":"digest"}`)}}
	var b bytes.Buffer
	if err := file.Write(staff(), file.CSV, &b, rows, file.Options{}); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "state") || strings.Contains(s, "digest") || !strings.Contains(s, `"'=HYPERLINK(""x"")"`) {
		t.Error(s)
	}
	b.Reset()
	if err := file.Write(staff(), file.CSV, &b, rows, file.Options{Fixed: true}); err != nil || !strings.Contains(b.String(), "approved") || strings.Contains(b.String(), "digest") {
		t.Error(b.String(), err)
	}
	if _, err := file.Read(staff(), "a.csv", &b, file.Mapping{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a fixed column was taken: %v", err)
	}
}

func TestConnectionReadsAFolderWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	named := func(string) (*record.Kind, error) { return staff(), nil }
	c := file.Connector(named)
	v := connector.Values{"path": dir, "kind": "staff"}
	if err := c.Read(t.Context(), v, &connectortest.Recorder{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("an empty folder: %v", err)
	}
	put("a.csv", "id,name\n1,Ada\n")
	put("b.json", `[{"id":"2","name":"Bob"}]`)
	put("note.txt", "no table")
	first := &connectortest.Recorder{}
	if err := c.Read(t.Context(), v, first); err != nil {
		t.Fatal(err)
	}
	if first.Count("staff") != 2 || !first.Completed("staff", "") || len(first.Exchanges()) != 2 {
		t.Errorf("%d records", first.Count("staff"))
	}
	if it, _ := first.Find("staff", "1"); it.Label != "Ada" {
		t.Errorf("label is %q", it.Label)
	}
	second := first.Next()
	if err := c.Read(t.Context(), v, second); err != nil || !second.SaidUnchanged("staff", "") || second.Count("staff") != 0 {
		t.Errorf("second: %v", err)
	}
	put("c.csv", "id,name\n3,\n")
	third := second.Next()
	if err := c.Read(t.Context(), v, third); !fault.Is(err, fault.Invalid) || third.Count("staff") != 0 {
		t.Errorf("a bad file beside good ones: %v, %d records", err, third.Count("staff"))
	}
	put("c.csv", "id,name\n1,Again\n")
	if err := c.Read(t.Context(), v, second.Next()); err == nil || !strings.Contains(err.Error(), "line 2 of a.csv and in line 2 of c.csv") {
		t.Errorf("the same key in two files: %v", err)
	}
}

// BenchmarkRead reads 100,000 people in each format.
func BenchmarkRead(b *testing.B) {
	rows := make([]file.Row, 100_000)
	for i := range rows {
		rows[i] = file.Row{Key: fmt.Sprint(i), Body: fmt.Appendf(nil, `{"active":true,"email":"ada%d@example.org","id":"%d","level":%d,"name":"Ada %d","start":"2026-01-31","tags":["a","b"]}`, i, i, i%9, i)}
	}
	for _, format := range []file.Format{file.CSV, file.JSONL, file.XLSX} {
		var content bytes.Buffer
		if err := file.Write(staff(), format, &content, rows, file.Options{}); err != nil {
			b.Fatal(err)
		}
		b.Run(string(format), func(b *testing.B) {
			for b.Loop() {
				back, err := file.Read(staff(), "x."+string(format), bytes.NewReader(content.Bytes()), file.Mapping{})
				if err != nil || len(back) != len(rows) {
					b.Fatal(err)
				}
			}
		})
	}
}
