package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/anchor"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

type anchorCommand struct {
	Add   anchorAdd   `cmd:"" help:"Add or change an outside anchor: an RFC 3161 time-stamp authority, or a C2SP witness."`
	List  anchorList  `cmd:"" help:"List outside anchors and their last stamp."`
	Stamp anchorStamp `cmd:"" help:"Have the ledger stamped now."`
}

type anchorAdd struct {
	Name         string `arg:"" help:"A short name."`
	Kind         string `enum:"authority,witness,mirror" default:"authority" help:"authority: signs when it saw the ledger's checkpoint. witness: also refuses one that does not go on from what it saw before. mirror: a place that the log is copied to."`
	URL          string `required:"" placeholder:"URL" help:"Where it answers. An authority gets a SHA-256, a witness the checkpoint and hashes. Of a mirror: s3://BUCKET/PREFIX?endpoint=…&retain=30d, or git+https://… or git+ssh://…"`
	Certificates string `type:"existingfile" placeholder:"FILE" help:"Of an authority: its root certificates in PEM, from the authority itself."`
	Key          string `placeholder:"VKEY" help:"Of a witness: its verifier key, from the witness itself."`
	Title        string `help:"What to show; the name when left out."`
	Paused       bool   `help:"Do not ask it by itself."`
}

func (c *anchorAdd) Run(s *session) error {
	a := anchor.Authority{Title: c.Title, URL: c.URL, Method: c.Kind, VKey: c.Key, Paused: c.Paused}
	switch {
	case a.Method == anchor.ByAuthority && (c.Certificates == "" || c.Key != ""):
		return fault.New(fault.Usage, "An authority is known by its root certificates.").WithNext("Give them with --certificates FILE; a witness is added with --kind witness --key VKEY.")
	case a.Method == anchor.ByWitness && (c.Key == "" || c.Certificates != ""):
		return fault.New(fault.Usage, "A witness is known by its verifier key.").WithNext("Give it with --key VKEY; an authority is added with --certificates FILE.")
	case a.Method == anchor.ByMirror && (c.Key != "" || c.Certificates != ""):
		return fault.New(fault.Usage, "A mirror signs nothing, so that it has neither key nor certificates.")
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if c.Certificates != "" {
			pem, err := readFile(c.Certificates, 1<<20)
			if err != nil {
				return fault.New(fault.Invalid, "The certificates in %s cannot be read: %w.", c.Certificates, err)
			}
			a.Certificates = string(pem)
		}
		if a.Title == "" {
			a.Title = c.Name
		}
		body, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if _, err := w.Book.Put(s, me, record.Change{Kind: anchor.AuthorityKind, Key: c.Name, Body: body}); err != nil {
			return err
		}
		s.fact("%s is asked once a day while the server runs. Try it now: tickmark anchor stamp %s", a.Title, c.Name)
		if a.Method == anchor.ByWitness {
			s.fact("The witness must know this log first. Give its operator the log's name and key:\n  %s\n  %s", w.Log.Origin, w.Log.VKey)
		}
		return nil
	})
}

type anchorList struct{}

func (anchorList) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		list, err := w.Anchors.States(s)
		if err != nil {
			return err
		}
		type row struct {
			Name   string     `json:"name"`
			Title  string     `json:"title"`
			Kind   string     `json:"kind"`
			URL    string     `json:"url"`
			Paused bool       `json:"paused"`
			Last   *time.Time `json:"last"`
			Size   int64      `json:"size,omitempty"`
			Failed string     `json:"failed,omitempty"`
		}
		rows := make([]row, 0, len(list))
		for _, a := range list {
			r := row{Name: a.Key, Title: a.Title, Kind: cmp.Or(a.Method, anchor.ByAuthority), URL: a.URL, Paused: a.Paused, Size: a.Last.Size, Failed: a.Why}
			if !a.Last.At.IsZero() {
				r.Last = &a.Last.At
			}
			rows = append(rows, r)
		}
		if s.flags.JSON {
			return s.writeJSON(rows)
		}
		for _, r := range rows {
			said := "nothing yet"
			if r.Last != nil {
				said = word(r.Kind == anchor.ByMirror, "last copy ", "last stamp ") + r.Last.Format(time.RFC3339)
			}
			s.fact("%s  %s  %s  %s%s", r.Name, r.Kind, r.URL, said, word(r.Paused, ", paused", ""))
			if r.Failed != "" {
				s.fact("  %s", printable(r.Failed))
			}
		}
		if len(rows) == 0 {
			s.say("No outsider sees this ledger. Add one with: tickmark anchor add NAME --url URL, with --certificates FILE of a time-stamp authority or --kind witness --key VKEY")
		}
		return nil
	})
}

type anchorStamp struct {
	Name []string `arg:"" optional:"" help:"Which authorities; all that are not paused when left out."`
}

func (c *anchorStamp) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if err := me.May(s, access.Act, nil); err != nil {
			return err
		}
		list, err := w.Anchors.Authorities(s)
		if err != nil {
			return err
		}
		asked := map[string]bool{}
		for _, n := range c.Name {
			asked[n] = true
		}
		var made []anchor.Stamp
		var wrong []error
		for _, a := range list {
			if len(c.Name) > 0 && !asked[a.Key] || len(c.Name) == 0 && a.Paused {
				continue
			}
			delete(asked, a.Key)
			stamped, err := w.Anchors.Stamp(s, a)
			if err != nil {
				wrong = append(wrong, err)
				continue
			}
			made = append(made, stamped)
			if !s.flags.JSON && a.Method == anchor.ByMirror {
				s.fact("%s (%s) holds the first %d entries.", a.Title, a.URL, stamped.Size)
			} else if !s.flags.JSON {
				s.fact("%s (%s) saw the first %d entries at %s.", a.Title, stamped.Authority, stamped.Size, stamped.At.Format(time.RFC3339))
			}
		}
		for n := range asked {
			wrong = append(wrong, fault.New(fault.NotFound, "There is no outside anchor %q.", n).WithNext("tickmark anchor list shows them."))
		}
		if len(made)+len(wrong) == 0 {
			return fault.New(fault.NotFound, "No outside anchor is configured.").WithNext("Add one with: tickmark anchor add NAME --url URL, with --certificates FILE of a time-stamp authority or --kind witness --key VKEY")
		}
		if s.flags.JSON {
			if err := s.writeJSON(made); err != nil {
				return err
			}
		}
		return errors.Join(wrong...)
	})
}
