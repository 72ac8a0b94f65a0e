// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"strings"
	"time"
)

// Finalizers and cleanups that are to run against tests/progs/finalizers, where one of each waits and says how many
// others there are.

func finalizerTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"finalizers/traced/" + v, func(t *T) { t.finalizersTraced(v) }})
		for _, variant := range []string{"plain", "stripped"} {
			variant := variant
			all = append(all, testCase{"finalizers/blocked/" + v + "/" + variant, func(t *T) { t.finalizersBlocked(v, variant) }})
		}
	}
	return append(all,
		testCase{"finalizers/pie", func(t *T) { t.finalizersBlocked(t.newest(), "pie") }},
		testCase{"finalizers/unoptimized", func(t *T) { t.finalizersBlocked(t.newest(), "noopt") }},
		testCase{"finalizers/text", func(t *T) { t.finalizersText(t.newest()) }})
}

type queueLedger struct {
	Finalizers, Cleanups uint64
	Runners              map[string]string
	Held                 []queueRow
}

type queueRow struct {
	Type, Root, Name string
	Objects          uint64
}

// finalizersBlocked: who waits is counted and has the queue as its holder, and where the goroutine is that they wait for is
// told; then they are gone.
func (t *T) finalizersBlocked(version, variant string) {
	var is queueLedger
	p := t.program(t.build("finalizers", version, variant))
	begun := time.Now()
	t.checkQueues(t.heap(p.pid()), &is, begun)
	p.do("build 2000")
	p.json(&is, "ledger")
	r := t.heap(p.pid())
	t.checkQueues(r, &is, begun)
	for i := range is.Held {
		t.checkQueued(r, &is.Held[i])
	}
	t.checkClass(p, is.Held)
	p.do("release")
	r = t.heap(p.pid())
	p.finish()
	t.checkQueues(r, &queueLedger{}, begun)
	for _, row := range is.Held {
		if got := r.find(row.Type); got != nil {
			t.Errorf("%d %s where there are none any more", got.Objects, row.Type)
		}
	}
}

func (t *T) checkQueues(r *heapReport, is *queueLedger, begun time.Time) {
	if n := r.Look.Finalizers; n == nil || *n != is.Finalizers {
		t.Errorf("finalizers_queued is %v, really %d", pointed(n), is.Finalizers)
	}
	if n := r.Look.Cleanups; n == nil || *n != is.Cleanups {
		t.Errorf("cleanups_queued is %v, really %d", pointed(n), is.Cleanups)
	}
	if len(r.Look.Finalizing) != len(is.Runners) {
		t.Errorf("%d goroutines run finalizers or cleanups, really %v", len(r.Look.Finalizing), is.Runners)
	}
	for _, g := range r.Look.Finalizing {
		if is.Runners[g.Runs] != g.Function || g.State != "chan receive" || g.ID == 0 {
			t.Errorf("%+v, really %v", g, is.Runners)
		}
		if g.Wait == nil || *g.Wait > time.Since(begun).Seconds() {
			t.Errorf("%+v waits since %v, really for no longer than %v", g, g.Wait, time.Since(begun))
		}
	}
	if n := r.Coverage["queues_unread"]; n != 0 {
		t.Errorf("%d queues not read", n)
	}
}

func pointed(n *uint64) string {
	if n == nil {
		return "null"
	}
	return fmt.Sprint(*n)
}

func (t *T) checkQueued(r *heapReport, row *queueRow) {
	got := r.find(row.Type)
	if got == nil || !got.Exact {
		t.Errorf("no %s, or a guess", row.Type)
		return
	}
	n, all := uint64(0), ""
	for _, h := range got.Holders {
		if last := h.Path[len(h.Path)-1]; h.Root == row.Root && (row.Name == "" || strings.HasSuffix(last, row.Name)) {
			n += h.ObjectsRange[0]
		}
		all += fmt.Sprintf("; %v %s", h.ObjectsRange, strings.Join(h.Path, " < "))
	}
	if n != row.Objects {
		t.Errorf("%s: %d for certain in %s %s, really %d%s", row.Type, n, row.Root, row.Name, row.Objects, all)
	}
}

// checkClass: the same of one size alone.
func (t *T) checkClass(p *program, rows []queueRow) {
	const size = 48 // of a main.conn
	r := t.heap(p.pid(), "--class", fmt.Sprint(size))
	for i := range rows {
		if rows[i].Type == "main.conn" {
			t.checkQueued(r, &rows[i])
		}
	}
}

// finalizersTraced: what waits for its finalizer lives, with all that it leads to, however soon after the mark phase its span
// is looked at; once the finalizers have run, it does not.
func (t *T) finalizersTraced(version string) {
	const n, more = 2000, 5000
	p := t.program(t.build("finalizers", version, "stripped"))
	x := t.attach(p.pid())
	p.do(fmt.Sprintf("build %d", n))
	p.do(fmt.Sprintf("more %d", more))
	t.checkLive(x.report(), map[string]uint64{"main.conn": 1 + n + more, "main.message": 1 + n + more, "main.file": n})
	p.do("release")
	r := x.report()
	x.stop()
	p.finish()
	t.checkLive(r, map[string]uint64{"main.conn": 0, "main.message": 0, "main.file": 0})
}

func (t *T) checkLive(r *report, really map[string]uint64) {
	live := map[string]uint64{}
	for i := range r.Sites {
		for _, typ := range r.Sites[i].Types {
			if typ.LiveObjects != nil {
				live[typ.Type] += *typ.LiveObjects + typ.YoungObjects
			}
		}
	}
	for name, n := range really {
		if live[name] != n {
			t.Errorf("%d live %s, really %d", live[name], name, n)
		}
	}
}

// finalizersText: what is told first tells where to look.
func (t *T) finalizersText(version string) {
	p := t.program(t.build("finalizers", version, "stripped"))
	p.do("build 2000")
	x := t.runTool(0, "heap", "-p", fmt.Sprint(p.pid()))
	p.finish()
	text := strings.Join(strings.Fields(x.stdout), " ")
	for _, want := range []string{
		"QUEUED 3,001 objects kept until their finalizers have run; goroutine ",
		" runs one, in main.(*conn).close (chan receive for at least ",
		" QUEUED 2,000 cleanups of objects that are gone; goroutine ",
		" runs one, in main.drop (chan receive for at least ",
		" in finalizer queue: main.(*conn).close ",
		" in cleanup queue: main.drop ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, x.stdout)
		}
	}
}
