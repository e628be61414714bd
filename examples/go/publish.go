// Puts one article on the queue from Go. Needs: go get github.com/nats-io/nats.go
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"
)

func main() {
	article := map[string]string{
		"source":     "harbour-gazette",
		"guid":       "hg-2026-0301-17",
		"updated_at": "2026-03-01T09:30:30Z",
		"title":      "New lock opens at Tidewell",
		"body":       "Marta Quillfeather opened the new lock at Tidewell on Sunday.\n\nBrackwater Engineering built it.",
	}
	body, err := json.Marshal(article)
	if err != nil {
		log.Fatal(err)
	}
	url := os.Getenv("NATS_URL")
	if url == "" {
		url = nats.DefaultURL
	}
	connection, err := nats.Connect(url)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	stream, err := connection.JetStream(nats.MaxWait(5 * time.Second))
	if err != nil {
		log.Fatal(err)
	}
	// one message id for each version: a retry is taken once, a correction is not taken for a retry
	acknowledgement, err := stream.Publish("news.v1.submitted", body,
		nats.MsgId(article["guid"]+":"+article["updated_at"]), nats.ExpectStream("INBOX"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("accepted as version %d\n", acknowledgement.Sequence)
}
