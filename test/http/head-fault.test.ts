import { describe, expect, it } from 'vitest';
import { createHttpServer } from '../../src/http/index.js';
import { silentLogger } from '../../src/log.js';
import { listening, nodeServer, post, withFastPath } from '../support/fast-path.js';
import { rawExchange, statuses } from '../support/raw-http.js';

const last = 'GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const get = (...lines: string[]) => `${['GET /health HTTP/1.1', ...lines].join('\r\n')}\r\n\r\n`;
const chunked = (version: string, ...lines: string[]) =>
  `${[`POST /mcp HTTP/${version}`, 'Host: localhost', ...lines].join('\r\n')}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`;

/** The replies to a request and to an ordinary one behind it on the connection; the first server has a fast path. */
async function replies(request: string) {
  const { port } = await withFastPath();
  const alone = await listening(nodeServer().http);
  const [ours, nodes] = await Promise.all(
    [port, alone].map((one) => rawExchange(one, request + last).then(statuses)),
  );
  expect(ours).toEqual(nodes);
  return ours;
}

describe('a request that is refused whatever it asks for', () => {
  it.each([
    ['two Hosts', get('Host: localhost', 'Host: localhost')],
    ['two Hosts in another case', get('Host: localhost', 'HOST: evil.example')],
    ['two Authorizations', get('Host: localhost', 'Authorization: Bearer a', 'authorization: Bearer a')],
    ['two Origins', get('Host: localhost', 'Origin: http://localhost', 'Origin: http://evil.example')],
    ['two Hosts and a body', post('{}', 'Host: evil.example')],
    ['two Authorizations and a body', post('{}', 'Authorization: a', 'Authorization: b')],
    ['two lengths', post('{}', 'Content-Length: 2')],
    ['no Host', get()],
    ...[
      '',
      'a b',
      '[::',
      '%00',
      'a,b',
      'user@localhost',
      'localhost/x',
      'localhost:99999',
      '[fe80::1%25lo]',
    ].map((host): [string, string] => [`the Host '${host}'`, get(`Host: ${host}`)]),
    ['the Host a b and a body', post('{}').replace('localhost', 'a b')],
    ['chunked twice', chunked('1.1', 'Transfer-Encoding: chunked, chunked')],
    ['chunked in two headers', chunked('1.1', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['the coding identity', chunked('1.1', 'Transfer-Encoding: identity')],
    ['the coding gzip alone', chunked('1.1', 'Transfer-Encoding: gzip')],
    ['a coding after chunked', chunked('1.1', 'Transfer-Encoding: chunked, gzip')],
    ['a coding and a length', post('{}', 'Transfer-Encoding: chunked')],
    ['chunked in HTTP/1.0', chunked('1.0', 'Transfer-Encoding: chunked', 'Connection: keep-alive')],
    ['chunked in HTTP/1.0, and a length', chunked('1.0', 'Transfer-Encoding: chunked', 'Content-Length: 2')],
    ['a target with a user', get('Host: localhost').replace('/health', 'http://a@localhost/health')],
    ['a target without a host', get('Host: localhost').replace('/health', 'http:///health')],
    ['a target of another scheme', get('Host: localhost').replace('/health', 'ftp://localhost/health')],
  ])('%s: 400, and the connection ends before the next one', async (_, request) => {
    expect(await replies(request)).toEqual([400]);
  });

  it.each([['gzip, chunked'], ['gzip , chunked'], ['x-unknown,chunked']])(
    'the transfer coding %s: 501, and the connection ends before the next one',
    async (coding) => {
      expect(await replies(chunked('1.1', `Transfer-Encoding: ${coding}`))).toEqual([501]);
    },
  );

  it.each([['gzip'], ['GZIP'], ['identity, br'], ['aws-chunked']])(
    'a body with the content coding %s: 415, which says what is taken',
    async (coding) => {
      expect(await replies(post('{}', `Content-Encoding: ${coding}`))).toEqual([415, 200]);
      const { port } = await withFastPath();
      const said = await rawExchange(port, post('{}', `Content-Encoding: ${coding}`) + last);
      expect(said).toContain('Accept-Encoding: identity');
    },
  );

  it('a target of https where there is no TLS: 421', async () => {
    const request = get('Host: localhost').replace('/health', 'https://localhost/health');
    expect(await replies(request)).toEqual([421]);
  });
});

it('what follows a wrongly framed request on its connection is not carried out', async () => {
  const asked: (string | undefined)[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.url);
    response.end();
  }, silentLogger);
  const port = await listening(server.http);
  const before = get('Host: localhost');
  const wrong = chunked('1.0', 'Transfer-Encoding: chunked', 'Connection: keep-alive');
  expect(statuses(await rawExchange(port, before + wrong + last + last))).toEqual([200, 400]);
  expect(asked).toEqual(['/health']);
});

describe('a request that is out of the ordinary and right', () => {
  it.each([
    ['a body that says that it is not encoded', post('{}', 'Content-Encoding: identity')],
    ['an encoding that is empty', post('{}', 'Content-Encoding: ')],
    ['chunked, in capitals', chunked('1.1', 'Transfer-Encoding: CHUNKED')],
    ['HTTP/1.0 with a length', post('{}', 'Connection: keep-alive').replace('HTTP/1.1', 'HTTP/1.0')],
    ['OPTIONS of the server', get('Host: localhost').replace('GET /health', 'OPTIONS *')],
    ['a Host without a port after the colon', get('Host: localhost:')],
  ])('%s is served', async (_, request) => {
    expect(await replies(request)).toEqual([200, 200]);
  });

  it('HTTP/1.0 needs no Host', async () => {
    const { port } = await withFastPath();
    expect(statuses(await rawExchange(port, 'GET /health HTTP/1.0\r\n\r\n'))).toEqual([200]);
  });

  it.each([
    ['http://localhost/mcp?a=b', '/mcp?a=b'],
    ['HTTP://localhost:80/mcp', '/mcp'],
    ['http://localhost', '/'],
    ['http://localhost?a', '/?a'],
  ])('the target %s is that of %s', async (target, path) => {
    const { port } = await withFastPath();
    const request = post('{}', 'Connection: close').replace('/mcp', target);
    expect(await rawExchange(port, request)).toContain(JSON.stringify(['POST', path]).slice(0, -1));
  });
});
