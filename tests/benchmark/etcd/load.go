// A load on an etcd cluster, as `raftctl bench` is one on raftctl: so many requests in flight for so
// long, sequential keys. Prints one line of JSON. With -probe it puts once for each line on stdin,
// until a put is accepted, and answers each with a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/etcd/clientv3"
)

type options struct {
	endpoints []string
	kind      string
	inflight  int
	seconds   float64
	size      int
	keys      int64
}

func main() {
	var asked options
	endpoints := flag.String("endpoints", "", "host:port, with commas between them")
	flag.StringVar(&asked.kind, "kind", "put", "put, or get: linearizable")
	flag.IntVar(&asked.inflight, "inflight", 1, "requests in flight")
	flag.Float64Var(&asked.seconds, "seconds", 1, "for so long")
	flag.IntVar(&asked.size, "size", 100, "bytes of a value")
	flag.Int64Var(&asked.keys, "keys", 10000, "how many")
	connections := flag.Int("connections", 16, "at most so many")
	probe := flag.Int("probe", 0, "put for each line of stdin, a try of so many milliseconds")
	flag.Parse()
	asked.endpoints = strings.Split(*endpoints, ",")
	if *probe > 0 {
		answer(connect(asked.endpoints), time.Duration(*probe)*time.Millisecond)
		return
	}
	clients := make([]*clientv3.Client, min(*connections, asked.inflight))
	for i := range clients {
		clients[i] = connect(asked.endpoints)
	}
	run(clients, asked)
}

// connect returns a client that has its first answer already.
func connect(endpoints []string) *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Get(context.Background(), "key-0"); err != nil {
		log.Fatal(err)
	}
	return client
}

func run(clients []*clientv3.Client, asked options) {
	value := strings.Repeat("x", asked.size)
	latencies := make([][]time.Duration, asked.inflight)
	var started int64
	var workers sync.WaitGroup
	begin := time.Now()
	end := begin.Add(time.Duration(asked.seconds * float64(time.Second)))
	cpu := spent()
	for i := 0; i < asked.inflight; i++ {
		workers.Add(1)
		go func(i int) {
			defer workers.Done()
			client := clients[i%len(clients)]
			for sent := time.Now(); sent.Before(end); sent = time.Now() {
				key := fmt.Sprintf("key-%d", (atomic.AddInt64(&started, 1)-1)%asked.keys)
				var err error
				if asked.kind == "put" {
					_, err = client.Put(context.Background(), key, value)
				} else {
					_, err = client.Get(context.Background(), key)
				}
				if err != nil {
					log.Fatal(err)
				}
				latencies[i] = append(latencies[i], time.Since(sent))
			}
		}(i)
	}
	workers.Wait()
	elapsed := time.Since(begin).Seconds()
	report(latencies, elapsed, (spent()-cpu)/elapsed)
}

func report(latencies [][]time.Duration, elapsed float64, share float64) {
	var all []time.Duration
	for _, each := range latencies {
		all = append(all, each...)
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	at := func(part float64) float64 {
		return float64(all[int(float64(len(all)-1)*part)].Microseconds()) / 1000
	}
	json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"ops_per_s":    float64(len(all)) / elapsed,
		"p50_ms":       at(0.5),
		"p99_ms":       at(0.99),
		"client_share": share,
	})
}

// spent returns the processor time of this process in seconds.
func spent() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

// answer lets each try take so long, and begins the next one at once.
func answer(client *clientv3.Client, patience time.Duration) {
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		for {
			limit, cancel := context.WithTimeout(context.Background(), patience)
			_, err := client.Put(limit, "probe", "x")
			cancel()
			if err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		fmt.Println("accepted")
	}
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}
