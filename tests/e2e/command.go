// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// gobpfleak -- CMD: traced from the first allocation.

func commandTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"command/" + v, func(t *T) { t.command(v) }})
	}
	return append(all, []testCase{
		{"command/not-found", func(t *T) {
			t.refused(t.runTool(0, "--", "/nonexistent/program"), "/nonexistent/program")
			t.refused(t.runTool(0, "--", "no-such-program"), "no-such-program", "No such file")
		}},
		{"command/not-go", func(t *T) { t.refused(t.runTool(0, "--", "/bin/sleep", "60"), "sleep") }},
		{"command/cut-short", func(t *T) { t.cutShort() }},
		{"command/short", func(t *T) { t.shortCommand() }},
		{"command/exit-code", func(t *T) { t.exitCodes() }},
		{"command/stdout", func(t *T) { t.commandStdout() }},
		{"command/ctrl-c", func(t *T) { t.ctrlC() }},
		{"command/ctrl-c-twice", func(t *T) { t.ctrlCTwice() }},
	}...)
}

func (t *T) command(version string) {
	file := filepath.Join(t.dir, "report.json")
	x := t.startTracer("--format", "json", "-T", "0", "-s", "0", "-o", file, "--", t.build("ledger", version, "stripped"))
	p := &program{x.process}
	p.line(p.stdout, "ready")
	p.do("prepare 20")
	p.do("start")
	r := &ledgerRun{report: x.signalReport(file)}
	p.json(&r.ledger, "ledger")
	r.measure(p)
	p.in.Close()
	x.expect(0) // it did what it was started for
	for i := range r.ledger.Entries {
		e := &r.ledger.Entries[i]
		t.checkEntry(e, r.byFunc[e.Function], r.freed[e.Function])
	}
	r.ledger.Mallocs, r.ledger.TotalAlloc = r.ledger.MallocsAtEnd, r.ledger.TotalAllocAtEnd
	t.mallocs(r)
	reports := strings.Split(strings.TrimSpace(string(t.readFile(file))), "\n") // a line each
	if len(reports) != 2 {
		t.Errorf("%d reports in the file, not 2", len(reports))
	}
	final := x.parse(reports[len(reports)-1])
	if !strings.Contains(final.Target.Gone, "exited") {
		t.Errorf("the final report does not say that the program has ended: %q", final.Target.Gone)
	}
	t.checkStarters(r.report)
	t.checkStarters(final)
}

// checkStarters: the program has a single go statement.  The runtime has more: some are first executed
// while a function of the program allocates or collects, which has not started what they start.
func (t *T) checkStarters(r *report) {
	starters := map[string]bool{}
	for i := range r.Sites {
		s := &r.Sites[i]
		if s.Kind != "goroutine" {
			continue
		}
		if len(s.Frames) == 0 || s.Frames[0].Function != "main.step" && s.Frames[0].Function != "runtime.rt0_go" {
			t.Errorf("nothing of the program starts goroutines at %s", formatFrames(s.Frames))
			continue
		}
		starters[s.Frames[0].Function] = true
	}
	if len(starters) != 2 {
		t.Errorf("goroutines are started by %v, really by main.step and, the main one, runtime.rt0_go", starters)
	}
}

// cutShort: a binary of which a part is missing.
func (t *T) cutShort() {
	binary := t.readFile(t.build("quiet", t.newest(), "stripped"))
	for _, n := range []int{0, 10, 63, 64, 200, 4096, len(binary) / 2, len(binary) * 9 / 10} {
		name := t.writeFile(fmt.Sprintf("cut-%d", n), binary[:n], 0777)
		t.refused(t.runTool(0, "--", name), filepath.Base(name))
	}
}

// shortCommand ends while its memory is looked at, sooner or later in one of these runs.
func (t *T) shortCommand() {
	binary := t.build("quiet", t.newest(), "stripped")
	for i := 0; i < 40 && !t.failed(); i++ {
		file := filepath.Join(t.dir, fmt.Sprint(i))
		r := t.runTool(0, "-o", file, "--", binary)
		if r.code != 0 {
			t.Errorf("run %d: exit code %d: %s", i, r.code, r.stderr)
		} else {
			t.expectLines(string(t.readFile(file)), `^MEMORY|^HEAP`)
			t.onlyMessages(r.stderr, "tracing pid", "has exited")
		}
	}
}

// onlyMessages: every line has one of these texts.
func (t *T) onlyMessages(stderr string, texts ...string) {
	for _, line := range strings.Split(stderr, "\n") {
		expected := line == ""
		for _, text := range texts {
			expected = expected || strings.Contains(line, text)
		}
		if !expected {
			t.Errorf("a message that should not be there: %s", line)
		}
	}
}

func (t *T) exitCodes() {
	binary := t.build("quiet", t.newest(), "stripped")
	for _, how := range []struct {
		command string
		code    int
	}{{"exit 0", 0}, {"exit 3", 3}, {"panic", 2}, {"", 128 + int(syscall.SIGKILL)}} {
		x := t.startTracer("-o", filepath.Join(t.dir, "report"), "--force", "-d", "1h", "--", binary)
		p := &program{x.process}
		p.line(p.stdout, "ready")
		if how.command == "" {
			t.must(syscall.Kill(childOf(t, x.pid()), syscall.SIGKILL))
		} else {
			fmt.Fprintln(p.in, how.command)
		}
		if code := x.exit(); code != how.code {
			t.Errorf("%q: exit code %d, not %d; stderr: %s", how.command, code, how.code, x.stderr)
		}
	}
}

func childOf(t *T, pid int) int {
	var child int
	text := t.readFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	_, err := fmt.Sscan(string(text), &child)
	t.must(err)
	return child
}

// commandStdout: the report for reading does not mix with what the command prints.
func (t *T) commandStdout() {
	r := t.runTool(0, "--", t.build("quiet", t.newest(), "stripped"))
	if r.code != 0 || strings.TrimSpace(r.stdout) != "ready" {
		t.Errorf("exit code %d, stdout: %.300s", r.code, r.stdout)
	}
	t.expectLines(r.stderr, `^gobpfleak .* pid \d+ `, `^COVERAGE `)
}

// onTerminal runs a shell script on a terminal of its own, as its foreground process group.
func (t *T) onTerminal(script string) (*terminal, *exec.Cmd) {
	tty := t.terminal()
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty.slave, tty.slave, tty.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	t.must(cmd.Start())
	tty.slave.Close()
	return tty, cmd
}

// ctrlC reaches the command as well; the tool waits for it, reports, and has its exit code.
func (t *T) ctrlC() {
	file := filepath.Join(t.dir, "report.json")
	tty, cmd := t.onTerminal(fmt.Sprintf("exec %s --format json -o %s -- %s", t.tool, file,
		t.build("quiet", t.newest(), "stripped")))
	tty.expect("ready")
	tty.expect("Ctrl-C ends")
	tty.typeIn("\x03")
	tty.expect("^C\r\ngobpfleak: waiting") // and not behind it on the same line
	cmd.Wait()
	if code := exitCode(cmd.ProcessState); code != 2 && code != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d; terminal: %s", code, tty)
	}
	r := (&tracer{&process{t: t}}).parse(string(t.readFile(file)))
	if !strings.Contains(r.Target.Gone, "exited") {
		t.Errorf("the report was made before the command had ended: %q", r.Target.Gone)
	}
}

// ctrlCTwice: this command ignores it, so the tool waits until the second one, and leaves nothing.
func (t *T) ctrlCTwice() {
	file := filepath.Join(t.dir, "report")
	tty, cmd := t.onTerminal(fmt.Sprintf("trap '' INT; exec %s -o %s --json %s.json -- %s", t.tool, file, file,
		t.build("quiet", t.newest(), "stripped")))
	tty.expect("ready")
	tty.expect("Ctrl-C ends")
	tty.typeIn("\x03")
	tty.expect("waiting for the command")
	tty.typeIn("\x03")
	cmd.Wait()
	if code := exitCode(cmd.ProcessState); code != -int(syscall.SIGINT) {
		t.Errorf("exit code %d; terminal: %s", code, tty)
	}
	left, err := filepath.Glob(file + "*")
	t.must(err)
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	t.must(tty.master.Close()) // the command reads the end of its input
}
