package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// The kinds: an auditor's key, of which the workspace knows the public half, and what was signed with it.
const (
	KeyName = "auditor_key"
	Name    = "auditor_signature"
)

// Acts are what is signed: that a paper was prepared or reviewed, an opinion, a commitment to a nonce, an issue.
func Acts() []string { return []string{"prepared", "reviewed", "signed", "committed", "issued"} }

// signed are the kinds that are signed, each by which acts.
func signed() map[string][]string {
	return map[string][]string{"workpaper": {"prepared", "reviewed", "signed"}, "opinion": {"signed"}, "nonce": {"committed"}, engagement.Name: {"issued"}}
}

// Kinds are all kinds of this room.
func Kinds() []record.Kind { return []record.Kind{keyKind(), kind()} }

func keyKind() record.Kind {
	m := &record.Machine{Initial: "in_use", By: "added_by", At: "added_at", Frozen: []string{"in_use"}, Moves: []record.Move{
		{Name: "revoke", Title: "Revoke", From: []string{"in_use"}, To: "revoked", By: "revoked_by", At: "revoked_at",
			Fields: []record.Field{{Name: "revoked_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why, and since when it may be in other hands."}}},
	}}
	return record.Kind{
		Name: KeyName, Title: "Auditor's key", Plural: "Auditors' keys", Group: "Examination", Room: record.Auditor, Common: true, Label: "fingerprint",
		Help: "The public half of a key that an auditor made and keeps; what is signed with it is signed by nobody else, whoever runs the workspace.",
		Fields: []record.Field{
			{Name: "person", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "key", Title: "Public key", Type: record.Text, Required: true, Indexed: true, Help: "Ed25519, in base64; tickmark audit key new makes one."},
			{Name: "fingerprint", Type: record.Text, Help: "By which people compare it."},
			{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
			{Name: "added_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, {Name: "added_at", Type: record.Time, Fixed: true},
			{Name: "revoked_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, {Name: "revoked_at", Type: record.Time, Fixed: true},
			{Name: "revoked_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: m,
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			public := engagement.Text(after, "key")
			if _, err := parse(public); err != nil {
				return err
			}
			after["fingerprint"] = Fingerprint(public)
			if owner := engagement.Text(after, "person"); actor.Person != "" && actor.Person != owner && before != nil && after[record.StateField] == "revoked" {
				return leads(look, actor.Person, owner)
			}
			if actor.Person == "" || actor.Person != engagement.Text(after, "person") {
				return fault.New(fault.Denied, "Only %s adds or revokes a key of %s.", engagement.Text(after, "person"), engagement.Text(after, "person")).WithNext("Each auditor makes his own: tickmark audit key new.")
			}
			if before != nil {
				return nil
			}
			same, err := look.Find(KeyName, "key", public)
			if err == nil && len(same) > 0 {
				err = fault.New(fault.Conflict, "This key is on record already.").WithNext("Make another: tickmark audit key new.")
			}
			return err
		},
	}
}

// leads refuses to revoke a colleague's key to anybody but a partner of an engagement on whose team the colleague is. What was signed
// before stays; nothing more is signed with it.
func leads(look record.Look, partner, owner string) error {
	all, err := look.All(engagement.Name)
	if err != nil {
		return err
	}
	for _, v := range all {
		b, err := engagement.Body(v)
		if err != nil {
			return err
		}
		if engagement.RoleOf(b, partner) == engagement.Partner && engagement.RoleOf(b, owner) != "" {
			return nil
		}
	}
	return fault.New(fault.Denied, "Only %s, or a partner of an engagement that %s works on, revokes a key of %s.", owner, owner, owner).WithNext("Ask one of them.")
}

func kind() record.Kind {
	return record.Kind{
		Name: Name, Title: "Auditor's signature", Plural: "Auditors' signatures", Group: "Examination", Room: record.Auditor, Label: "of",
		Help: "What an auditor signed with his own key of one version of a record: a sign-off, an opinion, a commitment, an issue.",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "act", Type: record.Choice, Required: true, Choices: Acts()},
			{Name: "of_kind", Title: "Kind", Type: record.Text, Required: true},
			{Name: "of", Title: "Record", Type: record.Text, Required: true, Indexed: true},
			{Name: "hash", Title: "SHA-256 of the body that was signed", Type: record.Text, Required: true},
			{Name: "person", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "key", Type: record.Ref, Refers: KeyName, Required: true, Indexed: true},
			{Name: "signature", Type: record.Text, Required: true, Hidden: true},
		},
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			text := func(f string) string { return engagement.Text(after, f) }
			if before != nil {
				return fault.New(fault.Conflict, "A signature is never changed.").WithNext("Sign again; both stay.")
			}
			if actor.Person == "" || actor.Person != text("person") {
				return fault.New(fault.Denied, "Only %s signs for %s.", text("person"), text("person"))
			}
			if !slices.Contains(signed()[text("of_kind")], text("act")) {
				return fault.New(fault.Invalid, "A %s is not signed as %s.", text("of_kind"), text("act"))
			}
			v, err := look.Get(text("of_kind"), text("of"))
			if err != nil {
				return err
			}
			b, err := engagement.Body(v)
			if err != nil {
				return err
			}
			of := engagement.Text(b, engagement.Name)
			if text("of_kind") == engagement.Name {
				of = v.Key
			}
			if of != text(engagement.Name) {
				return fault.New(fault.Invalid, "The %s %s is of another engagement.", text("of_kind"), text("of"))
			}
			if Hash(v.Body) != text("hash") {
				return fault.New(fault.Conflict, "%s was changed since it was signed.", text("of")).WithNext("Read what it says now, and sign that.")
			}
			if said := engagement.Text(b, text("act")+"_by"); said != text("person") {
				return fault.New(fault.Conflict, "%s was not %s by %s.", text("of"), text("act"), text("person")).WithNext("Do that first; the signature is over what it left.")
			}
			k, err := look.Get(KeyName, text("key"))
			if err != nil {
				return err
			}
			kb, err := engagement.Body(k)
			if err != nil {
				return err
			}
			switch {
			case engagement.Text(kb, "person") != text("person") || kb[record.StateField] != "in_use":
				return fault.New(fault.Denied, "The key %s is not one of %s that is in use.", text("key"), text("person"))
			case !Holds(engagement.Text(kb, "key"), text("signature"), text(engagement.Name), text("act"), text("of_kind"), text("of"), text("hash"), text("person")):
				return fault.New(fault.Invalid, "The signature is not that of this key over this version.")
			}
			return nil
		},
	}
}

// Hash names a body by its SHA-256.
func Hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
