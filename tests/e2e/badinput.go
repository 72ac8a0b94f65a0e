// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"fmt"
	"io/ioutil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// What cannot be traced is refused with one line that names it, and exit code 1; what ends meanwhile
// is reported, with exit code 2.

func badInputTests(e *env) []testCase {
	return []testCase{
		{"bad/no-such-process", func(t *T) {
			pid := fmt.Sprint(endedPid(t))
			t.refused(t.runTool(0, "-p", pid), pid, "no process")
		}},
		{"bad/zombie", func(t *T) { t.zombie() }},
		{"bad/thread", func(t *T) { t.threadID() }},
		{"bad/not-go", func(t *T) {
			p := t.start(exec.Command("/bin/sleep", "600"))
			t.refused(t.runTool(0, "-p", fmt.Sprint(p.pid())), "sleep", "not a Go program")
		}},
		{"bad/go-too-new", func(t *T) { t.otherVersion("go1.99", "go1.27") }},
		{"bad/go-too-old", func(t *T) { t.otherVersion("go1.11", "go1.17") }},
		{"bad/32-bit", func(t *T) { t.program32() }},
		{"bad/no-right-to-the-process", func(t *T) { t.noRights(0, "CAP_SYS_PTRACE") }},
		{"bad/no-right-to-bpf", func(t *T) { t.noRights(nobody, "CAP_BPF") }},
		{"bad/usage", func(t *T) { t.usage() }},
		{"bad/command", func(t *T) {
			t.refused(t.runTool(0, "wach", "-p", "1"), "no command 'wach'", "did you mean watch?")
			if r := t.runTool(0, "server", "-v"); strings.Contains(r.stderr, "did you mean") {
				t.Errorf("guessed: %s", r.stderr)
			}
		}},
		{"gone/exit", func(t *T) { t.gone("exit 3", 3, "exited") }},
		{"gone/panic", func(t *T) { t.gone("panic", 2, "exited") }},
		{"gone/killed", func(t *T) { t.gone("", -int(syscall.SIGKILL), "exited") }},
		{"gone/exec", func(t *T) { t.execs() }},
	}
}

const nobody = 65534

// refused: one line on stderr with all these words, nothing on stdout, exit code 1.
func (t *T) refused(r ran, words ...string) {
	if r.code != 1 {
		t.Errorf("exit code %d, not 1", r.code)
	}
	if r.stdout != "" {
		t.Errorf("something on stdout: %.200s", r.stdout)
	}
	if strings.Count(r.stderr, "\n") != 0 || !strings.HasPrefix(r.stderr, "gobpfleak: ") {
		t.Errorf("not one message: %s", r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("no %q in: %s", w, r.stderr)
		}
	}
	if t.tooSlow(r.took) {
		t.Errorf("took %v", r.took)
	}
	t.Notef("%s", r.stderr)
}

func endedPid(t *T) int {
	cmd := exec.Command("true")
	t.must(cmd.Run())
	return cmd.Process.Pid
}

func (t *T) zombie() {
	p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
	t.must(err)
	t.cleanup(func() { p.Wait() })
	pid := fmt.Sprint(p.Pid)
	t.eventually("no zombie", func() bool { return strings.Contains(status(pid), "\nState:\tZ") })
	t.refused(t.runTool(0, "-p", pid), pid, "ended")
}

func (t *T) shell(script string) *process { return t.start(exec.Command("sh", "-c", script)) }

func status(pid string) string {
	b, _ := ioutil.ReadFile("/proc/" + pid + "/status")
	return string(b)
}

func (t *T) threadID() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	tasks, err := ioutil.ReadDir(fmt.Sprintf("/proc/%d/task", p.pid()))
	t.must(err)
	for _, task := range tasks {
		if task.Name() != fmt.Sprint(p.pid()) {
			t.refused(t.runTool(0, "-p", task.Name()), task.Name(), "thread", fmt.Sprint(p.pid()))
			break
		}
	}
	p.finish()
}

// otherVersion runs a copy whose build information names another release.
func (t *T) otherVersion(series, known string) {
	version := "go" + t.newest()
	fake := series + version[len("go1.xx"):]
	binary := t.readFile(t.build("quiet", t.newest(), "stripped"))
	binary = bytes.ReplaceAll(binary, []byte(version), []byte(fake))
	p := t.program(t.writeFile("other", binary, 0777))
	t.refused(t.runTool(0, "-p", fmt.Sprint(p.pid())), "other", fake, strings.TrimPrefix(known, "go"))
	p.finish()
}

func (t *T) program32() {
	path := t.build("quiet", t.newest(), "386")
	if err := exec.Command(path).Run(); err != nil {
		t.Skipf("this kernel runs no 32-bit programs: %v", err)
	}
	p := t.program(path)
	t.refused(t.runTool(0, "-p", fmt.Sprint(p.pid())), "32-bit")
	p.finish()
}

// noRights runs the tool as nobody against a process of that user.
func (t *T) noRights(owner uint32, capability string) {
	if os.Geteuid() != 0 {
		t.Skipf("needs to be root, to run the tool as another user")
	}
	cmd := exec.Command(t.build("quiet", t.newest(), "stripped"))
	if owner != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner, Gid: owner}}
	}
	p := &program{t.start(cmd)}
	p.line(p.stdout, "ready")
	u := *t.env
	u.tool = filepath.Join(t.dir, "gobpfleak")
	binary := t.readFile(t.tool)
	t.writeFile("gobpfleak", binary, 0755)
	saved := t.env
	t.env = &u
	r := t.runTool(nobody, "-p", fmt.Sprint(p.pid()))
	t.env = saved
	t.refused(r, capability, "root")
	p.finish()
}

func (t *T) usage() {
	for _, args := range [][]string{
		{}, {"-p"}, {"-p", "x"}, {"-p", "0"}, {"-p", "-1"}, {"-p", "99999999999"}, {"-p", "1", "-d", "soon"},
		{"-p", "1", "--format", "yaml"}, {"-p", "1", "-fthis"}, {"-p", "1", "-T", "-1"}, {"-p", "1", "1s", "0"},
		{"-p", "1", "1s", "2", "3"}, {"-p", "1", "--heap-only", "--goroutines-only"}, {"--no-such-option"},
		{"-p", "1", "--", "true"}, {"server"}, {"lst"}, {"dump"}, {"list", "-p", "1"}, {"dump", "-p", "1", "-d", "1s"},
	} {
		r := t.runTool(0, args...)
		if r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "gobpfleak: ") {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, r.code, r.stdout, r.stderr)
		}
	}
	for _, option := range []string{"--help", "--version"} {
		if r := t.runTool(0, option); r.code != 0 || r.stdout == "" || r.stderr != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", option, r.code, r.stdout, r.stderr)
		}
	}
	for _, args := range [][]string{{"--help"}, {"heap", "--help"}} {
		asked := append([]string{"help"}, args[:len(args)-1]...)
		if r := t.runTool(0, asked...); r.code != 0 || r.stdout != t.runTool(0, args...).stdout {
			t.Errorf("%q: exit code %d, stderr %q, stdout %s", asked, r.code, r.stderr, r.stdout)
		}
	}
	if r := t.runTool(0, "help", "lst"); r.code != 1 || !strings.Contains(r.stderr, "did you mean list?") {
		t.Errorf("help of no command: exit code %d, stderr %q", r.code, r.stderr)
	}
}

// gone: the report is still written when the program ends.
func (t *T) gone(command string, code int, why string) {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	x := t.attach(p.pid())
	p.do("alloc 2000")
	if command == "" {
		t.must(p.cmd.Process.Kill())
	} else {
		fmt.Fprintln(p.in, command)
	}
	if got := p.exit(); got != code {
		t.Errorf("the program ended with %d, not %d", got, code)
	}
	t.checkGone(x, why)
}

func (t *T) checkGone(x *tracer, why string) {
	r := x.parse(x.line(x.stdout, ""))
	x.expect(2)
	if n := allocsIn(r, "main.alloc"); n != 2000 {
		t.Errorf("%d objects in the report, really 2000", n)
	}
	if !strings.Contains(r.Target.Gone, why) {
		t.Errorf("the report does not say %q: %q", why, r.Target.Gone)
	}
	if !strings.Contains(x.stderr.String(), why) {
		t.Errorf("stderr does not say %q: %s", why, x.stderr)
	}
}

func (t *T) execs() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	x := t.attach(p.pid())
	p.do("alloc 2000")
	fmt.Fprintln(p.in, "exec")
	t.checkGone(x, "exec")
	if s := status(fmt.Sprint(p.pid())); !strings.Contains(s, "Name:\tsleep") || strings.Contains(s, "\nState:\tZ") {
		t.Errorf("the program that took its place does not live: %s", s)
	}
}
