// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// What tracing must not do to the process, and how quickly it must come and go.

func unharmedTests(e *env) []testCase {
	all := []testCase{
		{"unharmed/attach-and-leave-often", func(t *T) { t.attachOften() }},
		{"unharmed/tracer-killed", func(t *T) { t.tracerKilled() }},
		{"unharmed/two-tracers", func(t *T) { t.twoTracers() }},
		{"unharmed/duration-and-interval", func(t *T) { t.intervals() }},
		{"unharmed/binary-replaced", func(t *T) { t.binaryReplaced() }},
		{"unharmed/same-binary-twice", func(t *T) { t.sameBinaryTwice() }},
		{"unharmed/pid-namespace", func(t *T) { t.pidNamespace() }},
	}
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"unharmed/under-load/" + v, func(t *T) { t.underLoad(v) }})
	}
	return all
}

// limit of processor time, which does not depend on what others do, for planting and removing all
// probes on a program of a few MB; a benchmark does it for 100 MB.
const quick = 2 * time.Second

func (t *T) tooSlow(d time.Duration) bool { return d > quick && !t.slow }

func (t *T) attachOften() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	for i := 0; i < 5; i++ {
		x := t.attach(p.pid())
		p.do("alloc 1000")
		x.stop()
		if took := processorTime(x.cmd.ProcessState); t.tooSlow(took) {
			t.Errorf("attaching and leaving took %v of processor time", took)
		}
		p.do("alloc 1000")
		t.checkText(p)
	}
	p.finish()
}

// checkText: the code in memory is what the file says, no breakpoint is left.
func (t *T) checkText(p *program) {
	f, err := elf.Open(p.cmd.Path)
	t.must(err)
	defer f.Close()
	text := f.Section(".text")
	want, err := text.Data()
	t.must(err)
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", p.pid()))
	t.must(err)
	defer mem.Close()
	got := make([]byte, len(want))
	if _, err := mem.ReadAt(got, int64(text.Addr)); err != nil {
		t.Fatalf("reading the program's code: %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the program's code is not what it was before")
	}
}

func (t *T) tracerKilled() {
	p := t.program(t.build("quiet", t.newest(), "plain"))
	x := t.attach(p.pid())
	p.do("alloc 1000")
	t.must(x.cmd.Process.Signal(syscall.SIGKILL))
	x.exit()
	p.do("alloc 1000")
	t.eventually("the probes stay when the tracer was killed", func() bool {
		before := len(t.result.errors)
		t.checkText(p)
		clean := len(t.result.errors) == before
		t.result.errors = t.result.errors[:before]
		return clean
	})
	t.attach(p.pid()).stop()
	p.finish()
}

// twoTracers: both see everything.
func (t *T) twoTracers() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	first := t.attach(p.pid())
	second := t.attach(p.pid())
	p.do("alloc 5000")
	reports := []*report{second.stop(), first.stop()}
	p.do("alloc 10")
	p.finish()
	for i, r := range reports {
		if n := allocsIn(r, "main.alloc"); n != 5000 {
			t.Errorf("tracer %d saw %d objects, really 5000", i+1, n)
		}
	}
}

// binaryReplaced: as after an upgrade, when the old program still runs.
func (t *T) binaryReplaced() {
	old := t.readFile(t.build("quiet", t.newest(), "stripped"))
	for _, replace := range []func(path string){
		func(path string) { t.must(os.Remove(path)) },
		func(path string) {
			t.must(os.Rename(t.writeFile("new", []byte("something else"), 0777), path))
		},
	} {
		p := t.program(t.writeFile("program", old, 0777))
		replace(p.cmd.Path)
		t.counts(p)
		p.finish()
	}
}

// counts traces some allocations and compares their number.
func (t *T) counts(p *program) {
	x := t.attach(p.pid())
	p.do("alloc 5000")
	if n := allocsIn(x.stop(), "main.alloc"); n != 5000 {
		t.Errorf("%d objects seen, really 5000", n)
	}
}

// sameBinaryTwice: a probe belongs to the file, but only one process is traced.
func (t *T) sameBinaryTwice() {
	path := t.build("quiet", t.newest(), "stripped")
	p, other := t.program(path), t.program(path)
	x := t.attach(p.pid())
	p.do("alloc 5000")
	other.do("alloc 3000")
	if n := allocsIn(x.stop(), "main.alloc"); n != 5000 {
		t.Errorf("%d objects seen, really 5000", n)
	}
	p.finish()
	other.finish()
}

// pidNamespace: the process has another pid inside of its container.
func (t *T) pidNamespace() {
	cmd := exec.Command(t.build("quiet", t.newest(), "stripped"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := exec.Command("unshare", "--pid", "--fork", "true").Run(); err != nil {
		t.Skipf("no pid namespace can be made here: %v", err)
	}
	p := &program{t.start(cmd)}
	p.line(p.stdout, "ready")
	t.counts(p)
	p.finish()
}

func allocsIn(r *report, function string) uint64 {
	n := uint64(0)
	for i := range r.Sites {
		if s := &r.Sites[i]; s.Kind == "heap" && len(s.Frames) > 0 && s.Frames[0].Function == function {
			n += s.AllocObjects
		}
	}
	return n
}

func (t *T) intervals() {
	p := t.program(t.build("quiet", t.newest(), "plain"))
	p.do("alloc 100")
	// An interval that passes while the tracer does not get a processor has no report of its own, so
	// how many there are is known only as a limit; when they were made is known.
	reports := t.timedReports(p, "100ms", "3")
	if n := len(reports); n < 1 || n > 3 {
		t.Errorf("INTERVAL 100ms, COUNT 3: %s", plural(n, "report"))
	}
	for i, r := range reports {
		if due := 0.1 * float64(i+1); r.Time.Attached < due {
			t.Errorf("INTERVAL 100ms, COUNT 3: report %d after %.3f s", i+1, r.Time.Attached)
		}
	}
	if last := reports[len(reports)-1]; last.Time.Attached < 0.3 {
		t.Errorf("INTERVAL 100ms, COUNT 3: the last report after %.3f s", last.Time.Attached)
	}
	if reports = t.timedReports(p, "-d", "500ms"); len(reports) != 1 || reports[0].Time.Attached < 0.5 {
		t.Errorf("-d 500ms: %s, the first after %.3f s", plural(len(reports), "report"), reports[0].Time.Attached)
	}
	x := t.attach(p.pid(), "100ms")
	for i := 0; i < 3; i++ {
		x.parse(x.line(x.stdout, ""))
	}
	t.must(x.cmd.Process.Signal(os.Interrupt))
	x.expect(0)
	p.finish()
}

// timedReports are those of a tracer that ends by itself.
func (t *T) timedReports(p *program, args ...string) []*report {
	x := t.attach(p.pid(), args...)
	x.expect(0)
	var reports []*report
	for line := range x.stdout.next {
		reports = append(reports, x.parse(line))
	}
	if len(reports) == 0 {
		t.Fatalf("%v: no report", args)
	}
	return reports
}

const attachesUnderLoad = 5

// underLoad attaches and leaves in the midst of allocations and goroutines from several threads, which
// begin anew until there have been enough attaches.
func (t *T) underLoad(version string) {
	p := t.program(t.build("ledger", version, "stripped"))
	attached, workloads := 0, 0
	for ; attached < attachesUnderLoad; workloads++ {
		p.do("prepare 150")
		done := make(chan string, 1)
		fmt.Fprintln(p.in, "start")
		go func() { done <- p.line(p.stdout, "") }()
		for busy := true; busy; {
			x := t.attach(p.pid())
			select {
			case answer := <-done:
				busy = false
				if answer != "ok" {
					t.Fatalf("the program says %q after %s", answer, plural(attached, "attach"))
				}
			default:
				attached++
			}
			x.stop()
		}
		t.checkText(p)
	}
	p.finish()
	t.Notef("attached %d times in %s", attached, plural(workloads, "workload"))
}
