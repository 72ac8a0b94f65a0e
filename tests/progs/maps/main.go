// SPDX-License-Identifier: BSD-2-Clause

// Maps holds maps that are large enough for a directory of tables, of which nobody says what they are: each hangs
// on the frame of a goroutine.
//
// Commands: "build N" makes N maps of 2000 keys each and collects.
package main

import (
	"runtime"
	"strconv"

	"progs/ctl"
)

type item struct{ name string }

const keys = 2000

func main() {
	ready, end := make(chan bool), make(chan bool)
	ctl.Loop(map[string]func(int){
		"build": func(n int) {
			for i := 0; i < n; i++ {
				go hold(ready, end)
				<-ready
			}
			runtime.GC()
			ctl.OK()
		},
	})
}

func hold(ready, end chan bool) {
	items := map[string]*item{}
	for i := 0; i < keys; i++ {
		name := strconv.Itoa(i)
		items[name] = &item{name}
	}
	ready <- true
	<-end
	runtime.KeepAlive(items)
}
