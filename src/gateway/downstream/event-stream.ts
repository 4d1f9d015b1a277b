import { sseEvent, ssePrime } from '../../mcp/events.js';
import { primesStreams } from '../../mcp/revisions.js';
import type { Replay } from './replay.js';
import type { HttpReply } from './reply.js';

/**
 * One stream of a session, over one connection after another: a client that loses its connection comes back to the
 * same stream by `Last-Event-ID`, for as long as the session knows what it missed.
 */
export class EventStream {
  /** `g` and a number where the client opened it by GET, `p` where it is the reply to a POST. */
  readonly name: string;
  readonly #replay: Replay;
  readonly #revision: string;
  #reply: HttpReply | undefined;

  constructor(name: string, replay: Replay, revision: string) {
    this.name = name;
    this.#replay = replay;
    this.#revision = revision;
  }

  get connected(): boolean {
    return this.#reply !== undefined;
  }

  /** Goes on over this connection, after that event; an older connection ends. */
  connect(reply: HttpReply, after?: number): void {
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

  /** The connection is gone. */
  disconnected(reply: HttpReply): void {
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
