package file

import (
	"encoding/json"
	"fmt"

	"tickmark/internal/record"
)

// MappingKind declares a mapping that is kept in the workspace, with its history, so that the next export of the same system is
// understood as the last one was.
func MappingKind() record.Kind {
	return record.Kind{
		Name: "import_mapping", Title: "Import mapping", Plural: "Import mappings", Group: "Program",
		Help: "Which column of a system's export gives which field, how it writes days, and how it says that somebody has left.",
		Key:  "id", Label: "name",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as hr."},
			{Name: "name", Type: record.Text, Required: true, Help: "The system that the file comes from."},
			{Name: "kind", Type: record.Text, Required: true, Indexed: true, Help: "What its rows are, such as person."},
			{Name: "text", Title: "Mapping", Type: record.Long, Required: true, Hidden: true, Help: "In YAML: fields, values, format, ignore, zone, left. docs/imports.md shows one."},
		},
		Guard: func(_, after map[string]any, _ record.Actor) error {
			text, _ := after["text"].(string)
			id, _ := after["id"].(string)
			_, err := ReadMapping(id, []byte(text))
			return err
		},
	}
}

// ReadKept reads the mapping of a record.
func ReadKept(v record.Version) (kind string, m Mapping, err error) {
	var kept struct{ Kind, Text string }
	if err := json.Unmarshal(v.Body, &kept); err != nil {
		return "", m, fmt.Errorf("read the mapping %s: %w", v.Key, err)
	}
	m, err = ReadMapping(v.Key, []byte(kept.Text))
	return kept.Kind, m, err
}
