package awsauth

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// alone leaves nothing of the machine's own settings.
func alone(t *testing.T) (home string) {
	home = t.TempDir()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if err := os.MkdirAll(filepath.Join(home, ".aws", "sso", "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sts gives credentials whose key says who asked for what.
func sts(t *testing.T) STS {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/federation/credentials" {
			if r.Header.Get("X-Amz-Sso_bearer_token") != "signed-on" || r.URL.Query().Get("account_id") != "111122223333" || r.URL.Query().Get("role_name") != "reader" {
				t.Errorf("single sign-on is asked %s", r.URL)
			}
			fmt.Fprintf(w, `{"roleCredentials":{"accessKeyId":"ASSO","secretAccessKey":"s","sessionToken":"t","expiration":%d}}`, time.Now().Add(time.Hour).UnixMilli())
			return
		}
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(b)))
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		by := "nobody"
		if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
			by, _, _ = strings.Cut(rest, "/")
		}
		if by == "AWRONG" {
			w.WriteHeader(403)
			io.WriteString(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`)
			return
		}
		action := r.Form.Get("Action")
		fmt.Fprintf(w, `<%sResponse><%sResult><Credentials><AccessKeyId>%s by %s %s%s</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></%sResult></%sResponse>`,
			action, action, r.Form.Get("RoleArn"), by, r.Form.Get("ExternalId"), r.Form.Get("WebIdentityToken"), time.Now().Add(time.Hour).UTC().Format(time.RFC3339), action, action)
	}))
	t.Cleanup(srv.Close)
	return STS{Endpoint: srv.URL, Region: "eu-west-1"}
}

func TestCredentialsComeFromWhereAWSsToolsLook(t *testing.T) {
	const files = `[default]
region = eu-west-1
[profile role]
role_arn = arn:role
source_profile = keys
external_id = meadow
[profile own]
role_arn = arn:own
source_profile = own
[profile round]
role_arn = arn:round
source_profile = round
[profile env]
role_arn = arn:env
credential_source = Environment
[profile person]
sso_session = work
sso_account_id = 111122223333
sso_role_name = reader
[sso-session work]
sso_region = eu-west-1
sso_start_url = https://work.example.org/start
[profile program]
credential_process = /bin/true
[profile code]
role_arn = arn:code
source_profile = keys
mfa_serial = arn:mfa
[profile half]
aws_access_key_id = AHALF
`
	const keys = "[keys]\naws_access_key_id = AKEYS\naws_secret_access_key = s\n# of nobody\n[own]\naws_access_key_id = AOWN\naws_secret_access_key=s\n"
	for name, c := range map[string]struct {
		set     map[string]string
		profile string
		want    string // the key's id, or part of the error
	}{
		"the environment":                  {set: map[string]string{"AWS_ACCESS_KEY_ID": "AENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "keys"}, want: "AENV"},
		"a profile that is asked for":      {set: map[string]string{"AWS_ACCESS_KEY_ID": "AENV", "AWS_SECRET_ACCESS_KEY": "s"}, profile: "keys", want: "AKEYS"},
		"a profile of the environment":     {set: map[string]string{"AWS_PROFILE": "keys"}, want: "AKEYS"},
		"a web identity":                   {set: map[string]string{"AWS_ROLE_ARN": "arn:pod", "AWS_WEB_IDENTITY_TOKEN_FILE": "token"}, want: "arn:pod by nobody a-token"},
		"a role over another profile":      {profile: "role", want: "arn:role by AKEYS meadow"},
		"a role over keys of the same":     {profile: "own", want: "arn:own by AOWN "},
		"a profile that rests on itself":   {profile: "round", want: "rests on itself"},
		"a role over the environment":      {set: map[string]string{"AWS_ACCESS_KEY_ID": "AENV", "AWS_SECRET_ACCESS_KEY": "s"}, profile: "env", want: "arn:env by AENV "},
		"single sign-on":                   {profile: "person", want: "ASSO"},
		"a program":                        {profile: "program", want: "runs a program"},
		"a code that somebody would type":  {profile: "code", want: "multi-factor device"},
		"half of a key":                    {profile: "half", want: "half of a key"},
		"a profile that is not there":      {profile: "nobody", want: `no profile "nobody"`},
		"a default that has a region only": {want: "there are no credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			home := alone(t)
			put(t, filepath.Join(home, ".aws", "config"), files)
			put(t, filepath.Join(home, ".aws", "credentials"), keys)
			sum := sha1.Sum([]byte("work"))
			put(t, filepath.Join(home, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json"), `{"accessToken":"signed-on","expiresAt":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
			put(t, filepath.Join(home, "token"), "a-token\n")
			for k, v := range c.set {
				if v == "token" {
					v = filepath.Join(home, "token")
				}
				t.Setenv(k, v)
			}
			k, err := Chain{Profile: c.profile, STS: sts(t)}.Retrieve(t.Context())
			got := k.AccessKeyID
			if err != nil {
				got = err.Error()
			}
			if err == nil && got != c.want || err != nil && !strings.Contains(got, c.want) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestARoleThatIsRefusedSaysSo(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AWRONG")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "planted")
	s := sts(t)
	_, err := s.Assume(Chain{STS: s}, Role{ARN: "arn:role"}).Retrieve(t.Context())
	var no *Refused
	if !errors.As(err, &no) || no.Code != "AccessDenied" || no.Status != 403 || strings.Contains(err.Error(), "planted") {
		t.Errorf("%v", err)
	}
}

func TestSignedOutIsSaid(t *testing.T) {
	home := alone(t)
	put(t, filepath.Join(home, ".aws", "config"), "[profile person]\nsso_start_url = https://work.example.org/start\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = r\n")
	if _, err := (Chain{Profile: "person", STS: sts(t)}).Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), "aws sso login --profile person") {
		t.Errorf("%v", err)
	}
}
