// SPDX-License-Identifier: BSD-2-Clause

// Prod-healthy is a service that keeps what services keep, and no more: sessions for some seconds, a
// cache with a bound, a log of the last requests, buffers in a pool, a queue and its workers.
//
// Commands: "address", where it listens; "ledger", how many sessions, cached pages and lines of the log
// it holds.  As "client ADDRESS RATE" it is the customers.
package main

import (
	"bytes"
	"container/list"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"progs/ctl"
	"progs/traffic"
)

const (
	maxPages  = 500
	maxLines  = 2000
	sessionMs = 3000
)

type session struct {
	customer string
	seen     time.Time
	items    []int
}

type page struct {
	path string
	body []byte
}

type store struct {
	mu       sync.Mutex
	sessions map[string]*session
	pages    map[string]*list.Element
	order    *list.List
	lines    [maxLines]string
	n        int
}

func (s *store) session(customer string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.sessions[customer]
	if v == nil {
		v = &session{customer: customer}
		s.sessions[customer] = v
	}
	v.seen = time.Now()
	v.items = append(v.items, len(v.items))
	return v
}

func (s *store) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for customer, v := range s.sessions {
		if time.Since(v.seen) > sessionMs*time.Millisecond {
			delete(s.sessions, customer)
		}
	}
}

func (s *store) page(path string, render func() []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.pages[path]; e != nil {
		s.order.MoveToFront(e)
		return e.Value.(*page).body
	}
	p := &page{path, render()}
	s.pages[path] = s.order.PushFront(p)
	if s.order.Len() > maxPages {
		last := s.order.Back()
		s.order.Remove(last)
		delete(s.pages, last.Value.(*page).path)
	}
	return p.body
}

func (s *store) log(line string) {
	s.mu.Lock()
	s.lines[s.n%maxLines] = line
	s.n++
	s.mu.Unlock()
}

func (s *store) ledger() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]int{"Sessions": len(s.sessions), "Pages": s.order.Len(), "Lines": s.n}
}

var (
	kept    = &store{sessions: map[string]*session{}, pages: map[string]*list.Element{}, order: list.New()}
	buffers = sync.Pool{New: func() interface{} { return new(bytes.Buffer) }}
	mail    = make(chan *session, 64)
)

func serve(w http.ResponseWriter, r *http.Request) {
	s := kept.session(r.Header.Get("X-Customer"))
	body := kept.page(r.URL.Path, func() []byte { return bytes.Repeat([]byte(r.URL.Path), 400) })
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	json.NewEncoder(b).Encode(map[string]interface{}{"customer": s.customer, "body": string(body)})
	w.Write(b.Bytes())
	buffers.Put(b)
	kept.log(time.Now().Format(time.RFC3339) + " " + r.Method + " " + r.URL.Path)
	mail <- s
}

func main() {
	if traffic.Client(func(address string, n int) {
		traffic.Get(fmt.Sprintf("%s/page/%d", address, n*n%1999), fmt.Sprint("customer-", n/3))
	}) {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	traffic.Check(err)
	for i := 0; i < 8; i++ {
		go func() {
			for s := range mail {
				time.Sleep(time.Duration(len(s.customer)) * 10 * time.Microsecond)
			}
		}()
	}
	go func() {
		for range time.Tick(sessionMs * time.Millisecond / 10) {
			kept.expire()
		}
	}()
	go http.Serve(l, http.HandlerFunc(serve))
	ctl.Loop(map[string]func(int){
		"address": func(int) { ctl.JSON("http://" + l.Addr().String()) },
		"ledger":  func(int) { ctl.JSON(kept.ledger()) },
	})
}
