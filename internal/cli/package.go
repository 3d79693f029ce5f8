package cli

import (
	"io"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/ledger/stamp"
	"tickmark/internal/report"
	"tickmark/internal/report/verify"
	"tickmark/internal/workspace"
)

type packageCommand struct {
	Out    string   `required:"" type:"path" placeholder:"FILE" help:"The package to write, such as evidence.zip."`
	Kind   []string `help:"Only these kinds; the package says what it leaves out."`
	Redact bool     `help:"Leave out personal data; the package proves that something stands there, and not what."`

	WithoutAnswers bool `help:"Leave out the unedited answers of sources behind the records, which makes the package smaller; it says so."`
}

func (c *packageCommand) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		end := s.progress("the workspace")
		m, _, err := report.PackageFile(s, report.Options{Book: w.Book, Blobs: w.Blobs, By: me, Release: workspace.Release(), Kinds: c.Kind, Redact: c.Redact, WithoutAnswers: c.WithoutAnswers,
			Progress: func(what string, done, total int64) { end.step("", what, int(done), int(total)) }}, c.Out)
		if err != nil {
			end.done("no package was made")
			return err
		}
		end.done("packed and verified")
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"file": c.Out, "entries": m.Entries, "counts": m.Counts, "key": w.Log.VKey})
		}
		s.fact("%s holds %d ledger entries. Give this key to whoever verifies it, by another way than the package:\n  %s", c.Out, m.Entries, w.Log.VKey)
		s.fact("They run: tickmark verify %s --key %q", c.Out, w.Log.VKey)
		return nil
	})
}

type verifyCommand struct {
	File      string   `arg:"" type:"path" help:"A package, the file of a firm, or the proof of one record."`
	Key       string   `placeholder:"VKEY" help:"The verifier key, from somebody other than the package."`
	Authority []string `type:"existingfile" placeholder:"FILE" help:"Root certificates in PEM of a time-stamp authority that you trust: the stamps must lead to them."`
	Witness   []string `placeholder:"VKEY" help:"The verifier key of a C2SP witness that you trust: it must have cosigned the log."`
	Anchor    []string `type:"existingfile" placeholder:"FILE" help:"A signed checkpoint that you kept from before: the log must go on from it."`
}

func (c *verifyCommand) Run(s *session) error {
	o := verify.Options{Key: c.Key}
	for _, a := range c.Anchor {
		b, err := readFile(a, 1<<20)
		if err != nil {
			return fault.New(fault.Invalid, "The checkpoint %s cannot be read: %w.", a, err)
		}
		o.Anchors = append(o.Anchors, b)
	}
	var roots []byte
	for _, a := range c.Authority {
		b, err := readFile(a, 1<<20)
		if err != nil {
			return fault.New(fault.Invalid, "The certificates in %s cannot be read: %w.", a, err)
		}
		roots = append(append(roots, b...), '\n')
	}
	if roots != nil {
		pool, err := stamp.Roots(roots)
		if err != nil {
			return fault.New(fault.Usage, "--authority: %w.", err)
		}
		o.Authorities = pool
	}
	for _, key := range c.Witness {
		w, err := stamp.ParseWitness(key)
		if err != nil {
			return fault.New(fault.Usage, "--witness: %w.", err)
		}
		o.Witnesses = append(o.Witnesses, w)
	}
	v, ours, err := c.firmFile()
	if err == nil && !ours {
		v, err = verify.File(s, c.File, o)
	}
	if err != nil {
		return err
	}
	if s.flags.JSON {
		if err := s.writeJSON(v); err != nil {
			return err
		}
	} else {
		for _, x := range v.Claims {
			s.fact("%s  %s", word(x.OK, "proved ", "REFUSED"), x.Claim)
			if x.Detail != "" {
				s.fact("         %s", printable(x.Detail))
			}
		}
		if len(v.Limits) > 0 {
			s.fact("\nNot proved")
			for _, l := range v.Limits {
				s.fact("  %s", printable(l))
			}
		}
	}
	if !v.OK {
		return fault.New(fault.Invalid, "%s does not verify: %s", c.File, v.Failed()[0].Detail)
	}
	return nil
}

type ledgerProve struct {
	Kind string `arg:"" help:"The kind, such as control; tickmark records lists them."`
	Key  string `arg:"" help:"The key of the record, such as AC-01."`
	AsOf string `placeholder:"TIME" help:"The version that held at a past moment."`
	Out  string `type:"path" placeholder:"FILE" help:"Where to; standard output when left out."`
}

func (c *ledgerProve) Run(s *session) error {
	asOf, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		p, err := report.Prove(s, w.Book, me, c.Kind, c.Key, asOf)
		if err != nil {
			return err
		}
		b, err := p.Encode() // exactly so: the record's own bytes are in it
		if err != nil {
			return err
		}
		return s.output(c.Out, func(out io.Writer) error {
			_, err := out.Write(b)
			return err
		})
	})
}
