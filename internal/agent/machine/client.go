package machine

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"tickmark/internal/agent"
	"tickmark/internal/connector/host"
	"tickmark/internal/fault"
)

// Address checks where a server is: over HTTPS, or on this machine.
func Address(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", fault.New(fault.Usage, "%q is not the address of a Tickmark.", text).WithNext("Give one such as https://tickmark.example.org.")
	}
	if h := u.Hostname(); u.Scheme == "http" && h != "localhost" && h != "127.0.0.1" && h != "::1" {
		return "", fault.New(fault.Denied, "%s is reached in the clear, so that anybody on the way could read what the machine says.", text).WithNext("Use an address that begins with https://.")
	}
	return strings.TrimRight(text, "/"), nil
}

// Enrol makes a key, unless there is one, and joins the group of a token. own gives the machine an id made here, for one that
// has none or shares it with others.
func Enrol(ctx context.Context, dir, address, token string, own bool) (*State, agent.Enrolled, error) {
	var joined agent.Enrolled
	address, err := Address(address)
	if err != nil {
		return nil, joined, err
	}
	s := &State{Dir: dir, URL: address}
	if before, err := Open(dir); err == nil {
		if before.URL != address {
			return nil, joined, fault.New(fault.Conflict, "An agent enrolled at %s keeps its state in %s.", before.URL, dir).WithNext("Name another directory with --state, or take that one away.")
		}
		s.Machine, s.Given = before.Machine, before.Given
	}
	if err := s.prepare(); err != nil {
		return nil, joined, err
	}
	if s.Given = s.Given || own; s.Given && s.Machine == "" {
		s.Machine = ownID()
	} else if !s.Given {
		if s.Machine = host.ID(ctx); s.Machine == "" {
			return nil, joined, fault.New(fault.Invalid, "This machine has no id of its own, as many containers have none.").WithNext("Enrol it with --own-id, which makes one and keeps it with the key.")
		}
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, joined, fmt.Errorf("ask for the host's name: %w", err)
	}
	body, err := json.Marshal(agent.Enrolment{Token: token, Machine: s.Machine, Hostname: name, System: runtime.GOOS, Key: base64.StdEncoding.EncodeToString(s.Public())})
	if err != nil {
		return nil, joined, err
	}
	if err := s.ask(ctx, http.MethodPost, agent.EnrolPath, body, &joined); err != nil {
		return nil, joined, err
	}
	s.Name, s.Group = joined.Name, joined.Group
	return s, joined, s.Save()
}

// Send sends the batches of a reading that did not arrive, and its end.
func (s *State) Send(ctx context.Context, r *Reading) error {
	path := fmt.Sprintf(agent.ReadingsPath, url.PathEscape(s.Name))
	var at agent.Answer
	err := s.ask(ctx, http.MethodGet, path+"/"+url.PathEscape(r.Run), nil, &at)
	if no := (*agent.Refused)(nil); err != nil && !(errors.As(err, &no) && no.Why == "not_found") {
		return err
	}
	if at.State == "taken" || at.State == "ready" {
		return nil
	}
	messages := r.messages()
	for i, m := range messages {
		if i < len(messages)-1 && slices.Contains(at.Received, m.Batch) {
			continue
		}
		body, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if err := s.ask(ctx, http.MethodPost, path, body, &at); err != nil {
			return err
		}
	}
	return nil
}

var client = &http.Client{Timeout: 2 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// ask sends one signed message. A refusal is an *agent.Refused.
func (s *State) ask(ctx context.Context, method, path string, body []byte, into any) error {
	n, err := s.sequence()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	agent.Sign(req, body, s.key, n, time.Now())
	resp, err := client.Do(req)
	if err != nil {
		return fault.New(fault.Unavailable, "%s cannot be reached: %w.", s.URL, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fault.New(fault.Unavailable, "%s did not answer to the end: %w.", s.URL, err)
	}
	if resp.StatusCode != http.StatusOK {
		no := &agent.Refused{}
		if json.Unmarshal(b, no) != nil || no.Why == "" { // a proxy, or another server
			return fault.New(fault.Unavailable, "%s answered %s, and not as Tickmark does.", s.URL, resp.Status)
		}
		return no
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fault.New(fault.Unavailable, "%s did not answer as Tickmark does: %w.", s.URL, err)
	}
	return nil
}
