// SPDX-License-Identifier: BSD-2-Clause

// Callbacks calls C, which goes down by chance, deep or not, and calls back into Go, from where half of
// them do so once more; and has C start threads that call into Go.  Which functions of Go call C, and
// which are called back, a path says: a number of two bits for each.
//
// "run N" makes N objects by each path and keeps them; "places" says which stacks those were, without the
// functions that are not the program's own.
package main

// long descend(long depth, unsigned long random, long path);
// void on_thread(long depth, unsigned long random, long path);
// #cgo LDFLAGS: -lpthread
import "C"

import (
	"runtime"
	"strings"

	"progs/ctl"
)

const (
	called   = 4          // ways from the callback to the object
	paths    = called * 4 // and from the goroutine to C
	again    = 1 << 8     // more: a path that has called C once more
	maxDepth = 40         // of C
	growth   = 1 << 12    // bytes of stack in a callback, so that the goroutine's moves
)

type object struct {
	next *object
	data [6]uint64
}

type frame struct {
	Function string
	Line     int
}

type place struct {
	Count  uint64
	Frames []frame
}

var (
	kept   []*object
	places [paths + called]place // those of threads of C come last
	seed   = uint64(1)
	done   = make(chan bool)
)

func main() {
	ctl.Loop(map[string]func(int){
		"run":    func(n int) { run(n); runtime.GC(); ctl.OK() },
		"places": func(int) { ctl.JSON(places) },
	})
}

func run(n int) {
	kept = make([]*object, 0, n*len(places))
	for i := 0; i < n; i++ {
		for path := 0; path < paths; path++ {
			go begin(path) // with a stack that is small
			<-done
		}
		for path := paths; path < len(places); path++ {
			C.on_thread(C.long(random()%maxDepth), C.ulong(random()), C.long(path))
		}
	}
}

func begin(path int) {
	if path/called&1 == 0 {
		leftToC(path)
	} else {
		rightToC(path)
	}
	done <- true
}

//go:noinline
func leftToC(path int) { toC(path) }

//go:noinline
func rightToC(path int) { toC(path) }

//go:noinline
func toC(path int) {
	if path/called&2 == 0 {
		C.descend(C.long(random()%maxDepth), C.ulong(random()), C.long(path))
	} else {
		C.descend(C.long(random()%maxDepth), C.ulong(random()), C.long(path))
	}
}

//export callback
func callback(path C.long) {
	switch {
	case path >= again:
		keep(int(path - again))
	case path&1 == 0:
		left(int(path))
	default:
		right(int(path))
	}
}

//go:noinline
func left(path int) int { return deep(path) + 1 }

//go:noinline
func right(path int) int { return deep(path) + 2 }

//go:noinline
func deep(path int) int {
	var room [growth]byte
	if path&2 == 0 {
		keep(path)
	} else {
		C.descend(C.long(random()%maxDepth), C.ulong(random()), C.long(again+path))
	}
	return int(room[path])
}

//go:noinline
func keep(path int) { kept = append(kept, noted(path, new(object))) }

//go:noinline
func noted(path int, o *object) *object {
	if p := &places[path]; p.Count == 0 {
		p.Frames = own()
	}
	places[path].Count++
	return o
}

// own is the stack of who called noted, without functions that are not the program's.
//
//go:noinline
func own() []frame {
	var pcs [64]uintptr
	var all []frame
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if strings.HasPrefix(f.Function, "main.") {
			all = append(all, frame{f.Function, f.Line})
		}
	}
	return all
}

func random() uint64 {
	seed ^= seed << 13
	seed ^= seed >> 7
	seed ^= seed << 17
	return seed
}
