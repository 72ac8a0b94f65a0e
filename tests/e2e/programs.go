// SPDX-License-Identifier: BSD-2-Clause

package main

// The programs under test by themselves: that they build with each version, and that what they say
// of themselves holds together.

func programTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"programs/" + v, func(t *T) { t.programs(v) }})
	}
	return all
}

func (t *T) programs(version string) {
	for _, name := range []string{"names", "goroutines", "quiet", "load", "profiled", "stacks", "overload", "restart", "classes", "growth", "holders", "leaks",
		"bigheap", "older"} {
		t.program(t.build(name, version, "plain")).finish()
	}
	p := t.program(t.build("ledger", version, "plain"))
	p.do("prepare 20")
	p.do("start")
	r := &ledgerRun{report: &report{}}
	p.json(&r.ledger, "ledger")
	r.measure(p)
	p.finish()
	if r.ledger.Version != "go"+version {
		t.Errorf("built with %s", r.ledger.Version)
	}
	for _, e := range r.ledger.Entries {
		f := r.freed[e.Function]
		if e.Single && !e.Tiny && (f.Objects < e.Kept || f.Objects > e.Kept+f.Noise) {
			t.Errorf("%s: kept %d, freed %d", e.Function, e.Kept, f.Objects)
		}
	}
}
