import type { Cancellation } from '../../cancel.js';
import { findSallyError, type SallyError } from '../../errors.js';
import type { PooledReply } from '../../http/index.js';
import { findId, parseExactJson, writeJson } from '../../json/index.js';
import { backoff, pause } from '../../wait.js';
import { type Position, readEvents } from '../events.js';
import { isObject, type JsonObject, plainText } from '../messages.js';
import { type PeerMessage, randomRequestId, received, replyKind, strayText } from '../requests.js';
import { batchRevision } from '../revisions.js';
import type { Call } from './call.js';
import type { Dialogue } from './dialogue.js';
import type { HttpWay } from './http-connections.js';
import type { ClientContext } from './session.js';

/** A stream may stay open so long after the reply that it was for, in milliseconds. */
const afterReplyMs = 1_000;

type Streamed = Extract<PooledReply, { kind: 'stream' }>;

/** All of a body. Rejects where it broke or is too large. */
export async function textOf(reply: PooledReply, { limits, errors }: ClientContext): Promise<string> {
  if (reply.kind === 'whole') return reply.text;
  const parts: string[] = [];
  let length = 0;
  await reply.stream.read((part) => {
    length += part.length;
    if (length > limits.messageBytes) throw errors.tooLarge(limits.messageBytes);
    parts.push(part);
  });
  return parts.join('');
}

/** Nobody wants the rest of it: the connection is kept where it ends soon. */
export function leave(reply: PooledReply): void {
  if (reply.kind === 'stream') reply.stream.leave();
}

/** Ends it, and the connection with it: one that has ended may carry the next call. `error` is what reading it rejects with. */
function destroy(reply: PooledReply, error?: Error): void {
  if (reply.kind === 'stream') reply.stream.destroy(error);
  reply.connection.retire();
}

/** Reads a reply that is a stream of events. Resolves at its end, with the error where it broke. */
export function eventsOf(
  reply: Streamed,
  position: Position,
  { limits: { messageBytes }, errors }: ClientContext,
  onData: (data: string) => void,
  onPiece?: () => void,
  onOther?: (event: string, data: string) => void,
): Promise<Error | undefined> {
  const source = {
    read: (take: (text: string) => void) => reply.stream.read(take),
    destroy: (error?: Error) => destroy(reply, error),
  };
  const limit = { bytes: messageBytes, tooLarge: () => errors.tooLarge(messageBytes) };
  return readEvents(source, position, limit, onData, onPiece, onOther);
}

/**
 * The messages of one body, event or line of a server: several where it is a batch; undefined where it is not JSON-RPC.
 *
 * @throws an error of `PeerErrors` for JSON that is not taken.
 */
function readMessages(
  text: string,
  { errors, message: what = 'the message' }: Pick<ClientContext, 'errors' | 'message'>,
): readonly PeerMessage[] | undefined {
  let value: unknown;
  try {
    value = parseExactJson(text, { what });
  } catch (error) {
    const refusal = findSallyError(error);
    if (refusal) throw errors.json(refusal);
    return undefined;
  }
  if (isObject(value)) return [received(value)];
  return Array.isArray(value) && value.every(isObject) ? value.map(received) : undefined;
}

/** Hands on what came over a way that is for all requests of a session: whose a reply is says its id. */
export function receiveText(
  text: string,
  dialogue: Dialogue,
  context: ClientContext,
  revision: string,
): void {
  const { about, log } = context;
  let messages: readonly PeerMessage[] | undefined;
  try {
    messages = readMessages(text, context);
  } catch (error) {
    // Whose reply it was says its id, where that can be found.
    const { code, remedy, message } = error as SallyError;
    log.warn({ ...about, code, remedy }, message);
    dialogue.refuse(findId(text), error as SallyError);
    return;
  }
  if (!messages) {
    log.debug({ ...about, line: plainText(text) }, 'a message that is not JSON-RPC');
    return;
  }
  const batch = messages.length > 1 && revision !== batchRevision;
  for (const message of messages) {
    if (batch && message.method === undefined) dialogue.receiveOfBatch(message);
    else dialogue.receive(message);
  }
}

/** Sends the first request of a session and returns its reply, with the JSON-RPC response where there is one. */
export async function exchangeOnce(
  connections: HttpWay,
  context: ClientContext,
  lines: string,
  method: string,
  params: JsonObject,
  signal: Cancellation,
): Promise<{ reply: PooledReply; text: string; message: PeerMessage | undefined }> {
  const id = randomRequestId();
  const body = writeJson({ jsonrpc: '2.0', id, method, params });
  const reply = await connections.send('POST', lines, body, signal, true);
  let text = '';
  let message: PeerMessage | undefined;
  let stray: PeerMessage | undefined;
  const look = (data: string) => {
    for (const one of readMessages(data, context) ?? []) {
      const kind = replyKind(one, id);
      // Python servers refuse what they do not know as `server-error`: the status says whose that is.
      const refusal = kind === 'stray' && reply.head.status >= 400 && one.error !== undefined;
      if (kind === 'reply' || kind === 'unread' || refusal) message ??= one;
      // What has neither is no reply to anybody: a page in the place of MCP.
      else if (kind === 'stray' && (one.result !== undefined || one.error !== undefined)) stray ??= one;
    }
  };
  if (reply.kind === 'stream') {
    const broken = await eventsOf(reply, {}, context, (data) => {
      look(data);
      if (message || stray) leave(reply);
    });
    if (broken && !message && !stray) throw broken;
  } else {
    text = await textOf(reply, context);
    look(text);
  }
  if (stray && !message) {
    destroy(reply);
    throw context.errors.replyId(method, strayText(stray), id);
  }
  return { reply, text, message };
}

interface ReplyContext {
  readonly dialogue: Dialogue;
  readonly context: ClientContext;
  readonly revision: string;
}

/**
 * Hands over what came at once on the exchange of `call`, body by body or event by event: messages of the server, and the
 * reply, of which there may be only one.
 */
function handOver(
  came: readonly (readonly PeerMessage[])[],
  reply: PooledReply,
  call: Call,
  { dialogue, revision }: ReplyContext,
): void {
  let only: PeerMessage | undefined;
  let stray: string | undefined;
  for (const messages of came) {
    for (const message of messages) {
      if (typeof message.method === 'string') dialogue.receive(message, call);
      else if (messages.length > 1 && revision !== batchRevision) stray = 'a batch';
      else if (only) stray ??= 'two replies';
      else only = message;
    }
  }
  if (stray !== undefined) dialogue.stray(call, stray);
  else if (only) dialogue.replied(only, call);
  // What comes next over this connection may be out of step, too.
  if (stray !== undefined || (only && replyKind(only, call.id) === 'stray')) destroy(reply);
}

/**
 * Reads the reply to the request of `call`, as far as it goes: at once where it is here as a whole. What it is worth is
 * seen in `call`. Throws, or rejects with, what is no reply.
 */
export function readReply(
  reply: PooledReply,
  call: Call,
  position: Position,
  exchange: ReplyContext,
): Promise<void> | undefined {
  if (reply.kind === 'stream') return readStream(reply, call, position, exchange);
  const { context } = exchange;
  const { text } = reply;
  const messages = readMessages(text, context);
  if (messages) handOver([messages], reply, call, exchange);
  if (call.ended) return undefined;
  const { status, contentType } = reply.head;
  const what = text === '' ? 'empty' : 'not the JSON of an answer to it';
  const detail = `its reply to ${call.what} (HTTP ${status}, ${contentType || 'no content type'}) is ${what}`;
  throw context.errors.unusable(call.what, detail, { id: call.id, text });
}

async function readStream(
  reply: Streamed,
  call: Call,
  position: Position,
  exchange: ReplyContext,
): Promise<void> {
  const { context } = exchange;
  let came: (readonly PeerMessage[])[] = [];
  let closing: NodeJS.Timeout | undefined;
  const onData = (data: string) => {
    try {
      const messages = readMessages(data, context);
      if (messages?.length) came.push(messages);
      else context.log.debug(context.about, 'an event that is not JSON-RPC');
    } catch (error) {
      // What it was is not known: most likely the reply, for which nobody has to wait any more.
      call.fail(error as SallyError);
    }
  };
  const onPiece = () => {
    const now = came;
    came = [];
    handOver(now, reply, call, exchange);
    if (call.ended) closing ??= setTimeout(() => destroy(reply), afterReplyMs).unref();
  };
  const broken = await eventsOf(reply, position, context, onData, onPiece);
  clearTimeout(closing);
  if (broken && !call.ended && position.lastEventId === undefined) throw broken;
}

interface StandingStream {
  open(lastEventId: string | undefined): Promise<PooledReply>;
  receive(message: PeerMessage): void;
  /** The server has no such stream, or not any more. */
  refused(reply: PooledReply): Promise<void>;
  /** It cannot be opened: nobody is there, or the way is cut. */
  failed(error: unknown): void;
}

/** A stream that lasted so long ended for a reason that has passed, in milliseconds. */
const settledMs = 5_000;

/**
 * Keeps a GET stream open until the signal: takes it up again where it ended, from the last event that came. A server
 * that answers with a 4xx status has none to offer.
 */
export async function keepStream(
  context: ClientContext,
  signal: Cancellation,
  stream: StandingStream,
): Promise<void> {
  const position: Position = {};
  let attempts = 0;
  while (!signal.aborted) {
    const begun = Date.now();
    try {
      const reply = await stream.open(position.lastEventId);
      const { status } = reply.head;
      // 409: the server has not noticed yet that the stream before is gone.
      if (status >= 400 && status < 500 && status !== 409) return await stream.refused(reply);
      if (reply.kind === 'stream') {
        // Proxies cut streams that rest: only one that cannot be opened again says something of the server.
        await eventsOf(reply, position, context, (data) => {
          attempts = 0;
          for (const message of standing(data, context)) stream.receive(message);
        });
      }
    } catch (error) {
      if (!signal.aborted) stream.failed(error);
    }
    if (Date.now() - begun > settledMs) attempts = 0;
    attempts += 1;
    await pause(position.retry ?? backoff(attempts, context.pace, Math.random), signal);
  }
}

/** One that is not taken is left out: it belongs to nobody's request. */
function standing(data: string, context: ClientContext): readonly PeerMessage[] {
  try {
    return readMessages(data, context) ?? [];
  } catch (error) {
    const { code, remedy, message } = findSallyError(error) ?? {};
    context.log.warn({ ...context.about, code, remedy }, message ?? 'an event could not be read');
    return [];
  }
}
