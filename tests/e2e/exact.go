// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"sort"
	"strings"
)

// The ledger of tests/progs/ledger against the report: per function live objects and bytes, types,
// allocations; the sums against runtime.MemStats; the stripped binary against its twin.

const ledgerSteps = 24 // tests/progs/ledger makes a collection after each

type ledgerEntry struct {
	Function                    string
	Types                       []string
	Single, Tiny                bool
	Allocated, Kept, KeptBlocks uint64
}

type ledger struct {
	Version                        string
	Entries                        []ledgerEntry
	Mallocs, Frees, TotalAlloc, GC uint64
	MallocsAtEnd, TotalAllocAtEnd  uint64
}

type freed struct {
	Function              string
	Objects, Bytes, Noise uint64
}

// ledgerRun is one traced run, compared by several tests.
type ledgerRun struct {
	report *report
	ledger ledger
	freed  map[string]freed
	byFunc map[string]*account
}

// account is the sum of a report's sites that belong to one function of the ledger.
type account struct {
	entry                              *ledgerEntry
	live, bytes, shared, young, allocs uint64
	types                              map[string]uint64 // to allocated objects
	stacks                             []string
}

func exactTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		for _, variant := range []string{"plain", "stripped", "pie"} {
			variant := variant
			if variant == "pie" && v != e.newest() && v != e.versions[0] {
				continue
			}
			all = append(all,
				testCase{"exact/" + v + "/" + variant, func(t *T) { t.exact(v, variant) }},
				testCase{"mallocs/" + v + "/" + variant, func(t *T) { t.mallocs(t.ledgerRun(v, variant)) }})
		}
		all = append(all, testCase{"twins/" + v, func(t *T) { t.twins(v) }})
	}
	return append(all,
		testCase{"exact/unoptimized", func(t *T) { t.exact(t.newest(), "noopt") }},
		testCase{"exact/race", func(t *T) { t.exact(t.newest(), "race") }},
		testCase{"mallocs/race", func(t *T) { t.mallocs(t.ledgerRun(t.newest(), "race")) }},
		testCase{"exact/many-threads", func(t *T) { t.exact(t.newest(), "stripped", "GOMAXPROCS=8") }})
}

// ledgerRun traces a run of the ledger, once for all tests.
func (t *T) ledgerRun(version, variant string, environment ...string) *ledgerRun {
	key := version + "/" + variant + strings.Join(environment, " ")
	if r := t.ledgers[key]; r != nil {
		return r
	}
	p := t.program(t.build("ledger", version, variant), environment...)
	p.do("prepare 100")
	x := t.attach(p.pid())
	r := &ledgerRun{}
	// Step by step, with a report after each: for it, the tracer takes what is in the ring and looks
	// at the collections, so that it has nothing to lose however few of the processors it gets.
	for answer := "more"; answer == "more"; r.report = x.report() {
		if answer = p.ask("step"); answer != "more" && answer != "ok" {
			t.Fatalf("the program says %q", answer)
		}
	}
	p.json(&r.ledger, "ledger")
	x.stop()
	r.measure(p)
	p.finish()
	if t.failed() {
		panic(stop{})
	}
	t.ledgers[key] = r
	return r
}

// measure lets the program drop everything, and sums up the report.
func (r *ledgerRun) measure(p *program) {
	var list []freed
	p.json(&list, "measure")
	r.freed = map[string]freed{}
	for _, f := range list {
		r.freed[f.Function] = f
	}
	r.byFunc = map[string]*account{}
	for i := range r.ledger.Entries {
		e := &r.ledger.Entries[i]
		r.byFunc[e.Function] = &account{entry: e, types: map[string]uint64{}}
	}
	for i := range r.report.Sites {
		if s := &r.report.Sites[i]; s.Kind == "heap" {
			if a := r.owner(s); a != nil {
				a.add(s)
			}
		}
	}
}

// owner is the account of the leafmost function that the ledger knows, if any.
func (r *ledgerRun) owner(s *site) *account {
	for _, f := range s.Frames {
		if a := r.byFunc[f.Function]; a != nil {
			return a
		}
	}
	return nil
}

// isRuntimeOwn: what the runtime allocates for itself can happen inside of any function, as when a
// goroutine has to wait while it helps the collector (runtime/mgcmark.go, gcParkAssist) or when
// another thread is started (runtime/proc.go, newm).
func isRuntimeOwn(e *ledgerEntry, typ string) bool {
	return !e.allows(typ) && (strings.Contains(typ, "runtime.") || typ == "[]uintptr")
}

func (e *ledgerEntry) allows(typ string) bool {
	for _, t := range e.Types {
		if t == typ || strings.HasSuffix(t, "*") && strings.HasPrefix(typ, t[:len(t)-1]) {
			return true
		}
	}
	return false
}

func (a *account) add(s *site) {
	own := true
	for _, p := range s.Types {
		if isRuntimeOwn(a.entry, p.Type) {
			continue
		}
		own = false
		a.live += value(p.LiveObjects)
		a.bytes += value(p.LiveObjects) * p.ObjectBytes
		a.shared += value(p.SharedObjects)
		a.young += p.YoungObjects
		a.allocs += p.AllocObjects
		a.types[p.Type] += p.AllocObjects
	}
	if !own {
		a.stacks = append(a.stacks, formatFrames(s.Frames))
	}
}

// checkSums: a site is the sum of its types.
func (t *T) checkSums(s *site) {
	var live, bytes, shared, young, youngBytes, allocs, allocBytes uint64
	for _, p := range s.Types {
		live += value(p.LiveObjects)
		bytes += value(p.LiveObjects) * p.ObjectBytes
		shared += value(p.SharedObjects)
		young += p.YoungObjects
		youngBytes += p.YoungObjects * p.ObjectBytes
		allocs += p.AllocObjects
		allocBytes += p.AllocObjects * p.ObjectBytes
	}
	if live != value(s.LiveObjects) || bytes != value(s.LiveBytes) || shared != value(s.SharedObjects) ||
		young != s.YoungObjects || youngBytes != s.YoungBytes || allocs != s.AllocObjects || allocBytes != s.AllocBytes {
		t.Errorf("a site is not the sum of its types: %+v", *s)
	}
}

func (t *T) exact(version, variant string, environment ...string) {
	r := t.ledgerRun(version, variant, environment...)
	t.checkTarget(r.report, version, variant)
	t.checkNoLoss(r.report)
	for i := range r.report.Sites {
		if s := &r.report.Sites[i]; s.Kind == "heap" {
			t.checkSums(s)
		}
	}
	if r.ledger.GC < ledgerSteps || r.report.Time.GCCycles < ledgerSteps {
		t.Errorf("too few collections: %d, of which the tracer saw %d", r.ledger.GC, r.report.Time.GCCycles)
	}
	var kept, dropped uint64
	for i := range r.ledger.Entries {
		e := &r.ledger.Entries[i]
		kept += e.Kept
		dropped += e.Allocated - e.Kept
		t.checkEntry(e, r.byFunc[e.Function], r.freed[e.Function])
	}
	t.Notef("%d kinds, %d kept, %d dropped, %d collections, of which %d were looked at", len(r.ledger.Entries),
		kept, dropped, r.ledger.GC, r.report.Time.GCCycles)
}

func (t *T) checkTarget(r *report, version, variant string) {
	if r.Target.GoVersion != "go"+version {
		t.Errorf("go_version is %q, not go%s", r.Target.GoVersion, version)
	}
	if want := variant == "stripped" || variant == "pie"; r.Target.Stripped != want {
		t.Errorf("stripped is %v, not %v", r.Target.Stripped, want)
	}
}

// harmless are the counters of coverage that may be other than 0 although nothing is missing.
var harmless = map[string]bool{
	"stacks_resent": true,
	"stacks_cut":    true, // see below
}

// checkNoLoss: nothing is lost; the only stacks that cannot be followed to their root are those of
// the runtime's own threads.
func (t *T) checkNoLoss(r *report) {
	for name, n := range r.Coverage {
		if n > 0 && !harmless[name] {
			t.Errorf("coverage: %s is %d", name, n)
		}
	}
	for i := range r.Sites {
		s := &r.Sites[i]
		for _, f := range s.Frames {
			if s.FramesCut && f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
				t.Errorf("a stack is cut: %s", formatFrames(s.Frames))
				break
			}
		}
	}
}

func (t *T) checkEntry(e *ledgerEntry, a *account, f freed) {
	switch {
	case e.Tiny:
		t.checkTiny(e, a)
	case e.Single:
		if f.Objects < e.Kept || f.Objects > e.Kept+f.Noise {
			t.Errorf("%s: the program contradicts itself: kept %d, freed %d", e.Function, e.Kept, f.Objects)
		}
		t.checkEqual(e.Function, "live objects", a.live, e.Kept, 0)
		t.checkEqual(e.Function, "allocated objects", a.allocs, e.Allocated, 0)
	default:
		t.checkEqual(e.Function, "live objects", a.live, f.Objects, f.Noise)
	}
	if !e.Tiny {
		t.checkEqual(e.Function, "live bytes", a.bytes, f.Bytes, f.Noise*4096)
		t.checkEqual(e.Function, "shared objects", a.shared, 0, 0)
	}
	t.checkEqual(e.Function, "young objects", a.young, 0, 0)
	t.checkTypes(e, a)
}

// checkEqual allows the truth to be too high by what the runtime itself may have freed meanwhile.
func (t *T) checkEqual(function, what string, got, want, noise uint64) {
	if got > want || got+noise < want {
		t.Errorf("%s: %s: %d, really %d", function, what, got, want)
	}
}

// checkTiny: a dropped object lives on while another lives in its 16-byte block; those that may have
// lived on for that reason are shown as shared.
func (t *T) checkTiny(e *ledgerEntry, a *account) {
	t.checkEqual(e.Function, "allocated objects", a.allocs, e.Allocated, 0)
	if a.live < e.Kept || a.live > e.Kept+a.shared || a.shared > a.live {
		t.Errorf("%s: live objects: %d, of which %d shared; really %d", e.Function, a.live, a.shared, e.Kept)
	}
	if a.bytes < 16*e.KeptBlocks || a.bytes > 16*(e.KeptBlocks+a.live-e.Kept) {
		t.Errorf("%s: live bytes: %d; really %d for what is kept, and %d shared objects", e.Function,
			a.bytes, 16*e.KeptBlocks, a.live-e.Kept)
	}
}

func (t *T) checkTypes(e *ledgerEntry, a *account) {
	first := uint64(0)
	for typ, n := range a.types {
		if !e.allows(typ) {
			t.Errorf("%s: type: %q for %s, not %s", e.Function, typ, plural(int(n), "object"),
				strings.Join(e.Types, " or "))
		}
		if (&ledgerEntry{Types: e.Types[:1]}).allows(typ) {
			first += n
		}
	}
	if first == 0 {
		t.Errorf("%s: type: %s is missing", e.Function, e.Types[0])
	}
}

// A handful: what the runtime allocates for itself around the two readings.
const (
	handful      = 24
	handfulBytes = handful * 2048
)

func (t *T) mallocs(r *ledgerRun) {
	var objects, bytes uint64
	for i := range r.report.Sites {
		if s := &r.report.Sites[i]; s.Kind == "heap" {
			objects += s.AllocObjects
			bytes += s.AllocBytes
		}
	}
	more := int64(objects - r.ledger.Mallocs)
	moreBytes := int64(bytes - r.ledger.TotalAlloc)
	if more < -handful || more > handful {
		t.Errorf("objects: %d, MemStats.Mallocs %d: %+d", objects, r.ledger.Mallocs, more)
	}
	if moreBytes < -handfulBytes || moreBytes > handfulBytes {
		t.Errorf("bytes: %d, MemStats.TotalAlloc %d: %+d", bytes, r.ledger.TotalAlloc, moreBytes)
	}
	t.Notef("%d allocations seen, MemStats.Mallocs %+d, MemStats.TotalAlloc %+d", objects, -more, -moreBytes)
	if more != 0 || moreBytes != 0 {
		t.nameRuntimeOwn(r)
	}
}

// nameRuntimeOwn lists what was allocated outside the workload: in the difference it can only be
// this, since the two readings stand at the begin and the end of main.start.
func (t *T) nameRuntimeOwn(r *ledgerRun) {
	for i := range r.report.Sites {
		s := &r.report.Sites[i]
		if s.Kind == "heap" && r.owner(s) == nil {
			types := ""
			for _, p := range s.Types {
				types += p.Type + " "
			}
			t.Notef("the runtime's own: %s%s: %s", types, plural(int(s.AllocObjects), "object"), formatFrames(s.Frames))
		}
	}
}

// twins: the stripped binary gives the answers of the unstripped one.  Which of the rarer paths
// through maps are taken depends on random numbers, so those are left out.
func (t *T) twins(version string) {
	plain, stripped := t.ledgerRun(version, "plain"), t.ledgerRun(version, "stripped")
	for _, e := range plain.ledger.Entries {
		a, b := plain.byFunc[e.Function], stripped.byFunc[e.Function]
		if strings.HasPrefix(e.Function, "main.map") {
			continue
		}
		sort.Strings(a.stacks)
		sort.Strings(b.stacks)
		if x, y := strings.Join(a.stacks, "\n"), strings.Join(b.stacks, "\n"); x != y {
			t.Errorf("%s: stacks:\n%s\nstripped:\n%s", e.Function, x, y)
		}
		if a.allocs != b.allocs {
			t.Errorf("%s: allocated %d, stripped %d", e.Function, a.allocs, b.allocs)
		}
		for typ, n := range a.types {
			if b.types[typ] != n {
				t.Errorf("%s: type %q: %d objects, stripped %d", e.Function, typ, n, b.types[typ])
			}
		}
		if !e.Tiny && (a.live != b.live || a.bytes != b.bytes) {
			t.Errorf("%s: live %d, %d bytes; stripped %d, %d bytes", e.Function, a.live, a.bytes, b.live, b.bytes)
		}
	}
}
