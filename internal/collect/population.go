package collect

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/record"
)

// A population is told by one digest over the keys and content hashes of everything that stood there, whatever the order in
// which it was read: the keys are parted by the first twelve bits of their SHA-256, each part has a SHA-256 over its keys, in
// order, with their hashes, and the population one over the numbers and digests of the parts that hold anything. So few
// changes among very many records cost only their own parts.

const parts = 1 << 12

// form is before the digest, so that runs of before it, which had one SHA-256 over everything, are told from others.
const form = "parted:"

type population struct {
	members [parts][]*record.Known
	digests [parts][sha256.Size]byte
	stale   [parts]bool
	counted chan struct{} // closed when the digests of what was known are made; until then no member may change
}

func part(key string) int {
	h := sha256.Sum256([]byte(key))
	return int(h[0])<<4 | int(h[1]>>4)
}

// populate counts what is known, on the side.
func populate(known map[string]*record.Known) *population {
	p := &population{counted: make(chan struct{})}
	all := make([]*record.Known, 0, len(known))
	for _, k := range known {
		all = append(all, k)
	}
	go func() {
		defer close(p.counted)
		for _, k := range all {
			n := part(k.Key)
			p.members[n] = append(p.members[n], k)
		}
		for n := range p.members {
			p.count(n)
		}
	}()
	return p
}

func (p *population) count(n int) {
	slices.SortFunc(p.members[n], func(a, b *record.Known) int { return strings.Compare(a.Key, b.Key) })
	h := sha256.New()
	var b []byte
	for _, k := range p.members[n] {
		b = append(append(fmt.Appendf(b[:0], "%d:", len(k.Key)), k.Key...), k.Hash[:]...)
		h.Write(b)
	}
	h.Sum(p.digests[n][:0])
	p.stale[n] = false
}

// changed says that a member is of another content; it waits until the digests of before are made, then sets it.
func (p *population) changed(k *record.Known, hash [32]byte) {
	if p == nil {
		return
	}
	<-p.counted
	k.Hash, p.stale[part(k.Key)] = hash, true
}

func (p *population) came(k *record.Known) {
	if p == nil {
		return
	}
	<-p.counted
	n := part(k.Key)
	p.members[n], p.stale[n] = append(p.members[n], k), true
}

func (p *population) went(k *record.Known) {
	if p == nil {
		return
	}
	<-p.counted
	n := part(k.Key)
	p.members[n], p.stale[n] = slices.DeleteFunc(p.members[n], func(m *record.Known) bool { return m == k }), true
}

func (p *population) digest() string {
	<-p.counted
	h := sha256.New()
	for n := range p.members {
		if p.stale[n] {
			p.count(n)
		}
		if len(p.members[n]) > 0 {
			h.Write(append([]byte{byte(n >> 8), byte(n)}, p.digests[n][:]...))
		}
	}
	return form + hex.EncodeToString(h.Sum(nil))
}
