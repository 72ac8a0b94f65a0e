// SPDX-License-Identifier: BSD-2-Clause

// Leakdemo is a small order service that leaks in three places, for `make demo`.
//
// Invented customers log in, order, and go away.  What leaks:
//
//   - sessions: logging out forgets to take the session out of the store (the bigger leak);
//   - the audit log keeps every entry in memory (the smaller one);
//   - notifications: a goroutine for each order waits for a receipt that nobody sends when the
//     order was refused.
//
// What does not: the requests themselves (churn), the catalogue (loaded once), the page cache (an
// LRU that fills up and stops) and the pool of workers.  The program ends by itself, after a minute or
// after the time given, as in "leakdemo 5m".
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	lifetime := time.Minute
	if len(os.Args) > 1 {
		var err error
		if lifetime, err = time.ParseDuration(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "leakdemo:", err)
			os.Exit(1)
		}
	}
	fmt.Printf("leakdemo: pid %d, ends in %v\n", os.Getpid(), lifetime)
	s := newService()
	end := time.After(lifetime)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
			s.serve(n)
		case <-end:
			fmt.Println("leakdemo: done")
			return
		}
	}
}
