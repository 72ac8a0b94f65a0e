// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"io/ioutil"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// What the tracer uses: processor time and memory of its own, on which limits may be set, since they do
// not depend on what else the machine does.

// userHz is the unit of times in /proc/PID/stat, the same on every Linux we run on (proc(5)).
const userHz = 100

// processorTime that the process has used since its start; false when it has ended.
func (p *process) processorTime() (time.Duration, bool) {
	b, err := ioutil.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid()))
	text := string(b)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if err != nil || len(fields) < 13 {
		return 0, false
	}
	ticks := uint64(0)
	for _, f := range fields[11:13] { // utime, stime: 14 and 15 in proc(5), behind pid, comm
		n, err := strconv.ParseUint(f, 10, 64)
		p.t.must(err)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userHz, true
}

// meter measures the processor time of a process from its creation on.
type meter struct {
	p     *process
	begin time.Duration
}

func (p *process) meter() *meter {
	m := &meter{p: p}
	m.begin = m.used()
	return m
}

func (m *meter) used() time.Duration {
	now, alive := m.p.processorTime()
	if !alive {
		<-m.p.ended
		now = processorTime(m.p.cmd.ProcessState)
	}
	return now - m.begin
}

// within waits until ready is closed or sends, and ends the test when the process uses more than that.
func (m *meter) within(limit time.Duration, what string, ready <-chan struct{}) {
	t := m.p.t
	for {
		select {
		case <-ready:
			return
		case <-time.After(10 * time.Millisecond):
		}
		if used := m.used(); used > limit && !t.slow {
			t.Fatalf("%s: not done after %v of the tracer's processor time", what, used)
		}
		if t.left() < 0 {
			t.Fatalf("timed out: %s; stderr: %s", what, m.p.stderr)
		}
	}
}

// pin keeps all threads of a process, and those that they will start, on the one processor.
func (p *process) pin(processor uint) {
	var mask [16]uint64
	mask[processor/64] = 1 << (processor % 64)
	folder := fmt.Sprintf("/proc/%d/task", p.pid())
	tasks, err := ioutil.ReadDir(folder)
	p.t.must(err)
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		p.t.must(err)
		_, _, e := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(tid), unsafe.Sizeof(mask),
			uintptr(unsafe.Pointer(&mask)))
		if e != 0 && e != syscall.ESRCH { // the thread may have ended
			p.t.Fatalf("%s/%d: cannot be kept on processor %d: %v", folder, tid, processor, e)
		}
	}
}

// firstProcessor is one that this process may run on.
func firstProcessor(t *T) uint {
	var mask [16]uint64
	_, _, e := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	if e != 0 {
		t.Fatalf("sched_getaffinity: %v", e)
	}
	for i := uint(0); i < 64*uint(len(mask)); i++ {
		if mask[i/64]&(1<<(i%64)) != 0 {
			return i
		}
	}
	t.Fatalf("no processor to run on")
	return 0
}

// memoryUse follows the memory of a process that is not backed by files.
type memoryUse struct {
	p                *process
	anonymous, other int64 // bytes, the most that was seen; other: of files and shared
	resident         int64 // the most there ever was, by the kernel's own account
}

// sample tells whether the process is still there.
func (m *memoryUse) sample() bool {
	var anonymous, other int64
	text := status(fmt.Sprint(m.p.pid()))
	for _, line := range strings.Split(text, "\n") {
		var kib int64
		fields := strings.Fields(line)
		if len(fields) > 1 {
			kib, _ = strconv.ParseInt(fields[1], 10, 64)
		}
		switch {
		case strings.HasPrefix(line, "VmHWM:"):
			m.resident = kib << 10
		case strings.HasPrefix(line, "RssAnon:"):
			anonymous = kib << 10
		case strings.HasPrefix(line, "RssFile:"), strings.HasPrefix(line, "RssShmem:"):
			other += kib << 10
		}
	}
	m.anonymous, m.other = larger(m.anonymous, anonymous), larger(m.other, other)
	return strings.Contains(text, "VmHWM:") // a process that ends has none any more
}

// peak is never more than what the process really had: between two samples it is what the greatest
// resident size leaves when files and shared memory are taken off.
func (m *memoryUse) peak() int64 { return larger(m.anonymous, m.resident-m.other) }

func larger(a, b int64) int64 {
	if a > b {
		return a
	}
	return b
}

// pause stops the process until the function that it returns is called.
func (p *process) pause() (resume func()) {
	t := p.t
	t.must(p.cmd.Process.Signal(syscall.SIGSTOP))
	t.eventually("it does not stop", func() bool {
		return strings.Contains(status(fmt.Sprint(p.pid())), "\nState:\tT")
	})
	return func() { t.must(p.cmd.Process.Signal(syscall.SIGCONT)) }
}

func fileSize(t *T, path string) int64 {
	info, err := os.Stat(path)
	t.must(err)
	return info.Size()
}
