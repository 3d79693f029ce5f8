package postgres

import "tickmark/internal/record"

func kinds() []record.Kind {
	text := func(name, help string) record.Field { return record.Field{Name: name, Type: record.Text, Help: help} }
	ix := func(f record.Field) record.Field { f.Indexed = true; return f }
	flag := func(name, help string) record.Field { return record.Field{Name: name, Type: record.Bool, Help: help} }
	return []record.Kind{
		{Name: Setting, Title: "PostgreSQL setting", Group: "PostgreSQL", Label: "name", Collected: true, Help: "A setting of the server as it is in force (pg_settings).",
			Fields: []record.Field{ix(text("name", "")), text("value", ""), text("unit", ""), text("category", ""), text("context", "What it takes to change it."), ix(text("source", "Where the value comes from.")), text("default_value", ""), flag("pending_restart", "")}},
		{Name: Role, Title: "PostgreSQL role", Group: "PostgreSQL", Label: "name", Collected: true, Help: "A role of the server (pg_roles); its own pg_ roles are left out.",
			Fields: []record.Field{ix(record.Field{Name: "name", Type: record.Text, Personal: true}), ix(flag("superuser", "")), flag("bypasses_row_security", ""), flag("creates_roles", ""), flag("creates_databases", ""), ix(flag("can_login", "")),
				flag("replicates", ""), {Name: "connection_limit", Type: record.Integer}, text("valid_until", "When its password ends."), {Name: "member_of", Type: record.Text, List: true}},
			Views: []record.View{{Name: "account", Where: "r.can_login == true", Fields: map[string]string{"id": "r.name", "name": "r.name", "enabled": "r.can_login", "admin": "r.superuser || r.bypasses_row_security || r.creates_roles"}}}},
		{Name: Rule, Title: "PostgreSQL host rule", Group: "PostgreSQL", Label: "place", Collected: true, Help: "A line of pg_hba.conf: who may connect from where, and how they prove themselves.",
			Fields: []record.Field{text("place", "The line."), {Name: "line_number", Type: record.Integer}, ix(text("type", "local, host, hostssl, hostnossl …")), {Name: "database", Type: record.Text, List: true}, {Name: "user_name", Type: record.Text, List: true},
				text("address", ""), text("netmask", ""), ix(text("auth_method", "")), {Name: "options", Type: record.Text, List: true}, text("error", "Why the server cannot use the line.")}},
		{Name: Extension, Title: "PostgreSQL extension", Group: "PostgreSQL", Label: "name", Collected: true, Help: "An extension in the database of the connection.",
			Fields: []record.Field{ix(text("name", "")), text("version", ""), text("schema", "")}},
		{Name: Database, Title: "PostgreSQL database", Group: "PostgreSQL", Label: "name", Collected: true, Help: "A database of the server.",
			Fields: []record.Field{ix(text("name", "")), text("owner", ""), text("encoding", ""), flag("open", "Connections are allowed."), {Name: "checksum_failures", Type: record.Integer, Help: "Damaged pages found; missing where checksums are off."}},
			Views:  []record.View{{Name: "component", Fields: map[string]string{"id": "r.name", "name": "r.name"}}}},
	}
}

func rowKind() record.Kind {
	return record.Kind{Name: Row, Title: "Row of a query", Plural: "Rows of queries", Group: "Queries", Label: "id", Collected: true, Help: "A row that a query of a connection answered.",
		Fields: []record.Field{{Name: "query", Type: record.Text, Indexed: true}, {Name: "id", Type: record.Text, Indexed: true}, {Name: "status", Type: record.Text, Indexed: true}, {Name: "resource", Type: record.Text, Indexed: true},
			{Name: "reason", Type: record.Text}, {Name: "row", Type: record.JSON, Help: "The columns, by name."}}}
}
