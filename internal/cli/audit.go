package cli

import (
	"bufio"
	"io"
	"os"

	"tickmark/internal/fault"
	"tickmark/internal/sample"
	"tickmark/internal/sample/redraw"
)

type auditCommand struct {
	Commit         auditCommit         `cmd:"" help:"Commit the firm to a secret nonce for a control, before its population is delivered."`
	Population     auditPopulation     `cmd:"" help:"Populations: draw one from the company's records, take one that was delivered."`
	Sample         auditSample         `cmd:"" help:"Samples: draw one again."`
	RollForward    auditRollForward    `cmd:"" name:"roll-forward" help:"Bring scope, matrix, papers and requests of an engagement into the next, as drafts."`
	Facts          auditFacts          `cmd:"" help:"Let expressions look at every item of a paper, and put what they say on it as facts; they mark nothing."`
	Configurations auditConfigurations `cmd:"" help:"The distinct configurations that a list of settings shows over its window, for a test of one."`

	Text   auditText   `cmd:"" help:"Take a text of management's for the report: description, assertion, other information."`
	Report auditReport `cmd:"" help:"Write the report as the file stands: SOC 2, SOC 3 or the management letter, as PDF, DOCX, HTML, JSON or OSCAL."`
	Issue  auditIssue  `cmd:"" help:"Issue the report: keep its file for good, and move the engagement, in one step."`

	Fingerprint auditFingerprint `cmd:"" help:"The fingerprint of this workspace's key, which people of both sides compare by telephone or in person."`
	Invite      auditInvite      `cmd:"" help:"In the company's workspace: invite a firm to an engagement, as a file for the firm."`
	Accept      auditAccept      `cmd:"" help:"In the firm's workspace: accept a company's invitation, as a file for the company."`
	Confirm     auditConfirm     `cmd:"" help:"In the company's workspace: confirm the firm's answer to an invitation."`
	File        auditFile        `cmd:"" help:"Write the firm's file of an engagement, from which everything is performed again without a workspace; tickmark verify reads it."`
	Key         auditKey         `cmd:"" help:"Auditors' own keys: make one, put its public half on record."`
	Sign        auditSign        `cmd:"" help:"Sign a sign-off, an opinion, a commitment or an issue with your own key."`
	Parcel      auditParcel      `cmd:"" help:"Parcels, signed and numbered, from one workspace to the other: make, take, list, as files or over HTTPS."`
}

type auditSample struct {
	Draw    auditSampleDraw    `cmd:"" help:"Draw the items of a sample by the committed nonce."`
	Release auditSampleRelease `cmd:"" help:"Release a sample to the company, and reveal its nonce."`
	Items   auditSampleItems   `cmd:"" help:"List the items of a sample."`
	File    auditSampleFile    `cmd:"" help:"Write the file by which anybody draws the sample again."`
	Redraw  auditSampleRedraw  `cmd:"" help:"Draw a sample again from its file, without a workspace, and say claim by claim what was proved; exit 1 when one fails."`
}

type auditSampleRedraw struct {
	File       string `arg:"" type:"path" help:"The file of a sample (docs/sampling.md says what is in it)."`
	Commitment string `placeholder:"HASH" help:"The commitment to the nonce as you know it from the firm's ledger."`
	Population string `placeholder:"HASH" help:"The hash of the population as you know it from the ledger."`
}

func (c *auditSampleRedraw) Run(s *session) error {
	var known redraw.Known
	for _, h := range []struct {
		flag, text string
		into       **sample.Hash
	}{{"--commitment", c.Commitment, &known.Commitment}, {"--population", c.Population, &known.Population}} {
		if h.text == "" {
			continue
		}
		*h.into = new(sample.Hash)
		if err := (*h.into).UnmarshalText([]byte(h.text)); err != nil {
			return fault.New(fault.Usage, "%s: %w.", h.flag, err)
		}
	}
	f, err := os.Open(c.File)
	if err != nil {
		return fault.New(fault.NotFound, "The sample %s cannot be read: %w.", c.File, err)
	}
	defer f.Close()
	read := io.LimitedReader{R: bufio.NewReader(f), N: redraw.MaxBytes}
	file, err := redraw.Read(&read)
	if read.N == 0 {
		return fault.New(fault.TooLarge, "%s is larger than %d bytes.", c.File, int64(redraw.MaxBytes))
	}
	if err != nil {
		return fault.New(fault.Invalid, "%s is not the file of a sample: %w.", c.File, err)
	}
	v := redraw.Draw(file, known)
	if s.flags.JSON {
		if err := s.writeJSON(v); err != nil {
			return err
		}
	} else {
		for _, x := range v.Claims {
			s.fact("%s  %s", word(x.OK, "proved ", "REFUSED"), x.Claim)
			s.fact("         %s", printable(x.Detail))
		}
		s.fact("\nNot proved")
		for _, l := range v.Limits {
			s.fact("  %s", printable(l))
		}
	}
	if failed, ok := v.Failed(); ok {
		return fault.New(fault.Invalid, "%s cannot be drawn again. This does not hold: %s %s", c.File, failed.Claim, printable(failed.Detail))
	}
	return nil
}
