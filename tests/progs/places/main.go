// SPDX-License-Identifier: BSD-2-Clause

// Places makes bytes, runes and strings in each of the ways that the compiler has a function of its own
// for, and keeps them; and bytes of sizes of which it keeps none.
//
// Commands: "keep", then "ledger" says which line made what.
package main

import (
	"path"
	"reflect"
	"runtime"
	"strings"

	"progs/ctl"
)

// Row is a line that allocates; dropped: nothing that lives is of the size that it makes.
type Row struct {
	Type, Allocator, File string
	Line                  int
	Dropped               bool
}

const each = 100

var (
	bytes [][]byte
	runes [][]rune
	texts []string
	sink  []byte

	raw  = []byte("bytes that are a string for the time being, and no constant")
	wide = []rune("runes that are a string for the time being, and no constant")
	text = string(raw)
)

var (
	makeBytes = []func() []byte{ofString, ofStrings, made, constant, literal, appended}
	dropBytes = []func() []byte{large, room}
	makeTexts = []func() string{ofBytes, ofRunes, two, three, four, five, many, built}
)

func ofString() []byte  { return []byte(text) }
func ofStrings() []byte { return []byte(text + text) }
func made() []byte      { return make([]byte, len(text)) }
func constant() []byte  { return make([]byte, 48) }
func large() []byte     { return make([]byte, 20<<10) }
func room() []byte      { return make([]byte, 0, 28<<10) }
func literal() []byte   { return []byte{39: text[0]} }
func appended() []byte  { return append(bytes[0][:0:0], text...) }

func ofString32() []rune { return []rune(text) }

func ofBytes() string { return string(raw) }
func ofRunes() string { return string(wide) }
func two() string     { return text + text }
func three() string   { return text + "," + text }
func four() string    { return text + "," + text + ";" }
func five() string    { return text + "," + text + ";" + text }
func many() string    { return text + "," + text + ";" + text + "." + text }

func built() string { var b strings.Builder; b.WriteString(text); return b.String() }

func main() {
	ctl.Loop(map[string]func(int){
		"keep":   func(int) { keep(); ctl.OK() },
		"ledger": func(int) { ctl.JSON(ledger()) },
	})
}

func keep() {
	for i := 0; i < each; i++ {
		for _, f := range makeBytes {
			bytes = append(bytes, f())
		}
		for _, f := range makeTexts {
			texts = append(texts, f())
		}
		runes = append(runes, ofString32())
	}
	for _, f := range dropBytes {
		sink = f()
	}
	sink = nil
	runtime.GC()
	runtime.GC()
}

func entry(name string, f interface{}) Row {
	fn := runtime.FuncForPC(reflect.ValueOf(f).Pointer())
	file, line := fn.FileLine(fn.Entry())
	return Row{name, fn.Name(), path.Base(file), line, false}
}

func ledger() []Row {
	all := []Row{entry("[]int32", ofString32)}
	for _, f := range makeBytes {
		all = append(all, entry("[]uint8", f))
	}
	for _, f := range dropBytes {
		row := entry("[]uint8", f)
		row.Dropped = true
		all = append(all, row)
	}
	for _, f := range makeTexts {
		all = append(all, entry("string", f))
	}
	return all
}
