import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { sallyport, start } from '../../support/command.js';
import { type EcsLine, ecsFaults } from '../../support/ecs.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, legacyClient, plugin } from '../../support/gateway-run.js';

/** A gateway and one call through it; the lines of its log until it has ended. */
async function lines(args: readonly string[], env: Record<string, string> = {}): Promise<string[]> {
  const folder = await temporaryFolder();
  const path = join(folder, 'gateway.yaml');
  const gateway = { upstreams: { one: everything } };
  await writeFile(path, JSON.stringify({ plugins: [plugin('rewriter.mjs')], gateway }));
  const child = start(['gateway', '--config', path, '--port', '0', ...args], { env });
  if (child.stderr === null) throw new TypeError('no stderr');
  const seen: string[] = [];
  let called: Promise<void> | undefined;
  const call = async (url: string) => {
    const client = await legacyClient(url);
    await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
    await request(url, { method: 'PUT' }).then(({ body }) => body.dump());
    await client.close();
    child.kill('SIGTERM');
  };
  for await (const line of createInterface({ input: child.stderr })) {
    seen.push(line);
    const url = /listening on (http:[^\s"]+)/.exec(line)?.[1];
    if (url) called = call(url);
  }
  await called;
  return seen;
}

it('--log-format ecs has every line by the Elastic Common Schema, and one for each request', async () => {
  const all = (await lines(['--log-format', 'ecs', '--verbose'], { LOG_FORMAT: 'json' })).map(
    (line) => JSON.parse(line) as EcsLine,
  );
  expect(all.flatMap(ecsFaults)).toEqual([]);
  const requests = all.filter((line) => line['event.dataset'] === 'sallyport.access');
  expect(requests).toContainEqual(
    expect.objectContaining({
      'event.action': 'tools/call',
      'event.outcome': 'success',
      'sallyport.upstream': 'one',
      'sallyport.target': 'echo',
    }),
  );
  expect(requests).toContainEqual(
    expect.objectContaining({ 'http.request.method': 'PUT', 'http.response.status_code': 405 }),
  );
});

it('--log-format pretty has lines to read, also off a terminal', async () => {
  const all = await lines(['--log-format', 'pretty']);
  expect(all).toContainEqual(
    expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}request {2}.*target=echo/),
  );
  expect(all.filter((line) => line.includes('\u001b'))).toEqual([]);
});

it('LOG_FORMAT says the same, and json is what there is without it', async () => {
  expect((await lines([], { LOG_FORMAT: 'ecs' })).every((line) => line.startsWith('{"log.level":'))).toBe(
    true,
  );
  expect((await lines([])).every((line) => line.startsWith('{"level":'))).toBe(true);
});

it.each([
  [['gateway', '--servers', 'x.json', '--log-format', 'xml'], {}],
  [['serve', '--config', 'x.yaml', '--log-format', 'xml'], {}],
  [['dev', '--config', 'x.yaml', '--log-format', 'xml'], {}],
  [['certs', 'renew', '--daemon', '--log-format', 'xml'], {}],
  [['gateway', '--servers', 'x.json'], { LOG_FORMAT: 'xml' }],
])('a format that there is not is refused, with those that there are: %j %j', async (args, env) => {
  const { status, stderr } = await sallyport(args, { env });
  expect(status).toBe(2);
  expect(stderr).toContain('xml');
  expect(stderr).toMatch(/json, pretty, ecs/);
});
