import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Stdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as Http } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { connectedSdk } from './sdk.mjs';
import { run } from './tasks.mjs';

await run((target) => {
  const client = new Client({ name: 'sdk-1', version: '1.0.0' });
  const callTool = (params, options) => client.callTool(params, undefined, options);
  return connectedSdk(client, { Http, Stdio, callTool }, target);
});
