// SPDX-License-Identifier: BSD-2-Clause

package main

import "strings"

// A callback from C: the stack goes on with the functions of Go that have called C, whatever C keeps in
// the register of the frame pointer; what stands between them is left out.

type callbackPlace struct {
	Count  uint64
	Frames []frame
}

func callbackTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		for _, variant := range []string{"cgo", "cgo-fp"} {
			variant := variant
			all = append(all, testCase{"callbacks/" + v + "/" + variant, func(t *T) { t.callbacks(v, variant) }})
		}
	}
	return all
}

func (t *T) callbacks(version, variant string) {
	p := t.program(t.build("callbacks", version, variant))
	x := t.attach(p.pid(), "--heap-only")
	p.do("run 100")
	r := x.stop()
	var places []callbackPlace
	p.json(&places, "places")
	p.finish()
	t.checkNoLoss(r)
	n := 0
	for i := range r.Sites {
		if s := &r.Sites[i]; len(s.Frames) > 0 && s.Frames[0].Function == "main.keep" && hasType(s, "main.object") {
			n++
			t.checkNamed(s)
		}
	}
	if n != len(places) {
		t.Errorf("%s of the objects, really %d", plural(n, "site"), len(places))
	}
	for i := range places {
		t.checkCallback(&places[i], r)
	}
	t.Notef("%d stacks, with %s of Go at most", len(places), plural(longest(places), "frame"))
}

func hasType(s *site, typ string) bool {
	for _, p := range s.Types {
		if p.Type == typ {
			return true
		}
	}
	return false
}

// checkNamed: no frame is C's.
func (t *T) checkNamed(s *site) {
	for _, f := range s.Frames {
		if f.Function == "" {
			t.Errorf("a frame that is none of Go: %s", formatFrames(s.Frames))
			return
		}
	}
}

func (t *T) checkCallback(want *callbackPlace, r *report) {
	for i := range r.Sites {
		s := &r.Sites[i]
		if !hasType(s, "main.object") || !sameCalls(ownFrames(s.Frames), want.Frames) {
			continue
		}
		if s.FramesCut || s.AllocObjects != want.Count || value(s.LiveObjects) != want.Count {
			t.Errorf("%d objects, %d live, really %d; cut is %v: %s", s.AllocObjects, value(s.LiveObjects),
				want.Count, s.FramesCut, formatFrames(s.Frames))
		}
		return
	}
	t.Errorf("no site for the stack %s", formatFrames(want.Frames))
}

// ownFrames are those of the program's own functions.
func ownFrames(fs []frame) []frame {
	var own []frame
	for _, f := range fs {
		if strings.HasPrefix(f.Function, "main.") {
			own = append(own, f)
		}
	}
	return own
}

func sameCalls(a, b []frame) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Function != b[i].Function || a[i].Line != b[i].Line {
			return false
		}
	}
	return true
}

func longest(places []callbackPlace) int {
	n := 0
	for _, p := range places {
		if len(p.Frames) > n {
			n = len(p.Frames)
		}
	}
	return n
}
