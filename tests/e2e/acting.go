// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"io"
	"io/ioutil"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// What is made of a report: leaks that are known and accepted; a report before the kernel ends
// the process.

func actingTests(e *env) []testCase {
	v := e.newest()
	return []testCase{
		{"acting/suppress-heap", func(t *T) { t.suppressed("map-grows", "heap", "heap: ", v) }},
		{"acting/suppress-goroutines", func(t *T) { t.suppressed("goroutine-chan", "goroutine", "", v) }},
		{"acting/suppress-types", func(t *T) { t.suppressTypes(v) }},
		{"acting/cycles", func(t *T) { t.cycles(v) }},
		{"acting/cycles-looks", func(t *T) { t.cyclesLooks(v) }},
		{"acting/filter-size", func(t *T) { t.filterSize(v) }},
		{"acting/filter-age", func(t *T) { t.filterAge(v) }},
		{"acting/filter-rate", func(t *T) { t.filterRate(v) }},
		{"acting/at-limit", func(t *T) { t.atLimit(v) }},
		{"acting/suppress-refused", func(t *T) { t.suppressRefused() }},
	}
}

// suppressed: no leak is called where the guilty function is accepted, exit status 0; what it holds is told, and
// explains what the heap grows by.
func (t *T) suppressed(name, kind, prefix, version string) {
	var truth struct{ Culprits []string }
	p := t.shape(name, version)
	p.json(&truth, "ledger")
	patterns := "# known\n\nheap: no.such.function # unused\n"
	for _, c := range truth.Culprits {
		patterns += prefix + c + "*\n"
	}
	file := t.writeFile("accepted.txt", []byte(patterns), 0666)
	r := t.judged(p, 0, func(r *report) bool {
		if r.Verdict == "LEAK" {
			t.Errorf("called a leak after %.0f s, %d collections: %+v", r.Time.Attached, r.Time.GCCycles, r.Findings)
		}
		return t.failed() || r.Time.Attached >= benignSeconds && r.Time.GCCycles >= benignCycles
	}, "--min-time", minTime, "--suppress", file)
	p.finish()
	s := r.Suppressed
	if s == nil || s.File != file {
		t.Fatalf("not told what is suppressed: %+v", s)
	}
	for _, site := range r.Sites {
		if site.Kind == kind && namesOne(site.Frames, truth.Culprits) {
			t.Errorf("suppressed, and there: %s", formatFrames(site.Frames))
		}
	}
	if kind == "goroutine" {
		if s.Goroutine.Sites == 0 || s.Goroutine.Live == 0 || s.Goroutine.Rate == nil || *s.Goroutine.Rate <= 0 {
			t.Errorf("no goroutines suppressed that grow: %+v", s.Goroutine)
		}
		return
	}
	if s.Heap.Sites == 0 || value(s.Heap.LiveBytes) == 0 || s.Heap.Rate.Low == nil || *s.Heap.Rate.Low <= 0 {
		t.Errorf("nothing suppressed that grows: %+v", s.Heap)
	}
	if r.Explained.Estimate == nil || *r.Explained.Estimate < 0.5 {
		t.Errorf("what is suppressed does not explain the growth: %+v", r.Explained)
	}
}

// suppressRefused: a file that cannot be used is told before anything is attached to.
func (t *T) suppressRefused() {
	file := t.writeFile("bad.txt", []byte("main.main\nleak:main.put\n"), 0666)
	t.refused(t.runTool(0, "-p", "1", "--suppress", file), file+":2: ", "no such prefix")
	none := filepath.Join(t.dir, "none.txt")
	t.refused(t.runTool(0, "dump", "-p", "1", "--suppress", none), none, "No such file")
	r := t.runTool(0, "list", "--suppress", file)
	if r.code != 1 || !strings.Contains(r.stderr, "does not take --suppress") {
		t.Errorf("list: %d %s", r.code, r.stderr)
	}
}

// cycles: -d 5gc ends by itself, when 5 collections have ended and not before; how far it is stands on a terminal.
func (t *T) cycles(version string) {
	p := t.shape("map-grows", version)
	r := t.runTool(0, "--format", "json", "-p", fmt.Sprint(p.pid()), "-d", "5gc")
	p.finish()
	if r.code != 0 || !strings.Contains(r.stderr, "for 5 collections;") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	final := t.parse(strings.TrimSpace(r.stdout))
	if final.Time.GCCycles < 5 {
		t.Errorf("ended after %d collections", final.Time.GCCycles)
	}
	p = t.program(t.build("quiet", version, "stripped"))
	tty, cmd := t.onTerminal(fmt.Sprintf("stty cols 90; TERM=xterm exec %s -p %d -d 1000gc -d 1h", t.tool, p.pid()))
	tty.expect(" of 1h00m  0 of 1,000 collections  ")
	tty.typeIn("\x03")
	cmd.Wait()
	p.finish()
}

// cyclesLooks: the end of a trace by collections is not known before, and it has a last look at the heap all the same, where
// looks take longer than what is done for any report.
func (t *T) cyclesLooks(version string) {
	p := t.program(t.build("bigheap", version, "stripped"))
	p.do("build 6")
	x := t.startTracer("-v", "--format", "json", "-p", fmt.Sprint(p.pid()), "-d", "1gc")
	x.line(x.stderr, "looked at the heap in ")
	p.do("collect")
	r := x.parse(x.line(x.stdout, ""))
	x.expect(0)
	p.finish()
	if l := r.HeapLooks; r.Time.GCCycles < 1 || l.Looks < 2 || l.Span == nil {
		t.Errorf("%d collections, %d looks, %v s between two", r.Time.GCCycles, l.Looks, l.Span)
	}
}

// memoryCgroup makes one of version 2 or 1 that allows so many bytes, with what says how many it uses.
func (t *T) memoryCgroup(limit int) (procs, used string) {
	const name = "gobpfleak-e2e"
	for _, v := range []struct{ root, limit, used string }{
		{"/sys/fs/cgroup", "memory.max", "memory.current"},
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"},
	} {
		dir := filepath.Join(v.root, fmt.Sprintf("%s-%d", name, os.Getpid()))
		if os.Mkdir(dir, 0755) != nil {
			continue
		}
		t.cleanup(func() { os.Remove(dir) })
		if !exists(filepath.Join(dir, v.limit)) { // a folder like any other
			continue
		}
		// No swap: it would take what is over the limit.
		ioutil.WriteFile(filepath.Join(dir, "memory.swap.max"), []byte("0"), 0644)
		ioutil.WriteFile(filepath.Join(dir, "memory.swappiness"), []byte("0"), 0644)
		err := ioutil.WriteFile(filepath.Join(dir, v.limit), []byte(fmt.Sprint(limit)), 0644)
		if err == nil {
			return filepath.Join(dir, "cgroup.procs"), filepath.Join(dir, v.used)
		}
	}
	t.Skipf("no cgroup with a limit of memory can be made here")
	return "", ""
}

// atLimit: a program is ended by the kernel for its memory, and what held it stands in a report that was written
// before: the program goes on only when that report is there.
func (t *T) atLimit(version string) {
	const limit, percent = 256 << 20, 60
	procs, used := t.memoryCgroup(limit)
	p := t.program(t.build("quiet", version, "stripped"))
	t.must(ioutil.WriteFile(procs, []byte(fmt.Sprint(p.pid())), 0644))
	file := filepath.Join(t.dir, "report.json")
	x := t.startTracer("--format", "json", "--json", file, "-s", "0", "--at-limit", fmt.Sprint(percent), "-p", fmt.Sprint(p.pid()))
	for {
		p.do("hold 4")
		n, err := strconv.ParseUint(strings.TrimSpace(string(t.readFile(used))), 10, 64)
		t.must(err)
		if n*100 >= limit*percent {
			break
		}
	}
	x.line(x.stderr, "this is the report of --at-limit")
	r := x.parse(x.line(x.stdout, ""))
	t.eventually(file+" is not written", func() bool { return exists(file) })
	if r.Target.Gone != "" {
		t.Errorf("the report says that the program has %s", r.Target.Gone)
	}
	held := uint64(0)
	for _, s := range r.Sites {
		if s.Kind == "heap" && namesOne(s.Frames, []string{"main.hold"}) {
			held += s.AllocBytes
		}
	}
	if held < limit*percent/100/2 {
		t.Errorf("the report knows %d bytes of what the program holds", held)
	}
	io.WriteString(p.in, "hold 1024\n")
	if code := p.exit(); code != -int(syscall.SIGKILL) {
		t.Fatalf("the program was to be killed: %d", code)
	}
	final := x.parse(x.line(x.stdout, ""))
	if final.Target.Gone == "" {
		t.Errorf("the final report does not say that the program has ended")
	}
	x.expect(2)
	if n := strings.Count(x.stderr.String(), "--at-limit"); n != 1 {
		t.Errorf("told %d times: %s", n, x.stderr)
	}
}

// kept is how many objects of that size are shown to live at sites of this function, and how many of others.
func kept(r *report, function string, size uint64) (n, others uint64) {
	for _, s := range r.Sites {
		for _, p := range s.Types {
			if s.Kind != "heap" {
				continue
			}
			if p.ObjectBytes == size && namesOne(s.Frames, []string{function}) {
				n += value(p.LiveObjects)
			}
			if p.ObjectBytes != size {
				others += value(p.LiveObjects)
			}
		}
	}
	return n, others
}

// filterSize: only the objects of 1 KiB that the program keeps are shown, each of them, and how many are not is told.
func (t *T) filterSize(version string) {
	p := t.program(t.build("quiet", version, "stripped"))
	x := t.attach(p.pid(), "-z", "1024", "-Z", "1K")
	p.do("fill 1000")
	p.do("hold 3")
	p.do("gc")
	shown := x.stop()
	p.finish()
	n, others := kept(shown, "main.fill", 1024)
	if n != 1000 || others != 0 {
		t.Errorf("%d objects of 1000, and %d of other sizes", n, others)
	}
	if shown.Filter == nil || value(shown.Filter.LeftOut.LiveObjects) < 3 || shown.Filter.LeftOut.Sites == 0 {
		t.Errorf("not told what is left out: %+v", shown.Filter)
	}
}

// filterAge: what was born before the last two collections is shown, and nothing that was born since.
func (t *T) filterAge(version string) {
	p := t.program(t.build("quiet", version, "stripped"))
	x := t.attach(p.pid(), "--older", "2gc", "-z", "1024", "-Z", "1024")
	p.do("fill 300")
	n := func() uint64 {
		n, _ := kept(x.report(), "main.fill", 1024)
		return n
	}
	if got := n(); got != 0 {
		t.Errorf("%d objects are old before there was a collection", got)
	}
	t.eventually("300 objects are not old after several collections", func() bool {
		p.do("gc")
		return n() == 300
	})
	p.do("fill 50")
	if got := n(); got != 300 {
		t.Errorf("%d objects are old, and 300 are", got)
	}
	t.eventually("350 objects are not old after several collections", func() bool {
		p.do("gc")
		return n() == 350
	})
	x.stop()
	p.finish()
}

// filterRate: a leak that grows too slowly to be shown is a leak, for the exit status, too; and that it is there is told.
func (t *T) filterRate(version string) {
	p := t.shape("map-grows", version)
	r := t.judged(p, 3, func(r *report) bool { return r.Verdict == "LEAK" }, "--min-time", minTime, "--min-rate", "1G/s")
	p.finish()
	if len(r.Findings) != 0 || r.Filter == nil || r.Filter.LeftOut.Leaks == 0 || r.Filter.LeftOut.SlowSites == 0 {
		t.Errorf("findings %+v, filter %+v", r.Findings, r.Filter)
	}
	for _, s := range r.Sites {
		if s.Kind == "heap" && s.Rate.Estimate != nil {
			t.Errorf("shown, and grows by %f: %s", *s.Rate.Estimate, formatFrames(s.Frames))
		}
	}
}

// suppressTypes: of the heap by type what is accepted has no row, and is told.
func (t *T) suppressTypes(version string) {
	p := t.program(t.build("holders", version, "plain"))
	p.do("build")
	file := t.writeFile("accepted.txt", []byte("type:main.in*\n"), 0666)
	all, some := t.heap(p.pid()), t.heap(p.pid(), "--suppress", file)
	p.finish()
	if all.find("main.inTimer") == nil || some.find("main.inTimer") != nil {
		t.Errorf("main.inTimer is not there without the option, or is with it")
	}
	if s := some.Suppressed; s == nil || s.Types == nil || s.Types.Types == 0 || s.Types.Objects < all.find("main.inTimer").Objects {
		t.Errorf("not told what is left out: %+v", s)
	}
	if some.Look.Bytes < all.Look.Bytes*9/10 {
		t.Errorf("%d bytes in all, and %d without the option", some.Look.Bytes, all.Look.Bytes)
	}
}
