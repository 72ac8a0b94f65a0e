// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"container/list"
	"fmt"
	"strings"
	"time"
)

type session struct {
	token  string
	user   string
	opened time.Time
	closed bool
	seen   [400]int32 // products looked at
}

type sessionStore struct {
	byToken map[string]*session
}

func (st *sessionStore) open(n int) string {
	s := newSession(n)
	st.byToken[s.token] = s
	return s.token
}

func newSession(n int) *session {
	return &session{
		token:  fmt.Sprintf("token-%08d", n),
		user:   fmt.Sprintf("user-%d", n%500),
		opened: time.Now(),
	}
}

// close marks the session and leaves it in the map: the bigger leak.
func (st *sessionStore) close(token string) {
	if s := st.byToken[token]; s != nil {
		s.closed = true
	}
}

type auditEntry struct {
	when     time.Time
	customer string
	details  []byte
}

// auditLog is meant to be written out and emptied, which nobody does: the smaller leak.
type auditLog struct {
	entries []*auditEntry
}

func (l *auditLog) add(customer string, order []byte) {
	l.entries = append(l.entries, &auditEntry{time.Now(), customer, details(order)})
}

// details leaves room for what happens to the order later.
func details(order []byte) []byte {
	return append(make([]byte, 0, 1000), order...)
}

// pageCache holds at most max pages and then drops the least recently used.
type pageCache struct {
	max    int
	byID   map[int]*list.Element
	recent *list.List
}

type page struct {
	id   int
	html string
}

func newPageCache(max int) *pageCache {
	return &pageCache{max: max, byID: map[int]*list.Element{}, recent: list.New()}
}

func (c *pageCache) render(id int) string {
	if e := c.byID[id]; e != nil {
		c.recent.MoveToFront(e)
		return e.Value.(*page).html
	}
	p := &page{id, strings.Repeat("<p>a page of the shop</p>\n", 40)}
	c.byID[id] = c.recent.PushFront(p)
	if len(c.byID) > c.max {
		last := c.recent.Back()
		delete(c.byID, c.recent.Remove(last).(*page).id)
	}
	return p.html
}
