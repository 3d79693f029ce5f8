package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"tickmark/internal/connector"
)

func (w *World) readRepositories(ctx context.Context, out connector.Sink) error {
	now := out.Now().UTC()
	for _, repo := range w.Repositories {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.repository(repo, now, out); err != nil {
			return err
		}
		for _, k := range []string{"git_repository", "git_branch", "git_tag", "git_commit", "git_file"} {
			out.Complete(k, repo)
		}
		asked(out, "git_repository", repo, fmt.Append(nil, repo, Day(now)))
	}
	return nil
}

func (w *World) repository(repo string, now time.Time, out connector.Sink) error {
	put := func(kind, key, label string, occurred time.Time, body object) error {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		return out.Item(connector.Item{Kind: kind, Key: key, Scope: repo, Raw: raw, Label: label, Occurred: occurred})
	}
	path := "/srv/git/" + repo
	head, before := "", ""
	for day := Day(w.Begin.AddDate(0, -1, 0)); !day.After(now); day = day.AddDate(0, 0, 1) {
		for _, c := range w.commits(repo, day) {
			if c.at.After(now) {
				break
			}
			before, head = head, c.id
			if out.Seen("git_commit", c.id) {
				continue
			}
			p := w.People[c.author]
			email := p.Email
			if p.Other != "" && c.n%3 == 0 {
				email = p.Other
			}
			signature, signed := "ssh", true
			if c.author == Contractor && w.Unsigned().Holds(c.at) {
				signature, signed = "none", false
			}
			parents := []string{}
			if before != "" {
				parents = append(parents, before)
			}
			at := c.at.Format(time.RFC3339)
			if err := put("git_commit", c.id, c.subject, c.at, object{"id": c.id, "subject": c.subject, "message": c.subject, "author_name": p.Name, "author_email": email, "authored_at": at, "author_zone": "+0000",
				"committer_name": p.Name, "committer_email": email, "committed_at": at, "committer_zone": "+0000", "tree": digest(c.id, "tree"), "parents": parents, "merge": false, "signed": signed, "signature": signature,
				"on_default_branch": true}); err != nil {
				return err
			}
		}
		if day.Day() != 1 || head == "" {
			continue
		}
		tag := fmt.Sprintf("v%d.%d.0", day.Year()-2020, day.Month())
		at := day.Add(8 * time.Hour)
		if at.After(now) {
			continue
		}
		p := w.People[EngineeringLead]
		if err := put("git_tag", repo+"/refs/tags/"+tag, tag+" of "+repo, time.Time{}, object{"name": tag, "object": digest(repo, tag), "annotated": true, "target": head, "target_type": "commit", "tagger_name": p.Name,
			"tagger_email": p.Email, "tagged_at": at.Format(time.RFC3339), "subject": "Release " + tag, "signed": true, "signature": "ssh"}); err != nil {
			return err
		}
	}
	if head == "" {
		return nil
	}
	if err := put("git_repository", path, repo, time.Time{}, object{"path": path, "name": repo, "bare": true, "linked_worktree": false, "empty": false, "shallow": false, "partial": false, "object_format": "sha1", "head": head,
		"head_branch": "main", "default_branch": "main", "default_ref": "refs/heads/main", "default_head": head, "default_branch_exists": true, "remotes": []object{{"name": "origin",
			"url": "ssh://git@git.example.com/" + repo, "scheme": "ssh", "host": "git.example.com", "credentials_in_url": false}}}); err != nil {
		return err
	}
	if err := put("git_branch", repo+"/refs/heads/main", "main of "+repo, time.Time{}, object{"ref": "refs/heads/main", "name": "main", "remote": nil, "head": head, "is_default": true}); err != nil {
		return err
	}
	for _, f := range []struct{ thing, label, path string }{
		{"code_owners", "Code owners", "CODEOWNERS"}, {"security_policy", "Security policy", "SECURITY.md"}, {"ci", "CI definition", ".ci/pipeline.yaml"}, {"licence", "Licence", "LICENSE"},
		{"dependency_updates", "Dependency updates", "renovate.json"},
	} {
		body := object{"thing": f.thing, "branch": "main", "present": true, "path": f.path, "sha256": digest(repo, f.path), "size": 420, "lines": 14, "paths": []string{f.path},
			"files": []object{{"path": f.path, "sha256": digest(repo, f.path), "size": 420}}}
		if f.thing == "code_owners" && repo == "infrastructure" && now.Before(w.At(0.35)) { // named only after somebody asked
			body = object{"thing": f.thing, "branch": "main", "present": false, "path": nil, "sha256": nil, "size": nil, "lines": nil, "paths": []string{}, "files": []object{}}
		}
		if err := put("git_file", repo+"/"+f.thing, f.label+" of "+repo, time.Time{}, body); err != nil {
			return err
		}
	}
	return put("git_file", repo+"/secret_file", "Files named like secrets of "+repo, time.Time{}, object{"thing": "secret_file", "branch": "main", "present": false, "path": nil, "sha256": nil, "size": nil, "lines": nil,
		"paths": []string{}, "files": []object{}})
}

// commit is a change that was never made.
type commit struct {
	id, subject string
	at          time.Time
	author, n   int
}

var subjects = []string{"Round weights up to the next gram", "Print the label in the printer's own resolution", "Retry a carrier that does not answer", "Say which address could not be read",
	"Keep the tracking number of a returned parcel", "Drop the old rate table", "Show the delivery window in the customer's zone", "Bring libraries up to date", "Let a depot close early",
	"Refuse a parcel without a sender", "Count parcels by depot", "Move secrets into the vault", "Log who changed a rate", "Make the nightly export resume"}

// commits of one day, in their order.
func (w *World) commits(repo string, day time.Time) []commit {
	if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		return nil
	}
	var here []int
	for i, p := range w.People {
		if p.Engineer && p.Here(day) {
			here = append(here, i)
		}
	}
	r := w.chance("commits", repo, day.Format(time.DateOnly))
	n := r.IntN(2 + min(4, len(here)/12))
	if len(here) == 0 {
		return nil
	}
	var out []commit
	for i := range n {
		author := here[r.IntN(len(here))]
		if r.IntN(9) == 0 && w.People[Contractor].Here(day) {
			author = Contractor
		}
		out = append(out, commit{id: digest(repo, day.Format(time.DateOnly), i, w.Seed)[:40], subject: subjects[r.IntN(len(subjects))], at: day.Add(9*time.Hour + time.Duration(i*95+r.IntN(60))*time.Minute), author: author, n: r.IntN(100)})
	}
	return out
}

func digest(of ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, of...))
	return hex.EncodeToString(sum[:])
}
