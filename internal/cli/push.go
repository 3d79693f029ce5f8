package cli

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tickmark/internal/connector/push"
	"tickmark/internal/fault"
)

type pushCommand struct {
	What string `arg:"" optional:"" help:"deployment, test_run, backup or restore_test: one event, from the flags. Nothing: what waits in the spool, or --file."`

	Kind  string   `help:"What the lines of --file are."`
	File  string   `type:"path" placeholder:"FILE" help:"JSON lines, each one record, or an item with kind, key and body. Of states, what is not in it is closed."`
	Key   string   `default:"id" help:"The field of a line that is the record's key."`
	Scope []string `help:"What the file is complete for, such as one machine; what has no scope when left out."`

	Connection string        `env:"TICKMARK_CONNECTION" default:"push" help:"Which connection is sent to."`
	URL        string        `name:"url" env:"TICKMARK_URL" placeholder:"URL" help:"Where Tickmark is, such as https://tickmark.example.org."`
	Token      string        `placeholder:"@FILE" help:"The file that holds the connection's token; the environment variable TICKMARK_TOKEN when left out."`
	Spool      string        `type:"path" env:"TICKMARK_SPOOL" placeholder:"DIR" help:"Where what could not be sent waits for the next time; in the user's cache directory when left out."`
	Retry      time.Duration `default:"1m" help:"How long it is tried again before it is left in the spool."`

	ID          string            `name:"id" help:"Your own id of the event. When left out, that of the CI job, or of its content."`
	At          string            `placeholder:"TIME" help:"When it ended; now when left out."`
	System      string            `help:"Of a deployment: what was deployed."`
	Environment string            `help:"Of a deployment: where."`
	Commit      string            `help:"Of a deployment or a test run: the commit's full id."`
	Asset       string            `help:"Of a backup or a restore test: what it is of."`
	Status      string            `default:"success" help:"success, failure, cancelled or rolled_back."`
	By          string            `help:"The account that began it."`
	Set         map[string]string `placeholder:"FIELD=VALUE" help:"Another field; a value that is JSON is taken as that."`
}

// pushed are the kinds by the words that people use for them.
var pushed = map[string]string{"deployment": push.Deployment, "test_run": push.TestRun, "backup": push.BackupJob, "restore_test": push.RestoreTest}

func (c *pushCommand) Run(s *session) error {
	sp, err := c.sender()
	if err != nil {
		return err
	}
	switch {
	case c.What != "" && c.File != "":
		return fault.New(fault.Usage, "Say either %s, from the flags, or --file.", c.What)
	case c.What != "":
		it, err := c.event()
		if err != nil {
			return err
		}
		if err := sp.keep([]string{it.Kind}, nil, func(add func(item) error) error { return add(it) }); err != nil {
			return err
		}
	case c.File != "":
		if c.Kind == "" {
			return fault.New(fault.Usage, "Say with --kind what the lines of %s are.", c.File)
		}
		f, err := os.Open(c.File)
		if err != nil {
			return unreadable(c.File, err)
		}
		defer f.Close()
		if err := sp.keep([]string{c.Kind}, c.Scope, func(add func(item) error) error { return c.lines(f, add) }); err != nil {
			return err
		}
	}
	return sp.send(s)
}

// sender checks what is needed to send.
func (c *pushCommand) sender() (*spool, error) {
	u, err := url.Parse(c.URL)
	if c.URL == "" || err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fault.New(fault.Usage, "%q is not the address of a Tickmark.", c.URL).WithNext("Give it with --url or in TICKMARK_URL, such as https://tickmark.example.org.")
	}
	if host := u.Hostname(); u.Scheme == "http" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		return nil, fault.New(fault.Denied, "%s is reached in the clear, so that anybody on the way could read the token.", c.URL).WithNext("Use an address that begins with https://.")
	}
	token := os.Getenv("TICKMARK_TOKEN")
	if path, ok := strings.CutPrefix(c.Token, "@"); ok {
		b, err := readFile(path, 4<<10)
		if err != nil {
			return nil, unreadable(path, err)
		}
		token = string(b)
	} else if c.Token != "" {
		return nil, fault.New(fault.Usage, "A token on the command line can be seen by other users of this machine.").WithNext("Say --token @FILE, or put it into TICKMARK_TOKEN.")
	}
	if token = strings.TrimSpace(token); token == "" {
		return nil, fault.New(fault.SignIn, "There is no token.").WithNext("Make one with tickmark token add USER --name NAME --push %s, and put it into TICKMARK_TOKEN.", c.Connection)
	}
	dir := c.Spool
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fault.New(fault.Usage, "There is no directory to keep what waits: %w.", err).WithNext("Name one with --spool.")
		}
		dir = filepath.Join(cache, "tickmark", "spool")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "%s cannot be made: %w.", dir, err).WithNext("Name another directory with --spool.")
	}
	return &spool{dir: dir, url: strings.TrimRight(c.URL, "/"), connection: c.Connection, token: token, retry: c.Retry}, nil
}

// event is the one record that the flags say.
func (c *pushCommand) event() (item, error) {
	kind := pushed[c.What]
	if kind == "" {
		return item{}, fault.New(fault.Usage, "There is no event called %q.", c.What).WithNext("There are deployment, test_run, backup and restore_test; any other kind is sent with --kind and --file.")
	}
	body := map[string]any{}
	for k, v := range c.Set {
		var parsed any
		if json.Unmarshal([]byte(v), &parsed) == nil {
			body[k] = parsed
		} else {
			body[k] = v
		}
	}
	if body["at"] == nil {
		if c.At == "" {
			c.At = time.Now().Format(time.RFC3339)
		}
		body["at"] = c.At
	}
	for name, v := range map[string]string{"system": c.System, "environment": c.Environment, "commit": c.Commit, "asset": c.Asset, "by": c.By} {
		if v != "" {
			body[name] = v
		}
	}
	switch {
	case kind == push.Deployment:
		body["status"] = c.Status
	case !slices.Contains([]string{"success", "failure"}, c.Status):
		return item{}, fault.New(fault.Usage, "A %s ends with success or failure, not with %q.", strings.ReplaceAll(c.What, "_", " "), c.Status)
	case body["ok"] == nil:
		body["ok"] = c.Status == "success"
	}
	id := c.ID
	if id == "" {
		id = job(os.Getenv)
	}
	if id != "" { // one job may bring several systems to several places
		for _, name := range []string{"system", "environment", "asset", "suite"} {
			if v, ok := body[name].(string); ok && c.ID == "" {
				id += "/" + v
			}
		}
	} else {
		b, err := json.Marshal(body)
		if err != nil {
			return item{}, err
		}
		h := sha256.Sum256(b)
		id = hex.EncodeToString(h[:12])
	}
	body["id"] = id
	raw, err := json.Marshal(body)
	return item{Kind: kind, Key: id, Body: raw}, err
}

// job names the CI job that this runs in, as its system does; the same job run again has another attempt.
func job(env func(string) string) string {
	switch {
	case env("GITHUB_RUN_ID") != "":
		return strings.Join([]string{"github", env("GITHUB_REPOSITORY"), env("GITHUB_RUN_ID"), env("GITHUB_RUN_ATTEMPT"), env("GITHUB_JOB")}, "/")
	case env("CI_JOB_ID") != "":
		return strings.Join([]string{"gitlab", env("CI_PROJECT_PATH"), env("CI_JOB_ID")}, "/")
	case env("BUILD_TAG") != "":
		return env("BUILD_TAG")
	}
	return ""
}

// lines reads JSON lines into items.
func (c *pushCommand) lines(in io.Reader, add func(item) error) error {
	r := bufio.NewReaderSize(in, 1<<20)
	for n := 1; ; n++ {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Invalid, "Nothing of %s was sent: line %d: %w.", c.File, n, err)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		it, err := c.line(line)
		if err != nil {
			return fault.New(fault.Invalid, "Nothing of %s was sent: line %d: %w.", c.File, n, err)
		}
		if err := add(it); err != nil {
			return err
		}
	}
}

const longestLine = 8 << 20

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); len(line) > longestLine {
			return nil, errors.New("it is longer than 8 MiB")
		}
		switch {
		case err == nil || errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

func (c *pushCommand) line(line []byte) (item, error) {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(line, &body); err != nil {
		return item{}, fmt.Errorf("it is no JSON object: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if body["body"] != nil && body["key"] != nil {
		var it item
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&it); err != nil {
			return it, errors.New(strings.TrimPrefix(err.Error(), "json: "))
		}
		if it.Kind == "" {
			it.Kind = c.Kind
		}
		return it, nil
	}
	var key string
	if err := json.Unmarshal(body[c.Key], &key); err != nil || key == "" {
		return item{}, fmt.Errorf("its field %s is no text that could be its key; name another field with --key", c.Key)
	}
	it := item{Kind: c.Kind, Key: key, Body: bytes.TrimSpace(line)}
	if len(c.Scope) == 1 {
		it.Scope = c.Scope[0]
	}
	return it, nil
}
