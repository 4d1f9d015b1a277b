import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { start } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { plugin, startGateway } from '../../support/gateway-run.js';
import { serve } from '../../support/mcp-fixture.js';
import { writeConfig } from '../../support/plugin-server.js';

/** What every message of these tests carries, in each direction. */
const numbers =
  '"int":9007199254740993,"big":12345678901234567890,"one":1.0,"tiny":1e-05,"huge":1e400,"neg":-0,"list":[0.10,1E5,7]';

/**
 * An upstream that writes by hand. What it got it gives back as a text, under `seen`; a tool with the name of a request asks that of
 * its client, and gives back the answer.
 */
function upstream(carried: string) {
  const open = new Map<string, unknown>();
  return (line: string, say: (text: string) => void) => {
    const { id, method, params } = JSON.parse(line) as {
      id?: unknown;
      method?: string;
      params?: { name?: string };
    };
    const reply = (to: unknown, body: string) =>
      say(
        `{"jsonrpc":"2.0","id":${JSON.stringify(to)},"result":{"seen":${JSON.stringify(line)},${carried},${body}}}`,
      );
    if (method === undefined) reply(open.get(String(id)), '"content":[]');
    else if (id === undefined) return;
    else if (method === 'initialize') {
      reply(
        id,
        '"protocolVersion":"2025-11-25","capabilities":{"tools":{},"prompts":{},"resources":{}},"serverInfo":{"name":"s","version":"1"}',
      );
    } else if (method === 'prompts/get')
      reply(id, `"messages":[{"role":"user","content":{"type":"text","text":"hi","_meta":{${carried}}}}]`);
    else if (method === 'resources/read')
      reply(id, `"contents":[{"uri":"x://y","text":"hi","_meta":{${carried}}}]`);
    else if (method === 'resources/list') reply(id, '"resources":[{"uri":"x://y","name":"y"}]');
    else if (method !== 'tools/call')
      say(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":{"code":-32601,"message":"no","data":{}}}`);
    else if (params?.name?.includes('/')) {
      const own = `${open.size + 1}.0`;
      open.set(String(Number(own)), id);
      say(`{"jsonrpc":"2.0","id":${own},"method":"${params.name}","params":{"message":"?",${carried}}}`);
    } else reply(id, '"content":[]');
  };
}

async function overStdio() {
  const path = join(await temporaryFolder(), 'server.mjs');
  await writeFile(
    path,
    `import { createInterface } from 'node:readline';
    const take = (${upstream.toString()})(${JSON.stringify(numbers)});
    createInterface({ input: process.stdin }).on('line', (line) => take(line, (text) => process.stdout.write(text + '\\n')));`,
  );
  return { command: process.execPath, args: [path], share: 'session' };
}

/** With sessions over HTTP; where it resumes, it breaks off each stream of events, and the rest of it is to be fetched. */
async function overHttp(resumes = false) {
  const take = upstream(numbers);
  let write: (text: string) => void = () => {};
  let rest: string[] = [];
  const { url } = await serve((request, response) => {
    const begin = () => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Mcp-Session-Id': 's' });
      write = (text) => {
        response.write(`data: ${text}\n\n`);
        if (!text.includes('"method":')) response.end();
      };
    };
    if (request.method === 'GET' && request.headers['last-event-id'] !== undefined) {
      begin();
      for (const text of rest) write(text);
    } else if (request.method !== 'POST') response.writeHead(405).end();
    else if (!request.text.includes('"method":') || !request.text.includes('"id":')) {
      response.writeHead(202).end();
      take(request.text, (text) => write(text));
    } else if (resumes && request.text.includes('tools/call')) {
      begin();
      rest = [];
      take(request.text, (text) => rest.push(text));
      response.end('id: 1\nretry: 1\ndata:\n\n');
    } else {
      begin();
      take(request.text, (text) => write(text));
    }
  });
  return { url };
}

/** Without sessions, as the revision of 2026-07-28 has it: what it asks is a result, and the request comes again with the responses. */
async function asksInRounds() {
  const ordinary = upstream(numbers);
  const { url } = await serve((request, response) => {
    const say = (text: string) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(text);
    const { id, method, params } = JSON.parse(request.text) as {
      id: number;
      method: string;
      params: { name?: string };
    };
    const result = (body: string) => say(`{"jsonrpc":"2.0","id":${id},"result":{${body}}}`);
    const asks = method === 'tools/call' && params.name?.includes('/');
    if (method === 'server/discover')
      result(
        '"supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"prompts":{},"resources":{}},"resultType":"complete"',
      );
    else if (asks && !request.text.includes('"inputResponses"'))
      result(
        `"resultType":"input_required","requestState":"s","inputRequests":{"q":{"method":"${params.name}","params":{"message":"?",${numbers}}}}`,
      );
    else if (asks) result(`"seen":${JSON.stringify(request.text)},${numbers},"content":[]`);
    else ordinary(request.text, say);
  });
  return { url };
}

/** A client by hand: the text of the result to a request, with what it was asked meanwhile. */
interface ByHand {
  request(
    method: string,
    params: string,
    meta?: string,
  ): Promise<{ readonly reply: string; readonly asked: string[] }>;
}

const initialize =
  '"protocolVersion":"2025-11-25","capabilities":{"elicitation":{},"sampling":{}},"clientInfo":{"name":"c","version":"1"}';
const answerTo = (question: string) =>
  `{"jsonrpc":"2.0","id":${/"id":([^,}]+)/.exec(question)?.[1]},"result":{"action":"accept","content":{${numbers}},${numbers}}}`;

type Start = (upstreams: object, plugins: readonly object[]) => Promise<ByHand>;

const byStdio: Start = async (upstreams, plugins) => {
  const file = await writeConfig(stringify({ plugins, gateway: { upstreams } }));
  const child = start(['gateway', '--config', file, '--stdio'], {});
  child.stderr?.resume();
  const lines = createInterface({ input: child.stdout as Readable });
  let last = 0;
  const client: ByHand = {
    async request(method, params, meta = '') {
      last += 1;
      const asked: string[] = [];
      child.stdin?.write(
        `{"jsonrpc":"2.0","id":${last}.0,"method":"${method}","params":{${params},"_meta":{${meta}}}}\n`,
      );
      for (;;) {
        const [line] = (await once(lines, 'line')) as [string];
        if (line.includes(`"id":${last}.0,"result"`) || line.includes('"error"'))
          return { reply: line, asked };
        if (!line.includes('"id"')) continue;
        asked.push(line);
        child.stdin?.write(`${answerTo(line)}\n`);
      }
    },
  };
  await client.request('initialize', initialize);
  child.stdin?.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  return client;
};

const overSession =
  (breaksOff: boolean): Start =>
  async (upstreams, plugins) => {
    const { url } = await startGateway({ plugins, gateway: { upstreams } });
    const headers: Record<string, string> = {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    };
    const post = (body: string) => fetch(url, { method: 'POST', headers, body });
    let last = 0;
    const client: ByHand = {
      async request(method, params, meta = '') {
        last += 1;
        const asked: string[] = [];
        let response = await post(
          `{"jsonrpc":"2.0","id":${last}.0,"method":"${method}","params":{${params},"_meta":{${meta}}}}`,
        );
        headers['Mcp-Session-Id'] ??= response.headers.get('mcp-session-id') ?? '';
        for (;;) {
          let text = '';
          for await (const chunk of response.body ?? []) {
            text += Buffer.from(chunk).toString();
            const question = /data: (\{.*"method".*\})\n\n/.exec(text)?.[1];
            if (question === undefined || asked.includes(question)) continue;
            asked.push(question);
            if (breaksOff) break;
            await post(answerTo(question));
          }
          if (!breaksOff || text.includes('"result"')) return { reply: text, asked };
          // The rest of the stream that it has left in the middle.
          const id = /id: (p\S+)\ndata: .*"method"/.exec(text)?.[1] ?? '';
          await post(answerTo(asked[0] ?? ''));
          response = await fetch(url, { headers: { ...headers, 'Last-Event-ID': id } });
        }
      },
    };
    await client.request('initialize', initialize);
    await post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    return client;
  };

/** It asks again with what it was asked for, as the revision of 2026-07-28 has it. */
const byRounds: Start = async (upstreams, plugins) => {
  const { url } = await startGateway({ plugins, gateway: { upstreams } });
  const envelope =
    '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{},"sampling":{}}';
  const send = async (method: string, params: string, meta: string) => {
    const name = /"(?:name|uri)":"([^"]+)"/.exec(params)?.[1] ?? '';
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': method,
        'Mcp-Name': name,
      },
      body: `{"jsonrpc":"2.0","id":1.0,"method":"${method}","params":{${params},"_meta":{${envelope}${meta && ','}${meta}}}}`,
    });
    return response.text();
  };
  return {
    async request(method, params, meta = '') {
      const reply = await send(method, params, meta);
      const [, key, state] = /"inputRequests":\{"([^"]+)".*"requestState":("[^"]+")/.exec(reply) ?? [];
      if (key === undefined) return { reply, asked: [] };
      const answer = `{"action":"accept","content":{${numbers}},${numbers}}`;
      const again = await send(
        method,
        `${params},"inputResponses":{"${key}":${answer}},"requestState":${state}`,
        meta,
      );
      return { reply: again, asked: [reply] };
    },
  };
};

const seenIn = (reply: string): string =>
  JSON.parse(`"${/"seen":"((?:[^"\\]|\\.)*)"/.exec(reply)?.[1] ?? ''}"`) as string;

const passing = plugin('passing.mjs', { mode: 'enforce' });

describe.each<[string, Start, () => Promise<object>, readonly object[]]>([
  ['a client and an upstream over stdio', byStdio, overStdio, []],
  ['a session and an upstream over HTTP, past a plugin', overSession(false), overHttp, [passing]],
  ['a client and an upstream that both resume their streams', overSession(true), () => overHttp(true), []],
  ['a client without a session and an upstream over stdio, past a plugin', byRounds, overStdio, [passing]],
  ['a session and an upstream without any, past a plugin', overSession(false), asksInRounds, [passing]],
])('numbers pass as they were written between %s', (_, client, server, plugins) => {
  it('in tools, prompts and resources, and in what an upstream asks, both ways', async () => {
    const { request } = await client({ one: await server() }, plugins);
    for (const [method, params] of [
      ['tools/call', `"name":"t","arguments":{${numbers}}`],
      ['prompts/get', '"name":"p","arguments":{"text":"1.0"}'],
      ['resources/read', '"uri":"x://y"'],
    ] as const) {
      const { reply } = await request(method, params, `"given":{${numbers}}`);
      expect(seenIn(reply)).toContain(params);
      expect(seenIn(reply)).toContain(`"given":{${numbers}}`);
      expect(reply).toContain(`,${numbers}`);
      if (method !== 'tools/call') expect(reply).toContain(`"_meta":{${numbers}}`);
      expect(reply.includes('"noted":"yes"')).toBe(plugins.length > 0);
    }
    for (const method of ['elicitation/create', 'sampling/createMessage']) {
      const { reply, asked } = await request('tools/call', `"name":"${method}","arguments":{}`);
      expect(asked).toHaveLength(1);
      expect(asked[0]).toContain(numbers);
      expect(seenIn(reply)).toContain(`"content":{${numbers}},${numbers}`);
      // One that asks in rounds has no request of its own.
      if (server !== asksInRounds) expect(seenIn(reply)).toMatch(/"id":[12]\.0/);
      expect(reply).toContain(`,${numbers}`);
    }
  });
});
