import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { startWatched, statusOf } from '../../support/console.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything } from '../../support/gateway-run.js';
import { writeConfig } from '../../support/plugin-server.js';

const upstreams = { everything };

/** A file of tokens, and the token of each user in it. */
async function tokens(...users: readonly (readonly string[])[]) {
  const file = join(await temporaryFolder(), 'tokens.json');
  const made: string[] = [];
  for (const [user = '', tenant] of users) {
    const whose = ['--user', user, ...(tenant === undefined ? [] : ['--tenant', tenant])];
    const { stdout } = await sallyport(['token', 'create', '--file', file, ...whose, '--json']);
    made.push((JSON.parse(stdout) as { token: string }).token);
  }
  return { file, made };
}

describe('who may look without a link', () => {
  it('is who the console names, of those that the gateway knows', { timeout: 90_000 }, async () => {
    const { file, made } = await tokens(['ada'], ['grace'], ['ada', 'elsewhere'], ['mary', 'research']);
    const { page } = await startWatched({
      gateway: {
        upstreams,
        auth: { kind: 'bearer', tokens_file: file },
        console: { admins: ['ada', { user: 'mary', tenant: 'research' }] },
      },
    });
    const statuses = made.map((token) => statusOf(`${page}state`, { Authorization: `Bearer ${token}` }));
    expect(await Promise.all(statuses)).toEqual([200, 401, 401, 200]);
    const basic = Buffer.from(`any name:${made[0]}`).toString('base64');
    expect(await statusOf(page, { Authorization: `Basic ${basic}` })).toBe(200);
    const { status, headers } = await fetch(page);
    expect([status, headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^Basic realm=/)]);
  });

  it('is nobody any more once the token is revoked', { timeout: 60_000 }, async () => {
    const { file, made } = await tokens(['ada']);
    const { page } = await startWatched({
      gateway: { upstreams, auth: { kind: 'bearer', tokens_file: file }, console: { admins: ['ada'] } },
    });
    const headers = { Authorization: `Bearer ${made[0]}` };
    const { body } = await fetch(new URL('events', page), { headers });
    const { stdout } = await sallyport(['token', 'list', '--file', file, '--json']);
    const [{ id }] = JSON.parse(stdout) as [{ id: string }];
    await sallyport(['token', 'revoke', '--file', file, id]);
    // The stream that was opened by it ends.
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    while (!(await reader.read()).done);
    expect(await statusOf(page, headers)).toBe(401);
  });

  it.each([
    ['without TLS and admins', { host: '0.0.0.0' }, 'none', 'SALLY_CONFIG_CONSOLE_OPEN'],
    ['by names where nobody is known', { admins: ['ada'] }, 'none', 'SALLY_CONFIG_CONSOLE'],
    ['with TLS that there is not', { tls: true }, 'none', 'SALLY_CONFIG_CONSOLE'],
  ])('is never said %s', async (_, page, auth, code) => {
    const path = await writeConfig({ gateway: { upstreams, auth, console: page } });
    const { status, stderr } = await sallyport(['gateway', '--config', path, '--port', '0'], {
      env: { LOG_FORMAT: 'json' },
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain(code);
  });
});
