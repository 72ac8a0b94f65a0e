// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// A Go program that executes another while it is traced, or itself once more, as in a graceful restart:
// the report is that of the old one alone.

func restartTests(e *env) []testCase {
	return []testCase{
		{"exec/go-program-itself", func(t *T) {
			path := t.build("restart", t.newest(), "stripped")
			t.execGo(path, path)
		}},
		{"exec/go-program-another", func(t *T) {
			t.execGo(t.build("restart", t.newest(), "stripped"), t.build("restart", t.newest(), "pie"))
		}},
	}
}

const (
	execTries  = 8 // the moment of the exec is another each time
	keptBefore = 3000
)

func (t *T) execGo(path, successor string) {
	for i := 0; i < execTries && !t.failed(); i++ {
		p := t.program(path, "SUCCESSOR="+successor)
		x := t.attach(p.pid())
		p.do("before %d", keptBefore)
		before := x.report()
		p.do("before %d", i*1000) // a collection that may not have been looked at
		cycles, err := strconv.ParseFloat(p.ask("cycles"), 64)
		t.must(err)
		fmt.Fprintln(p.in, "exec")
		p.line(p.stdout, "ready") // the successor, which has allocated and collected
		t.checkSuccessor(x, before, uint64(cycles), keptBefore+uint64(i)*1000)
		p.finish()
	}
}

// checkSuccessor looks at the final report: numGC and allocs are what the old program had at its end.
func (t *T) checkSuccessor(x *tracer, before *report, numGC, allocs uint64) {
	x.expect(2)
	r := x.parse(x.line(x.stdout, ""))
	if !strings.Contains(r.Target.Gone, "exec") || !strings.Contains(x.stderr.String(), "exec") {
		t.Errorf("no word of the exec: %q; stderr: %s", r.Target.Gone, x.stderr)
	}
	if n := r.Time.GCCycles; n < before.Time.GCCycles || n > numGC {
		t.Errorf("%d GC cycles, %d of them before; the old program had %d in all", n, before.Time.GCCycles, numGC)
	}
	if n := r.Memory["num_gc"]; n != nil && uint64(*n) > numGC {
		t.Errorf("memory: %d collections, really %d at the end of the old program", *n, numGC)
	}
	if n := allocsIn(r, "main.before"); n != allocs {
		t.Errorf("%d objects of main.before, really %d", n, allocs)
	}
	// no object of the old program has died
	if n := liveIn(r, "main.before"); n < keptBefore || n > allocs {
		t.Errorf("%d live objects of main.before, really %d to %d", n, keptBefore, allocs)
	}
	for i := range r.Sites {
		s := &r.Sites[i]
		if stack := formatFrames(s.Frames); strings.Contains(stack, "main.after ") {
			t.Errorf("%s of the successor: %s", plural(int(s.AllocObjects), "object"), stack)
		} else if g := s.GrowthBytes; strings.HasPrefix(stack, "main.before ") && g != nil && *g < 0 {
			t.Errorf("growth of %d bytes: %s", *g, stack)
		}
	}
}
