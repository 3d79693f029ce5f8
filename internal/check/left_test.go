package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// absent passes where nobody has a device of a boundary's name; present fails there.
const absent = `id: BND-10
title: Nobody has a device
for: boundary
expect: size(find("device", "owner", r.name)) == 0
because: '"somebody has it"'
severity: low
why: It should be.
fix: {cli: mend it}
examples:
  - {name: wrong, record: {name: a}, others: {device: [{owner: a}]}, expect: fail}
  - {name: right, record: {name: a}, others: {device: []}, expect: pass}
  - {name: not read, record: {name: a}, expect: unknown}
`

var present = strings.NewReplacer("BND-10", "BND-11", "== 0", "> 0", "wrong", "right", "right", "wrong", "expect: fail", "expect: pass", "expect: pass", "expect: fail").Replace(absent)

// parks is a desk with devices that are sent, and others that are read, each by the part of the company that they are in.
type parks struct {
	*desk
	collect *collect.Collector
	sites   map[string][]string // what the source has: owners by scope
	denied  map[string]bool     // scopes that are refused
	half    bool                // and hand over what is there all the same
	part    string              // what comes of the part "locked" there: a gap's reason
	fail    error
	sent    int
}

func openParks(t *testing.T, db *store.DB, checks ...string) *parks {
	p := &parks{desk: open(t, db, checks...), sites: map[string][]string{}, denied: map[string]bool{}}
	device, err := p.book.Kinds.Named("device")
	if err != nil {
		t.Fatal(err)
	}
	other, err := p.book.Kinds.Named("git_user")
	if err != nil {
		t.Fatal(err)
	}
	p.collect = &collect.Collector{Book: p.book, Connectors: []connector.Connector{
		{Name: "push", Title: "Push", Sent: true, Kinds: []record.Kind{*device}, Settings: []connector.Setting{{Name: "kinds", Required: true}}},
		{Name: "mdm", Title: "Devices", Kinds: []record.Kind{*device, *other}, Read: func(_ context.Context, _ connector.Values, out connector.Sink) error {
			for _, scope := range slices.Sorted(maps.Keys(p.sites)) {
				if p.fail != nil && scope == "b" {
					return p.fail
				}
				if p.half && p.denied[scope] {
					for _, owner := range p.sites[scope] {
						if err := out.Item(connector.Item{Kind: "device", Key: scope + owner, Scope: scope, Raw: []byte(fmt.Sprintf(`{"owner":%q}`, owner))}); err != nil {
							return err
						}
					}
				}
				if p.denied[scope] {
					out.Missing(connector.Gap{Kind: "device", Scope: scope, Denied: true, Reason: "it was refused"})
					continue
				}
				for _, owner := range p.sites[scope] {
					locked := connector.Part{Name: "locked", JSON: []byte("true")}
					if p.part != "" && scope == "b" {
						locked = connector.Part{Name: "locked", Gap: p.part}
					}
					if err := out.Item(connector.Item{Kind: "device", Key: scope + owner, Scope: scope, Raw: []byte(fmt.Sprintf(`{"owner":%q}`, owner)), Parts: []connector.Part{locked}}); err != nil {
						return err
					}
				}
				out.Complete("device", scope)
			}
			out.Complete("git_user", "")
			return nil
		}}}}
	return p
}

func (p *parks) connect(name string) {
	p.Helper()
	c := collect.Connection{Name: name, Connector: name, Every: "24h"}
	if name == "push" {
		c.Settings = map[string]string{"kinds": "device"}
	}
	if _, err := p.collect.Add(p.ctx, record.Job("person:ada"), c, nil); err != nil {
		p.Fatal(err)
	}
}

// send sends what a scope has; half of it is not said to be everything.
func (p *parks) send(scope string, half bool, owners ...string) {
	p.Helper()
	p.sent++
	d := collect.Delivery{Connection: "push", ID: fmt.Sprint(p.sent), Sender: "person:ada", Kinds: []string{"device"}, Scopes: []string{scope}}
	for _, o := range owners {
		d.Items = append(d.Items, json.RawMessage(fmt.Sprintf(`{"kind":"device","key":%q,"scope":%q,"body":{"owner":%q,"locked":true}}`, scope+o, scope, o)))
	}
	if len(owners) > 0 {
		d.Batch = "1"
	}
	if n := int64(len(owners)); !half {
		d.Complete = &n
	}
	if _, err := p.collect.Receive(p.ctx, d); err != nil {
		p.Fatal(err)
	}
	if half {
		p.now = p.now.Add(25 * time.Hour) // nothing more is heard of it
	}
	p.read("push")
}

func (p *parks) read(name string) collect.Summary {
	p.Helper()
	s, err := p.collect.Run(p.ctx, name, nil)
	if err != nil {
		p.Fatal(err)
	}
	return s
}

var interval = regexp.MustCompile(`^\S+ (\w+ \d\d \d\d:\d\d–(\d\d \d\d:\d\d)?)`)

// stands demands how a check answered about the only boundary over the first days of the year, however it is judged.
func (p *parks) stands(id, to string, want ...string) {
	p.Helper()
	p.evaluate()
	p.stood(id, to, want...)
	p.again()
}

func (p *parks) stood(id, to string, want ...string) {
	p.Helper()
	f := check.Filter{Check: id, From: p.at("2026-01-01 00:00"), To: p.at(to)}
	var got []string
	for _, line := range strings.Split(p.say(f), "\n") {
		if line != "" {
			got = append(got, interval.FindStringSubmatch(line)[1])
		}
	}
	if !slices.Equal(got, want) {
		p.Errorf("%s is\n%s\nand not\n%s", id, p.say(f), strings.Join(want, "\n"))
	}
}

// again demands that it comes out the same judged anew, and of every moment.
func (p *parks) again() {
	p.Helper()
	if e, err := p.m.Evaluate(p.ctx, check.Options{Full: true}); err != nil || e.Flips != 0 {
		p.Errorf("judged anew it came out otherwise: %+v %v", e, err)
	}
	for at := p.at("2026-01-01 06:00"); at < store.At(p.now); at += store.Moment(6 * time.Hour / time.Microsecond) {
		if again, err := p.m.Recheck(p.ctx, check.RecheckOptions{AsOf: at}); err != nil || again.Differ > 0 {
			p.Errorf("judged again at %s: %+v %v", at, again.Differences, err)
		}
	}
}

func TestASilentScopeIsNotForgottenBecauseAnotherIsSent(t *testing.T) {
	gap := func(text string) string { return strings.Replace(text, "severity: ", "max_gap: 36h\nseverity: ", 1) }
	for name, c := range map[string]struct {
		gapped bool
		b      func(p *parks, day int) // what is done on a day, besides sending a
		want   []string                // of the pass; a failure by absence is the same
	}{
		"b was sent once": {false, func(p *parks, day int) {
			if day == 1 {
				p.send("b", false, "eve")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–"}},
		"b is empty": {false, func(p *parks, day int) {
			if day == 1 {
				p.send("b", false)
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–"}},
		"b comes back": {false, func(p *parks, day int) {
			if day == 1 || day == 5 {
				p.send("b", false, "eve")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "pass 05 00:00–"}},
		"b is ended by hand": {false, func(p *parks, day int) {
			if day == 1 {
				p.send("b", false, "eve")
			}
			if day == 5 {
				if err := p.collect.Retire(p.ctx, record.Job("person:ada"), "push", "b", "given up"); err != nil {
					p.Fatal(err)
				}
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "pass 05 00:00–"}},
		"b is ended by hand while it is known": {false, func(p *parks, day int) {
			if day == 1 {
				p.send("b", false, "eve")
			}
			if day == 2 {
				if err := p.collect.Retire(p.ctx, record.Job("person:ada"), "push", "b", "given up"); err != nil {
					p.Fatal(err)
				}
			}
		}, []string{"pass 01 00:00–"}},
		"b was never complete": {false, func(p *parks, day int) {
			if day == 1 {
				p.send("b", true, "eve")
			}
		}, []string{"unknown 02 01:00–"}},
		"b was ended by hand, and is sent by half": {false, func(p *parks, day int) {
			switch day {
			case 1:
				p.send("b", false, "eve")
			case 2:
				if err := p.collect.Retire(p.ctx, record.Job("person:ada"), "push", "b", "given up"); err != nil {
					p.Fatal(err)
				}
			case 3:
				p.send("b", true, "eve")
			}
		}, []string{"pass 01 00:00–02 00:00", "unknown 02 00:00–04 01:00", "unknown 04 01:00–"}}, // who ended it was mistaken
		"b broke off later": {false, func(p *parks, day int) {
			if day == 1 {
				p.send("b", false, "eve")
			}
			if day == 2 {
				p.send("b", true, "eve")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–"}},
		"b was sent once, and a read is trusted for less": {true, func(p *parks, day int) {
			if day == 1 {
				p.send("b", false, "eve")
			}
		}, []string{"pass 01 00:00–02 12:00", "unknown 02 12:00–"}},
		"b paused and was ended, and a read is trusted for less": {true, func(p *parks, day int) {
			if day == 1 || day == 3 {
				p.send("b", false, "eve")
			}
			if day == 4 {
				if err := p.collect.Retire(p.ctx, record.Job("person:ada"), "push", "b", "given up"); err != nil {
					p.Fatal(err)
				}
			}
		}, []string{"pass 01 00:00–02 12:00", "unknown 02 12:00–03 00:00", "pass 03 00:00–"}},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				checks := []string{absent, present}
				if c.gapped {
					checks = []string{gap(absent), gap(present)}
				}
				p := openParks(t, db, checks...)
				p.connect("push")
				p.see("boundary", "x", `{"name":"x"}`)
				for day := 1; day <= 6; day++ {
					p.goTo(fmt.Sprintf("2026-01-%02d 00:00", day))
					p.send("a", false, "bob")
					c.b(p, day)
					p.evaluate()
				}
				p.goTo("2026-01-06 12:00")
				p.stands("BND-10", "2026-01-06 12:00", c.want...)
				var fails []string
				for _, w := range c.want {
					fails = append(fails, strings.Replace(w, "pass", "fail", 1))
				}
				p.stands("BND-11", "2026-01-06 12:00", fails...)
			})
		})
	}
}

func TestWhatIsReadIsLeftOnlyWhenACompleteReadingNoLongerHasIt(t *testing.T) {
	for name, c := range map[string]struct {
		day  func(p *parks, day int) // before the source is read
		want []string
	}{
		"b is gone": {func(p *parks, day int) {
			if day == 3 {
				delete(p.sites, "b")
			}
		}, []string{"pass 01 00:00–"}},
		"b was refused, was read, and is gone": {func(p *parks, day int) {
			p.denied["b"] = day == 3
			if day == 5 {
				delete(p.sites, "b")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–04 00:00", "pass 04 00:00–"}},
		"b is refused, and is gone": {func(p *parks, day int) {
			p.denied["b"] = day >= 3
			if day == 5 {
				delete(p.sites, "b")
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–05 00:00", "pass 05 00:00–"}},
		"b was never read, and is gone": {func(p *parks, day int) {
			p.denied["b"] = true
			if day == 5 {
				delete(p.sites, "b")
			}
		}, []string{"unknown 01 00:00–05 00:00", "pass 05 00:00–"}}, // while it was in scope, what is there was not known
		"b is gone, and comes back refused": {func(p *parks, day int) {
			switch day {
			case 2:
				delete(p.sites, "b")
			case 4:
				p.sites["b"], p.denied["b"] = []string{"eve"}, true
			}
		}, []string{"pass 01 00:00–02 00:00", "unknown 02 00:00–04 00:00", "unknown 04 00:00–"}},
		"the reading breaks off before b": {func(p *parks, day int) {
			p.fail = nil
			if day >= 3 {
				p.fail = errors.New("the source went away")
			}
		}, []string{"pass 01 00:00–04 00:00", "unknown 04 00:00–"}},
		"the connection is removed": {func(p *parks, day int) {
			if day == 3 {
				if err := p.collect.Remove(p.ctx, record.Job("person:ada"), "mdm", "over"); err != nil {
					p.Fatal(err)
				}
			}
		}, []string{"pass 01 00:00–03 00:00", "unknown 03 00:00–"}},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				p := openParks(t, db, absent)
				p.connect("mdm")
				p.sites = map[string][]string{"a": {"bob"}, "b": {"eve"}}
				p.see("boundary", "x", `{"name":"x"}`)
				for day := 1; day <= 6; day++ {
					p.goTo(fmt.Sprintf("2026-01-%02d 00:00", day))
					c.day(p, day)
					if _, err := p.collect.Connection(p.ctx, "mdm"); err == nil {
						p.read("mdm")
					}
					p.evaluate()
				}
				p.goTo("2026-01-06 12:00")
				p.stands("BND-10", "2026-01-06 12:00", c.want...)
			})
		})
	}
}

func TestAPartThatWasNotReadIsAGapForWhatLooksItUp(t *testing.T) {
	locked := strings.NewReplacer("BND-10", "BND-13", `size(find("device", "owner", r.name)) == 0`, `find("device", "owner", r.name).all(d, d.locked)`, "[{owner: a}]", "[{owner: a, locked: false}]").Replace(absent)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := openParks(t, db, absent, locked)
		p.connect("mdm")
		p.sites = map[string][]string{"a": {"bob"}, "b": {"eve"}}
		p.see("boundary", "x", `{"name":"x"}`)
		for day := 1; day <= 6; day++ {
			p.goTo(fmt.Sprintf("2026-01-%02d 00:00", day))
			if p.part = ""; day == 3 {
				p.part = "it was refused"
			}
			p.read("mdm")
			p.evaluate()
		}
		p.goTo("2026-01-06 12:00")
		p.stands("BND-10", "2026-01-06 12:00", "pass 01 00:00–")
		p.stands("BND-13", "2026-01-06 12:00", "pass 01 00:00–03 00:00", "unknown 03 00:00–04 00:00", "pass 04 00:00–")
	})
}
