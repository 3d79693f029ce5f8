package report

import (
	"cmp"
	"fmt"
	"strings"

	"tickmark/internal/report/verify"
)

// readme says in words what is in a package, how to verify it, and what not to conclude from it.
func readme(m *verify.Manifest) []byte {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("Tickmark package of %s", cmp.Or(m.Organisation, "an organisation without a name on record"))
	say("")
	say("Records as of %s, made by %s with Tickmark %s.", cmp.Or(m.AsOf, "the beginning"), m.By, cmp.Or(m.Release, "(no release)"))
	say("The log is named %s; the package speaks of its first %d entries.", m.Origin, m.Entries)
	say("")
	say("Verify it")
	say("")
	say("    tickmark verify THIS_FILE.zip --key KEY")
	say("")
	say("Nothing else is needed, neither a server nor a database. Get KEY from its owner by another way than this file;")
	say("key.txt only says which key the package claims. Any program that follows docs/package.md of Tickmark can do the same.")
	say("")
	say("What is in it")
	say("")
	say("  manifest.json    every file with size and SHA-256, what was counted, and what was left out")
	say("  seal.json        the log's entry that sealed the manifest")
	say("  checkpoint       the signed state of the log (C2SP checkpoint)")
	say("  key.txt          the public key that the package claims")
	say("  log/entries      every entry of the log: type, time and commitment, no data (C2SP entry bundle)")
	say("  index.csv        every version of every record, one line each")
	say("  records/         one file for each kind; one version a line, with its body and what opens its commitment")
	say("  results.jsonl    every change of a check's answer; checks.jsonl has the logic that gave it")
	if m.Answers {
		say("  answers/         what sources answered, unedited: list.jsonl names each answer, traces.jsonl which record (by its entry) was made of")
		say("                   which answers, bodies.jsonl has the bytes, each told by those of the line before")
	}
	say("  coverage.jsonl   for which times each source was read completely, as the maker states it")
	say("  actions.jsonl    closings, erasures and what people and jobs did")
	say("  files/           evidence and attachments under their SHA-256")
	say("  withheld/        entries of which only hashes are shown, and entries that were erased")
	say("")
	say("Times in .jsonl files are microseconds since 1970, UTC, or RFC 3339.")
	say("")
	say("Counted: %d versions of records, %d of which hold; %d answers; %d actions; %d files; %d things withheld, %d erased.",
		m.Counts.Versions, m.Counts.Current, m.Counts.Results, m.Counts.Actions, m.Counts.Files, m.Counts.Withheld, m.Counts.Erased)
	if n := m.Counts.Dropped; n > 0 {
		say("Of the versions, %d have no body any more: a rule of retention dropped it. Their hashes stand in its place, and actions.jsonl says by which rule and when.", n)
	}
	if n := m.Counts.Answers; n > 0 {
		say("Of the versions, %d trace to %d unedited answers of sources.", m.Counts.Traced, n)
	}
	for _, k := range m.Kinds {
		say("  %-28s %8d versions, %8d hold", k.Kind, k.Versions, k.Current)
	}
	say("")
	say("Left out")
	say("")
	if m.Redacted {
		say("  %s", verify.Redacted)
	}
	for _, l := range m.LeftOut {
		if l.N > 0 {
			say("  %s (%d). %s", l.What, l.N, l.Why)
		} else {
			say("  %s. %s", l.What, l.Why)
		}
	}
	for _, f := range m.Missing {
		say("  The file %s, which a record names and the workspace no longer has.", f)
	}
	if len(m.Checks) > 0 {
		say("")
		say("Checks used otherwise than the library gives them")
		say("")
		for _, c := range m.Checks {
			how := "settings " + c.Settings
			if c.Off {
				how = "turned off"
			}
			say("  %s: %s since %s by %s. %s", c.Check, how, c.From, c.By, strings.Join(strings.Fields(c.Reason), " "))
		}
	}
	say("")
	say("What it does not prove")
	say("")
	say("That a source told the truth, or that everything that matters was connected. The log proves what was recorded, when, and")
	say("that it was not changed since somebody outside first knew a checkpoint of it. An answer of a check stands only for times in")
	say("which its sources were covered. Nothing here is an auditor's conclusion.")
	return []byte(b.String())
}
