package person

import (
	"slices"
	"strings"
)

// Account is what a source says of an account that bears on whose it is: fields of the view account, and the connection that
// read it.
type Account struct {
	Source, ID, Email string
	Local             bool // its id is a name on one machine, which a person's record may give without the source
}

// Directory tells whose an account is. The checks JOIN-01 and JOIN-02 say the same in their own language.
type Directory struct {
	links, mails, machines map[string][]string
}

// Add notes a person, by key, with every address and linked account.
func (d *Directory) Add(person string, addresses, accounts []string) {
	for _, a := range addresses {
		note(&d.mails, strings.ToLower(a), person)
	}
	for _, a := range accounts {
		note(&d.links, a, person)
	}
}

// AddMachine notes a machine identity, by key.
func (d *Directory) AddMachine(machine string, accounts []string) {
	for _, a := range accounts {
		note(&d.machines, a, machine)
	}
}

func note(to *map[string][]string, at, key string) {
	if *to == nil {
		*to = map[string][]string{}
	}
	if at != "" && !slices.Contains((*to)[at], key) {
		(*to)[at] = append((*to)[at], key)
	}
}

// Machines are the machine identities that an account belongs to.
func (d *Directory) Machines(a Account) []string { return d.machines[Link(a)] }

// Owners are the people an account is said to belong to. An explicit link goes before an address, and a name says nothing. More
// than one by their address means that it is not known whose it is.
func (d *Directory) Owners(a Account) []string {
	out := slices.Clone(d.links[Link(a)])
	if a.Local {
		for _, p := range d.links[a.ID] {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	if len(out) == 0 && a.Email != "" {
		out = slices.Clone(d.mails[strings.ToLower(a.Email)])
	}
	return out
}

// Link is how a person or a machine identity names an account, so that accounts of two sources are never taken for each other.
func Link(a Account) string { return a.Source + "/" + a.ID }
