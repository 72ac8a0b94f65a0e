// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"debug/elf"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// What one hit costs: an allocation followed, an allocation that sampling drops, a goroutine started and
// ended, each as a ratio to an empty BPF program at the same places, and bpftrace beside them.

const (
	followed = 1.6
	dropped  = 1.15
)

type hit struct {
	what, ask, kind string
	procs, n        int
	bar             float64 // 0: none
	args            []string
	probe           string // bpftrace's
}

func (b *bench) hits() {
	path := b.build("load", "", "")
	p := b.start(path)
	p.line()
	p.ask("gc 400") // fewer collections: the probe is measured, not the collector
	at := "uprobe:" + path + ":runtime."
	for _, h := range []hit{
		{"an allocation, followed with its stack", "alloc", "heap", 2, 1000000, followed,
			[]string{"--heap-only", "-s", "0"}, at + "mallocgc"},
		{"an allocation that sampling drops", "alloc", "heap", 2, 1000000, dropped,
			[]string{"--heap-only", "--source", "sample", "-s", "1T"}, ""},
		{"a goroutine, started and ended, on one thread", "go", "goroutines", 1, 100000, followed,
			[]string{"--goroutines-only", "-s", "0"}, at + "newproc1," + at + "gdestroy"},
		// While a start takes longer, other threads of the runtime look for work and go to sleep.
		{"the same on two threads", "go", "goroutines", 2, 100000, 0,
			[]string{"--goroutines-only", "-s", "0"}, ""},
	} {
		b.hit(p, h)
	}
	b.memleak(p, path)
}

// memleak is bcc's; it puts its probes on the C library's allocator.
func (b *bench) memleak(p *program, path string) {
	const what = "bcc's memleak"
	tool, err := exec.LookPath("memleak-bpfcc")
	if err != nil {
		b.note(what, "is not installed")
		return
	}
	wanted := map[string]bool{"malloc": true, "calloc": true, "realloc": true, "posix_memalign": true, "valloc": true,
		"memalign": true, "pvalloc": true, "aligned_alloc": true, "free": true}
	has := 0
	f, err := elf.Open(path)
	b.must(err)
	defer f.Close()
	symbols, _ := f.Symbols()
	imported, _ := f.DynamicSymbols()
	for _, s := range append(symbols, imported...) {
		if wanted[s.Name] {
			has++
		}
	}
	out, err := exec.Command("timeout", "60", tool, "-p", strconv.Itoa(p.pid()), "-O", path, "1", "1").CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	b.note(what, "of the %d functions that it probes the Go program has %d of %d symbols; it ends with %v: %s", len(wanted),
		has, len(symbols)+len(imported), err, lines[len(lines)-1])
}

func (b *bench) hit(p *program, h hit) {
	var bare, empty, tool, peer []float64
	pid := strconv.Itoa(p.pid())
	under := func(o *observer, n int) float64 {
		defer o.end()
		p.ask("%s %d", h.ask, n/10)
		return p.ask("%s %d", h.ask, n)
	}
	p.ask("procs %d", h.procs)
	for i := 0; i < b.rounds; i++ {
		bare = append(bare, p.ask("%s %d", h.ask, h.n))
		empty = append(empty, under(b.observe("attached", b.empty, pid, h.kind), h.n))
		tool = append(tool, under(b.trace(p.pid(), h.args...), h.n))
		if _, err := exec.LookPath("bpftrace"); err == nil && h.probe != "" {
			peer = append(peer, under(b.observe("running", "bpftrace", "-p", pid, "-e", h.probe+
				` { @ = count(); } interval:ms:100 { printf("running\n"); }`), h.n/20))
		}
	}
	over := median(tool) / median(empty)
	const format = "%.2f x: %.0f ns, empty %.0f, untraced %.0f"
	if h.bar != 0 {
		b.row(over <= h.bar, h.what, fmt.Sprintf("%.2f x the empty program", h.bar), format, over, median(tool), median(empty),
			median(bare))
	} else {
		b.note(h.what, format, over, median(tool), median(empty), median(bare))
	}
	if len(peer) > 0 {
		b.note("bpftrace, the same (a count)", "%.1f x the empty program, %.1f x gobpfleak: %.0f ns",
			median(peer)/median(empty), median(peer)/median(tool), median(peer))
	}
}
