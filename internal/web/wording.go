package web

import (
	"encoding/json"

	"tickmark/internal/web/part"
	"tickmark/internal/wording"
)

// wordingNote is what to say after something was saved that customers read and that says something untrue of a SOC 2 report.
// It warns and refuses nothing; empty where there is nothing to say.
func wordingNote(kind string, body []byte) string {
	if !contains([]string{"organisation", "system", "commitment", "period"}, kind) {
		return ""
	}
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		return ""
	}
	var found []wording.Found
	texts(doc, func(s string) { found = append(found, wording.Check(s)...) })
	if len(found) == 0 {
		return ""
	}
	note := " But mind the words: instead of “" + part.Short(found[0].Text, 40) + "” say " + found[0].Say + "."
	if len(found) > 1 {
		note += " There are " + part.Count(len(found)-1, "more phrase") + " like it."
	}
	return note
}

// texts hands over every text within a decoded document.
func texts(v any, one func(string)) {
	switch x := v.(type) {
	case string:
		one(x)
	case []any:
		for _, e := range x {
			texts(e, one)
		}
	case map[string]any:
		for _, e := range x {
			texts(e, one)
		}
	}
}
