package risk

import (
	"encoding/json"
	"fmt"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Asset is an asset as its record says it.
type Asset struct {
	ID              string `json:"id"`
	Title           string `json:"title"`
	Sort            string `json:"sort"`
	System          string `json:"system"`
	Confidentiality int    `json:"confidentiality"`
	Integrity       int    `json:"integrity"`
	Availability    int    `json:"availability"`
	Until           string `json:"until"`
}

// ReadAsset reads an asset's record.
func ReadAsset(v record.Version) (Asset, error) {
	var a Asset
	if err := json.Unmarshal(v.Body, &a); err != nil {
		return a, fmt.Errorf("read the asset %s: %w", v.Key, err)
	}
	a.ID = v.Key
	return a, nil
}

// Held reports whether the organisation has the asset on a day, YYYY-MM-DD.
func (a Asset) Held(day string) bool { return a.Until == "" || day <= a.Until }

// Levelled reports whether all three needs of protection are known.
func (a Asset) Levelled() bool { return a.Confidentiality > 0 && a.Integrity > 0 && a.Availability > 0 }

// AssetKind declares what the organisation has that is worth protecting.
func AssetKind() record.Kind {
	need := func(name string) record.Field {
		return record.Field{Name: name, Type: record.Integer, Indexed: true, Help: "How much of it is needed, from 1, little, to 4, as much as can be."}
	}
	return record.Kind{
		Name: "asset", Title: "Asset", Plural: "Assets", Group: "Program",
		Help: "What is worth protecting: an application, a store of data, a service, a place, a group of devices; with the protection it needs.",
		Key:  "id", Label: "title",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Short and stable."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "sort", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"application", "data", "infrastructure", "device", "place", "people", "service", "document"}},
			{Name: "description", Type: record.Long, Hidden: true},
			{Name: "system", Type: record.Ref, Refers: "system", Indexed: true, Help: "The system it belongs to; empty for what is outside every boundary."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: "class", Title: "Classification", Type: record.Choice, Indexed: true, Choices: []string{"public", "internal", "confidential", "restricted"}},
			{Name: "personal", Title: "Holds personal data", Type: record.Bool, Indexed: true},
			need("confidentiality"), need("integrity"), need("availability"),
			{Name: "since", Type: record.Date, Help: "First day."},
			{Name: "until", Type: record.Date, Indexed: true, Help: "Last day; empty while the organisation has it."},
		},
		Guard: func(_, after map[string]any, _ record.Actor) error {
			b, err := json.Marshal(after)
			if err != nil {
				return err
			}
			a, err := ReadAsset(record.Version{Body: b})
			if err != nil {
				return err
			}
			for name, n := range map[string]int{"confidentiality": a.Confidentiality, "integrity": a.Integrity, "availability": a.Availability} {
				if _, said := after[name]; said && (n < 1 || n > 4) {
					return fault.New(fault.Invalid, "%s is %d, and goes from 1 to 4.", name, n).WithNext("Give a whole number from 1 to 4, or leave it out until it is known.")
				}
			}
			return nil
		},
	}
}
