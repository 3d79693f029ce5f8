package postgres

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// silence is how long a server may say nothing. It ends each statement by itself after a minute, so that one that is silent for
	// longer is not there any more, or something between is not.
	silence = 90 * time.Second
	goodbye = 5 * time.Second // what may be waited for when all is read
)

type silenceKey struct{}

// silenceFor is silence, or what a test set.
func silenceFor(ctx context.Context) time.Duration {
	if d, ok := ctx.Value(silenceKey{}).(time.Duration); ok {
		return d
	}
	return silence
}

// patiently makes connections on which no reading waits for longer than that.
func patiently(ctx context.Context, dial pgconn.DialFunc) pgconn.DialFunc {
	most := silenceFor(ctx)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &patient{Conn: c, most: most}, nil
	}
}

// patient is a connection of which a reading ends after a while. The driver ends one too, by a deadline of its own in the past: the
// earlier of both counts.
type patient struct {
	net.Conn
	most time.Duration

	mu   sync.Mutex
	ends time.Time // what the driver set; zero: nothing
}

func (p *patient) Read(b []byte) (int, error) {
	p.mu.Lock()
	until := time.Now().Add(p.most)
	if !p.ends.IsZero() && p.ends.Before(until) {
		until = p.ends
	}
	err := p.Conn.SetReadDeadline(until)
	p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (p *patient) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = t
	return p.Conn.SetReadDeadline(t)
}

func (p *patient) SetDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = t
	return p.Conn.SetDeadline(t)
}
