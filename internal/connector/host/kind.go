package host

import "tickmark/internal/record"

// A machine offers two of the views that every provider offers in the same words.
//
// device: one machine that people or services work on.
//
//	id           the machine's identity at its source
//	name         its host name
//	os           linux, darwin, windows, ios, android, chromeos
//	os_version   as its maker writes it
//	encrypted    whether the file system of the operating system is encrypted
//	firewall     whether something judges incoming packets
//	screen_lock  whether it locks itself when nobody is at it
//	updated      whether no security update waits to be installed
//	managed      whether the organisation manages it, where its source can tell
//	owner_email  the address of the person who has it
//	last_seen    when it was last heard of
//
// account: one way into a system.
//
//	id         the account's identity at its source
//	name       what its owner signs in as
//	email      the address that ties it to a person, as the source's administrators keep it or the source verified it
//	enabled    whether it can be signed in to
//	admin      whether it can change the system and other accounts
//	mfa        whether a second factor is asked for, or stands enrolled where all are asked who have one
//	service    whether it is a program's own and no person's
//	external   whether it is a guest's, from another organisation
//	created    when it was made, a text: a date, or a time with zone
//	last_used  when it was last signed in to, a text: a date, or a time with zone
//	never_used whether the source says that it was never signed in to
//	local      whether its id is a name on one machine only, which a person's record may give without the source
//
// A machine's own records know no address, second factor or day of creation of a Unix account: those are absent, which is
// unknown and never no.

func kind(name, title, plural, help, label string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "Host", Collected: true, Label: label, Fields: fields}
}

func hostKind() record.Kind {
	k := kind(kindHost, "Machine", "Machines", "A machine that Tickmark runs on, with its operating system.", "hostname",
		record.Field{Name: "hostname", Type: record.Text, Indexed: true, Title: "Host name"},
		record.Field{Name: "machine", Type: record.Text, Hidden: true, Help: "A digest of the machine's id, which names it only here."},
		record.Field{Name: "os", Type: record.Choice, Choices: []string{"linux", "darwin", "windows"}, Title: "System"},
		record.Field{Name: "distribution", Type: record.Text, Help: "As os-release names it: debian, ubuntu, rhel."},
		record.Field{Name: "name", Type: record.Text, Hidden: true, Help: "The system's full name."},
		record.Field{Name: "version", Type: record.Text},
		record.Field{Name: "codename", Type: record.Text, Hidden: true},
		record.Field{Name: "build", Type: record.Text, Hidden: true},
		record.Field{Name: "support_end", Type: record.Date, Title: "Supported until", Help: "As the system itself states it; most do not."},
		record.Field{Name: "kernel", Type: record.Text},
		record.Field{Name: "architecture", Type: record.Text, Hidden: true},
		record.Field{Name: "virtualisation", Type: record.Text, Help: "What the machine runs in; none for one of metal."},
		record.Field{Name: "account_sources", Type: record.Text, List: true, Hidden: true, Help: "Where the system looks accounts up. Only files are read here."},
		record.Field{Name: "booted", Type: record.Time, Volatile: true, Title: "Started"},
		record.Field{Name: "encrypted", Type: record.Bool, Help: "The file system of the operating system is encrypted. Empty when that cannot be seen from inside."},
		record.Field{Name: "firewall", Type: record.Bool, Help: "Something judges incoming packets."},
		record.Field{Name: "updated", Type: record.Bool, Help: "No security update waits to be installed."},
		record.Field{Name: "screen_lock", Type: record.Bool, Help: "It locks itself when nobody is at it. Empty where that is each user's own affair."},
		record.Field{Name: "managed", Type: record.Bool, Help: "People work at it, and it enrolled in a group. Said by the organisation, of a machine with an agent."},
		record.Field{Name: "owner_email", Type: record.Text, Personal: true, Title: "Owner's address", Help: "Of the person who answers for it. Said by the organisation, of a machine with an agent; nobody is named when it is there and empty."},
		record.Field{Name: "last_seen", Type: record.Time, Volatile: true, Hidden: true, Help: "When a machine with an agent last read itself."},
	)
	k.Views = []record.View{{Name: "component", Fields: map[string]string{"id": `r.machine`, "name": `r.hostname`}}, {Name: "device", Fields: map[string]string{
		"id": `r.machine`, "name": `r.hostname`, "os": `r.os`, "os_version": `r.version`, "encrypted": `r.encrypted`, "firewall": `r.firewall`, "updated": `r.updated`,
		"screen_lock": `r.screen_lock`, "managed": `r.managed`, "owner_email": `r.owner_email`, "last_seen": `string(r.last_seen)`,
	}}}
	return k
}

func accountKind() record.Kind {
	k := kind(kindAccount, "Account", "Accounts", "An account of a machine itself. Those of a network directory are not among them.", "name",
		record.Field{Name: "name", Type: record.Text, Personal: true, Indexed: true},
		record.Field{Name: "uid", Type: record.Integer, Indexed: true, Title: "User number"},
		record.Field{Name: "gid", Type: record.Integer, Hidden: true, Title: "Group number"},
		record.Field{Name: "sid", Type: record.Text, Hidden: true, Title: "Security identifier", Help: "On Windows."},
		record.Field{Name: "full_name", Type: record.Text, Personal: true},
		record.Field{Name: "home", Type: record.Text, Personal: true, Hidden: true},
		record.Field{Name: "shell", Type: record.Text},
		record.Field{Name: "login_shell", Type: record.Bool, Indexed: true, Help: "The account gets a prompt, as opposed to being turned away."},
		record.Field{Name: "system", Type: record.Bool, Indexed: true, Help: "An account of the system or a service, by its number."},
		record.Field{Name: "enabled", Type: record.Bool, Hidden: true, Help: "On macOS and Windows: the account is not disabled."},
		record.Field{Name: "groups", Type: record.Ref, Refers: kindGroup, List: true},
		record.Field{Name: "login_recorded", Type: record.Bool, Hidden: true, Help: "A sign-in is on record. Absent where the machine keeps none."},
		record.Field{Name: "last_login", Type: record.Time, Volatile: true, Title: "Last sign-in"},
		record.Field{Name: "last_login_on", Type: record.Date, Title: "Last sign-in on"},
		record.Field{Name: "password", Type: record.Object, Help: "The state of the password, without the password or its hash. Read as root.", Fields: []record.Field{
			{Name: "set", Type: record.Bool, Help: "There is a password, locked or not."},
			{Name: "empty", Type: record.Bool, Help: "No password is asked for."},
			{Name: "locked", Type: record.Bool, Help: "No password fits. Keys may still let someone in."},
			{Name: "required", Type: record.Bool, Help: "On Windows: an empty password is not allowed."},
			{Name: "algorithm", Type: record.Text, Help: "How the password is hashed."},
			{Name: "must_change", Type: record.Bool, Help: "It must be changed at the next sign-in."},
			{Name: "changed", Type: record.Date},
			{Name: "min_days", Type: record.Integer, Help: "Days before it may be changed again."},
			{Name: "max_days", Type: record.Integer, Help: "Days after which it must be changed."},
			{Name: "warn_days", Type: record.Integer},
			{Name: "inactive_days", Type: record.Integer, Help: "Days after its end during which it is still taken."},
			{Name: "account_expires", Type: record.Date},
			{Name: "account_expired", Type: record.Bool},
		}},
		record.Field{Name: "rights", Type: record.Object, Help: "Whether the account can act as root, and by what. Read as root.", Fields: []record.Field{
			{Name: "admin", Type: record.Bool, Title: "Administrator", Help: "It can do anything: user number 0, a group that amounts to root, or a rule for all commands."},
			{Name: "by", Type: record.Text, List: true},
			{Name: "sudo", Type: record.Bool, Help: "Some rule lets it run some command as another."},
			{Name: "nopasswd", Type: record.Bool, Title: "Without password", Help: "A rule lets it do anything as root without asking for a password."},
		}},
	)
	k.Views = []record.View{{Name: "account", Fields: map[string]string{
		"id": `r.name`, "name": `r.name`, "enabled": `(has(r.enabled) ? r.enabled : r.login_shell && r.password.account_expired == false)`,
		"admin": `r.rights.admin`, "last_used": `r.last_login_on`, "local": `true`, "service": `r.system`,
	}}}
	return k
}

func groupKind() record.Kind {
	return kind(kindGroup, "Group", "Groups", "A group of accounts on a machine.", "name",
		record.Field{Name: "name", Type: record.Text, Indexed: true},
		record.Field{Name: "gid", Type: record.Integer, Indexed: true, Title: "Group number"},
		record.Field{Name: "members", Type: record.Ref, Refers: kindAccount, List: true, Personal: true, Help: "Listed members, and accounts whose first group it is."},
	)
}

func sudoRuleKind() record.Kind {
	return kind(kindSudoRule, "Privilege rule", "Privilege rules", "A rule of sudo or doas that lets someone run commands as another, usually root.", "rule",
		record.Field{Name: "rule", Type: record.Text},
		record.Field{Name: "tool", Type: record.Choice, Choices: []string{"sudo", "doas"}},
		record.Field{Name: "who", Type: record.Text, Indexed: true, Personal: true, Help: "An account, a %group, a +netgroup or ALL."},
		record.Field{Name: "who_kind", Type: record.Choice, Choices: []string{"user", "group", "netgroup", "everyone"}, Hidden: true},
		record.Field{Name: "except", Type: record.Text, List: true, Hidden: true},
		record.Field{Name: "hosts", Type: record.Text, List: true, Hidden: true},
		record.Field{Name: "run_as", Type: record.Text, List: true},
		record.Field{Name: "as_root", Type: record.Bool, Indexed: true},
		record.Field{Name: "commands", Type: record.Text, List: true, Hidden: true},
		record.Field{Name: "all_commands", Type: record.Bool, Indexed: true},
		record.Field{Name: "nopasswd", Type: record.Bool, Indexed: true, Title: "Without password"},
		record.Field{Name: "denies", Type: record.Bool, Hidden: true, Help: "It refuses rather than allows (doas)."},
		record.Field{Name: "files", Type: record.Text, List: true},
	)
}

func sshdKind() record.Kind {
	text := func(name, help string) record.Field {
		return record.Field{Name: name, Type: record.Text, Help: help, Hidden: true}
	}
	list := func(name string) record.Field {
		return record.Field{Name: name, Type: record.Text, List: true, Hidden: true}
	}
	yes := func(name string) record.Field { return record.Field{Name: name, Type: record.Bool, Hidden: true} }
	number := func(name, help string) record.Field {
		return record.Field{Name: name, Type: record.Integer, Help: help, Hidden: true}
	}
	return kind(kindSSHD, "SSH daemon", "SSH daemons", "The SSH daemon's settings as they take effect, or the statement that none is installed.", "",
		record.Field{Name: "installed", Type: record.Bool},
		record.Field{Name: "running", Type: record.Bool},
		record.Field{Name: "permit_root_login", Type: record.Choice, Choices: []string{"yes", "no", "prohibit-password", "forced-commands-only"}, Title: "Root may sign in"},
		record.Field{Name: "password_authentication", Type: record.Bool, Title: "Passwords accepted"},
		record.Field{Name: "kbd_interactive_authentication", Type: record.Bool, Title: "Questions asked (PAM)", Hidden: true},
		yes("permit_empty_passwords"), yes("pubkey_authentication"), yes("hostbased_authentication"), yes("gssapi_authentication"), yes("use_pam"), yes("strict_modes"),
		text("ignore_rhosts", "yes, no or shosts-only."), text("permit_user_environment", ""), text("authentication_methods", "any, or lists of methods that must all succeed."),
		record.Field{Name: "ports", Type: record.Integer, List: true}, list("listen_addresses"),
		number("max_auth_tries", ""), number("max_sessions", ""), text("max_startups", ""), number("login_grace_time", "Seconds; 0 is without limit."),
		number("client_alive_interval", "Seconds; 0 is never."), number("client_alive_count_max", ""),
		yes("x11_forwarding"), text("allow_tcp_forwarding", "yes, no, local, remote or all."), yes("allow_agent_forwarding"), text("permit_tunnel", ""), text("gateway_ports", ""),
		text("log_level", ""), text("banner", ""), list("subsystems"), list("ciphers"), list("macs"), list("kex_algorithms"), list("host_key_algorithms"), list("pubkey_algorithms"),
		number("required_rsa_size", "Bits."), list("allow_users"), list("allow_groups"), list("deny_users"), list("deny_groups"), list("authorized_keys_file"),
		text("authorized_keys_command", ""), text("trusted_user_ca_keys", ""),
		record.Field{Name: "overrides", Type: record.Object, List: true, Help: "Settings that a Match block changes for some connections.", Fields: []record.Field{
			{Name: "match", Type: record.Text, Help: "For which connections."},
			{Name: "setting", Type: record.Text, Help: "In lower case: passwordauthentication."},
			{Name: "value", Type: record.Text},
		}},
	)
}

func socketKind() record.Kind {
	return kind(kindSocket, "Listening socket", "Listening sockets", "An address and port at which a machine waits for anyone.", "",
		record.Field{Name: "protocol", Type: record.Choice, Choices: []string{"tcp", "udp"}},
		record.Field{Name: "family", Type: record.Choice, Choices: []string{"ipv4", "ipv6"}, Hidden: true},
		record.Field{Name: "address", Type: record.Text},
		record.Field{Name: "port", Type: record.Integer, Indexed: true},
		record.Field{Name: "exposure", Type: record.Choice, Choices: []string{"loopback", "any", "address"}, Indexed: true,
			Help: "loopback: this machine only. any: every address the machine has. address: that one."},
		record.Field{Name: "ephemeral", Type: record.Bool, Hidden: true, Help: "The port is one the system gives out for a while."},
		record.Field{Name: "uids", Type: record.Integer, List: true, Hidden: true, Title: "User numbers"},
		record.Field{Name: "owners", Type: record.Ref, Refers: kindAccount, List: true},
		record.Field{Name: "programs", Type: record.Object, List: true, Help: "Who holds it open; none when the kernel itself does. Read as root.", Fields: []record.Field{
			{Name: "name", Type: record.Text},
			{Name: "executable", Type: record.Text},
			{Name: "unit", Type: record.Text, Help: "The service it belongs to."},
		}},
	)
}

func encryptionFields() []record.Field {
	return []record.Field{
		{Name: "encrypted", Type: record.Bool, Indexed: true, Help: "By this machine. Empty where it cannot be told."},
		{Name: "encrypted_by", Type: record.Text, Hidden: true},
		{Name: "encryption_reason", Type: record.Text, Hidden: true, Help: "Why it cannot be told."},
	}
}

func mountKind() record.Kind {
	return kind(kindMount, "File system", "File systems", "A mounted file system that holds files.", "mount_point", append([]record.Field{
		{Name: "mount_point", Type: record.Text, Indexed: true},
		{Name: "device", Type: record.Text},
		{Name: "fstype", Type: record.Text, Title: "Type"},
		{Name: "class", Type: record.Choice, Choices: []string{"disk", "memory", "network", "overlay"}, Indexed: true},
		{Name: "options", Type: record.Text, List: true, Hidden: true},
		{Name: "read_only", Type: record.Bool, Hidden: true},
		{Name: "nosuid", Type: record.Bool, Hidden: true, Help: "Programs on it cannot take their owner's rights."},
		{Name: "nodev", Type: record.Bool, Hidden: true, Help: "Device files on it do not work."},
		{Name: "noexec", Type: record.Bool, Hidden: true, Help: "Programs on it do not run."},
	}, encryptionFields()...)...)
}

func swapKind() record.Kind {
	return kind(kindSwap, "Swap area", "Swap areas", "A place that memory is written out to.", "path", append([]record.Field{
		{Name: "path", Type: record.Text},
		{Name: "type", Type: record.Text},
		{Name: "class", Type: record.Choice, Choices: []string{"disk", "memory"}, Indexed: true},
	}, encryptionFields()...)...)
}

func updateKind() record.Kind {
	return kind(kindUpdate, "Pending update", "Pending updates", "A newer version of an installed package that waits to be installed, as far as the package manager last asked.", "package",
		record.Field{Name: "package", Type: record.Text, Indexed: true},
		record.Field{Name: "manager", Type: record.Text, Hidden: true},
		record.Field{Name: "architecture", Type: record.Text, Hidden: true},
		record.Field{Name: "installed", Type: record.Text},
		record.Field{Name: "available", Type: record.Text},
		record.Field{Name: "origins", Type: record.Text, List: true},
		record.Field{Name: "security", Type: record.Bool, Indexed: true, Help: "Empty where the package manager does not tell."},
	)
}

func updateStateKind() record.Kind {
	return kind(kindUpdateState, "Update state", "Update states", "How many updates wait, and how old that knowledge is.", "manager",
		record.Field{Name: "manager", Type: record.Text},
		record.Field{Name: "lists_updated", Type: record.Time, Title: "Last asked", Help: "When the package manager last asked its repositories."},
		record.Field{Name: "pending", Type: record.Integer},
		record.Field{Name: "security_pending", Type: record.Integer, Help: "Empty where the package manager does not tell."},
		record.Field{Name: "automatic", Type: record.Bool, Help: "Updates are installed without anyone asking."},
		record.Field{Name: "reboot_required", Type: record.Bool, Help: "An installed update waits for a restart."},
	)
}

func firewallKind() record.Kind {
	return kind(kindFirewall, "Firewall", "Firewalls", "What becomes of packets that come in to a machine.", "",
		record.Field{Name: "active", Type: record.Bool, Help: "Something judges incoming packets."},
		record.Field{Name: "default_ipv4", Type: record.Choice, Choices: []string{"drop", "reject", "accept"}, Title: "Default over IPv4", Help: "What becomes of a packet that no rule names."},
		record.Field{Name: "default_ipv6", Type: record.Choice, Choices: []string{"drop", "reject", "accept"}, Title: "Default over IPv6"},
		record.Field{Name: "ipv6", Type: record.Bool, Title: "Has IPv6", Help: "The machine has an IPv6 address beyond its own loopback."},
		record.Field{Name: "asked", Type: record.Text, List: true, Hidden: true, Help: "Who gave the rules."},
		record.Field{Name: "managers", Type: record.Text, List: true, Help: "Programs that look after the rules."},
		record.Field{Name: "chains", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
			{Name: "layer", Type: record.Text}, {Name: "table", Type: record.Text}, {Name: "name", Type: record.Text}, {Name: "family", Type: record.Text},
			{Name: "policy", Type: record.Text}, {Name: "default", Type: record.Text}, {Name: "rules", Type: record.Integer},
		}},
	)
}

func timeKind() record.Kind {
	return kind(kindTime, "Clock", "Clocks", "Whether a machine's clock is kept in step with others.", "",
		record.Field{Name: "synchronised", Type: record.Bool, Help: "By the kernel's own word."},
		record.Field{Name: "service", Type: record.Text},
		record.Field{Name: "source", Type: record.Text, Volatile: true},
		record.Field{Name: "stratum", Type: record.Integer, Volatile: true, Hidden: true},
		record.Field{Name: "offset_seconds", Type: record.Number, Volatile: true, Title: "Offset (seconds)"},
		record.Field{Name: "offset_below_ms", Type: record.Integer, Title: "Offset below (ms)", Help: "The smallest of 1, 10, 100, 1000 … milliseconds that the offset is below."},
	)
}

func serviceKind() record.Kind {
	return kind(kindService, "Service", "Services", "A unit of systemd that runs, has failed, or starts by itself.", "unit",
		record.Field{Name: "unit", Type: record.Text, Indexed: true},
		record.Field{Name: "description", Type: record.Text},
		record.Field{Name: "running", Type: record.Bool, Indexed: true},
		record.Field{Name: "active", Type: record.Bool, Hidden: true},
		record.Field{Name: "failed", Type: record.Bool},
		record.Field{Name: "loaded", Type: record.Bool, Hidden: true},
		record.Field{Name: "enabled", Type: record.Text, Hidden: true},
		record.Field{Name: "starts_by_itself", Type: record.Bool},
	)
}

func logKind() record.Kind {
	return kind(kindLog, "Log keeper", "Log keepers", "A program that keeps a machine's logs, or the statement that it is not installed.", "component",
		record.Field{Name: "component", Type: record.Choice, Choices: []string{"journald", "syslog", "auditd"}, Indexed: true},
		record.Field{Name: "installed", Type: record.Bool},
		record.Field{Name: "active", Type: record.Bool, Indexed: true},
		record.Field{Name: "persistent", Type: record.Bool, Help: "journald: kept over a restart."},
		record.Field{Name: "retention", Type: record.Text, Hidden: true, Help: "journald: how long at most, as written."},
		record.Field{Name: "forwards_to", Type: record.Text, List: true, Help: "syslog: other machines it sends to."},
		record.Field{Name: "rules", Type: record.Integer, Help: "auditd: rules the kernel holds. Read as root."},
		record.Field{Name: "rules_locked", Type: record.Bool, Hidden: true, Help: "auditd: rules cannot be changed until a restart."},
	)
}

func kernelSettingKind() record.Kind {
	return kind(kindKernelSetting, "Kernel setting", "Kernel settings", "A setting of the kernel that bears on security, as it is in force.", "name",
		record.Field{Name: "name", Type: record.Text, Indexed: true},
		record.Field{Name: "value", Type: record.Text},
	)
}

func fileKind() record.Kind {
	return kind(kindFile, "Critical file", "Critical files", "A file or folder on which a machine's security rests, with its owner and permissions.", "path",
		record.Field{Name: "path", Type: record.Text, Indexed: true},
		record.Field{Name: "exists", Type: record.Bool},
		record.Field{Name: "type", Type: record.Choice, Choices: []string{"file", "directory"}, Hidden: true},
		record.Field{Name: "mode", Type: record.Text},
		record.Field{Name: "owner", Type: record.Text},
		record.Field{Name: "uid", Type: record.Integer, Hidden: true, Title: "User number"},
		record.Field{Name: "gid", Type: record.Integer, Hidden: true, Title: "Group number"},
		record.Field{Name: "group_writable", Type: record.Bool, Hidden: true},
		record.Field{Name: "other_readable", Type: record.Bool, Title: "Readable by others"},
		record.Field{Name: "other_writable", Type: record.Bool, Title: "Writable by others"},
		record.Field{Name: "sticky", Type: record.Bool, Hidden: true},
	)
}
