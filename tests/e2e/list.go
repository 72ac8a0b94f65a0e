// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// The list of the Go processes of this host, and processes by name.

func listTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"list/" + v, func(t *T) { t.list(v) }})
	}
	return append(all,
		testCase{"list/many", func(t *T) { t.listMany() }},
		testCase{"list/narrow", func(t *T) { t.listNarrow(60) }},
		testCase{"list/narrower", func(t *T) { t.listNarrow(30) }},
		testCase{"list/name", func(t *T) { t.processName() }},
		testCase{"list/refused", func(t *T) { t.listRefused() }},
		testCase{"list/rights", func(t *T) { t.listRights() }},
		testCase{"list/hidepid", func(t *T) { t.listHidepid() }})
}

// listed is one line of the list as JSON.
type listed struct {
	Pid       int
	Comm      string
	GoVersion string `json:"go_version"`
	Stripped  bool
	Traceable bool
	Refused   string
	// ProfileRate is what runtime.MemProfileRate is.
	ProfileRate *int64 `json:"profile_rate"`
}

func (t *T) listed(uid uint32) map[int]listed {
	all := map[int]listed{}
	r := t.runTool(uid, "list", "--format", "json")
	t.checkMessages(r.stderr)
	if r.code != 0 {
		t.Fatalf("list: exit code %d, stderr %q", r.code, r.stderr)
	}
	for _, line := range strings.Split(strings.TrimSpace(r.stdout), "\n") {
		var l listed
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("the list is no JSON: %v: %s", err, line)
		}
		all[l.Pid] = l
	}
	return all
}

func (t *T) list(version string) {
	plain, stripped := t.program(t.build("quiet", version, "plain")), t.program(t.build("quiet", version, "stripped"))
	profiled := t.program(t.build("profiled", version, "stripped"))
	other := t.start(exec.Command("/bin/sleep", "600"))
	all := t.listed(0)
	for _, p := range []*program{plain, stripped} {
		l := all[p.pid()]
		want := listed{p.pid(), l.Comm, "go" + version, p == stripped, true, "", l.ProfileRate}
		if l != want || l.Comm == "" {
			t.Errorf("listed as %+v, not %+v", l, want)
		}
		if l.ProfileRate == nil || *l.ProfileRate != 0 {
			t.Errorf("its profiler is off, listed is %v", l.ProfileRate)
		}
	}
	if rate := all[profiled.pid()].ProfileRate; rate == nil || *rate != 1 {
		t.Errorf("runtime.MemProfileRate is 1, listed is %v", rate)
	}
	profiled.finish()
	if l, is := all[other.pid()]; is {
		t.Errorf("sleep is listed: %+v", l)
	}
	plain.finish()
	stripped.finish()
}

// listMany: each of 200 processes of one file is there, in order of pid.
func (t *T) listMany() {
	path := t.build("quiet", t.newest(), "stripped")
	var all []*program
	for i := 0; i < 200; i++ {
		all = append(all, t.program(path))
	}
	r := t.runTool(0, "list")
	var pids []int
	for _, line := range strings.Split(r.stdout, "\n") {
		if pid, err := strconv.Atoi(append(strings.Fields(line), "")[0]); err == nil {
			pids = append(pids, pid)
		}
	}
	if !sort.IntsAreSorted(pids) {
		t.Errorf("not in order: %v", pids)
	}
	for _, p := range all {
		if i := sort.SearchInts(pids, p.pid()); i == len(pids) || pids[i] != p.pid() {
			t.Errorf("%d is not listed", p.pid())
		}
		p.finish()
	}
}

// listNarrow: on a terminal no row is wider than it, and nothing is cut.
func (t *T) listNarrow(columns int) {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	tty, cmd := t.onTerminal(fmt.Sprintf("stty cols %d; %s list 2>/dev/null; echo over", columns, t.tool))
	tty.expect("TRACEABLE")
	tty.expect("over")
	cmd.Wait()
	shown := tty.String()
	for _, line := range strings.Split(shown, "\r\n") {
		if len(line) > columns {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	if !strings.Contains(shown, fmt.Sprintf("%d  quiet", p.pid())) {
		t.Errorf("%d is not listed: %s", p.pid(), shown)
	}
	p.finish()
}

// processName: a name is as good as a pid where one Go process has it.
func (t *T) processName() {
	binary := t.readFile(t.build("quiet", t.newest(), "stripped"))
	name := fmt.Sprintf("e2e-named-%d", t.start(exec.Command("/bin/true")).pid()) // nobody else's
	path := t.writeFile(name, binary, 0777)
	t.refused(t.runTool(0, "-p", name, "--dry-run"), name, "no Go process")
	p := t.program(path)
	if r := t.runTool(0, "-p", name, "--dry-run"); r.code != 0 {
		t.Errorf("-p %s: exit code %d, stderr %q", name, r.code, r.stderr)
	}
	second := t.program(path)
	t.refused(t.runTool(0, "-p", name, "--dry-run"), name, fmt.Sprint(p.pid()), fmt.Sprint(second.pid()))
	p.finish()
	second.finish()
}

// listRefused: what cannot be traced is listed, with the reason that -p would give.
func (t *T) listRefused() {
	version := "go" + t.newest()
	binary := bytes.ReplaceAll(t.readFile(t.build("quiet", t.newest(), "stripped")), []byte(version), []byte("go1.99"+version[len("go1.xx"):]))
	programs := []*program{t.program(t.writeFile("other", binary, 0777))}
	if path := t.build("quiet", t.newest(), "386"); exec.Command(path).Run() == nil {
		programs = append(programs, t.program(path))
	}
	all := t.listed(0)
	for _, p := range programs {
		r := t.runTool(0, "-p", fmt.Sprint(p.pid()), "--dry-run")
		if l := all[p.pid()]; l.Traceable || !strings.Contains(r.stderr, "gobpfleak: "+l.Refused) || l.Refused == "" {
			t.Errorf("listed as %+v; -p says %s", l, r.stderr)
		}
		p.finish()
	}
}

// listRights: nobody sees what is nobody's, and that nothing can be traced; the others are counted.
func (t *T) listRights() {
	if os.Geteuid() != 0 {
		t.Skipf("needs to be root, to run the tool as another user")
	}
	cmd := exec.Command(t.build("quiet", t.newest(), "stripped"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	theirs := &program{t.start(cmd)}
	theirs.line(theirs.stdout, "ready")
	ours := t.program(t.build("quiet", t.newest(), "plain"))
	name := t.listed(0)[ours.pid()].Comm
	var all map[int]listed
	t.asNobody(func() {
		all = t.listed(nobody)
		t.refused(t.runTool(nobody, "-p", name, "--dry-run"), name, "no Go process that is to be seen", "hidden", "run as root")
	})
	if l, is := all[ours.pid()]; is {
		t.Errorf("nobody sees what root runs: %+v", l)
	}
	if l := all[theirs.pid()]; l.Traceable || !strings.Contains(l.Refused, "CAP_") {
		t.Errorf("nobody could trace: %+v", l)
	}
	theirs.finish()
	ours.finish()
}

// listHidepid: where /proc shows nothing of other users, that is what is said, and not that there is nothing.
func (t *T) listHidepid() {
	if os.Geteuid() != 0 {
		t.Skipf("needs to be root, to mount /proc and to run the tool as another user")
	}
	hiding := func(args string) ran {
		return t.runCommand(exec.Command("unshare", "-m", "sh", "-c", "mount -t proc -o hidepid=2 proc /proc || exit 77; "+
			"exec setpriv --reuid 65534 --regid 65534 --clear-groups "+t.tool+" "+args))
	}
	t.asNobody(func() {
		r := hiding("-p e2e-no-such-name --dry-run")
		if r.code == 77 {
			t.Skipf("/proc cannot be mounted here: %s", r.stderr)
		}
		t.refused(r, "e2e-no-such-name", "hidepid", "run as root")
		if r := hiding("list"); r.code != 0 || !strings.Contains(r.stderr, "hidepid") {
			t.Errorf("list: exit code %d, stderr %q", r.code, r.stderr)
		}
	})
}

// asNobody has the tool where everybody may run it.
func (t *T) asNobody(run func()) {
	saved, u := t.env, *t.env
	u.tool = t.writeFile("gobpfleak", t.readFile(t.tool), 0755)
	t.env = &u
	defer func() { t.env = saved }()
	run()
}
