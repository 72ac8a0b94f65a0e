// SPDX-License-Identifier: BSD-2-Clause

// Waiters has goroutines that wait for ever, each with an object that only it has, on stacks on which others were
// before: these left there words that lead to objects of the ones that wait, or to where such lie by now.  A function
// has in its frame what is in the ledger under its name, and nothing else of these types, ever.
//
// Commands: "start N" starts N goroutines of each kind, and returns when what was before them is gone and collected;
// "churn 1" has goroutines come and go, "churn 0" ends that; "ledger" says what there is.
package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"progs/ctl"
)

// Row is a type of which there are objects in the frames of these functions only.  Those that stay are the first's.
type Row struct {
	Type      string
	Objects   int
	Functions []string
}

// A record lies in a slot as large as one of a context that can be cancelled.
type record struct {
	next *record
	name string
	rest [3]*int
	more [16 + contextMore]byte
}

// So large that it says its type itself from Go 1.22 on.
type later struct {
	name string
	more [80]*int
}

var (
	ledger   []Row
	never    = make(chan bool)
	forever  sync.WaitGroup
	waiting  int64
	expected int64
	sum      int64
	number   int
	churns   int32
	churned  sync.WaitGroup
)

func main() {
	ctl.Loop(map[string]func(int){
		"start":  func(n int) { start(n); ctl.OK() },
		"churn":  func(n int) { churn(n != 0); ctl.OK() },
		"ledger": func(int) { ctl.JSON(ledger) },
	})
}

func start(n int) {
	chans := make([]chan int, n)
	for i := range chans {
		chans[i] = make(chan int)
		ch := chans[i]
		run(&forever, func() { subscribe(ch) })
	}
	waitFor(n)
	for round := 0; round < 3; round++ {
		before(chans)
		runtime.GC()
	}
	chans = nil
	for i := 0; i < n; i++ {
		r, name, err := newRecord(), make(chan string), make(chan error)
		run(&forever, func() { keep(r) })
		run(&forever, func() { once(name) })
		run(&forever, func() { call(err, never) })
		l := &later{name: "at the end"}
		run(&forever, func() { deferring(l, never) })
		run(&forever, func() { wide(never) })
		for k := 0; k < 3; k++ {
			run(&forever, func() { handle(&number, never) })
			run(&forever, func() { idle(never) })
		}
	}
	waitFor(n * 11)
	wipe(0)
	runtime.GC()
	runtime.GC()
	ledger = []Row{
		{"chan int", n, []string{"main.subscribe", "main.listen", "main.spread", "main.comeAndGo"}},
		{"chan error", n, []string{"main.call", "main.handle", "main.comeAndGo"}},
		{"chan string", n, []string{"main.once"}},
		{"main.record", n, []string{"main.keep"}},
		{"main.later", n, []string{"main.deferring"}},
		{"context.cancelCtx", 0, []string{"main.request"}},
	}
}

// before leaves on many stacks what those after it will find there.
func before(chans []chan int) {
	var done sync.WaitGroup
	stop := make(chan bool)
	for i := range chans {
		for k := 0; k < 3; k++ {
			ch := chans[i]
			run(&done, func() { listen(ch, stop) })
			run(&done, func() { request(stop) })
			run(&done, func() { spread(ch, stop) })
		}
	}
	waitFor(len(chans) * 9)
	close(stop)
	done.Wait()
}

func run(done *sync.WaitGroup, f func()) {
	done.Add(1)
	go func() {
		f()
		done.Done()
	}()
}

// waitFor returns when so many more wait.
func waitFor(n int) {
	expected += int64(n)
	for atomic.LoadInt64(&waiting) < expected {
		runtime.Gosched()
	}
}

// ---- those that wait ----------------------------------------------------------------------------------

//go:noinline
func subscribe(ch chan int) {
	atomic.AddInt64(&waiting, 1)
	for v := range ch {
		atomic.AddInt64(&sum, int64(v))
	}
}

// once does not use its channel again.
//
//go:noinline
func once(ch chan string) {
	atomic.AddInt64(&waiting, 1)
	<-ch
}

//go:noinline
func keep(r *record) {
	atomic.AddInt64(&waiting, 1)
	<-never
	atomic.AddInt64(&sum, int64(len(r.name)))
}

func newRecord() *record {
	r := &record{name: "a record"}
	r.rest[0] = new(int)
	return r
}

// deferring has so many deferred calls that each has a record and a closure on the stack, which nothing else leads to.
//
//go:noinline
func deferring(l *later, stop chan bool) {
	defer func() { finish(l) }()
	defer func() { finish(l) }()
	defer func() { finish(l) }()
	defer func() { finish(l) }()
	defer func() { finish(l) }()
	defer func() { finish(l) }()
	defer func() { finish(l) }()
	defer func() { finish(l) }()
	defer func() { finish(l) }()
	atomic.AddInt64(&waiting, 1)
	<-stop
}

//go:noinline
func finish(l *later) {
	atomic.AddInt64(&sum, int64(len(l.name)))
}

// ---- those that look alike on the stack ------------------------------------------------------------------

//go:noinline
func listen(ch chan int, stop chan bool) {
	atomic.AddInt64(&waiting, 1)
	select {
	case v := <-ch:
		atomic.AddInt64(&sum, int64(v))
	case <-stop:
	}
}

// call waits in its select; the frame is like that of listen.
//
//go:noinline
func call(ch chan error, stop chan bool) {
	atomic.AddInt64(&waiting, 1)
	select {
	case err := <-ch:
		use(err)
	case <-stop:
	}
}

// handle waits before its select: where the cases of that will be there is what listen left.
//
//go:noinline
func handle(n *int, stop chan bool) {
	atomic.AddInt64(&waiting, 1)
	<-stop
	ch := make(chan error)
	select {
	case err := <-ch:
		use(err)
	case <-stop:
	}
	*n++
}

// request waits when it has a context, idle before that.
//
//go:noinline
func request(stop chan bool) {
	var ctx context.Context
	cancel := fill(&ctx)
	atomic.AddInt64(&waiting, 1)
	<-stop
	pass(&ctx)
	cancel()
}

//go:noinline
func idle(stop chan bool) {
	atomic.AddInt64(&waiting, 1)
	<-stop
	var ctx context.Context
	cancel := fill(&ctx)
	pass(&ctx)
	cancel()
}

//go:noinline
func fill(ctx *context.Context) (cancel context.CancelFunc) {
	*ctx, cancel = context.WithCancel(context.Background())
	return cancel
}

//go:noinline
func pass(ctx *context.Context) {
	if (*ctx).Err() != nil {
		atomic.AddInt64(&sum, 1)
	}
}

// spread has its channel all over a large frame, where wide has nothing yet.
//
//go:noinline
func spread(ch chan int, stop chan bool) {
	var all [400]chan int
	for i := range all {
		all[i] = ch
	}
	count(&all)
	atomic.AddInt64(&waiting, 1)
	<-stop
	count(&all)
}

//go:noinline
func wide(stop chan bool) {
	atomic.AddInt64(&waiting, 1)
	<-stop
	var all [400]chan int
	count(&all)
}

//go:noinline
func count(all *[400]chan int) {
	for _, ch := range all {
		atomic.AddInt64(&sum, int64(len(ch)))
	}
}

//go:noinline
func use(err error) {
	if err != nil {
		atomic.AddInt64(&sum, 1)
	}
}

// wipe takes from main's own stack what start had there.
//
//go:noinline
func wipe(depth int) (v [64]uintptr) {
	if depth < 10 {
		v = wipe(depth + 1)
	}
	return v
}

// ---- meanwhile ----------------------------------------------------------------------------------------

func churn(on bool) {
	if !on {
		atomic.StoreInt32(&churns, 0)
		churned.Wait()
		return
	}
	atomic.StoreInt32(&churns, 1)
	for i := 0; i < 2; i++ {
		run(&churned, func() {
			for atomic.LoadInt32(&churns) != 0 {
				comeAndGo()
			}
		})
	}
}

func comeAndGo() {
	var done sync.WaitGroup
	stop := make(chan bool)
	ch, errs := make(chan int), make(chan error)
	for i := 0; i < 10; i++ {
		run(&done, func() { listen(ch, stop) })
		run(&done, func() { request(stop) })
		run(&done, func() { call(errs, stop) })
	}
	close(stop)
	done.Wait()
}
