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
)

type service struct {
	what string
	pid  int
	rate int // requests a second
	do   func(c *http.Client) error
}

func (b *bench) services() {
	b.httpService("", 2500, b.service)
	b.exporter(40, b.service)
}

// httpService is built with a Go version; "" is the one at hand.
func (b *bench) httpService(version string, rate int, measure func(*service)) {
	p := b.start(b.build("service", version, ""))
	url := "http://" + p.line() + "/order"
	order := `{"Customer":"customer %d","Items":[` + strings.Repeat(`{"Name":"a thing","Count":3,"Cents":1999},`, 15) +
		`{"Name":"the last","Count":1,"Cents":5}],"Notes":{"door":"left","bell":"twice"}}`
	n := 0
	var mu sync.Mutex
	what := fmt.Sprintf("an HTTP and JSON service, %d requests/s", rate)
	if version != "" {
		what += ", Go " + version
	}
	measure(&service{what, p.pid(), rate, func(c *http.Client) error {
		mu.Lock()
		n++
		body := fmt.Sprintf(order, n%20000)
		mu.Unlock()
		r, err := c.Post(url, "application/json", strings.NewReader(body))
		return drained(r, err)
	}})
	p.end()
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

func (b *bench) exporter(rate int, measure func(*service)) {
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
	b.cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	url := "http://" + address + "/metrics"
	for i := 0; drained(http.Get(url)) != nil; i++ {
		if i > 100 {
			panic(fatal("the node exporter does not answer"))
		}
		time.Sleep(50 * time.Millisecond)
	}
	what := fmt.Sprintf("Debian's node exporter, %d scrapes/s", rate)
	measure(&service{what, cmd.Process.Pid, rate, func(c *http.Client) error {
		return drained(c.Get(url))
	}})
}

// load asks at a constant rate, however late the answers are, for a time; it answers the processor time of one request
// and the 99th percentile of the latency, both in microseconds.
func (s *service) load(b *bench, d time.Duration) (perRequest, late float64) {
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
	step := time.Second / time.Duration(s.rate)
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

func (b *bench) service(s *service) {
	s.load(b, warm)
	all := b.pairs(b.rounds, func() *observer { return b.trace(s.pid) }, func() { s.load(b, warm/10) }, func() []float64 {
		perRequest, late := s.load(b, served)
		return []float64{perRequest, late}
	})
	b.row(all[0].ratio() <= servedPerRequest, "default budget, "+s.what, "processor time per request within 1.5 %",
		"%v of %.0f us", all[0], median(all[0].without))
	b.row(all[1].ratio() <= servedLate, "the same, 99th percentile of the latency", "within 4 %", "%v of %.0f us",
		all[1], median(all[1].without))
}
