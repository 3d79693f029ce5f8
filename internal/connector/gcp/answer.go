package gcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"tickmark/internal/connector"
)

// token signs in as the service account. Several services take no narrower scope; what the account may do, its role says.
func token(ctx context.Context, v connector.Values, from *connector.Issuer) (connector.Token, error) {
	return from.ServiceAccount(ctx, v["key"], "https://www.googleapis.com/auth/cloud-platform", "")
}

// disabled says that a service is switched off in the project that is asked about (google.rpc.ErrorInfo). The same answer about
// the service account's own project, through which some services are asked, says nothing of that project.
func disabled(body []byte, member func(string) string) bool {
	var a struct {
		Error struct {
			Details []struct {
				Reason, Domain string
				Metadata       map[string]string
			}
		}
	}
	if json.Unmarshal(body, &a) != nil {
		return false
	}
	for _, d := range a.Error.Details {
		for _, name := range []string{"resource.data.projectNumber", "resource.data.projectId"} {
			if is := member(name); d.Reason == "SERVICE_DISABLED" && d.Domain == "googleapis.com" && is != "" && d.Metadata["consumer"] == "projects/"+is {
				return true
			}
		}
	}
	return false
}

// warning is what Google says beside a list.
type warning struct{ Code, Message, Region string }

// partial finds in a page what Google could not list: zones and regions that did not answer.
func partial(body []byte) string {
	var a struct {
		Unreachable, Unreachables, MissingZones []string
		Warning                                 *warning
		Warnings                                []warning
		Items                                   json.RawMessage
	}
	if json.Unmarshal(body, &a) != nil {
		return "what it says of what it could not list cannot be read"
	}
	if places := slices.Concat(a.Unreachable, a.Unreachables, a.MissingZones); len(places) > 0 {
		return "it could not reach " + strings.Join(places[:min(3, len(places))], ", ")
	}
	warned := a.Warnings
	if a.Warning != nil {
		warned = append(warned, *a.Warning)
	}
	var scopes map[string]struct{ Warning *warning }
	if bytes.HasPrefix(a.Items, []byte("{")) {
		if json.Unmarshal(a.Items, &scopes) != nil {
			return "what it says of what it could not list cannot be read"
		}
	}
	for name, s := range scopes {
		if s.Warning != nil {
			s.Warning.Region = name
			warned = append(warned, *s.Warning)
		}
	}
	for _, w := range warned {
		switch w.Code {
		case "NO_RESULTS_ON_PAGE", "COMPROMISED_CREDENTIALS": // nothing there, and something about a caller
		default:
			return strings.TrimSuffix(strings.TrimSpace(w.Code+" "+w.Region+" "+w.Message), ".")
		}
	}
	return ""
}

// granted is one right that a policy gives: a role, to whom.
type granted struct {
	Role        string `json:"role"`
	Member      string `json:"member"`
	Type        string `json:"type"` // user, group, serviceAccount, domain, principal, allUsers, deleted and others
	Conditional bool   `json:"conditional"`
}

// policy is who may do what, and what is logged of it, as a part of records: Google's own members, and its bindings one by one.
type policy struct {
	Grants   []granted `json:"grants"`
	Audited  []string  `json:"audited"`  // "SERVICE LOG_TYPE"
	Exempted []string  `json:"exempted"` // "SERVICE LOG_TYPE MEMBER"
}

// readPolicy reads a policy. Each has an etag; what has none is no policy, and not one that grants nothing.
func readPolicy(raw []byte) (p policy, body []byte, err error) {
	var of struct {
		Etag     string
		Bindings []struct {
			Role      string
			Members   []string
			Condition json.RawMessage
		}
		AuditConfigs []struct {
			Service         string
			AuditLogConfigs []struct {
				LogType         string
				ExemptedMembers []string
			}
		}
	}
	whole := map[string]json.RawMessage{}
	if err := errors.Join(json.Unmarshal(raw, &of), json.Unmarshal(raw, &whole)); err != nil || of.Etag == "" {
		return p, nil, errors.New("what was answered is not a policy")
	}
	p.Grants, p.Audited, p.Exempted = []granted{}, []string{}, []string{}
	for _, b := range of.Bindings {
		if b.Role == "" {
			return p, nil, errors.New("the policy has a binding without a role")
		}
		for _, m := range b.Members {
			p.Grants = append(p.Grants, granted{Role: b.Role, Member: m, Type: sort(m), Conditional: len(b.Condition) > 0 && string(b.Condition) != "null"})
		}
	}
	for _, c := range of.AuditConfigs {
		for _, l := range c.AuditLogConfigs {
			p.Audited = append(p.Audited, c.Service+" "+l.LogType)
			for _, m := range l.ExemptedMembers {
				p.Exempted = append(p.Exempted, c.Service+" "+l.LogType+" "+m)
			}
		}
	}
	for name, part := range map[string]any{"grants": p.Grants, "audited": p.Audited, "exempted": p.Exempted} {
		if whole[name], err = json.Marshal(part); err != nil {
			return p, nil, err
		}
	}
	body, err = json.Marshal(whole)
	return p, body, err
}

// sort is what comes before a member's name.
func sort(member string) string {
	before, _, _ := strings.Cut(member, ":")
	return before
}
