// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.26

package main

const (
	ownGoroutine   = true
	runningInQueue = 0
	nameInQueue    = "main.drop"
)
