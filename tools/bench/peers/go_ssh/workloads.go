// SPDX-License-Identifier: BSD-2-Clause

// golang.org/x/crypto/ssh, with channel types of our own.
package main

import (
	"bufio"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

const (
	// Small frames one way are gathered by a bufio.Writer into what one packet carries at most, as a Go program would
	// do: seen 24 million frames per second, and 0.18 million with a write (a packet and a send) for each.
	packetSize = 32 * 1024
	kilobyte   = 1024
)

func runEcho(address string, _ settings) {
	on := dial(address).openOne("echo@bench")
	frame := make([]byte, smallSize)
	trips := newRoundTrips()
	for trips.lap() {
		writeAll(on, frame)
		readAll(on, frame)
	}
	trips.report()
}

// One write for what came together, as in the server: seen 900,000 per second, and 180,000 with a write per frame.
func runEchoInFlight(address string, _ settings) {
	on := dial(address).openOne("echo@bench")
	frames := make([]byte, smallSize*inFlight)
	writeAll(on, frames)
	done := newMeter()
	for held := 0; ; {
		n, err := on.Read(frames[held:])
		check(err)
		held += n
		whole := held / smallSize * smallSize
		if done.done(whole / smallSize) {
			break
		}
		writeAll(on, frames[:whole])
		held = copy(frames, frames[whole:held])
	}
	report("per_second", done.rate())
}

func runFrames(address string, _ settings) {
	on := dial(address).openOne("small@bench")
	gather := bufio.NewWriterSize(on, packetSize)
	stream := newOneWay(smallSize)
	for frame := stream.next(); frame != nil; frame = stream.next() {
		writeAll(gather, frame)
	}
	check(gather.Flush())
	stream.finish(finish(on))
}

func runBulk(address string, _ settings) {
	on := dial(address).openOne("bulk@bench")
	stream := newOneWay(bulkSize)
	for frame := stream.next(); frame != nil; frame = stream.next() {
		writeAll(on, frame) // which cuts it into packets
	}
	stream.finish(finish(on))
}

// A goroutine for each in flight. A channel is closed when both sides have said so: its requests end.
func runOpen(address string, with settings) {
	on := dial(address)
	done := newMeter()
	sends := with.number("frames", 0) > 0
	var all sync.WaitGroup
	for i := 0; i < with.number("in_flight", 1); i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			frame := make([]byte, smallSize)
			for {
				channel, requests := on.open("echo@bench")
				if sends {
					writeAll(channel, frame)
					readAll(channel, frame)
				}
				check(channel.Close())
				for range requests {
				}
				if done.done(1) {
					return
				}
			}
		}()
	}
	all.Wait()
	report("per_second", done.rate())
}

func runFanout(address string, with settings) {
	on := dial(address)
	channels := make([]ssh.Channel, with.number("channels", 100))
	for i := range channels {
		channels[i] = on.openOne("echo@bench")
	}
	counts := make([]int, len(channels))
	done := newMeter()
	over := int32(0)
	var all sync.WaitGroup
	for i := range channels {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			frame := make([]byte, kilobyte)
			for atomic.LoadInt32(&over) == 0 {
				writeAll(channels[i], frame)
				readAll(channels[i], frame)
				if atomic.LoadInt32(&over) == 0 {
					counts[i]++
				}
				if done.done(1) {
					atomic.StoreInt32(&over, 1)
				}
			}
		}(i)
	}
	all.Wait()
	reportFanout(done, counts)
}

func reportFanout(done *meter, counts []int) {
	total, slowest := 0, counts[0]
	for _, count := range counts {
		total += count
		if count < slowest {
			slowest = count
		}
	}
	report("per_second", done.rate())
	report("slowest_share", float64(slowest)*float64(len(counts))/float64(total))
}

func runIdleChannels(address string, with settings) {
	sessions := make([]session, with.number("sessions", 10))
	for i := range sessions {
		sessions[i] = dial(address)
	}
	count := with.number("channels", 1000)
	kept := make([]ssh.Channel, 0, count*len(sessions))
	mark("before")
	for _, on := range sessions {
		for i := 0; i < count; i++ {
			kept = append(kept, on.openOne("echo@bench"))
		}
	}
	mark("after")
	keep(kept)
}

// A session is usable when it has one channel open.
func runIdleSessions(address string, with settings) {
	data := make([]byte, 4*bulkSize)
	var kept []ssh.Channel
	mark("before")
	for i := 0; i < with.number("sessions", 1000); i++ {
		kept = append(kept, dial(address).openOne("bulk@bench"))
	}
	mark("after")
	for _, on := range kept {
		writeAll(on, data)
		if finish(on).Bytes != uint64(len(data)) {
			fail("bytes were lost")
		}
	}
	mark("after_bulk")
	keep(kept)
}

// Without it the collector may free what is held only to be measured.
func keep(channels []ssh.Channel) {
	if len(channels) == 0 {
		fail("nothing was opened")
	}
}

func runConnect(address string, _ settings) {
	done := newMeter()
	for {
		check(dial(address).Close())
		if done.done(1) {
			break
		}
	}
	report("per_second", done.rate())
}

func main() {
	harness(serve, map[string]workload{
		"rtt":           runEcho,
		"rtt64":         runEchoInFlight,
		"frames":        runFrames,
		"bulk":          runBulk,
		"open":          runOpen,
		"fanout":        runFanout,
		"idle_channels": runIdleChannels,
		"idle_sessions": runIdleSessions,
		"connect":       runConnect,
	})
}
