package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tickmark/internal/exchange"
)

// refusedSchema is how the exchange of parcels refuses: by a name that programs can tell apart.
const refusedSchema = "ParcelRefused"

// addParcels puts the addresses of the exchange of parcels into the document. They are served by the exchange itself: the token of an
// invitation opens them, and nothing else does.
func (s *server) addParcels() {
	s.doc.Components.SecuritySchemes["parcels"] = &huma.SecurityScheme{Type: "http", Scheme: "bearer", Description: "The token of the company's invitation. It opens the exchange of one engagement and nothing else, and ends with the next invitation, with the exchange, or after 400 days."}
	s.doc.Components.Schemas.Map()[refusedSchema] = &huma.Schema{Type: huma.TypeObject, Required: []string{"refused", "detail"}, Properties: map[string]*huma.Schema{
		"refused": text("Why, as one word: broken, signature, foreign, gap, chain, content, ended, unknown; or the kind of another problem."), "detail": text("The same as a sentence."), "next": text("What to do.")}}
	standing := s.schemaOf(exchange.Standing{})
	whole := func(name, help string) param {
		zero := 0.0
		return param{name: name, help: help, schema: &huma.Schema{Type: huma.TypeInteger, Minimum: &zero}}
	}
	hash := param{name: "Tickmark-Parcel", help: "SHA-256 of the whole file of a parcel, in hexadecimal digits.", schema: text("")}
	for _, r := range []route{
		{method: "GET", path: exchange.Path, id: "parcels-standing", summary: "How far the exchange is", help: "With the hash of a parcel it says as well how much of it has arrived, so that a transfer goes on from there.", headers: []param{hash}, answer: standing},
		{method: "POST", path: exchange.Path, id: "parcels-part", summary: "Send a part of a parcel", help: "At most 8 MiB. With its last part the parcel is verified whole and taken, or refused: then nothing that it tells is kept. The same parcel again changes nothing.",
			headers: []param{hash, whole("Tickmark-Offset", "At which byte the part begins."), whole("Tickmark-Size", "How many bytes the whole parcel has.")}, file: []string{"application/zip"}, answer: standing},
		{method: "GET", path: exchange.Path + "/{number}", id: "parcels-fetch", summary: "Fetch a parcel of the company's", help: "From its first byte, or from the one that is asked for.", headers: []param{whole("Tickmark-Offset", "From which byte on.")}, media: []string{"application/zip"}},
	} {
		r.tag, r.status = "Parcels", http.StatusOK
		op := s.operation(&r)
		op.Security = []map[string][]string{{"parcels": {}}}
		op.Responses["default"] = &huma.Response{Description: "A refusal", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: refs + refusedSchema}}}}
		s.doc.AddOperation(op)
	}
}

// withParcels hands what is asked of the exchange to it, before anything here asks who is signed in.
func (s *server) withParcels(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == exchange.Path || strings.HasPrefix(r.URL.Path, exchange.Path+"/") {
			s.Parcels.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
