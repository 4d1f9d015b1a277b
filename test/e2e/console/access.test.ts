import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { opened, startWatched, stateOf, statusOf } from '../../support/console.js';
import { everything } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';

const gateway = { upstreams: { everything } };

describe('the page of a gateway', () => {
  it('opens by the link that the start prints, once', { timeout: patience(60_000) }, async () => {
    const { link, page } = await startWatched({ gateway });
    expect(await statusOf(page, {})).toBe(401);
    const session = await opened(link);
    expect(session.cookie).not.toBe('');
    expect(await statusOf(page, session)).toBe(200);
    const upstreams = async () => (await stateOf(page, session)).upstreams;
    await expect
      .poll(upstreams, { timeout: patience(10_000) })
      .toMatchObject([{ name: 'everything', state: 'up' }]);
    expect((await fetch(link, { redirect: 'manual' })).status).toBe(401);
    expect(await statusOf(`${page}login?key=guessed`, {})).toBe(401);
  });

  it('gives another link to the user that it runs as, by a socket of mode 600', {
    timeout: 60_000,
  }, async () => {
    const { page, runtime } = await startWatched({ gateway });
    const { stdout, status } = await sallyport(['console'], { env: { XDG_RUNTIME_DIR: runtime } });
    expect(status).toBe(0);
    expect(await statusOf(page, await opened(stdout.trim()))).toBe(200);
    const socket = join(runtime, 'sallyport', `console-${new URL(page).port}.sock`);
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    expect((await stat(join(runtime, 'sallyport'))).mode & 0o777).toBe(0o700);
  });

  it('is read only, for its own page alone, and by its own name', { timeout: 60_000 }, async () => {
    const { link, page } = await startWatched({ gateway });
    const session = await opened(link);
    expect(await statusOf(page, session, 'POST')).toBe(405);
    expect(await statusOf(page, { ...session, Host: 'rebound.example' })).toBe(421);
    expect(await statusOf(`${page}state`, { ...session, Origin: 'http://127.0.0.1:1' })).toBe(403);
    expect(await statusOf(`${page}state`, { ...session, 'Sec-Fetch-Site': 'same-site' })).toBe(403);
    const followed = {
      'Sec-Fetch-Site': 'cross-site',
      'Sec-Fetch-Mode': 'navigate',
      'Sec-Fetch-Dest': 'document',
    };
    expect(await statusOf(page, { ...session, ...followed })).toBe(200);
    const { headers } = await fetch(page, { headers: session });
    expect(headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    const facts = await fetch(`${page}state`, { headers: session });
    expect(facts.headers.get('cache-control')).toBe('no-store');
  });

  it('serves its files with a type and an ETag, and none of another folder', {
    timeout: 60_000,
  }, async () => {
    const { link, page } = await startWatched({ gateway });
    const session = await opened(link);
    const library = await fetch(`${page}assets/preact.js`, { headers: session });
    expect(library.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    const etag = library.headers.get('etag') ?? '';
    expect(await statusOf(`${page}assets/preact.js`, { ...session, 'If-None-Match': etag })).toBe(304);
    for (const name of ['../server.js', '..%2fserver.js', 'none.js', 'facts.js'])
      expect(await statusOf(`${page}assets/${name}`, session)).toBe(404);
  });
});
