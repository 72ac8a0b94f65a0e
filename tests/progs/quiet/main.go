// SPDX-License-Identifier: BSD-2-Clause

// Quiet does nothing unless it is told to.
//
// "fill N" makes garbage and keeps N KiB; "hold N" keeps N MiB that it has written to; "read 0" and "read 1" store runtime.MemStats, "print"
// prints both; "alloc N" drops N objects; "gc" collects; "exec" replaces the program by the one that
// $PROGRAM names, or sleep(1); "exit N" ends with that code; "panic" dies.
package main

import (
	"os"
	"runtime"
	"syscall"

	"progs/ctl"
)

var (
	stats [2]runtime.MemStats
	kept  [][]byte
	sink  []byte
)

func main() {
	ctl.Loop(map[string]func(int){
		"fill":  func(n int) { fill(n); ctl.OK() },
		"hold":  func(n int) { hold(n); ctl.OK() },
		"read":  func(n int) { runtime.ReadMemStats(&stats[n]); ctl.OK() },
		"print": func(int) { ctl.JSON(stats) },
		"alloc": func(n int) { alloc(n); ctl.OK() },
		"gc":    func(int) { runtime.GC(); runtime.GC(); ctl.OK() },
		"exec":  func(int) { execOther() },
		"exit":  func(n int) { os.Exit(n) },
		"panic": func(int) { panic("as told") },
	})
}

//go:noinline
func hold(mib int) {
	for ; mib > 0; mib-- {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 1 << 12 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
}

func fill(kib int) {
	for i := 0; i < kib; i++ {
		kept = append(kept, make([]byte, 1024))
		sink = make([]byte, 700)
	}
	sink = nil
}

//go:noinline
func alloc(n int) {
	for i := 0; i < n; i++ {
		sink = make([]byte, 64)
	}
}

func execOther() {
	args := []string{"/bin/sleep", "600"}
	if path := os.Getenv("PROGRAM"); path != "" {
		args = []string{path}
	}
	panic(syscall.Exec(args[0], args, os.Environ()))
}
