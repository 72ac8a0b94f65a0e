// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"runtime/metrics"
	"time"
)

// cycle is the time between two collections at first, in seconds of a shape, that the garbage of requests
// makes for: a service under constant load.
const cycle = 3

var (
	garbage   float64 // bytes of garbage a second
	responded float64
	response  []byte
)

// receive lets requests come from now on: half of the heap's goal in every cycle.
func receive() {
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(goal)
	garbage = float64(goal[0].Value.Uint64()) / 2 / cycle
}

// respond makes the garbage that is due.
func respond(at float64) {
	due := garbage * (at - responded)
	for responded = at; due > 0; due -= float64(len(response)) {
		render(4<<10 + int(due)%(12<<10))
	}
}

//go:noinline
func render(n int) { response = make([]byte, n) }

type small struct{ next, other *small }

type medium [7]*small

var (
	smallSink  *small
	mediumSink *medium
	bytesSink  []byte
)

// flood makes perSecond allocations a second, or as many as it can: 16 to 112 bytes.
func flood(perSecond int) {
	begin, made := time.Now(), 0
	for {
		for due := int(time.Since(begin).Seconds() * float64(perSecond)); made < due; made += 4 {
			smallSink = new(small)
			mediumSink = new(medium)
			smallSink = &small{next: smallSink}
			bytesSink = make([]byte, 112)
			if time.Since(begin) > time.Second { // what was not made in time is not made up for
				begin, made = time.Now(), 0
				break
			}
		}
		time.Sleep(time.Millisecond)
	}
}
