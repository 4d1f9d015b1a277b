import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { UpstreamSession } from '../../../src/gateway/upstream.js';
import { type Logger, silentLogger } from '../../../src/log.js';
import { temporaryFolder } from '../../support/folder.js';
import { errorOf } from '../../support/gateway.js';
import { patience } from '../../support/patience.js';
import {
  everythingScript,
  exists,
  filesystemScript,
  memoryScript,
  open,
  patient,
  reaches,
  resultOf,
  sessionRequest,
  stdioUpstream,
  textOf,
} from '../../support/upstreams.js';

const everything = stdioUpstream([everythingScript, 'stdio']);
const tool = (name: string, args: object = {}) => ({ name, arguments: args });
const call = (session: UpstreamSession, name: string, args: object = {}) =>
  session.request('tools/call', tool(name, args), { signal: patient() });

/** A server in a few lines of script: `answer(message)` gives the result to send. */
async function script(body: string): Promise<string> {
  const path = join(await temporaryFolder(), 'server.mjs');
  await writeFile(
    path,
    `import { createInterface } from 'node:readline';
    const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
    const initialized = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 'script', version: '1' } };
    createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method, params, result } = JSON.parse(line);
      ${body}
    });`,
  );
  return path;
}

/** A logger that keeps what the children said. */
function recordingLog(): { log: Logger; lines: string[]; pids: () => number[] } {
  const lines: string[] = [];
  const pids = new Set<number>();
  const debug = (fields: object) => {
    const { pid, line } = fields as { pid?: number; line?: string };
    if (line !== undefined) lines.push(line);
    if (pid !== undefined) pids.add(pid);
  };
  return { log: { ...silentLogger, debug }, lines, pids: () => [...pids] };
}

it('reads and writes through server-filesystem and server-memory', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'a.txt'), 'grüße');
  const files = await open(stdioUpstream([filesystemScript, folder])).session(sessionRequest(), patient());
  expect(textOf(await call(files, 'read_text_file', { path: join(folder, 'a.txt') }))).toBe('grüße');
  const env = { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') };
  const memory = await open(stdioUpstream([memoryScript], { env })).session(sessionRequest(), patient());
  const entities = [{ name: 'Ada', entityType: 'person', observations: ['counts'] }];
  await call(memory, 'create_entities', { entities });
  expect(textOf(await call(memory, 'read_graph'))).toContain('Ada');
});

it('[M13] gives a child the variables of its entry and few of ours', async () => {
  vi.stubEnv('SALLY_TEST_SECRET', 'must not be seen');
  const upstream = open({ ...everything, env: { OWN: 'given' } } as typeof everything);
  const env = JSON.parse(textOf(await call(await upstream.session(sessionRequest(), patient()), 'get-env')));
  vi.unstubAllEnvs();
  expect(env).toMatchObject({ OWN: 'given', PATH: process.env['PATH'] });
  expect(env).not.toHaveProperty('SALLY_TEST_SECRET');
});

it('[M6] takes what a child asks to the client whose own it is', async () => {
  const upstream = open(everything);
  const asked: string[] = [];
  const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
  const own = sessionRequest({
    capabilities,
    own: true,
    onRequest: async (method) => {
      asked.push(method);
      return { result: { roots: [{ uri: 'file:///x', name: 'x' }] } };
    },
  });
  const session = await upstream.session(own, patient());
  const answer = await session.request('tools/call', tool('trigger-sampling-request', { prompt: 'p' }), {
    signal: patient(),
    onRequest: async (method) => {
      if (method !== 'sampling/createMessage') return { result: { roots: [{ uri: 'file:///x' }] } };
      return { result: { role: 'assistant', model: 'm', content: { type: 'text', text: 'sampled' } } };
    },
  });
  expect(JSON.stringify(answer)).toContain('sampled');
  await vi.waitFor(() => expect(asked).toContain('roots/list'), { timeout: patience(5_000) });
});

it('gives each client with a session of its own a child of its own, which ends with it', async () => {
  const { log, pids } = recordingLog();
  const upstream = open(everything, { log });
  const first = sessionRequest({ own: true, onRequest: async () => ({ result: {} }) });
  const second = sessionRequest({ own: true, onRequest: async () => ({ result: {} }) });
  const session = await upstream.session(first, patient());
  expect(await upstream.session(first, patient())).toBe(session);
  expect(await upstream.session(second, patient())).not.toBe(session);
  await vi.waitFor(() => expect(pids().length).toBe(2), { timeout: patience(5_000) });
  await upstream.release(first.client);
  expect(pids().filter(exists).length).toBe(1);
  await upstream.close();
  expect(pids().filter(exists)).toEqual([]);
});

it('[M14] shares a child among the clients of one principal, and with no other', async () => {
  const upstream = open(everything);
  const one = await upstream.session(sessionRequest(), patient());
  expect(await upstream.session(sessionRequest(), patient())).toBe(one);
  expect(await upstream.session(sessionRequest({ principal: 'q' }), patient())).not.toBe(one);
});

it('[M10,M19] names the upstream to the calls in which its child died, and starts it anew', async () => {
  const { log, pids } = recordingLog();
  const upstream = open(everything, { log });
  const session = await upstream.session(sessionRequest(), patient());
  await vi.waitFor(() => expect(pids().length).toBe(1), { timeout: patience(5_000) });
  const lost = errorOf(call(session, 'trigger-long-running-operation', { duration: 20, steps: 2 }));
  process.kill(pids()[0] ?? 0, 'SIGKILL');
  const error = await lost;
  expect(error.code).toBe('SALLY_UPSTREAM_LOST');
  expect(error.message).toContain("'child'");
  expect(error.message).toContain('SIGKILL');
  await reaches(upstream, 'up');
  const again = await upstream.session(sessionRequest(), patient());
  expect(again).not.toBe(session);
  expect(textOf(await call(again, 'echo', { message: 'hi' }))).toBe('Echo: hi');
});

it('shows what a child said that died of its start, once, and not what one said that is of the older era', async () => {
  const said: object[] = [];
  const log = { ...silentLogger, warn: (fields: object) => void ('lines' in fields && said.push(fields)) };
  const path = await script("console.error('no such database: x.db'); process.exit(3);");
  const upstream = open(stdioUpstream([path]), { log, pace: { retryFirst: 10, retryMost: 20 } });
  await reaches(upstream, 'down');
  await vi.waitFor(() => expect(said).toHaveLength(1), { timeout: patience(5_000) });
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(said).toMatchObject([{ lines: ['no such database: x.db'] }]);
  expect(JSON.stringify(upstream.state)).not.toContain('database');
  const older = await script(
    "if (method === 'server/discover') { console.error('what?'); process.exit(1); } else if (id) send({ id, result: initialized });",
  );
  await reaches(open(stdioUpstream([older]), { log }), 'up');
  expect(said).toHaveLength(1);
});

it('starts a child that goes on dying with growing pauses, and says why it is down', async () => {
  const path = await script(
    "if (method === 'initialize') process.exit(7); else send({ id, error: { code: -32601, message: 'no' } });",
  );
  const upstream = open(stdioUpstream([path]));
  const state = await reaches(upstream, 'down');
  expect(state).toMatchObject({ code: 'SALLY_UPSTREAM_LOST' });
  expect(JSON.stringify(state)).toContain('exit code 7');
});

it('says that a program does not exist', async () => {
  const upstream = open(stdioUpstream([], { command: 'no-such-program-here' }));
  expect(await reaches(upstream, 'down')).toMatchObject({ code: 'SALLY_UPSTREAM_SPAWN' });
  const error = await errorOf(upstream.session(sessionRequest(), patient()));
  expect(error.message).toBe(
    "the upstream 'child' is down: it cannot be started: no-such-program-here: no such program or folder",
  );
});

it('initialises a fresh child where one is silent before initialize, or ends over what it does not know', async () => {
  const silent = "if (method === 'initialize') send({ id, result: initialized });";
  const leaving = `if (method === 'server/discover') process.exit(1); ${silent}`;
  for (const body of [silent, leaving]) {
    const upstream = open(stdioUpstream([await script(body)]), { pace: { probe: 500 } });
    expect(await reaches(upstream, 'up')).toMatchObject({ era: 'legacy', revision: '2025-06-18' });
  }
});

it('speaks 2026-07-28 to a child that does, over one child for all', async () => {
  const { log, pids } = recordingLog();
  const path = await script(`
    process.stderr.write('here\\n');
    if (method === 'server/discover') send({ id, result: { supportedVersions: ['2026-07-28'], capabilities: { tools: { listChanged: true } } } });
    if (method === 'subscriptions/listen') {
      const _meta = { 'io.modelcontextprotocol/subscriptionId': id };
      send({ method: 'notifications/subscriptions/acknowledged', params: { _meta, notifications: {} } });
      send({ method: 'notifications/tools/list_changed', params: { _meta } });
    }
    if (method === 'tools/call') send({ id, result: { meta: params._meta } });
  `);
  const upstream = open(stdioUpstream([path]), { log });
  const heard: unknown[] = [];
  const hears = sessionRequest({
    capabilities: { elicitation: {} },
    own: true,
    onNotification: (...told) => heard.push(told),
  });
  const session = await upstream.session(hears, patient());
  expect(session.era).toBe('modern');
  await vi.waitFor(() => expect(heard).toEqual([['notifications/tools/list_changed', {}]]), {
    timeout: patience(5_000),
  });
  const other = await upstream.session(sessionRequest({ principal: 'q' }), patient());
  expect(resultOf(await call(session, 'x'))['meta']).toMatchObject({
    'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
  });
  expect(resultOf(await call(other, 'x'))['meta']).toMatchObject({
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  });
  expect(pids().length).toBe(1);
});

it('gives calls of stateless clients that can be asked a child each, as far as the pool goes', async () => {
  const path = await script(`
    if (method === 'initialize') send({ id, result: initialized });
    if (method === 'server/discover') send({ id, error: { code: -32601, message: 'no' } });
    if (method === 'tools/call') { globalThis.asked = id; send({ id: 'q', method: 'elicitation/create', params: { of: params.name } }); }
    if (method === undefined) send({ id: globalThis.asked, result: { told: result.told, pid: process.pid } });
  `);
  const upstream = open(stdioUpstream([path]), { limits: { pool: 2 } });
  const session = await upstream.session(
    sessionRequest({ own: true, capabilities: { elicitation: {} } }),
    patient(),
  );
  const results = await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (name) =>
      resultOf(
        await session.request('tools/call', tool(name), {
          signal: patient(),
          onRequest: async (_, params) => ({ result: { told: `${name} ${params?.['of']}` } }),
        }),
      ),
    ),
  );
  expect(results.map(({ told }) => told)).toEqual(['a a', 'b b', 'c c', 'd d']);
  expect(new Set(results.map(({ pid }) => pid)).size).toBe(2);
});

it('ends the processes that a shell has started too, also where they do not heed it', async () => {
  const folder = await temporaryFolder();
  const path = await script(`
    process.on('SIGTERM', () => {});
    setInterval(() => {}, 1_000);
    if (method === 'initialize') send({ id, result: { ...initialized, instructions: String(process.pid) } });
    if (method === 'server/discover') send({ id, error: { code: -32601, message: 'no' } });
  `);
  const args = ['-c', `sleep 1000 & ${process.execPath} ${path}; true`];
  const upstream = open(stdioUpstream(args, { command: 'sh', cwd: folder }), { pace: { grace: 100 } });
  const session = await upstream.session(sessionRequest(), patient());
  const pid = Number(session.instructions);
  expect(exists(pid)).toBe(true);
  await upstream.close();
  await vi.waitFor(() => expect(exists(pid)).toBe(false), { timeout: patience(5_000) });
});

it('escapes and bounds what a child says on standard error', async () => {
  const { log, lines } = recordingLog();
  const path = await script(`
    process.stderr.write('\\u001b[2J' + 'x'.repeat(5_000) + '\\n');
    if (method === 'initialize') send({ id, result: initialized });
    if (method === 'server/discover') send({ id, error: { code: -32601, message: 'no' } });
  `);
  await open(stdioUpstream([path]), { log }).settled(patient());
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0), { timeout: patience(5_000) });
  expect(lines[0]).toMatch(/^\[2Jx+$/);
  expect(lines[0]?.length).toBeLessThanOrEqual(1_000);
});

it('answers a ping of a child, and lets lines that are no JSON-RPC pass', async () => {
  const path = await script(`
    if (method === 'initialize') { process.stdout.write('hello there\\n'); send({ id, result: initialized }); }
    if (method === 'server/discover') send({ id, error: { code: -32601, message: 'no' } });
    if (method === 'tools/call') { globalThis.asked = id; send({ id: 1, method: 'ping' }); }
    if (method === undefined) send({ id: globalThis.asked, result: { ponged: result } });
  `);
  const session = await open(stdioUpstream([path])).session(sessionRequest(), patient());
  expect(resultOf(await call(session, 'x'))).toEqual({ ponged: {} });
});

it('[M12] cancels a call at a child', async () => {
  const path = await script(`
    if (method === 'initialize') send({ id, result: initialized });
    if (method === 'server/discover') send({ id, error: { code: -32601, message: 'no' } });
    if (method === 'tools/call') { send({ method: 'notifications/begun' }); globalThis.slow = id; }
    if (method === 'notifications/cancelled') send({ method: 'notifications/seen', params: { same: params.requestId === globalThis.slow } });
  `);
  const heard: unknown[] = [];
  const own = new AbortController();
  const onNotification = (method: string, params?: object) => {
    heard.push([method, params]);
    if (method === 'notifications/begun') own.abort();
  };
  const session = await open(stdioUpstream([path])).session(sessionRequest({ onNotification }), patient());
  const error = await errorOf(session.request('tools/call', tool('x'), { signal: own.signal }));
  expect(error.code).toBe('SALLY_UPSTREAM_CANCELLED');
  await vi.waitFor(() => expect(heard).toContainEqual(['notifications/seen', { same: true }]), {
    timeout: patience(5_000),
  });
});

it('refuses a message above the limit and goes on with the next', async () => {
  const path = await script(`
    if (method === 'initialize') send({ id, result: initialized });
    if (method === 'server/discover') send({ id, error: { code: -32601, message: 'no' } });
    if (method === 'tools/call') send({ id, result: { text: 'x'.repeat(params.arguments.size) } });
  `);
  const session = await open(stdioUpstream([path]), { limits: { messageBytes: 10_000 } }).session(
    sessionRequest(),
    patient(),
  );
  expect((await errorOf(call(session, 'x', { size: 200_000 }))).code).toBe('SALLY_UPSTREAM_REPLY_SIZE');
  expect(resultOf(await call(session, 'x', { size: 2 }))).toEqual({ text: 'xx' });
});

it('[M25] leaves no child behind where the process that opened it ends without a word', async () => {
  const { spawn } = await import('node:child_process');
  const built = join(import.meta.dirname, '../../../dist/gateway/upstream/index.js');
  const path = join(await temporaryFolder(), 'opener.mjs');
  await writeFile(
    path,
    `import { openUpstream } from ${JSON.stringify(built)};
    const log = { debug(fields) { if (fields.pid) console.log(fields.pid); }, info() {}, warn() {}, error() {} };
    const upstream = openUpstream(${JSON.stringify(everything)}, { log, version: '0' });
    upstream.onState(({ kind }) => { if (kind === 'up' && process.argv[2] === 'exit') setTimeout(() => process.exit(3), 100); });`,
  );
  for (const how of ['exit', 'SIGKILL']) {
    const opener = spawn(process.execPath, [path, how], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(opener.stdout, 'data');
    const pid = Number(String(line).split('\n')[0]);
    expect(exists(pid)).toBe(true);
    if (how === 'SIGKILL') opener.kill('SIGKILL');
    await vi.waitFor(() => expect(exists(pid)).toBe(false), { timeout: patience(5_000) });
  }
});

it('[M4] speaks the new era to a child of the SDK that speaks both, or that one alone', async () => {
  const path = join(import.meta.dirname, '../../support/mcp-stdio.mjs');
  for (const legacy of ['serve', 'reject']) {
    const upstream = open(stdioUpstream([path, legacy]));
    const session = await upstream.session(sessionRequest({ capabilities: { elicitation: {} } }), patient());
    expect(session.revision).toBe('2026-07-28');
    expect(session.serverInfo).toMatchObject({ name: 'stdio' });
    const own = new AbortController();
    const slow = errorOf(session.request('tools/call', tool('slow'), { signal: own.signal }));
    expect(textOf(await call(session, 'x'))).toBe('modern x');
    own.abort();
    expect((await slow).code).toBe('SALLY_UPSTREAM_CANCELLED');
  }
});

const handshake = `
  if (method === 'initialize') send({ id, result: initialized });
  if (method === 'server/discover') send({ id, error: { code: -32601, message: 'no' } });
`;

it('gives a call more time with each step of its progress', async () => {
  const path = await script(`${handshake}
    if (method === 'tools/call') {
      let progress = 0;
      const timer = setInterval(() => {
        progress += 1;
        if (progress === 8) { clearInterval(timer); send({ id, result: { progress } }); }
        else send({ method: 'notifications/progress', params: { progress, progressToken: params._meta.progressToken } });
      }, 150);
    }
  `);
  const session = await open(stdioUpstream([path], { timeoutMs: 800 })).session(sessionRequest(), patient());
  const params = { ...tool('x'), _meta: { progressToken: 1 } };
  expect(resultOf(await session.request('tools/call', params, { signal: patient() }))).toEqual({
    progress: 8,
  });
});

it('lets the time of a call stand still while the client is asked', async () => {
  const path = await script(`${handshake}
    if (method === 'tools/call') { globalThis.asked = id; send({ id: 'q', method: 'elicitation/create' }); }
    if (method === undefined) send({ id: globalThis.asked, result });
  `);
  const session = await open(stdioUpstream([path], { timeoutMs: 200 })).session(sessionRequest(), patient());
  const answer = await session.request('tools/call', tool('x'), {
    signal: patient(),
    onRequest: () => new Promise((done) => setTimeout(() => done({ result: { late: true } }), 500)),
  });
  expect(resultOf(answer)).toEqual({ late: true });
});

it('takes a question back where the child does, or where its call has ended', async () => {
  const path = await script(`${handshake}
    if (method === 'tools/call') {
      send({ id: 'q', method: 'elicitation/create' });
      if (params.name === 'back') send({ method: 'notifications/cancelled', params: { requestId: 'q' } });
      else send({ id, result: {} });
      globalThis.asked = id;
    }
    if (method === 'ping') { send({ id, result: {} }); send({ id: globalThis.asked, result: {} }); }
  `);
  const session = await open(stdioUpstream([path])).session(sessionRequest(), patient());
  for (const name of ['back', 'ended']) {
    let taken: (value: unknown) => void = () => {};
    const back = new Promise((resolve) => {
      taken = resolve;
    });
    const answer = session.request('tools/call', tool(name), {
      signal: patient(),
      onRequest: (_, __, signal) => {
        signal.addEventListener('abort', taken);
        return new Promise(() => {});
      },
    });
    await back;
    await session.request('ping', undefined, { signal: patient() });
    await answer;
  }
});
