import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { type Answer, askedClient, outcomeOf, yes } from '../../support/approvals.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, plugin, startGateway } from '../../support/gateway-run.js';

const echo = (message: string) => ({ name: 'echo', arguments: { message } });
const plugins = [plugin('asks.mjs')];
const file = (approvals: object = {}, more: object = {}) => ({
  plugins,
  gateway: { upstreams: { one: everything }, approvals, ...more },
});

/** A user who answers when the test says so, with what it says. */
function user() {
  const questions: { signal: AbortSignal; answer(given: Answer): void }[] = [];
  const looks = new Set<() => void>();
  const give = (_: string, signal: AbortSignal) =>
    new Promise<Answer>((answer) => {
      questions.push({ signal, answer });
      for (const look of looks) look();
    });
  /** The question of that number, once it is asked. */
  const question = (number: number) =>
    new Promise<(typeof questions)[number]>((resolve) => {
      const look = () => {
        const found = questions[number];
        if (found === undefined) return;
        looks.delete(look);
        resolve(found);
      };
      looks.add(look);
      look();
    });
  return { give, question, questions };
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });

describe('a call that waits for an approval', { timeout: 90_000 }, () => {
  it('is refused where nobody answers in time, and the question is withdrawn', async () => {
    const { url } = await startGateway(file({ timeout: 1 }));
    const { give, question } = user();
    const { client } = await askedClient('legacy', url, give);
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('SALLY_APPROVAL_TIMEOUT');
    await aborted((await question(0)).signal);
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('SALLY_APPROVAL_TIMEOUT');
  });

  it('withdraws its question where the client gives it up, and is asked anew the next time', async () => {
    const { url, waitForLog } = await startGateway(file());
    const { give, question } = user();
    const { client } = await askedClient('legacy', url, give);
    const control = new AbortController();
    const call = outcomeOf(client.callTool(echo('ask me'), undefined, { signal: control.signal }));
    const { signal } = await question(0);
    control.abort();
    await call;
    await aborted(signal);
    await waitForLog(({ msg }) => msg === 'approval withdrawn');
    const again = outcomeOf(client.callTool(echo('ask me')));
    (await question(1)).answer(yes);
    expect(await again).toBe('Echo: ask me');
  });

  it('withdraws its question where its session ends', async () => {
    const { url, waitForLog } = await startGateway(file());
    const { give, question } = user();
    const { client } = await askedClient('legacy', url, give);
    const call = outcomeOf(client.callTool(echo('ask me')));
    await question(0);
    await (
      client as unknown as { transport: { terminateSession(): Promise<void> } }
    ).transport.terminateSession();
    await waitForLog(({ msg }) => msg === 'approval withdrawn');
    await (client as unknown as { close(): Promise<void> }).close();
    await call;
  });

  it('is asked once with the same call beside it, and again where the first gives up', async () => {
    const { url } = await startGateway(file());
    const { give, question, questions } = user();
    const { client } = await askedClient('legacy', url, give);
    const control = new AbortController();
    const first = outcomeOf(client.callTool(echo('ask me'), undefined, { signal: control.signal }));
    await question(0);
    const others = [outcomeOf(client.callTool(echo('ask me'))), outcomeOf(client.callTool(echo('ask me')))];
    // Another call shows that those have come in by now.
    expect(await outcomeOf(client.callTool(echo('hello')))).toBe('Echo: hello');
    expect(questions).toHaveLength(1);
    control.abort();
    (await question(1)).answer(yes);
    expect(await Promise.all(others)).toEqual(['Echo: ask me', 'Echo: ask me']);
    await first;
    expect(questions).toHaveLength(2);
  });

  it('is refused where too many of its user wait', async () => {
    const { url } = await startGateway(file({ max_waiting_per_user: 1 }));
    const { give, question } = user();
    const { client } = await askedClient('legacy', url, give);
    const first = outcomeOf(client.callTool(echo('ask one')));
    const { answer } = await question(0);
    expect(await outcomeOf(client.callTool(echo('ask two')))).toBe('SALLY_APPROVAL_FULL');
    answer(yes);
    expect(await first).toBe('Echo: ask one');
  });

  it('is refused at once where the gateway is about to stop, and says so', async () => {
    const gateway = await startGateway(file({ timeout: 3600 }));
    const { give, question } = user();
    const { client } = await askedClient('legacy', gateway.url, give);
    const call = outcomeOf(client.callTool(echo('ask me')));
    await question(0);
    const status = gateway.stop();
    expect(await call).toBe('SALLY_APPROVAL_STOPPED');
    await (client as unknown as { close(): Promise<void> }).close();
    expect(await status).toBe(0);
  });

  it('goes on over a reload, with the plugins that it began with', async () => {
    const gateway = await startGateway(file({ timeout: 3600 }));
    const { give, question } = user();
    const { client } = await askedClient('legacy', gateway.url, give);
    const call = outcomeOf(client.callTool(echo('ask me')));
    const { answer } = await question(0);
    await gateway.reload({ plugins: [], gateway: { upstreams: { one: everything } } });
    expect(await outcomeOf(client.callTool(echo('ask for nothing')))).toBe('Echo: ask for nothing');
    answer(yes);
    expect(await call).toBe('Echo: ask me');
  });

  it('tells a client that wants to hear of progress that it waits', async () => {
    const { url } = await startGateway(file());
    const { give, question } = user();
    const { client } = await askedClient('legacy', url, give);
    const heard: string[] = [];
    const call = client.callTool(echo('ask me'), undefined, {
      onprogress: ({ message }) => heard.push(String(message)),
    });
    (await question(0)).answer(yes);
    await call;
    expect(heard[0]).toBe('waiting for an approval');
  });

  it('is in the audit log, the access log and the metrics, with who, how and when', async () => {
    const audit = join(await temporaryFolder(), 'audit.jsonl');
    const gateway = await startGateway(file({}, { audit: { file: audit } }));
    const { client } = await askedClient('legacy', gateway.url, () => yes);
    await client.callTool(echo('ask me'));
    const { approvals } = await gateway.waitForLog(
      ({ msg, method }) => msg === 'request' && method === 'tools/call',
    );
    expect(approvals).toMatchObject([{ outcome: 'approved', way: 'elicitation' }]);
    const lines = (await readFile(audit, 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ method }) => method === 'tools/call');
    const asked = { asked_by: ['plugin Plugin'], stage: 'call', outcome: 'approved', way: 'elicitation' };
    // Before it goes out, and at its end.
    expect(lines).toMatchObject([
      { event: 'call', approvals: [{ ...asked, by: 'the user of the client', asked: expect.any(String) }] },
      { event: 'end', decision: 'allowed', approvals: [asked], plugins: [{ decision: 'asked' }, {}] },
    ]);
    const metrics = await (await request(new URL('/metrics', gateway.url))).body.text();
    expect(metrics).toContain('sallyport_approval_seconds_count{outcome="approved",way="elicitation"} 1');
  });
});

describe('a stateless client', { timeout: 90_000 }, () => {
  it('comes back too late for an answer, and is told so', async () => {
    const { url, waitForLog } = await startGateway(file({ timeout: 1 }));
    const { give, question } = user();
    const { client } = await askedClient('modern', url, give);
    const call = outcomeOf(client.callTool(echo('ask me')));
    const { answer } = await question(0);
    await waitForLog(({ msg }) => msg === 'approval timeout');
    answer(yes);
    expect(await call).toBe('SALLY_APPROVAL_TIMEOUT');
  });
});
