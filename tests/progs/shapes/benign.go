// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"container/list"
	"io"
	"io/ioutil"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

func init() {
	shapes["lru-fills"] = &shape{prepare: func() { cache.cap = 3000 }, step: fillLRU}
	shapes["lru-full"] = &shape{prepare: prepareLRU, step: turnLRU}
	shapes["ttl-cache"] = &shape{step: keepForAMinute}
	shapes["warm-up"] = &shape{step: warmUp}
	shapes["workers"] = &shape{prepare: prepareWorkers, step: giveWork}
	shapes["keep-alive"] = &shape{prepare: prepareClients, step: addClients}
	shapes["sawtooth"] = &shape{step: sawtooth}
	shapes["batch-return"] = &shape{step: batchReturn}
	shapes["config"] = &shape{step: configure}
	shapes["cleared-map"] = &shape{step: fillAndClear}
	shapes["churning-map"] = &shape{prepare: prepareChurn, step: churnMap}
	shapes["time-after"] = &shape{step: waitShortly}
	shapes["big-gogc"] = &shape{prepare: func() { debug.SetGCPercent(800); prepareWorkingSet() }, step: turnWorkingSet}
	shapes["memory-log"] = &shape{prepare: prepareLog, step: writeLog}
	shapes["idle"] = &shape{prepare: prepareWorkingSet}
}

// A cache that drops what was not used for longest when it is full.

type entry struct {
	key   int
	value [100]byte
}

type lru struct {
	cap   int
	order *list.List
	byKey map[int]*list.Element
}

var (
	cache = lru{order: list.New(), byKey: map[int]*list.Element{}}
	puts  counter
	next  int
)

//go:noinline
func (c *lru) put(key int) {
	c.byKey[key] = c.order.PushFront(&entry{key: key})
	if c.order.Len() > c.cap {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.byKey, last.Value.(*entry).key)
		ledger.Dropped++
	}
	ledger.Kept = uint64(c.order.Len())
}

// fillLRU has its 3000 entries 50 seconds after the attach.
func fillLRU(at now) {
	for n := puts.due(60 * at.attached); n > 0; n-- {
		cache.put(next)
		next++
	}
}

func prepareLRU() {
	cache.cap = 300000
	for ; next < cache.cap; next++ {
		cache.put(next)
	}
}

// turnLRU replaces all of it in ten minutes.
func turnLRU(at now) {
	for n := puts.due(500 * at.start); n > 0; n-- {
		cache.put(next)
		next++
	}
}

// What is dropped in the order in which it came, after its time.

type timed struct {
	until float64
	value [200]byte
}

var timeline = list.New()

//go:noinline
func remember(until float64) { timeline.PushBack(&timed{until: until}) }

func expire(at now) {
	for e := timeline.Front(); e != nil && e.Value.(*timed).until < at.start; e = timeline.Front() {
		timeline.Remove(e)
		ledger.Dropped++
	}
	ledger.Kept = uint64(timeline.Len())
}

func keepForAMinute(at now) {
	for n := puts.due(50 * at.start); n > 0; n-- {
		remember(at.start + 60)
	}
	expire(at)
}

// warmUp: 2000 things are needed for the first time, ever more rarely.
func warmUp(at now) {
	for n := puts.due(2000 * (1 - math.Exp(-at.attached/12))); n > 0; n-- {
		remember(math.Inf(1))
	}
	expire(at)
}

// sawtooth: load rises for 40 seconds and falls back.
func sawtooth(at now) {
	period, t := math.Modf(at.start / 40)
	for n := puts.due((period + t*t) * 1000); n > 0; n-- {
		remember(at.start + 2 + float64(random(8)))
	}
	for e := timeline.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*timed).until < at.start {
			timeline.Remove(e)
			ledger.Dropped++
		}
		e = next
	}
	ledger.Kept = uint64(timeline.Len())
}

// batchReturn: every 20 seconds something large, for 10.
func batchReturn(at now) {
	for n := puts.due(at.start / 20); n > 0; n-- {
		for i := 0; i < 20000; i++ {
			remember(at.start + 10)
		}
	}
	expire(at)
}

// configure: once, ten seconds after the attach.
func configure(at now) {
	if at.attached < 10 {
		return
	}
	for n := puts.due(3000); n > 0; n-- {
		remember(math.Inf(1))
	}
	expire(at)
}

// A map of what was seen, cleared every 40 seconds.

var seen = map[int]*session{}

func fillAndClear(at now) {
	if period := int(at.start / 40); period != next {
		next = period
		ledger.Dropped += uint64(len(seen))
		seen = map[int]*session{}
	}
	for n := puts.due(60 * at.start); n > 0; n-- {
		see(random(1 << 30))
	}
	ledger.Kept = uint64(len(seen))
}

//go:noinline
func see(id int) { seen[id] = &session{id: id} }

// A map of always as many entries, whose keys change: its overflow buckets grow for a while.

const churning = 20000

var ids [churning]int

func prepareChurn() {
	for i := range ids {
		ids[i] = random(1 << 30)
		see(ids[i])
	}
}

func churnMap(at now) {
	for n := puts.due(2000 * at.start); n > 0; n-- {
		i := random(churning)
		delete(seen, ids[i])
		ids[i] = random(1 << 30)
		see(ids[i])
		ledger.Dropped++
	}
	ledger.Kept = uint64(len(seen))
}

// As many workers as there were at the start, and what they work on.

var work = make(chan *timed, 100)

func prepareWorkers() {
	for i := 0; i < 100; i++ {
		go worker()
	}
}

//go:noinline
func worker() {
	for w := range work {
		w.value[0]++
	}
}

func giveWork(at now) {
	for n := puts.due(500 * at.start); n > 0; n-- {
		work <- new(timed)
		ledger.Dropped++
	}
}

// Clients whose connections stay open, idle between requests; some come late.

var (
	clients  []*http.Client
	address  string
	asking   counter
	nextTurn int
)

func prepareClients() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	address = "http://" + l.Addr().String() + "/"
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
	for i := 0; i < 60; i++ {
		clients = append(clients, &http.Client{Transport: &http.Transport{}})
		ask(clients[i])
	}
}

// addClients: twenty more within 20 seconds of the attach; all of them ask in turn.
func addClients(at now) {
	for n := puts.due(math.Min(at.attached, 20)); n > 0; n-- {
		clients = append(clients, &http.Client{Transport: &http.Transport{}})
		ask(clients[len(clients)-1])
	}
	for n := asking.due(30 * at.start); n > 0; n-- {
		nextTurn++
		ask(clients[nextTurn%len(clients)])
	}
	ledger.Kept = uint64(len(clients))
}

//go:noinline
func ask(c *http.Client) {
	r, err := c.Get(address)
	check(err)
	io.Copy(ioutil.Discard, r.Body)
	r.Body.Close()
}

// Waits with a limit of 30 seconds that all end long before: the timers stay that long before Go 1.23.
func waitShortly(at now) {
	for n := puts.due(30 * at.start); n > 0; n-- {
		waitFor(done)
		ledger.Dropped++
	}
}

var done = closed()

func closed() chan bool {
	c := make(chan bool)
	close(c)
	return c
}

//go:noinline
func waitFor(c chan bool) {
	select {
	case <-c:
	case <-time.After(duration(30)):
	}
}

// Twenty thousand objects that live for some time.

var workingSet [20000]*timed

func prepareWorkingSet() {
	for i := range workingSet {
		workingSet[i] = renew()
	}
}

//go:noinline
func renew() *timed { return new(timed) }

func turnWorkingSet(at now) {
	for n := puts.due(1000 * at.start); n > 0; n-- {
		workingSet[random(len(workingSet))] = renew()
		ledger.Dropped++
	}
	ledger.Kept = uint64(len(workingSet))
}

// A log in memory, of a fixed number of lines; full before the attach, and turned over in five
// minutes.

var (
	lines    [20000][]byte
	nextLine int
)

//go:noinline
func write() {
	lines[nextLine%len(lines)] = make([]byte, 200+nextLine*37%300)
	nextLine++
}

func prepareLog() {
	for range lines {
		write()
	}
}

func writeLog(at now) {
	for n := puts.due(60 * at.start); n > 0; n-- {
		write()
		ledger.Dropped++
	}
	ledger.Kept = uint64(len(lines))
}
