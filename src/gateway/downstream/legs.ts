import type { Socket } from 'node:net';
import type { GatewayLimits } from '../../config/index.js';
import { messageOf } from '../../errors.js';
import type { Handler, HostGuard } from '../../http/index.js';
import type { Logger } from '../../log.js';
import { sseComment } from '../../mcp/events.js';
import { createParamHeaderCheck } from '../../mcp/headers.js';
import type { Credential, Door, Readmit, Standing } from '../auth/index.js';
import type { Router } from '../client.js';
import type { Peers } from '../peers.js';
import { createAccessLog } from './access.js';
import { type Call, isSubscription } from './call.js';
import { createEndpoint, type McpHandler } from './endpoint.js';
import type { Exchange, LegDeps } from './exchange.js';
import type { Telling } from './failures.js';
import { createHandedEndpoint } from './handed.js';
import type { OpenStreams } from './reply.js';
import { createRunning } from './running.js';
import { createSessions } from './sessions.js';
import { createSlots } from './slots.js';

interface LegsOptions {
  readonly router: Router;
  readonly entrance: Door;
  readonly guard: HostGuard;
  readonly limits: GatewayLimits;
  readonly log: Logger;
  readonly version: string;
  /** Told of the connection of a client that has shown who it is, before its request is read. */
  readonly onKnown?: (socket: Socket) => void;
  /** The workers beside this one, and how the clients that they let in get in here. */
  readonly others?: { readonly peers: Peers; readonly readmit: Readmit } | undefined;
  /** How much of a failure clients are told; asked for each. Absent: in brief. */
  readonly failures?: Telling['failures'];
  /** Milliseconds of any clock that does not go back. */
  readonly now?: () => number;
  /** Who judges credentials again, of which something is open. Absent: they do not end. */
  readonly standing?: Standing | undefined;
  /** How often sessions are looked through and streams kept alive, in milliseconds. */
  readonly pulseMs?: number;
}

/** The ways of MCP clients into the gateway, over HTTP. */
export interface Legs {
  /** Answers requests to the MCP endpoint. */
  readonly handle: McpHandler;
  /** Answers what other workers hand over. */
  readonly handed: Handler | undefined;
  /**
   * Takes no more requests, lets those under way finish for at most `withinMs`, and ends subscriptions, streams and
   * sessions.
   */
  drain(withinMs: number): Promise<void>;
  /** What is open now: for metrics. */
  readonly open: { readonly sessions: number; readonly calls: number; readonly streams: number };
}

/** Nothing on the way takes a stream for dead that says something this often. */
const defaultPulseMs = 15_000;
/** How long what is open outlasts what opened it, at most twice. */
const lookEveryMs = 500;
/** What ends in order does so at once; whoever does not is not waited for. */
const lastWordsMs = 2_000;

/** Serves MCP clients of both eras on one endpoint. */
export function createLegs(options: LegsOptions): Legs {
  const { router, limits, log, others, now = () => performance.now() } = options;
  const streams: OpenStreams = new Set();
  const running = createRunning<Call>();
  const passing = createRunning<Exchange>();
  const sessions = createSessions({ router, limits, log, now, makeId: others?.peers.makeId });
  const calls = createSlots(limits.concurrentCalls, limits.concurrentCallsPerUser);
  const listens = createSlots(limits.sessions, limits.sessionsPerUser);
  let stopping = false;
  const deps: LegDeps = {
    router,
    limits,
    log,
    access: createAccessLog(log, now),
    sessions,
    calls,
    listens,
    running,
    peers: others?.peers,
    passing,
    onKnown: options.onKnown ?? (() => {}),
    streams,
    failures: options.failures ?? (() => 'brief'),
    checkParamHeaders: createParamHeaderCheck(),
    serverInfo: { name: 'sallyport', version: options.version },
    now,
    stopping: () => stopping,
  };
  // One timer, however many sessions and streams there are.
  const pulse = setInterval(() => {
    sessions.sweep();
    for (const stream of streams) stream.write(sseComment);
  }, options.pulseMs ?? defaultPulseMs);
  pulse.unref();
  const shown = function* (): Generator<Credential> {
    for (const { credential } of running) if (credential) yield credential;
    for (const { credential } of streams) if (credential) yield credential;
    for (const session of sessions) yield* session.shown;
  };
  const { standing } = options;
  let looking = false;
  const look = async () => {
    if (looking || standing === undefined) return;
    looking = true;
    await standing.look(shown).finally(() => {
      looking = false;
    });
    // What is being told first: a call has a last word on its stream.
    for (const call of running) if (call.credential?.over) call.credentialOver();
    for (const stream of streams) if (stream.credential?.over) stream.end();
    sessions.sweepOver();
  };
  const watch = setInterval(() => {
    look().catch((error: unknown) => log.error({ error: messageOf(error) }, 'what is over was not ended'));
  }, lookEveryMs);
  watch.unref();

  return {
    handle: createEndpoint(options.entrance, options.guard, deps),
    handed: others && createHandedEndpoint(others.readmit, deps),
    async drain(withinMs) {
      stopping = true;
      const until = now() + withinMs;
      await running.over((call) => !isSubscription(call), withinMs);
      clearInterval(pulse);
      clearInterval(watch);
      for (const call of running) call.stop();
      await running.over(() => true, lastWordsMs);
      await sessions.endAll(lastWordsMs);
      for (const stream of streams) stream.end();
      // The workers that answer these do as much. It comes last, so that none waits for one that waits for it.
      await passing.over(() => true, Math.max(until - now(), lastWordsMs));
    },
    open: {
      get sessions() {
        return sessions.size;
      },
      get calls() {
        return calls.taken;
      },
      get streams() {
        return streams.size;
      },
    },
  };
}
