// SPDX-License-Identifier: BSD-2-Clause

// Profiled has the runtime's own heap profile at its side, of every object, to compare with.
//
// "run" allocates, keeps some and drops some; "gc" collects; "heap" and "goroutine" write the
// runtime's profiles to the files named in HEAP_PROFILE and GOROUTINE_PROFILE.
package main

import (
	"os"
	"runtime"
	"runtime/pprof"
	"strings"

	"progs/ctl"
)

func init() {
	runtime.MemProfileRate = 1
}

type record struct {
	next *record
	name string
	data [100]byte
}

var (
	records []*record
	index   = map[string]*record{}
	texts   []string
	blobs   [][]byte
	blocked = make(chan int)
)

// runGeneric is set where Go has generics.
var runGeneric = func() {}

func main() {
	ctl.Loop(map[string]func(int){
		"run":       func(int) { run(); ctl.OK() },
		"gc":        func(int) { runtime.GC(); runtime.GC(); ctl.OK() },
		"heap":      func(int) { write("heap", "HEAP_PROFILE"); ctl.OK() },
		"goroutine": func(int) { write("goroutine", "GOROUTINE_PROFILE"); ctl.OK() },
	})
}

func write(profile, variable string) {
	f, err := os.Create(os.Getenv(variable))
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if err := pprof.Lookup(profile).WriteTo(f, 0); err != nil {
		panic(err)
	}
}

func run() {
	for i := 0; i < 5000; i++ {
		keepRecord(i)
		dropRecord(i)
		keepText(i)
		keepBlob(i)
	}
	runGeneric()
	dropSome()
	for i := 0; i < 7; i++ {
		go wait()
	}
	runtime.Gosched()
}

//go:noinline
func keepRecord(i int) {
	r := newRecord(strings.Repeat("k", 20+i%30))
	records = append(records, r)
	index[r.name] = r
}

//go:noinline
func dropRecord(i int) { sink = newRecord("dropped") }

var sink *record

func newRecord(name string) *record { return &record{name: name} }

//go:noinline
func keepText(i int) { texts = append(texts, strings.ToUpper("a text that is long enough")) }

//go:noinline
func keepBlob(i int) { blobs = append(blobs, make([]byte, 100+i%3000)) }

//go:noinline
func dropSome() {
	for i := range blobs {
		if i%3 == 0 {
			blobs[i] = nil
		}
	}
}

//go:noinline
func wait() { <-blocked }
