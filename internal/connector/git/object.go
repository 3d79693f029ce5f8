package git

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the name git gave; not a choice of ours
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
)

// maxObject is the largest object held in memory; a commit or tag beyond it is not a person's work, and is reported as unread.
const maxObject = 32 << 20

// maxDeaths is how often one read starts git again after a damaged object ended it.
const maxDeaths = 50

// object is one object of the repository. kind is empty when it could not be read or is not what its name says; content
// is nil when it is larger than maxObject.
type object struct {
	id, kind string
	size     int64
	content  []byte
	sum      string // SHA-256 of the content, where it was taken
	why      string // when kind is empty
}

// objects reads n objects by their ids through one git process and hands each to each, in order. A damaged object ends
// git; it is handed over without a kind and reading goes on behind it.
func (c *command) objects(ctx context.Context, kind string, n int, id func(int) string, each func(int, object) error) error {
	for from, deaths := 0, 0; from < n; {
		p, err := c.start(ctx, kind, &lines{at: from, n: n, id: id}, "cat-file", "--batch", "--buffer")
		if err != nil {
			return err
		}
		in := bufio.NewReaderSize(p, 128<<10)
		for ; from < n; from++ {
			o, err := readObject(in, id(from))
			if err != nil {
				break
			}
			if err := each(from, o); err != nil {
				p.stop(ctx)
				return err
			}
		}
		err = p.end(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if from == n {
			return nil
		}
		end := from + 1
		if deaths++; deaths > maxDeaths {
			end = n // too damaged to go on: the rest counts as unread
		}
		why := firstLine(p.stderr.String())
		if why == "" && err != nil {
			why = clean(err.Error())
		}
		for ; from < end; from++ {
			if err := each(from, object{id: id(from), why: why}); err != nil {
				return err
			}
		}
	}
	return nil
}

// readObject takes one answer of cat-file --batch: "<id> <kind> <size>", the content, a line end; or "<id> missing".
func readObject(in *bufio.Reader, id string) (object, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return object{}, err
	}
	said, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
	kind, size, sized := strings.Cut(rest, " ")
	o := object{id: id}
	if !sized {
		o.why = "it is " + rest
		return o, nil
	}
	if o.size, err = strconv.ParseInt(size, 10, 64); err != nil || said != id || o.size < 0 {
		return object{}, fmt.Errorf("git answered %q for %s", clean(string(line)), id)
	}
	var sum hash.Hash = sha1.New()
	if len(id) == 2*sha256.Size {
		sum = sha256.New()
	}
	var head [40]byte
	sum.Write(append(strconv.AppendInt(append(append(head[:0], kind...), ' '), o.size, 10), 0))
	if o.size <= maxObject {
		o.content = make([]byte, o.size)
		_, err = io.ReadFull(in, o.content)
		sum.Write(o.content)
	} else {
		_, err = io.CopyN(sum, in, o.size)
	}
	if err == nil {
		_, err = in.Discard(1)
	}
	if err != nil {
		return object{}, err
	}
	var name [2 * sha256.Size]byte
	if !bytes.Equal(hex.AppendEncode(name[:0], sum.Sum(nil)), []byte(id)) {
		o.content, o.why = nil, "its content does not match its name"
		return o, nil
	}
	o.kind = kind
	return o, nil
}

// lines is a reader of ids, one a line, made as they are wanted.
type lines struct {
	at, n int
	id    func(int) string
	rest  []byte
}

func (l *lines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.at == l.n {
			return 0, io.EOF
		}
		l.rest = l.rest[:0]
		for l.at < l.n && len(l.rest) < 32<<10 {
			l.rest = append(append(l.rest, l.id(l.at)...), '\n')
			l.at++
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
