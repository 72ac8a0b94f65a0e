// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
)

// The census against what tests/progs/classes knows of itself: live objects of each size class against
// the runtime's own counts, and the growth of twelve classes that leak beside garbage.

type classStats struct {
	HeapAlloc uint64
	BySize    []struct{ Size, Mallocs, Frees uint64 }
}

func censusTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		for _, variant := range []string{"plain", "stripped"} {
			variant := variant
			all = append(all,
				testCase{"census/live/" + v + "/" + variant, func(t *T) { t.censusLive(v, variant) }},
				testCase{"census/allocs/" + v + "/" + variant, func(t *T) { t.censusAllocs(v, variant) }})
		}
		all = append(all,
			testCase{"census/growth/" + v, func(t *T) { t.censusGrowth(v) }},
			testCase{"census/load/" + v, func(t *T) { t.censusLoad(v) }})
	}
	return append(all, testCase{"census/floating", func(t *T) { t.censusFloating(t.newest()) }})
}

// censusLive: around the collections nothing is allocated but by the runtime itself.
func (t *T) censusLive(version, variant string) {
	var older, last classStats
	p := t.program(t.build("classes", version, variant))
	p.do("keep 1000")
	p.do("gc")
	p.do("read")
	p.json(&older, "print")
	p.do("gc")
	x := t.attach(p.pid())
	p.do("garbage 3000")
	p.do("keep 2000")
	p.do("gc")
	x.report() // a look at what lives
	p.do("gc")
	p.do("read")
	r := x.report()
	p.json(&last, "print")
	x.stop()
	p.finish()
	if r.Census.Cycles != 1 || r.Census.Missed != 0 {
		t.Errorf("%d cycles counted and %d missed, of the one there was", r.Census.Cycles, r.Census.Missed)
	}
	t.checkClasses(r, &last)
	t.checkOlderBytes(r, older.HeapAlloc)
}

func (t *T) checkClasses(r *report, truth *classStats) {
	for _, want := range truth.BySize {
		if want.Size == 0 {
			continue
		}
		live := want.Mallocs - want.Frees
		if got := r.class(want.Size).LiveObjects; !within(got, live, handful) {
			t.Errorf("%d bytes: %d objects live, really %d", want.Size, got, live)
		}
	}
	if !within(value(r.Census.LiveBytes), truth.HeapAlloc, handfulBytes) {
		t.Errorf("%d bytes live, really %d", value(r.Census.LiveBytes), truth.HeapAlloc)
	}
	for _, size := range []uint64{16, 512, 8192} { // kept and garbage
		if got := r.class(size).AllocObjects; got > handful {
			t.Errorf("%d bytes: %d objects allocated between the collections", size, got)
		}
	}
}

func (t *T) checkOlderBytes(r *report, truth uint64) {
	if got := r.Census.OlderBytes; got == nil || !within(*got, truth, handfulBytes) {
		t.Errorf("older than the attach: %d bytes, really %d; %v", value(got), truth, r.Coverage)
	}
}

// censusFloating: garbage that is made while the collector marks is marked with the rest, and lives for
// nobody: it is young.
func (t *T) censusFloating(version string) {
	const n = 100000
	p := t.program(t.build("classes", version, "plain"))
	x := t.attach(p.pid(), "--heap-only")
	p.do("collide %d", n)
	r := x.report()
	x.stop()
	p.finish()
	live, young := uint64(0), uint64(0)
	for i := range r.Sites {
		if s := &r.Sites[i]; len(s.Frames) > 0 && s.Frames[0].Function == "main.floating" {
			live += value(s.LiveObjects)
			young += s.YoungObjects
		}
	}
	if live > 1 {
		t.Errorf("%d objects live, of which one at a time can be reached", live)
	}
	t.Notef("%d of %d objects young", young, n)
}

func within(a, b, by uint64) bool { return a <= b+by && b <= a+by }

// class is the row of a size, of nothing where there is none.
func (r *report) class(size uint64) class {
	for _, c := range r.Classes {
		if c.Size != nil && *c.Size == size {
			return c
		}
	}
	return class{}
}

const (
	leakCycles  = 40
	leakSeconds = 3
)

// censusGrowth: what leaks grows in step with the clock, however long a step takes.
func (t *T) censusGrowth(version string) {
	var rates []struct{ Size, PerSecond uint64 }
	p := t.program(t.build("classes", version, "stripped"))
	p.json(&rates, "rates")
	x := t.attach(p.pid(), "--heap-only")
	p.do("begin")
	for n, s := 0, 0.0; n < leakCycles || s < leakSeconds; n++ {
		p.do("leak")
		s, _ = strconv.ParseFloat(p.ask("elapsed"), 64)
	}
	r := x.report()
	x.stop()
	p.finish()
	worst := 0.0
	for _, want := range rates {
		got := r.class(want.Size).Rate
		truth := float64(want.Size * want.PerSecond)
		if got.Estimate == nil || got.Low == nil || got.High == nil {
			t.Errorf("%d bytes: no rate after %d cycles", want.Size, r.Census.Cycles)
			continue
		}
		off := *got.Estimate/truth - 1
		worst = math.Max(worst, math.Abs(off))
		if math.Abs(off) > 0.02 || *got.Low > *got.Estimate || *got.High < *got.Estimate {
			t.Errorf("%d bytes: %.0f [%.0f, %.0f] bytes a second, really %.0f: %+.1f %%", want.Size,
				*got.Estimate, *got.Low, *got.High, truth, off*100)
		}
	}
	for _, c := range r.Classes {
		if c.Size != nil && *c.Size == 80 && c.Rate.Low != nil && *c.Rate.Low > 1000 {
			t.Errorf("80 bytes: grows, but nobody allocates any")
		}
	}
	t.Notef("%d cycles, %d missed, off by at most %.2f %%", r.Census.Cycles, r.Census.Missed, worst*100)
}

// watcher is tests/bench/census: nothing but the census, with probes or without.
func (t *T) watcher(pid int, mode string) *program {
	tool := filepath.Join(filepath.Dir(t.tool), "census")
	w := &program{t.start(exec.Command(tool, fmt.Sprint(pid), mode))}
	w.line(w.stdout, "ready")
	return w
}

type allocs struct {
	Error        string
	Alloc, Above []uint64
	LargeBytes   uint64 `json:"large_bytes"`
	Tiny         uint64
}

func (w *program) allocs() *allocs {
	a := &allocs{}
	w.json(a, "allocs")
	if a.Error != "" {
		w.t.Fatalf("the counts cannot be read: %s", a.Error)
	}
	return a
}

// censusAllocs: what is allocated between two readings is told to the object, and what was allocated ever is what
// the runtime says of itself.
func (t *T) censusAllocs(version, variant string) {
	const n = 12345
	var truth classStats
	p := t.program(t.build("classes", version, variant))
	w := t.watcher(p.pid(), "poll")
	p.do("garbage 1")
	before := w.allocs()
	p.do("garbage %d", n)
	after := w.allocs()
	p.do("read")
	last := w.allocs()
	p.json(&truth, "print")
	w.finish()
	p.finish()
	for i, c := range truth.BySize[1:] { // the first is of large objects
		i++
		if got := last.Alloc[i]; !within(got, c.Mallocs, handful) {
			t.Errorf("%d bytes: %d were allocated, really %d", c.Size, got, c.Mallocs)
		}
		got, want := after.Alloc[i]-before.Alloc[i], uint64(0)
		switch c.Size {
		case 16, 32, 48, 64, 96, 128, 256, 512, 1024, 2048, 4096, 8192:
			want = n
		}
		if !within(got, want, handful) || after.Above[i]+before.Above[i] != 0 {
			t.Errorf("%d bytes: %d were allocated in between (uncertain by %d and %d), really %d", c.Size, got,
				before.Above[i], after.Above[i], want)
		}
	}
}

type growth struct {
	Classes []struct {
		Size, PerSecond int
		Base            uint64
	}
	Steps []struct{ Before, After, Elapsed int64 }
}

// lag is the longest time, s, by which what is kept was behind the clock.
func (g *growth) lag() float64 {
	worst := int64(0)
	for i := 1; i < len(g.Steps); i++ {
		if d := g.Steps[i].After - g.Steps[i-1].Before; d > worst {
			worst = d
		}
	}
	return float64(worst) / 1e9
}

// kept is how many of a class lived at that time, at least and at most; false: it is not known.
func (g *growth) kept(class int, ns int64) (low, high int64, known bool) {
	c := &g.Classes[class]
	n := len(g.Steps)
	last := sort.Search(n, func(i int) bool { return g.Steps[i].After > ns }) - 1
	next := sort.Search(n, func(i int) bool { return g.Steps[i].Before >= ns })
	if last < 0 || next == n {
		return 0, 0, false
	}
	at := func(i int) int64 { return int64(c.PerSecond)*g.Steps[i].Elapsed/1e9 + int64(c.Base) }
	return at(last), at(next), true
}

type watched struct {
	Cycles, Missed uint64
	Span           float64 `json:"alloc_span_s"`
	Classes        []struct {
		Size            int
		Allocs          uint64 `json:"alloc_objects"`
		Rate, Low, High *float64
	}
}

type cycles struct {
	Missed uint64
	Cycles []struct {
		Time               int64 `json:"time_ns"`
		Live, Below, Above []int64
	}
}

// The classes of tests/progs/growth by their numbers (runtime/sizeclasses.go).
var growthClasses = []int{2, 4, 5, 6, 8, 10, 18, 26, 32, 38, 44, 51}

// censusLoad: twelve leaks beside garbage as fast as it goes, under the runtime's own collections, with the
// collector's probes and without.
func (t *T) censusLoad(version string) {
	const seconds, enough, most = 15, 16, 50
	var truth growth
	var probe, poll watched
	var seen, marked cycles
	p := t.program(t.build("growth", version, "stripped"))
	withProbes, polling, keeping := t.watcher(p.pid(), "probe"), t.watcher(p.pid(), "poll"), t.watcher(p.pid(), "cycles")
	marking := t.watcher(p.pid(), "marks")
	p.do("begin 1")
	n, rate := 0, 0.0
	for ; n < seconds || (n < most && poll.Cycles < enough); n++ {
		r, _ := strconv.ParseFloat(p.ask("run 1000"), 64)
		rate += r
		if n+1 >= seconds {
			polling.json(&poll, "report")
		}
	}
	withProbes.json(&probe, "report")
	keeping.json(&seen, "cycles")
	marking.json(&marked, "cycles")
	p.do("end")
	p.json(&truth, "truth")
	for _, w := range []*program{withProbes, polling, keeping, marking} {
		w.finish()
	}
	p.finish()
	if poll.Cycles < enough || probe.Cycles < enough {
		t.Skipf("the machine is too busy: %d and %d cycles in %d s", probe.Cycles, poll.Cycles, n)
	}
	t.Notef("%.1f million allocations/s, %d cycles with probes, %d without and %d missed", rate/1e6/float64(n),
		probe.Cycles, poll.Cycles, poll.Missed)
	// Growth is told over the last two thirds.
	slack := truth.lag() / (float64(n) * 2 / 3)
	t.checkRates("with probes", &truth, &probe, slack, math.Inf(1))
	t.checkRates("without", &truth, &poll, slack, 100000)
	t.checkCycles("without", &truth, &seen)
	t.checkCycles("with probes", &truth, &marked)
}

// checkRates: classes of less than so many allocations a second within 2 %, and the intervals hold.
func (t *T) checkRates(how string, truth *growth, got *watched, slack, limit float64) {
	worst := 0.0
	for _, want := range truth.Classes {
		rate := float64(want.Size * want.PerSecond)
		found := false
		for _, c := range got.Classes {
			if c.Size != want.Size || c.Rate == nil {
				continue
			}
			found = true
			off := *c.Rate/rate - 1
			if float64(c.Allocs)/got.Span < limit {
				worst = math.Max(worst, math.Abs(off))
				if math.Abs(off) > 0.02+slack {
					t.Errorf("%s, %d bytes: %.0f bytes a second, really %.0f: %+.1f %%", how, c.Size, *c.Rate,
						rate, 100*off)
				}
			}
			if *c.Low > *c.Rate || *c.High < *c.Rate || *c.Low > rate*(1+slack) || *c.High < rate*(1-slack) {
				t.Errorf("%s, %d bytes: [%.0f, %.0f] bytes a second, really %.0f", how, c.Size, *c.Low, *c.High, rate)
			}
		}
		if !found {
			t.Errorf("%s, %d bytes: no rate", how, want.Size)
		}
	}
	t.Notef("%s: off by at most %.2f %%", how, 100*worst)
}

// checkCycles: what lived lies within the bounds in each of them, of each class, however fast it is allocated.
func (t *T) checkCycles(how string, truth *growth, got *cycles) {
	n := 0
	for _, c := range got.Cycles {
		for i, class := range growthClasses {
			low, high, known := truth.kept(i, c.Time)
			if !known {
				continue
			}
			n++
			if c.Live[class]-c.Below[class] > high+handful || c.Live[class]+c.Above[class] < low-handful {
				t.Errorf("%s, %d bytes: %d objects live, %d less or %d more; really %d to %d", how,
					truth.Classes[i].Size, c.Live[class], c.Below[class], c.Above[class], low, high)
			}
		}
	}
	if n == 0 {
		t.Errorf("%s: no cycle can be compared", how)
	}
}
