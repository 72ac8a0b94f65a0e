// SPDX-License-Identifier: BSD-2-Clause

// Stacks has as many different stacks as it is told to: the bits of a number say at each call which of
// two functions is called.
//
// "park N" starts N goroutines that wait, each at a stack of its own; "allocate N" makes N objects and
// keeps them, each from a stack of its own, 90 frames deep, or as many as "depth N" said; "gc" collects.
package main

import (
	"runtime"
	"sync/atomic"

	"progs/ctl"
)

const parkDepth = 20 // enough for a million

type object struct {
	next *object
	data [6]uint64
}

var (
	depth  = 90
	kept   []*object
	never  = make(chan bool)
	parked int64
)

func main() {
	ctl.Loop(map[string]func(int){
		"park":     func(n int) { park(n); ctl.OK() },
		"allocate": func(n int) { allocate(n); ctl.OK() },
		"depth":    func(n int) { depth = n; ctl.OK() },
		"gc":       func(int) { runtime.GC(); ctl.OK() },
	})
}

func park(n int) {
	until := atomic.LoadInt64(&parked) + int64(n)
	for i := 0; i < n; i++ {
		go left(i, parkDepth, wait)
	}
	for atomic.LoadInt64(&parked) < until {
		runtime.Gosched()
	}
}

func wait() {
	atomic.AddInt64(&parked, 1)
	<-never
}

func allocate(n int) {
	kept = make([]*object, 0, n)
	for i := 0; i < n; i++ {
		left(i, depth-2, keep) // and what calls it
	}
}

func keep() { kept = append(kept, new(object)) }

//go:noinline
func left(path, depth int, f func()) int {
	switch {
	case depth == 0:
		f()
		return 0
	case path&1 == 0:
		return left(path>>1, depth-1, f) + 1
	}
	return right(path>>1, depth-1, f) + 1
}

//go:noinline
func right(path, depth int, f func()) int {
	switch {
	case depth == 0:
		f()
		return 0
	case path&1 == 0:
		return left(path>>1, depth-1, f) + 1
	}
	return right(path>>1, depth-1, f) + 1
}
