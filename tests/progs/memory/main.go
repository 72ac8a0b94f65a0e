// SPDX-License-Identifier: BSD-2-Clause

// Memory grows where it is told to.
//
// "heap N" keeps N MiB of the heap, touched; "garbage N" drops as much; "pool N" keeps as much from a
// sync.Pool, "map N" a map that had that many thousand entries and lost them; "mmap N" and "file N" map N MiB,
// anonymous or of a file, and touch them; "rss" says what the kernel says is resident, in bytes; "gc"
// collects.
package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"progs/ctl"
)

const mib = 1 << 20

var (
	kept [][]byte
	sink []byte
	pool = sync.Pool{New: func() interface{} { return touched(make([]byte, mib)) }}
	big  = map[int][64]byte{}
)

func main() {
	ctl.Loop(map[string]func(int){
		"heap": func(n int) {
			for i := 0; i < n; i++ {
				kept = append(kept, touched(make([]byte, mib)))
			}
			ctl.OK()
		},
		"garbage": func(n int) {
			for i := 0; i < n; i++ {
				sink = touched(make([]byte, mib))
			}
			sink = nil
			ctl.OK()
		},
		"pool": func(n int) {
			for i := 0; i < n; i++ {
				kept = append(kept, pool.Get().([]byte))
			}
			ctl.OK()
		},
		"map": func(n int) {
			for i := 0; i < n*1000; i++ {
				big[i] = [64]byte{}
			}
			for i := 0; i < n*1000; i++ {
				delete(big, i)
			}
			ctl.OK()
		},
		"mmap": func(n int) { mapped(-1, n, syscall.MAP_PRIVATE|syscall.MAP_ANON); ctl.OK() },
		"file": func(n int) { mapped(file(n), n, syscall.MAP_SHARED); ctl.OK() },
		"rss":  func(int) { ctl.JSON(rss()) },
		"gc":   func(int) { runtime.GC(); ctl.OK() },
	})
}

func touched(b []byte) []byte {
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	return b
}

func mapped(fd, n, flags int) {
	b, err := syscall.Mmap(fd, 0, n*mib, syscall.PROT_READ|syscall.PROT_WRITE, flags)
	if err != nil {
		panic(err)
	}
	touched(b)
}

func file(n int) int {
	f, err := os.CreateTemp("", "memory")
	if err != nil {
		panic(err)
	}
	os.Remove(f.Name())
	if err := f.Truncate(int64(n * mib)); err != nil {
		panic(err)
	}
	return int(f.Fd())
}

func rss() int {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(statm)[1]))
	if err != nil {
		panic(err)
	}
	return pages * os.Getpagesize()
}
