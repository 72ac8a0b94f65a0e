// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// What a trace calls the shapes: a leak of the heap and one of goroutines, with the guilty function first,
// and no leak what only looks like one.  Shapes go ten times as fast as they are written, and so does the
// patience of the tool: a second here is ten of a service.

func verdictTests(e *env) []testCase {
	v := e.newest()
	return []testCase{
		{"verdict/map-grows", func(t *T) { t.leakCalled("map-grows", "heap", v) }},
		{"verdict/goroutine-chan", func(t *T) { t.leakCalled("goroutine-chan", "goroutine", v) }},
		{"verdict/body", func(t *T) { t.verdictBody(v) }},
		{"verdict/lru-full", func(t *T) { t.noLeakCalled("lru-full", v) }},
		{"verdict/workers", func(t *T) { t.noLeakCalled("workers", v) }},
		{"verdict/early", func(t *T) { t.verdictEarly(v) }},
		{"verdict/rare", func(t *T) { t.verdictRare(v) }},
		{"verdict/evidence", func(t *T) { t.verdictEvidence(v) }},
		{"verdict/types", func(t *T) { t.verdictTypes(v, 0, "-s", "0") }},
		{"verdict/types-unseen", func(t *T) { t.verdictTypes(v, 0, "-s", "1G") }},
		{"verdict/types-large", func(t *T) { t.verdictTypes(v, largeHeap, "-s", "1G") }},
	}
}

const (
	minTime       = "18s" // three minutes of a service
	largeHeap     = 300   // MiB; of more than 256 only what grows is looked at
	benignSeconds = 30    // of the clock, that what is healthy is watched for
	benignCycles  = 24
)

func (t *T) shape(name, version string) *program {
	p := t.program(t.build("shapes", version, "stripped"))
	p.do("speed 10")
	p.do(name)
	return p
}

// judged traces it until a report is what until waits for, and returns that one; the tool must end with code.
func (t *T) judged(p *program, code int, until func(r *report) bool, args ...string) *report {
	x := t.startTracer(append([]string{"--format", "json", "-i", "1", "-p", fmt.Sprint(p.pid()), "--fail-on-leak"}, args...)...)
	p.do("attached")
	r := x.parse(x.line(x.stdout, ""))
	for !until(r) {
		if t.left() < 0 {
			t.Fatalf("after %.0f s and %d collections: %s, findings %+v", r.Time.Attached, r.Time.GCCycles, r.Verdict, r.Findings)
		}
		r = x.parse(x.line(x.stdout, ""))
	}
	t.must(x.cmd.Process.Signal(syscall.SIGTERM))
	for range x.stdout.next {
	}
	x.expect(code)
	return r
}

// leakCalled: the first finding is of that kind and names a culprit; the exit status says so.
func (t *T) leakCalled(name, kind, version string) {
	var truth struct{ Culprits []string }
	p := t.shape(name, version)
	r := t.judged(p, 3, func(r *report) bool {
		return len(r.Findings) > 0 && r.Findings[0].Verdict == "LEAK" && r.Findings[0].Kind == kind
	}, "--min-time", minTime)
	p.json(&truth, "ledger")
	p.finish()
	if r.Time.Attached < 18 || r.Time.GCCycles < 12 {
		t.Errorf("called after %.1f s and %d collections", r.Time.Attached, r.Time.GCCycles)
	}
	if r.Verdict != "LEAK" {
		t.Errorf("%s, and the first finding is a leak", r.Verdict)
	}
	if !namesOne(r.Findings[0].Frames, truth.Culprits) {
		t.Errorf("the first finding names none of %v: %s", truth.Culprits, formatFrames(r.Findings[0].Frames))
	}
	for _, s := range r.Sites {
		if s.Verdict == "" {
			t.Errorf("no verdict: %s", formatFrames(s.Frames))
		}
	}
	t.Notef("called after %.0f s, %d collections", r.Time.Attached, r.Time.GCCycles)
}

// verdictBody: connections leak, as responses are not closed.  Who reads and who writes them was started by one function:
// one finding, with what goroutines allocate for each request.  It waits for both: which is called first depends on the
// collections that a busy machine had time for.
func (t *T) verdictBody(version string) {
	p := t.shape("body", version)
	r := t.judged(p, 3, func(r *report) bool {
		_, served, apart := bodySites(r)
		return len(r.Findings) > 0 && r.Findings[0].Verdict == "LEAK" && r.Findings[0].Kind == "goroutine" && served+apart >= 5
	}, "--min-time", minTime, "-s", "0")
	p.finish()
	pairs, served, apart := bodySites(r)
	if len(pairs) != 1 {
		t.Errorf("goroutines of a connection in findings %v", pairs)
	}
	if served < 4*apart {
		t.Errorf("of what they allocate who serve %d sites leak with them, %d by themselves", served, apart)
	}
	t.Notef("%d findings; of one connection %v, %d sites with who serves it, %d without", len(r.Findings), pairs, served, apart)
}

// bodySites: the leaking goroutines of a connection by their finding, and how many sites of those who serve one leak in
// findings of goroutines and how many in others.
func bodySites(r *report) (pairs map[int]int, served, apart int) {
	const pair, serves = "net/http.(*Transport).dialConn", "net/http.(*conn).serve"
	of := map[string]int{} // findings by their sites
	for i, f := range r.Findings {
		for _, id := range f.Sites {
			of[id] = i
		}
	}
	pairs = map[int]int{}
	for _, s := range r.Sites {
		i, found := of[s.ID]
		if !found || s.Verdict != "LEAK" || len(s.Frames) < 2 {
			continue
		}
		if s.Kind == "goroutine" && s.Frames[0].Function == pair {
			pairs[i]++
		}
		if s.Kind == "heap" && s.Frames[len(s.Frames)-2].Function == serves {
			if r.Findings[i].Kind == "goroutine" {
				served++
			} else {
				apart++
			}
		}
	}
	return pairs, served, apart
}

func namesOne(frames []frame, culprits []string) bool {
	for _, f := range frames {
		for _, c := range culprits {
			if strings.HasPrefix(f.Function, c) {
				return true
			}
		}
	}
	return false
}

func (t *T) noLeakCalled(name, version string) {
	p := t.shape(name, version)
	r := t.judged(p, 0, func(r *report) bool {
		if r.Verdict == "LEAK" {
			t.Errorf("called a leak after %.0f s, %d collections: %+v", r.Time.Attached, r.Time.GCCycles, r.Findings)
		}
		return t.failed() || r.Time.Attached >= benignSeconds && r.Time.GCCycles >= benignCycles
	}, "--min-time", minTime)
	p.finish()
	t.Notef("%s after %.0f s, %d collections", r.Verdict, r.Time.Attached, r.Time.GCCycles)
}

// verdictEarly: what leaks is none as long as it was not watched for long enough, and none of anything is
// known before there were so many collections.
func (t *T) verdictEarly(version string) {
	p := t.shape("map-grows", version)
	r := t.judged(p, 4, func(r *report) bool {
		return r.Time.GCCycles < 10 && r.Verdict != "TOO_FEW_SAMPLES" || r.Verdict == "GROWING" || r.Verdict == "LEAK"
	})
	if r.Verdict != "GROWING" || r.Time.GCCycles < 10 {
		t.Fatalf("%s after %d collections", r.Verdict, r.Time.GCCycles)
	}
	if len(r.Findings) == 0 || len(r.Findings[0].Missing) == 0 || r.Findings[0].Watch == nil {
		t.Fatalf("not said what is missing, and for how long: %+v", r.Findings)
	}
	if left := 180 - r.Time.Attached; *r.Findings[0].Watch < left-30 || *r.Findings[0].Watch > left+30 {
		t.Errorf("to be watched for %.0f s more, and not %.0f", *r.Findings[0].Watch, left)
	}
	p.finish()
}

// verdictRare: a heap that grows is collected ever more rarely.  Of 12 collections two come in the last third of the
// time, and what leaks at a steady rate is told.
func (t *T) verdictRare(version string) {
	const collections, perSecond, rarer = 12, 1000, 1.4
	var rows []leakRow
	p := t.program(t.build("leaks", version, "stripped"), "GOGC=off")
	p.do("begin")
	p.json(&rows, "ledger")
	x := t.startTracer("--format", "json", "-p", fmt.Sprint(p.pid()), "-s", "0", "-d", fmt.Sprint(collections, "gc"), "--min-time", "5s",
		"--fail-on-leak")
	start, last, next := time.Now(), 0.0, 0.5
	for i := 0; i < collections; i++ {
		time.Sleep(time.Until(start.Add(time.Duration(next * float64(time.Second)))))
		now := time.Since(start).Seconds()
		p.do("sessions %d", int((now-last)*perSecond))
		last, next = now, next*rarer
	}
	r := x.parse(x.line(x.stdout, ""))
	x.expect(3)
	p.finish()
	told := false
	for _, f := range r.Findings {
		told = told || f.Verdict == "LEAK" && namesOne(f.Frames, []string{rows[0].Allocator})
	}
	if r.Time.GCCycles != collections || !told {
		t.Errorf("%s after %d collections, findings %+v", r.Verdict, r.Time.GCCycles, r.Findings)
	}
}

// verdictTypes: the finding has the type that leaks, with what holds it and where it is allocated, and those
// that are older than the attach count; also where no stack is sampled, and where the heap has megabytes that
// have nothing to do with it, and are not read if they are many.
func (t *T) verdictTypes(version string, megabytes uint64, args ...string) {
	var rows []leakRow
	var kept []uint64
	p := t.program(t.build("leaks", version, "stripped"))
	p.do("begin")
	p.do("hold %d", megabytes)
	p.json(&rows, "ledger")
	p.do("sessions %d", leakedBefore)
	x := t.startTracer(append([]string{"--format", "json", "-i", "1", "--min-time", "1", "-p", fmt.Sprint(p.pid())}, args...)...)
	row, unseen := &rows[0], args[1] != "0"
	var r *report
	var got *heapType
	for got == nil {
		if t.left() < 0 {
			t.Fatalf("no finding has %s", row.Type)
		}
		p.do("sessions %d", leakedAfter)
		p.json(&kept, "kept")
		r = x.parse(x.line(x.stdout, ""))
		got = typeOfFinding(r, row.Type, unseen)
	}
	if l := r.HeapLooks; megabytes > 0 && (l.Classes == nil || l.Read > l.Looks*megabytes<<20/10) {
		t.Errorf("%d bytes read in %d looks at a heap of %d MiB, for classes: %v", l.Read, l.Looks, megabytes, l.Classes != nil)
	}
	t.must(x.cmd.Process.Signal(syscall.SIGTERM))
	for range x.stdout.next {
	}
	x.expect(0)
	p.finish()
	if got.Objects < leakedBefore+leakedAfter || got.ObjectsRange[0] > kept[0] || !got.Exact {
		t.Errorf("%v %s, exact: %v; really %d", got.ObjectsRange, row.Type, got.Exact, kept[0])
	}
	if got.ObjectsPerSecond.Low <= 0 {
		t.Errorf("%s grows by %+v a second", row.Type, got.ObjectsPerSecond)
	}
	if !got.has(row) {
		t.Errorf("not held by %v, or not allocated at %s:%d: %+v %+v", row.Holders, row.File, row.Line, got.Holders, got.Lines)
	}
}

// verdictEvidence: where collections are so rare that nothing can be judged, what grew between two looks is told by type and
// holder, as what it is, in JSON and for reading.
func (t *T) verdictEvidence(version string) {
	var rows []leakRow
	p := t.program(t.build("leaks", version, "stripped"), "GOGC=off")
	p.do("begin")
	p.json(&rows, "ledger")
	p.do("sessions %d", leakedBefore)
	text := filepath.Join(t.dir, "report.txt")
	x := t.startTracer("-v", "-o", text, "--json", filepath.Join(t.dir, "looks.json"), "-p", fmt.Sprint(p.pid()))
	x.line(x.stderr, "looked at the heap in ")
	p.do("sessions %d", leakedAfter)
	x.line(x.stderr, "looked at the heap in ") // of those that are taken while nobody can say whether anything grows
	t.must(x.cmd.Process.Signal(syscall.SIGTERM))
	x.expect(0)
	p.finish()
	r := x.parse(string(t.readFile(filepath.Join(t.dir, "looks.json"))))
	var got *heapType
	for i := range r.HeapLooks.Types {
		if r.HeapLooks.Types[i].Type == rows[0].Type {
			got = &r.HeapLooks.Types[i]
		}
	}
	if r.Verdict != "TOO_FEW_SAMPLES" || got == nil {
		t.Fatalf("%s, %s not among %d types", r.Verdict, rows[0].Type, len(r.HeapLooks.Types))
	}
	if !got.has(&rows[0]) || got.ObjectsPerSecond.Low <= 0 {
		t.Errorf("grew by %+v, held by %+v", got.ObjectsPerSecond, got.Holders)
	}
	words := strings.Join(strings.Fields(string(t.readFile(text))), " ")
	for _, what := range []string{"GROWTH +", "evidence and no verdict", "#1 +", rows[0].Type, "GROWTH tells by type"} {
		if !strings.Contains(words, what) {
			t.Errorf("%q is not in %s", what, words)
		}
	}
}

// typeOfFinding returns the type as a finding has it; of a class alone, or of sites.
func typeOfFinding(r *report, name string, alone bool) *heapType {
	for i := range r.Findings {
		for k := range r.Findings[i].Types {
			got := &r.Findings[i].Types[k]
			if got.Type == name && got.Part == "" && alone == (r.Findings[i].ClassBytes != nil) {
				return got
			}
		}
	}
	return nil
}

// has: held in that way in the first place, and allocated there.
func (got *heapType) has(row *leakRow) bool {
	held, line := len(got.Holders) > 0, false
	for _, h := range row.Holders {
		held = held && strings.Contains(strings.Join(got.Holders[0].Path, " "), h)
	}
	for _, l := range got.Lines {
		line = line || l.Function == row.Allocator && strings.HasSuffix(l.File, row.File)
	}
	return held && line
}
