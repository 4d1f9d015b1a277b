import { signalOf } from '../../cancel.js';
import { MethodUnknown, ParamsInvalid } from '../../errors.js';
import { signalWithin } from '../../http/index.js';
import type { Answer } from '../../mcp/messages.js';
import { kindNames, kinds } from '../../mcp/methods.js';
import type { ClientRequest } from '../client.js';
import { errorAnswer } from './answers.js';
import { runOperation } from './calls.js';
import type { ClientState } from './client-state.js';
import { complete } from './completion.js';
import type { Context } from './context.js';
import { isLevel } from './levels.js';
import { listPage } from './lists.js';
import { tellLevel } from './logging.js';
import { operations } from './operations.js';
import { pass } from './pass.js';
import { changeSubscription, listen } from './subscriptions.js';
import { runTask } from './tasks.js';
import { listWaitMs } from './waiting.js';

type Handler = (request: ClientRequest, state: ClientState, context: Context) => Promise<Answer>;

const unknown: Handler = async ({ method }) => errorAnswer(MethodUnknown({ method }));

/** Methods of one era are unknown to the other. */
const eras: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  legacy: {
    ping: async () => ({ result: {} }),
    'logging/setLevel': setLevel,
    'resources/subscribe': changeSubscription,
    'resources/unsubscribe': changeSubscription,
    'subscriptions/listen': unknown,
    'tasks/get': runTask,
    'tasks/result': runTask,
    'tasks/cancel': runTask,
    'tasks/list': runTask,
  },
  modern: {
    'subscriptions/listen': listen,
    ping: unknown,
    'logging/setLevel': unknown,
    'resources/subscribe': unknown,
    'resources/unsubscribe': unknown,
    'tasks/get': unknown,
    'tasks/update': unknown,
    'tasks/result': unknown,
    'tasks/cancel': unknown,
    'tasks/list': unknown,
  },
};

const both: Readonly<Record<string, Handler>> = {
  'completion/complete': complete,
  ...Object.fromEntries(
    kindNames.map((kind): [string, Handler] => [
      kinds[kind].list,
      (request, state, context) => listPage(kind, request, state, context),
    ]),
  ),
  ...Object.fromEntries(
    Object.values(operations).map((op): [string, Handler] => [
      op.method,
      (request, state, context) => runOperation(op, request, state, context),
    ]),
  ),
};

/** Who serves a method of this client's era. */
export function handlerFor({ method, client }: ClientRequest): Handler {
  const own = eras[client.era] ?? {};
  if (Object.hasOwn(own, method)) return own[method] ?? unknown;
  return Object.hasOwn(both, method) ? (both[method] ?? unknown) : passOn;
}

/** A method that is not known here goes through as it is where there is one upstream: which else would it be for. */
async function passOn(request: ClientRequest, state: ClientState, context: Context): Promise<Answer> {
  const [only, ...others] = context.routes();
  if (only === undefined || others.length > 0) return unknown(request, state, context);
  return pass(request, only.upstream, state, context);
}

/** Every upstream is told; a session that opens later is told then. */
async function setLevel(request: ClientRequest, state: ClientState, context: Context): Promise<Answer> {
  const { method, params } = request;
  const signal = signalWithin(listWaitMs, signalOf(request.signal));
  const { level } = params;
  if (!isLevel(level))
    return errorAnswer(ParamsInvalid({ method, problem: `level is no log level: ${level}` }));
  const opened = await Promise.allSettled(
    context.routes().map(({ upstream }) => context.sessions.of(state, upstream, signal)),
  );
  // A session that opens from now on is told as it opens; those that stand, before the client has its answer.
  state.level = level;
  await Promise.allSettled(
    opened.map(async (one) => {
      if (one.status === 'rejected') return;
      await tellLevel(one.value, context.share(one.value), state.key, level, { signal, log: context.log });
    }),
  );
  return { result: {} };
}
