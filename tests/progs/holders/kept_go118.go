// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.18
// +build go1.18

package main

import "unsafe"

type (
	inGeneric struct {
		n    [3]int
		name string
	}
	node[V any] struct {
		next  *node[V]
		value V
	}
	cache[K comparable, V any] struct {
		index map[K]*node[V]
	}
)

func (c *cache[K, V]) put(k K, v V) { c.index[k] = &node[V]{value: v} }

var generic = &cache[string, *inGeneric]{index: map[string]*node[*inGeneric]{}}

//go:noinline
func newGeneric(n int) unsafe.Pointer { return unsafe.Pointer(&inGeneric{n: [3]int{n}}) }

func init() {
	rows = append(rows, row{what: "generic container", of: (*inGeneric)(nil), alloc: newGeneric, objects: 170,
		keep:     func(n int, p unsafe.Pointer) { generic.put(name(n), (*inGeneric)(p)) },
		holders:  []string{"main.node[*main.inGeneric].value", "map[string]*main.node[*main.inGeneric]"},
		variable: "main.generic"})
}
