// SPDX-License-Identifier: BSD-2-Clause

// Alike keeps arrays of short strings behind pointers without a type, and a few arrays of structs that look the same
// to the collector, whose types are known.  What fits the strings must not be told to be of the structs' types: a
// setting has booleans where a string has its length, and a pointer of a measure leads to a small block as well as a
// string does, so that nothing tells one from the other.  And arrays of samples, behind such pointers as well, in slots
// that had other things in them, of which the last bytes are still there: they are what they are all the same.
// And arrays of pairs of a type and a pointer, as a sync.Pool has them, which are not arrays of pointers to the parts
// that the pointers fit as well.
//
// Commands: "build N" makes N arrays of each number of strings, and collects; "ledger" says what there is.
package main

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"unsafe"

	"progs/ctl"
)

type (
	setting struct { // as large as two strings, with pointers where these have them
		name       string
		on         *bool
		known, set bool
	}
	measure struct { // as large as three
		name string
		last *int64
		n    int
		best *int64
		m    int
	}
	sample struct { // 19 of them leave a slot of 480 bytes room for one more
		value  *int
		valid  bool
		before *sample
	}
	pair struct{ typ, val unsafe.Pointer }
	part struct { // as large as what the pairs lead to
		n    [2]int
		next *part
	}
	inPair struct {
		n    [2]int
		next *inPair
	}
	leftOver struct {
		value *int
		bytes [460]byte
	}
)

// Row is what there is of one type: for certain, and what may be told besides.
type Row struct {
	Type        string
	Least, Most int
}

var (
	strings  []unsafe.Pointer
	settings [][]setting
	measures [][]measure
	samples  []unsafe.Pointer
	pairs    []unsafe.Pointer
	parts    [][]*part
	ledger   []Row
)

const (
	few   = 10
	slots = 3000
)

func main() {
	debug.SetGCPercent(-1)
	ctl.Loop(map[string]func(int){
		"build":  func(n int) { build(n); ctl.OK() },
		"ledger": func(int) { ctl.JSON(ledger) },
	})
}

func build(n int) {
	for i := 0; i < few; i++ {
		settings = append(settings, newSettings(2))
		measures = append(measures, newMeasures(1))
		parts = append(parts, newParts(16))
	}
	for i := 0; i < n; i++ {
		strings = append(strings, newStrings(4), newStrings(3))
		pairs = append(pairs, newPairs(8))
	}
	useSlots()
	runtime.GC()
	runtime.GC()
	for i := 0; i < n; i++ {
		samples = append(samples, newSamples(19))
	}
	ledger = []Row{{"[]main.setting", few, few}, {"[]main.measure", few, few}, {"[]string", n, 3 * n},
		{"[]main.sample", n, n}, {"[]*main.part", few, few}}
	runtime.GC()
	runtime.GC()
}

//go:noinline
func newStrings(n int) unsafe.Pointer {
	v := make([]string, n)
	for i := range v {
		v[i] = strconv.Itoa(10000 + len(strings) + i)
	}
	return unsafe.Pointer(&v[0])
}

//go:noinline
func newPairs(n int) unsafe.Pointer {
	v := make([]pair, n)
	for i := range v {
		var held interface{} = &inPair{n: [2]int{i}}
		v[i] = *(*pair)(unsafe.Pointer(&held))
	}
	return unsafe.Pointer(&v[0])
}

//go:noinline
func newParts(n int) []*part {
	v := make([]*part, n)
	for i := range v {
		v[i] = &part{n: [2]int{i}}
	}
	return v
}

//go:noinline
func newSettings(n int) []setting {
	v := make([]setting, n)
	for i := range v {
		v[i] = setting{name: strconv.Itoa(20000 + len(settings)), on: new(bool), set: true}
	}
	return v
}

//go:noinline
func newMeasures(n int) []measure {
	v := make([]measure, n)
	for i := range v {
		v[i] = measure{name: strconv.Itoa(30000 + len(measures)), last: new(int64), best: new(int64), n: 5, m: 7}
	}
	return v
}

// useSlots leaves ones in many slots of 480 bytes, for the collector to free.
//
//go:noinline
func useSlots() {
	var all []*leftOver
	for i := 0; i < slots; i++ {
		l := &leftOver{value: new(int)}
		for k := range l.bytes {
			l.bytes[k] = 0xff
		}
		all = append(all, l)
	}
	runtime.KeepAlive(all)
}

//go:noinline
func newSamples(n int) unsafe.Pointer {
	v := make([]sample, n)
	for i := range v {
		v[i] = sample{value: new(int), before: &v[0], valid: i%2 == 0}
	}
	return unsafe.Pointer(&v[0])
}
