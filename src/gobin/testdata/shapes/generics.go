//go:build go1.18

package main

import (
	"fmt"
	"os"
)

//go:noinline
func Map[T, U any](in []T, f func(T) U) []U {
	var out []U
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

type Box[T any] struct{ v T }

//go:noinline
func (b *Box[T]) Set(v T, n int) T {
	old := b.v
	b.v = v
	fmt.Fprintln(os.Stderr, n)
	return old
}

// Names of blank parameters count the hidden dictionary.
//
//go:noinline
func (*Box[T]) blanks(_ T, k int8) int8 {
	fmt.Fprintln(os.Stderr, k)
	return k
}

//go:noinline
func shapeBlanks[T any](_ int8, v T, _ string, k int16) int16 {
	fmt.Fprintln(os.Stderr, v)
	return k
}

func init() {
	extra = func() {
		fmt.Println(Map([]int{1}, func(i int) string { return fmt.Sprint(i) }), Map([]string{"a"}, func(s string) int { return len(s) }))
		b := &Box[int]{}
		fmt.Println(b.Set(1, 2), b.blanks(3, 4), shapeBlanks(1, 2, "3", 4))
		c := &Box[string]{}
		fmt.Println(c.Set("a", 2))
	}
}
