// SPDX-License-Identifier: BSD-2-Clause

// Package traffic is what the programs that stand for production have in common: a process of its own
// that sends requests, at a rate that goes by the clock.
package traffic

import (
	"fmt"
	"io"
	"io/ioutil"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Client reports whether the program was started as "client ADDRESS RATE"; then it has called send with
// the address and numbers from 0 on, so many times a second, until stdin ended.
func Client(send func(address string, n int)) bool {
	if len(os.Args) != 4 || os.Args[1] != "client" {
		return false
	}
	rate, err := strconv.Atoi(os.Args[3])
	Check(err)
	go func() {
		io.Copy(ioutil.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println("ready")
	begin := time.Now()
	for n := 0; ; {
		for due := int(time.Since(begin).Seconds() * float64(rate)); n < due; n++ {
			send(os.Args[2], n)
		}
		time.Sleep(time.Millisecond)
	}
}

// Get asks for a path as one of many customers, and reads all of the answer.
func Get(url, customer string) {
	r, err := http.NewRequest("GET", url, nil)
	Check(err)
	r.Header.Set("X-Customer", customer)
	answer, err := http.DefaultClient.Do(r)
	Check(err)
	io.Copy(ioutil.Discard, answer.Body)
	answer.Body.Close()
}

// Check ends the program on what must not be.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
