package main

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing/fstest"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/finding"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// kept is what one run after a hundred changed records costs.
type kept struct {
	spent, took time.Duration
	rows        int
}

const changed = 100

// named is a kind that findings speak of and that holds nothing here.
func named(kind string) record.Kind {
	return record.Kind{Name: kind, Fields: []record.Field{{Name: "id", Type: record.Text}}}
}

// history compares a workspace, which judges the hundred and writes what flipped, with judging all and storing every answer of
// every run, both in SQLite on disk and with the same judge. Runs follow each other in a second and, for aged, in an hour, in
// which ages turn answers too.
func history(dir string, docs []doc, files [][]byte, rounds int, seed uint64) (ours, aged, full []kept, err error) {
	ctx := context.Background()
	db, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "workspace.db"))
	if err != nil {
		return nil, nil, nil, err
	}
	defer db.Close()
	log, err := ledger.Open(ctx, db, dir)
	if err != nil {
		return nil, nil, nil, err
	}
	clock := now
	log.Clock = func() time.Time { return clock }
	others := append([]record.Kind{check.Kind(), finding.Kind(), named("control"), named("exception"), named("person")}, collect.Kinds()...)
	all, err := record.NewKinds(append(others, kinds...)...)
	if err != nil {
		return nil, nil, nil, err
	}
	book, err := record.OpenBook(ctx, log, all, func(_ string, v []byte) string { return string(v) })
	if err != nil {
		return nil, nil, nil, err
	}
	words, err := check.NewVocabulary(all.All()...)
	if err != nil {
		return nil, nil, nil, err
	}
	library := fstest.MapFS{}
	for n, file := range files {
		library[rules[n].id+".yaml"] = &fstest.MapFile{Data: file, Mode: fs.ModePerm}
	}
	judge, err := tickmark(words, files, &clock, "", "")
	if err != nil {
		return nil, nil, nil, err
	}
	set, err := check.Load(words, nil, library, "")
	if err != nil {
		return nil, nil, nil, err
	}
	monitor := check.NewMonitor(book, words, set)
	put := func(docs []doc) error {
		var changes []record.Change
		for _, d := range docs {
			changes = append(changes, record.Change{Kind: d.kind, Key: d.key, Source: "bench", Origin: record.Collected, Body: d.body, Reason: "read"})
		}
		_, err := book.Put(ctx, record.Job("connection:bench"), changes...)
		return err
	}
	// Every kind was read completely since long ago and still is: without that nothing would count as known.
	err = db.Write(ctx, func(tx *store.Tx) error {
		var rows [][]any
		for n, k := range kinds {
			since := store.At(now.AddDate(-1, 0, 0))
			rows = append(rows, []any{n + 1, "bench", k.Name, "", "", since, store.Forever, since, 1, 1, 1, ""})
		}
		return store.Insert(ctx, tx, "coverage", []string{"id", "connection", "kind", "part", "scope", "valid_from", "valid_to", "last_read", "reads", "first_run", "last_run", "ended"}, rows)
	})
	if err != nil {
		return nil, nil, nil, err
	}
	for at := 0; at < len(docs); at += 1000 {
		if err := put(docs[at:min(at+1000, len(docs))]); err != nil {
			return nil, nil, nil, err
		}
	}
	if _, err := monitor.Evaluate(ctx, check.Options{}); err != nil {
		return nil, nil, nil, err
	}

	// Beside it the other way: a table that takes every answer of every run.
	every, err := sql.Open("sqlite", filepath.Join(dir, "every.db"))
	if err != nil {
		return nil, nil, nil, err
	}
	defer every.Close()
	every.SetMaxOpenConns(1)
	for _, q := range []string{"PRAGMA journal_mode = WAL", "CREATE TABLE result (run INTEGER, check_id TEXT, record INTEGER, status INTEGER, PRIMARY KEY (run, check_id, record)) WITHOUT ROWID"} {
		if _, err := every.Exec(q); err != nil {
			return nil, nil, nil, err
		}
	}
	out := make([]bool, len(docs)*perKind)
	byKind := map[string][]rule{}
	for _, k := range kinds {
		byKind[k.Name] = rulesOf(k.Name)
	}
	for round := range 2 * rounds {
		step, to := time.Second, &ours
		if round%2 == 1 {
			step, to = time.Hour, &aged
		}
		clock = clock.Add(step)
		// Keys don't depend on the seed, so that these are the same records with other bodies.
		fresh := corpus(changed, seed+1+uint64(round))
		copy(docs, fresh)
		if err := put(fresh); err != nil { // which any way must do
			return nil, nil, nil, err
		}
		var m meter
		m.start()
		e, err := monitor.Evaluate(ctx, check.Options{})
		if err != nil {
			return nil, nil, nil, err
		}
		spent, took := m.stop()
		*to = append(*to, kept{spent, took, e.Flips})

		m.start()
		if _, err := judge.judge(docs, out); err != nil {
			return nil, nil, nil, err
		}
		tx, err := every.Begin()
		if err != nil {
			return nil, nil, nil, err
		}
		insert, err := tx.Prepare("INSERT INTO result VALUES ($1, $2, $3, $4)")
		if err != nil {
			return nil, nil, nil, err
		}
		for i, d := range docs {
			for j, r := range byKind[d.kind] {
				if _, err := insert.Exec(round, r.id, i, out[i*perKind+j]); err != nil {
					return nil, nil, nil, err
				}
			}
		}
		if err := tx.Commit(); err != nil {
			return nil, nil, nil, err
		}
		spent, took = m.stop()
		full = append(full, kept{spent, took, len(out)})
	}
	// What was kept up with must be what judging everything anew gives, and what the other way gives.
	e, err := monitor.Evaluate(ctx, check.Options{Full: true})
	if err != nil {
		return nil, nil, nil, err
	}
	if e.Flips != 0 {
		return nil, nil, nil, fmt.Errorf("judging everything anew changes %d answers that were kept up with", e.Flips)
	}
	for n, r := range rules {
		want := 0
		for i, d := range docs {
			for j, of := range byKind[d.kind] {
				if of.id == r.id && !out[i*perKind+j] {
					want++
				}
			}
		}
		id, got := fmt.Sprintf("BENCH-%02d", n+1), 0
		for f := (check.Filter{Check: id, Status: check.Fail, Limit: 1000}); ; {
			page, err := monitor.Results(ctx, f)
			if err != nil {
				return nil, nil, nil, err
			}
			got += len(page.Results)
			if f.After = page.Next; page.Next == "" {
				break
			}
		}
		if got != want {
			return nil, nil, nil, fmt.Errorf("%s (%s) fails about %d records in the workspace and about %d when all are judged", id, r.id, got, want)
		}
	}
	return ours, aged, full, nil
}
