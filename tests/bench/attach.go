// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// A binary above 90 MB, with functions and not padding: prometheus, built from the Go module proxy.  How long
// attach takes, and how long the target stands still meanwhile; how long it takes to leave, with a report of many
// sites; what a fork waits while bursts come and go.

const (
	attachBar = 150 * time.Millisecond
	stallBar  = 300 * time.Microsecond
	leaveBar  = 100 * time.Millisecond
)

// bigBinary is prometheus, which builds for some minutes the first time; in its own module, since it replaces others.
func (b *bench) bigBinary() string {
	dir := filepath.Join(b.root, "build", "bench-big")
	out := filepath.Join(dir, "prometheus")
	if _, err := os.Stat(out); err == nil {
		return out
	}
	b.must(os.MkdirAll(dir, 0777))
	run := func(in string, args ...string) []byte {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = in, append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off", "CGO_ENABLED=0")
		text, err := cmd.Output()
		if e, ok := err.(*exec.ExitError); ok {
			b.must(err, "building prometheus", string(e.Stderr))
		}
		b.must(err, "go")
		return text
	}
	var module struct{ Dir string }
	b.must(json.Unmarshal(run(dir, "mod", "download", "-json", "github.com/prometheus/prometheus@v0.53.1"), &module))
	run(module.Dir, "build", "-o", out, "./cmd/prometheus")
	return out
}

func (b *bench) attachAndLeave() {
	path := b.bigBinary()
	size, err := os.Stat(path)
	b.must(err)
	config := filepath.Join(b.tmp, "prometheus.yml")
	b.must(os.WriteFile(config, []byte("global: {scrape_interval: 1h}\n"), 0666))
	cmd := exec.Command(path, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(b.tmp, "tsdb"),
		"--web.listen-address=127.0.0.1:0")
	b.must(cmd.Start())
	b.cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	time.Sleep(3 * time.Second)
	var attach, leave []float64
	for i := 0; i < b.rounds; i++ {
		begin := time.Now()
		o := b.trace(cmd.Process.Pid)
		attach = append(attach, float64(time.Since(begin).Milliseconds()))
		time.Sleep(time.Second)
		leave = append(leave, float64(o.end().Milliseconds()))
	}
	b.row(median(attach) < float64(attachBar.Milliseconds()), "attach, prometheus, "+strconv.FormatInt(size.Size()/1000000, 10)+" MB",
		"under 150 ms", "%.0f ms", median(attach))
	b.note("Ctrl-C to gone, prometheus", "%.0f ms", median(leave))
	b.stalls()
	b.manySites()
}

// stalls: the longest gap that a thread sees that does nothing but look at the clock, while probes are planted in its
// program; beside an empty BPF program at the same places, which is the least that there is.  The thread has a real-time
// priority: nobody takes its processor away, and what is left is what planting does to it.  Without one it has to share
// the processors with whoever wants them, and sees gaps of milliseconds beside any program that computes for as long as
// an attach takes: shown by one that does nothing else.
func (b *bench) stalls() {
	p := b.start(b.build("churn", "", ""))
	p.line()
	gap := func(begin func() *observer) float64 {
		done := make(chan float64)
		go func() { done <- p.ask("gap 500") }()
		time.Sleep(100 * time.Millisecond)
		if o := begin(); o != nil {
			defer o.end()
		}
		return <-done / 1e3
	}
	beside := []struct {
		what  string
		begin func() *observer // nil: it is over
	}{
		{"gobpfleak", func() *observer { return b.trace(p.pid(), "-s", "0") }},
		{"the empty program", func() *observer { return b.observe("attached", b.empty, strconv.Itoa(p.pid()), "heap") }},
		{"a program that computes", func() *observer { compute(attachBar); return nil }},
		{"nobody", func() *observer { return nil }},
	}
	for _, urgent := range []bool{false, true} {
		gaps := make([][]float64, len(beside))
		if urgent {
			b.must(realTime(p.pid()), "real-time priority")
		}
		for i := 0; i < b.rounds; i++ {
			for k := range beside {
				gaps[k] = append(gaps[k], gap(beside[k].begin))
			}
		}
		measured := make([]string, len(beside))
		for k := range beside {
			measured[k] = fmt.Sprintf("%s %.0f us", beside[k].what, median(gaps[k]))
		}
		if urgent {
			b.row(median(gaps[0]) < float64(stallBar.Microseconds()), "longest stall of the target during attach, at a real-time priority",
				"under 0.3 ms", "beside %s", strings.Join(measured, ", "))
		} else {
			b.note("longest gap meanwhile, at an ordinary priority", "beside %s", strings.Join(measured, ", "))
		}
	}
	p.end()
}

func compute(d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d; {
	}
}

// realTime puts all threads of a process before all others.
func realTime(pid int) error {
	const fifo = 1
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		tid, _ := strconv.Atoi(task.Name())
		priority := int32(1)
		_, _, e := syscall.Syscall(syscall.SYS_SCHED_SETSCHEDULER, uintptr(tid), fifo, uintptr(unsafe.Pointer(&priority)))
		if e != 0 {
			return e
		}
	}
	return err
}

// manySites: a report on 10,000 sites, of 30 frames each, a second after the last was seen; as many as it shows are
// written, the others as sums.
func (b *bench) manySites() {
	var leave []float64
	var sites, written int
	for i := 0; i < b.rounds; i++ {
		p := b.start(b.build("stacks", "", ""))
		p.line()
		o := b.trace(p.pid(), "-s", "0", "--heap-only", "--json", filepath.Join(b.tmp, "sites.json"), "--force")
		p.ask("depth 30")
		p.ask("allocate 10000")
		p.ask("gc")
		time.Sleep(time.Second)
		leave = append(leave, float64(o.end().Milliseconds()))
		var report struct {
			Sites   []json.RawMessage
			LeftOut struct{ Heap struct{ Sites int } } `json:"sites_left_out"`
		}
		text, err := os.ReadFile(filepath.Join(b.tmp, "sites.json"))
		b.must(err)
		b.must(json.Unmarshal(text, &report))
		written = len(report.Sites)
		sites = written + report.LeftOut.Heap.Sites
		p.end()
	}
	b.row(median(leave) < float64(leaveBar.Milliseconds()) && sites >= 10000, fmt.Sprintf("Ctrl-C to gone, report on %d sites included", sites),
		"under 100 ms", "%.0f ms, of which JSON holds %d", median(leave), written)
}

// bursts: what a loop of forks beside them sees.
func (b *bench) bursts() {
	p := b.start(b.build("churn", "", ""))
	p.line()
	p.ask("allocs 13000000")
	all := b.pairs(b.rounds, func() *observer { return b.trace(p.pid(), "--source", "burst") }, p.toil, func() []float64 {
		done := make(chan float64)
		go func() { done <- p.run(window) }()
		n, worst := forks()
		return []float64{n, worst, <-done}
	})
	b.note("a loop of forks beside bursts", "%v forks, the slowest %.1f ms, %.1f ms without", all[0],
		all[1].ratio()*median(all[1].without), median(all[1].without))
	b.note("the program, which allocates 13 million times a second", "%v of %.2g turns/s", all[2], median(all[2].without))
}

// forks in a window, and how many ms the slowest took.
func forks() (n, worst float64) {
	for end := time.Now().Add(window); time.Now().Before(end); n++ {
		begin := time.Now()
		exec.Command("/bin/true").Run()
		worst = math.Max(worst, time.Since(begin).Seconds()*1e3)
	}
	return
}
