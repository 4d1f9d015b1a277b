import { ClientGone } from '../../errors.js';
import { idKey } from '../../json/index.js';
import type { Answer, JsonObject } from '../../mcp/messages.js';
import type { Client, Identity } from '../client.js';
import { type Call, notificationJson } from './call.js';
import { EventStream } from './event-stream.js';
import { createQuestions } from './questions.js';
import { createReplay, readEventId } from './replay.js';
import type { HttpReply } from './reply.js';
import { ShownCredentials } from './shown-credentials.js';

/** GET streams of one session at a time. */
const maxStreams = 4;
/** What is kept for a session that has no GET stream open, until it opens one: messages, and characters of them. */
const maxWaiting = { messages: 100, chars: 256 * 1024 };

interface SessionFacts {
  /** The secret that the client shows. */
  readonly id: string;
  /** What everybody else calls it. */
  readonly key: string;
  readonly principal: string;
  readonly identity: Identity;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
}

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
  readonly questions = createQuestions();
  readonly shown = new ShownCredentials();
  /** When the last request or stream ended. */
  lastUsed: number;
  ended = false;
  readonly #replay = createReplay();
  readonly #calls = new Map<unknown, Call>();
  /** Open GET streams, and the streams of POST requests that are not answered yet. */
  readonly #streams = new Map<string, EventStream>();
  readonly #waiting: string[] = [];
  #waitingChars = 0;
  #held = 0;
  #made = 0;

  constructor(facts: SessionFacts, now: number) {
    this.id = facts.id;
    this.key = facts.key;
    this.principal = facts.principal;
    this.identity = facts.identity;
    this.revision = facts.revision;
    this.capabilities = facts.capabilities;
    this.info = facts.info;
    this.lastUsed = now;
  }

  /** Whether something of it is under way: it does not grow old meanwhile. */
  get busy(): boolean {
    return this.#held > 0;
  }

  /** Something is under way, until the answer is called. */
  hold(now: () => number): () => void {
    this.#held += 1;
    return () => {
      this.#held -= 1;
      this.lastUsed = now();
    };
  }

  notify(method: string, params?: JsonObject): void {
    this.#send(notificationJson(method, params));
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<Answer> {
    return this.questions.ask((json) => this.#send(json), method, params, signal);
  }

  begin(call: Call): void {
    this.#calls.set(idKey(call.id), call);
  }

  finished(call: Call): void {
    if (this.#calls.get(idKey(call.id)) === call) this.#calls.delete(idKey(call.id));
  }

  /** `notifications/cancelled`: of a request that is not under way it means nothing. */
  cancel(id: unknown): void {
    this.#calls.get(idKey(id))?.abandon('cancelled');
  }

  /** The stream of a POST request's reply. */
  streamOf(reply: HttpReply): EventStream {
    const stream = this.#open('p');
    stream.connect(reply);
    return stream;
  }

  /** A POST request is answered: its stream can be read again, but nothing is added. */
  streamDone(stream: EventStream): void {
    this.#streams.delete(stream.name);
    stream.end();
  }

  /**
   * A GET: a stream of what belongs to no request, or that of `lastEventId` again; none where it never was. The caller
   * reports the end of the connection to `disconnected`.
   */
  listen(reply: HttpReply, lastEventId: string | undefined): EventStream | undefined {
    const event = lastEventId === undefined ? undefined : readEventId(lastEventId);
    if (lastEventId !== undefined && (event === undefined || Number(event.stream.slice(1)) > this.#made)) {
      return undefined;
    }
    const known = event && this.#streams.get(event.stream);
    const stream = known ?? (event ? this.#named(event.stream) : this.#open('g'));
    stream.connect(reply, event?.number);
    // The reply of a request that has been answered: there is nothing to come.
    if (event?.stream.startsWith('p') && known === undefined) this.streamDone(stream);
    if (stream.name.startsWith('g')) this.#newest(stream);
    return stream;
  }

  /** The connection of a stream is gone; a GET stream is not kept, its events are. */
  disconnected(stream: EventStream, reply: HttpReply): void {
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
  #send(json: string): void {
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

/** A client as logs name it. What it says of itself is as long as it likes. */
export function clientName(info: JsonObject): string {
  const { name, version } = info;
  if (typeof name !== 'string') return 'unnamed';
  const text = `${name}${typeof version === 'string' ? `/${version}` : ''}`;
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
