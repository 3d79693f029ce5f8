package connector

import (
	"context"
	"net/http"
	"slices"
	"time"

	"tickmark/internal/fault"
)

// Service declares how a service that speaks JSON over HTTP is read; its method Read serves as a Connector's. Every request
// is a GET, or a declared question with a body that only reads, to a declared host: no page, part or redirect leads
// elsewhere. What could not be read is told to the Sink, and a limit that was hit is such a thing.
type Service struct {
	Base  func(Values) string             // where the service is; the setting endpoint stands before it
	Sign  func(Values, http.Header) error // puts the credential into headers, never into an address
	Next  Pager                           // how lists go on; nil: one page
	Lists []List                          // parents before what is read for each of them

	// Token fetches a credential that must first be asked for: an OAuth grant, a signed JWT. It is asked when the first
	// request leaves, kept until it expires, and asked once more when the service no longer takes it (401).
	Token   func(ctx context.Context, v Values, from *Issuer) (Token, error)
	TokenAt func(Values) string // where Token asks; nil: where the service is. The setting token_endpoint stands before it

	// Roots are certificates in PEM of the authorities that the service is trusted by, besides the machine's; "" for none.
	Roots func(Values) string

	// Expired is the status that says that a list cannot be gone on with because it changed meanwhile: it is read anew from the
	// beginning, some times, and what was handed over before stands.
	Expired int

	// Told are answers other than 200 that say something wherever they come; what a list or part declares stands before them.
	Told []Told

	// Failed finds the error in an answer of status 200, where the service has such: a reason, "" for none.
	Failed func(body []byte) (reason string, denied bool)

	// Partial finds in a page of a list that the service could not list all of it: a reason, "" for none. What is on the page is
	// handed over, and the list is not whole.
	Partial func(body []byte) (reason string)

	// Sparse are the other members of a list's answer, where the service leaves the list's own out when it is empty: an answer
	// that holds nothing but these is an empty list.
	Sparse []string

	Parallel int           // requests under way at once for parts and children; 4 when zero
	Backoff  time.Duration // first wait before a retry where the service names none, doubled each time; a second when zero
}

// List declares one list of objects.
type List struct {
	Kind     string
	Path     string // {name} is filled from the parent's member, {parent.name} from its parent's, {settings.name} from the settings; {+name} keeps its slashes
	Base     string // of this list alone: another host of the service, when the connection names no endpoint
	Body     any    // when not nil, the question is a POST that only reads; each string in it that is one {hole} is filled as Path is
	Accept   string // asks for another form of the answer, where the service has such; "application/json" when empty
	Items    string // member that holds the list; "" when the answer is the list, "." when it is the one object; "items.*.disks" gathers one list of each member of items
	Key      string // member that names the object, or a template: "{parent}#{number}", "{parent.id}/{id}"
	Label    string // member, or template
	Occurred string // member with an RFC 3339 time, for events

	// Kept is how long the service keeps events: {since} and {until} in Path and Body are the span to ask for, from the end of
	// the last that was read whole, or from when the service still has any; and what is no longer listed is not closed.
	Kept time.Duration

	Total    string // member with the number of objects in all: fewer read is a gap
	For      string // kind of the parent: one list for each, and its key is the scope; parents may have parents
	Each     string // setting with values between commas: one list for each, which is {key} in Path, {parent} in Key, and the scope
	Optional bool   // Each may name nothing, and then there is nothing to read
	Absent   []int  // statuses that say: has none
	Told     []Told // as Absent, where the status alone does not tell
	Next     Pager  // instead of the service's
	NextBody BodyPager
	Needs    string // the permission to name when it is denied
	Only     string // member that is null or false where an object of the list is none of this kind
	Except   string // "member=value": such an object of the list is none of this kind
	Object   string // path of the whole object, where the list tells only some of it; filled as a part's
	Marks    []Mark
	Parts    []Call

	// Changed makes it a list of events that begins with what changed last: the member with that time. Only what changed since
	// the last run is read, and Overlap before it, or at first since the setting "since" or for a year; the oldest first, and
	// each only with all its parts but Spare ones, so that the next run goes on where this one had to stop. Nothing of it is closed.
	Changed string
	Overlap time.Duration // an hour when zero
}

// Told is an answer by its status and, when Says is set, a text in it. Without more it says that there is none.
type Told struct {
	Status int
	Says   string // without regard to case
	Means  string // JSON that stands for the answer
	Denied bool   // services say so where one may not look
	Busy   bool   // asking again later may help

	// When reads the answer itself, where neither tells: member is one of what is asked about, as a hole in its path names it.
	When  func(body []byte, member func(name string) string) bool
	bound func(body []byte) bool
}

// Mark is a further list of some of the same objects: each object has a member that says whether it is among them, or that is
// what the list says of it.
type Mark struct {
	Name  string // of the member
	Whole bool   // the listed object itself is the member, null where it is not listed
	Path  string // as List.Path
	Key   string // as List.Key
	Needs string
	Told  []Told
}

// Call is a further question about each object of a list.
type Call struct {
	Name   string
	Path   string // filled from the object as List.Path is from the parent
	Base   string // as List.Base
	Body   any    // as List.Body
	Member string // the member that is the part; "" for the whole answer
	Absent []int
	Told   []Told
	Needs  string

	Next  Pager  // the part is a list, gathered over all its pages
	Items string // member that holds that list; "" when the answer is the list
	Total string // member with how many there are in all
	Spare bool   // of an event: where it is denied, the event is handed over without it
	From  string // instead of a question: the member of the parent that is the part, or "key"
}

// check refuses a declaration that could not work.
func (s Service) check() error {
	if s.Base == nil || len(s.Lists) == 0 {
		return fault.New(fault.Internal, "The service declares neither where it is nor what it lists.")
	}
	for i, l := range s.Lists {
		if l.For != "" && l.Each != "" || l.NextBody != nil && l.Body == nil {
			return fault.New(fault.Internal, "The service declares %s for each of two things, or with pages in a body that it has not.", l.Kind)
		}
		if l.Kind == "" || l.Key == "" || slices.ContainsFunc(s.Lists[:i], func(o List) bool { return o.Kind == l.Kind }) {
			return fault.New(fault.Internal, "The service declares the list %d (%s) without a kind or key, or twice.", i+1, l.Kind)
		}
	}
	return nil
}
