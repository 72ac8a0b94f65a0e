// SPDX-License-Identifier: BSD-2-Clause

//go:build profiled
// +build profiled

package main

import _ "net/http/pprof" // links the runtime's memory profiler
