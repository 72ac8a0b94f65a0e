// SPDX-License-Identifier: BSD-2-Clause

// Package ctl lets a driver step a program under test: one command per line on stdin, one line on
// stdout as the answer.  Reading commands, OK and More allocate nothing, so that the program's own
// numbers are not disturbed; JSON does.
package ctl

import (
	"encoding/json"
	"os"
	"strconv"
)

// Loop answers commands ("name" or "name NUMBER") until stdin ends, which ends the program.  A
// handler answers exactly one line.
func Loop(commands map[string]func(n int)) {
	filled := 0
	os.Stdout.Write(ready)
	for {
		n, err := os.Stdin.Read(buf[filled:])
		if err != nil {
			os.Exit(0)
		}
		filled += n
		for {
			line, ok := cutLine(buf[:filled])
			if !ok {
				break
			}
			answer(commands, line)
			filled = copy(buf[:], buf[len(line)+1:filled])
		}
	}
}

// Not on the stack, where it would lie between the frames of the commands and of main.
var buf [4096]byte

var (
	ready = []byte("ready\n")
	ok    = []byte("ok\n")
	more  = []byte("more\n")
)

func cutLine(b []byte) ([]byte, bool) {
	for i, c := range b {
		if c == '\n' {
			return b[:i], true
		}
	}
	return nil, false
}

func answer(commands map[string]func(n int), line []byte) {
	arg := 0
	name := line
	for i, c := range line {
		if c == ' ' {
			name = line[:i]
			for _, d := range line[i+1:] {
				arg = arg*10 + int(d-'0')
			}
			break
		}
	}
	f := commands[string(name)] // the compiler makes no string here
	if f == nil {
		os.Stdout.Write([]byte("error: no such command: " + string(line) + "\n"))
		return
	}
	f(arg)
}

// OK is the answer that says only that the work is done.
func OK() {
	os.Stdout.Write(ok)
}

// More is the answer that says that the same command has more to do.
func More() {
	os.Stdout.Write(more)
}

// Number answers one decimal number.
func Number(v float64) {
	var b [64]byte
	os.Stdout.Write(append(strconv.AppendFloat(b[:0], v, 'f', 2, 64), '\n'))
}

// JSON answers a value.
func JSON(v interface{}) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(append(b, '\n'))
}
