// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

type service struct {
	sessions *sessionStore
	audit    *auditLog
	pages    *pageCache
	notifier *notifier
	jobs     chan []byte
	products []product
}

type product struct {
	Name  string
	Price int
}

type order struct {
	Customer string
	Product  string
	Count    int
	Refused  bool
}

func newService() *service {
	s := &service{
		sessions: &sessionStore{byToken: map[string]*session{}},
		audit:    &auditLog{},
		pages:    newPageCache(400),
		notifier: &notifier{},
		jobs:     make(chan []byte, 16),
	}
	for i := 0; i < 2000; i++ {
		s.products = append(s.products, product{fmt.Sprint("product ", i), i * 7 % 1000})
	}
	for i := 0; i < 4; i++ {
		go s.work()
	}
	return s
}

// work is one of a pool of constant size.
func (s *service) work() {
	for body := range s.jobs {
		var o order
		if json.Unmarshal(body, &o) == nil {
			strings.Fields(o.Product)
		}
	}
}

// serve handles the n-th millisecond.
func (s *service) serve(n int) {
	s.handleOrder(n)
	if n%4 == 0 {
		s.handleLogin(n)
	}
	if n%10 == 0 {
		s.pages.render(n / 10 * 7919 % 1000)
	}
}

func (s *service) handleOrder(n int) {
	o := order{
		Customer: fmt.Sprint("customer ", n%500),
		Product:  s.products[n%len(s.products)].Name,
		Count:    1 + n%3,
		Refused:  n%50 == 0,
	}
	body, err := json.Marshal(o)
	if err != nil {
		return
	}
	s.jobs <- body
	if n%8 == 0 {
		s.audit.add(o.Customer, body)
	}
	if n%10 == 0 {
		s.notifier.confirm(o)
	}
}

func (s *service) handleLogin(n int) {
	token := s.sessions.open(n)
	s.sessions.close(token)
}

// notifier tells customers about their orders.
type notifier struct {
	sent int
}

// confirm starts a goroutine that waits for the receipt.  Refused orders have none, so theirs waits
// for ever: this is the goroutine leak.
func (nf *notifier) confirm(o order) {
	receipt := make(chan string)
	go awaitReceipt(receipt)
	if !o.Refused {
		receipt <- "receipt for " + o.Customer
		nf.sent++
	}
}

func awaitReceipt(receipt chan string) {
	text := <-receipt
	time.Sleep(time.Duration(len(text)) * time.Millisecond)
}
