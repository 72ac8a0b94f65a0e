// SPDX-License-Identifier: BSD-2-Clause

// E2e runs Go programs that know the truth about themselves under gobpfleak and compares.
//
// Needs the rights that gobpfleak needs, and a go command with which further toolchains are fetched
// as modules.  One line per test, and at the end how many passed, failed and were skipped.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// endOnSignals: who was started in the background ignores them, and so would the programs under test.
func endOnSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	go func() {
		os.Exit(128 + int((<-signals).(syscall.Signal)))
	}()
}

func main() {
	var (
		tool       = flag.String("tool", "", "the gobpfleak to test")
		versions   = flag.String("go", "all", "Go series (1.17) or releases (1.17.13), separated by commas")
		run        = flag.String("run", "", "only tests whose name matches")
		skip       = flag.String("skip", "", "no tests whose name matches")
		progs      = flag.String("progs", "", "folder of the programs under test (default: found)")
		work       = flag.String("work", "", "folder for what is built (default: a temporary one)")
		limit      = flag.Duration("timeout", 5*time.Minute, "for one test, so that one that hangs ends: no verdict on speed")
		daemonTime = flag.Duration("daemon-time", 10*time.Second, "how long each daemon is traced")
		list       = flag.Bool("list", false, "print the names of the tests")
		slow       = flag.Bool("slow", false, "the tool is slow (sanitizers): no limits on how long it takes")
		keep       = flag.Bool("keep", false, "keep the reports of each test in the work folder")
	)
	m := matrixFlags()
	flag.Parse()
	endOnSignals()
	pattern, err := regexp.Compile(*run)
	exitIf(err)
	not, err := regexp.Compile(*skip)
	exitIf(err)
	e, err := newEnv(*tool, *progs, *work, *versions)
	exitIf(err)
	e.limit, e.daemonTime, e.keep, e.slow = *limit, *daemonTime, *keep, *slow
	if m.runs > 0 {
		m.env = e
		m.run()
		e.close()
		return
	}
	code := 0
	for _, tc := range allTests(e) {
		if !pattern.MatchString(tc.name) || (*skip != "" && not.MatchString(tc.name)) {
			continue
		}
		if *list {
			fmt.Println(tc.name)
			continue
		}
		e.count(tc.name, e.run(tc))
	}
	if !*list {
		fmt.Printf("%d passed, %d failed, %d skipped\n", e.passed, e.failed, e.skipped)
		if e.failed > 0 {
			code = 1
		}
	}
	e.close()
	os.Exit(code)
}

func exitIf(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

// allTests is the order in which they run: what is broken for everything shows first.
func allTests(e *env) []testCase {
	var all []testCase
	all = append(all, schemaTests(e)...)
	all = append(all, programTests(e)...)
	all = append(all, shapeTests(e)...)
	all = append(all, verdictTests(e)...)
	all = append(all, actingTests(e)...)
	all = append(all, exactTests(e)...)
	all = append(all, nameTests(e)...)
	all = append(all, goroutineTests(e)...)
	all = append(all, threadTests(e)...)
	all = append(all, callbackTests(e)...)
	all = append(all, memoryTests(e)...)
	all = append(all, budgetTests(e)...)
	all = append(all, censusTests(e)...)
	all = append(all, holderTests(e)...)
	all = append(all, finalizerTests(e)...)
	all = append(all, pluginTests(e)...)
	all = append(all, pprofTests(e)...)
	all = append(all, unharmedTests(e)...)
	all = append(all, replacedTests(e)...)
	all = append(all, commandTests(e)...)
	all = append(all, listTests(e)...)
	all = append(all, dumpTests(e)...)
	all = append(all, watchTests(e)...)
	all = append(all, olderTests(e)...)
	all = append(all, outputTests(e)...)
	all = append(all, terminalTests(e)...)
	all = append(all, badInputTests(e)...)
	all = append(all, damageTests(e)...)
	all = append(all, restartTests(e)...)
	all = append(all, overloadTests(e)...)
	all = append(all, attackTests(e)...)
	all = append(all, demoTests(e)...)
	all = append(all, daemonTests(e)...)
	return all
}

func (e *env) count(name string, r result) {
	took := fmt.Sprintf("(%.1fs)", r.took.Seconds())
	switch {
	case r.skipped != "":
		e.skipped++
		fmt.Printf("skip %s: %s\n", name, r.skipped)
	case len(r.errors) > 0:
		e.failed++
		fmt.Printf("FAIL %s %s: %s\n", name, took, strings.Join(r.errors, "\n     "))
	default:
		e.passed++
		fmt.Printf("ok %s %s\n", name, took)
	}
	for _, note := range r.notes {
		fmt.Printf("     %s\n", note)
	}
}
