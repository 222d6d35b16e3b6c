// Command cloudevents reads what it is given with the official Go SDK for CloudEvents: a message a line, as JSON, in;
// what the SDK makes of it, or why not, out.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

type message struct {
	// http or kafka.
	Binding string            `json:"binding"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

type read struct {
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	SpecVersion     string         `json:"specversion"`
	Type            string         `json:"type"`
	Subject         string         `json:"subject,omitempty"`
	Time            string         `json:"time,omitempty"`
	DataContentType string         `json:"datacontenttype,omitempty"`
	DataSchema      string         `json:"dataschema,omitempty"`
	Extensions      map[string]any `json:"extensions,omitempty"`
	Data            string         `json:"data"`
}

type answer struct {
	Mode   string `json:"mode,omitempty"`
	Events []read `json:"events,omitempty"`
	Error  string `json:"error,omitempty"`
}

func of(e *event.Event) (read, error) {
	if err := e.Validate(); err != nil {
		return read{}, err
	}
	out := read{
		ID: e.ID(), Source: e.Source(), SpecVersion: e.SpecVersion(), Type: e.Type(), Subject: e.Subject(),
		DataContentType: e.DataContentType(), DataSchema: e.DataSchema(), Extensions: map[string]any{}, Data: string(e.Data()),
	}
	if !e.Time().IsZero() {
		out.Time = e.Time().UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	for name, value := range e.Extensions() {
		out.Extensions[name] = fmt.Sprint(value)
	}
	return out, nil
}

func answerTo(m message) (answer, error) {
	ctx := context.Background()
	var in binding.Message
	switch m.Binding {
	case "http":
		header := http.Header{}
		for name, value := range m.Headers {
			header.Set(name, value)
		}
		request, err := http.NewRequest("POST", "http://localhost/", bytes.NewBufferString(m.Body))
		if err != nil {
			return answer{}, err
		}
		request.Header = header
		if cehttp.IsHTTPBatch(header) {
			events, err := cehttp.NewEventsFromHTTPRequest(request)
			if err != nil {
				return answer{}, err
			}
			out := answer{Mode: "batch", Events: []read{}}
			for i := range events {
				one, err := of(&events[i])
				if err != nil {
					return answer{}, err
				}
				out.Events = append(out.Events, one)
			}
			return out, nil
		}
		in = cehttp.NewMessageFromHttpRequest(request)
	case "kafka":
		headers := map[string][]byte{}
		for name, value := range m.Headers {
			headers[name] = []byte(value)
		}
		in = kafka_sarama.NewMessage([]byte(m.Body), m.Headers["content-type"], headers)
	default:
		return answer{}, fmt.Errorf("no binding %q", m.Binding)
	}
	mode := in.ReadEncoding().String()
	e, err := binding.ToEvent(ctx, in)
	if err != nil {
		return answer{}, err
	}
	one, err := of(e)
	if err != nil {
		return answer{}, err
	}
	return answer{Mode: mode, Events: []read{one}}, nil
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	decoder := json.NewDecoder(in)
	for decoder.More() {
		var m message
		if err := decoder.Decode(&m); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		a, err := answerTo(m)
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := out.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
