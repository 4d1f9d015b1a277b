import { expect, it } from 'vitest';
import { askedClient, outcomeOf, yes } from '../../support/approvals.js';
import { everything, plugin, startGateway } from '../../support/gateway-run.js';

const echo = (message: string) => ({ name: 'echo', arguments: { message } });

it('asks once for the same call of all workers', { timeout: 120_000 }, async () => {
  const { url } = await startGateway(
    {
      plugins: [plugin('asks.mjs')],
      gateway: { upstreams: { one: everything }, approvals: { remember: 600 } },
    },
    { args: ['--workers', '2'] },
  );
  const first = await askedClient('legacy', url, () => yes);
  expect(await outcomeOf(first.client.callTool(echo('ask me')))).toBe('Echo: ask me');
  // Each connection goes to the next worker.
  for (let i = 0; i < 4; i += 1) {
    const { client, messages } = await askedClient(i % 2 ? 'legacy' : 'modern', url, () => yes);
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('Echo: ask me');
    expect(messages).toEqual([]);
  }
  expect(first.messages).toHaveLength(1);
});
