// SPDX-License-Identifier: BSD-2-Clause

package main

import "strings"

// Stacks against what the program itself gets from runtime.CallersFrames.

type namedPlace struct {
	What    string
	Type    string
	Count   uint64
	Wrapped bool
	Frames  []frame
}

func nameTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		for _, variant := range []string{"plain", "stripped"} {
			variant := variant
			all = append(all, testCase{"names/" + v + "/" + variant, func(t *T) { t.names(v, variant) }})
		}
	}
	return append(all,
		testCase{"names/pie", func(t *T) { t.names(t.newest(), "pie") }},
		testCase{"names/unoptimized", func(t *T) { t.names(t.newest(), "noopt") }})
}

func (t *T) names(version, variant string) {
	p := t.program(t.build("names", version, variant))
	x := t.attach(p.pid(), "--heap-only")
	p.do("run")
	r := x.stop()
	var places []namedPlace
	p.json(&places, "places")
	p.finish()
	for i := range places {
		t.checkPlace(&places[i], r)
	}
	inlined := 0
	for _, p := range places {
		for _, f := range p.Frames {
			if f.Inlined {
				inlined++
			}
		}
	}
	t.Notef("%d places, %d inlined frames", len(places), inlined)
}

// sameType: code shared by the instances of a generic type may pass the allocator the type that stands
// for all of the same shape, as main.list[go.shape.int64].
func sameType(got, want string) bool {
	bracket := strings.IndexByte(want, '[')
	return got == want || bracket > 0 && strings.HasPrefix(got, want[:bracket+1]) && strings.Contains(got, "go.shape.")
}

// minCutFrames is how many frames of a stack that is too deep must still be there.
const minCutFrames = 100

func (t *T) checkPlace(want *namedPlace, r *report) {
	var found []*site
	for i := range r.Sites {
		for _, p := range r.Sites[i].Types {
			if sameType(p.Type, want.Type) {
				found = append(found, &r.Sites[i])
			}
		}
	}
	if len(found) != 1 {
		t.Errorf("%s: %s for type %s, not 1", want.What, plural(len(found), "site"), want.Type)
		for _, s := range found {
			t.Errorf("    %s", formatFrames(s.Frames))
		}
		return
	}
	s := found[0]
	if live := value(s.LiveObjects); s.AllocObjects != want.Count || live != want.Count {
		t.Errorf("%s: %d objects, %d live, really %d", want.What, s.AllocObjects, live, want.Count)
	}
	w, g := withoutExit(want.Frames), withoutExit(s.Frames)
	if s.FramesCut && len(g) >= minCutFrames && len(w) > len(g) {
		w = w[:len(g)]
	}
	if want.Wrapped && len(g) > 0 && !g[0].Inlined {
		w[0].Inlined = false
	}
	for i := range w {
		if i >= len(g) || g[i] != w[i] {
			t.Errorf("%s: frame %d of\n      %s\n    really\n      %s", want.What, i, formatFrames(g), formatFrames(w))
			return
		}
	}
	if len(g) != len(w) {
		t.Errorf("%s: frames too many:\n      %s\n    really\n      %s", want.What, formatFrames(g), formatFrames(w))
	}
}

// withoutExit drops runtime.goexit at the root, which says nothing and which some do not show.
func withoutExit(fs []frame) []frame {
	if n := len(fs); n > 0 && fs[n-1].Function == "runtime.goexit" {
		return fs[:n-1]
	}
	return fs
}
