import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createGateway, type GatewayConfig, parseConfig } from '../../../src/index.js';
import { silentLogger } from '../../../src/log.js';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { all, events } from '../../support/sse.js';
import { exists } from '../../support/upstreams.js';

const script = resolve(import.meta.dirname, '../../support/mcp-asking.mjs');
const upstreams = { one: { command: process.execPath, args: [script], share: 'session' } };

/** A file of tokens, changed by the command. */
async function tokens() {
  const file = join(await temporaryFolder(), 'tokens.json');
  const list = async (): Promise<{ id: string }[]> =>
    JSON.parse((await sallyport(['token', 'list', '--file', file, '--json'])).stdout);
  return {
    file,
    async create(user = 'ada'): Promise<string> {
      return (await sallyport(['token', 'create', '--file', file, '--user', user])).stdout.trim();
    },
    async revoke(token: string): Promise<void> {
      const { id } = (await list()).find((one) => token.includes(one.id)) ?? { id: 'none' };
      expect((await sallyport(['token', 'revoke', '--file', file, id])).status).toBe(0);
    },
  };
}

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
};

/** What a client with this token does by hand; `token` undefined: without any. */
function clientAt(url: string, token: string | undefined) {
  const own = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const post = (body: object, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: { ...json, ...own, ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    });
  const inSession = (id: string) => ({ 'Mcp-Session-Id': id });
  const call = (name: string) => ({
    id: randomUUID(),
    method: 'tools/call',
    params: { name, arguments: {}, _meta: { progressToken: 'p' } },
  });
  return {
    /** Opens a session that can be asked: it has an upstream of its own. */
    async open(): Promise<string> {
      const clientInfo = { name: 'raw', version: '1' };
      const params = { protocolVersion: '2025-11-25', capabilities: { sampling: {} }, clientInfo };
      const reply = await post({ id: 1, method: 'initialize', params });
      await reply.text();
      expect(reply.status).toBe(200);
      return reply.headers.get('mcp-session-id') ?? '';
    },
    ping: async (session: string): Promise<number> => {
      const reply = await post({ id: 9, method: 'ping' }, inSession(session));
      await reply.text();
      return reply.status;
    },
    listen: (session: string, more: Record<string, string> = {}) =>
      fetch(url, { headers: { ...own, Accept: 'text/event-stream', ...inSession(session), ...more } }),
    call: (session: string, name: string) => post(call(name), inSession(session)),
    async pid(session: string): Promise<number> {
      const reply = await post(call('pid'), inSession(session));
      return Number(/"text":"(\d+)"/.exec(await reply.text())?.[1]);
    },
    modern(method: string, params: Record<string, unknown>) {
      const headers: Record<string, string> = {
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': method,
        ...(typeof params['name'] === 'string' && { 'Mcp-Name': params['name'] }),
      };
      const meta = { ...modernMeta, progressToken: 'p' };
      return post({ id: 3, method, params: { ...params, _meta: meta } }, headers);
    },
  };
}
type RawClient = ReturnType<typeof clientAt>;

/** One stream of every kind; each has begun when this resolves. The answer is what ends when they all have. */
async function openStreams(client: RawClient, session: string) {
  const opened = [
    client.listen(session),
    client.call(session, 'drip'),
    client.modern('tools/call', { name: 'drip', arguments: {} }),
    client.modern('subscriptions/listen', { notifications: { toolsListChanged: true } }),
  ];
  const streams = [];
  for (const reply of await Promise.all(opened)) {
    expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const stream = events(reply);
    await stream.next();
    streams.push(all(stream));
  }
  return Promise.all(streams);
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  while (!(await reached())) await new Promise((go) => setTimeout(go, 20));
}

const configOf = (auth: object): GatewayConfig =>
  parseConfig(JSON.stringify({ plugins: [], gateway: { upstreams, auth } }), {
    path: 'gateway.yaml',
    cwd: process.cwd(),
    env: {},
    side: 'gateway',
    exists: () => true,
  }) as GatewayConfig;

async function gatewayAt(auth: object, now = () => new Date()) {
  const gateway = await createGateway(configOf(auth), { log: silentLogger, version: '0.0.0', now });
  onTestFinished(() => gateway.close());
  const { url } = await gateway.listen({ port: 0 });
  await gateway.settled(AbortSignal.timeout(patience(20_000)));
  return { gateway, url };
}

/** An issuer whose keys are in a file. */
async function issuer() {
  const file = join(await temporaryFolder(), 'jwks.json');
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  await writeFile(file, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'a' }] }));
  const sign = (exp: number, audience = 'gateway') =>
    new SignJWT({ sub: 'ada', iss: 'https://issuer.example', aud: audience, exp })
      .setProtectedHeader({ alg: 'ES256', kid: 'a' })
      .sign(privateKey);
  const auth = (audience = 'gateway') => ({
    kind: 'jwt',
    issuer: 'https://issuer.example',
    audience,
    jwks: file,
  });
  return { sign, auth };
}

describe('[M15] a token that is revoked', () => {
  it.each([1, 2])('ends the streams and the session that it opened, with %i worker(s)', async (workers) => {
    const { file, create, revoke } = await tokens();
    const [token, kept] = [await create(), await create('bob')];
    const auth = { kind: 'bearer', tokens_file: file };
    const { url } = await startGateway(
      { gateway: { upstreams, auth } },
      { args: ['--workers', String(workers)] },
    );
    const [client, other] = [clientAt(url, token), clientAt(url, kept)];
    // Of two workers, both are reached for something of several sessions.
    const sessions = await Promise.all(Array.from({ length: workers * 2 }, () => client.open()));
    const streams = sessions.map((session) => openStreams(client, session));
    const pids = await Promise.all(sessions.map((session) => client.pid(session)));
    const untouched = await other.open();
    const theirs = events(await other.listen(untouched));
    await theirs.next();
    await revoke(token);

    const ended = await Promise.all(streams);
    for (const [, , called, listened] of ended) {
      for (const stream of [called, listened]) {
        expect(JSON.parse(stream?.at(-1)?.data ?? '{}')).toMatchObject({
          error: { code: -32003, data: { code: 'SALLY_GATEWAY_CREDENTIAL_OVER' } },
        });
      }
    }
    await until(async () => !pids.some(exists));
    const again = clientAt(url, await create());
    await until(async () => (await again.ping('none')) !== 401);
    for (const session of sessions) expect(await again.ping(session)).toBe(404);
    expect(await other.ping(untouched)).toBe(200);
    await (await other.call(untouched, 'change')).text();
    expect((await theirs.next()).value?.data).toContain('list_changed');
  });

  it('lets the result of a long call come, whose reply is a stream for the sake of its connection', async () => {
    const { file, create, revoke } = await tokens();
    const token = await create();
    const { url } = await gatewayAt({ kind: 'bearer', tokens_file: file });
    const client = clientAt(url, token);
    const session = await client.open();
    const listening = events(await client.listen(session));
    const reply = await client.modern('tools/call', { name: 'slow', arguments: { ms: 6_000 } });
    expect(reply.headers.get('content-type')).toBe('text/event-stream');
    await revoke(token);
    // What was opened with it has ended.
    await all(listening);
    expect((await all(events(reply))).at(-1)?.data).toContain('"text":"done"');
  });

  it('leaves a session alone on which a newer one was shown, and that one’s streams', async () => {
    const { file, create, revoke } = await tokens();
    const [first, second] = [await create(), await create()];
    const { url } = await gatewayAt({ kind: 'bearer', tokens_file: file });
    const [before, after] = [clientAt(url, first), clientAt(url, second)];
    const [session, other] = [await before.open(), await before.open()];
    const pid = await before.pid(other);
    const old = events(await before.listen(session));
    await old.next();
    const called = events(await before.call(session, 'drip'));
    const begun = (await called.next()).value;
    const fresh = events(await after.listen(session));
    await fresh.next();
    await revoke(first);
    await Promise.all([all(old), all(called)]);

    // The call was asked for in time: the client comes back for it with what it has now.
    const resumed = events(await after.listen(session, { 'Last-Event-ID': begun?.id ?? '' }));
    const resume = [(await resumed.next()).value, (await resumed.next()).value];
    for (const event of resume) expect(event?.data).toContain('notifications/progress');
    // By then the other session, which has seen the old one alone, has waited long enough.
    await until(async () => !exists(pid));
    expect([await after.ping(other), await after.ping(session)]).toEqual([404, 200]);
    await (await after.call(session, 'change')).text();
    expect((await fresh.next()).value?.data).toContain('list_changed');
    expect(await before.ping(session)).toBe(401);
    await revoke(second);
    await Promise.all([all(fresh), all(resumed)]);
  });
});

describe('[M15] a token that expires', () => {
  it('ends what it opened, without anybody asking', async () => {
    let now = Date.now();
    const { file, create } = await tokens();
    const token = await create();
    const { url } = await gatewayAt({ kind: 'bearer', tokens_file: file }, () => new Date(now));
    const client = clientAt(url, token);
    const session = await client.open();
    const streams = openStreams(client, session);
    const pid = await client.pid(session);
    now += 10 * 365 * 86_400_000;
    await streams;
    await until(async () => !exists(pid));
    expect(await client.ping(session)).toBe(401);
  });

  it('is a JWT past its exp: what is shown in time keeps the session', async () => {
    let now = Date.now();
    const { sign, auth } = await issuer();
    const { url } = await gatewayAt(auth(), () => new Date(now));
    const seconds = Math.floor(now / 1_000);
    const [first, second] = [await sign(seconds + 60), await sign(seconds + 600)];
    const [before, after] = [clientAt(url, first), clientAt(url, second)];
    const [kept, lost] = [await before.open(), await before.open()];
    const streams = Promise.all([openStreams(before, kept), openStreams(before, lost)]);
    const [, pid] = await Promise.all([before.pid(kept), before.pid(lost)]);
    expect(await after.ping(kept)).toBe(200);
    now += 63_000;
    await streams;
    await until(async () => !exists(pid));
    expect([await after.ping(lost), await after.ping(kept), await before.ping(kept)]).toEqual([
      404, 200, 401,
    ]);
  });
});

describe('[M15] a reload of who may call', () => {
  it('ends what was opened by a token that is not taken any more, and nothing else', async () => {
    const { sign, auth } = await issuer();
    const { gateway, url } = await gatewayAt(auth());
    const exp = Math.floor(Date.now() / 1_000) + 600;
    const both = ['gateway', 'elsewhere'] as unknown as string;
    const [one, two] = [clientAt(url, await sign(exp)), clientAt(url, await sign(exp, both))];
    const [gone, stays] = [await one.open(), await two.open()];
    const ending = openStreams(one, gone);
    const staying = events(await two.listen(stays));
    await staying.next();
    const pid = await one.pid(gone);
    await gateway.reload(configOf(auth('elsewhere')));
    await ending;
    await until(async () => !exists(pid));
    expect([await one.ping(gone), await two.ping(gone), await two.ping(stays)]).toEqual([401, 404, 200]);
    await (await two.call(stays, 'change')).text();
    expect((await staying.next()).value?.data).toContain('list_changed');
  });

  it('ends what anyone could open before', async () => {
    const { file, create } = await tokens();
    await create();
    const { gateway, url } = await gatewayAt({ kind: 'none' });
    const anyone = clientAt(url, undefined);
    const session = await anyone.open();
    const streams = openStreams(anyone, session);
    const pid = await anyone.pid(session);
    await gateway.reload(configOf({ kind: 'bearer', tokens_file: file }));
    await streams;
    await until(async () => !exists(pid));
  });
});
