package fieldwork_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workpaper"
)

type asking struct{}

// as is a context in which somebody asks; nobody known where the person is empty.
func as(t testing.TB, person string) context.Context {
	return context.WithValue(t.Context(), asking{}, record.Actor{User: "u-" + person, Person: person, Name: "person:" + person})
}

// twoEngagements is a firm with the engagement e of paula and pete, and z of zoe, whom rita reviews from outside; the words of z hold "Zebra".
func twoEngagements(t testing.TB, db *store.DB) *fieldwork.Desk {
	t.Helper()
	d, _ := firm(t, db)
	zoe := who{User: "zoe", Person: "zoe", Name: "person:zoe"}
	for _, p := range []string{"zoe", "rita"} {
		put(t, d, paula, "person", p, `{"id":"`+p+`","name":"`+p+`","email":"`+p+`@firm.example"}`)
	}
	put(t, d, zoe, "engagement", "z", `{"id":"z","name":"Zebra Type II","company":"Zebra","operator":"company","type":"type_2","categories":["security"],"system":"Zebra","from":"2026-01-01","to":"2026-06-30","zone":"UTC",
		"team":[{"person":"zoe","role":"partner","credential":"CPA"},{"person":"rita","role":"peer_reviewer","credential":"CPA"}],
		"firm":{"name":"F","licence":"1","jurisdiction":"NY","licensed_to":"2027-01-01","peer_reviewed":"2025-01-01","peer_review":"pass"}}`)
	put(t, d, zoe, "independence", "zebra-zoe", `{"engagement":"z","person":"zoe","stage":"acceptance","interests":"None in Zebra."}`)
	act(t, d, zoe, "independence", "zebra-zoe", "confirm", nil)
	act(t, d, zoe, "engagement", "z", "accept", map[string]any{"competence": "x", "integrity": "x", "letter": strings.Repeat("ab", 32), "sponsor": "x"})
	put(t, d, zoe, "workpaper", "zebra-paper", `{"engagement":"z","reference":"Zebra-1","control":"AC-03","objective":"Zebra"}`)
	put(t, d, pete, "workpaper", "paper", `{"engagement":"e","reference":"E-1","control":"AC-03","objective":"Plain"}`)
	put(t, d, zoe, "population", "zebra-list", strings.ReplaceAll(strings.ReplaceAll(requested, `"engagement":"e"`, `"engagement":"z"`), "Leavers", "Zebra leavers"))
	d.Book.Reader = func(ctx context.Context) (record.Actor, bool) {
		a, ok := ctx.Value(asking{}).(record.Actor)
		return a, ok
	}
	return d
}

// doors are the ways in which records of a kind are read; each says what it showed, in words.
func doors(d *fieldwork.Desk, kind, key string, entry, number int64) map[string]func(ctx context.Context) (string, error) {
	b := d.Book
	all := [2]store.Moment{-1, store.Forever - 1}
	list := func(q record.Query) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			q.Kind, q.Room, q.Limit = kind, record.Auditor, 1
			said := ""
			for {
				p, err := b.List(ctx, q)
				if err != nil {
					return said, err
				}
				said += shown(p.Versions...)
				if q.After = p.Next; q.After == "" {
					return said, nil
				}
			}
		}
	}
	count := func(q record.Query) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			q.Kind, q.Room = kind, record.Auditor
			c, err := b.Count(ctx, q)
			return fmt.Sprint("count ", c.N), err
		}
	}
	each := func(do func(ctx context.Context, fn func(record.Version) error) error) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (said string, err error) {
			err = do(ctx, func(v record.Version) error { said += shown(v); return nil })
			return said, err
		}
	}
	one := func(do func(ctx context.Context) (record.Version, error)) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			v, err := do(ctx)
			return shown(v), err
		}
	}
	several := func(do func(ctx context.Context) ([]record.Version, error)) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			v, err := do(ctx)
			return shown(v...), err
		}
	}
	k, _ := b.Kinds.Named(kind)
	of := engagement.Name
	if kind == engagement.Name {
		of = "id"
	}
	return map[string]func(ctx context.Context) (string, error){
		"list":                    list(record.Query{}),
		"list by a filter":        list(record.Query{Where: `r.` + k.Label + `.contains("e")`}),
		"list of one engagement":  list(record.Query{Where: `r.` + of + ` == "z"`}),
		"list of several":         list(record.Query{Where: `r.` + of + ` in ["z", "e"]`}),
		"list sorted":             list(record.Query{Sort: of}),
		"list as of a moment":     list(record.Query{AsOf: store.At(b.Log.Now())}),
		"list over a window":      list(record.Query{During: all}),
		"list of a window, where": list(record.Query{During: all, Where: `r.` + of + ` == "z"`}),
		"count":                   count(record.Query{}),
		"count by a filter":       count(record.Query{Where: `r.` + of + ` in ["z", "e"]`}),
		"count by a label":        count(record.Query{Where: `r.` + k.Label + `.contains("e")`}),
		"count over a window":     count(record.Query{During: all}),
		"get": one(func(ctx context.Context) (record.Version, error) {
			return b.GetFrom(ctx, kind, key, record.Program, 0, record.Auditor)
		}),
		"get as it was": one(func(ctx context.Context) (record.Version, error) {
			return b.GetFrom(ctx, kind, key, "", store.At(b.Log.Now()), record.Auditor)
		}),
		"history": several(func(ctx context.Context) ([]record.Version, error) {
			return b.HistoryFor(ctx, kind, key, record.Auditor)
		}),
		"search": several(func(ctx context.Context) ([]record.Version, error) {
			return b.Search(ctx, "zebra", 0, record.Auditor, 10)
		}),
		"by entry":  one(func(ctx context.Context) (record.Version, error) { return b.ByEntry(ctx, entry) }),
		"by number": one(func(ctx context.Context) (record.Version, error) { return b.ByRecord(ctx, b.DB, number, 0) }),
		"look: one": one(func(ctx context.Context) (record.Version, error) { return b.LookAt(ctx, time.Time{}).Get(kind, key) }),
		"look: by value": several(func(ctx context.Context) ([]record.Version, error) {
			return b.LookAt(ctx, time.Time{}).Find(kind, of, "z")
		}),
		"look: all":     several(func(ctx context.Context) ([]record.Version, error) { return b.LookAt(ctx, time.Time{}).All(kind) }),
		"by value":      several(func(ctx context.Context) ([]record.Version, error) { return b.Find(ctx, b.DB, kind, of, "z", 0) }),
		"from an entry": several(func(ctx context.Context) ([]record.Version, error) { return b.FromEntry(ctx, 0, 1000) }),
		"by numbers": several(func(ctx context.Context) ([]record.Version, error) {
			m, err := b.Records(ctx, b.DB, []int64{number}, 0)
			return slices.Collect(func(yield func(record.Version) bool) {
				for _, v := range m {
					yield(v)
				}
			}), err
		}),
		"each that holds": each(func(ctx context.Context, fn func(record.Version) error) error { return b.EachOpen(ctx, b.DB, kind, fn) }),
		"each at": each(func(ctx context.Context, fn func(record.Version) error) error {
			return b.EachAt(ctx, b.DB, kind, store.At(b.Log.Now()), fn)
		}),
		"each body": each(func(ctx context.Context, fn func(record.Version) error) error {
			return b.EachBody(ctx, b.DB, kind, 0, fn)
		}),
		"each version": each(func(ctx context.Context, fn func(record.Version) error) error {
			return b.EachVersion(ctx, b.DB, kind, 0, 1000, fn)
		}),
		"each in a window": each(func(ctx context.Context, fn func(record.Version) error) error {
			return b.EachDuring(ctx, b.DB, kind, all[0], all[1], fn)
		}),
		"totals": func(ctx context.Context) (string, error) {
			m, err := b.Totals(ctx)
			return fmt.Sprint("count ", m[kind]), err
		},
		"tallies": func(ctx context.Context) (string, error) {
			m, err := b.Tallies(ctx, kind, record.StateField)
			return fmt.Sprint(m), err
		},
		"holding": func(ctx context.Context) (string, error) {
			m, err := b.Holding(ctx, b.DB, kind, of, "z")
			return fmt.Sprint("count ", len(m)), err
		},
		"whether it is shown": func(ctx context.Context) (string, error) {
			ok, err := b.Shows(ctx, kind, key)
			return fmt.Sprint("count ", map[bool]int{true: 1}[ok]), err
		},
	}
}

func shown(list ...record.Version) string {
	var out strings.Builder
	for _, v := range list {
		if v.Kind != "" && v.Kind != "person" {
			fmt.Fprintf(&out, "%s %s %s %s\n", v.Kind, v.Key, v.Label, v.Body)
		}
	}
	return out.String()
}

func TestAMemberSeesOnlyHisEngagementsThroughEachDoor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := twoEngagements(t, db)
		for _, of := range []struct{ kind, key string }{{"engagement", "z"}, {"workpaper", "zebra-paper"}, {"population", "zebra-list"}, {"independence", "zebra-zoe"}} {
			v, err := d.Book.GetFrom(t.Context(), of.kind, of.key, "", 0, record.Auditor)
			if err != nil {
				t.Fatal(err)
			}
			for name, door := range doors(d, of.kind, of.key, v.Entry, v.Record) {
				whole, err := door(t.Context())
				if err != nil || whole == "" || whole == "count 0" {
					t.Errorf("%s of %s shows the program itself %q, %v", name, of.kind, whole, err)
				}
				for _, by := range []string{"pete", ""} {
					said, err := door(as(t, by))
					if err != nil && !fault.Is(err, fault.NotFound) && name != "tallies" && name != "holding" {
						t.Errorf("%s of %s by %q: %v", name, of.kind, by, err)
					}
					if strings.Contains(strings.ToLower(said), "zebra") || err == nil && strings.HasPrefix(said, "count ") && said == whole {
						t.Errorf("%s of %s shows %q: %s", name, of.kind, by, said)
					}
				}
				for _, by := range []string{"zoe", "rita"} {
					said, err := door(as(t, by))
					if name == "tallies" || name == "holding" {
						continue
					}
					if err != nil || said == "" || said == "count 0" || strings.Contains(whole, "Plain") && strings.Contains(said, "Plain") {
						t.Errorf("%s of %s shows %s %q, %v", name, of.kind, by, said, err)
					}
				}
			}
		}
		if n, err := d.Book.Count(as(t, "pete"), record.Query{Kind: "workpaper", Room: record.Auditor}); err != nil || n.N != 1 {
			t.Errorf("pete counts %v papers, %v", n, err)
		}
	})
}

func TestNobodyWritesWhereHeOnlyReadsOrSeesNothing(t *testing.T) {
	d := twoEngagements(t, storetest.SQLite(t))
	rita := who{User: "rita", Person: "rita", Name: "person:rita"}
	zoe := who{User: "zoe", Person: "zoe", Name: "person:zoe"}
	for _, c := range []struct {
		what string
		by   who
		want fault.Kind
		do   record.Change
	}{
		{"a stranger writes a paper", pete, fault.NotFound, record.Change{Kind: "workpaper", Key: "new", Body: json.RawMessage(`{"engagement":"z","reference":"R","control":"AC-09","objective":"x"}`)}},
		{"a stranger takes a paper to his own", pete, fault.NotFound, record.Change{Kind: "workpaper", Key: "zebra-paper", Body: json.RawMessage(`{"engagement":"e","reference":"R","control":"AC-08","objective":"x"}`)}},
		{"a stranger moves a paper", pete, fault.NotFound, record.Change{Kind: "workpaper", Key: "zebra-paper", Move: "prepare"}},
		{"a stranger changes the engagement", pete, fault.NotFound, record.Change{Kind: "engagement", Key: "z", Move: "plan"}},
		{"a stranger requests a list", pete, fault.NotFound, record.Change{Kind: "population", Key: "new", Body: json.RawMessage(strings.ReplaceAll(requested, `"engagement":"e"`, `"engagement":"z"`))}},
		{"a peer reviewer writes a paper", rita, fault.Denied, record.Change{Kind: "workpaper", Key: "new", Body: json.RawMessage(`{"engagement":"z","reference":"R","control":"AC-09","objective":"x"}`)}},
		{"a peer reviewer speaks of himself", rita, fault.Denied, record.Change{Kind: "independence", Key: "rita", Body: json.RawMessage(`{"engagement":"z","person":"rita","stage":"acceptance","interests":"None."}`)}},
		{"a peer reviewer moves the engagement", rita, fault.Denied, record.Change{Kind: "engagement", Key: "z", Move: "plan"}},
		{"a paper of no engagement", pete, fault.NotFound, record.Change{Kind: "workpaper", Key: "new", Body: json.RawMessage(`{"engagement":"nowhere","reference":"R","control":"AC-09","objective":"x"}`)}},
	} {
		_, err := d.Book.Put(t.Context(), c.by, c.do)
		if !fault.Is(err, c.want) || strings.Contains(err.Error(), "Zebra") {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if _, err := d.Commit(as(t, "pete"), pete, "z", "AC-03", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("a stranger commits to a nonce: %v", err)
	}
	if _, err := d.Deliver(as(t, "pete"), pete, "zebra-list", strings.NewReader(table(3)), how()); !fault.Is(err, fault.NotFound) {
		t.Errorf("a stranger delivers: %v", err)
	}
	put(t, d, zoe, "workpaper", "zebra-paper", `{"engagement":"z","reference":"Zebra-1","control":"AC-03","objective":"Zebra again"}`)
}

func TestEachKindOfTheAuditorsRoomBelongsToAnEngagement(t *testing.T) {
	loose := workpaper.NoteKind()
	loose.Fields = loose.Fields[1:]
	if _, err := record.NewKinds(append(engagement.Kinds(), loose)...); err == nil || !strings.Contains(err.Error(), "must name its engagement") {
		t.Errorf("a kind that names no engagement: %v", err)
	}
}
