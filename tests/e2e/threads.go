// SPDX-License-Identifier: BSD-2-Clause

package main

import "strings"

// Stacks end where their thread begins: clone() leaves the parent's frame pointer in the child, so
// that the chain of frame pointers goes on into the stack of whoever started the thread.

// threadStart are the runtime's functions that a thread runs first, on its own stack.
var threadStart = map[string]bool{"runtime.mstart": true, "runtime.mstart0": true, "runtime.mstart1": true}

func threadTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"threads/" + v, func(t *T) { t.threads(v, "plain") }})
	}
	return append(all,
		testCase{"threads/stripped", func(t *T) { t.threads(t.newest(), "stripped") }},
		testCase{"threads/cgo", func(t *T) { t.threads(t.newest(), "cgo") }})
}

func (t *T) threads(version, variant string) {
	const tries = 10 // whether a thread allocates anything before it has a goroutine is the scheduler's to say
	begun := 0
	for i := 0; i < tries && begun == 0 && !t.failed(); i++ {
		begun = t.threadsBegin(version, variant)
	}
	if begun == 0 {
		t.Errorf("no heap site of a thread that begins")
	}
	t.Notef("%s of threads that begin", plural(begun, "heap site"))
}

// threadsBegin returns how many stacks of thread starts it has seen.
func (t *T) threadsBegin(version, variant string) (begun int) {
	p := t.program(t.build("threads", version, variant))
	x := t.attach(p.pid())
	p.do("threads 200")
	p.do("timers 2000")
	p.do("gc 2")
	r := x.stop()
	p.finish()
	for i := range r.Sites {
		s := &r.Sites[i]
		t.checkLeft(s)
		if s.Kind == "heap" {
			begun += t.checkThreadStart(s)
		}
	}
	if n := r.Coverage["stacks_cut"]; n > 0 {
		t.Errorf("coverage: stacks_cut is %d", n)
	}
	return begun
}

// What the scheduler does between two goroutines is not done for the one that has parked.
func (t *T) checkLeft(s *site) {
	for i, f := range s.Frames {
		if f.Function == "runtime.mcall" && i+1 < len(s.Frames) {
			t.Errorf("goes on behind mcall: %s", formatFrames(s.Frames))
		}
	}
}

// checkThreadStart returns how many stacks of thread starts it has seen, 0 or 1.
func (t *T) checkThreadStart(s *site) int {
	for i, f := range s.Frames {
		if !threadStart[f.Function] {
			continue
		}
		for _, below := range s.Frames[i+1:] {
			if !threadStart[below.Function] {
				t.Errorf("goes on behind the start of its thread: %s", formatFrames(s.Frames))
				break
			}
		}
		return 1
	}
	if n := len(s.Frames); n > 0 && strings.HasPrefix(s.Frames[0].Function, "runtime.") && s.FramesCut {
		t.Errorf("is cut: %s", formatFrames(s.Frames))
	}
	return 0
}
