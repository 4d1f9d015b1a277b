import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Upstream, UpstreamSession } from '../../../src/gateway/upstream.js';
import { block, modify } from '../../../src/plugin/index.js';
import { deferred, handle, keptLog } from '../../manager/handles.js';
import { temporaryFolder } from '../../support/folder.js';
import { serve, serveSessions } from '../../support/mcp-fixture.js';
import { patience } from '../../support/patience.js';
import { everythingScript, httpUpstream, open, reaches, stdioUpstream } from '../../support/upstreams.js';
import { fixture } from './fixture-upstream.js';
import { ask, client, managerOf, routerOver, type Served, textOf } from './world.js';

/** A server on a pipe that is gone as soon as it is asked to die. */
const mortal = `
import { createInterface } from 'node:readline';
const results = {
  initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'm', version: '1' } },
  'tools/call': { content: [{ type: 'text', text: 'alive' }] },
};
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (params?.name === 'die') process.exit(1);
  if (id === undefined) return;
  const result = results[method];
  const body = result ? { result } : { error: { code: -32601, message: 'Method not found' } };
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...body }) + '\\n');
});
`;

const names = ({ result }: Served) => (result['tools'] as { name: string }[]).map(({ name }) => name);

/** The upstream, and how often clients were released. */
function counted(upstream: Upstream) {
  const released: string[] = [];
  const counting: Upstream = {
    name: upstream.name,
    settings: upstream.settings,
    get state() {
      return upstream.state;
    },
    get load() {
      return upstream.load;
    },
    get since() {
      return upstream.since;
    },
    get facts() {
      return upstream.facts;
    },
    onState: (listener) => upstream.onState(listener),
    settled: (signal) => upstream.settled(signal),
    session: (request, signal) => upstream.session(request, signal),
    release(key) {
      released.push(key);
      return upstream.release(key);
    },
    close: () => upstream.close(),
  };
  return { upstream: counting, released };
}

describe('a slow upstream', () => {
  it('leaves the list for the others, and comes into it when it answers', async () => {
    const gate = deferred();
    const slow = await serve(async (request, response) => {
      const { id, method } = JSON.parse(request.text || '{}');
      const reply = (result: object) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      if (id === undefined) return response.writeHead(request.method === 'POST' ? 202 : 405).end();
      if (method === 'initialize') {
        const serverInfo = { name: 'slow', version: '1' };
        return reply({ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo });
      }
      if (method !== 'tools/list') return response.writeHead(400).end();
      await gate.promise;
      return reply({ tools: [{ name: 'late', inputSchema: { type: 'object' } }] });
    });
    const fast = await fixture('legacy', { tools: ['a'] }, { name: 'fast' });
    const { log, lines } = keptLog();
    const router = routerOver([open(httpUpstream(slow.url, { name: 'slow' })), fast.upstream], { log });
    const from = client('legacy');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['fast__a']);
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn' }));
    from.told.length = 0;
    gate.resolve();
    await from.hears(({ method }) => method === 'notifications/tools/list_changed');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['slow__late', 'fast__a']);
  });
});

describe('an upstream that dies in a call', () => {
  it('is named to its caller, and serves the next one again', async () => {
    const file = join(await temporaryFolder(), 'mortal.mjs');
    await writeFile(file, mortal);
    const router = routerOver([open(stdioUpstream([file], { name: 'mortal' }))]);
    const from = client('legacy');
    const call = (name: string) => ask(router, from, 'tools/call', { name });
    expect(textOf(await call('live'))).toBe('alive');
    const { error } = await call('die');
    expect(error.message).toContain("'mortal'");
    expect(error.data).toMatchObject({ code: 'SALLY_UPSTREAM_LOST', remedy: expect.any(String) });
    await expect.poll(async () => textOf(await call('live')), { timeout: patience(10_000) }).toBe('alive');
  });
});

describe('a client that has left', () => {
  it('[M25] is released at every upstream that it used, and its subscriptions end', async () => {
    const one = await fixture('legacy', { tools: ['a'], resources: ['file:///a'] });
    const { upstream, released } = counted(one.upstream);
    const router = routerOver([upstream]);
    const [leaving, staying] = [client('legacy'), client('legacy')];
    for (const from of [leaving, staying])
      await ask(router, from, 'resources/subscribe', { uri: 'file:///a' });
    await router.ended(leaving);
    expect(released).toContain(leaving.key);
    const unsubscribed = () => one.seen.filter(({ method }) => method === 'resources/unsubscribe');
    expect(unsubscribed()).toHaveLength(0);
    await router.ended(staying);
    expect(unsubscribed()).toHaveLength(1);
  });

  it('gets no session any more, also where a plugin has kept its call waiting', async () => {
    const one = await fixture('legacy', { tools: ['a'] });
    const { upstream, released } = counted(one.upstream);
    const gate = deferred();
    const begun = deferred();
    const plugins = managerOf([
      handle({ hooks: ['tool_pre_invoke'] }, async () => {
        begun.resolve();
        await gate.promise;
        return undefined;
      }),
    ]);
    const router = routerOver([upstream], { plugins });
    const from = client('legacy', { capabilities: { roots: {} } });
    const call = ask(router, from, 'tools/call', { name: 'a' }, { plugins });
    await begun.promise;
    await router.ended(from);
    gate.resolve();
    expect((await call).error.data).toMatchObject({ code: 'SALLY_UPSTREAM_CANCELLED' });
    expect(one.seen).toEqual([]);
    expect(released).toEqual([]);
  });

  it('leaves nothing behind, a thousand times', async () => {
    const one = await fixture('modern', { tools: ['a'] });
    const { upstream, released } = counted(one.upstream);
    const router = routerOver([upstream]);
    for (let batch = 0; batch < 10; batch += 1) {
      const all = Array.from({ length: 100 }, () => client('legacy', { capabilities: { roots: {} } }));
      await Promise.all(all.map((from) => ask(router, from, 'tools/list')));
      await Promise.all(all.map((from) => router.ended(from)));
    }
    expect(released.filter((key) => key.startsWith('client-'))).toHaveLength(1_000);
  });

  it('is one of few that a principal can be, however many sets of capabilities it makes up', async () => {
    const one = await fixture('modern', { tools: ['a'] });
    const { upstream, released } = counted(one.upstream);
    const router = routerOver([upstream]);
    for (let i = 0; i < 40; i += 1) {
      await ask(
        router,
        client('modern', { capabilities: { experimental: { [`x${i}`]: {} } } }),
        'tools/list',
      );
    }
    expect(released.filter((key) => key.startsWith('client-'))).toHaveLength(8);
  });
});

describe('other upstreams in place of those of now', () => {
  it('serve the same clients from then on, which hear of it', async () => {
    const [before, after] = [
      await fixture('legacy', { tools: ['old'] }),
      await fixture('modern', { tools: ['new'] }),
    ];
    const router = routerOver([before.upstream]);
    const from = client('legacy');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['old']);
    router.replace([after.upstream]);
    await from.hears(({ method }) => method === 'notifications/tools/list_changed');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['new']);
    expect(textOf(await ask(router, from, 'tools/call', { name: 'new', arguments: {} }))).toBe('{}');
    await before.upstream.close();
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['new']);
  });
});

describe('an upstream that is gone after a reload', () => {
  it('is not listened to any more by those who had subscribed there', async () => {
    const one = await fixture('modern', { resources: ['file:///a'] });
    const streams: { readonly aborted: boolean }[] = [];
    const sessions = new Map<UpstreamSession, UpstreamSession>();
    const watched: Upstream = {
      ...counted(one.upstream).upstream,
      async session(sessionRequest, signal) {
        const session = await one.upstream.session(sessionRequest, signal);
        const { era, revision, capabilities, serverInfo, instructions, asks } = session;
        const known = sessions.get(session) ?? {
          ...{ era, revision, capabilities, serverInfo, instructions, asks },
          notify: (method, params) => session.notify(method, params),
          request(method, params, options) {
            if (method === 'subscriptions/listen') streams.push(options.signal);
            return session.request(method, params, options);
          },
        };
        sessions.set(session, known);
        return known;
      },
    };
    const router = routerOver([watched]);
    const { result } = await ask(router, client('legacy'), 'resources/subscribe', { uri: 'file:///a' });
    expect(result).toEqual({});
    expect(streams.map(({ aborted }) => aborted)).toEqual([false]);
    router.replace([]);
    expect(streams.map(({ aborted }) => aborted)).toEqual([true]);
  });
});

describe('an upstream that comes back', () => {
  it('is listed again, and tells those who had subscribed', async () => {
    const upstream = open(stdioUpstream([everythingScript], { name: 'back' }), {});
    await reaches(upstream, 'up');
    const other = await fixture('legacy', { tools: ['a'] }, { name: 'other' });
    const router = routerOver([upstream, other.upstream]);
    const from = client('legacy');
    expect(names(await ask(router, from, 'tools/list')).some((name) => name.startsWith('back__'))).toBe(true);
    await upstream.close();
    await from.hears(({ method }) => method === 'notifications/tools/list_changed');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['other__a']);
  });
});

describe('a log level of a session that several share', () => {
  it('is the most verbose that one wants, and each gets its own part', async () => {
    const one = await fixture('legacy', { tools: ['noisy'] });
    const router = routerOver([one.upstream]);
    const [loud, quiet] = [client('legacy'), client('legacy')];
    await ask(router, quiet, 'logging/setLevel', { level: 'error' });
    await ask(router, loud, 'logging/setLevel', { level: 'debug' });
    await ask(router, quiet, 'logging/setLevel', { level: 'critical' });
    const told = one.seen.filter(({ method }) => method === 'logging/setLevel').map(({ level }) => level);
    expect(told).toEqual(['error', 'debug']);
    const heard = async (from: typeof loud) => {
      const { notes } = await ask(router, from, 'tools/call', { name: 'noisy', _meta: { progressToken: 1 } });
      return notes.map(({ method }) => method);
    };
    expect(await heard(loud)).toEqual(['notifications/progress', 'notifications/message']);
    expect(await heard(quiet)).toEqual(['notifications/progress']);
  });
});

describe('a call made as a task', () => {
  const task = { name: 'simulate-research-query', arguments: { topic: 'bridges' }, task: { ttl: 60_000 } };
  const started = async (plugins = managerOf([])) => {
    const upstream = open(stdioUpstream([everythingScript]));
    const router = routerOver([upstream], { plugins });
    const from = client('legacy');
    const created = await ask(router, from, 'tools/call', task, { plugins });
    const { taskId } = (created.result['task'] ?? {}) as { taskId: string };
    return { router, from, taskId, result: () => ask(router, from, 'tasks/result', { taskId }, { plugins }) };
  };

  it('gives its result later', async () => {
    const { router, from, taskId, result } = await started();
    expect((await ask(router, from, 'tasks/get', { taskId })).result).toMatchObject({ taskId });
    expect(textOf(await result())).toContain('Research Report: bridges');
  });

  it('passes the post-hook all the same, with the contexts of its pre-hook', async () => {
    const plugins = managerOf([
      handle({ hooks: ['tool_pre_invoke', 'tool_post_invoke'] }, (payload, { state }) => {
        const { result } = payload as { result?: object };
        if (result === undefined) {
          state['mark'] = 'kept';
          return undefined;
        }
        const content = [{ type: 'text', text: `changed, ${String(state['mark'])}` }];
        return modify({ ...(payload as object), result: { ...result, content } });
      }),
    ]);
    expect(textOf(await (await started(plugins)).result())).toBe('changed, kept');
  });

  it('[M9] gives nothing where the post-hook blocks, nor to a client that did not make the call', async () => {
    const plugins = managerOf([
      handle({ hooks: ['tool_post_invoke'] }, () => block({ reason: 'no', code: 'NO' })),
    ]);
    const { router, taskId, result } = await started(plugins);
    const other = await ask(router, client('legacy'), 'tasks/result', { taskId }, { plugins });
    expect(other.error.data).toMatchObject({ code: 'SALLY_ROUTE_UNKNOWN' });
    const served = await result();
    expect(served.error.message).toBe('Plugin Violation: no');
  });
});

describe('an upstream that tells of a result beside the result', () => {
  const server = `
    const task = { taskId: 't', status: 'working', ttl: null, createdAt: '', lastUpdatedAt: '', statusMessage: 'SECRET' };
    const results = {
      initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {}, tasks: {} }, serverInfo: { name: 'a', version: '1' } },
      'tools/call': { task, _meta: { 'io.modelcontextprotocol/model-immediate-response': 'SECRET' } },
      'tasks/get': task,
      'tasks/list': { tasks: [task] },
    };
    const say = (message) => console.log(JSON.stringify({ jsonrpc: '2.0', ...message }));
    require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method } = JSON.parse(line);
      if (method === 'tasks/get') {
        say({ method: 'notifications/other', params: { text: 'SECRET' } });
        say({ method: 'notifications/tasks/status', params: task });
      }
      if (id !== undefined) say({ id, result: results[method] ?? {} });
    });`;

  it('[M9] is heard without it where a post-hook may hold it back, and as it is where none does', async () => {
    const task = { name: 'a', arguments: {}, task: {} };
    const heardWith = async (plugins = managerOf([])) => {
      const router = routerOver([open(stdioUpstream(['-e', server]))], { plugins });
      const from = client('legacy');
      const all = [await ask(router, from, 'tools/call', task, { plugins })];
      for (const method of ['tasks/get', 'tasks/list'])
        all.push(await ask(router, from, method, { taskId: 't' }, { plugins }));
      await from.hears(({ method }) => method === 'notifications/tasks/status');
      expect(all.map(({ answer }) => 'result' in answer)).toEqual([true, true, true]);
      return JSON.stringify([all.map(({ answer }) => answer), from.told]);
    };
    expect((await heardWith()).split('SECRET')).toHaveLength(7);
    const guard = managerOf([handle({ hooks: ['tool_post_invoke'] }, () => undefined)]);
    expect(await heardWith(guard)).not.toContain('SECRET');
  });
});

it('cancels at the upstream what its client cancels', async () => {
  const served = await serveSessions();
  const router = routerOver([open(httpUpstream(served.url))]);
  const stop = new AbortController();
  const begun = once(served.events, 'slow');
  const call = ask(router, client('legacy'), 'tools/call', { name: 'slow' }, { signal: stop.signal });
  await begun;
  const aborted = once(served.events, 'aborted');
  stop.abort();
  await aborted;
  expect((await call).answer).toHaveProperty('error');
});

it('ends a suspended call at the upstream when nobody comes back for it', async () => {
  const served = await serveSessions();
  const router = routerOver([open(httpUpstream(served.url))]);
  const from = client('modern', { capabilities: { elicitation: {} } });
  const asked = await ask(router, from, 'tools/call', { name: 'ask', arguments: { message: 'who?' } });
  expect(asked.result['resultType']).toBe('input_required');
  const before = served.sessions.size;
  await router.close();
  // The session of the call ends, and the call with it.
  await expect.poll(() => served.sessions.size).toBe(before - 1);
});
