// A client of github.com/mark3labs/mcp-go.
package main

import (
	"context"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"realworld/clients/tasks"
)

func open(target tasks.Target) (*client.Client, error) {
	if target.URL != "" {
		return client.NewStreamableHttpClient(target.URL, transport.WithHTTPHeaders(target.Headers))
	}
	env := []string{}
	for name, value := range target.Env {
		env = append(env, name+"="+value)
	}
	return client.NewStdioMCPClient(target.Command, env, target.Args...)
}

func main() {
	ctx := context.Background()
	tasks.Run(func(target tasks.Target) (*tasks.Api, error) {
		session, err := open(target)
		if err != nil {
			return nil, err
		}
		if err := session.Start(ctx); err != nil {
			return nil, err
		}
		begin := mcp.InitializeRequest{}
		begin.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
		begin.Params.ClientInfo = mcp.Implementation{Name: "mcp-go", Version: "1.0.0"}
		opened, err := session.Initialize(ctx, begin)
		if err != nil {
			return nil, err
		}
		return &tasks.Api{
			Instructions: func() (any, error) { return opened.Instructions, nil },
			Tools: func() (any, error) {
				return session.ListTools(ctx, mcp.ListToolsRequest{})
			},
			Call: func(name string, args map[string]any) (any, error) {
				request := mcp.CallToolRequest{}
				request.Params.Name, request.Params.Arguments = name, args
				return session.CallTool(ctx, request)
			},
			Prompts: func() (any, error) {
				return session.ListPrompts(ctx, mcp.ListPromptsRequest{})
			},
			Prompt: func(name string, args map[string]string) (any, error) {
				request := mcp.GetPromptRequest{}
				request.Params.Name, request.Params.Arguments = name, args
				return session.GetPrompt(ctx, request)
			},
			Resources: func() (any, error) {
				return session.ListResources(ctx, mcp.ListResourcesRequest{})
			},
			Read: func(uri string) (any, error) {
				request := mcp.ReadResourceRequest{}
				request.Params.URI = uri
				return session.ReadResource(ctx, request)
			},
		}, nil
	})
}
