// SPDX-License-Identifier: BSD-2-Clause

// Prod-cache is a service that greets customers through a library that keeps every template it has seen;
// what it hands to the library is different for every customer.
//
// Commands: "address", where it listens; "ledger", how many templates the library holds.  As "client
// ADDRESS RATE" it is the customers.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"progs/ctl"
	"progs/prod-cache/render"
	"progs/traffic"
)

type greeting struct {
	Text  string
	Until time.Time
	Links map[string]string
}

func greet(w http.ResponseWriter, r *http.Request) {
	source := "Welcome back, " + r.Header.Get("X-Customer") + "! {{range .}}{{if .}}You have {{.}}. {{end}}{{end}}"
	text, err := render.Text(source, []string{"mail", "", "an order"})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	g := greeting{text, time.Now().Add(time.Hour), map[string]string{"self": r.URL.Path}}
	for i := 0; i < 200; i++ {
		g.Links[fmt.Sprint("order-", i)] = fmt.Sprint(r.URL.Path, "/orders/", i)
	}
	json.NewEncoder(w).Encode(g)
}

func main() {
	if traffic.Client(func(address string, n int) { traffic.Get(address+"/greet", fmt.Sprint("customer-", n)) }) {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	traffic.Check(err)
	go http.Serve(l, http.HandlerFunc(greet))
	ctl.Loop(map[string]func(int){
		"address": func(int) { ctl.JSON("http://" + l.Addr().String()) },
		"ledger":  func(int) { ctl.JSON(map[string]int{"Kept": render.Parsed()}) },
	})
}
