package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tickmark/internal/blob"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Erase erases a record, and then the files that only it and what is attached to it named at any time. The record goes
// first: if the files cannot be removed, the error says so and which, and nothing names them any more.
func Erase(ctx context.Context, book *record.Book, blobs blob.Store, by record.Authority, kind, key, reason string) error {
	k, err := book.Kinds.Named(kind)
	if err != nil {
		return err
	}
	sums, err := named(ctx, book, k, key)
	if err != nil {
		return err
	}
	if attachments, err := book.Kinds.Named(attachmentKind); err == nil {
		list, err := ever(ctx, book, attachments, "on", kind+"/"+key)
		if err != nil {
			return err
		}
		for _, v := range list {
			more, err := named(ctx, book, attachments, v.Key)
			if err != nil {
				return err
			}
			sums = append(sums, more...)
		}
	}
	if err := book.Erase(ctx, by, kind, key, reason); err != nil {
		return err
	}
	slices.Sort(sums)
	for _, sum := range slices.Compact(sums) {
		if err := dropFile(ctx, book, blobs, sum); err != nil {
			return fault.New(fault.Internal, "The record is erased, but its file %s is not: %w.", sum, err).WithNext("Remove that file from the folder of files.")
		}
	}
	return nil
}

// named are the files that any version of a record named.
func named(ctx context.Context, book *record.Book, k *record.Kind, key string) ([]string, error) {
	list, err := book.HistoryFor(ctx, k.Name, key, k.Room)
	if err != nil {
		return nil, err
	}
	var sums []string
	for _, v := range list {
		if sum := inBody(v, "sha256"); sum != "" {
			sums = append(sums, sum)
		}
	}
	return sums, nil
}

// dropFile removes a file that no version of any record names.
func dropFile(ctx context.Context, book *record.Book, blobs blob.Store, sum string) error {
	h, err := blob.Parse(sum)
	if err != nil {
		return nil // never was a file of ours
	}
	for _, k := range book.Kinds.All() {
		if !keepsFile(k) {
			continue
		}
		list, err := ever(ctx, book, k, "sha256", sum)
		if err != nil {
			return fmt.Errorf("find who else names it: %w", err)
		}
		if len(list) > 0 {
			return nil
		}
	}
	return blobs.Remove(h)
}

// ever finds the versions of all time whose field is the text.
func ever(ctx context.Context, book *record.Book, k *record.Kind, field, text string) ([]record.Version, error) {
	quoted, err := json.Marshal(text)
	if err != nil {
		return nil, err
	}
	q := record.Query{Kind: k.Name, Where: "r." + field + " == " + string(quoted), During: [2]store.Moment{-1, store.Forever - 1}, Limit: 1000, Room: k.Room}
	var all []record.Version
	for {
		page, err := book.List(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Versions...)
		if q.After = page.Next; q.After == "" {
			return all, nil
		}
	}
}
