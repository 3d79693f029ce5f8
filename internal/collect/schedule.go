package collect

import (
	"hash/fnv"
	"strings"
	"time"
)

// Schedule.
const (
	soonest   = 2 * time.Minute // after a first failed run; doubled for each further one
	mostApart = 5 * time.Minute // by which connections of one interval are spread, so that they do not all read at once
)

// stopped is why a run has nothing when a person ended it.
const stopped = "it was stopped before it ended"

// Due is when the connection is read next, from its last runs, newest first: its interval after the last began, spread by up
// to a tenth. A source that could not be reached at all is asked again sooner, after 2, 4, 8 minutes and so on up to the
// interval, because its records are unknown until it answers; not so one that refused, since asking again with the same
// credential may lock it, nor one that a person stopped. Zero: at once.
func (c Connection) Due(runs []Summary) time.Time {
	if len(runs) == 0 {
		return time.Time{}
	}
	last, lost := runs[0], 0
	for lost < len(runs) && runs[lost].lost() {
		lost++
	}
	if lost > 0 {
		return last.Started.Add(min(soonest<<min(lost-1, 20), c.Interval()))
	}
	h := fnv.New64a()
	h.Write([]byte(c.Name))
	h.Write([]byte(last.Started.UTC().Format(time.RFC3339)))
	spread := min(c.Interval()/10, mostApart)
	return last.Started.Add(c.Interval() + time.Duration(h.Sum64()%uint64(spread)))
}

// lost says that the run read nothing for a reason that may pass by itself.
func (s Summary) lost() bool {
	if s.Outcome != Failed && s.Outcome != Interrupted {
		return false
	}
	for _, m := range s.Missing {
		if m.Denied || strings.Contains(m.Reason, stopped) {
			return false
		}
	}
	return true
}
