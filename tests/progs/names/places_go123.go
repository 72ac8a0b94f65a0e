// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.23

package main

import "iter"

type (
	obj23 body
	obj24 body
)

func init() {
	tests = append(tests,
		test{what: "the body of a range over a function", run: rangeOver},
		test{what: "a coroutine", run: coroutine})
}

//go:noinline
func count(yield func(int) bool) {
	for i := 0; i < 3 && yield(i); i++ {
	}
}

//go:noinline
func rangeOver() {
	for i := range count {
		if i == 1 {
			record(23, &obj23{})
		}
	}
}

//go:noinline
func coroutine() {
	next, stop := iter.Pull(func(yield func(int) bool) {
		record(24, &obj24{})
		yield(1)
	})
	next()
	stop()
}
