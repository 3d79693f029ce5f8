package api

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

const (
	ledgerPath  = "/api/v1/ledger"
	actionsPath = "/api/v1/actions"
)

// Head is where the ledger stands.
type Head struct {
	Origin string        `json:"origin"`
	Size   int64         `json:"size"`
	Root   string        `json:"root" doc:"The Merkle root, base64."`
	At     *store.Moment `json:"at" nullable:"true" doc:"The recorded time of the last entry."`
	Key    string        `json:"key" doc:"The verifier key, as tickmark verify --key takes it."`
}

// Checkpoint is a signed statement of the ledger's size and root.
type Checkpoint struct {
	Origin     string `json:"origin"`
	Size       int64  `json:"size"`
	Root       string `json:"root"`
	Key        string `json:"key"`
	Checkpoint string `json:"checkpoint" doc:"The C2SP signed checkpoint."`
}

// Entry is one entry of the ledger: a commitment, never data.
type Entry struct {
	Entry      int64        `json:"entry"`
	Type       string       `json:"type" doc:"What it commits to: version, close, run, results, action, erasure or manifest."`
	At         store.Moment `json:"at"`
	Commitment string       `json:"commitment" doc:"Base64."`
	Leaf       string       `json:"leaf" doc:"The entry's bytes, base64."`
}

// Inclusion proves that an entry is in the tree of a size.
type Inclusion struct {
	Entry int64    `json:"entry"`
	Size  int64    `json:"size"`
	Leaf  string   `json:"leaf"`
	Proof []string `json:"proof" doc:"RFC 6962, base64."`
}

// Consistency proves that the tree of one size is the beginning of the tree of another.
type Consistency struct {
	Old   int64    `json:"old"`
	Size  int64    `json:"size"`
	Proof []string `json:"proof" doc:"RFC 6962, base64; empty when nothing needs proving."`
}

// Actions is a part of the list of what was done.
type Actions struct {
	Actions []Action `json:"actions"`
	Next    int64    `json:"next" doc:"The below of the next page; 0 at the end."`
}

// Action is something a person or job did.
type Action struct {
	Entry   int64           `json:"entry"`
	At      store.Moment    `json:"at"`
	Verb    string          `json:"verb"`
	Actor   string          `json:"actor"`
	Subject string          `json:"subject" doc:"Empty when it was erased or is not yours to read."`
	Detail  json.RawMessage `json:"detail"`
}

func (s *server) ledgerRoutes() []route {
	tag := "Ledger"
	return []route{
		{method: "GET", path: ledgerPath, id: "ledger-head", tag: tag, summary: "Where the ledger stands", answer: s.schemaOf(Head{}), serve: (*call).head},
		{method: "GET", path: ledgerPath + "/checkpoint", id: "ledger-checkpoint", tag: tag, summary: "The ledger as it stands, signed",
			answer: s.schemaOf(Checkpoint{}), serve: (*call).checkpoint},
		{method: "GET", path: ledgerPath + "/entries", id: "ledger-entries", tag: tag, summary: "Entries in order",
			query:  []param{whole("from", "The first entry; 0 when left out.", 0, 0), whole("limit", "Entries, 100 when left out.", 1, 1000)},
			answer: listOf(s.schemaOf(Entry{})), serve: (*call).entries},
		{method: "GET", path: ledgerPath + "/inclusion", id: "ledger-inclusion", tag: tag, summary: "Prove that an entry is in the ledger",
			query:  []param{must(whole("entry", "the index of the entry.", 0, 0)), whole("size", "Of the tree; as it stands when left out.", 1, 0)},
			answer: s.schemaOf(Inclusion{}), serve: (*call).inclusion},
		{method: "GET", path: ledgerPath + "/consistency", id: "ledger-consistency", tag: tag, summary: "Prove that nothing was rewritten since an earlier size",
			query:  []param{must(whole("old", "the size of the checkpoint you hold.", 0, 0)), whole("size", "Of the later tree; as it stands when left out.", 1, 0)},
			answer: s.schemaOf(Consistency{}), serve: (*call).consistency},
		{method: "GET", path: actionsPath, id: "list-actions", tag: tag, summary: "What people and jobs did, newest first",
			help:   "Sign-ins, tokens, roles, endings, erasures. Who may read users may read it.",
			query:  []param{whole("below", "Only entries below this one.", 1, 0), whole("limit", "Actions, 100 when left out.", 1, 1000)},
			answer: s.schemaOf(Actions{}), serve: (*call).actions},
	}
}

func must(p param) param { p.required = true; return p }

func (c *call) head() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	log := c.s.Book.Log
	h, err := log.Head(c.r.Context(), log.DB)
	if err != nil {
		return nil, err
	}
	out := Head{Origin: log.Origin, Size: h.Size, Root: h.Root.String(), Key: log.VKey}
	if h.Size > 0 {
		out.At = &h.At
	}
	return out, nil
}

func (c *call) checkpoint() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	log := c.s.Book.Log
	signed, err := log.Checkpoint(c.r.Context())
	if err != nil {
		return nil, err
	}
	p, err := merkle.OpenCheckpoint(signed, log.VKey)
	return Checkpoint{p.Origin, p.Size, p.Root.String(), log.VKey, string(signed)}, err
}

func (c *call) entries() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	from, log := c.number("from", 0), c.s.Book.Log
	list, err := log.Entries(c.r.Context(), log.DB, from, from+c.number("limit", 100))
	if err != nil {
		return nil, err
	}
	out := make([]Entry, len(list))
	for i, b := range list {
		leaf, err := merkle.ParseLeaf(b)
		if err != nil {
			return nil, err
		}
		out[i] = Entry{from + int64(i), leaf.Type, store.Moment(leaf.At), encoded(leaf.Commitment[:]), encoded(b)}
	}
	return out, nil
}

// within reads the sizes or index of a proof, and refuses what the ledger does not have.
func (c *call) within(tx store.Q, low int64) (size int64, err error) {
	h, err := c.s.Book.Log.Head(c.r.Context(), tx)
	if err != nil {
		return 0, err
	}
	if size = c.number("size", h.Size); size > h.Size {
		return 0, fault.New(fault.Invalid, "size: the ledger has %d entries.", h.Size)
	}
	if low > size {
		return 0, fault.New(fault.Invalid, "%d lies beyond the tree of size %d.", low, size)
	}
	return size, nil
}

func (c *call) inclusion() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	ctx, log := c.r.Context(), c.s.Book.Log
	out := Inclusion{Entry: c.number("entry", 0), Proof: []string{}}
	err := log.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if out.Size, err = c.within(tx, out.Entry+1); err != nil {
			return err
		}
		leaves, err := log.Entries(ctx, tx, out.Entry, out.Entry+1)
		if err != nil || len(leaves) != 1 {
			return err
		}
		out.Leaf = encoded(leaves[0])
		proof, err := log.ProveEntry(ctx, tx, out.Size, out.Entry)
		for _, h := range proof {
			out.Proof = append(out.Proof, h.String())
		}
		return err
	})
	return out, err
}

func (c *call) consistency() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	ctx, log := c.r.Context(), c.s.Book.Log
	out := Consistency{Old: c.number("old", 0), Proof: []string{}}
	err := log.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if out.Size, err = c.within(tx, out.Old); err != nil || out.Old == 0 {
			return err
		}
		proof, err := log.ProveTree(ctx, tx, out.Size, out.Old)
		for _, h := range proof {
			out.Proof = append(out.Proof, h.String())
		}
		return err
	})
	return out, err
}

func encoded(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func (c *call) actions() (any, error) {
	users := access.Kind()
	if err := c.who.May(c.r.Context(), access.Read, &users); err != nil {
		return nil, err
	}
	limit := int(c.number("limit", 100))
	list, err := c.s.Book.Log.Actions(c.r.Context(), c.s.Book.DB, c.number("below", 0), limit+1)
	if err != nil {
		return nil, err
	}
	out := Actions{Actions: []Action{}}
	for i, a := range list {
		if i == limit {
			out.Next = list[i-1].Entry
			break
		}
		out.Actions = append(out.Actions, c.action(a))
	}
	return out, nil
}

// action leaves out what an action says of a record in a room that the caller may not enter.
func (c *call) action(a ledger.Action) Action {
	out := Action{Entry: a.Entry, At: a.At, Verb: a.Verb, Actor: a.Actor, Subject: a.Subject, Detail: a.Detail}
	name, _, _ := strings.Cut(a.Subject, "/")
	name, _, _ = strings.Cut(name, " ") // "person record 7", of an erasure
	k, err := c.s.Book.Kinds.Named(name)
	if err == nil && k.Room != record.Company && c.reads(k) != nil {
		out.Subject, out.Detail = "", json.RawMessage("{}")
	}
	return out
}
