//go:build go1.18
// +build go1.18

// SPDX-License-Identifier: BSD-2-Clause

// Prod-registry is a service whose middleware keeps a limiter for each customer in a generic registry
// that drops nobody: with customers that come once, it leaks.
//
// Commands: "address", where it listens; "ledger", how many limiters it holds.  As "client ADDRESS
// RATE" it is the customers.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"progs/ctl"
	"progs/traffic"
)

// registry hands out one value for each key.
type registry[K comparable, V any] struct {
	mu     sync.Mutex
	values map[K]*V
	make   func(K) *V
}

func newRegistry[K comparable, V any](make func(K) *V) *registry[K, V] {
	return &registry[K, V]{values: map[K]*V{}, make: make}
}

func (r *registry[K, V]) get(key K) *V {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.values[key]
	if !ok {
		v = r.make(key)
		r.values[key] = v
	}
	return v
}

func (r *registry[K, V]) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.values)
}

type customer struct{ name, plan string }

type limiter struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
	recent [16]time.Time
}

func newLimiter(customer) *limiter { return &limiter{tokens: 10, last: time.Now()} }

func (l *limiter) allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens += now.Sub(l.last).Seconds()
	l.last = now
	copy(l.recent[1:], l.recent[:])
	l.recent[0] = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

func limited(limiters *registry[customer, limiter], next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !limiters.get(customer{r.Header.Get("X-Customer"), "free"}).allow(time.Now()) {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		next.ServeHTTP(w, r)
		w.Header().Set("Server-Timing", fmt.Sprintf("app;dur=%.3f", time.Since(begin).Seconds()*1000))
	})
}

type quote struct {
	Customer string
	Cents    []int
	Notes    map[string]string
}

func price(w http.ResponseWriter, r *http.Request) {
	q := quote{Customer: r.Header.Get("X-Customer"), Notes: map[string]string{"currency": "EUR"}}
	for i := 0; i < 4000; i++ {
		q.Cents = append(q.Cents, i*i%977)
	}
	json.NewEncoder(w).Encode(q)
}

func main() {
	if traffic.Client(func(address string, n int) { traffic.Get(address+"/price", fmt.Sprint("customer-", n)) }) {
		return
	}
	limiters := newRegistry(newLimiter)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	traffic.Check(err)
	go http.Serve(l, timed(limited(limiters, http.HandlerFunc(price))))
	ctl.Loop(map[string]func(int){
		"address": func(int) { ctl.JSON("http://" + l.Addr().String()) },
		"ledger":  func(int) { ctl.JSON(map[string]int{"Kept": limiters.len()}) },
	})
}
