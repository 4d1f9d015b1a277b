import {
  ApprovalLate,
  ApprovalNobody,
  ApprovalRefused,
  ApprovalStopped,
  ApprovalsFull,
  ApprovalWithdrawn,
  type SallyError,
} from '../../errors.js';
import { metaOf, type RpcResponse } from '../../mcp/messages.js';
import type { Approvals, Subject, Verdict, Wanted } from '../approvals/index.js';
import type { ClientRequest } from '../client.js';
import type { Context } from './context.js';
import { SuspendedCall } from './input-required.js';
import { errorResponse } from './responses.js';

/** What is done once everybody has said yes; `now` is the request of the client that waits by then. */
type GoOn = (now: ClientRequest) => Promise<RpcResponse>;

/**
 * Goes on once people have approved what is `wanted`, and with what they were shown: nothing of it changes meanwhile. A session
 * client is asked on the stream of its reply; a stateless one gets `input_required`, and comes again with the answer.
 */
export async function onceApproved(
  wanted: readonly Wanted[],
  subject: Subject,
  request: ClientRequest,
  context: Context,
  goOn: GoOn,
): Promise<RpcResponse> {
  const approvals = context.approvals.current;
  if (approvals === undefined) return refusalOf({ outcome: 'nobody', reason: notSetUp }, subject, wanted, 0);
  const finish = (verdict: Verdict, now: ClientRequest) =>
    verdict.outcome === 'approved' ? goOn(now) : refusalOf(verdict, subject, wanted, approvals.timeoutMs);
  const elicits = approvals.elicits(request, wanted);
  if (request.client.era === 'legacy' || !elicits) {
    const elicit = elicits ? request.ask.bind(request) : undefined;
    const progress = (count: number) => tell(request, count);
    const waiting = { signal: request.signal, elicit, progress };
    const verdict = await approvals.ask(request, subject, wanted, waiting, (end) =>
      request.observed?.approval?.(end),
    );
    return finish(verdict, request);
  }
  const call = new SuspendedCall(subject.upstream, request.client.capabilities, context.suspended);
  // Reported with the request that waits when it is known, or that comes next.
  const ends: Parameters<Parameters<Approvals['ask']>[4]>[0][] = [];
  const done = approvals.ask(
    request,
    subject,
    wanted,
    {
      signal: call.signal,
      elicit: call.ask.bind(call),
      progress: (count) => call.notify('notifications/progress', progressOf(count)),
    },
    (end) => ends.push(end),
  );
  return call.wait(request, done, (verdict, now) => {
    for (const end of ends) now.observed?.approval?.(end);
    return finish(verdict, now);
  });
}

const notSetUp = 'gateway.approvals is not set up';

/** Small steps: progress has to grow, and that of the upstream comes after it. */
const progressOf = (count: number) => ({ progress: count / 1000, message: 'waiting for an approval' });

function tell(request: ClientRequest, count: number): void {
  const { progressToken } = metaOf(request.params);
  if (progressToken !== undefined)
    request.notify('notifications/progress', { ...progressOf(count), progressToken });
}

async function refusalOf(
  verdict: Verdict,
  { what, name }: Subject,
  wanted: readonly Wanted[],
  timeoutMs: number,
): Promise<RpcResponse> {
  const because = wanted.map(({ reason }) => reason).join('; ');
  return errorResponse(errorOf(verdict, { what, name, because }, timeoutMs));
}

function errorOf(
  { outcome, way = 'page', who = 'somebody', reason }: Verdict,
  about: { readonly what: string; readonly name: string; readonly because: string },
  timeoutMs: number,
): SallyError {
  switch (outcome) {
    case 'timeout':
      return ApprovalLate({ ...about, seconds: timeoutMs / 1000 });
    case 'nobody':
      return ApprovalNobody({ ...about, problem: reason ?? '' });
    case 'full':
      return ApprovalsFull({ ...about, whose: reason ?? 'all' });
    case 'stopped':
      return ApprovalStopped(about);
    case 'withdrawn':
      return ApprovalWithdrawn(about);
    default:
      return ApprovalRefused({ ...about, who, way, reason });
  }
}
