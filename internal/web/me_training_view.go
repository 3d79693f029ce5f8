package web

import (
	"encoding/json"
	"time"

	"tickmark/internal/training"
	"tickmark/internal/web/part"
)

// LearnPage shows one module to read, and what is asked about it.
type LearnPage struct {
	Title, HTML string
	Questions   []training.Question
	Action      string
	Pass        int
	Due         time.Time
	Status      part.Status
	SHA256      string
	Late        bool
	CompletedOn string
	Score       *int
	Attempts    int
	Last        *training.Attempt
	Wrong       []int  // the places of the questions that were not answered right the last time
	Closed      string // why it can't be taken
}

// AccessPage shows one's own accounts.
type AccessPage struct {
	Accounts []AccountRow
	Unlinked bool
	Ask      string
}

// ReportForm is what somebody tells of.
type ReportForm struct {
	What, More, Sort, Wrong string
	Unlinked                bool
}

func encodedBody(body map[string]any) []byte {
	for k, v := range body {
		if v == "" {
			delete(body, k)
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // of texts only
	}
	return b
}
