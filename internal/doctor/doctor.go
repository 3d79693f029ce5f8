// Package doctor looks at a workspace from outside its daily work: whether it is kept safe, whether its sources answer, and what
// takes its space. The one rule: it reads and never mends, so that it can be run at any time.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tickmark/internal/agent"
	"tickmark/internal/blob"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/report/verify"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

// The outcomes, the better first.
const (
	Good = "good"
	Warn = "warn" // it works, and somebody should know
	Bad  = "bad"  // something is lost, or will be
)

// Line is one thing that was looked at.
type Line struct {
	What  string `json:"what"`
	State string `json:"state"`
	Said  string `json:"said"`
	Next  string `json:"next,omitempty"` // what to do about it
}

const (
	littleSpace = 1 << 30
	oldBackup   = 7 * 24 * time.Hour
)

// Look examines a workspace. An error is of the looking; what is wrong with the workspace is in the lines.
func Look(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	var out []Line
	for _, look := range []func(context.Context, *workspace.Workspace) ([]Line, error){database, room, keys, clock, files, backups, anchors, sources, checks, answers, people} {
		lines, err := look(ctx, w)
		if err != nil {
			return out, err
		}
		out = append(out, lines...)
	}
	return out, nil
}

// Worst is the worst state among the lines.
func Worst(lines []Line) string {
	order := []string{Good, Warn, Bad}
	worst := 0
	for _, l := range lines {
		worst = max(worst, slices.Index(order, l.State))
	}
	return order[worst]
}

func one(what, state, next, format string, args ...any) []Line {
	return []Line{{What: what, State: state, Said: fmt.Sprintf(format, args...), Next: next}}
}

func database(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	var said, engine string
	var version int64
	err := w.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if version, err = store.Version(ctx, tx); err != nil {
			return err
		}
		engine = "PostgreSQL"
		if w.DB.Engine == store.SQLite {
			engine = "SQLite"
			said, err = store.One[string](ctx, tx, "PRAGMA quick_check(1)")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if engine == "SQLite" && said != "ok" {
		return one("database", Bad, "Stop the server, keep the file, and restore the last backup: tickmark restore.", "SQLite finds its file damaged: %s", said), nil
	}
	return one("database", Good, "", "%s, schema %d", engine, version), nil
}

func room(_ context.Context, w *workspace.Workspace) ([]Line, error) {
	free, ok := freeBytes(w.Data)
	switch {
	case !ok:
		return nil, nil
	case free < littleSpace:
		return one("space", Warn, "Free some space, or move the workspace; nothing is written to a full disk.", "%s are left on the disk of %s", Bytes(free), w.Data), nil
	}
	return one("space", Good, "", "%s are left on the disk of %s", Bytes(free), w.Data), nil
}

// keys must be there and be readable by nobody else.
func keys(_ context.Context, w *workspace.Workspace) ([]Line, error) {
	var open []string
	for _, name := range []string{".", "ledger.key", "secret.key", "tickmark.db"} {
		info, err := os.Stat(filepath.Join(w.Data, name))
		if errors.Is(err, fs.ErrNotExist) && name == "tickmark.db" {
			continue
		}
		if err != nil {
			return nil, err
		}
		if info.Mode().Perm()&0o077 != 0 && !permissionsUnknown {
			open = append(open, filepath.Join(w.Data, name))
		}
	}
	if len(open) > 0 {
		return one("keys", Bad, "chmod go-rwx "+strings.Join(open, " "), "Other users of this machine can read %s", strings.Join(open, " and ")), nil
	}
	return one("keys", Good, "", "Nobody else on this machine can read the keys and the database"), nil
}

// files compares what is kept with what records name. The bytes are not read: each reading of one verifies it.
func files(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	named := map[blob.Hash]string{} // by which record
	name := func(k *record.Kind, of func(body []byte) []string) error {
		q := record.Query{Kind: k.Name, During: [2]store.Moment{-1, store.Forever - 1}, Limit: 1000, Room: k.Room}
		for {
			page, err := w.Book.List(record.AsProgram(ctx), q)
			if err != nil {
				return err
			}
			for _, v := range page.Versions {
				for _, sum := range of(v.Body) {
					if h, err := blob.Parse(sum); err == nil { // or it names none, or was erased
						named[h] = k.Name + " " + v.Key
					}
				}
			}
			if q.After = page.Next; q.After == "" {
				return nil
			}
		}
	}
	for _, k := range w.Book.Kinds.All() {
		if verify.NamesFile(k.Name) {
			if err := name(k, func(body []byte) []string { return []string{verify.FileOf(body)} }); err != nil {
				return nil, err
			}
		}
	}
	kept, orphans, size := 0, []string{}, int64(0)
	err := w.Blobs.Each(func(h blob.Hash, n int64) error {
		if kept, size = kept+1, size+n; named[h] == "" {
			orphans = append(orphans, h.String())
		}
		delete(named, h)
		return ctx.Err()
	})
	if f := (*fault.Fault)(nil); errors.As(err, &f) {
		return one("files", Bad, f.Next, "%s", f.Message), nil
	}
	if err != nil {
		return nil, err
	}
	var out []Line
	if len(named) > 0 {
		lost := make([]string, 0, len(named))
		for h, by := range named {
			lost = append(lost, h.String()+" of "+by)
		}
		slices.Sort(lost)
		out = one("files", Bad, "Restore them into "+w.Blobs.String()+" from the backup that belongs to the database.", "%d that records name are missing: %s", len(lost), some(lost))
	}
	// Others tell a file's hash as well, such as a scan or a parcel that of the file it came in: such a file is needed where it is kept.
	if len(orphans) > 0 {
		clear(named)
		for _, k := range w.Book.Kinds.All() {
			if verify.NamesFile(k.Name) || !slices.ContainsFunc(k.Fields, func(f record.Field) bool { return f.Type == record.Text && (f.Name == "sha256" || f.Name == "file") }) {
				continue
			}
			if err := name(k, hashes); err != nil {
				return nil, err
			}
		}
		orphans = slices.DeleteFunc(orphans, func(o string) bool {
			h, err := blob.Parse(o)
			return err == nil && named[h] != ""
		})
	}
	if len(orphans) > 0 {
		out = append(out, Line{What: "files", State: Warn, Said: fmt.Sprintf("%d that no record names are kept: %s", len(orphans), some(orphans)),
			Next: "They are uploads that were not ended, or that a kill cut off before their record; none is needed, and what is uploaded again takes its place."})
	}
	if len(out) == 0 {
		out = one("files", Good, "", "All that records name are kept: %d with %s in %s", kept, Bytes(size), w.Blobs)
	}
	return out, nil
}

// hashes are what a body says that may be that of a file.
func hashes(body []byte) []string {
	var b struct {
		SHA256 any `json:"sha256"`
		File   any `json:"file"`
	}
	if json.Unmarshal(body, &b) != nil {
		return nil
	}
	sum, _ := b.SHA256.(string)
	file, _ := b.File.(string)
	return []string{sum, file}
}

// some is the first few of a list, and how many more there are.
func some(list []string) string {
	const few = 5
	if len(list) <= few {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:few], ", "), len(list)-few)
}

func clock(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	h, err := w.Log.Head(ctx, w.DB)
	if err != nil {
		return nil, err
	}
	if ahead := h.At.Time().Sub(w.Log.Clock()); ahead > ledger.Drift {
		return one("clock", Bad, "Set this machine's clock by a time server. Until it has caught up, what is written bears the later time.", "The last entry is from %s, which is %s ahead of this machine's clock", h.At, ahead.Round(time.Second)), nil
	}
	return one("clock", Good, "", "The last of %d entries is from %s", h.Size, h.At), nil
}

func backups(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	const next = "tickmark backup FILE, once a day, to another machine."
	at, err := store.One[store.Moment](ctx, w.DB, "SELECT at FROM action WHERE subject = 'workspace' AND verb = 'workspace.backed_up' ORDER BY entry DESC LIMIT 1")
	if errors.Is(err, store.ErrNotFound) {
		return one("backup", Warn, next, "None was made with tickmark backup"), nil
	}
	if err != nil {
		return nil, err
	}
	if age := w.Log.Clock().Sub(at.Time()); age > oldBackup {
		return one("backup", Warn, next, "The last was made %d days ago", int(age.Hours()/24)), nil
	}
	return one("backup", Good, "", "The last was made on %s", at), nil
}

func anchors(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	states, err := w.Anchors.States(ctx)
	if err != nil {
		return nil, err
	}
	if len(states) == 0 {
		return one("outside anchor", Warn, "tickmark anchor add NAME --url URL, with --certificates FILE of a time-stamp authority or --key VKEY of a witness", "No outsider sees this ledger; whoever holds its key can rewrite it"), nil
	}
	var out []Line
	for _, s := range states {
		l := Line{What: "outside anchor", State: Good, Said: fmt.Sprintf("%s last saw the ledger on %s", s.Title, s.Last.At.Format(time.RFC3339))}
		switch {
		case s.Fork:
			l.State, l.Said, l.Next = Bad, s.Title+" has seen another ledger: "+s.Why, "tickmark ledger verify, and find out who put back or rewrote what."
		case s.Paused:
			l.State, l.Said = Warn, s.Title+" is paused"
		case s.Late(w.Log.Clock()):
			l.State, l.Next = Warn, "tickmark anchor stamp "+s.Key
			l.Said = s.Title + " has seen nothing new for two days"
			if s.Last.At.IsZero() {
				l.Said = s.Title + " has seen nothing yet"
			}
			if s.Why != "" {
				l.Said += ": " + s.Why
			}
		}
		out = append(out, l)
	}
	return out, nil
}

func sources(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	list, err := w.Collect.Connections(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return one("sources", Warn, "tickmark connect kinds, then tickmark connect add.", "Nothing is connected, so that every check is unknown"), nil
	}
	var out []Line
	for _, c := range list {
		if c.Connector == agent.GroupConnector { // its machines are sources of their own
			continue
		}
		l := Line{What: "source " + c.Name, State: Good}
		last, err := w.Collect.LastRuns(ctx, c.Name, 1)
		if err != nil {
			return nil, err
		}
		if len(last) == 0 {
			l.State, l.Said, l.Next = Warn, "It was never read", "tickmark collect "+c.Name
		} else {
			s, err := collect.ParseSummary(last[0])
			if err != nil {
				return nil, err
			}
			l.Said = fmt.Sprintf("Read on %s: %s", s.Started.UTC().Format(time.RFC3339), s.Outcome)
			if s.Outcome != collect.Complete && s.Outcome != collect.Running {
				l.State, l.Next = Warn, "tickmark connect test "+c.Name
				if len(s.Missing) > 0 {
					l.Said += ". " + s.Missing[0].Reason
				}
			} else if age := w.Log.Clock().Sub(s.Started); age > 3*c.Interval() && !c.Paused {
				l.State, l.Next = Warn, "Keep tickmark serve running, or run tickmark collect "+c.Name
				l.Said += fmt.Sprintf(", which is longer ago than every %s", c.Interval())
			}
		}
		if c.Paused {
			l.State, l.Said, l.Next = Warn, l.Said+". It is paused", ""
		}
		out = append(out, l)
	}
	return out, nil
}

func checks(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	states, err := w.Monitor.Summary(ctx, 0)
	if err != nil {
		return nil, err
	}
	var broken []string
	for _, s := range states {
		if s.Broken != "" {
			broken = append(broken, s.ID)
		}
	}
	if len(broken) > 0 {
		return one("checks", Bad, "tickmark check test says where in which file.", "%s cannot be loaded, and what they judge is unknown", strings.Join(broken, ", ")), nil
	}
	return one("checks", Good, "", "%d are in use", len(states)), nil
}

func answers(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	last, err := w.Monitor.LastNight(ctx)
	switch {
	case err != nil:
		return nil, err
	case last.At == 0:
		return one("answers", Good, "", "They were not yet judged again from scratch; a server does so each night, and tickmark check verify at once"), nil
	case last.Altered > 0 || last.Records > 0:
		return one("answers", Bad, "Run tickmark ledger verify for the first that does not hold.", "Somebody changed the database. %s", last.Changed()), nil
	case last.Differ > 0:
		var where []string
		for id, n := range last.Where {
			where = append(where, fmt.Sprintf("%s (%d)", id, n))
		}
		slices.Sort(where)
		return one("answers", Bad, "Run tickmark ledger verify: if it fails, somebody changed the database. If it holds, tell whoever makes Tickmark what tickmark check verify --as-of "+(last.At-1).String()+" says. They were corrected, and the corrections are marked.",
			"Judged again on %s, %d of %d answers came out otherwise: %s", last.At, last.Differ, last.Judged, strings.Join(where, ", ")), nil
	}
	return one("answers", Good, "", "Judged again from scratch on %s, all %d came out the same", last.At, last.Judged), nil
}

func people(ctx context.Context, w *workspace.Workspace) ([]Line, error) {
	if w.Unlinked(ctx) {
		return one("people", Warn, "tickmark user link KEY makes a sign-in link; on the page of a user, say which person it is.", "No user is linked to a person, so that nobody can approve what another wrote"), nil
	}
	return one("people", Good, "", "Users are linked to people"), nil
}

// Bytes is a size in words: "1.5 GB", by thousands.
func Bytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
