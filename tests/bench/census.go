// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The census alone (tests/bench/census), beside 10 million allocations a second: what it costs them, and how
// well it tells twelve leaks, with the two probes of a mark phase and without any.

const (
	censusCost    = 0.002
	censusOff     = 0.02
	censusRare    = 100000 // allocations/s, up to which a class must be told as well without probes
	censusWindow  = 300 * time.Millisecond
	censusWindows = 20 // for each round
	censusTime    = 15 * time.Second
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
	w := b.start(filepath.Join(filepath.Dir(b.empty), "census"), strconv.Itoa(pid), mode)
	w.line()
	return w
}

func censusName(version, mode string) string {
	return fmt.Sprintf("census, %s, Go %s", map[string]string{"probe": "two probes a collection", "poll": "no probe"}[mode], version)
}

// censusThroughput takes many short windows: what else the machine does lasts longer than one.  Each is compared
// with those before and after it.
func (b *bench) censusThroughput(version, mode string) {
	p := b.start(b.build("growth", version, ""))
	p.line()
	p.ask("begin 1")
	p.ask("run 2000") // from here on the heap is large, and grows little in each window
	w := b.watcher(p.pid(), mode)
	var ratios, perCPU []float64
	var wall, spent [3]float64
	var r censusReport
	for i := 0; i < censusWindows*b.rounds; i++ {
		w.ask(map[bool]string{true: "off", false: "on"}[i%2 == 0])
		begin := cpu(p.pid())
		wall[i%3] = p.ask("run %d", censusWindow.Milliseconds())
		spent[i%3] = wall[i%3] * censusWindow.Seconds() / (cpu(p.pid()) - begin).Seconds()
		if i%2 == 0 && i > 0 {
			ratios = append(ratios, wall[(i+2)%3]/math.Sqrt(wall[i%3]*wall[(i+1)%3]))
			perCPU = append(perCPU, spent[(i+2)%3]/math.Sqrt(spent[i%3]*spent[(i+1)%3]))
		}
	}
	b.must(json.Unmarshal([]byte(w.answer("report")), &r), "report")
	p.end()
	w.end()
	ratio, off := median(ratios), 2*standardError(ratios)
	what := fmt.Sprintf("%+.2f ± %.2f %% (by its processor time %+.2f ± %.2f) at %.1f million allocations/s; by its hits %.4f %%",
		100*(ratio-1), 100*off, 100*(median(perCPU)-1), 200*standardError(perCPU), wall[0]/1e6,
		100*r.Hits/(float64(len(ratios))*censusWindow.Seconds()))
	if name := censusName(version, mode) + ": throughput"; off <= 2*censusCost {
		b.row(ratio+off >= 1-censusCost, name, "within 0.2 %", "%s", what)
	} else {
		b.note(name, "the machine is too busy to tell: %s", what)
	}
}

// standardError is the standard error of a median, by the middle half.
func standardError(v []float64) float64 {
	s := sorted(v)
	if len(s) < 4 {
		return 0
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
