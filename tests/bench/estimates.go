// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// How often the 95 % intervals of what lives hold the truth, and by how much the numbers are off in the mean: twelve
// leaks beside three million objects of garbage a second, under the default budget (tests/progs/flood, which keeps a
// ledger).  One run says little; the bar is for many: bench -run estimates -rounds 40.

const (
	estimateTime     = 45 * time.Second
	estimateCoverage = 0.93
	estimateBias     = 0.02
	garbageOfEach    = 2500000 // objects a second, of two loops
)

func (b *bench) estimates() {
	for _, s := range []struct{ source, tags string }{{"burst", ""}, {"profile", "profiled"}} {
		var held, all, rate float64
		var ratios []float64
		for i := 0; i < b.rounds; i++ {
			e := b.estimate(s.source, s.tags)
			held, all, rate = held+e.held, all+e.all, rate+e.rate/float64(b.rounds)
			ratios = append(ratios, e.bytes/e.truth)
		}
		off := mean(ratios) - 1
		what := fmt.Sprintf("estimates of 12 leaks, source %s, %d runs", s.source, b.rounds)
		b.row(held >= estimateCoverage*all, what+": intervals", "at least 93 % hold the truth", "%.1f %%: %.0f of %.0f, at %.2g allocations/s",
			100*held/all, held, all, rate)
		b.row(math.Abs(off) <= estimateBias, what+": bias", "at most 2 %", "%+.1f ± %.1f %% of their bytes", 100*off,
			100*2*deviation(ratios)/math.Sqrt(float64(len(ratios))))
	}
}

type estimated struct {
	held, all    float64 // intervals
	bytes, truth float64
	rate         float64 // allocations a second, that were really made
}

func (b *bench) estimate(source, tags string) (e estimated) {
	var ledger struct {
		Made uint64
		Rows []struct {
			Function   string
			Size, Live uint64
		}
	}
	p := b.start(b.build("flood", "", tags))
	defer p.end()
	p.line()
	o := b.trace(p.pid(), "--heap-only", "--source", source, "--format", "json", "-T", "0")
	p.answer(fmt.Sprintf("flood %d", garbageOfEach))
	p.answer("leak")
	begin := time.Now()
	time.Sleep(estimateTime)
	p.answer("dry")
	p.answer("flood 0")
	taken := time.Since(begin).Seconds()
	b.must(json.Unmarshal([]byte(p.answer("ledger")), &ledger), "ledger")
	o.collected(p)
	o.collected(p)
	o.end()
	r := o.lastReport()
	e.rate = float64(ledger.Made) / taken
	for _, row := range ledger.Rows {
		live, low, high := r.live(row.Function)
		e.all++
		if low <= float64(row.Live) && float64(row.Live) <= high {
			e.held++
		}
		e.bytes += live * float64(row.Size)
		e.truth += float64(row.Live * row.Size)
	}
	return e
}

type estimateReport struct {
	Sites []struct {
		Frames []struct{ Function string }
		Live   float64     `json:"live_objects"`
		Live95 *[2]float64 `json:"live_objects_95"`
	}
}

func (o *observer) lastReport() *estimateReport {
	var last *estimateReport
	for d := json.NewDecoder(strings.NewReader(o.stdout.String())); d.More(); {
		last = &estimateReport{}
		o.b.must(d.Decode(last), "a report")
	}
	if last == nil {
		panic(fatal("there is no report"))
	}
	return last
}

// live adds up the sites whose stack begins with the function.
func (r *estimateReport) live(function string) (live, low, high float64) {
	for _, s := range r.Sites {
		if len(s.Frames) == 0 || s.Frames[0].Function != function || s.Live95 == nil {
			continue
		}
		live += s.Live
		low += s.Live95[0]
		high += s.Live95[1]
	}
	return
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return
}

func deviation(v []float64) float64 {
	m, squares := mean(v), 0.0
	for _, x := range v {
		squares += (x - m) * (x - m)
	}
	if len(v) < 2 {
		return math.NaN()
	}
	return math.Sqrt(squares / float64(len(v)-1))
}
