package part

import "time"

// Due is a day by which something is to be done.
type Due struct {
	Day     time.Time // the end of that day; zero when there is none
	Overdue bool
}
