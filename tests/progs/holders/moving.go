// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// leaking is the type that grows.
type leaking struct {
	n    [5]int
	name string
}

type register struct {
	mu   sync.Mutex
	held map[int]*leaking
}

const (
	churners  = 2
	leakEvery = 2 * time.Millisecond
)

var (
	leaks  = &register{held: map[int]*leaking{}}
	stop   chan bool
	movers sync.WaitGroup
	others int // goroutines beside these
)

//go:noinline
func newLeaking(n int) *leaking { return &leaking{n: [5]int{n}} }

func leak(n int) {
	leaks.mu.Lock()
	defer leaks.mu.Unlock()
	for ; n > 0; n-- {
		leaks.held[len(leaks.held)] = newLeaking(n)
	}
}

func leaked() int {
	leaks.mu.Lock()
	defer leaks.mu.Unlock()
	return len(leaks.held)
}

func move(perSecond int) {
	debug.SetGCPercent(100)
	stop = make(chan bool)
	others = runtime.NumGoroutine()
	movers.Add(1 + churners)
	go leakInStep(perSecond)
	for i := 0; i < churners; i++ {
		go churn()
	}
}

// leakInStep catches up with the clock, however late it wakes.
func leakInStep(perSecond int) {
	defer movers.Done()
	begin, done := time.Now(), 0
	tick := time.NewTicker(leakEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		due := int(float64(perSecond) * time.Since(begin).Seconds())
		leak(due - done)
		done = due
	}
}

// churn makes objects of every type and drops them, and turns over a map, a list and a slice of them.
func churn() {
	defer movers.Done()
	byNumber := map[int]*inIntMap{}
	var recent [100]*inPointers
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		for i := range rows {
			rows[i].alloc(n)
		}
		byNumber[n] = (*inIntMap)(newIntMap(n))
		delete(byNumber, n-100)
		recent[n%len(recent)] = (*inPointers)(newPointers(n))
	}
}

func still() {
	if stop != nil {
		close(stop)
		movers.Wait()
		for runtime.NumGoroutine() > others { // their stacks hold what they made last
			runtime.Gosched()
		}
		stop = nil
	}
	debug.SetGCPercent(-1)
	runtime.GC()
	runtime.GC()
}
