// SPDX-License-Identifier: BSD-2-Clause

// Threads starts threads of the operating system, deep in its own functions; so what the runtime
// allocates for one is allocated on a thread that itself was started by another.
//
// "threads N" starts N goroutines that each keep a thread for themselves, "timers N" has N timers start
// a goroutine each while others park, "gc N" collects N times.
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
		"timers":  timers,
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

// timers fires N of them while a goroutine parks without end, so that the scheduler runs them on its way
// from one goroutine to the next (until Go 1.22).
func timers(n int) {
	var fired sync.WaitGroup
	ping, pong := make(chan bool), make(chan bool)
	go func() {
		for range ping {
			pong <- true
		}
	}()
	for i := 0; i < n; i++ {
		fired.Add(1)
		time.AfterFunc(time.Duration(i%10)*100*time.Microsecond, fired.Done)
		for k := 0; k < 20; k++ {
			ping <- true
			<-pong
		}
	}
	fired.Wait()
	close(ping)
	ctl.OK()
}

func collect(n int) {
	for i := 0; i < n; i++ {
		runtime.GC()
	}
	ctl.OK()
}
