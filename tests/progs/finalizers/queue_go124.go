// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.24 && !go1.25

package main

// The goroutine that runs finalizers runs cleanups, too; these are closures of the runtime's.
const (
	ownGoroutine   = false
	runningInQueue = 1
	nameInQueue    = ""
)
