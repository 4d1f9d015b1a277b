import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../../src/config/index.js';
import { mergeHeaders } from '../../../src/gateway/auth/http-hooks.js';
import { changeTokens, guarded, makeToken } from '../../../src/gateway/auth/index.js';
import type { ClientRequest, Router } from '../../../src/gateway/client.js';
import { createPluginSets } from '../../../src/gateway/in-use.js';
import { silentLogger } from '../../../src/log.js';
import { openPluginManager } from '../../../src/manager/index.js';
import { definePlugin } from '../../../src/plugin/index.js';
import { temporaryFolder } from '../../support/folder.js';
import { authenticatedServer } from './authenticated-server.js';

const kind = resolve(import.meta.dirname, '../../support/plugins/http-hooks.mjs');
const plugins = [{ name: 'Hooks', kind }];

async function closed(settings?: object) {
  const { token, record } = makeToken({ user: 'ada', created: new Date(), expires: null });
  const tokensFile = `${await temporaryFolder()}/tokens.json`;
  await changeTokens(tokensFile, () => [record]);
  return {
    call: await authenticatedServer(
      { kind: 'bearer', tokensFile },
      { plugins, ...(settings && { settings }) },
    ),
    token,
  };
}

describe('[M17] the hooks around a request', () => {
  it('http_pre_request makes the credentials that authentication sees', async () => {
    const { call, token } = await closed();
    const { status, body } = await call({ 'x-key': token });
    expect(status).toBe(200);
    expect(body['identity']).toMatchObject({ user: 'ada', method: 'bearer' });
    expect(body['headers']).toMatchObject({ 'x-seen': 'yes', 'x-key': token });
    expect(body['headers']).not.toHaveProperty('authorization');
  });

  it('http_pre_request puts nothing in the place of credentials that the client sent', async () => {
    const { call, token } = await closed();
    expect((await call({ 'x-key': 'bad', authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await call({ 'x-key': token, authorization: 'Bearer bad' })).status).toBe(401);
  });

  it('http_pre_request blocks with 403, or as the plugin wants', async () => {
    const { call } = await closed();
    const plain = await call({ 'x-pre': 'block' });
    expect([plain.status, plain.body]).toEqual([
      403,
      {
        error: 'plugin_violation',
        error_description: 'Plugin Violation: go away',
        plugin_error_code: 'NO',
        plugin_name: 'Hooks',
      },
    ]);
    const teapot = await call({ 'x-pre': 'teapot' });
    expect([teapot.status, teapot.headers['x-why']]).toEqual([418, 'tea']);
  });

  it('http_auth_resolve_user knows clients by itself', async () => {
    const { call } = await closed();
    const { body } = await call({ authorization: 'Bearer magic' });
    const record = { email: 'merlin@example.org', tenant_id: 'camelot', is_admin: true };
    expect(body['identity']).toEqual({
      user: 'merlin@example.org',
      tenant: 'camelot',
      method: 'plugin',
      record,
    });
    expect(body['global']).toMatchObject({
      user: record,
      tenant_id: 'camelot',
      state: { path: 'POST /mcp' },
    });
  });

  it('http_auth_resolve_user refuses clients', async () => {
    const { call, token } = await closed();
    const blocked = await call({ 'x-user': 'blocked', authorization: `Bearer ${token}` });
    expect([blocked.status, blocked.headers['www-authenticate']]).toEqual([401, 'Magic']);
    expect((await call({ 'x-user': 'nobody', authorization: `Bearer ${token}` })).status).toBe(401);
    const broken = await call({ 'x-user': 'broken', authorization: `Bearer ${token}` });
    expect([broken.status, broken.body['error']]).toEqual([503, 'server_error']);
    expect(JSON.stringify(broken.body)).not.toContain('directory');
  });

  it('authentication decides where no plugin says anything', async () => {
    const { call, token } = await closed();
    expect((await call({ authorization: `Bearer ${token}` })).body['identity']).toMatchObject({
      user: 'ada',
    });
    expect((await call()).status).toBe(401);
  });

  it('http_post_request adds to the headers of the reply, and fails without harm', async () => {
    const { call, token } = await closed();
    const good = await call({ authorization: `Bearer ${token}` });
    expect(good.headers).toMatchObject({
      'x-audit': '200 ada POST /mcp',
      'content-type': 'application/json',
    });
    const late = await call({ authorization: `Bearer ${token}`, 'x-post': 'throw' });
    expect([late.status, late.headers['x-audit']]).toEqual([200, undefined]);
  });
});

describe('guarded', () => {
  const denies = definePlugin({
    setup: () => ({
      hooks: {
        http_auth_check_permission: () => ({
          continue_processing: true,
          modified_payload: { granted: false, reason: 'not you' },
        }),
      },
    }),
  });

  it.each([
    ['http', { error: { message: 'Permission denied: not you' } }],
    ['stdio', { result: { content: [] } }],
  ] as const)(
    'asks by the transport alone, whether or not an address is known: %s',
    async (transport, expected) => {
      const config = parseConfig(stringify({ plugins: [{ name: 'Denies', kind: 'denies' }] }), {
        path: 'plugins.yaml',
        cwd: process.cwd(),
        env: {},
        side: 'gateway',
        exists: () => true,
      });
      const definitions = new Map([['denies', denies]]);
      const sets = createPluginSets(await openPluginManager(config, { log: silentLogger, definitions }));
      onTestFinished(() => sets.close());
      const router = { handle: async () => ({ result: { content: [] } }) } as unknown as Router;
      const request = {
        method: 'tools/call',
        params: { name: 'echo' },
        client: { identity: { user: null, tenant: null, method: 'none' } },
        headers: {},
        remote: undefined,
        context: () => sets.current.plugins.request(),
      } as unknown as ClientRequest;
      expect(await guarded(router, sets, transport).handle(request)).toMatchObject(expected);
    },
  );
});

describe('mergeHeaders', () => {
  it('keeps every header and every credential of the client', () => {
    const name = fc.constantFrom('authorization', 'Authorization', 'cookie', 'x-a', 'X-A', 'x-b');
    const lower = fc.dictionary(
      name.map((text) => text.toLowerCase()),
      fc.string(),
    );
    fc.assert(
      fc.property(lower, fc.dictionary(name, fc.string()), (own, changed) => {
        const merged = mergeHeaders(own, changed);
        for (const header of Object.keys(own)) expect(merged).toHaveProperty(header);
        for (const header of ['authorization', 'cookie'])
          if (own[header] !== undefined) expect(merged[header]).toBe(own[header]);
        expect(Object.keys(merged).every((header) => header === header.toLowerCase())).toBe(true);
      }),
    );
  });
});
