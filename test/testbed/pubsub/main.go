// Google's own in-memory Pub/Sub server (pstest), which speaks gRPC, behind the REST API: paths and bodies are what
// Google's annotations of the service say, and a body with anything else in it is refused.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"connectrpc.com/vanguard"
	"connectrpc.com/vanguard/vanguardgrpc"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "listen address")
	topics := flag.String("topics", "", "topics to start with, each with a subscription of its name: projects/P/topics/T,…")
	flag.Parse()
	fake := pstest.NewServer()
	ctx := context.Background()
	for _, topic := range strings.FieldsFunc(*topics, func(r rune) bool { return r == ',' }) {
		if _, err := fake.GServer.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}); err != nil {
			log.Fatal(err)
		}
		subscription := &pubsubpb.Subscription{
			Name:               strings.Replace(topic, "/topics/", "/subscriptions/", 1),
			Topic:              topic,
			AckDeadlineSeconds: 600,
		}
		if _, err := fake.GServer.CreateSubscription(ctx, subscription); err != nil {
			log.Fatal(err)
		}
	}
	server := grpc.NewServer()
	pubsubpb.RegisterPublisherServer(server, &fake.GServer)
	pubsubpb.RegisterSubscriberServer(server, &fake.GServer)
	strict := func(res vanguard.TypeResolver) vanguard.Codec {
		return &vanguard.JSONCodec{
			MarshalOptions:   protojson.MarshalOptions{Resolver: res},
			UnmarshalOptions: protojson.UnmarshalOptions{Resolver: res},
		}
	}
	handler, err := vanguardgrpc.NewTranscoder(server, vanguard.WithCodec(strict))
	if err != nil {
		log.Fatal(err)
	}
	listener := &http.Server{Addr: *addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(listener.ListenAndServe())
}
