package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/report/verify"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// reseal makes a package of changed files whose manifest, seal, log and checkpoint agree with them: what a maker could do who
// holds the signing key. What is left to catch him is what the log committed to before.
func (w *workspace) reseal(files []file, change func(*verify.Manifest)) []byte {
	w.Helper()
	var m verify.Manifest
	if err := json.Unmarshal(find(w, files, verify.ManifestFile).b, &m); err != nil {
		w.Fatal(err)
	}
	packed := map[string]bool{}
	m.Files = nil
	for _, f := range files {
		switch f.name {
		case verify.ManifestFile, verify.SealFile, verify.CheckpointFile, verify.KeyFile, verify.LogFile:
			continue
		}
		packed[f.name] = true
		z := squeeze(f.b)
		sum, zsum := sha256.Sum256(f.b), sha256.Sum256(z)
		m.Files = append(m.Files, verify.Listed{Path: f.name, Size: int64(len(f.b)), SHA256: hex.EncodeToString(sum[:]), Packed: int64(len(z)), PackedSHA256: hex.EncodeToString(zsum[:])})
	}
	slices.SortFunc(m.Files, func(a, b verify.Listed) int { return strings.Compare(a.Path, b.Path) })
	if change != nil {
		change(&m)
	}
	manifest, _ := json.Marshal(m)
	sum := sha256.Sum256(manifest)
	var seal verify.Action
	err := w.book.Log.Write(w.ctx, func(tx *ledger.Tx) error {
		n, err := tx.ActAs(w.ctx, merkle.LeafManifest, verify.SealVerb, m.By, "package", verify.SealDetail{Manifest: hex.EncodeToString(sum[:]), Entries: m.Entries})
		if err != nil {
			return err
		}
		a, err := store.One[ledger.Action](w.ctx, tx, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE entry = $1", n)
		seal = verify.Action{Entry: n, Type: merkle.LeafManifest, Action: a.Opening()}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	signed, err := w.book.Log.Checkpoint(w.ctx)
	if err != nil {
		w.Fatal(err)
	}
	leaves, err := w.book.Log.Entries(w.ctx, w.book.DB, 0, 1<<40)
	if err != nil {
		w.Fatal(err)
	}
	var log []byte
	for _, l := range leaves {
		log = ledger.AppendEntry(log, l)
	}
	sealed, err := seal.AppendJSON(nil)
	if err != nil {
		w.Fatal(err)
	}
	find(w, files, verify.ManifestFile).b = manifest
	find(w, files, verify.SealFile).b = sealed
	find(w, files, verify.CheckpointFile).b = signed
	find(w, files, verify.LogFile).b = log
	return rezip(w, files, packed)
}

// squeeze packs as a package packs; a writer costs more than these small files, so one is used again.
func squeeze(b []byte) []byte {
	var z bytes.Buffer
	packer.Reset(&z)
	packer.Write(b)
	packer.Close()
	return z.Bytes()
}

var packer, _ = flate.NewWriter(nil, 5)

func linesOf(b []byte) []string { return strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n") }

func joined(lines []string) []byte {
	s := strings.Join(lines, "")
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return []byte(s)
}

// without takes out the lines that hold a text.
func without(text string) func([]byte) []byte {
	return func(b []byte) []byte {
		return joined(slices.DeleteFunc(linesOf(b), func(l string) bool { return strings.Contains(l, text) }))
	}
}

func instead(old, new string) func([]byte) []byte {
	return func(b []byte) []byte { return []byte(strings.Replace(string(b), old, new, 1)) }
}

func reversed(b []byte) []byte {
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	slices.Reverse(lines)
	return []byte(strings.Join(lines, "\n") + "\n")
}

func doubled(b []byte) []byte { return append(bytes.Clone(b), b...) }

func TestNotEvenTheHolderOfTheKeyCanChangeWhatTheLogCommittedTo(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	key := w.book.Log.VKey
	original := w.pack(w.options())
	if v := judge(t, w.reseal(unzip(t, original), nil), verify.Options{Key: key}); !v.OK {
		t.Fatalf("sealed anew and unchanged:\n%s", say(v))
	}
	for name, c := range map[string]struct {
		file   string
		change func([]byte) []byte
		says   string
	}{
		"a record removed":              {"records/meeting.jsonl", without("meeting"), "is neither opened nor listed"},
		"a version removed":             {"records/host_user.jsonl", without(`"mfa":false`), "is not in the package"},
		"a body changed":                {"records/host_user.jsonl", instead(`"mfa":false`, `"mfa":true`), "is not what entry"},
		"raw bytes changed":             {"records/host_user.jsonl", instead(`\n`, ` `), "is not what entry"},
		"an actor changed":              {"records/person.jsonl", instead(`"job:test"`, `"job:else"`), "is not what entry"},
		"a time changed":                {"records/person.jsonl", instead(`"from":1`, `"from":2`), "is not what entry"},
		"an end invented":               {"records/meeting.jsonl", instead(`"to":null`, `"to":1999999999000000`), "nothing in the log ends it"},
		"versions reordered":            {"records/host_user.jsonl", reversed, "is not in the package"},
		"a record twice":                {"records/meeting.jsonl", doubled, "in the package twice"},
		"a kind's file of another":      {"records/meeting.jsonl", instead(`"kind":"meeting"`, `"kind":"person"`), "of the kind person"},
		"a member twice":                {"records/meeting.jsonl", instead(`{"entry"`, `{"key":"m1","entry"`), "line 1"},
		"an unknown member":             {"records/meeting.jsonl", instead(`{"entry"`, `{"verdict":"pass","entry"`), "line 1"},
		"a closing removed":             {"actions.jsonl", without("record.closed"), "nothing in the log ends it"},
		"a closing that says otherwise": {"actions.jsonl", instead(`"reason":"left"`, `"reason":"gone"`), "is not what entry"},
		"an action removed":             {"actions.jsonl", without("user.signed_in"), "is neither opened nor listed"},
		"an erasure removed":            {"actions.jsonl", without("record.erased"), "no erasure in the log says so"},
		"a version said to be erased":   {"withheld/erased.jsonl", instead(`"entry":`, `"entry":1`), "no erasure in the log says so"},
		"an erased version removed":     {"withheld/erased.jsonl", func([]byte) []byte { return nil }, "is neither opened nor listed"},
		"a dropping removed":            {"actions.jsonl", without("record.dropped"), "no rule of retention in the log dropped it"},
		"a hash of a dropped body":      {"records/host_user.jsonl", instead(`"body_hash":"`, `"body_hash":"AAAA`), "line "},
		"another hash of it":            {"records/host_user.jsonl", hidden(`"body_hash"`), "is not what entry"},
		"dropped by something else":     {"records/host_user.jsonl", instead(`"dropped":`, `"dropped":1`), "no rule of retention in the log dropped it"},
		"a body taken away":             {"records/host_user.jsonl", hidden(`"mfa":false`), "no rule of retention in the log dropped it"},
		"the body that holds":           {"records/host_user.jsonl", hidden(`"to":null`), "no rule drops that"},
		"a body beside its hash":        {"records/host_user.jsonl", instead(`"body_hash"`, `"body":{},"body_hash"`), "nothing in their place"},
		"a withheld version changed":    {"withheld/versions.jsonl", instead(`"kind":"paper"`, `"kind":"plan"`), "is not what entry"},
		"an answer changed":             {"results.jsonl", instead(`"status":"fail"`, `"status":"pass"`), "are not those that entry"},
		"an answer removed":             {"results.jsonl", without(`"status":"fail"`), "are not those that entry"},
		"answers reordered":             {"results.jsonl", reversed, "are not those that entry"},
		"an answer's reason changed":    {"results.jsonl", instead("second factor", "first factor"), "are not those that entry"},
		"an answer hidden":              {"results.jsonl", instead(`"status":"fail"`, `"hidden":"erased","status":"fail"`), "line "},
		"a check's logic changed":       {"checks.jsonl", instead("r.mfa", "r.tfa"), "are not those of the hash"},
		"a check's logic removed":       {"checks.jsonl", func([]byte) []byte { return nil }, "is not in the package"},
		"a file changed":                {"files/" + w.file.String(), instead("meeting", "dinner"), "is listed with the SHA-256"},
		"a line cut":                    {"records/person.jsonl", func(b []byte) []byte { return b[:len(b)-1] }, "ends within line"},
		"an index that leaves one out":  {"index.csv", without("meeting,"), "The index is not the one"},
		"an index that says otherwise":  {"index.csv", instead("Bob is back", "Bob is gone"), "The index is not the one"},
		"a record withheld, others not": {"withheld/versions.jsonl", instead(`"kind":"paper"`, `"kind":"person"`), "is not what entry"},
		"a line that is no JSON":        {"actions.jsonl", instead("{", "["), "line 1"},
		"an entry that is not there":    {"records/meeting.jsonl", instead(`"entry":`, `"entry":99`), "is not among"},
		"an entry of another type":      {"records/meeting.jsonl", func(b []byte) []byte { return entryOf(b, "9") }, "a batch of answers"},
		"an entry of another version":   {"records/meeting.jsonl", func(b []byte) []byte { return entryOf(b, "0") }, ""},
		"an answer of a negative entry": {"results.jsonl", func(b []byte) []byte { return entryOf(b, "-5") }, "is not among"},
		"an answer about no version":    {"results.jsonl", instead(`"version":`, `"version":77`), "no version before it"},
		"an attachment to another file": {"records/attachment.jsonl", instead(w.file.String(), strings.Repeat("0", 64)), "is not what entry"},
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
		"fewer versions counted":   {func(m *verify.Manifest) { m.Counts.Versions-- }, "The manifest counts"},
		"nothing erased":           {func(m *verify.Manifest) { m.Counts.Erased = 0 }, "The manifest counts"},
		"nothing dropped":          {func(m *verify.Manifest) { m.Counts.Dropped = 0 }, "The manifest counts"},
		"nothing withheld":         {func(m *verify.Manifest) { m.Counts.Withheld = 0 }, "The manifest counts"},
		"a kind not counted":       {func(m *verify.Manifest) { m.Kinds = m.Kinds[1:] }, "does not count the kind"},
		"a kind miscounted":        {func(m *verify.Manifest) { m.Kinds[0].Current++ }, "The manifest counts"},
		"another log":              {func(m *verify.Manifest) { m.Origin = "example.org/log" }, "speaks of the log"},
		"another time":             {func(m *verify.Manifest) { m.AsOf = "2031-01-01T00:00:00Z" }, "The manifest says it is as of"},
		"fewer entries":            {func(m *verify.Manifest) { m.Entries -= 3 }, "is not among"},
		"more entries":             {func(m *verify.Manifest) { m.Entries++ }, "is neither opened nor listed"},
		"entries beyond the log":   {func(m *verify.Manifest) { m.Entries = 1 << 40 }, "The manifest speaks of"},
		"a file said missing":      {func(m *verify.Manifest) { m.Missing = []string{w.file.String()} }, "is missing, and no record names it"},
		"a format to come":         {func(m *verify.Manifest) { m.Format = "tickmark package v3" }, "this program knows"},
		"a file listed twice":      {func(m *verify.Manifest) { m.Files = append(m.Files, m.Files[0]) }, "out of order"},
		"a file of another format": {func(m *verify.Manifest) { m.Files[len(m.Files)-1].Path = "zzz.txt" }, "no file of this format"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, name, w.reseal(unzip(t, original), c.change), key, c.says)
		})
	}
}

// hidden takes the body of the first line that holds a text away, as though a rule had dropped it; where one did, the hash is
// another.
func hidden(text string) func([]byte) []byte {
	return func(b []byte) []byte {
		lines := linesOf(b)
		i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, text) })
		var r struct {
			Salt []byte          `json:"salt"`
			Body json.RawMessage `json:"body"`
			Raw  string          `json:"raw"`
		}
		if err := json.Unmarshal([]byte(lines[i]), &r); err != nil {
			panic(err)
		}
		body, raw := merkle.Hide(r.Salt, "body", r.Body), merkle.Hide(r.Salt, "raw", []byte(r.Raw))
		at := max(strings.Index(lines[i], `"body":`), strings.Index(lines[i], `"body_hash":`))
		end, dropped := "", `"dropped":3`
		if j := strings.Index(lines[i], `"dropped":`); j > 0 {
			dropped = strings.TrimSuffix(lines[i][j:], "}\n")
		} else if j := strings.Index(lines[i], `,"bytes":`); j > 0 {
			end = strings.TrimSuffix(lines[i][j:], "}\n")
		}
		lines[i] = lines[i][:at] + fmt.Sprintf(`"body_hash":%q,"raw_hash":%q,%s%s}`, base64.StdEncoding.EncodeToString(body[:]), base64.StdEncoding.EncodeToString(raw[:]), dropped, end) + "\n"
		return []byte(strings.Join(lines, ""))
	}
}

// A rule that had not run its time is none.
func TestABodyThatWasDroppedTooSoonIsFound(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	err := w.book.Log.Write(w.ctx, func(tx *ledger.Tx) error {
		type row struct {
			ID    int64  `db:"id"`
			Entry int64  `db:"entry"`
			Body  []byte `db:"body"`
		}
		r, err := store.One[row](w.ctx, tx, "SELECT id, entry, body FROM version WHERE substr(body, 1, 1) = $1", []byte{4})
		if err != nil {
			return err
		}
		by, err := tx.ActAs(w.ctx, merkle.LeafErasure, "record.dropped", "job:retention", "host_user", map[string]any{"kind": "host_user", "rule": "host_user", "days": 400, "entries": []int64{r.Entry}})
		if err != nil {
			return err
		}
		_, err = tx.Exec(w.ctx, "UPDATE version SET body = $1 WHERE id = $2", binary.AppendUvarint(bytes.Clone(r.Body[:33]), uint64(by)), r.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "too soon", w.pack(w.options()), w.book.Log.VKey, "less than 400 days after it ended")
}

func entryOf(b []byte, n string) []byte {
	i := bytes.Index(b, []byte(`"entry":`)) + len(`"entry":`)
	j := i + bytes.IndexByte(b[i:], ',')
	return append(append(bytes.Clone(b[:i]), n...), b[j:]...)
}

// TestEntriesOfTheLogCannotBeTouched changes the log file in ways that leave every leaf well formed.
func TestEntriesOfTheLogCannotBeTouched(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	b := w.pack(w.options())
	packed := packedAs(t, b)
	leaves, err := w.book.Log.Entries(w.ctx, w.book.DB, 0, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func([][]byte) [][]byte
		says   string
	}{
		"removed at the end": {func(l [][]byte) [][]byte { return l[:len(l)-1] }, "the checkpoint states"},
		"removed":            {func(l [][]byte) [][]byte { return slices.Delete(l, 3, 4) }, "the checkpoint states"},
		"swapped":            {func(l [][]byte) [][]byte { l[3], l[4] = l[4], l[3]; return l }, "the log was reordered"},
		"twice":              {func(l [][]byte) [][]byte { return slices.Insert(l, 3, l[3]) }, "the checkpoint states"},
		"replaced":           {func(l [][]byte) [][]byte { l[3] = l[4]; return l }, "at least one was changed"},
		"added":              {func(l [][]byte) [][]byte { return append(l, l[len(l)-1]) }, "the checkpoint states"},
		"all gone":           {func(l [][]byte) [][]byte { return nil }, "the checkpoint states"},
		"empty":              {func(l [][]byte) [][]byte { return append(l, nil) }, "is no leaf"},
	} {
		t.Run(name, func(t *testing.T) {
			var log []byte
			for _, l := range c.change(slices.Clone(leaves)) {
				log = ledger.AppendEntry(log, l)
			}
			files := unzip(t, b)
			find(t, files, verify.LogFile).b = log
			refused(t, name, rezip(t, files, packed), w.book.Log.VKey, c.says)
		})
	}
	swapped := slices.Clone(leaves) // of one transaction, so that their times do not tell
	for i := 1; i < len(swapped); i++ {
		a, _ := merkle.ParseLeaf(swapped[i-1])
		z, _ := merkle.ParseLeaf(swapped[i])
		if a.At == z.At {
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			var log []byte
			for _, l := range swapped {
				log = ledger.AppendEntry(log, l)
			}
			files := unzip(t, b)
			find(t, files, verify.LogFile).b = log
			refused(t, "two of one moment swapped", rezip(t, files, packed), w.book.Log.VKey, "moved")
			return
		}
	}
	t.Error("no two entries of one moment")
}
