import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import type { UpstreamSettings } from '../../src/config/index.js';
import { openUpstream, type UpstreamDeps } from '../../src/gateway/upstream/index.js';
import type { SessionRequest, UpstreamState } from '../../src/gateway/upstream.js';
import { silentLogger } from '../../src/log.js';
import type { JsonObject } from '../../src/mcp/messages.js';
import { patience } from './patience.js';
import { tcpServer } from './tcp.js';

const packages = resolve(import.meta.dirname, '../../node_modules/@modelcontextprotocol');
const offer = { prefix: 'auto', include: [], exclude: [], timeoutMs: 10_000 } as const;

/** Settings of a child process: a script of Node. */
export function stdioUpstream(
  args: readonly string[],
  more: Partial<Extract<UpstreamSettings, { transport: 'stdio' }>> = {},
): UpstreamSettings {
  return { ...offer, name: 'child', transport: 'stdio', command: process.execPath, args, env: {}, ...more };
}

/** Settings of a URL. */
export function httpUpstream(
  url: string,
  more: Partial<Extract<UpstreamSettings, { transport: 'http' }>> = {},
): UpstreamSettings {
  return { ...offer, name: 'web', transport: 'http', url: new URL(url), headers: {}, ...more };
}

export const everythingScript = resolve(packages, 'server-everything/dist/index.js');
export const filesystemScript = resolve(packages, 'server-filesystem/dist/index.js');
export const memoryScript = resolve(packages, 'server-memory/dist/index.js');

/** An upstream that tries again fast; closed when the test ends. */
export function open(settings: UpstreamSettings, deps: Partial<UpstreamDeps> = {}) {
  const upstream = openUpstream(settings, {
    log: silentLogger,
    version: '0.0.0',
    ...deps,
    pace: { retryFirst: 20, retryMost: 200, probe: 15_000, grace: 300, ...deps.pace },
  });
  onTestFinished(() => upstream.close());
  return upstream;
}

let clients = 0;

/** A session that clients of one principal share; `own` where it is to be one client's. */
export function sessionRequest(more: Partial<SessionRequest> = {}): SessionRequest {
  clients += 1;
  return { principal: 'p', capabilities: {}, client: `client-${clients}`, own: false, ...more };
}

/** A signal that is never aborted before the test is over. */
export const patient = (): AbortSignal => AbortSignal.timeout(patience(25_000));

/** Waits until the upstream is in the state. */
export function reaches(
  upstream: { state: UpstreamState; onState(listener: (state: UpstreamState) => void): () => void },
  kind: UpstreamState['kind'],
): Promise<UpstreamState> {
  return new Promise((done) => {
    if (upstream.state.kind === kind) return done(upstream.state);
    const remove = upstream.onState((state) => {
      if (state.kind !== kind) return;
      remove();
      done(state);
    });
  });
}

/** The result, where it is one. */
export function resultOf(answer: object): JsonObject {
  if ('result' in answer) return answer.result as JsonObject;
  throw new Error(`no result, but ${JSON.stringify(answer)}`);
}

/** The text of a tool result's first item. */
export function textOf(answer: object): string {
  const [item] = resultOf(answer)['content'] as { text: string }[];
  return item?.text ?? '';
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = tcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** `server-everything` over Streamable HTTP, in a process of its own. */
export async function startEverything(
  port?: number,
): Promise<{ url: string; port: number; child: ChildProcess }> {
  const own = port ?? (await freePort());
  const child = spawn(process.execPath, [everythingScript, 'streamableHttp'], {
    env: { ...process.env, PORT: String(own) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stderr, 'data');
  return { url: `http://127.0.0.1:${own}/mcp`, port: own, child };
}

/** Whether a process exists. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
