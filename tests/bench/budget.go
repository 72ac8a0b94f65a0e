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

// costs: is what the report states the truth?
func (b *bench) costs() {
	for _, version := range []string{"1.22.12", "1.27.4"} {
		p := b.start(b.build("churn", version, ""))
		p.line()
		p.ask("allocs 5000000")
		b.statedCost("5 million allocations/s, Go "+version, p.pid(),
			func() float64 { return p.run(window) * window.Seconds() })
		p.end()
		b.httpService(version, b.serviceCost)
	}
	b.exporter(b.serviceCost)
}

func (b *bench) serviceCost(s *service) {
	s.load(b, warm)
	b.statedCost(s.what, s.pid, func() float64 {
		s.load(b, served)
		return served.Seconds() * float64(s.rate)
	})
}

// statedCosts are compared under the budget, and where everything is followed.
var statedCosts = []struct {
	what string
	args []string
}{{"default budget", nil}, {"every allocation", []string{"-s", "0"}}}

// statedCost compares the report's COST with the processor time that the target took for its turns with a trace, from
// before its attach to after its end, less what it took for as many before and after that.
func (b *bench) statedCost(what string, pid int, work func() (turns float64)) {
	var bare []float64
	says, really := make([][]float64, len(statedCosts)), make([][]float64, len(statedCosts))
	each := func() float64 {
		begin := cpu(pid)
		turns := work()
		return (cpu(pid) - begin).Seconds() / turns
	}
	bare = append(bare, each())
	for i := 0; i < b.rounds; i++ {
		for k, c := range statedCosts {
			begin := cpu(pid)
			o := b.trace(pid, append([]string{"--format", "json"}, c.args...)...)
			turns := work()
			o.end()
			taken := (cpu(pid) - begin).Seconds()
			bare = append(bare, each())
			percent, attached := o.cost()
			n := len(bare)
			really[k] = append(really[k], 100*(taken-turns*(bare[n-2]+bare[n-1])/2)/attached)
			says[k] = append(says[k], percent)
		}
	}
	for k, c := range statedCosts {
		var off []float64
		for i := range says[k] {
			off = append(off, says[k][i]-really[k][i])
		}
		limit := math.Max(0.5, 0.1*median(really[k]))
		b.row(math.Abs(median(off)) <= limit, "stated cost, "+c.what+", "+what, "within 0.5 points, or 10 %",
			"%+.2f ± %.2f points: %.2f %% of a core stated, really %.2f (noise of the untraced %.1f %%)", median(off),
			2*standardError(off), median(says[k]), median(really[k]), 100*spread(bare))
	}
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

// cost is what the report says: percent of a core in the time that it was attached, s.
func (o *observer) cost() (percent, attached float64) {
	var report struct {
		Time struct {
			Attached float64 `json:"attached_s"`
		}
		Cost struct {
			TargetPercent *float64 `json:"target_percent"`
		}
	}
	o.b.must(json.NewDecoder(strings.NewReader(o.stdout.String())).Decode(&report), "the report")
	if report.Cost.TargetPercent == nil {
		panic(fatal("the report states no cost"))
	}
	return *report.Cost.TargetPercent, report.Time.Attached
}
