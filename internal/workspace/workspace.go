// Package workspace opens everything that one organisation's Tickmark consists of. The one rule: a workspace is opened
// here, the same way by the server, the command line and tests, so that no part of it is ever missing.
package workspace

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"tickmark/content"
	"tickmark/internal/access"
	"tickmark/internal/agent"
	"tickmark/internal/anchor"
	"tickmark/internal/blob"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/commitment"
	"tickmark/internal/connector"
	"tickmark/internal/connector/aws"
	"tickmark/internal/connector/declared"
	"tickmark/internal/connector/demo"
	"tickmark/internal/connector/endpoint"
	"tickmark/internal/connector/entra"
	"tickmark/internal/connector/file"
	"tickmark/internal/connector/gcp"
	"tickmark/internal/connector/git"
	"tickmark/internal/connector/gitea"
	"tickmark/internal/connector/github"
	"tickmark/internal/connector/gitlab"
	"tickmark/internal/connector/google"
	"tickmark/internal/connector/host"
	"tickmark/internal/connector/jira"
	"tickmark/internal/connector/kubernetes"
	"tickmark/internal/connector/ldap"
	"tickmark/internal/connector/okta"
	"tickmark/internal/connector/postgres"
	"tickmark/internal/connector/prometheus"
	"tickmark/internal/connector/push"
	"tickmark/internal/connector/result"
	"tickmark/internal/connector/youtrack"
	"tickmark/internal/control"
	"tickmark/internal/cycle"
	"tickmark/internal/description"
	"tickmark/internal/employment"
	"tickmark/internal/engagement"
	"tickmark/internal/entitlement"
	"tickmark/internal/evidence"
	"tickmark/internal/exception"
	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/finding"
	"tickmark/internal/framework"
	"tickmark/internal/grant"
	"tickmark/internal/issue"
	"tickmark/internal/ledger"
	"tickmark/internal/notice"
	"tickmark/internal/obligation"
	"tickmark/internal/occurrence"
	"tickmark/internal/opinion"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/person"
	"tickmark/internal/policy"
	"tickmark/internal/population"
	"tickmark/internal/readiness"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/report/document"
	"tickmark/internal/request"
	"tickmark/internal/requirement"
	"tickmark/internal/retention"
	"tickmark/internal/risk"
	"tickmark/internal/savedview"
	"tickmark/internal/secret"
	"tickmark/internal/signature"
	"tickmark/internal/store"
	"tickmark/internal/system"
	"tickmark/internal/task"
	"tickmark/internal/training"
	"tickmark/internal/workpaper"
)

// Options say where a workspace is.
type Options struct {
	Data     string // the directory of keys, files and, on SQLite, the database
	Database string // postgres://…; empty: SQLite in Data
	Files    string // s3://…, where evidence and attachments are; empty: the folder files in Data
	BaseURL  string // where browsers find it; http://localhost:8420 when empty
	Cache    string // where the PDF engine keeps its machine code; cache in Data when empty
	Create   bool   // make it when it does not exist
	Firm     bool   // with Create: a workspace of a firm that examines, and not of a company
	Restored bool   // the database may lack entries that were signed here: accept it, and write down what is lost
}

// Workspace is an opened workspace.
type Workspace struct {
	Options
	DB      *store.DB
	Log     *ledger.Log
	Book    *record.Book
	Keys    *secret.Keys
	Blobs   blob.Store
	Gate    *access.Gate
	Collect *collect.Collector
	Monitor *check.Monitor
	Words   *check.Vocabulary
	Paper   *document.Renderer
	Anchors *anchor.Keeper
	Wrong   []error      // what stands in the way of connectors of its own
	Lost    *ledger.Loss // with Restored: what the database lacks; nil for nothing
}

// Connectors are all connectors of this release.
func Connectors() []connector.Connector {
	machine, repository := host.Connector(), git.Connector()
	services := []connector.Connector{ // one line each
		machine,
		repository,
		file.Connector(named),
		gitea.Connector(),
		gitlab.Connector(),
		github.Connector(),
		aws.Connector(),
		gcp.Connector(),
		okta.Connector(),
		google.Connector(),
		endpoint.Connector(),
		entra.Connector(),
		kubernetes.Connector(),
		ldap.Connector(),
		postgres.Connector(),
		postgres.SQL(),
		push.Connector(),
		agent.Group(),
		agent.Machine(),
		result.Connector(),
		result.Folder(Mapping()),
		jira.Connector(),
		youtrack.Connector(),
		prometheus.Connector(),
	}
	for i, c := range services {
		services[i] = connector.WithBudget(connector.WithPrivate(c))
	}
	return append(services, demo.Connectors(machine.Kinds, repository.Kinds)...)
}

// Mapping names the controls that rules of other tools speak for, as this release does; a test holds that it can be read.
var Mapping = sync.OnceValue(func() result.Mapping {
	files, err := result.Library(content.Mapping)
	if err != nil {
		return nil
	}
	m, _ := result.ReadMapping(nil, files...)
	return m
})

// named finds the kind that the rows of a file are.
func named(kind string) (*record.Kind, error) {
	kinds, err := Kinds()
	if err != nil {
		return nil, err
	}
	return kinds.Named(kind)
}

// Own reads the connectors that the workspace's own folder, connectors/ in dir, declares. What is wrong with one stops nothing
// else.
func Own(dir string) ([]declared.Text, []error) {
	kinds, err := Kinds()
	if err != nil {
		return nil, []error{err}
	}
	return declared.Load(filepath.Join(dir, "connectors"), Connectors(), kinds.All())
}

// Kinds are all kinds of this release, and those of connectors of the workspace's own. Nobody changes them.
func Kinds(own ...connector.Connector) (*record.Kinds, error) {
	if len(own) == 0 {
		s, err := shipped()
		return s.kinds, err
	}
	return declare(own...)
}

func declare(own ...connector.Connector) (*record.Kinds, error) {
	controls := control.Kind()
	controls.Follows = requirement.OfControl
	list := []record.Kind{
		framework.Kind(), controls, organisation.Kind(), person.Kind(), person.MachineKind(), system.Kind(), period.Kind(), commitment.Kind(), description.Kind(), description.BridgeKind(),
		policy.Kind(), policy.VersionKind(), policy.AcknowledgementKind(), policy.ReviewKind(), policy.ProcedureKind(),
		evidence.Kind(), requirement.Kind(), occurrence.Kind(), finding.Kind(), exception.Kind(), task.Kind(), savedview.Kind(), notice.Kind(), access.Kind(), check.Kind(), report.Kind(), retention.Kind(), file.MappingKind(),
	}
	list = append(list, risk.Kinds()...)
	list = append(append(list, cycle.Kinds()...), obligation.Kind(), period.ChangeKind(), framework.RelevanceKind())
	list = append(list, entitlement.Kinds()...)
	list = append(list, readiness.Kinds()...)
	list = append(list, training.Kinds()...)
	list = append(list, employment.Kinds()...)
	list = append(append(list, population.Kind()), engagement.Kinds()...)
	list = append(append(append(list, workpaper.Kinds()...), opinion.Kinds()...), issue.Kinds()...)
	list = append(append(append(list, request.Kinds()...), exchange.Kinds()...), signature.Kinds()...)
	list = append(list, grant.Kinds()...)
	list = append(append(append(list, record.Builtin()...), collect.Kinds()...), anchor.Kinds()...)
	for _, c := range append(Connectors(), own...) {
		if !c.Demonstration && !c.Borrows { // whose kinds are those of others
			list = append(list, c.Kinds...)
		}
	}
	return record.NewKinds(list...)
}

// release is what every workspace without connectors of its own judges by. A process makes it once.
type release struct {
	kinds    *record.Kinds
	words    *check.Vocabulary
	controls map[string]bool
	library  *check.Set
}

var made struct {
	sync.Once
	release
	err error
}

func shipped() (release, error) {
	made.Do(func() {
		r := &made.release
		if r.kinds, made.err = declare(); made.err != nil {
			return
		}
		if r.words, made.err = check.ShippedVocabulary(r.kinds.All()...); made.err != nil {
			return
		}
		if r.controls, made.err = ControlIDs(); made.err != nil {
			return
		}
		r.library = check.Shipped(r.words, r.controls, content.Check)
	})
	return made.release, made.err
}

// Checks are the library's checks over the kinds and those of the workspace's own directory, checks/ in dir, if there is one.
func Checks(kinds *record.Kinds, dir string) (*check.Set, *check.Vocabulary, error) {
	r, err := shipped()
	if err != nil {
		return nil, nil, err
	}
	if kinds != r.kinds {
		if r.words, err = check.NewVocabulary(kinds.All()...); err != nil {
			return nil, nil, err
		}
		r.library = check.Shipped(r.words, r.controls, content.Check)
	}
	own := ""
	if dir != "" {
		own = filepath.Join(dir, "checks")
	}
	return r.library.With(r.words, r.controls, own), r.words, nil
}

func ControlIDs() (map[string]bool, error) {
	items, err := control.Catalogue()
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, i := range items {
		ids[i.ID] = true
	}
	return ids, nil
}

// Open opens a workspace, and makes it first when that is asked for.
func Open(ctx context.Context, o Options) (*Workspace, error) {
	if o.Data == "" {
		o.Data = "tickmark-data"
	}
	info, err := os.Stat(o.Data)
	switch {
	case errors.Is(err, os.ErrNotExist) && !o.Create:
		return nil, fault.New(fault.NotFound, "There is no workspace in %s.", o.Data).WithNext("Run tickmark up or tickmark init, or name another directory with --data.")
	case err == nil && !info.IsDir():
		return nil, fault.New(fault.Invalid, "%s is not a directory.", o.Data).WithNext("Name another with --data.")
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, fault.New(fault.Unavailable, "The workspace in %s cannot be opened: %w.", o.Data, err)
	}
	file := filepath.Join(o.Data, "tickmark.db")
	if _, err := os.Stat(file); o.Database == "" && errors.Is(err, os.ErrNotExist) && !o.Create {
		return nil, fault.New(fault.NotFound, "There is no workspace in %s.", o.Data).WithNext("Run tickmark up or tickmark init, or name another directory with --data.")
	}
	address := o.Database
	if address == "" {
		address = "sqlite:" + file
	}
	db, err := store.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil { // not before the database answered
		db.Close()
		return nil, fault.New(fault.Unavailable, "The workspace cannot be made in %s: %w.", o.Data, err).WithNext("Check who may write there, or name another directory with --data.")
	}
	w := &Workspace{Options: o, DB: db}
	if err := w.open(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return w, nil
}

func (w *Workspace) open(ctx context.Context) (err error) {
	if w.Keys, err = secret.Open(filepath.Join(w.Data, "secret.key")); err != nil {
		return err
	}
	if w.Blobs, err = blob.OpenAt(filepath.Join(w.Data, "files"), w.Files); err != nil {
		return err
	}
	w.Paper = document.New(cmp.Or(w.Cache, filepath.Join(w.Data, "cache")), 1)
	if w.Log, err = ledger.Open(ctx, w.DB, w.Data); err != nil {
		return err
	}
	if w.Restored {
		w.Lost, err = w.Log.Accept(ctx, "person:"+osUser())
	} else if w.Lost, err = w.Log.Lost(ctx); err == nil && w.Lost != nil {
		err = w.Lost.Refusal()
	} else if err == nil {
		if wrong := w.Log.Notice(ctx); wrong != nil { // a full disk is no reason not to read
			slog.WarnContext(ctx, "keep the newest checkpoint", "err", wrong)
		}
	}
	if err != nil {
		return err
	}
	if err := w.sort(ctx); err != nil {
		return err
	}
	own, wrong := Own(w.Data)
	for _, err := range wrong {
		slog.WarnContext(ctx, "a connector of the workspace's own cannot be used", "err", err)
	}
	w.Wrong = wrong
	collected, declaring, err := w.declared(ctx, own)
	if err != nil {
		return err
	}
	kinds, err := Kinds(declaring...)
	if err != nil {
		return err
	}
	if w.Book, err = record.OpenBook(ctx, w.Log, kinds, w.Keys.Digest); err != nil {
		return err
	}
	w.Book.Reader = access.Reader
	set, words, err := Checks(kinds, w.Data)
	if err != nil {
		return err
	}
	w.Words = words
	w.Monitor = check.NewMonitor(w.Book, words, set)
	w.Anchors = &anchor.Keeper{Book: w.Book, Dir: filepath.Join(w.Data, "mirror")}
	w.Collect = &collect.Collector{Book: w.Book, Keys: w.Keys, Connectors: append(Connectors(), collected...), Release: Release()}
	w.Monitor.Offers = func(name string) []string {
		var out []string
		for _, c := range w.Collect.Connectors {
			if c.Name == name {
				out = append(out, c.KindNames()...)
			}
		}
		return out
	}
	w.Gate, err = access.Open(access.Options{Book: w.Book, Log: w.Log, Keys: w.Keys, BaseURL: w.BaseURL, Firm: w.Firm})
	return err
}

// sort settles whether the workspace is a firm's. It is decided when it is made and never changes: in a company's workspace who
// examines and who manages stay apart for ever.
func (w *Workspace) sort(ctx context.Context) error {
	const mark = "firm"
	have, err := store.All[string](ctx, w.DB, "SELECT name FROM meta WHERE name IN ($1, $2)", mark, "library")
	if err != nil {
		return err
	}
	asked := w.Firm
	w.Firm = slices.Contains(have, mark)
	switch {
	case !asked || w.Firm:
		return nil
	case slices.Contains(have, "library"):
		return fault.New(fault.Conflict, "The workspace in %s is a company's, and stays one.", w.Data).WithNext("Make the firm's own in another directory: --data DIR.")
	}
	w.Firm = true
	return w.Log.Write(ctx, func(tx *ledger.Tx) error {
		return store.InsertOr(ctx, tx, "meta", []string{"name", "value"}, "ON CONFLICT (name) DO NOTHING", [][]any{{mark, []byte("1")}})
	})
}

// declared are the connectors of the workspace's own that can be collected, and with them those that once could: their kinds
// are needed to read what they said. For that the database keeps each text that could be used.
func (w *Workspace) declared(ctx context.Context, own []declared.Text) (collected, declaring []connector.Connector, err error) {
	type row struct {
		Name  string `db:"name"`
		Value []byte `db:"value"`
	}
	const mark = "connector:"
	rows, err := store.All[row](ctx, w.DB, "SELECT name, value FROM meta WHERE name LIKE $1 ORDER BY name", mark+"%")
	if err != nil {
		return nil, nil, err
	}
	kept := map[string][]byte{}
	for _, r := range rows {
		kept[strings.TrimPrefix(r.Name, mark)] = r.Value
	}
	kinds := map[string]bool{}
	release, err := Kinds()
	if err != nil {
		return nil, nil, err
	}
	for _, k := range release.All() {
		kinds[k.Name] = true
	}
	for _, c := range own {
		collected = append(collected, c.Connector)
		for _, k := range c.Kinds {
			kinds[k.Name] = true
		}
		sum := sha256.Sum256(c.Text)
		if name := c.Name + ":" + hex.EncodeToString(sum[:8]); kept[name] == nil {
			err := w.DB.Write(ctx, func(tx *store.Tx) error {
				return store.InsertOr(ctx, tx, "meta", []string{"name", "value"}, "ON CONFLICT (name) DO UPDATE SET value = excluded.value", [][]any{{mark + name, c.Text}})
			})
			if err != nil {
				return nil, nil, fmt.Errorf("keep what the connector %s declares: %w", c.Name, err)
			}
		}
	}
	declaring = slices.Clone(collected)
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		c, err := declared.Parse(kept[name])
		if err != nil {
			slog.WarnContext(ctx, "a text of a connector that was kept cannot be used", "connector", name, "err", err)
			continue
		}
		c.Kinds = slices.DeleteFunc(c.Kinds, func(k record.Kind) bool { return kinds[k.Name] })
		for _, k := range c.Kinds {
			kinds[k.Name] = true
		}
		declaring = append(declaring, c)
	}
	return collected, declaring, nil
}

// Close closes the workspace.
func (w *Workspace) Close() error { return w.DB.Close() }

// Demonstration reports whether the organisation is invented, and everything of it.
func (w *Workspace) Demonstration(ctx context.Context) bool {
	var o struct{ Demo bool }
	v, err := w.Book.Get(ctx, organisation.Kind().Name, organisation.Key, 0)
	return err == nil && json.Unmarshal(v.Body, &o) == nil && o.Demo
}

// Release is this program's version: the module's, or the commit it was built from.
func Release() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}

// Local is the authority of whoever runs the command on the workspace's own machine.
func (w *Workspace) Local(ctx context.Context) (access.Session, error) {
	return w.Gate.Local(ctx, osUser())
}

// Unlinked reports whether no account that can sign in is linked to a person. Until one is, every approval is refused, for
// nobody can be shown to be another person than the author.
func (w *Workspace) Unlinked(ctx context.Context) bool {
	users, err := w.Gate.Users(ctx)
	return err == nil && !slices.ContainsFunc(users, func(u access.User) bool { return !u.Disabled && u.Person != "" })
}

func osUser() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}

// Made is what Setup did.
type Made struct {
	New  bool   // the workspace had no user before
	Link string // signs the first user in, once; only when New
	User access.User
}

// Setup makes what a workspace needs to begin: criteria, the starter controls of the earliest stage as drafts, the first
// user. It writes only what is missing, so that it can run at every start.
func (w *Workspace) Setup(ctx context.Context) (Made, error) {
	var m Made
	if err := w.library(ctx); err != nil {
		return m, err
	}
	if s, err := w.Local(ctx); err == nil {
		m.User = s.User
		return m, nil
	} else if !fault.Is(err, fault.NotFound) {
		return m, err
	}
	name, login := "Owner", osUser()
	if u, err := user.Current(); err == nil && strings.TrimSpace(u.Name) != "" {
		name = strings.TrimSpace(strings.Split(u.Name, ",")[0])
	}
	key := strings.Trim(regexp.MustCompile(`[^a-z0-9._-]+`).ReplaceAllString(strings.ToLower(login), "-"), "-._")
	if key == "" {
		key = "owner"
	}
	u, err := w.Gate.FirstUser(ctx, access.NewUser{Key: key, Name: name, Email: key + "@localhost"})
	if err != nil {
		if s, again := w.Local(ctx); again == nil { // another process made it meanwhile
			m.User = s.User
			return m, nil
		}
		return m, fmt.Errorf("make the first user: %w", err)
	}
	m.New, m.User = true, u
	s, err := w.Local(ctx)
	if err != nil {
		return m, err
	}
	m.Link, err = w.Gate.Link(ctx, s, u.Key)
	return m, err
}

// library writes the criteria as this release has them, and on the first occasion the controls that a company needs first.
func (w *Workspace) library(ctx context.Context) error {
	criteria, err := framework.Load()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(criteria)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	digest := hex.EncodeToString(sum[:])
	have, err := store.One[[]byte](ctx, w.DB, "SELECT value FROM meta WHERE name = $1", "library")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if string(have) == digest {
		return nil
	}
	by := record.Job("job:library")
	return w.Log.Write(ctx, func(tx *ledger.Tx) error {
		for _, c := range criteria {
			body, err := json.Marshal(c)
			if err != nil {
				return err
			}
			if body, err = keepRelevance(ctx, w.Book, c.ID, body); err != nil {
				return err
			}
			if _, err := w.Book.PutIn(ctx, tx, by, record.Change{Kind: framework.Kind().Name, Key: c.ID, Body: body, Reason: "library " + c.Version}); err != nil {
				return err
			}
		}
		if have == nil && !w.Firm {
			if err := w.starters(ctx, tx); err != nil {
				return err
			}
		}
		return store.InsertOr(ctx, tx, "meta", []string{"name", "value"}, "ON CONFLICT (name) DO UPDATE SET value = excluded.value", [][]any{{"library", []byte(digest)}})
	})
}

// keepRelevance carries over what the organisation said of a criterion.
func keepRelevance(ctx context.Context, book *record.Book, id string, body []byte) ([]byte, error) {
	v, err := book.Get(ctx, framework.Kind().Name, id, 0)
	if fault.Is(err, fault.NotFound) {
		return body, nil
	}
	if err != nil {
		return nil, err
	}
	var old, fresh map[string]any
	if err := errors.Join(json.Unmarshal(v.Body, &old), json.Unmarshal(body, &fresh)); err != nil {
		return nil, err
	}
	if s, ok := old["not_relevant_reason"]; ok {
		fresh["not_relevant_reason"] = s
	}
	return json.Marshal(fresh)
}

func (w *Workspace) starters(ctx context.Context, tx *ledger.Tx) error {
	items, err := control.Catalogue()
	if err != nil {
		return err
	}
	for _, i := range items {
		if i.Stage != control.Stages()[0] {
			continue
		}
		body, err := control.Adopt(i)
		if err != nil {
			return err
		}
		if _, err := w.Book.PutIn(ctx, tx, record.Job("job:starter"), record.Change{Kind: control.Kind().Name, Key: i.ID, Body: body, Reason: "adopted from " + i.Version}); err != nil {
			return err
		}
	}
	return nil
}

// Base is the address that people are told; passkeys refuse a numeric host.
func Base(listen string) string {
	_, port, _ := strings.Cut(listen, ":")
	if i := strings.LastIndexByte(listen, ':'); i >= 0 {
		port = listen[i+1:]
	}
	return (&url.URL{Scheme: "http", Host: "localhost:" + port}).String()
}
