package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"tickmark/internal/secret"
)

var escape = regexp.MustCompile("%[0-9A-F]{2}")

func TestASecretIsCoveredHoweverItIsSaidBack(t *testing.T) {
	pem := "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG+/jOPQMBBwRtMGsCAQEEIA==\nq0x7pQzU7i1R/9m2s+kYh3k4o8V2ZQd1xTn5Q==\n-----END PRIVATE KEY-----\n"
	inJSON, _ := json.Marshal(map[string]string{"private_key": pem})
	for _, s := range []string{"hunter2/+ &", "glpat-AbCdEfGhIjKlMnOpQrSt", "sixsix", pem, string(inJSON)} {
		var c secret.Cover
		c.Add("other secret", s)
		quoted, _ := json.Marshal(s)
		said := map[string]string{
			"raw": "bad token " + s + "!", "query": "/x?token=" + url.QueryEscape(s), "path": "/x/" + url.PathEscape(s), "lower": escape.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower),
			"json": `{"message":` + string(quoted) + `}`, "hex": hex.EncodeToString([]byte(s)), "HEX": strings.ToUpper(hex.EncodeToString([]byte("a" + s))),
		}
		for n, before := range []string{"", "u", "me", "ada:"} {
			said["base64 "+string(rune('0'+n))] = base64.StdEncoding.EncodeToString([]byte(before + s + "."))
			said["raw url "+string(rune('0'+n))] = base64.RawURLEncoding.EncodeToString([]byte(before + s))
		}
		for form, text := range said {
			hidden := c.Hide(text)
			if !strings.Contains(hidden, "…") {
				t.Errorf("%.12q is not covered in the form %s: %s", s, form, hidden)
			}
			if len(hidden) > len(text)-len(s)/2 && len(s) > 30 {
				t.Errorf("much of %.12q is left in the form %s: %s", s, form, hidden)
			}
		}
	}
	var c secret.Cover
	c.Add(pem, string(inJSON))
	for line := range strings.Lines(pem) { // quoted by itself, as in an error about line 2
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") && c.Hide("line: "+line) != "line: …" {
			t.Errorf("a line of a key is said: %s", c.Hide(line))
		}
	}
	c.Add("", "short")
	if c.Hide("a short word") != "a short word" {
		t.Error("a word of five letters is taken for a secret")
	}
	if (&secret.Cover{}).Hide("as it is") != "as it is" {
		t.Error("a cover that was told nothing hides something")
	}
}
