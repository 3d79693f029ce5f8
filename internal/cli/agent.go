package cli

import (
	"os"
	"strings"
	"time"

	"tickmark/internal/agent"
	"tickmark/internal/agent/machine"
	"tickmark/internal/fault"
	"tickmark/internal/workspace"
)

type agentCommand struct {
	Enrol   agentEnrol   `cmd:"" help:"On a machine: join a group of a Tickmark with an enrolment token; makes the machine's key."`
	Run     agentRun     `cmd:"" help:"On a machine: read it and send what was found, again and again. It reads only, and takes no orders."`
	Status  agentStatus  `cmd:"" help:"On a machine: who it is to which server, and when that last took a reading."`
	Install agentInstall `cmd:"" help:"On a machine: show what makes the system start the agent, or write it."`

	Token    agentToken    `cmd:"" help:"On the server: tokens with which machines enrol."`
	Machines agentMachines `cmd:"" help:"On the server: list the machines that enrolled."`
	Owner    agentOwner    `cmd:"" help:"On the server: name the person who answers for a machine."`
	Approve  agentApprove  `cmd:"" help:"On the server: let a machine be known by another key."`
	Dismiss  agentDismiss  `cmd:"" help:"On the server: refuse the other key."`
	Revoke   agentRevoke   `cmd:"" help:"On the server: end what a machine's key may do; what the machine is from now on is unknown."`
}

// agentDir is where an agent keeps its state.
type agentDir struct {
	State string `type:"path" env:"TICKMARK_AGENT_STATE" placeholder:"DIR" help:"Where the machine's key and what waits are kept; the system's place for an administrator, the user's own for others."`
}

func (d agentDir) dir() (string, error) {
	if d.State != "" {
		return d.State, nil
	}
	return machine.DefaultDir()
}

type agentEnrol struct {
	URL   string `arg:"" name:"url" help:"Where Tickmark is, such as https://tickmark.example.org."`
	Token string `arg:"" optional:"" placeholder:"@FILE" help:"The file that holds the enrolment token; the environment variable TICKMARK_TOKEN when left out."`
	OwnID bool   `name:"own-id" help:"Give the machine an id made here: for a container, which has none or shares its host's."`
	agentDir
}

func (c *agentEnrol) Run(s *session) error {
	token := os.Getenv("TICKMARK_TOKEN")
	if path, ok := strings.CutPrefix(c.Token, "@"); ok {
		b, err := readFile(path, 4<<10)
		if err != nil {
			return unreadable(path, err)
		}
		token = string(b)
	} else if c.Token != "" {
		return fault.New(fault.Usage, "A token on the command line can be seen by other users of this machine.").WithNext("Say @FILE, or put it into TICKMARK_TOKEN.")
	}
	if token = strings.TrimSpace(token); token == "" {
		return fault.New(fault.SignIn, "There is no enrolment token.").WithNext("An administrator makes one with tickmark agent token add GROUP.")
	}
	dir, err := c.dir()
	if err != nil {
		return err
	}
	state, joined, err := machine.Enrol(s, dir, c.URL, token, c.OwnID)
	if err != nil {
		return refusal(err)
	}
	key := agent.Short(agent.Fingerprint(state.Public()))
	if s.flags.JSON {
		if err := s.writeJSON(map[string]string{"name": joined.Name, "group": joined.Group, "state": joined.State, "key": key}); err != nil {
			return err
		}
	} else {
		s.fact("%s  %s  key %s", joined.Name, joined.State, key)
	}
	if joined.State == agent.StateWaiting {
		s.say("The machine is known there by another key. Until an administrator approves this one with tickmark agent approve %s %s, it is refused.", joined.Name, key)
		return nil
	}
	s.say("Send a first reading with tickmark agent run --once; tickmark agent install makes it a service.")
	return nil
}

type agentRun struct {
	Once     bool          `help:"Read and send once, and end."`
	Interval time.Duration `default:"1h" help:"How long between two readings."`
	agentDir
}

func (c *agentRun) Run(s *session) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	state, err := machine.Open(dir)
	if err != nil {
		return err
	}
	if c.Interval < time.Minute {
		return fault.New(fault.Usage, "An interval is a minute at least.")
	}
	r := machine.Runner{State: state, Interval: c.Interval, Release: workspace.Release(), Say: s.say}
	if c.Once {
		return refusal(r.Once(s))
	}
	s.say("Reading this machine as %s every %s for %s.", state.Name, c.Interval, state.URL)
	return r.Run(s)
}

// refusal tells what a server refused as a fault, by its name.
func refusal(err error) error {
	no, ok := asRefused(err)
	if !ok {
		return err
	}
	kind := fault.Denied
	if no.Why == "unavailable" {
		kind = fault.Incomplete
	}
	return fault.New(kind, "Refused (%s): %s", no.Why, no.Detail).WithNext("%s", no.Next)
}

type agentStatus struct{ agentDir }

func (c *agentStatus) Run(s *session) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	state, err := machine.Open(dir)
	if err != nil {
		return err
	}
	key := agent.Fingerprint(state.Public())
	if s.flags.JSON {
		return s.writeJSON(map[string]any{"url": state.URL, "name": state.Name, "group": state.Group, "machine": state.Machine, "key": key, "last": state.Last, "refused": state.Refused})
	}
	s.fact("server   %s", state.URL)
	s.fact("name     %s", state.Name)
	s.fact("machine  %s", state.Machine)
	s.fact("key      %s", agent.Short(key))
	s.fact("taken    %s", word(state.Last == "", "never", state.Last))
	if state.Refused != "" {
		s.fact("refused  %s", printable(state.Refused))
	}
	return nil
}

type agentInstall struct {
	Write    bool          `help:"Write it where the system looks for it, rather than show it."`
	For      string        `enum:"linux,darwin,windows,this" default:"this" help:"For which system: linux, darwin or windows."`
	Interval time.Duration `default:"1h" help:"How long between two readings."`
	Program  string        `type:"path" placeholder:"FILE" help:"Where tickmark is on that machine; this binary when left out."`
	agentDir
}

func (c *agentInstall) Run(s *session) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	u, err := machine.UnitFor(c.For, c.Program, dir, c.Interval)
	if err != nil {
		return err
	}
	if !c.Write {
		s.fact("%s", strings.TrimRight(u.Text, "\n"))
		s.say("It belongs into %s. Then: %s", u.Path, u.Then)
		return nil
	}
	if err := u.Write(); err != nil {
		return err
	}
	s.say("%s is written. Start it with: %s", u.Path, u.Then)
	return nil
}
