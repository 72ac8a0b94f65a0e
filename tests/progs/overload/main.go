// SPDX-License-Identifier: BSD-2-Clause

// Overload does more than a tracer can follow, and knows what is true nevertheless.
//
// "flood N" lets N goroutines allocate until the end, "churn N" lets N start goroutines that end at
// once, until "calm"; "started" is how many of these there were; "resident N" starts N goroutines that
// stay.  "sizes N" drops buffers of each of
// N sizes, from eight places; "garbage N" drops N objects.
//
// The other objects are all of one size, so that they follow each other in the same slots: "first N" and
// "second N" keep N each, "drop" drops these, "third N" keeps N.  "gc N" collects N times.
package main

import (
	"runtime"
	"sync/atomic"

	"progs/ctl"
)

// slot is of a size that nothing else here has.
type slot struct {
	next *slot
	data [24]uint64
}

var (
	firstKept, secondKept, thirdKept []*slot

	sinks   [64][]byte
	never   = make(chan bool)
	calm    int32
	started int64 // residents or brief goroutines
	running int64 // churners
)

func main() {
	ctl.Loop(map[string]func(int){
		"flood":    func(n int) { flood(n); ctl.OK() },
		"churn":    func(n int) { churn(n); ctl.OK() },
		"calm":     func(int) { stopChurning(); ctl.OK() },
		"started":  func(int) { ctl.JSON(atomic.LoadInt64(&started)) },
		"resident": func(n int) { residents(n); ctl.OK() },
		"sizes":    func(n int) { sizes(n); ctl.OK() },
		"garbage":  func(n int) { garbage(0, n); ctl.OK() },
		"first":    func(n int) { firstKept = make([]*slot, 0, n); first(n); ctl.OK() },
		"second":   func(n int) { secondKept = make([]*slot, 0, n); second(n); ctl.OK() },
		"third":    func(n int) { thirdKept = make([]*slot, 0, n); third(n); ctl.OK() },
		"drop":     func(int) { firstKept, secondKept = nil, nil; ctl.OK() },
		"gc":       func(n int) { collect(n); ctl.OK() },
	})
}

func collect(n int) {
	for i := 0; i < n; i++ {
		runtime.GC()
	}
}

func flood(n int) {
	for i := 0; i < n; i++ {
		go func(i int) {
			for {
				garbage(i, 1000)
			}
		}(i)
	}
}

//go:noinline
func garbage(worker, n int) {
	for i := 0; i < n; i++ {
		sinks[worker] = make([]byte, 64)
	}
	sinks[worker] = nil
}

//go:noinline
func sizes(n int) {
	for i := 1; i <= n; i++ {
		sinks[0] = make([]byte, i)
		sinks[1] = make([]byte, i)
		sinks[2] = make([]byte, i)
		sinks[3] = make([]byte, i)
		sinks[4] = make([]byte, i)
		sinks[5] = make([]byte, i)
		sinks[6] = make([]byte, i)
		sinks[7] = make([]byte, i)
	}
	for i := range sinks {
		sinks[i] = nil
	}
}

//go:noinline
func first(n int) {
	for i := 0; i < n; i++ {
		firstKept = append(firstKept, new(slot))
	}
}

//go:noinline
func second(n int) {
	for i := 0; i < n; i++ {
		secondKept = append(secondKept, new(slot))
	}
}

//go:noinline
func third(n int) {
	for i := 0; i < n; i++ {
		thirdKept = append(thirdKept, new(slot))
	}
}

func residents(n int) {
	for i := 0; i < n; i++ {
		go resident()
	}
	for atomic.LoadInt64(&started) < int64(n) {
		runtime.Gosched()
	}
	atomic.StoreInt64(&started, 0)
}

//go:noinline
func resident() {
	atomic.AddInt64(&started, 1)
	<-never
}

func churn(n int) {
	atomic.StoreInt64(&running, int64(n))
	for i := 0; i < n; i++ {
		go churner()
	}
}

//go:noinline
func churner() {
	for atomic.LoadInt32(&calm) == 0 {
		for i := 0; i < 50; i++ {
			go brief()
		}
		runtime.Gosched()
	}
	atomic.AddInt64(&running, -1)
}

//go:noinline
func brief() { atomic.AddInt64(&started, 1) }

func stopChurning() {
	atomic.StoreInt32(&calm, 1)
	for atomic.LoadInt64(&running) > 0 {
		runtime.Gosched()
	}
}
