// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

func init() {
	shapes["goroutine-chan"] = &shape{leaks: true, culprits: []string{"main.askBackend"}, step: askBackends}
	shapes["goroutine-mutex"] = &shape{leaks: true, culprits: []string{"main.updateLater"}, prepare: func() { starts(5); stuck.Lock() }, step: updates}
	shapes["goroutine-waitgroup"] = &shape{leaks: true, culprits: []string{"main.gather"}, prepare: func() { starts(5) }, step: gatherAll}
	shapes["goroutine-select"] = &shape{leaks: true, culprits: []string{"main.subscribe"}, prepare: func() { starts(5) }, step: subscribeAll}
	shapes["ticker"] = &shape{leaks: tickersLeak(), culprits: []string{"main.poll"}, prepare: preparePolling, step: pollAll}
	shapes["body"] = &shape{leaks: true, culprits: []string{"main.fetch", "net/http.(*Transport).dialConn"}, prepare: prepareServer, step: fetchAll}
}

var asked counter

// A request that is given up: the answer is sent to nobody.
func askBackends(at now) {
	for n := asked.due(5 * at.start); n > 0; n-- {
		if askBackend() {
			ledger.Dropped++
		} else {
			ledger.Kept++
		}
	}
}

// askBackend: whether the answer came in time, as it does now and then.
//
//go:noinline
func askBackend() bool {
	answer := make(chan []byte)
	go func() { answer <- make([]byte, 600) }()
	select {
	case <-answer:
		return true
	default:
		return false
	}
}

// A mutex that is never unlocked.

var stuck sync.Mutex

func updates(at now) {
	for n := asked.due(5 * at.start); n > 0; n-- {
		updateLater(new(session))
		ledger.Kept++
	}
}

//go:noinline
func updateLater(s *session) {
	go func() {
		stuck.Lock()
		s.id++
		stuck.Unlock()
	}()
}

// Done is called once too rarely.
func gatherAll(at now) {
	for n := asked.due(5 * at.start); n > 0; n-- {
		gather()
		ledger.Kept++
	}
}

//go:noinline
func gather() {
	group := new(sync.WaitGroup)
	group.Add(2)
	go group.Done()
	go func() { group.Wait() }()
}

// Neither of the two ever comes.
func subscribeAll(at now) {
	for n := asked.due(5 * at.start); n > 0; n-- {
		subscribe(make(chan *session), make(chan bool))
		ledger.Kept++
	}
}

//go:noinline
func subscribe(updates chan *session, done chan bool) {
	go func() {
		for {
			select {
			case s := <-updates:
				s.id++
			case <-done:
				return
			}
		}
	}()
}

// Tickers that are not stopped when what they are for has ended.  From Go 1.23 on the collector takes
// them; up to 1.26 not in a program that asks for the old ways, as this one does by its go.mod.

type poller struct {
	ticker *time.Ticker
	state  [200]byte
}

var (
	server2 context.Context
	stopped counter
)

// tickersLeak: the new ones have no buffer that can be seen.
func tickersLeak() bool {
	t := time.NewTicker(time.Hour)
	t.Stop()
	return cap(t.C) > 0
}

func preparePolling() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	server2 = ctx
}

func pollAll(at now) {
	for n := stopped.due(20 * at.start); n > 0; n-- {
		poll(server2)
		ledger.Kept++
	}
}

//go:noinline
func poll(ctx context.Context) {
	p := &poller{ticker: time.NewTicker(time.Hour)}
	select {
	case <-p.ticker.C:
	case <-ctx.Done():
	}
}

// Responses whose bodies are not closed: each keeps its connection, and two goroutines here and one
// in the server.

var url string

func prepareServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	url = "http://" + l.Addr().String() + "/"
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(16<<20))
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done() // the rest of it takes long
	}))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func fetchAll(at now) {
	for n := asked.due(at.start); n > 0; n-- {
		fetch()
		ledger.Kept++
	}
}

//go:noinline
func fetch() {
	response, err := http.Get(url)
	check(err)
	io.ReadFull(response.Body, nil)
}
