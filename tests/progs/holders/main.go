// SPDX-License-Identifier: BSD-2-Clause

// Holders keeps objects of many types, each type in exactly one way, and knows of every type how many
// objects there are and what they hang on: the truth that a report on types and holders is compared
// with.
//
// Commands: "build" allocates everything and collects until what is dead is gone; "ledger" says what is
// kept; "move N" makes garbage of the same types from then on and leaks N objects of main.leaking a
// second, in step with the clock, and "leak N" that many at once; "leaked" says how many of those have
// been kept by now; "still" ends it, and collects.  Between "build" and "move" the program does nothing
// at all: it collects only when it is told to.
package main

import (
	"path"
	"reflect"
	"runtime"
	"runtime/debug"
	"unsafe"

	"progs/ctl"
)

// row is one way to keep objects.  alloc makes object number n, in a function of one line, which is
// the line of the allocation; keep hangs it up.
type row struct {
	what     string
	of       interface{} // a pointer to the type, nil
	named    string      // the type, where it is not that of the pointer
	alloc    func(n int) unsafe.Pointer
	keep     func(n int, p unsafe.Pointer)
	objects  int
	holders  []string // words, in this order, of what it hangs on, from the object outwards
	variable string   // package variable at the end
	function string   // whose frame on a goroutine's stack is the end
	direct   bool     // the first hangs on the variable itself
	others   bool     // the runtime and the libraries have objects of this type too
	late     bool     // must be kept last: the second collection drops it
}

// Row is a row of the ledger.
type Row struct {
	What, Type         string
	Objects            int
	Size               uint64 // of one object by its type
	Bytes              uint64 // of all of them with what the size class adds; 0: not known
	Holders            []string
	Variable, Function string
	Direct, Others     bool
	Late               bool
	Allocator, File    string // the allocating function
	Line               int
}

var (
	rows   []row
	never  = make(chan bool)
	ledger []Row
)

func main() {
	debug.SetGCPercent(-1)
	ctl.Loop(map[string]func(int){
		"build":  func(int) { build(); ctl.OK() },
		"ledger": func(int) { ctl.JSON(ledger) },
		"move":   func(n int) { move(n); ctl.OK() },
		"leak":   func(n int) { leak(n); ctl.OK() },
		"leaked": func(int) { ctl.Number(float64(leaked())) },
		"still":  func(int) { still(); ctl.OK() },
	})
}

func build() {
	for i := range rows {
		ledger = append(ledger, rows[i].entry())
	}
	keepAll(false)
	runtime.GC()
	runtime.GC()
	keepAll(true)
	runtime.GC()
}

func keepAll(late bool) {
	for i := range rows {
		r := &rows[i]
		for n := 0; n < r.objects && r.late == late; n++ {
			r.keep(n, r.alloc(n))
		}
	}
}

func (r *row) entry() Row {
	f := runtime.FuncForPC(reflect.ValueOf(r.alloc).Pointer())
	file, line := f.FileLine(f.Entry())
	e := Row{
		What: r.what, Type: r.named, Objects: r.objects, Size: uint64(reflect.TypeOf(r.of).Elem().Size()),
		Bytes: r.bytes() * uint64(r.objects), Holders: r.holders, Variable: r.variable,
		Function: r.function, Direct: r.direct, Others: r.others, Late: r.late, Allocator: f.Name(), File: path.Base(file), Line: line,
	}
	if r.others {
		e.Bytes = 0
	}
	if e.Type == "" {
		e.Type = reflect.TypeOf(r.of).Elem().String()
	}
	return e
}

// bytes of one object: what a number of them adds to the runtime's own count.
func (r *row) bytes() uint64 {
	const some = 64
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	for n := 0; n < some; n++ {
		r.alloc(0)
	}
	runtime.ReadMemStats(&b)
	return (b.TotalAlloc - a.TotalAlloc) / some
}
