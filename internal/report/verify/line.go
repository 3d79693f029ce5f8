package verify

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tickmark/internal/ledger/merkle"
)

const noTime = merkle.NoTime

// Record is an opened version: one line of records/KIND.jsonl.
type Record struct {
	Entry int64
	merkle.Version
	To int64 // microseconds; merkle.NoTime when it holds
}

// line appends members to a JSON object. Texts that are not UTF-8 go into the member bytes, in base64.
type line struct {
	b   []byte
	odd []byte
}

func (l *line) name(name string) {
	if len(l.b) == 0 {
		l.b = append(l.b, '{')
	} else {
		l.b = append(l.b, ',')
	}
	l.b = append(l.b, '"')
	l.b = append(l.b, name...)
	l.b = append(l.b, '"', ':')
}

func (l *line) int(name string, n int64) {
	l.name(name)
	l.b = strconv.AppendInt(l.b, n, 10)
}

// time is an integer, or null for noTime.
func (l *line) time(name string, n int64) {
	if n != noTime {
		l.int(name, n)
		return
	}
	l.name(name)
	l.b = append(l.b, "null"...)
}

func (l *line) text(name, s string) {
	if utf8.ValidString(s) {
		l.name(name)
		b, err := jsontext.AppendQuote(l.b, s)
		if err == nil {
			l.b = b
			return
		}
	}
	if len(l.odd) > 0 {
		l.odd = append(l.odd, ',')
	}
	l.odd = append(l.odd, '"')
	l.odd = append(l.odd, name...)
	l.odd = append(l.odd, '"', ':', '"')
	l.odd = base64.StdEncoding.AppendEncode(l.odd, []byte(s))
	l.odd = append(l.odd, '"')
}

func (l *line) bytes(name string, b []byte) {
	l.name(name)
	l.b = append(l.b, '"')
	l.b = base64.StdEncoding.AppendEncode(l.b, b)
	l.b = append(l.b, '"')
}

// json appends a JSON value as it stands; it must be one and stand on one line.
func (l *line) json(name string, value []byte) error {
	if !jsontext.Value(value).IsValid() {
		return fmt.Errorf("%s is not JSON", name)
	}
	for _, c := range value {
		if c == '\n' || c == '\r' {
			return fmt.Errorf("%s stands on several lines", name)
		}
	}
	l.name(name)
	l.b = append(l.b, value...)
	return nil
}

func (l *line) end() []byte {
	if len(l.odd) > 0 {
		l.name("bytes")
		l.b = append(append(append(l.b, '{'), l.odd...), '}')
	}
	return append(l.b, '}', '\n')
}

// AppendJSON appends the line.
func (r *Record) AppendJSON(b []byte) ([]byte, error) {
	var l line
	l.int("entry", r.Entry)
	l.text("kind", r.Kind)
	l.text("key", r.Key)
	l.text("label", r.Label)
	l.text("source", r.Source)
	l.text("origin", r.Origin)
	l.text("scope", r.Scope)
	l.int("schema", r.Schema)
	l.int("from", r.From)
	l.time("to", r.To)
	l.time("occurred", r.Occurred)
	l.text("zone", r.Zone)
	l.int("previous", r.Previous)
	l.int("run", r.Run)
	l.text("actor", r.Actor)
	l.text("reason", r.Reason)
	l.bytes("salt", r.Salt)
	if d := r.Dropped; d != nil {
		l.bytes("body_hash", d.Body)
		l.bytes("raw_hash", d.Raw)
		l.int("dropped", d.By)
		return append(b, l.end()...), nil
	}
	if err := l.json("body", r.Body); err != nil {
		return nil, err
	}
	if len(r.Raw) > 0 {
		l.text("raw", string(r.Raw))
	}
	return append(b, l.end()...), nil
}

type odd map[string][]byte

func (o odd) put(name string, into *string) {
	if b, ok := o[name]; ok {
		*into = string(b)
	}
}

func strict(b []byte, into any) error {
	return jsonv2.Unmarshal(b, into, jsonv2.RejectUnknownMembers(true))
}

func timeOr(p *int64) int64 {
	if p == nil {
		return noTime
	}
	return *p
}

// parseRecord reads a line into r, which is made new.
func parseRecord(b []byte, r *Record) error {
	var l struct {
		Entry    int64          `json:"entry"`
		Kind     string         `json:"kind"`
		Key      string         `json:"key"`
		Label    string         `json:"label"`
		Source   string         `json:"source"`
		Origin   string         `json:"origin"`
		Scope    string         `json:"scope"`
		Schema   int64          `json:"schema"`
		From     int64          `json:"from"`
		To       *int64         `json:"to"`
		Occurred *int64         `json:"occurred"`
		Zone     string         `json:"zone"`
		Previous int64          `json:"previous"`
		Run      int64          `json:"run"`
		Actor    string         `json:"actor"`
		Reason   string         `json:"reason"`
		Salt     []byte         `json:"salt"`
		Body     jsontext.Value `json:"body"`
		Raw      string         `json:"raw"`
		BodyHash []byte         `json:"body_hash"`
		RawHash  []byte         `json:"raw_hash"`
		Dropped  *int64         `json:"dropped"`
		Bytes    odd            `json:"bytes"`
	}
	if err := strict(b, &l); err != nil {
		return err
	}
	o := l.Bytes
	o.put("kind", &l.Kind)
	o.put("key", &l.Key)
	o.put("label", &l.Label)
	o.put("source", &l.Source)
	o.put("origin", &l.Origin)
	o.put("scope", &l.Scope)
	o.put("zone", &l.Zone)
	o.put("actor", &l.Actor)
	o.put("reason", &l.Reason)
	o.put("raw", &l.Raw)
	*r = Record{Entry: l.Entry, To: timeOr(l.To), Version: merkle.Version{Kind: l.Kind, Key: l.Key, Source: l.Source, Origin: l.Origin, Schema: l.Schema,
		From: l.From, Occurred: timeOr(l.Occurred), Zone: l.Zone, Previous: l.Previous, Run: l.Run, Label: l.Label, Scope: l.Scope, Actor: l.Actor,
		Reason: l.Reason, Body: l.Body, Raw: []byte(l.Raw), Salt: l.Salt}}
	if l.Dropped == nil && l.BodyHash == nil && l.RawHash == nil {
		return nil
	}
	if l.Dropped == nil || len(l.BodyHash) != 32 || len(l.RawHash) != 32 || l.Body != nil || l.Raw != "" {
		return fmt.Errorf("a version whose body was dropped shows the two hashes and the entry that dropped it, and nothing in their place")
	}
	r.Dropped = &merkle.Dropped{Body: l.BodyHash, Raw: l.RawHash, By: *l.Dropped}
	return nil
}

// Withheld is a version of which only the clear parts are shown: one line of withheld/versions.jsonl.
type Withheld struct {
	Entry int64
	merkle.HiddenVersion
}

// AppendJSON appends the line.
func (w *Withheld) AppendJSON(b []byte) []byte {
	var l line
	l.int("entry", w.Entry)
	l.text("kind", w.Kind)
	l.text("source", w.Source)
	l.text("origin", w.Origin)
	l.int("schema", w.Schema)
	l.int("from", w.From)
	l.time("occurred", w.Occurred)
	l.text("zone", w.Zone)
	l.int("previous", w.Previous)
	l.int("run", w.Run)
	for _, h := range []struct {
		name string
		hash [32]byte
	}{{"key", w.Key}, {"body", w.Body}, {"raw", w.Raw}, {"label", w.Label}, {"scope", w.Scope}, {"actor", w.Actor}, {"reason", w.Reason}} {
		l.bytes(h.name+"_hash", h.hash[:])
	}
	return append(b, l.end()...)
}

func parseWithheld(b []byte) (w Withheld, err error) {
	var l struct {
		Entry    int64    `json:"entry"`
		Kind     string   `json:"kind"`
		Source   string   `json:"source"`
		Origin   string   `json:"origin"`
		Schema   int64    `json:"schema"`
		From     int64    `json:"from"`
		Occurred *int64   `json:"occurred"`
		Zone     string   `json:"zone"`
		Previous int64    `json:"previous"`
		Run      int64    `json:"run"`
		Key      [32]byte `json:"key_hash"`
		Body     [32]byte `json:"body_hash"`
		Raw      [32]byte `json:"raw_hash"`
		Label    [32]byte `json:"label_hash"`
		Scope    [32]byte `json:"scope_hash"`
		Actor    [32]byte `json:"actor_hash"`
		Reason   [32]byte `json:"reason_hash"`
		Bytes    odd      `json:"bytes"`
	}
	if err := strict(b, &l); err != nil {
		return w, err
	}
	l.Bytes.put("source", &l.Source)
	l.Bytes.put("zone", &l.Zone)
	return Withheld{l.Entry, merkle.HiddenVersion{Kind: l.Kind, Source: l.Source, Origin: l.Origin, Schema: l.Schema, From: l.From, Occurred: timeOr(l.Occurred),
		Zone: l.Zone, Previous: l.Previous, Run: l.Run, Key: l.Key, Body: l.Body, Raw: l.Raw, Label: l.Label, Scope: l.Scope, Actor: l.Actor, Reason: l.Reason}}, nil
}

// Action is an opened action, closing, erasure or seal: one line of actions.jsonl, or seal.json.
type Action struct {
	Entry int64
	Type  string // of the leaf
	merkle.Action
}

// AppendJSON appends the line.
func (a *Action) AppendJSON(b []byte) ([]byte, error) {
	var l line
	l.int("entry", a.Entry)
	l.text("type", a.Type)
	l.int("at", a.At)
	l.text("verb", a.Verb)
	l.text("actor", a.Actor)
	l.text("subject", a.Subject)
	if err := l.json("detail", a.Detail); err != nil {
		return nil, err
	}
	l.bytes("salt", a.Salt)
	return append(b, l.end()...), nil
}

func parseAction(b []byte) (a Action, err error) {
	var l struct {
		Entry   int64          `json:"entry"`
		Type    string         `json:"type"`
		At      int64          `json:"at"`
		Verb    string         `json:"verb"`
		Actor   string         `json:"actor"`
		Subject string         `json:"subject"`
		Detail  jsontext.Value `json:"detail"`
		Salt    []byte         `json:"salt"`
		Bytes   odd            `json:"bytes"`
	}
	if err := strict(b, &l); err != nil {
		return a, err
	}
	l.Bytes.put("verb", &l.Verb)
	l.Bytes.put("actor", &l.Actor)
	l.Bytes.put("subject", &l.Subject)
	return Action{l.Entry, l.Type, merkle.Action{At: l.At, Verb: l.Verb, Actor: l.Actor, Subject: l.Subject, Detail: l.Detail, Salt: l.Salt}}, nil
}

// WithheldAction is one line of withheld/actions.jsonl.
type WithheldAction struct {
	Entry int64
	Type  string
	merkle.HiddenAction
}

// AppendJSON appends the line.
func (a *WithheldAction) AppendJSON(b []byte) []byte {
	var l line
	l.int("entry", a.Entry)
	l.text("type", a.Type)
	l.int("at", a.At)
	l.text("verb", a.Verb)
	l.bytes("actor_hash", a.Actor[:])
	l.bytes("subject_hash", a.Subject[:])
	l.bytes("detail_hash", a.Detail[:])
	return append(b, l.end()...)
}

func parseWithheldAction(b []byte) (a WithheldAction, err error) {
	var l struct {
		Entry   int64    `json:"entry"`
		Type    string   `json:"type"`
		At      int64    `json:"at"`
		Verb    string   `json:"verb"`
		Actor   [32]byte `json:"actor_hash"`
		Subject [32]byte `json:"subject_hash"`
		Detail  [32]byte `json:"detail_hash"`
	}
	if err := strict(b, &l); err != nil {
		return a, err
	}
	return WithheldAction{l.Entry, l.Type, merkle.HiddenAction{At: l.At, Verb: l.Verb, Actor: l.Actor, Subject: l.Subject, Detail: l.Detail}}, nil
}

// Erased is an entry whose content and salt were destroyed, and the entry of the erasure that says so.
type Erased struct {
	Entry int64 `json:"entry"`
	By    int64 `json:"by"`
}

// Result is one changed answer: one line of results.jsonl. Lines of one entry stand together in the order of the entry's
// tree. A withheld one has only its commitment: what it says is not told, be it left out or erased.
type Result struct {
	Entry int64
	merkle.Flip
	Withheld   bool
	Commitment [32]byte
}

// AppendJSON appends the line.
func (r *Result) AppendJSON(b []byte) []byte {
	var l line
	l.int("entry", r.Entry)
	l.text("check", r.Check)
	l.bytes("hash", r.Hash)
	if r.Withheld {
		l.bytes("commitment", r.Commitment[:])
		return append(b, l.end()...)
	}
	l.text("status", statusWords[r.Status])
	l.int("version", r.Version)
	l.int("from", r.From)
	l.int("known", r.Known)
	l.text("reason", r.Reason)
	l.text("basis", r.Basis)
	l.bytes("salt", r.Salt)
	return append(b, l.end()...)
}

// statusWords are the codes of answers in words; an end says that from then on there is no answer.
var statusWords = []string{"end", "pass", "fail", "unknown"}

func parseResult(b []byte) (r Result, err error) {
	var l struct {
		Entry      int64  `json:"entry"`
		Check      string `json:"check"`
		Hash       []byte `json:"hash"`
		Commitment []byte `json:"commitment"` // of a withheld one
		Status     string `json:"status"`
		Version    int64  `json:"version"`
		From       int64  `json:"from"`
		Known      int64  `json:"known"`
		Reason     string `json:"reason"`
		Basis      string `json:"basis"`
		Salt       []byte `json:"salt"`
		Bytes      odd    `json:"bytes"`
	}
	if err := strict(b, &l); err != nil {
		return r, err
	}
	r = Result{Entry: l.Entry, Flip: merkle.Flip{Check: l.Check, Hash: l.Hash}}
	if l.Commitment != nil {
		if len(l.Commitment) != 32 || l.Status != "" {
			return r, fmt.Errorf("a withheld answer shows its commitment and nothing else")
		}
		r.Withheld, r.Commitment = true, [32]byte(l.Commitment)
		return r, nil
	}
	status := int64(-1)
	for code, word := range statusWords {
		if l.Status == word {
			status = int64(code)
		}
	}
	if status < 0 {
		return r, fmt.Errorf("there is no status %q", l.Status)
	}
	l.Bytes.put("reason", &l.Reason)
	l.Bytes.put("basis", &l.Basis)
	r.Flip = merkle.Flip{Check: l.Check, Hash: l.Hash, Version: l.Version, Status: status, From: l.From, Known: l.Known, Reason: l.Reason, Basis: l.Basis, Salt: l.Salt}
	r.Commitment = r.Flip.Commitment()
	return r, nil
}

// Series is one check under one logic and one set of settings: one line of checks.jsonl. Hash is SHA-256 of the logic, a
// line feed and the settings.
type Series struct {
	Check    string  `json:"check"`
	Hash     []byte  `json:"hash"`
	From     string  `json:"from"` // RFC 3339
	To       *string `json:"to"`   // null: in use
	Reason   string  `json:"reason"`
	Settings string  `json:"settings"` // JSON
	Logic    string  `json:"logic"`    // canonical JSON
}
