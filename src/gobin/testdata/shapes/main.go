// Command shapes has a function for each way in which arguments and results travel. It is built and looked at, seldom run.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

type Point struct {
	X, Y int32
	Tag  string
	_    int64
	z    uint8
}

type Celsius float64

type Stringer interface{ String() string }

type Server struct {
	name  string
	count int
	peers map[string]*Server
	Point
	next *Server
	arr  [3]uint16
	one  [1]uint32
	none [0]int
	f    func(int) string
	ch   chan int
}

//go:noinline
func computeE(iterations int64) float64 {
	res := 2.0
	fact := 1.0
	for i := int64(2); i < iterations; i++ {
		fact *= float64(i)
		res += 1 / fact
	}
	return res
}

//go:noinline
func (s *Server) Handle(ctx context.Context, name string, body []byte, n int8, ok bool) (int, error) {
	fmt.Fprintln(os.Stderr, s.name, ctx, name, body, n, ok)
	if n > 3 {
		return 0, errors.New("n")
	}
	return s.count + len(body), nil
}

//go:noinline
func (p Point) Sum(scale float64, c Celsius) (total float64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	total = float64(p.X+p.Y) * scale * float64(c)
	return
}

//go:noinline
func blanks(_ int, a string, _ float64, b []byte, _ string, c uint16) (string, int) {
	return a + string(b), int(c)
}

//go:noinline
func unnamed(int, string) bool { return os.Getpid() > 1 }

// The blank one fits into the padding of the spill area.
//
//go:noinline
func padding(s string, _ int8, a int32, p *int) int32 {
	if p == nil {
		return int32(len(s))
	}
	return a
}

//go:noinline
func oneBlank(_ int) int { return os.Getpid() }

//go:noinline
func (*Server) blankRecv(x int, _ bool, y string) string { return fmt.Sprint(x, y) }

//go:noinline
func many(a, b, c, d, e, f, g, h, i, j int, s string, k uint8, x [2]int, y [1]string) (p, q int, r [2]string) {
	return a + b + c + d + e + f + g + h + i + j + len(s) + int(k) + x[0] + x[1], len(y[0]), [2]string{s, y[0]}
}

//go:noinline
func stackOnly(a [4]int64, b string) [2]int64 { return [2]int64{a[0] + a[3], int64(len(b))} }

//go:noinline
func useless(a int, b string, c []byte, d interface{}, e time.Time, f struct{ A, B int }) int {
	return len(c)
}

//go:noinline
func anyArgs(v interface{}, e error, s Stringer, p *int, m map[string]int, fn func() int, ch chan<- int) interface{} {
	fmt.Fprintln(os.Stderr, v, e, s, p, m, fn(), ch)
	return v
}

//go:noinline
func cplx(c complex128, d complex64, f float32) complex128 {
	return c * complex128(d) * complex(float64(f), 0)
}

func tiny(x int) int { return x*3 + 1 }

//go:noinline
func callsTiny(a, b int) int { return tiny(a) + tiny(b) }

func closureMaker(k int) func(int) int {
	return func(x int) int {
		fmt.Fprintln(os.Stderr, x)
		return x + k
	}
}

type handler struct{ *Server }

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.URL, h.name) }

//go:noinline
func variadic(format string, args ...interface{}) { fmt.Fprintf(os.Stderr, format, args...) }

//go:noinline
func noArgs() { fmt.Fprintln(os.Stderr) }

//go:noinline
func blankResults(n int) (_ int, s string, _ error) { return n, fmt.Sprint(n), nil }

//go:noinline
func smallBlank(a int32, _ bool, b int32) int32 { return a + b }

//go:noinline
func deadNames(ctx context.Context, r *http.Request, n int) int { return n + os.Getpid() }

//go:noinline
func empty(_ struct{}, a int, _ [0]int, b string) int { return a + len(b) }

var sink int

func inlinable(x int) int {
	sink = x
	return x * len(os.Args)
}

// inlinableValue keeps a copy of its own.
var inlinableValue = inlinable

//go:noinline
func callsInlinable(n int) int { return inlinable(n) + inlinable(n+1) }

//go:noinline
func recursive(n int) int {
	if n <= 0 {
		return 0
	}
	return 1 + recursive(n-1)
}

// extra is set where there are generics.
var extra = func() {}

func main() {
	fmt.Println(blankResults(1))
	fmt.Println(smallBlank(1, true, 2), deadNames(context.Background(), nil, 3), empty(struct{}{}, 1, [0]int{}, "b"), recursive(3))
	fmt.Println(callsInlinable(len(os.Args)), inlinableValue(1))
	s := &Server{name: "s"}
	fmt.Println(computeE(int64(len(os.Args)) * 10))
	fmt.Println(s.Handle(context.Background(), "n", []byte("b"), 1, true))
	fmt.Println(Point{1, 2, "t", 0, 1}.Sum(2, 3))
	fmt.Println(blanks(1, "a", 2, []byte("b"), "c", 3))
	fmt.Println(unnamed(1, "2"), oneBlank(1), padding("s", 1, 2, new(int)), s.blankRecv(1, true, "y"))
	fmt.Println(many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "s", 1, [2]int{1, 2}, [1]string{"y"}))
	fmt.Println(stackOnly([4]int64{1, 2, 3, 4}, "b"))
	fmt.Println(useless(1, "b", []byte("c"), 1, time.Now(), struct{ A, B int }{1, 2}))
	x := 3
	fmt.Println(anyArgs(1, errors.New("e"), time.Second, &x, map[string]int{"a": 1}, func() int { return x }, make(chan int)))
	fmt.Println(cplx(1i, 2, 3), callsTiny(1, 2))
	extra()
	fmt.Println(closureMaker(x)(4))
	variadic("%d\n", 1)
	noArgs()
	if len(os.Args) > 1 {
		http.ListenAndServe(":0", handler{s})
	}
}
