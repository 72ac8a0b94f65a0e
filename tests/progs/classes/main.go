// SPDX-License-Identifier: BSD-2-Clause

// Classes keeps objects of twelve size classes beside garbage of the same, and says what the runtime
// itself counts of them.
//
// Commands: "keep N" and "garbage N", that many objects of each class; "gc"; "read" and "print", the
// runtime's counts as of "read"; "begin" and then "leak", which keeps so many more of each class that
// what is kept grows in step with the clock, however often or seldom it is called, makes garbage and
// collects; "rates", objects a second; "elapsed", seconds since "begin".  The runtime collects only when it is
// told to.  "collide N" makes garbage of N objects while it collects.
package main

import (
	"runtime"
	"runtime/debug"
	"time"
	"unsafe"

	"progs/ctl"
)

type class struct {
	size  int
	rate  int // objects a second
	kept  []unsafe.Pointer
	asked int // of kept, before "begin"
}

const maxSeconds = 120 // that a leak has room for

var (
	classes = []class{
		{size: 16, rate: 3000}, {size: 32, rate: 2500}, {size: 48, rate: 2000}, {size: 64, rate: 2000},
		{size: 96, rate: 1500}, {size: 128, rate: 1500}, {size: 256, rate: 1000}, {size: 512, rate: 800},
		{size: 1024, rate: 500}, {size: 2048, rate: 300}, {size: 4096, rate: 200}, {size: 8192, rate: 100},
	}
	begun time.Time
	stats runtime.MemStats
	sink  unsafe.Pointer
	other *[96]byte
)

// Rate is one class of a leak.
type Rate struct {
	Size, PerSecond int
}

func main() {
	debug.SetGCPercent(-1)
	for i := range classes {
		c := &classes[i]
		c.kept = make([]unsafe.Pointer, 0, 20000+c.rate*maxSeconds)
	}
	ctl.Loop(map[string]func(int){
		"keep":    func(n int) { each(func(c *class) { c.keep(n) }); ctl.OK() },
		"garbage": func(n int) { garbage(n); ctl.OK() },
		"collide": func(n int) { collide(n); ctl.OK() },
		"gc":      func(int) { runtime.GC(); ctl.OK() },
		"read":    func(int) { runtime.ReadMemStats(&stats); ctl.OK() },
		"print":   func(int) { ctl.JSON(&stats) },
		"begin":   func(int) { begun = time.Now(); each(func(c *class) { c.asked = len(c.kept) }); ctl.OK() },
		"leak":    func(int) { leak(); ctl.OK() },
		"elapsed": func(int) { ctl.Number(time.Since(begun).Seconds()) },
		"rates":   func(int) { rates() },
	})
}

func each(f func(c *class)) {
	for i := range classes {
		f(&classes[i])
	}
}

func (c *class) keep(n int) {
	for ; n > 0; n-- {
		c.kept = append(c.kept, c.alloc())
	}
}

//go:noinline
func (c *class) alloc() unsafe.Pointer {
	b := make([]byte, c.size)
	return unsafe.Pointer(&b[0])
}

func garbage(n int) {
	for ; n > 0; n-- {
		for i := range classes {
			sink = classes[i].alloc()
		}
	}
	sink = nil
}

// collide makes garbage of n objects beside a collection.
func collide(n int) {
	done := make(chan bool)
	go func() {
		for ; n > 0; n-- {
			floating()
		}
		done <- true
	}()
	runtime.GC()
	<-done
}

//go:noinline
func floating() { other = new([96]byte) }

// leak makes the garbage first, so that the collection follows the clock's reading as soon as it can.
func leak() {
	garbage(1000)
	seconds := time.Since(begun).Seconds()
	for i := range classes {
		c := &classes[i]
		c.keep(c.asked + int(float64(c.rate)*seconds) - len(c.kept))
	}
	runtime.GC()
}

func rates() {
	var all []Rate
	for _, c := range classes {
		all = append(all, Rate{c.size, c.rate})
	}
	ctl.JSON(all)
}
