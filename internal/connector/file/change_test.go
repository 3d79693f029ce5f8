package file

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tickmark/internal/person"
	"tickmark/internal/record"
)

const hrMapping = `
fields:
  id: Staff number
  name: "{First} {Last}"
  email: Mail
  start: {column: Hired, format: DD.MM.YYYY}
  end: {column: Last day, format: DD.MM.YYYY}
  employment: {column: Type, values: {FT: employee, EXT: contractor}, default: employee}
ignore: ["*"]
left: {column: Status, values: [Terminated, Inactive], here: [Active, On leave], day: import}
`

const hrHead = "Staff number;First;Last;Mail;Hired;Last day;Type;Status;Salary\n"

func readHR(t *testing.T, mapping, rows string) ([]Row, error) {
	t.Helper()
	m, err := ReadMapping("hr", []byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	k := person.Kind()
	return Read(&k, "hr.csv", strings.NewReader(hrHead+rows), m)
}

func TestALeaverIsNeverLostByAnImport(t *testing.T) {
	const today = "2026-03-02"
	for name, c := range map[string]struct {
		had, row, want string
	}{
		"left on a day of the file":            {`{}`, `p1;Ada;L;a@example.com;01.02.2020;27.02.2026;FT;Terminated;9`, `"2026-02-27"`},
		"left, and nobody says when":           {`{}`, `p1;Ada;L;a@example.com;01.02.2020;;FT;terminated;9`, `"2026-03-02"`},
		"left before, and nobody says when":    {`{"end":"2026-02-20"}`, `p1;Ada;L;a@example.com;01.02.2020;;FT;Inactive;9`, `"2026-02-20"`},
		"said to be here":                      {`{}`, `p1;Ada;L;a@example.com;01.02.2020;;FT;Active;9`, ``},
		"came back, and the file says so":      {`{"end":"2026-02-20"}`, `p1;Ada;L;a@example.com;01.02.2020;;FT;On leave;9`, ``},
		"will leave":                           {`{}`, `p1;Ada;L;a@example.com;01.02.2020;31.03.2026;FT;Active;9`, `"2026-03-31"`},
		"a later day than was known":           {`{"end":"2026-02-20"}`, `p1;Ada;L;a@example.com;01.02.2020;27.02.2026;FT;Terminated;9`, `"2026-02-27"`},
		"links and screening stay as they are": {`{"accounts":["okta/1"],"screened":"2020-01-01"}`, `p1;Ada;L;a@example.com;01.02.2020;;FT;Active;9`, ``},
	} {
		rows, err := readHR(t, hrMapping, c.row+"\n")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		out, err := over(json.RawMessage(c.had), rows[0], true, today)
		if err != nil {
			t.Fatal(err)
		}
		var before, got map[string]json.RawMessage
		json.Unmarshal([]byte(c.had), &before)
		json.Unmarshal(out, &got)
		if string(got["end"]) != c.want {
			t.Errorf("%s: the last day is %s, want %s", name, got["end"], c.want)
		}
		for field, v := range before {
			if field != "end" && string(got[field]) != string(v) {
				t.Errorf("%s: %s became %s", name, field, got[field])
			}
		}
		if string(got["name"]) != `"Ada L"` || string(got["employment"]) != `"employee"` || got["Salary"] != nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// Without a column that says who is here, an empty cell brings nobody back whom somebody else ended already.
func TestAnEmptyCellBringsNobodyBack(t *testing.T) {
	mapping := hrMapping[:strings.Index(hrMapping, "left:")]
	rows, err := readHR(t, mapping, "p1;Ada;L;a@example.com;01.02.2020;;FT;Active;9\n")
	if err != nil {
		t.Fatal(err)
	}
	out, err := over(json.RawMessage(`{"end":"2026-02-20","start":"2019-01-01"}`), rows[0], true, "2026-03-02")
	if err != nil || !strings.Contains(string(out), `"end":"2026-02-20"`) || !strings.Contains(string(out), `"start":"2020-02-01"`) {
		t.Errorf("%s %v", out, err)
	}
	// Of what is no person an empty cell takes out, as it says.
	out, err = over(json.RawMessage(`{"end":"2026-02-20"}`), rows[0], false, "2026-03-02")
	if err != nil || strings.Contains(string(out), `"end"`) {
		t.Errorf("%s %v", out, err)
	}
}

func TestAnExportThatDoesNotSayWhoLeftIsRefused(t *testing.T) {
	noDay := strings.Replace(hrMapping, ", day: import", "", 1)
	for name, c := range map[string]struct{ mapping, row, want string }{
		"a value that nobody explained": {hrMapping, `p1;Ada;L;a@example.com;01.02.2020;;FT;Suspended;9`, `column Status: "Suspended" is neither`},
		"no value":                      {hrMapping, `p1;Ada;L;a@example.com;01.02.2020;;FT;;9`, `column Status: "" is neither`},
		"left without a day":            {noDay, `p1;Ada;L;a@example.com;01.02.2020;;FT;Terminated;9`, "needs a last working day"},
		"no such column":                {strings.Replace(hrMapping, "column: Status", "column: State", 1), `p1;Ada;L;a@example.com;01.02.2020;;FT;Active;9`, "the file does not have it"},
		"a day in another form":         {hrMapping, `p1;Ada;L;a@example.com;2020-02-01;;FT;Active;9`, "not a date of the form"},
	} {
		if _, err := readHR(t, c.mapping, c.row+"\n"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"left: {column: Status, values: [x]}", "left: {values: [x], here: [y]}", "left: {column: Status, values: [x], here: [y], day: tomorrow}"} {
		if _, err := ReadMapping("hr", []byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	k := record.Kind{Name: "risk", Plural: "Risks", Fields: []record.Field{{Name: "end", Type: record.Date}}}
	m, err := ReadMapping("x", []byte("ignore: ['*']\nleft: {column: Status, values: [x], here: [y]}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(&k, "x.csv", strings.NewReader("end;Status\n;x\n"), m); err == nil || !strings.Contains(err.Error(), "are no people") {
		t.Errorf("who left was asked of risks: %v", err)
	}
}

func TestAMappingThatCannotBeReadIsNotKept(t *testing.T) {
	k := MappingKind()
	for text, good := range map[string]bool{"fields: {id: Number}": true, "fields: {id: {}}": false, "feilds: {}": false} {
		_, err := k.Written(nil, map[string]any{"id": "hr", "name": "HR", "kind": "person", "text": text}, record.Actor{User: "ada"}, time.Time{})
		if good != (err == nil) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
