// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// One look at a process without a trace, next to what the program says of itself.

func dumpTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"dump/every/" + v, func(t *T) { t.dump(v, 1) }},
			testCase{"dump/sampled/" + v, func(t *T) { t.dump(v, 4096) }},
			testCase{"dump/collections/" + v, func(t *T) { t.dumpCollections(v) }})
	}
	return append(all,
		testCase{"dump/profiler-off", func(t *T) { t.dumpOff() }},
		testCase{"dump/collecting", func(t *T) { t.dumpCollecting() }},
		testCase{"dump/formats", func(t *T) { t.dumpFormats() }})
}

// counts of one stack; where not each allocation is sampled, what pprof makes of the samples.
type counts struct {
	live, liveBytes, allocs, allocBytes float64
	n                                   int // sums of so many estimates, each of which may be rounded
}

// add n sampled objects alive and others allocated.
func (c counts) add(live, allocs, size, rate int64) counts {
	scale := 1.0 // scaleHeapSample of runtime/pprof
	if rate > 1 {
		scale = 1 / (1 - math.Exp(-float64(size)/float64(rate)))
		c.n++
	}
	c.live += float64(live) * scale
	c.liveBytes += float64(live*size) * scale
	c.allocs += float64(allocs) * scale
	c.allocBytes += float64(allocs*size) * scale
	return c
}

func (c counts) equal(want counts) bool {
	near := func(got, want float64, n int) bool { return math.Abs(got-want) <= float64(n) }
	return near(c.live, want.live, want.n) && near(c.liveBytes, want.liveBytes, want.n) &&
		near(c.allocs, want.allocs, want.n) && near(c.allocBytes, want.allocBytes, want.n)
}

// dump of a program that has allocated and collected equals its own profiles: stacks, counts and goroutines.
func (t *T) dump(version string, rate int64) {
	files := map[string]string{}
	for _, name := range []string{"heap", "goroutine"} {
		files[name] = filepath.Join(t.dir, "own-"+name)
	}
	p := t.program(t.build("profiled", version, "stripped"), "HEAP_PROFILE="+files["heap"],
		"GOROUTINE_PROFILE="+files["goroutine"], fmt.Sprint("MEM_PROFILE_RATE=", rate))
	p.do("run")
	p.do("gc")
	for cycles := ""; cycles != p.ask("cycles"); { // a collection of its own in between would change the profile
		cycles = p.ask("cycles")
		p.do("heap 1")
		p.do("goroutine 1")
		heap, goroutines := string(t.readFile(files["heap"])), string(t.readFile(files["goroutine"]))
		p.do("heap 0")
		ours := filepath.Join(t.dir, "pprof"+cycles)
		r := t.dumpReport(p, "--pprof", ours)
		if cycles == p.ask("cycles") {
			t.sameHeap(r, heap, rate)
			t.sameGoroutines(r, goroutines)
			t.samePprof(files["heap"], ours, rate)
		}
	}
	p.finish()
}

func (t *T) dumpReport(p *program, args ...string) *report {
	r := t.runTool(0, append([]string{"dump", "--format", "json", "-T", "0", "-p", fmt.Sprint(p.pid())}, args...)...)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("dump: exit code %d, stderr %q", r.code, r.stderr)
	}
	x := &tracer{&process{t: t}}
	return x.parse(r.stdout)
}

// ---- the text profiles

var (
	heapRecord      = regexp.MustCompile(`^(\d+): (\d+) \[(\d+): (\d+)\] @`)
	goroutineRecord = regexp.MustCompile(`^(\d+) @`)
	profileFrame    = regexp.MustCompile(`^#\t0x[0-9a-f]+\t*(?:(.*?)\+0x[0-9a-f]+\s+(.*):(\d+))?$`)
)

// records calls found for each record of a profile with debug=1: its first line and its stack.
func records(text string, record *regexp.Regexp, found func(m []string, stack string)) {
	var head []string
	var stack []string
	flush := func() {
		if head != nil {
			found(head, strings.Join(stack, " < "))
		}
		head, stack = nil, nil
	}
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\t ")
		if m := record.FindStringSubmatch(line); m != nil {
			flush()
			head = m
		} else if m := profileFrame.FindStringSubmatch(line); m != nil && head != nil {
			stack = append(stack, plainName(m[1])+":"+m[3])
		}
	}
	flush()
}

// plainName has type arguments left out, as reports have them.
func plainName(name string) string {
	from, to := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if from < 0 || to < from {
		return name
	}
	return name[:from] + "[...]" + name[to+1:]
}

// stackOf is the same of a report's frames: runtime.goexit is left out, as are the runtime's functions at the
// leaf unless all are.
func stackOf(frames []frame) string {
	var all, shown []string
	for _, f := range frames {
		if f.Function == "runtime.goexit" {
			continue
		}
		text := plainName(f.Function) + ":" + strconv.Itoa(f.Line)
		all = append(all, text)
		if len(shown) > 0 || !strings.HasPrefix(f.Function, "runtime.") && !strings.HasPrefix(f.Function, "internal/runtime/") {
			shown = append(shown, text)
		}
	}
	if len(shown) == 0 {
		shown = all
	}
	return strings.Join(shown, " < ")
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// sameHeap: each stack has as many objects and bytes as in heap?debug=1, and where not each allocation is sampled as
// many samples, and of these as many as pprof makes of them.
func (t *T) sameHeap(r *report, own string, rate int64) {
	want, samples, got, gotSamples := map[string]counts{}, map[string]int64{}, map[string]counts{}, map[string]int64{}
	records(own, heapRecord, func(m []string, stack string) {
		live, liveBytes, allocs, allocBytes := number(m[1]), number(m[2]), number(m[3]), number(m[4])
		if allocs == 0 {
			return
		}
		size := allocBytes / allocs
		want[stack] = want[stack].add(live, allocs, size, rate)
		samples[stack] += live
		if liveBytes != live*size {
			t.Fatalf("%s: %d live of %d bytes are not %d", stack, live, size, liveBytes)
		}
	})
	for _, s := range r.Sites {
		if s.Kind != "heap" {
			continue
		}
		stack := stackOf(s.Frames)
		c := got[stack]
		c.live += float64(value(s.LiveObjects))
		c.liveBytes += float64(value(s.LiveBytes))
		c.allocs += float64(s.AllocObjects)
		c.allocBytes += float64(s.AllocBytes)
		got[stack] = c
		gotSamples[stack] += int64(value(s.Samples))
	}
	if r.ProfileRate == nil || *r.ProfileRate != rate {
		t.Errorf("the rate is %d, in the report %v", rate, r.ProfileRate)
	}
	t.sameCounts("heap", want, got)
	if fmt.Sprint(samples) != fmt.Sprint(gotSamples) {
		t.Errorf("samples:\n%v, not\n%v", gotSamples, samples)
	}
	if len(want) < 10 {
		t.Errorf("the program's own profile has %d stacks", len(want))
	}
}

func (t *T) sameCounts(what string, want, got map[string]counts) {
	for stack, c := range want {
		if !got[stack].equal(c) {
			t.Errorf("%s: %s: %v, in the program's own profile %v", what, stack, got[stack], c)
		}
	}
	for stack, c := range got {
		if _, is := want[stack]; !is {
			t.Errorf("%s: the program's own profile has no %s: %v", what, stack, c)
		}
	}
}

// sameGoroutines: as many wait at each place as goroutine?debug=1 has there, but for the one that wrote that.
func (t *T) sameGoroutines(r *report, own string) {
	want, got := map[string]int64{}, map[string]int64{}
	records(own, goroutineRecord, func(m []string, stack string) {
		if !strings.Contains(stack, "runtime/pprof.") {
			want[stack] += number(m[1])
		}
	})
	for _, s := range r.Sites {
		for _, p := range s.Places {
			if stack := stackOf(p.Frames); s.Kind == "goroutine" && !strings.Contains(stack, "ctl.Loop") {
				got[stack] += int64(p.Live)
			}
		}
	}
	if fmt.Sprint(want) != fmt.Sprint(got) || len(want) == 0 {
		t.Errorf("goroutines: %v, in the program's own profile %v", got, want)
	}
}

// ---- pprof files

// startLine is of the function that a line is in, which Go's own profiles have since 1.20.
var startLine = regexp.MustCompile(`(?m)(:0)? s=\d+$`)

// linknamed is a function of the runtime with another package's name. Where it is inlined, Go's profile hides it by
// what stands behind the call (runtime.FuncForPC of a return address), and we by the call.
const linknamed = "time.resetTimer"

// rawSamples of go tool pprof -raw, by size and stack; those without any value are left out.
func (t *T) rawSamples(path string, rate int64) map[string]counts {
	var (
		raw       = strings.Split(startLine.ReplaceAllString(t.goTool("-raw", path), ""), "\n")
		locations = map[string]string{}
		location  = regexp.MustCompile(`^ +(\d+): 0x[0-9a-f]+ (?:M=\d+ )?(.*)$`)
		sample    = regexp.MustCompile(`^ *(\d+) +(\d+) +(\d+) +(\d+): ([\d ]+)$`)
		bytes     = regexp.MustCompile(`^ *bytes:\[?(\d+)`)
		samples   = map[string]counts{}
		inside    bool
		at, stack string
		values    []string
	)
	for _, line := range raw {
		if m := location.FindStringSubmatch(line); line == "Locations" || line == "Mappings" {
			inside = line == "Locations"
		} else if inside && m != nil {
			at = m[1]
			locations[at] = m[2]
		} else if inside {
			locations[at] += "; " + strings.TrimSpace(line) // the frame that the one before is inlined into
		}
	}
	for _, line := range raw {
		if m := sample.FindStringSubmatch(line); m != nil {
			values, stack = m, ""
			for _, id := range strings.Fields(m[5]) {
				stack += " < " + locations[id]
			}
		} else if m := bytes.FindStringSubmatch(line); m != nil && values[1] != "0" && !strings.Contains(stack, linknamed) {
			c := samples[m[1]+" bytes"+stack]
			c.allocs += float64(number(values[1]))
			c.allocBytes += float64(number(values[2]))
			c.live += float64(number(values[3]))
			c.liveBytes += float64(number(values[4]))
			if rate > 1 {
				c.n++
			}
			samples[m[1]+" bytes"+stack] = c
		}
	}
	return samples
}

// samePprof: go tool pprof finds the same samples in both files.
func (t *T) samePprof(own, ours string, rate int64) {
	want := t.rawSamples(own, rate)
	t.sameCounts("-raw", want, t.rawSamples(ours, rate))
	if len(want) < 10 {
		t.Errorf("-raw: the program's own profile has %d samples", len(want))
	}
	t.goTool("-top", "-diff_base", own, ours)
}

// ---- collections

// gctraceLine is what GODEBUG=gctrace=1 prints of a collection: its number and the heap in MB.
var gctraceLine = regexp.MustCompile(`(?m)^gc (\d+) @.* (\d+)->(\d+)->(\d+) MB, .*?(\(forced\))?$`)

// dumpCollections: the pauses are those of runtime/debug, and the last collection that of GODEBUG=gctrace=1.
func (t *T) dumpCollections(version string) {
	p := t.program(t.build("profiled", version, "stripped"), "GODEBUG=gctrace=1", "HEAP_PROFILE=/dev/null")
	p.do("run")
	p.do("gc")
	var own struct {
		NumGC           int64
		Pause, PauseEnd []int64
	}
	r := t.dumpReport(p, "--gc")
	for p.json(&own, "pauses"); own.NumGC != int64(len(r.Collections)); p.json(&own, "pauses") {
		r = t.dumpReport(p, "--gc") // one has ended in between
	}
	for i, c := range r.Collections {
		at := len(own.Pause) - 1 - i
		if int64(c.Number) != int64(i+1) || math.Abs(c.EndUnix-float64(own.PauseEnd[at])/1e9) > 0.002 ||
			math.Abs(c.Pause-float64(own.Pause[at])/1e6) > 1e-6 {
			t.Errorf("collection %+v, by runtime/debug: pause %dns, end %d", c, own.Pause[at], own.PauseEnd[at])
		}
	}
	var traced [][]string
	t.eventually("gctrace has fewer lines than there are collections", func() bool {
		traced = gctraceLine.FindAllStringSubmatch(p.stderr.String(), -1)
		return len(traced) > 0 && len(traced) == len(r.Collections)
	})
	last, line := r.Collections[len(r.Collections)-1], traced[len(traced)-1]
	if last.Live == nil || last.Forced == nil || fmt.Sprint(last.Number, *last.HeapBegin>>20, *last.HeapEnd>>20, *last.Live>>20) !=
		strings.Join(line[1:5], " ") || *last.Forced != (line[5] != "") {
		t.Errorf("the last collection is %+v, by gctrace %q", last, line[0])
	}
	p.finish()
}

// dumpCollecting: of a program that collects all the time the last collection has an age, too.
func (t *T) dumpCollecting() {
	p := t.program(t.build("flood", t.newest(), "stripped"), "GOGC=1")
	p.do("crowd 5000") // that takes some time to look at
	p.do("flood 1000000")
	rows := 0
	for i := 0; i < 10; i++ {
		out := t.runTool(0, "dump", "--gc", "-p", fmt.Sprint(p.pid())).stdout
		for _, row := range regexp.MustCompile(`(?m)^   #\d+  .* pause .*$`).FindAllString(out, -1) {
			rows++
			if !regexp.MustCompile(`^   #\d+  [<\d]\S* ago  pause \d`).MatchString(row) {
				t.Errorf("%q", row)
			}
		}
	}
	if rows == 0 {
		t.Errorf("no collection is shown")
	}
	p.finish()
}

// ---- the rest

// dumpOff: without a profiler, goroutines and memory are there, and what is asked of the heap is refused.
func (t *T) dumpOff() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	pid := fmt.Sprint(p.pid())
	r := t.dumpReport(p)
	if r.ProfileRate != nil || len(r.Sites) == 0 || r.Memory["heap_alloc"] == nil {
		t.Errorf("rate %v, %d sites, memory %v", r.ProfileRate, len(r.Sites), r.Memory)
	}
	text := t.runTool(0, "dump", "-p", pid)
	t.expectLines(text.stdout, `^HEAP .*not known`, `profiler is\s+off`, `^GOROUTINES `)
	t.refused(t.runTool(0, "dump", "-p", pid, "-f"), "profiler is off")
	if r := t.runTool(0, "dump", "-p", pid, "-fgoroutine"); r.code != 0 || r.stdout != "runtime.main 1\n" && r.stdout != "runtime.main 1" {
		t.Errorf("-fgoroutine: exit code %d, stdout %q", r.code, r.stdout)
	}
	p.finish()
}

func (t *T) dumpFormats() {
	p := t.program(t.build("profiled", t.newest(), "stripped"))
	pid := fmt.Sprint(p.pid())
	p.do("run")
	p.do("gc")
	text := t.runTool(0, "dump", "-p", pid)
	t.expectLines(text.stdout, `one look$`, `^MEMORY   rss `, `^HEAP     .* live in `,
		`^#1 .* live in .* objects  allocated `, `^ +main\.keepRecord +main\.go:\d+$`, `^   5,000 x 128B +main\.record \(new\)`,
		`^GOROUTINES \d+ live`, `^   7 \[chan receive\]  longest wait `, `^   created by main\.run `,
		`^COVERAGE nothing lost$`, `^COST     nothing was planted`)
	if strings.Contains(text.stdout, "attach") || strings.Contains(text.stdout, "rate") {
		t.Errorf("one look has neither attach nor rates:\n%s", text.stdout)
	}
	folded := t.runTool(0, "dump", "-p", pid, "-flive-objects").stdout
	// and what the runtime makes where a collection begins there
	t.expectLines(folded, `;main\.run;main\.keepRecord;main\.newRecord 500[0-9]$`)
	t.refused(t.runTool(0, "dump", "-p", pid, "-fgrowth"), "live, live-objects, alloc, goroutine")
	only := t.runTool(0, "dump", "-p", pid, "--goroutines-only").stdout
	if strings.Contains(only, "HEAP ") || !strings.Contains(only, "GOROUTINES ") {
		t.Errorf("--goroutines-only:\n%s", only)
	}
	if took := t.runTool(0, "dump", "-p", pid).took; took > time.Second && !t.slow {
		t.Errorf("took %v of processor time", took)
	}
	p.finish()
}
