import { randomUUID } from 'node:crypto';
import type { Logger } from '../log.js';
import type { AccessFields } from './access-fields.js';
import type {
  AccessDecision,
  ApprovalEnd,
  HookCallEnd,
  HookCallStart,
  Observer,
  RequestEnd,
  RequestObservation,
  RequestStart,
  ServedCall,
} from './observer.js';
import { aroundHttp, bounded, shownTarget } from './shown.js';
import { callerIds, type SpanIds } from './trace-context.js';

/** The access log: one line for each request, at its end. Who, what, which plugins, how long; never what was said. */
export function createAccessLog(log: Logger): Observer {
  return { request: (start) => new AccessLine(log, start) };
}

/** A client as logs name it. What it says of itself is as long as it likes. */
export function clientName(info: Readonly<Record<string, unknown>>): string {
  const { name, version } = info;
  if (typeof name !== 'string') return 'unnamed';
  const text = `${name}${typeof version === 'string' ? `/${version}` : ''}`;
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** What one plugin did in a hook call, as it stands in the line. */
interface PluginRun extends Pick<HookCallStart, 'plugin' | 'hook'> {
  readonly decision: string;
  readonly ms: number;
}

class AccessLine implements RequestObservation {
  readonly #log: Logger;
  readonly #start: RequestStart;
  readonly #started = performance.now();
  readonly #plugins: PluginRun[] = [];
  #call: ServedCall | undefined;
  #upstream: string | undefined;
  #target: string | undefined;
  #approvals: object[] | undefined;
  #decision: AccessDecision | undefined;

  constructor(log: Logger, start: RequestStart) {
    this.#log = log;
    this.#start = start;
  }

  serves(call: ServedCall): void {
    this.#call = call;
  }

  routed(upstream: string | undefined, target: string | undefined): void {
    this.#upstream = upstream;
    this.#target = target;
  }

  decided(decision: AccessDecision): void {
    this.#decision = decision;
    this.#upstream ??= decision.upstream;
    this.#target ??= decision.target;
  }

  hookCall({ plugin, hook }: HookCallStart) {
    if (aroundHttp.has(hook)) return undefined;
    const started = performance.now();
    return {
      end: ({ decision }: HookCallEnd) => {
        if (decision === 'cancelled' || decision === 'skipped') return;
        this.#plugins.push({ plugin, hook, decision, ms: msSince(started) });
      },
    };
  }

  approval({ outcome, way, who, waitedMs }: ApprovalEnd): void {
    this.#approvals ??= [];
    this.#approvals.push({ outcome, ...(way && { way }), ...(who && { by: bounded(who) }), ms: waitedMs });
  }

  end(end: RequestEnd, span: SpanIds | undefined): void {
    const call = this.#call;
    const { address } = this.#start;
    let line: AccessFields;
    if (end.kind === 'served' && call !== undefined) {
      const { user, tenant } = call.client.identity;
      line = {
        request: call.requestId,
        ...(span ?? callerIds(this.#start.headers, call.params['_meta'])),
        user,
        tenant,
        client: clientName(call.client.info),
        ...(address !== undefined && { address }),
        method: bounded(call.method),
        ...(call.client.server !== undefined && { server: call.client.server }),
        ...(this.#upstream !== undefined && { upstream: this.#upstream }),
        ...(this.#target !== undefined && { target: shownTarget(this.#target) }),
        ...(this.#decision && { rule: this.#decision.by }),
        ...(this.#plugins.length > 0 && { plugins: this.#plugins }),
        ...(this.#approvals && { approvals: this.#approvals }),
        ...outcomeOf(call, end.response),
        ms: msSince(this.#started),
      };
    } else if (end.kind === 'other') {
      const { identity, method, status, error } = end;
      line = {
        request: randomUUID(),
        ...(span ?? callerIds(this.#start.headers, undefined)),
        ...(identity && { user: identity.user, tenant: identity.tenant }),
        ...(address !== undefined && { address }),
        method: bounded(method),
        ...(status !== undefined && { status }),
        ...(error !== undefined && { error }),
        outcome: status === undefined ? 'gone' : status < 400 ? 'ok' : 'refused',
        ms: msSince(this.#started),
      };
    } else return;
    this.#log.info(line, 'request');
  }
}

function msSince(started: number): number {
  return Math.round((performance.now() - started) * 100) / 100;
}

function outcomeOf(
  { abandoned }: ServedCall,
  response: (RequestEnd & { kind: 'served' })['response'],
): { outcome: string; error?: number } {
  if (abandoned !== undefined) return { outcome: abandoned };
  if ('error' in response) return { outcome: 'error', error: response.error.code };
  return { outcome: response.result['isError'] === true ? 'tool-error' : 'ok' };
}
