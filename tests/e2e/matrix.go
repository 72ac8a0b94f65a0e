// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/ioutil"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The confusion matrix: every shape of tests/progs/shapes so many times under the tool, or under the
// census alone (tests/bench/verdict), and what it was called, how soon, who was named and how right the
// rates were.  Not a test: chance is part of it, and it takes as long as leaks take.

type matrix struct {
	*env
	runs, speed, flood, parallel int
	length                       time.Duration // of each run
	shapes                       *regexp.Regexp
	variant                      string   // of shapes, see -variant
	census                       string   // tests/bench/verdict; "": the tool
	args                         []string // of the tool
}

func matrixFlags() *matrix {
	m := &matrix{shapes: regexp.MustCompile("")}
	flag.IntVar(&m.runs, "matrix", 0, "no tests, but this many runs of each shape, and a table of what they were called")
	flag.IntVar(&m.speed, "speed", 10, "matrix: seconds of a shape in one of the clock")
	flag.IntVar(&m.flood, "flood", 0, "matrix: allocations of garbage a second beside each shape")
	flag.StringVar(&m.variant, "variant", "stripped", "matrix: how shapes are built: plain, stripped, or profiled, with the runtime's memory profiler live")
	flag.IntVar(&m.parallel, "parallel", 1, "matrix: runs at a time")
	flag.DurationVar(&m.length, "length", 20*time.Second, "matrix: of each run")
	flag.StringVar(&m.census, "census", "", "matrix: by the census alone, judged by this (tests/bench/verdict)")
	flag.Func("shapes", "matrix: only shapes whose name matches", func(s string) (err error) {
		m.shapes, err = regexp.Compile(s)
		return err
	})
	flag.Func("args", "matrix: further arguments of the tool", func(s string) error {
		m.args = strings.Fields(s)
		return nil
	})
	return m
}

// outcome of one run.
type outcome struct {
	shape, version string
	leaks          bool
	err            string
	verdict        string  // at the end
	delay          float64 // seconds until it was called a leak for the first time; NaN
	guilty         bool    // the first leak of the last report names who is
	innocents      int     // leaks of the last report that do not: somebody else is named
	rates, held    int     // classes whose growth is known; of these, within the interval
	off            float64 // the worst of them, as a share
	found          rated   // the finding that names who, by what it grows
	samples        int     // of what the culprits leave behind
}

// enoughSamples of a leak are enough to find it, nearly always.
const enoughSamples = 40

// rated compares a stated rate with the program's own; 0 of n: the program does not know one, or nothing was found.
type rated struct {
	n, held int
	off     float64 // estimate / truth - 1
	width   float64 // half of the interval, as a share of the truth
}

// said is what a report says of verdicts.
type said struct {
	Time struct {
		Attached float64 `json:"attached_s"`
	}
	Verdict  string
	Findings []struct {
		Kind, Verdict string
		Frames        []frame
		Sites         []string // ids
		Rate          interval `json:"rate_per_s"`
		Goroutines    interval `json:"goroutine_rate_per_s"`
	}
	Sites []struct {
		Kind, ID, Verdict string
		Frames            []frame
		BlockedAt         []frame `json:"blocked_at"`
		Samples           int
	}
	Classes []struct {
		Size    *uint64
		Verdict string
		Rate    interval `json:"rate_per_s"`
	}
}

type interval struct{ Estimate, Low, High *float64 }

func (i *interval) holds(truth float64) bool { return *i.Low <= truth && truth <= *i.High }

func (m *matrix) run() {
	var all []outcome
	for _, version := range m.versions {
		var candidates []candidate
		r := m.env.run(testCase{"matrix/" + version, func(t *T) { candidates = m.candidates(t, version) }})
		if len(r.errors) > 0 || r.skipped != "" {
			exitIf(errors.New(r.skipped + strings.Join(r.errors, "; ")))
		}
		all = append(all, m.runAll(version, candidates)...)
	}
	m.print(all)
}

// productionRow is a program of its own, under load from a second process.
type productionRow struct {
	name     string
	series   int  // of Go, at least
	module   bool // of its own, that needs others: from the module proxy if they are not here yet
	rate     int  // requests a second
	leaks    bool
	culprits []string
}

var production = []productionRow{
	{"prod-registry", 18, false, 300, true, []string{"main.newLimiter", "main.limited", "main.(*registry[...]).get"}},
	{"prod-stream", 19, true, 40, true, []string{"main.(*hub).bring", "main.(*hub).watch"}},
	{"prod-cache", 17, false, 300, true, []string{"progs/prod-cache/render.parse"}},
	{"prod-healthy", 17, false, 300, false, nil},
}

// candidate is what is run under the tool: a shape, or a program of production.
type candidate struct {
	name  string
	start func(t *T) *subject
}

// subject is one that runs.
type subject struct {
	*program
	attached func() // says so to it
	ledger   func() shapeLedger
}

type shapeLedger struct {
	Leaks    bool
	Culprits []string
	Rates    []struct {
		Size      uint64
		PerSecond float64
	}
	Bytes, Goroutines float64
}

func (m *matrix) candidates(t *T, version string) []candidate {
	var all []candidate
	var names []struct{ Name string }
	program := t.build("shapes", version, m.variant)
	p := t.program(program)
	p.json(&names, "names")
	p.finish()
	for _, n := range names {
		name := n.Name
		all = append(all, candidate{name, func(t *T) *subject { return m.startShape(t, program, name) }})
	}
	for i := range production {
		if row := &production[i]; series(version) >= row.series {
			path := t.buildProduction(row, version)
			all = append(all, candidate{row.name, func(t *T) *subject { return m.startProduction(t, path, row) }})
		}
	}
	return all
}

func (m *matrix) startShape(t *T, path, name string) *subject {
	p := t.program(path)
	p.do("speed %d", m.speed)
	if m.flood > 0 {
		p.do("flood %d", m.flood)
	}
	p.do(name)
	return &subject{p, func() { p.do("attached") }, func() (l shapeLedger) {
		p.json(&l, "ledger")
		return l
	}}
}

func (m *matrix) startProduction(t *T, path string, row *productionRow) *subject {
	p := t.program(path)
	t.load(p, path, row.rate)
	l := shapeLedger{Leaks: row.leaks, Culprits: row.culprits}
	return &subject{p, func() {}, func() shapeLedger { return l }}
}

func (m *matrix) runAll(version string, candidates []candidate) []outcome {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		all   []outcome
		slots = make(chan bool, m.parallel)
	)
	for run := 0; run < m.runs; run++ {
		for _, c := range candidates {
			if !m.shapes.MatchString(c.name) {
				continue
			}
			slots <- true
			wg.Add(1)
			go func(run int, c candidate) {
				o := m.runOne(version, c, run)
				mu.Lock()
				all = append(all, o)
				mu.Unlock()
				<-slots
				wg.Done()
			}(run, c)
		}
	}
	wg.Wait()
	return all
}

func (m *matrix) runOne(version string, c candidate, run int) outcome {
	o := outcome{shape: c.name, version: version, delay: math.NaN()}
	r := m.env.run(testCase{fmt.Sprintf("matrix-%s-%s-%d", c.name, version, run), func(t *T) {
		s := c.start(t)
		if m.census != "" {
			m.underCensus(t, s, &o)
		} else {
			m.underTool(t, s, &o)
		}
		s.finish()
	}})
	o.err = strings.Join(r.errors, "; ")
	fmt.Fprintf(os.Stderr, "%-20s %-8s %-16s %5d %s\n", c.name, version, o.verdict, o.samples, o.err)
	return o
}

// grow lets it go on for the length of a run.
func (m *matrix) grow(s *subject, o *outcome) shapeLedger {
	s.attached()
	time.Sleep(m.length)
	l := s.ledger()
	o.leaks = l.Leaks
	return l
}

func (m *matrix) underTool(t *T, s *subject, o *outcome) {
	x := t.underBudget(s.pid(), append([]string{"-i", "1"}, m.args...)...)
	l := m.grow(s, o)
	t.must(x.cmd.Process.Signal(os.Interrupt))
	x.expect(0)
	m.store(t, ".json", x.stdout.String())
	o.hearAll(t, x.stdout.String(), &l)
}

// underCensus records, and has the recording judged.
func (m *matrix) underCensus(t *T, s *subject, o *outcome) {
	x := t.start(exec.Command(m.census, "record", strconv.Itoa(s.pid())))
	x.line(x.stdout, "ready")
	l := m.grow(s, o)
	x.in.Close()
	if code := x.exit(); code != 0 {
		t.Fatalf("%s record: %d: %s", m.census, code, x.stderr)
	}
	recording := x.stdout.String()
	m.store(t, ".census", recording)
	judge := exec.Command(m.census, "judge", fmt.Sprint(m.length.Seconds()*0.9))
	judge.Stdin = strings.NewReader(recording)
	lines, err := judge.Output()
	t.must(err)
	o.hearAll(t, string(lines), &l)
}

// store keeps what was said, to be looked at afterwards.
func (m *matrix) store(t *T, suffix, text string) {
	if m.keep {
		t.must(ioutil.WriteFile(filepath.Join(m.work, t.name+suffix), []byte(text), 0666))
	}
}

// hearAll: a report a line; of a process that never collected the census has none.
func (o *outcome) hearAll(t *T, reports string, l *shapeLedger) {
	for _, line := range strings.Split(strings.TrimSpace(reports), "\n") {
		var s said
		if line != "" {
			t.must(json.Unmarshal([]byte(line), &s))
			o.hear(&s, l)
		}
	}
}

// hear takes what a report says; the last one stays.
func (o *outcome) hear(s *said, l *shapeLedger) {
	o.verdict = s.Verdict
	if s.Verdict == "LEAK" && math.IsNaN(o.delay) {
		o.delay = s.Time.Attached
	}
	o.guilty, o.innocents, o.found, o.samples = false, 0, rated{}, 0
	guilty := s.guilty(l.Culprits)
	for _, site := range s.Sites {
		if guilty[site.ID] {
			o.samples += site.Samples
		}
	}
	for i, f := range s.Findings {
		if f.Verdict != "LEAK" {
			continue
		}
		named := names(l.Culprits, f.Frames)
		for _, id := range f.Sites {
			named = named || guilty[id]
		}
		o.guilty = o.guilty || i == 0 && named
		if named && o.found.n == 0 {
			o.found.compare(&f.Rate, l.Bytes)
			o.found.compare(&f.Goroutines, l.Goroutines)
		}
		if !named {
			o.innocents++
		}
	}
	o.compare(s, l)
}

// guilty are the sites that have a culprit in their stack.
func (s *said) guilty(culprits []string) map[string]bool {
	ids := map[string]bool{}
	for i := range s.Sites {
		site := &s.Sites[i]
		if names(culprits, site.Frames) || names(culprits, site.BlockedAt) {
			ids[site.ID] = true
		}
	}
	return ids
}

// names: a function, or a closure in it.
func names(culprits []string, frames []frame) bool {
	for _, f := range frames {
		for _, c := range culprits {
			if f.Function == c || strings.HasPrefix(f.Function, c+".func") {
				return true
			}
		}
	}
	return false
}

func (r *rated) compare(rate *interval, truth float64) {
	if truth == 0 || rate.Estimate == nil {
		return
	}
	r.n, r.held = 1, 0
	r.off = *rate.Estimate/truth - 1
	r.width = (*rate.High - *rate.Low) / 2 / truth
	if rate.holds(truth) {
		r.held = 1
	}
}

func (o *outcome) compare(s *said, l *shapeLedger) {
	o.rates, o.held, o.off = 0, 0, 0
	for _, want := range l.Rates {
		truth := float64(want.Size) * want.PerSecond
		for _, c := range s.Classes {
			if c.Size == nil || *c.Size != want.Size || c.Rate.Estimate == nil {
				continue
			}
			o.rates++
			o.off = math.Max(o.off, math.Abs(*c.Rate.Estimate/truth-1))
			if c.Rate.holds(truth) {
				o.held++
			}
		}
	}
}

/* ---- the table ------------------------------------------------------------------------------- */

var verdictOrder = []string{"LEAK", "GROWING", "PLATEAU", "STEADY", "CHURN", "TOO_FEW_SAMPLES", ""}

func (m *matrix) print(all []outcome) {
	type key struct {
		leaks bool
		shape string
	}
	rows := map[key][]outcome{}
	var order []key
	for _, o := range all {
		k := key{o.leaks, o.shape}
		if rows[k] == nil {
			order = append(order, k)
		}
		rows[k] = append(rows[k], o)
	}
	sort.SliceStable(order, func(i, k int) bool { return order[i].leaks && !order[k].leaks })
	fmt.Println("| shape | LEAK | GROWING | PLATEAU | STEADY | CHURN | too few | none | called after, s | named first | with 40 samples | others named | rates held | worst rate | of findings | bias | half width |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for i, k := range order {
		if i == 0 || order[i-1].leaks != k.leaks {
			fmt.Printf("| **%s** |\n", map[bool]string{true: "leaks", false: "healthy"}[k.leaks])
		}
		printRow(k.shape, rows[k])
	}
}

func printRow(shape string, runs []outcome) {
	verdicts := map[string]int{}
	var delays []float64
	guilty, sampled, namedSampled, innocents, rates, held, off := 0, 0, 0, 0, 0, 0, 0.0
	var found rated
	for _, o := range runs {
		if o.err != "" {
			fmt.Printf("| %s | failed: %s |\n", shape, o.err)
			continue
		}
		verdicts[o.verdict]++
		if !math.IsNaN(o.delay) {
			delays = append(delays, o.delay)
		}
		if o.guilty {
			guilty++
		}
		if o.samples >= enoughSamples {
			sampled++
			if o.guilty {
				namedSampled++
			}
		}
		innocents += o.innocents
		rates += o.rates
		held += o.held
		off = math.Max(off, o.off)
		found.n += o.found.n
		found.held += o.found.held
		found.off += o.found.off
		found.width += o.found.width
	}
	fmt.Printf("| %s |", shape)
	for _, v := range verdictOrder {
		fmt.Printf(" %s |", count(verdicts[v]))
	}
	fmt.Printf(" %s | %s | %d of %d | %s |", median(delays), count(guilty), namedSampled, sampled, count(innocents))
	if rates > 0 {
		fmt.Printf(" %d of %d | %.1f %% |", held, rates, off*100)
	} else {
		fmt.Print(" | |")
	}
	if n := float64(found.n); n > 0 {
		fmt.Printf(" %d of %d | %+.1f %% | %.1f %% |\n", found.held, found.n, found.off/n*100, found.width/n*100)
	} else {
		fmt.Println(" | | |")
	}
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func median(v []float64) string {
	if len(v) == 0 {
		return ""
	}
	sort.Float64s(v)
	return fmt.Sprintf("%.0f", v[len(v)/2])
}
