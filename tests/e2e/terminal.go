// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// terminal is a pseudo terminal: what is typed there, and what is shown.
type terminal struct {
	t             *T
	master, slave *os.File
	mu            sync.Mutex
	shown         []byte
}

func (t *T) terminal() *terminal {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	t.must(err)
	t.cleanup(func() { master.Close() })
	var number, unlocked uint32
	t.ioctl(master, syscall.TIOCSPTLCK, &unlocked)
	t.ioctl(master, syscall.TIOCGPTN, &number)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	t.must(err)
	t.cleanup(func() { slave.Close() })
	x := &terminal{t: t, master: master, slave: slave}
	go x.read()
	return x
}

func (t *T) ioctl(f *os.File, request uintptr, arg *uint32) {
	conn, err := f.SyscallConn() // Fd() would make its reads ones that Close cannot end
	t.must(err)
	var errno syscall.Errno
	t.must(conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(arg)))
	}))
	if errno != 0 {
		t.Fatalf("%s: %v", f.Name(), errno)
	}
}

func (x *terminal) read() {
	b := make([]byte, 4096)
	for {
		n, err := x.master.Read(b)
		x.mu.Lock()
		x.shown = append(x.shown, b[:n]...)
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *terminal) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return string(x.shown)
}

func (x *terminal) typeIn(keys string) {
	_, err := x.master.WriteString(keys)
	x.t.must(err)
}

// expect waits until the text has been shown.
func (x *terminal) expect(text string) {
	x.t.eventually(fmt.Sprintf("%q is not on the terminal", text), func() bool {
		return strings.Contains(x.String(), text)
	})
}

// terminalTests: what is different where somebody looks on.
func terminalTests(e *env) []testCase {
	return []testCase{
		{"terminal/progress", func(t *T) { t.progress() }},
		{"terminal/look", func(t *T) { t.lookProgress() }},
		{"terminal/quiet", func(t *T) { t.quietOnTerminal() }},
		{"terminal/redirected", func(t *T) { t.redirected() }},
	}
}

const eraseLine = "\r\x1b[K"

// progress: one line that is rewritten and erased before anything else; the report in colours, as wide as the terminal
// and no longer than a screen.
func (t *T) progress() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	tty, cmd := t.onTerminal(fmt.Sprintf("stty cols 72; TERM=xterm exec %s -p %d --min-gc 1 --min-time 1ms", t.tool, p.pid()))
	tty.expect("Ctrl-C ends")
	tty.expect(" held  ")
	p.do("alloc 1000")
	p.do("gc")
	counted := regexp.MustCompile(`  [12] collections?  `) // two so soon after each other may be one
	t.eventually("no collection is counted", func() bool { return counted.MatchString(tty.String()) })
	tty.typeIn("\x03")
	cmd.Wait()
	tty.expect("this tool ") // what was written last is read last
	shown := tty.String()
	at := strings.LastIndex(shown, eraseLine)
	if at < 0 || !strings.HasPrefix(shown[at+len(eraseLine):], "gobpfleak ") {
		t.Errorf("the line is not erased before the report: %q", shown)
		return
	}
	report := shown[at+len(eraseLine):]
	if !strings.Contains(report, "VERDICT  \x1b[") && !strings.Contains(report, "too early") {
		t.Errorf("no colours: %q", report)
	}
	lines := strings.Split(strings.TrimSpace(regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(report, "")), "\r\n")
	if len(lines) > 40 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if len([]rune(line)) > 72 && !strings.Contains(line, ".go:") { // names are never cut
			t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
	for i, part := range strings.Split(shown[:at], eraseLine) {
		if i > 0 && (strings.Contains(part, "\n") || len(part) >= 72) {
			t.Errorf("not one line: %q", part)
		}
	}
	p.finish()
}

// lookProgress: a look at a heap that takes long says that it goes on, and erases that.
func (t *T) lookProgress() {
	p := t.program(t.build("holders", t.newest(), "stripped"))
	p.do("build")
	tty, cmd := t.onTerminal(fmt.Sprintf("stty cols 72; TERM=xterm exec %s heap --rate 1MiB -p %d", t.tool, p.pid()))
	tty.expect(eraseLine + "looking at the heap for ")
	cmd.Wait()
	tty.expect("this tool ")
	shown := tty.String()
	if at := strings.LastIndex(shown, eraseLine); !strings.HasPrefix(shown[at+len(eraseLine):], "gobpfleak ") {
		t.Errorf("the line is not erased before the report: %q", shown)
	}
	p.finish()
}

// quietOnTerminal: with -q there is no sign of life, nor colour where it is not wanted.
func (t *T) quietOnTerminal() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	tty, cmd := t.onTerminal(fmt.Sprintf("TERM=xterm exec %s -q --no-color -p %d 1200ms 2", t.tool, p.pid()))
	cmd.Wait()
	tty.expect("this tool ")
	if shown := tty.String(); strings.Contains(shown, "\x1b") || strings.Contains(shown, " held  ") ||
		!strings.Contains(shown, "VERDICT") {
		t.Errorf("shown is %q", shown)
	}
	p.finish()
}

// redirected: neither where stderr is no terminal, though stdout is one.
func (t *T) redirected() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	tty, cmd := t.onTerminal(fmt.Sprintf("NO_COLOR=1 TERM=xterm exec %s -p %d 1200ms 2 2>%s/stderr", t.tool, p.pid(), t.dir))
	cmd.Wait()
	tty.expect("this tool ")
	said := string(t.readFile(t.dir + "/stderr"))
	if shown := tty.String(); strings.Contains(shown+said, "\x1b") || !strings.Contains(shown, "VERDICT") ||
		!strings.Contains(said, "tracing pid") {
		t.Errorf("shown is %q, said %q", shown, said)
	}
	p.finish()
}
