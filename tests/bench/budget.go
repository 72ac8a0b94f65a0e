// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// What the default budget leaves of a program's throughput, and whether the stated cost is the real one.

const (
	throughput = 0.985 // of the untraced
	window     = 3 * time.Second
	settle     = 2 * time.Second // for the tool to choose its source
)

func (p *program) run(d time.Duration) float64 { return p.ask("run %d", d.Milliseconds()) }

func (b *bench) budgets() {
	for _, version := range []string{"1.22.12", "1.24.13", "1.26.11", "1.27.4"} {
		for _, tags := range []string{"", "profiled"} {
			p := b.start(b.build("churn", version, tags))
			p.line()
			p.ask("allocs 5000000")
			profiler := "off"
			if tags != "" {
				profiler = "live"
			}
			b.throughput(p, fmt.Sprintf("5 million allocations/s, Go %s, profiler %s", version, profiler))
			p.end()
		}
	}
}

// manyGoroutines: 50,000 a second.
func (b *bench) manyGoroutines() {
	p := b.start(b.build("churn", "", ""))
	p.line()
	p.ask("goroutines 50000")
	b.throughput(p, "50,000 goroutines/s started and ended")
}

func (b *bench) throughput(p *program, what string) {
	rate := p.run(window)
	ratio := b.pairs(b.rounds, func() *observer { return b.trace(p.pid()) }, settle,
		func() float64 { return p.run(window) })
	b.row(ratio >= throughput, "default budget, "+what, "throughput within 1.5 %", "%+.1f %% (%.2g turns/s)",
		100*(ratio-1), rate)
	b.statedCost(what, p.pid(), func() (float64, time.Duration) {
		begin := cpu(p.pid())
		turns := p.run(window) * window.Seconds()
		return turns, cpu(p.pid()) - begin
	})
}

// statedCost compares the report's COST of a trace that follows everything with the processor time that the target
// took for its turns, with and without.
func (b *bench) statedCost(what string, pid int, work func() (turns float64, taken time.Duration)) {
	var off []float64
	var differences, stated, real []float64
	for i := 0; i < b.rounds; i++ {
		turns, taken := work()
		bare := taken.Seconds() / turns
		off = append(off, bare)
		o := b.trace(pid, "--format", "json")
		time.Sleep(settle)
		begin := time.Now()
		turns, taken = work()
		seconds := time.Since(begin).Seconds()
		o.end()
		really := 100 * (taken.Seconds() - turns*bare) / seconds
		says := o.cost()
		stated, real = append(stated, says), append(real, really)
		differences = append(differences, says-really)
	}
	d := math.Abs(median(differences))
	limit := math.Max(0.5, 0.1*median(real))
	b.row(d <= limit, "stated cost, "+what, "within 0.5 points, or 10 %", "%.2f %% stated, %.2f %% of a core really (noise of the untraced %.1f %%)",
		median(stated), median(real), 100*spread(off))
}

// spread is the median distance from the median, relative.
func spread(v []float64) float64 {
	m := median(v)
	var d []float64
	for _, x := range v {
		d = append(d, math.Abs(x-m)/m)
	}
	return median(d)
}

// cost is the target's percent of a core in the report.
func (o *observer) cost() float64 {
	var report struct {
		Cost struct {
			TargetPercent *float64 `json:"target_percent"`
		}
	}
	text := o.stdout.String()
	if at := strings.Index(text, "{"); at >= 0 {
		text = text[at:]
	}
	o.b.must(json.Unmarshal([]byte(text), &report), "the report")
	if report.Cost.TargetPercent == nil {
		return math.NaN()
	}
	return *report.Cost.TargetPercent
}
