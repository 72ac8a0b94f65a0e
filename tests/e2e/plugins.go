// SPDX-License-Identifier: BSD-2-Clause

package main

import "strings"

// What a plugin's variables hold is held, and told to be the plugin's; a plugin has types of its own, which
// are not known, and that is told.

func pluginTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"plugins/" + v, func(t *T) { t.plugins(v, "cgo-fp") }})
	}
	return append(all, testCase{"plugins/pie", func(t *T) { t.plugins(e.newest(), "cgo") }})
}

func (t *T) plugins(version, variant string) {
	const ofProgram, ofPlugin = 300, 2000
	p := t.program(t.build("plugins", version, variant), "PLUGIN="+t.build("plugins/kept", version, "plugin"))
	p.do("keep %d", ofProgram)
	if n := t.heap(p.pid()).Coverage["heap_plugins"]; n != 0 {
		t.Errorf("%d plugins before any is opened", n)
	}
	p.do("open %d", ofPlugin)
	r := t.heap(p.pid())
	p.finish()
	if n := r.Coverage["heap_plugins"]; n != 1 {
		t.Errorf("%d plugins, really one", n)
	}
	if n := r.Coverage["unreached"]; n >= handful {
		t.Errorf("%d objects are held by nobody", n)
	}
	got := r.find("part.Item")
	if got == nil || got.Objects != ofProgram+ofPlugin || got.ObjectsRange[0] != got.Objects {
		t.Fatalf("%d part.Item, told of %+v", ofProgram+ofPlugin, got)
	}
	held := uint64(0)
	for _, h := range got.Holders {
		if strings.Contains(h.Path[len(h.Path)-1], " of plugin ") {
			held += h.Objects
		}
	}
	if held != ofPlugin {
		t.Errorf("%d held by the plugin, really %d: %+v", held, ofPlugin, got.Holders)
	}
	t.checkOwn(r, ofPlugin)
}

// checkOwn: the plugin's own type is not known, so as many objects are of no type.
func (t *T) checkOwn(r *heapReport, n uint64) {
	untyped := uint64(0)
	for _, row := range r.Types {
		if row.Type == "" && row.Part == "" && row.Pointers {
			untyped += row.Held
		}
	}
	if untyped < n {
		t.Errorf("%d objects of no type are held, %d of the plugin's own", untyped, n)
	}
}
