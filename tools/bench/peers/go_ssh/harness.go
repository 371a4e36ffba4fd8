// SPDX-License-Identifier: BSD-2-Clause

// What harness.hpp is for C++: the same commands, environment, figures and marks.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	smallSize = 64
	bulkSize  = 1 << 20
	inFlight  = 64
)

type settings map[string]string

func (s settings) text(key, otherwise string) string {
	if value, given := s[key]; given {
		return value
	}
	return otherwise
}

func (s settings) number(key string, otherwise int) int {
	value, given := s[key]
	if !given {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	check(err)
	return n
}

func fail(what string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", filepath.Base(os.Args[0]), what)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func file(name string) string {
	directory := os.Getenv("BENCH_DIR")
	if directory == "" {
		fail("BENCH_DIR is not set: run by ./dev bench")
	}
	return filepath.Join(directory, name)
}

func measuredTime() time.Duration {
	seconds, err := strconv.ParseFloat(os.Getenv("BENCH_SECONDS"), 64)
	if err != nil {
		seconds = 0.5
	}
	return time.Duration(seconds * float64(time.Second))
}

func report(figure string, value float64) { fmt.Printf("%s %.6g\n", figure, value) }

var answers = bufio.NewReader(os.Stdin)

func mark(name string) {
	fmt.Printf("mark %s\n", name)
	if _, err := answers.ReadString('\n'); err != nil {
		fail("nobody answers a mark")
	}
}

// roundTrips is used as: for trips.lap() { trip() }.
type roundTrips struct {
	begun, last     time.Time
	measuring, trip bool
	took            []float64
}

func newRoundTrips() *roundTrips { return &roundTrips{begun: time.Now()} }

func (t *roundTrips) lap() bool {
	now := time.Now()
	if t.measuring && t.trip {
		t.took = append(t.took, float64(now.Sub(t.last))/float64(time.Microsecond))
	}
	if !t.measuring && now.Sub(t.begun) >= measuredTime()/5 {
		t.measuring = true
		t.begun = now
	}
	t.trip = true
	t.last = time.Now()
	return !t.measuring || now.Sub(t.begun) < measuredTime()
}

func (t *roundTrips) report() {
	if len(t.took) == 0 {
		fail("not one round trip was measured")
	}
	sort.Float64s(t.took)
	at := func(share float64) float64 { return t.took[int(share*float64(len(t.took)-1))] }
	report("p50", at(0.5))
	report("p99", at(0.99))
}

// meter may be used by several goroutines, unlike that of C++.
type meter struct {
	lock         sync.Mutex
	begun, ended time.Time
	measuring    bool
	count        int
	time         time.Duration
}

func newMeter() *meter { return &meter{begun: time.Now(), time: measuredTime()} }

func (m *meter) done(n int) bool {
	m.lock.Lock()
	defer m.lock.Unlock()
	now := time.Now()
	if m.measuring {
		m.count += n
		m.ended = now
		return now.Sub(m.begun) >= m.time
	}
	if now.Sub(m.begun) >= m.time/5 {
		m.measuring = true
		m.begun = now
	}
	return false
}

func (m *meter) rate() float64 {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.count == 0 {
		fail("nothing was done in the measured time")
	}
	return float64(m.count) / m.ended.Sub(m.begun).Seconds()
}

type tally struct{ Frames, Sum, Bytes uint64 }

func (t *tally) add(frame []byte) {
	t.Frames++
	t.Bytes += uint64(len(frame))
	if len(frame) != smallSize {
		return
	}
	for at := 0; at < smallSize; at += 8 {
		t.Sum += binary.LittleEndian.Uint64(frame[at:])
	}
}

type oneWay struct {
	frame []byte
	sent  tally
	begun time.Time
	time  time.Duration
}

func newOneWay(size int) *oneWay {
	made := &oneWay{frame: []byte(strings.Repeat("x", size)), time: measuredTime()}
	if size == bulkSize {
		mark("begin")
	}
	made.begun = time.Now()
	return made
}

// next gives nil when the time is over.
func (w *oneWay) next() []byte {
	glance := uint64(1)
	if len(w.frame) == smallSize {
		glance = 256 // the clock costs half a small frame
	}
	if w.sent.Frames%glance == 0 && w.sent.Frames > 0 && time.Since(w.begun) >= w.time {
		return nil
	}
	binary.LittleEndian.PutUint64(w.frame, w.sent.Frames)
	w.sent.add(w.frame)
	return w.frame
}

func (w *oneWay) finish(received tally) {
	took := time.Since(w.begun).Seconds()
	if received != w.sent {
		fail(fmt.Sprintf("sent %+v, the receiver counted %+v", w.sent, received))
	}
	if len(w.frame) == smallSize {
		report("frames", float64(w.sent.Frames)/took)
		return
	}
	mark("end")
	report("mb_per_second", float64(w.sent.Bytes)/took/1e6)
	report("bytes", float64(w.sent.Bytes))
}

type workload func(address string, with settings)

func harness(serve func(settings) string, workloads map[string]workload) {
	words := os.Args[1:]
	serving := len(words) > 0 && words[0] == "serve"
	fixed := 3
	if serving {
		fixed = 2
	}
	if len(words) < fixed || (!serving && words[0] != "run") || workloads[words[1]] == nil {
		fail("usage: serve WORKLOAD [KEY=VALUE...] | run WORKLOAD ADDRESS [KEY=VALUE...]")
	}
	with := settings{}
	for _, word := range words[fixed:] {
		key, value, _ := strings.Cut(word, "=")
		with[key] = value
	}
	if !serving {
		workloads[words[1]](words[2], with)
		return
	}
	fmt.Printf("listening %s\n", serve(with))
	_, err := io.Copy(io.Discard, os.Stdin)
	check(err)
}
