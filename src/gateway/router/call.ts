import { NotOffered, ParamsInvalid, RequestStateInvalid } from '../../errors.js';
import type { TimeLimit } from '../../mcp/client/deadline.js';
import type { OnRequest } from '../../mcp/client/session.js';
import { isObject, type JsonObject, metaOf, type RpcResponse, withoutEnvelope } from '../../mcp/messages.js';
import { changedList, kinds } from '../../mcp/methods.js';
import type { Subject, Wanted } from '../approvals/index.js';
import type { ClientRequest } from '../client.js';
import type { Upstream, UpstreamSession } from '../upstream.js';
import { hidesMissing, isVisible, permitOrAsk } from './access.js';
import { onceApproved } from './approval.js';
import { askable, canAnswer, cannotServe } from './capabilities.js';
import type { ClientState } from './clients.js';
import type { Context, Routed } from './context.js';
import { findTargets } from './find.js';
import { extraHeaders, mergeChanges, type Operation, RequestHooks, reachOf } from './hooks.js';
import { askInRounds, isOurState, SuspendedCall } from './input-required.js';
import type { Target } from './lists.js';
import { notificationOf, taskFacts, taskIdOf } from './notifications.js';
import { errorAbout, withPublicUris } from './public-uris.js';
import { errorResponse, refusal } from './responses.js';
import { withArguments } from './servers.js';
import {
  type Ends,
  isInputRequired,
  modernFields,
  questionsOnly,
  translateResponse,
  translateResult,
  wantedLevel,
  withLevel,
} from './translate.js';

/** A request that hooks go around: a round of one that is suspended, or a new one. */
export async function callWithHooks(op: Operation, routed: Routed): Promise<RpcResponse> {
  const { request, context } = routed;
  const { method, params, client, signal } = request;
  if (client.era === 'modern' && isOurState(params['requestState'])) {
    const suspended = context.suspended.take(request);
    return suspended === undefined
      ? errorResponse(RequestStateInvalid({ method }))
      : suspended.resume(request);
  }
  const subject = params[op.key];
  if (typeof subject !== 'string') {
    return errorResponse(ParamsInvalid({ method, problem: `${op.key} must be a text` }));
  }
  const targets = await findTargets(op.kind, subject, routed, signal);
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) {
    return new UpstreamCall(op, only, routed).run(request);
  }
  // Nobody knows whose resource it is: one after the other is asked, until one has it. One that could not be asked may have it.
  let refused: RpcResponse | undefined;
  let unavailable: RpcResponse | undefined;
  for (const target of targets) {
    const call = new UpstreamCall(op, target, routed);
    try {
      const response = await call.run(request);
      if (!call.refused) return response;
      refused = response;
    } catch (error) {
      if (signal.aborted) throw error;
      unavailable ??= refusal(error, client.era);
    }
  }
  return unavailable ?? refused ?? errorResponse(ParamsInvalid({ method, problem: 'nobody can be asked' }));
}

/** One request at one upstream, with the hooks around it: `pre` before the first round, `post` on the final result. */
class UpstreamCall {
  readonly #op: Operation;
  readonly #state: ClientState;
  readonly #context: Context;
  readonly #upstream: Upstream;
  readonly #target: Target;
  readonly #hooks: RequestHooks;
  /** Whether a post-hook may block or change the result: nothing of it goes ahead then. */
  readonly #guarded: boolean;
  #params: JsonObject;
  #name: string;
  #headers: Record<string, string> | undefined;
  /** What the client calls it; a URI that says whose it is (`qualified`) stands in what the client is told too. */
  readonly #asked: unknown;
  readonly #qualified: boolean;
  /** Whether a person has let it go out. */
  #approved = false;
  /** Whether it is the upstream that has refused: another may have the resource. */
  refused = false;

  constructor(op: Operation, target: Target, { request, state, context }: Routed) {
    const manager = context.sets.current.plugins;
    // What is in `_meta` is that of one round: a progress token is its request's.
    const { inputResponses, requestState, _meta, ...params } = request.params;
    this.#op = op;
    this.#state = state;
    this.#context = context;
    this.#upstream = target.route.upstream;
    this.#target = target;
    this.#hooks = new RequestHooks(context, this.#upstream.name, request);
    this.#guarded = reachOf(manager, op.post, this.#upstream.name) === 'change';
    this.#params = target.offered ? withArguments(op.method, params, target.offered) : params;
    this.#name = target.name;
    const asked = request.params[op.key];
    this.#qualified = op.kind === 'resources' && asked !== target.name;
    this.#asked = asked;
  }

  async run(request: ClientRequest): Promise<RpcResponse> {
    request.observed?.routed?.(this.#upstream.name, this.#name);
    const { pre, kind } = this.#op;
    let wanted: readonly Wanted[] | undefined;
    if (this.#hooks.applies(pre)) {
      const payload = this.#op.payload(this.#params, this.#name, request.headers);
      const outcome = await this.#hooks.run(pre, payload, request);
      if ('stop' in outcome) return outcome.stop;
      if (isObject(outcome.modified)) this.#revise(outcome.modified, request.headers);
      const client = { request, state: this.#state, context: this.#context };
      if (!isVisible(kind, this.#name, this.#target.route, client)) {
        throw NotOffered({ what: kinds[kind].what, name: this.#name });
      }
      request.observed?.routed?.(this.#upstream.name, this.#name);
      wanted = outcome.wanted;
    }
    const ruled = this.#permit(request);
    if (ruled) wanted = [ruled, ...(wanted ?? [])];
    if (wanted === undefined) return this.#begin(request, request);
    return onceApproved(wanted, this.#subject(), request, this.#context, (now) => {
      this.#approved = true;
      // A reload may have changed what may be done at all.
      this.#permit(now);
      now.observed?.routed?.(this.#upstream.name, this.#name);
      return this.#begin(now, request);
    });
  }

  /** Goes out. `first` has what the client says of rounds with the upstream: those of an approval are over. */
  async #begin(request: ClientRequest, first: ClientRequest): Promise<RpcResponse> {
    this.#params = { ...this.#params, [this.#op.key]: this.#name };
    const session = await this.#context.sessions.of(this.#state, this.#upstream, request, 'calling');
    return this.#converse(session, request, first);
  }

  /** What a person is asked about. */
  #subject(result?: JsonObject): Subject {
    const { what } = kinds[this.#op.kind];
    const args = this.#params['arguments'];
    return { what, name: this.#name, upstream: this.#upstream.name, args, ...(result && { result }) };
  }

  /** Lets it pass as it will go out: what plugins have made of it is what is judged. Returns what a person is to be asked before. */
  #permit(request: ClientRequest): Wanted | undefined {
    if (this.#context.access === undefined) return undefined;
    const { kind, method } = this.#op;
    const args = this.#params['arguments'] ?? {};
    if (!isObject(args)) throw ParamsInvalid({ method, problem: 'arguments must be an object' });
    const routed = { request, state: this.#state, context: this.#context };
    return permitOrAsk(kind, { route: this.#target.route, name: this.#name }, routed, { method, args });
  }

  /** Goes on with the payload of the pre-hook as plugins have changed it. */
  #revise(modified: JsonObject, given: ClientRequest['headers']): void {
    const { kind, subject } = this.#op;
    const { [subject]: name, args } = modified;
    if (typeof name === 'string') this.#name = name;
    const before = this.#params['arguments'];
    const after = isObject(args) ? args : {};
    // No arguments at all where there were none and none were added: a field that was not there.
    if (kind !== 'resources' && (before !== undefined || Object.keys(after).length > 0))
      this.#params = { ...this.#params, arguments: mergeChanges(before, after) };
    const { headers, refused } = extraHeaders(given, modified['headers']);
    if (Object.keys(headers).length > 0) this.#headers = headers;
    if (refused.length > 0) {
      this.#context.log.warn({ headers: refused }, 'a plugin set headers that no plugin can set: left out');
    }
  }

  /** The four ways in which two eras meet. */
  async #converse(
    session: UpstreamSession,
    request: ClientRequest,
    first: ClientRequest,
  ): Promise<RpcResponse> {
    if (request.client.era === 'legacy') {
      let response = await this.#send(session, request, {});
      if (session.era === 'modern' && isInputRequired(response)) {
        const again = (more: JsonObject) => this.#send(session, request, more);
        response = await askInRounds(request, this.#upstream.name, response, again);
      }
      return this.#finish(response, session, request);
    }
    const { inputResponses, requestState } = first.params;
    if (session.era === 'modern') return this.#relay(session, request, inputResponses, requestState);
    if (requestState !== undefined) return errorResponse(RequestStateInvalid({ method: request.method }));
    return this.#suspendable(session, request);
  }

  /** Both ends know rounds: they pass through. Where a hook has run, only our own word for it lets a round skip it. */
  async #relay(
    session: UpstreamSession,
    now: ClientRequest,
    inputResponses: unknown,
    requestState: unknown,
  ): Promise<RpcResponse> {
    const response = await this.#send(session, now, {
      ...(inputResponses !== undefined && { inputResponses }),
      ...(requestState !== undefined && { requestState }),
    });
    if (!isInputRequired(response)) return this.#finish(response, session, now);
    const result = this.#guarded ? questionsOnly(response.result) : response.result;
    const hooked = this.#hooks.plugins !== undefined || this.#approved;
    const ends = endsOf(now, this.#upstream, session, this.#context, hooked);
    const translated = translateResult(result, ends);
    if (!hooked) return { result: translated };
    const ours = this.#context.suspended.suspend(now, {
      resume: (again) => {
        again.observed?.routed?.(this.#upstream.name, this.#name);
        this.#permit(again);
        return this.#relay(session, again, again.params['inputResponses'], response.result['requestState']);
      },
      drop() {},
    });
    return { result: { ...translated, requestState: ours } };
  }

  #suspendable(session: UpstreamSession, request: ClientRequest): Promise<RpcResponse> {
    const call = new SuspendedCall(this.#upstream.name, request.client.capabilities, this.#context.suspended);
    const done = this.#send(session, request, {}, call).catch((error: unknown) => errorResponse(error));
    return call.wait(request, done, (response, now) => {
      now.observed?.routed?.(this.#upstream.name, this.#name);
      if (now !== request) this.#permit(now);
      return this.#finish(response, session, now);
    });
  }

  /**
   * One round at the upstream. `call` is where the client is between rounds, for a call that outlasts its request. What the
   * upstream asks goes to the client, but where both ends know rounds.
   */
  async #send(
    session: UpstreamSession,
    now: ClientRequest,
    more: JsonObject,
    call?: SuspendedCall,
  ): Promise<RpcResponse> {
    const { sessions } = this.#context;
    const signal = call?.signal ?? now.signal;
    const level = wantedLevel(now, this.#state.level);
    if (now.client.era === 'modern' && level !== undefined && !this.#guarded) {
      await sessions.shared(session).setLevel(this.#state.key, level, signal);
    }
    const meta = metaOf(withoutEnvelope(now.params));
    const params = { ...this.#params, ...(Object.keys(meta).length > 0 && { _meta: meta }), ...more };
    const legacyDefault = now.client.era === 'legacy' && this.#state.level === undefined ? 'info' : level;
    const wanted = this.#guarded ? undefined : legacyDefault;
    this.#state.busy += 1;
    try {
      return await session.request(this.#op.method, withLevel(params, session, wanted), {
        signal,
        observed: now.observed,
        headers: this.#headers,
        time: this.#time,
        from: now,
        onNotification: (method, about) => {
          if (changedList(method) !== undefined || method === 'notifications/resources/updated') {
            this.#context.onNotification(this.#state, this.#upstream, method, about);
            return;
          }
          const notification = notificationOf(method, about, level, this.#guarded);
          if (notification === undefined) return;
          if (call === undefined) now.notify(method, notification.params);
          else call.notify(method, notification.params);
        },
        ...(call === undefined &&
          session.asks &&
          now.client.era === 'legacy' && { onRequest: askClient.bind(undefined, now) }),
        ...(call !== undefined && session.asks && askable(now.client) && { onRequest: call.ask.bind(call) }),
      });
    } finally {
      this.#state.busy -= 1;
    }
  }

  /** What the configuration gives this tool in place of the time that the upstream has for all. */
  get #time(): TimeLimit | undefined {
    const { toolTimeouts } = this.#upstream.settings;
    if (toolTimeouts === undefined || this.#op.kind !== 'tools') return undefined;
    const ms = Object.hasOwn(toolTimeouts, this.#name) ? toolTimeouts[this.#name] : undefined;
    return ms === undefined ? undefined : { ms, setting: `tool_timeouts.${this.#name}` };
  }

  async #finish(response: RpcResponse, session: UpstreamSession, now: ClientRequest): Promise<RpcResponse> {
    const ends = endsOf(now, this.#upstream, session, this.#context, this.#hooks.plugins !== undefined);
    if ('error' in response) this.refused = true;
    if ('error' in response && hidesMissing(this.#op.kind, response.error, this.#context))
      return refusal(NotOffered({ what: 'resource', name: String(this.#asked) }), now.client.era);
    if ('error' in response && this.#qualified)
      return translateResponse(errorAbout(response, this.#name, this.#asked), ends);
    const several = this.#context.routes.length > 1;
    const asTask = now.params['task'] !== undefined;
    // Nothing looks at the result: most calls have no plugin behind them.
    if ('error' in response || !(several || asTask || this.#hooks.applies(this.#op.post)))
      return translateResponse(response, ends);
    const plain = translateResult(response.result, { ...ends, to: 'legacy' });
    const task = asTask ? taskIdOf(plain) : undefined;
    if (task === undefined) {
      const screened = await this.#hooks.runPost(this.#op, this.#name, plain, now);
      if ('error' in screened) return screened;
      const { result, wanted } = screened;
      const changed = result !== plain;
      if (wanted === undefined) return this.#hand(response.result, result, session, now, changed);
      // About what the client is to have, and not about what the upstream gave.
      return onceApproved(wanted, this.#subject(result), now, this.#context, (later) => {
        later.observed?.routed?.(this.#upstream.name, this.#name);
        return this.#hand(response.result, result, session, later, changed);
      });
    }
    this.#state.tasks.set(task, {
      upstream: this.#upstream,
      tool: this.#name,
      plugins: this.#hooks.plugins,
    });
    // What comes of a task passes the post-hook later: until then nothing of the result may be told beside it.
    const result = this.#guarded ? { task: taskFacts(plain['task']) } : plain;
    return this.#hand(response.result, result, session, now, result !== plain);
  }

  /** Hands over a result as it is to be: `given` is what came, and `changed` whether it is another. */
  async #hand(
    given: JsonObject,
    made: JsonObject,
    session: UpstreamSession,
    now: ClientRequest,
    changed: boolean,
  ): Promise<RpcResponse> {
    const ends = endsOf(now, this.#upstream, session, this.#context, this.#hooks.plugins !== undefined);
    let result = made;
    if (this.#context.routes.length > 1) {
      const client = { state: this.#state, context: this.#context };
      result = await withPublicUris(made, this.#upstream, client, now.signal, this.#qualified);
    }
    const same = !changed && result === made;
    const whole = same ? given : { ...(session.era === 'modern' && modernFields(given)), ...result };
    return translateResponse({ result: whole }, ends);
  }
}

/** A request that no hook is for, as it is: names in it are the upstream's already. */
export async function callWithoutHooks(
  { request, state, context }: Routed,
  upstream: Upstream,
  {
    params = request.params,
    target,
    guarded = false,
  }: { params?: JsonObject; target?: string; guarded?: boolean } = {},
): Promise<RpcResponse> {
  const { method, signal, observed, client } = request;
  observed?.routed?.(upstream.name, target);
  const session = await context.sessions.of(state, upstream, request);
  const level = wantedLevel(request, state.level);
  state.busy += 1;
  try {
    const sent = withLevel(withoutEnvelope(params), session, level);
    const response = await session.request(method, sent, {
      signal,
      observed,
      from: request,
      onNotification: (name, about) => {
        if (changedList(name) !== undefined) return context.onNotification(state, upstream, name, about);
        const notification = notificationOf(name, about, level, guarded);
        if (notification !== undefined) request.notify(name, notification.params);
      },
      ...(session.asks && client.era === 'legacy' && { onRequest: askClient.bind(undefined, request) }),
    });
    return translateResponse(response, endsOf(request, upstream, session, context));
  } finally {
    state.busy -= 1;
  }
}

/** Passes what an upstream asks within a call on to the client, on the stream of the request's reply. */
async function askClient(
  request: ClientRequest,
  ...[method, params, signal]: Parameters<OnRequest>
): Promise<RpcResponse> {
  if (canAnswer(request.client.capabilities, method) === false) return cannotServe(method);
  return request.ask(method, params, signal).catch((error: unknown) => errorResponse(error));
}

/** Both ends of a request. `personal` where plugins have seen it: what they made of it is for nobody else. */
export function endsOf(
  { client, method }: ClientRequest,
  { name: upstream }: Upstream,
  { era: from }: Pick<UpstreamSession, 'era'>,
  { serverInfo, access }: Context,
  personal = false,
): Ends {
  const { era: to, capabilities, identity } = client;
  return {
    method,
    upstream,
    from,
    to,
    capabilities,
    serverInfo,
    personal: personal || access !== undefined || identity.method !== 'none',
  };
}
