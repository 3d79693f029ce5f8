package api_test

import (
	"context"
	"fmt"
	"testing"

	"tickmark/internal/access"
	"tickmark/internal/api"
	"tickmark/internal/queue"
	"tickmark/internal/store/storetest"
)

func TestJobsAreListedAndStoppedByThoseWhoMayAct(t *testing.T) {
	db := storetest.SQLite(t)
	f := open(t, db)
	q, err := queue.Open(t.Context(), db, t.TempDir(), "", map[string]queue.Work{"collect": func(context.Context, string, func(queue.Progress)) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	var list []api.Job
	f.want(200, f.send("GET", "/api/v1/jobs", "")).into(t, &list)
	if len(list) != 0 {
		t.Errorf("without a server there are jobs: %+v", list)
	}
	f.want(404, f.send("POST", "/api/v1/jobs/1/stop", ""))
	f.deps.Jobs = q
	f.handler = api.New(f.deps)
	asked, err := q.Ask(t.Context(), "collect", "git", "person:olga")
	if err != nil {
		t.Fatal(err)
	}
	vera := "Bearer " + f.user("vera", access.ScopeWrite, access.Viewer)
	f.want(200, f.send("GET", "/api/v1/jobs?limit=5", "", "Authorization", vera)).into(t, &list)
	if len(list) != 1 || list[0].ID != asked.ID || list[0].State != queue.Waiting || list[0].Target != "git" || list[0].By != "person:olga" || list[0].Began != nil {
		t.Errorf("%+v", list)
	}
	stop := fmt.Sprintf("/api/v1/jobs/%d/stop", asked.ID)
	f.want(403, f.send("POST", stop, "", "Authorization", vera))
	f.want(403, f.send("POST", stop, "", "Authorization", "Bearer "+f.newToken("olga", access.ScopeRead)))
	if j, err := q.Get(t.Context(), asked.ID); err != nil || j.State != queue.Waiting {
		t.Errorf("who may not act stopped it: %+v %v", j, err)
	}
	var got api.Job
	f.want(200, f.send("POST", stop, "")).into(t, &got)
	if got.State != queue.Stopped || got.Ended == nil {
		t.Errorf("%+v", got)
	}
	f.want(404, f.send("POST", "/api/v1/jobs/99/stop", ""))
	f.want(404, f.send("POST", "/api/v1/jobs/x/stop", ""))
}
