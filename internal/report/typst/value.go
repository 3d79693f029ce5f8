package typst

// The compiler was made for JavaScript and speaks of its values by number. These are the few sorts of value that it uses.
type (
	undefined struct{}
	object    struct{ members map[string]any }
	array     struct{ items []any }
	octets    struct{ b []byte }
	problem   struct{ message string }
	symbol    string
	date      struct{}
	// native is an object of the compiler, held by its address.
	native struct{ address uint32 }
	// closure is a function of the compiler.
	closure struct{ a, b uint32 }
	// function is one of ours.
	function struct{ call func(args ...any) any }
	promise  struct {
		done  bool
		value any
		then  []any
	}
)

// The first numbers stand for fixed values; what is added comes after them.
const (
	isNull     = 129
	isTrue     = 130
	firstAdded = 132
)

// values are the values that the compiler holds, by number.
type values struct {
	list []any
	free []uint32
}

func newValues() values {
	list := make([]any, firstAdded, 1024)
	for i := range list[:isNull] {
		list[i] = undefined{}
	}
	list[isTrue], list[isTrue+1] = true, false
	return values{list: list}
}

func (v *values) get(i uint64) any {
	if i >= uint64(len(v.list)) {
		panic(trap("value %d does not exist", i))
	}
	return v.list[i]
}

func (v *values) add(x any) uint64 {
	if n := len(v.free); n > 0 {
		i := v.free[n-1]
		v.free = v.free[:n-1]
		v.list[i] = x
		return uint64(i)
	}
	v.list = append(v.list, x)
	return uint64(len(v.list) - 1)
}

// take returns a value and gives up its number.
func (v *values) take(i uint64) any {
	x := v.get(i)
	if i >= firstAdded {
		v.list[i] = nil
		v.free = append(v.free, uint32(i))
	}
	return x
}

// member is a member of an object or an item of an array; undefined when there is none.
func member(of, key any) any {
	switch o := of.(type) {
	case *object:
		if name, ok := key.(string); ok {
			if x, ok := o.members[name]; ok {
				return x
			}
		}
	case *array:
		if i, ok := key.(float64); ok && i >= 0 && int(i) < len(o.items) {
			return o.items[int(i)]
		}
	}
	return undefined{}
}
