import { NotOffered, RequestStateInvalid } from '../../errors.js';
import type { PluginRequest } from '../../manager/index.js';
import { type Answer, isObject, type JsonObject } from '../../mcp/messages.js';
import { metaOf, withoutEnvelope } from '../../mcp/meta.js';
import { changedList, kinds } from '../../mcp/methods.js';
import type { ClientRequest } from '../client.js';
import type { CallOptions, Upstream, UpstreamSession } from '../upstream.js';
import { errorAnswer } from './answers.js';
import { type Ends, hopFields, isInputRequired, translateAnswer, translateResult } from './bridge.js';
import { offered } from './catalog.js';
import type { ClientState } from './client-state.js';
import type { Context } from './context.js';
import { extraHeaders } from './headers.js';
import type { Level } from './levels.js';
import { tellLevel, withLevel } from './logging.js';
import { noticeFor, urisIn, wantedLevel } from './notices.js';
import type { Operation } from './operations.js';
import { askable, canAnswer, cannotAnswer } from './questions.js';
import { askInRounds } from './rounds.js';
import { mayHoldBack, runPost, Screening } from './screening.js';
import { SuspendedCall } from './suspended.js';
import type { Target } from './targets.js';
import { taskFacts } from './task-facts.js';

/** The params of a round beside those of the request. */
const roundFields = ['inputResponses', 'requestState'] as const;

function withoutRound(params: JsonObject): JsonObject {
  const { inputResponses, requestState, ...rest } = params;
  return rest;
}

function roundOf(params: JsonObject): JsonObject {
  return Object.fromEntries(
    roundFields.flatMap((key) => (params[key] === undefined ? [] : [[key, params[key]]])),
  );
}

/** What came of a visit, and whether it is the upstream that has refused: another may have the resource. */
export interface Visited {
  readonly answer: Answer;
  readonly refused: boolean;
}

/** One request at one upstream, with the hooks around it: `pre` before the first round, `post` on the final result. */
export class Visit {
  readonly #op: Operation;
  readonly #state: ClientState;
  readonly #context: Context;
  readonly #upstream: Upstream;
  readonly #target: Target;
  readonly #screening: Screening;
  readonly #guarded: boolean;
  #params: JsonObject;
  #name: string;
  #headers: Record<string, string> | undefined;
  #refused = false;

  constructor(op: Operation, target: Target, request: ClientRequest, state: ClientState, context: Context) {
    const manager = context.plugins();
    this.#op = op;
    this.#state = state;
    this.#context = context;
    this.#upstream = target.route.upstream;
    this.#target = target;
    this.#screening = new Screening(manager, this.#upstream.name, request);
    this.#guarded = mayHoldBack(manager, op.post, this.#upstream.name);
    this.#params = withoutRound(withoutEnvelope(request.params));
    this.#name = target.name;
  }

  async run(request: ClientRequest): Promise<Visited> {
    this.#note(request);
    const stop = await this.#before(request);
    if (stop !== undefined) return { answer: stop, refused: false };
    const session = await this.#context.sessions.forCall(this.#state, this.#upstream, request.signal);
    const answer = await this.#converse(session, request);
    return { answer, refused: this.#refused };
  }

  #note({ trace }: ClientRequest): void {
    trace.upstream = this.#upstream.name;
    trace.target = this.#name;
  }

  /** The pre-hook. What it changed is what the upstream gets; an answer where it ends the request. */
  async #before(request: ClientRequest): Promise<Answer | undefined> {
    const { pre, kind, key } = this.#op;
    if (this.#screening.applies(pre)) {
      const payload = this.#op.payload(this.#params, this.#name, request.headers);
      const screened = await this.#screening.run(pre, payload, request.trace, request.signal);
      if ('stop' in screened) return screened.stop;
      if (isObject(screened.modified)) this.#revise(screened.modified, request);
      if (!offered(kind, this.#target.route.offer, this.#name)) {
        throw NotOffered({ what: kinds[kind].what, name: this.#name });
      }
      this.#note(request);
    }
    this.#params = { ...this.#params, [key]: this.#name };
    return undefined;
  }

  #revise(modified: JsonObject, request: ClientRequest): void {
    const { params, name } = this.#op.revise(this.#params, this.#name, modified);
    this.#params = params;
    this.#name = name;
    const { headers, refused } = extraHeaders(request.headers, modified['headers']);
    if (Object.keys(headers).length > 0) this.#headers = headers;
    if (refused.length > 0) {
      this.#context.log.warn({ headers: refused }, 'a plugin set headers that no plugin can set: left out');
    }
  }

  /** The four ways in which two eras meet. */
  async #converse(session: UpstreamSession, request: ClientRequest): Promise<Answer> {
    const finish = (answer: Answer, now: ClientRequest) => this.#finish(answer, session, now);
    const { era } = request.client;
    if (era === 'legacy') {
      const send = (more: JsonObject) => this.#send(session, request, more);
      if (session.era === 'legacy') return finish(await send({}), request);
      return finish(await askInRounds(request, this.#upstream.name, send), request);
    }
    if (session.era === 'modern') return this.#relay(session, request, roundOf(request.params));
    if (request.params['requestState'] !== undefined) {
      return errorAnswer(RequestStateInvalid({ method: request.method }));
    }
    return this.#suspendable(session, request, finish);
  }

  /** Both ends know rounds: they pass through. Where a hook has run, only our own word for it lets a round skip it. */
  async #relay(session: UpstreamSession, now: ClientRequest, round: JsonObject): Promise<Answer> {
    const answer = await this.#send(session, now, round);
    if (!isInputRequired(answer)) return this.#finish(answer, session, now);
    const result = this.#guarded ? questionsOnly(answer.result) : answer.result;
    const translated = translateResult(result, this.#ends(session, now));
    if (this.#screening.kept === undefined) return { result: translated };
    const { requestState: theirs } = answer.result;
    const requestState = this.#context.held.hold(now, {
      resume: (again) => {
        this.#note(again);
        const { inputResponses } = again.params;
        return this.#relay(session, again, {
          ...(inputResponses !== undefined && { inputResponses }),
          ...(theirs !== undefined && { requestState: theirs }),
        });
      },
      drop() {},
    });
    return { result: { ...translated, requestState } };
  }

  #suspendable(
    session: UpstreamSession,
    request: ClientRequest,
    finish: (answer: Answer, now: ClientRequest) => Promise<Answer>,
  ): Promise<Answer> {
    const call = new SuspendedCall(this.#upstream.name, request.client.capabilities, this.#context.held);
    const done = this.#send(session, request, {}, call).catch((error: unknown) => errorAnswer(error));
    return call.wait(request, done, (answer, now) => {
      this.#note(now);
      return finish(answer, now);
    });
  }

  /** One round at the upstream. `call` is where the client is between rounds, for a call that outlasts its request. */
  async #send(
    session: UpstreamSession,
    now: ClientRequest,
    more: JsonObject,
    call?: SuspendedCall,
  ): Promise<Answer> {
    const signal = call?.signal ?? now.signal;
    const level = wantedLevel(now, this.#state.level);
    if (now.client.era === 'modern' && level !== undefined && !this.#guarded) {
      const share = this.#context.share(session);
      await tellLevel(session, share, this.#state.key, level, { signal, log: this.#context.log });
    }
    const meta = metaOf(withoutEnvelope(now.params));
    const params = { ...this.#params, ...(Object.keys(meta).length > 0 && { _meta: meta }), ...more };
    const legacyDefault = now.client.era === 'legacy' && this.#state.level === undefined ? 'info' : level;
    const wanted = this.#guarded ? undefined : legacyDefault;
    const onRequest = this.#asks(now, call);
    const ended = this.#state.begin();
    try {
      return await session.request(this.#op.method, withLevel(params, session, wanted), {
        signal,
        ...(this.#headers && { headers: this.#headers }),
        onNotification: this.#notices(now, level, call),
        ...(onRequest && { onRequest }),
      });
    } finally {
      ended();
    }
  }

  #notices(now: ClientRequest, level: Level | undefined, call: SuspendedCall | undefined) {
    return (method: string, params: JsonObject | undefined) => {
      if (changedList(method) !== undefined || method === 'notifications/resources/updated') {
        this.#context.hear(this.#state, this.#upstream, method, params);
        return;
      }
      const notice = noticeFor(method, params, { level, guarded: this.#guarded });
      const to = call === undefined ? now : call.now;
      if (notice !== undefined) to?.notify(method, notice.params);
    };
  }

  /** Who answers what the upstream asks within the call; nobody where both ends know rounds. */
  #asks(now: ClientRequest, call: SuspendedCall | undefined): CallOptions['onRequest'] {
    if (call !== undefined) {
      return askable(now.client) ? (method, params, signal) => call.ask(method, params, signal) : undefined;
    }
    if (now.client.era === 'modern') return undefined;
    return async (method, params, signal) =>
      canAnswer(now.client.capabilities, method) === false
        ? cannotAnswer(method)
        : now.ask(method, params, signal).catch((error: unknown) => errorAnswer(error));
  }

  async #finish(answer: Answer, session: UpstreamSession, now: ClientRequest): Promise<Answer> {
    const ends = this.#ends(session, now);
    if ('error' in answer) {
      this.#refused = true;
      return translateAnswer(answer, ends);
    }
    if (this.#isPlain(now)) return translateAnswer(answer, ends);
    const plain = translateResult(answer.result, { ...ends, to: 'legacy' });
    const task = now.params['task'] === undefined ? undefined : taskIdOf(plain);
    // What comes of a task passes the post-hook later: until then nothing of the result may be told beside it.
    const created = this.#guarded ? { task: taskFacts(plain['task']) } : plain;
    const screened = task === undefined ? await this.#after(plain, now) : { result: created };
    if ('error' in screened) return screened;
    if (task !== undefined) this.#keepTask(task);
    if (this.#context.routes().length > 1) {
      for (const uri of urisIn(screened.result)) this.#state.seen.set(uri, this.#upstream);
    }
    const made =
      screened.result === plain
        ? answer.result
        : { ...hopFields(session.era === 'modern' ? answer.result : {}), ...screened.result };
    return translateAnswer({ result: made }, ends);
  }

  /** Whether nothing looks at the result: most calls have no plugin behind them. */
  #isPlain({ params }: ClientRequest): boolean {
    return (
      !this.#screening.applies(this.#op.post) &&
      params['task'] === undefined &&
      this.#context.routes().length === 1
    );
  }

  #after(result: JsonObject, now: ClientRequest): Promise<Answer> {
    return runPost(this.#op, this.#name, result, this.#screening, now);
  }

  #keepTask(id: string): void {
    const record = { upstream: this.#upstream, tool: this.#name, plugins: this.#screening.kept };
    this.#state.tasks.set(id, record satisfies { plugins: PluginRequest | undefined });
  }

  #ends(session: UpstreamSession, { client, method }: ClientRequest): Ends {
    return {
      method,
      upstream: this.#upstream.name,
      from: session.era,
      to: client.era,
      capabilities: client.capabilities,
      serverInfo: this.#context.serverInfo,
      personal: client.identity.method !== 'none' || this.#screening.kept !== undefined,
    };
  }
}

/** Of a result that asks for input what asks: nothing else of it passes by the hooks. */
function questionsOnly({ resultType, inputRequests, requestState, _meta }: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries({ resultType, inputRequests, requestState, _meta }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

/** The task that an upstream made of a call, where that is all of the result (2025-11-25, tasks). */
function taskIdOf({ task, content, structuredContent }: JsonObject): string | undefined {
  const id = isObject(task) ? task['taskId'] : undefined;
  return typeof id === 'string' && content === undefined && structuredContent === undefined ? id : undefined;
}
