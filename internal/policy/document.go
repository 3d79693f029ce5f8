package policy

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
)

// Document is a policy as it stands in its record.
type Document struct {
	Key             string   `json:"-"`
	ID              string   `json:"id"`
	Title           string   `json:"title"`
	Sort            string   `json:"sort"`
	Template        string   `json:"template"`
	Owner           string   `json:"owner"`
	Approver        string   `json:"approver"`
	Audience        string   `json:"audience"`
	Named           []string `json:"named"`
	AcknowledgeDays int      `json:"acknowledge_days"`
	ReviewMonths    int      `json:"review_months"`
	Controls        []string `json:"controls"`
	State           string   `json:"state"`
	RetiredReason   string   `json:"retired_reason"`
}

// Months is after how many months the approval is to be renewed; never more than twelve.
func (d Document) Months() int {
	if d.ReviewMonths < 1 || d.ReviewMonths > MaxMonths {
		return MaxMonths
	}
	return d.ReviewMonths
}

// MaxMonths is the oldest an approval may ever be.
const MaxMonths = 12

// Version is one text of a policy as it stands in its record.
type Version struct {
	Key         string         `json:"-"`
	Policy      string         `json:"policy"`
	Title       string         `json:"title"`
	Number      string         `json:"number"`
	Change      string         `json:"change"`
	Summary     string         `json:"summary"`
	Text        string         `json:"text"`
	Variables   map[string]any `json:"variables"`
	Effective   string         `json:"effective"`
	SHA256      string         `json:"sha256"`
	State       string         `json:"state"`
	Authors     []string       `json:"authors"`
	ReviewedBy  string         `json:"reviewed_by"`
	ReviewedAt  time.Time      `json:"reviewed_at"`
	ApprovedBy  string         `json:"approved_by"`
	ApprovedAt  time.Time      `json:"approved_at"`
	ReviewDue   string         `json:"review_due"` // of an approval by its author
	LateBy      string         `json:"late_reviewed_by"`
	PublishedBy string         `json:"published_by"`
	PublishedAt time.Time      `json:"published_at"`
	EndedAt     time.Time      `json:"ended_at"`
	Refused     string         `json:"refused_reason"`
	RefusedBy   string         `json:"refused_by"`
	RefusedAt   time.Time      `json:"refused_at"`
	Returned    string         `json:"returned_comments"`
	ReturnedBy  string         `json:"returned_by"`
	ReturnedAt  time.Time      `json:"returned_at"`
}

// Unfinished are the states of a version on its way to publication.
var Unfinished = []string{"draft", "in_review", "pending_approval", "approved"}

// Acknowledgement is one person's, as it stands in its record.
type Acknowledgement struct {
	Key            string    `json:"-"`
	Policy         string    `json:"policy"`
	Version        string    `json:"version"`
	Person         string    `json:"person"`
	Assigned       string    `json:"assigned"`
	Due            string    `json:"due"`
	OverdueSince   string    `json:"overdue_since"`
	SHA256         string    `json:"sha256"`
	State          string    `json:"state"`
	AcknowledgedAt time.Time `json:"acknowledged_at"`
}

// Review is one that found nothing to change, as it stands in its record.
type Review struct {
	Key        string    `json:"-"`
	Policy     string    `json:"policy"`
	Version    string    `json:"version"`
	Note       string    `json:"note"`
	State      string    `json:"state"`
	Reviewer   string    `json:"reviewer"`
	ReviewedAt time.Time `json:"reviewed_at"`
	ApprovedBy string    `json:"approved_by"`
	ApprovedAt time.Time `json:"approved_at"`
	ReviewDue  string    `json:"review_due"` // of an approval by its reviewer alone
	LateBy     string    `json:"late_reviewed_by"`
}

// Approval is how the text was approved.
func (v Version) Approval() approval.Approval {
	return approval.How(v.State, v.ApprovedBy, v.ReviewDue, v.LateBy)
}

// Approval is how the review was approved.
func (r Review) Approval() approval.Approval {
	return approval.How(r.State, r.ApprovedBy, r.ReviewDue, r.LateBy)
}

func read[T any](v record.Version, key func(*T) *string) (T, error) {
	var out T
	if err := json.Unmarshal(v.Body, &out); err != nil {
		return out, fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
	}
	*key(&out) = v.Key
	return out, nil
}

// ReadDocument, ReadVersion, ReadAcknowledgement and ReadReview read a record of their kind.
func ReadDocument(v record.Version) (Document, error) {
	return read(v, func(d *Document) *string { return &d.Key })
}
func ReadVersion(v record.Version) (Version, error) {
	return read(v, func(x *Version) *string { return &x.Key })
}
func ReadAcknowledgement(v record.Version) (Acknowledgement, error) {
	return read(v, func(a *Acknowledgement) *string { return &a.Key })
}
func ReadReview(v record.Version) (Review, error) {
	return read(v, func(r *Review) *string { return &r.Key })
}

func each[T any](list []record.Version, err error, one func(record.Version) (T, error)) ([]T, error) {
	out := make([]T, 0, len(list))
	for _, v := range list {
		if err != nil || v.Erased {
			continue
		}
		x, wrong := one(v)
		if wrong != nil {
			return nil, wrong
		}
		out = append(out, x)
	}
	return out, err
}

// Versions are all texts of a policy, the lowest number first.
func Versions(look record.Look, policy string) ([]Version, error) {
	list, err := look.Find("policy_version", "policy", policy)
	out, err := each(list, err, ReadVersion)
	slices.SortStableFunc(out, func(a, b Version) int { return compareNumbers(a.Number, b.Number) })
	return out, err
}

// Acknowledgements are all of a policy, those of earlier versions too.
func Acknowledgements(look record.Look, policy string) ([]Acknowledgement, error) {
	list, err := look.Find("acknowledgement", "policy", policy)
	return each(list, err, ReadAcknowledgement)
}

// Reviews are all reviews of a policy.
func Reviews(look record.Look, policy string) ([]Review, error) {
	list, err := look.Find("policy_review", "policy", policy)
	return each(list, err, ReadReview)
}

// InForce returns the version of a policy that was in force at a moment (zero: now), or a fault that is NotFound.
func InForce(ctx context.Context, book *record.Book, policy string, at time.Time) (Version, error) {
	return inForce(book.LookAt(ctx, at), policy)
}

func inForce(look record.Look, policy string) (Version, error) {
	all, err := Versions(look, policy)
	if err != nil {
		return Version{}, err
	}
	for _, v := range slices.Backward(all) {
		if v.State == "published" {
			return v, nil
		}
	}
	return Version{}, fault.New(fault.NotFound, "No version of %s is in force.", policy).WithNext("Publish one first.")
}

// numbers are a version's major and minor.
func numbers(n string) (major, minor int, ok bool) {
	var rest string
	got, _ := fmt.Sscanf(n+" ", "%d.%d%s", &major, &minor, &rest)
	return major, minor, got == 2 && major > 0 && minor >= 0 && n == fmt.Sprintf("%d.%d", major, minor)
}

func compareNumbers(a, b string) int {
	aMajor, aMinor, _ := numbers(a)
	bMajor, bMinor, _ := numbers(b)
	return cmp.Or(cmp.Compare(aMajor, bMajor), cmp.Compare(aMinor, bMinor))
}

// NextNumber is the number of the version after all of these.
func NextNumber(all []Version, change string) string {
	major, minor := 0, 0
	for _, v := range all {
		if a, b, ok := numbers(v.Number); ok && (a > major || a == major && b > minor) {
			major, minor = a, b
		}
	}
	if change == "minor" && major > 0 {
		return fmt.Sprintf("%d.%d", major, minor+1)
	}
	return fmt.Sprintf("%d.0", major+1)
}

// sameLine says that who acknowledged one of the versions need not acknowledge the other: only minor changes lie between.
func sameLine(a, b string) bool {
	x, _, okA := numbers(a)
	y, _, okB := numbers(b)
	return okA && okB && x == y
}

// Zone is the organisation's, in which days are counted; UTC until it names one.
func Zone(look record.Look) *time.Location {
	v, err := look.Get("organisation", organisation.Key)
	if err != nil {
		return time.UTC
	}
	var o struct {
		Zone string `json:"time_zone"`
	}
	if json.Unmarshal(v.Body, &o) != nil {
		return time.UTC
	}
	zone, err := time.LoadLocation(o.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

func today(look record.Look) string { return look.At.In(Zone(look)).Format(time.DateOnly) }

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

func list(body map[string]any, field string) []string {
	all, _ := body[field].([]any)
	var out []string
	for _, x := range all {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func jobOnly(_, _ map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "Tickmark does this itself when what calls for it happens.").
			WithNext("Publish the next version, or retire the policy.")
	}
	return nil
}

func writePolicy(_, after map[string]any, _ record.Actor) error {
	if months := number(after["review_months"]); months != 0 && (months < 1 || months > MaxMonths) {
		return fault.New(fault.Invalid, "An approval may be at most %d months old, and this policy would be reviewed after %d.", MaxMonths, months).
			WithNext("Set review_months between 1 and %d.", MaxMonths)
	}
	if days := number(after["acknowledge_days"]); after["acknowledge_days"] != nil && (days < 1 || days > 365) {
		return fault.New(fault.Invalid, "Nobody can acknowledge within %d days.", days).WithNext("Set acknowledge_days between 1 and 365.")
	}
	if text(after, "audience") == "named" && len(list(after, "named")) == 0 {
		return fault.New(fault.Invalid, "The audience is named people, and nobody is named.").WithNext("Fill in named, or choose another audience.")
	}
	return nil
}

func number(v any) int {
	var n int
	if v != nil {
		fmt.Sscan(fmt.Sprint(v), &n)
	}
	return n
}

// checkPolicy refuses to retire what an active control relies on.
func checkPolicy(look record.Look, before, after map[string]any, actor record.Actor) error {
	if before == nil || text(before, record.StateField) != "active" || text(after, record.StateField) != "retired" {
		return nil
	}
	if err := onlyApprover(look, text(after, "approver"), "retire it", actor); err != nil {
		return err
	}
	var active []string
	for _, key := range list(before, "controls") {
		v, err := look.Get("control", key)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		var c struct{ State string }
		if err := json.Unmarshal(v.Body, &c); err != nil {
			return fmt.Errorf("read control %s: %w", key, err)
		}
		if c.State == "active" {
			active = append(active, key)
		}
	}
	if len(active) > 0 {
		return fault.New(fault.Conflict, "The controls in operation %s rely on this policy.", strings.Join(active, ", ")).
			WithNext("Let another policy carry them, or retire them first.")
	}
	return nil
}

// onlyApprover lets nobody but the named approver of a policy decide; where none is named, whoever has the right to.
func onlyApprover(look record.Look, approver, act string, actor record.Actor) error {
	if approver == "" || actor.Person == approver {
		return nil
	}
	name := approver
	if v, err := look.Get("person", approver); err == nil && v.Label != "" {
		name = v.Label
	}
	return fault.New(fault.Denied, "Only %s, the named approver of this policy, can %s.", name, act).
		WithNext("Ask them, or name another approver on the policy.")
}

// afterPolicy ends what a retired policy still had: its text in force, and what people were still to acknowledge.
func afterPolicy(look record.Look, key string, before, after map[string]any) ([]record.Change, error) {
	if text(before, record.StateField) == text(after, record.StateField) || text(after, record.StateField) != "retired" {
		return nil, nil
	}
	all, err := Versions(look, key)
	if err != nil {
		return nil, err
	}
	var out []record.Change
	for _, v := range all {
		if v.State == "published" {
			out = append(out, record.Change{Kind: "policy_version", Key: v.Key, Move: "retire", Reason: "the policy is retired"})
		}
	}
	open, err := Acknowledgements(look, key)
	for _, a := range open {
		if a.State == "assigned" {
			out = append(out, record.Change{Kind: "acknowledgement", Key: a.Key, Move: "void", Reason: "the policy is retired"})
		}
	}
	return out, err
}
