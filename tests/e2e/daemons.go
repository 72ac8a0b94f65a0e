// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Real daemons as Debian ships them (stripped), under load on loopback while they are traced.

type daemon struct {
	binaries []string // the first that exists is taken
	args     func(t *T, port, port2 int) []string
	health   string // URL, with the two ports; must answer 200
	load     func(port int, stop <-chan struct{}) (requests, failures uint64)
	function string // part of the names of its own functions
	types    string // regular expression for its own types
}

var daemons = []daemon{
	{
		binaries: []string{"prometheus"},
		args: func(t *T, port, _ int) []string {
			config := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n"+
				"- {job_name: self, static_configs: [{targets: ['127.0.0.1:%d']}]}\n", port)
			return []string{"--config.file=" + t.writeFile("prometheus.yml", []byte(config), 0666),
				"--storage.tsdb.path=" + filepath.Join(t.dir, "tsdb"),
				fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port)}
		},
		health: "http://127.0.0.1:%[1]d/-/healthy",
		load: httpLoad("/metrics", "/api/v1/query?query=rate(prometheus_http_requests_total[1m])",
			"/api/v1/labels", "/api/v1/query?query=up"),
		function: "github.com/prometheus/prometheus/",
		types:    `\b(labels|promql|parser|scrape|tsdb|chunkenc|storage|record|index|chunks)\.`,
	},
	{
		binaries: []string{"prometheus-node-exporter", "node_exporter"},
		args: func(t *T, port, _ int) []string {
			return []string{fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port),
				"--no-collector.systemd", "--collector.textfile.directory=" + t.dir}
		},
		health:   "http://127.0.0.1:%[1]d/",
		load:     httpLoad("/metrics"),
		function: "github.com/prometheus/node_exporter/",
		types:    `\b(collector|procfs|prometheus|io_prometheus_client|go)\.`,
	},
	{
		binaries: []string{"nats-server"},
		args: func(t *T, port, port2 int) []string {
			return []string{"-a", "127.0.0.1", "-p", fmt.Sprint(port), "-m", fmt.Sprint(port2)}
		},
		health:   "http://127.0.0.1:%[2]d/varz",
		load:     natsLoad,
		function: "github.com/nats-io/nats-server/",
		types:    `\bserver\.`,
	},
	{
		binaries: []string{"etcd"},
		args: func(t *T, port, port2 int) []string {
			client, peer := fmt.Sprintf("http://127.0.0.1:%d", port), fmt.Sprintf("http://127.0.0.1:%d", port2)
			return []string{"--data-dir", filepath.Join(t.dir, "etcd"), "--listen-client-urls", client,
				"--advertise-client-urls", client, "--listen-peer-urls", peer,
				"--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer}
		},
		health:   "http://127.0.0.1:%[1]d/health",
		load:     etcdLoad,
		function: "go.etcd.io/etcd",
		types:    `\b(etcdserverpb|mvccpb|mvcc|backend|raftpb|raft|walpb|wal|lease|membership|etcdserver)\.`,
	},
}

func daemonTests(e *env) []testCase {
	var all []testCase
	for _, d := range daemons {
		d := d
		all = append(all, testCase{"daemon/" + d.binaries[0], func(t *T) {
			t.deadline = time.Now().Add(t.limit + t.daemonTime)
			t.daemon(d)
		}})
	}
	return all
}

// enoughRequests that a daemon's own code must be among what it allocates.
const enoughRequests = 100

func (t *T) daemon(d daemon) {
	path := ""
	for _, b := range d.binaries {
		if p, err := exec.LookPath(b); err == nil && path == "" {
			path = p
		}
	}
	if path == "" {
		t.Skipf("%s is not installed", d.binaries[0])
	}
	port, port2 := freePort(t), freePort(t)
	p := t.start(exec.Command(path, d.args(t, port, port2)...))
	healthy := func() bool { return answers(fmt.Sprintf(d.health, port, port2)) }
	t.eventually(path+" does not answer", healthy)

	x := t.attach(p.pid())
	logged := len(p.log())
	var requests, failures uint64
	for requests < enoughRequests {
		r, f := loadFor(t.daemonTime, func(stop <-chan struct{}) (uint64, uint64) { return d.load(port, stop) })
		requests, failures = requests+r, failures+f
		if f > 0 || t.left() < 0 {
			break
		}
	}
	if !healthy() {
		t.Errorf("it does not answer any more")
	}
	r := x.stop()
	if !healthy() {
		t.Errorf("it does not answer after the tracer has gone")
	}
	if requests < enoughRequests || failures > 0 {
		t.Errorf("%d requests, of which %d failed", requests, failures)
	}
	t.checkLog(p, logged)
	t.checkDaemonReport(d, r, requests)
	t.must(p.cmd.Process.Signal(syscall.SIGTERM))
	p.exit()
}

func (p *process) log() []string {
	lines := p.stdout.snapshot()
	return append(lines, p.stderr.snapshot()...)
}

func (l *lines) snapshot() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.all...)
}

var badLog = regexp.MustCompile(`(?i)\blevel"?[=:]"?(error|fatal|panic)| [EC] \| |\[ERR\]|\[FTL\]|panic:|fatal error|SIG[A-Z]{3}`)

// checkLog counts complaints: none may be new since the attach.
func (t *T) checkLog(p *process, logged int) {
	log := p.log()
	for i, line := range log {
		if i >= logged && badLog.MatchString(line) {
			t.Errorf("its log says: %s", line)
		}
	}
}

func (t *T) checkDaemonReport(d daemon, r *report, requests uint64) {
	own, heap, goroutines, cut := 0, 0, 0, 0
	var objects, unknown uint64
	types := map[string]bool{}
	ownType := regexp.MustCompile(d.types)
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind == "goroutine" {
			goroutines++
			continue
		}
		heap++
		if s.FramesCut {
			cut++
		}
		for _, f := range s.Frames {
			if strings.Contains(f.Function, d.function) {
				own++
				break
			}
		}
		for _, p := range s.Types {
			objects += p.AllocObjects
			if p.Type == "" || strings.Contains(p.Type, "?") {
				unknown += p.AllocObjects
			} else if ownType.MatchString(p.Type) {
				types[p.Type] = true
			}
		}
	}
	if own == 0 {
		t.Errorf("no site with functions of %s", d.function)
	}
	if len(types) == 0 {
		t.Errorf("no type of its own")
	}
	if goroutines == 0 {
		t.Errorf("no goroutines")
	}
	if !r.Target.Stripped {
		t.Errorf("it is not stripped")
	}
	t.Notef("%s, %d requests, %d sites (%d with own functions, %d cut), %d own types, %d goroutine sites, %d collections",
		r.Target.GoVersion, requests, heap, own, cut, len(types), goroutines, r.Time.GCCycles)
	t.Notef("%d allocations, type not known of %d; coverage %v", objects, unknown, r.Coverage)
}

func freePort(t *T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	t.must(err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// patience with one request, so that a daemon that hangs shows: no verdict on speed.
const patience = 2 * time.Minute

func answers(url string) bool {
	c := http.Client{Timeout: patience}
	resp, err := c.Get(url)
	if err != nil {
		return false
	}
	io.Copy(ioutil.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode == 200
}

const clients = 4

// loadFor runs the load in several goroutines for that time.
func loadFor(d time.Duration, load func(stop <-chan struct{}) (uint64, uint64)) (requests, failures uint64) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := 0; i < clients; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r, f := load(stop)
			atomic.AddUint64(&requests, r)
			atomic.AddUint64(&failures, f)
		}()
	}
	time.AfterFunc(d, func() { close(stop) })
	wg.Wait()
	return requests, failures
}

func httpLoad(paths ...string) func(port int, stop <-chan struct{}) (uint64, uint64) {
	return func(port int, stop <-chan struct{}) (requests, failures uint64) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if !answers(fmt.Sprintf("http://127.0.0.1:%d%s", port, paths[requests%uint64(len(paths))])) {
				failures++
			}
			requests++
		}
	}
}

// etcdLoad puts and reads through the JSON gateway.
func etcdLoad(port int, stop <-chan struct{}) (requests, failures uint64) {
	bodies := []string{`{"key":"Zm9v","value":"YmFyYmFyYmFyYmFy"}`, `{"key":"Zm9v"}`}
	for {
		select {
		case <-stop:
			return
		default:
		}
		url := fmt.Sprintf("http://127.0.0.1:%d/v3/kv/%s", port, []string{"put", "range"}[requests%2])
		resp, err := http.Post(url, "application/json", strings.NewReader(bodies[requests%2]))
		if err != nil {
			failures++
		} else {
			io.Copy(ioutil.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 200 {
				failures++
			}
		}
		requests++
	}
}

// natsLoad publishes to itself; every message must come back.
func natsLoad(port int, stop <-chan struct{}) (requests, failures uint64) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return 0, 1
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	subject := fmt.Sprintf("test.%p", conn)
	fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\nSUB %s 1\r\nPING\r\n", subject)
	for {
		select {
		case <-stop:
			return
		default:
		}
		if _, err := fmt.Fprintf(conn, "PUB %s 5\r\nhello\r\n", subject); err != nil {
			return requests, failures + 1
		}
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return requests, failures + 1
			}
			if strings.HasPrefix(line, "PING") {
				fmt.Fprintf(conn, "PONG\r\n")
			}
			if strings.HasPrefix(line, "hello") {
				break
			}
		}
		requests++
	}
}
