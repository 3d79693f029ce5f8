package result

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
)

// format is how one kind of file is read.
type format struct {
	name, title, tool string
	kinds             []string // what it speaks for, also where it found nothing
	many              bool     // several tools in one file are its way
	about             func(io.Reader) error
	items             func(*File, io.Reader, connector.Sink) error
}

// walk reads JSON as a stream. The members of want are handed over whole, by their place ("runs[].results[]"); what no place
// leads to is skipped. Several values one after the other are as an array: each stands at "[]".
func walk(f *File, r io.Reader, want map[string]func(raw []byte, at int64) error) error {
	d := jsontext.NewDecoder(r)
	under := func(place string) bool {
		for w := range want {
			if strings.HasPrefix(w, place) && (len(w) == len(place) || w[len(place)] == '.' || w[len(place)] == '[') || place == "" {
				return true
			}
		}
		return false
	}
	var value func(place string) error
	value = func(place string) error {
		kind := d.PeekKind()
		if do := want[place]; do != nil && !(kind == '[' && want[place+"[]"] != nil) {
			raw, err := d.ReadValue()
			if err != nil {
				return err
			}
			if len(raw) > maxElement {
				return f.wrong(d.InputOffset(), "one finding is larger than 16 MiB")
			}
			return do(raw, d.InputOffset()-int64(len(raw)))
		}
		if kind != '{' && kind != '[' || !under(place) {
			return d.SkipValue()
		}
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		for d.PeekKind() != '}' && d.PeekKind() != ']' {
			if kind == '[' {
				if err := value(place + "[]"); err != nil {
					return err
				}
				continue
			}
			name, err := d.ReadToken()
			if err != nil {
				return err
			}
			next := name.String()
			if place != "" {
				next = place + "." + next
			}
			if err := value(next); err != nil {
				return err
			}
		}
		_, err := d.ReadToken()
		return err
	}
	for n := 0; ; n++ {
		switch d.PeekKind() {
		case 0:
			_, err := d.ReadToken()
			if errors.Is(err, io.EOF) && n > 0 {
				return nil
			}
			return f.badJSON(d, err)
		case '{':
			place := ""
			if want["[]"] != nil {
				place = "[]"
			}
			if err := value(place); err != nil {
				return f.badJSON(d, err)
			}
		case '[':
			if err := value(""); err != nil {
				return f.badJSON(d, err)
			}
		default:
			return f.wrong(d.InputOffset(), "neither an object nor a list stands there")
		}
	}
}

func (f *File) badJSON(d *jsontext.Decoder, err error) error {
	if x := (*fault.Fault)(nil); err == nil || errors.As(err, &x) {
		return err
	}
	var s *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return f.wrong(d.InputOffset(), "it ends in the middle: it was cut off, or is still being written")
	case errors.As(err, &s):
		return f.wrong(s.ByteOffset, "%s", strings.TrimPrefix(s.Error(), "jsontext: "))
	}
	return err
}

// take decodes one element; what does not fit is refused with its place.
func take[T any](f *File, raw []byte, at int64, into *T) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return f.wrong(at, "a value is not of the type that %s has there (%s)", f.format.title, strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// text is a JSON string or number as text.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if string(b) != "null" {
		*t = text(b)
	}
	return nil
}

// table reads CSV with a heading as maps; the delimiter is the one that the heading has.
func table(f *File, r io.Reader, row func(m map[string]string, at int64) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	head, _ := in.Peek(4 << 10)
	line, _, _ := bytes.Cut(head, []byte("\n"))
	c := csv.NewReader(in)
	c.Comma = ','
	if bytes.Count(line, []byte(";")) > bytes.Count(line, []byte(",")) {
		c.Comma = ';'
	}
	names, err := c.Read()
	if err != nil {
		return f.wrong(0, "it has no heading")
	}
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
	for i, n := range names {
		names[i] = strings.ToLower(strings.TrimSpace(n))
	}
	c.ReuseRecord = true
	for {
		at := c.InputOffset()
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return fault.New(fault.Invalid, "Nothing of %s was taken: line %d: %w.", f.o.Name, bad.Line, bad.Err)
		}
		if err != nil {
			return err
		}
		m := make(map[string]string, len(cells))
		for i, v := range cells {
			m[names[i]] = strings.Clone(v)
		}
		if err := row(m, at); err != nil {
			return err
		}
	}
}

// elements reads XML as a stream and hands over the elements of some names. What a document may declare is refused: entities
// grow without end, and files are read through them.
func elements(f *File, r io.Reader, do map[string]func(d *xml.Decoder, e xml.StartElement) error) error {
	d := xml.NewDecoder(r)
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("it is written in %s, and UTF-8 is needed", label)
	}
	depth, any := 0, false
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && any && depth == 0 {
			return nil
		}
		if err != nil {
			return f.badXML(d, err)
		}
		switch t := t.(type) {
		case xml.Directive:
			return f.wrong(d.InputOffset(), "it declares a document type, which a result needs not and which can make a reader follow it elsewhere")
		case xml.EndElement:
			depth--
		case xml.StartElement:
			any = true
			if h := do[t.Name.Local]; h != nil {
				if err := h(d, t.Copy()); err != nil {
					return f.badXML(d, err)
				}
				if t.Name.Local != "testsuite" && t.Name.Local != "testsuites" && t.Name.Local != "Benchmark" && t.Name.Local != "TestResult" {
					continue // it was read to its end
				}
			}
			if depth++; depth > 200 {
				return f.wrong(d.InputOffset(), "elements stand in one another more than 200 deep")
			}
		}
	}
}

func (f *File) badXML(d *xml.Decoder, err error) error {
	if x := (*fault.Fault)(nil); errors.As(err, &x) {
		return err
	}
	line, _ := d.InputPos()
	var s *xml.SyntaxError
	if errors.As(err, &s) {
		why := s.Msg
		if s.Msg == "unexpected EOF" {
			why = "it ends in the middle: it was cut off, or is still being written"
		}
		return fault.New(fault.Invalid, "Nothing of %s was taken: line %d: %s.", f.o.Name, s.Line, why)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Invalid, "Nothing of %s was taken: line %d: it ends in the middle.", f.o.Name, line)
	}
	return fault.New(fault.Invalid, "Nothing of %s was taken: line %d: %w.", f.o.Name, line, err)
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// recognise tells the format by what the file holds, never by its name.
func (f *File) recognise() error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	in := bufio.NewReaderSize(r, 64<<10)
	head, _ := in.Peek(64 << 10)
	start := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	unknown := fault.New(fault.Invalid, "The file %s is of no tool that is known here.", f.o.Name).
		WithNext("These are: OCSF (Prowler), SARIF, CycloneDX, XCCDF and ARF (OpenSCAP), Trivy, Grype, AWS Security Hub, JUnit, Powerpipe, osquery. Rows of your own go with --kind.")
	switch {
	case len(start) == 0:
		return fault.New(fault.Invalid, "The file %s is empty.", f.o.Name)
	case start[0] == '<':
		err = f.knowXML(in)
	case start[0] == '{' || start[0] == '[':
		err = f.knowJSON(in)
	default:
		line, _, _ := bytes.Cut(start, []byte("\n"))
		low := strings.ToLower(string(line))
		switch {
		case strings.Contains(low, "finding_uid") && strings.Contains(low, "check_id"):
			f.format = prowlerCSV(f)
		case strings.Contains(low, "status") && strings.Contains(low, "reason") && strings.Contains(low, "resource") && strings.Contains(low, "control_id"):
			f.format = powerpipeCSV(f)
		}
	}
	if err == nil && f.format == nil {
		err = unknown
	}
	return err
}

func (f *File) knowXML(r io.Reader) error {
	d := xml.NewDecoder(r)
	for {
		t, err := d.Token()
		if err != nil {
			return f.badXML(d, err)
		}
		switch t := t.(type) {
		case xml.Directive:
			return f.wrong(d.InputOffset(), "it declares a document type, which a result needs not and which can make a reader follow it elsewhere")
		case xml.StartElement:
			switch t.Name.Local {
			case "testsuite", "testsuites":
				f.format = junit(f)
			case "Benchmark", "TestResult", "asset-report-collection":
				f.format = xccdf(f)
			}
			return nil
		}
	}
}

// knowJSON looks at the names of the first object.
func (f *File) knowJSON(r io.Reader) error {
	d := jsontext.NewDecoder(r)
	if d.PeekKind() == '[' {
		if _, err := d.ReadToken(); err != nil {
			return f.badJSON(d, err)
		}
		if d.PeekKind() == ']' {
			return fault.New(fault.Invalid, "The file %s is an empty list, which does not say which tool made it.", f.o.Name).WithNext("Let the tool write a format that names itself, such as SARIF.")
		}
	}
	if d.PeekKind() != '{' {
		if d.PeekKind() == 0 {
			_, err := d.ReadToken()
			return f.badJSON(d, err)
		}
		return nil
	}
	if _, err := d.ReadToken(); err != nil {
		return f.badJSON(d, err)
	}
	var names []string
	has := func(all ...string) bool {
		return !slices.ContainsFunc(all, func(n string) bool { return !slices.Contains(names, n) })
	}
	for d.PeekKind() != '}' {
		t, err := d.ReadToken()
		if err != nil {
			return f.badJSON(d, err)
		}
		names = append(names, t.String())
		switch {
		case has("runs", "version"):
			f.format = sarif(f)
		case has("bomFormat"):
			f.format = cyclonedx(f)
		case has("SchemaVersion", "ArtifactName"):
			f.format = trivy(f)
		case has("matches", "descriptor"):
			f.format = grype(f)
		case has("SchemaVersion", "ProductArn"):
			f.format = asff(f)
		case has("Findings") && len(names) == 1:
			f.format, f.wrapped = asff(f), true
		case has("class_uid", "metadata"):
			f.format = ocsf(f)
		case has("group_id", "summary"), has("group_id", "controls"), has("group_id", "groups"):
			f.format = powerpipe(f)
		case has("hostIdentifier", "name"):
			f.format = osquery(f)
		case has("Action", "Package"):
			return fault.New(fault.Invalid, "The file %s is what go test -json writes.", f.o.Name).WithNext("Make JUnit of it, as with go-junit-report or gotestsum --junitfile.")
		}
		if f.format != nil {
			return nil
		}
		if err := d.SkipValue(); err != nil {
			return f.badJSON(d, err)
		}
	}
	return nil
}
