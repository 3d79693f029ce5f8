package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// try is one random history.
type try struct {
	*rapid.T
	t *testing.T
}

func (t try) TempDir() string { return t.t.TempDir() }

// world is a desk whose sources are read by real runs.
type world struct {
	*desk
	t        *rapid.T
	collect  *collect.Collector
	rows     map[string]map[string]string // by kind and key: what the sources say
	denied   map[string]bool
	down     bool
	checks   map[string]string // by id, the text in use
	kept     map[int64]row     // results as they were first seen
	asked    []asked
	turns    int
	behind   bool // something was read, and not yet everything judged since
	messages []string
	sent     int
	given    map[string]bool         // parts of the company that were given up, and connections that were removed
	fresh    map[string]store.Moment // until when the last complete sending of a part of the company vouches; Forever: it was ended
}

// row is a row of results.
type row struct {
	ID      int64        `db:"id"`
	Series  int64        `db:"series"`
	Record  int64        `db:"record"`
	Status  int64        `db:"status"`
	Reason  string       `db:"reason"`
	From    store.Moment `db:"valid_from"`
	Known   store.Moment `db:"known"`
	Version int64        `db:"version"`
	Basis   string       `db:"basis"`
	To      store.Moment `db:"valid_to"`
	Dropped store.Moment `db:"superseded"`
}

// asked is what was answered at a moment.
type asked struct {
	at    store.Moment
	lines map[string]string
}

func named(id, text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	return "id: " + id + "\n" + rest
}

func mergeCheck(id, expect, fails, passes string) string {
	return strings.NewReplacer("ID", id, "EXPECT", expect, "FAILS", fails, "PASSES", passes).Replace(`id: ID
title: It was looked at
for: merge
expect: EXPECT
because: '"nobody looked at " + key'
severity: low
why: Two see more.
fix: {cli: look}
examples:
  - {name: wrong, FAILS, expect: fail}
  - {name: right, PASSES, expect: pass}
  - {name: not read, record: {}, expect: unknown}
`)
}

// scoped are checks of what is kept outside the history, of exceptions that end, and of a boundary whose parts have dates.
func scoped() map[string]string {
	const inside = `parts.exists(p, p.owner == r.owner && age(p.from) >= 0 && (p.to == null || age(p.to) < 0))`
	out := map[string]string{}
	for id, x := range map[string][4]string{
		"DEV-01": {"device", "age(r.seen) < 30", "record: {name: a, seen: 2025-01-01T00:00:00Z}", "record: {name: a, seen: 2025-12-20T00:00:00Z}"},
		"DEV-02": {"device", `r.locked || find("exception", "id", r.name).exists(e, age(e.until) <= 0)`,
			`record: {name: a, locked: false}, others: {exception: [{id: a, until: 2025-12-01}]}`, `record: {name: a, locked: false}, others: {exception: [{id: a, until: 2026-12-01}]}`},
		"DEV-03": {"device", `find("boundary", "name", "prod").exists(b, b.` + inside + `)`,
			`record: {name: a, owner: bob}, others: {boundary: [{name: prod, parts: [{owner: bob, from: 2025-01-01, to: 2025-02-01}]}]}`,
			`record: {name: a, owner: bob}, others: {boundary: [{name: prod, parts: [{owner: bob, from: 2025-01-01, to: null}]}]}`},
		"BND-01": {"boundary", `r.parts.exists(p, age(p.from) >= 0 && (p.to == null || age(p.to) < 0))`,
			"record: {name: prod, parts: [{owner: a, from: 2027-01-01, to: null}]}", "record: {name: prod, parts: [{owner: a, from: 2025-01-01, to: null}]}"},
		"BND-02": {"boundary", `find("device", "locked", false).all(d, age(d.seen) < 30)`,
			"record: {name: prod}, others: {device: [{name: a, locked: false, seen: 2025-01-01T00:00:00Z}]}", "record: {name: prod}, others: {device: []}"},
	} {
		out[id] = strings.NewReplacer("ID", id, "FOR", x[0], "EXPECT", x[1], "FAILS", x[2], "PASSES", x[3]).Replace(`id: ID
title: It is as it should be
for: FOR
expect: 'EXPECT'
because: '"not " + key'
severity: low
why: It should be.
fix: {cli: mend it}
examples:
  - {name: wrong, FAILS, expect: fail}
  - {name: right, PASSES, expect: pass}
  - {name: not read, record: {}, expect: unknown}
`)
	}
	return out
}

func worldChecks() map[string]string {
	const young, ancient = "2025-12-01T00:00:00Z", "2025-01-01T00:00:00Z"
	out := map[string]string{
		"HOST-01": multiFactor,
		"HOST-02": aged("r.human", "age(r.changed) < 90", ancient, young),
		"HOST-03": named("HOST-03", gapped),
		"HOST-04": named("HOST-04", aged("r.human", "age(r.changed) < 88 || age(r.changed) > 90", "2025-10-04T00:00:00Z", young)),
		"JOIN-01": leavers,
		"JOIN-02": named("JOIN-02", joiner),
		"ACC-01":  overView,
		"CHG-01":  mergeCheck("CHG-01", "r.reviewed", "record: {reviewed: false}", "record: {reviewed: true}"),
		"CHG-02":  mergeCheck("CHG-02", "r.reviewed || age(r.at) < 3", `record: {reviewed: false, at: "`+ancient+`"}`, `record: {reviewed: true, at: "`+ancient+`"}`),
		"CHG-03": mergeCheck("CHG-03", `r.reviewed || find("person", "email", r.by).exists(p, !has(p.end) || p.end == null)`,
			`record: {reviewed: false, by: a}, others: {person: []}`, `record: {reviewed: false, by: a}, others: {person: [{email: a}]}`),
	}
	maps.Copy(out, scoped())
	out["BND-10"], out["BND-11"] = absent, strings.Replace(present, "severity: ", "max_gap: 36h\nseverity: ", 1)
	out["BND-12"] = strings.Replace(named("BND-12", absent), "severity: ", "max_gap: 36h\nseverity: ", 1)
	out["BND-14"], out["BND-15"], out["BND-16"] = excused, secured, known
	return out
}

func newWorld(rt *rapid.T, t *testing.T, db *store.DB) *world {
	w := &world{t: rt, desk: open(try{rt, t}, db), rows: map[string]map[string]string{}, denied: map[string]bool{}, checks: worldChecks(), kept: map[int64]row{}, given: map[string]bool{}, fresh: map[string]store.Moment{}}
	read := func(kinds ...string) func(context.Context, connector.Values, connector.Sink) error {
		return func(_ context.Context, _ connector.Values, out connector.Sink) error {
			for _, k := range kinds {
				keys := slices.Sorted(maps.Keys(w.rows[k]))
				if w.denied[k] {
					keys = keys[:len(keys)/2]
				}
				for _, key := range keys {
					if err := out.Item(connector.Item{Kind: k, Key: key, Raw: []byte(w.rows[k][key]), Occurred: occurred(w.rows[k][key])}); err != nil {
						return err
					}
				}
				if w.down {
					return errors.New("the source went away")
				}
				if w.denied[k] {
					out.Missing(connector.Gap{Kind: k, Denied: true, Reason: "it was refused"})
				} else {
					out.Complete(k, "")
				}
			}
			return nil
		}
	}
	kind := func(names ...string) (out []record.Kind) {
		for _, n := range names {
			k, err := w.book.Kinds.Named(n)
			if err != nil {
				rt.Fatal(err)
			}
			out = append(out, *k)
		}
		return out
	}
	w.collect = &collect.Collector{Book: w.book, Connectors: []connector.Connector{
		{Name: "host", Title: "Host", Kinds: kind("host_user", "merge"), Read: read("host_user", "merge")},
		{Name: "git", Title: "Git", Kinds: kind("git_user"), Read: read("git_user")},
		{Name: "mdm", Title: "Devices", Kinds: kind("device"), Read: w.devices},
		{Name: "push", Title: "Push", Sent: true, Kinds: kind("device", "merge"), Settings: []connector.Setting{{Name: "kinds", Required: true}}}}}
	for _, c := range w.collect.Connectors {
		w.connect(c.Name)
	}
	w.load()
	return w
}

// devices hands over the devices by the part of the company that they are in; a refused part is another's business.
func (w *world) devices(_ context.Context, _ connector.Values, out connector.Sink) error {
	for _, scope := range []string{"berlin", "oslo"} {
		if w.given[scope] {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(w.rows["device"])) {
			body := w.rows["device"][key]
			if where := w.rows["site"][key]; where != scope {
				continue
			}
			it := connector.Item{Kind: "device", Key: key, Scope: scope, Raw: []byte(body)}
			if w.denied["locks"] {
				it.Parts = []connector.Part{{Name: "locked", Gap: "it was refused"}}
			} else if lock := w.rows["lock"][key]; lock != "" {
				it.Parts = []connector.Part{{Name: "locked", JSON: []byte(lock)}}
			}
			if err := out.Item(it); err != nil {
				return err
			}
			if w.denied[scope] {
				break
			}
		}
		if w.down {
			return errors.New("the source went away")
		}
		if w.denied[scope] {
			out.Missing(connector.Gap{Kind: "device", Scope: scope, Denied: true, Reason: "it was refused"})
		} else {
			out.Complete("device", scope)
		}
	}
	return nil
}

func (w *world) connect(name string) {
	c := collect.Connection{Name: name, Connector: name, Every: "24h"}
	if name == "push" {
		c.Settings = map[string]string{"kinds": "device merge"}
	}
	if _, err := w.collect.Add(w.ctx, record.Job("person:ada"), c, nil); err != nil {
		w.t.Fatal(err)
	}
}

// send sends the devices of one part of the company, or of two, and now and then breaks off; or says that there is none any more.
func (w *world) send() {
	if w.given["push"] {
		return
	}
	scopes := [][]string{{"lima"}, {"rome"}, {"lima", "rome"}}[rapid.IntRange(0, 2).Draw(w.t, "parts sent")]
	if _, known := w.fresh[scopes[0]]; known && w.fresh[scopes[0]] != store.Forever && rapid.IntRange(0, 5).Draw(w.t, "retire") == 0 {
		if err := w.collect.Retire(w.ctx, record.Job("person:ada"), "push", scopes[0], "given up"); err != nil {
			w.fail("%v", err)
		}
		w.fresh[scopes[0]] = store.Forever
		w.note("%s is ended", scopes[0])
		return
	}
	w.sent++
	d := collect.Delivery{Connection: "push", ID: fmt.Sprint(w.sent), Sender: "person:ada", Kinds: []string{"device"}, Scopes: scopes, Batch: "1"}
	for _, scope := range scopes {
		d.Items = append(d.Items, json.RawMessage(fmt.Sprintf(`{"kind":"device","key":%q,"scope":%q,"body":{"name":"d","owner":%q,"locked":true}}`, scope, scope, w.pick("sent owner", "bob", "ada"))))
	}
	half := rapid.IntRange(0, 4).Draw(w.t, "half") == 0
	if n := int64(len(d.Items)); !half {
		d.Complete = &n
	}
	if _, err := w.collect.Receive(w.ctx, d); err != nil {
		w.fail("%v", err)
	}
	w.now = store.At(w.book.Log.Now()).Time()
	if half {
		w.now = w.now.Add(25 * time.Hour)
	}
	s, err := w.collect.Run(w.ctx, "push", nil)
	if err != nil {
		w.fail("%v", err)
	}
	w.behind = true
	for _, scope := range scopes {
		now := store.At(w.book.Log.Now())
		if !half {
			now += store.Moment(48 * time.Hour / time.Microsecond)
		}
		if _, known := w.fresh[scope]; half && known && w.fresh[scope] <= now {
			continue // it was silent before, or ended and is asked for again
		}
		w.fresh[scope] = now
	}
	w.note("sent %v: %s %v", scopes, s.Outcome, s.Missing)
}

// leave gives up a part of the company, removes a connection, or takes it back.
func (w *world) leave() {
	what := w.pick("leaves", "oslo", "oslo", "berlin", "mdm", "git", "push")
	back := w.given[what]
	w.given[what] = !back
	if what != "oslo" && what != "berlin" {
		if back {
			w.connect(what)
		} else if err := w.collect.Remove(w.ctx, record.Job("person:ada"), what, "over"); err != nil {
			w.fail("%v", err)
		}
		if what == "push" {
			for scope := range w.fresh {
				w.fresh[scope] = store.Forever // not until it is sent again does anybody ask for it
			}
		}
	}
	w.note("%s leaves: %v", what, !back)
}

// forsake has the boundary be somebody's who has something in one place, and gives that place up.
func (w *world) forsake() {
	owner, place := w.pick("forsaken", "bob", "eve"), w.pick("place", "oslo", "berlin", "mdm", "git")
	for _, c := range []string{"oslo", "berlin", "mdm", "git"} {
		if w.given[c] {
			w.given[c] = false
			if c == "mdm" || c == "git" {
				w.connect(c)
			}
		}
	}
	w.see("boundary", "prod", fmt.Sprintf(`{"name":%q,"parts":[]}`, owner))
	kind, key := "device", w.pick("key", "1", "2", "3")
	if place == "git" {
		kind = "git_user"
	}
	for _, k := range []string{kind, "site", "lock"} {
		if w.rows[k] == nil {
			w.rows[k] = map[string]string{}
		}
	}
	w.rows["site"][key], w.rows["lock"][key] = place, "true"
	if place == "mdm" {
		w.rows["site"][key] = "oslo"
	}
	w.rows[kind][key] = fmt.Sprintf(`{"name":"d","owner":%q,"seen":%q}`, owner, w.now.Format(time.RFC3339))
	if kind == "git_user" {
		w.rows[kind][key] = fmt.Sprintf(`{"login":%q,"human":true,"locked":false}`, owner)
	}
	w.note("%s has %s %s in %s", owner, kind, key, place)
	w.everything()
	if w.given[place] = true; place == "mdm" || place == "git" {
		if err := w.collect.Remove(w.ctx, record.Job("person:ada"), place, "over"); err != nil {
			w.fail("%v", err)
		}
	}
	w.note("%s leaves", place)
	w.now = w.now.Add(time.Hour)
}

// everything reads all that is not sent.
func (w *world) everything() {
	w.down = false
	clear(w.denied)
	for _, c := range w.collect.Connectors {
		if c.Sent || w.given[c.Name] {
			continue
		}
		if _, err := w.collect.Run(w.ctx, c.Name, nil); err != nil {
			w.t.Fatal(err)
		}
	}
	w.behind = true
	w.note("everything is read")
}

// vouched demands that nothing passes by a record that nobody vouches for: what left its scope, or was never read completely.
func (w *world) vouched() {
	for id, with := range map[string]struct {
		kind string
		is   func(d device, about string) bool
	}{
		"BND-11": {"device", func(d device, about string) bool { return d.Owner == about }},
		"BND-16": {"account", func(d device, about string) bool { return d.Login == about || d.Mail == about+"@example.org" }},
	} {
		page, err := w.m.Results(w.ctx, check.Filter{Check: id, Status: check.Pass})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range page.Results {
			var about struct{ Name string }
			v, err := w.book.Get(w.ctx, "boundary", r.Key, 0)
			if err == nil {
				err = json.Unmarshal(v.Body, &about)
			}
			if err != nil {
				w.t.Fatal(err)
			}
			found := false
			kinds := []string{with.kind}
			if with.kind == "account" {
				kinds = []string{"host_user", "git_user"}
			}
			for _, kind := range kinds {
				err := w.book.EachOpen(w.ctx, w.book.DB, kind, func(v record.Version) error {
					var d device
					if err := json.Unmarshal(v.Body, &d); err != nil {
						return err
					}
					ended, err := store.All[string](w.ctx, w.book.DB, "SELECT ended FROM coverage WHERE connection = $1 AND kind = $2 AND part = '' AND scope = $3 ORDER BY valid_from DESC, id DESC LIMIT 1", v.Source, kind, v.Scope)
					found = found || with.is(d, about.Name) && len(ended) == 1 && !collect.Left(ended[0])
					return err
				})
				if err != nil {
					w.t.Fatal(err)
				}
			}
			if !found {
				w.fail("nobody vouches for what it rests on, and it passes: %+v", r)
			}
		}
	}
}

// device is what is asked of a record by those who look it up.
type device struct{ Owner, Login, Mail string }

// silent demands that nothing passes because of a device not having been there while a part of the company is silent.
func (w *world) silent() {
	now := store.At(w.book.Log.Now())
	for scope, until := range w.fresh {
		if until > now {
			continue
		}
		for _, id := range []string{"BND-02", "BND-10", "BND-12"} {
			page, err := w.m.Results(w.ctx, check.Filter{Check: id, Status: check.Pass})
			if err != nil {
				w.t.Fatal(err)
			}
			for _, r := range page.Results {
				w.fail("%s is silent since %s, and now, at %s, it passes: %+v", scope, until, now, r)
			}
		}
	}
}

func occurred(body string) time.Time {
	var b struct{ At time.Time }
	json.Unmarshal([]byte(body), &b)
	return b.At
}

func (w *world) load() { w.use(slices.Collect(maps.Values(w.checks))...) }

func (w *world) note(format string, args ...any) {
	w.messages = append(w.messages, w.now.Format("02 15:04 ")+fmt.Sprintf(format, args...))
}

func (w *world) pick(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(w.t, label)
}

func (w *world) days(label string, of ...int) time.Time {
	return w.now.Add(-time.Duration(rapid.SampledFrom(of).Draw(w.t, label)) * 24 * time.Hour)
}

// body makes a body with some of the fields.
func (w *world) body(fields ...string) string {
	out := fields[:0]
	for _, f := range fields {
		if f != "" {
			out = append(out, f)
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

func (w *world) flag(name string) string {
	return w.pick(name, fmt.Sprintf("%q:true", name), fmt.Sprintf("%q:false", name), fmt.Sprintf("%q:true", name), fmt.Sprintf("%q:false", name), "")
}

func (w *world) mail(name string) string {
	return w.pick(name, fmt.Sprintf(`%q:"bob@example.org"`, name), fmt.Sprintf(`%q:"ada@example.org"`, name), "")
}

func (w *world) change() {
	kind := w.pick("kind", "host_user", "host_user", "git_user", "merge", "merge", "device", "device")
	key := w.pick("key", "1", "2", "3")
	if w.rows[kind] == nil {
		w.rows[kind] = map[string]string{}
	}
	if rapid.IntRange(0, 4).Draw(w.t, "gone") == 0 {
		delete(w.rows[kind], key)
		w.note("%s %s goes", kind, key)
		return
	}
	switch kind {
	case "host_user":
		w.rows[kind][key] = w.body(`"name":"u`+key+`"`, w.mail("mail"), w.flag("human"), w.flag("mfa"), w.flag("locked"), fmt.Sprintf(`"changed":%q`, w.days("changed", 0, 50, 88, 89, 90, 200).Format(time.RFC3339)))
	case "git_user":
		w.rows[kind][key] = w.body(w.pick("login", `"login":"bob"`, `"login":"ada"`, ""), w.flag("human"), w.flag("locked"))
	case "device":
		if w.rows["site"] == nil {
			w.rows["site"] = map[string]string{}
		}
		w.rows["site"][key] = w.pick("site", "berlin", "oslo")
		if w.rows["lock"] == nil {
			w.rows["lock"] = map[string]string{}
		}
		w.rows["lock"][key] = w.pick("lock", "true", "false", "")
		w.rows[kind][key] = w.body(`"name":"d`+key+`"`, w.pick("owner", `"owner":"bob"`, `"owner":"ada"`, ""), fmt.Sprintf(`"seen":%q`, w.days("seen", 0, 1, 28, 29, 30, 60).Format(time.RFC3339)))
	case "merge":
		w.rows[kind][key] = w.body(fmt.Sprintf(`"at":%q`, w.days("at", 0, 0, 1, 2, 3, 5).Format(time.RFC3339)), w.flag("reviewed"), w.mail("by"))
	}
	w.note("%s %s becomes %s", kind, key, w.rows[kind][key])
}

func (w *world) person() {
	key := w.pick("person", "bob", "ada")
	end := ""
	if rapid.Bool().Draw(w.t, "ends") {
		end = fmt.Sprintf(`"end":%q`, w.days("end", -5, -1, 0, 1, 2, 10, 40).Format(time.DateOnly))
	}
	body := w.body(w.mail("email"), end)
	if rapid.IntRange(0, 4).Draw(w.t, "gone") == 0 {
		if _, err := w.book.Get(w.ctx, "person", key, 0); err != nil {
			return
		}
		body = ""
	}
	w.see("person", key, body)
	w.note("person %s: %s", key, body)
}

// except says, ends or takes back an exception of a device.
func (w *world) except() {
	key := w.pick("excepted", "d1", "d2")
	body := fmt.Sprintf(`{"id":%q,"until":%q}`, key, w.days("until", -40, -2, -1, 0, 1, 5).Format(time.DateOnly))
	w.put("exception", key, body)
}

// rebound changes the boundary, whose parts belong to it from a day to a day.
func (w *world) rebound() {
	var parts []string
	for range rapid.IntRange(0, 2).Draw(w.t, "parts") {
		to := w.pick("bounded", "", ",\"to\":null")
		if to == "" && rapid.Bool().Draw(w.t, "leaves") {
			to = fmt.Sprintf(`,"to":%q`, w.days("to", -20, -2, -1, 0, 1).Format(time.DateOnly))
		}
		parts = append(parts, fmt.Sprintf(`{"owner":%q,"from":%q%s}`, w.pick("of", "bob", "ada"), w.days("from", -3, -1, 0, 1, 10).Format(time.DateOnly), to))
	}
	w.put("boundary", "prod", fmt.Sprintf(`{"name":%q,"parts":[%s]}`, w.pick("boundary", "prod", "prod", "bob", "eve"), strings.Join(parts, ",")))
}

// put writes an authored record, or now and then takes it away.
func (w *world) put(kind, key, body string) {
	if rapid.IntRange(0, 4).Draw(w.t, "gone") == 0 {
		if _, err := w.book.Get(w.ctx, kind, key, 0); err != nil {
			return
		}
		body = ""
	}
	w.see(kind, key, body)
	w.note("%s %s: %s", kind, key, body)
}

func (w *world) run() {
	name := w.pick("connection", "host", "host", "git", "mdm", "mdm")
	if w.given[name] {
		return
	}
	w.down = rapid.IntRange(0, 9).Draw(w.t, "down") == 0
	for _, k := range []string{"host_user", "merge", "git_user", "berlin", "oslo", "locks"} {
		w.denied[k] = rapid.IntRange(0, 6).Draw(w.t, "denied "+k) == 0
	}
	s, err := w.collect.Run(w.ctx, name, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.behind = true
	w.note("run %s: %s %v", name, s.Outcome, s.Missing)
	for _, g := range s.Missing {
		if g.Confirm && rapid.Bool().Draw(w.t, "confirm") {
			if err := w.collect.Confirm(w.ctx, record.Job("person:ada"), name, g.Kind, g.Scope); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (w *world) set() {
	id := w.pick("check", "JOIN-01", "HOST-01", "CHG-02")
	body := fmt.Sprintf(`{"check":%q,"off":%v,"reason":"so"}`, id, rapid.Bool().Draw(w.t, "off"))
	if id == "JOIN-01" && rapid.Bool().Draw(w.t, "days") {
		body = fmt.Sprintf(`{"check":%q,"settings":{"days":%d},"reason":"so"}`, id, rapid.SampledFrom([]int{1, 5, 30}).Draw(w.t, "n"))
	}
	w.see("check_setting", id, body)
	w.note("setting %s", body)
}

func (w *world) edit() {
	id := w.pick("edited", "HOST-01", "JOIN-02", "CHG-01", "CHG-02")
	text := worldChecks()[id]
	if w.checks[id] == text {
		switch id {
		case "HOST-01":
			text = strings.NewReplacer("expect: r.mfa\n", "expect: r.mfa || r.locked\n", "mfa: false}", "mfa: false, locked: false}").Replace(text)
		case "JOIN-02":
			text = strings.Replace(text, "<= settings.days", "< settings.days", 1)
		default:
			text = strings.Replace(text, "r.reviewed", "r.reviewed == true", 1)
		}
	}
	w.checks[id] = text
	w.load()
	w.note("edit of %s", id)
}

func (w *world) step() {
	switch op := w.pick("step", "change", "change", "person", "except", "rebound", "run", "run", "send", "send", "leave", "leave", "forsake", "forsake", "wait", "wait", "back", "set", "edit", "judge", "judge", "reload", "drop", "day", "day", "day"); op {
	case "day": // as it mostly goes: something changes, everything is read, and judged
		for range rapid.IntRange(1, 3).Draw(w.t, "changes") {
			w.change()
		}
		w.everything()
		w.judge(check.Options{})
		w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Hour, 23 * time.Hour, 30 * time.Hour}).Draw(w.t, "until"))
		w.judge(check.Options{Light: rapid.Bool().Draw(w.t, "light")})
	case "change":
		w.change()
	case "person":
		w.person()
	case "except":
		w.except()
	case "rebound":
		w.rebound()
	case "run":
		w.run()
	case "send":
		w.send()
	case "forsake":
		w.forsake()
	case "leave":
		w.leave()
	case "wait":
		w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 12 * time.Hour, 25 * time.Hour, 72 * time.Hour}).Draw(w.t, "for"))
	case "back":
		w.now = w.now.Add(-rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Minute, time.Hour}).Draw(w.t, "by"))
	case "set":
		w.set()
	case "edit":
		w.edit()
	case "judge":
		o := check.Options{Light: rapid.Bool().Draw(w.t, "light"), Full: rapid.IntRange(0, 5).Draw(w.t, "full") == 0}
		if rapid.IntRange(0, 3).Draw(w.t, "some") == 0 {
			o.Checks = rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(w.checks))), 1, 4, rapid.ID[string]).Draw(w.t, "checks")
		}
		w.judge(o)
	case "reload":
		w.load()
	case "drop":
		w.drop(rapid.Bool().Draw(w.t, "every body"))
	}
	if rapid.Bool().Draw(w.t, "ask") {
		w.ask()
	}
	w.now = w.now.Add(time.Minute)
}

// drop drops bodies of versions that ended, as a rule of retention does, however young they are.
func (w *world) drop(all bool) {
	for _, kind := range []string{"host_user", "git_user", "merge"} {
		list, err := w.book.EndedBy(w.ctx, w.book.DB, kind, store.Forever-1, 0, 1000)
		if err != nil {
			w.t.Fatal(err)
		}
		list = slices.DeleteFunc(list, func(record.Ended) bool { return !all && rapid.Bool().Draw(w.t, "kept") })
		err = w.book.Log.Write(w.ctx, func(tx *ledger.Tx) error {
			_, err := w.book.Drop(w.ctx, tx, "job:retention", record.Dropping{Kind: kind, Rule: kind}, list)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		w.note("%d bodies of %s are dropped", len(list), kind)
	}
}

// tried is what every check would have answered over the whole time, and what otherwise than it did.
func (w *world) tried() (answers []check.Interval, differences []check.Difference) {
	from := store.At(time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC))
	for _, id := range slices.Sorted(maps.Keys(w.checks)) {
		c, err := w.m.InUse(w.ctx, id)
		if err == nil {
			_, err = w.m.Backtest(w.ctx, c, from, store.At(w.now), func(r check.Retried) error {
				answers, differences = append(answers, r.Results...), append(differences, r.Differences...)
				return nil
			})
		}
		if err != nil {
			w.fail("back-test of %s: %v", id, err)
		}
	}
	return answers, differences
}

// loses drops every body that may be, and demands that nothing is said of it any more that was not said before: no answer
// becomes a pass or a fail, none goes missing, and what cannot be judged any more is no difference.
func (w *world) loses() {
	type about struct{ check, kind, key string }
	id := func(r check.Interval) about { return about{r.Check, r.Kind, r.Key} }
	answers, differences := w.tried()
	was := map[about][]check.Interval{}
	for _, r := range answers {
		was[id(r)] = append(was[id(r)], r)
	}
	w.drop(true)
	now, differ := w.tried()
	is := map[about][]check.Interval{}
	for _, r := range now {
		is[id(r)] = append(is[id(r)], r)
	}
	status := func(list []check.Interval, at store.Moment) check.Status {
		for _, r := range list {
			if r.From <= at && at < r.To {
				return r.Status
			}
		}
		return check.NotApplicable
	}
	for a, list := range is {
		for _, r := range list {
			for _, at := range []store.Moment{r.From, (r.From + r.To) / 2, r.To - 1} {
				if before := status(was[a], at); r.Status != check.Unknown && before != r.Status {
					w.fail("%+v at %s: it was %s and is %s since a body was dropped", a, at, before, r.Status)
				}
			}
		}
	}
	for a, list := range was {
		for _, r := range list {
			for _, at := range []store.Moment{r.From, (r.From + r.To) / 2, r.To - 1} {
				if status(is[a], at) == check.NotApplicable {
					w.fail("%+v at %s: it was %s, and nothing is said since a body was dropped", a, at, r.Status)
				}
			}
		}
	}
	for _, d := range differ {
		at := (d.From + d.To) / 2
		if !slices.ContainsFunc(differences, func(x check.Difference) bool {
			return x.Check == d.Check && x.Kind == d.Kind && x.Key == d.Key && x.From <= at && at < x.To && x.Was == d.Was && x.Would == d.Would
		}) {
			w.fail("a dropped body is counted as a difference: %+v", d)
		}
	}
	if _, err := w.book.Verify(w.ctx, nil); err != nil {
		w.fail("%v", err)
	}
}

// judge evaluates, and demands that it comes out as though nothing had been judged before.
func (w *world) judge(o check.Options) {
	w.turns++
	o.Light = o.Light && !w.behind // what is read is followed by an evaluation of all of it
	w.behind = w.behind && len(o.Checks) > 0
	w.see("control", "x", fmt.Sprintf(`{"id":"%d"}`, w.turns)) // so that the answers of now are compared
	e, err := w.m.Evaluate(w.ctx, o)
	if err != nil {
		w.fail("evaluate: %v", err)
	}
	w.note("judged %+v: %d flips", o, e.Flips)
	w.same(0)
	w.silent()
	w.vouched()
	w.unchanged()
}

// ask notes what is answered now, to see whether that is what was known now for ever.
func (w *world) ask() {
	head, err := w.book.Log.Head(w.ctx, w.book.DB)
	if err != nil {
		w.t.Fatal(err)
	}
	if head.At <= store.At(w.now) {
		w.asked = append(w.asked, asked{head.At, w.answers(0)})
	}
}

func (w *world) fail(format string, args ...any) {
	w.t.Fatalf("%s\n\n%s", fmt.Sprintf(format, args...), strings.Join(w.messages, "\n"))
}

// same demands that judging again differs nowhere.
func (w *world) same(at store.Moment) {
	again, err := w.m.Recheck(w.ctx, check.RecheckOptions{AsOf: at})
	if err != nil {
		w.t.Fatal(err)
	}
	if again.Differ > 0 {
		d := again.Differences[0]
		rows, _ := store.All[row](w.ctx, w.book.DB, "SELECT a.id, a.series, a.record, a.status, a.reason, a.valid_from, a.valid_to, a.known, a.superseded, a.version, a.basis FROM result a JOIN series s ON s.id = a.series JOIN record r ON r.id = a.record WHERE s.check_id = $1 AND r.key = $2 ORDER BY a.id", d.Check, d.Key)
		text := ""
		for _, r := range rows {
			text += fmt.Sprintf("series %d: status %d %s–%s known %s dropped %s %s %s\n", r.Series, r.Status, r.From, r.To, r.Known, r.Dropped, r.Reason, r.Basis)
		}
		w.fail("at %s (now %s): %+v\n%s", at, store.At(w.now), d, text)
	}
}

const rowColumns = "id, series, record, status, reason, valid_from, valid_to, known, superseded, version, basis"

// unchanged demands that no row was rewritten: it ends once, and is superseded once.
func (w *world) unchanged() {
	rows, err := store.All[row](w.ctx, w.book.DB, "SELECT "+rowColumns+" FROM result ORDER BY id")
	if err != nil {
		w.t.Fatal(err)
	}
	if len(rows) < len(w.kept) {
		w.fail("answers were deleted")
	}
	for _, r := range rows {
		old, ok := w.kept[r.ID]
		w.kept[r.ID] = r
		if !ok {
			continue
		}
		if old.To == store.Forever {
			old.To = r.To
		}
		if old.Dropped == store.Forever {
			old.Dropped = r.Dropped
		}
		if old != r {
			w.fail("an answer was rewritten: %+v, and it was %+v", r, old)
		}
	}
	if _, err := w.m.Verify(w.ctx, nil); err != nil {
		w.fail("%v", err)
	}
	// What happened before the logic or a setting changed is answered under those of then.
	late, err := store.All[string](w.ctx, w.book.DB, "SELECT DISTINCT s.check_id FROM series s JOIN version v ON v.valid_from > s.evaluated AND v.valid_from < s.ended JOIN kind k ON k.id = v.kind WHERE k.name IN ('host_user', 'git_user', 'merge', 'person', 'device', 'boundary', 'exception') AND s.ended < $1 AND s.evaluated > 0", store.Forever)
	if err != nil || len(late) > 0 {
		w.fail("not judged to their end: %v %v", late, err)
	}
	type tally struct {
		Series int64 `db:"series"`
		Status int64 `db:"status"`
		N      int64 `db:"n"`
	}
	wrong, err := store.All[tally](w.ctx, w.book.DB, `SELECT t.series, t.status, t.n FROM result_tally t WHERE t.n <> (SELECT count(*) FROM result a
		WHERE a.series = t.series AND a.status = t.status AND a.valid_to = $1 AND a.superseded = $1)`, store.Forever)
	if err != nil || len(wrong) > 0 {
		w.fail("the tallies are not the counts: %+v %v", wrong, err)
	}
}

// answers are those known at a moment, apart from what coverage makes of them, which may be found out later.
func (w *world) answers(at store.Moment) map[string]string {
	out := map[string]string{}
	for after := ""; ; {
		page, err := w.m.Results(w.ctx, check.Filter{AsOf: at, After: after, Limit: 500})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range page.Results {
			id := fmt.Sprintf("%s %s %s", r.Check, r.Kind, r.Key)
			if out[id] != "" {
				w.fail("two answers at %s about %s: %+v", at, id, r)
			}
			out[id] = fmt.Sprint(r.Judged, " of version ", r.Version)
		}
		if after = page.Next; after == "" {
			return out
		}
	}
}

func TestJudgingStepByStepIsJudgingFromScratch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		tries, steps := 12, 40
		if db.Engine == store.Postgres {
			tries = 2
		}
		if os.Getenv("TICKMARK_TEST_HEAVY") != "" {
			tries, steps = 40*tries, 80
		} else if f := flag.Lookup("rapid.seed"); f.Value.String() == f.DefValue { // the same histories every day; new ones where there is time to look into them
			flag.Set("rapid.seed", "1202")
			defer flag.Set("rapid.seed", f.DefValue)
		}
		before := flag.Lookup("rapid.checks").Value.String()
		if f := flag.Lookup("rapid.checks"); before == f.DefValue {
			flag.Set("rapid.checks", fmt.Sprint(tries))
			defer flag.Set("rapid.checks", before)
		}
		fresh := storetest.SQLite
		if db.Engine == store.Postgres {
			fresh = storetest.Postgres
		}
		rapid.Check(t, func(rt *rapid.T) {
			db := fresh(t)
			defer db.Close()
			if rapid.Bool().Draw(rt, "much to look up") {
				defer check.Hold(check.Hold(0))
			}
			defer check.List(check.List(rapid.SampledFrom([]int{1, 2, 200}).Draw(rt, "listed")))
			w := newWorld(rt, t, db)
			for range rapid.IntRange(1, steps).Draw(rt, "steps") {
				w.step()
			}
			w.now = w.now.Add(3 * time.Hour) // however far the clock went back
			w.judge(check.Options{})
			var moments []store.Moment
			for _, r := range w.kept {
				moments = append(moments, r.From-1, r.From, r.To-1, r.To, r.From+store.Moment(time.Hour/time.Microsecond))
			}
			versions, err := store.All[store.Moment](w.ctx, db, "SELECT valid_from FROM version")
			if err != nil {
				rt.Fatal(err)
			}
			moments = append(moments, versions...)
			slices.Sort(moments)
			moments = slices.DeleteFunc(slices.Compact(moments), func(m store.Moment) bool {
				return m > store.At(w.now) || m < store.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			})
			w.loses()
			for range min(len(moments), 30) {
				w.same(rapid.SampledFrom(moments).Draw(rt, "moment"))
			}
			for _, a := range w.asked {
				if now := w.answers(a.at); !maps.Equal(now, a.lines) {
					w.fail("what was known at %s is not what was known then:\n%v\nand it was\n%v", a.at, now, a.lines)
				}
			}
		})
	})
}
