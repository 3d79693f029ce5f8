// Package cli is the command line. The one rule: names, JSON and exit codes are a contract; facts go to standard output,
// talk to standard error.
package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

type commands struct {
	Data     string `env:"TICKMARK_DATA" default:"tickmark-data" placeholder:"DIR" help:"Directory of the workspace."`
	Database string `env:"TICKMARK_DATABASE_URL" placeholder:"URL" help:"PostgreSQL database (postgres://…) instead of SQLite in the directory."`
	Files    string `name:"blobs" env:"TICKMARK_BLOBS" placeholder:"URL" help:"Bucket of S3 for evidence and attachments (s3://BUCKET/PREFIX?endpoint=…&region=…) instead of the directory."`
	Cache    string `env:"TICKMARK_CACHE" placeholder:"DIR" help:"Where the PDF engine keeps its machine code, which several workspaces of one user may share; cache in the directory of the workspace."`
	JSON     bool   `name:"json" help:"Print facts as JSON."`

	Up            upCommand            `cmd:"" help:"Set up a workspace here, collect from this host and repository, check, serve."`
	Demo          demoCommand          `cmd:"" help:"Make a workspace of an invented organisation, with a year behind it."`
	Serve         serveCommand         `cmd:"" help:"Serve the pages and the API, and collect when it is time."`
	Init          initCommand          `cmd:"" help:"Make a workspace, its keys and its first user."`
	Migrate       migrateCommand       `cmd:"" help:"Bring the database's schema up to date."`
	Backup        backupCommand        `cmd:"" help:"Copy the whole workspace into one file, also while it is served."`
	Restore       restoreCommand       `cmd:"" help:"Make a workspace of a backup, on SQLite or PostgreSQL, and prove it."`
	Doctor        doctorCommand        `cmd:"" help:"Look whether the workspace is kept safe and its sources answer; exit 1 when something is wrong."`
	Connect       connectCommand       `cmd:"" help:"Add, list, test and remove connections."`
	Connector     connectorCommand     `cmd:"" help:"Begin a connector of your own, and try one with recorded answers."`
	Collect       collectCommand       `cmd:"" help:"Read connections now."`
	Jobs          jobsCommand          `cmd:"" help:"What servers do now and did lately; stop a job."`
	Push          pushCommand          `cmd:"" help:"Send what no source tells to a Tickmark: a deployment, a test run, a backup, or records of a file."`
	Agent         agentCommand         `cmd:"" help:"Machines that read themselves and send what they found, signed: enrol, run, list, revoke."`
	Check         checkCommand         `cmd:"" help:"List, test and run checks."`
	Status        statusCommand        `cmd:"" help:"Where the programme stands: criteria, controls, checks, coverage."`
	Effectiveness effectivenessCommand `cmd:"" help:"How a check, a control or a criterion went over a window: hours by answer, the longest failure, time to fix, coverage."`
	Start         startCommand         `cmd:"" help:"The guided start from a file: objective, report, window, boundary, controls, plan."`
	Gaps          gapsCommand          `cmd:"" help:"What is missing for the examination, why, and what to do."`
	Work          workCommand          `cmd:"" help:"What waits for a person, or for everybody: to fix, do, review, approve, hand in."`
	Review        reviewCommand        `cmd:"" help:"Reviews of access: take the extract, look at its lines, decide."`
	Results       resultsCommand       `cmd:"" help:"Answers of checks, now, at a past moment, or over a window."`
	Records       recordsCommand       `cmd:"" help:"List records of a kind, or the history of one."`
	Put           putCommand           `cmd:"" help:"Write one record from a JSON or YAML file."`
	Act           actCommand           `cmd:"" help:"Move a record along its life cycle: approve a control, close a finding."`
	End           endCommand           `cmd:"" help:"End a record; its history stays."`
	Erase         eraseCommand         `cmd:"" help:"Destroy the content of a record and its history; the proofs stay."`
	Retention     retentionCommand     `cmd:"" help:"After how long bodies of past versions of what was collected are dropped: rules, preview, run."`
	Import        importCommand        `cmd:"" help:"Import a CSV, XLSX or JSON file into a kind, all rows or none."`
	Export        exportCommand        `cmd:"" help:"Write the programme as YAML into a directory, or one kind as CSV, XLSX or JSON."`
	Apply         applyCommand         `cmd:"" help:"Show what a directory of exported YAML would change, and apply it."`
	Policy        policyCommand        `cmd:"" help:"Policies: begin one from a template."`
	Description   descriptionCommand   `cmd:"" help:"The description of the system: begin one, see what it lacks, hand it to the firm."`
	Wording       wordingCommand       `cmd:"" help:"Find in documents what must not be said of a SOC 2 report; exit 1 when something is found."`
	Report        reportCommand        `cmd:"" help:"Make a report: readiness, or a bridge letter."`
	Package       packageCommand       `cmd:"" help:"Make a package of evidence that anyone can verify offline."`
	Verify        verifyCommand        `cmd:"" help:"Verify a package, without a workspace."`
	Audit         auditCommand         `cmd:"" help:"The examination: populations, samples, management's texts, the report and its issue."`
	Ledger        ledgerCommand        `cmd:"" help:"The ledger: checkpoint, proofs, verification."`
	Anchor        anchorCommand        `cmd:"" help:"Outside anchors: authorities that stamp the ledger once a day."`
	Monitor       monitorCommand       `cmd:"" help:"Follow the ledger of another server from outside; exit 1 when it was rewritten, 3 when it cannot be read."`
	User          userCommand          `cmd:"" help:"People who can sign in."`
	Token         tokenCommand         `cmd:"" help:"Tokens for programs."`
	Version       versionCommand       `cmd:"" help:"The release of this binary."`
}

// session is what a command works with.
type session struct {
	context.Context
	flags  *commands
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

const about = `Runs a company's SOC 2 programme: records with history, checks, a ledger that proves itself.

Begin with tickmark up, or look at a year of it with tickmark demo --data ./demo.

It ends with 0 when it is done, 1 when it was refused or found what it looks for, 2 when the command is mistyped, and 3 when
something could not be read.`

// Main runs one command line and returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c commands
	code := -1
	p, err := kong.New(&c, kong.Name("tickmark"), kong.Description(about),
		kong.Writers(stdout, stderr), kong.Exit(func(n int) { code = n }), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(stderr, "tickmark:", err)
		return 1
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := p.Parse(args)
	if code >= 0 {
		return code
	}
	if err != nil {
		fmt.Fprintf(stderr, "tickmark: %s\n  tickmark --help shows the commands, tickmark COMMAND --help the flags of one.\n", usage(err))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &session{ctx, &c, stdin, stdout, stderr}
	return s.report(k.Run(s))
}

// usage turns the parser's words into a sentence.
func usage(err error) string {
	text := strings.ReplaceAll(err.Error(), `,""`, "")
	for _, c := range [][2]string{{"missing flags: ", "Needed, but missing: "}, {"unexpected argument ", "There is nothing to do with "}, {"unknown flag ", "There is no flag "}, {"expected one of ", "Say which: "}, {"expected ", "Missing: "}} {
		if rest, ok := strings.CutPrefix(text, c[0]); ok {
			text = c[1] + rest
			break
		}
	}
	if strings.HasSuffix(text, "?") {
		return text
	}
	return strings.TrimRight(text, ".") + "."
}

// report tells the user what went wrong and returns the exit code.
func (s *session) report(err error) int {
	if err == nil {
		return 0
	}
	var f *fault.Fault
	switch {
	case errors.As(err, &f):
		fmt.Fprintf(s.stderr, "tickmark: %s\n", f.Message)
		if f.Next != "" {
			fmt.Fprintf(s.stderr, "  %s\n", f.Next)
		}
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(s.stderr, "tickmark: Stopped.")
	default:
		fmt.Fprintf(s.stderr, "tickmark: %v\n", err)
	}
	return fault.Exit(err)
}

// open opens the workspace that the flags name.
func (s *session) open() (*workspace.Workspace, error) { return s.openAs(workspace.Options{}) }

func (s *session) openAs(o workspace.Options) (*workspace.Workspace, error) {
	o.Data, o.Database, o.Files, o.Cache = s.flags.Data, s.flags.Database, s.flags.Files, s.flags.Cache
	w, err := workspace.Open(s, o)
	if err == nil && w.Demonstration(s) {
		s.say("Demonstration data: everything in %s is invented.", w.Data)
	}
	return w, err
}

// with opens the workspace and acts as its owner on this machine.
func (s *session) with(fn func(w *workspace.Workspace, me access.Session) error) error {
	w, err := s.open()
	if err != nil {
		return err
	}
	defer w.Close()
	me, err := w.Local(s)
	if err != nil {
		return err
	}
	s.Context = access.NewContext(s.Context, me)
	return fn(w, me)
}

// say writes talk for a person.
func (s *session) say(format string, args ...any) { fmt.Fprintf(s.stderr, format+"\n", args...) }

// fact writes a line of facts.
func (s *session) fact(format string, args ...any) { fmt.Fprintf(s.stdout, format+"\n", args...) }

func (s *session) writeJSON(v any) error {
	e := json.NewEncoder(s.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table writes aligned columns; a heading only on a terminal, so that pipes get plain rows.
func (s *session) table(head []string, rows [][]string) error {
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	if s.terminal() {
		fmt.Fprintln(w, strings.ToUpper(strings.Join(head, "\t")))
	}
	for _, r := range rows {
		for i := range r {
			r[i] = printable(r[i])
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

// printable keeps text from a source from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

func (s *session) terminal() bool {
	f, ok := s.stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (s *session) talksToTerminal() bool {
	f, ok := s.stderr.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// moment reads a time a person gave: RFC 3339, or a date, which is its first instant in UTC. Empty is zero, now.
func moment(flag, text string) (store.Moment, error) {
	if text == "" {
		return 0, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			if flag == "as-of" && t.After(time.Now()) {
				return 0, fault.New(fault.Usage, "--as-of: %s has not come yet.", text).WithNext("Ask for a time in the past, or leave it out for now.")
			}
			return store.At(t), nil
		}
	}
	return 0, fault.New(fault.Usage, "--%s: %q is not a time.", flag, text).WithNext("Write it like 2026-01-31T09:00:00Z or 2026-01-31.")
}

// window reads --from and --to; both or neither. A day in them is a whole day of the zone, the last one inclusive.
func window(from, to string, zone *time.Location) ([2]store.Moment, error) {
	var w [2]store.Moment
	for i, flag := range []struct{ name, text string }{{"from", from}, {"to", to}} {
		day, err := time.ParseInLocation(time.DateOnly, flag.text, zone)
		if err == nil {
			w[i] = store.At(day.AddDate(0, 0, i))
		} else if w[i], err = moment(flag.name, flag.text); err != nil {
			return w, err
		}
	}
	if from != "" && to == "" {
		w[1] = store.At(time.Now())
	}
	if to != "" && from == "" {
		return w, fault.New(fault.Usage, "--to needs --from.")
	}
	if from != "" && w[1] <= w[0] {
		return w, fault.New(fault.Usage, "The window ends before it begins: --from %s, --to %s.", from, cmp.Or(to, "now"))
	}
	return w, nil
}

type versionCommand struct{}

func (versionCommand) Run(s *session) error {
	if s.flags.JSON {
		return s.writeJSON(map[string]string{"release": workspace.Release()})
	}
	s.fact("tickmark %s", workspace.Release())
	return nil
}
