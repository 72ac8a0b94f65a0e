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
	p := t.start(exec.Command(t.buildIn(filepath.Join(t.progs, "../demo"), ".", t.newest(), "stripped")))
	p.line(p.stdout, "pid")
	x := t.attach(p.pid(), "-d", "10s")
	r := x.parse(x.line(x.stdout, ""))
	x.expect(0)
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

func (t *T) expectFirst(sites []string, leaves ...string) {
	for i, leaf := range leaves {
		if i >= len(sites) || !strings.HasPrefix(sites[i], leaf) {
			t.Errorf("site %d does not begin with %s:\n%s", i+1, leaf, strings.Join(sites, "\n"))
			return
		}
	}
}
