import { randomInt } from 'node:crypto';
import { parseExactJson, plainNumber } from '../json/index.js';
import { isObject, type JsonObject, type RequestId, type RpcError } from './messages.js';

/**
 * An id for a JSON-RPC request, or a progress token, that nobody guesses who has not seen the request. An integer of 31
 * bits: the one kind that every peer takes. There are servers that take no text, and servers that take no number above that.
 */
export function randomRequestId(): number {
  return randomInt(1, 2 ** 31);
}

/** What came where the reply to a request is waited for. */
export type ReplyKind =
  /** The reply to it. */
  | 'reply'
  /** An error of a peer that could not read whose reply it is: its id is null, or there is none. */
  | 'unread'
  /** A request or a notification of the peer: ids of those are its own. */
  | 'message'
  /** Anything else: the reply to another request, a batch, or no message at all. */
  | 'stray';

/**
 * What `message`, as it was parsed, is to the request with this id. A reply has the same id, and of the same type
 * (JSON-RPC 2.0 section 5): what has another may be late, forged, or somebody else's.
 */
export function replyKind(message: unknown, id: string | number): ReplyKind {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return 'stray';
  const seen = message as { id?: unknown; method?: unknown; error?: unknown };
  if (typeof seen.method === 'string') return 'message';
  if (seen.id === id) return 'reply';
  const unread = (seen.id ?? null) === null && typeof seen.error === 'object' && seen.error !== null;
  return unread ? 'unread' : 'stray';
}

const shown = 60;

/** What came in place of a reply, as an error says it: cut short, for it may be anything. */
export function strayText(message: unknown): string {
  if (Array.isArray(message)) return 'a batch';
  if (typeof message !== 'object' || message === null) return 'no message';
  const { id } = message as { id?: unknown };
  if (id === undefined) return 'no id';
  const text = typeof id === 'object' && id !== null ? 'that is an object' : JSON.stringify(id);
  return `the id ${text.length > shown ? `${text.slice(0, shown)}…` : text}`;
}

/** A message of a server as it came: what it is shows in the fields that it has. */
export interface PeerMessage {
  readonly id?: RequestId | null;
  readonly method?: string;
  readonly params?: JsonObject;
  readonly result?: JsonObject;
  readonly error?: RpcError;
}

/** A message with plain numbers where this side looks at them: the id of a reply, and the code of an error. */
export function received(message: JsonObject): PeerMessage {
  if (message['method'] === undefined) message['id'] = plainNumber(message['id']);
  const { error } = message;
  if (isObject(error)) error['code'] = plainNumber(error['code']);
  return message;
}

/** The error of a body that is a JSON-RPC error response; with an id, where it is to that request or to none that could be read. */
export function rpcErrorOf(text: string, id?: number): RpcError | undefined {
  let value: unknown;
  try {
    value = parseExactJson(text);
  } catch {
    return undefined;
  }
  const message: unknown = Array.isArray(value) ? value[0] : value;
  if (!isObject(message) || (id !== undefined && replyKind(message, id) === 'stray')) return undefined;
  const { error } = received(message);
  return isObject(error) && typeof error.code === 'number' ? error : undefined;
}

/** The body of a `tools/call`; `meta` is its `_meta`, written. */
export function toolCallBody(id: number, tool: string, args: string, meta: string | undefined): string {
  const head = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":${JSON.stringify(tool)},"arguments":${args}`;
  return meta === undefined ? `${head}}}` : `${head},"_meta":${meta}}}`;
}

interface Entry<T> {
  item: T | undefined;
  before: Entry<T> | undefined;
  after: Entry<T> | undefined;
}

/**
 * What is under way, in the order in which it began, and how much there is room for, altogether and for each principal. In
 * place of a Set, because what comes and goes with every request makes a Set's table anew every few: each table refers to the
 * next, so that one old one keeps all of them, and what was under way with them, until the next full collection.
 */
export class Running<T> implements Iterable<T> {
  size: number;
  readonly limit: number;
  readonly limitForOne: number;
  #first: Entry<T> | undefined;
  #last: Entry<T> | undefined;
  readonly #byPrincipal = new Map<string, number>();
  /** Those who wait until none is left. */
  readonly #waiting = new Set<() => void>();

  constructor(limit = Number.POSITIVE_INFINITY, limitForOne = Number.POSITIVE_INFINITY) {
    this.size = 0;
    this.limit = limit;
    this.limitForOne = limitForOne;
  }

  /** Whose limit is in the way of one more. Where nobody is known, only the total counts. */
  full(principal: string | undefined): 'for-all' | 'for-one' | undefined {
    if (this.size >= this.limit) return 'for-all';
    if (principal === undefined) return undefined;
    return (this.#byPrincipal.get(principal) ?? 0) >= this.limitForOne ? 'for-one' : undefined;
  }

  /** Returns a disposer, which takes it out again. */
  add(item: T, principal?: string): () => void {
    const entry: Entry<T> = { item, before: this.#last, after: undefined };
    if (this.#last) this.#last.after = entry;
    else this.#first = entry;
    this.#last = entry;
    this.size += 1;
    if (principal !== undefined) this.#count(principal, 1);
    return () => {
      if (entry.item === undefined) return;
      const { before, after } = entry;
      if (before) before.after = after;
      else this.#first = after;
      if (after) after.before = before;
      else this.#last = before;
      entry.item = undefined;
      entry.before = undefined;
      entry.after = undefined;
      this.size -= 1;
      if (principal !== undefined) this.#count(principal, -1);
      for (const look of this.#waiting) look();
    };
  }

  find(holds: (item: T) => boolean): T | undefined {
    for (let entry = this.#first; entry; entry = entry.after) {
      if (entry.item !== undefined && holds(entry.item)) return entry.item;
    }
    return undefined;
  }

  /** Those that are under way now, whatever becomes of them meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    const now: T[] = [];
    for (let entry = this.#first; entry; entry = entry.after) {
      if (entry.item !== undefined) now.push(entry.item);
    }
    yield* now;
  }

  /** Whether none is left, at once or within that time. */
  over(withinMs: number): Promise<boolean> {
    if (this.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (over: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(over);
      };
      const look = () => {
        if (this.size === 0) end(true);
      };
      const timer = setTimeout(end, withinMs, false);
      this.#waiting.add(look);
    });
  }

  #count(principal: string, change: 1 | -1): void {
    const count = (this.#byPrincipal.get(principal) ?? 0) + change;
    if (count > 0) this.#byPrincipal.set(principal, count);
    else this.#byPrincipal.delete(principal);
  }
}
