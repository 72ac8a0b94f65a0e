// SPDX-License-Identifier: BSD-2-Clause

// Bench measures what tracing costs the target, and what the tool can do, beside an empty BPF program at
// the same places and other tracers, all in one run: rounds interleaved, medians.  Judge the ratios, not the
// digits: the machine is rarely quiet.  It prints a table with the bars; it never fails because one is missed.
//
// usage: bench -tool GOBPFLEAK -empty EMPTY -root TREE [-rounds N] [-run REGEXP]	(make bench)
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
)

type bench struct {
	tool, empty, root, tmp string
	rounds                 int
	cleanups               []func()
	rows                   []row
}

// row is a line of the table.
type row struct {
	what, bar, measured string
	met                 bool
}

// fatal ends a part, with a row that says why.
type fatal string

func (b *bench) must(err error, what ...interface{}) {
	if err != nil {
		panic(fatal(strings.TrimSpace(fmt.Sprintln(what...)) + ": " + err.Error()))
	}
}

func (b *bench) cleanup(f func()) { b.cleanups = append(b.cleanups, f) }

func (b *bench) finish() {
	for i := len(b.cleanups) - 1; i >= 0; i-- {
		b.cleanups[i]()
	}
	b.cleanups = nil
}

func (b *bench) row(met bool, what, bar, format string, args ...interface{}) {
	r := row{what, bar, fmt.Sprintf(format, args...), met}
	b.rows = append(b.rows, r)
	fmt.Println(r)
}

// note is a line without a bar.
func (b *bench) note(what, format string, args ...interface{}) {
	b.row(true, what, "", format, args...)
}

func (r row) String() string {
	verdict := ""
	if r.bar != "" {
		verdict = map[bool]string{true: "met", false: "MISSED"}[r.met]
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", r.what, r.bar, r.measured, verdict)
}

// Each ends what it has started.
var parts = []struct {
	name string
	run  func(b *bench)
}{
	{"hit", (*bench).hits},
	{"budget", (*bench).budgets},
	{"service", (*bench).services},
	{"cost", (*bench).costs},
	{"goroutines", (*bench).manyGoroutines},
	{"bursts", (*bench).bursts},
	{"attach", (*bench).attachAndLeave},
	{"memory", (*bench).memory},
	{"types", (*bench).realHeaps},
	{"heap", (*bench).bigHeap},
	{"census", (*bench).census},
	{"watch", (*bench).watch},
	{"estimates", (*bench).estimates},
}

func sorted(v []float64) []float64 {
	s := append([]float64(nil), v...)
	sort.Float64s(s)
	return s
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := sorted(v)
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(text)
	if m == nil {
		return runtime.GOARCH
	}
	return string(m[1])
}

func kernel() string {
	out, _ := exec.Command("uname", "-r").Output()
	return strings.TrimSpace(string(out))
}

func (b *bench) all(only *regexp.Regexp) {
	for _, p := range parts {
		if !only.MatchString(p.name) {
			continue
		}
		func() {
			defer b.finish()
			defer func() {
				if r, ok := recover().(fatal); ok {
					b.row(false, p.name, "could not be measured", "%s", string(r))
				} else if r := recover(); r != nil {
					panic(r)
				}
			}()
			p.run(b)
		}()
	}
}

func main() {
	b := &bench{}
	flag.StringVar(&b.tool, "tool", "", "gobpfleak")
	flag.StringVar(&b.empty, "empty", "", "the program that attaches an empty BPF program")
	flag.StringVar(&b.root, "root", ".", "the project's tree")
	flag.IntVar(&b.rounds, "rounds", 7, "of each measurement")
	only := flag.String("run", "", "parts to run, a regular expression")
	flag.Parse()
	for _, path := range []*string{&b.tool, &b.empty, &b.root} {
		*path, _ = filepath.Abs(*path)
	}
	tmp, err := os.MkdirTemp("", "bench")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.RemoveAll(tmp)
	b.tmp = tmp
	fmt.Printf("%s, %d processors, kernel %s, %d rounds\n\n| what | bar | measured | |\n|---|---|---|---|\n",
		processor(), runtime.NumCPU(), kernel(), b.rounds)
	b.all(regexp.MustCompile(*only))
}
