// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"container/list"
	"context"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unsafe"
)

type (
	inIntMap struct {
		name string
		n    int
	}
	inSmallMap struct {
		next *inSmallMap
		n    int
	}
	inLargeMap struct {
		name  string
		links [2]*inLargeMap
	}
	inMapKey struct {
		n    int
		link *inMapKey
		name string
	}
	inMapOfMaps struct {
		n    [3]int
		link *inMapOfMaps
	}
	inMapStruct struct{ n, m uint64 }
	account     struct {
		since int64
		who   *inMapStruct
	}
	inPointers struct {
		n    [4]int
		name string
	}
	inStructs struct{ link *inStructs }
	element   struct {
		n    int
		held *inStructs
	}
	elementOfLarge struct {
		n    int
		held *inElement
	}
	inElement struct {
		n, m, o int
		link    *inElement
	}
	inChannel struct {
		name string
		n    [2]int
	}
	inClosure struct {
		n    [5]int
		link *inClosure
	}
	onStack struct {
		n    [2]int
		name string
		link *onStack
	}
	leftOver struct {
		n    [21]int
		link *leftOver
	}
	keeper struct { // so large that Go 1.22 and newer write down the type
		held *leftOver
		n    [70]int
	}
	receiver struct {
		n    [7]int
		link *receiver
	}
	panicking struct {
		n    [17]int
		link *panicking
	}
	deferred struct {
		n    [20]int
		link *deferred
	}
	deferredOnce struct {
		n    [22]int
		link *deferredOnce
	}
	blockedSend struct {
		link *blockedSend
		n    [9]int
	}
	inSyncMap struct {
		name string
		n    [4]int
	}
	inList struct {
		n    [6]int
		link *inList
	}
	session struct {
		user  string
		start int64
	}
	inHeapInterface struct{ name, other string }
	inEmpty         struct {
		n    int
		name string
	}
	inMethods struct {
		n    [8]int
		link *inMethods
	}
	boxed struct {
		n    [3]int
		name string
	}
	inTimer struct {
		n    [10]int
		link *inTimer
	}
	inFinalizer struct {
		name string
		n    [8]int
	}
	finalized struct {
		n    [2]int
		link *finalized
	}
	finalizedAnchor struct{ n [2]int }
	tree            struct {
		left, right *tree
		n           int
	}
	linked struct {
		next *linked
		n    [3]int
	}
	stringKey string
	inPool    struct {
		n    [12]int
		link *inPool
	}
	inPoolToo struct {
		n    [19]int
		link *inPoolToo
	}
	shelf struct {
		further map[int]*shelf
		held    []*inPoolToo
		buffers sync.Pool
	}
	inContext struct {
		n    [11]int
		name string
	}
	contextKey struct{}
	inEmbedded struct {
		n    [4]int
		link *inEmbedded
	}
	base struct {
		count int
		held  *inEmbedded
	}
	derived struct {
		base
		name string
	}
	inArray struct {
		n    [13]int
		link *inArray
	}
	cell struct {
		n    [3]int
		held *inArray
	}
	inLarge struct {
		n    [15]int
		link *inLarge
	}
	large struct {
		held [8]*inLarge
		rest [8000]*inLarge
	}
	job  struct{ done chan error }
	blob struct {
		name string
		data []byte
	}
	inMethodValue struct {
		n    [5]int
		name string
	}
	inField struct {
		n    [14]int
		link *inField
	}
	owner struct {
		n      int
		fields [64]*inField
	}
	service struct {
		name     string
		sessions map[int]*session
	}
	counter interface{ count() int }
)

func (m *inMethods) count() int     { return m.n[0] }
func (m *inMethodValue) value() int { return m.n[0] }
func (c *inClosure) value() int     { return c.n[0] }

//go:noinline
func (r *receiver) wait() {
	ready <- true
	<-never
	runtime.KeepAlive(r)
}

var (
	byInt       = map[int]*inIntMap{}
	byName      = map[string]*inSmallMap{}
	byLargeName = map[string]*inLargeMap{}
	byPointer   = map[*inMapKey]bool{}
	nested      = map[int]map[int]*inMapOfMaps{}
	accounts    = map[int]account{}
	pointers    []*inPointers
	structs     []element
	arrays      [][]elementOfLarge
	queue       = make(chan *inChannel, 250)
	closures    []func() int
	methods     []func() int
	hand        = make(chan *onStack)
	handTo      = make(chan *receiver)
	handLeft    = make(chan *leftOver)
	handSender  = make(chan *blockedSend)
	handPanic   = make(chan *panicking)
	handDefer   = make(chan *deferred)
	handOnce    = make(chan *deferredOnce)
	full        = make(chan *blockedSend)
	jobs        []*job
	ready       = make(chan bool)
	shared      sync.Map
	items       = list.New()
	theOwner    owner
	theService  = newService()
	anInterface interface{}
	anything    []interface{}
	counters    []counter
	boxes       []interface{}
	withFinals  []*finalized
	anchors     []*finalizedAnchor
	root        *tree
	first       *linked
	words       = map[stringKey]int{}
	pool        sync.Pool
	shelves     = map[int]*shelf{}
	contexts    []context.Context
	deriveds    []*derived
	cells       []*[32]cell
	larges      []*large
	blobs       []*blob
)

//go:noinline
func newIntMap(n int) unsafe.Pointer { return unsafe.Pointer(&inIntMap{name: "x", n: n}) }

//go:noinline
func newSmallMap(n int) unsafe.Pointer { return unsafe.Pointer(&inSmallMap{n: n}) }

//go:noinline
func newLargeMap(n int) unsafe.Pointer { return unsafe.Pointer(&inLargeMap{name: "x"}) }

//go:noinline
func newMapKey(n int) unsafe.Pointer { return unsafe.Pointer(&inMapKey{n: n}) }

//go:noinline
func newMapOfMaps(n int) unsafe.Pointer { return unsafe.Pointer(&inMapOfMaps{n: [3]int{n}}) }

//go:noinline
func newMapStruct(n int) unsafe.Pointer { return unsafe.Pointer(&inMapStruct{n: uint64(n)}) }

//go:noinline
func newPointers(n int) unsafe.Pointer { return unsafe.Pointer(&inPointers{name: "x"}) }

//go:noinline
func newStructs(n int) unsafe.Pointer { return unsafe.Pointer(&inStructs{}) }

//go:noinline
func newElements(n int) unsafe.Pointer { return unsafe.Pointer(&inElement{n: n}) }

//go:noinline
func newChannel(n int) unsafe.Pointer { return unsafe.Pointer(&inChannel{name: "x"}) }

//go:noinline
func newClosure(n int) unsafe.Pointer { return unsafe.Pointer(&inClosure{n: [5]int{n}}) }

//go:noinline
func newMethodValue(n int) unsafe.Pointer { return unsafe.Pointer(&inMethodValue{name: "x"}) }

//go:noinline
func newOnStack(n int) unsafe.Pointer { return unsafe.Pointer(&onStack{name: "x"}) }

//go:noinline
func newReceiver(n int) unsafe.Pointer { return unsafe.Pointer(&receiver{n: [7]int{n}}) }

//go:noinline
func newLeftOver(n int) unsafe.Pointer { return unsafe.Pointer(&leftOver{n: [21]int{n}}) }

//go:noinline
func newPanicking(n int) unsafe.Pointer { return unsafe.Pointer(&panicking{n: [17]int{n}}) }

//go:noinline
func newDeferredOnce(n int) unsafe.Pointer { return unsafe.Pointer(&deferredOnce{n: [22]int{n}}) }

//go:noinline
func newDeferred(n int) unsafe.Pointer    { return unsafe.Pointer(&deferred{n: [20]int{n}}) }
func newBlockedSend(n int) unsafe.Pointer { return unsafe.Pointer(&blockedSend{n: [9]int{n}}) }

//go:noinline
func newSyncMap(n int) unsafe.Pointer { return unsafe.Pointer(&inSyncMap{name: "x"}) }

//go:noinline
func newList(n int) unsafe.Pointer { return unsafe.Pointer(&inList{n: [6]int{n}}) }

//go:noinline
func newField(n int) unsafe.Pointer { return unsafe.Pointer(&inField{n: [14]int{n}}) }

// newService: a package variable that is set before the program runs lies in its data, not in the heap.
//
//go:noinline
func newService() *service { return &service{name: "service", sessions: map[int]*session{}} }

//go:noinline
func newSession(n int) unsafe.Pointer { return unsafe.Pointer(&session{user: "x"}) }

//go:noinline
func newInterface(n int) unsafe.Pointer { return unsafe.Pointer(&inHeapInterface{name: "x"}) }

//go:noinline
func newEmpty(n int) unsafe.Pointer { return unsafe.Pointer(&inEmpty{n: n}) }

//go:noinline
func newMethods(n int) unsafe.Pointer { return unsafe.Pointer(&inMethods{n: [8]int{n}}) }

//go:noinline
func newBoxed(n int) unsafe.Pointer { return box(boxed{n: [3]int{n}}) }

//go:noinline
func newTimer(n int) unsafe.Pointer { return unsafe.Pointer(&inTimer{n: [10]int{n}}) }

//go:noinline
func newInFinalizer(n int) unsafe.Pointer { return unsafe.Pointer(&inFinalizer{name: "x"}) }

//go:noinline
func newFinalized(n int) unsafe.Pointer { return unsafe.Pointer(&finalized{n: [2]int{n}}) }

//go:noinline
func newTree(n int) unsafe.Pointer { return unsafe.Pointer(&tree{n: n}) }

//go:noinline
func newLinked(n int) unsafe.Pointer { return unsafe.Pointer(&linked{n: [3]int{n}}) }

//go:noinline
func newWord(n int) unsafe.Pointer { return word([]byte(name(n+1000000) + " is a key of a map")) }

//go:noinline
func newPooled(n int) unsafe.Pointer { return unsafe.Pointer(&inPool{n: [12]int{n}}) }

//go:noinline
func newPooledToo(n int) unsafe.Pointer { return unsafe.Pointer(&inPoolToo{n: [19]int{n}}) }

//go:noinline
func newInContext(n int) unsafe.Pointer { return unsafe.Pointer(&inContext{name: "x"}) }

//go:noinline
func newEmbedded(n int) unsafe.Pointer { return unsafe.Pointer(&inEmbedded{n: [4]int{n}}) }

//go:noinline
func newArray(n int) unsafe.Pointer { return unsafe.Pointer(&inArray{n: [13]int{n}}) }

//go:noinline
func newInLarge(n int) unsafe.Pointer { return unsafe.Pointer(&inLarge{n: [15]int{n}}) }

//go:noinline
func newLarge(n int) unsafe.Pointer { return unsafe.Pointer(&large{}) }

//go:noinline
func newWaited(n int) unsafe.Pointer {
	c := make(chan error)
	return *(*unsafe.Pointer)(unsafe.Pointer(&c))
}

//go:noinline
func newBytes(n int) unsafe.Pointer { return unsafe.Pointer(&make([]byte, 4096)[0]) }

//go:noinline
func newBlob(n int) unsafe.Pointer { return unsafe.Pointer(&blob{name: "x"}) }

// box returns the data word of the interface.
func box(v interface{}) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1] }

// word returns the bytes of a string.
func word(b []byte) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&b)) }

func name(n int) string { return "name-" + strconv.Itoa(n) }

func init() {
	rows = append(rows, inMaps()...)
	rows = append(rows, inSlices()...)
	rows = append(rows, inFunctions()...)
	rows = append(rows, onStacks()...)
	rows = append(rows, inLibraries()...)
	rows = append(rows, inStructures()...)
	rows = append(rows, inFields()...)
	rows = append(rows, inInterfaces()...)
}

func inMaps() []row {
	return []row{
		{what: "map with integer keys", of: (*inIntMap)(nil), alloc: newIntMap, objects: 1000,
			keep:    func(n int, p unsafe.Pointer) { byInt[n] = (*inIntMap)(p) },
			holders: []string{"map[int]*main.inIntMap"}, variable: "main.byInt"},
		{what: "small map", of: (*inSmallMap)(nil), alloc: newSmallMap, objects: 5,
			keep:    func(n int, p unsafe.Pointer) { byName[name(n)] = (*inSmallMap)(p) },
			holders: []string{"map[string]*main.inSmallMap"}, variable: "main.byName"},
		{what: "large map", of: (*inLargeMap)(nil), alloc: newLargeMap, objects: 20000,
			keep:    func(n int, p unsafe.Pointer) { byLargeName[name(n)] = (*inLargeMap)(p) },
			holders: []string{"map[string]*main.inLargeMap"}, variable: "main.byLargeName"},
		{what: "map key", of: (*inMapKey)(nil), alloc: newMapKey, objects: 300,
			keep:    func(n int, p unsafe.Pointer) { byPointer[(*inMapKey)(p)] = true },
			holders: []string{"map[*main.inMapKey]bool"}, variable: "main.byPointer"},
		{what: "map of maps", of: (*inMapOfMaps)(nil), alloc: newMapOfMaps, objects: 600, keep: keepNested,
			holders:  []string{"map[int]*main.inMapOfMaps", "map[int]map[int]*main.inMapOfMaps"},
			variable: "main.nested"},
		{what: "struct in a map", of: (*inMapStruct)(nil), alloc: newMapStruct, objects: 200,
			keep:    func(n int, p unsafe.Pointer) { accounts[n] = account{who: (*inMapStruct)(p)} },
			holders: []string{"map[int]main.account"}, variable: "main.accounts"},
		{what: "string keys", of: (*string)(nil), named: "string", alloc: newWord, objects: 900, others: true, keep: keepWord,
			holders: []string{"map[main.stringKey]int"}, variable: "main.words"},
	}
}

func keepNested(n int, p unsafe.Pointer) {
	if nested[n%20] == nil {
		nested[n%20] = map[int]*inMapOfMaps{}
	}
	nested[n%20][n] = (*inMapOfMaps)(p)
}

func keepWord(n int, p unsafe.Pointer) {
	var key stringKey
	*(*[2]uintptr)(unsafe.Pointer(&key)) = [2]uintptr{0, uintptr(len("name-1000000 is a key of a map"))}
	*(*unsafe.Pointer)(unsafe.Pointer(&key)) = p
	words[key] = n
}

func inSlices() []row {
	return []row{
		{what: "slice of pointers", of: (*inPointers)(nil), alloc: newPointers, objects: 700,
			keep:    func(n int, p unsafe.Pointer) { pointers = append(pointers, (*inPointers)(p)) },
			holders: []string{"[]*main.inPointers"}, variable: "main.pointers"},
		{what: "slice of structs", of: (*inStructs)(nil), alloc: newStructs, objects: 400,
			keep:    func(n int, p unsafe.Pointer) { structs = append(structs, element{n, (*inStructs)(p)}) },
			holders: []string{"main.element"}, variable: "main.structs"},
		{what: "slice of slices", of: (*inElement)(nil), alloc: newElements, objects: 30,
			keep: func(n int, p unsafe.Pointer) {
				s := make([]elementOfLarge, 40)
				s[n].held = (*inElement)(p)
				arrays = append(arrays, s)
			},
			holders: []string{"main.elementOfLarge"}, variable: "main.arrays"},
		{what: "array of structs", of: (*inArray)(nil), alloc: newArray, objects: 32 * 9, keep: keepCell,
			holders: []string{"main.cell"}, variable: "main.cells"},
		{what: "channel buffer", of: (*inChannel)(nil), alloc: newChannel, objects: 250,
			keep:    func(n int, p unsafe.Pointer) { queue <- (*inChannel)(p) },
			holders: []string{"chan *main.inChannel"}, variable: "main.queue"},
	}
}

func keepCell(n int, p unsafe.Pointer) {
	if n%32 == 0 {
		cells = append(cells, new([32]cell))
	}
	cells[n/32][n%32].held = (*inArray)(p)
}

func inFunctions() []row {
	return []row{
		{what: "closure", of: (*inClosure)(nil), alloc: newClosure, objects: 150, keep: keepClosure,
			holders: []string{"func"}, variable: "main.closures"},
		{what: "method value", of: (*inMethodValue)(nil), alloc: newMethodValue, objects: 35,
			keep:    func(n int, p unsafe.Pointer) { methods = append(methods, (*inMethodValue)(p).value) },
			holders: []string{"func"}, variable: "main.methods"},
		{what: "timer", of: (*inTimer)(nil), alloc: newTimer, objects: 60, keep: keepTimer, holders: []string{"imer"}},
		{what: "finalizer", of: (*inFinalizer)(nil), alloc: newInFinalizer, objects: 45, keep: keepFinalizer,
			holders: []string{"finalizer"}},
		{what: "with a finalizer", of: (*finalized)(nil), alloc: newFinalized, objects: 55,
			keep: func(n int, p unsafe.Pointer) {
				runtime.SetFinalizer((*finalized)(p), func(*finalized) {})
				withFinals = append(withFinals, (*finalized)(p))
			},
			holders: []string{"[]*main.finalized"}, variable: "main.withFinals"},
	}
}

func keepClosure(n int, p unsafe.Pointer) {
	c := (*inClosure)(p)
	closures = append(closures, func() int { return c.n[0] + n })
}

// keepTimer: nobody but the runtime's heap of timers holds the ticker, which from Go 1.23 on is not enough.
func keepTimer(n int, p unsafe.Pointer) {
	t := (*inTimer)(p)
	if runtime.Version() < "go1.23" {
		time.NewTicker(1000 * time.Hour)
	}
	time.AfterFunc(1000*time.Hour, func() { t.n[1]++ })
}

// keepFinalizer: what the function of a finalizer holds lives as long as the object that it is set for.
func keepFinalizer(n int, p unsafe.Pointer) {
	held := (*inFinalizer)(p)
	object := &finalizedAnchor{}
	anchors = append(anchors, object)
	runtime.SetFinalizer(object, func(*finalizedAnchor) { held.n[0]++ })
}

func onStacks() []row {
	return []row{
		{what: "goroutine's local variable", of: (*onStack)(nil), alloc: newOnStack, objects: 40,
			keep:     func(n int, p unsafe.Pointer) { go holdOnStack(); hand <- (*onStack)(p); <-ready },
			function: "main.holdOnStack"},
		{what: "receiver on a stack", of: (*receiver)(nil), alloc: newReceiver, objects: 50,
			keep:     func(n int, p unsafe.Pointer) { go holdReceiver(); handTo <- (*receiver)(p); <-ready },
			function: "main.(*receiver).wait"},
		{what: "blocked sender", of: (*blockedSend)(nil), alloc: newBlockedSend, objects: 25,
			keep:     func(n int, p unsafe.Pointer) { go holdSender(); handSender <- (*blockedSend)(p); <-ready },
			function: "main.holdSender"},
		{what: "panic that waits", of: (*panicking)(nil), alloc: newPanicking, objects: 20,
			keep:     func(n int, p unsafe.Pointer) { go holdPanic(); handPanic <- (*panicking)(p); <-ready },
			function: "main.holdPanic"},
		{what: "call that is deferred", of: (*deferred)(nil), alloc: newDeferred, objects: 30,
			keep:     func(n int, p unsafe.Pointer) { go holdDeferred(); handDefer <- (*deferred)(p); <-ready },
			function: "main.holdDeferred"},
		{what: "call that is deferred once", of: (*deferredOnce)(nil), alloc: newDeferredOnce, objects: 15,
			keep:     func(n int, p unsafe.Pointer) { go holdOnce(0); handOnce <- (*deferredOnce)(p); <-ready },
			function: "main.holdOnce"},
		{what: "left over on another stack", of: (*leftOver)(nil), alloc: newLeftOver, objects: 65,
			keep: func(n int, p unsafe.Pointer) {
				go holdInKeeper()
				handLeft <- (*leftOver)(p)
				<-ready
				go passOver()
				handLeft <- (*leftOver)(p)
				<-ready
				<-ready
			},
			holders: []string{"main.keeper.held"}, function: "main.holdInKeeper"},
	}
}

func holdOnStack() {
	p := <-hand
	ready <- true
	<-never
	runtime.KeepAlive(p)
}

// holdPanic: only the runtime's own frame has what the panic is for.
func holdPanic() {
	defer func() { ready <- true; <-never }()
	panic(takePanic())
}

//go:noinline
func takePanic() *panicking { return <-handPanic }

// holdDeferred: what is deferred in a loop has its record in the heap.
func holdDeferred() {
	for n := 0; n < 1; n++ {
		defer newDeferral()()
	}
	ready <- true
	<-never
}

// holdOnce: beside one that is deferred in a loop, the record of what is deferred once lies on the stack.
func holdOnce(n int) {
	for i := 0; i < n; i++ {
		defer close(never)
	}
	defer newDeferralOnce()()
	ready <- true
	<-never
}

//go:noinline
func newDeferralOnce() func() {
	p := <-handOnce
	return func() { p.n[0]++ }
}

//go:noinline
func newDeferral() func() {
	p := <-handDefer
	return func() { p.n[0]++ }
}

func holdInKeeper() {
	k := newKeeper()
	ready <- true
	<-never
	runtime.KeepAlive(k)
}

//go:noinline
func newKeeper() *keeper { return &keeper{held: <-handLeft} }

func passOver() { waitWithout(takeLeft()) }

//go:noinline
func takeLeft() *leftOver { return <-handLeft }

// waitWithout has the pointer in its frame, and no need of it any more.
//
//go:noinline
func waitWithout(p *leftOver) {
	ready <- true
	p.n[0]++
	ready <- true
	<-never
}

func holdReceiver() { (<-handTo).wait() }

func holdSender() {
	p := <-handSender
	ready <- true
	full <- p
}

func inLibraries() []row {
	return []row{
		{what: "sync.Map", of: (*inSyncMap)(nil), alloc: newSyncMap, objects: 6000,
			keep:     func(n int, p unsafe.Pointer) { shared.Store(n, (*inSyncMap)(p)) },
			variable: "main.shared"},
		{what: "container/list", of: (*inList)(nil), alloc: newList, objects: 220,
			keep:    func(n int, p unsafe.Pointer) { items.PushBack((*inList)(p)) },
			holders: []string{"list.Element.Value"}, variable: "main.items"},
		{what: "sync.Pool", of: (*inPool)(nil), alloc: newPooled, objects: 16, late: true,
			keep:    func(n int, p unsafe.Pointer) { pool.Put((*inPool)(p)) },
			holders: []string{"sync.pool"}},
		{what: "left over in a sync.Pool", of: (*inPoolToo)(nil), alloc: newPooledToo, objects: 48, late: true,
			keep: keepOnShelf, holders: []string{"main.shelf.held", "map[int]*main.shelf"}, variable: "main.shelves"},
		{what: "context value", of: (*inContext)(nil), alloc: newInContext, objects: 80,
			keep: func(n int, p unsafe.Pointer) {
				contexts = append(contexts, context.WithValue(context.Background(), contextKey{}, (*inContext)(p)))
			},
			holders: []string{"context.valueCtx.val"}, variable: "main.contexts"},
	}
}

// keepOnShelf: it is in use far from the variable, and a buffer in a pool has had it, too; the library has a list of all
// pools, and so a shorter way to the shelf.
func keepOnShelf(n int, p unsafe.Pointer) {
	const far = 5
	at := shelves
	for k := 0; k < far; k++ {
		if at[k] == nil {
			at[k] = &shelf{further: map[int]*shelf{}}
		}
		at = at[k].further
	}
	if at[far] == nil {
		at[far] = &shelf{}
	}
	last := at[far]
	last.held = append(last.held, (*inPoolToo)(p))
	buffer := append(make([]*inPoolToo, 0, 8), (*inPoolToo)(p))[:0]
	last.buffers.Put(&buffer)
}

func inFields() []row {
	return []row{
		{what: "field of a package variable", of: (*inField)(nil), alloc: newField, objects: 64,
			keep:     func(n int, p unsafe.Pointer) { theOwner.fields[n] = (*inField)(p) },
			variable: "main.theOwner"},
		{what: "map in a field", of: (*session)(nil), alloc: newSession, objects: 350,
			keep:    func(n int, p unsafe.Pointer) { theService.sessions[n] = (*session)(p) },
			holders: []string{"map[int]*main.session", "main.service.sessions"}, variable: "main.theService"},
		{what: "embedded struct", of: (*inEmbedded)(nil), alloc: newEmbedded, objects: 75,
			keep: func(n int, p unsafe.Pointer) {
				deriveds = append(deriveds, &derived{base: base{held: (*inEmbedded)(p)}})
			},
			holders: []string{"main.derived.base.held"}, variable: "main.deriveds"},
		{what: "field of a large object", of: (*inLarge)(nil), alloc: newInLarge, objects: 8 * 6,
			keep:    func(n int, p unsafe.Pointer) { larges[n/8].held[n%8] = (*inLarge)(p) },
			holders: []string{"main.large.held"}, variable: "main.larges"},
		{what: "bytes in a field", of: (*byte)(nil), named: "[]uint8", alloc: newBytes, objects: 45, others: true,
			keep:    func(n int, p unsafe.Pointer) { blobs[n].data = (*[4096]byte)(p)[:] },
			holders: []string{"main.blob.data"}, variable: "main.blobs"},
		{what: "channel without a buffer", of: (*byte)(nil), named: "chan error", alloc: newWaited, objects: 85, others: true,
			keep:    func(n int, p unsafe.Pointer) { jobs = append(jobs, &job{done: *(*chan error)(unsafe.Pointer(&p))}) },
			holders: []string{"main.job.done"}, variable: "main.jobs"},
	}
}

func inInterfaces() []row {
	return []row{
		{what: "interface variable", of: (*inHeapInterface)(nil), alloc: newInterface, objects: 1,
			keep:     func(n int, p unsafe.Pointer) { anInterface = (*inHeapInterface)(p) },
			variable: "main.anInterface"},
		{what: "slice of empty interfaces", of: (*inEmpty)(nil), alloc: newEmpty, objects: 130,
			keep:     func(n int, p unsafe.Pointer) { anything = append(anything, (*inEmpty)(p)) },
			variable: "main.anything"},
		{what: "slice of interfaces", of: (*inMethods)(nil), alloc: newMethods, objects: 140,
			keep:    func(n int, p unsafe.Pointer) { counters = append(counters, (*inMethods)(p)) },
			holders: []string{"[]main.counter"}, variable: "main.counters"},
		{what: "value in an interface", of: (*boxed)(nil), alloc: newBoxed, objects: 110,
			keep: func(n int, p unsafe.Pointer) {
				v := interface{}(boxed{})
				(*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1] = p
				boxes = append(boxes, v)
			},
			variable: "main.boxes"},
	}
}

func inStructures() []row {
	return []row{
		{what: "large objects", of: (*large)(nil), alloc: newLarge, objects: 6,
			keep:    func(n int, p unsafe.Pointer) { larges = append(larges, (*large)(p)) },
			holders: []string{"[]*main.large"}, variable: "main.larges"},
		{what: "holder of bytes", of: (*blob)(nil), alloc: newBlob, objects: 45,
			keep:    func(n int, p unsafe.Pointer) { blobs = append(blobs, (*blob)(p)) },
			holders: []string{"[]*main.blob"}, variable: "main.blobs"},
		{what: "binary tree", of: (*tree)(nil), alloc: newTree, objects: 1023, keep: keepTree,
			holders: []string{"main.tree."}, variable: "main.root", direct: true},
		{what: "linked list", of: (*linked)(nil), alloc: newLinked, objects: 500,
			keep: func(n int, p unsafe.Pointer) {
				(*linked)(p).next = first
				first = (*linked)(p)
			},
			holders: []string{"main.linked.next ..."}, variable: "main.first", direct: true},
	}
}

// keepTree puts node n where it is in a heap, in the other sense of the word.
func keepTree(n int, p unsafe.Pointer) {
	at := &root
	n++
	bit := 1
	for bit<<1 <= n {
		bit <<= 1
	}
	for bit >>= 1; bit > 0; bit >>= 1 {
		if n&bit == 0 {
			at = &(*at).left
		} else {
			at = &(*at).right
		}
	}
	*at = (*tree)(p)
}
