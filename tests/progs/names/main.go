// SPDX-License-Identifier: BSD-2-Clause

// Names allocates objects at places where a call stack is hard to get right, and records at each
// place the stack as the runtime itself sees it.
//
// An object and the recording of its stack stand on one line, `record(N, &objN{})`, so that every
// frame must agree, lines included.  Each place has a type of its own, by which a tracer's report is
// matched.  Commands: "run" allocates, "places" prints.
package main

import (
	"reflect"
	"runtime"
	"sync"
	"time"

	"progs/ctl"
)

// Place is one allocating line.
type Place struct {
	What    string
	Type    string // of the objects, as Go prints it
	Count   int    // of objects
	Wrapped bool   // the first frame may be inlined into a wrapper, which is not shown
	Frames  []Frame
}

// Frame is what runtime.CallersFrames says.
type Frame struct {
	Function string
	File     string
	Line     int
	Inlined  bool
}

const (
	maxPlaces = 64
	repeat    = 50 // objects per place
)

type place struct {
	typ   reflect.Type
	kept  []interface{}
	pcs   []uintptr
	depth int
}

type test struct {
	what    string
	run     func()
	slice   bool // of the objects' type
	wrapped bool // the leaf may be inlined into a wrapper that is never shown
}

var (
	mu     sync.Mutex
	places [maxPlaces]place
)

// tests are numbered from 1 on, as the types of their objects.
var tests = []test{
	{},
	{what: "a plain call", run: plain},
	{what: "a chain of inlined functions", run: chain},
	{what: "a method through an interface and an embedded struct", run: promoted, wrapped: true},
	{what: "a method value", run: methodValue, wrapped: true},
	{what: "a closure in a closure", run: closures},
	{what: "a deferred function", run: deferred},
	{what: "a deferred function while a panic runs", run: deferredInPanic},
	{what: "a function literal as goroutine", run: goLiteral},
	{what: "a method as goroutine", run: goMethod},
	{what: "a call through reflect", run: reflected},
	{what: "a callback of package sort", run: callback},
	{what: "append in an inlined function", run: appended, slice: true},
	{what: "a literal of several lines", run: severalLines},
	{what: "sync.Once", run: once},
	{what: "a timer's function", run: timer},
	{what: "100 frames", run: func() { recurse(90) }},
	{what: "400 frames", run: func() { recurseDeep(390) }},
	{what: "a goroutine whose stack has just grown", run: grownStack},
	{what: "make in an inlined method", run: inlinedMethod, slice: true},
	{what: "a variable moved to the heap", run: moved},
}

func main() {
	for i := range places {
		places[i].kept = make([]interface{}, 0, repeat)
		places[i].pcs = make([]uintptr, 1024)
	}
	ctl.Loop(map[string]func(int){
		"run":    func(int) { run(); ctl.OK() },
		"places": func(int) { ctl.JSON(report()) },
	})
}

func run() {
	for i := 0; i < repeat; i++ {
		for _, t := range tests[1:] {
			t.run()
		}
	}
	runtime.GC()
	runtime.GC()
}

// record keeps the object (a pointer), and the stack of the first time.
//
//go:noinline
func record(n int, object interface{}) interface{} {
	mu.Lock()
	p := &places[n]
	if p.typ == nil {
		p.typ = reflect.TypeOf(object)
		p.depth = runtime.Callers(2, p.pcs)
	}
	p.kept = append(p.kept, object)
	mu.Unlock()
	return object
}

func report() []Place {
	var all []Place
	for i := range places {
		p := &places[i]
		if p.typ == nil {
			continue
		}
		r := Place{What: tests[i].what, Type: p.typ.Elem().String(), Count: len(p.kept), Wrapped: tests[i].wrapped}
		if tests[i].slice {
			r.Type = "[]" + r.Type
		}
		frames := runtime.CallersFrames(p.pcs[:p.depth])
		for more := p.depth > 0; more; {
			var f runtime.Frame
			f, more = frames.Next()
			r.Frames = append(r.Frames, Frame{f.Function, f.File, f.Line, f.Func == nil})
		}
		all = append(all, r)
	}
	return all
}

// wait runs f in a goroutine to its end.
func wait(start func(done func())) {
	var wg sync.WaitGroup
	wg.Add(1)
	start(wg.Done)
	wg.Wait()
}

// after is for callbacks that come from a goroutine of the runtime.
func after(f func()) {
	wait(func(done func()) {
		time.AfterFunc(time.Microsecond, func() {
			f()
			done()
		})
	})
}
