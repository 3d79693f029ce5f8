// Command bench judges one corpus with Tickmark and with what else could judge it, requires the same answers of all, and writes
// the table of docs/performance.md. `make bench` in the root runs it; CONTRIBUTING.md says more.
package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench() error {
	records := flag.Int("records", 12_000, "records that every engine in a process judges")
	million := flag.Int("million", 1_000_000, "records that Tickmark judges once for their total; 0: none")
	few := flag.Int("few", 6_000, "records that programs judge, which take so much longer")
	stored := flag.Int("stored", 40_000, "records of the workspace in which changes are followed")
	rounds := flag.Int("rounds", 7, "rounds, in which the engines take turns; medians are told")
	seed := flag.Uint64("seed", 1, "of the records")
	bin := flag.String("bin", "bin", "where opa and conftest are kept, and put when they are missing")
	write := flag.String("write", "", "the file between whose markers the tables go; empty: none")
	flag.Parse()
	bindir, err := filepath.Abs(*bin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tickmark-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	docs := corpus(*records, *seed)
	sizes := map[string]int{}
	for _, d := range docs {
		sizes[d.kind] += len(d.body)
	}
	for _, k := range kinds {
		sizes[k.Name] /= max(len(docs)/len(kinds), 1)
	}
	averages := slices.Sorted(maps.Values(sizes))
	for i, k := range kinds {
		for n := i; n < 600; n += len(kinds) {
			g := &gen{rand.New(rand.NewPCG(*seed, uint64(n)))}
			_, body := g.record(k.Name, n)
			complete(&kinds[i].Fields, body)
		}
	}
	files, err := checks(*seed)
	if err != nil {
		return err
	}
	words, err := vocabulary()
	if err != nil {
		return err
	}
	ours, err := tickmark(words, files, &now, "**Tickmark**", "the product's own: a body parsed once, judged by its checks")
	if err != nil {
		return err
	}

	var whole string
	if *million > 0 { // first, while nothing else takes memory
		var m meter
		out := make([]bool, len(docs)*perKind)
		m.start()
		for left := *million; left > 0; left -= len(docs) {
			if _, err := ours.judge(docs[:min(left, len(docs))], out); err != nil {
				return err
			}
		}
		spent, _ := m.stop()
		whole = fmt.Sprintf("%d records x %d checks by Tickmark: %.2f s of processor time; the whole process, with the records in it, held %d MB at most.", *million, perKind, spent.Seconds(), resident()>>20)
		fmt.Println(whole)
	}

	engines := []engine{hand(), ours}
	for _, open := range []func() (engine, error){
		func() (engine, error) {
			return tickmark(words.Plain(), files, &now, "Tickmark by CEL alone", "the same without the functions of `internal/expr/closure.go`")
		},
		func() (engine, error) { return sqlite(docs) },
		func() (engine, error) { return postgres(docs) },
		func() (engine, error) { return opa(false) },
		func() (engine, error) { return opa(true) },
		func() (engine, error) { return opaEval(bindir, dir, *few, docs) },
		func() (engine, error) { return conftest(bindir, dir, *few, docs) },
	} {
		e, err := open()
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		engines = append(engines, e)
	}
	costs, err := compare(engines, docs, *rounds)
	if err != nil {
		return err
	}
	inOurs, inAged, inFull, err := history(dir, corpus(*stored, *seed), files, min(*rounds, 3), *seed)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}

	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s: %s. %d records of 6 kinds, whose canonical JSON takes\n%d to %d bytes on average, seed %d, 5 checks each; medians of %d interleaved rounds, processor time. Every engine gave the same answers.\n\n",
		time.Now().Format(time.DateOnly), machine(), len(docs), averages[0], averages[len(averages)-1], *seed, *rounds)
	b.WriteString("| engine | ns for an answer, from bytes | to Go by hand | to Tickmark | how |\n|---|---|---|---|---|\n")
	for i, e := range engines {
		if e.skip != "" {
			fmt.Fprintf(&b, "| %s | - | - | - | skipped: %s |\n", e.name, strings.ReplaceAll(e.skip, "|", " "))
			continue
		}
		how := e.how
		if e.most > 0 {
			how += fmt.Sprintf("; %d records", min(e.most, len(docs)))
		}
		fmt.Fprintf(&b, "| %s | %.0f | %.2f | %.2f | %s |\n", e.name, costs[i], costs[i]/costs[0], costs[i]/costs[1], how)
	}
	if whole != "" {
		b.WriteString("\n" + whole + "\n")
	}
	fmt.Fprintf(&b, "\nA run over %d records of which %d changed, SQLite on disk, until the answers are committed:\n\n| way | processor time | wall time | rows of answers |\n|---|---|---|---|\n", *stored, changed)
	fmt.Fprintf(&b, "| **Tickmark**: judge what changed, write what flipped with its proofs, and the findings of all checks | %s |\n", told(inOurs))
	fmt.Fprintf(&b, "| the same an hour later, so that the kinds of whose records one has come of age are judged whole | %s |\n", told(inAged))
	fmt.Fprintf(&b, "| judge everything and store every answer, with the same judge | %s |\n", told(inFull))
	fmt.Print("\n", b.String())
	if *write == "" {
		return nil
	}
	return between(*write, "`make bench`, which runs `go run . "+strings.Join(os.Args[1:], " ")+"` in `bench`.\n"+b.String())
}

// compare lets the engines take turns and gives the median processor time of one answer, in nanoseconds. The first turn is not
// counted: in it, and in every other, the answers must be those of the first engine.
func compare(engines []engine, docs []doc, rounds int) ([]float64, error) {
	want, out := make([]bool, len(docs)*perKind), make([]bool, len(docs)*perKind)
	if _, err := engines[0].judge(docs, want); err != nil {
		return nil, err
	}
	all := make([][]float64, len(engines))
	for round := range rounds + 1 {
		for n, e := range engines {
			if e.skip != "" {
				continue
			}
			some := docs
			if e.most > 0 {
				some = docs[:min(e.most, len(docs))]
				if round > 3 { // each turn takes a minute
					continue
				}
			}
			clear(out)
			var m meter
			m.start()
			elsewhere, err := e.judge(some, out)
			spent, _ := m.stop()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.name, err)
			}
			for i, d := range some {
				for j, r := range rulesOf(d.kind) {
					if out[i*perKind+j] != want[i*perKind+j] {
						return nil, fmt.Errorf("%s says %v of %s about %s, and %s says %v:\n%s", e.name, out[i*perKind+j], r.id, d.key, engines[0].name, want[i*perKind+j], d.body)
					}
				}
			}
			if round > 0 {
				all[n] = append(all[n], float64(spent+elsewhere)/float64(len(some)*perKind))
			}
		}
	}
	medians := make([]float64, len(engines))
	for n := range all {
		if len(all[n]) > 0 {
			slices.Sort(all[n])
			medians[n] = all[n][len(all[n])/2]
			fmt.Printf("%-40s %10.0f ns (%.0f to %.0f)\n", engines[n].name, medians[n], all[n][0], all[n][len(all[n])-1])
		}
	}
	return medians, nil
}

// meter measures this process.
type meter struct {
	spent time.Duration
	begun time.Time
}

func (m *meter) start() {
	runtime.GC()
	m.spent, m.begun = used(), time.Now()
}

func (m *meter) stop() (spent, took time.Duration) { return used() - m.spent, time.Since(m.begun) }

func used() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// resident is the most memory that this process held, in bytes.
func resident() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	if runtime.GOOS == "darwin" {
		return r.Maxrss
	}
	return r.Maxrss << 10
}

func told(all []kept) string {
	median := func(of func(kept) float64) float64 {
		var v []float64
		for _, k := range all {
			v = append(v, of(k))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return fmt.Sprintf("%.1f ms | %.1f ms | %.0f", median(func(k kept) float64 { return float64(k.spent.Microseconds()) / 1000 }),
		median(func(k kept) float64 { return float64(k.took.Microseconds()) / 1000 }), median(func(k kept) float64 { return float64(k.rows) }))
}

// machine says what this was measured on, as far as it can be told.
func machine() string {
	model, load := runtime.GOARCH, ""
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
			}
		}
	}
	if l, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Fields(string(l))[0] + " at the end"
	}
	return fmt.Sprintf("%d x %s, %s, %s%s", runtime.NumCPU(), model, runtime.GOOS, runtime.Version(), load)
}

// between replaces what stands between the markers of a file.
func between(file, text string) error {
	const begin, end = "<!-- bench: begin -->\n", "<!-- bench: end -->"
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no line %q with %q after it", file, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(file, []byte(before+begin+text+end+after), 0o644)
}
