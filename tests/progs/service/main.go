// SPDX-License-Identifier: BSD-2-Clause

// Service is an HTTP and JSON service as production has them, on the standard library alone: it decodes an
// order, keeps the last of each customer, prices its items and answers an invoice.
//
// It prints its address, and ends when stdin does.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"sort"
	"strings"
	"sync"
)

type item struct {
	Name  string
	Count int
	Cents int64
}

type order struct {
	Customer string
	Items    []item
	Notes    map[string]string
}

type invoice struct {
	Customer string
	Lines    []string
	Cents    int64
}

// store keeps the last order of each of a bounded number of customers.
type store struct {
	mu   sync.Mutex
	last map[string]*order
}

func (s *store) put(o *order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.last) >= 10000 {
		for k := range s.last { // any
			delete(s.last, k)
			break
		}
	}
	s.last[o.Customer] = o
}

func (s *store) serve(w http.ResponseWriter, r *http.Request) {
	o := new(order)
	if err := json.NewDecoder(r.Body).Decode(o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.put(o)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(price(o))
}

func price(o *order) *invoice {
	inv := &invoice{Customer: strings.ToUpper(o.Customer)}
	sort.Slice(o.Items, func(i, k int) bool { return o.Items[i].Name < o.Items[k].Name })
	for _, it := range o.Items {
		cents := int64(it.Count) * it.Cents
		inv.Cents += cents
		inv.Lines = append(inv.Lines, fmt.Sprintf("%d x %s: %d.%02d", it.Count, it.Name, cents/100, cents%100))
	}
	return inv
}

func main() {
	s := &store{last: map[string]*order{}}
	http.HandleFunc("/order", s.serve)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(l, nil)
	fmt.Println(l.Addr())
	io.Copy(io.Discard, os.Stdin)
}
