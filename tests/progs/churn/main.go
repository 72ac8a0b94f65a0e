// SPDX-License-Identifier: BSD-2-Clause

// Churn is the program of the benchmark that is asked how much it gets done: it works at a rate that it
// was given, as fast as it can, so that whatever slows it down shows; or at a pace, so that it takes little
// itself, and whatever it takes beyond that shows.
//
// "allocs N" and "goroutines N" set what a turn is, and let it compute beside so long that N turns take
// about a second; "run MS" works for that long and answers turns a second.  "pace N" has it sleep so that it does no
// more than N turns a second (0: as fast as it can), with nothing to compute.  "gap MS" looks at the clock for
// that long and answers the longest time between two looks, ns.  "ballast N" holds N MiB in objects of 1 KiB,
// "keep N" so many objects of 48 bytes; "gc" collects.  Built with the tag "profiled" it links net/http/pprof,
// so that the runtime's memory profiler is live.
package main

import (
	"runtime"
	"time"

	"progs/ctl"
)

type node struct {
	next *node
	data [3]uint64
}

var (
	turn  = allocate
	work  int // turns of spin() for each turn
	pace  int // turns a second; 0: as many as it can
	bytes []byte
	nodes *node
	sum   uint64
	done  = make(chan bool)
)

func main() {
	ctl.Loop(map[string]func(int){
		"allocs":     func(n int) { turn = allocate; fit(n); ctl.OK() },
		"goroutines": func(n int) { turn = start; fit(n); ctl.OK() },
		"pace":       func(n int) { pace, work = n, 0; ctl.OK() },
		"run":        func(n int) { ctl.Number(run(time.Duration(n) * time.Millisecond)) },
		"gap":        func(n int) { ctl.Number(gap(time.Duration(n) * time.Millisecond)) },
		"ballast":    func(n int) { hold(n); ctl.OK() },
		"keep":       func(n int) { keep(n); ctl.OK() },
		"gc":         func(int) { runtime.GC(); ctl.OK() },
	})
}

// run answers turns a second.
func run(d time.Duration) float64 {
	const naps = 100 // a second
	between := 100   // looks at the clock
	if pace > 0 {
		between = pace / naps
	}
	n := 0
	begin := time.Now()
	for time.Since(begin) < d {
		for i := 0; i < between; i++ {
			turn(n + i)
			spin(work)
		}
		n += between
		if pace > 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(n) * time.Second / time.Duration(pace))))
		}
	}
	return float64(n) / time.Since(begin).Seconds()
}

// fit chooses the work so that a turn takes 1/n of a second, as far as one can.
func fit(n int) {
	low, high := 0, 100000
	for low+1 < high {
		work = (low + high) / 2
		if run(30*time.Millisecond) > float64(n) {
			low = work
		} else {
			high = work
		}
	}
	work = low
}

func spin(n int) {
	x := sum | 1
	for i := 0; i < n; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	sum = x
}

// allocate makes garbage of many sizes, with pointers and without.
func allocate(i int) {
	if i%4 == 0 {
		nodes = newNode()
	} else {
		bytes = newBytes(16 << (uint(i) % 5))
	}
}

//go:noinline
func newNode() *node { return new(node) }

//go:noinline
func newBytes(n int) []byte { return make([]byte, n) }

func start(int) {
	go func() { done <- true }()
	<-done
}

func gap(d time.Duration) float64 {
	begin := time.Now()
	last, longest := begin, time.Duration(0)
	for last.Sub(begin) < d {
		now := time.Now()
		if now.Sub(last) > longest {
			longest = now.Sub(last)
		}
		last = now
	}
	return float64(longest.Nanoseconds())
}

type block struct {
	next *block
	data [1016]byte
}

var ballast *block

func hold(mib int) {
	ballast = nil
	for i := 0; i < mib*1024; i++ {
		ballast = &block{next: ballast}
		ballast.data[i%1000] = 1 // resident
	}
}

type kept struct {
	next *kept
	data [5]uint64
}

var all *kept

//go:noinline
func keep(n int) {
	for i := 0; i < n; i++ {
		all = &kept{next: all}
	}
}
