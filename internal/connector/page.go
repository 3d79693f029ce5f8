package connector

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Page is an answer that holds part of a list.
type Page struct {
	At     *url.URL
	Asked  []byte // the body of the question; nil for a GET
	Header http.Header
	Body   []byte
	Items  int // objects on this page
	Read   int // objects on this page and those before it
}

// Pager finds the address of the page after p, perhaps relative to it; "" after the last.
type Pager func(p Page) (string, error)

// BodyPager makes the body of the question for the page after p; nil after the last.
type BodyPager func(p Page) ([]byte, error)

// BodyCursor puts the member of the answer that is the cursor into the member of the question's body; no cursor is the end.
func BodyCursor(member, into string) BodyPager {
	return func(p Page) ([]byte, error) {
		cursor, ok := text(p.Body, member)
		if !ok || cursor == "" || cursor == "false" {
			return nil, nil
		}
		return put(p.Asked, into, cursor)
	}
}

// GraphQLPages follows the pageInfo of the connection at a path of the answer ("data.organization.repositories"); its
// endCursor goes into the variable.
func GraphQLPages(connection, variable string) BodyPager {
	return func(p Page) ([]byte, error) {
		more, ok := text(p.Body, connection+".pageInfo.hasNextPage")
		if !ok {
			return nil, errors.New("its pageInfo does not say whether there are more")
		}
		if more == "false" {
			return nil, nil
		}
		cursor, ok := text(p.Body, connection+".pageInfo.endCursor")
		if !ok || cursor == "" {
			return nil, errors.New("its pageInfo has no endCursor")
		}
		return put(p.Asked, "variables."+variable, cursor)
	}
}

// GraphQL is the body of a question in GraphQL, for List.Body with List.NextBody.
func GraphQL(query string, variables map[string]any) any {
	return map[string]any{"query": query, "variables": variables}
}

// GraphQLFailed finds the errors of a GraphQL answer; what is beside them is not believed to be whole. It serves as
// Service.Failed.
func GraphQLFailed(body []byte) (string, bool) {
	raw, ok := pick(body, "errors")
	if !ok || string(raw) == "null" || string(raw) == "[]" {
		return "", false
	}
	var errs []struct{ Message, Type string }
	if json.Unmarshal(raw, &errs) != nil || len(errs) == 0 || errs[0].Message == "" {
		return "it holds errors", false
	}
	kind := strings.ToUpper(errs[0].Type)
	return strings.TrimRight(printable(errs[0].Message), "."), kind == "FORBIDDEN" || kind == "INSUFFICIENT_SCOPES"
}

// put sets a text in a JSON object; a path of members is dotted.
func put(body []byte, path, value string) ([]byte, error) {
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, errors.New("the question has no body to go on in")
	}
	at, names := tree, strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		next, ok := at[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[name] = next
		}
		at = next
	}
	at[names[len(names)-1]] = value
	return json.Marshal(tree)
}

// LinkPages follows the Link header's rel=next (RFC 8288).
func LinkPages(p Page) (string, error) {
	for _, header := range p.Header.Values("Link") {
		for header != "" {
			_, rest, ok := strings.Cut(header, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(rest, ">")
			if !ok {
				return "", errors.New("its Link header is not closed")
			}
			var rel string
			rel, header = linkRel(params)
			for name := range strings.FieldsSeq(rel) {
				if strings.EqualFold(name, "next") {
					return strings.TrimSpace(target), nil
				}
			}
		}
	}
	return "", nil
}

// linkRel reads the parameters of one link up to the comma before the next, which may stand in quotes too.
func linkRel(s string) (rel, rest string) {
	quoted := false
	end := len(s)
	for i, r := range s {
		if r == '"' {
			quoted = !quoted
		}
		if r == ',' && !quoted {
			end = i
			break
		}
	}
	params := s[:end]
	if end < len(s) {
		rest = s[end+1:]
	}
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") {
			return strings.Trim(strings.TrimSpace(value), `"`), rest
		}
	}
	return "", rest
}

// CursorPages puts the member of the answer that is the cursor into the parameter; no cursor is the end.
func CursorPages(member, parameter string) Pager {
	return func(p Page) (string, error) {
		cursor, ok := text(p.Body, member)
		if !ok || cursor == "" || cursor == "false" {
			return "", nil
		}
		return with(p.At, parameter, cursor), nil
	}
}

// URLPages takes the next page's address from a member of the answer.
func URLPages(member string) Pager {
	return func(p Page) (string, error) {
		raw, ok := pick(p.Body, member)
		if !ok || string(raw) == "null" || string(raw) == "false" {
			return "", nil
		}
		var next string
		if json.Unmarshal(raw, &next) != nil {
			return "", errors.New(member + " is not an address")
		}
		return next, nil
	}
}

// OffsetPages counts objects from where it began. The end is an empty page, because a service may give fewer a page than it
// was asked for.
func OffsetPages(parameter string) Pager {
	return func(p Page) (string, error) {
		if p.Items == 0 {
			return "", nil
		}
		offset := 0
		if s := p.At.Query().Get(parameter); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil {
				return "", errors.New(parameter + " is not a number")
			}
			offset = n
		}
		return with(p.At, parameter, strconv.Itoa(offset+p.Items)), nil
	}
}

// NumberPages counts pages from first, until one is empty.
func NumberPages(parameter string, first int) Pager {
	return func(p Page) (string, error) {
		if p.Items == 0 {
			return "", nil
		}
		n := first
		if s := p.At.Query().Get(parameter); s != "" {
			var err error
			if n, err = strconv.Atoi(s); err != nil {
				return "", errors.New(parameter + " is not a number")
			}
		}
		return with(p.At, parameter, strconv.Itoa(n+1)), nil
	}
}

func with(at *url.URL, parameter, value string) string {
	next := *at
	q := next.Query()
	q.Set(parameter, value)
	next.RawQuery = q.Encode()
	return next.String()
}
