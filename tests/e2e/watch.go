// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"syscall"
	"time"
)

// gobpfleak watch: a leak is told of, with what leaks, who holds it and which line allocates it; what is healthy is
// not; processes that come and go are noticed.  Shapes go ten times as fast as they are written, and so does the
// patience of the tool.

func watchTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"watch/leak/" + v, func(t *T) { t.watchLeak(v) }})
	}
	return append(all,
		testCase{"watch/goroutines", func(t *T) { t.watchGoroutines("goroutine-select", false, e.newest()) }},
		testCase{"watch/goroutines-hold", func(t *T) { t.watchGoroutines("goroutine-chan", true, e.newest()) }},
		testCase{"watch/all", func(t *T) { t.watchAll(e.newest()) }},
		testCase{"watch/gone-soon", func(t *T) { t.watchGoneSoon(e.newest()) }},
		testCase{"watch/profile", func(t *T) { t.watchProfile(e.newest()) }},
		testCase{"watch/suppress-lines", func(t *T) { t.watchSuppressed("map-grows", "heap", "heap: main.*", e.newest()) }},
		testCase{"watch/suppress-types", func(t *T) { t.watchSuppressed("map-grows", "heap", "type:main.session", e.newest()) }},
		testCase{"watch/suppress-goroutines", func(t *T) { t.watchSuppressed("goroutine-chan", "goroutines", "goroutine: main.*", e.newest()) }},
		testCase{"watch/suppress-other", func(t *T) { t.watchOther(e.newest()) }},
		testCase{"watch/text", func(t *T) { t.watchText(e.newest()) }},
		testCase{"watch/pipe", func(t *T) { t.watchPipe(e.newest()) }},
		testCase{"watch/document", func(t *T) { t.watchDocument() }})
}

// news is one line of JSON.
type news struct {
	Event, Comm, Why, Verdict string
	Pid                       int
	Watched                   float64 `json:"watched_s"`
	GCCycles                  uint64  `json:"gc_cycles"`
	Heap                      struct {
		Verdict        string
		WithGoroutines bool `json:"grows_with_goroutines"`
		Classes        []struct {
			Size    *uint64
			Verdict string
		}
	}
	GoroutineSite struct {
		Verdict, State string
		Live           uint64
		Created        []frame
		BlockedAt      []frame `json:"blocked_at"`
	} `json:"goroutine_site"`
	Growth *struct {
		Types []struct {
			Type, Part string
			Lines      []frame
			Holders    []struct{ Path []string }
		}
		Stacks          []struct{ Frames []frame }
		SuppressedTypes int `json:"suppressed_types"`
	}
	Cost struct{ Processes int }
}

func (n *news) leaks() bool {
	if n.Event == "goroutines" {
		return n.GoroutineSite.Verdict == "LEAK"
	}
	leaks := n.Heap.Verdict == "LEAK"
	for _, c := range n.Heap.Classes {
		leaks = leaks || c.Verdict == "LEAK"
	}
	return n.Event == "heap" && leaks
}

// watcher is a running gobpfleak watch that writes JSON.
type watcher struct {
	*process
	told  map[string]int // lines of each kind
	begun map[int]bool   // processes
}

func (t *T) watch(args ...string) *watcher {
	return t.watchWith(t.start(exec.Command(t.tool, append([]string{"watch", "--format", "json", "--min-time", minTime}, args...)...)))
}

func (t *T) watchWith(p *process) *watcher {
	x := &watcher{p, map[string]int{}, map[int]bool{}}
	x.line(x.stderr, "watching")
	return x
}

// next is the next line; every line must be as documented.
func (x *watcher) next() *news {
	n := &news{}
	line := x.line(x.stdout, "")
	v, err := decode(line)
	x.t.must(err)
	s := x.t.schemaOf("watch.schema.json")
	if err := s.check(s, v, "line"); err != nil {
		x.t.Errorf("docs/watch.schema.json: %v", err)
	}
	x.t.must(json.Unmarshal([]byte(line), n))
	x.told[n.Event]++
	if n.Event == "begin" {
		x.begun[n.Pid] = true
	} else if n.Event == "end" && !x.begun[n.Pid] {
		x.t.Errorf("the end of process %d is told of, and nothing else was: %q", n.Pid, n.Why)
	}
	return n
}

// until returns the first line that is what f asks for.
func (x *watcher) until(f func(n *news) bool) *news {
	for {
		if n := x.next(); f(n) {
			return n
		}
	}
}

func (x *watcher) finish(code int) {
	x.t.must(x.cmd.Process.Signal(syscall.SIGTERM))
	for range x.stdout.next {
	}
	if got := x.exit(); got != code {
		x.t.Errorf("gobpfleak watch: exit code %d, not %d; stderr: %s", got, code, x.stderr)
	}
	x.t.checkMessages(x.stderr.String())
}

func (t *T) shapeOf(name, version, variant string) *program {
	p := t.program(t.build("shapes", version, variant))
	p.do("speed 10")
	p.do(name)
	return p
}

// watchLeak: what leaks is told of and named, stripped or not, while what is healthy is silent.
func (t *T) watchLeak(version string) {
	healthy := t.shapeOf("workers", version, "stripped")
	silent := t.watch("-p", fmt.Sprint(healthy.pid()), "--fail-on-leak")
	healthy.do("attached")
	plain := t.shapeOf("map-grows", version, "plain")
	stripped := t.shapeOf("map-grows", version, "stripped")
	first := t.watch("-p", fmt.Sprint(plain.pid()), "--fail-on-leak")
	second := t.watch("-p", fmt.Sprint(stripped.pid()), "--fail-on-leak")
	plain.do("attached")
	stripped.do("attached")
	t.leakNamed(first, plain, "var main.")
	t.leakNamed(second, stripped, "package data")
	t.must(silent.cmd.Process.Signal(syscall.SIGUSR1))
	report := silent.until(func(n *news) bool {
		if n.leaks() {
			t.Errorf("what is healthy is called a leak: %+v", n)
		}
		return n.Event == "report"
	})
	if report.Verdict == "LEAK" || report.Verdict == "GROWING" || report.Watched < 18 || report.GCCycles < 12 {
		t.Errorf("what is healthy is %s after %.0f s and %d collections", report.Verdict, report.Watched, report.GCCycles)
	}
	silent.finish(0)
	healthy.finish()
}

func (t *T) leakNamed(x *watcher, p *program, root string) {
	var truth struct{ Culprits []string }
	leak := x.until((*news).leaks)
	if leak.Watched < 18 || leak.GCCycles < 12 || leak.Pid != p.pid() {
		t.Errorf("pid %d called a leak after %.1f s and %d collections", leak.Pid, leak.Watched, leak.GCCycles)
	}
	named := x.until(func(n *news) bool { return n.Event == "growth" })
	p.json(&truth, "ledger")
	types := named.Growth.Types
	if len(types) > 1 && types[0].Type == "map[int]*main.session" && types[0].Part != "" {
		types = types[1:] // it has doubled between the two looks
	}
	if len(types) == 0 {
		t.Fatalf("no type is named")
	}
	if types[0].Type != "main.session" {
		t.Errorf("%s leaks, not main.session", types[0].Type)
	}
	if held := types[0].Holders; len(held) == 0 || !strings.Contains(strings.Join(held[0].Path, " "), "map[int]*main.session") ||
		!strings.Contains(strings.Join(held[0].Path, " "), root) {
		t.Errorf("held by %+v", held)
	}
	if !namesOne(types[0].Lines, truth.Culprits) {
		t.Errorf("allocated by %s, none of %v", formatFrames(types[0].Lines), truth.Culprits)
	}
	t.Notef("called after %.0f s, %d collections", leak.Watched, leak.GCCycles)
	x.finish(3)
	p.finish()
}

// watchGoroutines: those that stay, with the place where they were created and where they are blocked; and, where each
// of them holds more in the heap than a goroutine costs, the heap by itself.
func (t *T) watchGoroutines(name string, hold bool, version string) {
	var truth struct{ Culprits []string }
	p := t.shapeOf(name, version, "stripped")
	x := t.watch("-p", fmt.Sprint(p.pid()))
	p.do("attached")
	n := x.until(func(n *news) bool { return n.Event == "goroutines" && n.leaks() })
	p.json(&truth, "ledger")
	if !namesOne(n.GoroutineSite.Created, truth.Culprits) {
		t.Errorf("created by %s, none of %v", formatFrames(n.GoroutineSite.Created), truth.Culprits)
	}
	if want := map[bool]string{true: "chan send", false: "select"}[hold]; n.GoroutineSite.State != want ||
		len(n.GoroutineSite.BlockedAt) == 0 {
		t.Errorf("[%s] at %s", n.GoroutineSite.State, formatFrames(n.GoroutineSite.BlockedAt))
	}
	if !hold {
		x.noSecondFinding(p)
	} else if x.told["heap"] == 0 {
		x.until(func(n *news) bool { return n.Event == "heap" })
	}
	x.finish(0)
	p.finish()
}

// noSecondFinding: what goroutines cost in the heap is no finding of its own, and told with them.
func (x *watcher) noSecondFinding(p *program) {
	x.t.must(x.cmd.Process.Signal(syscall.SIGUSR1))
	report := x.until(func(n *news) bool { return n.Event == "report" })
	if report.Heap.Verdict != "LEAK" && report.Heap.Verdict != "GROWING" {
		x.t.Notef("the heap does not grow for sure")
	} else if !report.Heap.WithGoroutines {
		x.t.Errorf("the heap grows by itself: %+v", report.Heap)
	}
	if x.told["heap"] > 0 {
		x.t.Errorf("the heap was told of %d times", x.told["heap"])
	}
}

// watchSuppressed: what is accepted by its type, the lines that allocate it or the go statement is not told of before
// the report, and is no leak for --fail-on-leak.  What such goroutines hold is told as before.
func (t *T) watchSuppressed(name, event, pattern, version string) {
	p := t.shapeOf(name, version, "plain")
	file := t.writeFile("accepted.txt", []byte(pattern+"\n"), 0666)
	args := []string{"-v", "-p", fmt.Sprint(p.pid()), "--suppress", file}
	if event == "heap" {
		args = append(args, "--fail-on-leak")
	}
	x := t.watch(args...)
	p.do("attached")
	x.line(x.stderr, "suppressed")
	t.must(x.cmd.Process.Signal(syscall.SIGUSR1))
	report := x.until(func(n *news) bool {
		if n.Event == event || event == "heap" && n.Event == "growth" {
			t.Errorf("suppressed, and told of: %+v", n)
		}
		return n.Event == "report"
	})
	if event == "heap" && (report.Growth == nil || report.Growth.SuppressedTypes == 0 || report.Verdict != "LEAK" && report.Verdict != "GROWING") {
		t.Errorf("what is suppressed is not in the report: %+v", report)
	}
	x.finish(0)
	p.finish()
}

// watchOther: what is not accepted is told of as without the option, though later, and named.
func (t *T) watchOther(version string) {
	file := t.writeFile("accepted.txt", []byte("heap: no.such\ntype:main.other\n"), 0666)
	p := t.shapeOf("map-grows", version, "plain")
	x := t.watch("-p", fmt.Sprint(p.pid()), "--fail-on-leak", "--suppress", file)
	p.do("attached")
	t.leakNamed(x, p, "var main.")
}

// watchProfile: where the runtime's memory profiler is live, its stacks are told.
func (t *T) watchProfile(version string) {
	var truth struct{ Culprits []string }
	p := t.shapeOf("subslice", version, "profiled")
	x := t.watch("-p", fmt.Sprint(p.pid()))
	p.do("attached")
	n := x.until(func(n *news) bool { return n.Event == "growth" && len(n.Growth.Stacks) > 0 })
	p.json(&truth, "ledger")
	if !namesOne(n.Growth.Stacks[0].Frames, truth.Culprits) {
		t.Errorf("%s, none of %v", formatFrames(n.Growth.Stacks[0].Frames), truth.Culprits)
	}
	x.finish(0)
	p.finish()
}

// watchAll: programs that come are watched, those that end are told of with the last that was known, and what exec's
// another program is another one.
func (t *T) watchAll(version string) {
	first := t.shapeOf("map-grows", version, "stripped")
	x := t.watch("--all")
	is := func(event string, pid int) func(n *news) bool {
		return func(n *news) bool { return n.Event == event && n.Pid == pid }
	}
	x.until(is("begin", first.pid()))
	second := t.shapeOf("workers", version, "plain")
	x.until(is("begin", second.pid()))
	second.finish()
	if end := x.until(is("end", second.pid())); end.Why != "exited" || end.Watched <= 0 {
		t.Errorf("ended: %q after %f s", end.Why, end.Watched)
	}
	third := t.start(exec.Command("sh", "-c", "read line; exec "+t.build("shapes", version, "stripped")))
	fmt.Fprintln(third.in, "go on")
	third.line(third.stdout, "ready")
	x.until(is("begin", third.pid()))
	t.must(x.cmd.Process.Signal(syscall.SIGUSR1))
	reported := false
	n := x.until(func(n *news) bool {
		reported = reported || n.Event == "report" && n.Pid == third.pid()
		return n.Cost.Processes > 0
	})
	if !reported || n.Cost.Processes < 2 {
		t.Errorf("%d processes are watched; there is a report of ours: %v", n.Cost.Processes, reported)
	}
	third.kill()
	x.until(is("end", third.pid()))
	x.finish(0)
	first.finish()
}

// watchGoneSoon: a process that ends before anything was told of it is not told of.  The tool waits to say on stderr how
// many there are when it has opened them all, and has not yet looked at one.
func (t *T) watchGoneSoon(version string) {
	p := t.shapeOf("workers", version, "stripped")
	read, write, err := os.Pipe()
	t.must(err)
	t.must(write.SetWriteDeadline(time.Now().Add(time.Second)))
	n, _ := write.Write(make([]byte, 1<<20)) // as much as it takes
	cmd := exec.Command("sh", "-c", "exec "+t.tool+" watch --all --format json 2>&3")
	cmd.ExtraFiles = []*os.File{write}
	x := &watcher{t.start(cmd), map[string]int{}, map[int]bool{}}
	write.Close()
	t.eventually("the tool does not wait for its stderr", func() bool { return holds(x.pid(), p.cmd.Path) && sleeps(x.pid()) })
	p.finish()
	_, err = io.ReadFull(read, make([]byte, n))
	t.must(err)
	go io.Copy(io.Discard, read)
	x.until(func(n *news) bool { return n.Event == "begin" }) // this test is one of them
	t.must(x.cmd.Process.Signal(syscall.SIGUSR1))
	x.until(func(n *news) bool { return n.Cost.Processes > 0 })
	x.finish(0)
	read.Close()
}

// holds: the process has the file open.
func holds(pid int, path string) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		if to, err := os.Readlink(file); err == nil && to == path {
			return true
		}
	}
	return false
}

// sleeps: it waits for something to be written.
func sleeps(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	return err == nil && strings.HasPrefix(string(b), "1 0x2 ")
}

var newsLine = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  pid \d+ shapes\S*  \S`)

// watchText: a date and the process before each line that is not indented; the process's end is told, and ends it.
func (t *T) watchText(version string) {
	log := filepath.Join(t.dir, "log")
	p := t.shapeOf("map-grows", version, "stripped")
	x := t.start(exec.Command(t.tool, "watch", "-p", fmt.Sprint(p.pid()), "--min-time", minTime, "-o", log))
	x.line(x.stderr, "watching")
	p.do("attached")
	t.eventually("nothing is named", func() bool {
		b, _ := os.ReadFile(log)
		return strings.Contains(string(b), "        allocated ")
	})
	p.finish()
	if code := x.exit(); code != 2 {
		t.Errorf("exit code %d; stderr: %s", code, x.stderr)
	}
	text := string(t.readFile(log))
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if !strings.HasPrefix(line, "    ") && !newsLine.MatchString(line) {
			t.Errorf("%q", line)
		}
	}
	for _, what := range []string{"watched from now on", "  LEAK  +", "main.session", "exited; the last that was known"} {
		if !strings.Contains(text, what) {
			t.Errorf("%q is not in %s", what, text)
		}
	}
}

// watchPipe: it ends when nobody reads it any more, though there is nothing to write.
func (t *T) watchPipe(version string) {
	p := t.shapeOf("workers", version, "stripped")
	x := t.start(exec.Command("sh", "-c", fmt.Sprintf("%s watch -q -p %d | head -n 1", t.tool, p.pid())))
	x.line(x.stdout, "watched from now on")
	if code := x.exit(); code != 0 || x.stderr.String() != "" {
		t.Errorf("exit code %d, stderr %q", code, x.stderr)
	}
	p.finish()
}

// watchDocument: docs/watch.md says the same as the schema, and so do lines of each kind.
func (t *T) watchDocument() {
	for _, line := range strings.Split(strings.TrimSpace(string(t.readFile(filepath.Join(t.progs, "../golden/watch.jsonl")))), "\n") {
		v, err := decode(line)
		t.must(err)
		schema := t.schemaOf("watch.schema.json")
		if err := schema.check(schema, v, "line"); err != nil {
			t.Errorf("docs/watch.schema.json: %v", err)
		}
	}
	table := string(t.readFile(filepath.Join(t.progs, "../../docs/watch.md")))
	s, report := t.schemaOf("watch.schema.json"), t.schema()
	rows := s.rows("")
	for name, def := range s.Defs {
		if report.Defs[name] == nil || name == "class" {
			rows = append(rows, def.rows(name+".")...)
		}
	}
	sort.Strings(rows)
	for _, row := range rows {
		if !strings.Contains(table, row+"\n") {
			t.Errorf("docs/watch.md has no row %s", row)
		}
	}
	if n := strings.Count(table, "\n| `"); n != len(rows) {
		t.Errorf("docs/watch.md has %d rows, the schema %d fields", n, len(rows))
	}
}
