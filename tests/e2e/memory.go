// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The memory figures against runtime.ReadMemStats of a program that does nothing meanwhile; and those
// of a program that is no more, as when the kernel was out of memory.

type memStats struct {
	Mallocs, Frees, TotalAlloc                                         int64
	HeapAlloc, HeapInuse, HeapIdle, HeapReleased, HeapSys, HeapObjects int64
	StackInuse, NextGC, NumGC                                          int64
}

func (m *memStats) byName() map[string]int64 {
	return map[string]int64{
		"mallocs": m.Mallocs, "frees": m.Frees, "total_alloc": m.TotalAlloc, "heap_alloc": m.HeapAlloc,
		"heap_inuse": m.HeapInuse, "heap_idle": m.HeapIdle, "heap_released": m.HeapReleased,
		"heap_sys": m.HeapSys, "heap_objects": m.HeapObjects, "stack_inuse": m.StackInuse,
		"next_gc": m.NextGC, "num_gc": m.NumGC,
	}
}

func memoryTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		for _, variant := range []string{"plain", "stripped"} {
			variant := variant
			all = append(all, testCase{"memory/" + v + "/" + variant, func(t *T) { t.memory(v, variant) }})
		}
		all = append(all,
			testCase{"memory/account/" + v, func(t *T) { t.memoryAccount(v) }},
			testCase{"memory/native/" + v, func(t *T) { t.memoryNative(v) }},
			testCase{"memory/keepers/" + v, func(t *T) { t.memoryKeepers(v) }},
			testCase{"memory/collections/" + v, func(t *T) { t.memoryCollections(v) }})
	}
	return append(all,
		testCase{"memory/files", func(t *T) { t.memoryFiles() }},
		testCase{"memory/native-watched", func(t *T) { t.memoryNativeWatched() }},
		testCase{"memory/killed", func(t *T) { t.memoryOfKilled() }},
		testCase{"memory/killed-command", func(t *T) { t.memoryOfKilledCommand() }})
}

func (t *T) memory(version, variant string) {
	p := t.program(t.build("quiet", version, variant))
	p.do("fill 30000")
	p.do("gc")
	p.do("alloc 1000")
	x := t.attach(p.pid())
	// The runtime's scavenger may return memory for a while: the two readings around the report
	// must be equal.
	t.eventually("the program is never quiet", func() bool {
		var stats [2]memStats
		p.do("read 0")
		r := x.report()
		p.do("read 1")
		p.json(&stats, "print")
		if stats[0] == stats[1] {
			t.checkMemory(r, &stats[0])
		}
		return stats[0] == stats[1]
	})
	x.stop()
	p.finish()
}

// memoryAccount: what the program has mapped stands where it belongs, and the parts are what is resident.
func (t *T) memoryAccount(version string) {
	// Go 1.17 collects at 0.6 of the way from what lives to the goal (gcControllerState.endCycle).
	const garbage, anonymous, file = 40, 64, 32
	p := t.program(t.build("memory", version, "stripped"), "GOGC=400")
	p.do("heap 20")
	p.do("gc")
	p.do("garbage %d", garbage)
	p.do("mmap %d", anonymous)
	p.do("file %d", file)
	var before, after int64
	var r *report
	var h *heapReport
	t.eventually("the program is never quiet", func() bool {
		p.json(&before, "rss")
		r = t.dumpReport(p)
		h = t.heap(p.pid())
		p.json(&after, "rss")
		return before == after
	})
	for _, account := range []map[string]*int64{r.Memory, h.Memory} {
		t.checkAccount(account, before, anonymous<<20, file<<20)
	}
	if r.GCPacing == nil || r.GCPacing.GOGC != 400 || r.GCPacing.GOMemLimit != nil {
		t.Errorf("gc_pacing %+v", r.GCPacing)
	}
	if v := r.Process.Parts["garbage"]; v < garbage<<20 || v > (garbage+4)<<20 {
		t.Errorf("%d bytes of garbage", v)
	}
	p.finish()
}

// checkAccount: of a program that has mapped so much, and of which so much is resident by the kernel.
func (t *T) checkAccount(account map[string]*int64, resident, anonymous, file int64) {
	// Of its own the program has some MiB of each; the runtime's tables are not all in RAM, and the kernel's
	// own counts may lag by some pages.
	const own = 4 << 20
	m := func(name string) int64 {
		if account[name] == nil {
			t.Fatalf("%s is not known", name)
		}
		return *account[name]
	}
	rss := m("rss")
	sum := m("live_heap") + m("gc_headroom") + m("stacks") + m("runtime") + m("files") + m("anonymous") - m("not_resident")
	if sum != rss || math.Abs(float64(rss-resident)) > 0.02*float64(resident) {
		t.Errorf("rss %d, the sum of its parts %d, by the kernel %d", rss, sum, resident)
	}
	if v := m("files") - file; v < 0 || v > own {
		t.Errorf("%d bytes of files", m("files"))
	}
	if v := m("rss_files") - m("files"); v < -own || v > own {
		t.Errorf("%d bytes of files, %d by what the kernel counts", m("files"), m("rss_files"))
	}
	if v := m("anonymous") - anonymous; v < -m("runtime") || v > own {
		t.Errorf("%d bytes anonymous", m("anonymous"))
	}
}

// memoryNative: what C allocates is in a number, and what rss grows by, and no leak of Go's.
func (t *T) memoryNative(version string) {
	const kib = 20000
	p := t.program(t.build("native", version, "cgo"))
	before := t.dumpReport(p)
	p.do("malloc %d", kib)
	after := t.dumpReport(p)
	// The runtime's tables are not all in RAM, which is taken off.
	grew := *after.Memory["anonymous"] - *before.Memory["anonymous"]
	if grew < kib*1000-*after.Memory["runtime"] || grew > kib*1100 {
		t.Errorf("%d bytes more of C, really %d and what malloc() keeps for itself", grew, kib*1000)
	}
	r := t.growsOutside(p, "malloc 300")
	if *r.Process.Outside != "anonymous" || r.Verdict == "LEAK" || r.Verdict == "GROWING" {
		t.Errorf("%s, growth of %s", r.Verdict, *r.Process.Outside)
	}
	p.finish()
}

// memoryFiles: mapped files are not taken for what C allocates.
func (t *T) memoryFiles() {
	p := t.program(t.build("memory", t.newest(), "stripped"))
	if r := t.growsOutside(p, "file 1"); *r.Process.Outside != "files" {
		t.Errorf("growth of %s", *r.Process.Outside)
	}
	p.finish()
}

// growsOutside traces the program, which is told to grow again and again, until it is known what it grows by.
func (t *T) growsOutside(p *program, command string) *report {
	var r *report
	x := t.attach(p.pid())
	t.eventually("nothing outside Go is seen to grow", func() bool {
		p.do(command)
		r = x.report()
		return r.Process.Grows && r.Process.Cause != nil && *r.Process.Cause == "not_go" && r.Process.Outside != nil
	})
	x.stop()
	return r
}

func (t *T) memoryNativeWatched() {
	p := t.program(t.build("native", t.newest(), "cgo"))
	x := t.start(exec.Command(t.tool, "watch", "--min-time", "3s", "-p", fmt.Sprint(p.pid())))
	x.line(x.stderr, "watching")
	t.eventually("nothing outside Go is told of", func() bool {
		p.do("malloc 100")
		time.Sleep(100 * time.Millisecond) // a rate, and no verdict hangs on it
		return strings.Contains(x.stdout.String(), "most of that: memory outside Go: C, mmap, now ")
	})
	t.must(x.cmd.Process.Signal(syscall.SIGTERM))
	if code := x.exit(); code != 0 || !strings.Contains(x.stdout.String(), "; memory outside Go grows; rss ") ||
		!strings.Contains(x.stdout.String(), " + C, mmap ") {
		t.Errorf("exit code %d: %s", code, x.stdout)
	}
	p.finish()
}

// memoryKeepers: a map that has shrunk, and what comes from a pool, are told from what else lives.
func (t *T) memoryKeepers(version string) {
	p := t.program(t.build("memory", version, "stripped"))
	x := t.attach(p.pid())
	p.do("heap 10")
	p.do("pool 20")
	p.do("map 50")
	p.do("gc")
	r := x.report()
	if v := r.Process.Pool; v == nil || *v < 20<<20 || *v > 21<<20 {
		t.Errorf("%s bytes of pools", text(v))
	}
	// 50,000 entries of 72 bytes at least; tables may be half empty, and old ones twice as large.
	if v := r.Process.Map; v == nil || *v < 50000*72 || *v > 4*50000*72 {
		t.Errorf("%s bytes of maps", text(v))
	}
	x.stop()
	p.finish()
}

func text(v *int64) string {
	if v == nil {
		return "unknown"
	}
	return fmt.Sprint(*v)
}

// memoryCollections: each collection while it is traced, in order, with what it left.
func (t *T) memoryCollections(version string) {
	p := t.program(t.build("memory", version, "stripped"))
	p.do("gc")
	x := t.attach(p.pid(), "--gc")
	for i := 1; i <= 3; i++ {
		p.do("heap 10")
		p.do("gc")
		r := x.report()
		if len(r.Collections) < i {
			t.Fatalf("%d collections, really %d at least", len(r.Collections), i)
		}
		last := r.Collections[len(r.Collections)-1]
		if last.Live == nil || last.HeapBegin == nil || last.Forced == nil || !*last.Forced ||
			*last.Live < uint64(i)*10<<20 || *last.HeapBegin < uint64(i)*10<<20 || int(last.Number) != int(*r.Memory["num_gc"]) {
			shown, _ := json.Marshal(last)
			t.Errorf("collection %s after %d MiB were kept, num_gc %d", shown, 10*i, *r.Memory["num_gc"])
		}
	}
	x.stop()
	p.finish()
}

func (t *T) checkMemory(r *report, want *memStats) {
	for name, v := range want.byName() {
		if got := r.Memory[name]; got == nil {
			t.Errorf("%s is not known, really %d", name, v)
		} else if *got != v {
			t.Errorf("%s: %d, really %d", name, *got, v)
		}
	}
	sum := int64(0)
	for _, name := range []string{"live_heap", "gc_headroom", "stacks", "runtime", "not_go"} {
		v := r.Memory[name]
		if v == nil {
			t.Errorf("%s is not known", name)
			return
		}
		sum += *v
	}
	if absent := r.Memory["not_resident"]; absent != nil {
		sum -= *absent
	}
	if rss := r.Memory["rss"]; rss == nil || *rss != sum {
		t.Errorf("rss is not the sum of its parts, %d", sum)
	}
}

// What the program has grown by, which a report says before it is killed.
const grownKiB = 30000

func (t *T) memoryOfKilled() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	x := t.attach(p.pid())
	x.report()
	p.do("fill %d", grownKiB)
	t.checkGrown(x.report())
	t.must(p.cmd.Process.Kill())
	t.checkLastMemory(x.parse(x.line(x.stdout, "")))
	x.expect(2)
}

func (t *T) memoryOfKilledCommand() {
	file := filepath.Join(t.dir, "report.json")
	x := t.startTracer("--format", "json", "-o", file, "--", t.build("quiet", t.newest(), "stripped"))
	p := &program{x.process}
	p.line(p.stdout, "ready")
	p.do("fill %d", grownKiB)
	t.checkGrown(x.signalReport(file))
	t.must(syscall.Kill(childOf(t, x.pid()), syscall.SIGKILL))
	x.expect(128 + int(syscall.SIGKILL))
	reports := strings.Split(strings.TrimSpace(string(t.readFile(file))), "\n")
	t.checkLastMemory(x.parse(reports[len(reports)-1]))
}

func (t *T) checkGrown(r *report) {
	// The program has not touched what it keeps, so that need not be resident.
	for name, least := range map[string]int64{"rss": 1 << 20, "heap_alloc": grownKiB << 10} {
		if v := r.Memory[name]; v == nil {
			t.Errorf("%s is not known", name)
		} else if *v < least {
			t.Errorf("%s: %d, really %d at least", name, *v, least)
		}
	}
}

func (t *T) checkLastMemory(r *report) {
	if !strings.Contains(r.Target.Gone, "exited") {
		t.Errorf("the report does not say that the program has ended: %q", r.Target.Gone)
	}
	t.checkGrown(r)
}
