// Package savedview holds the filters that people keep under a name. The one rule: a saved view is an address and nothing more,
// so that what it shows is always what its list says of the moment one looks at.
package savedview

import (
	"net/url"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kind declares the saved view.
func Kind() record.Kind {
	return record.Kind{
		Name: "saved_view", Title: "Saved view", Plural: "Saved views", Group: "Program",
		Help:  "A list with its filter, kept under a name by one user, for themselves or for everybody.",
		Label: "name",
		Fields: []record.Field{
			{Name: "name", Type: record.Text, Required: true},
			{Name: "path", Title: "List", Type: record.Text, Required: true, Indexed: true, Help: "The list's address, such as /findings."},
			{Name: "query", Title: "Filter", Type: record.Text, Help: "What stands after the question mark in its address."},
			{Name: "shared", Title: "For everybody", Type: record.Bool},
			{Name: "user", Type: record.Text, Required: true, Indexed: true, Help: "The user who keeps it."},
		},
		Guard: written,
	}
}

// written lets a view lead nowhere but into a list of this site, and be changed by nobody but who keeps it.
func written(before, after map[string]any, actor record.Actor) error {
	path, _ := after["path"].(string)
	query, _ := after["query"].(string)
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\?#\r\n") {
		return fault.New(fault.Invalid, "%q is no list of this site.", path)
	}
	if _, err := url.ParseQuery(query); err != nil {
		return fault.New(fault.Invalid, "The filter cannot be read: %w.", err)
	}
	if keeper, _ := before["user"].(string); before != nil && keeper != actor.User {
		return fault.New(fault.Denied, "This view is kept by %s.", keeper).WithNext("Save one of your own.")
	}
	if after["user"] != actor.User {
		return fault.New(fault.Invalid, "A view is kept by the user who saves it.")
	}
	return nil
}
