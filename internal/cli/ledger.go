package cli

import (
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/signature"
	"tickmark/internal/workspace"
)

type ledgerCommand struct {
	Checkpoint  ledgerCheckpoint  `cmd:"" help:"Sign and print a checkpoint, and the key that verifies it."`
	Verify      ledgerVerify      `cmd:"" help:"Re-prove everything: the log, each record's version, each action, each answer of a check, and each answer of a source that is kept."`
	Prove       ledgerProve       `cmd:"" help:"Write the proof of one record, which verify takes offline."`
	Consistency ledgerConsistency `cmd:"" help:"Print the proof that nothing was rewritten between two sizes of the log (RFC 6962), such as those of two checkpoints."`
	Export      ledgerExport      `cmd:"" help:"Copy the log into a directory as C2SP tlog-tiles, for a web server, another disk or a git repository; run again, it adds what is new."`
	Accept      ledgerAccept      `cmd:"" name:"accept-restore" help:"Go on from a database that was restored from a backup: what the ledger lost is written down and stays visible."`
}

type ledgerCheckpoint struct{}

func (ledgerCheckpoint) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		signed, err := w.Log.Checkpoint(s)
		if err != nil {
			return err
		}
		c, err := merkle.OpenCheckpoint(signed, w.Log.VKey)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"origin": c.Origin, "size": c.Size, "root": base64.StdEncoding.EncodeToString(c.Root[:]), "key": w.Log.VKey, "checkpoint": string(signed)})
		}
		s.fact("%s", signed)
		s.fact("key %s", w.Log.VKey)
		return nil
	})
}

type ledgerVerify struct{}

func (ledgerVerify) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		end := s.progress("the ledger")
		p, err := w.Book.Verify(s, func(what string, done, total int64) { end.step("", what, int(done), int(total)) })
		if err != nil {
			end.done("it does not hold")
			return err
		}
		answers, err := w.Monitor.Verify(s, func(done int64) { end.step("", "answers", int(done), 0) })
		if err != nil {
			end.done("it does not hold")
			return err
		}
		sources, err := w.Collect.VerifyAnswers(s, func(done int64) { end.step("", "answers of sources", int(done), 0) })
		if err != nil {
			end.done("it does not hold")
			return err
		}
		signed, err := signature.Verify(s, w.Book)
		if err != nil {
			end.done("it does not hold")
			return err
		}
		end.done("everything holds")
		if s.flags.JSON {
			return s.writeJSON(struct {
				record.Proven
				Answers int64                  `json:"answers"`
				Sources record.AnswersVerified `json:"sources"`
				Signed  signature.Verified     `json:"auditors"`
			}{p, answers, sources, signed})
		}
		s.fact("%d entries, %d versions, %d actions and %d changed answers are as the ledger committed to them; %d were erased.", p.Entries, p.Versions, p.Actions, answers, p.Erased)
		if p.Dropped > 0 {
			s.fact("Of %d versions a rule of retention dropped the body; the hash of it is the one that the ledger committed to.", p.Dropped)
		}
		if sources.Runs > 0 {
			s.fact("%d versions trace to %d unedited answers of sources, each with the hash that the record of its run commits to; of %d the bytes were destroyed by an erasure or a rule of retention, and of %d none were kept.",
				sources.Traces, sources.Answers, sources.Gone, sources.Unkept)
		}
		if signed.Signatures > 0 {
			s.fact("%d signatures of auditors hold by their own keys, each over a version that is on record.", signed.Signatures)
		}
		if sources.Going > 0 {
			s.fact("%d runs have not ended, so that the ledger does not name their answers yet.", sources.Going)
		}
		return nil
	})
}

type ledgerConsistency struct {
	Old int64 `arg:"" help:"The size that the earlier checkpoint states."`
	New int64 `arg:"" optional:"" help:"The size that the later one states; the log as it stands when left out."`
}

func (c *ledgerConsistency) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		p, err := w.Log.Consistent(s, c.Old, c.New)
		if err != nil {
			return err
		}
		hashes := make([]string, len(p.Proof))
		for i, h := range p.Proof {
			hashes[i] = h.String()
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"old": p.Old.N, "old_root": p.Old.Hash.String(), "size": p.New.N, "root": p.New.Hash.String(), "proof": hashes})
		}
		s.fact("The first %d of %d entries are those that the log had when it had %d.", p.Old.N, p.New.N, p.Old.N)
		s.fact("root %d %s\nroot %d %s", p.Old.N, p.Old.Hash, p.New.N, p.New.Hash)
		for _, h := range hashes {
			s.fact("%s", h)
		}
		return nil
	})
}

type ledgerExport struct {
	Dir string `arg:"" type:"path" help:"The directory; it is made when it does not exist."`
}

func (c *ledgerExport) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		end := s.progress("the ledger")
		e, err := w.Log.Export(s, c.Dir, func(done, total int64) { end.step("", "entries", int(done), int(total)) })
		if err != nil {
			end.done("it was not copied to its end")
			return err
		}
		end.done("copied")
		if s.flags.JSON {
			return s.writeJSON(e)
		}
		s.fact("%s holds the log up to entry %d; %d files are new. Anyone can follow it with: tickmark monitor URL --key %q", c.Dir, e.Size, e.Files, w.Log.VKey)
		return nil
	})
}

type ledgerAccept struct{}

func (ledgerAccept) Run(s *session) error {
	w, err := workspace.Open(s, workspace.Options{Data: s.flags.Data, Database: s.flags.Database, Files: s.flags.Files, Restored: true})
	if err != nil {
		return err
	}
	defer w.Close()
	if w.Lost == nil {
		s.fact("Nothing is lost: the database holds every entry that was signed here.")
		return nil
	}
	s.fact("Accepted: a checkpoint over %d entries was signed here, the database had %d. This is entry %d of the ledger now, and the lost checkpoint is kept beside ledger.seen.", w.Lost.Seen.Size, w.Lost.Size, w.Lost.Size)
	s.say("Whoever kept a later checkpoint will see that this log does not go on from it. Tell them why.")
	return nil
}

type monitorCommand struct {
	URL   string        `arg:"" placeholder:"URL" help:"Where the log is published: of a Tickmark server, its address with /ledger at the end."`
	Key   string        `required:"" placeholder:"VKEY" help:"The log's verifier key, from its owner, by another way than the log."`
	State string        `type:"path" default:"tickmark-monitor.checkpoint" placeholder:"FILE" help:"Where the last checkpoint seen is kept (${default})."`
	Every time.Duration `placeholder:"1h" help:"Look again and again; once when left out."`
}

// Run needs no workspace: it is for whoever does not trust the one that publishes.
func (c *monitorCommand) Run(s *session) error {
	f := &ledger.Follower{Base: c.URL, VKey: c.Key, HTTP: &http.Client{Timeout: time.Minute}}
	if c.Every != 0 && c.Every < time.Minute {
		return fault.New(fault.Usage, "--every: %s is too often.", c.Every).WithNext("Choose a minute or more.")
	}
	for {
		err := c.look(s, f)
		var fork *ledger.Fork
		if c.Every == 0 || errors.As(err, &fork) || err != nil && !fault.Is(err, fault.Incomplete) {
			return err
		}
		if err != nil {
			s.say("%v", err)
		}
		select {
		case <-s.Done():
			return nil
		case <-time.After(c.Every):
		}
	}
}

func (c *monitorCommand) look(s *session, f *ledger.Follower) error {
	known, err := os.ReadFile(c.State)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault.New(fault.Unavailable, "The checkpoint kept from before cannot be read: %w.", err)
	}
	signed, point, err := f.Follow(s, known)
	var fork *ledger.Fork
	if errors.As(err, &fork) {
		at := c.State + ".fork"
		if err := ledger.WriteWhole(at, fork.Evidence(), true); err != nil {
			s.say("The evidence cannot be written to %s: %v", at, err)
			s.fact("%s", fork.Evidence())
		}
		return fault.New(fault.Conflict, "%s", fork.Why).WithNext("Both signed checkpoints are in %s: they prove it to anyone who has the key.", at)
	}
	if err != nil {
		return err
	}
	if err := ledger.WriteWhole(c.State, signed, true); err != nil {
		return fault.New(fault.Unavailable, "The checkpoint cannot be kept in %s: %w.", c.State, err)
	}
	before := int64(-1)
	if old, err := merkle.OpenCheckpoint(known, c.Key); err == nil {
		before = old.Size
	}
	if s.flags.JSON {
		return s.writeJSON(map[string]any{"origin": point.Origin, "size": point.Size, "root": base64.StdEncoding.EncodeToString(point.Root[:]), "known": max(before, 0), "first": before < 0})
	}
	if before < 0 {
		s.fact("%s has %d entries. This is the first look; from now on it is compared with it.", point.Origin, point.Size)
		return nil
	}
	s.fact("%s has %d entries and goes on from the %d known before.", point.Origin, point.Size, before)
	return nil
}
