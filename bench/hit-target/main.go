// Command hittarget calls one small function as often as each line of standard input says, and prints what a call took. `calls
// float` calls the one with a float result, `calls map` the one that takes a map, and so on.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

//go:noinline
func leaf(n int) int { return n ^ 1 }

// hit is an ordinary small function: it has a frame, so the compiler gives it a stack check and a push of RBP.
//
//go:noinline
func hit(a, b, c int, name string) int {
	return leaf(a) + b - c + len(name)
}

// hitFloat is the same with a result in a float register.
//
//go:noinline
func hitFloat(a, b, c int, name string) float64 {
	return float64(leaf(a) + b - c + len(name))
}

type wide struct {
	A, B, C, D, E, F, G, H, I, J int
	K, L, M, N, O, P, Q, R, S, T uint32
}

type tree struct {
	Left, Right *tree
	Value       int
}

func grown(depth int) *tree {
	if depth == 0 {
		return nil
	}
	return &tree{grown(depth - 1), grown(depth - 1), depth}
}

//go:noinline
func hitInt(a int) int { return leaf(a) }

//go:noinline
func hitInts(a, b, c int) int { return leaf(a) + b - c }

//go:noinline
func hitString(s string) int { return leaf(len(s)) }

//go:noinline
func hitStruct(w *wide) int { return leaf(w.A) }

//go:noinline
func hitTree(t *tree) int { return leaf(t.Value) }

//go:noinline
func hitMap(m map[string]int) int { return leaf(len(m)) }

var (
	text   = strings.Repeat("sixteen letters.", 4)
	fields = &wide{A: 1, T: 2}
	root   = grown(3)
	counts = map[string]int{}
)

// shapes: by the second word of a line.
var shapes = map[string]func(i int) int{
	"float":  func(i int) int { return int(hitFloat(i, 2, 3, "a name")) },
	"int":    func(i int) int { return hitInt(i) },
	"ints":   func(i int) int { return hitInts(i, 2, 3) },
	"string": func(int) int { return hitString(text) },
	"struct": func(int) int { return hitStruct(fields) },
	"tree":   func(int) int { return hitTree(root) },
	"map":    func(int) int { return hitMap(counts) },
}

func main() {
	for i := 0; i < 100; i++ {
		counts[fmt.Sprint("key ", i)] = i
	}
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		calls, err := strconv.Atoi(words[0])
		if err != nil {
			panic(err)
		}
		sum := 0
		start := time.Now()
		if len(words) == 1 {
			for i := 0; i < calls; i++ {
				sum += hit(i, 2, 3, "a name")
			}
		} else {
			call := shapes[words[1]]
			for i := 0; i < calls; i++ {
				sum += call(i)
			}
		}
		took := time.Since(start)
		fmt.Printf("%.3f ns a call (%d)\n", float64(took.Nanoseconds())/float64(calls), sum)
	}
}
