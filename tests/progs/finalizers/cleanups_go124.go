// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.24

package main

import (
	"runtime"
	"sync/atomic"
)

// A token is what the cleanup of a handle gets.
type token struct {
	name string
	more [70]*int // so many that it says its type itself
}

type handle struct {
	more [20]*int
}

// blockCleanups returns how many cleanups wait.
func blockCleanups() int {
	if ownGoroutine {
		makeHandles(1)
		return 1
	}
	return 0
}

func queueCleanups(n int) {
	makeHandles(n)
	ledger.Cleanups = n
	ledger.Held = append(ledger.Held, Row{"main.token", "cleanup queue", nameInQueue, n})
	if ownGoroutine {
		ledger.Cleanups += runningInQueue
		ledger.Runners["cleanup"] = "main.drop"
		ledger.Held = append(ledger.Held, Row{"main.token", "stack", "main.drop", 1})
	}
}

//go:noinline
func makeHandles(n int) {
	for i := 0; i < n; i++ {
		runtime.AddCleanup(new(handle), drop, &token{name: "a token"})
		made++
	}
}

// drop waits while it has the token.
//
//go:noinline
func drop(t *token) {
	atomic.AddInt32(&running, 1)
	<-stuck
	atomic.AddInt64(&sum, int64(len(t.name)))
	atomic.AddInt32(&ended, 1)
}
