// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
)

// What a read takes at most: several packets of 32 kB, so that a busy receiver adjusts the window seldom.
const readSize = 256 * 1024

func privateKey() ssh.Signer {
	text, err := os.ReadFile(file("id"))
	check(err)
	key, err := ssh.ParsePrivateKey(text)
	check(err)
	return key
}

func publicKey() ssh.PublicKey {
	text, err := os.ReadFile(file("id.pub"))
	check(err)
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	check(err)
	return key
}

func algorithms() ssh.Config {
	return ssh.Config{
		Ciphers:      []string{"aes128-gcm@openssh.com"},
		KeyExchanges: []string{"curve25519-sha256"},
	}
}

func serve(with settings) string {
	known := publicKey().Marshal()
	config := &ssh.ServerConfig{
		Config: algorithms(),
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), known) {
				return nil, fmt.Errorf("not the key of id.pub")
			}
			return nil, nil
		},
	}
	config.AddHostKey(privateKey())
	listener, err := net.Listen("tcp", with.text("host", "127.0.0.1")+":0")
	check(err)
	go func() {
		for {
			conn, err := listener.Accept() // TCP_NODELAY is Go's default, on both sides
			check(err)
			go serveConnection(conn, config)
		}
	}()
	return listener.Addr().String()
}

func serveConnection(on net.Conn, config *ssh.ServerConfig) {
	conn, channels, requests, err := ssh.NewServerConn(on, config)
	if err != nil {
		on.Close() // the client knows and says why
		return
	}
	go ssh.DiscardRequests(requests)
	for asked := range channels {
		service := services[asked.ChannelType()]
		if service == nil {
			fail("no service " + asked.ChannelType())
		}
		channel, requests, err := asked.Accept()
		if err != nil {
			break
		}
		go ssh.DiscardRequests(requests)
		go service(channel)
	}
	conn.Close()
}

var services = map[string]func(ssh.Channel){
	"echo@bench":  echo,
	"small@bench": func(on ssh.Channel) { receive(on, smallSize) },
	"bulk@bench":  func(on ssh.Channel) { receive(on, bulkSize) },
}

// What came together goes back together: with one frame in flight this is one write per frame.
func echo(on ssh.Channel) {
	defer on.Close()
	buffer := make([]byte, 4096) // as much as is in flight; a channel that idles shall not hold 32 kB
	for {
		n, err := on.Read(buffer)
		if err != nil {
			return
		}
		if _, err = on.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// There are no lengths, as all frames of a channel have one size: the end of the data ends them.
func receive(on ssh.Channel, size int) {
	defer on.Close()
	first := make([]byte, 1) // a channel that idles shall hold no buffer
	if _, err := on.Read(first); err != nil {
		return
	}
	buffer := make([]byte, readSize)
	held := copy(buffer, first)
	seen := tally{}
	for kept := held; ; {
		n, err := on.Read(buffer[kept:])
		held, kept = held+n, kept+n
		if size == bulkSize {
			for kept = 0; held >= size; held -= size { // counted, not put together
				seen.Frames++
				seen.Bytes += bulkSize
			}
		} else {
			at := 0
			for ; kept-at >= size; at += size {
				seen.add(buffer[at : at+size])
			}
			kept = copy(buffer, buffer[at:kept])
			held = kept
		}
		if err != nil {
			break
		}
	}
	binary.Write(on, binary.LittleEndian, seen) // the client notices when it does not come
}

type session struct {
	ssh.Conn
}

func dial(address string) session {
	config := &ssh.ClientConfig{
		Config:            algorithms(),
		User:              "bench",
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(privateKeyOnce())},
		HostKeyCallback:   ssh.FixedHostKey(publicKeyOnce()),
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	}
	socket, err := net.Dial("tcp", address)
	check(err)
	conn, channels, requests, err := ssh.NewClientConn(socket, address, config)
	check(err)
	go ssh.DiscardRequests(requests)
	go func() {
		for asked := range channels {
			asked.Reject(ssh.Prohibited, "")
		}
	}()
	return session{conn}
}

// A channel, and what tells that the server has closed it.
func (s session) open(service string) (ssh.Channel, <-chan *ssh.Request) {
	channel, requests, err := s.OpenChannel(service, nil)
	check(err)
	return channel, requests
}

func (s session) openOne(service string) ssh.Channel {
	channel, requests := s.open(service)
	go ssh.DiscardRequests(requests)
	return channel
}

func writeAll(to io.Writer, data []byte) {
	_, err := to.Write(data)
	check(err)
}

func readAll(from io.Reader, data []byte) {
	_, err := io.ReadFull(from, data)
	check(err)
}

// Ends the data and waits for what the receiver has counted.
func finish(on ssh.Channel) (received tally) {
	check(on.CloseWrite())
	check(binary.Read(on, binary.LittleEndian, &received))
	return received
}

// The keys are read and parsed once: connections are measured, not files.
var (
	parsedPrivate ssh.Signer
	parsedPublic  ssh.PublicKey
)

func privateKeyOnce() ssh.Signer {
	if parsedPrivate == nil {
		parsedPrivate = privateKey()
	}
	return parsedPrivate
}

func publicKeyOnce() ssh.PublicKey {
	if parsedPublic == nil {
		parsedPublic = publicKey()
	}
	return parsedPublic
}
