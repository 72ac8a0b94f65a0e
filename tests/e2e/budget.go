// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The budget: what the process was made to spend, which source was used when, and what each source says, against the
// ledger of tests/progs/flood.  What hits have cost is counted and not timed.

func budgetTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all,
			testCase{"budget/jump/" + v, func(t *T) { t.jump(v) }},
			testCase{"budget/bursts/" + v, func(t *T) { t.bursts(v) }},
			testCase{"budget/profile/" + v, func(t *T) { t.profileSource(v) }},
			testCase{"budget/no-longer-every/" + v, func(t *T) { t.noLongerEvery(v) }},
			testCase{"budget/goroutines/" + v, func(t *T) { t.manyStarts(v) }})
		if strings.HasPrefix(v, "1.27.") {
			all = append(all, testCase{"budget/growing/" + v, func(t *T) { t.growing(v) }})
		}
	}
	return append(all,
		testCase{"budget/sample", func(t *T) { t.sampleSource(t.newest()) }},
		testCase{"budget/dry-run", func(t *T) { t.price(t.newest()) }})
}

// source is one element of "cost.sources".
type source struct {
	Of, Source string
	From       float64 `json:"from_s"`
	To         float64 `json:"to_s"`
	Distance   uint64  `json:"distance_bytes"`
	Windows    uint64
	Growing    bool    `json:"growing_only"`
	Open       float64 `json:"open_s"`
}

type floodLedger struct {
	Rows []struct {
		Function   string
		Size, Live uint64
	}
	Made, Started, Waiting uint64
}

// underBudget is for traces that keep one: as attach, but for that.
func (t *T) underBudget(pid int, args ...string) *tracer {
	return t.startTracer(append([]string{"--format", "json", "-T", "0", "-p", fmt.Sprint(pid)}, args...)...)
}

func (r *report) sources(of string) []source {
	var all []source
	for _, s := range r.Cost.Sources {
		if s.Of == of {
			all = append(all, s)
		}
	}
	return all
}

func sourceNames(all []source) string {
	var names []string
	for _, s := range all {
		names = append(names, s.Source)
	}
	return strings.Join(names, " ")
}

// within the budget: what is stated may be more by one window, or one rise until it is noticed, which hits of some
// threads for some ms make; on a machine with other work it is some more ms until a thread gets its turn.
func (t *T) checkCost(r *report, percent float64) {
	const surprise = 0.4 // seconds of one core
	if r.Cost.TargetPercent == nil || r.Cost.BudgetPercent == nil {
		t.Errorf("the cost is not known, or there is no budget")
		return
	}
	if got, most := *r.Cost.TargetPercent, percent+100*surprise/r.Time.Attached; got > most {
		t.Errorf("cost %.2f%% of a core in %.1fs, with a budget of %g%%", got, r.Time.Attached, percent)
	}
	if *r.Cost.BudgetPercent != percent {
		t.Errorf("the report names a budget of %g%%, not %g%%", *r.Cost.BudgetPercent, percent)
	}
}

// jump: all is followed while that is affordable; a rise to millions a second is answered with bursts.
func (t *T) jump(version string) {
	var l floodLedger
	p := t.program(t.build("flood", version, "plain"))
	x := t.underBudget(p.pid())
	p.do("keep 20")
	p.do("gc")
	r := x.report()
	if got := sourceNames(r.sources("heap")); got != "every" {
		t.Errorf("a quiet program: sources %s", got)
	}
	p.do("flood 1500000")
	p.do("made 1500000")
	p.do("leak")
	// What the rise cost until it was noticed is paid back before the first window.
	t.eventually("there is no window", func() bool {
		p.do("made 1500000")
		s := x.report().sources("heap")
		return len(s) > 1 && s[1].Windows > 0
	})
	p.do("made 4500000")
	p.do("dry")
	p.do("flood 0")
	p.do("gc")
	x.report() // a look at what lives
	p.do("gc")
	p.json(&l, "ledger")
	r = x.stop()
	p.finish()
	s := r.sources("heap")
	if len(s) < 2 || s[0].Source != "every" || s[1].Source != "burst" || s[1].Windows == 0 || s[1].Open <= 0 {
		t.Errorf("sources: %+v", s)
	}
	t.checkCost(r, 1)
	t.checkIntervals(r, &l)
	t.Notef("%.2f%% of a core in %.1fs, sources %s, %d windows of %.1f ms", *r.Cost.TargetPercent, r.Time.Attached,
		sourceNames(s), s[1].Windows, 1000*s[1].Open/float64(s[1].Windows))
}

func (p *program) mallocs() float64 {
	n, err := strconv.ParseFloat(p.ask("mallocs"), 64)
	p.t.must(err)
	return n
}

// interval of the live objects whose stack begins with the function.
func (r *report) interval(function string) (low, high float64) {
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind == "heap" && len(s.Frames) > 0 && s.Frames[0].Function == function && s.Live95 != nil {
			low += s.Live95[0]
			high += s.Live95[1]
		}
	}
	return low, high
}

// checkIntervals: of twelve intervals of 95 % three may miss the truth, in one run of five thousand more do.
func (t *T) checkIntervals(r *report, l *floodLedger) {
	held := 0
	for _, row := range l.Rows {
		low, high := r.interval(row.Function)
		live, samples := r.byFunction(row.Function)
		if low <= float64(row.Live) && float64(row.Live) <= high {
			held++
		}
		t.Notef("%s: %d live of %d [%.0f, %.0f], %d samples", row.Function, live, row.Live, low, high, samples)
	}
	if held < len(l.Rows)-3 {
		t.Errorf("%d of %d intervals hold the truth", held, len(l.Rows))
	}
}

// growing: where each size class has a function of its own, windows listen to what grows, once that is known.
func (t *T) growing(version string) {
	const at = 3 // main.leak48
	var l floodLedger
	p := t.program(t.build("flood", version, "plain"))
	x := t.underBudget(p.pid(), "--source", "burst", "--heap-only")
	p.do("flood 500000")
	p.do("leak %d", at)
	t.eventually("what grows is not listened to by itself", func() bool {
		r := x.report()
		s := r.sources("heap")
		_, samples := r.byFunction("main.leak48")
		return s[len(s)-1].Growing && s[len(s)-1].Windows > 0 && samples > 20
	})
	p.do("dry")
	p.do("flood 0")
	p.do("gc")
	x.report()
	p.do("gc")
	p.json(&l, "ledger")
	r := x.stop()
	p.finish()
	if got := sourceNames(r.sources("heap")); got != "burst burst" {
		t.Errorf("sources %s", got)
	}
	row := l.Rows[at-1]
	if low, high := r.interval(row.Function); float64(row.Live) < 0.8*low || float64(row.Live) > 1.2*high {
		t.Errorf("%s: %d live, not in [%.0f, %.0f]", row.Function, row.Live, low, high)
	}
	t.checkCost(r, 1)
}

func (r *report) allocated() float64 {
	var n float64
	for i := range r.Sites {
		if r.Sites[i].Kind == "heap" {
			n += float64(r.Sites[i].AllocObjects)
		}
	}
	return n
}

// bursts: what was allocated is scaled to what the runtime counts up to the end, whatever the windows met and however
// many there were; the driver's own numbers are all that is made before and after.
func (t *T) bursts(version string) {
	const few = 100
	p := t.program(t.build("flood", version, "plain"))
	x := t.underBudget(p.pid(), "--source", "burst", "--heap-only")
	before := p.mallocs()
	p.do("flood 1000000")
	t.eventually("there is no window", func() bool {
		p.do("made 1000000")
		s := x.report().sources("heap")
		return len(s) > 0 && s[0].Windows > 0
	})
	p.do("made 1000000")
	p.do("flood 0")
	made := p.mallocs() - before
	r := x.stop()
	p.finish()
	s := r.sources("heap")
	if len(s) != 1 || s[0].Source != "burst" || s[0].Windows == 0 {
		t.Fatalf("sources: %+v", s)
	}
	allocated := r.allocated()
	if math.Abs(allocated-made) > few {
		t.Errorf("%.0f allocations in %d windows, really %.0f", allocated, s[0].Windows, made)
	}
	t.checkCost(r, 1)
	t.Notef("%.0f allocations of %.0f, %d windows of %.1f ms, %.2f%% of a core", allocated, made, s[0].Windows,
		1000*s[0].Open/float64(s[0].Windows), *r.Cost.TargetPercent)
}

// byFunction adds up what sites say that begin with the function.
func (r *report) byFunction(function string) (live, samples uint64) {
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind != "heap" || len(s.Frames) == 0 || s.Frames[0].Function != function {
			continue
		}
		live += value(s.LiveObjects)
		samples += value(s.Samples)
	}
	return live, samples
}

func (t *T) checkType(r *report, function, want string) {
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind != "heap" || len(s.Frames) == 0 || s.Frames[0].Function != function {
			continue
		}
		for _, part := range s.Types {
			if part.Type != want {
				t.Errorf("%s: an object of type %q, not %s", function, part.Type, want)
			}
		}
	}
}

// profileSource: each of the runtime's own samples is seen once, and no other object.
func (t *T) profileSource(version string) {
	var l floodLedger
	var counted map[string]uint64
	p := t.program(t.build("flood", version, "profiled"))
	x := t.underBudget(p.pid(), "--source", "profile", "--heap-only")
	p.do("keep 15000")
	p.do("gc")
	x.report() // a look at what lives
	p.do("gc")
	p.json(&l, "ledger")
	p.json(&counted, "samples")
	r := x.stop()
	p.finish()
	if got := sourceNames(r.sources("heap")); got != "profile" {
		t.Errorf("sources %s", got)
	}
	var all uint64
	for _, row := range l.Rows {
		live, samples := r.byFunction(row.Function)
		all += samples
		if samples != counted[row.Function] {
			t.Errorf("%s: %d samples, the runtime says %d", row.Function, samples, counted[row.Function])
		}
		t.checkEstimate(row.Function, live, row.Live, row.Size)
		t.checkType(r, row.Function, fmt.Sprintf("[%d]uint8", row.Size))
	}
	if all < 100 {
		t.Errorf("only %d samples", all)
	}
	t.checkCost(r, 1)
	t.Notef("%d samples of %d functions, %.2f%% of a core", all, len(l.Rows), *r.Cost.TargetPercent)
}

// noLongerEvery: what was followed in full is not told as exact once only the runtime's samples are listened to, though
// none of them is of it.
func (t *T) noLongerEvery(version string) {
	var l floodLedger
	p := t.program(t.build("flood", version, "profiled"))
	x := t.underBudget(p.pid(), "--heap-only")
	p.do("keep 200")
	p.do("gc")
	x.report()
	p.do("flood 1500000")
	t.eventually("the profile is not listened to", func() bool {
		p.do("made 500000")
		return strings.HasSuffix(sourceNames(x.report().sources("heap")), "profile")
	})
	p.do("keep 300")
	p.do("flood 0")
	p.do("gc")
	x.report()
	p.do("gc")
	p.json(&l, "ledger")
	r := x.stop()
	p.finish()
	for _, row := range l.Rows {
		if low, high := r.interval(row.Function); low == high {
			t.Errorf("%s: %.0f live of %d, exactly", row.Function, low, row.Live)
		}
	}
	t.checkIntervals(r, &l)
}

// checkEstimate: within six standard deviations of what samples by size, one in 512 KiB, can tell.
func (t *T) checkEstimate(what string, got, want, size uint64) {
	chance := -math.Expm1(-float64(size) / (512 << 10))
	sigma := math.Sqrt(float64(want) * (1 - chance) / chance)
	if d := math.Abs(float64(got) - float64(want)); d > 6*sigma+1/chance {
		t.Errorf("%s: %d objects live, really %d: %.1f standard deviations", what, got, want, d/sigma)
	}
}

// sampledAs: sizes are sampled by rows of a table, with the chance of the one in the middle (user/tracer/sample.c).
func sampledAs(size uint64) float64 {
	step := uint64(8)
	if size >= 2048 {
		step = 512
	}
	return float64(size/step*step + step/2)
}

// sampleSource: each passes a probe, by chance some are recorded; as many as that chance says.
func (t *T) sampleSource(version string) {
	var l floodLedger
	p := t.program(t.build("flood", version, "plain"))
	x := t.underBudget(p.pid(), "--source", "sample", "-s", "4096", "--heap-only")
	p.do("keep 5000")
	p.do("gc")
	x.report()
	p.do("gc")
	p.json(&l, "ledger")
	r := x.stop()
	p.finish()
	s := r.sources("heap")
	if len(s) != 1 || s[0].Source != "sample" || s[0].Distance != 4096 {
		t.Errorf("sources: %+v", s)
	}
	if r.Cost.BudgetPercent != nil {
		t.Errorf("a budget of %g%%, which does not hold", *r.Cost.BudgetPercent)
	}
	for _, row := range l.Rows {
		live, samples := r.byFunction(row.Function)
		chance := -math.Expm1(-sampledAs(row.Size) / 4096)
		sigma := math.Sqrt(float64(row.Live) * chance * (1 - chance))
		if d := math.Abs(float64(samples) - float64(row.Live)*chance); d > 6*sigma+1 {
			t.Errorf("%s: %d samples of %d objects, not %.0f", row.Function, samples, row.Live, float64(row.Live)*chance)
		}
		if d := math.Abs(float64(live) - float64(row.Live)); d > 6*sigma/chance+1/chance {
			t.Errorf("%s: %d objects live, really %d", row.Function, live, row.Live)
		}
	}
}

// manyStarts: how many goroutines there are and wait stays exact, whatever their starts cost.
func (t *T) manyStarts(version string) {
	const crowd, brief = 500, 50000
	var before, l floodLedger
	p := t.program(t.build("flood", version, "plain"))
	p.do("brief %d", brief)
	p.json(&before, "ledger")
	x := t.underBudget(p.pid())
	p.do("crowd %d", crowd)
	for l.Started < before.Started+crowd+4*brief {
		p.json(&l, "ledger")
	}
	r := x.report()
	p.json(&l, "ledger")
	p.do("brief 0")
	x.stop()
	p.finish()
	if got := sourceNames(r.sources("goroutines")); !strings.HasSuffix(got, "burst") {
		t.Errorf("sources %s", got)
	}
	var found *site
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind == "goroutine" && !s.BeforeAttach && len(s.Frames) > 0 && s.Frames[0].Function == "main.crowd" {
			found = s
		}
	}
	if found == nil || found.Live != crowd {
		t.Errorf("the crowd: %+v", found)
	} else if found.Started != nil || found.Ended != nil {
		t.Errorf("%d started and %d ended, though not every start was seen", *found.Started, *found.Ended)
	}
	started := l.Started - before.Started
	if got := value(r.GoroutineStarts); r.GoroutineStarts == nil || got < crowd || got > 2*started {
		t.Errorf("%d goroutines started, really some %d", got, started)
	}
	t.checkCost(r, 1)
	t.Notef("%.2f%% of a core in %.1fs, sources %s, %d starts", *r.Cost.TargetPercent, r.Time.Attached,
		sourceNames(r.sources("goroutines")), started)
}

// price: what following everything would cost is printed before anything is planted.
func (t *T) price(version string) {
	p := t.program(t.build("flood", version, "plain"))
	dry := func(want string) string {
		got := t.runTool(0, "--dry-run", "-p", fmt.Sprint(p.pid()))
		if got.code != 0 || !strings.Contains(got.stdout, "source would be: "+want) {
			t.Errorf("exit code %d: %.400s", got.code, got.stdout)
		}
		return got.stdout
	}
	dry("every")
	p.do("flood 1000000")
	p.do("made 1000000")
	match := regexp.MustCompile(`every allocation: ([0-9.e+]+)% of one core \(([0-9.e+]+) a second\)`).FindStringSubmatch(dry("burst"))
	p.do("flood 0")
	p.finish()
	if match == nil {
		t.Fatalf("no price of every allocation")
	}
	percent, _ := strconv.ParseFloat(match[1], 64)
	rate, _ := strconv.ParseFloat(match[2], 64)
	if rate < 10000 || rate > 4000000 || percent < rate*1e-5 || percent > rate*1e-3 {
		t.Errorf("%g%% of a core for %g allocations a second", percent, rate)
	}
}
