import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Agent, fetch } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, startGateway } from '../../support/gateway-run.js';
import { judgedBy } from '../../support/judges.js';
import { serverTls, startPluginServer } from '../../support/plugin-server.js';

/** The programs that refuse a body over their limit, in plain HTTP and behind TLS. */
const programs = {
  'the plugin server': () => startPluginServer({ tls: null }),
  'the plugin server, with TLS': () => startPluginServer({ tls: { ...serverTls(), ssl_cert_reqs: 0 } }),
  'the gateway': () => startGateway({ gateway: { upstreams: { one: everything } } }),
  'the gateway, with TLS': () =>
    startGateway({ gateway: { upstreams: { one: everything }, tls: { ...serverTls(), ssl_cert_reqs: 0 } } }),
};
const each = Object.entries(programs);
const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const megabytes = [8.1, 30];
/** Of each kind; before, half of them did not get through. */
const tries = 6;
const all413 = (count: number) => ({ 413: count });

function counted(seen: readonly (string | number)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of seen) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}

const python = `
import http.client, ssl, sys, urllib.parse
url, size, tries, chunked = urllib.parse.urlparse(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == 'chunked'
headers = {'Content-Type': 'application/json', 'Accept': 'application/json, text/event-stream'}
body = b'"' + b'x' * size + b'"'
for _ in range(tries):
    if url.scheme == 'https':
        client = http.client.HTTPSConnection(url.hostname, url.port, context=ssl._create_unverified_context())
    else:
        client = http.client.HTTPConnection(url.hostname, url.port)
    if chunked:
        pieces = (body[at:at + 65536] for at in range(0, len(body), 65536))
        client.request('POST', url.path, pieces, headers, encode_chunked=True)
    else:
        client.request('POST', url.path, body, headers)
    response = client.getresponse()
    response.read()
    print(response.status)
    client.close()
`;

import { patience } from '../../support/patience.js';
import { tcpClient } from '../../support/tcp.js';

describe.each(each)('a body over the limit of %s', (_, program) => {
  it('gets its 413 with fetch, with a length and chunked', { timeout: patience(120_000) }, async () => {
    const { url } = await program();
    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
    onTestFinished(() => dispatcher.destroy());
    const seen: (string | number)[] = [];
    for (const size of megabytes) {
      const body = Buffer.alloc(size * 1_000_000, '"');
      for (let i = 0; i < tries; i += 1) {
        const pieces = new Blob([body]).stream();
        const sent = { method: 'POST', headers, dispatcher, body: i % 2 ? body : pieces, duplex: 'half' };
        const got = await fetch(url, sent as never).then(
          async (response) => [response.status, await response.text()] as const,
          (error: Error) => [String(error.cause)] as const,
        );
        seen.push(got[0]);
      }
    }
    expect(counted(seen)).toEqual(all413(megabytes.length * tries));
  });

  judgedBy('python3')('gets its 413 with http.client', { timeout: patience(120_000) }, async () => {
    const { url } = await program();
    const seen: string[] = [];
    for (const size of megabytes) {
      for (const kind of ['chunked', 'length']) {
        const args = ['-c', python, url, String(size * 1_000_000), String(tries / 2), kind];
        const { stdout, stderr } = await run('python3', args);
        seen.push(...stdout.trim().split('\n'), ...stderr.trim().split('\n').slice(-1).filter(Boolean));
      }
    }
    expect(counted(seen)).toEqual(all413(megabytes.length * tries));
  });

  judgedBy('curl')(
    'gets its 413 with curl, whether it waits for a 100 or not',
    { timeout: patience(120_000) },
    async () => {
      const { url } = await program();
      const file = join(await temporaryFolder(), 'body');
      const seen: string[] = [];
      const kinds = [[], ['-H', 'Expect:'], ['-H', 'Transfer-Encoding: chunked']];
      for (const size of megabytes) {
        await writeFile(file, Buffer.alloc(size * 1_000_000, '"'));
        for (let i = 0; i < tries; i += 1) {
          const said = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
          const more = kinds[i % kinds.length] ?? [];
          const out = ['-sk', '-o', '/dev/null', '-w', '%{http_code}'];
          const { stdout, status } = await run('curl', [
            ...out,
            ...said,
            ...more,
            '--data-binary',
            `@${file}`,
            url,
          ]);
          seen.push(status === 0 ? stdout : `${stdout} and status ${status}`);
        }
      }
      expect(counted(seen)).toEqual(all413(megabytes.length * tries));
    },
  );
});

const plain = each.filter(([name]) => !name.includes('TLS'));

describe.each(plain)('Expect: 100-continue at %s', (_, program) => {
  const head = (length: number, connection = 'close') =>
    [
      'POST /mcp HTTP/1.1',
      'Host: localhost',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      'Expect: 100-continue',
      `Content-Length: ${length}`,
      `Connection: ${connection}`,
      '\r\n',
    ].join('\r\n');

  it('gets no 100 with a length over the limit, and its 413 at once', async () => {
    const { port } = await program();
    const socket = tcpClient({ port, host: 'localhost' });
    socket.write(head(30_000_000));
    const reply = await text(socket);
    expect(reply.slice(0, 12)).toBe('HTTP/1.1 413');
    expect(reply).not.toContain('HTTP/1.1 100');
  });

  it.each(['close', 'keep-alive'])(
    'gets its 100 with a length within it, and the reply after it, with Connection: %s',
    async (connection) => {
      const { port } = await program();
      const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
      const socket = tcpClient({ port, host: 'localhost' });
      socket.write(head(body.length, connection));
      let received = '';
      socket.on('data', (chunk) => {
        if (received === '') socket.write(body);
        received += chunk;
        if (/HTTP[\s\S]+HTTP\/1\.1 \d/.test(received)) socket.end();
      });
      await once(socket, 'close');
      expect(received).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 \d/);
    },
  );
});
