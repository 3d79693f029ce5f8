package api

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// SourceAnswer is an answer of a source that a record was made of.
type SourceAnswer struct {
	Run     int64        `json:"run"`
	N       int64        `json:"n" doc:"Its number among the questions of the run."`
	Request string       `json:"request"`
	Status  string       `json:"status"`
	At      store.Moment `json:"at"`
	Bytes   int64        `json:"bytes"`
	SHA256  string       `json:"sha256" doc:"Of the unedited answer."`
	Kept    string       `json:"kept_sha256,omitempty" doc:"Of the bytes that are kept, where they were edited."`
	Edited  []string     `json:"edited,omitempty" doc:"Where a digest stands in the place of a secret, as JSON pointers."`
	Gone    string       `json:"gone,omitempty" doc:"Why its bytes are not kept."`
}

func (c *call) unedited(k *record.Kind) (any, error) {
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	list, err := c.s.Book.SourcesOf(c.r.Context(), c.s.Book.DB, v.ID)
	out := make([]SourceAnswer, len(list))
	for i, s := range list {
		out[i] = SourceAnswer{s.Run, s.N, s.Request, s.Status, s.At, s.Bytes, hex.EncodeToString(s.SHA256), hex.EncodeToString(s.Kept), s.Edited, s.Gone}
	}
	return out, err
}

func (c *call) uneditedBytes(k *record.Kind) (any, error) {
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(c.r.PathValue("n"), 10, 64)
	if err != nil {
		return nil, fault.New(fault.NotFound, "%q is no number of an answer.", c.r.PathValue("n"))
	}
	s, body, err := c.s.Collector.AnswerOf(c.r.Context(), v, n)
	if err != nil {
		return nil, err
	}
	c.inert(fmt.Sprintf("run-%d-answer-%d", s.Run, s.N), int64(len(body)))
	c.w.Write(body)
	return streamed{}, nil
}
