// Package wording finds what must not be said of a SOC 2 report and names the right words. The one rule: it warns and
// never rewrites, because only the writer knows what was meant.
package wording

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Found is a phrase that says something untrue or outdated.
type Found struct {
	At     int    // where it begins, in bytes
	Line   int    // counted from 1
	Column int    // counted from 1, in characters
	Text   string // as it stands there
	Say    string // what to say instead
	Why    string
}

type rule struct {
	phrase   *regexp.Regexp
	unless   *regexp.Regexp // over what comes before in the same sentence: then the phrase is right as it is
	say, why string
}

const (
	noCertificate = "A CPA firm gives an opinion in an attestation report; nobody is certified and no certificate exists."
	noCompliance  = "SOC 2 is no set of rules that one complies with; an examination ends in an opinion about a system and a period."
	oldName       = "Since 2017 they are the trust services criteria, in five categories."
)

// negated lets a text say that there is no certification.
var negated = regexp.MustCompile(`(?i)\b(not|no|never|nobody is|nothing is|isn't|aren't|cannot be|can't be|without|instead of|rather than|nor)\b(\s+\S+){0,3}\s*$`)

func words(p string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b` + strings.ReplaceAll(p, " ", `[\s\-\x{00a0}]+`) + `\b`)
}

// soc is the name of a report, however it is written.
const soc = `SOC[\s\-]*[123](?:[\s\-]+type[\s\-]*(?:1|2|i|ii))?`

func rules() []rule {
	return []rule{
		{words(soc + ` certification`), negated, "SOC 2 examination, or SOC 2 report", noCertificate},
		{words(soc + ` certificates?`), negated, "SOC 2 report", noCertificate},
		{words(soc + ` (?:certified|accredited)`), negated, "examined by an independent CPA firm; the SOC 2 report is available on request", noCertificate},
		{words(`(?:certified|accredited) (?:(?:to|for|under|against|by|in|as) )?(?:the )?` + soc), negated, "examined against the trust services criteria", noCertificate},
		{words(`(?:certification|accreditation) (?:for|of|to|under|against) (?:the )?` + soc), negated, "SOC 2 examination", noCertificate},
		{words(`certif(?:y|ies|ied|ying) (?:by|through|with) the AICPA`), negated, "examined by an independent CPA firm", "The AICPA sets the criteria and certifies nobody."},
		{words(`AICPA (?:certified|certificates?|certification|accredited|approved)`), negated, "examined by an independent CPA firm", "The AICPA sets the criteria and certifies nobody."},
		{words(soc + ` compliant`), negated, "has a SOC 2 report for the stated period", noCompliance},
		{words(soc + ` compliance`), negated, "SOC 2 examination, or SOC 2 programme", noCompliance},
		{words(`(?:compliant|compliance|comply|complies|complying|conform|conforms|conformity) (?:with|to) (?:the )?` + soc), negated, "examined against the trust services criteria", noCompliance},
		{words(`(?:pass|passes|passed|passing|fail|fails|failed|failing) (?:our |its |the |their |a )?` + soc + `(?: (?:audit|examination))?`), negated, "received a SOC 2 report, and say which opinion it holds", "A report is not passed or failed; it holds an opinion, which may be qualified."},
		{words(soc + ` (?:score|rating|ranking|grade)s?`), negated, "the opinion in the SOC 2 report", "An opinion has no score and no rank."},
		{regexp.MustCompile(`(?i)(?:\b(?:fully|completely)|\b100[\s\x{00a0}]*%)[\s\-\x{00a0}]+(?:compliant|certified|secure)\b`), negated, "what was examined, by whom, and for which period", "No examination shows that all is well at all times; an opinion gives reasonable assurance."},
		{words(`(?:SOC[\s\-]*2|trust services?) principles?`), nil, "trust services criteria", oldName},
		{words(`trust service criteria`), nil, "trust services criteria", "The name has services in the plural."},
		{words(`service organi[sz]ations? controls?(?: reports?)?`), nil, "System and Organization Controls", "The AICPA's name for SOC has been System and Organization Controls since 2017."},
		{words(`(?:guarantees?|guaranteed|guaranteeing) (?:by )?(?:our |the |a )?` + soc), negated, "reasonable assurance, as the report states it", "An opinion gives reasonable assurance, not a guarantee."},
	}
}

var all = rules()

// Check returns what is wrongly worded in a text, in its order.
func Check(text string) []Found {
	var out []Found
	for _, r := range all {
		for _, at := range r.phrase.FindAllStringIndex(text, -1) {
			if r.unless != nil && r.unless.MatchString(sentence(text[:at[0]])) {
				continue
			}
			out = append(out, Found{At: at[0], Line: 1 + strings.Count(text[:at[0]], "\n"),
				Column: 1 + len([]rune(text[strings.LastIndexByte(text[:at[0]], '\n')+1:at[0]])), Text: text[at[0]:at[1]], Say: r.say, Why: r.why})
		}
	}
	slices.SortStableFunc(out, func(a, b Found) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(len(b.Text), len(a.Text))) })
	end := 0
	return slices.DeleteFunc(out, func(f Found) bool { // of two that overlap the first says it
		within := f.At < end
		end = max(end, f.At+len(f.Text))
		return within
	})
}

// sentence is what stands before, since the sentence began.
func sentence(before string) string {
	if i := strings.LastIndexAny(before, ".;:!?\n|"); i >= 0 {
		return before[i+1:]
	}
	return before
}
