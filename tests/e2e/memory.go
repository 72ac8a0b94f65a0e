// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"path/filepath"
	"strings"
	"syscall"
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
	}
	return append(all,
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
