// Package tasks has what every client does, as far as it can: see ../../tasks.mjs, whose words these are.
package tasks

import (
	"encoding/json"
	"fmt"
	"os"
)

// Target is how the server is reached: a URL, or a child.
type Target struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Command string            `json:"command"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"`
	Prefix  string            `json:"prefix"`
}

// Api has a function for each kind of request; what lists something answers the whole result.
type Api struct {
	Instructions func() (any, error)
	Tools        func() (any, error)
	Call         func(name string, args map[string]any) (any, error)
	Prompts      func() (any, error)
	Prompt       func(name string, args map[string]string) (any, error)
	Resources    func() (any, error)
	Read         func(uri string) (any, error)
}

// member is one member of a result, as JSON.
func member(result any, name string) any {
	members := map[string]json.RawMessage{}
	if text, err := json.Marshal(result); err == nil {
		_ = json.Unmarshal(text, &members)
	}
	return members[name]
}

// Run connects, asks for everything, and prints what the client makes of it.
func Run(connect func(target Target) (*Api, error)) {
	var target Target
	if err := json.Unmarshal([]byte(os.Args[1]), &target); err != nil {
		panic(err)
	}
	seen := map[string]any{}
	keep := func(key string, value any, err error) {
		if err != nil {
			value = fmt.Sprintf("threw: %v", err)
		}
		seen[key] = value
	}
	api, err := connect(target)
	if err != nil {
		keep("connection", nil, err)
	} else {
		ask := func(key, name string, args map[string]any) {
			value, err := api.Call(target.Prefix+name, args)
			keep(key, value, err)
		}
		list := func(key string, ask func() (any, error)) {
			result, err := ask()
			keep(key, member(result, key), err)
		}
		value, err := api.Instructions()
		keep("instructions", value, err)
		list("tools", api.Tools)
		ask("echo", "echo", map[string]any{"message": "grüße 👋"})
		ask("redacted", "echo", map[string]any{"message": "the key sk-abc123 of mine"})
		ask("sum", "get-sum", map[string]any{"a": 2, "b": 0.5})
		ask("structured", "get-structured-content", map[string]any{"location": "Chicago"})
		ask("image", "get-tiny-image", map[string]any{})
		ask("wrong arguments", "get-sum", map[string]any{"a": "x", "b": 1})
		ask("no such tool", "no-such-tool", map[string]any{})
		list("prompts", api.Prompts)
		value, err = api.Prompt(target.Prefix+"args-prompt", map[string]string{"city": "Kraków"})
		keep("prompt", value, err)
		list("resources", api.Resources)
		value, err = api.Read("demo://resource/static/document/features.md")
		keep("resource", value, err)
	}
	line, err := json.Marshal(seen)
	if err != nil {
		panic(err)
	}
	fmt.Printf("\n%s\n", line)
	os.Exit(0)
}
