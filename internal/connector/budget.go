package connector

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"tickmark/internal/fault"
)

// The settings that bound how much a connection asks of its service.
const (
	PerMinute = "requests_per_minute"
	AtOnce    = "requests_at_once"
)

// mostWaited is how long one run waits in all until a service counts anew.
const mostWaited = time.Hour

// Limits are what a connector asks of a service at most, where its connection says nothing else.
type Limits struct {
	PerMinute, AtOnce int
	Why               string // the vendor's own limits, in a sentence; empty where none are documented
}

// WithBudget gives a connector that has limits the settings for them.
func WithBudget(c Connector) Connector {
	l := c.Limits
	if l.PerMinute == 0 {
		return c
	}
	help := fmt.Sprintf("At most, over everything that is read. Empty: %d.", l.PerMinute)
	if l.Why != "" {
		help += " " + l.Why
	}
	c.Settings = append(slices.Clone(c.Settings), Setting{Name: PerMinute, Title: "Requests a minute", Help: help},
		Setting{Name: AtOnce, Title: "Requests at once", Help: fmt.Sprintf("At most. Empty: %d. Whatever is set here, it slows down where the service says how much is left, and leaves a fifth of that to others.", l.AtOnce)})
	read := c.Read
	c.Read = func(ctx context.Context, v Values, out Sink) error {
		v = maps.Clone(v)
		if v == nil {
			v = Values{}
		}
		v[PerMinute], v[AtOnce] = cmp.Or(v[PerMinute], strconv.Itoa(l.PerMinute)), cmp.Or(v[AtOnce], strconv.Itoa(l.AtOnce))
		return read(ctx, v, out)
	}
	return c
}

// Budget is how much one run may still ask of a service: so many requests a minute and at once, and a fifth less than what the
// service says that it will still answer. It serves several goroutines.
type Budget struct {
	every time.Duration
	slots chan struct{} // nil: any number

	mu     sync.Mutex
	next   time.Time     // before which no request leaves
	waited time.Duration // for quotas, so that a service which says at each answer that nothing is left holds nobody up for ever
	quotas map[string]quota
}

// quota is what a service said of the requests that it will still answer.
type quota struct {
	limit, left int
	until       time.Time // when it counts anew
}

// NewBudget reads the settings. Without them nothing is bounded but by what the service says.
func NewBudget(v Values) (*Budget, error) {
	b := &Budget{quotas: map[string]quota{}}
	perMinute, err := positive(v, PerMinute)
	if err != nil {
		return nil, err
	}
	if perMinute > 0 {
		b.every = time.Minute / time.Duration(perMinute)
	}
	atOnce, err := positive(v, AtOnce)
	if atOnce > 0 {
		b.slots = make(chan struct{}, atOnce)
	}
	return b, err
}

func positive(v Values, name string) (int, error) {
	if v[name] == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(v[name])
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, fault.New(fault.Invalid, "%q is not a number of requests.", printable(v[name])).WithNext("Give %s a whole number of at least 1, or leave it empty.", name)
	}
	return n, nil
}

// Exhausted is a quota of which nothing is left for long.
type Exhausted struct {
	Left, Limit int
	Wait        time.Duration
}

func (e *Exhausted) Error() string {
	return fmt.Sprintf("the service still answers %d of %d requests, which are left to others, and counts anew in %s; that was not waited for", e.Left, e.Limit, e.Wait.Round(time.Minute))
}

// Take waits until a request may leave, and returns what to call when it is answered. Where the service has too little left and
// counts anew only after long, it is an *Exhausted.
func (b *Budget) Take(ctx context.Context) (done func(), err error) {
	done = func() {}
	if b.slots != nil {
		select {
		case b.slots <- struct{}{}:
			done = sync.OnceFunc(func() { <-b.slots })
		case <-ctx.Done():
			return done, ctx.Err()
		}
	}
	for {
		wait, err := b.ask(time.Now())
		if err != nil {
			done()
			return done, err
		}
		if wait <= 0 {
			return done, ctx.Err()
		}
		if err := sleep(ctx, wait); err != nil {
			done()
			return done, err
		}
	}
}

// ask counts a request, or says how long to wait until it may be asked again.
func (b *Budget) ask(now time.Time) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next.After(now) {
		return b.next.Sub(now), nil
	}
	pause := b.every
	for name, q := range b.quotas {
		rest := q.until.Sub(now)
		if rest <= 0 {
			delete(b.quotas, name)
			continue
		}
		ours := q.left - q.limit/5
		switch {
		case ours <= 0 && (rest > longestWait || b.waited > mostWaited):
			return 0, &Exhausted{q.left, q.limit, rest}
		case ours <= 0:
			b.next, b.waited = now.Add(rest), b.waited+rest
			return rest, nil
		case q.left < q.limit/2: // what is left lasts until it counts anew
			pause = max(pause, rest/time.Duration(ours))
		}
	}
	for name, q := range b.quotas {
		q.left-- // until the next answer says it
		b.quotas[name] = q
	}
	b.next = now.Add(pause)
	return 0, nil
}

// Heed takes what an answer says of the requests that are left: as GitHub, Jira and Okta write it, and GitLab, Microsoft and the
// draft of the IETF. A header that cannot be read bounds nothing.
func (b *Budget) Heed(h http.Header) {
	for _, prefix := range []string{"X-RateLimit-", "X-Rate-Limit-", "RateLimit-"} {
		left, err := strconv.Atoi(h.Get(prefix + "Remaining"))
		if err != nil || left < 0 {
			continue
		}
		limit, err := strconv.Atoi(h.Get(prefix + "Limit"))
		if err != nil || limit < left {
			limit = left
		}
		rest, ok := untilReset(h, prefix+"Reset")
		if !ok || rest <= 0 {
			continue
		}
		b.mu.Lock()
		// One for each thing that is counted: GitHub and GitLab name it, and of Okta's each has another limit.
		name := cmp.Or(h.Get(prefix+"Resource"), h.Get(prefix+"Name")) + " " + strconv.Itoa(limit)
		b.quotas[name] = quota{limit, left, time.Now().Add(rest)}
		b.mu.Unlock()
	}
}

// untilReset is how long it takes until a service counts anew, by its own clock where it says both.
func untilReset(h http.Header, name string) (time.Duration, bool) {
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	s := h.Get(name)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n < 1e11 {
		if n < 1e9 {
			return time.Duration(n) * time.Second, n <= 7*24*60*60
		}
		return time.Unix(n, 0).Sub(now), true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.Sub(now), true
		}
	}
	return 0, false
}
