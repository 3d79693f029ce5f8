package aws

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// again hands over what was read from a cassette, with the bytes of the answers or without.
func again(items []connector.Item, kept bool) func(context.Context, connector.Values, connector.Sink) error {
	return func(_ context.Context, _ connector.Values, out connector.Sink) error {
		said := map[connector.Answer]connector.Answer{}
		told := func(from []connector.Answer) (list []connector.Answer) {
			for _, a := range from {
				if said[a] == nil {
					x := *a.(*connector.Exchange)
					if !kept {
						x.Body = nil
					}
					said[a] = out.Exchange(x)
				}
				list = append(list, said[a])
			}
			return list
		}
		for _, it := range items {
			it.From = told(it.From)
			it.Parts = slices.Clone(it.Parts)
			for i := range it.Parts {
				it.Parts[i].From = told(it.Parts[i].From)
			}
			if err := out.Item(it); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestWhatAWSAnsweredIsKeptAndSaysWhatTheRecordSays(t *testing.T) {
	credentials(t)
	items := replay(t, largeCassette).Items("")
	for _, kept := range []bool{false, true} {
		ctx, db, dir := context.Background(), storetest.SQLite(t), t.TempDir()
		log, err := ledger.Open(ctx, db, dir)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := secret.Open(filepath.Join(dir, "secret.key"))
		if err != nil {
			t.Fatal(err)
		}
		all, err := record.NewKinds(append(append(record.Builtin(), collect.Kinds()...), Connector().Kinds...)...)
		if err != nil {
			t.Fatal(err)
		}
		book, err := record.OpenBook(ctx, log, all, keys.Digest)
		if err != nil {
			t.Fatal(err)
		}
		c := &collect.Collector{Book: book, Keys: keys, Connectors: []connector.Connector{{Name: "aws", Title: "AWS", Kinds: Connector().Kinds, Read: again(items, kept)}}}
		if _, err := c.Add(ctx, record.Job("job:test"), collect.Connection{Name: "aws", Connector: "aws"}, nil); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		first, err := c.Run(ctx, "aws", nil)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		bytesOf, err := store.One[int64](ctx, db, "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()")
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("answers kept: %t: %d objects, %d answers of %d bytes, %d kept; the database has %d bytes; %s", kept, len(items), first.Requests, first.Bytes, first.Kept, bytesOf, took)
		if !kept {
			continue
		}
		second, err := c.Run(ctx, "aws", nil)
		if err != nil || second.Kept != 0 || first.Kept == 0 {
			t.Fatalf("%d answers are kept at first, and %d of a run that brought nothing, %v", first.Kept, second.Kept, err)
		}
		if p, err := c.VerifyAnswers(ctx, nil); err != nil || p.Answers != first.Kept || p.Traces != int64(len(items)) {
			t.Errorf("%+v, %v", p, err)
		}
		v, err := book.Get(ctx, "aws_s3_bucket", "arn:aws:s3:::meadow-us-east-1-5", 0)
		if err != nil {
			t.Fatal(err)
		}
		list, err := book.SourcesOf(ctx, db, v.ID)
		if err != nil || len(list) < 8 {
			t.Fatalf("a bucket with its parts was made of %d answers, %v", len(list), err)
		}
		named := map[string]bool{}
		for _, s := range list {
			_, body, err := c.AnswerOf(ctx, v, s.N)
			if err != nil {
				t.Fatal(err)
			}
			for _, op := range []string{"s3:ListBuckets", "s3:GetBucketPolicy", "s3:GetBucketEncryption", "s3:GetBucketTagging"} {
				if strings.Contains(s.Request, " "+op+" in ") {
					named[op] = true
				}
			}
			if strings.Contains(s.Request, "ListBuckets") && !bytes.Contains(body, []byte("<Name>meadow-us-east-1-5</Name>")) {
				t.Errorf("the list of buckets does not name it: %s", body)
			}
			if bytes.Contains(body, []byte(planted)) {
				t.Errorf("%s holds the credential", s.Request)
			}
		}
		if len(named) != 4 {
			t.Errorf("a bucket names the answers to %v of four", named)
		}
	}
}
