import { ClientGone } from '../errors.js';
import { idKey } from '../json/index.js';
import type { SessionRecord, SessionStore } from '../sessions/index.js';
import { clientName } from '../telemetry/index.js';
import type { Call } from './endpoint-call.js';
import type { Exchange } from './endpoint-exchange.js';
import { Questions } from './endpoint-questions.js';
import { sseEvent, ssePrime } from './events.js';
import { type JsonObject, notificationJson, type RpcResponse } from './messages.js';
import { primesStreams } from './revisions.js';
import type { Client, Credential, Identity } from './router.js';

/** GET streams of one session at a time. */
const maxStreams = 4;
/** What is kept for a session that has no GET stream open, until it opens one: messages, and characters of them. */
const maxWaiting = { messages: 100, chars: 256 * 1024 };
/** What is kept of a session's events for a client that comes back. */
const maxReplay = { events: 256, chars: 256 * 1024 };
/** More credentials of one session than anybody has in use: the one shown first goes. */
const maxShown = 8;

/** A session's last events, for a client that lost its stream and comes back with `Last-Event-ID`. */
export class Replay {
  #number = 0;
  #chars = 0;
  readonly #events: { stream: string; number: number; id: string; data: string }[] = [];

  /** Remembers an event and gives it its id: `<stream>-<number>`, unique within the session. The newest is always kept. */
  add(stream: string, data: string): string {
    this.#number += 1;
    const id = `${stream}-${this.#number}`;
    this.#events.push({ stream, number: this.#number, id, data });
    this.#chars += data.length;
    while (
      this.#events.length > 1 &&
      (this.#events.length > maxReplay.events || this.#chars > maxReplay.chars)
    ) {
      this.#chars -= this.#events.shift()?.data.length ?? 0;
    }
    return id;
  }

  /** The events of a stream after that number, as far as they are still known. */
  after(stream: string, number: number): readonly { readonly id: string; readonly data: string }[] {
    return this.#events.filter((event) => event.stream === stream && event.number > number);
  }
}

/** The stream and the number of an event id; undefined for what is none. */
export function readEventId(id: string): { readonly stream: string; readonly number: number } | undefined {
  const [, stream, number] = /^([gp]\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
  return stream === undefined ? undefined : { stream, number: Number(number) };
}

/**
 * One stream of a session, over one connection after another: a client that loses its connection comes back to the
 * same stream by `Last-Event-ID`, for as long as the session knows what it missed.
 */
export class EventStream {
  /** `g` and a number where the client opened it by GET, `p` where it is the reply to a POST. */
  readonly name: string;
  readonly #replay: Replay;
  readonly #revision: string;
  #reply: Exchange | undefined;

  constructor(name: string, replay: Replay, revision: string) {
    this.name = name;
    this.#replay = replay;
    this.#revision = revision;
  }

  get connected(): boolean {
    return this.#reply !== undefined;
  }

  /** Goes on over this connection, after that event; an older connection ends. */
  connect(reply: Exchange, after?: number): void {
    const before = this.#reply;
    this.#reply = reply;
    before?.end();
    reply.stream();
    if (after !== undefined) {
      for (const { id, data } of this.#replay.after(this.name, after)) {
        if (data !== '') reply.write(sseEvent(data, id));
      }
    } else if (primesStreams(this.#revision)) {
      reply.write(ssePrime(this.#replay.add(this.name, '')));
    }
  }

  /** As `connect`, over a stream that has begun. */
  take(reply: Exchange): void {
    this.#reply = reply;
  }

  /** The connection is gone. */
  disconnected(reply: Exchange): void {
    if (this.#reply === reply) this.#reply = undefined;
  }

  send(json: string): void {
    const id = this.#replay.add(this.name, json);
    this.#reply?.write(sseEvent(json, id));
  }

  end(): void {
    this.#reply?.end();
    this.#reply = undefined;
  }
}

/** The credentials that were shown on a session: it lives for as long as one of them is valid. */
class ShownCredentials implements Iterable<Credential> {
  /** The newest comes last. */
  #kept: readonly Credential[] = [];
  #overSince: number | undefined;

  /** The hot path: nearly every request shows what the one before it has shown. */
  add(credential: Credential): void {
    const newest = this.#kept.at(-1);
    if (newest !== undefined && !newest.over && isSame(newest, credential)) return;
    const others = this.#kept.filter((one) => !one.over && !isSame(one, credential));
    this.#kept = [...others, credential].slice(-maxShown);
    this.#overSince = undefined;
  }

  [Symbol.iterator](): Iterator<Credential> {
    return this.#kept[Symbol.iterator]();
  }

  /** Since when none is valid any more; undefined where one is, or where none was ever shown. */
  overSince(now: number): number | undefined {
    if (this.#kept.length > 0 && this.#kept.every((one) => one.over)) this.#overSince ??= now;
    return this.#overSince;
  }
}

function isSame(one: Credential, other: Credential): boolean {
  if (one.shown === other.shown) return true;
  const { authorization } = one.shown;
  return authorization !== undefined && authorization === other.shown.authorization;
}

/** What a session is made of: its record, with an identity that is known here. */
export type SessionFacts = SessionRecord & Pick<Client, 'identity' | 'capabilities' | 'info'>;

/** A client of a revision with sessions, over HTTP. */
export class Session implements Client {
  readonly era = 'legacy';
  readonly id: string;
  readonly key: string;
  readonly principal: string;
  readonly identity: Identity;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
  readonly server: string | undefined;
  readonly questions = new Questions();
  readonly shown = new ShownCredentials();
  /** When the last request or stream ended. */
  lastUsed: number;
  ended = false;
  readonly #now: () => number;
  readonly #store: SessionStore;
  #record: SessionFacts;
  readonly #replay = new Replay();
  readonly #calls = new Map<unknown, Call>();
  /** Open GET streams, and the streams of POST requests without a response yet. */
  readonly #streams = new Map<string, EventStream>();
  readonly #waiting: string[] = [];
  #waitingChars = 0;
  #underWay = 0;
  #made = 0;

  constructor(record: SessionFacts, now: () => number, store: SessionStore) {
    this.id = record.id;
    this.key = record.key;
    this.principal = record.principal;
    this.identity = record.identity;
    this.revision = record.revision;
    this.capabilities = record.capabilities;
    this.info = record.info;
    this.server = record.server;
    this.lastUsed = now();
    this.#now = now;
    this.#store = store;
    this.#record = record;
    store.keep(record);
  }

  /** Whether something of it is under way: it does not grow old meanwhile. */
  get busy(): boolean {
    return this.#underWay > 0;
  }

  /** Whether its client has a stream open for what belongs to no request. */
  get listening(): boolean {
    return this.#getStreams().length > 0;
  }

  /** A call or a stream of it is under way, until it is `over`. */
  begin(call?: Call): void {
    this.#underWay += 1;
    if (call) this.#calls.set(idKey(call.id), call);
  }

  over(call?: Call): void {
    this.#underWay -= 1;
    this.lastUsed = this.#now();
    if (call && this.#calls.get(idKey(call.id)) === call) this.#calls.delete(idKey(call.id));
  }

  /** Keeps what a request has changed of the session that outlasts it, once it has succeeded. */
  remember(method: string, { uri, level }: JsonObject): void {
    if (this.ended) return;
    if (method === 'logging/setLevel') this.#record = { ...this.#record, level: String(level) };
    else {
      const others = this.#record.subscriptions.filter((one) => one !== uri);
      const subscriptions = method === 'resources/subscribe' ? [...others, String(uri)] : others;
      this.#record = { ...this.#record, subscriptions };
    }
    this.#store.keep(this.#record);
  }

  notify(method: string, params?: JsonObject): void {
    this.send(notificationJson(method, params));
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse> {
    return this.questions.ask((json) => this.send(json), method, params, signal);
  }

  /** `notifications/cancelled`: of a request that is not under way it means nothing. */
  cancel({ requestId, reason }: JsonObject = {}): void {
    this.#calls.get(idKey(requestId))?.abandon('cancelled', reason);
  }

  /** The one stream of a client over HTTP+SSE, which is open already. */
  attach(reply: Exchange): void {
    const stream = this.#open('g');
    stream.take(reply);
    this.#newest(stream);
    this.begin();
    reply.response.once('close', () => this.over());
  }

  /** The stream of a POST request's reply. */
  streamOf(reply: Exchange): EventStream {
    const stream = this.#open('p');
    stream.connect(reply);
    return stream;
  }

  /** The response to a POST request is sent: its stream can be read again, but nothing is added. */
  streamDone(stream: EventStream): void {
    this.#streams.delete(stream.name);
    stream.end();
  }

  /**
   * A GET: a stream of what belongs to no request, or that of `lastEventId` again; none where it never was. The caller
   * reports the end of the connection to `disconnected`.
   */
  listen(reply: Exchange, lastEventId: string | undefined): EventStream | undefined {
    const event = lastEventId === undefined ? undefined : readEventId(lastEventId);
    if (lastEventId !== undefined && (event === undefined || Number(event.stream.slice(1)) > this.#made)) {
      return undefined;
    }
    const known = event && this.#streams.get(event.stream);
    const stream = known ?? (event ? this.#named(event.stream) : this.#open('g'));
    stream.connect(reply, event?.number);
    // Its request has its response already: there is nothing to come.
    if (event?.stream.startsWith('p') && known === undefined) this.streamDone(stream);
    if (stream.name.startsWith('g')) this.#newest(stream);
    return stream;
  }

  /** The connection of a stream is gone; a GET stream is not kept, its events are. */
  disconnected(stream: EventStream, reply: Exchange): void {
    stream.disconnected(reply);
    if (stream.name.startsWith('g') && !stream.connected) this.#streams.delete(stream.name);
  }

  /** Everything of it ends. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    for (const call of [...this.#calls.values()]) call.abandon('gone');
    this.questions.end(ClientGone({ client: clientName(this.info) }));
    for (const stream of this.#streams.values()) stream.end();
    this.#streams.clear();
  }

  /** Each message goes on one stream only (Streamable HTTP, Multiple Connections): an older one may be dead. */
  send(json: string): void {
    if (this.ended) return;
    const newest = this.#getStreams().at(-1);
    if (newest !== undefined) {
      newest.send(json);
      return;
    }
    this.#waiting.push(json);
    this.#waitingChars += json.length;
    while (
      this.#waiting.length > maxWaiting.messages ||
      (this.#waitingChars > maxWaiting.chars && this.#waiting.length > 1)
    ) {
      this.#waitingChars -= this.#waiting.shift()?.length ?? 0;
    }
  }

  /** A stream that was just opened gets what has waited; where it is one too many, the oldest ends. */
  #newest(stream: EventStream): void {
    this.#streams.delete(stream.name);
    this.#streams.set(stream.name, stream);
    for (const json of this.#waiting.splice(0)) stream.send(json);
    this.#waitingChars = 0;
    const [oldest, ...others] = this.#getStreams();
    if (others.length < maxStreams) return;
    this.#streams.delete(oldest?.name ?? '');
    oldest?.end();
  }

  #open(kind: 'g' | 'p'): EventStream {
    this.#made += 1;
    return this.#named(`${kind}${this.#made}`);
  }

  #named(name: string): EventStream {
    const stream = new EventStream(name, this.#replay, this.revision);
    this.#streams.set(name, stream);
    return stream;
  }

  /** The open GET streams, the oldest first. */
  #getStreams(): EventStream[] {
    return [...this.#streams.values()].filter((stream) => stream.name.startsWith('g') && stream.connected);
  }
}
