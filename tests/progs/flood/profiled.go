// SPDX-License-Identifier: BSD-2-Clause

//go:build profiled
// +build profiled

package main

import (
	"runtime"

	"progs/ctl"
)

func init() { samples = count }

// count says how many objects of each function the runtime has sampled and has not found free.
func count() {
	records := make([]runtime.MemProfileRecord, 10000)
	n, _ := runtime.MemProfile(records, true)
	live := map[string]int64{}
	for _, r := range records[:n] {
		frames := runtime.CallersFrames(r.Stack())
		for {
			f, more := frames.Next()
			if f.Function != "runtime.mallocgc" && f.Function != "runtime.newobject" {
				live[f.Function] += r.InUseObjects()
				break
			}
			if !more {
				break
			}
		}
	}
	ctl.JSON(live)
}
