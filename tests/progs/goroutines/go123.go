// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.23

package main

import "iter"

func init() {
	extra = append(extra, func(c *crowd) {
		next, _ := iter.Pull(numbers)
		next()
		pulled = append(pulled, next)
	})
}

var pulled []func() (int, bool)

func numbers(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}
