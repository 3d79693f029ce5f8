package grant

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Desk is where copies are made and handed out.
type Desk struct {
	Book  *record.Book
	Blobs blob.Store
}

// maxReport is the largest report that is marked, in bytes.
const maxReport = 256 << 20

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Give makes the recipient's own copy, with his mark on every page, and the secret of the link by which he downloads it. The secret is
// returned once and kept nowhere.
func (d *Desk) Give(ctx context.Context, by record.Authority, key string) (secret string, err error) {
	v, err := d.Book.Get(ctx, Name, key, 0)
	if err != nil {
		return "", err
	}
	b, err := engagement.Body(v)
	if err != nil {
		return "", err
	}
	if state := engagement.Text(b, record.StateField); state != "approved" {
		return "", fault.New(fault.Conflict, "It is %s, and a copy is given of what was approved.", strings.ReplaceAll(state, "_", " ")).WithNext("Let another person approve it first.")
	}
	h, err := blob.Parse(engagement.Text(b, "report"))
	if err != nil {
		return "", err
	}
	file, err := blob.Get(d.Blobs, h, maxReport)
	if err != nil {
		return "", err
	}
	mark := "R-" + rand.Text()[:12]
	line := fmt.Sprintf("Copy %s for %s, %s. Report %s. Not to be passed on.", mark, engagement.Text(b, "recipient"), engagement.Text(b, "company"), engagement.Text(b, "number"))
	copied, err := Mark(file, line)
	if err != nil {
		return "", err
	}
	kept, _, err := d.Blobs.Put(ctx, bytes.NewReader(copied), 2*maxReport)
	if err != nil {
		return "", err
	}
	secret = rand.Text() + rand.Text()
	from := v.From
	_, err = d.Book.Put(ctx, by, record.Change{Kind: Name, Key: key, Move: "grant", Said: map[string]any{"mark": mark, "copy": kept.String(), "link": sum([]byte(secret))}, If: &from})
	return secret, err
}

// Open hands out the copy that a link's secret belongs to, and records the download before the first byte goes.
func (d *Desk) Open(ctx context.Context, secret, from string) (io.ReadCloser, int64, string, error) {
	no := fault.New(fault.NotFound, "This link opens no report, or it has ended.").WithNext("Ask the company that sent it to you.")
	ctx = record.AsProgram(ctx)
	found, err := d.Book.Find(ctx, d.Book.DB, Name, "link", sum([]byte(secret)), 0)
	if err != nil {
		return nil, 0, "", err
	}
	for _, v := range found {
		b, err := engagement.Body(v)
		if err != nil {
			return nil, 0, "", err
		}
		now := d.Book.Log.Now().UTC()
		if day := engagement.Text(b, "expires"); secret == "" || b[record.StateField] != "granted" || day != "" && day < now.Format(time.DateOnly) {
			return nil, 0, "", no
		}
		h, err := blob.Parse(engagement.Text(b, "copy"))
		if err != nil {
			return nil, 0, "", err
		}
		in, size, err := d.Blobs.Open(h)
		if err != nil {
			return nil, 0, "", err
		}
		raw, err := json.Marshal(map[string]any{"grant": v.Key, "mark": b["mark"], "at": now.Format(time.RFC3339Nano), "from": from, "by": "the recipient, through the link", "copy": b["copy"]})
		if err == nil {
			_, err = d.Book.Put(ctx, record.Job("job:grant"), record.Change{Kind: DownloadName, Body: raw, Reason: "downloaded through the link"})
		}
		if err != nil {
			in.Close()
			return nil, 0, "", err
		}
		return in, size, "report-" + engagement.Text(b, "number") + "-" + engagement.Text(b, "mark") + ".pdf", nil
	}
	return nil, 0, "", no
}

// Overdue are the grants whose last day is over, for the job that ends them.
func Overdue(b map[string]any, now time.Time) bool {
	day := engagement.Text(b, "expires")
	return day != "" && day < now.UTC().Format(time.DateOnly)
}
