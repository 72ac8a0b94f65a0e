// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.18
// +build go1.18

package main

type (
	obj21[T any] struct {
		p *T
		v [4]T
	}
	obj22[K comparable, V any] struct {
		k K
		v V
	}
)

type stack[T any] struct{ n int }

func (s *stack[T]) push() { record(s.n, &obj22[string, T]{}) }

func init() {
	tests = append(tests,
		test{what: "a generic function", run: func() { generic[int64]() }},
		test{what: "a method of a generic type", run: func() { pushOn(&stack[*body]{22}) }})
}

//go:noinline
func generic[T any]() { genericInlined[T]() }

func genericInlined[T any]() { record(21, &obj21[T]{}) }

//go:noinline
func pushOn[T any](s *stack[T]) { s.push() }
