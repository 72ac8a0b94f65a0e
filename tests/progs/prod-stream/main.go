// SPDX-License-Identifier: BSD-2-Clause

// Prod-stream is a gRPC service that sends news to whoever watches.  For each watcher a goroutine of its
// own brings them; when the watcher has left, it waits for ever to hand over the next.
//
// Commands: "address", where it listens; "ledger", how many goroutines have stayed.  As "client ADDRESS
// RATE" it is the watchers.
package main

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"progs/ctl"
	"progs/traffic"
)

const every = 10 * time.Millisecond

var stayed int64

type hub struct{}

// watch is the method of the service.
func (h *hub) watch(stream grpc.ServerStream) error {
	var topic wrapperspb.StringValue
	if err := stream.RecvMsg(&topic); err != nil {
		return err
	}
	news := make(chan *wrapperspb.StringValue)
	go h.bring(topic.Value, news)
	for {
		select {
		case n := <-news:
			if err := stream.SendMsg(n); err != nil {
				return err
			}
		case <-stream.Context().Done():
			atomic.AddInt64(&stayed, 1)
			return stream.Context().Err()
		}
	}
}

func (h *hub) bring(topic string, news chan<- *wrapperspb.StringValue) {
	for t := time.NewTicker(every); ; {
		now := <-t.C
		news <- wrapperspb.String(strings.Repeat(topic+" at "+now.String()+"\n", 200))
	}
}

var service = grpc.ServiceDesc{
	ServiceName: "news.Hub",
	HandlerType: (*interface{})(nil),
	Streams: []grpc.StreamDesc{{
		StreamName:    "Watch",
		Handler:       func(srv interface{}, s grpc.ServerStream) error { return srv.(*hub).watch(s) },
		ServerStreams: true,
	}},
}

// watcher reads some news and leaves.
func watcher(c *grpc.ClientConn) {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	s, err := c.NewStream(ctx, &service.Streams[0], "/news.Hub/Watch")
	traffic.Check(err)
	traffic.Check(s.SendMsg(wrapperspb.String("weather")))
	traffic.Check(s.CloseSend())
	for i := 0; i < 20; i++ {
		traffic.Check(s.RecvMsg(new(wrapperspb.StringValue)))
	}
}

var connection *grpc.ClientConn

func main() {
	if traffic.Client(func(address string, n int) {
		if connection == nil {
			var err error
			connection, err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
			traffic.Check(err)
		}
		go watcher(connection)
	}) {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	traffic.Check(err)
	s := grpc.NewServer()
	s.RegisterService(&service, new(hub))
	go s.Serve(l)
	ctl.Loop(map[string]func(int){
		"address": func(int) { ctl.JSON(l.Addr().String()) },
		"ledger":  func(int) { ctl.JSON(map[string]int64{"Kept": atomic.LoadInt64(&stayed)}) },
	})
}
