package ledger

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tickmark/internal/fault"
)

// Statement signs a text in the ledger's name, as a signed note. Its first line says what it is and has a space in it, which the
// name of a log never has: so no statement can be read as a checkpoint.
func (l *Log) Statement(text string) ([]byte, error) {
	if first, _, ok := strings.Cut(text, "\n"); !ok || !strings.Contains(first, " ") || !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("a statement begins with a line that says what it is, and ends with a line feed")
	}
	return note.Sign(&note.Note{Text: text}, l.signer)
}

// OpenStatement verifies a statement against a verifier key and returns its text.
func OpenStatement(signed []byte, vkey string) (string, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return "", fault.New(fault.Invalid, "The key is not a verifier key: %w.", err)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return "", fault.New(fault.Invalid, "The signature is not that of %s.", v.Name())
	}
	if first, _, _ := strings.Cut(n.Text, "\n"); !strings.Contains(first, " ") {
		return "", fault.New(fault.Invalid, "What is signed is not a statement.")
	}
	return n.Text, nil
}
