package declared

import (
	"strings"

	"tickmark/internal/fault"
)

// New is the text of a connector to begin from, with a cassette of answers that it is tried with.
func New(name string) (text, cassette string, err error) {
	if !word.MatchString(name) || len(name) > 40 {
		return "", "", fault.New(fault.Usage, "%q cannot be a connector's name.", name).WithNext("Use small letters, digits and _, such as acme_desk.")
	}
	return strings.ReplaceAll(beginning, "NAME", name), answers, nil
}

const beginning = `# A connector to begin from. It reads users and, for each group, who is in it. Change it to what your service answers, line by line,
# and try it without a network whenever you like: tickmark connector test FILE
# What else a file can say stands in docs/connectors.md. It can only read: every question is a GET, or declared as one that only reads.
name: NAME
title: NAME
help: Users, groups and who is in them.
endpoint: https://{settings.domain}
tried: The answers beside this file, written by hand. It never ran against the real service.

# What whoever connects it supplies. A secret is sealed and goes into a header, never into an address.
settings:
  - {name: domain, title: Domain, required: true, help: "The service's host, such as api.example.com."}
  - {name: token, title: API token, required: true, secret: true, help: Of an account that may only read.}
sign:
  Authorization: Bearer {settings.token}

# What must be granted, and what cannot be read without it: named to people when the service refuses.
permissions:
  - {name: users.read, why: Who can sign in., kinds: [NAME_user]}
  - {name: groups.read, why: "Groups, and who is in them.", kinds: [NAME_group, NAME_member]}

# What is kept. Mark personal data as personal, and what changes with every read as volatile.
kinds:
  - name: NAME_user
    title: User
    label: email
    fields:
      - {name: id, type: text, required: true}
      - {name: email, type: email, personal: true, indexed: true}
      - {name: active, type: bool, indexed: true}
      - {name: seen, type: time, volatile: true}
  - name: NAME_group
    title: Group
    label: name
    fields:
      - {name: id, type: text, required: true}
      - {name: name, type: text}
  - name: NAME_member
    title: Member of a group
    label: id
    fields:
      - {name: id, type: text, required: true}

# Where it is asked for, and how a list goes on. What a complete list no longer holds is closed; a refused or broken one closes nothing.
lists:
  - {kind: NAME_user, path: "/v1/users?limit=100", items: users, key: id, label: email, needs: users.read, next: {cursor: next, into: cursor}}
  - {kind: NAME_group, path: /v1/groups, items: groups, key: id, label: name, needs: groups.read}
  - {kind: NAME_member, for: NAME_group, path: "/v1/groups/{id}/members", items: members, key: "{parent}/{id}", needs: groups.read}
`

const answers = `{
  "/v1/users?limit=100": {"users": [{"id": "u1", "email": "one@example.org", "active": true, "seen": "2026-01-02T03:04:05Z"}], "next": "p2"},
  "/v1/users?limit=100&cursor=p2": {"users": [{"id": "u2", "email": "two@example.org", "active": false, "seen": null}], "next": ""},
  "/v1/groups": {"groups": [{"id": "g1", "name": "Everyone"}]},
  "/v1/groups/g1/members": {"members": [{"id": "u1"}, {"id": "u2"}]}
}
`
