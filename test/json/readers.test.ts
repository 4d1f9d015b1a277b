import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadGatewayConfig } from '../../src/config/index.js';
import { findSallyError } from '../../src/errors.js';
import { openAuthenticator, readTokens } from '../../src/gateway/auth/index.js';
import { silentLogger } from '../../src/log.js';
import { parse } from '../config/helpers.js';
import { sallyport } from '../support/command.js';
import { temporaryFolder } from '../support/folder.js';

/** What is too much, beside what is right. */
const excess = {
  'nested too deep': `"x":${'['.repeat(80)}${']'.repeat(80)}`,
  'with too many keys': `"x":{${Array.from({ length: 10_001 }, (_, i) => `"${i}":1`).join(',')}}`,
  'with a key twice': '"x":1,"\\u0078":1',
};

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, text);
  return path;
}

const jwt = {
  kind: 'jwt',
  issuer: 'https://i.example',
  audience: 'a',
  userClaim: 'sub',
  scopes: [],
} as const;
const deps = { log: silentLogger, now: () => new Date() };

async function keysAt(text: string): Promise<URL> {
  const server = createServer((_, response) => void response.end(text));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
}
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Each takes a whole text of its own with one member more; what it says of it. */
const readers: Record<string, (more: string) => Promise<unknown>> = {
  'a tokens file': async (more) => readTokens(await fileOf('t.json', `{"tokens":[],${more}}`)),
  'a file of keys': async (more) => {
    const file = await fileOf('j.json', `{"keys":[],${more}}`);
    return openAuthenticator({ ...jwt, jwks: { file } }, deps);
  },
  'the keys of a URL': async (more) => {
    const url = await keysAt(`{"keys":[],${more}}`);
    const authenticator = await openAuthenticator({ ...jwt, jwks: { url } }, deps);
    const token = `${part({ alg: 'ES256', kid: 'k' })}.${part({})}.${'A'.repeat(86)}`;
    const verdict = await authenticator.judge({ authorization: `Bearer ${token}` });
    if (verdict.kind === 'unavailable') throw verdict.error;
    return verdict;
  },
  'a configuration': async (more) => parse(`{"plugins":[],${more}}`),
  'a file of servers': async (more) => {
    const servers = await fileOf('mcp.json', `{"mcpServers":{"a":{"command":"x","env":{${more}}}}}`);
    return loadGatewayConfig({ servers, cwd: '/', env: {}, home: '/' });
  },
  'the payload of a command': async (more) => {
    const config = await fileOf('p.yaml', 'plugins: []');
    const args = [
      'invoke',
      'tool_pre_invoke',
      '--config',
      config,
      '--plugin',
      'N',
      '--payload',
      `{"name":"t",${more}}`,
    ];
    throw new TypeError((await sallyport(args)).stderr);
  },
};

it.each(
  Object.entries(readers).flatMap(([name, read]) =>
    Object.entries(excess).map(([what, more]) => [name, what, read, more] as const),
  ),
)('%s %s is refused for that', async (_, what, read, more) => {
  const error = await read(more).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(findSallyError(error)?.code).not.toBe('SALLY_INTERNAL');
  const why = {
    'nested too deep': /deeper than \d+ levels/,
    'with too many keys': /more than 10000 keys/,
    'with a key twice': /twice/,
  }[what];
  expect(String(error?.message)).toMatch(why as RegExp);
});
