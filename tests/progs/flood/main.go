// SPDX-License-Identifier: BSD-2-Clause

// Flood does more than anybody can follow at a fair price, with leaks and crowds beside it of which it
// keeps a ledger.
//
// "flood N": two loops that make N objects of garbage a second each, or as many as they get done, of 16 bytes
// to 8 KiB, each size half as often as the one below; 0 stops them. "made N" answers when N more have been
// made. "leak": twelve leaks, each of its own size and at its own rate, or with "leak N" the one that stands
// at N; "dry" stops them. "keep N": so many more of each at once. "crowd N": so many goroutines that wait at
// one place. "brief N": N goroutines a second that end at once; 0 stops that. "gc" collects. "ledger" says
// what is kept and how many goroutines wait and were started, "mallocs" how many objects were made in all.
// Built with the tag "profiled" it has the runtime's memory profiler at its side, and "samples" says what
// that has sampled.
package main

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"progs/ctl"
)

const loops = 2

var (
	rate  int64 // of each loop, objects a second
	busy  int64 // loops that have something to do
	made  uint64
	sinks [loops][]byte

	leaking int64 // 0: none, everyLeak, or the one that stands there
	active  int64 // leaks that have not seen yet that they do not

	briefRate int64
	started   int64 // goroutines of crowd and brief
	waiting   int64
	forever   = make(chan bool)

	// samples is there with the profiler.
	samples = func() { ctl.JSON(nil) }
)

func main() {
	for i := range leaks {
		leaks[i].kept = make([]unsafe.Pointer, 0, maxKept)
		go leaks[i].run(int64(i) + 1)
	}
	for i := 0; i < loops; i++ {
		go loop(&sinks[i])
	}
	go startBrief()
	ctl.Loop(map[string]func(int){
		"flood":   flood,
		"made":    func(n int) { waitFor(uint64(n)); ctl.OK() },
		"leak":    func(n int) { leakOf(n); ctl.OK() },
		"dry":     func(int) { dry(); ctl.OK() },
		"keep":    func(n int) { keep(n); ctl.OK() },
		"crowd":   func(n int) { crowd(n); ctl.OK() },
		"brief":   func(n int) { atomic.StoreInt64(&briefRate, int64(n)); ctl.OK() },
		"gc":      func(int) { runtime.GC(); ctl.OK() },
		"ledger":  func(int) { ledger() },
		"mallocs": func(int) { mallocs() },
		"samples": func(int) { samples() },
	})
}

// ---- garbage ----

func flood(n int) {
	atomic.StoreInt64(&rate, int64(n))
	for n == 0 && atomic.LoadInt64(&busy) > 0 {
		time.Sleep(time.Millisecond)
	}
	ctl.OK()
}

func loop(sink *[]byte) {
	for turn := 0; ; {
		n := int(atomic.LoadInt64(&rate) / 1000)
		begin := time.Now()
		if n > 0 {
			atomic.AddInt64(&busy, 1)
			for i := 0; i < n; i++ {
				*sink = garbage(16 << uint(bits.TrailingZeros(uint(turn)|512)))
				turn++
			}
			*sink = nil
			atomic.AddUint64(&made, uint64(n))
			atomic.AddInt64(&busy, -1)
		}
		if rest := time.Millisecond - time.Since(begin); rest > 0 {
			time.Sleep(rest)
		}
	}
}

//go:noinline
func garbage(n int) []byte { return make([]byte, n) }

func waitFor(n uint64) {
	for end := atomic.LoadUint64(&made) + n; atomic.LoadUint64(&made) < end; {
		time.Sleep(time.Millisecond)
	}
}

func mallocs() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	ctl.Number(float64(m.Mallocs))
}

// ---- leaks ----

const maxKept = 1 << 19

type leak struct {
	size, rate int // bytes, objects a second
	one        func() unsafe.Pointer
	kept       []unsafe.Pointer
}

var leaks = []leak{
	{16, 5000, leak16, nil}, {32, 4000, leak32, nil}, {48, 3000, leak48, nil}, {64, 2500, leak64, nil},
	{96, 2000, leak96, nil}, {128, 1500, leak128, nil}, {256, 1000, leak256, nil}, {512, 800, leak512, nil},
	{1024, 600, leak1024, nil}, {2048, 400, leak2048, nil}, {4096, 300, leak4096, nil}, {8192, 300, leak8192, nil},
}

//go:noinline
func leak16() unsafe.Pointer { return unsafe.Pointer(new([16]byte)) }

//go:noinline
func leak32() unsafe.Pointer { return unsafe.Pointer(new([32]byte)) }

//go:noinline
func leak48() unsafe.Pointer { return unsafe.Pointer(new([48]byte)) }

//go:noinline
func leak64() unsafe.Pointer { return unsafe.Pointer(new([64]byte)) }

//go:noinline
func leak96() unsafe.Pointer { return unsafe.Pointer(new([96]byte)) }

//go:noinline
func leak128() unsafe.Pointer { return unsafe.Pointer(new([128]byte)) }

//go:noinline
func leak256() unsafe.Pointer { return unsafe.Pointer(new([256]byte)) }

//go:noinline
func leak512() unsafe.Pointer { return unsafe.Pointer(new([512]byte)) }

//go:noinline
func leak1024() unsafe.Pointer { return unsafe.Pointer(new([1024]byte)) }

//go:noinline
func leak2048() unsafe.Pointer { return unsafe.Pointer(new([2048]byte)) }

//go:noinline
func leak4096() unsafe.Pointer { return unsafe.Pointer(new([4096]byte)) }

//go:noinline
func leak8192() unsafe.Pointer { return unsafe.Pointer(new([8192]byte)) }

func (l *leak) add() {
	if len(l.kept) < maxKept {
		l.kept = append(l.kept, l.one())
	}
}

const everyLeak = -1

func leakOf(place int) {
	which := int64(place)
	if which == 0 {
		which = everyLeak
	}
	atomic.StoreInt64(&leaking, which)
}

func isMeant(place int64) bool {
	which := atomic.LoadInt64(&leaking)
	return which == everyLeak || which == place
}

// run leaks in step with the clock, however seldom it is called.
func (l *leak) run(place int64) {
	for {
		for !isMeant(place) {
			time.Sleep(time.Millisecond)
		}
		atomic.AddInt64(&active, 1)
		before, begin := len(l.kept), time.Now()
		for isMeant(place) {
			for due := before + int(float64(l.rate)*time.Since(begin).Seconds()); len(l.kept) < due && len(l.kept) < maxKept; {
				l.add()
			}
			time.Sleep(time.Millisecond)
		}
		atomic.AddInt64(&active, -1)
	}
}

func dry() {
	atomic.StoreInt64(&leaking, 0)
	for atomic.LoadInt64(&active) > 0 {
		time.Sleep(time.Millisecond)
	}
}

func keep(n int) {
	for i := range leaks {
		for k := 0; k < n; k++ {
			leaks[i].add()
		}
	}
}

// ---- goroutines ----

func crowd(n int) {
	for i := 0; i < n; i++ {
		atomic.AddInt64(&started, 1)
		go wait()
	}
	for atomic.LoadInt64(&waiting) < int64(n) {
		time.Sleep(time.Millisecond)
	}
}

func wait() {
	atomic.AddInt64(&waiting, 1)
	<-forever
}

func startBrief() {
	done := make(chan bool)
	for {
		begin := time.Now()
		for n := atomic.LoadInt64(&briefRate) / 1000; n > 0; n-- {
			atomic.AddInt64(&started, 1)
			go func() { done <- true }()
			<-done
		}
		if rest := time.Millisecond - time.Since(begin); rest > 0 {
			time.Sleep(rest)
		}
	}
}

// ---- the ledger ----

type row struct {
	Function   string
	Size, Live int
}

func ledger() {
	var l struct {
		Rows             []row
		Made             uint64
		Started, Waiting int64
	}
	for i := range leaks {
		name := runtime.FuncForPC(**(**uintptr)(unsafe.Pointer(&leaks[i].one))).Name()
		l.Rows = append(l.Rows, row{name, leaks[i].size, len(leaks[i].kept)})
	}
	l.Made = atomic.LoadUint64(&made)
	l.Started, l.Waiting = atomic.LoadInt64(&started), atomic.LoadInt64(&waiting)
	ctl.JSON(l)
}
