// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
)

// The program of `make demo`: what leaks must stand first.

func demoTests(e *env) []testCase {
	return []testCase{{"demo", func(t *T) { t.demo() }}}
}

func (t *T) demo() {
	path := t.buildIn(filepath.Join(t.progs, "../demo"), ".", t.newest(), "stripped")
	p := t.start(exec.Command(path, t.limit.String()))
	p.line(p.stdout, "pid")
	x := t.attach(p.pid(), "1s")
	var r *report
	for r == nil || liveIn(r, "main.newSession") < manySessions {
		r = x.parse(x.line(x.stdout, ""))
	}
	var heap, goroutines []string
	for _, s := range r.Sites {
		switch {
		case s.Kind == "heap":
			heap = append(heap, formatFrames(s.Frames))
		case !isSystem(&s):
			goroutines = append(goroutines, formatFrames(s.Frames))
		}
	}
	t.expectFirst(heap, "main.newSession ", "main.details ")
	t.expectFirst(goroutines, "main.(*notifier).confirm ")
}

// manySessions is how many there must be before the leak is bigger than what the demo keeps for good.
const manySessions = 2000

func liveIn(r *report, function string) uint64 {
	n := uint64(0)
	for i := range r.Sites {
		if s := &r.Sites[i]; s.Kind == "heap" && len(s.Frames) > 0 && s.Frames[0].Function == function {
			n += value(s.LiveObjects)
		}
	}
	return n
}

func (t *T) expectFirst(sites []string, leaves ...string) {
	for i, leaf := range leaves {
		if i >= len(sites) || !strings.HasPrefix(sites[i], leaf) {
			t.Errorf("site %d does not begin with %s:\n%s", i+1, leaf, strings.Join(sites, "\n"))
			return
		}
	}
}
