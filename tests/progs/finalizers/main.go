// SPDX-License-Identifier: BSD-2-Clause

// Finalizers has objects that wait for theirs behind one that blocks.
//
// Commands: "build N" makes N connections that nothing holds, and one before them, in the finalizer of which the
// runtime's goroutine waits by the time that the others are queued; half as many files that nothing holds either, and as
// many that something does; from Go 1.24 on likewise N tokens that cleanups have, and before them one whose cleanup waits
// if these have a goroutine of their own.  "more N" makes N connections more that nothing holds, and garbage, so that the
// collector runs in between as it does by itself.  "ledger" says what there is; "release" lets all of them go.
package main

import (
	"runtime"
	"sync/atomic"
	"time"

	"progs/ctl"
)

type conn struct {
	id   int
	sent *message
	more [3]*int
}

type message struct {
	text string
	more [11]*int
}

// Of files some are open.
type file struct {
	name string
	more [5]*int
}

// Ledger is what there is.  Holders: objects of a type by who holds them.
type Ledger struct {
	Finalizers, Cleanups int
	Runners              map[string]string // where they are, by what they run
	Held                 []Row
}

// Row is how many objects of a type are held so.
type Row struct {
	Type, Root, Name string
	Objects          int
}

var (
	open    []*file
	stuck   = make(chan bool)
	made    int32 // objects with a finalizer or a cleanup
	running int32 // of which it has begun
	ended   int32
	sum     int64
	ledger  Ledger
)

func main() {
	runtime.GOMAXPROCS(1) // then a single goroutine runs cleanups
	ctl.Loop(map[string]func(int){
		"build":   func(n int) { build(n); ctl.OK() },
		"more":    func(n int) { makeMore(n); ctl.OK() },
		"ledger":  func(int) { ctl.JSON(ledger) },
		"release": func(int) { release(); ctl.OK() },
	})
}

func build(n int) {
	makeConns(1)
	begun := 1 + blockCleanups()
	collectUntil(func() bool { return atomic.LoadInt32(&running) == int32(begun) })
	makeConns(n)
	makeFiles(n / 2)
	open = newFiles(n / 2)
	ledger = Ledger{
		Finalizers: 1 + n + n/2,
		Runners:    map[string]string{"finalizer": "main.(*conn).close"},
		Held: []Row{
			{"main.conn", "stack", "main.(*conn).close", 1},
			{"main.conn", "finalizer queue", "main.(*conn).close", n},
			{"main.message", "stack", "main.(*conn).close", 1},
			{"main.message", "finalizer queue", "main.(*conn).close", n},
			{"main.file", "finalizer queue", "main.newFiles.func1", n / 2},
			{"main.file", "variable", "", n / 2},
		},
	}
	queueCleanups(n)
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
}

func makeMore(n int) {
	const steps = 50
	for i := 0; i < steps; i++ {
		makeConns(n / steps)
		waste()
	}
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
}

var wasted []byte

// waste makes garbage until the collector has run by itself; what it leaves is not swept at once.
func waste() {
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	for now = before; now.NumGC == before.NumGC; runtime.ReadMemStats(&now) {
		wasted = make([]byte, 1<<20)
	}
}

func release() {
	open = nil
	close(stuck)
	collectUntil(func() bool { return atomic.LoadInt32(&ended) == made })
	runtime.GC()
	runtime.GC()
	ledger = Ledger{}
}

// collectUntil gives the runtime's goroutines as much time as they need.
func collectUntil(done func() bool) {
	for !done() {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

//go:noinline
func makeConns(n int) {
	for i := 0; i < n; i++ {
		c := &conn{id: i, sent: &message{text: "sent"}}
		runtime.SetFinalizer(c, (*conn).close)
		made++
	}
}

// close waits while it has the connection.
//
//go:noinline
func (c *conn) close() {
	atomic.AddInt32(&running, 1)
	<-stuck
	atomic.AddInt64(&sum, int64(len(c.sent.text)))
	atomic.AddInt32(&ended, 1)
}

//go:noinline
func makeFiles(n int) {
	newFiles(n)
}

//go:noinline
func newFiles(n int) []*file {
	files := make([]*file, n)
	for i := range files {
		files[i] = &file{name: "a file"}
		runtime.SetFinalizer(files[i], func(f *file) {
			atomic.AddInt64(&sum, int64(len(f.name)))
			atomic.AddInt32(&ended, 1)
		})
		made++
	}
	return files
}
