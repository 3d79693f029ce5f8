package entitlement

import (
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

// DecideDays is how long a request waits for a decision; then it expires and is asked for anew.
const DecideDays = 14

// Asked is a request as its record says it.
type Asked struct {
	Title         string   `json:"title"`
	Matrix        string   `json:"matrix"`
	Role          string   `json:"role"`
	Beneficiary   string   `json:"beneficiary"`
	Reason        string   `json:"reason"`
	Until         string   `json:"until"`
	Exception     string   `json:"exception"`
	State         string   `json:"state"`
	RequestedBy   string   `json:"requested_by"`
	RequestedAt   string   `json:"requested_at"`
	Authors       []string `json:"authors"`
	MatrixVersion string   `json:"matrix_version"`
	RoleName      string   `json:"role_name"`
	Rights        string   `json:"rights"`
	Sensitivity   string   `json:"sensitivity"`
	Conflicts     []string `json:"conflicts"`
	GrantedIn     string   `json:"granted_in"`
	GrantedAs     string   `json:"granted_as"`
	Read          bool     `json:"read"`
	ApprovedBy    string   `json:"approved_by"`
	ApprovedAt    string   `json:"approved_at"`
	Decision      string   `json:"decision"`
	Instead       string   `json:"instead_of"`
	ReviewDue     string   `json:"review_due"`
	LateReviewer  string   `json:"late_reviewed_by"`
	GrantedAt     string   `json:"granted_at"`
	GrantedBy     string   `json:"granted_by"`
	ActualRole    string   `json:"actual_role"`
	How           string   `json:"how"`
	ProvisionedBy string   `json:"provisioned_by"`
	VerifiedAt    string   `json:"verified_at"`
	VerifiedBy    string   `json:"verified_by"`
	Snapshot      string   `json:"snapshot"`
	Doubt         string   `json:"doubt"`
	EndedBy       string   `json:"ended_by"`
	EndedAt       string   `json:"ended_at"`
	EndedReason   string   `json:"ended_reason"`
}

// AskedOf reads a request.
func AskedOf(body any) (Asked, error) {
	var a Asked
	return a, read(body, &a)
}

// Approval is how it was approved.
func (a Asked) Approval() approval.Approval {
	state := a.State
	if state == "submitted" {
		state = "draft" // a word of approval for what nobody approved
	}
	return approval.How(state, a.ApprovedBy, a.ReviewDue, a.LateReviewer)
}

// Allowed reports whether a right is covered by the request: it was approved and was not taken back.
func (a Asked) Allowed() bool {
	return a.State == "approved" || a.State == "provisioned" || a.State == "verified"
}

// RequestKind declares the request: submitted, approved, provisioned, verified; refused, withdrawn, expired, revoked.
func RequestKind() record.Kind {
	fixed := func(name, title string, of record.Type) record.Field {
		return record.Field{Name: name, Title: title, Type: of, Fixed: true, Hidden: true}
	}
	who := func(name, title string) record.Field {
		f := fixed(name, title, record.Ref)
		f.Refers = "person"
		return f
	}
	address := func(name, title string) record.Field {
		f := fixed(name, title, record.Email)
		f.Personal, f.Indexed = true, name == "beneficiary_email"
		return f
	}
	conflicts := fixed("conflicts", "Conflicts with", record.Text)
	conflicts.List = true
	k := record.Kind{
		Name: Request, Title: "Access request", Plural: "Access requests", Group: "Program", Label: "title",
		Help: "Somebody asks that somebody gets a role in a system. Who is appointed for that system confirms it, and the system itself shows that it was given.",
		Fields: slices.Concat([]record.Field{
			{Name: "title", Type: record.Text, Fixed: true},
			{Name: "matrix", Title: "System", Type: record.Ref, Refers: Matrix, Required: true, Indexed: true},
			{Name: "role", Type: record.Text, Required: true, Help: "The id of a role in the system's matrix."},
			{Name: "beneficiary", Title: "For", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "reason", Type: record.Long, Required: true, Hidden: true, Help: "What they need it for."},
			{Name: "until", Title: "Needed through", Type: record.Date, Hidden: true, Help: "Empty where it has no end that is known."},
			{Name: "exception", Type: record.Ref, Refers: "exception", Hidden: true, Help: "Needed where the role conflicts with what they have."},
			{Name: record.StateField, Type: record.Choice, Choices: requestMachine().States(), Fixed: true, Indexed: true},
			{Name: "requested_by", Type: record.Ref, Refers: "person", Fixed: true, Indexed: true},
			{Name: "requested_at", Type: record.Time, Fixed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
			{Name: "matrix_version", Type: record.Ref, Refers: Version, Fixed: true, Hidden: true, Help: "The version by which it is judged: the one in force when it was asked for."},
			fixed("role_name", "Role", record.Text), fixed("rights", "Rights", record.Text),
			{Name: "sensitivity", Type: record.Choice, Choices: []string{"normal", "sensitive", "privileged"}, Fixed: true, Hidden: true},
			conflicts, fixed("granted_in", "System, as its grants say it", record.Text), fixed("granted_as", "Role, as its grants say it", record.Text),
			{Name: "read", Title: "A source shows it", Type: record.Bool, Fixed: true, Hidden: true},
			address("beneficiary_email", "For (address)"), address("requester_email", "Asked by (address)"), address("approver_email", "Approved by (address)"),
			who("approved_by", "Approved by"), fixed("approved_at", "Approved", record.Time), fixed("decision", "Comment", record.Long), who("instead_of", "Instead of"),
		}, approval.Fields(), []record.Field{
			fixed("granted_at", "Given", record.Time), fixed("granted_by", "Given by", record.Text), fixed("actual_role", "Role that was given", record.Text),
			{Name: "how", Title: "Known by", Type: record.Choice, Choices: []string{"collected", "typed"}, Fixed: true, Hidden: true, Help: "Collected: the system shows it. Typed: somebody says so, and nobody reads the system."},
			who("provisioned_by", "Entered by"), fixed("provisioned_at", "Entered", record.Time),
			fixed("verified_at", "Verified", record.Time), who("verified_by", "Verified by"), fixed("snapshot", "What shows it", record.Text), fixed("doubt", "Why it is not verified", record.Text),
			who("ended_by", "Ended by"), fixed("ended_at", "Ended", record.Time), fixed("ended_reason", "Why it ended", record.Long),
		}),
		States: requestMachine(),
		Guard: func(before, after map[string]any, actor record.Actor) error {
			if state := text(before, record.StateField); before != nil && state != "submitted" && !actor.IsJob() {
				return fault.New(fault.Conflict, "This request is %s, and what it asks for can no longer be changed.", state).WithNext("Withdraw it if it was not given yet, and ask again.")
			}
			after["title"] = fmt.Sprintf("%s of %s for %s", text(after, "role"), text(after, "matrix"), text(after, "beneficiary"))
			return nil
		},
		Check: weigh,
	}
	// What an approval says, in the words of the view that trackers offer too: JOIN-03 matches both in one way. Who approved their own
	// is named as approver, and so counts for nothing, until somebody independent looked at it within the time that was promised.
	own := "has(r.review_due) && r.review_due != null"
	k.Views = []record.View{{Name: "access_approval", Fields: map[string]string{
		"id": `r.title`, "title": `r.title`, "type": `"access_request"`, "rejected": `r.state in ["submitted", "refused", "withdrawn", "expired"]`,
		"requester": `r.requested_by`, "creator": `r.requested_by`, "requester_email": `r.requester_email`, "beneficiary": `r.beneficiary`, "beneficiary_email": `r.beneficiary_email`,
		"approver":       own + ` && has(r.late_reviewed_at) && string(r.late_reviewed_at) <= r.review_due + "T23:59:59Z" ? r.late_reviewed_by : r.approved_by`,
		"approver_email": own + ` ? "" : r.approver_email`, "approved_at": `r.approved_at`, "changed_after": `false`,
		"system": `r.granted_in`, "role": `r.granted_as`, "filled": `["beneficiary", "role", "system"]`, "empty": `[]`,
	}}}
	return k
}

func requestMachine() *record.Machine {
	reason := []record.Field{{Name: "ended_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why."}}
	rules := approval.Rules{From: "submitted", To: "approved", Standing: []string{"approved", "provisioned", "verified", "revoked"}, Parties: parties}
	moves := rules.Moves()
	moves[0].Fields = append(moves[0].Fields, record.Field{Name: "decision", Title: "Comment", Type: record.Long, Help: "Why they should have it."})
	return &record.Machine{
		Initial: "submitted", By: "requested_by", At: "requested_at", Authors: "authors",
		Moves: slices.Concat([]record.Move{
			{Name: "approve", Title: "Approve", From: []string{"submitted"}, To: "approved", By: "approved_by", At: "approved_at", Guard: confirm,
				Fields: []record.Field{{Name: "decision", Title: "Comment", Type: record.Long, Required: true, Help: "Say why they should have this level."},
					{Name: "exception", Type: record.Ref, Refers: "exception", Help: "Where the role conflicts with what they have: the exception that allows both."}}},
			{Name: "refuse", Title: "Refuse", From: []string{"submitted"}, To: "refused", By: "ended_by", At: "ended_at", Fields: reason, Guard: someone("refuse it")},
		}, moves, []record.Move{
			{Name: "withdraw", Title: "Withdraw", From: []string{"submitted", "approved"}, To: "withdrawn", By: "ended_by", At: "ended_at", Fields: reason, Guard: theirs},
			{Name: "expire", Title: "Expire", From: []string{"submitted"}, To: "expired", At: "ended_at", Job: true, Guard: expired},
			{Name: "provision", Title: "Enter that it was given", From: []string{"approved"}, To: "provisioned", By: "provisioned_by", At: "provisioned_at", Job: true, Guard: provision,
				Fields: []record.Field{{Name: "granted_at", Title: "Given", Type: record.Time, Required: true, Help: "When it was given."},
					{Name: "granted_by", Title: "Given by", Type: record.Text, Required: true, Help: "Who gave it."},
					{Name: "actual_role", Title: "Role that was given", Type: record.Text, Required: true, Help: "As the system names it."}, {Name: "snapshot", Title: "What shows it", Type: record.Text}}},
			{Name: "confirm", Title: "Verify", From: []string{"provisioned"}, To: "verified", By: "verified_by", At: "verified_at", Job: true, Guard: verify,
				Fields: []record.Field{{Name: "snapshot", Title: "What shows it", Type: record.Text, Required: true, Help: "Say what you looked at."}}},
			{Name: "revoke", Title: "Enter that it was taken away", From: []string{"provisioned", "verified"}, To: "revoked", By: "ended_by", At: "ended_at", Job: true, Guard: someoneOrJob,
				Fields: []record.Field{{Name: "ended_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why, and what shows that it is gone."}}},
		}),
	}
}

// parties are those who can never approve it: who asked, who wrote it, who gets it.
func parties(before map[string]any) ([]record.Party, error) {
	a, err := AskedOf(before)
	if err != nil {
		return nil, err
	}
	if a.Beneficiary == "" || a.RequestedBy == "" {
		return nil, fault.New(fault.Invalid, "Who asks for this access and who gets it must be known before anyone approves it.").WithNext("Withdraw it and ask again.")
	}
	out := []record.Party{{Role: "the one who gets it", Stamp: a.Beneficiary}, {Role: "the one who asked", Stamp: a.RequestedBy}}
	for _, p := range a.Authors {
		out = append(out, record.Party{Role: "an author of the request", Stamp: p})
	}
	return out, nil
}

// confirm refuses whoever gets it. Whether the one who asked may approve is a setting of the matrix: weigh holds that.
func confirm(before, after map[string]any, actor record.Actor) error {
	a, err := AskedOf(before)
	if err != nil {
		return err
	}
	approval.Forget(after)
	if _, err := parties(before); err != nil {
		return err
	}
	return record.Apart(actor, "approve it", record.Party{Role: "the one who gets it", Stamp: a.Beneficiary})
}

func someone(act string) func(_, _ map[string]any, actor record.Actor) error {
	return func(_, _ map[string]any, actor record.Actor) error { return record.Apart(actor, act) }
}

func someoneOrJob(_, _ map[string]any, actor record.Actor) error {
	if actor.IsJob() {
		return nil
	}
	return record.Apart(actor, "enter it")
}

// theirs is for who asked or gets it.
func theirs(before, _ map[string]any, actor record.Actor) error {
	if p := actor.Person; p == "" || p != text(before, "requested_by") && p != text(before, "beneficiary") {
		return fault.New(fault.Denied, "Only who asked for it or gets it can withdraw it: %s or %s.", text(before, "requested_by"), text(before, "beneficiary")).
			WithNext("Who is appointed for the system refuses it instead: refuse.")
	}
	return nil
}

func expired(before, after map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "A request expires by itself when nobody decides on it within %d days.", DecideDays).WithNext("Withdraw it, or have it refused.")
	}
	at, _ := time.Parse(time.RFC3339Nano, text(after, "ended_at"))
	if !Stale(before, at) {
		return fault.New(fault.Conflict, "It waits for a decision until %d days after it was asked for.", DecideDays).WithNext("Wait until then.")
	}
	after["ended_reason"] = fmt.Sprintf("Nobody decided on it within %d days.", DecideDays)
	return nil
}

// Stale reports whether nobody decided on a request in time.
func Stale(body map[string]any, now time.Time) bool {
	at, err := time.Parse(time.RFC3339Nano, text(body, "requested_at"))
	return err == nil && text(body, record.StateField) == "submitted" && !now.Before(at.AddDate(0, 0, DecideDays))
}

func provision(before, after map[string]any, actor record.Actor) error {
	a, err := AskedOf(before)
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, text(after, "granted_at"))
	approved, wrong := time.Parse(time.RFC3339Nano, a.ApprovedAt)
	entered, _ := time.Parse(time.RFC3339Nano, text(after, "provisioned_at"))
	switch {
	case err != nil || wrong != nil:
		return fault.New(fault.Invalid, "It is not known when it was given or when it was approved.").WithNext("Say when it was given, with the zone.")
	case at.Before(approved):
		return fault.New(fault.Conflict, "It was given on %s, before it was approved on %s; a request is never made to fit afterwards.", at.UTC().Format(time.RFC3339), approved.UTC().Format(time.RFC3339)).
			WithNext("Let it stand as it is; the finding on the grant can be approved afterwards, and stays a deviation.")
	case at.After(entered):
		return fault.New(fault.Invalid, "It would have been given in the future.").WithNext("Say when it was given.")
	case fold(text(after, "actual_role")) != fold(a.GrantedAs) && fold(text(after, "actual_role")) != fold(a.Role):
		return fault.New(fault.Conflict, "%q was given and %q approved.", text(after, "actual_role"), a.GrantedAs).WithNext("Give what was approved, or have the other asked for.")
	}
	if after["how"] = "typed"; actor.IsJob() {
		after["how"] = "collected"
		return nil
	}
	return record.Apart(actor, "enter it", record.Party{Role: "the one who gets it", Stamp: a.Beneficiary})
}

// verify by hand is for a system that nobody reads; another than who entered the grant looks.
func verify(before, after map[string]any, actor record.Actor) error {
	delete(after, "doubt")
	if actor.IsJob() {
		return nil
	}
	return record.Apart(actor, "verify it", record.Party{Role: "the one who entered it", Stamp: text(before, "provisioned_by")}, record.Party{Role: "the one who gets it", Stamp: text(before, "beneficiary")})
}

// weigh holds a request against the matrix, the appointments and what its beneficiary has.
func weigh(look record.Look, before, after map[string]any, actor record.Actor) error {
	if err := approval.SmallTeam(look, before, after); err != nil {
		return err
	}
	a, err := AskedOf(after)
	if err != nil {
		return err
	}
	from := text(before, record.StateField)
	if from == a.State && a.State == "submitted" || before == nil {
		return judged(look, before, after, a, actor)
	}
	if from == a.State {
		return nil
	}
	day := look.At.In(zone(look)).Format(time.DateOnly)
	switch a.State {
	case "approved":
		m, err := At(look, a.Matrix, look.At)
		if err != nil {
			return err
		}
		if _, ok := m.Role(a.Role); !ok {
			return fault.New(fault.Conflict, "The matrix in force has no role %q any more.", a.Role).WithNext("Refuse it, and have a role asked for that there is.")
		}
		if err := appointed(m, after, actor, day, "approve it"); err != nil {
			return err
		}
		if text(after, "review_due") == "" {
			if err := independent(look, m, a, actor); err != nil {
				return err
			}
		}
		if err := allowed(look, after, a); err != nil {
			return err
		}
		p, err := personOf(look, actor.Person)
		if err != nil {
			return err
		}
		after["approver_email"] = p.Email
	case "refused":
		m, err := At(look, a.Matrix, look.At)
		if err != nil {
			return err
		}
		return appointed(m, after, actor, day, "refuse it")
	case "provisioned", "verified", "revoked":
		if a.Read && !actor.IsJob() {
			return fault.New(fault.Denied, "A source shows who has this role, so nobody enters it by hand.").WithNext("Tickmark sets it as soon as the source was read and shows it.")
		}
		if !a.Read && actor.IsJob() {
			return fault.New(fault.Denied, "No source shows who has this role.").WithNext("Somebody enters it, and it is shown as typed.")
		}
	}
	return nil
}

// judged fills in what the matrix in force says of what is asked for, and what of it conflicts.
func judged(look record.Look, before, after map[string]any, a Asked, actor record.Actor) error {
	m, err := At(look, a.Matrix, look.At)
	if before != nil && a.MatrixVersion != "" && a.Matrix == text(before, "matrix") && a.Role == text(before, "role") {
		var v record.Version // it stays with the version of the day on which it was asked for
		if v, err = look.Get(Version, a.MatrixVersion); err == nil {
			m, err = RolesOf(v)
		}
	}
	if err != nil {
		return err
	}
	r, ok := m.Role(a.Role)
	if !ok {
		var names []string
		for _, r := range m.Roles {
			names = append(names, r.ID)
		}
		return fault.New(fault.Invalid, "The matrix of %s in force has no role %q.", m.Name, a.Role).WithNext("Its roles are %s.", strings.Join(names, ", "))
	}
	p, err := personOf(look, a.Beneficiary)
	if err != nil {
		return err
	}
	if day := look.At.In(zone(look)).Format(time.DateOnly); p.End != "" && p.End < day {
		return fault.New(fault.Invalid, "%s left on %s.", a.Beneficiary, p.End).WithNext("Ask for somebody who works here.")
	}
	conflicts, err := ConflictsOf(look, m, a)
	if err != nil {
		return err
	}
	after["title"] = fmt.Sprintf("%s of %s for %s", r.Name, m.Name, or(p.Name, a.Beneficiary))
	after["matrix_version"], after["role_name"], after["rights"], after["sensitivity"], after["read"] = m.Key, r.Name, r.Rights, r.Sensitivity, r.Read()
	after["granted_in"], after["granted_as"], after["beneficiary_email"] = r.in(a.Matrix), r.as(), p.Email
	delete(after, "conflicts")
	if len(conflicts) > 0 {
		after["conflicts"] = listed(conflicts)
	}
	asker := or(text(after, "requested_by"), actor.Person)
	if q, err := personOf(look, asker); err == nil {
		after["requester_email"] = q.Email
	}
	return nil
}

// appointed refuses who was not named for the system on that day.
func appointed(m Roles, after map[string]any, actor record.Actor, day, act string) error {
	ok, instead := m.Appointed(actor.Person, day)
	if !ok {
		f := fault.New(fault.Denied, "%s is not appointed for %s on %s and so can't %s.", or(actor.Person, actor.Stamp()), m.Name, day, act)
		if names := m.ApproversOn(day); len(names) > 0 {
			return f.WithNext("Appointed are %s.", strings.Join(names, ", "))
		}
		return f.WithNext("Nobody is appointed on that day: name an approver in the role matrix and have it approved.")
	}
	delete(after, "instead_of")
	if instead != "" {
		if a := text(after, "beneficiary"); instead == a && act == "approve it" {
			return fault.New(fault.Denied, "%s stands in for %s, who gets it.", actor.Person, instead).WithNext("Another appointed approver decides.")
		}
		after["instead_of"] = instead
	}
	return nil
}

// independent refuses who asked, unless they manage who gets it and the matrix lets managers do both.
func independent(look record.Look, m Roles, a Asked, actor record.Actor) error {
	var asked []record.Party
	for _, p := range append([]string{a.RequestedBy}, a.Authors...) {
		asked = append(asked, record.Party{Role: "the one who asked", Stamp: p})
	}
	err := record.Apart(actor, "approve it", asked...)
	if err == nil || !m.ManagerAsks {
		return err
	}
	p, wrong := personOf(look, a.Beneficiary)
	if wrong != nil {
		return wrong
	}
	if p.Manager == actor.Person && actor.Person != "" && !slices.ContainsFunc(a.Authors, func(s string) bool { return strings.HasPrefix(s, "user:") }) {
		return nil
	}
	return err
}

// allowed refuses a role that conflicts with another, unless an exception for that person and role is in force.
func allowed(look record.Look, after map[string]any, a Asked) error {
	m, err := At(look, a.Matrix, look.At)
	if err != nil {
		return err
	}
	conflicts, err := ConflictsOf(look, m, a)
	if err != nil || len(conflicts) == 0 {
		return err
	}
	after["conflicts"] = listed(conflicts)
	what := a.Matrix + "/" + a.Role
	next := fmt.Sprintf("Ask for an exception with %s among its resources and %s as its beneficiary, have it approved, and name it here.", what, a.Beneficiary)
	if a.Exception == "" {
		return fault.New(fault.Conflict, "It conflicts: %s", strings.Join(conflicts, " ")).WithNext("%s", next)
	}
	v, err := look.Get("exception", a.Exception)
	if err != nil {
		return err
	}
	var x struct {
		State, Beneficiary string
		Resources          []string
	}
	if err := json.Unmarshal(v.Body, &x); err != nil {
		return err
	}
	if x.State != "approved" && x.State != "active" || x.Beneficiary != a.Beneficiary || !slices.Contains(x.Resources, what) {
		return fault.New(fault.Conflict, "The exception %s is %s, for %s and %s; it does not allow this.", a.Exception, x.State, x.Beneficiary, strings.Join(x.Resources, ", ")).WithNext("%s", next)
	}
	return nil
}

// ConflictsOf says what conflicts with a role that is asked for: rights that the person has, and requests on their way.
func ConflictsOf(look record.Look, m Roles, a Asked) ([]string, error) {
	have := map[[2]string]bool{}
	rights, err := look.Find(Right, "person", a.Beneficiary)
	if err != nil {
		return nil, err
	}
	for _, v := range rights {
		var r Held
		if err := read(v.Body, &r); err != nil {
			return nil, err
		}
		have[[2]string{r.Matrix, r.Role}] = true
	}
	asked, err := look.Find(Request, "beneficiary", a.Beneficiary)
	if err != nil {
		return nil, err
	}
	for _, v := range asked {
		o, err := AskedOf(v.Body)
		if err != nil {
			return nil, err
		}
		if o.Allowed() || o.State == "submitted" && o.RequestedAt < or(a.RequestedAt, "9") {
			have[[2]string{o.Matrix, o.Role}] = true
		}
	}
	delete(have, [2]string{a.Matrix, a.Role})
	var out []string
	in, err := look.All(Version)
	if err != nil {
		return nil, err
	}
	pairs := map[string][]Conflict{m.Matrix: m.Conflicts}
	for _, v := range in {
		o, err := RolesOf(v)
		if err != nil {
			return nil, err
		}
		if o.Until == "" && o.Matrix != m.Matrix {
			pairs[o.Matrix] = o.Conflicts
		}
	}
	for of, list := range pairs {
		for _, c := range list {
			one, other := [2]string{of, c.A}, [2]string{or(c.Of, of), c.B}
			for _, pair := range [][2][2]string{{one, other}, {other, one}} {
				if pair[0] == [2]string{a.Matrix, a.Role} && have[pair[1]] {
					out = append(out, fmt.Sprintf("%s of %s excludes %s of %s: %s.", pair[0][1], pair[0][0], pair[1][1], pair[1][0], strings.TrimSuffix(c.Why, ".")))
				}
			}
		}
	}
	return distinct(out), nil
}

type who struct {
	Key, Name, Email, Manager, Start, End string
	Title                                 string
	OtherEmails                           []string `json:"other_emails"`
	Accounts                              []string
}

func personOf(look record.Look, key string) (who, error) {
	var p who
	v, err := look.Get("person", key)
	if err != nil {
		return p, err
	}
	err = json.Unmarshal(v.Body, &p)
	p.Key = key
	return p, err
}

func zone(look record.Look) *time.Location {
	v, err := look.Get("organisation", organisation.Key)
	if err != nil {
		return time.UTC
	}
	return organisation.Zone(v.Body)
}

func change(kind, key string, body map[string]any, reason string) (record.Change, error) {
	b, err := json.Marshal(body)
	return record.Change{Kind: kind, Key: key, Body: b, Reason: reason}, err
}
