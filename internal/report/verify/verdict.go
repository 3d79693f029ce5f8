package verify

import (
	"fmt"
	"strings"
)

// Verdict is what verifying found. OK means that every claim holds.
type Verdict struct {
	OK     bool     `json:"ok"`
	Claims []Claim  `json:"claims"`
	Limits []string `json:"limits"` // what no package can prove, and what this one does not
}

// Claim is one statement, whether it holds, and from what or why not.
type Claim struct {
	Claim  string `json:"claim"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Failed are the claims that do not hold.
func (v Verdict) Failed() []Claim {
	var out []Claim
	for _, c := range v.Claims {
		if !c.OK {
			out = append(out, c)
		}
	}
	return out
}

const maxProblems = 5 // told one by one; beyond that counted

// claim gathers what speaks against a statement. It holds only if it was examined to its end and nothing did.
type claim struct {
	text     string
	problems []string
	more     int
	holds    string // set when it was examined to its end: from what it holds
	skipped  string // why it was not
}

func (c *claim) fail(format string, args ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, fmt.Sprintf(format, args...))
	} else {
		c.more++
	}
}

func (c *claim) hold(format string, args ...any) { c.holds = fmt.Sprintf(format, args...) }

func (c *claim) failed() bool { return len(c.problems) > 0 }

func (c *claim) sound() bool { return c.holds != "" && !c.failed() && c.skipped == "" }

func (c *claim) say() Claim {
	switch {
	case c.failed():
		d := strings.Join(c.problems, " ")
		if c.more > 0 {
			d += fmt.Sprintf(" And %d more.", c.more)
		}
		return Claim{c.text, false, d}
	case c.skipped != "":
		return Claim{c.text, false, "Not proved: " + c.skipped}
	case c.holds == "":
		return Claim{c.text, false, "Not examined."}
	}
	return Claim{c.text, true, c.holds}
}

func verdict(claims []*claim, limits []string) Verdict {
	v := Verdict{OK: true, Limits: limits}
	for _, c := range claims {
		said := c.say()
		v.OK = v.OK && said.OK
		v.Claims = append(v.Claims, said)
	}
	return v
}

// count is "1 record" or "12,345 records".
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

func number(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
