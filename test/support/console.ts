import { request } from 'node:http';
import type { ConsoleState } from '../../src/console/facts.js';
import { temporaryFolder } from './folder.js';
import { type RunningGateway, startGateway } from './gateway-run.js';
import { patience } from './patience.js';

export interface Watched extends RunningGateway {
  /** Where the page is. */
  readonly page: string;
  /** The link that the start printed. */
  readonly link: string;
  /** Where its socket is: XDG_RUNTIME_DIR. */
  readonly runtime: string;
}

/** Starts a gateway with its page on a free port. */
export async function startWatched(
  file: Parameters<typeof startGateway>[0],
  options: NonNullable<Parameters<typeof startGateway>[1]> = {},
): Promise<Watched> {
  const runtime = await temporaryFolder();
  const gateway = await startGateway(file, {
    ...options,
    env: { XDG_RUNTIME_DIR: runtime, ...options.env },
    args: ['--console', '0', ...(options.args ?? [])],
  });
  const { msg } = await gateway.waitForLog((line) => line.msg.startsWith('the page is at'));
  const link = /(https?:\S+)/.exec(msg)?.[1] ?? '';
  return Object.assign(gateway, { link, page: new URL('/', link).href, runtime });
}

/** Opens a link as a browser does; what its session shows. */
export async function opened(link: string): Promise<{ readonly cookie: string }> {
  const reply = await fetch(link, { redirect: 'manual' });
  await reply.text();
  return { cookie: reply.headers.get('set-cookie')?.split(';')[0] ?? '' };
}

/** What the page asks for, by its session. */
export async function stateOf(page: string, session: { readonly cookie: string }): Promise<ConsoleState> {
  const reply = await fetch(new URL('state', page), { headers: session });
  return (await reply.json()) as ConsoleState;
}

/** The first state of which `holds` is true; those before are asked again. */
export async function stateWhere(
  page: string,
  session: { readonly cookie: string },
  holds: (state: ConsoleState) => boolean,
  ms = 10_000,
): Promise<ConsoleState> {
  const until = performance.now() + patience(ms);
  for (;;) {
    const state = await stateOf(page, session);
    if (holds(state)) return state;
    if (performance.now() > until) throw new Error(`not seen in time: ${JSON.stringify(state)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The status of a GET with these headers, Host among them, which `fetch` does not let anybody say. */
export function statusOf(url: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, method, agent: false }, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}
