package aws

import (
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// kinds are all that are read, in the order in which they are shown.
func kinds() []record.Kind {
	return slices.Concat(identityKinds(), storageKinds(), networkKinds(), computeKinds(), dataKinds(), watchKinds())
}

// lists are all that is asked for, what others are read for before them.
var lists = slices.Concat(identityLists, storageLists, networkLists, computeLists, dataLists, watchLists)

// kind is one of AWS's. A record's body is what AWS says, under AWS's names; account_id and region are added, and further answers
// under names in lower case.
func kind(name, title, plural, help, label string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "AWS", Label: label, Collected: true, Fields: append(fields,
		record.Field{Name: "account_id", Type: record.Text, Indexed: true, Title: "Account"},
		record.Field{Name: "region", Type: record.Text, Indexed: true})}
}

func field(name string, t record.Type, title string) record.Field {
	return record.Field{Name: name, Type: t, Title: title}
}

func shown(name, title string) record.Field {
	return record.Field{Name: name, Type: record.Text, Title: title, Indexed: true}
}

func hidden(name string, t record.Type) record.Field {
	return record.Field{Name: name, Type: t, Hidden: true, Title: spaced(name)}
}

func volatile(name string, t record.Type) record.Field {
	return record.Field{Name: name, Type: t, Hidden: true, Volatile: true, Title: spaced(name)}
}

func many(f record.Field) record.Field {
	f.List = true
	return f
}

func object(name string, fields ...record.Field) record.Field {
	return record.Field{Name: name, Type: record.Object, Hidden: true, Title: spaced(name), Fields: fields}
}

func objects(name string, fields ...record.Field) record.Field { return many(object(name, fields...)) }

// tags are written in two ways.
func tags(name, key, value string) record.Field {
	return objects(name, record.Field{Name: key, Type: record.Text}, record.Field{Name: value, Type: record.Text})
}

// spaced makes words of AWS's names: HttpTokens becomes "Http tokens".
func spaced(name string) string {
	var b strings.Builder
	for i, r := range name {
		up := r >= 'A' && r <= 'Z'
		if up && i > 0 && (name[i-1] >= 'a' && name[i-1] <= 'z') {
			b.WriteByte(' ')
			r += 'a' - 'A'
		}
		if i == 0 && r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		if r == '_' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// calls are all questions of the table, each with the kinds that need its answer.
func calls() (out []*call, by map[*call][]string) {
	by = map[*call][]string{}
	add := func(kind string, c *call) {
		if by[c] == nil {
			out = append(out, c)
		}
		if !slices.Contains(by[c], kind) {
			by[c] = append(by[c], kind)
		}
	}
	for _, k := range kinds() {
		add(k.Name, whoAmI)
	}
	add("aws_account", listAccounts)
	for _, l := range lists {
		add(l.kind, assumeRole)
		if !l.global {
			add(l.kind, describeRegions)
		}
		add(l.kind, l.call)
		if l.detail != nil {
			add(l.kind, l.detail.call)
		}
		for _, c := range l.asks {
			add(l.kind, c)
		}
		for _, p := range l.parts {
			for _, c := range p.calls {
				add(l.kind+"."+p.name, c)
			}
		}
	}
	// What is read for each of something needs that too.
	for _, l := range lists {
		for _, above := range lists {
			if l.over != "" && above.kind == l.over {
				for _, c := range append([]*call{above.call}, above.asks...) {
					add(l.kind, c)
				}
				if above.detail != nil {
					add(l.kind, above.detail.call)
				}
			}
		}
	}
	return out, by
}

// permissions are the actions to allow.
func permissions() []connector.Permission {
	var out []connector.Permission
	all, by := calls()
	at := map[string]int{}
	for _, c := range all {
		name := c.allows()
		i, there := at[name]
		if !there {
			i = len(out)
			at[name] = i
			out = append(out, connector.Permission{Name: name, Why: why(c)})
		}
		for _, k := range by[c] {
			if !slices.Contains(out[i].Kinds, k) {
				out[i].Kinds = append(out[i].Kinds, k)
			}
		}
	}
	slices.SortFunc(out, func(a, b connector.Permission) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func why(c *call) string {
	switch c {
	case assumeRole:
		return "Only for a role to assume: role_arn, and the role in each account of an organisation."
	case listAccounts:
		return "Only for an organisation: which accounts it has."
	case whoAmI:
		return "Which account the credentials belong to."
	case generateReport:
		return "Has AWS write the credential report, which says who signs in how; nothing else is written."
	}
	return fmt.Sprintf("Reads by %s.", c.op)
}
