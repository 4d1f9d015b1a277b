import type { Transport } from '@modelcontextprotocol/client';
import { ReplyIdUnexpected, type SallyError } from '../errors.js';
import { replyKind, strayText } from '../mcp/requests.js';
import { callId } from './lane.js';

type Message = Parameters<Transport['send']>[0];
type Hear = NonNullable<Transport['onmessage']>;
type Id = string | number;

/** Requests that are over whose late replies are known for that. */
const mostOver = 256;

/**
 * Has the requests of the SDK's client go out under ids of ours, and its replies come in only where they have exactly
 * those: the client counts from 0, and takes "1" for 1. `onStray` is called for a reply to no request.
 */
export function withOwnIds<T extends Transport>(transport: T, peer: string, onStray = () => {}): T {
  const pending = new Map<string, { readonly id: Id; readonly method: string }>();
  /** Ids that were answered, or given up: what comes for them late is nobody's fault. */
  const over: string[] = [];
  let count = 0;
  const end = (own: string) => {
    pending.delete(own);
    over.push(own);
    if (over.length > mostOver) over.shift();
  };

  /** The message as the client is to hear it, under its own id; undefined for what is not for it. */
  const heard = (message: Message): Message | undefined => {
    if ('method' in message) return message;
    const { id: seen } = message as { id?: unknown };
    if (over.includes(seen as string)) return undefined;
    // Whose a reply with no id of ours is can be known only where one alone is waited for.
    const [only] = pending.size === 1 ? pending.keys() : [];
    const found = typeof seen === 'string' && pending.has(seen) ? seen : only;
    const request = found === undefined ? undefined : pending.get(found);
    const stray = found === undefined || replyKind(message, found) === 'stray';
    if (stray) onStray();
    if (found === undefined || request === undefined) return undefined;
    end(found);
    const { id, method } = request;
    if (!stray) return { ...message, id } as Message;
    const error = ReplyIdUnexpected({ peer, tool: method, seen: strayText(message), id: found });
    return { jsonrpc: '2.0', id, error: { code: error.jsonRpcCode, message: error.message, data: error } };
  };

  let hear: Hear | undefined;
  Object.defineProperty(transport, 'onmessage', {
    get: () => hear,
    set(listener: Hear | undefined) {
      hear =
        listener &&
        ((message, extra) => {
          const own = heard(message);
          if (own) listener(own, extra);
        });
    },
  });
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    if (!('method' in message)) return send(message, options);
    if ('id' in message) {
      count += 1;
      const own = callId(count);
      pending.set(own, { id: message.id, method: message.method });
      return send({ ...message, id: own }, options).catch((error: unknown) => {
        end(own);
        throw error;
      });
    }
    const given = message.params?.['requestId'];
    if (message.method !== 'notifications/cancelled') return send(message, options);
    const own = [...pending].find(([, { id }]) => id === given)?.[0];
    if (own === undefined) return Promise.resolve();
    end(own);
    return send({ ...message, params: { ...message.params, requestId: own } }, options);
  };
  return transport;
}

/** The error of ours that the client rejected with, where it is one. */
export function strayErrorOf(thrown: unknown): SallyError | undefined {
  const { data } = Object(thrown) as { data?: unknown };
  return ReplyIdUnexpected.is(data) ? data : undefined;
}
