import { AuditUnavailable } from '../../errors.js';
import { clientName } from '../access-log.js';
import type {
  AccessDecision,
  ApprovalEnd,
  CallObservation,
  HookCallEnd,
  HookCallStart,
  RequestEnd,
  RequestObservation,
  RequestStart,
  ServedCall,
  UpstreamCallEnd,
  UpstreamCallStart,
} from '../observer.js';
import { aroundHttp, bounded, shownTarget } from '../shown.js';
import { callerIds, type SpanIds } from '../trace-context.js';
import type { AuditRecord } from './fields.js';
import type { AuditFile } from './file.js';

/** What one plugin decided, as it stands in the line. */
interface Verdict {
  readonly plugin: string;
  readonly hook: string;
  readonly decision: HookCallEnd['decision'];
  readonly code?: string | undefined;
  readonly reason?: string | undefined;
}

/** One request in the audit log: a line at its end, and where requests are refused for want of one, a line before it goes to an upstream. */
export class AuditedRequest implements RequestObservation {
  /** Why nothing is done for it. */
  readonly refuses: RequestObservation['refuses'];
  readonly #audit: AuditFile;
  readonly #ahead: boolean;
  readonly #start: RequestStart;
  readonly #started = performance.now();
  readonly #verdicts: Verdict[] = [];
  #approvals: ApprovalEnd[] | undefined;
  #call: ServedCall | undefined;
  #upstream: string | undefined;
  #target: string | undefined;
  #decision: AccessDecision | undefined;
  /** The line before it went to an upstream, once that was asked for. */
  #cleared: Promise<void> | undefined;
  #wentOut = false;

  /** `ahead`: whether a line has to stand before it goes to an upstream. */
  constructor(audit: AuditFile, ahead: boolean, start: RequestStart) {
    this.#audit = audit;
    this.#ahead = ahead;
    this.#start = start;
    this.refuses = audit.barred ? AuditUnavailable({}) : undefined;
  }

  serves(call: ServedCall): void {
    this.#call = call;
  }

  routed(upstream: string, target: string | undefined): void {
    this.#upstream = upstream;
    this.#target = target;
  }

  decided(decision: AccessDecision): void {
    this.#decision = decision;
    this.#upstream ??= decision.upstream;
    this.#target ??= decision.target;
  }

  hookCall({ plugin, hook }: HookCallStart): CallObservation<HookCallEnd> {
    return {
      end: ({ decision, violation, reason, error }) => {
        if (decision === 'skipped' || (decision === 'continue' && aroundHttp.has(hook))) return;
        const code = error?.code ?? violation;
        this.#verdicts.push({
          plugin,
          hook,
          decision,
          ...(code !== undefined && { code: bounded(code) }),
          ...(reason !== undefined && { reason: bounded(reason) }),
        });
      },
    };
  }

  approval(end: ApprovalEnd): void {
    this.#approvals ??= [];
    this.#approvals.push(end);
  }

  upstreamCall({ method }: UpstreamCallStart): CallObservation<UpstreamCallEnd> {
    // A list does nothing there, and may be asked for several clients at once.
    const cleared = this.#ahead && !method.endsWith('/list') ? this.#clear() : undefined;
    this.#wentOut = true;
    return { cleared, end() {} };
  }

  end(end: RequestEnd, span?: SpanIds): void {
    if (this.refuses !== undefined) {
      if (end.kind !== 'aside') this.#audit.countRefused();
      return;
    }
    const call = this.#call;
    const ms = Math.round((performance.now() - this.#started) * 100) / 100;
    if (end.kind === 'served' && call !== undefined) {
      const { response } = end;
      const error = 'error' in response ? response.error : undefined;
      this.#audit.append({
        ...this.#line('end', this.#decisionOf(call, error !== undefined)),
        outcome: call.abandoned ?? outcomeOf(response),
        ...this.#who(call, span),
        ...(error && { error: error.code, code: codeIn(error.data) }),
        ms,
      });
    } else if (end.kind === 'other') {
      const { identity, method, status, error, reason } = end;
      const gone = status === undefined;
      const refused = !gone && status >= 400;
      const blocked = this.#verdicts.some(({ decision }) => decision === 'blocked');
      this.#audit.append({
        ...this.#line('end', refused ? (blocked ? 'blocked' : 'refused') : 'allowed'),
        outcome: gone ? 'gone' : refused ? 'refused' : 'ok',
        user: identity?.user ?? null,
        tenant: identity?.tenant ?? null,
        ...(identity?.method !== undefined && { auth: identity.method }),
        ...this.#way(span),
        method: bounded(method),
        ...(this.#verdicts.length > 0 && { plugins: this.#verdicts }),
        ...(status !== undefined && { status }),
        ...(typeof error === 'number' && { error }),
        ...(reason !== undefined && { code: bounded(reason) }),
        ms,
      });
    }
  }

  #clear(): Promise<void> | undefined {
    const call = this.#call;
    if (this.#cleared !== undefined || call === undefined) return this.#cleared;
    this.#audit.append({ ...this.#line('call', 'allowed'), ...this.#who(call) });
    this.#cleared = this.#audit.written();
    return this.#cleared;
  }

  #line(event: string, decision: string): AuditRecord {
    return { time: new Date().toISOString(), event, decision };
  }

  #decisionOf({ abandoned }: ServedCall, isError: boolean): string {
    if (this.#verdicts.some(({ decision }) => decision === 'blocked')) return 'blocked';
    if (this.#approvals?.some(({ outcome }) => outcome !== 'approved')) return 'blocked';
    if (!isError || abandoned !== undefined) return 'allowed';
    if (this.#decision !== undefined) return 'denied';
    const failed = this.#wentOut || this.#verdicts.some(({ decision }) => decision === 'failed');
    return failed ? 'failed' : 'refused';
  }

  #way(span: SpanIds | undefined): AuditRecord {
    const { headers, address } = this.#start;
    const ids = span ?? callerIds(headers, this.#call?.params['_meta']);
    return {
      ...(ids && { trace_id: ids.trace_id }),
      ...(address !== undefined && { address }),
    };
  }

  #who(call: ServedCall, span?: SpanIds): AuditRecord {
    const { user, tenant, method } = call.client.identity;
    return {
      request: call.requestId,
      user,
      tenant,
      auth: method,
      client: clientName(call.client.info),
      ...this.#way(span),
      method: bounded(call.method),
      ...(call.client.server !== undefined && { server: call.client.server }),
      ...(this.#upstream !== undefined && { upstream: this.#upstream }),
      ...(this.#target !== undefined && { target: shownTarget(this.#target) }),
      ...(this.#decision && { rule: this.#decision.by }),
      ...(this.#verdicts.length > 0 && { plugins: this.#verdicts }),
      ...(this.#approvals && { approvals: this.#approvals.map(approvalIn) }),
    };
  }
}

function approvalIn({
  askedAt,
  sources,
  stage,
  outcome,
  way,
  who,
  reason,
  waitedMs,
  remembered,
}: ApprovalEnd) {
  return {
    asked: askedAt,
    asked_by: sources.map(bounded),
    stage,
    outcome,
    ...(way && { way }),
    ...(who && { by: bounded(who) }),
    ...(reason && { reason: bounded(reason) }),
    ms: waitedMs,
    ...(remembered && { remembered }),
  };
}

function outcomeOf(response: (RequestEnd & { kind: 'served' })['response']): string {
  if ('error' in response) return 'error';
  return response.result['isError'] === true ? 'tool-error' : 'ok';
}

/** The code of an error of ours, as the client is told it. */
function codeIn(data: unknown): string | undefined {
  const { code, plugin_error_code: plugin } = Object(data) as { code?: unknown; plugin_error_code?: unknown };
  const found = code ?? plugin;
  return typeof found === 'string' && found !== '' ? bounded(found) : undefined;
}
