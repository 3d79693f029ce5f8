package api

import (
	"tickmark/internal/access"
	"tickmark/internal/retention"
)

const retentionPath = "/api/v1/retention"

// Retention is what is dropped of what was collected, and what was so far.
type Retention struct {
	Rules   []retention.Rule          `json:"rules" doc:"In force now; without one nothing is dropped."`
	Dropped map[string]RetentionCount `json:"dropped" doc:"So far, by kind."`
}

// RetentionCount is how many bodies of a kind were dropped.
type RetentionCount struct {
	Versions int64 `json:"versions"`
	Bytes    int64 `json:"bytes" doc:"As they were packed."`
}

// RetentionRule is what a rule is to say.
type RetentionRule struct {
	Days   int    `json:"days" doc:"After the end of a version; at least 400."`
	Reason string `json:"reason" doc:"Why; it stays in the ledger."`
}

func (s *server) retentionRoutes() []route {
	tag := "Retention"
	source := asked("source", "Only of this source; the rule of a source goes before that of its kind.")
	return []route{
		{method: "GET", path: retentionPath, id: "retention", tag: tag, summary: "The rules by which bodies of past versions are dropped, and what went so far",
			answer: s.schemaOf(Retention{}), serve: (*call).retention},
		{method: "GET", path: retentionPath + "/preview", id: "preview-retention", tag: tag, summary: "What the rules would drop now, and what is kept and why",
			help:  "With a kind and days, as if that rule were set. Nothing is written.",
			query: []param{asked("kind", "The kind of a rule to try."), source, whole("days", "Of the rule to try.", 0, 0)}, answer: s.schemaOf(retention.Plan{}), serve: (*call).retentionPreview},
		{method: "PUT", path: retentionPath + "/{kind}", id: "set-retention", tag: tag, summary: "Set the rule of a kind",
			help:  "An owner who signed in may. The server applies it each night: what goes is gone for good, so look at the preview first.",
			query: []param{source}, body: s.schemaOf(RetentionRule{}), answer: s.schemaOf(retention.Rule{}), serve: (*call).setRetention},
		{method: "DELETE", path: retentionPath + "/{kind}", id: "end-retention", tag: tag, summary: "End the rule of a kind", status: 204,
			query: []param{source, needed("reason", "why it ends.")}, serve: func(c *call) (any, error) {
				return nil, retention.End(c.r.Context(), c.s.Book, c.who, c.r.PathValue("kind"), c.text("source"), c.text("reason"))
			}},
	}
}

func (c *call) retention() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	rules, err := retention.Rules(c.r.Context(), c.s.Book, 0)
	if err != nil {
		return nil, err
	}
	gone, err := c.s.Book.DroppedSoFar(c.r.Context(), c.s.Book.DB)
	out := Retention{Rules: append([]retention.Rule{}, rules...), Dropped: map[string]RetentionCount{}}
	for kind, n := range gone {
		out.Dropped[kind] = RetentionCount{n.Versions, n.Bytes}
	}
	return out, err
}

func (c *call) retentionPreview() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	var tried []retention.Rule
	if kind := c.text("kind"); kind != "" {
		tried = append(tried, retention.Rule{Kind: kind, Source: c.text("source"), Days: int(c.number("days", 0))})
	}
	p, err := retention.Preview(c.r.Context(), c.s.Book, tried...)
	return p, err
}

func (c *call) setRetention() (any, error) {
	if err := c.workspace(access.Admin); err != nil {
		return nil, err
	}
	var r RetentionRule
	if err := c.decode(&r); err != nil {
		return nil, err
	}
	return retention.Set(c.r.Context(), c.s.Book, c.who, retention.Rule{Kind: c.r.PathValue("kind"), Source: c.text("source"), Days: r.Days, Reason: r.Reason})
}
