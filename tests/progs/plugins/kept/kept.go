// SPDX-License-Identifier: BSD-2-Clause

// Kept is the plugin of plugins: what it keeps, it keeps in its own variables.
package main

import "progs/plugins/part"

// own is a type that only the plugin has.
type own struct {
	next *own
	room [8]uint64
}

var (
	items interface{} = (*part.Item)(nil) // a list
	owns  *own
)

// Keep keeps n of each type.
func Keep(n int) {
	var first *part.Item
	for ; n > 0; n-- {
		first = &part.Item{Next: first}
		owns = &own{next: owns}
	}
	items = first
}

func main() {}
