package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"

	"testbed/gotemplate/kube"
)

const retainedOf = 2_000

// Renders over and over on one goroutine; the functions are sprig's own.
func measure(source string, seconds float64, event *kube.Observed) answer {
	functions := sprig.TxtFuncMap()
	parse := func() *template.Template {
		return template.Must(template.New("template").Funcs(functions).Parse(source))
	}
	dot := event.Enhanced()
	parsed := parse()
	var out bytes.Buffer
	execute := func(which *template.Template) {
		out.Reset()
		if err := which.Execute(&out, dot); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	render := nanoseconds(seconds, func() { execute(parsed) })
	// As an exporter does that parses its templates for every event.
	reparse := nanoseconds(seconds/4, func() { execute(template.Must(template.New("template").Funcs(sprig.TxtFuncMap()).Parse(source))) })
	return answer{Render: render, Reparse: reparse, Retained: retained(parse)}
}

func nanoseconds(seconds float64, work func()) float64 {
	for warm := time.Now(); time.Since(warm).Seconds() < seconds/4; {
		work()
	}
	begin, busy := time.Now(), cpu()
	count := 0
	for {
		for range 100 {
			work()
		}
		count += 100
		if time.Since(begin).Seconds() >= seconds {
			return float64((cpu() - busy).Nanoseconds()) / float64(count)
		}
	}
}

// The time of all threads, the collector's too: what else the machine does does not count.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func retained(parse func() *template.Template) float64 {
	var before, after runtime.MemStats
	kept := make([]*template.Template, retainedOf)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for index := range kept {
		kept[index] = parse()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / retainedOf
}
