// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// Whether the stated cost is the real one: the processor time that the target takes for its turns with a trace, less
// what as many take without.  How fast a program runs without us differs by some percent from one second to the next,
// so those here take little of a core by themselves: some percent of a little is less than the bar.  And processors are
// kept awake: what a program takes that does something a hundred times a second is half wake-ups, which a tracer at work
// makes cheaper.

const (
	costTrace  = 2500 * time.Millisecond
	costBeside = 700 * time.Millisecond // what a trace needs to begin and to end, rather more
	costPoints = 0.5
	costShare  = 0.1
	// With as many as the others a collection takes some tenths of a percent of a trace's time, and falls in it or not.
	costCustomers = 100
)

// statedCosts are compared under the budget, and where everything is followed.
var statedCosts = []struct {
	what string
	args []string
}{{"default budget", nil}, {"everything followed", []string{"-s", "0"}}}

func (b *bench) costs() {
	b.awake()
	for _, c := range []struct {
		version, what string
		pace          int // turns a second
	}{
		{"1.22.12", "allocs", 100000},
		{"1.27.4", "allocs", 400000},
		{"1.26.11", "goroutines", 10000},
	} {
		p := b.start(b.build("churn", c.version, ""))
		p.line()
		p.ask("%s 1", c.what)
		p.ask("pace %d", c.pace)
		b.statedCost(fmt.Sprintf("%d %s/s, Go %s", c.pace, c.what, c.version), p.pid(),
			func(d time.Duration) float64 { return p.run(d) * d.Seconds() })
		p.end()
	}
	b.serviceCost(b.httpService("1.24.13", costCustomers), 125)
	b.serviceCost(b.exporter(), 2)
}

func (b *bench) serviceCost(s *service, rate float64) {
	defer s.end()
	s.load(b, rate, warm)
	b.statedCost(fmt.Sprintf("%s, %.0f requests/s", s.what, rate), s.pid, func(d time.Duration) float64 {
		s.load(b, rate, d)
		return d.Seconds() * rate
	})
}

// stated is what reports say and what is true, percent of a core while they were attached.
type stated struct{ says, really []float64 }

// statedCost has each trace begin and end while the target is at work.
func (b *bench) statedCost(what string, pid int, work func(d time.Duration) (turns float64)) {
	bare := func() float64 {
		begin := cpu(pid)
		turns := work(costTrace + costBeside) // as long as with one: what comes once is as much
		return (cpu(pid) - begin).Seconds() / turns
	}
	all := make([]stated, len(statedCosts))
	var shares []float64
	before := bare()
	for i := 0; i < b.rounds; i++ {
		now := make([]tracedWork, len(statedCosts))
		for k, c := range statedCosts {
			now[k] = b.workTraced(pid, work, c.args)
		}
		after := bare()
		for k, t := range now {
			all[k].says = append(all[k].says, t.percent)
			all[k].really = append(all[k].really, 100*(t.taken-t.turns*(before+after)/2)/t.attached)
		}
		shares = append(shares, 100*now[0].turns*after/(costTrace+costBeside).Seconds())
		before = after
	}
	for k, c := range statedCosts {
		b.stated(c.what+", "+what, &all[k], median(shares))
	}
}

func (b *bench) stated(what string, s *stated, share float64) {
	var off []float64
	for i := range s.says {
		off = append(off, s.says[i]-s.really[i])
	}
	limit := math.Max(costPoints, costShare*median(s.really))
	b.row(math.Abs(median(off)) <= limit, "stated cost, "+what, "within 0.5 points, or 10 %",
		"%+.2f ± %.2f points: %.2f %% of a core stated, really %.2f (untraced it takes %.1f)", median(off),
		2*standardError(off), median(s.says), median(s.really), share)
}

// tracedWork is what turns took with a trace, s, and what its report says: percent of a core while it was attached, s.
type tracedWork struct{ turns, taken, attached, percent float64 }

func (b *bench) workTraced(pid int, work func(d time.Duration) float64, args []string) (t tracedWork) {
	var report struct {
		Time struct {
			Attached float64 `json:"attached_s"`
		}
		Cost struct {
			TargetPercent *float64 `json:"target_percent"`
		}
	}
	turns := make(chan float64)
	begin := cpu(pid)
	go func() { turns <- work(costTrace + costBeside) }()
	o := b.trace(pid, append([]string{"--format", "json", "-d", costTrace.String()}, args...)...)
	<-o.ended
	t.turns = <-turns
	t.taken = (cpu(pid) - begin).Seconds()
	b.must(json.NewDecoder(strings.NewReader(o.stdout.String())).Decode(&report), "the report")
	if report.Cost.TargetPercent == nil {
		panic(fatal("the report states no cost"))
	}
	t.attached, t.percent = report.Time.Attached, *report.Cost.TargetPercent
	return t
}
