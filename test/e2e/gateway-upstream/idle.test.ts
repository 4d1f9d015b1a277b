import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { cert } from '../../support/certs.js';
import { callTool, openGateway } from '../../support/gateway.js';
import { serve } from '../../support/mcp-fixture.js';
import { httpUpstream, open, patient, sessionRequest, textOf } from '../../support/upstreams.js';

const json = { 'content-type': 'application/json' };
const discovered = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } };
const tls = {
  verify: true,
  checkHostname: true,
  certfile: cert('client.crt'),
  keyfile: cert('client.key'),
  caBundle: cert('ca.crt'),
};

it.each([{ secure: false }, { secure: true }])(
  '[M10] a tool is called once where the upstream has just closed what rested: %j',
  async ({ secure }) => {
    const executed: string[] = [];
    const { url, server } = await serve(
      (request, response) => {
        const { id, method, params } = JSON.parse(request.text);
        if (method === 'tools/call') executed.push(params.name);
        const called = { content: [{ type: 'text', text: params.name }] };
        const result = method === 'server/discover' ? discovered : called;
        response.writeHead(200, json).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      },
      { tls: secure },
    );
    const session = await open(httpUpstream(url, secure ? { tls } : {})).session(sessionRequest(), patient());
    const names = Array.from({ length: 8 }, (_, i) => `t${i}`);
    for (const name of names) {
      const answer = await session.request('tools/call', { name }, { signal: patient() });
      expect(textOf(answer)).toBe(name);
      await sleep(25);
      // In the turn of the next call: the end is with the system, and not read.
      server.closeAllConnections();
    }
    expect(executed).toEqual(names);
  },
);

it.each([{ secure: false }, { secure: true }])(
  'a hook is called once, in the same session, where the plugin server has just closed what rested: %j',
  async ({ secure }) => {
    const seen: string[] = [];
    const replies: Readonly<Record<string, object>> = {
      get_plugin_config: { name: 'P', hooks: ['tool_pre_invoke'], mode: 'enforce' },
      invoke_hook: { plugin_name: 'P', result: { continue_processing: true } },
    };
    const { url, server } = await serve(
      (request, response) => {
        if (request.method !== 'POST') return response.writeHead(405).end();
        const { id, method, params } = JSON.parse(request.text);
        if (id === undefined) return response.writeHead(202).end();
        seen.push(params.name ?? method);
        const text = JSON.stringify(replies[params.name]);
        const begun = {
          protocolVersion: '2025-06-18',
          capabilities: { tools: {} },
          serverInfo: { name: 'p', version: '1' },
        };
        const result = method === 'initialize' ? begun : { content: [{ type: 'text', text }] };
        const answer = method === 'server/discover' ? { error: { code: -32601, message: 'no' } } : { result };
        return response.writeHead(200, json).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
      },
      { tls: secure },
    );
    const manager = await openGateway({ url, name: 'P' });
    for (let i = 0; i < 8; i += 1) {
      expect(await callTool(manager, 'fine')).toBe('fine');
      await sleep(25);
      server.closeAllConnections();
    }
    expect(seen.filter((one) => one === 'invoke_hook')).toHaveLength(8);
    expect(seen.filter((one) => one === 'initialize')).toHaveLength(1);
  },
);
