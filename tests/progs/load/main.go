// SPDX-License-Identifier: BSD-2-Clause

// Load is the program of the benchmark: it does one thing in a loop and says what one turn took.
//
// "size N" sets the bytes of an object, "depth N" the calls between the loop and main, "procs N" how many
// threads run Go code; "alloc N" allocates and drops N objects, "go N" starts N goroutines that end at once; both answer the
// CPU nanoseconds of one, as does "spin N" for a loop that does neither.
package main

import (
	"runtime"
	"runtime/debug"
	"syscall"

	"progs/ctl"
)

var (
	size  = 64
	depth = 4 // an allocation has 15 frames: mallocgc to allocate 3, down 5, measure to goexit 7
	sink  []byte
	sum   int
)

func main() {
	ctl.Loop(map[string]func(int){
		"size":  func(n int) { size = n; ctl.OK() },
		"depth": func(n int) { depth = n; ctl.OK() },
		"procs": func(n int) { runtime.GOMAXPROCS(n); ctl.OK() },
		"gc":    func(n int) { debug.SetGCPercent(n); ctl.OK() },
		"alloc": func(n int) { measure(allocate, n) },
		"go":    func(n int) { measure(start, n) },
		"spin":  func(n int) { measure(spin, n) },
	})
}

// measure answers CPU time of the whole process, not time on the clock: the traps are in it, and it does
// not grow when others want the processors, too.
func measure(f func(n int), n int) {
	begin := cpuTime()
	down(depth, f, n)
	ctl.Number(float64(cpuTime()-begin) / float64(n))
}

func cpuTime() int64 {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return ru.Utime.Nano() + ru.Stime.Nano()
}

// down makes the stack as large as servers have it: 180 to 250 bytes a frame are the medians of Debian's
// node exporter and etcd.
//
//go:noinline
func down(depth int, f func(n int), n int) int {
	var locals [320]byte
	locals[depth] = 1
	if depth == 0 {
		f(n)
		return int(locals[n%len(locals)])
	}
	return down(depth-1, f, n) + int(locals[n%len(locals)])
}

//go:noinline
func allocate(n int) {
	for i := 0; i < n; i++ {
		sink = make([]byte, size)
	}
}

func start(n int) {
	done := make(chan bool)
	for i := 0; i < n; i++ {
		go func() { done <- true }()
		<-done
	}
}

func spin(n int) {
	for i := 0; i < n; i++ {
		sum += i
	}
}
