// SPDX-License-Identifier: BSD-2-Clause

//go:build race
// +build race

package main

func init() { raceEnabled = true }
