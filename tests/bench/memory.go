// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// What the tool itself takes: memory for a million objects, time for a look at them, for heaps of many sizes;
// events it can take a second.

const (
	tracked       = 1000000
	trackedBytes  = 64 << 20
	lookBar       = 300 * time.Millisecond
	lookSpread    = 0.10
	ingestionRate = 500000
)

func (b *bench) memory() {
	b.million()
	b.heapSizes()
	b.ingestion()
}

func (b *bench) million() {
	p := b.start(b.build("churn", "", ""))
	p.line()
	o := b.traceAll(p.pid())
	p.ask("keep %d", tracked)
	for i := 0; i < b.rounds+1; i++ {
		o.collected(p)
	}
	resident := o.resident()
	live, looks := o.looks()
	b.row(resident < trackedBytes && live >= tracked, fmt.Sprintf("%d tracked objects", live), "under 64 MiB resident",
		"%.1f MiB", float64(resident)/(1<<20))
	b.row(median(looks) < lookBar.Seconds(), "a look at them", "under 300 ms", "%.0f ms (the quickest %.0f)", 1e3*median(looks),
		1e3*sorted(looks)[0])
	p.end()
}

// traceAll follows every object, and writes a report for each SIGUSR1.
func (b *bench) traceAll(pid int) *observer {
	return b.trace(pid, "-s", "0", "--heap-only", "--format", "json")
}

// resident is the process's memory that is in RAM, the ring included.
func (o *observer) resident() int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(o.cmd.Process.Pid) + "/status")
	o.b.must(err)
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// looks ends the trace and answers what lives, and how long each look took, but for the first, s.
func (o *observer) looks() (objects uint64, took []float64) {
	type report struct {
		Cost struct {
			LookSeconds *float64 `json:"look_s"`
		}
		Sites []struct {
			LiveObjects float64 `json:"live_objects"`
		}
	}
	o.end()
	for d := json.NewDecoder(strings.NewReader(o.stdout.String())); d.More(); {
		var r report
		o.b.must(d.Decode(&r), "a report")
		objects = 0
		for _, s := range r.Sites {
			objects += uint64(s.LiveObjects)
		}
		if r.Cost.LookSeconds != nil {
			took = append(took, *r.Cost.LookSeconds)
		}
	}
	if len(took) < 2 {
		panic(fatal("the tool did not look"))
	}
	return objects, took[1:]
}

// heapSizes: what was there before the attach must not cost a look anything.  What the tool does during a collection, which
// takes longer in the larger heap, is in its processor time; on the wall a look waits for memory with the target's sweeper.
func (b *bench) heapSizes() {
	var ps []*program
	var os []*observer
	var looks, taken [2]float64
	for _, gib := range []int{1, 8} {
		p := b.start(b.build("churn", "", ""))
		p.line()
		p.ask("ballast %d", gib<<10)
		o := b.traceAll(p.pid())
		p.ask("keep %d", tracked)
		ps, os = append(ps, p), append(os, o)
	}
	n := 3*b.rounds + 1
	for i := 0; i < n; i++ {
		for k := range ps {
			before := cpu(os[k].cmd.Process.Pid)
			os[k].collected(ps[k])
			taken[k] += (cpu(os[k].cmd.Process.Pid) - before).Seconds() / float64(n)
		}
	}
	for k := range ps {
		_, took := os[k].looks()
		looks[k] = median(took)
		ps[k].end()
	}
	ratio := taken[1] / taken[0]
	b.row(ratio <= 1+lookSpread, "a look at as many and two reports, heap of 8 GiB against 1 GiB", "within 10 %",
		"%+.1f %% (%.0f and %.0f ms of processor time; on the wall the look takes %.0f and %.0f ms)", 100*(ratio-1),
		1e3*taken[1], 1e3*taken[0], 1e3*looks[1], 1e3*looks[0])
}

// ingestion: as many events as the target can make; what the tool's own processor time says it could take.
func (b *bench) ingestion() {
	p := b.start(b.build("load", "", ""))
	p.line()
	o := b.traceAll(p.pid())
	n := 3000000
	before := cpu(o.cmd.Process.Pid)
	p.ask("alloc %d", n)
	time.Sleep(100 * time.Millisecond)
	taken := cpu(o.cmd.Process.Pid) - before
	o.end()
	var report struct{ Coverage map[string]float64 }
	b.must(json.NewDecoder(strings.NewReader(o.stdout.String())).Decode(&report), "the report")
	rate := float64(n) / taken.Seconds()
	b.row(rate >= ingestionRate && report.Coverage["lost_ring"] == 0, "ingestion, on one core", "500,000 events/s without loss",
		"%.0f events/s of processor time, %.0f lost", rate, report.Coverage["lost_ring"])
	p.end()
}
