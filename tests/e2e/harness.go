// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"io/ioutil"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

type testCase struct {
	name string
	run  func(t *T)
}

type result struct {
	errors  []string
	notes   []string
	skipped string
	took    time.Duration
}

// T is one running test.  Fatalf and Skipf do not return.
type T struct {
	*env
	name     string
	dir      string // for files of this test
	deadline time.Time
	result   result
	cleanups []func()
}

type stop struct{}

const maxErrors = 12 // shown of one test

func (e *env) run(tc testCase) result {
	t := &T{env: e, name: tc.name, deadline: time.Now().Add(e.limit)}
	begin := time.Now()
	t.body(tc.run)
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
	t.result.took = time.Since(begin)
	return t.result
}

func (t *T) body(run func(t *T)) {
	defer func() {
		switch r := recover().(type) {
		case nil, stop:
		default:
			t.result.errors = append(t.result.errors, fmt.Sprintf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	t.dir = filepath.Join(t.work, "run", strings.NewReplacer("/", "-", " ", "-").Replace(t.name))
	os.RemoveAll(t.dir)
	t.must(os.MkdirAll(t.dir, 0777))
	if !t.keep {
		t.cleanup(func() { os.RemoveAll(t.dir) })
	}
	run(t)
}

func (t *T) cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *T) Errorf(format string, args ...interface{}) {
	if len(t.result.errors) < maxErrors {
		t.result.errors = append(t.result.errors, fmt.Sprintf(format, args...))
	}
}

func (t *T) Fatalf(format string, args ...interface{}) {
	t.Errorf(format, args...)
	panic(stop{})
}

func (t *T) Skipf(format string, args ...interface{}) {
	t.result.skipped = fmt.Sprintf(format, args...)
	panic(stop{})
}

// Notef adds a line that is shown below the result.
func (t *T) Notef(format string, args ...interface{}) {
	t.result.notes = append(t.result.notes, fmt.Sprintf(format, args...))
}

func (t *T) must(err error) {
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func (t *T) failed() bool { return len(t.result.errors) > 0 }

// left is the time until the test must be over.
func (t *T) left() time.Duration { return time.Until(t.deadline) }

// eventually polls until f holds: for what announces itself by no line.
func (t *T) eventually(what string, f func() bool) {
	for !f() {
		if t.left() < 0 {
			t.Fatalf("timed out: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (t *T) writeFile(name string, data []byte, mode os.FileMode) string {
	path := filepath.Join(t.dir, name)
	t.must(ioutil.WriteFile(path, data, mode))
	return path
}

func (t *T) readFile(path string) []byte {
	b, err := ioutil.ReadFile(path)
	t.must(err)
	return b
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
