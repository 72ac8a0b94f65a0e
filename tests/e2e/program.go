// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// endOfOutput is what the driver writes behind the last byte of a process that has ended: all of its
// output stands before it, however long it takes to be read, and what a grandchild that lives on may
// still print is not waited for.
const endOfOutput = "\x00end of output\n"

// lines collects what a process prints and hands it on line by line.
type lines struct {
	mu   sync.Mutex
	all  []string
	next chan string // closed at the end
	done chan struct{}
}

func readLines(r io.Reader) *lines {
	l := &lines{next: make(chan string, 10000), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		defer close(l.next)
		in := bufio.NewReaderSize(r, 1<<16)
		for {
			line, err := in.ReadString('\n')
			if at := strings.Index(line, endOfOutput); at >= 0 {
				line, err = line[:at], io.EOF
			}
			if line != "" {
				line = strings.TrimSuffix(line, "\n")
				l.mu.Lock()
				l.all = append(l.all, line)
				l.mu.Unlock()
				l.next <- line
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}

// end returns when everything is read.
func (l *lines) end(write *os.File) {
	io.WriteString(write, endOfOutput)
	<-l.done
	write.Close()
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

// process is a child of the driver, with its output; wait must be asked only once it is to end.
type process struct {
	t              *T
	cmd            *exec.Cmd
	in             io.WriteCloser
	stdout, stderr *lines
	ended          chan struct{} // closed when it has, and all output is read
}

func (t *T) start(cmd *exec.Cmd) *process {
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	in, err := cmd.StdinPipe()
	t.must(err)
	stdoutRead, stdoutWrite, err := os.Pipe()
	t.must(err)
	stderrRead, stderrWrite, err := os.Pipe()
	t.must(err)
	cmd.Stdout, cmd.Stderr = stdoutWrite, stderrWrite
	t.must(cmd.Start())
	p.in, p.stdout, p.stderr = in, readLines(stdoutRead), readLines(stderrRead)
	go func() {
		cmd.Wait()
		p.stdout.end(stdoutWrite)
		p.stderr.end(stderrWrite)
		close(p.ended)
	}()
	t.cleanup(p.kill)
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) kill() {
	p.in.Close()
	select {
	case <-p.ended:
	default:
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// exit waits for the end and returns the exit code, or minus the signal that ended it.
func (p *process) exit() int {
	select {
	case <-p.ended:
	case <-time.After(p.t.left()):
		p.t.Fatalf("timed out: %s does not end; stderr: %s", p.cmd.Path, p.stderr)
	}
	return exitCode(p.cmd.ProcessState)
}

// line waits for a line that has the text in it.
func (p *process) line(from *lines, text string) string {
	timeout := time.After(p.t.left())
	for {
		select {
		case line, ok := <-from.next:
			if !ok {
				<-p.ended
				p.t.Fatalf("%s ended (%d) without a line with %q; stderr: %s", p.cmd.Path,
					exitCode(p.cmd.ProcessState), text, p.stderr)
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-timeout:
			p.t.Fatalf("timed out: no line with %q from %s; stderr: %s", text, p.cmd.Path, p.stderr)
		}
	}
}

// program is a program under test, stepped over its stdin.
type program struct {
	*process
}

func (t *T) program(path string, environment ...string) *program {
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), environment...)
	p := &program{t.start(cmd)}
	p.line(p.stdout, "ready")
	return p
}

// ask sends a command and returns the answer.
func (p *program) ask(format string, args ...interface{}) string {
	command := fmt.Sprintf(format, args...)
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		p.t.Fatalf("%s does not take %q any more: %v; stderr: %s", p.cmd.Path, command, err, p.stderr)
	}
	return p.line(p.stdout, "")
}

func (p *program) do(format string, args ...interface{}) {
	if answer := p.ask(format, args...); answer != "ok" {
		p.t.Fatalf("%s: %s: %s", p.cmd.Path, fmt.Sprintf(format, args...), answer)
	}
}

func (p *program) json(v interface{}, command string) {
	answer := p.ask(command)
	if err := json.Unmarshal([]byte(answer), v); err != nil {
		p.t.Fatalf("%s: %s: %v in %.200s", p.cmd.Path, command, err, answer)
	}
}

// finish ends the program, which must be as healthy as before it was traced.
func (p *program) finish() {
	p.in.Close()
	if code := p.exit(); code != 0 {
		p.t.Errorf("the program was harmed: exit code %d; stderr: %s", code, p.stderr)
	}
}
