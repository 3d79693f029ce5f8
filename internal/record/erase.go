package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// EraseVerb is the verb of the action by which a record was erased.
const EraseVerb = "record.erased"

// Erase destroys the content of every version of a record: body, the source's bytes, label, actor, reason, key and the salts
// that tie them to the ledger; and the bytes of the source's answers that held it. What remains is that something of this kind stood here from when to when. The ledger keeps
// its entries and says who erased and why. A legal hold refuses.
func (b *Book) Erase(ctx context.Context, by Authority, kind, key, reason string) error {
	ki, err := b.kind(kind)
	if err != nil {
		return err
	}
	if err := by.May(ctx, "erase", ki.Kind); err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return fault.New(fault.Invalid, "Say why %s %s is erased.", strings.ToLower(ki.Title), key)
	}
	err = b.Log.Write(ctx, func(tx *ledger.Tx) error {
		ids, err := store.All[int64](ctx, tx, "SELECT id FROM record WHERE kind = $1 AND key = $2 ORDER BY id", ki.id, key)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return fault.New(fault.NotFound, "There is and was no %s %q.", strings.ToLower(ki.Title), key)
		}
		if err := b.writableNow(ctx, tx, ki, key, by.Actor()); err != nil {
			return err
		}
		if hold, err := b.held(ctx, tx, kind, key); err != nil {
			return err
		} else if hold != "" {
			return fault.New(fault.Denied, "%s %s is under a legal hold (%s) and cannot be erased.", ki.Title, key, hold).WithNext("End the hold first.")
		}
		if why, err := b.keeps(ctx, tx, ki, key); err != nil {
			return err
		} else if why != "" {
			return fault.New(fault.Denied, "%s %s cannot be erased: %s.", ki.Title, key, why).WithNext("It may be once that is over.")
		}
		for _, id := range ids {
			if err := b.erase(ctx, tx, ki, id, by.Actor().Name, reason); err != nil {
				return fmt.Errorf("erase %s: %w", kind, err)
			}
		}
		for _, name := range []string{"comment", "attachment", holdKind} { // what was said on the record goes with it
			about := b.info[name]
			if about == nil {
				continue
			}
			on, err := store.All[int64](ctx, tx, "SELECT DISTINCT record FROM value WHERE field = $1 AND value = $2", about.fields["on"], indexValue(Field{}, kind+"/"+key))
			if err != nil {
				return err
			}
			for _, id := range on {
				if err := b.erase(ctx, tx, about, id, by.Actor().Name, reason); err != nil {
					return fmt.Errorf("erase a %s: %w", name, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.DB.Forget(ctx)
}

// keeps is why a record is kept by what it belongs to; empty when it is not.
func (b *Book) keeps(ctx context.Context, q store.Q, ki *kindInfo, key string) (string, error) {
	if ki.governor == nil || ki.governor.Keeps == nil {
		return "", nil
	}
	of, governor := key, b.info[ki.governor.Name]
	if ki.governor != ki.Kind {
		v, err := b.get(AsProgram(ctx), q, ki, key, "", 0)
		if err != nil {
			return "", err
		}
		body, err := decode(v.Body)
		if err != nil {
			return "", err
		}
		of, _ = body[ki.governs].(string)
	}
	v, err := b.get(AsProgram(ctx), q, governor, of, "", 0)
	if fault.Is(err, fault.NotFound) {
		return "", nil // it was erased before, when it might be
	}
	if err != nil {
		return "", err
	}
	body, err := decode(v.Body)
	if err != nil {
		return "", err
	}
	return ki.governor.Keeps(body, b.Log.Now()), nil
}

// held is why a record is under a legal hold; empty when it is not.
func (b *Book) held(ctx context.Context, q store.Q, kind, key string) (string, error) {
	if b.info[holdKind] == nil {
		return "", nil
	}
	holds, err := b.Find(ctx, q, holdKind, "on", kind+"/"+key, 0)
	if err != nil || len(holds) == 0 {
		return "", err
	}
	return cmp.Or(holds[0].Label, "without a reason"), nil
}

// destroyed writes down that content is destroyed: by whom, and of which entries; detail names them.
func (b *Book) destroyed(ctx context.Context, tx *ledger.Tx, verb, actor, subject string, entries []int64, detail any) (int64, error) {
	slices.Sort(entries)
	return tx.ActAs(ctx, merkle.LeafErasure, verb, actor, subject, detail)
}

func (b *Book) erase(ctx context.Context, tx *ledger.Tx, ki *kindInfo, id int64, actor, reason string) error {
	entries, err := store.All[int64](ctx, tx, `SELECT entry FROM version WHERE record = $1 AND salt IS NOT NULL
		UNION SELECT a.entry FROM version v JOIN action a ON a.entry = v.closed WHERE v.record = $1 AND a.salt IS NOT NULL ORDER BY 1`, id)
	if err != nil {
		return err
	}
	answers, err := b.answersHolding(ctx, tx, id)
	if err != nil {
		return err
	}
	by, err := b.destroyed(ctx, tx, EraseVerb, actor, fmt.Sprintf("%s record %d", ki.Name, id), entries, map[string]any{"entries": entries, "answers": named(answers), "reason": reason})
	if err != nil {
		return err
	}
	if err := b.destroyAnswers(ctx, tx, answers, by); err != nil {
		return err
	}
	type row struct {
		Field int64  `db:"field"`
		Value string `db:"value"`
		N     int64  `db:"n"`
	}
	for field := range ki.tallied {
		rows, err := store.All[row](ctx, tx, "SELECT field, value, count(*) AS n FROM value WHERE field = $1 AND record = $2 AND valid_to = $3 GROUP BY field, value", field, id, store.Forever)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if _, err := tx.Exec(ctx, "UPDATE tally SET n = n - $1 WHERE field = $2 AND value = $3", r.N, r.Field, r.Value); err != nil {
				return err
			}
		}
	}
	for _, field := range ki.fields {
		if _, err := tx.Exec(ctx, "DELETE FROM value WHERE field = $1 AND record = $2", field, id); err != nil {
			return err
		}
	}
	for _, sql := range []string{
		"UPDATE version SET salt = NULL, body = NULL, raw = NULL, raw_hash = NULL, hash = $2, label = '', scope = '', actor = '', reason = '' WHERE record = $1",
		"UPDATE version SET valid_to = $2 WHERE record = $1 AND valid_to = 4611686018427387904",
		"DELETE FROM volatile WHERE record = $1",
		"UPDATE result SET reason = '', salt = NULL WHERE series IN (SELECT id FROM series) AND record = $1", // the sentences of checks may name somebody
		"UPDATE record SET key = $2 WHERE id = $1",
	} {
		args := []any{id}
		switch {
		case strings.Contains(sql, "hash = $2"):
			args = append(args, []byte{})
		case strings.Contains(sql, "valid_to = $2"):
			args = append(args, tx.Now)
		case strings.Contains(sql, "key = $2"):
			args = append(args, fmt.Sprintf("erased-%d", id))
		}
		if _, err := tx.Exec(ctx, sql, args...); err != nil {
			return err
		}
	}
	return b.eraseActions(ctx, tx, id)
}

// eraseActions destroys what closings of the record say about it: their subject is its key.
func (b *Book) eraseActions(ctx context.Context, tx *ledger.Tx, id int64) error {
	closings, err := store.All[int64](ctx, tx, "SELECT closed FROM version WHERE record = $1 AND closed IS NOT NULL", id)
	if err != nil {
		return err
	}
	for _, e := range closings {
		if _, err := tx.Exec(ctx, "UPDATE action SET salt = NULL, subject = '', detail = $2 WHERE entry = $1", e, []byte("{}")); err != nil {
			return err
		}
	}
	return nil
}
