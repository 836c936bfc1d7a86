// Go's gorilla/websocket, as its documentation has it: net/http, buffers as they are by default, ReadMessage and WriteMessage.
// Fan-out frames a message once (PreparedMessage). Its compression keeps no context: it has none that does.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/gorilla/websocket"
)

var (
	upgrader    websocket.Upgrader
	lock        sync.Mutex
	subscribers = map[*websocket.Conn]struct{}{}
)

func main() {
	port := flag.Int("port", 0, "the port to listen on; 0 takes a free one")
	flag.BoolVar(&upgrader.EnableCompression, "deflate", false, "compress with clients that offer it")
	flag.Parse()

	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", serve(echo))
	http.HandleFunc("/subscribe", serve(subscribe))
	http.HandleFunc("/publish", serve(publish))
	fmt.Println("LISTENING", listener.Addr().(*net.TCPAddr).Port)

	go func() { // no orphan outlives its parent
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, nil))
}

func serve(handle func(*websocket.Conn)) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		conn, err := upgrader.Upgrade(response, request, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		handle(conn)
	}
}

func echo(conn *websocket.Conn) {
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if err := conn.WriteMessage(kind, message); err != nil {
			return
		}
	}
}

func subscribe(conn *websocket.Conn) {
	lock.Lock()
	subscribers[conn] = struct{}{}
	lock.Unlock()
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			break
		}
	}
	lock.Lock()
	delete(subscribers, conn)
	lock.Unlock()
}

func publish(conn *websocket.Conn) {
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		prepared, err := websocket.NewPreparedMessage(kind, message)
		if err != nil {
			return
		}
		lock.Lock()
		for subscriber := range subscribers {
			_ = subscriber.WritePreparedMessage(prepared) // who has gone is removed by its own reader
		}
		lock.Unlock()
	}
}
