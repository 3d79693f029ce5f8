package part

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"strings"

	"github.com/a-h/templ"
)

// MaxShown is how much of a document a page shows; the rest is downloaded.
const MaxShown = 256 << 10

// JSON shows a document indented and coloured. Its numbers and strings stand exactly as in the source; what is no JSON is shown as it is.
func JSON(doc []byte) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b bytes.Buffer
		cut := len(doc) > MaxShown
		var out bytes.Buffer
		out.WriteString(`<pre class="block json wrap" tabindex="0">`)
		if !cut && json.Indent(&b, doc, "", "  ") == nil {
			colour(&out, b.Bytes())
		} else {
			out.WriteString(html.EscapeString(string(doc[:min(len(doc), MaxShown)])))
		}
		if cut {
			out.WriteString("\n…")
		}
		out.WriteString(`</pre>`)
		_, err := w.Write(out.Bytes())
		return err
	})
}

// colour writes indented JSON with a class on each token.
func colour(out *bytes.Buffer, b []byte) {
	span := func(class string, text []byte) {
		out.WriteString(`<span class="` + class + `">`)
		out.WriteString(html.EscapeString(string(text)))
		out.WriteString(`</span>`)
	}
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '"':
			j := i + 1
			for j < len(b) && b[j] != '"' {
				if b[j] == '\\' {
					j++
				}
				j++
			}
			j = min(j+1, len(b))
			class := "s"
			if j < len(b) && b[j] == ':' {
				class = "k"
			}
			span(class, b[i:j])
			i = j
		case c == '-' || c >= '0' && c <= '9':
			j := i
			for j < len(b) && strings.IndexByte("+-0123456789.eE", b[j]) >= 0 {
				j++
			}
			span("n", b[i:j])
			i = j
		case c >= 'a' && c <= 'z':
			j := i
			for j < len(b) && b[j] >= 'a' && b[j] <= 'z' {
				j++
			}
			span("b", b[i:j])
			i = j
		default:
			out.WriteByte(c)
			i++
		}
	}
}
