// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
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
	o := b.trace(p.pid(), "-s", "0", "--heap-only", "--format", "json")
	p.ask("keep %d", tracked)
	time.Sleep(settle)
	p.ask("gc")
	p.ask("gc")
	time.Sleep(settle)
	resident := o.resident()
	live, look := o.looked()
	b.row(resident < trackedBytes && live >= tracked, fmt.Sprintf("%d tracked objects", live), "under 64 MiB resident",
		"%.1f MiB", float64(resident)/(1<<20))
	b.row(look < lookBar, "a look at them", "under 300 ms", "%d ms", look.Milliseconds())
	p.end()
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

// looked ends the trace and answers what lived at the last look, and how long the look took.
func (o *observer) looked() (objects uint64, took time.Duration) {
	var report struct {
		Cost struct {
			LookSeconds *float64 `json:"look_s"`
		}
		Sites []struct {
			LiveObjects float64 `json:"live_objects"`
		}
	}
	o.end()
	o.b.must(json.NewDecoder(bytes.NewReader(o.stdout.Bytes())).Decode(&report), "the report")
	if report.Cost.LookSeconds == nil {
		panic(fatal("the report knows of no look"))
	}
	for _, s := range report.Sites {
		objects += uint64(s.LiveObjects)
	}
	return objects, time.Duration(*report.Cost.LookSeconds * 1e9)
}

// heapSizes: what was there before the attach must not cost a look anything.
func (b *bench) heapSizes() {
	p := b.start(b.build("churn", "", ""))
	p.line()
	var small, big []float64
	for i := 0; i < b.rounds; i++ {
		for _, gib := range []int{1, 8} {
			p.ask("ballast %d", gib<<10)
			o := b.trace(p.pid(), "-s", "0", "--heap-only", "--format", "json")
			p.ask("keep 200000")
			p.ask("gc")
			p.ask("gc")
			time.Sleep(settle)
			_, look := o.looked()
			if gib == 1 {
				small = append(small, look.Seconds()*1e3)
			} else {
				big = append(big, look.Seconds()*1e3)
			}
		}
	}
	ratio := median(big) / median(small)
	b.row(math.Abs(ratio-1) <= lookSpread, "a look at the same objects, heap of 8 GiB against 1 GiB", "within 10 %", "%+.1f %% (%.1f ms)",
		100*(ratio-1), median(small))
	p.end()
}

// ingestion: as many events as the target can make; what the tool's own processor time says it could take.
func (b *bench) ingestion() {
	p := b.start(b.build("load", "", ""))
	p.line()
	o := b.trace(p.pid(), "-s", "0", "--heap-only", "--format", "json")
	n := 3000000
	before := cpu(o.cmd.Process.Pid)
	p.ask("alloc %d", n)
	time.Sleep(100 * time.Millisecond)
	taken := cpu(o.cmd.Process.Pid) - before
	o.end()
	var report struct{ Coverage map[string]float64 }
	b.must(json.NewDecoder(bytes.NewReader(o.stdout.Bytes())).Decode(&report), "the report")
	rate := float64(n) / taken.Seconds()
	b.row(rate >= ingestionRate && report.Coverage["lost_ring"] == 0, "ingestion, on one core", "500,000 events/s without loss",
		"%.0f events/s of processor time, %.0f lost", rate, report.Coverage["lost_ring"])
	p.end()
}
