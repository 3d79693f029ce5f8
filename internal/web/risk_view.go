package web

import (
	"tickmark/internal/web/part"
)

// RiskPage shows the register as a map by likelihood and impact, and as a list; or as the matrix of assets.
type RiskPage struct {
	Whole  bool // assets, risks and measures as one table, instead of the register
	Tabs   []part.Tab
	Cards  []part.Stat
	May    bool
	Any    bool
	Left   bool // by what remains; otherwise by what was there before any measure
	Map    [5][5]int
	Rows   []RiskRow
	Matrix []AssetRow
	Lost   []RiskRow // of no asset
	Filter part.Filter
}

// RiskRow is one risk.
type RiskRow struct {
	ID, Title, Href    string
	Owner              string
	State              part.Status
	Response           string
	Inherent, Residual int // 0 while nobody rated it
	Level              part.Status
	Affects            []string
	Controls, Due      []part.Link // measures in place, and tasks that are not over
	Until              string      // accepted through
}

// AssetRow is one asset with what may happen to it.
type AssetRow struct {
	ID, Title, Href string
	Sort            string
	Needs           [3]int // confidentiality, integrity, availability; 0 unknown
	Risks           []RiskRow
}

// Rating is what counts now.
func (r RiskRow) Rating() int {
	if r.Residual > 0 {
		return r.Residual
	}
	return r.Inherent
}
