// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// report is gobpfleak's JSON, as far as the tests look at it.
type report struct {
	HeapLooks struct {
		Looks   uint64
		Classes *uint64
		Read    uint64   `json:"bytes_read"`
		Span    *float64 `json:"span_s"`
		Types   []heapType
	} `json:"heap_looks"`
	Schema  int
	Version string
	Target  struct {
		Pid       int
		Exe, Comm string
		GoVersion string `json:"go_version"`
		Stripped  bool
		Gone      string
	}
	Time struct {
		Attached float64 `json:"attached_s"`
		GCCycles uint64  `json:"gc_cycles"`
	}
	ProfileRate     *int64  `json:"profile_rate"`
	GoroutineStarts *uint64 `json:"goroutine_starts"`
	Memory          map[string]*int64
	GCPacing        *struct {
		GOGC       int
		GOMemLimit *uint64
	} `json:"gc_pacing"`
	Process struct {
		Grows   bool `json:"rss_grows"`
		Cause   *string
		Outside *string
		Parts   map[string]int64
		Map     *int64 `json:"map_bytes"`
		Pool    *int64 `json:"pool_bytes"`
	}
	Coverage map[string]uint64
	Cost     struct {
		TargetPercent *float64 `json:"target_percent"`
		BudgetPercent *float64 `json:"budget_percent"`
		HitsPerSecond *float64 `json:"hits_per_s"`
		Sources       []source
	}
	Census struct {
		Cycles, Missed uint64
		LiveBytes      *uint64 `json:"live_bytes"`
		OlderBytes     *uint64 `json:"older_bytes"`
	}
	Collections []struct {
		Number    uint64
		EndUnix   float64 `json:"end_unix_s"`
		Pause     float64 `json:"pause_ms"`
		HeapBegin *uint64 `json:"heap_begin_bytes"`
		HeapEnd   *uint64 `json:"heap_end_bytes"`
		Live      *uint64 `json:"live_bytes"`
		Forced    *bool
	}
	Older    *older
	Classes  []class
	Verdict  string // "": nothing was judged
	Findings []finding
	Sites    []site

	Suppressed *suppressed // nil: without --suppress
	Filter     *filtered   // nil: all is shown
	Live       struct {
		Objects, Bytes *uint64
	}
	Explained struct{ Estimate, Low, High *float64 }
}

// filtered is what -z, -Z, --older and --min-rate leave out.
type filtered struct {
	LeftOut struct {
		Sites, Findings, Leaks uint64
		LiveObjects            *uint64 `json:"live_objects"`
		SlowSites              uint64  `json:"slow_sites"`
	} `json:"left_out"`
}

// suppressed is what --suppress leaves out.
type suppressed struct {
	File  string
	Types *struct { // of gobpfleak heap
		Types, Objects, Bytes uint64
	}
	Heap struct {
		Sites     uint64
		LiveBytes *uint64                                `json:"live_bytes"`
		Rate      struct{ Estimate, Low, High *float64 } `json:"rate_per_s"`
	}
	Goroutine struct {
		Sites, Live uint64
		Rate        *float64 `json:"rate_per_s"`
	}
}

// finding is one element of "findings".
type finding struct {
	Kind, Verdict string
	Sites         []string // their IDs
	Frames        []frame
	Missing       []string
	Watch         *float64 `json:"watch_s"`
	ClassBytes    *uint64  `json:"class_bytes"`
	Types         []heapType
}

// class is one element of "classes".
type class struct {
	Size         *uint64                                // nil: large objects
	LiveObjects  uint64                                 `json:"live_objects"`
	AllocObjects uint64                                 `json:"alloc_objects"`
	Rate         struct{ Estimate, Low, High *float64 } `json:"rate_per_s"`
}

type frame struct {
	Function string
	File     string
	Line     int
	Inlined  bool
}

// site is one element of "sites", of either kind.
type site struct {
	Kind            string
	ID              string
	Older           *olderNumbers
	Verdict         string
	Frames          []frame
	FramesCut       bool        `json:"frames_cut"`
	LiveObjects     *uint64     `json:"live_objects"`
	LiveBytes       *uint64     `json:"live_bytes"`
	Live95          *[2]float64 `json:"live_objects_95"`
	YoungObjects    uint64      `json:"young_objects"`
	YoungBytes      uint64      `json:"young_bytes"`
	SharedObjects   *uint64     `json:"shared_objects"`
	AllocObjects    uint64      `json:"alloc_objects"`
	AllocBytes      uint64      `json:"alloc_bytes"`
	GrowthBytes     *int64      `json:"growth_bytes"`
	DoubtfulObjects *uint64     `json:"doubtful_objects"`
	Rate            struct {
		Estimate *float64
	} `json:"rate_per_s"`
	Samples *uint64
	Types   []struct {
		Type          string // "" where it is not known
		How           string
		ObjectBytes   uint64  `json:"object_bytes"`
		LiveObjects   *uint64 `json:"live_objects"`
		YoungObjects  uint64  `json:"young_objects"`
		SharedObjects *uint64 `json:"shared_objects"`
		AllocObjects  uint64  `json:"alloc_objects"`
	}

	BeforeAttach bool `json:"before_attach"`
	Live         uint64
	StackBytes   *uint64 `json:"stack_bytes"`
	Started      *uint64
	Ended        *uint64
	States       map[string]uint64
	Places       []place
}

type place struct {
	State     string
	Live      uint64
	Frames    []frame
	FramesCut bool `json:"frames_cut"`
}

// value of a number that is null before the first collection.
func value(p *uint64) uint64 {
	if p == nil {
		return 0
	}
	return *p
}

func (f frame) String() string {
	file := f.File[strings.LastIndexByte(f.File, '/')+1:]
	inlined := ""
	if f.Inlined {
		inlined = " (inlined)"
	}
	return fmt.Sprintf("%s %s:%d%s", f.Function, file, f.Line, inlined)
}

func formatFrames(fs []frame) string {
	var b strings.Builder
	for i, f := range fs {
		if i > 0 {
			b.WriteString(" < ")
		}
		b.WriteString(f.String())
	}
	return b.String()
}

// tracer is a running gobpfleak.
type tracer struct {
	*process
}

func (t *T) toolCommand(args ...string) *exec.Cmd { return exec.Command(t.tool, args...) }

// attach starts gobpfleak on the process and returns when it traces; reports are JSON on stdout, unbounded. It
// follows every allocation, whatever that costs, unless args say otherwise.
func (t *T) attach(pid int, args ...string) *tracer {
	return t.startTracer(append([]string{"--format", "json", "-T", "0", "-p", fmt.Sprint(pid), "-s", "0"}, args...)...)
}

func (t *T) startTracer(args ...string) *tracer {
	x := &tracer{t.start(exec.Command(t.tool, args...))}
	x.line(x.stderr, "tracing")
	return x
}

// report asks for one and goes on.
func (x *tracer) report() *report {
	x.t.must(x.cmd.Process.Signal(syscall.SIGUSR1))
	return x.parse(x.line(x.stdout, ""))
}

// signalReport asks for a report that goes into a file, and waits for it.
func (x *tracer) signalReport(file string) *report {
	x.t.must(x.cmd.Process.Signal(syscall.SIGUSR1))
	x.t.eventually(file+" is not written", func() bool { return exists(file) })
	return x.parse(string(x.t.readFile(file)))
}

func (x *tracer) parse(line string) *report { return x.t.parse(line) }

func (t *T) parse(line string) *report {
	r := &report{}
	if err := json.Unmarshal([]byte(line), r); err != nil {
		t.Fatalf("the report is no JSON: %v: %.300s", err, line)
	}
	t.checkSchema(line)
	if t.keep {
		t.writeFile(fmt.Sprintf("report-%d.json", time.Now().UnixNano()), []byte(line), 0666)
	}
	return r
}

// stop is Ctrl-C: the final report, and nothing to complain about.
func (x *tracer) stop() *report {
	x.t.must(x.cmd.Process.Signal(os.Interrupt))
	r := x.parse(x.line(x.stdout, ""))
	x.expect(0)
	return r
}

// expect waits for the end with that exit code, and looks at stderr.
func (x *tracer) expect(code int) {
	if got := x.exit(); got != code {
		x.t.Errorf("gobpfleak: exit code %d, not %d; stderr: %s", got, code, x.stderr)
	}
	x.t.checkMessages(x.stderr.String())
}

// checkMessages: every line on stderr says whose it is, none comes from a sanitizer, and none asks what it does not know.
func (t *T) checkMessages(stderr string) {
	for _, line := range strings.Split(stderr, "\n") {
		if line != "" && !strings.HasPrefix(line, "gobpfleak: ") {
			t.Errorf("gobpfleak: a line on stderr that is none of its messages: %s", line)
			return
		}
		if strings.HasSuffix(line, "?") {
			t.Errorf("a message that asks: %s", line)
		}
	}
}

// ran is a gobpfleak that has come to its end.
type ran struct {
	code           int
	stdout, stderr string
	took           time.Duration // of processor time
}

// runTool runs gobpfleak to its end, as another user if uid is not 0.
func (t *T) runTool(uid uint32, args ...string) ran {
	cmd := exec.Command(t.tool, args...)
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return t.runCommand(cmd)
}

func (t *T) runCommand(cmd *exec.Cmd) ran {
	p := t.start(cmd)
	p.in.Close()
	code := p.exit()
	for range p.stdout.next {
	}
	for range p.stderr.next {
	}
	return ran{code, p.stdout.String(), p.stderr.String(), processorTime(cmd.ProcessState)}
}

func processorTime(s *os.ProcessState) time.Duration { return s.UserTime() + s.SystemTime() }

// exitCode is minus the signal if one ended the process.
func exitCode(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return -int(ws.Signal())
	}
	return s.ExitCode()
}
