package typst

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"tickmark/internal/fault"
)

type sessionKey struct{}

// session is one rendering: an instance of the compiler with its memory and values, thrown away afterwards.
type session struct {
	ctx    context.Context
	module api.Module
	values
	jobs []func() // what promises still have to do
	said []string // what the compiler said before it gave up
}

// trapped ends a rendering from within a host function; wazero hands it back as the error of the call.
type trapped struct{ error }

func trap(format string, args ...any) trapped { return trapped{fmt.Errorf(format, args...)} }

func (c code) render(ctx context.Context, j Job) (pdf []byte, err error) {
	s := &session{values: newValues()}
	s.ctx = context.WithValue(ctx, sessionKey{}, s)
	s.module, err = c.runtime.InstantiateModule(s.ctx, c.module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("start the compiler: %w", err)
	}
	defer s.module.Close(ctx)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case trapped:
			err = p.error
		default:
			panic(p)
		}
		if f := (*fault.Fault)(nil); err != nil && !errors.As(err, &f) {
			err = fmt.Errorf("set %s: %w%s", j.Main, err, s.lastWords())
		}
	}()
	return s.run(j), nil
}

func (s *session) lastWords() string {
	if len(s.said) == 0 {
		return ""
	}
	return " (" + strings.Join(strings.Fields(strings.Join(s.said, "; ")), " ") + ")"
}

func (s *session) run(j Job) []byte {
	if s.module.ExportedFunction("__wbindgen_start") != nil {
		s.call("__wbindgen_start")
	}
	builder, _ := s.method("typstcompilerbuilder_new")
	s.method("typstcompilerbuilder_set_dummy_access_model", uint64(builder)) // no files but those given below
	compiler := s.await(s.call("typstcompilerbuilder_build", uint64(builder)))
	fonts, _ := s.method("typstfontresolverbuilder_new")
	for _, f := range j.Fonts {
		s.method("typstfontresolverbuilder_add_raw_font", uint64(fonts), s.add(&octets{f}))
	}
	resolver := s.await(s.call("typstfontresolverbuilder_build", uint64(fonts)))
	s.method("typstcompiler_set_fonts", compiler, resolver)
	for _, path := range slices.Sorted(maps.Keys(j.Files)) {
		at, n := s.put([]byte(path))
		data, m := s.put(j.Files[path])
		name := "typstcompiler_map_shadow"
		if strings.HasSuffix(path, ".typ") {
			name = "typstcompiler_add_source"
		}
		s.call(name, compiler, at, n, data, m)
	}
	at, n := s.put([]byte(j.Main))
	format, m := s.put([]byte("pdf"))
	const asText = 2 // diagnostics as file:line:column: message
	answer, _ := s.method("typstcompiler_compile", compiler, at, n, 0, 0, format, m, asText)
	result := s.take(uint64(answer))
	if pdf, ok := member(result, "result").(*octets); ok {
		return pdf.b
	}
	panic(trap("%s", diagnostics(result)))
}

// diagnostics are the compiler's complaints, one after the other.
func diagnostics(v any) string {
	list, ok := member(v, "diagnostics").(*array)
	if !ok {
		return "the compiler answered without a document"
	}
	var out []string
	for _, d := range list.items {
		if text, ok := d.(string); ok {
			out = append(out, text)
		}
	}
	return strings.Join(out, "; ")
}

func (s *session) call(name string, args ...uint64) uint64 {
	f := s.module.ExportedFunction(name)
	if f == nil {
		panic(trap("the compiler has no %s", name))
	}
	out, err := f.Call(s.ctx, args...)
	if err != nil {
		var inner trapped
		if errors.As(err, &inner) {
			panic(inner)
		}
		what, _, _ := strings.Cut(err.Error(), "\n") // the rest is a trace of numbers
		panic(trap("%s: %s", name, what))
	}
	if len(out) == 0 {
		return 0
	}
	return uint64(uint32(out[0])) // an address or a value's number
}

// method calls an export that returns through a place on the compiler's stack: two words and, after them, whether it threw.
func (s *session) method(name string, args ...uint64) (first, second uint32) {
	const room = 16
	at := s.call("__wbindgen_add_to_stack_pointer", uint64(uint32(1<<32-room)))
	for i := range uint64(room / 4) {
		s.write32(at+4*i, 0)
	}
	s.call(name, append([]uint64{at}, args...)...)
	first, second, threw := s.read32(at), s.read32(at+4), s.read32(at+8)
	s.call("__wbindgen_add_to_stack_pointer", room)
	if threw == 1 {
		panic(trap("%s: %s", name, message(s.take(uint64(second)))))
	}
	return first, second
}

func message(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case *problem:
		return v.message
	case *object:
		return diagnostics(v)
	}
	return fmt.Sprintf("it threw %T", v)
}

// await runs what promises have to do, and returns the address of the compiler's object that one was for.
func (s *session) await(number uint64) uint64 {
	p, ok := s.take(number).(*promise)
	if !ok {
		panic(trap("a promise was expected"))
	}
	for len(s.jobs) > 0 {
		job := s.jobs[0]
		s.jobs = s.jobs[1:]
		job()
	}
	n, ok := p.value.(native)
	if !ok {
		panic(trap("a promise was broken: %s", message(p.value)))
	}
	return uint64(n.address)
}

func (s *session) resolve(p *promise, v any) {
	if p.done {
		return
	}
	if q, ok := v.(*promise); ok {
		s.after(q, function{func(args ...any) any { s.resolve(p, args[0]); return undefined{} }})
		return
	}
	p.done, p.value = true, v
	for _, f := range p.then {
		s.jobs = append(s.jobs, func() { s.invoke(f, v) })
	}
	p.then = nil
}

func (s *session) after(p *promise, f any) {
	if !p.done {
		p.then = append(p.then, f)
		return
	}
	s.jobs = append(s.jobs, func() { s.invoke(f, p.value) })
}

func (s *session) invoke(f any, args ...any) any {
	switch f := f.(type) {
	case closure:
		if len(args) == 0 {
			args = []any{undefined{}}
		}
		s.call("__wasm_bindgen_func_elem_944", uint64(f.a), uint64(f.b), s.add(args[0]))
		return undefined{}
	case function:
		return f.call(args...)
	}
	panic(trap("%T is no function", f))
}

// bytes copies from the compiler's memory.
func (s *session) bytes(at, n uint64) []byte {
	b, ok := s.module.Memory().Read(uint32(at), uint32(n))
	if !ok {
		panic(trap("%d bytes at %d lie outside the compiler's memory", n, at))
	}
	return append([]byte(nil), b...)
}

func (s *session) text(at, n uint64) string { return string(s.bytes(at, n)) }

// put copies into memory that the compiler allocates and frees.
func (s *session) put(b []byte) (at, n uint64) {
	at = s.call("__wbindgen_export", uint64(len(b)), 1)
	s.write(at, b)
	return at, uint64(len(b))
}

func (s *session) write(at uint64, b []byte) {
	if !s.module.Memory().Write(uint32(at), b) {
		panic(trap("%d bytes at %d lie outside the compiler's memory", len(b), at))
	}
}

func (s *session) write32(at uint64, v uint32) {
	s.write(at, []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)})
}

func (s *session) write64(at uint64, v uint64) {
	s.write32(at, uint32(v))
	s.write32(at+4, uint32(v>>32))
}

func (s *session) read32(at uint64) uint32 {
	v, ok := s.module.Memory().ReadUint32Le(uint32(at))
	if !ok {
		panic(trap("%d lies outside the compiler's memory", at))
	}
	return v
}

// returnText hands a text over through a place that takes its address and length.
func (s *session) returnText(at uint64, text string) {
	p, n := s.put([]byte(text))
	s.write32(at, uint32(p))
	s.write32(at+4, uint32(n))
}
