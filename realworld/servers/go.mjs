import { go, wrapped } from '../lib/programs.mjs';

/** Servers that Go compiles. */
export const goServers = [
  {
    id: 'everything-go',
    ...go('github.com/mark3labs/mcp-go/examples/everything'),
    http: wrapped('supergateway'),
    calls: () => [
      ['echo', { message: 'a' }],
      ['add', { a: 1, b: 2 }],
      ['longRunningOperation', { duration: 1, steps: 2 }, { progress: true }],
      ['getTinyImage', {}],
      ['notify', {}],
    ],
    reads: () => ['test://dynamic/resource/7'],
  },
  {
    id: 'memory-go',
    ...go('github.com/modelcontextprotocol/go-sdk/examples/server/memory'),
    http: ({ port }) => ({ args: ['-http', `127.0.0.1:${port}`] }),
    calls: () => [
      ['create_entities', { entities: [{ name: 'Ada', entityType: 'person', observations: ['counts'] }] }],
      ['read_graph', {}],
      ['search_nodes', { query: 'Ada' }],
      ['open_nodes', { names: 'Ada' }],
    ],
  },
  {
    id: 'gopls',
    ...go('golang.org/x/tools/gopls'),
    stdio: () => ({ args: ['mcp'] }),
    // What it serves by itself is HTTP+SSE of 2024-11-05.
    http: wrapped('mcp-proxy'),
    files: {
      'go.mod': 'module example.com/a\n\ngo 1.26\n',
      'a.go': 'package a\n\nfunc A() int { return "x" }\n',
    },
    calls: ({ work }) => [
      ['go_workspace', {}],
      ['go_diagnostics', { files: [`${work}/a.go`] }],
      ['go_file_context', { file: `${work}/a.go` }],
      ['go_search', { query: 'A' }],
    ],
  },
];
