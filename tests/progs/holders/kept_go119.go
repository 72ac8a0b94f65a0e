// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.19
// +build go1.19

package main

import (
	"sync/atomic"
	"unsafe"
)

type inAtomic struct {
	n    [16]int
	link *inAtomic
}

var slots [90]atomic.Pointer[inAtomic]

//go:noinline
func newAtomic(n int) unsafe.Pointer { return unsafe.Pointer(&inAtomic{n: [16]int{n}}) }

func init() {
	rows = append(rows, row{what: "atomic.Pointer", of: (*inAtomic)(nil), alloc: newAtomic, objects: 90,
		keep:     func(n int, p unsafe.Pointer) { slots[n].Store((*inAtomic)(p)) },
		variable: "main.slots"})
}
