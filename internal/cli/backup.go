package cli

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/backup"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/workspace"
)

type backupCommand struct {
	File         string `arg:"" type:"path" help:"The file to write, such as tickmark.backup. An older one of that name is replaced once the new one is whole."`
	WithKeys     bool   `help:"Put ledger.key and secret.key into it too. Whoever has the file can then sign in this workspace's name and open its credentials."`
	WithoutFiles bool   `help:"Leave out evidence and attachments."`
}

func (c *backupCommand) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if err := me.May(s, access.Admin, nil); err != nil {
			return err
		}
		end := s.progress("the backup")
		m, err := c.write(s, w, backup.Options{Keys: c.WithKeys, WithoutFiles: c.WithoutFiles, Progress: func(what string, done, total int64) { end.step("", what, int(done), int(total)) }})
		if err != nil {
			end.done("no backup was made")
			return err
		}
		if err := w.Log.Write(s, func(tx *ledger.Tx) error {
			_, err := tx.Act(s, "workspace.backed_up", me.Actor().Name, "workspace", map[string]any{"keys": m.Keys, "files": len(m.Files)})
			return err
		}); err != nil {
			return err
		}
		end.done("whole")
		rows := int64(0)
		for _, t := range m.Tables {
			rows += t.Rows
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"file": c.File, "made": m.Made.Format(time.RFC3339), "schema": m.Schema, "rows": rows, "files": len(m.Files), "keys": m.Keys})
		}
		s.fact("%s holds %d rows and %d files as of %s.", c.File, rows, len(m.Files), m.Made.Format(time.RFC3339))
		if !c.WithKeys {
			s.say("It holds no keys. Keep ledger.key and secret.key of %s in another place: without the first, nothing can be restored.", w.Data)
		}
		return nil
	})
}

// write makes the file whole under another name first.
func (c *backupCommand) write(s *session, w *workspace.Workspace, o backup.Options) (m backup.Manifest, err error) {
	f, err := os.CreateTemp(filepath.Dir(c.File), ".backup-*")
	if err != nil {
		return m, fault.New(fault.Unavailable, "The backup cannot be written: %w.", err).WithNext("Name a file in a directory that you may write in.")
	}
	defer os.Remove(f.Name()) // nothing, once it has its own name
	m, err = backup.Write(s, w, f, o)
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), c.File)
	}
	var known *fault.Fault
	if err != nil && s.Err() == nil && !errors.As(err, &known) {
		err = fault.New(fault.Unavailable, "The backup cannot be written to %s: %w.", c.File, err).WithNext("Free some space, or name another place.")
	}
	return m, err
}

type restoreCommand struct {
	File string `arg:"" type:"existingfile" help:"The backup."`
	Keys string `type:"existingdir" placeholder:"DIR" help:"Where ledger.key and secret.key are, when the backup has none."`
}

func (c *restoreCommand) Run(s *session) error {
	by := "unknown"
	if u, err := user.Current(); err == nil {
		by = u.Username
	}
	end := s.progress("the workspace")
	m, err := backup.Restore(s, c.File, backup.Target{Data: s.flags.Data, Database: s.flags.Database, Files: s.flags.Files, Keys: c.Keys, Actor: "person:" + by,
		Progress: func(what string, done, total int64) { end.step("", what, int(done), int(total)) }})
	if err != nil {
		end.done("nothing was restored")
		return err
	}
	end.done("restored and proved")
	if s.flags.JSON {
		return s.writeJSON(map[string]any{"data": s.flags.Data, "made": m.Made.Format(time.RFC3339), "files": len(m.Files)})
	}
	s.fact("%s holds the workspace as of %s; every entry of its ledger, version and answer was proved again. Start it with: tickmark serve --data %s", s.flags.Data, m.Made.Format(time.RFC3339), s.flags.Data)
	s.say("What was written after that moment is not in it. Whoever kept a later checkpoint will see so.")
	return nil
}
