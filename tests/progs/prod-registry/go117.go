//go:build !go1.18
// +build !go1.18

// SPDX-License-Identifier: BSD-2-Clause

package main

func main() { panic("needs generics") }
