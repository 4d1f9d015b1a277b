import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import {
  everything,
  firstText,
  legacyClient,
  modernClient,
  startGateway,
} from '../../support/gateway-run.js';

const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: { code?: number; message: string; data?: { code?: string } }) => error,
  );

/** A gateway of a file with these lines in its block. */
const fileOf = (text: string) => ({
  ...(parse(text) as object),
  gateway: { ...(parse(text) as { gateway: object }).gateway, upstreams: { one: everything } },
});

const text = `
gateway:
  rules:
    - deny: tool.name == "get-sum"
      reason: sums are for others
    - deny: tool.name == "echo" && args.message.startsWith("secret")
      reason: no secrets
`;

describe('the rules of a gateway', () => {
  it('hide a tool, refuse by arguments, and are named in the log and the metrics', async () => {
    const gateway = await startGateway(fileOf(text));
    for (const connect of [legacyClient, modernClient]) {
      const client = await connect(gateway.url);
      const { tools } = await client.listTools();
      const names = tools.map(({ name }) => name);
      expect(names).toContain('echo');
      expect(names).not.toContain('get-sum');
      const call = (name: string, args: Record<string, unknown>) =>
        client.callTool({ name, arguments: args });
      expect(firstText(await call('echo', { message: 'hi' }))).toBe('Echo: hi');
      const hidden = await errorOf(call('get-sum', { a: 1, b: 2 }));
      const absent = await errorOf(call('get-nothing', {}));
      expect(hidden?.code).toBe(-32602);
      expect(hidden?.message).toBe(absent?.message.replace('get-nothing', 'get-sum'));
      const refused = await errorOf(call('echo', { message: 'secret' }));
      expect(refused?.message).toContain('no secrets');
      expect(refused?.data?.code).toBe('SALLY_ACCESS_DENIED');
    }
    const lines = () => gateway.log.filter(({ msg, rule }) => msg === 'request' && rule !== undefined);
    await gateway.waitForLog(() => lines().length === 4);
    expect(
      lines().map(({ rule, target, outcome }) => [String(rule).split('/').at(-1), target, outcome]),
    ).toEqual([
      ['gateway.yaml:4', 'get-sum', 'error'],
      ['gateway.yaml:6', 'echo', 'error'],
      ['gateway.yaml:4', 'get-sum', 'error'],
      ['gateway.yaml:6', 'echo', 'error'],
    ]);
    const metrics = await (await request(gateway.url.replace('/mcp', '/metrics'))).body.text();
    expect(metrics).toMatch(
      /sallyport_access_decisions_total\{decision="deny",rule="[^"]*gateway\.yaml:4"\} 2/,
    );
  });

  it('go by groups of the token, and say openly why where that is wanted', async () => {
    const folder = await temporaryFolder();
    const tokens = join(folder, 'tokens.json');
    const token = async (...more: string[]) =>
      (
        await sallyport(['token', 'create', '--file', tokens, '--user', 'ada', ...more], { cwd: folder })
      ).stdout.trim();
    const [admin, other] = [await token('--group', 'admin', 'ops'), await token()];
    const gateway = await startGateway({
      gateway: {
        auth: { kind: 'bearer', tokens_file: tokens },
        rules_denied: 'open',
        rules: [{ allow: '"admin" in user.groups' }, { allow: 'tool.name == "echo" && user.name == "ada"' }],
        upstreams: { one: everything },
      },
    });
    const [theirs, mine] = [
      await legacyClient(gateway.url, { token: admin }),
      await legacyClient(gateway.url, { token: other }),
    ];
    expect((await theirs.listTools()).tools.length).toBeGreaterThan(2);
    expect((await mine.listTools()).tools.map(({ name }) => name)).toEqual(['echo']);
    const refused = await errorOf(mine.callTool({ name: 'get-sum', arguments: { a: 1, b: 2 } }));
    expect(refused?.data?.code).toBe('SALLY_ACCESS_DENIED');
    expect((await theirs.listPrompts()).prompts.length).toBeGreaterThan(0);
    expect((await mine.listPrompts()).prompts).toEqual([]);
  });

  it('are exchanged by SIGHUP, and stay where the new ones are broken', async () => {
    const gateway = await startGateway(fileOf(text));
    const client = await legacyClient(gateway.url);
    const names = async () => (await client.listTools()).tools.map(({ name }) => name);
    await gateway.reload(fileOf('gateway:\n  rules:\n    - deny: tool.nmae == "echo"\n'));
    expect(await names()).not.toContain('get-sum');
    await gateway.reload(fileOf('gateway:\n  rules:\n    - deny: tool.name == "echo"\n'));
    expect(await names()).not.toContain('echo');
    expect(await names()).toContain('get-sum');
  });

  it('of a virtual server count for those who come to it, and are exchanged by SIGHUP', async () => {
    const file = (denied: string) => ({
      gateway: {
        servers: {
          ops: { tools: ['*'], rules: [{ deny: `tool.name == "${denied}"` }] },
          all: { tools: ['*'] },
        },
        upstreams: { one: everything },
      },
    });
    const gateway = await startGateway(file('get-sum'));
    const at = (server: string) => legacyClient(gateway.url.replace('/mcp', `/servers/${server}/mcp`));
    const [ops, all, whole] = [await at('ops'), await at('all'), await legacyClient(gateway.url)];
    const names = async (client: typeof ops) => (await client.listTools()).tools.map(({ name }) => name);
    expect(await names(ops)).not.toContain('get-sum');
    expect(await names(ops)).toContain('echo');
    expect((await errorOf(ops.callTool({ name: 'get-sum', arguments: { a: 1, b: 2 } })))?.code).toBe(-32602);
    for (const client of [all, whole]) expect(await names(client)).toContain('get-sum');
    await gateway.reload(file('echo'));
    expect(await names(ops)).toContain('get-sum');
    expect(await names(ops)).not.toContain('echo');
    expect(await names(all)).toContain('echo');
  });

  it('end the start where one cannot be used, with its place, also within a block of text', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'gateway.yaml');
    const lines = [
      'gateway:',
      '  upstreams: {one: {command: npx}}',
      '  rules:',
      '    - deny: >-',
      '        tool.name == "a" &&',
      '          tool.nmae == "b"',
      '    - deny: \'tool.name == "it\'\'s" && upstrem == "x"\'',
      '    - allow: "tool.name == \\"a\\" && nobody"',
      '    - deny: "true"',
      '      allow: "true"',
      '',
    ];
    await writeFile(path, lines.join('\n'));
    const { stderr, status } = await sallyport(['gateway', '--config', 'gateway.yaml'], { cwd: folder });
    expect(status).not.toBe(0);
    expect(stderr).toContain('gateway.yaml:9:13');
    await writeFile(path, lines.slice(0, 8).join('\n'));
    const again = await sallyport(['gateway', '--config', 'gateway.yaml'], { cwd: folder });
    await writeFile(
      path,
      [...lines.slice(0, 2), '  servers:', '    a: {tools: [b], rules: [{deny: nobody}]}'].join('\n'),
    );
    const ofServer = await sallyport(['gateway', '--config', 'gateway.yaml'], { cwd: folder });
    expect(ofServer.stderr).toContain('gateway.yaml:4:36');
    for (const place of ['gateway.yaml:6:16', 'gateway.yaml:7:38', 'gateway.yaml:8:37'])
      expect(again.stderr).toContain(place);
    expect(again.stderr).toContain("tool has no 'nmae': it has name, public_name, annotations");
  });
});
