package check_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// useOwn loads the organisation's own checks from files with these contents.
func (d *desk) useOwn(files ...string) {
	d.Helper()
	words, err := check.NewVocabulary(d.book.Kinds.All()...)
	if err != nil {
		d.Fatal(err)
	}
	dir := d.TempDir()
	for i, text := range files {
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".yaml"), []byte(text), 0o600); err != nil {
			d.Fatal(err)
		}
	}
	set, err := check.Load(words, nil, nil, dir)
	if err != nil {
		d.Fatal(err)
	}
	d.m = check.NewMonitor(d.book, words, set)
}

func (d *desk) control(id string) check.Status {
	d.Helper()
	states, err := d.m.Summary(d.ctx, 0)
	if err != nil {
		d.Fatal(err)
	}
	return check.Control(id, states).Status
}

func TestAPassDoesNotOutliveTheFileOfItsCheck(t *testing.T) {
	syntax := strings.Replace(multiFactor, "title:", " title:", 1)
	for name, c := range map[string]struct{ broken, reason string }{
		"a word in it is wrong":    {strings.Replace(multiFactor, "r.mfa\n", "r.mfb\n", 1), "The check's file is broken, so that nothing is known: a.yaml:5:11: there is no field mfb declared in host_user; did you mean mfa?"},
		"it is no YAML any more":   {syntax, "The check's file is broken, so that nothing is known: a.yaml:2:1: this is not YAML: mapping values are not allowed in this context."},
		"it says nothing any more": {"\x00\x01", "A file of the organisation's checks is broken and may be the one of this check, so that nothing is known: a.yaml."},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				d := open(t, db)
				d.useOwn(multiFactor)
				d.covered("host_user", "2026-01-01 00:00", "", "")
				d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
				d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
				d.evaluate()
				fails := "User bob can sign in without a second factor."
				d.want(check.Filter{}, "ada pass 01 00:00–", "bob fail 01 00:00– "+fails)

				d.goTo("2026-01-02 00:00")
				d.useOwn(c.broken)
				if len(d.m.Set.Problems()) != 1 {
					t.Fatalf("%+v", d.m.Set.Problems())
				}
				for _, when := range []string{"before it is evaluated", "after"} {
					states, err := d.m.Summary(d.ctx, 0)
					if err != nil || len(states) != 1 || states[0].Status != check.Unknown || !strings.HasPrefix(states[0].Reason, c.reason[:60]) || states[0].Counts.Unknown != 2 {
						t.Errorf("%s: %+v %v", when, states, err)
					}
					if got := d.control("AC-06"); got != check.Unknown {
						t.Errorf("%s: the control is %s", when, got)
					}
					d.evaluate()
				}
				d.want(check.Filter{Key: "ada"}, "ada unknown 02 00:00– "+c.reason)
				if f := d.finding("host-01-host"); f["state"] != "open" {
					t.Errorf("silence fixed the finding: %s", f)
				}
				if e := d.evaluate(); e.Flips != 0 {
					t.Errorf("it was answered again: %+v", e)
				}

				d.goTo("2026-01-03 00:00")
				d.useOwn(multiFactor)
				d.evaluate()
				d.want(check.Filter{Key: "ada"}, "ada pass 03 00:00–")
				// What was unknown while it was broken stays unknown for good.
				d.want(check.Filter{Key: "ada", AsOf: d.at("2026-01-02 12:00")}, "ada unknown 02 00:00–03 00:00 "+c.reason)
				d.goTo("2026-01-04 00:00")
				d.want(check.Filter{Key: "ada", From: d.at("2026-01-01 00:00"), To: d.at("2026-01-04 00:00")}, "ada pass 01 00:00–02 00:00", "ada unknown 02 00:00–03 00:00 "+c.reason, "ada pass 03 00:00–")
				if w, err := d.m.Window(d.ctx, "HOST-01", d.at("2026-01-01 00:00"), d.at("2026-01-04 00:00")); err != nil || w.Percent < 66.6 || w.Percent > 66.7 {
					t.Errorf("%v percent, %v", w.Percent, err)
				}
			})
		})
	}
}

func TestAMaxGapLoosenedLaterRewritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, gapped)
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.evaluate()
		d.goTo("2026-01-05 00:00")
		d.use(multiFactor) // without a max gap
		d.evaluate()
		stale := "The host users were last read completely from host at 2026-01-01 00:00 UTC, and what they are since is not known."
		d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-05 00:00")}, "ada pass 01 00:00–02 12:00", "ada unknown 02 12:00–05 00:00 "+stale)
		d.want(check.Filter{AsOf: d.at("2026-01-04 00:00")}, "ada unknown 02 12:00–05 00:00 "+stale)
		sum, err := d.m.Summary(d.ctx, d.at("2026-01-04 00:00"))
		if err != nil || sum[0].Status != check.Unknown || sum[0].Counts.Unknown != 1 {
			t.Errorf("%+v %v", sum, err)
		}
		if w, err := d.m.Window(d.ctx, "HOST-01", d.at("2026-01-01 00:00"), d.at("2026-01-05 00:00")); err != nil || w.Percent < 37.4 || w.Percent > 37.6 {
			t.Errorf("%v percent, %v", w.Percent, err)
		}
		d.want(check.Filter{}, "ada pass 05 00:00–")
	})
}

func TestAFileIsReadAgainBeforeAnEvaluation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d, dir := open(t, db), filepath.Join(t.TempDir(), "checks")
		words, err := check.NewVocabulary(d.book.Kinds.All()...)
		if err != nil {
			t.Fatal(err)
		}
		set, err := check.Load(words, nil, nil, dir) // the folder is not there yet
		if err != nil || len(set.Checks()) != 0 {
			t.Fatalf("%+v %v", set, err)
		}
		d.m = check.NewMonitor(d.book, words, set)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.evaluate()
		d.want(check.Filter{})
		write := func(text string) {
			t.Helper()
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			d.evaluate()
		}
		write(multiFactor)
		d.want(check.Filter{}, "ada pass 01 00:00–")
		d.goTo("2026-01-02 00:00")
		write(multiFactor + "\nodd: 1\n")
		if len(set.Problems()) != 1 {
			t.Errorf("%+v", set.Problems())
		}
		if got := d.say(check.Filter{}); !strings.HasPrefix(got, "ada unknown 02 00:00– The check's file is broken") {
			t.Error(got)
		}
		d.goTo("2026-01-03 00:00")
		write(multiFactor)
		d.want(check.Filter{}, "ada pass 03 00:00–")
		if err := os.Remove(filepath.Join(dir, "own.yaml")); err != nil {
			t.Fatal(err)
		}
		d.evaluate()
		d.want(check.Filter{})
	})
}
