// Driver of Go's github.com/coder/websocket; what drivers are told and say:
// tests/e2e/stock_client.py.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/coder/websocket"
)

func connect(url, way, token string) (*websocket.Conn, error) {
	options := &websocket.DialOptions{Subprotocols: []string{"signalbox.v1"}, HTTPHeader: http.Header{}}
	switch way {
	case "header":
		options.HTTPHeader.Set("Authorization", "Bearer "+token)
	case "subprotocol":
		options.Subprotocols = append(options.Subprotocols, "bearer."+token)
	}
	socket, _, err := websocket.Dial(context.Background(), url, options)
	if err != nil {
		return nil, err
	}
	socket.SetReadLimit(-1)
	fmt.Printf("open\t%s\n", socket.Subprotocol())
	go read(socket)
	return socket, nil
}

func read(socket *websocket.Conn) {
	for {
		_, text, err := socket.Read(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			fmt.Printf("closed\t%d\n", websocket.CloseStatus(err))
			return
		}
		fmt.Printf("text\t%s\n", text)
	}
}

func drive() error {
	var socket *websocket.Conn
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		var err error
		switch words[0] {
		case "connect":
			socket, err = connect(words[1], words[2], words[3])
		case "send":
			err = socket.Write(context.Background(), websocket.MessageText, []byte(words[1]))
		case "close":
			err = socket.Close(websocket.StatusNormalClosure, "")
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

func main() {
	if err := drive(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
