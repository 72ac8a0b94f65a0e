// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

// Real services under load: one on the standard library's HTTP and JSON, and the node exporter as Debian ships it.

const (
	servedPerRequest = 1.015
	servedLate       = 1.04
	warm             = 3 * time.Second
	served           = 8 * time.Second
	connections      = 8
	loaded           = 0.5 // processors that a loaded service takes
	twinLoad         = 0.25
	customers        = 20000
)

type service struct {
	what string
	pid  int
	do   func(c *http.Client) error
	end  func()
}

func (b *bench) services() {
	b.service(b.httpService("", customers), b.httpService("", customers))
	b.service(b.exporter(), b.exporter())
}

// httpService is built with a Go version; "" is the one at hand. It keeps an order of each of so many customers.
func (b *bench) httpService(version string, customers int) *service {
	p := b.start(b.build("service", version, ""))
	url := "http://" + p.line() + "/order"
	order := `{"Customer":"customer %d","Items":[` + strings.Repeat(`{"Name":"a thing","Count":3,"Cents":1999},`, 15) +
		`{"Name":"the last","Count":1,"Cents":5}],"Notes":{"door":"left","bell":"twice"}}`
	n := 0
	var mu sync.Mutex
	what := "an HTTP and JSON service"
	if version != "" {
		what += ", Go " + version
	}
	return &service{what, p.pid(), func(c *http.Client) error {
		mu.Lock()
		n++
		body := fmt.Sprintf(order, n%customers)
		mu.Unlock()
		r, err := c.Post(url, "application/json", strings.NewReader(body))
		return drained(r, err)
	}, p.end}
}

func drained(r *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", r.Status)
	}
	return err
}

func (b *bench) exporter() *service {
	dir := filepath.Join(b.root, "build", "daemons")
	text, err := exec.Command(filepath.Join(b.root, "scripts", "fetch-daemons"), dir).CombinedOutput()
	b.must(err, "fetch-daemons", string(text))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	b.must(err)
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(filepath.Join(dir, "usr", "bin", "prometheus-node-exporter"),
		"--web.listen-address="+address, "--no-collector.systemd", "--no-collector.textfile", "--log.level=error")
	cmd.Stderr = os.Stderr
	b.must(cmd.Start())
	end := func() { cmd.Process.Kill(); cmd.Wait() }
	b.cleanup(end)
	url := "http://" + address + "/metrics"
	for i := 0; drained(http.Get(url)) != nil; i++ {
		if i > 100 {
			panic(fatal("the node exporter does not answer"))
		}
		time.Sleep(50 * time.Millisecond)
	}
	return &service{"Debian's node exporter", cmd.Process.Pid, func(c *http.Client) error {
		return drained(c.Get(url))
	}, end}
}

// load asks at a constant rate, requests a second, however late the answers are, for a time; it answers the processor time
// of one request and the 99th percentile of the latency, both in microseconds.
func (s *service) load(b *bench, rate float64, d time.Duration) (perRequest, late float64) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var latencies []float64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	due := make(chan time.Time, 1<<16)
	for i := 0; i < connections; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for t := range due {
				if s.do(client) != nil {
					continue
				}
				us := float64(time.Since(t).Nanoseconds()) / 1e3
				mu.Lock()
				latencies = append(latencies, us)
				mu.Unlock()
			}
		}()
	}
	begin, taken := time.Now(), cpu(s.pid)
	step := time.Duration(float64(time.Second) / rate)
	for t := begin; t.Sub(begin) < d; t = t.Add(step) {
		time.Sleep(time.Until(t))
		due <- t
	}
	close(due)
	wg.Wait()
	taken = cpu(s.pid) - taken
	if len(latencies) == 0 {
		panic(fatal(s.what + " answers nothing"))
	}
	sort.Float64s(latencies)
	return float64(taken.Nanoseconds()) / 1e3 / float64(len(latencies)), latencies[len(latencies)*99/100]
}

// service is loaded with as many requests a second as take half a processor.  A twin of it, with a quarter of them and never
// traced, tells how fast the machine is at the time: by some percent another in each window.
func (b *bench) service(s, twin *service) {
	defer s.end()
	defer twin.end()
	rate := 100.0
	for i := 0; i < 2; i++ { // it gets faster as it is asked more
		perRequest, _ := s.load(b, rate, warm)
		rate = loaded * 1e6 / perRequest
	}
	both := func(d time.Duration) (perRequest, late, twinPerRequest float64) {
		done := make(chan float64)
		go func() {
			perRequest, _ := twin.load(b, rate*twinLoad, d)
			done <- perRequest
		}()
		perRequest, late = s.load(b, rate, d)
		return perRequest, late, <-done
	}
	all := b.pairs(b.rounds, func() *observer { return b.trace(s.pid) }, func() { both(warm / 10) }, func() []float64 {
		perRequest, late, twinPerRequest := both(served)
		return []float64{perRequest / twinPerRequest, late, perRequest}
	})
	b.row(all[0].ratio() <= servedPerRequest, fmt.Sprintf("default budget, %s, %.0f requests/s", s.what, rate),
		"processor time per request within 1.5 %", "%v of %.0f us", all[0], median(all[2].without))
	b.row(all[1].ratio() <= servedLate, "the same, 99th percentile of the latency", "within 4 %", "%v of %.0f us",
		all[1], median(all[1].without))
}
