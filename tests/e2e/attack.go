// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What an attack on the tool found: who reads its reports, who hangs up, who started it.

func attackTests(e *env) []testCase {
	return []testCase{
		{"attack/reader-does-not-read", func(t *T) { t.readerStalls() }},
		{"attack/hangup-again", func(t *T) { t.hangupAgain() }},
		{"attack/killed-while-detaching", func(t *T) { t.killedWhileDetaching() }},
		{"attack/children-ignored", func(t *T) { t.childrenIgnored() }},
		{"attack/watch-reader-does-not-read", func(t *T) { t.watchReaderStalls() }},
		{"attack/watch-full-disk", func(t *T) { t.watchFullDisk() }},
		{"attack/watch-descriptors", func(t *T) { t.watchDescriptors() }},
		{"attack/own-limits", func(t *T) { t.ownLimits() }},
		{"attack/fifos", func(t *T) { t.fifos() }},
	}
}

// unread sends SIGTERM to a tool, once it has said word, whose reader stands still.
func (t *T) unread(word, args string) (pid int) {
	x := &tracer{t.shell(fmt.Sprintf("exec %s %s | exec sleep 1h", t.tool, args))}
	x.line(x.stderr, word)
	pid = childOf(t, x.pid())
	t.cleanup(func() { killChildren(x.pid()) })
	t.waitsForReader(pid)
	t.must(syscall.Kill(pid, syscall.SIGTERM))
	return pid
}

// readerStalls: a pager that stands still keeps neither a signal from its work nor the probes in place.
func (t *T) readerStalls() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	pid := t.unread("tracing", fmt.Sprintf("-p %d --format json 100ms", p.pid()))
	t.eventually("SIGTERM is not taken", func() bool { return !blocks(pid, syscall.SIGTERM) })
	t.eventually("the probes are still there", func() bool { return !hasLink(pid, "uprobe_multi") })
	// soon after the first it is an echo
	t.eventually("another SIGTERM does not end it", func() bool {
		syscall.Kill(pid, syscall.SIGTERM)
		return !alive(pid)
	})
	p.finish()
}

// watchReaderStalls: nor does it keep a watch from its end.
func (t *T) watchReaderStalls() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	pid := t.unread("watching", fmt.Sprintf("watch -p %d --format json -i 10ms", p.pid()))
	t.eventually("SIGTERM does not end it", func() bool { return !alive(pid) })
	p.finish()
}

// watchFullDisk: what cannot be written while a disk is full does not end a watch, and no line is cut.
func (t *T) watchFullDisk() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	log := filepath.Join(t.dir, "log")
	const limit = 4 // blocks of 1024 bytes
	x := t.start(exec.Command("bash", "-c", fmt.Sprintf("ulimit -f %d; exec %s watch -p %d --format json -i 10ms -o %s", limit, t.tool, p.pid(), log)))
	x.line(x.stderr, "the watch goes on")
	t.must(os.Truncate(log, 0))
	t.eventually("nothing is written any more", func() bool { return len(t.readFile(log)) > 0 })
	t.must(x.cmd.Process.Signal(os.Interrupt))
	x.exit()
	for _, line := range strings.Split(strings.TrimSuffix(string(t.readFile(log)), "\n"), "\n") {
		if _, err := decode(line); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
	p.finish()
}

// ownLimits: too few descriptors are named with what raises them; a small stack is made larger, and where that is not
// allowed it is said.
func (t *T) ownLimits() {
	p := t.program(t.build("holders", t.newest(), "stripped"))
	p.do("build")
	limited := func(limits, args string) ran {
		return t.runCommand(exec.Command("bash", "-c", fmt.Sprintf("%s %s %s -p %d", limits, t.tool, args, p.pid())))
	}
	for _, n := range []int{18, 26} {
		r := limited(fmt.Sprintf("ulimit -n %d; exec", n), "-d 1s")
		if r.code != 1 || !strings.Contains(r.stderr, fmt.Sprintf("(ulimit -n is %d)", n)) ||
			!strings.Contains(r.stderr, fmt.Sprintf("run gobpfleak with more: ulimit -n %d", n+1024)) {
			t.Errorf("%d descriptors: exit code %d, stderr %s", n, r.code, r.stderr)
		}
	}
	if r := limited("ulimit -S -s 64; exec", "heap -T 0"); r.code != 0 || !strings.Contains(r.stdout, "main.inTimer") {
		t.Errorf("64KiB of stack: exit code %d, stderr %s", r.code, r.stderr)
	}
	if r := limited("ulimit -s 64; exec setpriv --bounding-set=-sys_resource", "heap"); r.code != 1 ||
		!strings.Contains(r.stderr, "no more than 64KiB (ulimit -s)") ||
		!strings.Contains(r.stderr, "run gobpfleak with CAP_SYS_RESOURCE") {
		t.Errorf("64KiB of stack for good: exit code %d, stderr %s", r.code, r.stderr)
	}
	p.finish()
}

// watchDescriptors: for whom there are none left is not passed over in silence.
func (t *T) watchDescriptors() {
	var programs []*program
	for i := 0; i < 3; i++ {
		programs = append(programs, t.program(t.build("quiet", t.newest(), "stripped")))
	}
	x := t.start(exec.Command("bash", "-c", fmt.Sprintf("ulimit -n 48; exec %s watch --all", t.tool)))
	x.line(x.stderr, "no more than 2 processes are watched, as many as there are descriptors for (ulimit -n)")
	t.must(x.cmd.Process.Signal(os.Interrupt))
	if code := x.exit(); code != 0 {
		t.Errorf("exit code %d, stderr %s", code, x.stderr)
	}
	for _, p := range programs {
		p.finish()
	}
}

// fifos: one that nobody writes to, or reads from, is not waited for against the user's will.
func (t *T) fifos() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	fifo := filepath.Join(t.dir, "fifo")
	t.must(syscall.Mkfifo(fifo, 0600))
	pid := fmt.Sprint(p.pid())
	for _, args := range [][]string{{"-p", pid}, {"heap", "-p", pid}, {"dump", "-p", pid}} {
		x := t.start(t.toolCommand(append(args, "--suppress", fifo)...))
		x.inCall("257 ") // openat
		t.must(x.cmd.Process.Signal(os.Interrupt))
		t.eventually("SIGINT does not end it", func() bool { return !alive(x.pid()) })
	}
	if r := t.runTool(0, "watch", "-p", pid, "-o", fifo); r.code != 1 || !strings.Contains(r.stderr, "is not a regular file") {
		t.Errorf("watch -o FIFO: exit code %d, stderr %s", r.code, r.stderr)
	}
	p.finish()
}

func killChildren(pid int) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(child); err == nil {
			syscall.Kill(n, syscall.SIGKILL)
		}
	}
}

// waitsForReader: until the process writes to, or polls, what takes nothing.
func (t *T) waitsForReader(pid int) {
	const write, poll = "1 ", "7 "
	t.eventually("the pipe is never full", func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		return strings.HasPrefix(string(b), write) || strings.HasPrefix(string(b), poll)
	})
}

// hasLink: whether the process holds a BPF link of that type.
func hasLink(pid int, kind string) bool {
	infos, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	for _, info := range infos {
		b, _ := os.ReadFile(info)
		if strings.Contains(string(b), "link_type:\t"+kind) {
			return true
		}
	}
	return false
}

// statusField of /proc/PID/status; "": no such process, or no such field.
func statusField(pid int, key string) string {
	for _, line := range strings.Split(status(fmt.Sprint(pid)), "\n") {
		if strings.HasPrefix(line, key+":") {
			return strings.TrimSpace(line[len(key)+1:])
		}
	}
	return ""
}

func blocks(pid int, s syscall.Signal) bool {
	var mask uint64
	fmt.Sscanf(statusField(pid, "SigBlk"), "%x", &mask)
	return mask>>(uint(s)-1)&1 != 0
}

// alive: neither collected nor waiting for that.
func alive(pid int) bool {
	state := statusField(pid, "State")
	return state != "" && state[0] != 'Z'
}

const hangupParked = 8000

// hangupAgain: the kernel and the shell both send SIGHUP when a terminal closes; the report is whole.
func (t *T) hangupAgain() {
	p := t.program(t.build("stacks", t.newest(), "stripped"))
	p.do("park %d", hangupParked)
	file := filepath.Join(t.dir, "report.json")
	x := t.startTracer("-p", fmt.Sprint(p.pid()), "--goroutines-only", "--format", "json", "-T", "0", "-o", file)
	go func() {
		for x.cmd.Process.Signal(syscall.SIGHUP) == nil {
			time.Sleep(time.Millisecond)
		}
	}()
	x.expect(0)
	live := uint64(0)
	for _, s := range x.parse(string(t.readFile(file))).Sites {
		if s.Kind == "goroutine" && strings.HasPrefix(formatFrames(s.Frames), "main.park ") {
			live += s.Live
		}
	}
	if live != hangupParked {
		t.Errorf("%d goroutines of main.park, really %d", live, hangupParked)
	}
	p.finish()
}

// planned are the places of a trace that follows everything: not those of the profiler's samples.
var planned = regexp.MustCompile(`(?m)^0x([0-9a-f]+) .*\n    for     (?:allocation|goroutine|begin|end)`)

// killedWhileDetaching: the kernel is about to take the breakpoints out when SIGKILL comes.
func (t *T) killedWhileDetaching() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	var addrs []int64
	for _, m := range planned.FindAllStringSubmatch(t.runTool(0, "-p", fmt.Sprint(p.pid()), "--dry-run").stdout, -1) {
		addr, err := strconv.ParseInt(m[1], 16, 64)
		t.must(err)
		addrs = append(addrs, addr)
	}
	breakpoints := func() (n int) {
		mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", p.pid()))
		t.must(err)
		defer mem.Close()
		for _, addr := range addrs {
			var b [1]byte
			if _, err := mem.ReadAt(b[:], addr); err == nil && b[0] == 0xcc {
				n++
			}
		}
		return n
	}
	for i := 0; i < 10; i++ {
		x := t.attach(p.pid())
		if n := breakpoints(); n != len(addrs) || n == 0 {
			t.Fatalf("%d breakpoints of %d", n, len(addrs))
		}
		t.must(x.cmd.Process.Signal(os.Interrupt))
		x.inCall("3 ", "61 ", "230 ") // close, wait4, clock_nanosleep
		x.kill()
		t.eventually("breakpoints stay", func() bool { return breakpoints() == 0 })
	}
	p.finish()
}

// inCall looks without a pause, for what takes a few ms, until one of these system calls waits in the
// kernel, or the process is over.
func (p *process) inCall(calls ...string) {
	for p.t.left() > 0 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", p.pid()))
		if err != nil || !alive(p.pid()) {
			return
		}
		for _, call := range calls {
			if strings.HasPrefix(string(b), call) {
				return
			}
		}
	}
}

// childrenIgnored: who started the tracer ignores SIGCHLD, and exit codes are not kept for it.
func (t *T) childrenIgnored() {
	binary := t.build("quiet", t.newest(), "stripped")
	x := &tracer{t.shell(fmt.Sprintf("exec env --ignore-signal=CHLD %s -o %s -- %s", t.tool,
		filepath.Join(t.dir, "report"), binary))}
	q := &program{x.process}
	q.line(q.stdout, "ready")
	fmt.Fprintln(q.in, "exit 3")
	if code := x.exit(); code != 3 {
		t.Errorf("exit code %d, not 3; stderr: %s", code, x.stderr)
	}
}
