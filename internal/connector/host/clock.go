package host

import (
	"encoding/csv"
	"math"
	"strconv"
	"strings"
	"time"
)

// clock says whether the machine's time is kept in step with others, and by what.
type clock struct {
	Synchronised  *bool    `json:"synchronised"` // by the kernel's own word
	Service       string   `json:"service,omitempty"`
	OffsetBelowMS *int64   `json:"offset_below_ms"` // the smallest of 1, 10, 100, 1000 … that the offset is below
	Offset        *float64 `json:"offset_seconds,omitempty"`
	Stratum       *int64   `json:"stratum,omitempty"`
	Source        string   `json:"source,omitempty"`
}

// parseChrony reads "chronyc -c tracking": comma-separated id, name, stratum, reference time, system time, last offset, …
// and the leap state last. A daemon that follows nothing, or only its own clock (127.127.1.1), is not in step.
func parseChrony(b []byte) (c clock, ok bool) {
	rows, err := csv.NewReader(strings.NewReader(clean(string(b)))).ReadAll()
	if err != nil || len(rows) != 1 || len(rows[0]) != 14 {
		return c, false
	}
	f := rows[0]
	stratum, err1 := strconv.ParseInt(f[2], 10, 32)
	offset, err2 := strconv.ParseFloat(f[4], 64)
	if err1 != nil || err2 != nil || math.IsNaN(offset) || math.IsInf(offset, 0) {
		return c, false
	}
	c = clock{Service: "chrony", Stratum: &stratum, Source: f[1], Synchronised: ptr(true)}
	if f[13] == "Not synchronised" || f[0] == "00000000" || f[0] == "7F7F0101" || stratum == 0 {
		c.Synchronised = ptr(false)
		return c, true
	}
	c.setOffset(offset)
	return c, true
}

// setOffset keeps the offset, which differs at every reading, beside a bound that does not.
func (c *clock) setOffset(seconds float64) {
	c.Offset = ptr(math.Abs(seconds))
	bound := int64(1)
	for float64(bound) <= math.Abs(seconds)*1000 && bound < 1e12 {
		bound *= 10
	}
	c.OffsetBelowMS = &bound
}

// parseTimesync reads "timedatectl timesync-status": lines such as "Server: 192.0.2.1 (ntp.example.org)", "Stratum: 2" and
// "Offset: -1.204ms".
func parseTimesync(b []byte) (c clock, ok bool) {
	for _, line := range lines(b) {
		name, value, _ := strings.Cut(strings.TrimSpace(clean(line)), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "Server":
			c.Service, c.Source, ok = "systemd-timesyncd", value, true
		case "Stratum":
			if n, err := strconv.ParseInt(value, 10, 32); err == nil {
				c.Stratum = &n
			}
		case "Offset":
			if d, err := spanOf(value); err == nil {
				c.setOffset(d)
			}
		}
	}
	return c, ok
}

// spanOf reads a span as systemd writes it, in seconds: "+1min 2.5s", "-1.204ms", "980us".
func spanOf(s string) (float64, error) {
	s = strings.ReplaceAll(strings.ReplaceAll(s, " ", ""), "min", "m")
	d, err := time.ParseDuration(s)
	return d.Seconds(), err
}

// time reads whether the clock is in step.
func (m *machine) time() error {
	var raw sources
	c := clock{}
	begun := time.Now()
	in, err := m.kernel.clock()
	m.record(kindTime, "adjtimex", outcome(err), nil, begun)
	if err == nil {
		c.Synchronised = &in
		raw.add("adjtimex", []byte("synchronised="+strconv.FormatBool(in)+"\n"))
	}
	if tool := m.command("chronyc"); tool != "" {
		if a := m.run(kindTime, tool, "-n", "-c", "tracking"); a.failed == nil && a.exit == 0 {
			if said, ok := parseChrony(a.out); ok {
				raw.add("exec chronyc -n -c tracking", a.out)
				kernelSays := c.Synchronised
				if c = said; kernelSays != nil && !*kernelSays {
					c.Synchronised = kernelSays
				}
			}
		}
	}
	if c.Service == "" && m.systemd() {
		if tool := m.command("timedatectl"); tool != "" {
			if a := m.run(kindTime, tool, "timesync-status"); a.failed == nil && a.exit == 0 {
				if said, ok := parseTimesync(a.out); ok {
					raw.add("exec timedatectl timesync-status", a.out)
					said.Synchronised = c.Synchronised
					c = said
				}
			}
		}
	}
	if c.Service == "" {
		for _, name := range []string{"chronyd", "ntpd", "ntpd-rs", "openntpd", "systemd-timesyn", "ptp4l"} {
			if on := m.running(name); on != nil && *on {
				c.Service = strings.Replace(name, "systemd-timesyn", "systemd-timesyncd", 1) // process names are cut at 15 letters
				break
			}
		}
	}
	if c.Synchronised == nil {
		m.missing(kindTime, "", firstError(err, errNoClock))
		return nil
	}
	if err := m.put(kindTime, "clock", "Clock", raw.bytes(), c); err != nil {
		return err
	}
	m.out.Complete(kindTime, "")
	return nil
}
