package web

import (
	"net/http"
	"slices"

	"tickmark/internal/web/part"
)

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// segment is a part of the request's address as it was meant.
func segment(r *http.Request, name string) string { return part.Segment(r.PathValue(name)) }
