// SPDX-License-Identifier: BSD-2-Clause

// Leaks has three leaks, each of its own type, in one place each and held in one way each, beside a
// cache that turns over and garbage: what growth by type and by holder is compared with.
//
// Commands: "begin" fills the cache; "sessions N", "jobs N" and "events N" leak that many at once, with
// garbage beside them, and collect; "ledger" says what each leak is; "kept" says of each how many there
// are; "run" leaks until the end, 100 a second of the kind that "only N" chooses (0, 1 or 2).
// "hold N" keeps N MiB that have nothing to do with it.
package main

import (
	"path"
	"reflect"
	"runtime"
	"time"

	"progs/ctl"
)

// A session stays in its map for ever.
type session struct {
	user  string
	cart  []string
	start time.Time
}

type sessionStore struct {
	byID map[int]*session
}

//go:noinline
func newSession(n int) *session { return &session{user: "somebody", start: time.Now()} }

func (s *sessionStore) open(n int) { s.byID[len(s.byID)] = newSession(n) }

// A job waits in its goroutine for an answer that nobody sends.
type job struct {
	id     int
	result *job
	buffer [9]uint64
}

//go:noinline
func newJob(n int) *job { return &job{id: n} }

func (s *service) start(n int) {
	answer := make(chan bool)
	s.jobs++
	go s.await(newJob(n), answer)
	<-answer
}

//go:noinline
func (s *service) await(j *job, answer chan bool) {
	answer <- true
	<-answer
	s.done = j
}

// An event stays in the slice that nobody cuts.
type event struct {
	what string
	when int64
	by   *event
	more [6]uint64
}

type audit struct {
	name   string
	events []*event
}

//go:noinline
func newEvent(n int) *event { return &event{what: "login", when: int64(n)} }

func (a *audit) add(n int) { a.events = append(a.events, newEvent(n)) }

type cached struct {
	key   int
	value []byte
}

type service struct {
	sessions sessionStore
	audit    audit
	cache    map[int]*cached
	turn     int
	jobs     int
	done     *job
}

// cacheSize is how many there are at any time; each leaked object turns over some of them.
const (
	cacheSize = 5000
	turnOver  = 5
)

// Row is one leak.
type Row struct {
	What, Type      string
	Bytes           uint64 // of one object, size class included
	Holders         []string
	Function        string // on whose stack it is held
	Allocator, File string
	Line            int
}

var (
	theService = &service{sessions: sessionStore{map[int]*session{}}, cache: map[int]*cached{}}
	leaks      = []func(int){theService.sessions.open, theService.start, theService.audit.add}
	rows       = []Row{
		row(Row{What: "sessions", Bytes: 64, Holders: []string{"map[int]*main.session", "byID"}},
			session{}, newSession),
		row(Row{What: "jobs", Bytes: 96, Function: "main.(*service).await"}, job{}, newJob),
		row(Row{What: "events", Bytes: 80, Holders: []string{"[]*main.event", "events"}},
			event{}, newEvent),
	}
	only int
)

func main() {
	ctl.Loop(map[string]func(int){
		"begin":    func(int) { theService.fill(); ctl.OK() },
		"sessions": func(n int) { leak(0, n); ctl.OK() },
		"jobs":     func(n int) { leak(1, n); ctl.OK() },
		"events":   func(n int) { leak(2, n); ctl.OK() },
		"hold":     func(n int) { hold(n); ctl.OK() },
		"only":     func(n int) { only = n; ctl.OK() },
		"run":      func(int) { go run(); ctl.OK() },
		"ledger":   func(int) { ctl.JSON(rows) },
		"kept":     func(int) { ctl.JSON(theService.kept()) },
	})
}

// A page leads to pages only.
type page struct {
	next  *page
	words [1023]uint64
}

var pages *page

func hold(megabytes int) {
	for i := 0; i < megabytes<<7; i++ {
		pages = &page{next: pages}
	}
}

func row(r Row, of, allocator interface{}) Row {
	f := runtime.FuncForPC(reflect.ValueOf(allocator).Pointer())
	file, line := f.FileLine(f.Entry())
	r.Type, r.Allocator, r.File, r.Line = reflect.TypeOf(of).String(), f.Name(), path.Base(file), line
	return r
}

func (s *service) kept() []int { return []int{len(s.sessions.byID), s.jobs, len(s.audit.events)} }

func (s *service) fill() {
	for s.turn < cacheSize {
		s.turnOver()
	}
	runtime.GC()
}

// turnOver replaces the oldest in the cache.
func (s *service) turnOver() {
	s.cache[s.turn] = &cached{key: s.turn, value: make([]byte, 512)}
	delete(s.cache, s.turn-cacheSize)
	s.turn++
}

func leak(kind, n int) {
	for ; n > 0; n-- {
		leaks[kind](n)
		for i := 0; i < turnOver; i++ {
			theService.turnOver()
		}
	}
	runtime.GC()
}

func run() {
	for range time.Tick(10 * time.Millisecond) {
		leaks[only](0)
		for i := 0; i < turnOver; i++ {
			theService.turnOver()
		}
	}
}
