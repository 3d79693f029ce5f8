package gcp

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"tickmark/internal/connector"
)

// reader stands between what is read and the run. It writes policies in a form that can be judged, and holds back projects and
// service accounts until all policies are known: what a folder grants and logs holds in every project below it.
type reader struct {
	connector.Sink
	glimpse bool     // no more is read than shows what may be read
	wanted  []string // the projects that the connection names; none: an organisation's

	mu       sync.Mutex
	projects []held
	accounts []connector.Item
	read     [][2]string // kinds and scopes held back that were read whole
	above    map[string]*folder
	unread   bool           // not all of those above were read
	unlisted *connector.Gap // why not all projects are known
	ungiven  *connector.Gap // why not all of who may do what is known
	lost     []string       // listed projects that could not be read
	grants   []granting
	told     map[string][]connector.Answer // by member: what grants it something, or denies it
}

// held is a project, with what it names above it.
type held struct {
	connector.Item
	ancestors []string // projects/NUMBER, then the folders, then the organisation
}

// folder is what a folder, or the organisation, says for all below it.
type folder struct {
	policy policy
	sinks  json.RawMessage
	gap    *connector.Gap // why not all of it is known
	from   []connector.Answer
}

// granting is a grant, and on what.
type granting struct {
	granted
	Resource string `json:"resource"`
}

// Item hands over an object, now or at the end.
func (r *reader) Item(it connector.Item) error {
	var p *policy
	for i := range it.Parts {
		switch part := &it.Parts[i]; {
		case part.JSON == nil:
		case part.Name == "iam":
			read, body, err := readPolicy(part.JSON)
			if err != nil {
				part.Gap, part.JSON = "It is not known who may do what: "+err.Error()+".", nil
				r.Missing(connector.Gap{Kind: it.Kind, Scope: it.Scope, Part: part.Name, Reason: part.Gap})
				continue
			}
			p, part.Raw, part.JSON = &read, part.JSON, body
		case part.Name == "metadata":
			signIn(part)
			if part.Gap != "" {
				r.Missing(connector.Gap{Kind: it.Kind, Scope: it.Scope, Part: part.Name, Reason: part.Gap})
			}
		}
	}
	switch it.Kind {
	case kindProject:
		return r.project(it, p)
	case kindFolder:
		it.Scope = ""
		r.folder(it, p)
	case kindAccount:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.accounts = append(r.accounts, it)
		return nil
	case kindFirewallRule:
		return r.rules(it)
	}
	return r.Sink.Item(it)
}

// signInSettings are those of a project's metadata that say how machines are signed in to. The others may be secrets.
var signInSettings = []string{"enable-oslogin", "enable-oslogin-2fa", "block-project-ssh-keys", "serial-port-enable"}

// signIn keeps of a project's answer only what says how machines are signed in to.
func signIn(part *connector.Part) {
	var a struct {
		Name                   string
		CommonInstanceMetadata struct{ Items []struct{ Key, Value string } }
	}
	if json.Unmarshal(part.JSON, &a) != nil || a.Name == "" {
		part.JSON, part.Gap = nil, "What was answered about machines is not a project."
		return
	}
	kept := map[string]string{}
	for _, item := range a.CommonInstanceMetadata.Items {
		if slices.Contains(signInSettings, item.Key) {
			switch value := strings.ToUpper(strings.TrimSpace(item.Value)); value {
			case "TRUE", "FALSE", "YES", "NO", "Y", "N", "1", "0":
				kept[item.Key] = value
			default: // which might be anything
				kept[item.Key] = "OTHER"
			}
		}
	}
	part.JSON, _ = json.Marshal(kept) // texts always encode
}

// project holds a project back.
func (r *reader) project(it connector.Item, p *policy) error {
	var of struct{ Ancestors []string }
	if err := json.Unmarshal(it.Raw, &of); err != nil {
		return fmt.Errorf("read what is above the project %s: %w", it.Key, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.projects = append(r.projects, held{it, of.Ancestors})
	if p != nil {
		r.give("projects/"+it.Key, *p, it)
	}
	return nil
}

func (r *reader) give(resource string, p policy, it connector.Item) {
	for _, g := range p.Grants {
		r.grants = append(r.grants, granting{g, resource})
		r.told[person(g.Member)] = append(r.told[person(g.Member)], toldBy(it)...)
	}
}

// toldBy are the answers that an object and its parts were made of.
func toldBy(it connector.Item) []connector.Answer {
	out := slices.Clone(it.From)
	for _, p := range it.Parts {
		out = append(out, p.From...)
	}
	return out
}

// folder notes what a folder says for what is below it.
func (r *reader) folder(it connector.Item, p *policy) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.above[it.Key] // with the gap of a part
	if f == nil {
		f = &folder{}
		r.above[it.Key] = f
	}
	if p != nil {
		f.policy = *p
	}
	for _, part := range it.Parts {
		if part.Name == "sinks" {
			f.sinks = part.JSON
		}
	}
	f.from = toldBy(it)
	r.give(it.Key, f.policy, it)
}

// rules hands over the rules of a firewall policy one by one, each with the policy it is of.
func (r *reader) rules(it connector.Item) error {
	var of map[string]json.RawMessage
	var rules []json.RawMessage
	if json.Unmarshal(it.Raw, &of) != nil || json.Unmarshal(of["rules"], &rules) != nil {
		r.Missing(connector.Gap{Kind: it.Kind, Scope: it.Scope, Reason: fmt.Sprintf("The policy %q does not tell its rules.", it.Key)})
		return nil
	}
	_, short, _ := strings.Cut(it.Key, "/projects/")
	seen := map[string]bool{}
	for _, raw := range rules {
		var rule map[string]json.RawMessage
		if json.Unmarshal(raw, &rule) != nil || len(rule["priority"]) == 0 || seen[string(rule["priority"])] {
			r.Missing(connector.Gap{Kind: it.Kind, Scope: it.Scope, Reason: fmt.Sprintf("The policy %q has a rule without a priority of its own, by which it is named.", it.Key)})
			continue
		}
		seen[string(rule["priority"])] = true
		rule["policy"], _ = json.Marshal(map[string]json.RawMessage{"name": of["name"], "selfLink": of["selfLink"], "associations": of["associations"]})
		body, err := json.Marshal(rule)
		if err != nil {
			return fmt.Errorf("write a rule of %s: %w", it.Key, err)
		}
		one := connector.Item{Kind: it.Kind, Key: cmp.Or(short, it.Key) + "/" + string(rule["priority"]), Scope: it.Scope, Raw: raw, Body: body, Label: it.Label + " " + string(rule["priority"]), From: toldBy(it)}
		if err := r.Sink.Item(one); err != nil {
			return err
		}
	}
	return nil
}

// heldBack are kinds whose objects are handed over at the end.
func heldBack(kind string) bool {
	return kind == kindProject || kind == kindAccount || kind == kindFolder
}

// Complete waits for the end where the objects do.
func (r *reader) Complete(kind, scope string) {
	if !heldBack(kind) {
		r.Sink.Complete(kind, scope)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read = append(r.read, [2]string{kind, scope})
}

// Missing notes what else cannot be told then.
func (r *reader) Missing(g connector.Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	whole := g.Part == ""
	switch {
	case g.Kind == kindFolder:
		if r.above[g.Scope] == nil {
			r.above[g.Scope] = &folder{gap: &g}
		}
		r.unread = r.unread || whole
		g.Scope = ""
	case g.Kind == kindProject && whole:
		r.unlisted = cmp.Or(r.unlisted, &g)
		if len(r.wanted) > 0 && g.Scope != "" {
			r.lost = append(r.lost, g.Scope)
		}
	case whole && g.Scope == "" && len(r.lost) > 0 && g.Kind != kindPrincipal:
		// Each listed project is a scope of its own: one that refuses takes nothing from the others.
		for _, p := range r.lost {
			g.Scope = p
			r.Sink.Missing(g)
		}
		return
	}
	if (g.Kind == kindProject || g.Kind == kindFolder) && (whole || g.Part == "iam") {
		r.ungiven = cmp.Or(r.ungiven, &g)
	}
	r.Sink.Missing(g)
}

// ancestors are the folders and organisations above the projects, for the settings of those names.
func (r *reader) ancestors(organization string) (folders, organizations string) {
	names := map[string]bool{}
	if organization != "" {
		names["organizations/"+organization] = true
	}
	for _, p := range r.projects {
		for _, a := range p.ancestors {
			names[a] = true
		}
	}
	var f, o []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		switch {
		case strings.HasPrefix(name, "folders/"):
			f = append(f, name)
		case strings.HasPrefix(name, "organizations/"):
			o = append(o, name)
		}
	}
	return strings.Join(f, ","), strings.Join(o, ",")
}

// finish hands over what was held back, with what only all policies together say.
func (r *reader) finish() error {
	for _, id := range r.wanted {
		if !slices.ContainsFunc(r.projects, func(p held) bool { return p.Scope == id }) && !slices.Contains(r.lost, id) && !r.glimpse {
			r.Missing(connector.Gap{Kind: kindProject, Scope: id, Reason: fmt.Sprintf("Google's inventory lists no project %q that is in use.", id)})
		}
	}
	if r.unlisted != nil {
		r.Missing(connector.Gap{Kind: kindFolder, Denied: r.unlisted.Denied, Needs: r.unlisted.Needs,
			Reason: "They are read for each project, and not all of those are known: " + r.unlisted.Reason})
	}
	if !r.glimpse {
		for i := range r.projects {
			r.inherit(&r.projects[i])
		}
	}
	byMember := map[string][]granting{}
	for _, g := range r.grants {
		byMember[person(g.Member)] = append(byMember[person(g.Member)], g)
	}
	var err error
	for _, p := range r.projects {
		err = errors.Join(err, r.Sink.Item(p.Item))
	}
	for _, it := range r.accounts {
		if !r.glimpse {
			it.Parts = append(it.Parts, r.rights(it, byMember))
		}
		err = errors.Join(err, r.Sink.Item(it))
	}
	if err != nil {
		return err
	}
	for _, at := range r.read {
		if at[0] != kindFolder {
			r.Sink.Complete(at[0], at[1])
		}
	}
	if !r.unread {
		r.Sink.Complete(kindFolder, "")
	}
	if r.glimpse {
		r.Sink.Complete(kindPrincipal, "")
		return nil
	}
	return r.principals(byMember)
}

// inherit adds to a project what the folders and the organisation above it say.
func (r *reader) inherit(p *held) {
	var all struct {
		Names    []string          `json:"names"`
		Audited  []string          `json:"audited"`
		Exempted []string          `json:"exempted"`
		Sinks    []json.RawMessage `json:"sinks"`
	}
	all.Names, all.Audited, all.Exempted, all.Sinks = []string{}, []string{}, []string{}, []json.RawMessage{}
	part := connector.Part{Name: "above"}
	gap := &connector.Gap{Reason: "Google does not say what is above the project."}
	if len(p.ancestors) > 0 {
		gap = nil
	}
	for _, name := range p.ancestors {
		if strings.HasPrefix(name, "projects/") {
			continue
		}
		f := r.above[name]
		if f == nil {
			f = &folder{gap: &connector.Gap{Reason: fmt.Sprintf("%s was not read.", name)}}
		}
		if f.gap != nil {
			gap = cmp.Or(gap, f.gap)
			continue
		}
		var sinks []json.RawMessage
		if err := json.Unmarshal(f.sinks, &sinks); err != nil {
			gap = cmp.Or(gap, &connector.Gap{Reason: fmt.Sprintf("The sinks of %s are not a list.", name)})
		}
		for _, s := range sinks {
			var of struct{ IncludeChildren bool }
			if err := json.Unmarshal(s, &of); err != nil {
				gap = cmp.Or(gap, &connector.Gap{Reason: fmt.Sprintf("A sink of %s is not as expected.", name)})
			}
			if of.IncludeChildren {
				all.Sinks = append(all.Sinks, s)
			}
		}
		all.Names = append(all.Names, name)
		part.From = append(part.From, f.from...)
		all.Audited = append(all.Audited, f.policy.Audited...)
		all.Exempted = append(all.Exempted, f.policy.Exempted...)
	}
	var err error
	if part.JSON, err = json.Marshal(all); err != nil {
		gap = cmp.Or(gap, &connector.Gap{Reason: "A sink above the project is not as expected."})
	}
	if gap != nil {
		part.JSON, part.Gap = nil, "What is above the project is not known: "+gap.Reason
		r.Sink.Missing(connector.Gap{Kind: kindProject, Scope: p.Scope, Part: part.Name, Denied: gap.Denied, Needs: gap.Needs, Reason: part.Gap})
	}
	p.Parts = append(p.Parts, part)
	if len(p.ancestors) == 0 {
		r.ungiven = cmp.Or(r.ungiven, gap)
	}
}

// rights are the grants of a service account on projects and what is above them.
func (r *reader) rights(it connector.Item, by map[string][]granting) connector.Part {
	part := connector.Part{Name: "grants"}
	if r.ungiven != nil {
		part.Gap = "Not all of who may do what is known: " + r.ungiven.Reason
		r.Sink.Missing(connector.Gap{Kind: it.Kind, Scope: it.Scope, Part: part.Name, Denied: r.ungiven.Denied, Needs: r.ungiven.Needs, Reason: part.Gap})
		return part
	}
	grants := slices.Clone(by["serviceAccount:"+strings.ToLower(it.Key)])
	part.JSON, _ = json.Marshal(sorted(grants)) // texts always encode
	part.From = r.told["serviceAccount:"+strings.ToLower(it.Key)]
	return part
}

// person is a member in one spelling.
func person(member string) string {
	before, address, ok := strings.Cut(member, ":")
	if ok && strings.Contains(address, "@") {
		return before + ":" + strings.ToLower(address)
	}
	return member
}

func sorted(grants []granting) []granting {
	if grants == nil {
		return []granting{}
	}
	slices.SortFunc(grants, func(a, b granting) int {
		return cmp.Or(strings.Compare(a.Resource, b.Resource), strings.Compare(a.Role, b.Role), strings.Compare(a.Member, b.Member), compare(a.Conditional, b.Conditional))
	})
	return slices.Compact(grants)
}

func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// principals hands over everybody and everything that policies grant something, once each. It is the policies turned round;
// whole only if all of them were read.
func (r *reader) principals(by map[string][]granting) error {
	if r.ungiven != nil {
		r.Sink.Missing(connector.Gap{Kind: kindPrincipal, Denied: r.ungiven.Denied, Needs: r.ungiven.Needs, Reason: "Not all of who may do what is known: " + r.ungiven.Reason})
		return nil
	}
	for _, member := range slices.Sorted(maps.Keys(by)) {
		_, name, _ := strings.Cut(member, ":")
		body, err := json.Marshal(struct {
			Member string     `json:"member"`
			Type   string     `json:"type"`
			Name   string     `json:"name"`
			Grants []granting `json:"grants"`
		}{member, sort(member), cmp.Or(name, member), sorted(by[member])})
		if err != nil {
			return fmt.Errorf("write who %s is: %w", member, err)
		}
		if err := r.Sink.Item(connector.Item{Kind: kindPrincipal, Key: member, Raw: body, Label: cmp.Or(name, member), From: r.told[member]}); err != nil {
			return err
		}
	}
	r.Sink.Complete(kindPrincipal, "")
	return nil
}
