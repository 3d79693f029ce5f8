package endpoint

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// version is one of TLS as it stands in a greeting.
type version struct {
	name string
	code uint16
}

// oldest first. Those before TLS 1.2 are no longer to be accepted (RFC 7568, RFC 8996).
var versionsAsked = []version{{"SSL 3.0", 0x0300}, {"TLS 1.0", 0x0301}, {"TLS 1.1", 0x0302}, {"TLS 1.2", 0x0303}, {"TLS 1.3", 0x0304}}

// answer is whether a version is accepted.
type answer int

const (
	untold answer = iota
	accepted
	refused
)

// versions asks for each version alone.
func (a *asker) versions(ctx context.Context, s *said, p place, where string, raw io.Writer) {
	whole, old, oldTold := true, false, true
	for _, v := range versionsAsked {
		got := a.version(ctx, p, where, v)
		word := map[answer]string{untold: "not told", accepted: "accepted", refused: "refused"}[got]
		fmt.Fprintf(raw, "%s: %s\n", v.name, word)
		isOld := v.code < tls.VersionTLS12
		switch got {
		case accepted:
			s.Protocols = append(s.Protocols, v.name)
			old = old || isOld
		case untold:
			whole = false
			oldTold = oldTold && !isOld
		}
	}
	if !whole {
		s.Protocols = nil
	}
	if old || oldTold {
		s.AcceptsOld = &old
	}
}

func (a *asker) version(ctx context.Context, p place, where string, v version) answer {
	began := a.out.Now()
	got, err := greet(ctx, p, where, v.code)
	status := map[answer]string{untold: "failed", accepted: "accepted", refused: "refused"}[got]
	if err != nil && got == untold {
		status = "failed"
	}
	a.exchange(p, "connect "+p.String()+" "+v.name, status, nil, began)
	return got
}

// greet says hello in one version only, with every cipher suite there is, and reads whether the server goes on in it. For the
// old ones the greeting is made here: a library that no longer speaks them would take what it lacks itself for a refusal.
func greet(ctx context.Context, p place, where string, code uint16) (answer, error) {
	conn, err := dial(ctx, where)
	if err != nil {
		return untold, err
	}
	defer conn.Close()
	if code == tls.VersionTLS13 {
		err := tls.Client(conn, &tls.Config{ServerName: p.host, MinVersion: code, MaxVersion: code, InsecureSkipVerify: true}).HandshakeContext(ctx)
		return heard(err), err
	}
	if _, err := conn.Write(hello(p.host, code)); err != nil {
		return untold, err
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(conn, head); err != nil {
		return heard(err), err
	}
	const alert, handshake = 21, 22
	switch head[0] {
	case alert:
		return refused, nil
	case handshake:
		body := make([]byte, min(int(binary.BigEndian.Uint16(head[3:])), 64))
		if _, err := io.ReadFull(conn, body); err != nil || len(body) < 6 {
			return untold, err
		}
		if body[0] != 2 { // no server hello
			return untold, nil
		}
		if binary.BigEndian.Uint16(body[4:]) == code {
			return accepted, nil
		}
		return refused, nil // it goes on in another version, which a client of this one does not take
	}
	return untold, errors.New("it does not speak TLS")
}

// heard reads what the end of a greeting means: a server that says no or hangs up refuses; silence, and a network that fails,
// tell nothing.
func heard(err error) answer {
	var no tls.AlertError
	var header tls.RecordHeaderError
	var op *net.OpError
	switch {
	case err == nil:
		return accepted
	case errors.As(err, &no), errors.As(err, &op) && op.Op == "remote error", errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.As(err, &header), strings.HasPrefix(err.Error(), "tls: server selected unsupported protocol version"):
		return refused
	}
	return untold
}

// hello is a greeting in one version (RFC 5246, 7.4.1.2).
func hello(host string, code uint16) []byte {
	var body []byte
	body = binary.BigEndian.AppendUint16(body, code)
	random := make([]byte, 32)
	rand.Read(random)
	body = append(body, random...)
	body = append(body, 0) // no session
	var list []byte
	for _, span := range [][2]uint16{{0x0001, 0x0046}, {0x0067, 0x006d}, {0x0084, 0x00c5}, {0xc001, 0xc028}, {0xc02b, 0xc032}, {0xc072, 0xc0af}, {0xcca8, 0xccae}, {0x00ff, 0x00ff}} {
		for c := span[0]; c <= span[1]; c++ {
			list = binary.BigEndian.AppendUint16(list, c)
		}
	}
	body = binary.BigEndian.AppendUint16(body, uint16(len(list)))
	body = append(append(body, list...), 1, 0) // no compression
	if code > 0x0300 {
		var ext []byte
		add := func(id uint16, data []byte) {
			ext = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(ext, id), uint16(len(data)))
			ext = append(ext, data...)
		}
		if !isIP(host) {
			name := binary.BigEndian.AppendUint16([]byte{0}, uint16(len(host)))
			name = append(name, host...)
			add(0, append(binary.BigEndian.AppendUint16(nil, uint16(len(name))), name...))
		}
		add(10, []byte{0, 8, 0, 29, 0, 23, 0, 24, 0, 25})                                  // curves
		add(11, []byte{1, 0})                                                              // points as they are
		add(13, []byte{0, 20, 4, 3, 5, 3, 6, 3, 8, 4, 8, 5, 8, 6, 4, 1, 5, 1, 6, 1, 2, 1}) // signatures
		body = binary.BigEndian.AppendUint16(body, uint16(len(ext)))
		body = append(body, ext...)
	}
	message := append([]byte{1, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	record := binary.BigEndian.AppendUint16([]byte{22}, min(code, 0x0301))
	return append(binary.BigEndian.AppendUint16(record, uint16(len(message))), message...)
}
