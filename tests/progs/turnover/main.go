// SPDX-License-Identifier: BSD-2-Clause

// Turnover replaces what it holds, all the time: a map and a list as a whole, a ring one by one. Beside them a
// map grows.
//
// Commands: "turn N" begins, with N growing objects a second; "ledger" says how many of each type are held at any
// time, at least and at most; "grown" how many have grown.
package main

import (
	"sync"
	"time"

	"progs/ctl"
)

type (
	inMap struct {
		p *int
		n [7]int
	}
	inList struct {
		next *inList
		n    [3]int
	}
	inRing struct {
		p *int
		n [10]int
	}
	grown struct {
		p *int
		n [12]int
	}
)

// What is held of each, and while another one is built in its place twice as much.
const (
	ofMap  = 1500
	ofList = 50000
	ofRing = 20000
	pause  = 10 * time.Millisecond
)

// Row is a type, and how many of it are held.
type Row struct {
	Type        string
	Least, Most int
}

var (
	theMap  map[int]*inMap
	theList *inList
	theRing []*inRing

	mu     sync.Mutex
	theOne = map[int]*grown{}
)

func main() {
	theRing = make([]*inRing, ofRing)
	for i := range theRing {
		theRing[i] = &inRing{}
	}
	ctl.Loop(map[string]func(int){
		"turn": func(n int) {
			turnMap()
			turnList()
			go forever(turnMap)
			go forever(turnList)
			go forever(turnRing)
			go grow(n)
			ctl.OK()
		},
		"ledger": func(int) {
			ctl.JSON([]Row{
				{"main.inMap", ofMap, 2 * ofMap},
				{"main.inList", ofList, 2 * ofList},
				{"main.inRing", ofRing, ofRing + 1},
			})
		},
		"grown": func(int) {
			mu.Lock()
			n := len(theOne)
			mu.Unlock()
			ctl.Number(float64(n))
		},
	})
}

func forever(turn func()) {
	for {
		turn()
		time.Sleep(pause)
	}
}

func turnMap() {
	m := map[int]*inMap{}
	for i := 0; i < ofMap; i++ {
		m[i] = &inMap{}
	}
	theMap = m
}

func turnList() {
	var l *inList
	for i := 0; i < ofList; i++ {
		l = &inList{next: l}
	}
	theList = l
}

var turned int

func turnRing() {
	for i := 0; i < ofRing/20; i++ {
		theRing[turned%ofRing] = &inRing{}
		turned++
	}
}

func grow(perSecond int) {
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		mu.Lock()
		for len(theOne) < int(time.Since(begin).Seconds()*float64(perSecond)) {
			theOne[len(theOne)] = &grown{}
		}
		mu.Unlock()
	}
}
