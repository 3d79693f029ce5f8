package report_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/report/verify"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var (
	siteUser = record.Kind{Name: "site_user", Label: "name", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text}, {Name: "name", Type: record.Text},
		{Name: "token", Type: record.Text, Secret: true}}}
	siteGroup = record.Kind{Name: "site_group", Label: "id", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text}, {Name: "size", Type: record.Integer}}}
)

// site is a source of users, on two pages, and groups, of which one answer is never kept.
type site struct {
	users  [2][]string // JSON objects on each page
	groups []string
}

func (s *site) read(_ context.Context, _ connector.Values, out connector.Sink) error {
	ask := func(kind, request, body, unkept string) connector.Answer {
		x := connector.Exchange{Kind: kind, Page: true, Request: request, Status: "200", At: out.Now(), Bytes: int64(len(body)), SHA256: sha256.Sum256([]byte(body)), Body: []byte(body), Unkept: unkept}
		if unkept != "" {
			x.Body = nil
		}
		return out.Exchange(x)
	}
	give := func(kind string, objects []string, from connector.Answer) error {
		for _, o := range objects {
			var at struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal([]byte(o), &at); err != nil {
				return err
			}
			if err := out.Item(connector.Item{Kind: kind, Key: at.ID, Label: at.ID, Raw: []byte(o), From: []connector.Answer{from}}); err != nil {
				return err
			}
		}
		return nil
	}
	for i, page := range s.users {
		if err := give("site_user", page, ask("site_user", fmt.Sprintf("GET /users?page=%d", i+1), "{\"users\": ["+strings.Join(page, ",\n")+"], \"café\": \"ä€😀\"}", "")); err != nil {
			return err
		}
	}
	for i, g := range s.groups {
		why := ""
		if i == 0 {
			why = "It is a stream."
		}
		if err := give("site_group", []string{g}, ask("site_group", fmt.Sprintf("GET /groups/%d", i), g, why)); err != nil {
			return err
		}
	}
	out.Complete("site_user", "")
	out.Complete("site_group", "")
	return nil
}

// sourced is a workspace with what a package must carry, and with records that a source answered for: in three runs, with a secret in
// an answer, one that was never kept, and one that an erasure destroyed.
func sourced(t testing.TB, db *store.DB) *workspace {
	t.Helper()
	w := full(t, db)
	w.collect()
	return w
}

func (w *workspace) collect() {
	w.Helper()
	keys, err := secret.Open(filepath.Join(w.TempDir(), "secret.key"))
	if err != nil {
		w.Fatal(err)
	}
	s := &site{users: [2][]string{{`{"id":"u1","name":"Uma"}`, `{"id":"u2","name":"Ulf","token":"planted-in-the-answer"}`}, {`{"id":"u3","name":"Ugo"}`, `{"id":"u4","name":"Una"}`}},
		groups: []string{`{"id":"g1","size":1}`, `{"id":"g2","size":2}`}}
	c := &collect.Collector{Book: w.book, Keys: keys, Connectors: []connector.Connector{{Name: "site", Title: "Site", Kinds: []record.Kind{siteUser, siteGroup}, Read: s.read}}}
	if _, err := c.Add(w.ctx, me, collect.Connection{Name: "site", Connector: "site"}, nil); err != nil {
		w.Fatal(err)
	}
	run := func() {
		w.Helper()
		if got, err := c.Run(w.ctx, "site", nil); err != nil || got.Outcome != collect.Complete || got.Traced == "" {
			w.Fatalf("%+v, %v", got, err)
		}
	}
	run()
	s.users[0][0] = `{"id":"u1","name":"Uma the second"}`
	run()
	if err := w.book.Erase(w.ctx, me, "site_user", "u4", "asked to"); err != nil {
		w.Fatal(err)
	}
	s.users[1] = []string{`{"id":"u3","name":"Ugo the second"}`}
	run()
}

func TestAPackageHasTheAnswersBehindItsRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := sourced(t, db)
		key := w.book.Log.VKey
		b := w.pack(w.options())
		v := judge(t, b, verify.Options{Key: key})
		const says = "5 versions of records trace to 4 unedited answers, each with the hash that its run committed to in the ledger; of 1 more the log says that an erasure or a rule of retention destroyed the bytes; " +
			"of 1 more no bytes were ever kept, as the run committed to as well; of the answers to 2 more versions none is here"
		if !v.OK || !strings.Contains(say(v), says) {
			t.Fatalf("%s", say(v))
		}
		files := unzip(t, b)
		bodies := string(find(t, files, verify.BodiesFile).b)
		if n := len(linesOf([]byte(bodies))); n != 4 || strings.Contains(bodies, "planted") || strings.Contains(bodies, "Una") || !strings.Contains(bodies, `digest:`) || !strings.Contains(bodies, `"start":`) {
			t.Errorf("%d bodies:\n%s", n, bodies)
		}
		list := string(find(t, files, verify.AnswersFile).b)
		if strings.Count(list, "GET /users?page=2") != 1 || strings.Count(list, `"commitment"`) != 1 || strings.Count(list, `"gone"`) != 1 {
			t.Errorf("what is said of the answer that was destroyed:\n%s", list)
		}

		without := w.options()
		without.WithoutAnswers = true
		b = w.pack(without)
		if v := judge(t, b, verify.Options{Key: key}); !v.OK || strings.Contains(say(v), "trace to") || !strings.Contains(say(v), "Left out: unedited answers of sources (4). The package was made without them.") {
			t.Error(say(v))
		}
		redacted := w.options()
		redacted.Redact = true
		b = w.pack(redacted)
		if v := judge(t, b, verify.Options{Key: key}); !v.OK || strings.Contains(say(v), "trace to") || !strings.Contains(say(v), "may hold what no kind declares") {
			t.Error(say(v))
		}
		only := w.options()
		only.Kinds = []string{"site_group"}
		b = w.pack(only)
		if v := judge(t, b, verify.Options{Key: key}); !v.OK || !strings.Contains(say(v), "1 version of records trace to 1 unedited answer,") || !strings.Contains(say(v), "2 more are withheld") {
			t.Error(say(v))
		}
		for _, f := range unzip(t, b) {
			if bytes.Contains(f.b, []byte("Ugo")) || bytes.Contains(f.b, []byte("/users")) {
				t.Errorf("%s tells of users", f.name)
			}
		}
		none := w.options()
		none.Kinds = []string{"meeting"}
		b = w.pack(none)
		if v := judge(t, b, verify.Options{Key: key}); !v.OK || slices.ContainsFunc(unzip(t, b), func(f file) bool { return f.name == "records/run.jsonl" }) {
			t.Error(say(v))
		}
	})
}

func TestNotEvenTheHolderOfTheKeyCanChangeAnAnswer(t *testing.T) {
	w := sourced(t, storetest.SQLite(t))
	key := w.book.Log.VKey
	original := w.pack(w.options())
	if v := judge(t, w.reseal(unzip(t, original), nil), verify.Options{Key: key}); !v.OK {
		t.Fatalf("sealed anew and unchanged:\n%s", say(v))
	}
	line := func(n int, change func(string) string) func([]byte) []byte {
		return func(b []byte) []byte {
			l := linesOf(b)
			l[n] = change(l[n])
			return joined(l)
		}
	}
	again := func(old, new string) func(string) string { // a body that is another, with its own hash
		return func(l string) string {
			l = strings.Replace(l, old, new, 1)
			var x struct {
				Text string `json:"text"`
			}
			if err := json.Unmarshal([]byte(l), &x); err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(x.Text))
			return regexp.MustCompile(`"sha256":"[^"]*"`).ReplaceAllLiteralString(l, `"sha256":"`+base64.StdEncoding.EncodeToString(sum[:])+`"`)
		}
	}
	swap := func(text string) string {
		return strings.NewReplacer(`"answers":[1]`, `"answers":[2]`, `"answers":[2]`, `"answers":[1]`).Replace(text)
	}
	for name, c := range map[string]struct {
		file   string
		change func([]byte) []byte
		says   string
	}{
		"a byte of an answer":              {verify.BodiesFile, instead("Uma", "Eva"), "The bytes of answer 1 of run 1 are not in the package"},
		"an answer with its new hash":      {verify.BodiesFile, line(0, again("Uma", "Eva")), "belong to no answer in the package"},
		"an answer without its bytes":      {verify.BodiesFile, func(b []byte) []byte { return joined(linesOf(b)[:3]) }, "are not in the package, and nothing in the log says that they are gone"},
		"bytes that stand twice":           {verify.BodiesFile, func(b []byte) []byte { return append(b, linesOf(b)[0]...) }, "are in it twice"},
		"bytes out of a place before":      {verify.BodiesFile, instead(`"start":`, `"start":9999`), "from the line before"},
		"bytes and a length below nothing": {verify.BodiesFile, instead(`"start":`, `"start":-`), "from the line before"},
		"all bytes taken away":             {verify.BodiesFile, func([]byte) []byte { return nil }, "are not in the package"},
		"another hash on record":           {verify.AnswersFile, instead(`"sha256":"`, `"sha256":"AAAA`), "line "},
		"an answer taken off the list":     {verify.AnswersFile, func(b []byte) []byte { return joined(linesOf(b)[1:]) }, "which the package does not list"},
		"the answers of a run taken off":   {verify.AnswersFile, without(`"run":3`), "The record of run 3 commits to answers"},
		"answers in another order":         {verify.AnswersFile, reversed, "out of order"},
		"an answer to another request":     {verify.AnswersFile, instead("page=1", "page=7"), "are not those that its record in the log commits to"},
		"an answer of another time":        {verify.AnswersFile, instead(`"at":1`, `"at":2`), "are not those that its record in the log commits to"},
		"an answer of another status":      {verify.AnswersFile, instead(`"status":"200"`, `"status":"404"`), "are not those that its record in the log commits to"},
		"an answer said to be never kept":  {verify.AnswersFile, line(0, func(l string) string { return strings.Replace(l, "}\n", "", 1) + `,"unkept":"It is long."}` + "\n" }), "line 1"},
		"why an answer was not kept":       {verify.AnswersFile, instead("It is a stream.", "It is secret."), "are not those that its record in the log commits to"},
		"an answer hidden":                 {verify.AnswersFile, line(0, func(string) string { return `{"run":1,"n":1,"commitment":"` + strings.Repeat("A", 43) + `="}` + "\n" }), "are not those that its record in the log commits to"},
		"an answer said to be erased":      {verify.AnswersFile, instead(`"gone":`, `"gone":1`), "which did not destroy it"},
		"another answer said to be erased": {verify.AnswersFile, func(b []byte) []byte {
			return []byte(strings.Replace(string(b), `"n":2,"commitment"`, `"n":1,"commitment"`, 1))
		}, ""},
		"a record of another answer":         {verify.TracesFile, func(b []byte) []byte { return []byte(swap(string(b))) }, "are not those that its record in the log commits to"},
		"a record of one answer more":        {verify.TracesFile, instead(`"answers":[1]`, `"answers":[1,2]`), "are not those that its record in the log commits to"},
		"a record of an answer not there":    {verify.TracesFile, instead(`"answers":[1]`, `"answers":[9]`), "which the package does not list"},
		"a record of no answer":              {verify.TracesFile, func(b []byte) []byte { return joined(linesOf(b)[1:]) }, "are not those that its record in the log commits to"},
		"a record of an entry of its own":    {verify.TracesFile, instead(`"entries":[`, `"entries":[0,`), ""},
		"a record twice":                     {verify.TracesFile, doubled, "are not those that its record in the log commits to"},
		"a run whose record commits to less": {"records/run.jsonl", instead(`"traced":"`, `"traced":"0`), "is not what entry"},
		"an erasure that destroyed none":     {"actions.jsonl", instead(`"answers":[[1,2]]`, `"answers":[]`), "which did not destroy it"},
	} {
		t.Run(name, func(t *testing.T) {
			files := unzip(t, original)
			f := find(t, files, c.file)
			was := string(f.b)
			if f.b = c.change(bytes.Clone(f.b)); string(f.b) == was {
				t.Fatalf("nothing changed in\n%s", was)
			}
			refused(t, name, w.reseal(files, nil), key, c.says)
		})
	}
	for name, c := range map[string]struct {
		change func(*verify.Manifest)
		says   string
	}{
		"fewer answers counted":        {func(m *verify.Manifest) { m.Counts.Answers-- }, "The manifest counts"},
		"fewer traces counted":         {func(m *verify.Manifest) { m.Counts.Traced-- }, "The manifest counts"},
		"said to be without answers":   {func(m *verify.Manifest) { m.Answers = false }, "says that there are no answers of sources"},
		"said to be of the old format": {func(m *verify.Manifest) { m.Format = verify.FormatV1 }, "the format is"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, name, w.reseal(unzip(t, original), c.change), key, c.says) })
	}
}

func TestAWorkspaceThatLostAnAnswerMakesNoPackage(t *testing.T) {
	w := sourced(t, storetest.SQLite(t))
	for name, sql := range map[string]string{"bytes": "UPDATE answer SET body = NULL WHERE id = 16777216 + 1", "other bytes": "UPDATE answer SET link = 0, body = x'006f74686572' WHERE id = 16777216 * 2 + 1"} {
		if err := w.book.DB.Write(w.ctx, func(tx *store.Tx) error { _, err := tx.Exec(w.ctx, sql); return err }); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Package(w.ctx, w.options(), &bytes.Buffer{}); err == nil {
			t.Errorf("without its %s a package was made", name)
		}
	}
}

func TestABodyIsToldByTheLineBefore(t *testing.T) {
	for _, c := range [][2]string{{"", ""}, {"", "a"}, {"a", ""}, {"same", "same"}, {"ab", "aab"}, {"aaa", "aa"}, {"ä", "ö"}, {"xäy", "xöy"}, {"x€y", "x₭y"}, {"\xff\xfe", "\xff\xfd"}, {"a\xffb", "a\xfeb"}} {
		line := verify.AppendBody(nil, []byte(c[1]), []byte(c[0]))
		body, err := verify.Body(line[:len(line)-1], []byte(c[0]))
		if err != nil || string(body) != c[1] {
			t.Errorf("%q after %q is told as %s, read as %q, %v", c[1], c[0], line, body, err)
		}
	}
}
