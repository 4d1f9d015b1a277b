import { randomBytes, timingSafeEqual } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Pool } from 'undici';
import { messageOf } from '../errors.js';
import { connectionHeaders } from '../headers.js';
import { createHttpServer, type Handler, listenOnSocket, sendJson, stopListening } from '../http/index.js';
import type { Logger } from '../log.js';
import { randomId, type SessionStore } from '../sessions/index.js';
import type { WorkerBus } from '../workers/index.js';

/** The store of workers that serve the same port: what one of them holds, clients ask any of them for. */
interface WorkerSessions extends SessionStore {
  /** Serves the others: `handle` gets what they send to `ask`. */
  listen(handle: Handler): Promise<void>;
  close(withinMs: number): Promise<void>;
}

const tagBytes = 6;
const tagged = /^([A-Za-z0-9_-]{8})[A-Za-z0-9_-]{32}$/;
const noListener = new Set(['ECONNREFUSED', 'ENOENT']);
const secretHeader = 'x-sallyport-worker';

/**
 * The connections between workers: HTTP over a Unix domain socket for each, in a folder that nobody else may enter. How long a
 * reply may take is decided by who makes it; who waits for it gives up by `signal`.
 */
export function openWorkerSessions({ folder, secret }: WorkerBus, log: Logger): WorkerSessions {
  // A worker that replaces another has an id of its own: the sessions of the other ended with it.
  const own = randomBytes(tagBytes).toString('base64url');
  const pathOf = (tag: string) => join(folder, `${tag}.sock`);
  const pools = new Map<string, Pool>();
  const expected = Buffer.from(secret);
  let server: ReturnType<typeof createHttpServer> | undefined;

  const poolOf = async (tag: string): Promise<Pool | undefined> => {
    const known = pools.get(tag);
    if (known !== undefined) return known;
    // Clients may name as many as they like.
    if (!(await isThere(pathOf(tag)))) return undefined;
    const { Pool } = await import('undici');
    const pool =
      pools.get(tag) ??
      new Pool('http://worker', { socketPath: pathOf(tag), headersTimeout: 0, bodyTimeout: 0 });
    pools.set(tag, pool);
    return pool;
  };

  return {
    makeId: () => own + randomId(),
    // Whoever holds a session keeps it: with a worker its sessions end.
    keep() {},
    forget() {},
    holderOf(id) {
      // A client's word: there may be no such worker, and it holds nothing but characters of base64url.
      const tag = typeof id === 'string' ? tagged.exec(id)?.[1] : undefined;
      return tag === own ? undefined : tag;
    },
    async ask(tag, body, signal) {
      const pool = await poolOf(tag);
      if (pool === undefined) return undefined;
      try {
        const reply = await pool.request({
          method: 'POST',
          path: '/',
          headers: { [secretHeader]: secret, 'content-type': 'application/json' },
          body,
          signal,
        });
        return { status: reply.statusCode, headers: plain(reply.headers), body: reply.body };
      } catch (error) {
        if (signal.aborted) return undefined;
        log.debug({ worker: tag, error: messageOf(error) }, 'another worker did not answer');
        // That worker has ended, or takes no more requests; those it still works on go on.
        if (noListener.has(String((error as NodeJS.ErrnoException).code)) && pools.delete(tag))
          void pool.close();
        return undefined;
      }
    },
    async listen(handle) {
      server = createHttpServer((request, response) => {
        if (!shows(request, expected)) return sendJson(response, 403, { error: 'workers only' });
        return handle(request, response);
      }, log);
      await listenOnSocket(server.http, pathOf(own), 'a worker');
    },
    async close(withinMs) {
      if (server) {
        stopListening(server.http);
        await server.drain(withinMs);
      }
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

/** Whether there is a socket of this name; whether anybody listens on it shows when it is used. */
async function isThere(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isSocket() ?? false;
}

function shows({ headers }: IncomingMessage, expected: Buffer): boolean {
  const shown = Buffer.from(String(headers[secretHeader] ?? ''));
  return shown.length === expected.length && timingSafeEqual(shown, expected);
}

function plain(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !connectionHeaders.has(name) && name !== 'date') kept[name] = String(value);
  }
  return kept;
}
