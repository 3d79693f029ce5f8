package access

import (
	"context"
	"encoding/hex"
	"fmt"

	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// What a ceremony is for. One begun for a purpose ends no other.
const (
	toAddPasskey  = "add passkey"
	toSignIn      = "sign in"
	toSetPassword = "set password"
)

// begin keeps what the server must remember between the two halves of a ceremony. The browser's session holds its name; a
// session runs one at a time.
func (g *Gate) begin(ctx context.Context, purpose, user string, data []byte) error {
	plain, id := newToken()
	err := g.db.Write(ctx, func(tx *store.Tx) error {
		return store.Insert(ctx, tx, "sign_in_ceremony", []string{"id", "purpose", "user_key", "data", "expires"},
			[][]any{{id, purpose, user, data, store.At(g.now().Add(ceremonyLife))}})
	})
	if err != nil {
		return fmt.Errorf("begin to %s: %w", purpose, err)
	}
	g.scs.Put(ctx, keyCeremony, plain)
	return nil
}

// begun returns what begin kept, for the same purpose and user, and how to consume it: once, by whoever commits first.
func (g *Gate) begun(ctx context.Context, purpose, user string) (data []byte, consume func(store.Q) error, err error) {
	over := fault.New(fault.SignIn, "That took too long, or was begun in another browser.").WithNext("Begin again.")
	id := hashed(g.scs.GetString(ctx, keyCeremony))
	data, err = store.One[[]byte](ctx, g.db, "SELECT data FROM sign_in_ceremony WHERE id = $1 AND purpose = $2 AND user_key = $3 AND expires > $4",
		id, purpose, user, store.At(g.now()))
	if missing(err) {
		return nil, nil, over
	}
	if err != nil {
		return nil, nil, fmt.Errorf("go on to %s: %w", purpose, err)
	}
	return data, func(tx store.Q) error {
		n, err := tx.Exec(ctx, "DELETE FROM sign_in_ceremony WHERE id = $1", id)
		if err != nil {
			return fmt.Errorf("finish to %s: %w", purpose, err)
		}
		if n != 1 {
			return over
		}
		return nil
	}, nil
}

// short is a random name for a row, shown to people.
func short(hash []byte) string { return hex.EncodeToString(hash[:8]) }
