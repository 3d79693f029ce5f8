package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// mail opens the workspace for the exchange of parcels.
func (s *session) mail(fn func(w *workspace.Workspace, me access.Session, o *exchange.Office) error) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		return fn(w, me, &exchange.Office{Book: w.Book, Keys: w.Keys, Blobs: w.Blobs, Firm: w.Firm})
	})
}

type auditFingerprint struct{}

func (auditFingerprint) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		if s.flags.JSON {
			return s.writeJSON(map[string]string{"key": w.Log.VKey, "fingerprint": exchange.Fingerprint(w.Log.VKey)})
		}
		s.fact("%s", exchange.Fingerprint(w.Log.VKey))
		return nil
	})
}

type auditInvite struct {
	Engagement string `arg:"" help:"The id of the engagement, as the firm gave it."`
	Firm       string `required:"" placeholder:"NAME" help:"The firm's name."`
	Company    string `placeholder:"NAME" help:"The company's name; the organisation's when left out."`
	Address    string `placeholder:"URL" help:"Where the firm finds this workspace's server over HTTPS; left out, parcels go as files."`
	Out        string `required:"" type:"path" placeholder:"FILE" help:"The file to write. With an address it holds a token: hand it over as you would a password."`
}

func (c *auditInvite) Run(s *session) error {
	return s.mail(func(w *workspace.Workspace, me access.Session, o *exchange.Office) error {
		if c.Company == "" {
			page, err := w.Book.List(s, record.Query{Kind: "organisation", Limit: 1})
			if err != nil {
				return err
			}
			for _, v := range page.Versions {
				c.Company = v.Label
			}
		}
		b, err := o.Invite(s, me, c.Engagement, c.Company, c.Firm, c.Address)
		if err != nil {
			return err
		}
		return s.handOut(c.Out, b, w)
	})
}

// handOut writes a signed file that only its reader should have, and says the fingerprint that he compares.
func (s *session) handOut(path string, b []byte, w *workspace.Workspace) error {
	err := s.output(path, func(f io.Writer) error { _, err := f.Write(b); return err })
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return err
	}
	if s.flags.JSON {
		return s.writeJSON(map[string]string{"file": path, "fingerprint": exchange.Fingerprint(w.Log.VKey)})
	}
	s.fact("%s\nThe fingerprint of the key that signed it, to be told by another way:\n  %s", path, exchange.Fingerprint(w.Log.VKey))
	return nil
}

type auditAccept struct {
	Invitation  string `arg:"" type:"existingfile" help:"The company's file."`
	Fingerprint string `required:"" placeholder:"TEXT" help:"Of the company's key, as somebody there told it."`
	Out         string `required:"" type:"path" placeholder:"FILE" help:"The answer to write."`
}

func (c *auditAccept) Run(s *session) error {
	b, err := short(c.Invitation)
	if err != nil {
		return err
	}
	return s.mail(func(w *workspace.Workspace, me access.Session, o *exchange.Office) error {
		answer, err := o.Accept(s, me, b, c.Fingerprint)
		if err != nil {
			return err
		}
		return s.handOut(c.Out, answer, w)
	})
}

type auditConfirm struct {
	Answer      string `arg:"" type:"existingfile" help:"The firm's file."`
	Fingerprint string `required:"" placeholder:"TEXT" help:"Of the firm's key, as somebody there told it."`
}

func (c *auditConfirm) Run(s *session) error {
	b, err := short(c.Answer)
	if err != nil {
		return err
	}
	return s.mail(func(w *workspace.Workspace, me access.Session, o *exchange.Office) error {
		l, err := o.Confirm(s, me, b, c.Fingerprint)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]string{"engagement": l.Engagement, "firm": l.Name, "fingerprint": l.Fingerprint})
		}
		s.fact("Parcels of %s go to and from %s.", l.Engagement, l.Name)
		return nil
	})
}

// short reads a small file.
func short(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "%s cannot be read: %w.", path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<16+1))
	if err == nil && len(b) > 1<<16 {
		err = fault.New(fault.TooLarge, "%s is too large to be what it should be.", path)
	}
	return b, err
}

type auditParcel struct {
	Make    parcelMake    `cmd:"" help:"Make the next parcel. A firm's tells whatever the company is to know by now; a company's what it names."`
	Take    parcelTake    `cmd:"" help:"Verify a parcel of the other side and take what it tells; refused, nothing is changed."`
	List    parcelList    `cmd:"" help:"List the parcels that were sent, taken and refused."`
	File    parcelFile    `cmd:"" help:"Write the file of something that was told, such as a population."`
	Copy    parcelCopy    `cmd:"" help:"Write a parcel that was made before, once more."`
	Preview parcelPreview `cmd:"" help:"List what the next parcel would tell, with its content; nothing is sent."`
	End     parcelEnd     `cmd:"" help:"End the exchange with its reason: nothing more is sent or taken."`
	Sync    parcelSync    `cmd:"" help:"In the firm's workspace: send and fetch parcels over HTTPS, going on where it broke off."`
}

type parcelMake struct {
	Engagement string            `arg:"" help:"The id of the engagement."`
	Draft      string            `type:"existingfile" placeholder:"FILE" help:"Of a firm: the draft of the report."`
	Population map[string]string `placeholder:"KEY=FILE" help:"Of a company: a list for the firm's population of that key."`
	Record     []string          `placeholder:"KIND/KEY" help:"Of a company: a record, with the proof that it stands in the ledger."`
	Kind       []string          `placeholder:"KIND" help:"Of a company: every record of a kind, such as control."`
	File       map[string]string `placeholder:"NAME=FILE" help:"Of a company: a file, such as description=FILE, or one that answers a request."`
	Out        string            `type:"path" placeholder:"FILE" help:"The parcel to write; left out, it waits for the firm to fetch it, or for parcel sync."`
}

func (c *parcelMake) Run(s *session) error {
	return s.mail(func(w *workspace.Workspace, me access.Session, o *exchange.Office) error {
		var sent exchange.Sent
		var err error
		if named := len(c.Population)+len(c.Record)+len(c.Kind)+len(c.File) > 0; w.Firm && named {
			return fault.New(fault.Usage, "A firm's parcel tells what its records say the company is to know; nothing else is named.").WithNext("Leave out everything but --draft.")
		} else if w.Firm {
			sent, err = o.Tell(s, me, c.Engagement, c.Draft)
		} else if c.Draft != "" {
			return fault.New(fault.Usage, "Only a firm sends the draft of a report.")
		} else {
			sent, err = o.Hand(s, me, c.Engagement, exchange.Deliver{Populations: c.Population, Records: c.Record, Kinds: c.Kind, Files: c.File})
		}
		if err != nil {
			return err
		}
		if c.Out != "" {
			if err := s.parcel(o, c.Engagement, sent.Number, c.Out); err != nil {
				return err
			}
		}
		if s.flags.JSON {
			return s.writeJSON(sent)
		}
		s.fact("Parcel %d, which tells %d things, with the hash %s.", sent.Number, sent.Items, sent.Hash)
		return nil
	})
}

// parcel writes a parcel that was made into a file.
func (s *session) parcel(o *exchange.Office, id string, number int, path string) error {
	r, _, err := o.Fetch(s, id, number)
	if err != nil {
		return err
	}
	defer r.Close()
	return s.output(path, func(f io.Writer) error { _, err := io.Copy(f, r); return err })
}

type parcelTake struct {
	Engagement string `arg:"" help:"The id of the engagement."`
	File       string `arg:"" type:"existingfile" help:"The parcel."`
}

func (c *parcelTake) Run(s *session) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fault.New(fault.NotFound, "%s cannot be read: %w.", c.File, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return s.mail(func(_ *workspace.Workspace, me access.Session, o *exchange.Office) error {
		t, err := o.Take(s, me, c.Engagement, f, info.Size())
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(t)
		}
		if t.Again {
			s.fact("Parcel %d was taken before, and nothing was changed.", t.Number)
			return nil
		}
		s.fact("Parcel %d is taken: it tells %d things.", t.Number, t.Items)
		return nil
	})
}

type parcelList struct {
	Engagement string `arg:"" help:"The id of the engagement."`
}

func (c *parcelList) Run(s *session) error {
	return s.mail(func(_ *workspace.Workspace, me access.Session, o *exchange.Office) error {
		list, err := o.Parcels(s, me, c.Engagement)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(list)
		}
		var rows [][]string
		for _, p := range list {
			rows = append(rows, []string{p.Direction, strconv.Itoa(p.Number), p.Made, strconv.Itoa(p.Items), p.Hash, p.Why})
		}
		return s.table([]string{"direction", "number", "made", "things", "hash", "refused for"}, rows)
	})
}

type parcelFile struct {
	Engagement string `arg:"" help:"The id of the engagement."`
	Sort       string `arg:"" help:"What it is: population, file, record, draft_report."`
	Key        string `arg:"" help:"Its key, as it was told."`
	Out        string `required:"" type:"path" placeholder:"FILE" help:"The file to write."`
}

func (c *parcelFile) Run(s *session) error {
	return s.mail(func(_ *workspace.Workspace, me access.Session, o *exchange.Office) error {
		r, _, err := o.FileOf(s, me, c.Engagement, c.Sort, c.Key)
		if err != nil {
			return err
		}
		defer r.Close()
		return s.output(c.Out, func(f io.Writer) error { _, err := io.Copy(f, r); return err })
	})
}

type parcelCopy struct {
	Engagement string `arg:"" help:"The id of the engagement."`
	Number     int    `arg:"" help:"The number of the parcel."`
	Out        string `required:"" type:"path" placeholder:"FILE" help:"The file to write."`
}

func (c *parcelCopy) Run(s *session) error {
	return s.mail(func(_ *workspace.Workspace, me access.Session, o *exchange.Office) error {
		if _, err := o.Parcels(s, me, c.Engagement); err != nil {
			return err
		}
		return s.parcel(o, c.Engagement, c.Number, c.Out)
	})
}

type parcelSync struct {
	Engagement string `arg:"" help:"The id of the engagement."`
}

func (c *parcelSync) Run(s *session) error {
	return s.mail(func(w *workspace.Workspace, me access.Session, o *exchange.Office) error {
		did, err := o.Sync(s, me, &http.Client{Timeout: 10 * time.Minute}, c.Engagement, filepath.Join(w.Data, "parcels"))
		if s.flags.JSON && err == nil {
			return s.writeJSON(did)
		}
		if len(did.Sent)+len(did.Fetched) > 0 || err == nil {
			s.fact("Sent %s; fetched %s.", numbers(did.Sent), numbers(did.Fetched))
		}
		return err
	})
}

func numbers(list []int) string {
	if len(list) == 0 {
		return "nothing"
	}
	out := "parcel"
	for i, n := range list {
		if i > 0 {
			out += ","
		}
		out += fmt.Sprintf(" %d", n)
	}
	return out
}

type parcelPreview struct {
	Engagement string            `arg:"" help:"The id of the engagement."`
	Population map[string]string `placeholder:"KEY=FILE" help:"Of a company: a list for the firm's population of that key."`
	Record     []string          `placeholder:"KIND/KEY" help:"Of a company: a record."`
	Kind       []string          `placeholder:"KIND" help:"Of a company: every record of a kind, such as control."`
	File       map[string]string `placeholder:"NAME=FILE" help:"Of a company: a file."`
}

func (c *parcelPreview) Run(s *session) error {
	return s.mail(func(w *workspace.Workspace, me access.Session, o *exchange.Office) error {
		p, err := o.Next(s, me, c.Engagement, exchange.Deliver{Populations: c.Population, Records: c.Record, Kinds: c.Kind, Files: c.File})
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(p)
		}
		var rows [][]string
		for _, i := range p.Items {
			rows = append(rows, []string{i.Sort, i.Key, i.Title, i.Name, i.File})
		}
		if p.Known > 0 {
			s.say("%d things are known to the other side as they are, and do not go again.", p.Known)
		}
		if p.Wait > 0 {
			s.say("%d answers do not fit and go with the parcel after.", p.Wait)
		}
		return s.table([]string{"sort", "key", "title", "file", "hash"}, rows)
	})
}

type parcelEnd struct {
	Engagement string `arg:"" help:"The id of the engagement."`
	Reason     string `required:"" placeholder:"TEXT" help:"Why; the other side reads it."`
	Distrust   bool   `help:"The other side's key is not to be trusted any more: it is never taken again."`
}

func (c *parcelEnd) Run(s *session) error {
	return s.mail(func(_ *workspace.Workspace, me access.Session, o *exchange.Office) error {
		l, err := o.End(s, me, c.Engagement, c.Reason, c.Distrust)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]string{"engagement": l.Engagement, "state": l.State, "reason": l.Reason})
		}
		s.fact("The exchange of %s with %s is ended.", l.Engagement, l.Name)
		return nil
	})
}
