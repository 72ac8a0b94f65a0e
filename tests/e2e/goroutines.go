// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// Goroutines against the runtime's own words about them, runtime.Stack, and creation stacks against
// runtime.CallersFrames at the go statement.

type stacksText struct {
	Text         string
	NumGoroutine int
	Ended        uint64
}

type creation struct {
	Started uint64
	Frames  []frame
}

func goroutineTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		for _, variant := range []string{"plain", "stripped"} {
			variant := variant
			all = append(all, testCase{"goroutines/" + v + "/" + variant, func(t *T) { t.goroutines(v, variant) }})
		}
	}
	return append(all,
		testCase{"goroutines/pie", func(t *T) { t.goroutines(t.newest(), "pie") }},
		testCase{"goroutines/cgo", func(t *T) { t.goroutines(t.newest(), "cgo") }})
}

func (t *T) goroutines(version, variant string) {
	p := t.program(t.build("goroutines", version, variant))
	x := t.attach(p.pid(), "--goroutines-only")
	p.do("more")
	r := x.report()
	t.compareGoroutines("with two crowds", p, r)
	t.checkStackBytes(r)
	p.do("brief 500")
	p.do("end")
	r = x.report()
	t.compareGoroutines("after some have ended", p, r)
	t.compareCreations(p, r)
	p.do("spin")
	t.checkSpinning(x.report())
	x.stop()
	p.finish()
}

// goroutine is one as runtime.Stack prints it, in normal form; the key of a comparison.
type goroutine struct {
	state, createdBy string
	frames           string
}

func (g goroutine) String() string {
	return fmt.Sprintf("[%s] %s, created by %s", g.state, g.frames, g.createdBy)
}

func (t *T) compareGoroutines(when string, p *program, r *report) {
	var said stacksText
	p.json(&said, "stacks")
	want := map[goroutine]int{}
	for _, g := range parseStacks(t, said.Text) {
		if g.createdBy != "" { // else the main goroutine, which is talking to us
			want[g]++
		}
	}
	got := map[goroutine]int{}
	live := 0
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind != "goroutine" || isSystem(s) {
			continue
		}
		live += int(s.Live)
		t.checkStates(s)
		for _, pl := range s.Places {
			g := goroutine{state: pl.State, frames: visibleFrames(pl.Frames)}
			if len(s.Frames) > 0 {
				g.createdBy = place1(s.Frames[0])
			}
			got[g] += int(pl.Live)
		}
	}
	for g := range got {
		if isMain(g) {
			live--
			delete(got, g)
		}
	}
	if live != said.NumGoroutine-1 {
		t.Errorf("%s: %d goroutines besides the main one, really %d", when, live, said.NumGoroutine-1)
	}
	t.compareCounts(when, got, want)
	t.Notef("%s: %s in %s", when, plural(live, "goroutine"), plural(len(want), "place"))
}

func (t *T) compareCounts(when string, got, want map[goroutine]int) {
	var wrong []string
	for g, n := range want {
		if got[g] != n {
			wrong = append(wrong, fmt.Sprintf("%s: %d, really %d: %s", when, got[g], n, g))
		}
	}
	for g, n := range got {
		if want[g] == 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %d, really 0: %s", when, n, g))
		}
	}
	sort.Strings(wrong)
	for _, w := range wrong {
		t.Errorf("%s", w)
	}
}

// checkStates: the counts by state are those of the places.
func (t *T) checkStates(s *site) {
	sum := uint64(0)
	for _, n := range s.States {
		sum += n
	}
	if sum != s.Live {
		t.Errorf("%s: %d live, but %d in states %v", formatFrames(s.Frames), s.Live, sum, s.States)
	}
}

// checkStackBytes: every stack has 2 KiB or a power of two more (runtime/stack.go, stackMin), and all are of the memory that
// the runtime has for them.
func (t *T) checkStackBytes(r *report) {
	const least = 2048
	sum := uint64(0)
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind != "goroutine" {
			continue
		}
		bytes := value(s.StackBytes)
		if bytes < s.Live*least || bytes%least != 0 {
			t.Errorf("%s: stacks of %d goroutines have %d bytes", formatFrames(s.Frames), s.Live, bytes)
		}
		sum += bytes
	}
	if inuse := r.Memory["stack_inuse"]; inuse == nil || sum > uint64(*inuse) || sum == 0 {
		t.Errorf("stacks have %d bytes, more than all that the runtime has", sum)
	}
}

// isSystem: runtime.Stack does not show these.
func isSystem(s *site) bool {
	return len(s.Frames) > 0 && strings.HasPrefix(s.Frames[0].Function, "runtime.") &&
		s.Frames[0].Function != "runtime.rt0_go"
}

func isMain(g goroutine) bool {
	return strings.HasPrefix(g.createdBy, "runtime.") || strings.Contains(g.frames, "progs/ctl.Loop")
}

var (
	headLine = regexp.MustCompile(`^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^\],]*)[^\]]*\]:$`)
	fileLine = regexp.MustCompile(`^\t(.*):(\d+)(?: \+0x[0-9a-f]+)?$`)
)

func parseStacks(t *T, text string) []goroutine {
	var all []goroutine
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		ls := strings.Split(block, "\n")
		head := headLine.FindStringSubmatch(ls[0])
		if head == nil {
			t.Fatalf("runtime.Stack: not understood: %q", ls[0])
		}
		g := goroutine{state: head[1]}
		var frames []string
		for i := 1; i+1 < len(ls); i += 2 {
			at := fileLine.FindStringSubmatch(ls[i+1])
			if at == nil {
				t.Fatalf("runtime.Stack: not understood: %q", ls[i+1])
			}
			if by := strings.TrimPrefix(ls[i], "created by "); by != ls[i] {
				if in := strings.Index(by, " in goroutine "); in >= 0 {
					by = by[:in]
				}
				g.createdBy = by + " " + at[1] + ":" + at[2]
				continue
			}
			function := ls[i]
			if paren := strings.LastIndexByte(function, '('); paren > 0 {
				function = function[:paren]
			}
			frames = append(frames, function+" "+at[1]+":"+at[2])
		}
		g.frames = strings.Join(frames, " < ")
		all = append(all, g)
	}
	return all
}

func place1(f frame) string { return f.Function + " " + f.File + ":" + strconv.Itoa(f.Line) }

// visibleFrames leaves out what runtime.Stack leaves out: the runtime's functions that are not
// exported (runtime/traceback.go, showframe).
func visibleFrames(fs []frame) string {
	var visible []string
	for _, f := range fs {
		name := strings.TrimPrefix(f.Function, "runtime.")
		if name != f.Function && (name == "" || name[0] < 'A' || name[0] > 'Z') {
			continue
		}
		visible = append(visible, place1(f))
	}
	return strings.Join(visible, " < ")
}

// compareCreations: what was started since the attach has its whole creation stack, and counts of
// what was started and has ended.
func (t *T) compareCreations(p *program, r *report) {
	var want []creation
	p.json(&want, "wanted")
	for _, c := range want {
		var found *site
		for i := range r.Sites {
			s := &r.Sites[i]
			if s.Kind == "goroutine" && !s.BeforeAttach && sameFrames(s.Frames, c.Frames) {
				found = s
			}
		}
		if found == nil {
			t.Errorf("no site for the creation stack %s", formatFrames(c.Frames))
			continue
		}
		if value(found.Started) != c.Started || value(found.Started)-value(found.Ended) != found.Live {
			t.Errorf("%s: started %d, ended %d, live %d; really started %d", found.Frames[0], value(found.Started),
				value(found.Ended), found.Live, c.Started)
		}
	}
}

// sameFrames compares without inlining marks, which the creation stacks of the program lack.
func sameFrames(a, b []frame) bool {
	a, b = withoutExit(a), withoutExit(b)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if place1(a[i]) != place1(b[i]) {
			return false
		}
	}
	return true
}

func (t *T) checkSpinning(r *report) {
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind == "goroutine" && len(s.Frames) > 0 && s.Frames[0].Function == "main.spinning" {
			if s.Live != 1 || s.States["running"]+s.States["runnable"] != 1 {
				t.Errorf("a goroutine that runs: %d live, states %v", s.Live, s.States)
			}
			return
		}
	}
	t.Errorf("no site for a goroutine that runs")
}
