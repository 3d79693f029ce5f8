package cli

import (
	"fmt"
	"sync"
	"time"
)

// progress shows how far a long piece of work is: a line that is redrawn on a terminal, plain lines in a pipe.
type progress struct {
	s    *session
	name string
	mu   sync.Mutex
	last time.Time
}

func (s *session) progress(name string) *progress {
	p := &progress{s: s, name: name, last: time.Now()}
	if s.talksToTerminal() {
		fmt.Fprintf(s.stderr, "Reading %s …", name)
	} else {
		s.say("Reading %s …", name)
	}
	return p
}

func (p *progress) step(_, kind string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	every := 100 * time.Millisecond
	if !p.s.talksToTerminal() {
		every = 5 * time.Second
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	text := fmt.Sprintf("Reading %s: %s %d", p.name, kind, done)
	if total > 0 {
		text += fmt.Sprintf(" of %d", total)
	}
	if p.s.talksToTerminal() {
		fmt.Fprintf(p.s.stderr, "\r\x1b[K%s", text)
	} else {
		p.s.say("%s", text)
	}
}

func (p *progress) done(what string) {
	if p.s.talksToTerminal() {
		fmt.Fprintf(p.s.stderr, "\r\x1b[K")
	}
	p.s.say("%s: %s.", p.name, what)
}
