import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FileUnreadable,
  TokensFileInvalid,
  TokensFileLocked,
  TokensFolderMissing,
} from '../../../src/errors.js';
import { changeTokens, makeToken, readTokens } from '../../../src/gateway/auth/index.js';
import { findToken } from '../../../src/gateway/auth/tokens.js';
import { temporaryFolder } from '../../support/folder.js';
import { authenticatedServer } from './authenticated-server.js';

const day = 86_400_000;
const made = (user = 'ada', expires: Date | null = new Date(Date.now() + day)) =>
  makeToken({ user, tenant: 'research', created: new Date(), expires });

async function tokensFile(...records: ReturnType<typeof made>['record'][]): Promise<string> {
  const path = join(await temporaryFolder(), 'tokens.json');
  await changeTokens(path, () => records);
  return path;
}
const bearer = (tokensFile: string) => ({ kind: 'bearer', tokensFile }) as const;
const authorization = (token: string) => ({ authorization: `Bearer ${token}` });

describe('a token', () => {
  it('is found by itself alone, and only until it ends', () => {
    const [one, other] = [made('ada'), made('bob')];
    const records = new Map([one, other].map(({ record }) => [record.id, record]));
    const find = (token: string, now = new Date()) => findToken(token, records, now);
    expect(find(one.token)).toMatchObject({ user: 'ada' });
    expect(find(other.token)).toMatchObject({ user: 'bob' });
    expect(find(one.token, new Date(Date.now() + 2 * day))).toBe('expired');
    expect(find(one.token.replace(one.record.id, other.record.id))).toBe('unknown');
    fc.assert(
      fc.property(fc.nat(one.token.length - 1), fc.constantFrom('x', '_', '', 'é'), (at, char) => {
        const changed = `${one.token.slice(0, at)}${char}${one.token.slice(at + 1)}`;
        expect(find(changed)).toEqual(changed === one.token ? find(one.token) : 'unknown');
      }),
    );
  });

  it('is not in its file, which is its owner’s alone', async () => {
    const { token, record } = made();
    const path = await tokensFile(record);
    expect(await readFile(path, 'utf8')).not.toContain(token.slice(-43));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});

describe('the tokens file', () => {
  it('loses nothing where several change it at once', async () => {
    const path = await tokensFile();
    await Promise.all(
      Array.from({ length: 20 }, () => changeTokens(path, (records) => [...records, made().record])),
    );
    expect(await readTokens(path)).toHaveLength(20);
  });

  it('stays as it was where a change fails, and says who holds it', async () => {
    const path = await tokensFile(made().record);
    const before = await readFile(path, 'utf8');
    const failing = changeTokens(path, () => {
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow('no');
    await writeFile(`${path}.new`, 'another host process 7');
    await expect(changeTokens(path, (all) => all)).rejects.toSatisfy(TokensFileLocked.is);
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it.each(['no-such-folder', 'a-file'])('is not made in %s: a path with a typing error', async (parent) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a-file'), '');
    const changed = changeTokens(join(folder, parent, 'tokens.json'), () => [made().record]);
    await expect(changed).rejects.toSatisfy(TokensFolderMissing.is);
    await expect(changed).rejects.toMatchObject({
      message: expect.stringContaining(`there is no folder ${join(folder, parent)}`),
      remedy: expect.stringContaining(`mkdir -p -m 700 ${join(folder, parent)}`),
    });
  });

  it('has to be there for a token to be revoked', async () => {
    const folder = await temporaryFolder();
    const revoked = changeTokens(join(folder, 'tokens.json'), () => [], 'error');
    await expect(revoked).rejects.toSatisfy(FileUnreadable.is);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    '',
    '{}',
    '[]',
    '{"tokens": [{"id": "x"}]}',
    '{"tokens": [], "more": 1}',
    '{"tokens": [], "t\\u006fkens": []}',
    '['.repeat(100_000),
  ])('is not %j', async (text) => {
    const path = await tokensFile();
    await writeFile(path, text);
    await expect(readTokens(path)).rejects.toSatisfy(TokensFileInvalid.is);
  });
});

describe('[M13] a gateway with tokens', () => {
  it('knows a client by its token', async () => {
    const { token, record } = made();
    const call = await authenticatedServer(bearer(await tokensFile(record)));
    const { status, body } = await call({
      ...authorization(token),
      'x-team': 'a',
      cookie: 'c=1',
      'X-API-Key': 'k',
      'proxy-x': '1',
      'Mcp-Session-Id': 's',
    });
    expect(status).toBe(200);
    expect(body['identity']).toEqual({ user: 'ada', tenant: 'research', method: 'bearer' });
    expect(body['headers']).toEqual({ 'x-team': 'a' });
    expect(body['global']).toMatchObject({ user: 'ada', tenant_id: 'research' });
  });

  it.each([
    ['no token', {}, 401, 'Bearer realm="sallyport"'],
    ['another scheme', { authorization: 'Basic YTpi' }, 401, 'Bearer realm="sallyport"'],
    ['the scheme alone', { authorization: 'Bearer ' }, 401, 'Bearer realm="sallyport"'],
    ['a token without a scheme', { authorization: made().token }, 401, 'Bearer realm="sallyport"'],
    ['an unknown token', authorization(made().token), 401, /error="invalid_token"/],
    ['a token of another kind', authorization('abc'), 401, /error="invalid_token"/],
    ['two tokens', { authorization: 'Bearer a, Bearer b' }, 401, /error="invalid_request"/],
  ])('refuses %s', async (_, headers, status, challenge) => {
    const call = await authenticatedServer(bearer(await tokensFile(made().record)));
    const reply = await call(headers as Record<string, string>);
    expect(reply.status).toBe(status);
    expect(reply.headers['www-authenticate']).toEqual(
      typeof challenge === 'string' ? challenge : expect.stringMatching(challenge),
    );
  });

  it('refuses credentials in the URL, also beside good ones', async () => {
    const { token, record } = made();
    const call = await authenticatedServer(bearer(await tokensFile(record)));
    const reply = await call(authorization(token), `/mcp?access_token=${token}`);
    expect(reply.status).toBe(400);
    expect(JSON.stringify(reply.body)).not.toContain(token);
    expect((await call(authorization(token), '/mcp?profile=a')).status).toBe(200);
  });

  it('knows a token from the moment on that it is in the file, and asks the file once for many that are in none', async () => {
    const path = await tokensFile();
    const call = await authenticatedServer(bearer(path), { now: () => new Date(1_000) });
    for (const user of ['ada', 'bob']) {
      const { token, record } = made(user);
      expect((await call(authorization(token))).status).toBe(401);
      await changeTokens(path, (records) => [...records, record]);
      const replies = await Promise.all([
        ...Array.from({ length: 50 }, () => call(authorization(made().token))),
        call(authorization(token)),
      ]);
      expect(replies.map(({ status }) => status)).toEqual([...new Array(50).fill(401), 200]);
    }
  });

  it('hears of a revoked token without a signal, and keeps its tokens where the file breaks', async () => {
    const { token, record } = made();
    const other = made('bob');
    const path = await tokensFile(record, other.record);
    let clock = Date.now();
    const call = await authenticatedServer(bearer(path), { now: () => new Date(clock) });
    expect((await call(authorization(token))).status).toBe(200);
    await changeTokens(path, (records) => records.filter(({ id }) => id !== record.id));
    clock += 1_001;
    expect((await call(authorization(token))).status).toBe(401);
    await writeFile(path, 'not JSON');
    clock += 1_001;
    expect((await call(authorization(other.token))).status).toBe(200);
    clock += 2 * day;
    expect((await call(authorization(other.token))).body['error_description']).toBe('the token has expired');
  });
});
