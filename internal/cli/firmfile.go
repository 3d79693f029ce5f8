package cli

import (
	"crypto/ed25519"
	"encoding/json"
	"io"
	"os"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/firmfile"
	"tickmark/internal/record"
	"tickmark/internal/report/verify"
	"tickmark/internal/signature"
	"tickmark/internal/workspace"
)

type auditFile struct {
	Engagement string `arg:"" help:"The id of the engagement."`
	Out        string `required:"" type:"path" placeholder:"FILE" help:"The file to write."`
}

func (c *auditFile) Run(s *session) error {
	return s.desk(func(w *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		var made firmfile.Manifest
		err := s.output(c.Out, func(f io.Writer) (err error) {
			made, err = (&firmfile.Maker{Book: w.Book, Blobs: w.Blobs, Desk: d}).Make(s, me, c.Engagement, f)
			return err
		})
		if err == nil {
			err = os.Chmod(c.Out, 0o600)
		}
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"file": c.Out, "key": made.Key, "versions": made.Versions, "members": len(made.Members), "erased": made.Erased, "missing": made.Missing})
		}
		s.fact("%s: %d versions, %d members. Whoever reviews it runs: tickmark verify %s --key %q", c.Out, made.Versions, len(made.Members), c.Out, made.Key)
		for _, m := range made.Missing {
			s.fact("  missing: %s", m)
		}
		return nil
	})
}

// firmFile verifies a firm's file; false when it is none.
func (c *verifyCommand) firmFile() (v verify.Verdict, ok bool, err error) {
	f, err := os.Open(c.File)
	if err != nil {
		return v, false, nil // which is said by who reads packages
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !firmfile.Is(f, info.Size()) {
		return v, false, err
	}
	if len(c.Authority)+len(c.Witness)+len(c.Anchor) > 0 {
		return v, true, fault.New(fault.Usage, "A firm's file is verified with --key alone.")
	}
	v, err = firmfile.Verify(f, info.Size(), c.Key)
	return v, true, err
}

type auditKey struct {
	New keyNew `cmd:"" help:"Make a key of your own, sealed with a passphrase. No workspace is needed, and none ever sees the private half."`
	Add keyAdd `cmd:"" help:"Put the public half of your key on record in the firm's workspace."`
}

type keyNew struct {
	Passphrase string `name:"passphrase-file" required:"" placeholder:"FILE" help:"A file whose first line is the passphrase; - for standard input."`
	Out        string `required:"" type:"path" placeholder:"FILE" help:"The key's file to write. Keep it where only you reach it."`
}

func (c *keyNew) Run(s *session) error {
	if _, err := os.Stat(c.Out); err == nil {
		return fault.New(fault.Conflict, "There is a file %s already, and a key is never written over.", c.Out)
	}
	p, err := s.passphrase(c.Passphrase)
	if err != nil {
		return err
	}
	b, public, err := signature.NewKey(p)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault.New(fault.Unavailable, "%s cannot be written: %w.", c.Out, err)
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return fault.New(fault.Unavailable, "%s cannot be written: %w.", c.Out, err)
	}
	if err := f.Close(); err != nil {
		return fault.New(fault.Unavailable, "%s cannot be written: %w.", c.Out, err)
	}
	if s.flags.JSON {
		return s.writeJSON(map[string]string{"file": c.Out, "public": public, "fingerprint": signature.Fingerprint(public)})
	}
	s.fact("%s\nIts fingerprint: %s", c.Out, signature.Fingerprint(public))
	return nil
}

// passphrase is the first line of a file.
func (s *session) passphrase(path string) (string, error) {
	in := s.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", fault.New(fault.NotFound, "The passphrase cannot be read: %w.", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, 4096))
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r"), err
}

type keyAdd struct {
	Key string `arg:"" type:"existingfile" help:"Your key's file."`
}

func (c *keyAdd) Run(s *session) error {
	b, err := short(c.Key)
	if err != nil {
		return err
	}
	public, err := signature.PublicOf(b)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		body, err := json.Marshal(map[string]string{"person": me.Actor().Person, "key": public})
		if err != nil {
			return err
		}
		v, err := w.Book.Put(s, me, record.Change{Kind: signature.KeyName, Body: body, Reason: "an auditor's own key"})
		if err != nil {
			return err
		}
		if !s.flags.JSON {
			s.fact("The key with the fingerprint %s is on record.", signature.Fingerprint(public))
		}
		return s.written(v[0])
	})
}

type auditSign struct {
	Act        string `arg:"" help:"What you say of it: prepared, reviewed or signed for a workpaper, signed for an opinion, committed for a nonce, issued for an engagement."`
	Kind       string `arg:"" help:"The kind of record."`
	Record     string `arg:"" help:"The key of the record."`
	With       string `required:"" type:"existingfile" placeholder:"FILE" help:"Your key's file."`
	Passphrase string `name:"passphrase-file" required:"" placeholder:"FILE" help:"A file whose first line is the passphrase; - for standard input."`
}

func (c *auditSign) Run(s *session) error {
	b, err := short(c.With)
	if err != nil {
		return err
	}
	p, err := s.passphrase(c.Passphrase)
	if err != nil {
		return err
	}
	private, err := signature.OpenKey(b, p)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		v, err := w.Book.GetFrom(s, c.Kind, c.Record, record.Program, 0, record.Auditor)
		if err != nil {
			return err
		}
		e := v.Key
		if c.Kind != engagement.Name {
			body, err := engagement.Body(v)
			if err != nil {
				return err
			}
			e = engagement.Text(body, engagement.Name)
		}
		key, err := ownKey(s, w, private)
		if err != nil {
			return err
		}
		hash, person := signature.Hash(v.Body), me.Actor().Person
		raw, err := json.Marshal(map[string]string{engagement.Name: e, "act": c.Act, "of_kind": c.Kind, "of": v.Key, "hash": hash, "person": person, "key": key,
			"signature": signature.Sign(private, e, c.Act, c.Kind, v.Key, hash, person)})
		if err != nil {
			return err
		}
		made, err := w.Book.Put(s, me, record.Change{Kind: signature.Name, Body: raw, Reason: c.Act})
		if err != nil {
			return err
		}
		if !s.flags.JSON {
			s.fact("Signed: %s %s, %s.", c.Kind, v.Key, c.Act)
		}
		return s.written(made[0])
	})
}

// ownKey is the record of the public half of a key.
func ownKey(s *session, w *workspace.Workspace, private ed25519.PrivateKey) (string, error) {
	found, err := w.Book.Find(s, w.DB, signature.KeyName, "key", signature.Public(private), 0)
	if err == nil && len(found) == 0 {
		err = fault.New(fault.NotFound, "This key is not on record.").WithNext("Put it there first: tickmark audit key add FILE.")
	}
	if err != nil {
		return "", err
	}
	return found[0].Key, nil
}
