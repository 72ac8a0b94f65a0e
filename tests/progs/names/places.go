// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"reflect"
	"sort"
	"sync"
)

type body struct {
	p *int
	v [4]uint64
}

type (
	obj1  body
	obj2  body
	obj3  body
	obj4  body
	obj5  body
	obj6  body
	obj7  body
	obj8  body
	obj9  body
	obj10 body
	obj11 body
	obj12 body
	obj13 body
	obj14 body
	obj15 body
	obj16 body
	obj17 body
	obj18 body
	obj19 body
	obj20 body
)

//go:noinline
func plain() { plainLeaf() }

//go:noinline
func plainLeaf() { record(1, &obj1{}) }

//go:noinline
func chain() {
	chainTop()
}

func chainTop() { chainMiddle() }

func chainMiddle() {
	chainLeaf()
}

func chainLeaf() { record(2, &obj2{}) }

type allocator interface{ allocate() }

type inner struct{ n int }

func (i *inner) allocate() { record(i.n, &obj3{}) }

type outer struct {
	name string
	*inner
}

//go:noinline
func promoted() { callAllocate(&outer{inner: &theInner}) }

var theInner = inner{3}

//go:noinline
func callAllocate(a allocator) { a.allocate() }

type valued struct{ n int }

func (v valued) allocate() { record(v.n, &obj4{}) }

var theValue = valued{4}

//go:noinline
func methodValue() { callFunc(theValue.allocate) }

//go:noinline
func callFunc(f func()) { f() }

//go:noinline
func closures() {
	callFunc(func() {
		callFunc(func() { record(5, &obj5{}) })
	})
}

//go:noinline
func deferred() {
	defer func() { record(6, &obj6{}) }()
	for i := 0; i < 2; i++ { // in a loop: not open-coded
		defer callFunc(doNothing)
	}
}

func doNothing() {}

//go:noinline
func deferredInPanic() {
	defer func() { recover() }()
	defer func() { record(7, &obj7{}) }()
	panic("on purpose")
}

//go:noinline
func goLiteral() {
	wait(func(done func()) {
		go func() {
			record(8, &obj8{})
			done()
		}()
	})
}

type worker struct{ done func() }

func (w worker) work() {
	record(9, &obj9{})
	w.done()
}

//go:noinline
func goMethod() {
	wait(func(done func()) { go worker{done}.work() })
}

//go:noinline
func reflected() { reflect.ValueOf(called).Call([]reflect.Value{reflect.ValueOf(10)}) }

func called(n int) { record(n, &obj10{}) }

//go:noinline
func callback() {
	first := true
	sort.Slice(twoInts, func(i, j int) bool {
		if first {
			first = false
			record(11, &obj11{})
		}
		return i < j
	})
}

var twoInts = []int{1, 2}

//go:noinline
func appended() { appendInlined(nil) }

func appendInlined(s []obj12) { record(12, &append(s, obj12{})[0]) }

//go:noinline
func severalLines() {
	record(13, &obj13{
		p: nil,
		v: [4]uint64{
			1,
			number(2),
		},
	})
}

//go:noinline
func number(n uint64) uint64 { return n }

//go:noinline
func once() {
	var o sync.Once
	o.Do(func() { record(14, &obj14{}) })
}

func timer() { after(timerLeaf) }

//go:noinline
func timerLeaf() { record(15, &obj15{}) }

//go:noinline
func recurse(depth int) int {
	if depth == 0 {
		record(16, &obj16{})
		return 0
	}
	return recurse(depth-1) + 1
}

//go:noinline
func recurseDeep(depth int) int {
	if depth == 0 {
		record(17, &obj17{})
		return 0
	}
	return recurseDeep(depth-1) + 1
}

//go:noinline
func grownStack() {
	wait(func(done func()) {
		go func() {
			bigFrame(done)
		}()
	})
}

//go:noinline
func bigFrame(done func()) {
	var big [20000]byte
	for i := range big {
		big[i] = byte(number(uint64(i)))
	}
	record(18, &obj18{v: [4]uint64{uint64(big[number(77)])}})
	done()
}

type factory struct{ n int }

func (f *factory) build(count int) { f.buildInlined(count) }

func (f *factory) buildInlined(count int) { record(f.n, &make([]obj19, count)[0]) }

//go:noinline
func inlinedMethod() { theFactory.build(3) }

var theFactory = factory{19}

//go:noinline
func moved() { movedLeaf(7) }

func movedLeaf(v uint64) { var o obj20; change(&o, v); record(20, &o) }

//go:noinline
func change(o *obj20, v uint64) { o.v[0] = v }
