package expr

import (
	"net/netip"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"golang.org/x/mod/semver"
)

// functions are those of this package, beside CEL's own and its string library.
func functions() []cel.EnvOption {
	S, I, D, B, T := cel.StringType, cel.IntType, cel.DoubleType, cel.BoolType, cel.TimestampType
	ev := evaluationType
	dyn := cel.DynType
	over := func(id string, args []*cel.Type, result *cel.Type, opts ...cel.OverloadOpt) cel.FunctionOpt {
		return cel.Overload("tickmark_"+id, args, result, opts...)
	}
	many := cel.FunctionBinding
	return []cel.EnvOption{
		cel.Function(fnNull, over("null_field", []*cel.Type{dyn, S}, B, cel.BinaryBinding(nullField))),
		cel.Function(fnNullAt, over("null_at", []*cel.Type{dyn, dyn}, B, cel.BinaryBinding(nullField))),
		cel.Function(fnHas, over("has_field", []*cel.Type{dyn, S}, B, cel.BinaryBinding(hasField))),

		cel.Function(fnQuantify,
			over("quantify_list", []*cel.Type{cel.ListType(cel.TypeParamType("T"))}, cel.ListType(cel.TypeParamType("T")), cel.UnaryBinding(quantify)),
			over("quantify_map", []*cel.Type{cel.MapType(cel.TypeParamType("K"), cel.TypeParamType("V"))}, cel.MapType(cel.TypeParamType("K"), cel.TypeParamType("V")), cel.UnaryBinding(quantify))),
		cel.Function(fnSize, over("size_list", []*cel.Type{cel.ListType(dyn)}, I, cel.UnaryBinding(counted)),
			over("size_map", []*cel.Type{cel.MapType(dyn, dyn)}, I, cel.UnaryBinding(counted)),
			over("size_text", []*cel.Type{S}, I, cel.UnaryBinding(counted))),

		cel.Function(fnAge,
			over("age_text", []*cel.Type{ev, S}, D, cel.BinaryBinding(age)),
			over("age_time", []*cel.Type{ev, T}, D, cel.BinaryBinding(age))),
		cel.Function(fnAgeCompare,
			over("age_cmp_text_int", []*cel.Type{ev, S, S, I}, B, many(compareAge)),
			over("age_cmp_text_double", []*cel.Type{ev, S, S, D}, B, many(compareAge)),
			over("age_cmp_time_int", []*cel.Type{ev, S, T, I}, B, many(compareAge)),
			over("age_cmp_time_double", []*cel.Type{ev, S, T, D}, B, many(compareAge))),
		cel.Function(fnDue,
			over("due_text_text", []*cel.Type{ev, S, S}, B, many(due)), over("due_time_text", []*cel.Type{ev, T, S}, B, many(due)),
			over("due_text_int", []*cel.Type{ev, S, I}, B, many(due)), over("due_time_int", []*cel.Type{ev, T, I}, B, many(due))),
		cel.Function(fnBusinessDays,
			over("business_text", []*cel.Type{ev, S}, I, many(businessDays)), over("business_time", []*cel.Type{ev, T}, I, many(businessDays)),
			over("business_text_text", []*cel.Type{ev, S, S}, I, many(businessDays)), over("business_text_time", []*cel.Type{ev, S, T}, I, many(businessDays)),
			over("business_time_text", []*cel.Type{ev, T, S}, I, many(businessDays)), over("business_time_time", []*cel.Type{ev, T, T}, I, many(businessDays))),

		cel.Function(fnFits, over("fits", []*cel.Type{ev, S}, B, cel.BinaryBinding(fits))),
		cel.Function("unknown", over("unknown", []*cel.Type{S}, B, cel.UnaryBinding(func(v ref.Val) ref.Val {
			return types.WrapErr(&fieldError{string(v.(types.String))})
		}))),
		cel.Function("is_ip", over("is_ip", []*cel.Type{S}, B, cel.UnaryBinding(func(v ref.Val) ref.Val {
			_, err := netip.ParseAddr(string(v.(types.String)))
			return types.Bool(err == nil)
		}))),
		cel.Function("is_cidr", over("is_cidr", []*cel.Type{S}, B, cel.UnaryBinding(func(v ref.Val) ref.Val {
			_, err := netip.ParsePrefix(string(v.(types.String)))
			return types.Bool(err == nil)
		}))),
		cel.Function("cidr_contains", over("cidr_contains", []*cel.Type{S, S}, B, cel.BinaryBinding(cidrContains))),
		cel.Function("is_private_ip", over("is_private_ip", []*cel.Type{S}, B, cel.UnaryBinding(func(v ref.Val) ref.Val {
			return addressTest(v, isPrivate)
		}))),
		cel.Function("is_public_ip", over("is_public_ip", []*cel.Type{S}, B, cel.UnaryBinding(func(v ref.Val) ref.Val {
			return addressTest(v, func(a netip.Addr) bool { return !isPrivate(a) })
		}))),
		cel.Function("semver_compare", over("semver_compare", []*cel.Type{S, S}, I, cel.BinaryBinding(semverCompare))),
		cel.Function("lower", over("lower", []*cel.Type{S}, S, cel.UnaryBinding(lower)), cel.MemberOverload("tickmark_text_lower", []*cel.Type{S}, S, cel.UnaryBinding(lower))),
		cel.Function("upper", over("upper", []*cel.Type{S}, S, cel.UnaryBinding(upper)), cel.MemberOverload("tickmark_text_upper", []*cel.Type{S}, S, cel.UnaryBinding(upper))),
	}
}

// lookups are find, one and beside for the kinds and fields that a program names: the value must be of the field's type, for a
// number never equals a text and would find nothing, and the results are typed by kind.
func (t *Types) lookups(list []lookedUp) (out []cel.EnvOption) {
	for _, l := range list {
		id, result := l.kind+"@"+l.field, objectType(l.kind)
		args := []*cel.Type{evaluationType, cel.StringType, t.lookupType(l)}
		out = append(out,
			cel.Function(fnFind+id, cel.Overload("tickmark_find_"+id, args, cel.ListType(result), cel.FunctionBinding(lookup(l.kind, false, false)))),
			cel.Function(fnBeside+id, cel.Overload("tickmark_beside_"+id, args, cel.ListType(result), cel.FunctionBinding(lookup(l.kind, false, true)))),
			cel.Function(fnOne+id, cel.Overload("tickmark_one_"+id, args, result, cel.FunctionBinding(lookup(l.kind, true, false)))))
	}
	return out
}

// lookupType is the type of value that a field is looked up by: of a list, that of its elements.
func (t *Types) lookupType(l lookedUp) *types.Type {
	if l.field == Key {
		return types.StringType
	}
	f := t.shape(l.kind).fields[l.field]
	if f.elem != nil {
		f = f.elem
	}
	return f.cel
}

// Comparable reports whether a value of the given type can be looked up by a field of the schema.
func (t *Types) Comparable(schema, field string, value Field) bool {
	want := t.lookupType(lookedUp{schema, field})
	return value.Type == JSON || want == types.DynType || !value.List && scalar(value.Type) == want
}

// nullField answers whether the member of an object, map or list is null; a missing one is an error.
func nullField(obj, key ref.Val) ref.Val {
	var member ref.Val
	switch o := obj.(type) {
	case structure:
		name, _ := key.(types.String)
		if v := o.v.Get(string(name)); v != nil {
			return types.Bool(isJSONNull(v))
		}
		return o.Get(key)
	case object:
		if name, ok := key.(types.String); ok {
			if v := o.v.Get(string(name)); v != nil {
				return types.Bool(isJSONNull(v))
			}
		}
		return types.NewErr("no such key: %v", key)
	case list:
		i, err := types.GetOrError(key)
		if err != nil {
			return types.WrapErr(err)
		}
		if a := o.items(); i >= 0 && i < len(a) {
			return types.Bool(isJSONNull(a[i]))
		}
		return types.NewErr("index out of bounds: %d", i)
	case traits.Indexer:
		member = o.Get(key)
	default:
		return types.NewErr("no such overload")
	}
	if types.IsError(member) {
		return member
	}
	return types.Bool(member == types.NullValue)
}

// hasField answers whether an object has the member, even as null.
func hasField(obj, key ref.Val) ref.Val {
	switch o := obj.(type) {
	case structure:
		return o.IsSet(key)
	case object:
		return o.Contains(key)
	case traits.Container:
		if _, list := obj.(traits.Lister); !list {
			return o.Contains(key)
		}
	}
	return types.NewErr("no such overload")
}

// moment reads a time: a timestamp, an RFC 3339 text, or a date, which begins at midnight UTC.
func moment(v ref.Val) (time.Time, error) {
	switch v := v.(type) {
	case types.Timestamp:
		return v.Time, nil
	case types.String:
		return momentText(string(v))
	}
	return time.Time{}, &fieldError{"A time is needed."}
}

func momentText(s string) (time.Time, error) {
	if len(s) == len(time.DateOnly) {
		if t, err := parseDate(s); err == nil {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, &fieldError{"The text " + quote(s) + " is not a time with zone (RFC 3339) or a date."}
	}
	return t, nil
}

func quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return `"` + s + `"`
}

func parseDate(s string) (time.Time, error) { return time.Parse(time.DateOnly, s) }

// now is the evaluation's clock.
func (e *evaluation) now() (time.Time, error) {
	e.scope.Clock = true
	if e.scope.Now.IsZero() {
		return time.Time{}, &fieldError{"No moment was given to judge by."}
	}
	return e.scope.Now, nil
}

const day = 24 * time.Hour

// age is how long ago a moment is, in days of 24 hours with fractions; negative for what is to come.
func age(ev, t ref.Val) ref.Val {
	e := ev.(*evaluation)
	at, err := moment(t)
	if err != nil {
		return types.WrapErr(err)
	}
	now, err := e.now()
	if err != nil {
		return types.WrapErr(err)
	}
	// The bound is not known here, so the answer may change at any time: ask again within the hour.
	e.scope.at(now.Add(time.Hour))
	return types.Double(float64(now.Sub(at)) / float64(day))
}

// compareAge compares an age with a number of days and notes when the answer flips.
func compareAge(args ...ref.Val) ref.Val {
	at, err := moment(args[2])
	if err != nil {
		return types.WrapErr(err)
	}
	var days float64
	switch d := args[3].(type) {
	case types.Int:
		days = float64(d)
	case types.Double:
		days = float64(d)
	}
	return args[0].(*evaluation).older(string(args[1].(types.String)), at, days)
}

func (e *evaluation) older(op string, at time.Time, days float64) ref.Val {
	now, err := e.now()
	if err != nil {
		return types.WrapErr(err)
	}
	if !(days > -1e5 && days < 1e5) {
		return types.WrapErr(&fieldError{"An age is compared with a number of days of less than 100,000."})
	}
	flip := at.Add(time.Duration(days * float64(day)))
	var yes, strict bool
	switch op {
	case operators.Less:
		yes = now.Before(flip)
	case operators.GreaterEquals:
		yes = !now.Before(flip)
	case operators.LessEquals:
		yes, strict = !now.After(flip), true
	case operators.Greater:
		yes, strict = now.After(flip), true
	}
	if strict {
		flip = flip.Truncate(time.Microsecond).Add(time.Microsecond) // moments are counted in microseconds
	}
	e.scope.at(flip)
	return types.Bool(yes)
}

// due answers whether a span has passed since a moment: a number of days, or text such as "12h", "90d", "2w", "3mo", "1y".
func due(args ...ref.Val) ref.Val {
	at, err := moment(args[1])
	if err != nil {
		return types.WrapErr(err)
	}
	return args[0].(*evaluation).passed(at, args[2])
}

func (e *evaluation) passed(at time.Time, span ref.Val) ref.Val {
	now, err := e.now()
	if err != nil {
		return types.WrapErr(err)
	}
	var flip time.Time
	switch span := span.(type) {
	case types.Int:
		if span > 1e5 || span < -1e5 {
			return types.WrapErr(&fieldError{"A span is less than 100,000 days."})
		}
		flip = at.AddDate(0, 0, int(span))
	case types.String:
		if flip, err = AddSpan(at, string(span)); err != nil {
			return types.WrapErr(err)
		}
	}
	e.scope.at(flip)
	return types.Bool(!now.Before(flip))
}

// AddSpan adds a span to a moment: a number and a unit, "30m" minutes, "12h" hours, "90d" days, "2w" weeks, "3mo" months, "1y"
// years.
func AddSpan(t time.Time, span string) (time.Time, error) {
	n, unit := 0, strings.TrimLeft(span, "0123456789")
	for _, c := range span[:len(span)-len(unit)] {
		if n = n*10 + int(c-'0'); n > 1_000_000 {
			return time.Time{}, &fieldError{"The span " + quote(span) + " is too long."}
		}
	}
	if len(unit) < len(span) {
		switch unit {
		case "m":
			return t.Add(time.Duration(n) * time.Minute), nil
		case "h":
			return t.Add(time.Duration(n) * time.Hour), nil
		case "d":
			return t.AddDate(0, 0, n), nil
		case "w":
			return t.AddDate(0, 0, 7*n), nil
		case "mo":
			return addMonths(t, n), nil
		case "y":
			return addMonths(t, 12*n), nil
		}
	}
	return time.Time{}, &fieldError{"The span " + quote(span) + ` is not a number with m, h, d, w, mo or y, such as "90d".`}
}

// addMonths keeps to the end of the month: 31 January and a month is 28 February.
func addMonths(t time.Time, n int) time.Time {
	out := t.AddDate(0, n, 0)
	if out.Day() != t.Day() {
		out = out.AddDate(0, 0, -out.Day())
	}
	return out
}

// businessDays counts the days from Monday to Friday that are no holidays, after the day of the first moment up to and with
// the day of the second, or of now, in UTC; negative when the second is earlier.
func businessDays(args ...ref.Val) ref.Val {
	e := args[0].(*evaluation)
	from, err := moment(args[1])
	if err != nil {
		return types.WrapErr(err)
	}
	var to time.Time
	if len(args) == 3 {
		to, err = moment(args[2])
	} else if to, err = e.now(); err == nil {
		e.scope.at(to.UTC().Truncate(day).Add(day))
	}
	if err != nil {
		return types.WrapErr(err)
	}
	from, to = from.UTC().Truncate(day), to.UTC().Truncate(day)
	sign := types.Int(1)
	if to.Before(from) {
		from, to, sign = to, from, -1
	}
	if to.Sub(from) > 200*366*day {
		return types.WrapErr(&fieldError{"Business days are counted over 200 years at most."})
	}
	n := types.Int(0)
	for d := from.Add(day); !d.After(to); d = d.Add(day) {
		if wd := d.Weekday(); wd != time.Saturday && wd != time.Sunday && !e.env.holidays[d.Format(time.DateOnly)] {
			n++
		}
	}
	return sign * n
}

// fits answers whether the record fits a condition that another record gives as text.
func fits(ev, condition ref.Val) ref.Val {
	e := ev.(*evaluation)
	if e.scope.Fits == nil {
		return types.WrapErr(&fieldError{"A condition of another record cannot be asked here."})
	}
	switch answer, why := e.scope.Fits(string(condition.(types.String))); answer {
	case True:
		return types.True
	case False:
		return types.False
	default:
		return types.WrapErr(&fieldError{why})
	}
}

func lower(v ref.Val) ref.Val { return types.String(strings.ToLower(string(v.(types.String)))) }
func upper(v ref.Val) ref.Val { return types.String(strings.ToUpper(string(v.(types.String)))) }

// cidrContains answers whether a network contains an address or a whole network.
func cidrContains(network, inner ref.Val) ref.Val {
	outer, err := netip.ParsePrefix(string(network.(types.String)))
	if err != nil {
		return types.WrapErr(&fieldError{"The text " + quote(string(network.(types.String))) + " is not a network such as 10.0.0.0/8."})
	}
	s := string(inner.(types.String))
	if a, err := netip.ParseAddr(s); err == nil {
		return types.Bool(outer.Contains(a.Unmap().WithZone("")))
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return types.WrapErr(&fieldError{"The text " + quote(s) + " is neither an address nor a network."})
	}
	return types.Bool(outer.Bits() <= p.Bits() && outer.Masked().Contains(p.Addr()))
}

var sharedAddresses = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// isPrivate answers for addresses that the internet does not route to one machine: RFC 1918 and 4193, loopback, link-local,
// shared, unspecified and multicast.
func isPrivate(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() || sharedAddresses.Contains(a)
}

func addressTest(v ref.Val, test func(netip.Addr) bool) ref.Val {
	s := string(v.(types.String))
	a, err := netip.ParseAddr(s)
	if err != nil {
		return types.WrapErr(&fieldError{"The text " + quote(s) + " is not an IP address."})
	}
	return types.Bool(test(a))
}

// semverCompare gives -1, 0 or 1 by semver.org 2.0, with or without a leading v and with parts left out.
func semverCompare(a, b ref.Val) ref.Val {
	x, y := string(a.(types.String)), string(b.(types.String))
	for _, s := range []*string{&x, &y} {
		v := "v" + strings.TrimPrefix(*s, "v")
		if !semver.IsValid(v) {
			return types.WrapErr(&fieldError{"The text " + quote(*s) + " is not a version such as 1.2.3."})
		}
		*s = v
	}
	return types.Int(semver.Compare(x, y))
}
