// SPDX-License-Identifier: BSD-2-Clause

//go:build !go1.24
// +build !go1.24

package main

func blockCleanups() int  { return 0 }
func queueCleanups(n int) {}
