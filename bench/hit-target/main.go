// Command hittarget calls one small function as often as each line of standard input says, and prints what a call took. `calls
// float` calls the one with a float result.
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

func main() {
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
			for i := 0; i < calls; i++ {
				sum += int(hitFloat(i, 2, 3, "a name"))
			}
		}
		took := time.Since(start)
		fmt.Printf("%.3f ns a call (%d)\n", float64(took.Nanoseconds())/float64(calls), sum)
	}
}
