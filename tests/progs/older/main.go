// SPDX-License-Identifier: BSD-2-Clause

// Older has the runtime's memory profiler at work, since net/http/pprof is linked in, with the mean distance in
// bytes between two samples that MEM_PROFILE_RATE gives.
//
// "keep N", "mix N", "lose N" each allocate N objects of 1024 bytes at a place of its own and keep them; "mixdrop N" drops
// the N oldest of the second, "losedrop" all of the third. "deep N" allocates N objects of 512 bytes on each of 20
// stacks, which are as deep as main.deeper stands in them. "gc" collects, until the profile has published it.
package main

import (
	_ "net/http/pprof"
	"os"
	"runtime"
	"strconv"

	"progs/ctl"
)

func init() {
	if rate, err := strconv.Atoi(os.Getenv("MEM_PROFILE_RATE")); err == nil {
		runtime.MemProfileRate = rate
	}
}

const depth = 20

var kept, mixed, lost, deep [][]byte

func main() {
	ctl.Loop(map[string]func(int){
		"keep":     func(n int) { kept = room(kept, n); keep(n); ctl.OK() },
		"mix":      func(n int) { mixed = room(mixed, n); mix(n); ctl.OK() },
		"lose":     func(n int) { lost = room(lost, n); lose(n); ctl.OK() },
		"mixdrop":  func(n int) { mixed = append([][]byte{}, mixed[n:]...); ctl.OK() },
		"losedrop": func(int) { lost = nil; ctl.OK() },
		"deep": func(n int) {
			deep = room(deep, n*depth)
			for i := 1; i <= depth; i++ {
				deeper(i, n)
			}
			ctl.OK()
		},
		"gc": func(int) { runtime.GC(); runtime.GC(); runtime.GC(); ctl.OK() },
	})
}

func room(s [][]byte, n int) [][]byte { return append(make([][]byte, 0, len(s)+n), s...) }

//go:noinline
func keep(n int) {
	for i := 0; i < n; i++ {
		kept = append(kept, make([]byte, 1024))
	}
}

//go:noinline
func mix(n int) {
	for i := 0; i < n; i++ {
		mixed = append(mixed, make([]byte, 1024))
	}
}

//go:noinline
func lose(n int) {
	for i := 0; i < n; i++ {
		lost = append(lost, make([]byte, 1024))
	}
}

//go:noinline
func deeper(levels, n int) int {
	if levels > 1 {
		return deeper(levels-1, n) + 1
	}
	for i := 0; i < n; i++ {
		deep = append(deep, make([]byte, 512))
	}
	return 1
}
