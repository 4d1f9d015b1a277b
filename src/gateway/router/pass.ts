import type { Answer, JsonObject } from '../../mcp/messages.js';
import { withoutEnvelope } from '../../mcp/meta.js';
import { changedList } from '../../mcp/methods.js';
import type { ClientRequest } from '../client.js';
import type { CallOptions, Upstream, UpstreamSession } from '../upstream.js';
import { errorAnswer } from './answers.js';
import { type Ends, translateAnswer } from './bridge.js';
import type { ClientState } from './client-state.js';
import type { Context } from './context.js';
import { withLevel } from './logging.js';
import { noticeFor, wantedLevel } from './notices.js';
import { canAnswer, cannotAnswer } from './questions.js';

/** Both ends of a request that no hook has changed. */
export function endsOf(
  request: ClientRequest,
  upstream: Upstream,
  session: UpstreamSession,
  context: Context,
): Ends {
  const { client, method } = request;
  return {
    method,
    upstream: upstream.name,
    from: session.era,
    to: client.era,
    capabilities: client.capabilities,
    serverInfo: context.serverInfo,
    personal: client.identity.method !== 'none',
  };
}

interface PassOptions {
  readonly params?: JsonObject;
  /** Whether a post-hook may hold the result back: nothing of it goes ahead then. */
  readonly guarded?: boolean;
}

/** A request that no hook is for, as it is: names in it are the upstream's already. */
export async function pass(
  request: ClientRequest,
  upstream: Upstream,
  state: ClientState,
  context: Context,
  { params = request.params, guarded = false }: PassOptions = {},
): Promise<Answer> {
  const { method, signal, trace, client } = request;
  trace.upstream = upstream.name;
  const session = await context.sessions.of(state, upstream, signal);
  const level = wantedLevel(request, state.level);
  const onNotification = (name: string, about: JsonObject | undefined) => {
    if (changedList(name) !== undefined) return context.hear(state, upstream, name, about);
    const notice = noticeFor(name, about, { level, guarded });
    if (notice !== undefined) request.notify(name, notice.params);
  };
  const onRequest: CallOptions['onRequest'] = async (name, about, asked) =>
    canAnswer(client.capabilities, name) === false
      ? cannotAnswer(name)
      : request.ask(name, about, asked).catch((error: unknown) => errorAnswer(error));
  const ended = state.begin();
  try {
    const sent = withLevel(withoutEnvelope(params), session, level);
    const answer = await session.request(method, sent, {
      signal,
      onNotification,
      ...(client.era === 'legacy' && { onRequest }),
    });
    return translateAnswer(answer, endsOf(request, upstream, session, context));
  } finally {
    ended();
  }
}
