package signature

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Verified is what looking at every signature of a workspace again came to.
type Verified struct {
	Signatures int `json:"signatures"`
	Gone       int `json:"gone"` // over versions whose content was destroyed, so that only the hash is left to compare
}

// Verify holds every signature on record against the key that it names and the version that it is over. The first that does not hold is
// the error.
func Verify(ctx context.Context, book *record.Book) (Verified, error) {
	var v Verified
	if _, err := book.Kinds.Named(Name); err != nil {
		return v, nil
	}
	var all []record.Version
	if err := book.EachOpen(ctx, book.DB, Name, func(s record.Version) error { all = append(all, s); return nil }); err != nil {
		return v, err
	}
	for _, s := range all {
		if s.Erased {
			v.Gone++
			continue
		}
		b, err := engagement.Body(s)
		if err != nil {
			return v, err
		}
		v.Signatures++
		text := func(f string) string { return engagement.Text(b, f) }
		wrong := func(format string, args ...any) error {
			return fault.New(fault.Unavailable, "The signature of %s on %s %s does not hold: %s.", text("person"), text("of_kind"), text("of"), fmt.Sprintf(format, args...)).WithNext("Somebody wrote it past the rules. Restore a backup, and ask who had the database.")
		}
		k, err := book.GetFrom(ctx, KeyName, text("key"), record.Program, 0, record.Auditor)
		if fault.Is(err, fault.NotFound) {
			return v, wrong("its key is not on record")
		}
		if err != nil {
			return v, err
		}
		kb, err := engagement.Body(k)
		if err != nil {
			return v, err
		}
		revoked, _ := time.Parse(time.RFC3339Nano, engagement.Text(kb, "revoked_at"))
		history, err := book.HistoryFor(ctx, text("of_kind"), text("of"), record.Auditor)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return v, err
		}
		over := slices.ContainsFunc(history, func(x record.Version) bool {
			return hex.EncodeToString(x.Hash) == text("hash") || !x.Erased && len(x.Body) > 0 && Hash(x.Body) == text("hash")
		})
		switch {
		case engagement.Text(kb, "person") != text("person"):
			return v, wrong("its key is one of %s", engagement.Text(kb, "person"))
		case !revoked.IsZero() && revoked.Before(s.From.Time()):
			return v, wrong("its key was revoked before")
		case !Holds(engagement.Text(kb, "key"), text("signature"), text(engagement.Name), text("act"), text("of_kind"), text("of"), text("hash"), text("person")):
			return v, wrong("it is not that of its key over what it names")
		case !over:
			return v, wrong("no version of that record has the hash that was signed")
		}
	}
	return v, nil
}
