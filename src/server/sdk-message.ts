import type { Reply } from '../http/index.js';
import { isJsonObject, JsonNumber, plainJson, standIn, withNumbers } from '../json/index.js';

/**
 * A message as the SDK takes it: with numbers of JavaScript, but for the arguments of tools, which it hands on as they
 * are. In place of an id that is written in another way goes a text, until `withNumbers` or `withIds` of the reply.
 */
export function sdkMessage(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(sdkMessage);
  if (!isJsonObject(message)) return plainJson(message);
  const { id, params, ...rest } = message;
  return {
    ...(plainJson(rest) as object),
    ...('id' in message && { id: idText(id) }),
    ...('params' in message && { params: sdkParams(params) }),
  };
}

function sdkParams(params: unknown): unknown {
  if (!isJsonObject(params)) return plainJson(params);
  const { arguments: args, requestId, ...rest } = params;
  return {
    ...(plainJson(rest) as object),
    ...('arguments' in params && { arguments: args }),
    ...('requestId' in params && { requestId: idText(requestId) }),
  };
}

const idText = (id: unknown): unknown => (id instanceof JsonNumber ? standIn(id) : plainJson(id));

/** A reply whose text gets the ids back that the SDK was given texts for. */
export function withIds(reply: Reply): Reply {
  const exact = (piece: string | Uint8Array) =>
    withNumbers(typeof piece === 'string' ? piece : Buffer.from(piece).toString());
  const own: Partial<Reply> = {
    writeHead(status, headers) {
      const sent = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-length');
      return reply.writeHead(status, Object.fromEntries(sent));
    },
    write: (piece) => reply.write(exact(piece)),
    end: (piece) => reply.end(piece === undefined ? undefined : exact(piece)),
  };
  return new Proxy(reply, {
    get(target, key) {
      const value: unknown = Reflect.get(Object.hasOwn(own, key) ? own : target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value),
  });
}
