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
// LRU that fills up and stops) and the pool of workers.  The program ends after a minute by itself.
package main

import (
	"fmt"
	"os"
	"time"
)

const lifetime = 60 * time.Second

func main() {
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
