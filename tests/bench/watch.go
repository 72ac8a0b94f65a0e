// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// All shapes of tests/progs/shapes under one gobpfleak watch --all for ten minutes: what that takes of a core, which
// leaks are told of, and whether anything healthy is called one; and what being watched costs a busy program.

const (
	watchTime  = 10 * time.Minute
	watchCPU   = 0.01       // of a core,
	watchCount = 24         // for so many processes
	watchGOGC  = "GOGC=400" // a shape collects about 12 times a minute then
	watchCost  = 0.005      // of a target's throughput
)

type watchedShape struct {
	*program
	name      string
	leaks     bool
	called    float64 // a leak, after so many seconds; 0: never
	perMinute float64 // collections
	verdict   string  // at the end
}

func (b *bench) watch() {
	shapes := map[int]*watchedShape{}
	path := b.build("shapes", "", "")
	for _, name := range b.shapeNames(path) {
		p := b.start("/usr/bin/env", watchGOGC, path)
		p.line()
		p.ask("speed 1")
		p.ask(name.Name)
		shapes[p.pid()] = &watchedShape{program: p, name: name.Name, leaks: name.Leaks}
	}
	o := b.observe("watching", b.tool, "watch", "--all", "--format", "json")
	begin := time.Now()
	for _, s := range shapes {
		s.ask("attached")
	}
	time.Sleep(watchTime)
	took := cpu(o.cmd.Process.Pid).Seconds() / time.Since(begin).Seconds()
	o.cmd.Process.Signal(syscall.SIGINT)
	<-o.ended
	b.watchRows(took, b.hearWatch(o.stdout.String(), shapes), shapes)
	for _, s := range shapes {
		s.end()
	}
	b.watchedProgram()
}

type shapeName struct {
	Name  string
	Leaks bool
}

func (b *bench) shapeNames(path string) (all []shapeName) {
	p := b.start(path)
	defer p.end()
	p.line()
	_, err := fmt.Fprintln(p.in, "names")
	b.must(err)
	b.must(json.Unmarshal([]byte(p.line()), &all))
	return
}

// watchLine is what is wanted of a line of docs/watch.md.
type watchLine struct {
	Event   string
	Verdict string
	PID     int
	Watched float64 `json:"watched_s"`
	Cycles  float64 `json:"gc_cycles"`
	Missed  float64 `json:"gc_cycles_missed"`
	Heap    struct {
		Verdict string
		Classes []struct{ Verdict string }
	}
	Site   struct{ Verdict string } `json:"goroutine_site"`
	Growth struct {
		CPU float64 `json:"own_cpu_s"`
	}
	Cost struct{ Processes int }
}

// leak: of the heap, of a size class, or of a go statement.
func (l *watchLine) leak() bool {
	if l.Event == "goroutines" {
		return l.Site.Verdict == "LEAK"
	}
	leak := l.Heap.Verdict == "LEAK"
	for _, c := range l.Heap.Classes {
		leak = leak || c.Verdict == "LEAK"
	}
	return l.Event == "heap" && leak
}

// hearWatch answers what all looks at heaps took, and how many processes were watched.
func (b *bench) hearWatch(lines string, shapes map[int]*watchedShape) (last watchLine) {
	for d := json.NewDecoder(strings.NewReader(lines)); d.More(); {
		var l watchLine
		b.must(d.Decode(&l))
		if l.Event == "report" {
			last.Growth.CPU += l.Growth.CPU
			last.Cost.Processes += l.Cost.Processes
		}
		s := shapes[l.PID]
		if s == nil {
			continue
		}
		if l.leak() && s.called == 0 {
			s.called = l.Watched
		}
		if l.Event == "report" {
			s.verdict = l.Verdict
			s.perMinute = (l.Cycles + l.Missed) / l.Watched * 60
		}
	}
	return
}

func (b *bench) watchRows(took float64, said watchLine, shapes map[int]*watchedShape) {
	var delays, perMinute []float64
	var silent, wrong []string
	leaks := 0
	for _, s := range shapes {
		perMinute = append(perMinute, s.perMinute)
		switch {
		case s.leaks && s.called > 0:
			delays = append(delays, s.called)
		case s.leaks:
			silent = append(silent, s.name+" ("+s.verdict+")")
		case s.called > 0:
			wrong = append(wrong, s.name)
		}
		if s.leaks {
			leaks++
		}
	}
	share := took * watchCount / float64(said.Cost.Processes)
	b.row(share <= watchCPU, "watch: 10 minutes, "+strconv.Itoa(watchCount)+" processes", "1 % of a core",
		"%.2f %%, of which %.2f %% to name what grows; measured with %d processes, median %.0f collections a minute",
		100*share, 100*said.Growth.CPU/watchTime.Seconds()*watchCount/float64(said.Cost.Processes),
		said.Cost.Processes, median(perMinute))
	b.row(len(silent) == 0, "watch: leaking shapes that are told of", "all", "%d of %d, after %.0f s (median); not: %s",
		len(delays), leaks, median(delays), strings.Join(silent, " "))
	b.row(len(wrong) == 0, "watch: healthy shapes called a leak", "none", "%d of %d %s", len(wrong), len(shapes)-leaks,
		strings.Join(wrong, " "))
}

// watchedProgram: throughput of a program that allocates all the time.
func (b *bench) watchedProgram() {
	p := b.start(b.build("churn", "", ""))
	p.line()
	p.ask("allocs 5000000")
	watch := func() *observer {
		return b.observe("watching", b.tool, "watch", "-p", strconv.Itoa(p.pid()))
	}
	all := b.pairs(b.rounds, watch, p.toil, func() []float64 {
		begin := cpu(p.pid())
		rate := p.run(window)
		return []float64{rate * window.Seconds() / (cpu(p.pid()) - begin).Seconds()}
	})
	b.row(all[0].ratio() >= 1-watchCost, "watch: a program that allocates 5 million times a second",
		"throughput within 0.5 %", "%v of %.2g turns for a second of its processor time", all[0], median(all[0].without))
	p.end()
}
