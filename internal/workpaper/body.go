package workpaper

import (
	"encoding/json"
	"strings"
	"time"

	"tickmark/internal/engagement"
)

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// Whole is a whole number of a body, however it was decoded.
func Whole(v any) int {
	switch n := v.(type) {
	case float64:
		return int(n)
	case int:
		return n
	case int64:
		return int(n)
	case json.Number:
		i, _ := n.Int64()
		return int(i)
	}
	return 0
}

// moment is a time of a body; zero when there is none.
func moment(body map[string]any, field string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, engagement.Text(body, field))
	return t
}
