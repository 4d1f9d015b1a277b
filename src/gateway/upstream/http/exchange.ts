import { UpstreamProtocol, UpstreamReplyId } from '../../../errors.js';
import { writeJson } from '../../../json/index.js';
import { type Position, readEvents } from '../../../mcp/events.js';
import type { JsonObject, PeerMessage as Message } from '../../../mcp/messages.js';
import { randomRequestId, replyKind, strayText } from '../../../mcp/requests.js';
import { batchRevision } from '../../../mcp/revisions.js';
import type { Call } from '../call.js';
import type { Dialogue } from '../dialogue.js';
import { eventLimit, messagesFrom, type UpstreamContext } from '../options.js';
import { explain } from './explain.js';
import type { HttpReply, Wire } from './wire.js';

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
  const id = randomRequestId();
  const body = writeJson({ jsonrpc: '2.0', id, method, params });
  const reply = await wire.send('POST', lines, body, signal, true);
  let text = '';
  let message: Message | undefined;
  let stray: Message | undefined;
  const look = (data: string) => {
    for (const one of messagesFrom(data, context.upstream) ?? []) {
      const kind = replyKind(one, id);
      // Python servers refuse what they do not know as `server-error`: the status says whose that is.
      const refusal = kind === 'stray' && reply.status >= 400 && one.error !== undefined;
      if (kind === 'reply' || kind === 'unread' || refusal) message ??= one;
      else if (kind === 'stray') stray ??= one;
    }
  };
  if (isStream(reply)) {
    const broken = await readEvents(reply.body, {}, eventLimit(context), (data) => {
      look(data);
      if (message || stray) reply.body.dump();
    });
    if (broken && !message && !stray) throw broken;
  } else {
    text = await reply.body.text();
    look(text);
  }
  if (stray && !message) {
    reply.body.destroy();
    throw UpstreamReplyId({ upstream: context.upstream, method, seen: strayText(stray), id });
  }
  return { reply, text, message };
}

/** Reads the reply to the request of `call`, as far as it goes. What it is worth is seen in `call`. */
export async function readReply(
  reply: HttpReply,
  call: Call,
  position: Position,
  { dialogue, context, revision }: { dialogue: Dialogue; context: UpstreamContext; revision: string },
): Promise<void> {
  /** What came at once, and is no request and no notification: there may be only one. */
  let answers: Message[] = [];
  let batched = false;
  const take = (data: string) => {
    let messages: readonly Message[];
    try {
      messages = messagesFrom(data, context.upstream) ?? [];
    } catch (error) {
      // What it was is not known: most likely the answer, for which nobody has to wait any more.
      call.fail(explain(error, context.upstream, call.method));
      return true;
    }
    for (const message of messages) {
      if (typeof message.method === 'string') {
        dialogue.receive(message, call);
        continue;
      }
      answers.push(message);
      batched ||= messages.length > 1 && revision !== batchRevision;
    }
    return messages.length > 0;
  };
  const settle = () => {
    const [answer, another] = answers;
    answers = [];
    if (!answer) return;
    if (batched) dialogue.stray(call, 'a batch');
    else if (another) dialogue.stray(call, 'two replies');
    else dialogue.receive(answer, call);
    // What comes next over this connection may be out of step, too.
    if (batched || another || replyKind(answer, call.id) === 'stray') reply.body.destroy();
  };
  if (isStream(reply)) {
    let closing: NodeJS.Timeout | undefined;
    const onText = () => {
      settle();
      if (call.ended) closing ??= setTimeout(() => reply.body.destroy(), afterAnswerMs).unref();
    };
    const onData = (data: string) => {
      if (!take(data)) context.log.debug({ upstream: context.upstream }, 'an event that is not JSON-RPC');
    };
    const broken = await readEvents(reply.body, position, eventLimit(context), onData, onText);
    clearTimeout(closing);
    if (broken && !call.ended && position.lastEventId === undefined) throw broken;
    return;
  }
  const text = await reply.body.text();
  const taken = take(text);
  settle();
  if (taken && call.ended) return;
  const what = text === '' ? 'empty' : 'not the JSON of an answer to it';
  const detail = `its reply to ${call.method} (HTTP ${reply.status}, ${reply.type || 'no content type'}) is ${what}`;
  throw UpstreamProtocol({ upstream: context.upstream, detail });
}

export function isStream({ status, type }: HttpReply): boolean {
  return status === 200 && type.startsWith('text/event-stream');
}
