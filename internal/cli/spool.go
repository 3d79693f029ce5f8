package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/fault"
)

// spool keeps what is to be sent in files until it has arrived: a run each, NAME.jsonl with its items and NAME.json, written
// after it, with where it goes. A process that is killed leaves a whole run or none; whoever comes next sends it, and the server
// takes each batch once. It holds no token.
type spool struct {
	dir, url, connection, token string
	retry                       time.Duration
}

// item is one record on its way.
type item struct {
	Kind     string          `json:"kind"`
	Key      string          `json:"key"`
	Scope    string          `json:"scope,omitempty"`
	Label    string          `json:"label,omitempty"`
	Occurred time.Time       `json:"occurred,omitzero"`
	Body     json.RawMessage `json:"body"`
}

type waiting struct {
	URL        string   `json:"url"`
	Connection string   `json:"connection"`
	Run        string   `json:"run"`
	Kinds      []string `json:"kinds"`
	Scopes     []string `json:"scopes,omitempty"`
	Items      int64    `json:"items"`

	path string // without the ending
}

// The size of a batch.
const (
	batchItems = 2_000
	batchBytes = 4 << 20
)

// keep writes a run into the spool.
func (sp *spool) keep(kinds, scopes []string, fill func(add func(item) error) error) error {
	w := waiting{URL: sp.url, Connection: sp.connection, Kinds: kinds, Scopes: scopes, Run: time.Now().UTC().Format("20060102T150405.000000000") + "-" + strings.ToLower(rand.Text()[:8])}
	w.path = filepath.Join(sp.dir, w.Run)
	full := func(err error) error {
		return fault.New(fault.Unavailable, "What is to be sent cannot be kept in %s: %w.", sp.dir, err).WithNext("Make room, or name another directory with --spool.")
	}
	f, err := os.OpenFile(w.path+".jsonl", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return full(err)
	}
	done := false
	defer func() {
		f.Close()
		if !done {
			os.Remove(w.path + ".jsonl")
		}
	}()
	out := bufio.NewWriterSize(f, 1<<20)
	err = fill(func(it item) error {
		b, err := json.Marshal(it)
		if err != nil {
			return err
		}
		w.Items++
		if _, err := out.Write(append(b, '\n')); err != nil {
			return full(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := errors.Join(out.Flush(), f.Sync()); err != nil {
		return full(err)
	}
	b, err := json.Marshal(w)
	if err != nil {
		return err
	}
	head, err := os.CreateTemp(sp.dir, ".head-*")
	if err != nil {
		return full(err)
	}
	defer os.Remove(head.Name())
	_, err = head.Write(b)
	if err := errors.Join(err, head.Sync(), head.Close()); err != nil {
		return full(err)
	}
	if err := os.Rename(head.Name(), w.path+".json"); err != nil {
		return full(err)
	}
	done = true
	return nil
}

// waits are the runs that wait for this server and connection, the oldest first.
func (sp *spool) waits() ([]waiting, error) {
	names, err := filepath.Glob(filepath.Join(sp.dir, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	sp.sweep()
	var out []waiting
	for _, name := range names {
		b, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) { // another process sent it
			continue
		}
		if err != nil {
			return nil, unreadable(name, err)
		}
		var w waiting
		if err := json.Unmarshal(b, &w); err != nil {
			return nil, fault.New(fault.Invalid, "%s is no run that waits: %w.", name, err).WithNext("Take it out of the spool.")
		}
		w.path = strings.TrimSuffix(name, ".json")
		if w.URL == sp.url && w.Connection == sp.connection {
			out = append(out, w)
		}
	}
	return out, nil
}

// sweep removes what processes left that were killed before their run was whole.
func (sp *spool) sweep() {
	halves, _ := filepath.Glob(filepath.Join(sp.dir, "*.jsonl"))
	for _, name := range halves {
		path := strings.TrimSuffix(name, ".jsonl")
		_, whole := os.Stat(path + ".json")
		_, refused := os.Stat(path + ".refused")
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > 24*time.Hour && errors.Is(whole, os.ErrNotExist) && errors.Is(refused, os.ErrNotExist) {
			os.Remove(name)
		}
	}
}

// send sends what waits, in the order in which it was kept. What the server refuses for good is put aside, and said.
func (sp *spool) send(s *session) error {
	list, err := sp.waits()
	if err != nil {
		return err
	}
	if len(list) == 0 {
		s.say("Nothing waits to be sent.")
	}
	until := time.Now().Add(sp.retry)
	var refused error
	for i, w := range list {
		err := sp.sendRun(s, w, until)
		var no *answered
		switch {
		case err == nil:
			err := errors.Join(os.Remove(w.path+".json"), os.Remove(w.path+".jsonl"))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return fault.New(fault.Unavailable, "What was sent cannot be taken out of the spool: %w.", err)
			}
			s.fact("%d %s sent to %s as run %s", w.Items, word(w.Items == 1, "record", "records"), w.Connection, w.Run)
		case errors.As(err, &no) && no.forGood():
			if err := os.Rename(w.path+".json", w.path+".refused"); err != nil {
				return err
			}
			refused = fault.New(no.kind(), "%s", no.text()).WithNext("What was refused is kept in %s.jsonl.", w.path)
			s.say("The run %s was refused: %s", w.Run, no.text())
		default:
			n := len(list) - i
			return fault.New(fault.Incomplete, "%d %s in %s and will be sent the next time: %s", n, word(n == 1, "run waits", "runs wait"), sp.dir, strings.TrimSuffix(err.Error(), ".")+".")
		}
	}
	return refused
}

// sendRun sends the batches of a run that did not arrive, and says that it is complete.
func (sp *spool) sendRun(ctx context.Context, w waiting, until time.Time) error {
	var at struct {
		State    string   `json:"state"`
		Received []string `json:"received"`
	}
	err := sp.ask(ctx, "GET", "/api/v1/pushes/"+url.PathEscape(w.Connection)+"/"+url.PathEscape(w.Run), nil, &at, until)
	var no *answered
	if err != nil && !(errors.As(err, &no) && no.status == http.StatusNotFound) {
		return err
	}
	if at.State == "taken" || at.State == "ready" {
		return nil
	}
	f, err := os.Open(w.path + ".jsonl")
	if errors.Is(err, os.ErrNotExist) {
		return nil // another process sent it
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	message := func(batch string, items []json.RawMessage, complete bool) error {
		m := map[string]any{"connection": w.Connection, "run": w.Run, "kinds": w.Kinds}
		if len(w.Scopes) > 0 {
			m["scopes"] = w.Scopes
		}
		if batch != "" {
			m["batch"], m["items"] = batch, items
		}
		if complete {
			m["complete"] = w.Items
		}
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		return sp.ask(ctx, "POST", "/api/v1/records", b, nil, until)
	}
	sent := int64(0)
	for n := 1; sent < w.Items; n++ {
		var items []json.RawMessage
		for size := 0; len(items) < batchItems && size < batchBytes; {
			line, err := readLine(r)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			items, size = append(items, json.RawMessage(line)), size+len(line)
		}
		if len(items) == 0 {
			return fmt.Errorf("the file of the run %s has %d of its %d records", w.Run, sent, w.Items)
		}
		sent += int64(len(items))
		name := strconv.Itoa(n)
		if slices.Contains(at.Received, name) && sent < w.Items {
			continue
		}
		if err := message(name, items, sent == w.Items); err != nil {
			return err
		}
	}
	if w.Items == 0 {
		return message("", nil, true)
	}
	return nil
}

// answered is an answer of the server that is not a success.
type answered struct {
	status       int
	wait         time.Duration
	Detail, Next string
}

func (a *answered) Error() string { return a.text() }

func (a *answered) text() string {
	if a.Detail == "" {
		return fmt.Sprintf("The server answered %d %s.", a.status, http.StatusText(a.status))
	}
	return strings.TrimSpace(a.Detail + " " + a.Next)
}

// forGood reports whether sending the same again would be refused again. A token that lapsed is renewed by somebody, and a
// connection that is not there may be made.
func (a *answered) forGood() bool {
	switch a.status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

func (a *answered) kind() fault.Kind {
	if a.status == http.StatusConflict {
		return fault.Conflict
	}
	return fault.Invalid
}

// ask sends one message, and again while the server cannot be reached or is busy, until a time.
func (sp *spool) ask(ctx context.Context, method, path string, body []byte, into any, until time.Time) error {
	client := &http.Client{Timeout: 2 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		err := sp.once(ctx, client, method, path, body, into)
		var no *answered
		wait := pause
		if errors.As(err, &no) {
			if no.status < 500 && no.status != http.StatusTooManyRequests {
				return err
			}
			wait = max(wait, no.wait)
		}
		if err == nil || ctx.Err() != nil || time.Now().Add(wait).After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (sp *spool) once(ctx context.Context, client *http.Client, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, sp.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+sp.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		no := &answered{}
		_ = json.Unmarshal(b, no) // a proxy's answer has none of it
		no.status = resp.StatusCode
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n >= 0 {
			no.wait = time.Duration(n) * time.Second
		}
		return no
	}
	if into == nil {
		into = &struct {
			State string `json:"state"`
		}{}
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s did not answer as Tickmark does: %w", sp.url, err)
	}
	return nil
}
