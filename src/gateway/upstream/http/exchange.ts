import { UpstreamProtocol } from '../../../errors.js';
import type { JsonObject } from '../../rpc.js';
import type { Call } from '../call.js';
import type { Dialogue } from '../dialogue.js';
import { type Message, messagesOf } from '../message.js';
import type { UpstreamContext } from '../options.js';
import { type Position, readEvents } from './events.js';
import type { HttpReply, Wire } from './wire.js';

export const postHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

/** Requests that change nothing: one that a connection took along when it closed is sent once more (RFC 9110 section 9.2.2). */
const repeatable =
  /^(ping|initialize|server\/discover|completion\/complete|logging\/setLevel|prompts\/get|(tools|prompts|resources|resources\/templates)\/list|resources\/(read|subscribe|unsubscribe))$/;

export function isRepeatable(method: string): boolean {
  return repeatable.test(method);
}

/** A stream may stay open so long after the answer that it was for, in milliseconds. */
const afterAnswerMs = 1_000;

/** Sends the first request of a session and answers its reply, with the JSON-RPC answer where there is one. */
export async function exchangeOnce(
  wire: Wire,
  context: UpstreamContext,
  lines: string,
  method: string,
  params: JsonObject,
  signal: AbortSignal,
): Promise<{ reply: HttpReply; text: string; message: Message | undefined }> {
  const id = 0;
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
  const reply = await wire.send('POST', lines, body, signal, true);
  let text = '';
  let message: Message | undefined;
  const look = (data: string) => {
    const isAnswer = (one: Message) => one.method === undefined && (one.id === id || one.error !== undefined);
    message ??= messagesOf(data)?.find(isAnswer);
  };
  if (isStream(reply)) {
    const broken = await readEvents(reply.body, {}, context, (data) => {
      look(data);
      if (message) reply.body.dump();
    });
    if (broken && !message) throw broken;
  } else {
    text = await reply.body.text();
    look(text);
  }
  return { reply, text, message };
}

/** Reads the reply to the request of `call`, as far as it goes. What it is worth is seen in `call`. */
export async function readReply(
  reply: HttpReply,
  call: Call,
  position: Position,
  { dialogue, context }: { dialogue: Dialogue; context: UpstreamContext },
): Promise<void> {
  const take = (data: string) => {
    const messages = messagesOf(data);
    for (const message of messages ?? []) dialogue.receive(message, call);
    return messages !== undefined;
  };
  if (isStream(reply)) {
    let closing: NodeJS.Timeout | undefined;
    const broken = await readEvents(reply.body, position, context, (data) => {
      if (!take(data)) context.log.debug({ upstream: context.upstream }, 'an event that is not JSON-RPC');
      if (call.ended) closing ??= setTimeout(() => reply.body.destroy(), afterAnswerMs).unref();
    });
    clearTimeout(closing);
    if (broken && !call.ended && position.lastEventId === undefined) throw broken;
    return;
  }
  const text = await reply.body.text();
  if (take(text) && call.ended) return;
  const what = text === '' ? 'empty' : 'not the JSON of an answer to it';
  const detail = `its reply to ${call.method} (HTTP ${reply.status}, ${reply.type || 'no content type'}) is ${what}`;
  throw UpstreamProtocol({ upstream: context.upstream, detail });
}

export function isStream({ status, type }: HttpReply): boolean {
  return status === 200 && type.startsWith('text/event-stream');
}
