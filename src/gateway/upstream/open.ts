import { type Cancellation, signalOf } from '../../cancel.js';
import type { ClientHeaders, UpstreamSettings } from '../../config/index.js';
import {
  findSallyError,
  messageOf,
  type SallyError,
  UpstreamCancelled,
  UpstreamDown,
  UpstreamLost,
  UpstreamProtocol,
  UpstreamStatus,
  UpstreamTimeout,
} from '../../errors.js';
import type {
  Authorization,
  ClientSession,
  Facts,
  RequestOptions,
  Transport,
} from '../../mcp/client/session.js';
import type { JsonObject, RpcResponse } from '../../mcp/messages.js';
import type { Era } from '../../mcp/revisions.js';
import { backoff, pause, withDeadline } from '../../wait.js';
import type { SessionRequest, Upstream, UpstreamLoad, UpstreamSession } from '../upstream.js';
import { allowedBy, headersFor, headersOfIdentity, metaFor } from './client-headers.js';
import { Condition } from './condition.js';
import { LegacySessions } from './legacy-sessions.js';
import { transportOf, type UpstreamContext } from './options.js';
import { Slots, StatelessSessions } from './session.js';

/** A child that lived so long did not die of its start, in milliseconds. */
const settledMs = 10_000;

/** What the requests of one upstream show, and what ends with it. */
export interface Authorized {
  readonly authorization: Authorization;
  close?(): Promise<void>;
}

/** One upstream that is held up: reached at once, and after every failure again with growing pauses, until `close`. */
export class OpenUpstream extends Condition implements Upstream {
  readonly settings: UpstreamSettings;
  readonly #context: UpstreamContext;
  /** What of its clients it is told in headers. */
  readonly #rules: ClientHeaders | undefined;
  /** Where it is; undefined for a child process. */
  readonly #server: { readonly address: string; readonly port: number } | undefined;
  readonly #transport: Transport;
  readonly #slots: Slots;
  readonly #sessions: LegacySessions;
  readonly #stateless: StatelessSessions;
  facts: Facts | undefined;
  readonly #closing = new AbortController();
  readonly #sweeper: NodeJS.Timeout;
  #verdict: { era: Era; until: number } | undefined;
  /** The attempts to reach the upstream that go on; it ends with the first that succeeds. */
  #reaching: Promise<void> | undefined;
  #failures = 0;
  #upSince = 0;

  readonly #authorized: Authorized | undefined;

  constructor(settings: UpstreamSettings, context: UpstreamContext, authorized?: Authorized) {
    super(settings.name, context.log);
    this.settings = settings;
    this.#context = context;
    this.#rules = settings.transport === 'http' ? settings.client : undefined;
    this.#server = settings.transport === 'http' ? addressOf(settings.url) : undefined;
    const { limits, pace } = context;
    this.#authorized = authorized;
    this.#transport = transportOf(settings, context, authorized?.authorization);
    this.#transport.onDoubt = (reason) => this.#doubt(reason);
    this.#transport.onRenewed = () => {
      if (this.state.kind === 'up') this.become({ ...this.state });
    };
    this.#slots = new Slots(this.name, limits.inFlight, limits.queue);
    const run = this.#run.bind(this);
    this.#sessions = new LegacySessions({
      context,
      run,
      open: (...request) => this.#openSession(...request),
    });
    this.#stateless = new StatelessSessions(context, run);
    this.#sweeper = setInterval(() => this.#sessions.sweep(), pace.idle / 4).unref();
    this.#reach(0);
  }

  get load(): UpstreamLoad {
    return { ...this.#slots.load, connections: this.#transport.connections };
  }

  async session(request: SessionRequest, signal: Cancellation): Promise<UpstreamSession> {
    if (this.state.kind === 'connecting') await this.settled(signalOf(signal));
    const upstream = this.name;
    if (signal.aborted) {
      throw findSallyError(signal.reason) ?? UpstreamCancelled({ upstream, method: 'initialize' });
    }
    if (this.state.kind !== 'up') throw this.downError();
    return (
      this.#stateless.take(request) ??
      this.#sessions.ready(request) ??
      this.#sessions.take(request, signalOf(signal))
    );
  }

  async release(client: string): Promise<void> {
    this.#stateless.release(client);
    await this.#sessions.release(client);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const reason = UpstreamDown({ upstream: this.name, reason: 'it was closed' });
    this.#closing.abort(reason);
    clearInterval(this.#sweeper);
    this.becomeDown(reason);
    await Promise.all([this.#stateless.close(), this.#sessions.closeAll(true)]);
    await this.#transport.close();
    await this.#authorized?.close?.();
  }

  /** Tries until it is reached. */
  #reach(delay: number): void {
    this.#reaching ??= this.#attempts(delay).finally(() => {
      this.#reaching = undefined;
    });
  }

  async #attempts(delay: number): Promise<void> {
    const { pace } = this.#context;
    let wait = delay;
    for (;;) {
      if (wait > 0 && !(await pause(wait, this.#closing.signal))) return;
      if (this.#closing.signal.aborted) return;
      try {
        await this.#contact();
        return;
      } catch (thrown) {
        if (this.#closing.signal.aborted) return;
        this.#failed(thrown);
      }
      wait = backoff(this.#failures, pace, Math.random);
    }
  }

  async #contact(): Promise<void> {
    const { pace, log } = this.#context;
    const known = this.#verdict && this.#verdict.until > Date.now() ? this.#verdict.era : undefined;
    const work = (signal: AbortSignal) => this.#transport.contact(known, signal);
    const session = await withDeadline(this.#handshakeMs, this.#late, this.#closing.signal, work);
    if (this.#closing.signal.aborted) return session.close();
    this.facts = session.facts;
    const { era, revision } = session.facts;
    if (era !== known) this.#verdict = { era, until: Date.now() + pace.verdict };
    await this.#adopt(session);
    // A child that goes on dying young is started less and less often.
    if (this.settings.transport === 'http') this.#failures = 0;
    this.#upSince = Date.now();
    const { proxy } = this.#context;
    const through = proxy === undefined ? '' : ` through the proxy ${proxy}`;
    const about = { upstream: this.name, revision, ...(proxy !== undefined && { proxy }) };
    log.info(about, `connected to the upstream '${this.name}'${through}`);
    this.become({ kind: 'up', era, revision });
    this.#sessions.restore();
  }

  get #handshakeMs(): number {
    const { times, pace } = this.#context;
    // A child may first have to be installed; a server that is there answers as fast as ever.
    return this.settings.transport === 'http'
      ? Math.min(times.silent.ms, pace.handshake)
      : pace.handshake + pace.probe;
  }

  readonly #late = (): SallyError =>
    UpstreamTimeout({ upstream: this.name, method: 'the handshake', seconds: this.#handshakeMs / 1000 });

  async #adopt(session: ClientSession): Promise<void> {
    session.onEnd = (reason) => this.#sessionEnded(session, reason);
    if (session.facts.era === 'modern') {
      await this.#sessions.closeAll();
      this.#stateless.use(session);
    } else {
      await this.#stateless.close();
      // Where headers say whose a session is, one that was opened for nobody is for nobody.
      if (this.#rules) await session.close();
      else this.#sessions.keepSpare(session);
    }
  }

  #failed(thrown: unknown): void {
    this.#failures += 1;
    const error = this.failed(thrown);
    // What it is may have changed; whether anyone is there says nothing about it.
    if (UpstreamProtocol.is(error) || UpstreamStatus.is(error)) this.#verdict = undefined;
  }

  /** Looks whether the upstream is still there, and still the same. */
  #doubt(reason: SallyError): void {
    if (this.#closing.signal.aborted || this.#reaching) return;
    const { log } = this.#context;
    log.debug({ upstream: this.name, reason: reason.message }, 'the upstream is looked at again');
    // Over HTTP it may well be there: until that is known, nobody has to wait.
    if (this.settings.transport === 'stdio') this.become({ kind: 'connecting' });
    this.#reach(0);
  }

  /** A child has ended by itself. */
  #sessionEnded(session: ClientSession, reason: SallyError): void {
    this.#sessions.drop(session);
    this.#stateless.drop(session);
    if (this.#closing.signal.aborted || this.#reaching) return;
    const { log, pace } = this.#context;
    log.warn({ upstream: this.name, code: reason.code, remedy: reason.remedy }, reason.message);
    this.#failures = Date.now() - this.#upSince < settledMs ? this.#failures + 1 : 1;
    if (this.#sessions.alive > 0) {
      const wait = backoff(this.#failures, pace, Math.random);
      void pause(wait, this.#closing.signal).then((waited) => waited && this.#sessions.restore());
      return;
    }
    if (this.#failures === 1) this.become({ kind: 'connecting' });
    else this.becomeDown(reason);
    this.#reach(backoff(this.#failures, pace, Math.random));
  }

  async #openSession(capabilities: JsonObject, identity: SessionRequest['identity']): Promise<ClientSession> {
    try {
      const headers = identity && this.#rules && headersOfIdentity(this.name, this.#rules, { identity });
      const work = (signal: AbortSignal) => this.#transport.open(capabilities, signal, headers);
      const session = await withDeadline(this.#handshakeMs, this.#late, this.#closing.signal, work);
      session.onEnd = (reason) => this.#sessionEnded(session, reason);
      if (!this.#closing.signal.aborted) return session;
      await session.close();
      throw this.#closing.signal.reason;
    } catch (error) {
      const known =
        findSallyError(error) ?? UpstreamProtocol({ upstream: this.name, detail: messageOf(error) });
      const stdio = this.settings.transport === 'stdio';
      if (!stdio) this.#observe(known);
      else if (this.#sessions.alive === 0) this.#doubt(known);
      throw known;
    }
  }

  async #run(
    session: ClientSession,
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions,
    capabilities: JsonObject,
  ): Promise<RpcResponse> {
    // A stream that lasts would take its place from the others.
    const lasting = method === 'subscriptions/listen';
    if (!lasting && !this.#slots.tryTake()) await this.#slots.take(method, options.signal);
    const observer = options.observed ?? this.#context.observer;
    const { era, revision } = session.facts;
    const start = { upstream: this.name, method, params, era, revision, server: this.#server };
    const observed = observer?.upstreamCall?.(start);
    const added = allowedBy(this.#rules, observed?.headers);
    const overHttp = this.#server !== undefined;
    const { from } = options;
    const told =
      overHttp && added === undefined ? undefined : metaFor(overHttp ? undefined : from, params, added);
    const sent = told ? { ...params, _meta: told } : params;
    try {
      if (observed?.cleared) await observed.cleared;
      const made =
        from && overHttp ? headersFor(this.name, this.#rules, from, options.headers, added) : options.headers;
      const headers = from || !overHttp || !added ? made : { ...made, ...added };
      const onSent = observed?.sent?.bind(observed);
      const given = headers === options.headers && !onSent ? options : { ...options, headers, onSent };
      const response = await session.request(method, sent, given, capabilities);
      observed?.end(response);
      return response;
    } catch (error) {
      observed?.end({ failed: error });
      this.#observe(error);
      throw error;
    } finally {
      if (!lasting) this.#slots.give();
    }
  }

  /** What the failure of one request says of the upstream. A child's end is heard of by itself. */
  #observe(error: unknown): void {
    if (this.settings.transport !== 'http') return;
    const gone = UpstreamStatus.is(error) && error.context.status >= 502 && error.context.status <= 504;
    if (gone || UpstreamDown.is(error) || UpstreamLost.is(error)) this.#doubt(error as SallyError);
  }
}

function addressOf({ hostname, port, protocol }: URL) {
  const usual = protocol === 'https:' ? 443 : 80;
  return { address: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? usual : Number(port) };
}
