// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// More than the tracer can follow: it must still let go, stay small, and say what it does not know.
// The limits are on its own processor time and memory, which a busy machine does not change.

func overloadTests(e *env) []testCase {
	return []testCase{
		{"overload/signals", func(t *T) { t.overloadSignals() }},
		{"overload/goroutine-stacks", func(t *T) { t.manyGoroutineStacks() }},
		{"overload/memory", func(t *T) { t.manyStacks() }},
		{"overload/full-tables", func(t *T) { t.fullTables() }},
		{"overload/full-tables-reuse", func(t *T) { t.fullTablesReuse() }},
		{"doubt/stopped-tracer", func(t *T) { t.stoppedTracer() }},
		{"goroutines/churn-while-reporting", func(t *T) { t.churnWhileReporting() }},
		{"cost/lost-hits", func(t *T) { t.lostHits() }},
	}
}

const (
	letGo        = time.Second            // of processor time, from the signal to its end
	busyTime     = 200 * time.Millisecond // of processor time, after which it is overrun
	overloadTime = 10 * time.Second
)

// overloadSignals: the tracer has 3 % of a processor, the other 97 % make work for it.
func (t *T) overloadSignals() {
	for _, end := range []struct {
		what string
		args []string
		ask  func(x *tracer)
	}{
		{"SIGINT", nil, func(x *tracer) { t.must(x.cmd.Process.Signal(os.Interrupt)) }},
		{"SIGTERM", nil, func(x *tracer) { t.must(x.cmd.Process.Signal(syscall.SIGTERM)) }},
		{"-d", []string{"-d", overloadTime.String()}, nil},
	} {
		p := t.program(t.build("overload", t.newest(), "stripped"), "GOMAXPROCS=8")
		x := t.attach(p.pid(), end.args...)
		attached := time.Now()
		p.pin(firstProcessor(t))
		x.pin(firstProcessor(t))
		// Niceness 5 weighs 335 against 1024 of each of the eight others (kernel/sched/core.c).
		t.must(syscall.Setpriority(syscall.PRIO_PROCESS, x.pid(), 5))
		p.do("flood 8")
		m := x.meter()
		if end.ask == nil {
			time.Sleep(time.Until(attached.Add(overloadTime))) // from then on, it has to end
			m = x.meter()
		} else {
			t.eventually("the tracer has nothing to do", func() bool { return m.used() > busyTime })
			m = x.meter()
			end.ask(x)
		}
		m.within(letGo, end.what, x.ended)
		if x.exit() != 0 {
			t.Errorf("%s: exit code %d; stderr: %s", end.what, x.exit(), x.stderr)
		}
		if n := allocsIn(x.parse(x.line(x.stdout, "")), "main.garbage"); n == 0 {
			t.Errorf("%s: nothing of the flood is in the report", end.what)
		}
		t.Notef("%s: over after %v of processor time", end.what, m.used())
		p.kill()
	}
}

const (
	manyParked  = 40000
	reportLimit = 10 * time.Second
)

func (t *T) manyGoroutineStacks() {
	p := t.program(t.build("stacks", t.newest(), "stripped"))
	p.do("park %d", manyParked)
	x := t.attach(p.pid(), "--goroutines-only")
	m := x.meter()
	t.must(x.cmd.Process.Signal(syscall.SIGUSR1))
	r := x.parse(x.lineWithin(m, reportLimit, "a report"))
	t.Notef("%d goroutines at as many stacks: a report takes %v of processor time", manyParked, m.used())
	live := uint64(0)
	for _, s := range r.Sites {
		if s.Kind == "goroutine" && strings.HasPrefix(formatFrames(s.Frames), "main.park ") {
			live += s.Live
		}
	}
	if live != manyParked {
		t.Errorf("%d goroutines of main.park, really %d", live, manyParked)
	}
	m = x.meter()
	t.must(x.cmd.Process.Signal(os.Interrupt))
	m.within(reportLimit, "the final report", x.ended)
	x.expect(0)
	p.finish()
}

// lineWithin waits for a line on stdout, at most for that much of the tracer's processor time.
func (x *tracer) lineWithin(m *meter, limit time.Duration, what string) string {
	line := make(chan string, 1)
	ready := make(chan struct{})
	go func() {
		line <- <-x.stdout.next
		close(ready)
	}()
	m.within(limit, what, ready)
	return <-line
}

const (
	manyDistinct  = 262000
	memoryCeiling = 256 << 20 // what --memory is by default
	memoryMargin  = 32 << 20
	jsonCeiling   = 64 << 20
)

// manyStacks: each of the objects is allocated at a stack of its own.
func (t *T) manyStacks() {
	p := t.program(t.build("stacks", t.newest(), "stripped"))
	file := filepath.Join(t.dir, "report.json")
	x := t.startTracer("-p", fmt.Sprint(p.pid()), "-s", "0", "--format", "json", "-o", file)
	u := memoryUse{p: x.process}
	done := make(chan bool)
	go func() {
		defer close(done)
		p.do("allocate %d", manyDistinct)
	}()
	t.sampleUntil(&u, done)
	t.must(x.cmd.Process.Signal(os.Interrupt))
	for u.sample() {
		t.checkMemoryUse(&u)
		time.Sleep(time.Millisecond)
	}
	x.expect(0)
	size := fileSize(t, file)
	t.Notef("peak: %d MiB of anonymous memory, report: %d MB", u.peak()>>20, size/1e6)
	if size > jsonCeiling {
		t.Fatalf("the report has %d MB", size/1e6)
	}
	r := x.parse(string(t.readFile(file)))
	if seen := allocsIn(r, "main.keep"); seen > manyDistinct || seen < manyDistinct && losses(r) == 0 {
		t.Errorf("%d objects in the report, really %d, and no loss: %v", seen, manyDistinct, r.Coverage)
	}
	p.finish()
}

func (t *T) sampleUntil(u *memoryUse, done <-chan bool) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
			u.sample()
			t.checkMemoryUse(u)
		}
	}
}

// checkMemoryUse ends the test at once: what has no ceiling could take all of the machine.
func (t *T) checkMemoryUse(u *memoryUse) {
	if peak := u.peak(); peak > memoryCeiling+memoryMargin && !t.slow {
		t.Fatalf("the tracer has %d MiB of anonymous memory", peak>>20)
	}
}

// losses is the sum of what is missing.
func losses(r *report) uint64 {
	n := uint64(0)
	for name, v := range r.Coverage {
		if !harmless[name] {
			n += v
		}
	}
	return n
}

const (
	manySizes = 75000 // from eight places: more than there are accounts, if one is kept for each size
	aLeak     = 4000
	another   = 4010
)

// fullTables: after buffers of many sizes, all of them dropped, something begins to leak.
func (t *T) fullTables() {
	p := t.program(t.build("overload", t.newest(), "stripped"))
	x := t.attach(p.pid())
	p.do("sizes %d", manySizes)
	p.do("gc 2")
	x.withoutLoss(func() {
		p.do("first %d", aLeak)
		p.do("gc 2")
	})
	if n := liveIn(x.stop(), "main.first"); n != aLeak {
		t.Errorf("%d live objects of main.first, really %d", n, aLeak)
	}
	p.finish()
}

// withoutLoss repeats what is done until the ring had room for all of it.
func (x *tracer) withoutLoss(do func()) {
	lost := x.report().Coverage["lost_ring"]
	for again := true; again; {
		before := lost
		do()
		lost = x.report().Coverage["lost_ring"]
		again = lost != before
	}
}

// fullTablesReuse: with nothing left for the account of a new site, what it allocates still ends what
// was at the same addresses before.
func (t *T) fullTablesReuse() {
	p := t.program(t.build("overload", t.newest(), "stripped"))
	x := t.attach(p.pid())
	x.withoutLoss(func() {
		p.do("first %d", aLeak)
		p.do("gc 1")
	})
	p.do("sizes %d", manySizes)
	p.do("gc 2")
	r := x.report()
	if n := liveIn(r, "main.first"); n != aLeak {
		t.Errorf("before the slots are used again: %d live objects of main.first, really %d", n, aLeak)
	}
	resume := x.pause() // so that it looks only when the slots are used again
	p.do("drop")
	p.do("gc 1")
	p.do("third %d", another)
	p.do("gc 1")
	resume()
	final := x.stop()
	first, third := liveIn(final, "main.first"), liveIn(final, "main.third")
	if first != 0 || third != another {
		t.Errorf("%d live objects of main.first, really 0; %d of main.third, really %d; lost meanwhile: %d", first,
			third, another, final.Coverage["lost_ring"]-r.Coverage["lost_ring"])
	}
	p.finish()
}

// fillsRing is more records than the ring holds (16 MiB, 48 bytes each).
const fillsRing = 600000

// stoppedTracer: while it is stopped, the ring overflows, objects die, and their slots are used again by
// others that it never hears of.  Those that it takes for live must be called doubtful where they are.
func (t *T) stoppedTracer() {
	p := t.program(t.build("overload", t.newest(), "stripped"))
	x := t.attach(p.pid())
	p.do("first %d", aLeak)
	p.do("gc 2")
	if r := x.report(); liveIn(r, "main.first") != aLeak {
		t.Errorf("at first %d live objects of main.first, really %d", liveIn(r, "main.first"), aLeak)
	}
	p.do("second %d", aLeak) // not looked at yet
	resume := x.pause()
	p.do("garbage %d", fillsRing)
	p.do("drop")
	p.do("gc 2")
	p.do("third %d", 2*aLeak)
	p.do("gc 3")
	resume()
	r := x.stop()
	if lost := r.Coverage["lost_ring"]; lost == 0 {
		t.Fatalf("nothing was lost, so there is nothing to doubt")
	}
	falselyLive := uint64(0)
	for _, function := range []string{"main.first", "main.second"} {
		live, doubtful := liveIn(r, function), doubtfulIn(r, function)
		falselyLive += live
		if doubtful == nil && live > 0 {
			t.Errorf("%s: %d live, really 0, and no number of doubtful ones", function, live)
		} else if doubtful != nil && *doubtful < live {
			t.Errorf("%s: %d live, really 0, of which only %d are doubtful", function, live, *doubtful)
		}
	}
	t.Notef("%d objects are falsely live; coverage: %d doubtful", falselyLive, r.Coverage["objects_doubtful"])
	p.finish()
}

func doubtfulIn(r *report, function string) *uint64 {
	var sum *uint64
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind == "heap" && len(s.Frames) > 0 && s.Frames[0].Function == function && s.DoubtfulObjects != nil {
			if sum == nil {
				sum = new(uint64)
			}
			*sum += *s.DoubtfulObjects
		}
	}
	return sum
}

const (
	residents   = 100
	churners    = 4
	manyBrief   = 50000
	someReports = 10
)

// churnWhileReporting: what starts while a report is made is not older than the attach.
func (t *T) churnWhileReporting() {
	p := t.program(t.build("overload", t.newest(), "stripped"))
	p.do("resident %d", residents)
	x := t.attach(p.pid(), "--goroutines-only")
	p.do("churn %d", churners)
	started, reports := 0, 0
	for ; started < manyBrief || reports < someReports; reports++ {
		t.checkOlder(x.report())
		p.json(&started, "started")
		if t.failed() {
			break
		}
	}
	p.do("calm")
	t.checkOlder(x.stop())
	t.Notef("%s, meanwhile %s", plural(reports, "report"), plural(started, "goroutine"))
	p.finish()
}

// checkOlder: what is said to be older than the attach are the residents, the main goroutine and the
// runtime's own.
func (t *T) checkOlder(r *report) {
	older := uint64(0)
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind != "goroutine" || !s.BeforeAttach || isSystem(s) {
			continue
		}
		stack := formatFrames(s.Frames)
		switch {
		case strings.HasPrefix(stack, "main.residents "):
			older += s.Live
		case len(s.Frames) > 0 && !strings.HasPrefix(stack, "runtime."):
			t.Errorf("%s, started since the attach, is called older: %s", plural(int(s.Live), "goroutine"), stack)
		}
	}
	if older != residents {
		t.Errorf("%d goroutines of main.residents are older than the attach, really %d", older, residents)
	}
}

// lostHits: a hit whose record is lost costs as well.
func (t *T) lostHits() {
	const objects = 2000000
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	x := t.attach(p.pid())
	resume := x.pause()
	p.do("alloc %d", objects)
	resume()
	r := x.stop()
	hits := 0.0
	if r.Cost.HitsPerSecond != nil {
		hits = *r.Cost.HitsPerSecond * r.Time.Attached
	}
	t.Notef("%.0f hits for %d allocations, of which %d were lost", hits, objects, r.Coverage["lost_ring"])
	if r.Coverage["lost_ring"] == 0 {
		t.Errorf("nothing was lost")
	}
	if hits < 0.98*objects || hits > 1.05*objects {
		t.Errorf("cost: %.0f hits, really %d allocations", hits, objects)
	}
	p.finish()
}
