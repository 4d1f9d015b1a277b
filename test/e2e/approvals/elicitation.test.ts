import { describe, expect, it } from 'vitest';
import { type Answer, askedClient, no, outcomeOf, yes } from '../../support/approvals.js';
import {
  everything,
  firstText,
  legacyClient,
  modernClient,
  plugin,
  startGateway,
} from '../../support/gateway-run.js';

const eras = ['legacy', 'modern'] as const;
const echo = (message: string) => ({ name: 'echo', arguments: { message } });

const started = (plugins: object[], approvals: object = {}) =>
  startGateway({ plugins, gateway: { upstreams: { one: everything }, approvals } });

describe.each(eras)('a call of a client of the %s era that a plugin asks for', (era) => {
  it('goes on once its user has said yes, and is not asked again for a while', {
    timeout: 90_000,
  }, async () => {
    const { url, log } = await started([plugin('asks.mjs', { config: { reason: 'because I say so' } })]);
    const { client, messages } = await askedClient(era, url, () => yes);
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('Echo: ask me');
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('Echo: ask me');
    expect(await outcomeOf(client.callTool(echo('no question')))).toBe('Echo: no question');
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain('tool: echo (upstream one)');
    expect(messages[0]).toContain('asked by plugin Plugin: because I say so');
    expect(messages[0]).toContain('"message": "ask me"');
    const said = log.filter(({ msg }) => msg === 'approval approved');
    expect(said).toMatchObject([{ way: 'elicitation', target: 'echo' }, { remembered: true }]);
  });

  it.each<[string, Answer]>([
    ['no', no],
    ['nothing', { action: 'cancel' }],
    ['yes, but not to this', { action: 'accept', content: { approve: false } }],
  ])(
    'is refused where the user says %s, and stays so for a while',
    { timeout: 90_000 },
    async (_, answer) => {
      const { url } = await started([plugin('asks.mjs')]);
      const { client, messages } = await askedClient(era, url, () => answer);
      expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('SALLY_APPROVAL_REFUSED');
      expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('SALLY_APPROVAL_REFUSED');
      expect(messages).toHaveLength(1);
    },
  );

  it('is shown as it goes out, changed by the plugins behind the one that asks', {
    timeout: 90_000,
  }, async () => {
    const { url } = await started([
      plugin('asks.mjs', { name: 'First', priority: 1 }),
      plugin('asks.mjs', { name: 'Second', priority: 2, config: { append: ' and more' } }),
      plugin('asks.mjs', { name: 'Third', priority: 3, config: { reason: 'a second reason' } }),
    ]);
    const { client, messages } = await askedClient(era, url, () => yes);
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('Echo: ask me and more');
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain('"message": "ask me and more"');
    expect(messages[0]).toMatch(/plugin First: it says ask\nasked by plugin Third: a second reason/);
  });

  it('asks nobody where another plugin blocks', { timeout: 90_000 }, async () => {
    const { url } = await started([plugin('asks.mjs', { name: 'First' }), plugin('blocks-denied.mjs')]);
    const { client, messages } = await askedClient(era, url, () => yes);
    await expect(client.callTool(echo('ask for what is denied'))).rejects.toThrow('Plugin Violation');
    expect(messages).toEqual([]);
  });

  it('holds back the result until it was approved, and calls once', { timeout: 90_000 }, async () => {
    const { url } = await started([plugin('asks.mjs')], { remember: 0 });
    const answers = [yes, no];
    const { client, messages } = await askedClient(era, url, () => answers.shift() ?? no);
    expect(await outcomeOf(client.callTool(echo('held')))).toBe('Echo: held');
    expect(await outcomeOf(client.callTool(echo('held')))).toBe('SALLY_APPROVAL_REFUSED');
    expect(messages[0]).toContain('The call itself has been made');
    expect(messages[0]).not.toContain('Echo: held');
  });

  it('is refused with the reason where the client asks nobody', { timeout: 90_000 }, async () => {
    const { url } = await started([plugin('asks.mjs')]);
    const client = era === 'legacy' ? await legacyClient(url) : await modernClient(url);
    await expect(client.callTool(echo('ask me'))).rejects.toThrow(
      /nobody can be asked: the client does not ask/,
    );
    expect(firstText(await client.callTool(echo('hello')))).toBe('Echo: hello');
  });

  it('is asked for each time where nothing is remembered', { timeout: 90_000 }, async () => {
    const { url } = await started([plugin('asks.mjs')], { remember: 0 });
    const { client, messages } = await askedClient(era, url, () => yes);
    await client.callTool(echo('ask me'));
    await client.callTool(echo('ask me'));
    expect(messages).toHaveLength(2);
  });
});

describe('a gateway without approvals', () => {
  it('takes a question for a block, with its code', { timeout: 90_000 }, async () => {
    const { url } = await startGateway({
      plugins: [plugin('asks.mjs')],
      gateway: { upstreams: { one: everything } },
    });
    const { client, messages } = await askedClient('legacy', url, () => yes);
    const refused = client.callTool(echo('ask me'));
    await expect(refused).rejects.toMatchObject({ data: { plugin_error_code: 'APPROVAL_REQUIRED' } });
    await expect(refused).rejects.toThrow('Needs an approval: it says ask');
    expect(messages).toEqual([]);
  });
});
