// Package awsauth finds credentials for Amazon Web Services where AWS's own tools look. The one rule: a credential goes to the
// service that it is for and to the SDK's signer, and stands in no error and no log.
//
// The SDK's own chain would make the program 3.7 MB larger: it brings four service clients for the few requests that are made here.
package awsauth

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"tickmark/internal/secret"
)

// Chain finds credentials, the first that there are: the environment, a web identity, a profile of the shared files (keys, a role
// over another profile, single sign-on), the container's endpoint, the machine's role.
type Chain struct {
	Profile string // of the shared files, before the environment; empty: the environment, then AWS_PROFILE or default
	STS     STS    // where roles are assumed
}

// Retrieve implements aws.CredentialsProvider.
func (c Chain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if c.Profile == "" {
		if k, ok := environment(); ok {
			return k, nil
		}
		if role, file := os.Getenv("AWS_ROLE_ARN"), os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"); role != "" && file != "" {
			return c.STS.web(ctx, role, os.Getenv("AWS_ROLE_SESSION_NAME"), file)
		}
	}
	files, err := shared()
	if err != nil {
		return aws.Credentials{}, err
	}
	named := cmp.Or(c.Profile, os.Getenv("AWS_PROFILE"))
	k, err := c.profile(ctx, files, cmp.Or(named, "default"), 0)
	if err == nil || named != "" || !errors.Is(err, errNone) {
		return k, err
	}
	if k, ok, err := container(ctx); ok {
		return k, err
	}
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return aws.Credentials{}, errors.New("there are no credentials in the environment or the shared files")
	}
	if k, err = ec2rolecreds.New().Retrieve(ctx); err != nil {
		err = fmt.Errorf("there are no credentials in the environment, in the shared files or of this machine's role (%w)", err)
	}
	return k, err
}

func environment() (aws.Credentials, bool) {
	k := aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: os.Getenv("AWS_SESSION_TOKEN"), Source: "environment"}
	return k, k.HasKeys()
}

func container(ctx context.Context) (k aws.Credentials, ok bool, err error) {
	endpoint := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if at := os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); at != "" {
		endpoint = "http://169.254.170.2" + at
	}
	if endpoint == "" {
		return k, false, nil
	}
	k, err = endpointcreds.New(endpoint, func(o *endpointcreds.Options) {
		if o.AuthorizationToken = os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"); o.AuthorizationToken == "" {
			if b, err := os.ReadFile(os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")); err == nil {
				o.AuthorizationToken = strings.TrimSpace(string(b))
			}
		}
	}).Retrieve(ctx)
	return k, true, err
}

// errNone says that the shared files have no such profile.
var errNone = errors.New("there are none")

// profile takes the credentials of one profile, of which a role may rest on another.
func (c Chain) profile(ctx context.Context, files sections, name string, depth int) (k aws.Credentials, err error) {
	p := files[name]
	switch {
	case p == nil:
		return k, fmt.Errorf("the shared files of AWS have no profile %q: %w", name, errNone)
	case depth > 4:
		return k, fmt.Errorf("the profile %q rests on itself", name)
	case p["role_arn"] != "" && p["web_identity_token_file"] != "":
		return c.STS.web(ctx, p["role_arn"], p["role_session_name"], p["web_identity_token_file"])
	case p["role_arn"] != "":
		var below aws.CredentialsProvider
		switch source := p["credential_source"]; {
		case p["source_profile"] == name && p["aws_access_key_id"] != "":
			below = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return static(p) })
		case p["source_profile"] != "":
			below = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
				return c.profile(ctx, files, p["source_profile"], depth+1)
			})
		case source == "Environment":
			below = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				if k, ok := environment(); ok {
					return k, nil
				}
				return aws.Credentials{}, fmt.Errorf("the profile %q takes credentials from the environment, which has none", name)
			})
		case source == "EcsContainer":
			below = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
				k, ok, err := container(ctx)
				if !ok {
					err = fmt.Errorf("the profile %q takes credentials of a container, and this is none", name)
				}
				return k, err
			})
		case source == "Ec2InstanceMetadata":
			below = ec2rolecreds.New()
		default:
			return k, fmt.Errorf("the profile %q has a role_arn and neither source_profile nor credential_source", name)
		}
		if p["mfa_serial"] != "" {
			return k, fmt.Errorf("the profile %q asks for a code of a multi-factor device, which nobody is there to type", name)
		}
		return c.STS.Assume(below, Role{ARN: p["role_arn"], ExternalID: p["external_id"], Session: p["role_session_name"]}).Retrieve(ctx)
	case p["sso_account_id"] != "":
		return c.STS.signOn(ctx, files, name)
	case p["credential_process"] != "":
		return k, fmt.Errorf("the profile %q runs a program for its credentials, which is not done", name)
	case p["aws_access_key_id"] == "":
		return k, fmt.Errorf("the profile %q of the shared files of AWS has no keys and no role: %w", name, errNone)
	}
	return static(p)
}

func static(p map[string]string) (aws.Credentials, error) {
	k := aws.Credentials{AccessKeyID: p["aws_access_key_id"], SecretAccessKey: p["aws_secret_access_key"], SessionToken: p["aws_session_token"], Source: "shared files"}
	if !k.HasKeys() {
		return k, errors.New("a profile of the shared files of AWS has half of a key")
	}
	return k, nil
}

// sections are the profiles of the shared files by name, and the sessions of single sign-on as "sso-session NAME".
type sections map[string]map[string]string

func shared() (sections, error) {
	out := sections{}
	home, _ := os.UserHomeDir()
	for _, path := range []string{
		cmp.Or(os.Getenv("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config")),
		cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials")), // its keys win
	} {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out.read(f)
		f.Close()
	}
	return out, nil
}

func (s sections) read(r io.Reader) {
	var at map[string]string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		l := strings.TrimSpace(lines.Text())
		if l == "" || l[0] == '#' || l[0] == ';' {
			continue
		}
		if l[0] == '[' {
			name := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(strings.Trim(l, "[]")), "profile "))
			if at = s[name]; at == nil {
				at = map[string]string{}
				s[name] = at
			}
			continue
		}
		if name, value, ok := strings.Cut(l, "="); ok && at != nil {
			at[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
}

// Region is the one that the environment or a profile names; empty when none does.
func Region(profile string) string {
	if at := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")); at != "" && profile == "" {
		return at
	}
	files, err := shared()
	if err != nil {
		return ""
	}
	return files[cmp.Or(profile, os.Getenv("AWS_PROFILE"), "default")]["region"]
}

// STS is the service that gives credentials of roles.
type STS struct {
	HTTP     *http.Client
	Region   string
	Endpoint string // instead of the region's own
}

// Role is one to be assumed.
type Role struct {
	ARN, ExternalID string
	Session         string // "tickmark" when empty
}

// Assume gives the credentials of a role to whoever holds those below; they are taken anew before they run out.
func (s STS) Assume(below aws.CredentialsProvider, role Role) aws.CredentialsProvider {
	return aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		q := url.Values{"Action": {"AssumeRole"}, "RoleArn": {role.ARN}, "RoleSessionName": {cmp.Or(role.Session, "tickmark")}}
		if role.ExternalID != "" {
			q.Set("ExternalId", role.ExternalID)
		}
		k, err := below.Retrieve(ctx)
		if err != nil {
			return k, err
		}
		return s.ask(ctx, q, &k)
	}), func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute })
}

func (s STS) web(ctx context.Context, role, session, file string) (aws.Credentials, error) {
	token, err := os.ReadFile(file)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("read the web identity: %w", err)
	}
	return s.ask(ctx, url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {role}, "RoleSessionName": {cmp.Or(session, "tickmark")},
		"WebIdentityToken": {strings.TrimSpace(string(token))}}, nil)
}

// Refused is an answer of STS that gives no credentials.
type Refused struct {
	Status        int
	Code, Message string
}

func (r *Refused) Error() string {
	return fmt.Sprintf("it answered %d, %s: %s", r.Status, r.Code, strings.TrimSuffix(r.Message, "."))
}

func (s STS) ask(ctx context.Context, q url.Values, by *aws.Credentials) (k aws.Credentials, err error) {
	q.Set("Version", "2011-06-15")
	q.Set("DurationSeconds", "3600")
	body := q.Encode()
	region := cmp.Or(s.Region, "us-east-1")
	at := cmp.Or(s.Endpoint, "https://sts."+region+"."+Domain(region))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(at, "/")+"/", strings.NewReader(body))
	if err != nil {
		return k, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if by != nil {
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(ctx, *by, r, hex.EncodeToString(sum[:]), "sts", region, time.Now()); err != nil {
			return k, err
		}
	}
	status, text, err := s.do(r)
	if err != nil {
		return k, err
	}
	var answer struct {
		Assumed struct{ Credentials issued } `xml:"AssumeRoleResult"`
		Web     struct{ Credentials issued } `xml:"AssumeRoleWithWebIdentityResult"`
		Error   struct{ Code, Message string }
		Errors  struct {
			Error struct{ Code, Message string }
		} // as an emulator writes it
	}
	if err := xml.Unmarshal(text, &answer); err != nil && status == http.StatusOK {
		return k, errors.New("STS answered with something that is no XML")
	}
	got := answer.Assumed.Credentials
	if by == nil {
		got = answer.Web.Credentials
	}
	if status != http.StatusOK || got.AccessKeyID == "" || got.SecretAccessKey == "" {
		var c secret.Cover
		c.Add(q.Get("WebIdentityToken"))
		if by != nil {
			c.Add(by.SecretAccessKey, by.SessionToken)
		}
		return k, &Refused{status, cmp.Or(c.Hide(answer.Error.Code), c.Hide(answer.Errors.Error.Code), "no code"), cmp.Or(c.Hide(answer.Error.Message), c.Hide(answer.Errors.Error.Message), "no reason")}
	}
	return aws.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken, CanExpire: true,
		Expires: got.Expiration, Source: "role"}, nil
}

type issued struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

func (s STS) do(r *http.Request) (status int, text []byte, err error) {
	client := s.HTTP
	if client == nil {
		client = &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := client.Do(r)
	if err != nil {
		var outer *url.Error // whose text holds the address, and that may hold more than it should
		if errors.As(err, &outer) {
			err = fmt.Errorf("%s could not be reached: %w", r.URL.Host, outer.Err)
		}
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, text, err
}

// signOn takes credentials for the token that "aws sso login" left behind.
func (s STS) signOn(ctx context.Context, files sections, name string) (k aws.Credentials, err error) {
	p := files[name]
	id, region := p["sso_start_url"], p["sso_region"]
	if session := p["sso_session"]; session != "" {
		id, region = session, files["sso-session "+session]["sso_region"]
	}
	home, _ := os.UserHomeDir()
	sum := sha1.Sum([]byte(id)) // the name that AWS's own tools give the file
	var token struct {
		AccessToken string
		ExpiresAt   time.Time
	}
	b, err := os.ReadFile(filepath.Join(home, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json"))
	if err != nil || json.Unmarshal(b, &token) != nil || token.AccessToken == "" || time.Now().After(token.ExpiresAt) {
		return k, fmt.Errorf("the profile %q is signed out: run aws sso login --profile %s", name, name)
	}
	at := cmp.Or(s.Endpoint, "https://portal.sso."+region+"."+Domain(region))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(at, "/")+"/federation/credentials?"+
		url.Values{"account_id": {p["sso_account_id"]}, "role_name": {p["sso_role_name"]}}.Encode(), nil)
	if err != nil {
		return k, err
	}
	r.Header.Set("X-Amz-Sso_bearer_token", token.AccessToken)
	status, text, err := s.do(r)
	if err != nil {
		return k, err
	}
	var answer struct {
		RoleCredentials struct {
			AccessKeyID     string `json:"accessKeyId"`
			SecretAccessKey string `json:"secretAccessKey"`
			SessionToken    string `json:"sessionToken"`
			Expiration      int64  `json:"expiration"`
		} `json:"roleCredentials"`
	}
	if got := &answer.RoleCredentials; status != http.StatusOK || json.Unmarshal(text, &answer) != nil || got.AccessKeyID == "" {
		return k, &Refused{status, "single sign-on", "the profile " + name + " got no credentials"}
	}
	got := answer.RoleCredentials
	return aws.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken, CanExpire: true,
		Expires: time.UnixMilli(got.Expiration), Source: "single sign-on"}, nil
}

// Domain is what the services' addresses in a region end in.
func Domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
