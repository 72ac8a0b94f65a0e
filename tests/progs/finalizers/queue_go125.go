// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.25 && !go1.26

package main

const (
	ownGoroutine   = true
	runningInQueue = 1 // the one that runs is still there
	nameInQueue    = ""
)
