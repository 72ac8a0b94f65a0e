// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"path/filepath"
	"strings"
)

// gobpfleak -- CMD: traced from the first allocation.

func commandTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"command/" + v, func(t *T) { t.command(v) }})
	}
	return append(all,
		testCase{"command/not-found", func(t *T) {
			t.refused(t.runTool(0, "--", "/nonexistent/program"), "/nonexistent/program")
		}},
		testCase{"command/not-go", func(t *T) { t.refused(t.runTool(0, "--", "/bin/sleep", "60"), "sleep") }})
}

func (t *T) command(version string) {
	file := filepath.Join(t.dir, "report.json")
	x := t.startTracer("--format", "json", "-T", "0", "-o", file, "--", t.build("ledger", version, "stripped"))
	p := &program{x.process}
	p.line(p.stdout, "ready")
	p.do("prepare 20")
	p.do("start")
	r := &ledgerRun{report: x.signalReport(file)}
	p.json(&r.ledger, "ledger")
	r.measure(p)
	p.in.Close()
	x.expect(0) // it did what it was started for
	for i := range r.ledger.Entries {
		e := &r.ledger.Entries[i]
		t.checkEntry(e, r.byFunc[e.Function], r.freed[e.Function])
	}
	r.ledger.Mallocs, r.ledger.TotalAlloc = r.ledger.MallocsAtEnd, r.ledger.TotalAllocAtEnd
	t.mallocs(r)
	reports := strings.Split(strings.TrimSpace(string(t.readFile(file))), "\n") // a line each
	if len(reports) != 2 {
		t.Errorf("%d reports in the file, not 2", len(reports))
	}
	final := x.parse(reports[len(reports)-1])
	if !strings.Contains(final.Target.Gone, "exited") {
		t.Errorf("the final report does not say that the program has ended: %q", final.Target.Gone)
	}
}
