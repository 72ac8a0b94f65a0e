// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"reflect"
	"strings"
	"unsafe"
)

// kind is one sort of object.  alloc makes item number n and returns a pointer that keeps all of it
// alive.  Everything that is not tiny must have no tiny parts, and no part that another kind can
// reach: what a kind keeps alive is exactly what the runtime frees when it is dropped.
type kind struct {
	function string
	alloc    func(n int) unsafe.Pointer
	items    int      // per worker
	keep     int      // percent
	types    []string // possible ones, the first of which must occur; * at the end stands for the rest
	several  bool     // an item is more than one heap object, or leaves garbage of the same function
	tiny     bool
	alone    bool // not mixed with other kinds
}

const (
	many = 2000
	some = 300
	few  = 40
)

// The types are those that the runtime is asked for, which is not always what the source says: the
// header of a map made without a size hint is a runtime.hmap (maps.Map since Go 1.24), and an int in
// an interface a uint64 (runtime/iface.go, convT64).
var kinds = []kind{
	{function: "main.newPointer", alloc: newPointer, items: many, keep: 30, types: []string{"main.pointer"}},
	{function: "main.newNode", alloc: newNode, items: many, keep: 25, types: []string{"main.node"}},
	{function: "main.newPair", alloc: newPair, items: many, keep: 25, types: []string{"main.pair"}},
	{function: "main.newTriple", alloc: newTriple, items: many, keep: 25, types: []string{"main.triple"}},
	{function: "main.newFlat100", alloc: newFlat100, items: many, keep: 25, types: []string{"main.flat100"}},
	{function: "main.newScan512", alloc: newScan512, items: many, keep: 25, types: []string{"main.scan512"}},
	{function: "main.newScan520", alloc: newScan520, items: many, keep: 25, types: []string{"main.scan520"}},
	{function: "main.newFlat1024", alloc: newFlat1024, items: some, keep: 25, types: []string{"main.flat1024"}},
	{function: "main.newScan1024", alloc: newScan1024, items: some, keep: 25, types: []string{"main.scan1024"}},
	{function: "main.newScan32760", alloc: newScan32760, items: few, keep: 25, types: []string{"main.scan32760"}},
	{function: "main.newScan32768", alloc: newScan32768, items: few, keep: 25, types: []string{"main.scan32768"}},
	{function: "main.newFlat32768", alloc: newFlat32768, items: few, keep: 25, types: []string{"main.flat32768"}},
	{function: "main.newFlat33000", alloc: newFlat33000, items: few, keep: 25, types: []string{"main.flat33000"}},
	{function: "main.newFlat100K", alloc: newFlat100K, items: few, keep: 25, types: []string{"main.flat100K"}},
	{function: "main.newScan100K", alloc: newScan100K, items: few, keep: 25, types: []string{"main.scan100K"}},
	{function: "main.newMegabyte", alloc: newMegabyte, items: 6, keep: 25, types: []string{"[]uint8"}},

	{function: "main.makeBytes", alloc: makeBytes, items: many, keep: 25, types: []string{"[]uint8"}},
	{function: "main.makeNodes", alloc: makeNodes, items: many, keep: 25, types: []string{"[]*main.node"}},
	{function: "main.makeStrings", alloc: makeStrings, items: some, keep: 25, types: []string{"[]string"}},
	{function: "main.appendInts", alloc: appendInts, items: some, keep: 25, types: []string{"[]int"}, several: true},
	{function: "main.appendNodes", alloc: appendNodes, items: some, keep: 25, types: []string{"[]*main.node"}, several: true},
	{function: "main.newArray", alloc: newArray, items: some, keep: 25, types: []string{"[64]*main.node"}},

	{function: "main.mapSmall", alloc: mapSmall, items: many, keep: 25, types: []string{"map[int]int", "runtime.hmap", "maps.Map"}, several: true},
	{function: "main.mapHint", alloc: mapHint, items: some, keep: 25, types: []string{"map[string]*main.node"}, several: true},
	{function: "main.mapGrown", alloc: mapGrown, items: some, keep: 25, types: []string{"map[string]int", "runtime.hmap", "maps.Map"}, several: true},
	{function: "main.mapBig", alloc: mapBig, items: 12, keep: 40, types: []string{"map[uint64]main.pair", "runtime.hmap", "maps.Map"}, several: true},

	{function: "main.concat", alloc: concat, items: many, keep: 25, types: []string{"string"}},
	{function: "main.bytesToString", alloc: bytesToString, items: many, keep: 25, types: []string{"string"}},
	{function: "main.stringToBytes", alloc: stringToBytes, items: many, keep: 25, types: []string{"[]uint8"}},
	{function: "main.repeat", alloc: repeat, items: some, keep: 25, types: []string{"[]uint8", "string"}},
	{function: "main.buffer", alloc: buffer, items: some, keep: 25, types: []string{"[]uint8", "bytes.Buffer"}, several: true},

	{function: "main.chanInts", alloc: chanInts, items: many, keep: 25, types: []string{"chan int"}},
	{function: "main.chanNodes", alloc: chanNodes, items: some, keep: 25, types: []string{"chan *main.node"}, several: true},
	{function: "main.chanEmpty", alloc: chanEmpty, items: many, keep: 25, types: []string{"chan struct {}"}},

	{function: "main.closure", alloc: closure, items: many, keep: 25, types: []string{"struct { F uintptr; *"}},
	{function: "main.boxStruct", alloc: boxStruct, items: many, keep: 25, types: []string{"main.triple"}},
	{function: "main.boxString", alloc: boxString, items: many, keep: 25, types: []string{"string"}},
	{function: "main.movedToHeap", alloc: movedToHeap, items: many, keep: 25, types: []string{"main.triple"}},
	{function: "main.reflectNew", alloc: reflectNew, items: some, keep: 25, types: []string{"main.reflected"}},
	{function: "main.list", alloc: list, items: some, keep: 25, types: []string{"main.node"}, several: true},

	{function: "main.tinyByte", alloc: tinyByte, items: many, keep: 10, types: []string{"uint8"}, tiny: true},
	{function: "main.tinyEight", alloc: tinyEight, items: many, keep: 25, types: []string{"main.eight"}, tiny: true},
	{function: "main.tinyFifteen", alloc: tinyFifteen, items: many, keep: 25, types: []string{"main.fifteen"}, tiny: true},
	{function: "main.tinyString", alloc: tinyString, items: many, keep: 25, types: []string{"string"}, tiny: true},
	{function: "main.tinyBox", alloc: tinyBox, items: many, keep: 25, types: []string{"uint64"}, tiny: true},
	{function: "main.tinyKeptAlone", alloc: tinyKeptAlone, items: many, keep: 100, types: []string{"main.eight"}, tiny: true, alone: true},
	{function: "main.tinyFourAlone", alloc: tinyFourAlone, items: many, keep: 100, types: []string{"main.four"}, tiny: true, alone: true},
	{function: "main.tinyDroppedAlone", alloc: tinyDroppedAlone, items: many, keep: 0, types: []string{"main.eight"}, tiny: true, alone: true},
}

type (
	pointer struct{ p *int }
	node    struct {
		next, prev *node
		value      [4]int
	}
	pair      struct{ a, b uint64 }
	triple    struct{ a, b, c uint64 }
	flat100   [100]byte
	flat1024  [1024]byte
	flat32768 [32768]byte
	flat33000 [33000]byte
	flat100K  [100 << 10]byte
	scan512   struct {
		p *node
		v [63]uint64
	}
	scan520 struct {
		p *node
		v [64]uint64
	}
	scan1024 struct {
		p *node
		v [127]uint64
	}
	scan32760 struct {
		p *node
		v [4094]uint64
	}
	scan32768 struct {
		v [4095]uint64
		p *node
	}
	scan100K struct {
		p *node
		v [100<<7 - 1]uint64
	}
	reflected struct {
		a uint64
		p *node
		b [3]uint64
	}
	eight   uint64
	four    uint32
	fifteen [15]byte
)

var (
	aNumber int
	aNode   node
	keys    = makeKeys(4096)
	letters = strings.Repeat("gobpfleak ", 500)
	sink    interface{}
)

func makeKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		b := []byte("key-000000-of-the-map")
		for d, v := 9, i; v > 0; d, v = d-1, v/10 {
			b[d] = byte('0' + v%10)
		}
		keys[i] = string(b)
	}
	return keys
}

//go:noinline
func newPointer(n int) unsafe.Pointer { return unsafe.Pointer(&pointer{&aNumber}) }

//go:noinline
func newNode(n int) unsafe.Pointer { return unsafe.Pointer(&node{next: &aNode}) }

//go:noinline
func newPair(n int) unsafe.Pointer { return unsafe.Pointer(&pair{a: uint64(n)}) }

//go:noinline
func newTriple(n int) unsafe.Pointer { return unsafe.Pointer(&triple{a: uint64(n)}) }

//go:noinline
func newFlat100(n int) unsafe.Pointer { return unsafe.Pointer(&flat100{byte(n)}) }

//go:noinline
func newScan512(n int) unsafe.Pointer { return unsafe.Pointer(&scan512{p: &aNode}) }

//go:noinline
func newScan520(n int) unsafe.Pointer { return unsafe.Pointer(&scan520{p: &aNode}) }

//go:noinline
func newFlat1024(n int) unsafe.Pointer { return unsafe.Pointer(new(flat1024)) }

//go:noinline
func newScan1024(n int) unsafe.Pointer { return unsafe.Pointer(&scan1024{p: &aNode}) }

//go:noinline
func newScan32760(n int) unsafe.Pointer { return unsafe.Pointer(new(scan32760)) }

//go:noinline
func newScan32768(n int) unsafe.Pointer { return unsafe.Pointer(new(scan32768)) }

//go:noinline
func newFlat32768(n int) unsafe.Pointer { return unsafe.Pointer(new(flat32768)) }

//go:noinline
func newFlat33000(n int) unsafe.Pointer { return unsafe.Pointer(new(flat33000)) }

//go:noinline
func newFlat100K(n int) unsafe.Pointer { return unsafe.Pointer(new(flat100K)) }

//go:noinline
func newScan100K(n int) unsafe.Pointer { return unsafe.Pointer(new(scan100K)) }

//go:noinline
func newMegabyte(n int) unsafe.Pointer { return firstByte(make([]byte, 1<<20+n)) }

//go:noinline
func makeBytes(n int) unsafe.Pointer { return firstByte(make([]byte, 16+n*37%4000)) }

//go:noinline
func makeNodes(n int) unsafe.Pointer {
	s := make([]*node, 1+n*13%300)
	s[0] = &aNode
	return unsafe.Pointer(&s[0])
}

//go:noinline
func makeStrings(n int) unsafe.Pointer {
	s := make([]string, 1+n%100)
	s[0] = keys[n%len(keys)]
	return unsafe.Pointer(&s[0])
}

//go:noinline
func appendInts(n int) unsafe.Pointer {
	var s []int
	for i := 0; i < 2+n%500; i++ {
		s = append(s, i, i)
	}
	return unsafe.Pointer(&s[0])
}

//go:noinline
func appendNodes(n int) unsafe.Pointer {
	var s []*node
	for i := 0; i < 1+n%500; i++ {
		s = append(s, &aNode)
	}
	return unsafe.Pointer(&s[0])
}

//go:noinline
func newArray(n int) unsafe.Pointer {
	a := new([64]*node)
	a[n%64] = &aNode
	return unsafe.Pointer(a)
}

//go:noinline
func mapSmall(n int) unsafe.Pointer {
	m := map[int]int{n: n}
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

//go:noinline
func mapHint(n int) unsafe.Pointer {
	m := make(map[string]*node, 50)
	for i := 0; i < 50; i++ {
		m[keys[i]] = &aNode
	}
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

//go:noinline
func mapGrown(n int) unsafe.Pointer {
	m := make(map[string]int)
	for i := 0; i < n%200; i++ {
		m[keys[i]] = i
	}
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

//go:noinline
func mapBig(n int) unsafe.Pointer {
	m := make(map[uint64]pair)
	for i := 0; i < 5000; i++ {
		m[uint64(i)*0x9e3779b97f4a7c15] = pair{uint64(i), 0}
	}
	for i := 0; i < 5000; i += 2 {
		delete(m, uint64(i)*0x9e3779b97f4a7c15)
	}
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

//go:noinline
func concat(n int) unsafe.Pointer {
	s := keys[n%len(keys)] + letters[:1+n%100]
	return *(*unsafe.Pointer)(unsafe.Pointer(&s))
}

//go:noinline
func bytesToString(n int) unsafe.Pointer {
	s := string(someBytes[:33+n%900])
	return *(*unsafe.Pointer)(unsafe.Pointer(&s))
}

var someBytes = []byte(letters)

//go:noinline
func stringToBytes(n int) unsafe.Pointer { return firstByte([]byte(letters[:33+n%900])) }

//go:noinline
func repeat(n int) unsafe.Pointer {
	s := strings.Repeat("0123456789", 2+n%50)
	return *(*unsafe.Pointer)(unsafe.Pointer(&s))
}

//go:noinline
func buffer(n int) unsafe.Pointer {
	b := new(bytes.Buffer)
	for i := 0; i < 1+n%40; i++ {
		b.WriteString(letters[:100])
	}
	return unsafe.Pointer(b)
}

//go:noinline
func chanInts(n int) unsafe.Pointer {
	c := make(chan int, 10)
	c <- n
	return *(*unsafe.Pointer)(unsafe.Pointer(&c))
}

//go:noinline
func chanNodes(n int) unsafe.Pointer {
	c := make(chan *node, 10)
	c <- &aNode
	return *(*unsafe.Pointer)(unsafe.Pointer(&c))
}

//go:noinline
func chanEmpty(n int) unsafe.Pointer {
	c := make(chan struct{})
	return *(*unsafe.Pointer)(unsafe.Pointer(&c))
}

//go:noinline
func closure(n int) unsafe.Pointer {
	p := &aNode
	if n < 0 {
		p = nil
	}
	f := func() int { return n + p.value[0] }
	return *(*unsafe.Pointer)(unsafe.Pointer(&f))
}

//go:noinline
func boxStruct(n int) unsafe.Pointer { return boxed(triple{uint64(n), 2, 3}) }

//go:noinline
func boxString(n int) unsafe.Pointer { return boxed(keys[n%len(keys)]) }

// boxed returns the data word of the interface.
//
//go:noinline
func boxed(v interface{}) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1] }

//go:noinline
func movedToHeap(n int) unsafe.Pointer {
	var t triple
	fill(&t, uint64(n))
	return unsafe.Pointer(&t)
}

//go:noinline
func fill(t *triple, v uint64) { t.a = v }

//go:noinline
func reflectNew(n int) unsafe.Pointer {
	return unsafe.Pointer(reflect.New(reflectedType).Pointer())
}

var reflectedType = reflect.TypeOf(reflected{})

//go:noinline
func list(n int) unsafe.Pointer {
	first := &node{}
	last := first
	for i := 0; i < n%20; i++ {
		last.next = &node{prev: last}
		last = last.next
	}
	return unsafe.Pointer(first)
}

//go:noinline
func tinyByte(n int) unsafe.Pointer {
	b := new(byte)
	*b = byte(n)
	return unsafe.Pointer(b)
}

//go:noinline
func tinyEight(n int) unsafe.Pointer { return newEight(n) }

func newEight(n int) unsafe.Pointer {
	e := new(eight)
	*e = eight(n)
	return unsafe.Pointer(e)
}

//go:noinline
func tinyFifteen(n int) unsafe.Pointer { return unsafe.Pointer(&fifteen{byte(n)}) }

//go:noinline
func tinyString(n int) unsafe.Pointer {
	s := string(someBytes[n%100 : n%100+1+n%14])
	if len(s) == 1 {
		return tinyByteOfString(n) // strings of one byte are not allocated
	}
	return *(*unsafe.Pointer)(unsafe.Pointer(&s))
}

//go:noinline
func tinyByteOfString(n int) unsafe.Pointer {
	s := string(someBytes[n%100 : n%100+2])
	return *(*unsafe.Pointer)(unsafe.Pointer(&s))
}

//go:noinline
func tinyBox(n int) unsafe.Pointer { return boxed(n + 1000) } // small values are not allocated

//go:noinline
func tinyKeptAlone(n int) unsafe.Pointer { return newEight(n) }

//go:noinline
func tinyFourAlone(n int) unsafe.Pointer {
	f := new(four)
	*f = four(n)
	return unsafe.Pointer(f)
}

//go:noinline
func tinyDroppedAlone(n int) unsafe.Pointer { return newEight(n) }

func firstByte(b []byte) unsafe.Pointer { return unsafe.Pointer(&b[0]) }
