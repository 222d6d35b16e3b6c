// Renders templates as an exporter written in Go does, for comparison: text/template with sprig's functions over an
// event of the API with what a look-up of its object added.
//
// It reads one JSON object a line and answers each with one line; see request and answer.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/template"
	"time"
	_ "time/tzdata"
	"unicode/utf8"

	"testbed/gotemplate/kube"
)

type request struct {
	// The dot of this line and of those after it, until another comes.
	Event  *kube.Observed  `json:"event"`
	Data   json.RawMessage `json:"data"`
	Source string          `json:"template"`
	// With a number of seconds the answer is the speed, not the output.
	Seconds float64 `json:"seconds"`
}

type answer struct {
	Out        *string `json:"out,omitempty"`
	OutBase64  string  `json:"outBase64,omitempty"`
	ParseError string  `json:"parseError,omitempty"`
	ExecError  string  `json:"execError,omitempty"`
	// What this program refuses so that it stays small and quick; Go itself would go on.
	Limit string `json:"limit,omitempty"`
	// Of a measurement: nanoseconds to render, to parse and render, to parse.
	Render  float64 `json:"render,omitempty"`
	Reparse float64 `json:"reparse,omitempty"`
	// Bytes that stay allocated for one parsed template.
	Retained float64 `json:"retained,omitempty"`
}

const (
	maxOutput = 4 << 20
	deadline  = 10 * time.Second
)

var errOutput = errors.New("limit: output")

type limited struct{ bytes.Buffer }

func (out *limited) Write(data []byte) (int, error) {
	if out.Len()+len(data) > maxOutput {
		return 0, errOutput
	}
	return out.Buffer.Write(data)
}

func main() {
	// As in the images of exporters; times then print their zone as UTC, not as Local.
	time.Local = time.UTC
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	writer := bufio.NewWriter(os.Stdout)
	var event *kube.Observed
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var asked request
			if problem := json.Unmarshal(line, &asked); problem != nil {
				fmt.Fprintln(os.Stderr, problem)
				os.Exit(2)
			}
			if asked.Event != nil {
				event = asked.Event
			}
			encoded, _ := json.Marshal(respond(asked, event))
			writer.Write(append(encoded, '\n'))
			if lines.Buffered() == 0 {
				writer.Flush()
			}
		}
		if err != nil {
			break
		}
	}
	writer.Flush()
}

func respond(asked request, event *kube.Observed) answer {
	if asked.Seconds > 0 {
		return measure(asked.Source, asked.Seconds, event)
	}
	done := make(chan answer, 1)
	go func() { done <- render(asked, event) }()
	select {
	case result := <-done:
		return result
	case <-time.After(deadline):
		return answer{Limit: "time"}
	}
}

func render(asked request, event *kube.Observed) (result answer) {
	var dot any
	if asked.Data != nil {
		if err := json.Unmarshal(asked.Data, &dot); err != nil {
			return answer{Limit: err.Error()}
		}
	} else if event != nil {
		dot = event.Enhanced()
	}
	limits := &limits{}
	parsed, err := parse(asked.Source, limits)
	if err != nil {
		return answer{ParseError: err.Error()}
	}
	var out limited
	defer func() {
		// text/template passes on the panics of methods that it calls for printing.
		if problem := recover(); problem != nil {
			result = answer{ExecError: fmt.Sprint("panic: ", problem)}
		}
	}()
	err = parsed.Execute(&out, dot)
	switch {
	case limits.hit != "":
		return answer{Limit: limits.hit}
	case errors.Is(err, errOutput):
		return answer{Limit: "output"}
	case err != nil:
		return answer{ExecError: err.Error()}
	case !utf8.Valid(out.Bytes()):
		return answer{OutBase64: base64.StdEncoding.EncodeToString(out.Bytes())}
	}
	text := out.String()
	return answer{Out: &text}
}

func parse(source string, limits *limits) (*template.Template, error) {
	return template.New("template").Funcs(limits.functions()).Parse(source)
}
