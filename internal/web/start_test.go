package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"tickmark/internal/guide"
	examination "tickmark/internal/period"
)

// asShown is what the form of a page sends when nothing is changed: the values that stand in it.
func asShown(t *testing.T, page, action string) url.Values {
	t.Helper()
	out := url.Values{}
	in := false
	walk(t, []byte(page), func(node *html.Node, a map[string]string) {
		_, checked := a["checked"]
		_, disabled := a["disabled"]
		switch {
		case node.Data == "form":
			in = a["action"] == action
		case !in || a["name"] == "" || disabled:
		case node.Data == "input" && (a["type"] == "checkbox" || a["type"] == "radio"):
			if checked {
				out.Add(a["name"], a["value"])
			}
		case node.Data == "input":
			out.Add(a["name"], a["value"])
		case node.Data == "textarea":
			out.Add(a["name"], strings.TrimPrefix(text(node), "\n"))
		case node.Data == "select":
			for o := node.FirstChild; o != nil; o = o.NextSibling {
				for _, at := range o.Attr {
					if at.Key == "selected" {
						out.Set(a["name"], valueOf(o))
					}
				}
			}
		}
	})
	return out
}

func valueOf(o *html.Node) string {
	for _, a := range o.Attr {
		if a.Key == "value" {
			return a.Val
		}
	}
	return ""
}

func TestTheGuidedStartCanBeLeftAndContinuedAndEndsWithAPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	say := map[string]url.Values{
		"objective":    {"objective": {"A customer asks."}},
		"categories":   {"categories": {"availability"}},
		"organisation": {"stage": {"startup"}},
		"boundary":     {"name": {"Example Cloud"}, "inside": {"All that runs it."}, "d.0.name": {"Orders"}, "d.0.class": {"confidential"}},
		"commitments":  {"c.0.made_in": {"Terms of service"}},
		"team":         {"role.security_lead": {"ada"}, "p.0.id": {"bob"}, "p.0.name": {"Bob"}, "p.0.email": {"bob@example.org"}},
		"controls":     {"keep.AC-01": nil, "reason.AC-01": {"Nobody is ever given access."}},
	}
	for _, step := range examination.Steps() {
		path := "/start/" + step
		status, page := w.get(t, path)
		if status != http.StatusOK {
			t.Fatalf("%s answers %d: %s", path, status, plainText(page))
		}
		form := asShown(t, page, path)
		for name, v := range say[step] {
			form[name] = v
		}
		if step == "controls" { // left out without a reason
			wrong := asShown(t, page, path)
			delete(wrong, "keep.AC-01")
			if status, page := w.post(t, path, wrong); status != http.StatusUnprocessableEntity || !strings.Contains(plainText(page), "Leaving out AC-01 needs a reason") {
				t.Errorf("AC-01 was left out without a reason: %d", status)
			}
		}
		form.Set("go", "next")
		status, page = w.post(t, path, form)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", step, status, plainText(page))
		}
		st, err := guide.Load(t.Context(), w.Book)
		if err != nil {
			t.Fatal(err)
		}
		if !st.Answered(step) {
			t.Fatalf("%s was not kept: %s", step, plainText(page))
		}
		if step != "plan" { // said again without a change, it adds nothing: what stands in the page is what was kept
			before, _ := w.Log.Head(t.Context(), w.DB)
			_, page = w.get(t, path)
			form = asShown(t, page, path)
			form.Set("go", "back")
			if status, page := w.post(t, path, form); status != http.StatusOK {
				t.Errorf("%s said again: %d %s", step, status, plainText(page))
			}
			if after, _ := w.Log.Head(t.Context(), w.DB); after.Size != before.Size {
				t.Errorf("%s, said again as it stands, changed something", step)
			}
		}
	}
	st, err := guide.Load(t.Context(), w.Book)
	if err != nil {
		t.Fatal(err)
	}
	if st.Period.State != "current" || st.Controls["AC-01"].State != "retired" || len(st.Tasks) < 20 || len(st.Commitments) != 1 || len(st.System.Components) != 2 || len(st.System.Data) != 1 || st.People["bob"] == "" {
		t.Errorf("%s, AC-01 %s, %d tasks, %d commitments, %d components, %d data", st.Period.State, st.Controls["AC-01"].State, len(st.Tasks), len(st.Commitments), len(st.System.Components), len(st.System.Data))
	}
	if status, page := w.get(t, "/"); status != http.StatusOK || !strings.Contains(plainText(page), "SOC 2 Type II") {
		t.Errorf("home does not say what the organisation works towards: %d", status)
	}
	w.numbersOnHomeOf(t, "/", 10)
	if status, page := w.post(t, "/start", nil); status != http.StatusOK || !strings.Contains(plainText(page), "0 of 12 answered") && !strings.Contains(plainText(page), "1 of 12 answered") {
		t.Errorf("the next examination is not planned: %d %s", status, plainText(page))
	}
}

func TestTasksAreMadeOfChosenGapsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	gaps := url.Values{"gap": {"owner:AC-01", "criterion:CC6.1"}, "owner": {"ada"}, "due": {"2099-01-01"}, "back": {"/plan?sort=owner"}}
	if status, page := w.post(t, "/plan/tasks", gaps); status != http.StatusOK {
		t.Fatalf("%d %s", status, plainText(page))
	}
	if status, page := w.post(t, "/plan/tasks", gaps); status != http.StatusUnprocessableEntity {
		t.Errorf("the same gaps became tasks again: %d %s", status, plainText(page))
	}
	if n := w.rows(t, "/plan/tasks"); n != 2 {
		t.Errorf("%d tasks", n)
	}
	if n := w.rows(t, "/plan?status=planned"); n != 2 {
		t.Errorf("%d gaps are planned", n)
	}
	owners := w.rows(t, "/plan?sort=owner&status=open")
	if status, page := w.post(t, "/plan/tasks", url.Values{"all": {"yes"}, "due": {"2099-01-01"}, "back": {"/plan?sort=owner"}}); status != http.StatusOK {
		t.Errorf("%d %s", status, plainText(page))
	}
	if n := w.rows(t, "/plan?sort=owner&status=planned"); n != owners+1 {
		t.Errorf("%d of %d gaps without an owner are planned", n, owners+1)
	}
	if status, _ := w.post(t, "/plan/tasks", url.Values{"gap": {"owner:AC-02"}, "owner": {"eve"}, "due": {"2099-01-01"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("a task was given to nobody known: %d", status)
	}
}
