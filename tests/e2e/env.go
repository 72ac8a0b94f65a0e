// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/ioutil"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// releases is one of each series; the toolchains come as modules.
var releases = []string{
	"1.17.13", "1.18.8", "1.19.4", "1.20.14", "1.21.13", "1.22.12", "1.23.12", "1.24.13", "1.25.14",
	"1.26.11", "1.27.4",
}

type env struct {
	tool, progs, work string
	temporary         bool // work is removed at the end
	keep, slow        bool
	versions          []string // "1.17.13"
	limit, daemonTime time.Duration
	goroots           map[string]string // by version
	ledgers           map[string]*ledgerRun
	passed            int
	failed, skipped   int
}

func newEnv(tool, progs, work, versions string) (*env, error) {
	e := &env{goroots: map[string]string{}, ledgers: map[string]*ledgerRun{}}
	var err error
	if e.tool, err = findTool(tool); err != nil {
		return nil, err
	}
	if e.progs, err = findProgs(progs); err != nil {
		return nil, err
	}
	if e.versions, err = selectVersions(versions); err != nil {
		return nil, err
	}
	if work == "" {
		e.temporary = true
		work, err = ioutil.TempDir("", "gobpfleak-e2e")
	} else {
		err = os.MkdirAll(work, 0777)
	}
	if err != nil {
		return nil, err
	}
	os.Chmod(work, 0755) // a test runs the tool as another user
	e.work, err = filepath.Abs(work)
	return e, err
}

func (e *env) close() {
	if e.temporary {
		os.RemoveAll(e.work)
	}
}

func findTool(path string) (string, error) {
	if path == "" {
		return "", errors.New("-tool: which gobpfleak is to be tested?")
	}
	if _, err := os.Stat(path); err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

func findProgs(path string) (string, error) {
	for _, p := range []string{path, "../progs", "tests/progs"} {
		if p != "" && exists(filepath.Join(p, "go.mod")) {
			return filepath.Abs(p)
		}
	}
	return "", errors.New("-progs: the folder with the programs under test is not found")
}

func selectVersions(list string) ([]string, error) {
	if list == "all" {
		return releases, nil
	}
	var selected []string
	for _, want := range strings.Split(list, ",") {
		found := ""
		for _, r := range releases {
			if r == want || strings.HasPrefix(r, want+".") {
				found = r
			}
		}
		if found == "" && strings.Count(want, ".") == 2 {
			found = want
		}
		if found == "" {
			return nil, fmt.Errorf("-go: %s is none of %s", want, strings.Join(releases, " "))
		}
		selected = append(selected, found)
	}
	return selected, nil
}

// series compares by the middle number: at("1.22.12") is 22.
func series(version string) int {
	var n int
	fmt.Sscanf(version, "1.%d", &n)
	return n
}

// newest is the latest of the selected versions, for tests that one version is enough for.
func (e *env) newest() string {
	newest := e.versions[0]
	for _, v := range e.versions {
		if series(v) > series(newest) {
			newest = v
		}
	}
	return newest
}

// goroot fetches the toolchain if it is not in the module cache yet.
func (e *env) goroot(version string) (string, error) {
	if dir := e.goroots[version]; dir != "" {
		return dir, nil
	}
	module := fmt.Sprintf("golang.org/toolchain@v0.0.1-go%s.%s-%s", version, runtime.GOOS, runtime.GOARCH)
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = e.work
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GO111MODULE=on", "GOTOOLCHAIN=local")
	out, err := cmd.Output()
	var answer struct{ Dir, Error string }
	json.Unmarshal(out, &answer)
	if answer.Dir == "" {
		return "", fmt.Errorf("go mod download %s: %v %s", module, err, answer.Error)
	}
	// The module cache does not keep the permission to execute.
	for _, pattern := range []string{"bin/*", "pkg/tool/*/*"} {
		files, _ := filepath.Glob(filepath.Join(answer.Dir, pattern))
		for _, f := range files {
			if err := os.Chmod(f, 0555); err != nil {
				return "", err
			}
		}
	}
	e.goroots[version] = answer.Dir
	return answer.Dir, nil
}

// variants of one program, by name.
var variants = map[string]struct{ flags, environment []string }{
	"plain":    {},
	"stripped": {flags: []string{"-ldflags=-s -w"}},
	"pie":      {flags: []string{"-buildmode=pie", "-ldflags=-s -w"}},
	"release":  {flags: []string{"-trimpath", "-ldflags=-s -w"}},
	"noopt":    {flags: []string{"-gcflags=all=-N -l"}},
	"cgo":      {flags: []string{"-buildmode=pie", "-ldflags=-s -w"}, environment: []string{"CGO_ENABLED=1"}},
	"cgo-fp":   {environment: []string{"CGO_ENABLED=1", "CGO_CFLAGS=-O2 -fno-omit-frame-pointer"}},
	"plugin":   {flags: []string{"-buildmode=plugin"}, environment: []string{"CGO_ENABLED=1"}},
	"race":     {flags: []string{"-race"}, environment: []string{"CGO_ENABLED=1"}},
	"386":      {environment: []string{"GOARCH=386"}},
	"profiled": {flags: []string{"-tags", "profiled"}},
	"bigdwarf": {flags: []string{"-ldflags=-compressdwarf=false"}},
}

// build makes a program and returns its path; what is there already is not linked again.
func (t *T) build(program, version, variant string) string {
	return t.buildIn(t.progs, program, version, variant)
}

func (t *T) buildIn(folder, program, version, variant string) string {
	root, err := t.goroot(version)
	if err != nil {
		t.Fatalf("no Go %s: %v", version, err)
	}
	out := filepath.Join(t.work, "bin", fmt.Sprintf("%s-%s-%s", filepath.Base(filepath.Join(folder, program)), version, variant))
	args := append([]string{"build", "-o", out}, variants[variant].flags...)
	cmd := exec.Command(filepath.Join(root, "bin", "go"), append(args, "./"+program)...)
	cmd.Dir = folder
	cmd.Env = append(goEnvironment(), variants[variant].environment...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go%s build %s: %v\n%s", version, program, err, text)
	}
	return out
}

func goEnvironment() []string {
	// The index of a GOROOT inside the module cache is not understood by some releases.
	return append(os.Environ(), "GOROOT=", "GOTOOLCHAIN=local", "GOENV=off", "GOFLAGS=", "GODEBUG=goindex=0",
		"CGO_ENABLED=0", "GO111MODULE=on")
}
