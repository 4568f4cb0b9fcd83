// Command load asks a web server for one page over and over: `load URL CONNECTIONS SECONDS` prints how many answers came a second, how many
// requests failed, and the 50th and 99th percentile of the time of one, in milliseconds.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"
)

func main() {
	url := os.Args[1]
	connections, _ := strconv.Atoi(os.Args[2])
	seconds, _ := strconv.ParseFloat(os.Args[3], 64)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	until := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	var mutex sync.Mutex
	var all []time.Duration
	failures := 0
	var done sync.WaitGroup
	for i := 0; i < connections; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			var times []time.Duration
			failed := 0
			for time.Now().Before(until) {
				began := time.Now()
				response, err := client.Get(url)
				if err == nil {
					_, err = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
				if err != nil || response.StatusCode != http.StatusOK {
					failed++
					continue
				}
				times = append(times, time.Since(began))
			}
			mutex.Lock()
			all = append(all, times...)
			failures += failed
			mutex.Unlock()
		}()
	}
	done.Wait()
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	at := func(share float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return float64(all[int(share*float64(len(all)-1))].Microseconds()) / 1000
	}
	fmt.Printf("%.0f %d %.2f %.2f\n", float64(len(all))/seconds, failures, at(0.5), at(0.99))
}
