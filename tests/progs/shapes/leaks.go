// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"container/list"
	"context"
	"math"
	"runtime"
	"strings"
	"sync"
	"time"
)

func init() {
	shapes["map-grows"] = &shape{leaks: true, culprits: []string{"main.register"}, prepare: prepareRegistry, step: growRegistry}
	shapes["slice-append"] = &shape{leaks: true, culprits: []string{"main.record"}, step: growEvents}
	shapes["subslice"] = &shape{leaks: true, culprits: []string{"main.readHeader"}, prepare: func() { growsAlone(4096, 8) }, step: growHeaders}
	shapes["substring"] = &shape{leaks: true, culprits: []string{"main.readLine"}, prepare: func() { growsAlone(2048, 10) }, step: growTokens}
	shapes["timer"] = &shape{leaks: true, culprits: []string{"main.expireLater"}, step: growTimers}
	shapes["context"] = &shape{leaks: true, culprits: []string{"main.newRequest"}, prepare: prepareContext, step: growContexts}
	shapes["slow-subscriber"] = &shape{leaks: true, culprits: []string{"main.publish"}, step: publishAll}
	shapes["finalizer-cycle"] = &shape{leaks: true, culprits: []string{"main.openHandle"}, prepare: func() { growsAlone(144, 40) }, step: openHandles}
	shapes["pool-buffers"] = &shape{leaks: true, culprits: []string{"main.fill"}, prepare: preparePool, step: fillPool}
	shapes["hidden-in-churn"] = &shape{leaks: true, culprits: []string{"main.parse"}, prepare: func() { growsAlone(176, 20) }, step: parseAll}
	shapes["batches"] = &shape{leaks: true, culprits: []string{"main.load"}, step: loadBatches}
	shapes["by-load"] = &shape{leaks: true, culprits: []string{"main.serve"}, step: serveByLoad}
	shapes["rings"] = &shape{leaks: true, culprits: []string{"main.(*ring).push"}, prepare: prepareRings, step: pushRings}
}

// A map that only grows.

type session struct {
	id    int
	owner *session
	state [10]int
}

var (
	registry    map[int]*session
	registered  counter
	lastSession *session
)

func prepareRegistry() {
	registry = map[int]*session{}
	grows(96, 40)
}

func growRegistry(at now) {
	for n := registered.due(40 * at.start); n > 0; n-- {
		register(len(registry))
	}
	ledger.Kept = uint64(len(registry))
}

//go:noinline
func register(id int) {
	lastSession = &session{id: id, owner: lastSession}
	registry[id] = lastSession
}

// A global slice of pointers that is only appended to.

type event struct {
	at   time.Time
	next *event
	data [80]byte
}

var (
	events   []*event
	recorded counter
)

func growEvents(at now) {
	for n := recorded.due(50 * at.start); n > 0; n-- {
		record()
	}
	ledger.Kept = uint64(len(events))
}

//go:noinline
func record() { events = append(events, &event{at: time.Now()}) }

// Some bytes of a large buffer, some of a long string.

var (
	headers [][]byte
	tokens  []string
	read    counter
)

func growHeaders(at now) {
	for n := read.due(8 * at.start); n > 0; n-- {
		headers = append(headers, readHeader())
	}
	ledger.Kept = uint64(len(headers))
}

//go:noinline
func readHeader() []byte { return make([]byte, 4096)[:16] }

func growTokens(at now) {
	for n := read.due(10 * at.start); n > 0; n-- {
		tokens = append(tokens, readLine())
	}
	ledger.Kept = uint64(len(tokens))
}

//go:noinline
func readLine() string { return strings.Repeat("k", 2048)[:8] }

// Timers that are never stopped, for something that is long done.

var expiring counter

func growTimers(at now) {
	for n := expiring.due(30 * at.start); n > 0; n-- {
		expireLater(new(session))
		ledger.Kept++
	}
}

//go:noinline
func expireLater(s *session) { time.AfterFunc(10000*time.Hour, func() { s.id = 0 }) }

// Contexts of requests that are never cancelled, children of one that lives on.

type key struct{}

var (
	server   context.Context
	shutdown context.CancelFunc
	requests counter
)

func prepareContext() { server, shutdown = context.WithCancel(context.Background()) }

func growContexts(at now) {
	for n := requests.due(30 * at.start); n > 0; n-- {
		newRequest()
		ledger.Kept++
	}
}

//go:noinline
func newRequest() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(server)
	return context.WithValue(ctx, key{}, 1), cancel
}

// A subscriber that takes only half of what is published, out of a queue without a bound.

type message struct{ body [240]byte }

var (
	queue            = list.New()
	published, read2 counter
)

func publishAll(at now) {
	for n := published.due(60 * at.start); n > 0; n-- {
		publish()
	}
	for n := read2.due(30 * at.start); n > 0 && queue.Len() > 0; n-- {
		queue.Remove(queue.Front())
		ledger.Dropped++
	}
	ledger.Kept = uint64(queue.Len())
}

//go:noinline
func publish() { queue.PushBack(new(message)) }

// Two that point to each other, one with a finalizer: it never runs.

type handle struct {
	peer *handle
	data [128]byte
}

var opened counter

func openHandles(at now) {
	for n := opened.due(20 * at.start); n > 0; n-- {
		openHandle()
		ledger.Kept += 2
	}
}

//go:noinline
func openHandle() {
	a, b := new(handle), new(handle)
	a.peer, b.peer = b, a
	runtime.SetFinalizer(a, func(h *handle) { h.peer = nil })
}

// Buffers of a pool that are never reset: each gets larger with every use.

const pooled = 64

var (
	pool  sync.Pool
	taken [pooled]*bytes.Buffer
	used  counter
)

func preparePool() {
	pool.New = func() interface{} { return new(bytes.Buffer) }
	for i := range taken {
		b := new(bytes.Buffer)
		b.Write(make([]byte, 500+30*i))
		pool.Put(b)
	}
}

// All are in use at one time, in every tick, so that no two collections find one in the pool.
func fillPool(at now) {
	n := used.due(20 * at.start)
	for i := range taken {
		taken[i] = pool.Get().(*bytes.Buffer)
	}
	kept := 0
	for i, b := range taken {
		fill(b, (5+i%11)*n)
		kept += b.Len()
		pool.Put(b)
		taken[i] = nil
	}
	ledger.Kept = uint64(kept)
}

//go:noinline
func fill(b *bytes.Buffer, n int) {
	for ; n > 0; n-- {
		b.WriteByte('x')
	}
}

// One in fifty of what one line allocates is kept.

type document struct {
	parent *document
	text   [168]byte
}

var (
	documents   []*document
	parsed      counter
	parsedCount int
	lastParsed  *document
)

func parseAll(at now) {
	for n := parsed.due(1000 * at.start); n > 0; n-- {
		lastParsed = parse()
		if parsedCount++; parsedCount%50 == 0 {
			documents = append(documents, lastParsed)
		} else {
			ledger.Dropped++
		}
	}
	ledger.Kept = uint64(len(documents))
}

//go:noinline
func parse() *document { return new(document) }

// A batch every eight seconds, of which nothing goes.

var (
	loaded  []*document
	batches counter
)

func loadBatches(at now) {
	for n := batches.due(at.start / 8); n > 0; n-- {
		for i := 0; i < 200; i++ {
			loaded = append(loaded, load())
		}
	}
	ledger.Kept = uint64(len(loaded))
}

//go:noinline
func load() *document { return new(document) }

// A part of every request is kept, and load comes and goes: 30 a second on average.

var served counter

func serveByLoad(at now) {
	const tide = 25 // seconds
	w := 2 * math.Pi / tide
	for n := served.due(30 * (at.start + (1-math.Cos(w*at.start))/w)); n > 0; n-- {
		loaded = append(loaded, serve())
	}
	ledger.Kept = uint64(len(loaded))
}

//go:noinline
func serve() *document {
	for i := 0; i < 5; i++ {
		lastParsed = new(document)
	}
	return new(document)
}

// Rings that double when they are full, and are never read: one for each of many connections.

type ring struct {
	items []*int
	n     int
	rate  float64
	count counter
}

var (
	rings [300]*ring
	item  = new(int)
)

func prepareRings() {
	for i := range rings {
		rings[i] = &ring{items: make([]*int, 16), rate: 1 + float64(i)/100}
	}
}

func pushRings(at now) {
	kept := 0
	for _, r := range rings {
		for n := r.count.due(r.rate * at.start); n > 0; n-- {
			r.push(item)
		}
		kept += r.n
	}
	ledger.Kept = uint64(kept)
}

//go:noinline
func (r *ring) push(p *int) {
	if r.n == len(r.items) {
		items := make([]*int, 2*len(r.items))
		copy(items, r.items)
		r.items = items
	}
	r.items[r.n] = p
	r.n++
}
