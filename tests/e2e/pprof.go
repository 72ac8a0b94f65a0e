// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The profiles as go tool pprof sees them, next to those that the program writes about itself with
// runtime.MemProfileRate 1.

func pprofTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"pprof/" + v, func(t *T) { t.pprof(v) }})
	}
	return all
}

func (t *T) pprof(version string) {
	own, ownGoroutines := filepath.Join(t.dir, "own-heap"), filepath.Join(t.dir, "own-goroutines")
	heap, goroutines := filepath.Join(t.dir, "heap"), filepath.Join(t.dir, "goroutines")
	p := t.program(t.build("profiled", version, "stripped"), "HEAP_PROFILE="+own, "GOROUTINE_PROFILE="+ownGoroutines)
	x := t.attach(p.pid(), "--pprof", heap, "--pprof-goroutines", goroutines)
	p.do("run")
	p.do("gc")
	p.do("heap")
	p.do("goroutine")
	x.stop()
	p.finish()
	t.pprofRaw(heap, "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes")
	t.pprofRaw(goroutines, "goroutine/count")
	for _, index := range []string{"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"} {
		t.pprofEqual(index, own, heap)
	}
	if n := t.pprofFlat(t.goTool("-top", "-cum", goroutines), 3)["main.wait"]; n != 7 {
		t.Errorf("-top of the goroutines has %d in main.wait, really 7", n)
	}
	t.goTool("-top", "-diff_base", ownGoroutines, goroutines)
}

func (t *T) pprofRaw(profile, sampleTypes string) {
	raw := t.goTool("-raw", profile)
	if !strings.Contains(raw, "Samples:\n"+sampleTypes) {
		t.Errorf("-raw: the sample types are not %s: %.600s", sampleTypes, raw)
	}
	if !strings.Contains(raw, "main.main") {
		t.Errorf("-raw: no main.main: %.600s", raw)
	}
}

// profileHandful: threads that the runtime starts inside of a function (newm) count there in the one
// profile and elsewhere in the other, since Go does not follow the stack beyond the system stack.
const profileHandful = 8

// interesting functions allocate nothing tiny, and nothing before the attach.
var interesting = regexp.MustCompile(`^main\.(keep|drop|newRecord|\(\*registry\[)`)

func (t *T) pprofEqual(index, own, heap string) {
	args := []string{"-top", "-nodecount=1000", "-nodefraction=0", "-unit=B", "-sample_index=" + index}
	want := t.pprofFlat(t.goTool(append(args, own)...), 0)
	got := t.pprofFlat(t.goTool(append(args, heap)...), 0)
	compared := 0
	tolerance := int64(profileHandful)
	if strings.HasSuffix(index, "space") {
		tolerance *= 2048
	}
	for f, n := range want {
		if interesting.MatchString(f) {
			compared++
			if got[f] < n-tolerance || got[f] > n+tolerance {
				t.Errorf("%s of %s: %d, in the program's own profile %d", index, f, got[f], n)
			}
		}
	}
	for f := range got {
		if _, known := want[f]; !known && interesting.MatchString(f) {
			t.Errorf("%s: a function %s, which the program's own profile does not know", index, f)
		}
	}
	if compared < 3 {
		t.Errorf("%s: nothing to compare in the program's own profile: %v", index, want)
	}
	diff := t.pprofFlat(t.goTool(append(args, "-diff_base", own, heap)...), 0)
	for f, n := range diff {
		if interesting.MatchString(f) && (n < -tolerance || n > tolerance) {
			t.Errorf("-diff_base, %s of %s: %d left, not 0", index, f, n)
		}
	}
}

var topLine = regexp.MustCompile(`^ *(-?[0-9.]+)B? +-?[0-9.]+% +-?[0-9.]+% +(-?[0-9.]+)B? +-?[0-9.]+%  (.*)$`)

// pprofFlat is the table of -top: function to flat (column 0) or cumulative (column 3) value.
func (t *T) pprofFlat(top string, column int) map[string]int64 {
	values := map[string]int64{}
	for _, line := range strings.Split(top, "\n") {
		if m := topLine.FindStringSubmatch(line); m != nil {
			text := m[1]
			if column == 3 {
				text = m[2]
			}
			v, err := strconv.ParseFloat(text, 64)
			t.must(err)
			values[strings.TrimSuffix(m[3], " (inline)")] = int64(v)
		}
	}
	return values
}

func (t *T) goTool(args ...string) string {
	cmd := exec.Command("go", append([]string{"tool", "pprof"}, args...)...)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "PPROF_TMPDIR="+t.dir)
	cmd.Dir = t.dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go tool pprof %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
