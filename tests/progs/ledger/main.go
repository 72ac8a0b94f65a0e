// SPDX-License-Identifier: BSD-2-Clause

// Ledger allocates objects of many kinds, each kind in a function of its own, keeps some, drops the
// others, and knows at every moment which: the truth that a tracer's report is compared with.
//
// Commands: "prepare N" sets up the workload, N in percent of its normal size; "step" runs the next
// part of it, and "start" all that is left; "ledger" says what is kept; "measure" drops one kind after
// the other and says what the runtime found freed each time, which is a second account of the same,
// in bytes, and the only one for kinds made of several objects.
package main

import (
	"runtime"
	"runtime/debug"
	"unsafe"

	"progs/ctl"
)

const (
	workers  = 4
	ringSize = 700 // objects that live for a while before they are dropped

	// Parts of the workload.  Each ends with a collection: how many the runtime makes by itself in
	// a workload depends on how long they take, so on who else wants the processors.
	steps = 24
)

type keeper struct {
	items     int              // to be allocated
	kept      []unsafe.Pointer // the only roots; allocated in full before the start
	allocated int
}

type worker struct {
	seed    uint64
	keepers []keeper // by kind
	left    []int    // kinds that are not finished
	items   int      // of all kinds, to be allocated
	placed  int      // of these
	ring    [ringSize]unsafe.Pointer
}

var (
	crew          [workers]*worker
	alone         []keeper // kinds that run alone, by kind
	stepsDone     int
	before, after runtime.MemStats
	done          = make(chan bool, workers)
)

func main() {
	debug.SetGCPercent(12)
	ctl.Loop(map[string]func(int){
		"prepare": func(n int) { prepare(n); ctl.OK() },
		"step":    func(int) { answer(step()) },
		"start":   func(int) { start(); ctl.OK() },
		"ledger":  func(int) { ctl.JSON(ledger()) },
		"measure": func(int) { ctl.JSON(measure()) },
	})
}

func answer(more bool) {
	if more {
		ctl.More()
	} else {
		ctl.OK()
	}
}

// prepare makes everything that the workload itself needs, so that its steps allocate nothing else.
func prepare(percent int) {
	for i := range crew {
		w := &worker{
			seed:    uint64(i)*0x9e3779b97f4a7c15 + 12345,
			keepers: newKeepers(percent, false),
			left:    make([]int, 0, len(kinds)),
		}
		for k := range kinds {
			if n := w.keepers[k].items; n > 0 {
				w.left = append(w.left, k)
				w.items += n
			}
		}
		crew[i] = w
	}
	alone = newKeepers(percent, true)
	stepsDone = 0
	runtime.GC()
	runtime.GC()
}

func newKeepers(percent int, isAlone bool) []keeper {
	ks := make([]keeper, len(kinds))
	for i, k := range kinds {
		if k.alone == isAlone {
			ks[i].items = k.items*percent/100 + 1
			ks[i].kept = make([]unsafe.Pointer, 0, ks[i].items)
		}
	}
	return ks
}

func start() {
	for step() {
	}
}

// step tells whether there is more to do.
func step() bool {
	if stepsDone == 0 {
		runtime.ReadMemStats(&before)
	}
	stepsDone++
	for _, w := range crew {
		go w.run()
	}
	for range crew {
		<-done
	}
	if stepsDone < steps {
		runtime.GC()
		return true
	}
	runAlone()
	collect()
	runtime.ReadMemStats(&after)
	return false
}

// collect runs until what can be found dead has been: three times, since a tiny block in use
// survives the collection that starts while it is in use.
func collect() {
	for i := 0; i < 3; i++ {
		runtime.Gosched()
		runtime.GC()
	}
}

func (w *worker) run() {
	w.allocate()
	done <- true
}

// allocate makes the objects of one step, of all kinds in random order.
//
//go:noinline
func (w *worker) allocate() {
	for until := w.items * stepsDone / steps; w.placed < until; w.placed++ {
		i := int(w.random() % uint64(len(w.left)))
		k := &w.keepers[w.left[i]]
		w.place(k, kinds[w.left[i]].alloc(k.allocated), kinds[w.left[i]].keep)
		k.allocated++
		if k.allocated == k.items {
			w.left[i] = w.left[len(w.left)-1]
			w.left = w.left[:len(w.left)-1]
		}
	}
	if stepsDone == steps {
		for i := range w.ring {
			w.ring[i] = nil
		}
	}
}

// place decides what becomes of a new object: a share is kept, a share dies later, the rest at once.
func (w *worker) place(k *keeper, p unsafe.Pointer, keep int) {
	r := int(w.random() % 100)
	switch {
	case r < keep:
		k.kept = append(k.kept, p)
	case r < keep+(100-keep)/2:
		w.ring[w.random()%ringSize] = p
	}
}

func (w *worker) random() uint64 {
	w.seed ^= w.seed << 13
	w.seed ^= w.seed >> 7
	w.seed ^= w.seed << 17
	return w.seed
}

// runAlone makes the kinds that are not to share memory with others: one kind after the other.
//
//go:noinline
func runAlone() {
	for i, kd := range kinds {
		k := &alone[i]
		for k.allocated < k.items {
			p := kd.alloc(k.allocated)
			if kd.keep > 0 {
				k.kept = append(k.kept, p)
			}
			k.allocated++
		}
	}
}

// Entry is the ledger of one kind.
type Entry struct {
	Function   string   // that allocates, as Go prints it
	Types      []string // possible ones, the first of which must occur; * at the end stands for the rest
	Single     bool     // one item is one heap object
	Tiny       bool     // objects that may share a 16-byte block
	Allocated  int      // items
	Kept       int
	KeptBlocks int // tiny: kept objects that opened their block
}

// raceEnabled: built with -race, when tiny objects do not share blocks but lie at the end of one each
// (runtime/malloc.go, mallocgc).
var raceEnabled bool

// Ledger is the whole account.
type Ledger struct {
	Version                        string
	Entries                        []Entry
	Mallocs, Frees, TotalAlloc, GC uint64 // differences from start to end
	MallocsAtEnd, TotalAllocAtEnd  uint64 // since the start of the process
}

func ledger() Ledger {
	l := Ledger{
		Version:         runtime.Version(),
		Mallocs:         after.Mallocs - before.Mallocs,
		Frees:           after.Frees - before.Frees,
		TotalAlloc:      after.TotalAlloc - before.TotalAlloc,
		GC:              uint64(after.NumGC - before.NumGC),
		MallocsAtEnd:    after.Mallocs,
		TotalAllocAtEnd: after.TotalAlloc,
	}
	for i := range kinds {
		l.Entries = append(l.Entries, entry(i))
	}
	return l
}

func entry(i int) Entry {
	kd := &kinds[i]
	e := Entry{Function: kd.function, Types: kd.types, Single: !kd.several, Tiny: kd.tiny}
	eachKeeper(i, func(k *keeper) {
		e.Allocated += k.allocated
		e.Kept += len(k.kept)
		for _, p := range k.kept {
			if uintptr(p)%16 == 0 || raceEnabled {
				e.KeptBlocks++
			}
		}
	})
	return e
}

func eachKeeper(i int, f func(k *keeper)) {
	for _, w := range crew {
		f(&w.keepers[i])
	}
	f(&alone[i])
}

// Freed says what the runtime found dead when a kind was dropped.
type Freed struct {
	Function       string
	Objects, Bytes uint64
	Noise          uint64 // objects allocated meanwhile, by the runtime itself
}

// measure runs on one processor.  A goroutine that waits takes its sudog from the cache of the processor
// that it runs on, and returns it to that of the processor where it goes on: with several, the waits
// of the collections themselves move them from one to the other, and a cache that is full (128) throws
// away half of them, which the next collection frees (runtime/proc.go, releaseSudog): 64 objects that
// no kind has lost.  GOMAXPROCS drops the caches of the other processors; with one, nothing moves.
func measure() []Freed {
	freed := make([]Freed, len(kinds))
	var a, b runtime.MemStats
	runtime.GOMAXPROCS(1)
	collect()
	for i := range kinds {
		settle(&a)
		eachKeeper(i, drop)
		collect()
		runtime.ReadMemStats(&b)
		freed[i] = Freed{
			Function: kinds[i].function,
			Objects:  b.Frees - a.Frees,
			Bytes:    b.TotalAlloc - a.TotalAlloc + a.HeapAlloc - b.HeapAlloc,
			Noise:    b.Mallocs - a.Mallocs,
		}
	}
	return freed
}

// settle collects until nothing more is found dead: what the runtime itself allocated before must
// not be counted with the next kind.
func settle(m *runtime.MemStats) {
	var before runtime.MemStats
	for quiet := false; !quiet; quiet = before.Frees == m.Frees && before.Mallocs == m.Mallocs {
		runtime.ReadMemStats(&before)
		runtime.GC()
		runtime.ReadMemStats(m)
	}
}

func drop(k *keeper) {
	for i := range k.kept {
		k.kept[i] = nil
	}
	k.kept = k.kept[:0]
}
