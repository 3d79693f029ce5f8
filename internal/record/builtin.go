package record

const (
	customFieldKind = "custom_field"
	holdKind        = "hold"
)

// Builtin are the kinds that belong to every record: comments, attachments, own fields and legal holds.
func Builtin() []Kind {
	on := []Field{
		{Name: "on_kind", Title: "Kind", Type: Text, Required: true, Help: "The kind of the record it belongs to."},
		{Name: "on", Title: "Record", Type: Text, Required: true, Indexed: true, Help: "The record it belongs to, as kind/key."},
	}
	return []Kind{
		{Name: "comment", Title: "Comment", Group: "System", Label: "text", Help: "What people said on a record. Comments are kept like everything else.",
			Fields: append(on, Field{Name: "text", Type: Long, Required: true, Personal: true})},
		{Name: "attachment", Title: "Attachment", Group: "System", Label: "name", Help: "Files kept with a record, by their SHA-256. A newer file is another attachment.",
			Fields: append(on,
				Field{Name: "name", Type: Text, Required: true, Personal: true},
				Field{Name: "sha256", Title: "SHA-256", Type: Text, Required: true, Indexed: true},
				Field{Name: "size", Type: Integer, Required: true},
				Field{Name: "media_type", Type: Text})},
		{Name: customFieldKind, Title: "Custom field", Group: "System", Label: "title", Help: "Fields that your organisation adds to a kind.",
			Fields: []Field{
				{Name: "kind", Type: Text, Required: true, Indexed: true, Help: "The kind that gets the field, such as person."},
				{Name: "name", Type: Text, Required: true, Help: "In lower case with underscores, as imports and filters use it."},
				{Name: "title", Type: Text, Required: true},
				{Name: "help", Type: Text},
				{Name: "type", Type: Choice, Required: true, Choices: []string{"text", "long", "integer", "number", "bool", "time", "date", "choice", "email", "url"}},
				{Name: "choices", Type: Text, List: true, Help: "The words to choose from, for the type choice."},
				{Name: "required", Type: Bool},
			}},
		{Name: holdKind, Title: "Legal hold", Plural: "Legal holds", Group: "System", Label: "reason", Help: "While a hold on a record is open, the record cannot be erased.",
			Fields: append(on, Field{Name: "reason", Type: Text, Required: true})},
	}
}
