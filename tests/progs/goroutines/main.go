// SPDX-License-Identifier: BSD-2-Clause

// Goroutines holds goroutines in every state that Go has a word for.
//
// A first crowd starts before the driver lets the tracer attach ("ready"), the second with "more".
// "end" lets those end that can; "stacks" prints runtime.Stack of all and the counts; "wanted" the
// creation stacks of the second crowd, recorded on the line of each go statement.
package main

import (
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"progs/ctl"
)

// Creation is one go statement, with the stack at its line.
type Creation struct {
	Started int
	Frames  []Frame
}

// Frame is what runtime.CallersFrames says.
type Frame struct {
	Function string
	File     string
	Line     int
}

type creation struct {
	started int
	pcs     [64]uintptr
	depth   int
}

const maxCreations = 64

// crowd is what the goroutines of one start wait for.
type crowd struct {
	send, receive, nilChan chan int
	mutex                  sync.Mutex
	rwMutex                sync.RWMutex
	group                  sync.WaitGroup
	cond                   *sync.Cond
	pipe                   *os.File
	rawPipe                [2]int
	listener               net.Listener
	end                    chan bool // closed: those that wait for it end
	stop                   int32     // the spinning one ends
}

var (
	creations [maxCreations]creation
	crowds    []*crowd
	extra     []func(c *crowd) // states that older versions do not have
	ended     int
)

func main() {
	start()
	settle()
	for i := range creations {
		creations[i] = creation{}
	}
	ctl.Loop(map[string]func(int){
		"more":   func(int) { start(); settle(); ctl.OK() },
		"spin":   func(int) { spinning(crowds[0]); ctl.OK() },
		"end":    func(int) { end(); ctl.OK() },
		"brief":  func(n int) { brief(n); ctl.OK() },
		"stacks": func(int) { ctl.JSON(stacks()) },
		"wanted": func(int) { ctl.JSON(wanted()) },
	})
}

func start() {
	c := newCrowd()
	crowds = append(crowds, c)
	channels(c)
	locks(c)
	system(c)
	endable(c)
	for _, f := range extra {
		f(c)
	}
}

func newCrowd() *crowd {
	c := &crowd{send: make(chan int), receive: make(chan int), end: make(chan bool)}
	c.cond = sync.NewCond(&sync.Mutex{})
	c.mutex.Lock()
	c.rwMutex.Lock()
	c.group.Add(1)
	r, w, err := os.Pipe()
	check(err)
	keepOpen = append(keepOpen, w)
	c.pipe = r
	check(syscall.Pipe(c.rawPipe[:]))
	c.listener, err = net.Listen("tcp", "127.0.0.1:0")
	check(err)
	return c
}

var keepOpen []*os.File

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// on notes the stack of the caller, once for each number; the go statement evaluates it on its own
// line, before the goroutine starts.
//
//go:noinline
func on(n int) int {
	c := &creations[n]
	c.started++
	if c.depth == 0 {
		c.depth = runtime.Callers(2, c.pcs[:])
	}
	return n
}

func channels(c *crowd) {
	for i := 0; i < 3; i++ {
		go sender(on(1), c.send)
	}
	for i := 0; i < 5; i++ {
		go receiver(on(2), c.receive)
	}
	go sender(on(3), c.nilChan)
	go receiver(on(4), c.nilChan)
	go selecting(on(5), c)
	go func(int) { select {} }(on(6))
	go ranging(on(7), c.receive)
	deeper(func() { go inDepth(on(8), 20, c.receive) })
}

//go:noinline
func deeper(f func()) { f() }

//go:noinline
func sender(n int, c chan int) { c <- n }

//go:noinline
func receiver(n int, c chan int) { <-c }

//go:noinline
func selecting(n int, c *crowd) {
	select {
	case c.send <- n:
	case <-c.receive:
	}
}

//go:noinline
func ranging(n int, c chan int) {
	for range c {
		n++
	}
}

//go:noinline
func inDepth(n, depth int, c chan int) int {
	if depth == 0 {
		return inlinedWait(c)
	}
	return inDepth(n, depth-1, c) + 1
}

func inlinedWait(c chan int) int { return <-c }

func locks(c *crowd) {
	for i := 0; i < 2; i++ {
		go lock(on(11), &c.mutex)
	}
	go lock(on(12), &c.rwMutex)
	go lock(on(13), c.rwMutex.RLocker())
	go func(int) { c.group.Wait() }(on(14))
	go condition(on(15), c.cond)
}

//go:noinline
func lock(n int, l sync.Locker) { l.Lock() }

//go:noinline
func condition(n int, c *sync.Cond) {
	c.L.Lock()
	c.Wait()
}

func system(c *crowd) {
	go sleeper(on(21))
	go reader(on(22), c.pipe)
	go accepter(on(23), c.listener)
	go rawReader(on(24), c.rawPipe[0])
	go locked(on(25), c.receive)
}

//go:noinline
func sleeper(n int) { time.Sleep(time.Hour) }

//go:noinline
func reader(n int, f *os.File) {
	var b [1]byte
	f.Read(b[:])
}

//go:noinline
func accepter(n int, l net.Listener) { l.Accept() }

//go:noinline
func rawReader(n, fd int) {
	var b [1]byte
	syscall.Read(fd, b[:])
}

//go:noinline
func locked(n int, c chan int) {
	runtime.LockOSThread()
	<-c
}

func endable(c *crowd) {
	for i := 0; i < 40; i++ {
		go waitForEnd(on(31), c.end)
	}
}

//go:noinline
func waitForEnd(n int, end chan bool) { <-end }

//go:noinline
func spinning(c *crowd) {
	atomic.StoreInt32(&c.stop, 0)
	go spin(on(32), &c.stop)
}

//go:noinline
func spin(n int, stop *int32) {
	for atomic.LoadInt32(stop) == 0 {
	}
}

// brief starts n goroutines one after the other, each of which ends before the next starts.
func brief(n int) {
	done := make(chan bool)
	for i := 0; i < n; i++ {
		go finish(on(33), done)
		<-done
	}
	ended += n
}

//go:noinline
func finish(n int, done chan bool) { done <- true }

// end ends 40 goroutines of each crowd and the spinning one.
func end() {
	before := runtime.NumGoroutine()
	for _, c := range crowds {
		close(c.end)
		atomic.StoreInt32(&c.stop, 1)
		c.end = make(chan bool)
	}
	for runtime.NumGoroutine() > before-40*len(crowds) {
		time.Sleep(time.Millisecond)
	}
	ended += 40 * len(crowds)
	settle()
}

// settle returns when no goroutine is about to block: none but this one runs or could, and nothing
// changes.
func settle() {
	same := 0
	for last := ""; same < 5; {
		time.Sleep(2 * time.Millisecond)
		text := stacks().Text
		if text == last && strings.Count(text, " [running") == 1 && !strings.Contains(text, " [runnable") {
			same++
		} else {
			same = 0
		}
		last = text
	}
}

// Stacks is what the runtime itself says.
type Stacks struct {
	Text         string
	NumGoroutine int
	Ended        int
}

func stacks() Stacks {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	return Stacks{string(buf), runtime.NumGoroutine(), ended}
}

func wanted() []Creation {
	var all []Creation
	for i := range creations {
		c := &creations[i]
		if c.depth == 0 {
			continue
		}
		w := Creation{Started: c.started}
		frames := runtime.CallersFrames(c.pcs[:c.depth])
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			w.Frames = append(w.Frames, Frame{f.Function, f.File, f.Line})
		}
		all = append(all, w)
	}
	return all
}
