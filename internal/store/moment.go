package store

import (
	"encoding/json"
	"fmt"
	"time"
)

// Moment is a time in microseconds since 1970, UTC: the resolution both databases keep.
type Moment int64

// Forever is the end of an interval that is still open.
const Forever = Moment(1 << 62)

// At returns the moment of t.
func At(t time.Time) Moment { return Moment(t.UnixMicro()) }

// Time returns the moment in UTC.
func (m Moment) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// String is RFC 3339 in UTC with microseconds where there are any; "" when open.
func (m Moment) String() string {
	if m == Forever {
		return ""
	}
	return m.Time().Format(time.RFC3339Nano)
}

// MarshalJSON writes RFC 3339, or null for Forever.
func (m Moment) MarshalJSON() ([]byte, error) {
	if m == Forever {
		return []byte("null"), nil
	}
	return json.Marshal(m.String())
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Moment) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*m = Forever
		return nil
	}
	var t time.Time
	if err := json.Unmarshal(b, &t); err != nil {
		return fmt.Errorf("a time in RFC 3339 was expected: %w", err)
	}
	*m = At(t)
	return nil
}
