package entitlement

import (
	"tickmark/internal/record"
)

// Held is a right as its record says it: an account has a role in a system.
type Held struct {
	Title       string   `json:"title"`
	Matrix      string   `json:"matrix"`
	Version     string   `json:"matrix_version"`
	Role        string   `json:"role"`
	RoleName    string   `json:"role_name"`
	Sensitivity string   `json:"sensitivity"`
	Account     string   `json:"account"` // SOURCE/ID
	Person      string   `json:"person,omitempty"`
	Machine     string   `json:"machine,omitempty"`
	People      int      `json:"people"` // how many it may belong to; 1 for a person that is known
	Position    string   `json:"position,omitempty"`
	Positions   []string `json:"positions,omitempty"`
	Enabled     *bool    `json:"enabled,omitempty"`
	MFA         *bool    `json:"mfa,omitempty"`
	Conflicts   []string `json:"conflicts,omitempty"`
	Request     string   `json:"request,omitempty"`
	Birthright  bool     `json:"birthright,omitempty"`
	Source      string   `json:"source"`
	OfKind      string   `json:"of_kind"`
	OfKey       string   `json:"of_key"`
	Unread      string   `json:"unread_since,omitempty"`
}

// Key names a right by the record that shows it: one account may have a role by several, and one name may be an account on many machines.
func (h Held) Key() string { return h.Matrix + "/" + h.Role + "/" + h.Source + "/" + h.OfKey }

// RightKind declares the right: what the sources show somebody has. Tickmark writes it after each read and ends it when the source no
// longer shows it, so its history is the change of rights.
func RightKind() record.Kind {
	return record.Kind{
		Name: Right, Title: "Access right", Plural: "Access rights", Group: "Program", System: true, Label: "title",
		Help: "An account has a role of a system's matrix, as the source shows it: since when, whose it is, what was asked for. Tickmark writes it after each read.",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Personal: true},
			{Name: "matrix", Title: "System", Type: record.Ref, Refers: Matrix, Indexed: true},
			{Name: "matrix_version", Type: record.Ref, Refers: Version, Hidden: true},
			{Name: "role", Type: record.Text, Indexed: true}, {Name: "role_name", Title: "Role", Type: record.Text, Hidden: true},
			{Name: "sensitivity", Type: record.Choice, Choices: []string{"normal", "sensitive", "privileged"}, Indexed: true},
			{Name: "account", Type: record.Text, Indexed: true, Personal: true},
			{Name: "person", Type: record.Ref, Refers: "person", Indexed: true}, {Name: "machine", Title: "Machine identity", Type: record.Ref, Refers: "machine_identity", Indexed: true, Hidden: true},
			{Name: "people", Title: "People it may belong to", Type: record.Integer, Hidden: true},
			{Name: "position", Type: record.Text, Hidden: true}, {Name: "positions", Title: "Allowed positions", Type: record.Text, List: true, Hidden: true},
			{Name: "enabled", Type: record.Bool, Help: "Empty where the source does not say."}, {Name: "mfa", Title: "Second factor", Type: record.Bool},
			{Name: "conflicts", Title: "Conflicts with", Type: record.Text, List: true, Hidden: true},
			{Name: "request", Type: record.Ref, Refers: Request, Indexed: true, Hidden: true}, {Name: "birthright", Type: record.Bool, Hidden: true},
			{Name: "source", Type: record.Text, Hidden: true}, {Name: "of_kind", Title: "Shown by", Type: record.Text, Hidden: true}, {Name: "of_key", Title: "Its record", Type: record.Text, Hidden: true},
			{Name: "unread_since", Title: "Not read since", Type: record.Time, Help: "Its source was not read completely since, so that nobody knows whether it stands."},
		},
	}
}
