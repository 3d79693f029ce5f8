package typst

import (
	"fmt"
	"math"

	"tickmark/internal/fault"
)

// imports are the functions of JavaScript that the compiler imports, by the names that wasm-bindgen gave them. In a stack lie
// the parameters, and its first word takes the result. What needs a clock answers the beginning of time.
func imports() map[string]func(s *session, stack []uint64) {
	is := func(test func(any) bool) func(*session, []uint64) {
		return func(s *session, st []uint64) { st[0] = word(test(s.get(st[0]))) }
	}
	give := func(make func(s *session, st []uint64) any) func(*session, []uint64) {
		return func(s *session, st []uint64) { st[0] = s.add(make(s, st)) }
	}
	never := func(what string) func(*session, []uint64) {
		return func(*session, []uint64) { panic(trap("%s is not supported", what)) }
	}
	nothing := func(_ *session, st []uint64) {}
	none := func(_ *session, st []uint64) { st[0] = 0 }
	return map[string]func(*session, []uint64){
		// what a value is
		"__wbg___wbindgen_is_bigint_0e1a2e3f55cfae27":      is(func(v any) bool { _, ok := v.(int64); return ok }),
		"__wbg___wbindgen_is_function_8d400b8b1af978cd":    is(callable),
		"__wbg___wbindgen_is_object_ce774f3490692386":      is(func(v any) bool { return v != nil && !plain(v) && !callable(v) }),
		"__wbg___wbindgen_is_string_704ef9c8fc131030":      is(func(v any) bool { _, ok := v.(string); return ok }),
		"__wbg___wbindgen_is_undefined_f6b95eab589e0269":   is(func(v any) bool { return v == undefined{} }),
		"__wbg_instanceof_ArrayBuffer_f3320d2419cd0355":    is(func(any) bool { return false }),
		"__wbg_instanceof_Map_084be8da74364158":            is(func(any) bool { return false }),
		"__wbg_instanceof_Uint8Array_da54ccc9d3e09434":     is(func(v any) bool { _, ok := v.(*octets); return ok }),
		"__wbg_isArray_51fd9e6422c0a395":                   is(func(v any) bool { _, ok := v.(*array); return ok }),
		"__wbg_isSafeInteger_ae7d3f054d55fa16":             is(func(v any) bool { f, ok := v.(float64); return ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 }),
		"__wbg___wbindgen_jsval_eq_b6101cc9cef1fe36":       func(s *session, st []uint64) { st[0] = word(same(s.get(st[0]), s.get(st[1]))) },
		"__wbg___wbindgen_jsval_loose_eq_766057600fdd1b0d": func(s *session, st []uint64) { st[0] = word(same(s.get(st[0]), s.get(st[1]))) },
		"__wbg___wbindgen_in_0d3e1e8f0c669317": func(s *session, st []uint64) {
			st[0] = word(member(s.get(st[1]), s.get(st[0])) != undefined{})
		},

		// a value's content
		"__wbg_Number_2d1dcfcf4ec51736": func(s *session, st []uint64) {
			f, ok := s.get(st[0]).(float64)
			if !ok {
				f = math.NaN()
			}
			st[0] = math.Float64bits(f)
		},
		"__wbg___wbindgen_number_get_9619185a74197f95": func(s *session, st []uint64) {
			f, ok := s.get(st[1]).(float64)
			s.write64(st[0]+8, math.Float64bits(f))
			s.write32(st[0], uint32(word(ok)))
		},
		"__wbg___wbindgen_bigint_get_as_i64_6e32f5e6aff02e1d": func(s *session, st []uint64) {
			n, ok := s.get(st[1]).(int64)
			s.write64(st[0]+8, uint64(n))
			s.write32(st[0], uint32(word(ok)))
		},
		"__wbg___wbindgen_boolean_get_dea25b33882b895b": func(s *session, st []uint64) {
			b, ok := s.get(st[0]).(bool)
			if st[0] = word(b); !ok {
				st[0] = 0xFFFFFF
			}
		},
		"__wbg___wbindgen_string_get_a2a31e16edf96e42": func(s *session, st []uint64) {
			if text, ok := s.get(st[1]).(string); ok {
				s.returnText(st[0], text)
				return
			}
			s.write64(st[0], 0)
		},
		"__wbg___wbindgen_debug_string_adfb662ae34724b6": func(s *session, st []uint64) {
			s.returnText(st[0], fmt.Sprintf("%T", s.get(st[1])))
		},
		"__wbg_length_22ac23eaec9d8053":           length,
		"__wbg_length_d45040a40c570362":           length,
		"__wbg_get_6b7bd52aca3f9671":              give(func(s *session, st []uint64) any { return member(s.get(st[0]), float64(uint32(st[1]))) }),
		"__wbg_get_af9dab7e9603ea93":              give(func(s *session, st []uint64) any { return member(s.get(st[0]), s.get(st[1])) }),
		"__wbg_get_with_ref_key_1dc361bd10053bfe": give(func(s *session, st []uint64) any { return member(s.get(st[0]), s.get(st[1])) }),
		"__wbg_prototypesetcall_dfe9b766cdc1f1fd": func(s *session, st []uint64) {
			o, ok := s.get(st[2]).(*octets)
			if !ok || uint64(len(o.b)) > st[1] {
				panic(trap("bytes were expected"))
			}
			s.write(st[0], o.b)
		},

		// making values
		"__wbg_new_1ba21ce319a06297": give(func(*session, []uint64) any { return &object{map[string]any{}} }),
		"__wbg_new_25f239778d6112b9": give(func(*session, []uint64) any { return &array{} }),
		"__wbg_new_6421f6084cc5bc5a": give(func(s *session, st []uint64) any { return s.get(st[0]) }),
		"__wbg_new_b2db8aa2650f793a": give(func(*session, []uint64) any { return date{} }),
		"__wbg_new_8a6f238a6ece86ea": give(func(*session, []uint64) any { return &problem{} }),
		"__wbg_new_df1173567d5ff028": give(func(s *session, st []uint64) any { return &problem{s.text(st[0], st[1])} }),
		"__wbg_Error_52673b7de5a0ca89": give(func(s *session, st []uint64) any {
			return &problem{s.text(st[0], st[1])}
		}),
		"__wbg_new_from_slice_f9c22b9153b26992": give(func(s *session, st []uint64) any {
			if st[1] > maxOutput {
				panic(trapped{fault.New(fault.TooLarge, "The PDF would be larger than %d MB.", maxOutput>>20).
					WithNext("Take a shorter window, or the HTML or JSON of the same report.")})
			}
			return &octets{s.bytes(st[0], st[1])}
		}),
		"__wbg_new_from_slice_db0691b69e9d3891":              never("Uint32Array"),
		"__wbg_iterator_27b7c8b35ab3e86b":                    give(func(*session, []uint64) any { return symbol("iterator") }),
		"__wbg_next_138a17bbf04e926c":                        never("iterating"),
		"__wbg_next_3cfe5c0fe2a4cc53":                        never("iterating"),
		"__wbg_done_62ea16af4ce34b24":                        never("iterating"),
		"__wbg_value_57b7b035e117f7ee":                       never("iterating"),
		"__wbg_entries_83c79938054e065f":                     never("Object.entries"),
		"__wbg_typstcompiler_new":                            give(func(_ *session, st []uint64) any { return native{uint32(st[0])} }),
		"__wbg_typstfontresolver_new":                        give(func(_ *session, st []uint64) any { return native{uint32(st[0])} }),
		"__wbg_proxycontext_new":                             give(func(_ *session, st []uint64) any { return native{uint32(st[0])} }),
		"__wbindgen_cast_2241b6af4c4b2941":                   give(func(s *session, st []uint64) any { return s.text(st[0], st[1]) }),
		"__wbindgen_cast_3334ea73b4b28ba3":                   give(func(_ *session, st []uint64) any { return closure{uint32(st[0]), uint32(st[1])} }),
		"__wbindgen_cast_4625c577ab2ec9ee":                   give(func(_ *session, st []uint64) any { return int64(st[0]) }),
		"__wbindgen_cast_9ae0607507abb057":                   give(func(_ *session, st []uint64) any { return int64(st[0]) }),
		"__wbindgen_cast_d6cd19b81560fd6e":                   give(func(_ *session, st []uint64) any { return math.Float64frombits(st[0]) }),
		"__wbindgen_object_clone_ref":                        give(func(s *session, st []uint64) any { return s.get(st[0]) }),
		"__wbindgen_object_drop_ref":                         func(s *session, st []uint64) { s.take(st[0]) },
		"__wbg_static_accessor_GLOBAL_THIS_60cf02db4de8e1c1": give(func(*session, []uint64) any { return &object{map[string]any{}} }),
		"__wbg_static_accessor_GLOBAL_769e6b65d6557335":      none,
		"__wbg_static_accessor_SELF_08f5a74c69739274":        none,
		"__wbg_static_accessor_WINDOW_a8924b26aa92d024":      none,

		// changing values
		"__wbg_set_3f1d0b984ed272ed": func(s *session, st []uint64) { s.set(s.get(st[0]), s.take(st[1]), s.take(st[2])) },
		"__wbg_set_781438a03c0c3c81": func(s *session, st []uint64) { s.set(s.get(st[0]), s.get(st[1]), s.get(st[2])); st[0] = 1 },
		"__wbg_set_7df433eea03a5c14": func(s *session, st []uint64) { s.set(s.get(st[0]), float64(uint32(st[1])), s.take(st[2])) },
		"__wbg_push_7d9be8f38fc13975": func(s *session, st []uint64) {
			a, ok := s.get(st[0]).(*array)
			if !ok {
				panic(trap("an array was expected"))
			}
			a.items = append(a.items, s.get(st[1]))
			st[0] = uint64(len(a.items))
		},

		// functions and promises
		"__wbg_call_abb4ff46ce38be40": give(func(s *session, st []uint64) any { return s.invoke(s.get(st[0])) }),
		"__wbg_call_3020136f7a2d6e44": give(func(s *session, st []uint64) any { return s.invoke(s.get(st[0]), s.get(st[2])) }),
		"__wbg_call_78f94eb02ec7f9b2": give(func(s *session, st []uint64) any {
			return s.invoke(s.get(st[0]), s.get(st[2]), s.get(st[3]), s.get(st[4]))
		}),
		"__wbg_new_no_args_cb138f77cf6151ee": give(func(*session, []uint64) any { // new Function("return this")
			return function{func(...any) any { return &object{map[string]any{}} }}
		}),
		"__wbg_new_with_args_df9e7125ffe55248": give(func(*session, []uint64) any {
			return function{func(...any) any { return undefined{} }}
		}),
		"__wbg__wbg_cb_unref_87dfb5aaa0cbcea7": nothing,
		"__wbg_new_ff12d2b041fb48f1": give(func(s *session, st []uint64) any {
			p := &promise{}
			kept := function{func(args ...any) any { s.resolve(p, args[0]); return undefined{} }}
			broken := function{func(args ...any) any { s.resolve(p, &problem{message(args[0])}); return undefined{} }}
			s.call("__wasm_bindgen_func_elem_37350", st[0], st[1], s.add(kept), s.add(broken))
			return p
		}),
		"__wbg_resolve_fd5bfbaa4ce36e1e": give(func(s *session, st []uint64) any {
			v := s.get(st[0])
			if p, ok := v.(*promise); ok {
				return p
			}
			return &promise{done: true, value: v}
		}),
		"__wbg_then_4f95312d68691235": give(func(s *session, st []uint64) any {
			p, ok := s.get(st[0]).(*promise)
			if !ok {
				panic(trap("a promise was expected"))
			}
			s.after(p, s.get(st[1]))
			return &promise{}
		}),
		"__wbg_queueMicrotask_9b549dfce8865860": give(func(s *session, _ []uint64) any {
			return function{func(args ...any) any {
				s.jobs = append(s.jobs, func() { s.invoke(args[0], undefined{}) })
				return undefined{}
			}}
		}),
		"__wbg_queueMicrotask_fca69f5bfad613a5": func(s *session, st []uint64) {
			f := s.get(st[0])
			s.jobs = append(s.jobs, func() { s.invoke(f, undefined{}) })
		},

		// clock
		"__wbg_now_69d776cd24f5215b":               none,
		"__wbg_getTimezoneOffset_45389e26d6f46823": none,

		// complaints
		"__wbg___wbindgen_throw_dd24417ed36fc46e": func(s *session, st []uint64) { panic(trap("%s", s.text(st[0], st[1]))) },
		"__wbg_error_7534b8e9a36f1ab4": func(s *session, st []uint64) {
			at, n := st[0], st[1]
			s.said = append(s.said, s.text(at, n))
			s.call("__wbindgen_export4", at, n, 1)
		},
		"__wbg_error_85faeb8919b11cc6": func(s *session, st []uint64) {
			for _, i := range st[:3] {
				if text, ok := s.get(i).(string); ok {
					s.said = append(s.said, text)
				}
			}
		},
		"__wbg_info_ce6bcc489c22f6f0":  nothing,
		"__wbg_stack_0ed75d68575b0f3c": func(s *session, st []uint64) { s.returnText(st[0], "") },
	}
}

func word(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func callable(v any) bool {
	switch v.(type) {
	case function, closure:
		return true
	}
	return false
}

func plain(v any) bool {
	switch v.(type) {
	case undefined, bool, float64, int64, string, symbol:
		return true
	}
	return false
}

// same compares as === does; functions of ours are never compared by the compiler.
func same(a, b any) bool {
	if _, ok := a.(function); ok {
		return false
	}
	if _, ok := b.(function); ok {
		return false
	}
	return a == b
}

func length(s *session, st []uint64) {
	switch v := s.get(st[0]).(type) {
	case *octets:
		st[0] = uint64(len(v.b))
	case *array:
		st[0] = uint64(len(v.items))
	default:
		panic(trap("%T has no length", v))
	}
}

func (s *session) set(of, key, v any) {
	switch o := of.(type) {
	case *object:
		name, ok := key.(string)
		if !ok {
			panic(trap("a name was expected"))
		}
		o.members[name] = v
	case *array:
		i, ok := key.(float64)
		if !ok || i < 0 || i > 1<<24 {
			panic(trap("a place in an array was expected"))
		}
		for len(o.items) <= int(i) {
			o.items = append(o.items, undefined{})
		}
		o.items[int(i)] = v
	default:
		panic(trap("%T takes no members", of))
	}
}
