// Package verify reads packages and proofs on a machine that has nothing but them and a key. The one rule: it says of each
// claim whether it holds and from what, and what it could not examine never holds. It imports no database code; docs/package.md
// describes the format for other implementations.
package verify

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Format is the first member of a manifest: what the package is. One of the first format has no answers of sources.
const (
	Format   = "tickmark package v2"
	FormatV1 = "tickmark package v1"
)

// The files of a package. The first five are proved by themselves; all others are listed in the manifest.
const (
	ManifestFile   = "manifest.json"
	SealFile       = "seal.json"
	CheckpointFile = "checkpoint"
	KeyFile        = "key.txt"
	LogFile        = "log/entries"

	ReadmeFile   = "README.txt"
	IndexFile    = "index.csv"
	ActionsFile  = "actions.jsonl"
	ResultsFile  = "results.jsonl"
	ChecksFile   = "checks.jsonl"
	CoverageFile = "coverage.jsonl"

	AnswersFile = "answers/list.jsonl"   // what sources answered, without the bytes
	TracesFile  = "answers/traces.jsonl" // which version was made of which answers
	BodiesFile  = "answers/bodies.jsonl" // the bytes

	WithheldVersionsFile = "withheld/versions.jsonl"
	WithheldActionsFile  = "withheld/actions.jsonl"
	ErasedFile           = "withheld/erased.jsonl"

	RecordsFolder = "records/" // one KIND.jsonl for each kind
	FilesFolder   = "files/"   // bytes under their SHA-256
)

var (
	recordsName = regexp.MustCompile(`^records/[a-z0-9_]+\.jsonl$`)
	blobName    = regexp.MustCompile(`^files/[0-9a-f]{64}$`)
)

func outer(name string) bool {
	switch name {
	case ManifestFile, SealFile, CheckpointFile, KeyFile, LogFile:
		return true
	}
	return false
}

func known(name string) bool {
	switch name {
	case ReadmeFile, IndexFile, ActionsFile, ResultsFile, ChecksFile, CoverageFile, AnswersFile, TracesFile, BodiesFile, WithheldVersionsFile, WithheldActionsFile, ErasedFile:
		return true
	}
	return recordsName.MatchString(name) || blobName.MatchString(name)
}

// RecordsFile is where the versions of a kind stand.
func RecordsFile(kind string) string { return RecordsFolder + kind + ".jsonl" }

// Manifest says what is in a package and what is not. Its SHA-256 is sealed in the log by an entry of its own.
type Manifest struct {
	Format       string    `json:"format"`
	Origin       string    `json:"origin"`       // the log's name
	Organisation string    `json:"organisation"` // as its own record says; empty when there is none
	By           string    `json:"by"`           // who made it
	Release      string    `json:"release"`      // of Tickmark
	Entries      int64     `json:"entries"`      // the package speaks of the log's first so many entries
	AsOf         string    `json:"as_of"`        // recorded time of the last of these
	Redacted     bool      `json:"redacted"`     // records of kinds with personal data were left out
	Answers      bool      `json:"answers"`      // the unedited answers of sources behind its records are in it
	Counts       Counts    `json:"counts"`
	Kinds        []Kind    `json:"kinds"`
	LeftOut      []LeftOut `json:"left_out"`
	Checks       []Setting `json:"check_settings"` // checks that are off or have other thresholds than the library's
	Missing      []string  `json:"missing_files"`  // SHA-256 of files that records name and the workspace no longer has
	Files        []Listed  `json:"files"`          // sorted by path
}

// Counts are the numbers of things in the package, each of which verifying counts again.
type Counts struct {
	Versions int64 `json:"versions"` // opened
	Current  int64 `json:"current"`  // of them, those that hold at AsOf
	Actions  int64 `json:"actions"`  // opened, with closings, erasures and earlier packages
	Results  int64 `json:"results"`  // opened changes of answers
	Withheld int64 `json:"withheld"` // versions, actions and results of which only hashes are shown
	Erased   int64 `json:"erased"`   // versions and closings whose content was destroyed
	Dropped  int64 `json:"dropped"`  // opened versions whose body a rule of retention dropped
	Files    int64 `json:"files"`    // evidence and attachments
	Answers  int64 `json:"answers"`  // unedited answers of sources whose bytes are in it
	Traced   int64 `json:"traced"`   // opened versions that were made of at least one of these
}

// Kind counts one kind's opened versions.
type Kind struct {
	Kind     string `json:"kind"`
	Title    string `json:"title"`
	Versions int64  `json:"versions"`
	Current  int64  `json:"current"`
}

// LeftOut is something that a reader may expect and will not find.
type LeftOut struct {
	What string `json:"what"`
	Why  string `json:"why"`
	N    int64  `json:"n"` // 0: not counted
}

// Setting is how the organisation uses a check otherwise than the library gives it.
type Setting struct {
	Check    string `json:"check"`
	Off      bool   `json:"off"`
	Settings string `json:"settings"` // JSON, empty: the library's
	Reason   string `json:"reason"`
	By       string `json:"by"`
	From     string `json:"from"`  // RFC 3339
	Entry    int64  `json:"entry"` // of the record that says so
}

// Listed is one file of the package: its content, and its bytes as they stand packed in the archive.
type Listed struct {
	Path         string `json:"path"`
	Size         int64  `json:"size"`
	SHA256       string `json:"sha256"`
	Packed       int64  `json:"packed"`
	PackedSHA256 string `json:"packed_sha256"`
}

// Redacted is what to know of a redacted package.
const Redacted = "The package is redacted: records of kinds with personal data are withheld whole. Records that are shown still say who wrote them, for their proof covers it."

// SealDetail is what the entry of a package says of it.
type SealDetail struct {
	Manifest string `json:"manifest"` // SHA-256 of manifest.json
	Entries  int64  `json:"entries"`
}

// SealVerb is the verb of a package's entry.
const SealVerb = "package.made"

// IndexHeader is the first line of index.csv.
const IndexHeader = "kind,key,label,source,origin,from,to,occurred,entry\n"

// AppendIndex appends the index line of a version: quoted where need be, and nothing that a spreadsheet would run.
func AppendIndex(b []byte, r *Record) []byte {
	for _, s := range []string{r.Kind, r.Key, r.Label, r.Source, r.Origin, moment(r.From), moment(r.To), moment(r.Occurred)} {
		b = append(appendCell(b, s), ',')
	}
	return fmt.Appendf(b, "%d\n", r.Entry)
}

func appendCell(b []byte, s string) []byte {
	risky := s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0]))
	if !risky && !strings.ContainsAny(s, ",\"\n\r") {
		return append(b, s...)
	}
	b = append(b, '"')
	if risky {
		b = append(b, '\'')
	}
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}

// moment is RFC 3339 in UTC; empty for the open end of an interval and for what is no event.
func moment(micro int64) string {
	if micro == noTime {
		return ""
	}
	return time.UnixMicro(micro).UTC().Format(time.RFC3339Nano)
}
