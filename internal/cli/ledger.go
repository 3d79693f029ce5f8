package cli

import (
	"encoding/base64"

	"tickmark/internal/access"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

type ledgerCommand struct {
	Checkpoint ledgerCheckpoint `cmd:"" help:"Sign and print a checkpoint, and the key that verifies it."`
	Verify     ledgerVerify     `cmd:"" help:"Re-prove everything: the log, each record's version, each action, each answer."`
	Prove      ledgerProve      `cmd:"" help:"Write the proof of one record, which verify takes offline."`
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
		end.done("everything holds")
		if s.flags.JSON {
			return s.writeJSON(struct {
				record.Proven
				Answers int64 `json:"answers"`
			}{p, answers})
		}
		s.fact("%d entries, %d versions, %d actions and %d changed answers are as the ledger committed to them; %d were erased.", p.Entries, p.Versions, p.Actions, answers, p.Erased)
		return nil
	})
}
