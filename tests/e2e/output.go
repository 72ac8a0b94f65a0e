// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"syscall"
	"time"
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
		{"output/several-reports", func(t *T) { t.severalReports() }},
		{"output/file-appears", func(t *T) { t.fileAppears() }},
		{"output/disk-full", func(t *T) { t.diskFull() }},
		{"output/closed-descriptors", func(t *T) { t.closedDescriptors() }},
		{"output/no-collection", func(t *T) { t.noCollection() }},
		{"output/pprof-to-a-pipe", func(t *T) { t.pprofToPipe() }},
		{"output/signals", func(t *T) { t.endingSignals() }},
		{"output/names-in-messages", func(t *T) { t.namesInMessages() }},
		{"completion/words", func(t *T) { t.completionWords() }},
		{"completion/keys", func(t *T) { t.completionKeys() }},
		{"manual/options", func(t *T) { t.manual() }},
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

// grown is what -fgrowth writes, which takes two collections that have been seen to end.
func (t *T) grown() (stdout string) {
	p := t.program(t.build("names", t.newest(), "stripped"))
	x := t.startTracer("-p", fmt.Sprint(p.pid()), "-fgrowth", "-d", "2gc")
	ended := make(chan bool)
	go func() {
		for range x.stdout.next {
		}
		close(ended)
	}()
	for running := true; running; {
		p.do("run")
		select {
		case <-ended:
			running = false
		case <-time.After(100 * time.Millisecond):
		}
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
	for _, line := range strings.Split(t.grown(), "\n") {
		if line != "" && !foldedLine.MatchString(line) {
			t.Errorf("-fgrowth: not a folded stack: %q", line)
		}
	}
	for _, what := range []string{"live", "live-objects", "alloc", "goroutine"} {
		text := t.traced("-f" + what)
		for _, line := range strings.Split(text, "\n") {
			if !foldedLine.MatchString(line) {
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

// severalReports: files of the formats that are text grow, the earlier ones of the others are kept.
func (t *T) severalReports() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	name := func(s string) string { return filepath.Join(t.dir, s) }
	x := t.startTracer("-p", fmt.Sprint(p.pid()), "-o", name("text"), "--pprof", name("heap.pb.gz"), "--json",
		name("json"))
	for i := 1; i <= 3; i++ {
		signal := syscall.SIGUSR1
		if i == 3 {
			signal = syscall.SIGTERM
		}
		t.must(x.cmd.Process.Signal(signal))
		t.eventually("no further report", func() bool {
			return exists(name("json")) && strings.Count(string(t.readFile(name("json"))), "\n") == i
		})
	}
	x.expect(0)
	p.finish()
	if n := strings.Count(string(t.readFile(name("text"))), "\nMEMORY "); n != 3 {
		t.Errorf("%d reports in the text, not 3", n)
	}
	left, err := filepath.Glob(name("*"))
	t.must(err)
	for i, f := range left {
		left[i] = filepath.Base(f)
	}
	if got := strings.Join(left, " "); got != "heap.1.pb.gz heap.2.pb.gz heap.pb.gz json text" {
		t.Errorf("files: %s", got)
	}
}

// fileAppears: somebody else's file is left alone, and the report is not lost.
func (t *T) fileAppears() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	file := filepath.Join(t.dir, "report")
	x := t.startTracer("-p", fmt.Sprint(p.pid()), "-o", file)
	t.writeFile("report", []byte("precious"), 0666)
	t.must(x.cmd.Process.Signal(syscall.SIGTERM))
	x.expect(1)
	p.finish()
	if string(t.readFile(file)) != "precious" {
		t.Errorf("the file was overwritten")
	}
	left, err := filepath.Glob(file + ".*")
	t.must(err)
	if len(left) != 1 || !strings.Contains(x.stderr.String(), left[0]) {
		t.Fatalf("files %v; stderr: %s", left, x.stderr)
	}
	t.expectLines(string(t.readFile(left[0])), `^MEMORY `)
}

// diskFull: no file may grow; a report that cannot be written is said, and the trace goes on.
func (t *T) diskFull() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	x := &tracer{t.shell(fmt.Sprintf("ulimit -f 0; exec %s -p %d --json %s", t.tool, p.pid(),
		filepath.Join(t.dir, "report")))}
	x.line(x.stderr, "tracing")
	t.must(x.cmd.Process.Signal(syscall.SIGUSR1))
	x.line(x.stderr, "cannot be written: File too large")
	t.must(x.cmd.Process.Signal(syscall.SIGUSR1))
	x.line(x.stderr, "cannot be written: File too large")
	t.must(x.cmd.Process.Signal(syscall.SIGTERM))
	x.line(x.stderr, "2 of the reports before")
	x.expect(1)
	p.finish()
}

// closedDescriptors: no file takes the place of stdout or stderr.
func (t *T) closedDescriptors() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	for closed, code := range map[string]int{"2>&-": 0, ">&-": 1, "<&- >&- 2>&-": 1} {
		file := filepath.Join(t.dir, "report")
		x := t.shell(fmt.Sprintf("exec %s -v -p %d --force --json %s -d 100ms %s", t.tool, p.pid(), file, closed))
		if got := x.exit(); got != code { // 1: the report on stdout cannot be written
			t.Errorf("%s: exit code %d, not %d", closed, got, code)
		}
		(&tracer{&process{t: t}}).parse(string(t.readFile(file)))
	}
	p.finish()
}

// noCollection: an empty report does not look like one.
func (t *T) noCollection() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	file := filepath.Join(t.dir, "report")
	r := t.runTool(0, "-q", "-p", fmt.Sprint(p.pid()), "-f", "-o", file, "-d", "100ms")
	t.refused(r, "no collection", "two minutes")
	if exists(file) {
		t.Errorf("a report was written: %s", t.readFile(file))
	}
	r = t.runTool(0, "-q", "-p", fmt.Sprint(p.pid()), "-falloc", "-o", file, "-d", "100ms")
	if r.code != 0 || r.stderr != "" || !exists(file) {
		t.Errorf("-falloc: exit code %d, %s", r.code, r.stderr)
	}
	r = t.runTool(0, "-q", "-p", fmt.Sprint(p.pid()), "--fail-on-leak", "-d", "100ms")
	if r.code != 4 || !strings.Contains(r.stderr, "too early to call anything a leak") {
		t.Errorf("--fail-on-leak: exit code %d, %s", r.code, r.stderr)
	}
	p.finish()
}

func (t *T) pprofToPipe() {
	if b := t.traced("--format", "pprof"); len(b) < 2 || b[0] != 0x1f || b[1] != 0x8b {
		t.Errorf("not gzip: %.20q", b)
	}
}

// endingSignals: a lost terminal is no reason to lose the report.
func (t *T) endingSignals() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		file := filepath.Join(t.dir, fmt.Sprint(int(s)))
		x := t.startTracer("-p", fmt.Sprint(p.pid()), "-o", file)
		t.must(x.cmd.Process.Signal(s))
		x.expect(0)
		t.expectLines(string(t.readFile(file)), `^MEMORY `)
	}
	x := &tracer{t.shell(fmt.Sprintf("trap '' HUP; exec %s -p %d --format json", t.tool, p.pid()))}
	x.line(x.stderr, "tracing")
	t.must(x.cmd.Process.Signal(syscall.SIGHUP)) // as under nohup
	x.report()
	x.stop()
	p.finish()
}

// namesInMessages: who may choose the name of a program cannot forge a message.
func (t *T) namesInMessages() {
	p := t.program(t.writeFile("x\ny\x1b[31m", t.readFile(t.build("quiet", t.newest(), "stripped")), 0777))
	x := t.startTracer("-p", fmt.Sprint(p.pid()), "-d", "100ms")
	x.expect(0)
	p.finish()
	if strings.Contains(x.stderr.String(), "\x1b") {
		t.Errorf("an escape sequence in a message: %q", x.stderr)
	}
}

// ---- completion

func (t *T) completionScript() string {
	return filepath.Join(t.progs, "../../scripts/gobpfleak.bash-completion")
}

// complete is what bash is offered for these words, the last of them the one before the cursor.
func (t *T) complete(words ...string) string {
	script := `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gobpfleak "$1"; echo "${COMPREPLY[*]}"`
	args := append([]string{"-uc", script, t.completionScript(), t.tool}, words...)
	out, err := exec.Command("bash", args...).Output()
	t.must(err)
	return strings.TrimSpace(string(out))
}

func (t *T) completionWords() {
	const formats, values = "text json folded pprof", "live live-objects alloc growth goroutine"
	dir := t.dir + "/"
	t.writeFile("one", nil, 0666)
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"--format", ""}, formats}, {[]string{"--format", "="}, formats},
		{[]string{"--format", "=", "j"}, "json"}, {[]string{"--format=j"}, "json"},
		{[]string{"--folded", "="}, values}, {[]string{"--folded", "=", "gr"}, "growth"},
		{[]string{"--folded=live-"}, "live-objects"}, {[]string{"--source", "pr"}, "profile"}, {[]string{"--format", "p"}, "pprof"},
		{[]string{"-o", dir + "o"}, dir + "one"}, {[]string{"--json", "=", dir + "o"}, dir + "one"},
		{[]string{"--folded=x"}, ""}, {[]string{"--force="}, ""}, {[]string{"--force", "="}, ""},
		{[]string{"-f", "--for"}, "--format --force"}, {[]string{"--folded", "--top"}, "--top"},
		{[]string{"-d", ""}, ""}, {[]string{"--mem"}, "--memory"}, {[]string{"--", "bpftra", "-p"}, ""},
		{[]string{"li"}, "list"}, {[]string{"-v", "li"}, ""}, {[]string{"list", "--fo"}, "--format"},
		{[]string{"list", "--format", ""}, "text json"}, {[]string{"list", "--du"}, ""},
		{[]string{"trace", "--du"}, "--duration"},
	} {
		if got := t.complete(c.words...); got != c.want {
			t.Errorf("%q: offered %q, not %q", c.words, got, c.want)
		}
	}
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	other := t.start(exec.Command("/bin/sleep", "600"))
	pids := " " + t.complete("-p", "") + " "
	if !strings.Contains(pids, fmt.Sprintf(" %d ", p.pid())) || strings.Contains(pids, fmt.Sprintf(" %d ", other.pid())) {
		t.Errorf("pids %sof which %d is Go's and %d is not", pids, p.pid(), other.pid())
	}
	p.finish()
	t.completionKnows(formats, values)
}

var helpOption = regexp.MustCompile(`(?m)^  (?:(-\w), )? *(--[a-z-]+)`)

// helpOptions are those that the help of the tool or of one of its commands begins lines with, short and long.
func (t *T) helpOptions(command ...string) []string {
	var all []string
	for _, m := range helpOption.FindAllStringSubmatch(t.runTool(0, append(command, "-h")...).stdout, -1) {
		for _, option := range m[1:] {
			if option != "" {
				all = append(all, option)
			}
		}
	}
	sort.Strings(all)
	return all
}

// commands are those that the tool's help lists.
func (t *T) commands() []string {
	var all []string
	section := regexp.MustCompile(`(?s)\nCommands.*?:\n(.*?)\n\n`).FindStringSubmatch(t.runTool(0, "-h").stdout)
	if section == nil {
		t.Fatalf("the help lists no commands")
	}
	for _, m := range regexp.MustCompile(`(?m)^  (\w+) `).FindAllStringSubmatch(section[1], -1) {
		all = append(all, m[1])
	}
	return all
}

// completionKnows all that the tool itself says there is, and no more.
func (t *T) completionKnows(formats, values string) {
	commas := func(s string) string { return strings.Replace(s, " ", ", ", -1) }
	t.refused(t.runTool(0, "-p", "1", "--format", "x"), commas(formats))
	t.refused(t.runTool(0, "-p", "1", "-fx"), commas(values))
	offered := strings.Fields(t.complete("-"))
	sort.Strings(offered)
	if want := append([]string{"--"}, t.helpOptions()...); strings.Join(offered, " ") != strings.Join(want, " ") {
		t.Errorf("offered are %q, not %q", offered, want)
	}
}

// completionKeys: as somebody types it, for a command by its path, which is asked for its help once.
func (t *T) completionKeys() {
	tty := t.terminal()
	asked := filepath.Join(t.dir, "asked")
	command := t.writeFile("gobpfleak", []byte(fmt.Sprintf("#!/bin/sh\n"+
		"[ \"$1\" = --help ] || exec printf '<%%s>' \"$@\"\necho >>%s\nexec %s --help\n", asked, t.tool)), 0777)
	cmd := exec.Command("bash", "--norc", "--noprofile", "-i")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty.slave, tty.slave, tty.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	t.must(cmd.Start())
	t.cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	tty.typeIn(". " + t.completionScript() + "; echo rea''dy\n")
	tty.expect("ready")
	tty.typeIn(command + " --format=js\t --folded=gro\t --dr\t\n")
	tty.expect("<--format=json><--folded=growth><--dry-run>")
	if n := len(t.readFile(asked)); n != 1 {
		t.Errorf("asked for its help %d times", n)
	}
}

// headings are those of the paragraphs of the man page, or of one of its sections.
func (t *T) headings(page, section string) []string {
	if section != "" {
		m := regexp.MustCompile(`(?s)\n\.SH ` + section + `\n(.*?)\n\.SH `).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("the man page has no %s", section)
		}
		page = m[1]
	}
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^\.TP\n(\.B[IR]* )?(.*)$`).FindAllStringSubmatch(page, -1) {
		all = append(all, strings.Replace(m[2], `"`, "", -1))
	}
	return all
}

// unique elements of what is sorted.
func unique(all []string) []string {
	var kept []string
	for i, s := range all {
		if i == 0 || all[i-1] != s {
			kept = append(kept, s)
		}
	}
	return kept
}

// manual: the man page names every command of the help in a heading of COMMANDS and every option in a heading
// somewhere, and nowhere an option that there is not.
func (t *T) manual() {
	page := strings.Replace(string(t.readFile(filepath.Join(t.progs, "../../scripts/gobpfleak.8"))), `\-`, "-", -1)
	var options []string
	commands := t.commands()
	for _, command := range commands {
		options = append(options, t.helpOptions(command)...)
	}
	sort.Strings(commands)
	sort.Strings(options)
	options = unique(options)
	named := t.headings(page, "COMMANDS")
	sort.Strings(named)
	if strings.Join(named, " ") != strings.Join(commands, " ") {
		t.Errorf("COMMANDS of the man page names %q, the help %q", named, commands)
	}
	named = nil
	for _, heading := range t.headings(page, "") {
		if strings.HasPrefix(heading, "-") {
			named = append(named, regexp.MustCompile(`-\w\b|--[a-z]+(?:-[a-z]+)*`).FindAllString(heading, -1)...)
		}
	}
	sort.Strings(named)
	if named = unique(named); strings.Join(named, " ") != strings.Join(options, " ") {
		t.Errorf("the man page names %q, the help %q", named, options)
	}
	for _, option := range regexp.MustCompile(`--[a-z]+(?:-[a-z]+)*`).FindAllString(page, -1) {
		if i := sort.SearchStrings(options, option); i == len(options) || options[i] != option {
			t.Errorf("the man page mentions %s", option)
		}
	}
}
