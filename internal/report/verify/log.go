package verify

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/ledger/merkle"
)

// entry is a parsed leaf of the log, and whether something accounts for it.
type entry struct {
	commitment [32]byte
	at         int64
	typ        leafType
	taken      bool
	open       bool // it is an opened version
}

type leafType uint8

var leafTypes = []string{"", merkle.LeafVersion, merkle.LeafClose, merkle.LeafRun, merkle.LeafResults, merkle.LeafAction, merkle.LeafErasure, merkle.LeafManifest}

const (
	otherLeaf leafType = iota
	versionLeaf
	closeLeaf
	runLeaf
	resultsLeaf
	actionLeaf
	erasureLeaf
	manifestLeaf
)

func (t leafType) String() string {
	if t == otherLeaf {
		return "of a type this program does not know"
	}
	return leafTypes[t]
}

func leafTypeOf(s string) leafType {
	for i, t := range leafTypes {
		if t == s && s != "" {
			return leafType(i)
		}
	}
	return otherLeaf
}

// checkpoint verifies a signed checkpoint and that it has exactly the bytes that such a signature is written in: one
// signature line, no bit to spare.
func checkpoint(signed []byte, vkey string) (merkle.Checkpoint, error) {
	c, err := merkle.OpenCheckpoint(signed, vkey)
	if err != nil {
		return c, err
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return c, err
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return c, err
	}
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return c, fmt.Errorf("the checkpoint has %d signatures, one was expected", len(n.Sigs)+len(n.UnverifiedSigs))
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64); err != nil {
		return c, fmt.Errorf("the checkpoint's signature has bits that do not belong to it")
	}
	if want := n.Text + "\n— " + n.Sigs[0].Name + " " + n.Sigs[0].Base64 + "\n"; want != string(signed) {
		return c, fmt.Errorf("the checkpoint is not spelt as it must be")
	}
	if c.Text() != n.Text {
		return c, fmt.Errorf("the checkpoint's text is not spelt as it must be")
	}
	return c, nil
}

// readLog parses the leaves and rebuilds the tree; at says of which sizes the root is wanted.
func readLog(r io.Reader, announced int64, at map[int64]bool) (entries []entry, roots map[int64]tlog.Hash, err error) {
	br := bufio.NewReaderSize(r, 64<<10)
	var tree merkle.Tree
	roots = map[int64]tlog.Hash{}
	entries = make([]entry, 0, max(0, min(announced, 1<<16)))
	last := int64(0)
	var buf [1 << 10]byte
	for {
		if at[tree.N] {
			roots[tree.N] = tree.Root()
		}
		if _, err := io.ReadFull(br, buf[:2]); err == io.EOF {
			roots[tree.N] = tree.Root()
			return entries, roots, nil
		} else if err != nil {
			return entries, roots, cut(err, tree.N)
		}
		n := int(binary.BigEndian.Uint16(buf[:2]))
		if n > len(buf) {
			return entries, roots, fmt.Errorf("Entry %d of the log has %d bytes; no leaf is as long.", tree.N, n)
		}
		if _, err := io.ReadFull(br, buf[:n]); err != nil {
			return entries, roots, cut(err, tree.N)
		}
		leaf, err := merkle.ParseLeaf(buf[:n])
		if err != nil {
			return entries, roots, fmt.Errorf("Entry %d of the log is no leaf: %w.", tree.N, err)
		}
		if leaf.At < last {
			return entries, roots, fmt.Errorf("Entry %d of the log was recorded (%s) before the one above it (%s): the log was reordered.", tree.N, moment(leaf.At), moment(last))
		}
		last = leaf.At
		entries = append(entries, entry{commitment: leaf.Commitment, at: leaf.At, typ: leafTypeOf(leaf.Type)})
		tree.Add(tlog.RecordHash(buf[:n]), func(merkle.Tile) {})
	}
}

func cut(err error, n int64) error {
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		return fmt.Errorf("The log ends within entry %d.", n)
	}
	return err
}

func sentenceOf(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
