// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The census alone (tests/bench/census), beside 10 million allocations a second: what it costs them, and how
// well it tells twelve leaks, with the two probes of a mark phase and without any.

const (
	censusCost        = 0.002
	censusOff         = 0.02
	censusRare        = 100000 // allocations/s, up to which a class must be told as well without probes
	censusCollections = 2      // of a window
	censusWindows     = 10     // with the census, for each round
	censusTime        = 15 * time.Second
)

func (b *bench) census() {
	for _, version := range []string{"1.22.12", "1.27.4"} {
		for _, mode := range []string{"probe", "poll"} {
			b.censusThroughput(version, mode)
			b.censusGrowth(version, mode)
		}
	}
}

func (b *bench) watcher(pid int, mode string) *program {
	w := b.helper("census", strconv.Itoa(pid), mode)
	w.line()
	return w
}

func censusName(version, mode string) string {
	return fmt.Sprintf("census, %s, Go %s", map[string]string{"probe": "two probes a collection", "poll": "no probe"}[mode], version)
}

// censusThroughput takes many short windows, each of as many collections: what else the machine does lasts longer
// than one.  Each one with the census is compared with those before and after it.
func (b *bench) censusThroughput(version, mode string) {
	p := b.start(b.build("growth", version, ""))
	p.line()
	p.ask("hold 50")
	p.ask("garbage 1")
	w := b.watcher(p.pid(), mode)
	var r censusReport
	var all, perCPU []float64
	begun := time.Now()
	for i := 0; i <= 2*censusWindows*b.rounds; i++ {
		w.ask([]string{"off", "on"}[i%2])
		begin, at := cpu(p.pid()), time.Now()
		rate := p.ask("collections %d", censusCollections)
		all = append(all, rate)
		perCPU = append(perCPU, rate*time.Since(at).Seconds()/(cpu(p.pid())-begin).Seconds())
	}
	b.must(json.Unmarshal([]byte(w.answer("report")), &r), "report")
	hits := r.Hits / (time.Since(begun).Seconds() / 2)
	p.end()
	w.end()
	ratio, off := besides(all)
	ofCPU, offCPU := besides(perCPU)
	what := fmt.Sprintf("%+.2f ± %.2f %% (by its processor time %+.2f ± %.2f) at %.1f million allocations/s; its hits %.4f %% of a core",
		100*(ratio-1), 100*off, 100*(ofCPU-1), 100*offCPU, median(all)/1e6, 100*hits)
	if name := censusName(version, mode) + ": throughput"; off <= 2*censusCost {
		b.row(ratio+off >= 1-censusCost, name, "within 0.2 %", "%s", what)
	} else { // it says how little it can tell
		b.note(name, "the machine is too busy to tell: %s", what)
	}
}

// besides is the median of what every other one is of its neighbours, and twice its standard error.
func besides(v []float64) (ratio, off float64) {
	var ratios []float64
	for i := 1; i+1 < len(v); i += 2 {
		ratios = append(ratios, 2*v[i]/(v[i-1]+v[i+1]))
	}
	return median(ratios), 2 * standardError(ratios)
}

// standardError is the standard error of a median, by the middle half; of fewer than four it is not known.
func standardError(v []float64) float64 {
	s := sorted(v)
	if len(s) < 4 {
		return math.NaN()
	}
	return (s[3*len(s)/4] - s[len(s)/4]) / 1.35 * 1.25 / math.Sqrt(float64(len(s)))
}

type censusReport struct {
	Cycles, Missed uint64
	CPU            float64 `json:"cpu_s"`
	Hits           float64 `json:"hits_s"` // their cost to the target
	Span           float64 `json:"alloc_span_s"`
	Classes        []struct {
		Size            int
		Allocs          float64 `json:"alloc_objects"`
		Rate, Low, High *float64
	}
}

func (b *bench) censusGrowth(version, mode string) {
	var truth struct {
		Classes []struct{ Size, PerSecond int }
	}
	var r censusReport
	p := b.start(b.build("growth", version, ""))
	p.line()
	w := b.watcher(p.pid(), mode)
	p.ask("begin 1")
	rate := p.ask("run %d", censusTime.Milliseconds())
	b.must(json.Unmarshal([]byte(w.answer("report")), &r), "report")
	p.ask("end")
	b.must(json.Unmarshal([]byte(p.answer("truth")), &truth), "truth")
	p.end()
	w.end()
	worst, outside, n := 0.0, 0, 0
	for _, want := range truth.Classes {
		really := float64(want.Size * want.PerSecond)
		for _, c := range r.Classes {
			if c.Size != want.Size || c.Rate == nil {
				continue
			}
			if mode == "probe" || c.Allocs/r.Span < censusRare {
				n++
				worst = math.Max(worst, math.Abs(*c.Rate/really-1))
			}
			if *c.Low > really || *c.High < really {
				outside++
			}
		}
	}
	what := map[string]string{"probe": ": each of 12 leaks", "poll": ": those of less than 100,000 allocations/s"}[mode]
	b.row(n > 0 && worst <= censusOff, censusName(version, mode)+what, "within 2 % after 15 s",
		"%.2f %% (%d of them, %d cycles, %d missed, %.1f million allocations/s, %.1f ms of ours a second)", 100*worst, n,
		r.Cycles, r.Missed, rate/1e6, 1000*r.CPU/censusTime.Seconds())
	if mode == "poll" {
		b.row(n > 0 && outside == 0, censusName(version, mode)+": intervals", "hold the truth", "%d of %d do",
			len(truth.Classes)-outside, len(truth.Classes))
	}
}

// answer is one that is no number.
func (p *program) answer(command string) string {
	_, err := fmt.Fprintln(p.in, command)
	p.b.must(err, p.cmd.Path)
	return strings.TrimSpace(p.line())
}
