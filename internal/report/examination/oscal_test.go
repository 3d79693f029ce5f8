package examination_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tickmark/internal/report/examination"
	"tickmark/internal/store/storetest"
)

// published is the schema of OSCAL as it was published.
func published(t *testing.T) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open("testdata/oscal-complete-1.1.3.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(z)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("oscal.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("oscal.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOSCALIsAsPublished(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.ready()
	r := f.read()
	schema := published(t)
	for model, says := range map[string][]string{
		examination.Plan:    {"Test of AC-03", `"control-id": "cc7.2"`},
		examination.Results: {`"state": "not-satisfied"`, `"state": "satisfied"`, "Exception noted for 1 of 40 items tested", "INTERVIEW"},
		examination.POAM:    {"D-3, LOG-02", "Management's response, not examined"},
	} {
		b, err := examination.WriteOSCAL(r, model)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", model, err)
		}
		for _, s := range says {
			if !strings.Contains(string(b), s) {
				t.Errorf("%s does not say %q", model, s)
			}
		}
		for _, s := range secrets {
			if strings.Contains(string(b), s) {
				t.Errorf("%s gives away %q", model, s)
			}
		}
		if again, _ := examination.WriteOSCAL(r, model); !bytes.Equal(b, again) {
			t.Errorf("%s is another file each time", model)
		}
		bad, _ := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.Replace(b, []byte(`"uuid"`), []byte(`"uid"`), 1)))
		if schema.Validate(bad) == nil {
			t.Errorf("%s: the schema takes anything", model)
		}
	}
	r.Deviations = nil
	if _, err := examination.WriteOSCAL(r, examination.POAM); err == nil {
		t.Error("there is a plan of action for nothing")
	}
}
