// SPDX-License-Identifier: BSD-2-Clause

// Package render is a library that fills templates, and keeps each that it has parsed, as libraries do.
package render

import (
	"bytes"
	"sync"
	"text/template"
)

var (
	mu     sync.Mutex
	parsed = map[string]*template.Template{}
)

// Text fills a template.
func Text(source string, data interface{}) (string, error) {
	t, err := parse(source)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.Execute(&b, data)
	return b.String(), err
}

func parse(source string) (*template.Template, error) {
	mu.Lock()
	defer mu.Unlock()
	if t := parsed[source]; t != nil {
		return t, nil
	}
	t, err := template.New("text").Parse(source)
	if err == nil {
		parsed[source] = t
	}
	return t, err
}

// Parsed is how many templates are kept.
func Parsed() int {
	mu.Lock()
	defer mu.Unlock()
	return len(parsed)
}
