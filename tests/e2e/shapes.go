// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"os/exec"
	"path/filepath"
	"strconv"
)

// The programs of the confusion matrix by themselves: that they build with each version, that each shape
// does what it says, and that what leaks goes on and what is healthy does not.

func shapeTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"shapes/" + v, func(t *T) { t.allShapes(v) }})
		for i := range production {
			row := &production[i]
			if series(v) >= row.series && (!row.module || v == e.newest()) {
				all = append(all, testCase{"production/" + row.name + "/" + v, func(t *T) { t.productionLeaks(row, v) }})
			}
		}
	}
	return all
}

type shapeCounts struct {
	Version       string
	Kept, Dropped uint64
}

func (t *T) allShapes(version string) {
	var names []struct {
		Name  string
		Leaks bool
	}
	path := t.build("shapes", version, "plain")
	p := t.program(path)
	p.json(&names, "names")
	p.finish()
	leaks := 0
	for _, n := range names {
		t.oneShape(path, n.Name, n.Leaks, version)
		if n.Leaks {
			leaks++
		}
	}
	if leaks < 18 || len(names)-leaks < 15 {
		t.Errorf("%d shapes leak, %d do not", leaks, len(names)-leaks)
	}
}

// oneShape goes on until it has done something more than once.
func (t *T) oneShape(path, name string, leaks bool, version string) {
	var first, now shapeCounts
	p := t.program(path)
	p.do("speed 100")
	p.do(name)
	p.do("attached")
	if name != "idle" {
		t.eventually(name+" does nothing", func() bool {
			p.json(&now, "ledger")
			if first.Kept+first.Dropped == 0 {
				first = now
			}
			return now.Kept > first.Kept || now.Dropped > first.Dropped || name == "config" && now.Kept > 0
		})
	}
	p.json(&now, "ledger")
	if leaks && now.Kept <= first.Kept {
		t.Errorf("%s: %d kept, then %d", name, first.Kept, now.Kept)
	}
	if now.Version != "go"+version {
		t.Errorf("built with %s", now.Version)
	}
	p.finish()
}

// productionLeaks: under load the ledger of what leaks goes up.
func (t *T) productionLeaks(row *productionRow, version string) {
	path := t.buildProduction(row, version)
	p := t.program(path)
	client := t.load(p, path, row.rate)
	var now map[string]uint64
	t.eventually(row.name+" keeps nothing", func() bool {
		p.json(&now, "ledger")
		return now["Kept"] > 50 || !row.leaks && now["Lines"] > 50
	})
	client.in.Close()
	if code := client.exit(); code != 0 {
		t.Errorf("the client ended with %d: %s", code, client.stderr)
	}
	p.finish()
}

// buildProduction builds it as production is built: stripped, and without the paths of whoever did it.
func (t *T) buildProduction(row *productionRow, version string) string {
	if row.module {
		return t.buildModule(row.name, version)
	}
	return t.build(row.name, version, "release")
}

// buildModule: of a program that is a module of its own, whose needs come from the module proxy unless
// they are here already.
func (t *T) buildModule(name, version string) string {
	root, err := t.goroot(version)
	t.must(err)
	cmd := exec.Command(filepath.Join(root, "bin", "go"), "mod", "download")
	cmd.Dir = filepath.Join(t.progs, name)
	cmd.Env = goEnvironment()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("the modules of %s cannot be had: %v %.200s", name, err, text)
	}
	return t.buildIn(cmd.Dir, ".", version, "release")
}

// load starts a process of the program itself that sends it requests.
func (t *T) load(p *program, path string, rate int) *process {
	var address string
	p.json(&address, "address")
	client := t.start(exec.Command(path, "client", address, strconv.Itoa(rate)))
	client.line(client.stdout, "ready")
	return client
}
