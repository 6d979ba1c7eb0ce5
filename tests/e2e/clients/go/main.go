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
	"sync/atomic"

	"github.com/coder/websocket"
)

type client struct {
	socket  *websocket.Conn
	closing atomic.Bool
	ended   chan error // what ended the reader
}

func connect(url, way, token string) (*client, error) {
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
	c := &client{socket: socket, ended: make(chan error, 1)}
	go c.read()
	return c, nil
}

func (c *client) read() {
	for {
		_, text, err := c.socket.Read(context.Background())
		if err != nil {
			if !c.closing.Load() {
				fmt.Printf("closed\t%d\n", websocket.CloseStatus(err))
			}
			c.ended <- err
			return
		}
		fmt.Printf("text\t%s\n", text)
	}
}

// The answer to our close frame is taken by the reader or by Close itself, whoever comes first;
// Close then has no error to tell.
func (c *client) close() error {
	c.closing.Store(true)
	if err := c.socket.Close(websocket.StatusNormalClosure, ""); err != nil {
		return err
	}
	code := websocket.CloseStatus(<-c.ended)
	if code == -1 {
		code = websocket.StatusNormalClosure
	}
	fmt.Printf("closed\t%d\n", code)
	return nil
}

func drive() error {
	var c *client
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		var err error
		switch words[0] {
		case "connect":
			c, err = connect(words[1], words[2], words[3])
		case "send":
			err = c.socket.Write(context.Background(), websocket.MessageText, []byte(words[1]))
		case "close":
			err = c.close()
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
