package bucket

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

// chain finds credentials where AWS's own tools look, the first that there are: the environment, a profile of the shared file, the
// container's endpoint, the machine's role. A role that is assumed through STS, or single sign-on, is not among them.
type chain struct{}

func (chain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"); id != "" && secret != "" {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: os.Getenv("AWS_SESSION_TOKEN"), Source: "environment"}, nil
	}
	path := os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	if path == "" {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, ".aws", "credentials")
		}
	}
	profile := os.Getenv("AWS_PROFILE")
	if c, err := shared(path, first(profile, "default")); err == nil || profile != "" || !errors.Is(err, os.ErrNotExist) {
		return c, err
	}
	endpoint := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if at := os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); at != "" {
		endpoint = "http://169.254.170.2" + at
	}
	if endpoint != "" {
		return endpointcreds.New(endpoint, func(o *endpointcreds.Options) {
			if o.AuthorizationToken = os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"); o.AuthorizationToken == "" {
				if b, err := os.ReadFile(os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")); err == nil {
					o.AuthorizationToken = strings.TrimSpace(string(b))
				}
			}
		}).Retrieve(ctx)
	}
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return aws.Credentials{}, errors.New("there are no credentials")
	}
	c, err := ec2rolecreds.New().Retrieve(ctx)
	if err != nil {
		err = fmt.Errorf("there are no credentials in the environment, in %s or of this machine's role (%w)", path, err)
	}
	return c, err
}

// shared reads a profile of the shared credentials file; os.ErrNotExist when it has none.
func shared(path, profile string) (aws.Credentials, error) {
	f, err := os.Open(path)
	if err != nil {
		return aws.Credentials{}, err
	}
	defer f.Close()
	c := aws.Credentials{Source: path}
	in := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		l := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(l, "[") {
			in = strings.TrimSpace(strings.Trim(l, "[]")) == profile
			continue
		}
		name, value, ok := strings.Cut(l, "=")
		if !in || !ok {
			continue
		}
		switch value = strings.TrimSpace(value); strings.TrimSpace(name) {
		case "aws_access_key_id":
			c.AccessKeyID = value
		case "aws_secret_access_key":
			c.SecretAccessKey = value
		case "aws_session_token":
			c.SessionToken = value
		}
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return c, fmt.Errorf("%s has no keys of the profile %q: %w", path, profile, os.ErrNotExist)
	}
	return c, nil
}

func base64Of(sum [sha256.Size]byte) string { return base64.StdEncoding.EncodeToString(sum[:]) }
