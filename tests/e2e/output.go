// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// The formats other than JSON and pprof, the files they go to, and the plan.

func outputTests(e *env) []testCase {
	return []testCase{
		{"output/text", func(t *T) { t.textReport() }},
		{"output/folded", func(t *T) { t.folded() }},
		{"output/files", func(t *T) { t.files() }},
		{"output/halves", func(t *T) { t.halves() }},
		{"output/dry-run", func(t *T) { t.dryRun() }},
		{"output/file-exists", func(t *T) { t.fileExists() }},
		{"output/file-cannot-be-written", func(t *T) { t.fileNotWritable() }},
		{"output/reader-has-gone", func(t *T) { t.readerGone() }},
	}
}

// traced runs a small workload of the names program under the given options to its end.
func (t *T) traced(args ...string) (stdout string) {
	p := t.program(t.build("names", t.newest(), "stripped"))
	x := t.startTracer(append([]string{"-p", fmt.Sprint(p.pid())}, args...)...)
	p.do("run")
	t.must(x.cmd.Process.Signal(syscall.SIGTERM))
	for range x.stdout.next {
	}
	x.expect(0)
	p.finish()
	return x.stdout.String()
}

func (t *T) expectLines(text string, patterns ...string) {
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(text) {
			t.Errorf("nothing in the report matches %s:\n%s", p, text)
			return
		}
	}
}

func (t *T) textReport() {
	text := t.traced("-T", "0")
	t.expectLines(text, `^gobpfleak .* pid \d+ .* go`+t.newest()+` \(stripped\)`, `^MEMORY +rss .* = live heap`,
		`^COVERAGE `, `^COST `, `main\.obj1\b`, `main\.plainLeaf +places\.go:\d+`, `main\.chainMiddle .*\(inlined\)`)
	if strings.Contains(text, "\x1b[") {
		t.Errorf("colours although stdout is no terminal")
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimRight(line, " \t") != line {
			t.Errorf("blanks at the end of a line: %q", line)
			break
		}
	}
}

var foldedLine = regexp.MustCompile(`^[^;]+(;[^;]+)* \d+$`)

func (t *T) folded() {
	for _, what := range []string{"live", "live-objects", "alloc", "growth", "goroutine"} {
		text := t.traced("-f" + what)
		for _, line := range strings.Split(text, "\n") {
			if !foldedLine.MatchString(line) && (line != "" || what != "growth") {
				t.Errorf("-f%s: not a folded stack: %q", what, line)
				break
			}
		}
		if what == "live-objects" {
			t.expectLines(text, `;main\.run;main\.plain;main\.plainLeaf 50$`)
		}
	}
	if text := t.traced("-f"); !strings.Contains(text, "main.plainLeaf ") {
		t.Errorf("-f alone: no main.plainLeaf: %.500s", text)
	}
}

// files writes all formats in one run.
func (t *T) files() {
	name := func(s string) string { return filepath.Join(t.dir, s) }
	stdout := t.traced("-o", name("text"), "--json", name("json"), "--pprof", name("heap"),
		"--pprof-goroutines", name("goroutines"))
	if stdout != "" {
		t.Errorf("with -o, something on stdout: %.300s", stdout)
	}
	t.expectLines(string(t.readFile(name("text"))), `^MEMORY `)
	r := (&tracer{&process{t: t}}).parse(string(t.readFile(name("json"))))
	if r.Schema != 1 || allocsIn(r, "main.plainLeaf") != 50 {
		t.Errorf("--json: schema %d, %d objects of main.plainLeaf", r.Schema, allocsIn(r, "main.plainLeaf"))
	}
	for _, f := range []string{"heap", "goroutines"} {
		if b := t.readFile(name(f)); len(b) < 2 || b[0] != 0x1f || b[1] != 0x8b {
			t.Errorf("%s: not gzip", f)
		}
	}
	for _, f := range []string{"text", "json", "heap", "goroutines"} {
		if left, _ := filepath.Glob(name(f + ".*")); len(left) > 0 {
			t.Errorf("temporary files are left: %v", left)
		}
	}
}

func (t *T) halves() {
	kinds := func(option string) map[string]int {
		r := (&tracer{&process{t: t}}).parse(t.traced("--format", "json", option))
		n := map[string]int{}
		for _, s := range r.Sites {
			n[s.Kind]++
		}
		return n
	}
	if n := kinds("--heap-only"); n["heap"] == 0 || n["goroutine"] > 0 {
		t.Errorf("--heap-only: sites %v", n)
	}
	if n := kinds("--goroutines-only"); n["heap"] > 0 || n["goroutine"] == 0 {
		t.Errorf("--goroutines-only: sites %v", n)
	}
}

func (t *T) dryRun() {
	for _, v := range t.versions {
		p := t.program(t.build("quiet", v, "stripped"))
		r := t.runTool(0, "--dry-run", "-p", fmt.Sprint(p.pid()))
		if r.code != 0 {
			t.Errorf("go%s: exit code %d: %s", v, r.code, r.stderr)
		}
		t.checkMessages(r.stderr)
		t.expectLines(r.stdout, `runtime\.mallocgc\+0x[0-9a-f]+`, `runtime\.newproc1\+0x[0-9a-f]+`,
			`runtime\.(gdestroy|goexit0)\+0x[0-9a-f]+`)
		t.checkText(p)
		p.finish()
	}
}

func (t *T) fileExists() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	file := t.writeFile("there", []byte("precious"), 0666)
	for _, option := range []string{"-o", "--json", "--pprof", "--pprof-goroutines"} {
		t.refused(t.runTool(0, "-p", fmt.Sprint(p.pid()), option, file), file, "exists", "--force")
		if string(t.readFile(file)) != "precious" {
			t.Fatalf("%s has overwritten the file", option)
		}
	}
	t.startTracer("-p", fmt.Sprint(p.pid()), "-o", file, "--force", "-d", "100ms").expect(0)
	t.expectLines(string(t.readFile(file)), `^MEMORY `)
	p.finish()
}

func (t *T) fileNotWritable() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	pid := fmt.Sprint(p.pid())
	for _, file := range []string{"/proc/report", filepath.Join(t.dir, "no/such/folder/report"), t.dir, "/dev/full"} {
		t.refused(t.runTool(0, "-p", pid, "-o", file, "--force"), file)
	}
	p.finish()
}

// readerGone: like a pipe into head(1).
func (t *T) readerGone() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	cmd := t.shell(fmt.Sprintf("exec %s -p %d --format json 50ms | head -n 1", t.tool, p.pid()))
	cmd.in.Close()
	if code := cmd.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	t.checkMessages(cmd.stderr.String())
	p.finish()
}
