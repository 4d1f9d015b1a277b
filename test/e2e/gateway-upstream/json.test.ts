import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { errorOf } from '../../support/gateway.js';
import { serve } from '../../support/mcp-fixture.js';
import {
  httpUpstream,
  open,
  patient,
  resultOf,
  sessionRequest,
  stdioUpstream,
} from '../../support/upstreams.js';

const initialized = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  serverInfo: { name: 's', version: '1' },
};

/** What the tools of this name answer, as the text of their JSON-RPC message. */
const answers = (id: unknown): Record<string, string> => ({
  deep: `{"jsonrpc":"2.0","id":${id},"result":${'['.repeat(100_000)}`,
  keys: `{"jsonrpc":"2.0","id":${id},"result":{${Array.from({ length: 10_001 }, (_, i) => `"k${i}":1`).join(',')}}}`,
  twice: `{"result":{"content":[],"cont\\u0065nt":[{"type":"text","text":"hidden"}]},"jsonrpc":"2.0","id":${id}}`,
  good: `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"good"}]}}`,
});
const refused = {
  deep: 'deeper than 64 levels',
  keys: 'more than 10000 keys',
  twice: 'the key "content" stands twice',
};

/** A server with sessions over HTTP; as JSON, or as a stream of events. */
async function overHttp(stream: boolean): Promise<string> {
  const say = (response: ServerResponse, type: string, body: string) => {
    response.writeHead(200, { 'Content-Type': type }).end(body);
  };
  const { url } = await serve((request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const { id, method, params } = JSON.parse(request.text) as {
      id?: number;
      method: string;
      params: { name: string };
    };
    if (id === undefined) return void response.writeHead(202).end();
    if (method === 'initialize') {
      return say(response, 'application/json', JSON.stringify({ jsonrpc: '2.0', id, result: initialized }));
    }
    if (method !== 'tools/call') {
      const error = { code: -32601, message: 'no' };
      return say(response, 'application/json', JSON.stringify({ jsonrpc: '2.0', id, error }));
    }
    const text = answers(id)[params.name] ?? '';
    return stream
      ? say(response, 'text/event-stream', `id: 1\ndata: ${text}\n\n`)
      : say(response, 'application/json', text);
  });
  return url;
}

async function overStdio(): Promise<string> {
  const path = join(await temporaryFolder(), 'server.mjs');
  await writeFile(
    path,
    `import { createInterface } from 'node:readline';
    const answers = ${answers.toString()};
    createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method, params } = JSON.parse(line);
      if (id === undefined) return;
      const say = (text) => process.stdout.write(text + '\\n');
      if (method === 'initialize') return say(JSON.stringify({ jsonrpc: '2.0', id, result: ${JSON.stringify(initialized)} }));
      if (method !== 'tools/call') return say(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } }));
      say(answers(id)[params.name]);
    });`,
  );
  return path;
}

it.each(['HTTP', 'a stream of events', 'stdio'])(
  '[M23] an answer over %s that is nested too deep, too wide or of two minds fails its call alone, at once',
  async (way) => {
    const settings =
      way === 'stdio' ? stdioUpstream([await overStdio()]) : httpUpstream(await overHttp(way !== 'HTTP'));
    const upstream = open(settings);
    const session = await upstream.session(sessionRequest(), patient());
    const call = (name: string) =>
      session.request('tools/call', { name, arguments: {} }, { signal: patient() });
    for (const [name, why] of Object.entries(refused)) {
      const [error, other] = await Promise.all([errorOf(call(name)), call('good')]);
      expect(error.code).toBe('SALLY_UPSTREAM_JSON');
      expect(error.message).toContain(why);
      expect(error.message).toContain(upstream.name);
      expect(resultOf(other)['content']).toEqual([{ type: 'text', text: 'good' }]);
    }
  },
);
