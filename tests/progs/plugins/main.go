// SPDX-License-Identifier: BSD-2-Clause

// Plugins opens the plugin PLUGIN, which keeps N objects of each of two types, one of which the program
// has, too: "open N".  It has some objects of that type itself: "keep N".
package main

import (
	"os"
	"plugin"
	"runtime"

	"progs/ctl"
	"progs/plugins/part"
)

var items interface{}

func main() {
	ctl.Loop(map[string]func(int){
		"open": func(n int) { open(n); runtime.GC(); ctl.OK() },
		"keep": func(n int) { keep(n); runtime.GC(); ctl.OK() },
	})
}

func open(n int) {
	p, err := plugin.Open(os.Getenv("PLUGIN"))
	if err != nil {
		panic(err)
	}
	f, err := p.Lookup("Keep")
	if err != nil {
		panic(err)
	}
	f.(func(int))(n)
}

func keep(n int) {
	var first *part.Item
	for ; n > 0; n-- {
		first = &part.Item{Next: first}
	}
	items = first
}
