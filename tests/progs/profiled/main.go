// SPDX-License-Identifier: BSD-2-Clause

// Profiled has the runtime's own heap profile at its side, to compare with: of every object, or with
// the mean distance in bytes between two samples that MEM_PROFILE_RATE gives.
//
// "run" allocates, keeps some and drops some; "gc" collects; "cycles" answers how often that was done, "pauses"
// when and how long the world stood still;
// "heap N" and "goroutine N" write the runtime's profiles, with N as debug=N of net/http/pprof, to
// the files named in HEAP_PROFILE and GOROUTINE_PROFILE.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"

	"progs/ctl"
)

func init() {
	runtime.MemProfileRate = 1
	if rate, err := strconv.Atoi(os.Getenv("MEM_PROFILE_RATE")); err == nil {
		runtime.MemProfileRate = rate
	}
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
		"cycles":    func(int) { fmt.Println(cycles()) },
		"pauses":    func(int) { pauses() },
		"heap":      func(n int) { write("heap", "HEAP_PROFILE", n); ctl.OK() },
		"goroutine": func(n int) { write("goroutine", "GOROUTINE_PROFILE", n); ctl.OK() },
	})
}

func cycles() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}

// pauses are what runtime/debug says of the collections, the last one first.
func pauses() {
	var s debug.GCStats
	debug.ReadGCStats(&s)
	var ends []int64
	for _, end := range s.PauseEnd {
		ends = append(ends, end.UnixNano())
	}
	ctl.JSON(map[string]interface{}{"NumGC": s.NumGC, "Pause": s.Pause, "PauseEnd": ends})
}

func write(profile, variable string, debug int) {
	f, err := os.Create(os.Getenv(variable))
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if err := pprof.Lookup(profile).WriteTo(f, debug); err != nil {
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
