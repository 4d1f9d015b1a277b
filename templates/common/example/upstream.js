// An MCP server to try the plugin with: its tools do what they say, and nothing else.
import { serveUpstream } from 'sallyport/testing';

await serveUpstream({
  tools: {
    echo: ({ message }) => `You said: ${message}`,
    search: ({ query }) => `Three results for ${query}`,
    delete_everything: () => 'Everything is gone',
  },
});
