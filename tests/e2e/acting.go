// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// What is made of a report: leaks that are known and accepted.

func actingTests(e *env) []testCase {
	v := e.newest()
	return []testCase{
		{"acting/suppress-heap", func(t *T) { t.suppressed("map-grows", "heap", "heap: ", v) }},
		{"acting/suppress-goroutines", func(t *T) { t.suppressed("goroutine-chan", "goroutine", "", v) }},
		{"acting/cycles", func(t *T) { t.cycles(v) }},
		{"acting/suppress-refused", func(t *T) { t.suppressRefused() }},
	}
}

// suppressed: no leak is called where the guilty function is accepted, exit status 0; what it holds is told, and
// explains what the heap grows by.
func (t *T) suppressed(name, kind, prefix, version string) {
	var truth struct{ Culprits []string }
	p := t.shape(name, version)
	p.json(&truth, "ledger")
	patterns := "# known\n\nheap: no.such.function # unused\n"
	for _, c := range truth.Culprits {
		patterns += prefix + c + "*\n"
	}
	file := t.writeFile("accepted.txt", []byte(patterns), 0666)
	r := t.judged(p, 0, func(r *report) bool {
		if r.Verdict == "LEAK" {
			t.Errorf("called a leak after %.0f s, %d collections: %+v", r.Time.Attached, r.Time.GCCycles, r.Findings)
		}
		return t.failed() || r.Time.Attached >= benignSeconds && r.Time.GCCycles >= benignCycles
	}, "--min-time", minTime, "--suppress", file)
	p.finish()
	s := r.Suppressed
	if s == nil || s.File != file {
		t.Fatalf("not told what is suppressed: %+v", s)
	}
	for _, site := range r.Sites {
		if site.Kind == kind && namesOne(site.Frames, truth.Culprits) {
			t.Errorf("suppressed, and there: %s", formatFrames(site.Frames))
		}
	}
	if kind == "goroutine" {
		if s.Goroutine.Sites == 0 || s.Goroutine.Live == 0 || s.Goroutine.Rate == nil || *s.Goroutine.Rate <= 0 {
			t.Errorf("no goroutines suppressed that grow: %+v", s.Goroutine)
		}
		return
	}
	if s.Heap.Sites == 0 || value(s.Heap.LiveBytes) == 0 || s.Heap.Rate.Low == nil || *s.Heap.Rate.Low <= 0 {
		t.Errorf("nothing suppressed that grows: %+v", s.Heap)
	}
	if r.Explained.Estimate == nil || *r.Explained.Estimate < 0.5 {
		t.Errorf("what is suppressed does not explain the growth: %+v", r.Explained)
	}
}

// suppressRefused: a file that cannot be used is told before anything is attached to.
func (t *T) suppressRefused() {
	file := t.writeFile("bad.txt", []byte("main.main\nleak:main.put\n"), 0666)
	t.refused(t.runTool(0, "-p", "1", "--suppress", file), file+":2: ", "no such prefix")
	none := filepath.Join(t.dir, "none.txt")
	t.refused(t.runTool(0, "dump", "-p", "1", "--suppress", none), none, "No such file")
	r := t.runTool(0, "list", "--suppress", file)
	if r.code != 1 || !strings.Contains(r.stderr, "does not take --suppress") {
		t.Errorf("list: %d %s", r.code, r.stderr)
	}
}

// cycles: -d 5gc ends by itself, when 5 collections have ended and not much later.
func (t *T) cycles(version string) {
	p := t.shape("map-grows", version)
	r := t.runTool(0, "--format", "json", "-p", fmt.Sprint(p.pid()), "-d", "5gc")
	p.finish()
	if r.code != 0 || !strings.Contains(r.stderr, "for 5 collections;") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	final := t.parse(strings.TrimSpace(r.stdout))
	if final.Time.GCCycles < 5 {
		t.Errorf("ended after %d collections", final.Time.GCCycles)
	}
}
