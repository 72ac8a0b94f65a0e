// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Types and holders: how much of real programs has a type, and what a look at eight million objects takes and does
// to the program.

const (
	typedNew   = 0.90 // of the bytes, Go 1.22 and newer
	typedOld   = 0.80
	lookTime   = 15.0 // s, of eight million objects, with the holders of the largest
	lookMemory = 256 << 20
	lookSlower = 1.01
	warmUp     = 8 * time.Second
	loaders    = 4
)

type typeReport struct {
	Target struct {
		GoVersion string `json:"go_version"`
		Stripped  bool
	}
	Look struct {
		Objects, Bytes uint64
		Exact          uint64  `json:"exact_bytes"`
		Guessed        uint64  `json:"guessed_bytes"`
		Untyped        uint64  `json:"untyped_bytes"`
		Took           float64 `json:"took_s"`
		Read           uint64  `json:"bytes_read"`
	} `json:"heap_look"`
	Typed struct {
		Pointers   *float64
		NoPointers *float64 `json:"no_pointers"`
	}
	Cost struct {
		OwnRSS uint64 `json:"own_rss"`
	}
	Types []struct {
		Type           string
		Pointers       bool
		Objects, Bytes uint64
		Sizes          []struct {
			Size uint64 `json:"object_bytes"`
		}
	}
}

// heapLook is one look with the tool.
func (b *bench) heapLook(pid int, args ...string) *typeReport {
	out, err := exec.Command(b.tool, append([]string{"heap", "--format", "json", "-p", strconv.Itoa(pid)}, args...)...).Output()
	if e, ok := err.(*exec.ExitError); ok {
		b.must(err, string(e.Stderr))
	}
	b.must(err, "gobpfleak heap")
	r := &typeReport{}
	b.must(json.Unmarshal(out, r), "its JSON")
	return r
}

// ---- real programs --------------------------------------------------------------------------------------------

type server struct {
	what   string
	path   func(b *bench) string
	args   func(dir string, port, port2 int) []string
	health string // with the two ports
	load   func(port int, n int) error
}

var servers = []server{
	{"Debian's etcd", debian("etcd"), etcdArgs, "http://127.0.0.1:%[1]d/health", etcdLoad},
	{"Debian's nats-server", debian("nats-server"), natsArgs, "http://127.0.0.1:%[2]d/varz", natsLoad},
	{"Debian's prometheus", debian("prometheus"), prometheusArgs, "http://127.0.0.1:%[1]d/-/healthy", scrapeLoad},
	{"Debian's node exporter", debian("prometheus-node-exporter"), exporterArgs, "http://127.0.0.1:%[1]d/", scrapeLoad},
	{"etcd 3.5.17", module("go.etcd.io/etcd/server/v3", "v3.5.17"), etcdArgs, "http://127.0.0.1:%[1]d/health", etcdLoad},
	{"nats-server 2.10.22", module("github.com/nats-io/nats-server/v2", "v2.10.22"), natsArgs,
		"http://127.0.0.1:%[2]d/varz", natsLoad},
	{"caddy 2.11.9", module("github.com/caddyserver/caddy/v2/cmd/caddy", "v2.11.9"), caddyArgs, "http://127.0.0.1:%[1]d/", fileLoad},
}

// debian finds a program among the daemons that scripts/fetch-daemons unpacks.
func debian(name string) func(b *bench) string {
	return func(b *bench) string {
		dir := filepath.Join(b.root, "build", "daemons")
		text, err := exec.Command(filepath.Join(b.root, "scripts", "fetch-daemons"), dir).CombinedOutput()
		b.must(err, "fetch-daemons", string(text))
		for _, folder := range []string{"usr/bin", "usr/sbin"} {
			if path := filepath.Join(dir, folder, name); exists(path) {
				return path
			}
		}
		panic(fatal("no " + name))
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// module builds a program from the module proxy, stripped.
func module(pkg, version string) func(b *bench) string {
	return func(b *bench) string {
		dir := filepath.Join(b.tmp, strings.ReplaceAll(pkg, "/", "-"))
		out := filepath.Join(dir, "program")
		b.must(os.MkdirAll(dir, 0777))
		b.must(os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module program\n\ngo 1.23\n"), 0666))
		root := pkg
		if i := strings.Index(pkg, "/cmd/"); i > 0 {
			root = pkg[:i]
		}
		for _, args := range [][]string{{"get", root + "@" + version}, {"build", "-ldflags=-s -w", "-o", out, pkg}} {
			cmd := exec.Command("go", args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
			text, err := cmd.CombinedOutput()
			b.must(err, "go", strings.Join(args, " "), string(text))
		}
		return out
	}
}

func etcdArgs(dir string, port, port2 int) []string {
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", port), fmt.Sprintf("http://127.0.0.1:%d", port2)
	return []string{"--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", client,
		"--advertise-client-urls", client, "--listen-peer-urls", peer,
		"--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer}
}

func natsArgs(dir string, port, port2 int) []string {
	return []string{"-a", "127.0.0.1", "-p", fmt.Sprint(port), "-m", fmt.Sprint(port2)}
}

func prometheusArgs(dir string, port, _ int) []string {
	config := filepath.Join(dir, "prometheus.yml")
	os.WriteFile(config, []byte(fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n"+
		"- {job_name: self, static_configs: [{targets: ['127.0.0.1:%d']}]}\n", port)), 0666)
	return []string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "tsdb"),
		fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port)}
}

func exporterArgs(dir string, port, _ int) []string {
	return []string{fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port), "--no-collector.systemd", "--log.level=error"}
}

func caddyArgs(dir string, port, _ int) []string {
	for i := 0; i < 100; i++ {
		os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.html", i)), make([]byte, 20*i), 0666)
	}
	return []string{"file-server", "--browse", "--root", dir, "--listen", fmt.Sprintf("127.0.0.1:%d", port)}
}

func etcdLoad(port, n int) error {
	body := fmt.Sprintf(`{"key":"Zm9v%08d","value":"YmFyYmFyYmFyYmFyYmFyYmFy"}`, n)
	r, err := http.Post(fmt.Sprintf("http://127.0.0.1:%d/v3/kv/put", port), "application/json", strings.NewReader(body))
	return drained(r, err)
}

func scrapeLoad(port, n int) error {
	return drained(http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port)))
}

func fileLoad(port, n int) error {
	return drained(http.Get(fmt.Sprintf("http://127.0.0.1:%d/%d.html", port, n%100)))
}

// natsLoad is a client that subscribes, publishes a few times, and leaves.
func natsLoad(port, n int) error {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(c, "CONNECT {\"verbose\":false}\r\nSUB s.%d.* 1\r\n", n)
	for i := 0; i < 50; i++ {
		fmt.Fprintf(c, "PUB s.%d.%d 5\r\nhello\r\n", n, i)
	}
	fmt.Fprintf(c, "PING\r\n")
	text := make([]byte, 1<<16)
	for all := ""; !strings.Contains(all, "PONG"); {
		got, err := c.Read(text)
		if err != nil {
			return err
		}
		all += string(text[:got])
	}
	return nil
}

func (b *bench) port() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	b.must(err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (b *bench) realHeaps() {
	for _, s := range servers {
		func() {
			defer b.finish()
			defer func() {
				if r, ok := recover().(fatal); ok {
					b.row(false, s.what, "could not be measured", "%s", string(r))
				} else if r := recover(); r != nil {
					panic(r)
				}
			}()
			b.realHeap(&s)
		}()
	}
}

// realHeap: one look under load.
func (b *bench) realHeap(s *server) {
	port, port2 := b.port(), b.port()
	dir := filepath.Join(b.tmp, fmt.Sprint("server", port))
	b.must(os.MkdirAll(dir, 0777))
	cmd := exec.Command(s.path(b), s.args(dir, port, port2)...)
	cmd.Dir = dir
	b.must(cmd.Start())
	b.cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for i := 0; drained(http.Get(fmt.Sprintf(s.health, port, port2))) != nil; i++ {
		if i > 400 {
			panic(fatal(s.what + " does not answer"))
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop := s.start(port)
	time.Sleep(warmUp)
	r := b.heapLook(cmd.Process.Pid, "-T", "0")
	requests, failures := stop()
	b.typedRow(s.what, r)
	b.note(s.what+", not typed", "%s", r.untyped())
	if failures > 0 || requests == 0 {
		b.row(false, s.what, "serves", "%d requests, %d failed", requests, failures)
	}
}

func (r *typeReport) bar() float64 {
	var minor int
	fmt.Sscanf(r.Target.GoVersion, "go1.%d", &minor)
	if minor >= 22 {
		return typedNew
	}
	return typedOld
}

func (b *bench) typedRow(what string, r *typeReport) {
	held := float64(r.Look.Exact + r.Look.Guessed + r.Look.Untyped) // the rest may have died meanwhile
	exact, all := float64(r.Look.Exact)/held, float64(r.Look.Exact+r.Look.Guessed)/held
	b.row(all >= r.bar(), fmt.Sprintf("%s (%s), bytes with a type", what, r.Target.GoVersion),
		fmt.Sprintf("%.0f %%", r.bar()*100),
		"%.1f %% (%.1f %% exact; %.1f %% with pointers, %.1f %% without) of %.1f MiB that something holds, %.0f ms",
		all*100, exact*100, percent(r.Typed.Pointers), percent(r.Typed.NoPointers), held/(1<<20), r.Look.Took*1e3)
}

func percent(p *float64) float64 {
	if p == nil {
		return 0
	}
	return *p * 100
}

// untyped is what weighs most of what has no type.
func (r *typeReport) untyped() string {
	const shown = 6
	var all []string
	for _, t := range r.Types {
		if t.Type == "" && len(t.Sizes) > 0 && len(all) < shown {
			kind := "without"
			if t.Pointers {
				kind = "with"
			}
			all = append(all, fmt.Sprintf("%d x %d B %s pointers", t.Objects, t.Sizes[0].Size, kind))
		}
	}
	return strings.Join(all, ", ")
}

// start loads the server until it is told to stop.
func (s *server) start(port int) (stop func() (requests, failures int64)) {
	var requests, failures int64
	var wg sync.WaitGroup
	quit := make(chan struct{})
	for i := 0; i < loaders; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-quit:
					return
				default:
				}
				if s.load(port, int(atomic.AddInt64(&requests, 1))) != nil {
					atomic.AddInt64(&failures, 1)
				}
			}
		}()
	}
	return func() (int64, int64) {
		close(quit)
		wg.Wait()
		return requests, failures
	}
}

// ---- a big heap -----------------------------------------------------------------------------------------------

type work struct {
	Lookups    float64
	StallsUs   []float64
	OverMs     float64
	OverMsInUs float64
}

func (p *program) work(ms int) work {
	var w work
	fmt.Fprintf(p.in, "work %d\n", ms)
	p.b.must(json.Unmarshal([]byte(p.line()), &w), "what the program has done")
	return w
}

func (w work) longest() float64 {
	sort.Float64s(w.StallsUs)
	if len(w.StallsUs) == 0 {
		return 0
	}
	return w.StallsUs[len(w.StallsUs)-1]
}

// look is gobpfleak heap at work.
func (b *bench) look(pid string) *exec.Cmd {
	cmd := exec.Command(b.tool, "heap", "--format", "json", "-p", pid)
	cmd.Stdout = io.Discard
	b.must(cmd.Start())
	return cmd
}

// slowerBeside compares slices in which somebody is at work with those between, in which it is stopped.
func (b *bench) slowerBeside(p *program, start func() *exec.Cmd) (ratios []float64) {
	for i := 0; i < b.rounds; i++ {
		cmd := start()
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		over := func() bool {
			select {
			case err := <-ended:
				b.must(err)
				return true
			default:
				return false
			}
		}
		for {
			ratio := p.slower(func(on bool) {
				if on {
					cmd.Process.Signal(syscall.SIGCONT)
				} else {
					cmd.Process.Signal(syscall.SIGSTOP)
				}
			})
			cmd.Process.Signal(syscall.SIGCONT)
			if over() {
				break
			}
			ratios = append(ratios, ratio)
		}
	}
	return
}

// sleep is somebody who does nothing for as long.
func (b *bench) sleep(seconds float64) *exec.Cmd {
	cmd := exec.Command("sleep", fmt.Sprint(seconds))
	b.must(cmd.Start())
	return cmd
}

// slower is time an operation in two slices with somebody at work, over that of two without, in turn.
func (p *program) slower(beside func(on bool)) float64 {
	const sliceMs = 100
	var with, without float64
	for _, on := range []bool{true, false, false, true} {
		beside(on)
		time.Sleep(3 * time.Millisecond)
		n := p.work(sliceMs).Lookups
		if on {
			with += n
		} else {
			without += n
		}
	}
	return without / with
}

func (b *bench) bigHeap() {
	p := b.start(b.build("bigheap", "", ""))
	p.line()
	p.ask("build 100")
	pid := strconv.Itoa(p.pid())
	r := b.heapLook(p.pid())
	b.row(r.Look.Took <= lookTime, fmt.Sprintf("%d objects in %.1f GiB, by type and holder", r.Look.Objects,
		float64(r.Look.Bytes)/(1<<30)), "10 s, with holders 15 s", "%.1f s, %.0f MiB read", r.Look.Took,
		float64(r.Look.Read)/(1<<20))
	b.row(r.Cost.OwnRSS <= lookMemory, "own memory at that", "256 MiB", "%.0f MiB", float64(r.Cost.OwnRSS)/(1<<20))
	ms := int(r.Look.Took*1e3) + 1000
	var stalls, bareStalls []float64
	for i := 0; i < b.rounds; i++ {
		bareStalls = append(bareStalls, p.work(ms).longest())
		cmd := b.look(pid)
		stalls = append(stalls, p.work(ms).longest())
		b.must(cmd.Wait())
	}
	slower := b.slowerBeside(p, func() *exec.Cmd { return b.look(pid) })
	asSlow := b.slowerBeside(p, func() *exec.Cmd { return b.sleep(2 * r.Look.Took) })
	b.row(median(slower)-median(asSlow) <= lookSlower-1, "throughput meanwhile", "within 1 %",
		"%+.1f ± %.1f %% time an operation; beside a program that sleeps %+.1f ± %.1f %%", 100*(median(slower)-1),
		200*standardError(slower), 100*(median(asSlow)-1), 200*standardError(asSlow))
	b.row(median(stalls)-median(bareStalls) <= 1000, "longest stall meanwhile", "1 ms beyond the others", "%.1f ms, without %.1f ms",
		median(stalls)/1e3, median(bareStalls)/1e3)
	p.end()
}
