import type { RpcResponse } from '../../mcp/messages.js';
import { kindNames, kinds } from '../../mcp/methods.js';
import type { Era } from '../../mcp/revisions.js';
import { callWithHooks } from './call.js';
import type { Routed } from './context.js';
import { operations } from './hooks.js';
import { listPage } from './list-pages.js';
import { complete, passOn, runTask, setLevel } from './methods.js';
import { changeSubscription, listen } from './subscriptions.js';

type Handler = (routed: Routed) => Promise<RpcResponse>;

const inBoth = (handler: Handler) => ({ legacy: handler, modern: handler });

/** Who serves a method in which era: one that is there and not of the client's era is unknown to it. */
const methods: Readonly<Record<string, Partial<Readonly<Record<Era, Handler>>>>> = {
  'logging/setLevel': { legacy: setLevel },
  'completion/complete': inBoth(complete),
  'resources/subscribe': { legacy: changeSubscription },
  'resources/unsubscribe': { legacy: changeSubscription },
  'subscriptions/listen': { modern: listen },
  'tasks/get': { legacy: runTask },
  'tasks/result': { legacy: runTask },
  'tasks/cancel': { legacy: runTask },
  'tasks/list': { legacy: runTask },
  'tasks/update': { legacy: passOn },
  ...Object.fromEntries(
    kindNames.map((kind) => [kinds[kind].list, inBoth((routed) => listPage(kind, routed))]),
  ),
  ...Object.fromEntries(
    Object.values(operations).map((op) => [op.method, inBoth((routed) => callWithHooks(op, routed))]),
  ),
};

/** Who serves a method to a client of an era; undefined where it is none of that era. */
export function handlerOf(method: string, era: Era): Handler | undefined {
  const eras = Object.hasOwn(methods, method) ? methods[method] : undefined;
  return eras === undefined ? passOn : eras[era];
}
