// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.20

package main

const contextMore = 16 // its cause
