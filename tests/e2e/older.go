// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"math"
)

// What was allocated before the attach has names where the program has a memory profile of its own.

func olderTests(e *env) []testCase {
	var all []testCase
	for _, v := range e.versions {
		v := v
		all = append(all, testCase{"older/every/" + v, func(t *T) { t.older(v) }},
			testCase{"older/sampled/" + v, func(t *T) { t.olderSampled(v) }})
	}
	return append(all, testCase{"older/none", func(t *T) { t.olderNone() }})
}

// olderNumbers are those of "older" in a report and in its sites.
type olderNumbers struct {
	Objects, Bytes uint64
	Objects95      [2]uint64 `json:"objects_95"`
	Bytes95        [2]uint64 `json:"bytes_95"`
	Samples        uint64
}

type olderSite struct {
	olderNumbers
	ID     string
	Traced bool
	Frames []frame
}

type older struct {
	olderNumbers
	ProfileRate uint64 `json:"profile_rate"`
	Scaled      bool
	Sites       []olderSite
}

// at is the site whose stack has so many frames of the function at its leaf.
func (o *older) at(function string, frames int) *olderSite {
	for i, s := range o.Sites {
		n := 0
		for n < len(s.Frames) && s.Frames[n].Function == function {
			n++
		}
		if n == frames {
			return &o.Sites[i]
		}
	}
	return &olderSite{}
}

// sound: within its intervals, never more than the census leaves, and joined to the sites of the trace.
func (t *T) sound(r *report) *older {
	o := r.Older
	if o == nil {
		t.Fatalf("nothing is said of what is older than the attach")
	}
	if r.Census.OlderBytes == nil {
		t.Fatalf("the census does not know how much is older")
	}
	if o.Bytes > *r.Census.OlderBytes+1 {
		t.Errorf("%d bytes that are older have names, of %d", o.Bytes, *r.Census.OlderBytes)
	}
	byID := map[string]olderNumbers{}
	sum := uint64(0)
	for _, s := range o.Sites {
		if s.Bytes < s.Bytes95[0] || s.Bytes > s.Bytes95[1] || s.Objects < s.Objects95[0] || s.Objects > s.Objects95[1] {
			t.Errorf("outside of its own interval: %+v", s)
		}
		sum += s.Bytes
		if s.Traced {
			byID[s.ID] = s.olderNumbers
		}
	}
	if n := uint64(len(o.Sites)); sum > o.Bytes+n || sum+n < o.Bytes {
		t.Errorf("the sites have %d bytes, their sum is %d", sum, o.Bytes)
	}
	for _, s := range r.Sites {
		if s.Older == nil {
			continue
		}
		if *s.Older != byID[s.ID] {
			t.Errorf("site %s has %+v, its row %+v", s.ID, *s.Older, byID[s.ID])
		}
		delete(byID, s.ID)
	}
	if len(byID) > 0 {
		t.Errorf("%d sites that are said to be traced are not", len(byID))
	}
	return o
}

// older: where each object is sampled the interval is what is possible, and no more.
func (t *T) older(version string) {
	p := t.program(t.build("older", version, "stripped"), "MEM_PROFILE_RATE=1")
	p.do("keep 3000")
	p.do("mix 1000")
	p.do("lose 1000")
	p.do("gc")
	x := t.attach(p.pid())
	p.do("mix 500")
	p.do("mixdrop 300")
	p.do("losedrop")
	p.do("gc")
	r := t.settled(x, p, 3)
	o := t.sound(r)
	if o.ProfileRate != 1 {
		t.Errorf("one sample in %d bytes", o.ProfileRate)
	}
	keep, mix := o.at("main.keep", 1), o.at("main.mix", 1)
	if !runtimesOwn(keep.Objects, 3000) || keep.Traced || keep.Samples != keep.Objects ||
		keep.Objects95 != [2]uint64{keep.Objects, keep.Objects} ||
		!runtimesOwn(keep.Bytes/1024, 3000) || keep.Bytes95 != [2]uint64{keep.Bytes, keep.Bytes} {
		t.Errorf("main.keep: %+v", keep)
	}
	if !runtimesOwn(mix.Objects95[0], 700) || !runtimesOwn(mix.Objects95[1], 1000) || !mix.Traced {
		t.Errorf("main.mix: %+v", mix)
	}
	if s := o.at("main.lose", 1); !runtimesOwn(s.Objects, 0) {
		t.Errorf("main.lose: %+v", s)
	}
	for _, s := range r.Sites {
		if s.Kind == "heap" && len(s.Frames) > 0 && s.Frames[0].Function == "main.mix" && value(s.LiveObjects) != 500 {
			t.Errorf("main.mix: %d traced, really 500", value(s.LiveObjects))
		}
	}
	x.stop()
	p.finish()
}

// runtimesOwn: the runtime allocates now and then on the stack of who calls it.
func runtimesOwn(got, want uint64) bool { return got >= want && got <= want+8 }

// settled is a report whose census knows what is older, after as many collections at least.
func (t *T) settled(x *tracer, p *program, cycles uint64) *report {
	var r *report
	t.eventually("the census does not know how much is older", func() bool {
		p.do("gc")
		r = x.report()
		return r.Time.GCCycles >= cycles && r.Census.OlderBytes != nil && r.Older != nil
	})
	return r
}

// olderSampled: of twenty 95% intervals eight or more leave out the truth once in 300,000 times; and the sum is within
// six standard deviations.
func (t *T) olderSampled(version string) {
	const n, size, rate, depth = 3000, 512, 16384, 20
	p := t.program(t.build("older", version, "stripped"), fmt.Sprint("MEM_PROFILE_RATE=", rate))
	p.do(fmt.Sprint("deep ", n))
	p.do("gc")
	x := t.attach(p.pid())
	p.do("keep 100")
	r := t.settled(x, p, 3)
	o := t.sound(r)
	outside, samples := 0, uint64(0)
	for i := 1; i <= depth; i++ {
		s := o.at("main.deeper", i)
		samples += s.Samples
		if s.Objects95[0] > n || s.Objects95[1] < n || s.Bytes95[0] > n*size || s.Bytes95[1] < n*size {
			outside++
		}
	}
	chance := 1 - math.Exp(-float64(size)/rate)
	mean := depth * n * chance
	if math.Abs(float64(samples)-mean) > 6*math.Sqrt(mean*(1-chance)) {
		t.Errorf("%d samples, of %.0f that are to be expected", samples, mean)
	}
	if outside >= 8 {
		t.Errorf("%d of %d intervals leave out the truth", outside, depth)
	}
	x.stop()
	p.finish()
}

// olderNone: a program without a profile, and a trace of goroutines only.
func (t *T) olderNone() {
	p := t.program(t.build("quiet", t.newest(), "stripped"))
	x := t.attach(p.pid())
	p.do("alloc 1000")
	if r := x.report(); r.Older != nil {
		t.Errorf("a program without a profile: %+v", r.Older)
	}
	x.stop()
	p.finish()
	p = t.program(t.build("older", t.newest(), "stripped"), "MEM_PROFILE_RATE=1")
	x = t.attach(p.pid(), "--goroutines-only")
	if r := x.stop(); r.Older != nil {
		t.Errorf("the heap is not traced: %+v", r.Older)
	}
	p.finish()
}
