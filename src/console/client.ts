import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { createParser } from 'eventsource-parser';
import { ConsoleAbsent, ConsoleRefused, messageOf } from '../errors.js';
import { parseJson } from '../json/index.js';
import type { ConsoleState, Decision } from './facts.js';
import { ownFolder, portsIn, socketOf } from './local.js';

/** A console as who looks at it has it. */
export interface ConsoleClient {
  state(): Promise<ConsoleState>;
  /** A new link. Only over the socket. */
  link(): Promise<string>;
  /** Hears what is new, until the signal is aborted or the console is gone. */
  watch(listener: Listener, signal: AbortSignal): Promise<void>;
}

interface Listener {
  state(facts: Partial<ConsoleState>): void;
  decisions(decisions: readonly Decision[]): void;
}

const withinMs = 5_000;
/** A state is some hundreds of kilobytes at most. */
const mostChars = 16 * 1024 * 1024;

/**
 * Finds the console of this user by its socket: the one there is, or that on `port`.
 *
 * @throws SALLY_CONSOLE_ABSENT where none answers, or several do; SALLY_CONSOLE_FOLDER.
 */
export async function findConsole(folder: string, port: number | undefined): Promise<ConsoleClient> {
  const ports = port === undefined ? await portsIn(folder) : [port];
  if (ports.length > 0) await ownFolder(folder);
  const found = await Promise.all(
    ports.map(async (one) => {
      const client = clientOf({ socketPath: socketOf(folder, one), host: 'localhost' }, `the port ${one}`);
      const answers = await client.state().then(
        () => true,
        () => false,
      );
      return answers ? [{ client, port: one }] : [];
    }),
  );
  const [first, ...others] = found.flat();
  if (first === undefined) throw ConsoleAbsent({ where: folder });
  if (others.length > 0)
    throw ConsoleAbsent({ where: folder, ports: [first, ...others].map((one) => one.port) });
  return first.client;
}

/** Opens a link, as a browser would. @throws SALLY_CONSOLE_REFUSED where it has served before. */
export async function openLink(link: URL): Promise<ConsoleClient> {
  const { protocol, hostname, port, pathname, search, origin } = link;
  const to = { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), ...(port !== '' && { port }) };
  const reply = await ask({ ...to, path: `${pathname}${search}` }, origin);
  reply.resume();
  const cookie = reply.headers['set-cookie']?.[0]?.split(';')[0];
  if (cookie === undefined) throw ConsoleRefused({ at: origin, seen: `status ${reply.statusCode}` });
  return clientOf({ ...to, headers: { Cookie: cookie } }, origin);
}

function clientOf(to: RequestOptions, at: string): ConsoleClient {
  const json = async (path: string): Promise<unknown> => {
    const reply = await ask({ ...to, path }, at);
    const text = await textOf(reply);
    if (reply.statusCode !== 200) throw ConsoleRefused({ at, seen: `status ${reply.statusCode}` });
    return parseJson(text) as unknown;
  };
  return {
    state: async () => (await json('/state')) as ConsoleState,
    link: async () => ((await json('/link')) as { link: string }).link,
    async watch(listener, signal) {
      const reply = await ask({ ...to, path: '/events', signal }, at);
      if (reply.statusCode !== 200) throw ConsoleRefused({ at, seen: `status ${reply.statusCode}` });
      const parser = createParser({
        onEvent({ event, data }) {
          const value = parseJson(data) as unknown;
          if (event === 'state') listener.state(value as Partial<ConsoleState>);
          if (event === 'decision') listener.decisions(value as readonly Decision[]);
        },
      });
      reply.setEncoding('utf8');
      for await (const piece of reply) parser.feed(String(piece));
    },
  };
}

function ask(options: RequestOptions, at: string): Promise<IncomingMessage> {
  const send = options.protocol === 'https:' ? requestOverTls : request;
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = send({ ...options, agent: false }, resolve);
    sent.setTimeout(withinMs, () => sent.destroy(new Error(`no reply within ${withinMs / 1000} s`)));
    sent.on('response', () => sent.setTimeout(0));
    sent.on('error', (error) => reject(ConsoleRefused({ at, seen: messageOf(error) }, error)));
    sent.end();
  });
}

async function textOf(reply: IncomingMessage): Promise<string> {
  let text = '';
  reply.setEncoding('utf8');
  for await (const piece of reply) {
    text += String(piece);
    if (text.length > mostChars) reply.destroy();
  }
  return text;
}
