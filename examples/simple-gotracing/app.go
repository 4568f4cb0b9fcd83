// Command gotracing is the server of the demo: GET /e answers Euler's number, computed by a function whose argument
// and latency nobody logs. Sonde shows them while it runs.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
)

const (
	defaultPort       = "9090"
	defaultIterations = 100
	// About half a minute of work: enough for a call that hangs, not enough to lose the server for good.
	maxIterations = 10_000_000_000
)

// computeE adds up the first terms of the Taylor series of e: 1/0! + 1/1! + 1/2! + …
//
// It must not be inlined: a function without code of its own has no place for a probe.
//
//go:noinline
func computeE(iterations int64) float64 {
	sum := 0.0
	term := 1.0
	for n := int64(1); n <= iterations; n++ {
		sum += term
		term /= float64(n)
	}
	return sum
}

func handleE(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	iterations := int64(defaultIterations)
	if text := r.URL.Query().Get("iters"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > maxIterations {
			http.Error(w, fmt.Sprintf("iters must be a whole number from 0 to %d", int64(maxIterations)), http.StatusBadRequest)
			return
		}
		iterations = n
	}
	fmt.Fprintf(w, "e = %0.4f\n", computeE(iterations))
}

func portFromEnvironment() string {
	if port := os.Getenv("PORT"); port != "" {
		return port
	}
	return defaultPort
}

func main() {
	port := flag.String("port", portFromEnvironment(), "TCP port to listen on; 0 picks a free one (environment: PORT)")
	flag.Parse()

	listener, err := net.Listen("tcp", net.JoinHostPort("", *port))
	if err != nil {
		log.Fatal(err)
	}
	// The last line before requests are answered; scripts wait for it and read the port from it.
	log.Printf("listening on port %d", listener.Addr().(*net.TCPAddr).Port)

	mux := http.NewServeMux()
	mux.HandleFunc("/e", handleE)
	log.Fatal(http.Serve(listener, mux))
}
