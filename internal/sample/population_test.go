package sample_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tickmark/internal/sample"
)

func occurrence(i int) sample.Occurrence {
	salt := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("salt"), uint64(i)))
	return sample.Occurrence{At: int64(i/3) * 1000, Location: []string{"north", "south"}[i%2],
		Opening: sample.Opening{Salt: salt[:16], Key: fmt.Sprint("k", i), Content: fmt.Appendf(nil, `{"n":%d}`, i)}}
}

func occurrences(n int) []sample.Occurrence {
	out := make([]sample.Occurrence, n)
	for i := range out {
		out[i] = occurrence(i)
	}
	return out
}

func freeze(t rapid.TB, o []sample.Occurrence) sample.Frozen {
	t.Helper()
	f, err := sample.Freeze(slices.Values(o))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTheOrderOfDeliveryChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := occurrences(rapid.IntRange(0, 60).Draw(t, "n"))
		again := rapid.Permutation(first).Draw(t, "order")
		a, b := freeze(t, first), freeze(t, again)
		if a.Hash != b.Hash || !slices.Equal(a.Rows, b.Rows) {
			t.Fatalf("%s and %s", a.Hash, b.Hash)
		}
		for i, at := range b.Order {
			if again[at].Commitment() != b.Rows[i].Commitment || again[at].At != b.Rows[i].At {
				t.Fatalf("row %d is not delivered occurrence %d", i, at)
			}
		}
	})
}

func TestWhateverIsOtherInAPopulationGivesAnotherHashAndSeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := occurrences(rapid.IntRange(1, 40).Draw(t, "n"))
		was := freeze(t, all)
		i := rapid.IntRange(0, len(all)-1).Draw(t, "row")
		switch rapid.SampledFrom([]string{"time", "location", "key", "content", "salt", "left out", "added"}).Draw(t, "what") {
		case "time":
			all[i].At++
		case "location":
			all[i].Location += "."
		case "key":
			all[i].Key += "."
		case "content":
			all[i].Content = append(slices.Clone(all[i].Content), ' ')
		case "salt":
			all[i].Salt = append(slices.Clone(all[i].Salt), 0)
		case "left out":
			all = slices.Delete(all, i, i+1)
		case "added":
			all = append(all, occurrence(1000))
		}
		is := freeze(t, all)
		if is.Hash == was.Hash {
			t.Fatal("the hash is the same")
		}
	})
	rows := freeze(t, occurrences(400))
	var nonce, another sample.Nonce
	another[31] = 1
	seeds, draws := map[sample.Seed]bool{}, map[string]bool{}
	for _, c := range []struct {
		engagement, control string
		population          sample.Hash
		nonce               sample.Nonce
	}{
		{"e", "c", rows.Hash, nonce}, {"e", "c", rows.Hash, another}, {"e", "d", rows.Hash, nonce}, {"f", "c", rows.Hash, nonce},
		{"ec", "c", rows.Hash, nonce}, {"e", "cc", rows.Hash, nonce}, {"e", "c", freeze(t, occurrences(401)).Hash, nonce},
	} {
		seed, err := sample.SeedOf(c.engagement, c.control, c.population, c.nonce)
		if err != nil {
			t.Fatal(err)
		}
		runs, err := sample.Draw(seed, rows.Rows, sample.Plan{Method: sample.Stratified, Size: 25})
		if err != nil {
			t.Fatal(err)
		}
		seeds[seed], draws[fmt.Sprint(runs)] = true, true
	}
	seeds[sample.Simulated([32]byte(nonce))] = true
	if len(seeds) != 8 || len(draws) != 7 {
		t.Errorf("%d seeds, %d draws", len(seeds), len(draws))
	}
	for _, ids := range [][2]string{{"", "c"}, {"e", ""}} {
		if _, err := sample.SeedOf(ids[0], ids[1], rows.Hash, nonce); err == nil {
			t.Errorf("%q gave a seed", ids)
		}
	}
}

func TestAPopulationRefusesWhatWouldMakeARowLikelierOrHideNothing(t *testing.T) {
	for name, spoil := range map[string]func([]sample.Occurrence){
		"is delivered twice": func(o []sample.Occurrence) { o[3].Key = o[1].Key },
		"has no key":         func(o []sample.Occurrence) { o[3].Key = "" },
		"15 bytes":           func(o []sample.Occurrence) { o[3].Salt = o[3].Salt[:15] },
		"is another's too":   func(o []sample.Occurrence) { o[3].Salt = o[1].Salt },
		"is not UTF-8":       func(o []sample.Occurrence) { o[3].Content = []byte{0xff} },
		"location that is":   func(o []sample.Occurrence) { o[3].Location = "\xff" },
		"beyond all times":   func(o []sample.Occurrence) { o[3].At = sample.NoTime + 1 },
	} {
		o := occurrences(5)
		spoil(o)
		if _, err := sample.Freeze(slices.Values(o)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rows := freeze(t, occurrences(5)).Rows
	twice := append(slices.Clone(rows), rows[4])
	swapped := slices.Clone(rows)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	for name, rows := range map[string][]sample.Row{"row 5 is row 4 again": twice, "row 1 stands after row 0": swapped} {
		if h, err := sample.HashOf(rows); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %s, %v", name, h, err)
		}
	}
}

func TestAHashHasOneSpelling(t *testing.T) {
	text := strings.Repeat("0a", 32)
	var h sample.Hash
	if err := h.UnmarshalText([]byte(text)); err != nil || h.String() != text {
		t.Errorf("%s, %v", h, err)
	}
	for _, other := range []string{"", text[:62], text + "0a", strings.ToUpper(text), strings.Repeat("0g", 32), " " + text[1:]} {
		was := h
		if err := h.UnmarshalText([]byte(other)); err == nil || h != was {
			t.Errorf("%q is read as %s, %v", other, h, err)
		}
	}
}

func TestAKeyIsShownWithoutTheContent(t *testing.T) {
	o := occurrence(1).Opening
	is := o.Commitment()
	o.Key, o.Content = string(o.Content), []byte(o.Key)
	if o.Commitment() == is {
		t.Error("key and content may stand in each other's place")
	}
}
