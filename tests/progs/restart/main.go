// SPDX-License-Identifier: BSD-2-Clause

// Restart is a Go program whose place another takes, or itself once more, as in a graceful restart.
//
// "before N" keeps N objects and collects; "cycles" is how many collections there were; "exec" replaces
// the program by the one named in SUCCESSOR.  The successor, told by GENERATION, allocates and collects
// before it says "ready".
package main

import (
	"os"
	"runtime"
	"syscall"

	"progs/ctl"
)

type object struct {
	next *object
	data [10]uint64
}

var kept = make([]*object, 0, 100000)

func main() {
	if os.Getenv("GENERATION") != "" {
		after(20000)
	}
	ctl.Loop(map[string]func(int){
		"before": func(n int) { before(n); runtime.GC(); ctl.OK() },
		"cycles": func(int) { ctl.Number(float64(cycles())) },
		"exec":   func(int) { replace() },
	})
}

func cycles() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}

//go:noinline
func before(n int) {
	for i := 0; i < n; i++ {
		kept = append(kept, new(object))
	}
}

//go:noinline
func after(n int) {
	for i := 0; i < n; i++ {
		kept = append(kept, new(object))
		if i%100 == 0 {
			runtime.GC()
		}
	}
}

func replace() {
	path := os.Getenv("SUCCESSOR")
	panic(syscall.Exec(path, []string{path}, append(os.Environ(), "GENERATION=2")))
}
