package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// excused does not apply where somebody has a device, and fails otherwise.
const excused = `id: BND-14
title: Who has no device is zoe
for: boundary
where: size(find("device", "owner", r.name)) == 0
expect: r.name == "zoe"
because: '"it is another"'
severity: low
why: It should be.
fix: {cli: mend it}
examples:
  - {name: wrong, record: {name: a}, others: {device: []}, expect: fail}
  - {name: right, record: {name: zoe}, others: {device: []}, expect: pass}
  - {name: excused, record: {name: a}, others: {device: [{owner: a}]}, expect: not_applicable}
  - {name: not read, record: {name: a}, expect: unknown}
`

// secured passes where every device of the boundary's name is locked, or there is none.
var secured = strings.NewReplacer("BND-10", "BND-15", `size(find("device", "owner", r.name)) == 0`, `find("device", "owner", r.name).all(d, d.locked)`, "[{owner: a}]", "[{owner: a, locked: false}]").Replace(absent)

// known passes where somebody has an active account of the boundary's name, whoever provides it.
var known = strings.NewReplacer("BND-11", "BND-16", `size(find("device", "owner", r.name)) > 0`, `find("account", "email", r.name + "@example.org").exists(a, a.active)`,
	"{device: [{owner: a}]}", "{account: [{email: a@example.org, active: true}]}", "{device: []}", "{account: []}").Replace(present)

func (p *parks) retire(scope string) {
	p.Helper()
	if err := p.collect.Retire(p.ctx, record.Job("person:ada"), "push", scope, "given up"); err != nil {
		p.Fatal(err)
	}
}

func (p *parks) remove(name string) {
	p.Helper()
	if err := p.collect.Remove(p.ctx, record.Job("person:ada"), name, "over"); err != nil {
		p.Fatal(err)
	}
}

// Every history is of a boundary that is named as eve, whose only device is in b; the part a and its bob go on being read.
func TestWhatNobodyVouchesForAnyMoreCarriesNoPass(t *testing.T) {
	for name, c := range map[string]struct {
		push   bool                    // b is sent, and not read
		seldom bool                    // nobody judges from the third day on until the end
		day    func(p *parks, day int) // before the sources are read
		// How it stood that eve has a device, that she has none, that the check does not apply for her device, and that
		// all of her devices are locked.
		present, absent, excused, secured []string
	}{
		"b goes on": {false, false, func(*parks, int) {},
			[]string{"pass 01 00:00–"}, []string{"fail 01 00:00–"}, nil, []string{"pass 01 00:00–"}},
		"b is gone": {false, false, func(p *parks, day int) {
			if day == 3 {
				delete(p.sites, "b")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–"}, []string{"fail 01 00:00–"}, []string{"unknown 03 00:00–"}, []string{"pass 01 00:00–"}},
		"b is gone, and comes back": {false, false, func(p *parks, day int) {
			if delete(p.sites, "b"); day < 3 || day > 4 {
				p.sites["b"] = []string{"eve"}
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "pass 05 00:00–"}, []string{"fail 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "fail 05 00:00–"}, []string{"unknown 03 00:00–05 00:00"}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "pass 05 00:00–"}},
		"b is gone, and eve is in a": {false, false, func(p *parks, day int) {
			if day == 3 {
				delete(p.sites, "b")
			}
			if day == 5 {
				p.sites["a"] = []string{"bob", "eve"}
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "pass 05 00:00–"}, []string{"fail 01 00:00–"}, []string{"unknown 03 00:00–05 00:00"}, []string{"pass 01 00:00–"}},
		"b was refused, and is gone": {false, false, func(p *parks, day int) {
			p.denied["b"] = day == 3
			if day == 4 {
				delete(p.sites, "b")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–04 00:00", "unknown 04 00:00–"}, []string{"fail 01 00:00–03 00:00", "unknown 03 00:00–04 00:00", "fail 04 00:00–"}, []string{"unknown 04 00:00–"}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–04 00:00", "pass 04 00:00–"}},
		"b is gone, and eve is in a, and all is judged in the end": {false, true, func(p *parks, day int) {
			if day == 3 {
				delete(p.sites, "b")
			}
			if day == 5 {
				p.sites["a"] = []string{"bob", "eve"}
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "pass 05 00:00–"}, []string{"fail 01 00:00–"}, []string{"unknown 03 00:00–05 00:00"}, []string{"pass 01 00:00–"}},
		"b is gone, and that is judged in the end": {false, true, func(p *parks, day int) {
			if day == 3 {
				delete(p.sites, "b")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–"}, []string{"fail 01 00:00–"}, []string{"unknown 03 00:00–"}, []string{"pass 01 00:00–"}},
		"eve comes when b is gone": {false, false, func(p *parks, day int) {
			if day == 1 {
				p.see("boundary", "x", `{"name":"zoe"}`)
			}
			if day == 3 {
				delete(p.sites, "b")
			}
			if day == 5 {
				p.see("boundary", "x", `{"name":"eve"}`)
			}
		}, []string{"fail 01 00:00–05 00:00", "unknown 05 00:00–"}, []string{"pass 01 00:00–05 00:00", "unknown 05 00:00–"}, []string{"pass 01 00:00–05 00:00", "unknown 05 00:00–"}, []string{"pass 01 00:00–"}},
		"b is ended by hand": {true, false, func(p *parks, day int) {
			if day == 3 {
				p.retire("b")
			} else if day < 3 {
				p.send("b", false, "eve")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–"}, []string{"fail 01 00:00–"}, []string{"unknown 03 00:00–"}, []string{"pass 01 00:00–"}},
		"b is silent, and is ended by hand": {true, false, func(p *parks, day int) {
			if day == 5 {
				p.retire("b")
			} else if day == 1 {
				p.send("b", false, "eve")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "unknown 05 00:00–"}, []string{"fail 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "fail 05 00:00–"}, []string{"unknown 05 00:00–"}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "pass 05 00:00–"}},
		"the connection of b is removed": {true, false, func(p *parks, day int) {
			if day == 3 {
				p.remove("push")
			} else if day < 3 {
				p.send("b", false, "eve")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–"}, []string{"fail 01 00:00–"}, []string{"unknown 03 00:00–"}, []string{"pass 01 00:00–"}},
		"b was never whole, and its connection is removed": {true, false, func(p *parks, day int) {
			if day == 1 {
				p.send("b", true, "eve") // it takes a day
			}
			if day == 4 {
				p.remove("push")
			}
		}, []string{"unknown 02 01:00–04 00:00", "unknown 04 00:00–"}, []string{"unknown 02 01:00–04 00:00", "fail 04 00:00–"}, []string{"unknown 04 00:00–"}, []string{"unknown 02 01:00–04 00:00", "pass 04 00:00–"}},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				p := openParks(t, db, absent, present, excused, secured)
				p.connect("mdm")
				p.sites = map[string][]string{"a": {"bob"}}
				if c.push {
					p.connect("push")
				} else {
					p.sites["b"] = []string{"eve"}
				}
				p.see("boundary", "x", `{"name":"eve"}`)
				for day := 1; day <= 6; day++ {
					p.goTo(fmt.Sprintf("2026-01-%02d 00:00", day))
					c.day(p, day)
					p.read("mdm")
					if day < 3 || !c.seldom {
						p.evaluate()
					}
				}
				p.goTo("2026-01-06 12:00")
				p.evaluate()
				for id, want := range map[string][]string{"BND-11": c.present, "BND-10": c.absent, "BND-14": c.excused, "BND-15": c.secured} {
					p.stood(id, "2026-01-06 12:00", want...)
				}
				p.again()
			})
		})
	}
}

// owned is about a device itself, and reads none of its parts.
const owned = `id: DEV-09
title: It is owned
for: device
expect: r.owner != ""
because: '"nobody owns it"'
severity: low
why: It should be.
fix: {cli: mend it}
examples:
  - {name: wrong, record: {owner: ""}, expect: fail}
  - {name: right, record: {owner: a}, expect: pass}
  - {name: not read, record: {}, expect: unknown}
`

// A record of what nobody reads any more, asked about for itself, is unknown from when it left.
func TestARecordOfWhatLeftIsUnknown(t *testing.T) {
	for name, leave := range map[string]func(p *parks){
		"its part is gone":          func(p *parks) { delete(p.sites, "b") },
		"its connection is removed": func(p *parks) { p.remove("mdm") },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				p := openParks(t, db, owned)
				p.connect("mdm")
				p.connect("push")
				p.sites = map[string][]string{"a": {"bob"}, "b": {"eve"}}
				for day := 1; day <= 6; day++ {
					p.goTo(fmt.Sprintf("2026-01-%02d 00:00", day))
					p.send("c", false, "ada")
					if day == 3 {
						leave(p)
					}
					if _, err := p.collect.Connection(p.ctx, "mdm"); err == nil {
						p.read("mdm")
					}
					p.evaluate()
				}
				p.goTo("2026-01-06 12:00")
				var got []string
				for _, line := range strings.Split(p.say(check.Filter{Check: "DEV-09", Key: "beve", From: p.at("2026-01-01 00:00"), To: p.at("2026-01-06 12:00")}), "\n") {
					got = append(got, interval.FindStringSubmatch(line)[1])
				}
				if strings.Join(got, ", ") != "pass 01 00:00–03 00:00, unknown 03 00:00–" {
					t.Error(got)
				}
				sum, err := p.m.Summary(p.ctx, 0)
				if err != nil || sum[0].Status != check.Unknown || sum[0].Counts.Unknown == 0 {
					t.Errorf("%+v %v", sum, err)
				}
				// As a whole the check is no better than the record.
				courses, err := p.m.Courses(p.ctx, p.at("2026-01-01 00:00"), p.at("2026-01-06 12:00"))
				var lines []string
				for _, x := range courses["DEV-09"] {
					if x.To-x.From > 1000 { // the first readings are a few microseconds apart
						lines = append(lines, fmt.Sprintf("%s %s–%s", x.Status, short(x.From), short(x.To)))
					}
				}
				if got := strings.Join(lines, ", "); err != nil || got != "pass 01 00:00–03 00:00, unknown 03 00:00–06 12:00" {
					t.Errorf("over the time it is %s %v", got, err)
				}
				for name, count := range map[string]func() (float64, error){
					"Window": func() (float64, error) {
						w, err := p.m.Window(p.ctx, "DEV-09", p.at("2026-01-01 00:00"), p.at("2026-01-06 00:00"))
						return w.Percent, err
					},
					"Covered": func() (float64, error) {
						c, err := p.m.Covered(p.ctx, p.at("2026-01-01 00:00"), p.at("2026-01-06 00:00"))
						return c["DEV-09"], err
					},
					"Traces": func() (float64, error) {
						x, err := p.m.Traces(p.ctx, p.at("2026-01-01 00:00"), p.at("2026-01-06 00:00"))
						return x[0].Percent, err
					},
				} {
					if n, err := count(); err != nil || n < 39.9 || n > 40.1 {
						t.Errorf("%s speaks for %f percent: %v", name, n, err)
					}
				}
			})
		})
	}
}

// A scope that is refused from the first reading on is no less in scope than one that was read once: what was handed over of it is
// not known, nor is that there is no more, and that it left later does not make the time before another.
func TestWhatWasNeverReadWholeIsAGapUntilItIsGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := openParks(t, db, absent, present, owned)
		p.connect("mdm")
		p.sites = map[string][]string{"a": {"bob"}, "b": {"eve"}}
		p.half = true
		p.see("boundary", "x", `{"name":"eve"}`)
		for day := 1; day <= 6; day++ {
			p.goTo(fmt.Sprintf("2026-01-%02d 00:00", day))
			p.denied["b"] = true
			if day == 5 {
				delete(p.sites, "b")
			}
			p.read("mdm")
			p.evaluate()
		}
		p.goTo("2026-01-06 12:00")
		p.stood("BND-11", "2026-01-06 12:00", "unknown 01 00:00–05 00:00", "unknown 05 00:00–")
		p.again()
		p.want(check.Filter{Check: "DEV-09", Status: check.Pass, Key: "beve"})
		sum, err := p.m.Summary(p.ctx, 0)
		if i := slices.IndexFunc(sum, func(s check.State) bool { return s.ID == "DEV-09" }); err != nil || sum[i].Status != check.Unknown || sum[i].Counts.Unknown != 1 || sum[i].Counts.Pass != 1 {
			t.Errorf("%+v %v", sum[i], err)
		}
	})
}
