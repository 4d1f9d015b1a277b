import { Client, StreamableHTTPClientTransport as Http } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio } from '@modelcontextprotocol/client/stdio';
import { connectedSdk } from './sdk.mjs';
import { run } from './tasks.mjs';

await run(({ era, ...target }) => {
  const mode = era === 'modern' ? 'auto' : 'legacy';
  const client = new Client({ name: 'sdk-2', version: '1.0.0' }, { versionNegotiation: { mode } });
  const callTool = (params, options) => client.callTool(params, options);
  return connectedSdk(client, { Http, Stdio, callTool }, target);
});
