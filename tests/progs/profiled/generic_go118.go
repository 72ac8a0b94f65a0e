// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.18
// +build go1.18

package main

// A generic function's name in the profile has its type arguments since Go 1.21.

type registry[T any] struct{ all []*T }

var (
	points registry[struct{ x, y int64 }]
	words  registry[[3]string]
)

func init() {
	runGeneric = func() {
		for i := 0; i < 1000; i++ {
			points.keep()
			words.keep()
		}
	}
}

//go:noinline
func (r *registry[T]) keep() { r.all = append(r.all, new(T)) }
