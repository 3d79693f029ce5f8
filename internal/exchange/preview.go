package exchange

import (
	"context"
	"slices"
	"strings"

	"tickmark/internal/record"
)

// Preview is the content of the next parcel as it would be sent now, made by the code that makes the parcel.
type Preview struct {
	Items  []Item `json:"items"`
	Digest string `json:"digest"`            // of what is shown; Deliver.Seen sends that and nothing else
	Wait   int    `json:"waiting,omitempty"` // answers that do not fit and go with the parcel after
	Known  int    `json:"known"`             // things that were named and that the other side has already as they are
}

// Next is what the company's next parcel would tell: its answers that were handed in, and what it names. It needs no exchange yet, so
// that a company sees what a firm would see before it invites one.
func (o *Office) Next(ctx context.Context, by record.Authority, id string, d Deliver) (Preview, error) {
	if err := o.may(ctx, by, id, "look at its next parcel"); err != nil {
		return Preview{}, err
	}
	var p Preview
	var items []Item
	var err error
	if o.Firm {
		items, err = o.toTell(ctx, by, id, "")
	} else {
		items, p.Wait, err = o.toHand(ctx, by, id, d)
	}
	if err != nil {
		return p, err
	}
	before, err := o.parcels(ctx, o.Book.DB, id, "sent")
	if err != nil {
		return p, err
	}
	all := len(items)
	p.Items = fresh(before, items)
	p.Known = all - len(p.Items)
	slices.SortFunc(p.Items, func(a, b Item) int {
		return strings.Compare(a.Sort+"\x00"+a.Key, b.Sort+"\x00"+b.Key)
	})
	p.Digest = digest(p.Items)
	return p, nil
}

// digest names what items tell, in whatever order they stand.
func digest(items []Item) string {
	var told []string
	for _, i := range items {
		told = append(told, i.told())
	}
	slices.Sort(told)
	return sum([]byte(strings.Join(told, "\n")))
}
