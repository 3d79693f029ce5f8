package connector

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tickmark/internal/fault"
)

func TestARunAsksNoFasterAndNoMoreAtOnceThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := NewBudget(Values{PerMinute: "60", AtOnce: "3"})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var mu sync.Mutex
		var group sync.WaitGroup
		under, most := 0, 0
		for range 31 {
			group.Go(func() {
				done, err := b.Take(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				under++
				most = max(most, under)
				mu.Unlock()
				time.Sleep(10 * time.Second) // the answer
				mu.Lock()
				under--
				mu.Unlock()
				done()
			})
		}
		group.Wait()
		if most != 3 {
			t.Errorf("%d were under way at once", most)
		}
		if took := time.Since(began); took < 100*time.Second || took > 115*time.Second { // 31 answers of 10 s, three at a time
			t.Errorf("it took %s", took)
		}
		b, _ = NewBudget(Values{PerMinute: "60"})
		began = time.Now()
		for range 31 {
			if done, err := b.Take(t.Context()); err != nil {
				t.Error(err)
			} else {
				done()
			}
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("31 requests at 60 a minute took %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := b.Take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a run that was stopped waits on: %v", err)
		}
	})
}

func TestWhatIsLeftLastsAndAFifthIsLeftToOthers(t *testing.T) {
	for _, form := range []struct{ name, limit, left, reset string }{
		{"GitHub", "X-RateLimit-Limit", "X-RateLimit-Remaining", "epoch X-RateLimit-Reset"},
		{"Okta", "x-rate-limit-limit", "x-rate-limit-remaining", "epoch x-rate-limit-reset"},
		{"GitLab", "RateLimit-Limit", "RateLimit-Remaining", "epoch RateLimit-Reset"},
		{"Microsoft", "RateLimit-Limit", "RateLimit-Remaining", "seconds RateLimit-Reset"},
		{"Jira", "X-RateLimit-Limit", "X-RateLimit-Remaining", "time X-RateLimit-Reset"},
	} {
		for _, c := range []struct {
			left  int
			reset time.Duration
			first time.Duration // until the first request leaves
			next  time.Duration // and until the next
			says  string
		}{
			{left: 80, reset: time.Minute},
			{left: 40, reset: time.Minute, next: 3 * time.Second},
			{left: 21, reset: time.Minute, next: time.Minute},
			{left: 20, reset: time.Minute, first: time.Minute},
			{left: 0, reset: 10 * time.Minute, first: 10 * time.Minute},
			{left: 20, reset: 30 * time.Minute, says: "still answers 20 of 100 requests, which are left to others, and counts anew in 30m0s"},
			{left: 20, reset: -time.Minute},
		} {
			synctest.Test(t, func(t *testing.T) {
				b, _ := NewBudget(nil)
				time.Sleep(time.Until(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
				service := time.Now().Add(2 * time.Hour) // its clock
				h := http.Header{}
				h.Set("Date", service.UTC().Format(http.TimeFormat))
				h.Set(form.limit, "100")
				h.Set(form.left, strconv.Itoa(c.left))
				how, name, _ := strings.Cut(form.reset, " ")
				at := service.Add(c.reset)
				h.Set(name, map[string]string{"epoch": strconv.FormatInt(at.Unix(), 10), "seconds": strconv.Itoa(int(c.reset.Seconds())), "time": at.UTC().Format("2006-01-02T15:04Z")}[how])
				b.Heed(h)
				began := time.Now()
				_, err := b.Take(t.Context())
				if c.says != "" {
					if e := (*Exhausted)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), c.says) {
						t.Errorf("%s, %d left: %v", form.name, c.left, err)
					}
					return
				}
				first := time.Since(began)
				if _, again := b.Take(t.Context()); err != nil || again != nil {
					t.Errorf("%s, %d left: %v, %v", form.name, c.left, err, again)
				}
				if next := time.Since(began) - first; first != c.first || next != c.next {
					t.Errorf("%s, %d left for %s: the first request left after %s and the next after %s", form.name, c.left, c.reset, first, next)
				}
			})
		}
	}
}

func TestAServiceThatAlwaysSaysNothingIsLeftHoldsNobodyUpForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := NewBudget(nil)
		began := time.Now()
		for range 100 {
			b.Heed(http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Limit": {"100"}, "X-Ratelimit-Reset": {"840"}})
			if _, err := b.Take(t.Context()); err != nil {
				if took := time.Since(began); took > 2*time.Hour {
					t.Errorf("it gave up after %s", took)
				}
				return
			}
		}
		t.Error("it waits for ever")
	})
}

func TestABudgetIsASettingOfTheConnection(t *testing.T) {
	var got Values
	c := WithBudget(Connector{Limits: Limits{PerMinute: 700, AtOnce: 4, Why: "It answers 900."}, Read: func(_ context.Context, v Values, _ Sink) error { got = v; return nil }})
	if len(c.Settings) != 2 || !strings.Contains(c.Settings[0].Help, "Empty: 700. It answers 900.") {
		t.Errorf("%+v", c.Settings)
	}
	given := Values{AtOnce: "1"}
	if c.Read(t.Context(), given, nil); got[PerMinute] != "700" || got[AtOnce] != "1" || len(given) != 1 {
		t.Errorf("%v of %v", got, given)
	}
	for _, wrong := range []string{"0", "-1", "many", "1.5", "9999999999"} {
		if _, err := NewBudget(Values{PerMinute: wrong}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if s := WithBudget(Connector{Name: "host"}).Settings; s != nil {
		t.Errorf("what asks nothing has %v", s)
	}
}
