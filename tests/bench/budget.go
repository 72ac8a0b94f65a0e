// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"time"
)

// What the default budget leaves of a program's throughput.

const (
	throughput = 0.985 // of the untraced
	window     = 3 * time.Second
	slice      = 20 * time.Millisecond
)

func (p *program) run(d time.Duration) float64 { return p.ask("run %d", d.Milliseconds()) }

// toil is a slice of what it runs.
func (p *program) toil() { p.run(slice) }

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

// throughput is in turns a second; where others take the processors away, turns for each second of its processor time
// still tell what the traps take.
func (b *bench) throughput(p *program, what string) {
	all := b.pairs(b.rounds, func() *observer { return b.trace(p.pid()) }, p.toil, func() []float64 {
		begin := cpu(p.pid())
		rate := p.run(window)
		return []float64{rate, rate * window.Seconds() / (cpu(p.pid()) - begin).Seconds()}
	})
	b.row(all[0].ratio() >= throughput, "default budget, "+what, "throughput within 1.5 %",
		"%v (by its processor time %v) of %.2g turns/s", all[0], all[1], median(all[0].without))
}
