package wording

import (
	"strings"
	"testing"
)

func TestWrongWordsAreFoundWithTheirPlaceAndTheRightOnes(t *testing.T) {
	for text, phrase := range map[string]string{
		"We are SOC 2 certified.":                               "SOC 2 certified",
		"Ask for our SOC2 certification":                        "SOC2 certification",
		"our SOC 2 Type II certificate":                         "SOC 2 Type II certificate",
		"We are certified under SOC 2":                          "certified under SOC 2",
		"an AICPA-certified provider":                           "AICPA-certified",
		"We are compliant with SOC 2 since May":                 "compliant with SOC 2",
		"Example is SOC 2 compliant":                            "SOC 2 compliant",
		"SOC 2\ncompliance matters":                             "SOC 2\ncompliance",
		"We comply with SOC 2.":                                 "comply with SOC 2",
		"We passed our SOC 2 audit":                             "passed our SOC 2 audit",
		"the SOC 2 principles":                                  "SOC 2 principles",
		"the Trust Services Principles":                         "Trust Services Principles",
		"Trust Service Criteria":                                "Trust Service Criteria",
		"Service Organization Control reports":                  "Service Organization Control reports",
		"You are fully compliant with it":                       "fully compliant",
		"Your data is 100 % secure":                             "100 % secure",
		"Our SOC 2 score is 98":                                 "SOC 2 score",
		"This is not legal advice. We are SOC 2 certified now.": "SOC 2 certified",
	} {
		found := Check(text)
		if len(found) != 1 || found[0].Text != phrase {
			t.Errorf("%q: %+v", text, found)
			continue
		}
		if f := found[0]; text[f.At:f.At+len(f.Text)] != phrase || f.Say == "" || f.Why == "" {
			t.Errorf("%q: %+v", text, f)
		}
	}
}

func TestRightWordsAreLeftAlone(t *testing.T) {
	for _, text := range []string{
		"An independent CPA firm examined the system; the SOC 2 report is available under agreement.",
		"There is no SOC 2 certification.", "Nobody is SOC 2 certified; a firm gives an opinion.",
		"The engineer is certified in Kubernetes. The trust services criteria apply.",
		"We comply with the law. Our SOC 2 examination covers six months.", "System and Organization Controls", "ISO 27001 certified",
		"Nothing is completely secure.", "The device is compliant again.",
	} {
		if found := Check(text); len(found) > 0 {
			t.Errorf("%q: %+v", text, found)
		}
	}
}

func TestThePlaceIsCountedInLinesAndCharacters(t *testing.T) {
	f := Check("Ünsere Seite\n— SOC 2 certified —")
	if len(f) != 1 || f[0].Line != 2 || f[0].Column != 3 {
		t.Errorf("%+v", f)
	}
	if n := len(Check(strings.Repeat("SOC 2 certified and ", 50))); n != 50 {
		t.Errorf("found %d", n)
	}
}
