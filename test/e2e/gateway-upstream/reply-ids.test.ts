import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { asStream, type Forge, forgeries } from '../../support/forged.js';
import { errorOf } from '../../support/gateway.js';
import { serve } from '../../support/mcp-fixture.js';
import {
  httpUpstream,
  open,
  patient,
  resultOf,
  sessionRequest,
  stdioUpstream,
  textOf,
} from '../../support/upstreams.js';

const content = (text: string) => ({ content: [{ type: 'text', text }] });
const serverInfo = { name: 'u', version: '1' };
const discovered = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, serverInfo };
const begun = (protocolVersion: string) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo });

interface How {
  readonly stream?: boolean;
  readonly tls?: boolean;
  readonly revision?: string;
}

/** An upstream that answers the tool `forged` as `forge` says, and any other with its name. */
async function upstreamOver(forge: Forge, { stream = false, revision = '2026-07-28' }: How) {
  const ids: unknown[] = [];
  const sockets: Socket[] = [];
  const { url } = await serve((request, response) => {
    if (request.method !== 'POST') return response.writeHead(405).end();
    const { id, method, params } = JSON.parse(request.text);
    if (id === undefined) return response.writeHead(202).end();
    const answer = (messages: readonly unknown[]) => {
      const body = stream ? asStream(messages) : JSON.stringify(messages[0]);
      response
        .writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' })
        .end(body);
    };
    const reply = (rest: object) => answer([{ jsonrpc: '2.0', id, ...rest }]);
    ids.push(id);
    if (method === 'server/discover') {
      if (revision === '2026-07-28') return reply({ result: discovered });
      return reply({ error: { code: -32601, message: 'Method not found' } });
    }
    if (method === 'initialize') return reply({ result: begun(revision) });
    sockets.push(request.socket);
    const result = content(params.name);
    return params.name === 'forged' ? answer(forge(id, result)) : reply({ result });
  });
  const session = await open(httpUpstream(url)).session(sessionRequest(), patient());
  const call = (name: string, _meta?: object) =>
    session.request('tools/call', { name, arguments: {}, ...(_meta && { _meta }) }, { signal: patient() });
  return { call, ids, sockets };
}

const ways: [string, How][] = [
  ['a body of 2026-07-28', {}],
  ['a stream of 2026-07-28', { stream: true }],
  ['a body of 2025-11-25', { revision: '2025-11-25' }],
  ['a stream of 2025-06-18', { revision: '2025-06-18', stream: true }],
];

describe.each(ways)('in %s', (_name, how) => {
  it.each(Object.entries(forgeries))(
    '[M11] %s is no answer, and its connection carries no other call',
    async (_kind, { forge, says }) => {
      const { call, sockets } = await upstreamOver(forge, how);
      await call('first');
      expect(await errorOf(call('forged'))).toMatchObject({
        code: 'SALLY_UPSTREAM_REPLY_ID',
        message: expect.stringMatching(says),
      });
      expect(textOf(await call('next'))).toBe('next');
      expect(sockets[1]).toBe(sockets[0]);
      expect(sockets[2]).not.toBe(sockets[1]);
    },
  );

  it('an error of an upstream that could not read the id keeps its text', async () => {
    const { call } = await upstreamOver(
      () => [{ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'cannot be read' } }],
      how,
    );
    expect(await call('forged')).toMatchObject({ error: { code: -32700, message: 'cannot be read' } });
  });
});

it('[M11] two replies in one stream are none', async () => {
  const forge: Forge = (id, result) =>
    [result, content('other')].map((one) => ({ jsonrpc: '2.0', id, result: one }));
  const { call } = await upstreamOver(forge, { stream: true });
  expect((await errorOf(call('forged'))).message).toContain('two replies in place of');
});

it('a reply in a batch is one where the revision has batches', async () => {
  const { forge } = forgeries['a batch'] as (typeof forgeries)[string];
  const { call } = await upstreamOver(forge, { revision: '2025-03-26' });
  expect(textOf(await call('forged'))).toBe('forged');
});

it('[M11] replies that come one call late are nobody’s', async () => {
  let before: unknown;
  const late: Forge = (id, result) => {
    const messages = [{ jsonrpc: '2.0', id: before ?? 'none', result }];
    before = id;
    return messages;
  };
  const { call } = await upstreamOver(late, {});
  for (let i = 0; i < 5; i += 1) expect((await errorOf(call('forged'))).code).toBe('SALLY_UPSTREAM_REPLY_ID');
});

it('ids do not follow from those before, nor do the progress tokens that are made of them', async () => {
  const { call, ids } = await upstreamOver((id, result) => [{ jsonrpc: '2.0', id, result }], {});
  for (let i = 0; i < 30; i += 1) await call('x');
  expect(new Set(ids).size).toBe(ids.length);
  const near = (ids as number[]).filter((id, i) => Math.abs(id - ((ids[i - 1] as number) ?? 0)) < 10_000);
  expect(near.length).toBeLessThan(5);
});

it('[M11] progress that names another call is not told to that one', async () => {
  const told: unknown[] = [];
  let slow: unknown;
  let answerSlow = () => {};
  const { url } = await serve((request, response) => {
    const { id, method, params } = JSON.parse(request.text);
    const reply = JSON.stringify({
      jsonrpc: '2.0',
      id,
      result: method === 'server/discover' ? discovered : content('done'),
    });
    if (params.name === 'slow') {
      slow = params._meta.progressToken;
      answerSlow = () => response.end(`data: ${reply}\n\n`);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      return;
    }
    const progress = {
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: slow, progress: 1 },
    };
    if (params.name !== 'forger') response.writeHead(200, { 'content-type': 'application/json' }).end(reply);
    else
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(`${asStream([progress])}data: ${reply}\n\n`);
  });
  const session = await open(httpUpstream(url)).session(sessionRequest(), patient());
  const options = {
    signal: patient(),
    onNotification: (_: string, params?: object) => void told.push(params),
  };
  const waiting = session.request('tools/call', { name: 'slow', _meta: { progressToken: 't' } }, options);
  while (slow === undefined) await new Promise(setImmediate);
  await session.request('tools/call', { name: 'forger' }, { signal: patient() });
  answerSlow();
  expect(textOf(await waiting)).toBe('done');
  expect(told).toEqual([]);
});

/** A child that answers `forged` with the messages that the expression gives, of `id` and `result`, and others with their names. */
const child = (expression: string) => {
  const script = `
    const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method, params } = JSON.parse(line);
      if (id === undefined) return;
      const reply = (rest) => say({ jsonrpc: '2.0', id, ...rest });
      if (method === 'server/discover') return reply({ error: { code: -32601, message: 'no' } });
      if (method === 'initialize') return reply({ result: ${JSON.stringify(begun('2025-11-25'))} });
      const result = { content: [{ type: 'text', text: params.name }] };
      if (params.name === 'silent') { globalThis.silent = id; return; }
      if (params.name !== 'forged') return reply({ result });
      for (const message of ${expression}) say(message);
    });`;
  return stdioUpstream(['-e', script]);
};

describe('of a child process', () => {
  const openChild = async (expression: string) => {
    const session = await open(child(expression)).session(sessionRequest(), patient());
    return (name: string, signal = patient()) => session.request('tools/call', { name }, { signal });
  };

  it.each(Object.entries(forgeries))('%s is no answer', async (_kind, { forge, says }) => {
    const call = await openChild(`(${forge})(id, result)`);
    expect(await errorOf(call('forged'))).toMatchObject({
      code: 'SALLY_UPSTREAM_REPLY_ID',
      message: expect.stringMatching(says),
    });
    expect(textOf(await call('next'))).toBe('next');
  });

  it('an error that names no id is that of the call, where there is one alone', async () => {
    const call = await openChild(
      `[{ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'cannot be read' } }]`,
    );
    expect(await call('forged')).toMatchObject({ error: { message: 'cannot be read' } });
  });

  it('a second reply to a call that is over is nobody’s', async () => {
    const call = await openChild(
      `(globalThis.first ??= id, [{ jsonrpc: '2.0', id: globalThis.first, result }, { jsonrpc: '2.0', id, result }])`,
    );
    await call('forged');
    expect(resultOf(await call('forged'))).toEqual(content('forged'));
  });

  it('a reply to a call that was given up is not that of the next', async () => {
    const call = await openChild(
      `[{ jsonrpc: '2.0', id: globalThis.silent, result: { content: [] } }, { jsonrpc: '2.0', id, result }]`,
    );
    const gone = new AbortController();
    const silent = call('silent', gone.signal);
    gone.abort();
    await errorOf(silent);
    expect(textOf(await call('forged'))).toBe('forged');
  });
});
