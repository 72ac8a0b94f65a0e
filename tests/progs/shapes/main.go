// SPDX-License-Identifier: BSD-2-Clause

// Shapes leaks, or does what looks like a leak, in one of many ways, each as a command.
//
// "speed N" (at first 10) sets how many seconds of a shape go by in one of the clock: as written here a
// shape is a service that collects every few seconds, is watched for minutes and keeps things for
// minutes.  "flood N" makes N allocations of garbage a second beside it.  The name of a shape starts
// it and answers when what it holds from the start is there; "attached" lets begin what a shape does
// only later; "ledger" says what it has kept and dropped, and since when; "names" lists all shapes.
// What a shape does goes by the clock, however busy the machine is.
package main

import (
	"runtime"
	"sync"
	"time"

	"progs/ctl"
)

// shape is one way to leak, or not to.
type shape struct {
	leaks    bool
	culprits []string     // of a leak: functions, one of which every report of it has to name
	prepare  func()       // what it holds from the start; may be nil
	step     func(at now) // brings it up to date; may be nil
}

// now is a moment in the seconds of a shape.
type now struct {
	start    float64 // since it was started
	attached float64 // since "attached"; 0 before
}

// Ledger is what a shape knows of itself.
type Ledger struct {
	Shape    string
	Leaks    bool
	Culprits []string
	Version  string
	Speed    int
	Seconds  float64 // of the clock, since the start
	Kept     uint64  // what it leaks, in units of its own: entries, goroutines, requests
	Dropped  uint64
	Rates    []Rate // that are constant
	// What culprits leave behind in a second of the clock; 0: not constant, or not known.
	Bytes, Goroutines float64
}

// Rate is what one size class of a leak grows by, in seconds of the clock.
type Rate struct {
	Size      uint64
	PerSecond float64
}

const tick = 5 * time.Millisecond

var (
	shapes = map[string]*shape{}
	speed  = 10

	mu       sync.Mutex // of all below, and of what shapes hold
	running  *shape
	ledger   Ledger
	started  time.Time
	attached time.Time
)

func main() {
	commands := map[string]func(int){
		"speed":    func(n int) { speed = n; ctl.OK() },
		"flood":    func(n int) { go flood(n); ctl.OK() },
		"attached": func(int) { mu.Lock(); attached = time.Now(); mu.Unlock(); ctl.OK() },
		"ledger":   func(int) { answerLedger() },
		"names":    func(int) { answerNames() },
		"gc":       func(int) { runtime.GC(); ctl.OK() },
	}
	for name := range shapes {
		name := name
		commands[name] = func(int) { start(name); ctl.OK() }
	}
	ctl.Loop(commands)
}

func start(name string) {
	mu.Lock()
	defer mu.Unlock()
	running = shapes[name]
	if running.prepare != nil {
		running.prepare()
	}
	runtime.GC() // what was needed to prepare is gone
	receive()
	ledger.Shape, ledger.Leaks, ledger.Culprits = name, running.leaks, running.culprits
	started = time.Now()
	if running.step != nil {
		go drive()
	}
}

// drive is the service's clock.
func drive() {
	for {
		time.Sleep(tick)
		mu.Lock()
		at := now{start: since(started)}
		if !attached.IsZero() {
			at.attached = since(attached)
		}
		running.step(at)
		mu.Unlock()
		respond(at.start)
	}
}

func since(t time.Time) float64 { return time.Since(t).Seconds() * float64(speed) }

// duration of so many seconds of a shape.
func duration(seconds float64) time.Duration {
	return time.Duration(seconds / float64(speed) * float64(time.Second))
}

func answerLedger() {
	mu.Lock()
	l := ledger
	l.Version, l.Speed, l.Seconds = runtime.Version(), speed, time.Since(started).Seconds()
	l.Bytes *= float64(speed)
	l.Goroutines *= float64(speed)
	l.Rates = nil
	for _, r := range ledger.Rates {
		l.Rates = append(l.Rates, Rate{r.Size, r.PerSecond * float64(speed)})
	}
	mu.Unlock()
	ctl.JSON(l)
}

// Name is one shape in the list of all.
type Name struct {
	Name  string
	Leaks bool
}

func answerNames() {
	var all []Name
	for name, s := range shapes {
		all = append(all, Name{name, s.leaks})
	}
	ctl.JSON(all)
}

// grows notes a constant rate of a leak.
func grows(size uint64, perSecond float64) {
	ledger.Rates = append(ledger.Rates, Rate{size, perSecond})
}

// growsAlone is grows of a leak whose culprits leave nothing else behind.
func growsAlone(size uint64, perSecond float64) {
	grows(size, perSecond)
	ledger.Bytes += float64(size) * perSecond
}

// starts notes how many goroutines a leak leaves behind in a second.
func starts(perSecond float64) { ledger.Goroutines = perSecond }

// counter says how often something that happens at a rate is due.
type counter float64

// due returns how many more there should be by now, which is total, and takes them as done.
func (c *counter) due(total float64) int {
	n := int(total - float64(*c))
	if n < 0 {
		return 0
	}
	*c += counter(n)
	return n
}

var seed uint64 = 88172645463325252

func random(n int) int {
	seed ^= seed << 13
	seed ^= seed >> 7
	seed ^= seed << 17
	return int(seed>>33) % n
}
