package person

import (
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// MachineKind declares the machine identity: a program that signs in by accounts of its own, for which a person answers.
func MachineKind() record.Kind {
	return record.Kind{
		Name: "machine_identity", Title: "Machine identity", Plural: "Machine identities", Group: "Program",
		Help: "A program that signs in by accounts of its own, such as a build or a backup, and the person who answers for it.",
		Key:  "id", Label: "name",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Stable and never given to something else."},
			{Name: "name", Type: record.Text, Required: true},
			{Name: "owner", Type: record.Ref, Refers: "person", Required: true, Indexed: true, Help: "Who answers for it. When they leave, somebody else must."},
			{Name: "purpose", Type: record.Text, Required: true, Help: "What it is for, in a sentence."},
			{Name: "accounts", Type: record.Text, List: true, Required: true, Indexed: true, Help: accountHelp},
		},
		Guard: func(_, after map[string]any, _ record.Actor) error {
			list, _ := after["accounts"].([]any)
			for _, a := range list {
				if s, _ := a.(string); !linked(s) {
					return fault.New(fault.Invalid, "%q names no account of a source.", s).WithNext("Write it as SOURCE/ID: the connection's name, a slash, and the id that its source gives.")
				}
			}
			return nil
		},
	}
}

const accountHelp = "As SOURCE/ID: the connection's name, a slash, and the id that its source gives, such as okta/00u1ab2cd3."

func linked(s string) bool {
	source, id, ok := strings.Cut(s, "/")
	return ok && source != "" && id != ""
}
