// SPDX-License-Identifier: BSD-2-Clause

// Native grows in C: "malloc N" allocates N KiB there, in small blocks, writes to them and keeps them.
package main

// #include <stdlib.h>
// #include <string.h>
//
// static void keep(int blocks)
// {
//	while (blocks-- > 0)
//		memset(malloc(1000), 1, 1000);
// }
import "C"

import "progs/ctl"

func main() {
	ctl.Loop(map[string]func(int){
		"malloc": func(n int) { C.keep(C.int(n)); ctl.OK() },
	})
}
