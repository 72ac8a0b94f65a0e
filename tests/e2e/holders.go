// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// Types and holders against tests/progs/holders, which keeps each type in one way and says which, and
// tests/progs/leaks, which leaks.  From exactFrom on the type and the holder of every object are known;
// before, what is told as exact is.

const (
	exactFrom = 22
	oldMissed = 3 // types of the ledger that may be missed before that
)

func holderTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		for _, variant := range []string{"plain", "stripped"} {
			variant := variant
			all = append(all, testCase{"holders/quiet/" + v + "/" + variant, func(t *T) { t.holdersQuiet(v, variant) }})
		}
		all = append(all, testCase{"holders/moving/" + v, func(t *T) { t.holdersMoving(v) }})
		all = append(all, testCase{"holders/alike/" + v, func(t *T) { t.holdersAlike(v) }})
		all = append(all, testCase{"holders/waiters/" + v, func(t *T) { t.holdersWaiters(v) }})
		all = append(all, testCase{"holders/places/" + v, func(t *T) { t.holdersPlaces(v) }})
		if series(v) >= exactFrom {
			all = append(all, testCase{"holders/turnover/" + v, func(t *T) { t.holdersTurnover(v) }})
		}
		for _, kind := range []string{"sessions", "jobs", "events"} {
			kind := kind
			all = append(all, testCase{"holders/diff/" + kind + "/" + v, func(t *T) { t.holdersDiff(v, kind) }})
		}
	}
	return append(all,
		testCase{"holders/pie", func(t *T) { t.holdersQuiet(t.newest(), "pie") }},
		testCase{"holders/unoptimized", func(t *T) { t.holdersQuiet(t.newest(), "noopt") }},
		testCase{"holders/formats", func(t *T) { t.holdersFormats(t.newest()) }},
		testCase{"holders/class", func(t *T) { t.holdersClass(t.newest()) }},
		testCase{"holders/classes", func(t *T) { t.holdersClasses(t.newest()) }},
		testCase{"holders/large", func(t *T) { t.holdersLarge(t.newest()) }},
		testCase{"holders/parts", func(t *T) { t.holdersParts(t.newest()) }},
		testCase{"holders/maps", func(t *T) { t.holdersMaps(t.newest()) }},
		testCase{"holders/rate", func(t *T) { t.holdersRate(t.newest()) }},
		testCase{"holders/exits", func(t *T) { t.holdersExits(t.newest()) }},
		testCase{"holders/exits-between", func(t *T) { t.holdersExitsBetween(t.newest()) }},
		testCase{"holders/exec-within", func(t *T) { t.holdersExecWithin(t.newest()) }},
		testCase{"holders/exec-between", func(t *T) { t.holdersExecBetween(t.newest()) }},
		testCase{"holders/told-to-end", func(t *T) { t.holdersToldToEnd(t.newest()) }},
		testCase{"holders/not-go", func(t *T) { t.holdersNotGo() }},
		testCase{"holders/memory", func(t *T) { t.holdersMemory(t.newest()) }})
}

// ---- reports ----------------------------------------------------------------------------------------

type heapReport struct {
	Target     struct{ Gone string }
	Suppressed *suppressed
	Memory     map[string]*int64
	Look       struct {
		Objects, Bytes uint64
		ObjectsRange   [2]uint64 `json:"objects_range"`
		BytesRange     [2]uint64 `json:"bytes_range"`
		Exact          uint64    `json:"exact_bytes"`
		Span           *float64  `json:"span_s"`
		Took           float64   `json:"took_s"`
		Read           float64   `json:"bytes_read"`
		Own            uint64    `json:"own_bytes"`
		Finalizers     *uint64   `json:"finalizers_queued"`
		Cleanups       *uint64   `json:"cleanups_queued"`
		Finalizing     []struct {
			ID                    uint64
			Runs, State, Function string
			Wait                  *float64 `json:"wait_s"`
		}
	} `json:"heap_look"`
	Typed    struct{ Pointers *float64 }
	Coverage map[string]uint64
	Cost     struct {
		OwnRSS uint64 `json:"own_rss"`
	}
	Types []heapType
}

type rate struct{ Estimate, Low, High float64 }

type heapType struct {
	Type, Part   string
	Pointers     bool
	Objects      uint64
	ObjectsRange [2]uint64 `json:"objects_range"`
	Bytes        uint64
	BytesRange   [2]uint64 `json:"bytes_range"`
	Exact        bool
	Guessed      uint64 `json:"guessed_objects"`
	Held         uint64 `json:"held_objects"`
	Holders      []holder
	Lines        []struct {
		Function, File string
		Line           int
	}
	PerSecond        rate `json:"rate_per_s"`
	ObjectsPerSecond rate `json:"objects_per_s"`
}

type holder struct {
	Path             []string
	Root             string
	Objects          uint64
	ObjectsRange     [2]uint64 `json:"objects_range"`
	ObjectsPerSecond rate      `json:"objects_per_s"`
}

func (t *T) parseHeap(text string) *heapReport {
	r := &heapReport{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatalf("the report is no JSON: %v: %.300s", err, text)
	}
	t.checkSchema(text)
	if t.keep {
		t.writeFile("report.json", []byte(text), 0666)
	}
	t.checkRanges(r)
	t.checkOrder(r)
	return r
}

// checkRanges: what lives for certain adds up to that of all, and each upper end is what is told as one number.
func (t *T) checkRanges(r *heapReport) {
	var objects, bytes uint64
	for i := range r.Types {
		row := &r.Types[i]
		if row.ObjectsRange[0] > row.ObjectsRange[1] || row.ObjectsRange[1] != row.Objects ||
			row.BytesRange[0] > row.BytesRange[1] || row.BytesRange[1] != row.Bytes {
			t.Errorf("%s: %d objects %v, %d bytes %v", row.Type, row.Objects, row.ObjectsRange, row.Bytes, row.BytesRange)
		}
		objects += row.ObjectsRange[0]
		bytes += row.BytesRange[0]
	}
	if r.Suppressed == nil && (objects != r.Look.ObjectsRange[0] || bytes != r.Look.BytesRange[0]) {
		t.Errorf("all rows have %d objects and %d bytes for certain, the heap %v and %v", objects, bytes,
			r.Look.ObjectsRange, r.Look.BytesRange)
	}
	if r.Look.ObjectsRange[1] != r.Look.Objects || r.Look.BytesRange[1] != r.Look.Bytes {
		t.Errorf("%d objects %v, %d bytes %v", r.Look.Objects, r.Look.ObjectsRange, r.Look.Bytes, r.Look.BytesRange)
	}
}

// checkOrder: of one look what lives for certain, most bytes first, of two what grew most for certain.
func (t *T) checkOrder(r *heapReport) {
	for i := 1; i < len(r.Types); i++ {
		a, b := &r.Types[i-1], &r.Types[i]
		x, y := float64(a.BytesRange[0]), float64(b.BytesRange[0])
		if r.Look.Span != nil {
			x, y = math.Max(a.PerSecond.Low, 0), math.Max(b.PerSecond.Low, 0)
		}
		if x < y {
			t.Errorf("%s, %v, stands before %s, %v", a.Type, x, b.Type, y)
			return
		}
	}
}

// heap is one look.
func (t *T) heap(pid int, args ...string) *heapReport {
	x := t.runTool(0, append([]string{"heap", "--format", "json", "-T", "0", "-p", fmt.Sprint(pid)}, args...)...)
	t.checkMessages(x.stderr)
	if x.code != 0 {
		t.Fatalf("gobpfleak heap: exit code %d; stderr: %s", x.code, x.stderr)
	}
	return t.parseHeap(x.stdout)
}

// find returns the objects of a type that are whole, not parts of maps or channels.
func (r *heapReport) find(name string) *heapType {
	for i := range r.Types {
		if r.Types[i].Type == name && r.Types[i].Part == "" {
			return &r.Types[i]
		}
	}
	return nil
}

// ---- one look at a program that does nothing ----------------------------------------------------------

// keptRow is a row of the program's ledger.
type keptRow struct {
	What, Type         string
	Objects, Bytes     uint64
	Holders            []string
	Variable, Function string
	Direct, Others     bool
	Late               bool // gone with the next collection but one
	Allocator, File    string
	Line               int
}

func (t *T) holdersQuiet(version, variant string) {
	var rows []keptRow
	p := t.program(t.build("holders", version, variant))
	p.do("build")
	r := t.heap(p.pid())
	// A look at an idle Go 1.17 has an object in doubt once in some 150 times, perhaps since it allocates one now and then.
	for again := 0; again < 2 && series(version) == 17 && r.Coverage["edges_once"] != 0; again++ {
		r = t.heap(p.pid())
	}
	p.json(&rows, "ledger")
	p.finish()
	t.checkKept(rows, r, version, variant)
	t.checkLinesOnce(r)
	t.checkTickers(rows, r, version)
	for name, n := range r.Coverage {
		if n != 0 && name != "unreached" {
			t.Errorf("coverage: %s %d of a program that does nothing", name, n)
		}
	}
	if alloc := r.Memory["heap_alloc"]; alloc == nil || !within(r.Look.Bytes, uint64(*alloc), handfulBytes) {
		t.Errorf("%d bytes live, by the runtime %d", r.Look.Bytes, value64(alloc))
	}
}

// checkTickers: there is one for each timer, before Go 1.23.
func (t *T) checkTickers(rows []keptRow, r *heapReport, version string) {
	const without = 23
	for _, row := range rows {
		got := r.find("time.Ticker")
		if row.Type == "main.inTimer" && series(version) < without && (got == nil || got.Objects != row.Objects) {
			t.Errorf("%d tickers, told of %+v", row.Objects, got)
		}
	}
}

// checkLinesOnce: however many calls there are in a line.
func (t *T) checkLinesOnce(r *heapReport) {
	for _, got := range r.Types {
		for i, l := range got.Lines {
			for _, other := range got.Lines[:i] {
				if l == other {
					t.Errorf("%s: told twice to be allocated by %s %s:%d", got.Type, l.Function, l.File, l.Line)
				}
			}
		}
	}
}

func value64(p *int64) int64 {
	if p == nil {
		return -1
	}
	return *p
}

// checkKept notes how many rows are right; from exactFrom on all must be.
func (t *T) checkKept(rows []keptRow, r *heapReport, version, variant string) {
	typed, exact, held, placed := 0, 0, 0, 0
	for i := range rows {
		row := &rows[i]
		got := r.find(row.Type)
		if got == nil {
			if series(version) >= exactFrom {
				t.Errorf("%s: no %s", row.What, row.Type)
			}
			continue
		}
		typed++
		if got.Exact {
			exact++
		}
		if t.checkCount(row, got, version) && t.checkHolder(row, got, version, variant) {
			held++
		}
		if t.checkLine(row, got) {
			placed++
		}
	}
	if typed < len(rows)-oldMissed || held < len(rows)-oldMissed {
		t.Errorf("only %d types of %d found, %d with their holder", typed, len(rows), held)
	}
	t.Notef("of %d types %d found, %d exact, %d with their holder, %d with their line; %.1f %% of the bytes with pointers typed",
		len(rows), typed, exact, held, placed, share(r.Typed.Pointers))
}

func share(p *float64) float64 {
	if p == nil {
		return 0
	}
	return *p * 100
}

func (t *T) checkCount(row *keptRow, got *heapType, version string) bool {
	if row.Others {
		return got.Objects >= row.Objects
	}
	if got.ObjectsRange[0] != got.ObjectsRange[1] {
		t.Errorf("%s: %v objects of a program that does nothing", row.What, got.ObjectsRange)
	}
	switch {
	case got.Objects == row.Objects && got.Bytes == row.Bytes:
		return true
	case got.Objects > row.Objects && got.Exact, series(version) >= exactFrom:
		t.Errorf("%s: %d %s in %d bytes, really %d in %d", row.What, got.Objects, row.Type, got.Bytes,
			row.Objects, row.Bytes)
	}
	return false
}

// follows tells whether the words stand in the path in this order.
func follows(path []string, words []string) bool {
	for _, name := range path {
		if len(words) > 0 && strings.Contains(name, words[0]) {
			words = words[1:]
		}
	}
	return len(words) == 0
}

// isHeld: names of variables are only in binaries with symbols, and what a variable is set to before the program
// runs may have none.
func (row *keptRow) isHeld(h *holder, variant string) bool {
	last := h.Path[len(h.Path)-1]
	switch {
	case !follows(h.Path, row.Holders) && !(row.Direct && len(h.Path) == 1):
		return false
	case strings.HasSuffix(h.Path[0], ".typ"): // an interface's word of the type holds nothing
		return false
	case row.Function != "":
		return h.Root == "stack" && strings.Contains(last, row.Function)
	case row.Variable != "" && variant == "plain":
		return h.Root == "variable" && strings.Contains(last, row.Variable)
	case row.Variable != "":
		return h.Root == "variable"
	}
	return true
}

func (t *T) checkHolder(row *keptRow, got *heapType, version, variant string) bool {
	held := uint64(0)
	for i := range got.Holders {
		if h := &got.Holders[i]; row.isHeld(h, variant) {
			held += h.Objects
		}
	}
	if held == row.Objects || (row.Others && held >= row.Objects) {
		return true
	}
	if series(version) >= exactFrom {
		text := ""
		for _, h := range got.Holders {
			text += fmt.Sprintf("; %d %s", h.Objects, strings.Join(h.Path, " < "))
		}
		t.Errorf("%s: %d of %d held by %v %s%s%s", row.What, held, row.Objects, row.Holders, row.Variable,
			row.Function, text)
	}
	return false
}

// checkLine: the allocating function is known in every version, stripped or not, where the type is.
func (t *T) checkLine(row *keptRow, got *heapType) bool {
	for _, l := range got.Lines {
		if l.Function == row.Allocator && path.Base(l.File) == row.File && l.Line == row.Line {
			return true
		}
	}
	if !row.Others {
		t.Errorf("%s: not allocated by %s %s:%d, but by %v", row.What, row.Allocator, row.File, row.Line, got.Lines)
	}
	return false
}

// ---- one that moves ----------------------------------------------------------------------------------

const (
	looks = 5
	// One look in a hundred missed something that was enlarged while it was read, when all was read once.
	missedLooks = 1
	// What a churning goroutine may have of one type at a time, beside what is kept.
	atATime = 2 * 250
)

// holdersMoving: what is kept is kept all the time, so it must be in every interval, beside garbage of the
// same types, collections, and a map that grows.
func (t *T) holdersMoving(version string) {
	var rows []keptRow
	p := t.program(t.build("holders", version, "stripped"))
	p.do("build")
	p.json(&rows, "ledger")
	rows = lasting(rows)
	quiet := t.heap(p.pid())
	p.do("move 2000")
	wide := 0.0
	var wrong []string // of looks
	for n := 0; n < looks; n++ {
		low := p.number("leaked")
		r := t.heap(p.pid())
		high := p.number("leaked")
		problems := checkMoving(rows, quiet, r, version)
		got := r.find("main.leaking")
		switch {
		case got == nil && series(version) >= exactFrom:
			problems = append(problems, fmt.Sprintf("no main.leaking of %.0f", high))
		case got == nil:
		case float64(got.ObjectsRange[1]) < low || float64(got.ObjectsRange[0]) > high:
			problems = append(problems, fmt.Sprintf("%v of main.leaking, really between %.0f and %.0f",
				got.ObjectsRange, low, high))
		default:
			wide = math.Max(wide, float64(got.ObjectsRange[1]-got.ObjectsRange[0])/math.Max(high, 1))
		}
		if len(problems) > 0 {
			wrong = append(wrong, strings.Join(problems, "; "))
		}
	}
	if len(wrong) > missedLooks {
		t.Errorf("%d of %d looks: %s", len(wrong), looks, strings.Join(wrong, "; "))
	}
	p.do("still")
	r := t.heap(p.pid())
	for i := 0; i < looks && !isExact(r, rows); i++ { // an idle runtime allocates as well, now and then
		r = t.heap(p.pid())
	}
	p.finish()
	t.checkKept(rows, r, version, "stripped")
	t.Notef("intervals of what grew up to %.1f %% wide", wide*100)
}

// isExact: nothing that is kept has an interval.
func isExact(r *heapReport, rows []keptRow) bool {
	for _, row := range rows {
		if got := r.find(row.Type); got != nil && got.ObjectsRange[0] != got.ObjectsRange[1] {
			return false
		}
	}
	return true
}

// holdersTurnover: of what is replaced while it is read the number held at one time is in the interval, and it is
// not said to grow; nor does it hide what grows.
func (t *T) holdersTurnover(version string) {
	const (
		perSecond = 5000
		seconds   = 4
		late      = 0.05 // by which the program may be behind its clock at one look and not at the other
	)
	var rows []struct {
		Type        string
		Least, Most uint64
	}
	p := t.program(t.build("turnover", version, "stripped"))
	p.json(&rows, "ledger")
	p.do(fmt.Sprint("turn ", perSecond))
	for n := 0; n < looks; n++ {
		low := p.number("grown")
		r := t.heap(p.pid())
		high := p.number("grown")
		for _, row := range append(rows, struct {
			Type        string
			Least, Most uint64
		}{"main.grown", uint64(low), uint64(high)}) {
			got := r.find(row.Type)
			if got == nil || got.ObjectsRange[0] > row.Most || got.ObjectsRange[1] < row.Least {
				t.Errorf("%+v, really %d to %d of %s", got, row.Least, row.Most, row.Type)
			}
		}
	}
	r := t.heap(p.pid(), "--diff", fmt.Sprint(seconds))
	for _, row := range rows {
		if got := r.find(row.Type); got != nil && got.ObjectsPerSecond.Low > float64(row.Most-row.Least)/seconds {
			t.Errorf("%s grows by %v a second", row.Type, got.ObjectsPerSecond)
		}
	}
	if len(r.Types) == 0 || !strings.Contains(r.Types[0].Type, "main.grown") {
		t.Errorf("what stands first is %+v", r.Types)
	}
	if got := r.find("main.grown"); got == nil || got.ObjectsPerSecond.Low > perSecond*(1+late) ||
		got.ObjectsPerSecond.High < perSecond*(1-late) || got.ObjectsPerSecond.Low <= 0 {
		t.Errorf("%+v, really %d a second", got, perSecond)
	}
	p.finish()
}

func lasting(rows []keptRow) []keptRow {
	var all []keptRow
	for _, row := range rows {
		if !row.Late {
			all = append(all, row)
		}
	}
	return all
}

func (p *program) number(command string) float64 {
	var v float64
	p.json(&v, command)
	return v
}

// checkMoving: what is a guess while the program does nothing may be another one, or none, while objects of
// all types come and go; what is known stays known.
func checkMoving(rows []keptRow, quiet, r *heapReport, version string) (problems []string) {
	for i := range rows {
		row := &rows[i]
		got, before := r.find(row.Type), quiet.find(row.Type)
		if got == nil || !got.Exact || row.Others {
			if series(version) >= exactFrom && got == nil && before != nil && before.Exact {
				problems = append(problems, fmt.Sprintf("%s: no %s", row.What, row.Type))
			}
			continue
		}
		if got.ObjectsRange[0] > row.Objects+atATime ||
			(got.ObjectsRange[1] < row.Objects && series(version) >= exactFrom) {
			problems = append(problems, fmt.Sprintf("%s: %v %s, really %d and some garbage", row.What,
				got.ObjectsRange, row.Type, row.Objects))
		}
	}
	return problems
}

// ---- goroutines that wait -----------------------------------------------------------------------------

// waiterRow is a row of the ledger of tests/progs/waiters.
type waiterRow struct {
	Type      string
	Objects   uint64
	Functions []string
}

// holdersWaiters: what others left on stacks holds nothing, neither while nothing happens nor while goroutines come
// and go.
func (t *T) holdersWaiters(version string) {
	const waiters = 200
	var rows []waiterRow
	p := t.program(t.build("waiters", version, "stripped"))
	p.do("start %d", waiters)
	p.json(&rows, "ledger")
	r := t.heap(p.pid())
	for i := range rows {
		t.checkWaiters(&rows[i], r, false)
		t.checkLasting(&rows[i], r, version)
	}
	p.do("churn 1")
	for n := 0; n < looks; n++ {
		r := t.heap(p.pid())
		for i := range rows {
			t.checkWaiters(&rows[i], r, true)
		}
	}
	p.do("churn 0")
	p.finish()
}

// checkWaiters: no function has what it cannot have, nor has it what only that leads to.  Where slots change hands
// while they are read, none is said to have it for certain.
func (t *T) checkWaiters(row *waiterRow, r *heapReport, moving bool) {
	for i := range r.Types {
		for _, h := range r.Types[i].Holders {
			of := h.Path[:len(h.Path)-1] // the types on the way
			if r.Types[i].Type == row.Type && r.Types[i].Part == "" && len(of) == 0 {
				of = []string{row.Type}
			}
			if moving && h.ObjectsRange[0] == 0 {
				continue
			}
			if h.Root != "stack" || len(of) == 0 || !strings.HasPrefix(of[len(of)-1], row.Type) {
				continue
			}
			function := strings.TrimPrefix(h.Path[len(h.Path)-1], "stack of ")
			if strings.HasPrefix(function, "main.") && !row.has(function) {
				t.Errorf("%v %s held by %s: %s is only in %v", h.ObjectsRange, r.Types[i].Type,
					strings.Join(h.Path, " < "), row.Type, row.Functions)
			}
		}
	}
}

func (row *waiterRow) has(function string) bool {
	for _, f := range row.Functions {
		if strings.HasPrefix(function, f) {
			return true
		}
	}
	return false
}

// checkLasting: each of them is held by the function that waits with it.
func (t *T) checkLasting(row *waiterRow, r *heapReport, version string) {
	got := r.find(row.Type)
	if row.Objects == 0 {
		if got != nil && got.Held > 0 {
			t.Errorf("%d %s held that are gone: %v", got.Held, row.Type, got.Holders)
		}
		return
	}
	if got == nil {
		if series(version) >= exactFrom {
			t.Errorf("no %s", row.Type)
		}
		return
	}
	held := uint64(0)
	for _, h := range got.Holders {
		if h.Root == "stack" && h.Path[len(h.Path)-1] == "stack of "+row.Functions[0] {
			held += h.Objects
		}
	}
	if held != row.Objects || got.Objects != row.Objects {
		t.Errorf("%d of %d %s held by %s, really %d: %v", held, got.Objects, row.Type, row.Functions[0], row.Objects,
			got.Holders)
	}
}

// ---- two looks ---------------------------------------------------------------------------------------

// leakRow is a row of the ledger of tests/progs/leaks.
type leakRow struct {
	What, Type      string
	Holders         []string
	Function        string
	Allocator, File string
	Line            int
}

const (
	leakedBefore = 1000
	leakedAfter  = 500
)

// holdersDiff: most of the leak is older than the first look.
func (t *T) holdersDiff(version, kind string) {
	var rows []leakRow
	p := t.program(t.build("leaks", version, "plain"))
	p.do("begin")
	p.json(&rows, "ledger")
	p.do("%s %d", kind, leakedBefore)
	x := t.startHeap(p.pid(), "--diff", "1h")
	p.do("%s %d", kind, leakedAfter)
	t.must(x.cmd.Process.Signal(syscall.SIGINT))
	r := t.parseHeap(x.line(x.stdout, ""))
	if code := x.exit(); code != 0 {
		t.Errorf("exit code %d; stderr: %s", code, x.stderr)
	}
	p.finish()
	for i := range rows {
		if rows[i].What == kind {
			t.checkLeak(&rows[i], r, version)
		}
	}
}

// startHeap returns when the first look is over.
func (t *T) startHeap(pid int, args ...string) *tracer {
	x := &tracer{t.start(t.toolCommand(append([]string{"heap", "--format", "json", "-T", "0", "-p", fmt.Sprint(pid)}, args...)...))}
	x.line(x.stderr, "the second look")
	return x
}

// grownMost is how far from the top the type must be at most: a map or slice that doubles just then grows
// by more than what it holds.
const grownMost = 4

func (t *T) checkLeak(row *leakRow, r *heapReport, version string) {
	at := -1
	for i := range r.Types {
		if r.Types[i].Type == row.Type && r.Types[i].Part == "" {
			at = i
		}
	}
	if at < 0 || r.Look.Span == nil {
		if series(version) >= exactFrom {
			t.Errorf("no %s", row.Type)
		}
		t.Notef("%s not found", row.Type)
		return
	}
	got := &r.Types[at]
	grown := got.ObjectsPerSecond
	if n := grown.Estimate * *r.Look.Span; got.Exact && math.Abs(n-leakedAfter) > 0.5 {
		t.Errorf("%s grew by %.1f [%.1f, %.1f] objects, really %d", row.Type, n, grown.Low**r.Look.Span,
			grown.High**r.Look.Span, leakedAfter)
	}
	if at > grownMost {
		t.Errorf("%s stands in place %d", row.Type, at)
	}
	want := keptRow{What: row.What, Holders: row.Holders, Function: row.Function, Objects: got.Objects,
		Allocator: row.Allocator, File: row.File, Line: row.Line}
	t.checkLine(&want, got)
	if len(got.Holders) == 0 || !want.isHeld(&got.Holders[0], "plain") {
		t.Errorf("%s: what grew most is held by %v, not %v %s", row.Type, got.Holders, row.Holders, row.Function)
	}
}

// ---- formats -----------------------------------------------------------------------------------------

var foldedStack = regexp.MustCompile(`^[^;]+(;[^;]+)+ [0-9]+$`)

func (t *T) holdersFormats(version string) {
	p := t.program(t.build("holders", version, "plain"))
	p.do("build")
	profile := filepath.Join(t.dir, "types.pb.gz")
	pid := fmt.Sprint(p.pid())
	text := t.runTool(0, "heap", "-p", pid, "--pprof", profile)
	folded := t.runTool(0, "heap", "-p", pid, "-f", "-T", "0")
	r := t.heap(p.pid())
	p.finish()
	for _, x := range []ran{text, folded} {
		t.checkMessages(x.stderr)
		if x.code != 0 {
			t.Errorf("exit code %d; stderr: %s", x.code, x.stderr)
		}
	}
	if n := strings.Count(text.stdout, "\n"); n < 20 || n > 40 {
		t.Errorf("%d lines:\n%s", n, text.stdout)
	}
	sum := uint64(0)
	for _, line := range strings.Split(strings.TrimSpace(folded.stdout), "\n") {
		if !foldedStack.MatchString(line) {
			t.Errorf("not a folded stack: %s", line)
			continue
		}
		var n uint64
		fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n)
		sum += n
	}
	if !within(sum, r.Look.Bytes, handfulBytes) {
		t.Errorf("%d bytes in folded stacks, %d in JSON", sum, r.Look.Bytes)
	}
	if !strings.Contains(folded.stdout, "var main.theService;main.service.sessions;map[int]*main.session;main.session ") {
		t.Errorf("the sessions are not there:\n%.2000s", folded.stdout)
	}
	if flat := t.pprofFlat(t.goTool("-top", "-sample_index=inuse_objects", "-nodefraction=0", "-nodecount=10000", profile), 0); flat["main.inLargeMap"] != 20000 {
		t.Errorf("-top has %d of main.inLargeMap", flat["main.inLargeMap"])
	}
}

// holdersClass: the same counts, of one size only.
func (t *T) holdersClass(version string) {
	const size = 96
	p := t.program(t.build("holders", version, "plain"))
	p.do("build")
	all, one := t.heap(p.pid()), t.heap(p.pid(), "--class", fmt.Sprint(size))
	between := t.heap(p.pid(), "-z", fmt.Sprint(size-15), "-Z", fmt.Sprint(size+15))
	t.refused(t.runTool(0, "heap", "-p", fmt.Sprint(p.pid()), "--class", fmt.Sprint(size+1)), "--class 97", "96 and 112")
	t.refused(t.runTool(0, "heap", "-p", fmt.Sprint(p.pid()), "--class", fmt.Sprint(size), "-z", "1"), "leave out -z")
	p.finish()
	if between.find("main.inTimer") == nil || between.find("main.inTimer").Objects != one.find("main.inTimer").Objects {
		t.Errorf("main.inTimer is not the same among those of %d to %d bytes", size-15, size+15)
	}
	if between.find("main.inLargeMap") != nil {
		t.Errorf("objects of other sizes than those of %d to %d bytes", size-15, size+15)
	}
	got := one.find("main.inTimer")
	if got == nil || got.Objects != all.find("main.inTimer").Objects {
		t.Errorf("main.inTimer of %d bytes is not as it is among all", size)
	}
	if one.find("main.inLargeMap") != nil || one.Look.Bytes >= all.Look.Bytes || one.Look.Bytes == 0 {
		t.Errorf("%d bytes of objects of %d bytes, of %d", one.Look.Bytes, size, all.Look.Bytes)
	}
}

// holdersClasses: each type of the ledger, looked for alone: as many objects as there are, held by the same.
func (t *T) holdersClasses(version string) {
	var rows []keptRow
	p := t.program(t.build("holders", version, "stripped"))
	p.do("build")
	all := t.heap(p.pid())
	p.json(&rows, "ledger")
	looks := map[uint64]*heapReport{}
	for i := range rows {
		row := &rows[i]
		if row.Others || row.Late || row.Bytes%row.Objects != 0 {
			continue
		}
		size := row.Bytes / row.Objects
		if looks[size] == nil {
			looks[size] = t.heap(p.pid(), "--class", fmt.Sprint(size))
		}
		got, whole := looks[size].find(row.Type), all.find(row.Type)
		switch {
		case got == nil || whole == nil:
			t.Errorf("%s: no %s among those of %d bytes", row.What, row.Type, size)
		case got.Objects != whole.Objects:
			t.Errorf("%s: %d %s alone, %d of the whole", row.What, got.Objects, row.Type, whole.Objects)
		default:
			t.checkHolder(row, got, version, "stripped")
		}
	}
	p.finish()
}

// holdersLarge: of a large heap only what may lead to what is looked for is read.
func (t *T) holdersLarge(version string) {
	var rows []struct {
		Type          string
		Objects, Size uint64
	}
	p := t.program(t.build("bigheap", version, "plain"))
	p.do("build 5")
	p.json(&rows, "ledger")
	all := t.heap(p.pid())
	for _, row := range rows {
		one := t.heap(p.pid(), "--class", fmt.Sprint(row.Size))
		if got := one.find(row.Type); got == nil || got.Objects != row.Objects {
			t.Errorf("%d %s are not there", row.Objects, row.Type)
		}
		t.Notef("%s: %.0f %% of what the whole heap takes is read", row.Type, 100*one.Look.Read/all.Look.Read)
		if row.Type == "main.entry" && one.Look.Read > all.Look.Read/2 {
			t.Errorf("%.0f bytes read for %s, %.0f for all", one.Look.Read, row.Type, all.Look.Read)
		}
	}
	p.finish()
}

// holdersParts: more pointers to parts of objects than are kept in mind at a time.
func (t *T) holdersParts(version string) {
	var rows []struct {
		Type    string
		Objects uint64
	}
	p := t.program(t.build("parts", version, "plain"))
	p.do("build 1000")
	p.json(&rows, "ledger")
	r := t.heap(p.pid())
	p.finish()
	for _, row := range rows {
		if got := r.find(row.Type); got == nil || got.Objects-got.Guessed != row.Objects {
			t.Errorf("not %d %s for certain but %+v", row.Objects, row.Type, got)
		}
	}
}

// holdersAlike: of types that look the same to the collector, none is named that the object cannot be, nor one of
// several that it can.
func (t *T) holdersAlike(version string) {
	var rows []struct {
		Type        string
		Least, Most uint64
	}
	p := t.program(t.build("alike", version, "stripped"))
	p.do("build 300")
	r := t.heap(p.pid())
	p.json(&rows, "ledger")
	p.finish()
	for _, row := range rows {
		switch got := r.find(row.Type); {
		case got == nil:
			t.Errorf("no %s", row.Type)
		case got.Objects < row.Least, got.Objects > row.Most:
			t.Errorf("%d %s, really %d to %d", got.Objects, row.Type, row.Least, row.Most)
		default:
			t.Notef("%d %s, %d of them guessed", got.Objects, row.Type, got.Guessed)
		}
	}
}

// holdersPlaces: a line is told whichever function of the runtime it has the compiler call, but where it makes
// objects of another size than there are.
func (t *T) holdersPlaces(version string) {
	var rows []struct {
		Type, Allocator, File string
		Line                  int
		Dropped               bool
	}
	p := t.program(t.build("places", version, "stripped"))
	p.do("keep")
	p.json(&rows, "ledger")
	r := t.heap(p.pid())
	p.finish()
	for _, row := range rows {
		found := false
		got := r.find(row.Type)
		if got == nil {
			t.Errorf("no %s", row.Type)
			continue
		}
		for _, l := range got.Lines {
			found = found || l.Function == row.Allocator && path.Base(l.File) == row.File && l.Line == row.Line
		}
		if found && row.Dropped {
			t.Errorf("%s: allocated by %s %s:%d, which makes none of such a size", row.Type, row.Allocator, row.File, row.Line)
		}
		if !found && !row.Dropped {
			t.Errorf("%s: not allocated by %s %s:%d, but by %v", row.Type, row.Allocator, row.File, row.Line, got.Lines)
		}
	}
}

// holdersMaps: a directory is known by its tables, and these by their groups, in whatever order they lie.
func (t *T) holdersMaps(version string) {
	const maps = 40
	p := t.program(t.build("maps", version, "stripped"))
	p.do("build %d", maps)
	r := t.heap(p.pid())
	p.finish()
	directories := uint64(0)
	for _, row := range r.Types {
		if row.Type == "map[string]*main.item" && row.Part == "directory" {
			directories = row.Objects
		}
	}
	if directories != maps {
		t.Errorf("%d of %d directories are known", directories, maps)
	}
}

// holdersRate: a limit is kept, however long it takes.
func (t *T) holdersRate(version string) {
	const limit = 16 << 20
	p := t.program(t.build("holders", version, "plain"))
	p.do("build")
	r := t.heap(p.pid(), "--rate", fmt.Sprint(limit))
	p.finish()
	if r.Look.Read < limit/2 || r.Look.Read/r.Look.Took > limit*1.1 {
		t.Errorf("%.0f bytes read in %.2f s, allowed are %d a second", r.Look.Read, r.Look.Took, limit)
	}
}

// ---- what goes wrong ---------------------------------------------------------------------------------

// holdersExits: the process ends while its heap is read, slowly.
func (t *T) holdersExits(version string) {
	p := t.program(t.build("bigheap", version, "stripped"))
	p.do("build 2")
	x := t.start(t.toolCommand("heap", "-v", "--rate", "1M", "-p", fmt.Sprint(p.pid())))
	x.line(x.stderr, "reading")
	p.kill()
	if code := x.exit(); code != 1 || x.stdout.String() != "" {
		t.Errorf("exit code %d; stdout: %s", code, x.stdout)
	}
	t.checkMessages(x.stderr.String())
	if !strings.Contains(x.stderr.String(), "exited") && !strings.Contains(x.stderr.String(), "is ending") {
		t.Errorf("it does not say that the process has exited: %s", x.stderr)
	}
}

func (t *T) holdersExitsBetween(version string) {
	p := t.program(t.build("leaks", version, "stripped"))
	p.do("begin")
	x := t.startHeap(p.pid(), "--diff", "1h")
	p.finish()
	t.firstOnly(x, "exited")
}

// holdersExecWithin: what is read of two programs contradicts itself, and neither is to blame.
func (t *T) holdersExecWithin(version string) {
	p := t.program(t.build("restart", version, "stripped"), "SUCCESSOR="+t.build("leaks", version, "stripped"))
	p.do("before 90000")
	x := t.start(t.toolCommand("heap", "-v", "--rate", "1M", "-p", fmt.Sprint(p.pid())))
	x.line(x.stderr, "reading")
	fmt.Fprintln(p.in, "exec")
	if code := x.exit(); code != 1 || x.stdout.String() != "" ||
		!strings.Contains(x.stderr.String(), "exec'ed another program") {
		t.Errorf("exit code %d; stdout: %s; stderr: %s", code, x.stdout, x.stderr)
	}
}

func (t *T) holdersExecBetween(version string) {
	p := t.program(t.build("restart", version, "stripped"), "SUCCESSOR="+t.build("leaks", version, "stripped"))
	p.do("before 1000")
	x := t.startHeap(p.pid(), "--diff", "1h")
	fmt.Fprintln(p.in, "exec")
	t.firstOnly(x, "exec")
}

// firstOnly: the report is of the first look, and says why.
func (t *T) firstOnly(x *tracer, why string) {
	r := t.parseHeap(x.line(x.stdout, ""))
	if !strings.Contains(r.Target.Gone, why) || r.Look.Span != nil || r.Look.Objects == 0 {
		t.Errorf("gone: %q, %d objects, two looks: %v", r.Target.Gone, r.Look.Objects, r.Look.Span != nil)
	}
	x.expect(2)
}

func (t *T) holdersToldToEnd(version string) {
	p := t.program(t.build("bigheap", version, "stripped"))
	p.do("build 2")
	x := t.start(t.toolCommand("heap", "-v", "--rate", "1M", "-p", fmt.Sprint(p.pid())))
	x.line(x.stderr, "reading")
	t.must(x.cmd.Process.Signal(syscall.SIGTERM))
	if code := x.exit(); code != 1 || x.stdout.String() != "" {
		t.Errorf("exit code %d; stdout: %s; stderr: %s", code, x.stdout, x.stderr)
	}
	p.do("build 0")
	p.finish()
}

func (t *T) holdersNotGo() {
	x := t.shell("echo ready; read line")
	x.line(x.stdout, "ready")
	got := t.runTool(0, "heap", "-p", fmt.Sprint(x.pid()))
	if got.code != 1 || !strings.Contains(got.stderr, "Go") {
		t.Errorf("exit code %d; stderr: %s", got.code, got.stderr)
	}
}

// holdersMemory: more objects than there may be memory for: what there was no room for is counted.
func (t *T) holdersMemory(version string) {
	const limit = 64 << 20
	var rows []struct {
		Type    string
		Objects uint64
	}
	p := t.program(t.build("bigheap", version, "stripped"))
	p.do("build 60")
	p.json(&rows, "ledger")
	r := t.heap(p.pid(), "--memory", fmt.Sprint(limit))
	p.finish()
	if r.Look.Own > limit {
		t.Errorf("%d bytes held, allowed were %d", r.Look.Own, limit)
	}
	for _, row := range rows {
		got := r.find(row.Type)
		if row.Type == "[]uint8" || r.Coverage["over_memory"] > 0 {
			continue
		}
		if got == nil || got.Objects != row.Objects {
			t.Errorf("%d %s are not there, and nothing was left out", row.Objects, row.Type)
		}
	}
	t.Notef("%d objects, %d left out, %d MiB held, %d MiB resident", r.Look.Objects, r.Coverage["over_memory"],
		r.Look.Own>>20, r.Cost.OwnRSS>>20)
}
