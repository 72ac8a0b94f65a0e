// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
)

// The list of the Go processes of this host, and processes by name.

func listTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"list/" + v, func(t *T) { t.list(v) }})
	}
	return append(all, testCase{"list/name", func(t *T) { t.processName() }})
}

// listed is one line of the list as JSON.
type listed struct {
	Pid       int
	Comm      string
	GoVersion string `json:"go_version"`
	Stripped  bool
	Traceable bool
}

func (t *T) listed() map[int]listed {
	all := map[int]listed{}
	r := t.runTool(0, "list", "--format", "json")
	if r.code != 0 || r.stderr != "" {
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
	other := t.start(exec.Command("/bin/sleep", "600"))
	all := t.listed()
	for _, p := range []*program{plain, stripped} {
		l := all[p.pid()]
		want := listed{p.pid(), l.Comm, "go" + version, p == stripped, true}
		if l != want || l.Comm == "" {
			t.Errorf("listed as %+v, not %+v", l, want)
		}
	}
	if l, is := all[other.pid()]; is {
		t.Errorf("sleep is listed: %+v", l)
	}
	plain.finish()
	stripped.finish()
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
