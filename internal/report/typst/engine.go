// Package typst sets documents: Typst sources and data in, PDF bytes out. The one rule: a rendering sees the files it was
// given and nothing else, neither disk, network, clock nor chance, so that the same files always give the same bytes.
//
// The compiler is Typst's own, built as WebAssembly and run by wazero: no other program is needed. Its machine code is made
// once, which takes about twenty seconds of processor time, and kept in a directory that must belong to the workspace alone:
// whoever can write there decides what runs.
package typst

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"tickmark/internal/fault"
)

//go:embed compiler/typst.wasm.zst
var packed []byte

const (
	maxPages  = 1536 << 20 >> 16 // memory of one rendering, in pages of 64 KiB
	maxInput  = 96 << 20         // bytes of all files of one rendering
	maxOutput = 64 << 20         // bytes of a PDF
)

// Phase is how far the engine is.
type Phase string

// The phases; a failed engine tries again when it is next asked.
const (
	Cold      Phase = "cold"      // nobody asked yet
	Preparing Phase = "preparing" // machine code is being made or read
	Ready     Phase = "ready"
	Asleep    Phase = "asleep" // its machine code lies on disk and is read in a second when it is needed
	Failed    Phase = "failed"
)

// State is how the engine stands.
type State struct {
	Phase Phase
	Since time.Time // when the phase began
	Error string    // of a failed preparation
}

// Engine renders one document at a time. Its zero value is not usable; make one with New.
type Engine struct {
	dir     string
	workers int
	turn    chan struct{} // holds the one permission to render

	mu      sync.Mutex
	state   State
	pending chan struct{} // closed when the present preparation ends
	err     error
	code    code
	idle    *time.Timer // puts it to sleep
}

// code is the compiler in memory, some hundred megabytes of it.
type code struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
	cache   wazero.CompilationCache
}

func (c code) close() {
	ctx := context.Background()
	if c.runtime != nil {
		c.runtime.Close(ctx)
	}
	if c.cache != nil {
		c.cache.Close(ctx)
	}
}

// patience is how long an engine that nobody needs stays in memory.
const patience = time.Minute

// New returns an engine that keeps its machine code in dir, and prepares with so many processors.
func New(dir string, workers int) *Engine {
	e := &Engine{dir: dir, workers: max(workers, 1), turn: make(chan struct{}, 1), state: State{Phase: Cold}}
	e.turn <- struct{}{}
	return e
}

// State says how far the engine is.
func (e *Engine) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// Prepare makes the engine ready and waits until it is. The work goes on when ctx ends, for others will need it.
func (e *Engine) Prepare(ctx context.Context) error {
	e.mu.Lock()
	switch e.state.Phase {
	case Ready:
		e.mu.Unlock()
		return nil
	case Cold, Asleep, Failed:
		e.state, e.pending = State{Phase: Preparing, Since: time.Now()}, make(chan struct{})
		go e.prepare()
	}
	pending := e.pending
	e.mu.Unlock()
	select {
	case <-pending:
	case <-ctx.Done():
		return ctx.Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// Make sees to it that the machine code lies on disk, so that nobody waits for its making, and keeps none of it in memory.
func (e *Engine) Make(ctx context.Context) error {
	e.mu.Lock()
	if e.state.Phase == Cold && e.made() {
		e.state = State{Phase: Asleep, Since: time.Now()}
	}
	cold := e.state.Phase == Cold
	e.mu.Unlock()
	if !cold {
		return nil
	}
	if err := e.Prepare(ctx); err != nil {
		return err
	}
	if e.dir != "" {
		e.sleep()
	}
	return nil
}

// made reports whether an earlier start left this very compiler's code on disk.
func (e *Engine) made() bool {
	b, err := os.ReadFile(filepath.Join(e.dir, "typst", madeFile))
	return e.dir != "" && err == nil && string(b) == fingerprint()
}

const madeFile = "made"

// fingerprint names what machine code is made of, by what and for what.
func fingerprint() string {
	maker := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/tetratelabs/wazero" {
				maker = d.Version
			}
		}
	}
	return fmt.Sprintf("%x %s %s/%s\n", sha256.Sum256(packed), maker, runtime.GOOS, runtime.GOARCH)
}

func (e *Engine) prepare() {
	code, err := compile(e.dir, e.workers)
	debug.FreeOSMemory() // making machine code needs hundreds of megabytes once
	e.mu.Lock()
	defer e.mu.Unlock()
	e.code, e.err = code, err
	e.state = State{Phase: Ready, Since: time.Now()}
	if err != nil {
		e.state.Phase, e.state.Error = Failed, err.Error()
	} else if e.dir != "" { // without a disk, reading it again would mean making it again
		e.idle = time.AfterFunc(patience, e.sleep)
	}
	close(e.pending)
}

// sleep gives the memory back, unless the engine is at work; then it tries again later.
func (e *Engine) sleep() {
	select {
	case <-e.turn:
		defer func() { e.turn <- struct{}{} }()
	default:
		e.idle.Reset(patience)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state.Phase != Ready {
		return
	}
	e.code.close()
	e.code, e.state = code{}, State{Phase: Asleep, Since: time.Now()}
	debug.FreeOSMemory()
}

// awake makes ready and takes the turn; a sleep that came between is slept out.
func (e *Engine) awake(ctx context.Context) (code, error) {
	for {
		if err := e.Prepare(ctx); err != nil {
			return code{}, err
		}
		select {
		case <-e.turn:
		case <-ctx.Done():
			return code{}, ctx.Err()
		}
		e.mu.Lock()
		c, ready := e.code, e.state.Phase == Ready
		if ready && e.idle != nil {
			e.idle.Reset(patience)
		}
		e.mu.Unlock()
		if ready {
			return c, nil
		}
		e.turn <- struct{}{}
	}
}

func compile(dir string, workers int) (c code, err error) {
	ctx := experimental.WithCompilationWorkers(context.Background(), workers)
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	unpack, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		return c, fmt.Errorf("unpack the compiler: %w", err)
	}
	defer unpack.Close()
	wasm, err := io.ReadAll(unpack)
	if err != nil {
		return c, fmt.Errorf("unpack the compiler: %w", err)
	}
	// Its memory is one piece of address space from the beginning: to grow it would mean to copy it, again and again, and to hold
	// it twice meanwhile. What is not touched costs nothing.
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(maxPages).WithMemoryCapacityFromMax(true)
	if dir != "" {
		if c.cache, err = wazero.NewCompilationCacheWithDir(filepath.Join(dir, "typst")); err != nil {
			return c, fault.New(fault.Unavailable, "The PDF engine has nowhere to keep its code, for %s cannot be written: %w.", dir, err).
				WithNext("Let Tickmark write there.")
		}
		config = config.WithCompilationCache(c.cache)
	}
	c.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if c.module, err = c.runtime.CompileModule(ctx, wasm); err == nil {
		err = bind(ctx, c.runtime, c.module)
	}
	if err == nil && dir != "" {
		err = os.WriteFile(filepath.Join(dir, "typst", madeFile), []byte(fingerprint()), 0o600)
	}
	if err != nil {
		return c, fmt.Errorf("prepare the compiler: %w", err)
	}
	return c, nil
}

// bind offers the host functions to the compiler; each finds its rendering in the context of the call.
func bind(ctx context.Context, r wazero.Runtime, module wazero.CompiledModule) error {
	host := r.NewHostModuleBuilder("wbg")
	table := imports()
	for _, f := range module.ImportedFunctions() {
		from, name, _ := f.Import()
		do, ok := table[name]
		if from != "wbg" || !ok {
			return fmt.Errorf("the compiler asks for the unknown %s.%s", from, name)
		}
		params := f.ParamTypes()
		host.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
			for i, p := range params {
				if p == api.ValueTypeI32 { // the upper half of such a word is anything
					stack[i] = uint64(uint32(stack[i]))
				}
			}
			do(ctx.Value(sessionKey{}).(*session), stack)
		}), params, f.ResultTypes()).Export(name)
	}
	_, err := host.Instantiate(ctx)
	return err
}

// Job is one document to set.
type Job struct {
	Main  string            // the path of the source to begin with, such as /report.typ
	Files map[string][]byte // sources and data by absolute path
	Fonts [][]byte          // static TTF or OTF; there are no others
}

// Render sets a document. It waits its turn. When ctx ends it returns at once; what the compiler has begun it finishes behind,
// and its turn with it: code that could be stopped at any point takes nearly twice as long, and a document of bounded size
// comes to an end by itself.
func (e *Engine) Render(ctx context.Context, j Job) ([]byte, error) {
	size := 0
	for _, b := range j.Files {
		size += len(b)
	}
	if size > maxInput {
		return nil, fault.New(fault.TooLarge, "The document has %d MB of content, and %d MB are the most that can be set as a PDF.", size>>20, maxInput>>20).
			WithNext("Take a shorter window, or the HTML or JSON of the same report.")
	}
	c, err := e.awake(ctx)
	if err != nil {
		return nil, err
	}
	type result struct {
		pdf []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { e.turn <- struct{}{} }()
		pdf, err := c.render(context.WithoutCancel(ctx), j)
		done <- result{pdf, err}
		debug.FreeOSMemory() // a long document needs half a gigabyte, which nothing else here does
	}()
	select {
	case r := <-done:
		return r.pdf, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
