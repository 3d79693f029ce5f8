package connector_test

import (
	"net/http"
	"testing"

	"tickmark/internal/connector"
)

// The signature is of a body and key that GitHub's documentation gives as its example.
func TestAHookTakesOnlyWhoKnowsTheSecret(t *testing.T) {
	const key, body, sum = "It's a Secret to Everybody", "Hello, World!", "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	head := func(name, value string) http.Header {
		h := http.Header{}
		h.Set(name, value)
		return h
	}
	for what, c := range map[string]struct {
		hook *connector.Hook
		h    http.Header
		key  string
		want bool
	}{
		"signed":                  {connector.SignedHook("X-Hub-Signature-256", "sha256=", ""), head("X-Hub-Signature-256", "sha256="+sum), key, true},
		"without the prefix":      {connector.SignedHook("X-Hub-Signature-256", "sha256=", ""), head("X-Hub-Signature-256", sum), key, false},
		"no prefix is asked":      {connector.SignedHook("X-Gitea-Signature", "", ""), head("X-Gitea-Signature", sum), key, true},
		"another key":             {connector.SignedHook("X-Gitea-Signature", "", ""), head("X-Gitea-Signature", sum), "guess", false},
		"half a signature":        {connector.SignedHook("X-Gitea-Signature", "", ""), head("X-Gitea-Signature", sum[:32]), key, false},
		"no signature":            {connector.SignedHook("X-Gitea-Signature", "", ""), http.Header{}, key, false},
		"shared":                  {connector.SharedHook("X-Gitlab-Token", ""), head("X-Gitlab-Token", key), key, true},
		"the secret in no header": {connector.SharedHook("X-Gitlab-Token", ""), http.Header{}, key, false},
		"part of the secret":      {connector.SharedHook("X-Gitlab-Token", ""), head("X-Gitlab-Token", key[:5]), key, false},
		"Okta":                    {connector.OktaHook(""), head("Authorization", key), key, true},
	} {
		if got := c.hook.Verify(c.key, c.h, []byte(body)); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
