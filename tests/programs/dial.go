// SPDX-License-Identifier: LGPL-2.1-or-later

// Connects to port 0 with Go's net package, which makes its own system calls:
// what a libc does is nothing to it.  Its argument is how long it tries, as Go
// writes it: 2s.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() {
		for {
			if _, err := listener.Accept(); err != nil {
				return
			}
		}
	}()
	limit, err := time.ParseDuration(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	connection, err := net.DialTimeout("tcp", "127.0.0.1:0", limit)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("connected to", connection.RemoteAddr())
}
