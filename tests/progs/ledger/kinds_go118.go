// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.18
// +build go1.18

package main

import (
	"runtime"
	"strings"
	"unsafe"
)

type couple[K comparable, V any] struct {
	key   K
	value V
}

func init() {
	kinds = append(kinds,
		kind{function: "main.newCouple[...]", alloc: newCouple[int, *node], items: many, keep: 25,
			types: []string{shaped("main.couple[int,*main.node]", "main.couple[go.shape.int_0,go.shape.*uint8_1]")}},
		kind{function: "main.makeOf[...]", alloc: makeOf[uint32], items: many, keep: 25,
			types: []string{shaped("[]uint32", "[]go.shape.uint32_0")}})
}

// shaped: Go 1.18 and 1.19 pass the allocator the type that stands for all of the same shape.
func shaped(exact, shape string) string {
	if v := runtime.Version(); strings.HasPrefix(v, "go1.18") || strings.HasPrefix(v, "go1.19") {
		return shape
	}
	return exact
}

//go:noinline
func newCouple[K comparable, V any](n int) unsafe.Pointer {
	return unsafe.Pointer(new(couple[K, V]))
}

//go:noinline
func makeOf[T any](n int) unsafe.Pointer {
	s := make([]T, 5+n%100)
	return unsafe.Pointer(&s[0])
}
