package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/access"
	"tickmark/internal/api"
	"tickmark/internal/collect"
)

func TestRecordsAreSentWithATokenOfTheirConnectionAndWithNoOther(t *testing.T) {
	each(t, func(f *fixture) {
		for name, kinds := range map[string]string{"ci": "ci_deployment", "backups": "backup_job"} {
			if _, err := f.deps.Collector.Add(context.Background(), f.owner, collect.Connection{Name: name, Connector: "push", Settings: map[string]string{"kinds": kinds}}, nil); err != nil {
				f.Fatal(err)
			}
		}
		ci, backups := f.newToken("olga", access.ScopePush+"ci"), f.newToken("olga", access.ScopePush+"backups")
		message := `{"connection":"ci","run":"build-1","kinds":["ci_deployment"],"batch":"1","complete":1,"items":[{"kind":"ci_deployment","key":"d1",
			"body":{"id":"d1","system":"shop","environment":"production","commit":"9fceb02","at":"2026-01-02T03:04:05Z","status":"success"}}]}`
		for range 2 { // the second time it is what it was
			var p api.Pushed
			f.want(200, f.as(ci, "POST", "/api/v1/records", message)).into(f, &p)
			if p.State != collect.Taken || p.Items != 1 || p.Run == 0 || len(p.Received) != 1 {
				f.Fatalf("%+v", p)
			}
		}
		if a := f.want(200, f.as(f.token, "GET", "/api/v1/records/ci_deployment/d1", "")); !strings.Contains(string(a.body), `"forwarded"`) {
			f.Errorf("%s", a.body)
		}
		var answers []api.SourceAnswer
		at := "/api/v1/records/ci_deployment/d1/answers"
		f.want(200, f.as(f.token, "GET", at, "")).into(f, &answers)
		if len(answers) != 1 || answers[0].Gone != "" || !strings.Contains(answers[0].Request, "batch 1") {
			f.Fatalf("%+v", answers)
		}
		a := f.want(200, f.as(f.token, "GET", fmt.Sprintf("%s/%d", at, answers[0].N), ""))
		if sum := sha256.Sum256(a.body); hex.EncodeToString(sum[:]) != answers[0].SHA256 || !strings.Contains(string(a.body), "9fceb02") {
			f.Errorf("what was sent is given as %s", a.body)
		}
		if h := a.Header; h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || h.Get("X-Content-Type-Options") != "nosniff" {
			f.Errorf("the answer could be shown or run: %v", h)
		}
		f.want(404, f.as(f.token, "GET", at+"/9", ""))
		f.want(404, f.as(f.token, "GET", at+"/x", ""))
		for who, token := range map[string]string{"another connection's token": backups, "the owner's write token": f.token} {
			if a := f.as(token, "POST", "/api/v1/records", strings.Replace(message, "build-1", "build-2", 1)); a.StatusCode != 403 {
				f.Errorf("%s sends: %d %s", who, a.StatusCode, a.body)
			}
			if a := f.as(token, "GET", "/api/v1/pushes/ci/build-1", ""); a.StatusCode != 403 {
				f.Errorf("%s looks at what was sent: %d %s", who, a.StatusCode, a.body)
			}
		}
		for _, path := range []string{"/api/v1/records/ci_deployment", "/api/v1/records/person", "/api/v1/results", "/api/v1/status", "/api/v1/records/ci_deployment/d1"} {
			if a := f.as(ci, "GET", path, ""); a.StatusCode != 403 {
				f.Errorf("a token to send reads %s: %d", path, a.StatusCode)
			}
		}
		if a := f.as(ci, "PUT", "/api/v1/records/person/p", `{"id":"p","name":"P","email":"p@example.org"}`); a.StatusCode != 403 {
			f.Errorf("a token to send writes: %d", a.StatusCode)
		}
		f.want(403, f.as(ci, "POST", "/api/v1/records", `{"connection":"ci","run":"b","kinds":["backup_job"],"complete":0}`))
		f.want(422, f.as(ci, "POST", "/api/v1/records", message+"{}"))
		f.want(422, f.as(ci, "POST", "/api/v1/records", strings.Replace(message, `"batch"`, `"bach"`, 1)))
		f.want(404, f.as(ci, "GET", "/api/v1/pushes/ci/none", ""))
		viewer := f.user("vera", access.ScopeRead, access.Viewer)
		if _, _, err := f.gate.NewToken(context.Background(), f.session(viewer), access.TokenRequest{Name: "x", Scope: access.ScopePush + "ci"}); err == nil {
			f.Error("a viewer makes a token to send")
		}
		if _, _, err := f.gate.NewToken(context.Background(), f.owner, access.TokenRequest{Name: "x", Scope: access.ScopePush + "none"}); err == nil {
			f.Error("a token for a connection that is not there")
		}
	})
}

// session is who a token is.
func (f *fixture) session(token string) access.Session {
	s, err := f.gate.Bearer(context.Background(), token)
	if err != nil {
		f.Fatal(err)
	}
	s.Method = access.ByPasskey // a token makes no tokens
	return s
}
