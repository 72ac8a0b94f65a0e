// SPDX-License-Identifier: BSD-2-Clause

// Growth leaks objects of twelve size classes in step with the clock, beside garbage of some of the same
// made as fast as it goes, under the runtime's own collections; and remembers when it had kept how many.
//
// Commands: "begin N" starts to leak for at most a minute, with N goroutines that make garbage; "run MS"
// works on for that long and answers allocations a second; "end" stops; "truth" says what was leaked.
// "hold N" keeps N MiB and "garbage N" makes garbage without any leak; "collections N" is as "run", until N
// of them are over.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"progs/ctl"
)

// Class is a leak; Base is how many of that size lived before, its own and the runtime's.
type Class struct {
	Size, PerSecond int
	Base            uint64
	kept            []unsafe.Pointer
}

// Step is one moment: by After, PerSecond * Elapsed of each class were kept, and before Before none of
// what is new in it.  All in ns; Before and After are CLOCK_MONOTONIC.
type Step struct {
	Before, After, Elapsed int64
}

const maxSeconds = 60

var (
	classes = []Class{
		{Size: 16, PerSecond: 20000}, {Size: 32, PerSecond: 15000}, {Size: 48, PerSecond: 10000},
		{Size: 64, PerSecond: 8000}, {Size: 96, PerSecond: 5000}, {Size: 128, PerSecond: 3000},
		{Size: 256, PerSecond: 2000}, {Size: 512, PerSecond: 1500}, {Size: 1024, PerSecond: 1000},
		{Size: 2048, PerSecond: 600}, {Size: 4096, PerSecond: 400}, {Size: 8192, PerSecond: 300},
	}
	steps   []Step
	held    [][]byte
	running sync.WaitGroup
	stop    int32
	turns   []struct {
		n uint64
		_ [120]byte // each in cache lines of its own
	}
)

func main() {
	for i := range classes {
		classes[i].kept = make([]unsafe.Pointer, 0, classes[i].PerSecond*maxSeconds)
	}
	steps = make([]Step, 0, 1000*maxSeconds)
	ctl.Loop(map[string]func(int){
		"begin":       func(n int) { begin(n); ctl.OK() },
		"run":         func(n int) { ctl.Number(rate(time.Duration(n) * time.Millisecond)) },
		"end":         func(int) { atomic.StoreInt32(&stop, 1); running.Wait(); ctl.OK() },
		"truth":       func(int) { truth() },
		"hold":        func(n int) { hold(n); ctl.OK() },
		"garbage":     func(n int) { start(n); ctl.OK() },
		"collections": func(n int) { ctl.Number(rateOver(n)) },
	})
}

func begin(n int) {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	for i := range classes {
		for _, s := range stats.BySize {
			if int(s.Size) == classes[i].Size {
				classes[i].Base = s.Mallocs - s.Frees
			}
		}
	}
	running.Add(1)
	go leak()
	start(n)
}

func start(n int) {
	turns = append(turns[:0], make([]struct {
		n uint64
		_ [120]byte
	}, n)...)
	running.Add(n)
	for i := 0; i < n; i++ {
		go garbage(&turns[i].n)
	}
}

func hold(n int) {
	for ; n > 0; n-- {
		held = append(held, make([]byte, 1<<20))
	}
}

func now() int64 {
	const monotonic = 1
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Sec*1e9 + ts.Nsec
}

func leak() {
	defer running.Done()
	start := now()
	for atomic.LoadInt32(&stop) == 0 && len(steps) < cap(steps) {
		s := Step{Before: now()}
		s.Elapsed = s.Before - start
		if s.Elapsed >= maxSeconds*1e9 {
			return
		}
		for i := range classes {
			c := &classes[i]
			for n := int(int64(c.PerSecond) * s.Elapsed / 1e9); len(c.kept) < n; {
				c.kept = append(c.kept, alloc(c.Size))
			}
		}
		s.After = now()
		steps = append(steps, s)
		time.Sleep(time.Millisecond)
	}
}

//go:noinline
func alloc(size int) unsafe.Pointer {
	b := make([]byte, size)
	return unsafe.Pointer(&b[0])
}

type (
	small  [16]byte
	middle [48]byte
	large  [96]byte
)

// garbage counts objects: of four sizes, of which 24 bytes are nobody's leak.
func garbage(n *uint64) {
	defer running.Done()
	var a *small
	var b *middle
	var c *large
	var d *[24]byte
	for atomic.LoadInt32(&stop) == 0 {
		for i := 0; i < 100; i++ {
			for k := 0; k < 6; k++ {
				a = newSmall()
			}
			b, c, d = newMiddle(), newLarge(), newOther()
			b, d = newMiddle(), newOther()
		}
		atomic.AddUint64(n, 1100)
	}
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
	runtime.KeepAlive(c)
	runtime.KeepAlive(d)
}

//go:noinline
func newSmall() *small { return new(small) }

//go:noinline
func newMiddle() *middle { return new(middle) }

//go:noinline
func newLarge() *large { return new(large) }

//go:noinline
func newOther() *[24]byte { return new([24]byte) }

func total() (n uint64) {
	for i := range turns {
		n += atomic.LoadUint64(&turns[i].n)
	}
	return n
}

// rate takes exact times, not the one asked for.
func rate(d time.Duration) float64 {
	n, start := total(), now()
	time.Sleep(d)
	return float64(total()-n) / (float64(now()-start) / 1e9)
}

// collected tells of the end of each collection, when its finalizer runs.
type collected struct{ over chan<- sample }

type sample struct {
	allocs uint64
	ns     int64
}

func tell(c *collected) {
	select {
	case c.over <- sample{total(), now()}:
		runtime.SetFinalizer(&collected{c.over}, tell)
	default: // nobody waits any more
	}
}

// rateOver begins with the end of a collection and ends with that of the n-th after it.
func rateOver(n int) float64 {
	over := make(chan sample, n+1) // and not more than that once nobody waits
	runtime.SetFinalizer(&collected{over}, tell)
	first := <-over
	last := first
	for ; n > 0; n-- {
		last = <-over
	}
	return float64(last.allocs-first.allocs) / (float64(last.ns-first.ns) / 1e9)
}

func truth() {
	ctl.JSON(struct {
		Classes []Class
		Steps   []Step
		Allocs  uint64
	}{classes, steps, total()})
}
