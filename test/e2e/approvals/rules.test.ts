import { describe, expect, it } from 'vitest';
import { askedClient, no, outcomeOf, yes } from '../../support/approvals.js';
import { everything, modernClient, startGateway } from '../../support/gateway-run.js';

const echo = (message: string) => ({ name: 'echo', arguments: { message } });
const rules = [{ ask: 'tool.name == "echo" && args.message == "ask me"', reason: 'somebody has to see it' }];
const started = (gateway: object) =>
  startGateway({ plugins: [], gateway: { upstreams: { one: everything }, rules, ...gateway } });

describe.each(['legacy', 'modern'] as const)(
  'a call of a client of the %s era that a rule asks for',
  (era) => {
    it('goes on once its user has said yes', { timeout: 90_000 }, async () => {
      const { url } = await started({ approvals: {} });
      const { client, messages } = await askedClient(era, url, () => yes);
      expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('Echo: ask me');
      expect(await outcomeOf(client.callTool(echo('no question')))).toBe('Echo: no question');
      expect(messages).toHaveLength(1);
      expect(messages[0]).toContain('somebody has to see it');
      expect(messages[0]).toContain('"message": "ask me"');
    });

    it('is refused where its user says no', { timeout: 90_000 }, async () => {
      const { url } = await started({ approvals: {} });
      const { client } = await askedClient(era, url, () => no);
      expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('SALLY_APPROVAL_REFUSED');
    });
  },
);

it('a rule that asks refuses where no approvals are configured', { timeout: 90_000 }, async () => {
  const { url } = await started({});
  const client = await modernClient(url);
  await expect(client.callTool(echo('ask me'))).rejects.toThrow(/somebody has to see it|approv/i);
});
