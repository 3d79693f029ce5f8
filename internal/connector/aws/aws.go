// Package aws reads Amazon Web Services: accounts and identities, storage, networks, databases, keys, logs, detection and backup. The
// one rule: every question that is asked is declared in a table, so that the policy to grant names exactly those, and what AWS
// does not answer is a gap of its account, region and kind.
//
// Questions are plain HTTP, signed by the SDK's signer; there is no service client. Nothing is asked that changes anything.
package aws

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"golang.org/x/sync/errgroup"

	"tickmark/internal/awsauth"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Connector returns the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 3000, AtOnce: 24, Why: "AWS counts by service, account and region; where it says that it was asked too much, it is asked less."},
		Name:   "aws",
		Title:  "Amazon Web Services",
		Help: "Reads accounts, identities, buckets, networks, databases, keys, logs, detection and backups of one account or a whole organisation. " +
			"Reads only. Credentials are taken from where AWS's own tools take them.",
		Settings: []connector.Setting{
			{Name: "role_arn", Title: "Role to assume", Help: "arn:aws:iam::111122223333:role/tickmark. Empty: the credentials are used as they are."},
			{Name: "external_id", Title: "External id", Help: "What the role's trust policy asks for."},
			{Name: "accounts", Title: "Accounts", Help: "Empty: this one. organization: every account of the organisation. Or account numbers, with commas between."},
			{Name: "member_role", Title: "Role in each account", Help: "Name of the role to assume in other accounts.", Default: "tickmark"},
			{Name: "regions", Title: "Regions", Help: "With commas between. Empty: every region that is enabled."},
			{Name: "profile", Title: "Profile", Help: "Of the shared files, such as those of aws configure. Empty: environment, default profile, container or machine role."},
			{Name: "endpoint", Title: "Endpoint", Help: "One address for every service, for an emulator. Empty: AWS."},
		},
		Permissions: permissions(),
		Grant:       grant(),
		Tried:       tried,
		Hook:        connector.SharedHook("X-Tickmark-Secret", "EventBridge, API destinations: a connection with an API key named X-Tickmark-Secret and the secret as its value, a destination with the address and POST, and a rule that sends what matters to it, such as changes seen by CloudTrail."),
		Kinds:       kinds(),
		Read:        read,
	}
}

// settings are a connection's, read.
type settings struct {
	role, external, member, profile, endpoint string
	organization                              bool
	accounts, regions                         []string
}

var (
	accountNumber = regexp.MustCompile(`^[0-9]{12}$`)
	regionName    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	roleARN       = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`)
	roleName      = regexp.MustCompile(`^[\w+=,.@/-]+$`)
)

func parseSettings(v connector.Values) (s settings, err error) {
	s = settings{role: v["role_arn"], external: v["external_id"], member: cmp.Or(v["member_role"], "tickmark"), profile: v["profile"],
		endpoint: strings.TrimRight(v["endpoint"], "/")}
	if s.role != "" && !roleARN.MatchString(s.role) {
		return s, fault.New(fault.Invalid, "%q is not the address of a role.", s.role).WithNext("Write it as arn:aws:iam::111122223333:role/tickmark.")
	}
	if !roleName.MatchString(s.member) {
		return s, fault.New(fault.Invalid, "%q is not the name of a role.", s.member).WithNext("Give member_role the name alone, such as tickmark.")
	}
	for name := range strings.FieldsFuncSeq(v["regions"], separates) {
		if !regionName.MatchString(name) {
			return s, fault.New(fault.Invalid, "%q is not a region.", name).WithNext("Write regions as eu-central-1, us-east-1.")
		}
		s.regions = append(s.regions, name)
	}
	if v["accounts"] == "organization" || v["accounts"] == "organisation" {
		s.organization = true
		return s, s.checkEndpoint()
	}
	for id := range strings.FieldsFuncSeq(v["accounts"], separates) {
		if !accountNumber.MatchString(id) {
			return s, fault.New(fault.Invalid, "%q is not an account.", id).WithNext("Write accounts as organization, or as numbers of 12 digits with commas between.")
		}
		s.accounts = append(s.accounts, id)
	}
	slices.Sort(s.accounts)
	s.accounts = slices.Compact(s.accounts)
	return s, s.checkEndpoint()
}

func separates(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }

func (s settings) checkEndpoint() error {
	if s.endpoint == "" {
		return nil
	}
	u, err := url.Parse(s.endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fault.New(fault.Invalid, "The endpoint is not an address that starts with https:// or http://, alone.").WithNext("Correct the connection's endpoint.")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fault.New(fault.Invalid, "The endpoint %s is not encrypted, and a session's token would go there.", u.Host).WithNext("Give an address that starts with https://; http:// is for this machine alone.")
	}
	return nil
}

// read reads every account, each for itself: one that refuses is a gap, and the others go on.
func read(ctx context.Context, v connector.Values, out connector.Sink) error {
	s, err := parseSettings(v)
	if err != nil {
		return err
	}
	budget, err := connector.NewBudget(v)
	if err != nil {
		return err
	}
	r := &reader{out: out, endpoint: s.endpoint, backoff: connector.FirstWait(ctx, 250*time.Millisecond), budget: budget, pace: map[string]*retry.AdaptiveMode{}, worn: map[string]int{}, kinds: map[string]*record.Kind{}, missed: map[connector.Gap]bool{}, members: map[string]thing{}}
	for _, k := range kinds() {
		r.kinds[k.Name] = &k
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	transport.MaxIdleConnsPerHost = 24
	r.http = &http.Client{Transport: transport, Timeout: 2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return r.accounts(ctx, s)
}

// accounts finds out who asks and which accounts there are, and reads them.
func (r *reader) accounts(ctx context.Context, s settings) error {
	region := cmp.Or(append(slices.Clone(s.regions), awsauth.Region(s.profile), "us-east-1")...)
	sts := awsauth.STS{HTTP: r.http, Region: region, Endpoint: r.endpoint}
	var keys aws.CredentialsProvider = aws.NewCredentialsCache(awsauth.Chain{Profile: s.profile, STS: sts})
	if s.role != "" {
		keys = sts.Assume(keys, awsauth.Role{ARN: s.role, ExternalID: s.external})
	}
	base := r.visit(place{region: region, partition: partitionOf(region), home: true, account: "the connection", keys: keys})
	if _, err := keys.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		next := "Give credentials where AWS's own tools take them: the environment, a profile, a container's or a machine's role."
		if s.role != "" {
			next = "Check role_arn, external_id and the role's trust policy, and the credentials that assume it."
		}
		return fault.New(fault.Unavailable, "There are no credentials for AWS: %s.", strings.TrimSuffix(strings.TrimPrefix(plain(err), "failed to refresh cached credentials, "), ".")).WithNext("%s", next)
	}
	a, f, err := base.page(ctx, "aws_account", whoAmI, base.place, nil, "", 1)
	if err != nil {
		return err
	}
	me := a.text("Account")
	if f == nil && !accountNumber.MatchString(me) {
		f = &refusal{call: whoAmI, where: base.scope(), reason: "the answer is not as expected: it has no Account"}
	}
	if f != nil && f.unreached {
		return fault.New(fault.Unavailable, "%s", f.Error()).WithNext("Check the network, and the connection's endpoint and regions.")
	}
	if f != nil {
		for _, k := range kinds() {
			r.miss(k.Name, "", "", f)
		}
		return nil
	}
	base.account, base.partition = me, cmp.Or(strings.Split(a.text("Arn")+":aws:", ":")[1], "aws")
	members, err := r.listed(ctx, base, s, me)
	if err != nil {
		return err
	}
	// The connection's own account comes first: the others take its regions for theirs where they refuse to tell.
	usual := s.regions
	if slices.Contains(members, me) {
		if usual, err = r.readAccount(ctx, base, s, nil); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(6)
	for _, id := range members {
		if id == me {
			continue
		}
		p := base.place
		p.account = id
		p.keys = sts.Assume(keys, awsauth.Role{ARN: fmt.Sprintf("arn:%s:iam::%s:role/%s", p.partition, id, s.member), ExternalID: s.external})
		g.Go(func() error {
			_, err := r.readAccount(ctx, r.visit(p), s, usual)
			return err
		})
	}
	return g.Wait()
}

// listed are the accounts to read.
func (r *reader) listed(ctx context.Context, base *visit, s settings, me string) ([]string, error) {
	if len(s.accounts) > 0 {
		return s.accounts, nil
	}
	if !s.organization {
		return []string{me}, nil
	}
	found, _, err := base.every(ctx, "aws_account", listAccounts, nil, "Accounts")
	var f *refusal
	if errors.As(err, &f) {
		r.miss("aws_account", "", "", f)
		return []string{me}, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, o := range found {
		id := text(o.value, "Id")
		if !accountNumber.MatchString(id) {
			return nil, fault.New(fault.Unavailable, "The organisation lists an account %q, which is no account number.", plain(errors.New(id)))
		}
		if cmp.Or(text(o.value, "State"), text(o.value, "Status")) == "ACTIVE" { // nobody can enter one that is suspended or not open yet
			r.members[id] = o
			out = append(out, id)
		}
	}
	return out, nil
}

// readAccount reads one account: what it has as a whole, and each of its regions. It returns the regions.
func (r *reader) readAccount(ctx context.Context, v *visit, s settings, usual []string) ([]string, error) {
	if _, err := v.keys.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f := &refusal{call: assumeRole, where: v.account, reason: strings.TrimPrefix(plain(err), "failed to refresh cached credentials, ")}
		if no := (*awsauth.Refused)(nil); errors.As(err, &no) && refused(no.Status, no.Code) {
			f.denied, f.code = true, no.Code
		}
		r.refuseAccount(v.account, either(s.regions, usual), f)
		return nil, nil
	}
	regions, f, err := r.regions(ctx, v, s)
	if err != nil {
		return nil, err
	}
	if f != nil {
		for _, l := range lists {
			for _, name := range either(usual, []string{v.region}) {
				if !l.global {
					r.miss(l.kind, v.account+"/"+name, "", f)
				}
			}
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(5)
	g.Go(func() error { return v.all(ctx) })
	for _, name := range regions {
		p := v.place
		p.region, p.home = name, false
		g.Go(func() error { return r.visit(p).all(ctx) })
	}
	return regions, g.Wait()
}

func either(a, b []string) []string {
	if len(a) > 0 {
		return a
	}
	return b
}

// refuseAccount gives every kind of an account a gap.
func (r *reader) refuseAccount(account string, regions []string, f *refusal) {
	for _, l := range lists {
		if l.global {
			r.miss(l.kind, account, "", f)
			continue
		}
		for _, name := range regions {
			r.miss(l.kind, account+"/"+name, "", f)
		}
	}
}

// regions are those to read: enabled, and named in the settings when these name any.
func (r *reader) regions(ctx context.Context, v *visit, s settings) ([]string, *refusal, error) {
	found, _, err := v.every(ctx, "aws_region", describeRegions, nil, "regionInfo")
	var f *refusal
	if errors.As(err, &f) {
		if len(s.regions) > 0 {
			r.miss("aws_region", v.account, "", f) // which of them are enabled
			return s.regions, nil, nil
		}
		return nil, f, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var out []string
	known := map[string]bool{}
	for _, o := range found {
		name := text(o.value, "regionName")
		known[name] = true
		if text(o.value, "optInStatus") != "not-opted-in" && (len(s.regions) == 0 || slices.Contains(s.regions, name)) {
			out = append(out, name)
		}
	}
	for _, name := range s.regions {
		if !known[name] {
			return nil, nil, fault.New(fault.Invalid, "AWS knows no region %q.", name).WithNext("Correct the connection's regions.")
		}
	}
	slices.Sort(out)
	return out, nil, nil
}

// resolves reports whether a name is found.
func (r *reader) resolves(ctx context.Context, host string) bool {
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	return err == nil && len(addresses) > 0
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
