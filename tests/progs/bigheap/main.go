// SPDX-License-Identifier: BSD-2-Clause

// Bigheap holds eight million objects and four GiB, of known types, for measuring how long a look at
// them takes, and what it does to the program meanwhile.
//
// Commands: "build N" makes N percent of that and collects; "collect" does so alone; "ledger" says what there is, by type;
// "work N" works for N milliseconds and says how much was done and how long the longest stalls were.
package main

import (
	"runtime"
	"runtime/debug"
	"sort"
	"time"

	"progs/ctl"
)

type (
	entry struct {
		value []byte
		name  string
		next  *entry
		uses  int
	}
	branch struct {
		left, right *branch
		key         [4]uint64
	}
	record struct {
		next   *record
		fields [140]uint64
	}
	store struct {
		entries map[uint64]*entry
		index   *branch
		log     *record
	}
)

// At 100 percent.
const (
	entries    = 3000000
	branches   = 1500000
	records    = 500000
	valueBytes = 1024
)

// Row is what there is of one type.
type Row struct {
	Type    string
	Objects int
	Size    int // bytes of one object
}

// Work is what was done meanwhile.
type Work struct {
	Lookups    int
	StallsUs   []int64 // the longest ones, longest first
	OverMs     int     // stalls of more than a millisecond
	OverMsInUs int64   // their sum
}

var (
	all    = &store{entries: map[uint64]*entry{}}
	ledger []Row
	found  int
)

func main() {
	debug.SetGCPercent(20)
	ctl.Loop(map[string]func(int){
		"build":   func(n int) { build(n); ctl.OK() },
		"collect": func(int) { runtime.GC(); ctl.OK() },
		"ledger":  func(int) { ctl.JSON(ledger) },
		"work":    func(n int) { ctl.JSON(work(time.Duration(n) * time.Millisecond)) },
	})
}

func build(percent int) {
	ledger = []Row{
		{"main.entry", entries * percent / 100, 64},
		{"[]uint8", entries * percent / 100, valueBytes},
		{"main.branch", branches * percent / 100, 48},
		{"main.record", records * percent / 100, 1152},
	}
	for i := 0; i < ledger[0].Objects; i++ {
		all.entries[key(i)] = newEntry()
	}
	for i := 0; i < ledger[2].Objects; i++ {
		insert(key(i))
	}
	for i := 0; i < ledger[3].Objects; i++ {
		all.log = &record{next: all.log}
	}
	debug.SetGCPercent(-1)
	runtime.GC()
	runtime.GC()
}

func key(i int) uint64 { return uint64(i+1) * 0x9e3779b97f4a7c15 }

func newEntry() *entry { return &entry{value: make([]byte, valueBytes), name: "entry"} }

func insert(k uint64) {
	at := &all.index
	for *at != nil {
		if k < (*at).key[0] {
			at = &(*at).left
		} else {
			at = &(*at).right
		}
	}
	*at = &branch{key: [4]uint64{k}}
}

// work looks entries up, and looks at the clock after each: a gap is a stall.
func work(d time.Duration) Work {
	const shown = 20
	var w Work
	n := len(all.entries)
	begin := time.Now()
	for last := begin; n > 0; w.Lookups++ {
		if e := all.entries[key(w.Lookups%n)]; e != nil {
			found += e.uses
		}
		now := time.Now()
		if gap := now.Sub(last); gap > 200*time.Microsecond {
			w.StallsUs = append(w.StallsUs, int64(gap/time.Microsecond))
			if gap > time.Millisecond {
				w.OverMs++
				w.OverMsInUs += int64(gap / time.Microsecond)
			}
		}
		last = now
		if now.Sub(begin) > d {
			break
		}
	}
	sort.Slice(w.StallsUs, func(i, k int) bool { return w.StallsUs[i] > w.StallsUs[k] })
	if len(w.StallsUs) > shown {
		w.StallsUs = w.StallsUs[:shown]
	}
	return w
}
