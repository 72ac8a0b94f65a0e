// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// build builds one of tests/progs with a Go version ("" is the one at hand).
func (b *bench) build(name, version, tags string) string {
	out := filepath.Join(b.tmp, name+version+tags)
	if _, err := os.Stat(out); err == nil {
		return out
	}
	cmd := exec.Command("go", "build", "-tags", tags, "-o", out, "./"+name)
	cmd.Dir = filepath.Join(b.root, "tests", "progs")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
	if version != "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN=go"+version)
	}
	text, err := cmd.CombinedOutput()
	b.must(err, "building", name, version, string(text))
	return out
}

// program is a child that answers a line for each command.
type program struct {
	b   *bench
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (b *bench) start(path string, args ...string) *program {
	p := &program{b: b, cmd: exec.Command(path, args...)}
	in, err := p.cmd.StdinPipe()
	b.must(err)
	out, err := p.cmd.StdoutPipe()
	b.must(err)
	p.in, p.out = in, bufio.NewReader(out)
	b.must(p.cmd.Start(), path)
	b.cleanup(p.end)
	return p
}

// helper is a program of the bench's own, beside the empty one.
func (b *bench) helper(name string, args ...string) *program {
	return b.start(filepath.Join(filepath.Dir(b.empty), name), args...)
}

// awake keeps all processors awake, until the part ends.
func (b *bench) awake() { b.helper("awake").line() }

func (p *program) pid() int { return p.cmd.Process.Pid }

func (p *program) line() string {
	line, err := p.out.ReadString('\n')
	p.b.must(err, p.cmd.Path, "ended")
	return strings.TrimSpace(line)
}

func (p *program) ask(format string, args ...interface{}) float64 {
	_, err := fmt.Fprintf(p.in, format+"\n", args...)
	p.b.must(err, p.cmd.Path)
	v, _ := strconv.ParseFloat(p.line(), 64)
	return v
}

func (p *program) end() {
	p.in.Close()
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// cpu is the processor time that a process has taken (man 3 clock_getcpuclockid).
func cpu(pid int) time.Duration {
	const cpuclockSched = 2
	var ts syscall.Timespec
	clock := int32(^pid)<<3 | cpuclockSched
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}

// output collects what an observer says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// observer is a tracer at work.
type observer struct {
	b      *bench
	cmd    *exec.Cmd
	in     io.WriteCloser
	stdout output
	stderr output
	ended  chan error
}

// observe starts a tracer and waits until it says so.
func (b *bench) observe(line string, args ...string) *observer {
	o := &observer{b: b, cmd: exec.Command(args[0], args[1:]...), ended: make(chan error, 1)}
	in, err := o.cmd.StdinPipe()
	b.must(err)
	o.in = in
	o.cmd.Stdout, o.cmd.Stderr = io.MultiWriter(&o.stdout, &o.stderr), &o.stderr
	b.must(o.cmd.Start(), args[0])
	go func() { o.ended <- o.cmd.Wait() }()
	for !strings.Contains(o.stderr.String(), line) {
		select {
		case <-o.ended:
			panic(fatal(strings.Join(args, " ") + ": " + o.stderr.String()))
		case <-time.After(time.Millisecond):
		}
	}
	return o
}

// collected has the program collect, and waits until a report has looked at what lives since.
func (o *observer) collected(p *program) {
	const patience = 300 // tenths of a second
	cycles := func() uint64 {
		var last struct {
			Time struct {
				Cycles uint64 `json:"gc_cycles"`
			}
		}
		o.b.must(o.cmd.Process.Signal(syscall.SIGUSR1))
		time.Sleep(time.Second / 10)
		for d := json.NewDecoder(strings.NewReader(o.stdout.String())); d.Decode(&last) == nil; {
		}
		return last.Time.Cycles
	}
	before := cycles()
	p.answer("gc")
	for i := 0; cycles() <= before; i++ {
		if i > patience {
			panic(fatal("the tool does not see a collection"))
		}
	}
}

// trace is the tool at work on a process.
func (b *bench) trace(pid int, args ...string) *observer {
	return b.observe("tracing pid", append([]string{b.tool, "-p", strconv.Itoa(pid)}, args...)...)
}

// end answers how long it took to leave.
func (o *observer) end() time.Duration {
	begin := time.Now()
	o.in.Close()
	o.cmd.Process.Signal(syscall.SIGTERM)
	<-o.ended
	return time.Since(begin)
}

// settle is how long a tool has to choose its source.
const settle = 2 * time.Second

// beside begins an observer, and lets it settle, while work is done again and again: what is looked into in production is
// at work before that.
func beside(work func(), begin func() *observer) *observer {
	settled, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-settled:
				return
			default:
				work()
			}
		}
	}()
	o := begin()
	time.Sleep(settle)
	close(settled)
	<-done
	return o
}

// pairs measures some numbers without and with an observer in turn; it answers for each number its medians without and
// with, and with / without, where without is the mean of before and after, so that what drifts cancels out.
func (b *bench) pairs(n int, begin func() *observer, work func(), measure func() []float64) []paired {
	traced := func() []float64 {
		o := beside(work, begin)
		defer o.end()
		return measure()
	}
	before := measure()
	all := make([]paired, len(before))
	for i := 0; i < n; i++ {
		with := traced()
		after := measure()
		for k := range all {
			without := (before[k] + after[k]) / 2
			all[k].without, all[k].ratios = append(all[k].without, without), append(all[k].ratios, with[k]/without)
		}
		before = after
	}
	return all
}

// paired is a number without and with an observer.
type paired struct{ without, ratios []float64 }

func (p paired) ratio() float64 { return median(p.ratios) }

// String is by how much it changes, in percent, and how sure that is.
func (p paired) String() string {
	return fmt.Sprintf("%+.1f ± %.1f %%", 100*(p.ratio()-1), 100*2*standardError(p.ratios))
}
