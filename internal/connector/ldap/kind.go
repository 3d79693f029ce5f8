package ldap

import "tickmark/internal/record"

// The kinds this connector hands over.
const (
	kindUser   = "ldap_user"
	kindGroup  = "ldap_group"
	kindDomain = "ldap_directory"
)

func kind(name, title, plural, help, label string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "Directory", Collected: true, Label: label, Fields: fields}
}

func text(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Text}
}

func yes(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Bool}
}

func domainKind() record.Kind {
	return kind(kindDomain, "Directory", "Directories", "Where users and groups were looked for, with the password rules of an Active Directory domain.", "name",
		record.Field{Name: "id", Type: record.Text, Hidden: true}, text("dn", "Name"), record.Field{Name: "name", Type: record.Text, Hidden: true}, yes("active_directory", "Active Directory"),
		record.Field{Name: "min_password_length", Title: "Password length", Type: record.Integer, Help: "At least, in characters. Finer rules of Active Directory are not read."},
		record.Field{Name: "password_history", Type: record.Integer, Help: "Passwords that may not come again."}, yes("password_complexity", "Letters of several sorts"),
		record.Field{Name: "lockout_threshold", Title: "Locks after", Type: record.Integer, Help: "Wrong tries; 0 is never."})
}

func userKind() record.Kind {
	k := kind(kindUser, "Directory user", "Directory users", "A user of a directory. Passwords and their hashes are not read.", "name",
		record.Field{Name: "id", Type: record.Text, Hidden: true, Indexed: true}, record.Field{Name: "name", Title: "Signs in as", Type: record.Text, Personal: true, Indexed: true},
		record.Field{Name: "dn", Title: "Place", Type: record.Text, Personal: true}, record.Field{Name: "principal", Type: record.Text, Personal: true, Hidden: true},
		record.Field{Name: "display_name", Title: "Name", Type: record.Text, Personal: true}, record.Field{Name: "mail", Title: "Address", Type: record.Email, Personal: true, Indexed: true},
		record.Field{Name: "mails", Title: "Addresses", Type: record.Text, List: true, Personal: true, Hidden: true}, record.Field{Name: "employee_number", Type: record.Text, Personal: true, Hidden: true},
		record.Field{Name: "title", Type: record.Text, Hidden: true}, record.Field{Name: "manager", Type: record.Text, Personal: true, Hidden: true},
		record.Field{Name: "enabled", Type: record.Bool, Indexed: true, Help: "Not switched off: by Active Directory's control bits, or a lock for good. When it expires is told apart."},
		record.Field{Name: "expires", Type: record.Time}, record.Field{Name: "admin", Title: "Administrator", Type: record.Bool, Indexed: true, Help: "By membership, also through groups in groups."},
		record.Field{Name: "service", Title: "Managed service account", Type: record.Bool}, record.Field{Name: "created", Type: record.Time},
		record.Field{Name: "last_sign_in", Type: record.Time, Volatile: true, Help: "Active Directory tells it up to two weeks late; others where they keep it."},
		record.Field{Name: "never_signed_in", Type: record.Bool, Hidden: true}, record.Field{Name: "password_changed", Type: record.Time, Hidden: true},
		record.Field{Name: "password_not_required", Type: record.Bool, Hidden: true}, record.Field{Name: "password_never_expires", Type: record.Bool, Hidden: true},
		record.Field{Name: "smartcard_required", Type: record.Bool, Hidden: true}, record.Field{Name: "trusted_for_delegation", Type: record.Bool, Hidden: true},
		record.Field{Name: "preauthentication_off", Type: record.Bool, Hidden: true}, record.Field{Name: "login_shell", Type: record.Text, Hidden: true},
		record.Field{Name: "member_of", Title: "Groups", Type: record.Text, List: true, Hidden: true}, record.Field{Name: "service_names", Title: "Service principal names", Type: record.Text, List: true, Hidden: true})
	k.Views = []record.View{{Name: "account", Fields: map[string]string{
		"id": `r.id`, "name": `r.name`, "email": `r.mail`, "enabled": `r.enabled`, "admin": `r.admin`, "service": `r.service`, "created": `string(r.created)`,
		"last_used": `string(r.last_sign_in)`, "never_used": `r.never_signed_in`,
		// A card that is asked for is a second factor; without one the directory does not know what else is asked.
		"mfa": `[true].filter(x, r.smartcard_required)[0]`,
	}}}
	return k
}

func groupKind() record.Kind {
	return kind(kindGroup, "Directory group", "Directory groups", "A group of a directory, with its members.", "name",
		record.Field{Name: "id", Type: record.Text, Hidden: true, Indexed: true}, record.Field{Name: "name", Type: record.Text, Indexed: true}, text("dn", "Place"), text("description", "Description"),
		record.Field{Name: "sid", Title: "Security identifier", Type: record.Text, Hidden: true}, record.Field{Name: "created", Type: record.Time},
		record.Field{Name: "members", Type: record.Text, List: true, Personal: true, Help: "As the directory names them: their places, or their names in a posixGroup."})
}
