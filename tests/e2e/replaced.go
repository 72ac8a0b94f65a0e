// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"fmt"
	"io/ioutil"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Another program in the place of the target, another file in the place of its binary.  The tool is
// stopped at a chosen moment, so that what happens meanwhile happens at that moment.

func replacedTests(e *env) []testCase {
	var all []testCase
	for _, m := range []moment{
		{"while-opened", func(t *T, x *process) bool { return x.hasOpen(t.readlinkExe(x)) }, 1},
		{"before-attach", func(t *T, x *process) bool { return x.hasOpen("bpf-map") }, 1},
		{"after-attach", func(t *T, x *process) bool { return strings.Contains(x.stderr.String(), "tracing") }, 2},
	} {
		m := m
		all = append(all,
			testCase{"replaced/program/" + m.name, func(t *T) { t.replacedProgram(m) }},
			testCase{"replaced/same-program/" + m.name, func(t *T) { t.replacedBySame(m) }})
	}
	return append(all,
		testCase{"replaced/same-program/at-end", func(t *T) { t.replacedAtEnd() }},
		testCase{"replaced/file-truncated", func(t *T) {
			t.replacedFile(func(path string) { t.must(os.Truncate(path, 0)) })
		}},
		testCase{"replaced/file-overwritten", func(t *T) {
			t.replacedFile(func(path string) {
				next := bytes.ReplaceAll(t.readFile(path), []byte("main.alloc\x00"), []byte("main.other\x00"))
				t.must(ioutil.WriteFile(path, next, 0777))
			})
		}})
}

// moment in the life of a tracer.
type moment struct {
	name string
	come func(t *T, x *process) bool
	code int // what the tool exits with if its target is replaced then
}

// adder adds up in 2 MB of code, more than a Go program has before its allocator.  At each of its
// offsets stands a valid instruction, so that a probe planned for another file can be planted there,
// but four of five are inside of a constant.  It answers each line with how often the sum was right
// and how often wrong.
const adder = `
#include <poll.h>
#include <stdio.h>
#define N 400000
unsigned add(void);
__asm__(".text\nadd:\n\txor %eax, %eax\n"
	".rept 400000\n\t.byte 0x05, 0x90, 0x90, 0x90, 0x90\n.endr\n\tret\n");
int main(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	unsigned long right = 0, wrong = 0;
	char line[100];

	puts("ready");
	fflush(stdout);
	for (;;) {
		if (add() == (unsigned)(N * 0x90909090ul))
			right++;
		else
			wrong++;
		if (poll(&p, 1, 0) <= 0)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		printf("%lu right, %lu wrong\n", right, wrong);
		fflush(stdout);
	}
}
`

func (t *T) buildAdder() string {
	if runtime.GOARCH != "amd64" {
		t.Skipf("written for amd64")
	}
	out := filepath.Join(t.dir, "adder")
	source := t.writeFile("adder.c", []byte(adder), 0666)
	if text, err := exec.Command("gcc", "-O1", "-static", "-o", out, source).CombinedOutput(); err != nil {
		t.Skipf("no C compiler for a static program: %v: %s", err, text)
	}
	return out
}

// stopAt starts the tool on the process and stops it when the moment has come.
func (t *T) stopAt(m moment, pid int, args ...string) *tracer {
	args = append([]string{"-p", fmt.Sprint(pid), "--format", "json"}, args...)
	x := &tracer{t.start(exec.Command(t.tool, args...))}
	for !m.come(t, x.process) {
		select {
		case <-x.ended:
			t.Fatalf("the tool ended before the moment %s: %s", m.name, x.stderr)
		default:
		}
		if t.left() < 0 {
			t.Fatalf("timed out: the moment %s does not come", m.name)
		}
	}
	x.stopped()
	return x
}

// stopped returns when the process is.
func (p *process) stopped() {
	p.t.must(p.cmd.Process.Signal(syscall.SIGSTOP))
	p.t.eventually("the process does not stop", func() bool {
		b, err := ioutil.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid()))
		return err == nil && bytes.Contains(b, []byte(") T "))
	})
}

func (p *process) goOn() { p.t.must(p.cmd.Process.Signal(syscall.SIGCONT)) }

// hasOpen tells whether one of its descriptors is called so.
func (p *process) hasOpen(name string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", p.pid())
	files, _ := ioutil.ReadDir(dir)
	for _, f := range files {
		if link, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && strings.HasSuffix(link, name) {
			return true
		}
	}
	return false
}

// readlinkExe is the binary of the process that the tool was started for.
func (t *T) readlinkExe(x *process) string {
	link, err := os.Readlink(fmt.Sprintf("/proc/%s/exe", x.cmd.Args[2]))
	t.must(err)
	return link
}

// replaceAt lets the target exec while the tool is stopped at the moment; returns what the tool said.
func (t *T) replaceAt(m moment, p *program) {
	x := t.stopAt(m, p.pid())
	for i := 0; m.code == 1 && x.hasOpen("bpf_link"); i++ { // stopped too late
		x.kill()
		if i == 20 {
			t.Skipf("the tool cannot be stopped before its probes are planted")
		}
		x = t.stopAt(m, p.pid())
	}
	fmt.Fprintln(p.in, "exec")
	p.line(p.stdout, "ready")
	x.goOn()
	x.expect(m.code)
	if s := x.stderr.String(); !strings.Contains(s, "another program") {
		t.Errorf("%s: nothing said of another program: %s", m.name, s)
	}
}

func (t *T) replacedProgram(m moment) {
	p := t.program(t.build("quiet", t.newest(), "stripped"), "PROGRAM="+t.buildAdder())
	t.replaceAt(m, p)
	if answer := p.ask("sum"); !strings.HasSuffix(answer, " 0 wrong") {
		t.Errorf("the new program was harmed: %s", answer)
	}
	p.finish()
}

// replacedBySame: a graceful restart; what was read may not be mixed with the new life.
func (t *T) replacedBySame(m moment) {
	path := t.build("quiet", t.newest(), "stripped")
	p := t.program(path, "PROGRAM="+path)
	t.replaceAt(m, p)
	p.do("alloc 1000")
	t.checkText(p)
	p.finish()
}

// replacedAtEnd: what the report says of it the exit status says too, also of what came last.
func (t *T) replacedAtEnd() {
	const trace = 5 * time.Second
	path := t.build("quiet", t.newest(), "stripped")
	p := t.program(path, "PROGRAM="+path)
	attached := func(t *T, x *process) bool { return strings.Contains(x.stderr.String(), "tracing") }
	x := t.stopAt(moment{name: "after-attach", come: attached}, p.pid(), "-d", trace.String())
	fmt.Fprintln(p.in, "exec")
	p.line(p.stdout, "ready")
	time.Sleep(trace)
	x.goOn()
	if line := x.line(x.stdout, ""); !strings.Contains(line, `"gone":"exec'ed another program"`) {
		t.Errorf("the report does not say that another program runs: %.300s", line)
	}
	x.expect(2)
	if s := x.stderr.String(); !strings.Contains(s, "another program") {
		t.Errorf("nothing said of another program: %s", s)
	}
	p.finish()
}

// replacedFile: the program has ended, and its binary is not what it was ("stop; cp new app").
func (t *T) replacedFile(replace func(path string)) {
	p := t.program(t.writeFile("program", t.readFile(t.build("quiet", t.newest(), "stripped")), 0777))
	x := t.attach(p.pid())
	p.do("alloc 3000")
	p.do("gc")
	x.stopped()
	p.finish()
	replace(p.cmd.Path)
	x.goOn()
	r := x.parse(x.line(x.stdout, ""))
	x.expect(2)
	objects := uint64(0)
	for _, s := range r.Sites {
		objects += s.AllocObjects
		for _, f := range s.Frames {
			if f.Function == "main.other" {
				t.Errorf("a name from the new file: %s", f)
			}
		}
	}
	if objects < 3000 {
		t.Errorf("%d objects in the report, at least 3000 were allocated", objects)
	}
}
