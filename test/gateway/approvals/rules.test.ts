import { describe, expect, it } from 'vitest';
import { noProxies } from '../../../src/config/index.js';
import type { Access } from '../../../src/gateway/access.js';
import { ApprovalDesk, openApprovals } from '../../../src/gateway/approvals/index.js';
import { silentLogger } from '../../../src/log.js';
import type { JsonObject } from '../../../src/mcp/messages.js';
import type { DecisionInput, Verdict } from '../../../src/policy/index.js';
import { createCredentialStore } from '../../../src/tls/index.js';
import { fixture } from '../router/fixture-upstream.js';
import { ask, client, routerOver, textOf } from '../router/world.js';

const capabilities = { elicitation: { form: {} } };
const asks: Verdict = { kind: 'ask', by: 'rules gateway.yaml:3', reason: 'look at it' };

/** A router whose rules decide as `decide` does. */
async function ruled(era: 'legacy' | 'modern', decide: (input: DecisionInput) => Verdict) {
  const { upstream, seen } = await fixture(era, { tools: ['echo', 'ask'] });
  const settings = {
    by: ['elicitation'],
    together: false,
    timeoutMs: 60_000,
    remember: 0,
    maxWaiting: 10,
    maxWaitingPerUser: 10,
    allowSelf: false,
    page: false,
  } as const;
  const deps = {
    desk: new ApprovalDesk(),
    log: silentLogger,
    proxies: noProxies,
    store: createCredentialStore({ log: silentLogger }),
  };
  const current = await openApprovals(settings, deps);
  const access: Access = { rules: { open: false, decide } };
  const router = routerOver([upstream], { access, approvals: { current } });
  return { router, seen };
}

const onCalls = ({ method, args }: DecisionInput): Verdict =>
  method === 'tools/call' && args !== undefined ? asks : { kind: 'allow' };

describe('a rule that asks', () => {
  it('lets the call go on once the user has said yes', async () => {
    const { router } = await ruled('legacy', onCalls);
    const messages: unknown[] = [];
    const call = { name: 'echo', arguments: { a: 1 } };
    const answers = [{ action: 'accept', content: { approve: true } }, { action: 'decline' }];
    const answer = (_: string, params: JsonObject | undefined) => {
      messages.push(params?.['message']);
      return { result: answers.shift() ?? {} };
    };
    const from = client('legacy', { capabilities });
    const served = await ask(router, from, 'tools/call', call, { answer });
    expect(served.result).toHaveProperty('content');
    expect(messages[0]).toContain('asked by rules gateway.yaml:3: look at it');
    const refused = await ask(router, from, 'tools/call', call, { answer });
    expect(refused.error.data).toMatchObject({ code: 'SALLY_APPROVAL_REFUSED' });
  });

  it('is asked once over all rounds of a call', async () => {
    const { router } = await ruled('modern', onCalls);
    const from = client('modern', { capabilities });
    const call = { name: 'ask', arguments: {} };
    const first = await ask(router, from, 'tools/call', call);
    const questions = first.result['inputRequests'] as Record<string, { params: JsonObject }>;
    const [[key, question] = ['', undefined]] = Object.entries(questions);
    expect(question?.params['message']).toContain('look at it');
    const approved = { [key]: { action: 'accept', content: { approve: true } } };
    const second = await ask(router, from, 'tools/call', {
      ...call,
      inputResponses: approved,
      requestState: first.result['requestState'],
    });
    // What the upstream asks is the next round, under a word of the gateway's own: its own word would begin the call anew.
    expect(second.result['resultType']).toBe('input_required');
    const [own = ''] = Object.keys(second.result['inputRequests'] as object);
    const third = await ask(router, from, 'tools/call', {
      ...call,
      inputResponses: { [own]: { action: 'accept', content: { name: 'Ada' } } },
      requestState: second.result['requestState'],
    });
    expect(textOf(third)).toContain('Ada');
  });

  it('does not let a call go on that is denied by the time it was approved', async () => {
    let denied = false;
    const decide = (input: DecisionInput): Verdict =>
      denied && input.args !== undefined ? { kind: 'deny', by: 'rules' } : onCalls(input);
    const { router, seen } = await ruled('legacy', decide);
    const answer = () => {
      denied = true;
      return { result: { action: 'accept', content: { approve: true } } };
    };
    const from = client('legacy', { capabilities });
    const served = await ask(router, from, 'tools/call', { name: 'echo', arguments: {} }, { answer });
    expect(served.error.data).toMatchObject({ code: 'SALLY_ACCESS_DENIED' });
    expect(seen).toEqual([]);
  });

  it('passes by those whom it wants to be asked, and no others', async () => {
    const { router } = await ruled('legacy', (input) => {
      const verdict = onCalls(input);
      return verdict.kind === 'ask' ? { ...verdict, ways: ['webhook'] } : verdict;
    });
    const from = client('legacy', { capabilities });
    const served = await ask(router, from, 'tools/call', { name: 'echo', arguments: {} });
    expect(served.error.data).toMatchObject({ code: 'SALLY_APPROVAL_NOBODY' });
  });
});
