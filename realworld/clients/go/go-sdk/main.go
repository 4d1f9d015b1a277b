// A client of github.com/modelcontextprotocol/go-sdk.
package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"realworld/clients/tasks"
)

type withHeaders map[string]string

func (headers withHeaders) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return http.DefaultTransport.RoundTrip(request)
}

func main() {
	ctx := context.Background()
	tasks.Run(func(target tasks.Target) (*tasks.Api, error) {
		var transport mcp.Transport = &mcp.StreamableClientTransport{
			Endpoint:   target.URL,
			HTTPClient: &http.Client{Transport: withHeaders(target.Headers)},
		}
		if target.URL == "" {
			command := exec.Command(target.Command, target.Args...)
			command.Env = os.Environ()
			for name, value := range target.Env {
				command.Env = append(command.Env, name+"="+value)
			}
			transport = &mcp.CommandTransport{Command: command}
		}
		client := mcp.NewClient(&mcp.Implementation{Name: "go-sdk", Version: "1.0.0"}, nil)
		session, err := client.Connect(ctx, transport, nil)
		if err != nil {
			return nil, err
		}
		return &tasks.Api{
			Instructions: func() (any, error) { return session.InitializeResult().Instructions, nil },
			Tools: func() (any, error) {
				return session.ListTools(ctx, nil)
			},
			Call: func(name string, args map[string]any) (any, error) {
				return session.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: args})
			},
			Prompts: func() (any, error) {
				return session.ListPrompts(ctx, nil)
			},
			Prompt: func(name string, args map[string]string) (any, error) {
				return session.GetPrompt(ctx, &mcp.GetPromptParams{Name: name, Arguments: args})
			},
			Resources: func() (any, error) {
				return session.ListResources(ctx, nil)
			},
			Read: func(uri string) (any, error) {
				return session.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
			},
		}, nil
	})
}
