package main

import (
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// Stands before the functions that would eat the machine for one wrong number.
type limits struct{ hit string }

type refusal string

func (r refusal) Error() string { return "limit: " + string(r) }

const (
	maxCount  = 20_000
	maxRepeat = 1 << 20
)

func (l *limits) refuse(name string) error {
	l.hit = name
	return refusal(name)
}

func (l *limits) functions() template.FuncMap {
	functions := sprig.TxtFuncMap()
	until := functions["until"].(func(int) []int)
	untilStep := functions["untilStep"].(func(int, int, int) []int)
	repeat := functions["repeat"].(func(int, string) string)
	indent := functions["indent"].(func(int, string) string)
	nindent := functions["nindent"].(func(int, string) string)
	tooMany := func(start, stop, step int) bool {
		if step == 0 {
			return false
		}
		count := (float64(stop) - float64(start)) / float64(step)
		return count > maxCount
	}
	functions["until"] = func(count int) ([]int, error) {
		if count > maxCount || count < -maxCount {
			return nil, l.refuse("until")
		}
		return until(count), nil
	}
	functions["untilStep"] = func(start, stop, step int) ([]int, error) {
		if tooMany(start, stop, step) {
			return nil, l.refuse("untilStep")
		}
		return untilStep(start, stop, step), nil
	}
	functions["repeat"] = func(count int, text string) (string, error) {
		if count > 0 && len(text) > 0 && count > maxRepeat/len(text) {
			return "", l.refuse("repeat")
		}
		return repeat(count, text), nil
	}
	functions["indent"] = func(count int, text string) (string, error) {
		if count > maxCount {
			return "", l.refuse("indent")
		}
		return indent(count, text), nil
	}
	functions["nindent"] = func(count int, text string) (string, error) {
		if count > maxCount {
			return "", l.refuse("nindent")
		}
		return nindent(count, text), nil
	}
	// It asks the network.
	functions["getHostByName"] = func(string) (string, error) { return "", l.refuse("getHostByName") }
	return functions
}
