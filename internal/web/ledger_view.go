package web

import "time"

// LedgerPage shows the log of proof: its head, what was written lately, and any entry asked for.
type LedgerPage struct {
	Origin     string
	Size       int64
	Root       string
	Checkpoint string
	Signed     time.Time
	Key        string
	Anchor     time.Time // the last stamp of any authority; zero for none
	Anchors    []AnchorRow
	MayAnchor  bool // the reader may configure authorities
	Recent     []EntryRow
	Older      string // address of the page before
	Asked      string // entry asked for, as typed
	Entry      *EntryRow
	Proof      *Proof
	Wrong      string
}

// EntryRow is one entry of the ledger.
type EntryRow struct {
	Index int64
	What  string // "Version of commit 3f2a…", "Run of host"
	Href  string
	By    string
	Hash  string
	At    time.Time
}

// AnchorRow is an authority that stamps the ledger.
type AnchorRow struct {
	Title, Href string
	Last        time.Time // zero for none
	Stamp       string    // where its last stamp is
	Size        int64     // entries that it has seen
	Paused      bool
	Late        bool
	Mirror      bool   // a copy, and no signature
	Fork        bool   // it has seen another log than this one
	Why         string // of its newest failure
}
