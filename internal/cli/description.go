package cli

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/description"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/report/examination"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

type descriptionCommand struct {
	New   descriptionNew   `cmd:"" help:"Begin a description, each part with the template's words."`
	Check descriptionCheck `cmd:"" help:"What each description criterion still lacks, by name, and boilerplate; exit 1 when something is missing."`
	File  descriptionFile  `cmd:"" help:"Write the approved description for the firm, or a draft of it to read."`
}

type descriptionNew struct {
	ID       string   `arg:"" help:"Id of the new description, such as fy26."`
	System   string   `required:"" placeholder:"ID" help:"The system that it describes."`
	From     string   `placeholder:"DAY" help:"First day of the period; left out for a Type I."`
	To       string   `required:"" placeholder:"DAY" help:"Last day, or the day of a Type I."`
	Category []string `placeholder:"NAME" help:"A category besides security; may be repeated."`
}

func (c *descriptionNew) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		raw, err := description.Begun(c.ID, c.System, c.From, c.To, c.Category)
		if err != nil {
			return err
		}
		if _, err := w.Book.Get(s, description.Name, c.ID, 0); err == nil {
			return fault.New(fault.Conflict, "There is a description %s already.", c.ID).WithNext("Go on with that one, or choose another id.")
		} else if !fault.Is(err, fault.NotFound) {
			return err
		}
		v, err := w.Book.Put(s, me, record.Change{Kind: description.Name, Key: c.ID, Body: raw})
		if err != nil {
			return err
		}
		s.say("The description %s is begun. Write its parts, then: tickmark description check %s", c.ID, c.ID)
		return s.written(v[0])
	})
}

// described assembles a description as of a moment; the zero moment is now.
func (s *session) described(w *workspace.Workspace, me access.Session, id string, at store.Moment) (record.Version, map[string]any, *description.File, error) {
	k, err := w.Book.Kinds.Named(description.Name)
	if err != nil {
		return record.Version{}, nil, nil, err
	}
	if err := me.May(s, access.Read, k); err != nil {
		return record.Version{}, nil, nil, err
	}
	v, err := w.Book.Get(s, description.Name, id, at)
	if err != nil {
		return v, nil, nil, err
	}
	var body map[string]any
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return v, nil, nil, err
	}
	var when time.Time
	if at != 0 {
		when = at.Time()
	}
	f, err := description.Assemble(w.Book.LookAt(s, when), body)
	return v, body, f, err
}

type descriptionCheck struct {
	ID   string `arg:"" help:"Id of the description."`
	AsOf string `placeholder:"TIME" help:"As of a past moment."`
}

func (c *descriptionCheck) Run(s *session) error {
	at, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		_, _, f, err := s.described(w, me, c.ID, at)
		if err != nil {
			return err
		}
		items := f.Complete()
		warnings, err := f.Warnings()
		if err != nil {
			return err
		}
		missing := 0
		for _, i := range items {
			missing += len(i.Missing)
		}
		if s.flags.JSON {
			if err := s.writeJSON(map[string]any{"items": items, "warnings": warnings}); err != nil {
				return err
			}
		} else {
			for _, i := range items {
				s.fact("%s  %s: %s", i.DC, i.Title, word(len(i.Missing) == 0, "nothing is missing", "missing"))
				for _, m := range i.Missing {
					s.fact("      %s", printable(m))
				}
			}
			for _, x := range warnings {
				s.fact("look at  %s: %s", x.Part, printable(x.Says))
			}
		}
		if missing > 0 {
			return fault.New(fault.Invalid, "The description %s lacks %d things.", c.ID, missing).WithNext("Add them to the record or the registers, and check again.")
		}
		return nil
	})
}

type descriptionFile struct {
	ID    string `arg:"" help:"Id of the description."`
	Out   string `required:"" type:"path" placeholder:"FILE" help:"The file to write: .json for the firm, or .pdf, .docx or .html to read."`
	Draft bool   `help:"As it stands now, approved or not."`
	Paper string `enum:"a4,us-letter" default:"a4" help:"Of a PDF or DOCX: a4 or us-letter."`
}

func (c *descriptionFile) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		_, body, f, err := s.described(w, me, c.ID, 0)
		if err != nil {
			return err
		}
		if !c.Draft {
			if f, err = description.Approved(s, w.Book.LookAt, body); err != nil {
				return err
			}
		}
		raw, err := f.Bytes()
		if err != nil {
			return err
		}
		file := raw
		switch format := strings.TrimPrefix(strings.ToLower(filepath.Ext(c.Out)), "."); format {
		case "json":
		case "pdf":
			if err := s.prepare(w.Paper); err != nil {
				return err
			}
			file, err = w.Paper.PDF(s, examination.DescriptionDocument(f, c.Draft), document.Paper(c.Paper))
		case "docx":
			file, err = document.DOCX(examination.DescriptionDocument(f, c.Draft), document.Paper(c.Paper))
		case "html":
			file, err = document.HTML(s, examination.DescriptionDocument(f, c.Draft))
		default:
			return fault.New(fault.Usage, "%s ends in none of .json, .pdf, .docx and .html.", c.Out)
		}
		if err != nil {
			return err
		}
		if err := s.output(c.Out, func(o io.Writer) error { _, err := o.Write(file); return err }); err != nil {
			return err
		}
		s.say("%s: the description %s as of %s, SHA-256 of its text %s.", c.Out, c.ID, f.AsOf, description.Sum(raw))
		return nil
	})
}
