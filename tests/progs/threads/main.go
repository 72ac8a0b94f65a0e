// SPDX-License-Identifier: BSD-2-Clause

// Threads starts threads of the operating system, deep in its own functions; so what the runtime
// allocates for one is allocated on a thread that itself was started by another.
//
// "threads N" starts N goroutines that each keep a thread for themselves, "gc N" collects N times.
package main

import (
	"runtime"
	"sync"
	"time"

	"progs/ctl"
)

var forever = make(chan bool)

func main() {
	ctl.Loop(map[string]func(int){
		"threads": func(n int) { down(10, n); ctl.OK() },
		"gc":      collect,
	})
}

//go:noinline
func down(depth, n int) int {
	if depth == 0 {
		start(n)
		return 0
	}
	return down(depth-1, n) + 1
}

// start has a locked thread start each other goroutine, and lets timers run while it waits.
func start(n int) {
	var started sync.WaitGroup
	for i := 0; i < n; i++ {
		started.Add(1)
		go func() {
			runtime.LockOSThread()
			time.Sleep(time.Millisecond)
			started.Done()
			<-forever
		}()
		if i%10 == 9 {
			started.Wait()
		}
	}
	started.Wait()
}

func collect(n int) {
	for i := 0; i < n; i++ {
		runtime.GC()
	}
	ctl.OK()
}
