// SPDX-License-Identifier: BSD-2-Clause

// Parts holds objects by pointers to the middle of arrays, of which only their elements' type is known: more of
// these than a look keeps in mind at a time, all of them in objects that say their own type. Of the two kinds of
// leaves, which look the same, only who points to the arrays tells one from the other.
//
// Commands: "build N" makes N hundred arrays and collects; "ledger" says what there is, by type, to which a typed
// pointer leads: one leaf of each array, since of the array's other elements nothing is known.
package main

import (
	"runtime"
	"runtime/debug"

	"progs/ctl"
)

type (
	left struct {
		a, b int64
		p    *byte
	}
	right struct {
		a, b int64
		p    *int16
	}

	leftElem struct {
		leaf *left
		x    int64
	}
	rightElem struct {
		leaf *right
		x    int64
	}

	holder struct {
		lefts  [80]*leftElem
		rights [20]*rightElem
	}
)

// Row is what there is of one type.
type Row struct {
	Type    string
	Objects int
}

var (
	all    []*holder
	ledger []Row
)

func main() {
	debug.SetGCPercent(-1)
	ctl.Loop(map[string]func(int){
		"build":  func(n int) { build(n); ctl.OK() },
		"ledger": func(int) { ctl.JSON(ledger) },
	})
}

func build(n int) {
	for i := 0; i < n; i++ {
		h := new(holder)
		for k := range h.lefts {
			h.lefts[k] = &newLefts()[1+k%3]
		}
		for k := range h.rights {
			h.rights[k] = &newRights()[1+k%3]
		}
		all = append(all, h)
	}
	ledger = []Row{{"main.left", 80 * n}, {"main.right", 20 * n}, {"main.holder", n}}
	runtime.GC()
	runtime.GC()
}

//go:noinline
func newLefts() *[4]leftElem {
	v := new([4]leftElem)
	for i := range v {
		v[i].leaf = &left{p: new(byte)}
	}
	return v
}

//go:noinline
func newRights() *[4]rightElem {
	v := new([4]rightElem)
	for i := range v {
		v[i].leaf = &right{p: new(int16)}
	}
	return v
}
