package collect

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
)

// hookSecret is where the secret of a connection's hook is sealed, beside its settings.
const hookSecret = "_webhook"

// HookPath is where the service of a connection sends its messages, on this workspace's address.
func HookPath(name string) string { return "/hooks/" + url.PathEscape(name) }

// OpenHook lets the service say that something changed: it makes a new secret for it and returns that, once. A secret of
// before no longer counts. by needs the verb connect.
func (c *Collector) OpenHook(ctx context.Context, by record.Authority, name string) (string, error) {
	conn, err := c.hookable(ctx, by, name)
	if err != nil {
		return "", err
	}
	made := rand.Text() + rand.Text()
	sealed, err := c.Keys.Seal(secret.Place{Connection: name, Setting: hookSecret}, secret.Of(made))
	if err != nil {
		return "", err
	}
	err = c.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		if err := store.InsertOr(ctx, tx, "sealed", []string{"connection", "setting", "value"}, "ON CONFLICT (connection, setting) DO UPDATE SET value = excluded.value", [][]any{{name, hookSecret, sealed}}); err != nil {
			return err
		}
		if _, err := tx.Act(ctx, "connection.hook_opened", by.Actor().Name, name, nil); err != nil {
			return err
		}
		return c.setHook(ctx, tx, by, conn, true, "the service may say that something changed")
	})
	return made, err
}

// CloseHook ends it.
func (c *Collector) CloseHook(ctx context.Context, by record.Authority, name string) error {
	conn, err := c.hookable(ctx, by, name)
	if err != nil {
		return err
	}
	return c.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sealed WHERE connection = $1 AND setting = $2", name, hookSecret); err != nil {
			return err
		}
		return c.setHook(ctx, tx, by, conn, false, "the service no longer says that something changed")
	})
}

func (c *Collector) hookable(ctx context.Context, by record.Authority, name string) (Connection, error) {
	kind, err := c.Book.Kinds.Named(ConnectionKind)
	if err != nil {
		return Connection{}, err
	}
	if err := by.May(ctx, "connect", kind); err != nil {
		return Connection{}, err
	}
	conn, err := c.Connection(ctx, name)
	if err != nil {
		return conn, err
	}
	k, err := c.Connector(conn.Connector)
	if err != nil {
		return conn, err
	}
	if k.Hook == nil {
		return conn, fault.New(fault.Invalid, "%s has no way to tell when something changes.", k.Title).WithNext("Shorten the connection's interval instead.")
	}
	return conn, nil
}

func (c *Collector) setHook(ctx context.Context, tx *ledger.Tx, by record.Authority, conn Connection, on bool, why string) error {
	conn.Webhook = on
	body, err := json.Marshal(conn)
	if err != nil {
		return err
	}
	_, err = c.Book.PutIn(ctx, tx, onBehalf(by), record.Change{Kind: ConnectionKind, Key: conn.Name, Body: body, Reason: why})
	return err
}

// Heard reports whether a request really comes from the service of a connection, and what to answer when it only asks
// whether the address is ours. Whoever may not know hears the same of a connection that there is not, or without a hook.
func (c *Collector) Heard(ctx context.Context, name string, h http.Header, body []byte) (conn Connection, answer []byte, err error) {
	nowhere := fault.New(fault.NotFound, "Nothing listens here.")
	if conn, err = c.Connection(ctx, name); err != nil {
		if fault.Is(err, fault.NotFound) {
			err = nowhere
		}
		return conn, nil, err
	}
	k, err := c.Connector(conn.Connector)
	if err != nil || k.Hook == nil || !conn.Webhook {
		return conn, nil, nowhere
	}
	sealed, err := store.One[[]byte](ctx, c.Book.DB, "SELECT value FROM sealed WHERE connection = $1 AND setting = $2", name, hookSecret)
	if err != nil {
		return conn, nil, nowhere
	}
	open, err := c.Keys.Open(secret.Place{Connection: name, Setting: hookSecret}, sealed)
	if err != nil {
		return conn, nil, err
	}
	if !k.Hook.Verify(open.Reveal(), h, body) {
		return conn, nil, fault.New(fault.Denied, "Who sent this does not know the secret.")
	}
	if k.Hook.Challenge != nil {
		answer, _ = k.Hook.Challenge(h)
	}
	return conn, answer, nil
}
