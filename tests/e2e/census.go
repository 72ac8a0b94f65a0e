// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"math"
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
			all = append(all, testCase{"census/live/" + v + "/" + variant, func(t *T) { t.censusLive(v, variant) }})
		}
		all = append(all, testCase{"census/growth/" + v, func(t *T) { t.censusGrowth(v) }})
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
		t.Errorf("older than the attach: %d bytes, really %d", value(got), truth)
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
