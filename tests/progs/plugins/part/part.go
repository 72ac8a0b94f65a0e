// SPDX-License-Identifier: BSD-2-Clause

// Package part is a part of the program and of its plugin.
package part

// Item is a type that both have.
type Item struct {
	Next *Item
	Name string
	Tags [5]string
}
