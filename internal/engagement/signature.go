package engagement

import (
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// RequiresSignatures reports whether sign-offs of an engagement must carry the own signatures of those who gave them.
func RequiresSignatures(body map[string]any) bool { return body["require_signatures"] == true }

// Signed refuses what an act left of a record while the one who acted did not sign it with a key of his own afterwards. That a signature
// is over that very version is held when it is put on record.
func Signed(look record.Look, kind, key string, body map[string]any, act string) error {
	by, at := Text(body, act+"_by"), Text(body, act+"_at")
	found, err := look.Find("auditor_signature", "of", key)
	if err != nil {
		return err
	}
	acted, err := time.Parse(time.RFC3339Nano, at)
	for _, v := range found {
		s, err2 := Body(v)
		if err2 != nil {
			return err2
		}
		if err == nil && by != "" && s["of_kind"] == kind && s["act"] == act && s["person"] == by && !v.From.Time().Before(acted.Truncate(time.Microsecond)) {
			return nil
		}
	}
	return fault.New(fault.Conflict, "%s %s was %s by %s without that person's own signature, which this engagement requires.", strings.ReplaceAll(kind, "_", " "), key, act, orNobody(by)).
		WithNext("That person signs: tickmark audit sign %s %s %s --with KEYFILE.", act, kind, key)
}

func orNobody(by string) string {
	if by == "" {
		return "nobody"
	}
	return by
}

// signed asks for the signatures of every sign-off that stands, where the engagement requires them.
func signed(look record.Look, b map[string]any) error {
	if !RequiresSignatures(b) {
		return nil
	}
	for _, x := range []struct {
		kind, act string
		states    []string
	}{
		{"nonce", "committed", nil}, {"workpaper", "reviewed", []string{"reviewed"}}, {"workpaper", "signed", []string{"partner_signed"}}, {"opinion", "signed", []string{"signed"}},
	} {
		found, err := look.Find(x.kind, Name, Text(b, "id"))
		if err != nil {
			return err
		}
		for _, v := range found {
			r, err := Body(v)
			if err != nil {
				return err
			}
			stands := x.states == nil
			for _, s := range x.states {
				stands = stands || r[record.StateField] == s
			}
			if !stands {
				continue
			}
			if err := Signed(look, x.kind, v.Key, r, x.act); err != nil {
				return err
			}
		}
	}
	return nil
}
