import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../../support/approvals.js';
import { sallyport } from '../../support/command.js';
import { opened, startWatched, stateWhere } from '../../support/console.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, legacyClient, plugin } from '../../support/gateway-run.js';

const echo = (message: string) => ({ name: 'echo', arguments: { message } });
const plugins = [plugin('asks.mjs')];
const upstreams = { one: everything };
const approvals = { by: ['page'], timeout: 600 };

/** The page with one call that waits on it, for whoever has the link. */
async function waiting(more: object = {}, args: readonly string[] = []) {
  const gateway = { upstreams, approvals, console: 4450, ...more };
  const watched = await startWatched({ plugins, gateway }, { args });
  const session = await opened(watched.link);
  const client = await legacyClient(watched.url);
  const call = outcomeOf(client.callTool(echo('ask me')));
  const state = await stateWhere(watched.page, session, (one) => one.approvals?.waiting.length === 1);
  const [one] = state.approvals?.waiting ?? [];
  const headers = {
    ...session,
    'Content-Type': 'application/json',
    'X-Sallyport-Token': state.approvals?.token ?? '',
  };
  const answer = async (approve: unknown, others: Record<string, string> = {}, id = one?.id ?? '') => {
    const reply = await fetch(new URL(`approvals/${id}`, watched.page), {
      method: 'POST',
      headers: { ...headers, ...others },
      body: JSON.stringify({ approve }),
    });
    await reply.text();
    return reply.status;
  };
  return { ...watched, session, client, call, one, answer };
}

describe('a call that waits for somebody at the page', { timeout: 90_000 }, () => {
  it('goes on once it was approved there, and is gone from it', async () => {
    const { page, session, call, one, answer, waitForLog } = await waiting();
    expect(one).toMatchObject({ name: 'echo', upstream: 'one', stage: 'call', waiting: 1 });
    expect(one?.args.text).toContain('ask me');
    expect(await answer(true)).toBe(204);
    expect(await call).toBe('Echo: ask me');
    expect(await answer(true)).toBe(409);
    const { decisions } = await stateWhere(
      page,
      session,
      (state) =>
        state.approvals?.waiting.length === 0 &&
        state.decisions.some(({ verdict }) => verdict === 'approved'),
    );
    expect(decisions.map(({ verdict }) => verdict)).toContain('asked');
    const line = await waitForLog(({ msg }) => msg === 'approval approved');
    expect(line).toMatchObject({ way: 'page', by: 'a link to the page' });
  });

  it('is refused there', async () => {
    const { call, answer } = await waiting();
    expect(await answer(false)).toBe(204);
    expect(await call).toBe('SALLY_APPROVAL_REFUSED');
  });

  it('is on the page with several workers too', async () => {
    const { call, answer } = await waiting({}, ['--workers', '2']);
    expect(await answer(true)).toBe(204);
    expect(await call).toBe('Echo: ask me');
  });

  it('goes from the page where its client gives it up', async () => {
    const { page, session, client, call } = await waiting();
    await (
      client as unknown as { transport: { terminateSession(): Promise<void> } }
    ).transport.terminateSession();
    await stateWhere(page, session, (state) => state.approvals?.waiting.length === 0);
    await client.close();
    await call;
  });

  it('takes no answer that another page could have sent, or that is none', async () => {
    const { call, answer } = await waiting();
    const statuses = [
      await answer(true, { 'X-Sallyport-Token': '' }),
      await answer(true, { 'X-Sallyport-Token': 'x'.repeat(32) }),
      await answer(true, { Origin: 'https://elsewhere.example' }),
      await answer(true, { 'Sec-Fetch-Site': 'same-site' }),
      await answer(true, { cookie: '' }),
      await answer('yes'),
      await answer(true, {}, 'of-no-question'),
    ];
    expect(statuses).toEqual([403, 403, 403, 403, 401, 400, 409]);
    expect(await answer(true)).toBe(204);
    expect(await call).toBe('Echo: ask me');
  });

  it('is answered by an admin, and not by whose call it is', async () => {
    const tokens = join(await temporaryFolder(), 'tokens.json');
    const create = async (user: string) => {
      const { stdout } = await sallyport(['token', 'create', '--file', tokens, '--user', user, '--json']);
      return (JSON.parse(stdout) as { token: string }).token;
    };
    const [ada, grace] = [await create('ada'), await create('grace')];
    const watched = await startWatched({
      plugins,
      gateway: {
        upstreams,
        approvals,
        auth: { kind: 'bearer', tokens_file: tokens },
        console: { admins: ['ada', 'grace'] },
      },
    });
    const client = await legacyClient(watched.url, { token: ada });
    const call = outcomeOf(client.callTool(echo('ask me')));
    const session = await opened(watched.link);
    const state = await stateWhere(watched.page, session, (one) => one.approvals?.waiting.length === 1);
    const { token = '', waiting: [one] = [] } = state.approvals ?? {};
    const answer = async (who: string) => {
      const reply = await fetch(new URL(`approvals/${one?.id}`, watched.page), {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${who}`,
          'Content-Type': 'application/json',
          'X-Sallyport-Token': token,
        },
        body: '{"approve":true}',
      });
      return [reply.status, (await reply.text()).includes('SALLY_APPROVAL_SELF')];
    };
    expect(await answer(ada)).toEqual([403, true]);
    expect(await answer(grace)).toEqual([204, false]);
    expect(await call).toBe('Echo: ask me');
    expect(await watched.waitForLog(({ msg }) => msg === 'approval approved')).toMatchObject({ by: 'grace' });
  });
});
