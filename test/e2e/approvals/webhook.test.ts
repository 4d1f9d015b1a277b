import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askedClient, outcomeOf, yes } from '../../support/approvals.js';
import { cert } from '../../support/certs.js';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, legacyClient, plugin, startGateway } from '../../support/gateway-run.js';
import { writeConfig } from '../../support/plugin-server.js';

const echo = (message: string) => ({ name: 'echo', arguments: { message } });

interface Question {
  readonly event: string;
  readonly id: string;
  readonly args: { readonly text: string };
  readonly [field: string]: unknown;
}
interface Asked {
  readonly question: Question;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

type Reply = (asked: Asked, response: ServerResponse) => void;

/** An approver; what it was asked, and how it heard of what was withdrawn. */
async function approver(reply: Reply, tls?: { certfile: string; keyfile: string }) {
  const asked: Asked[] = [];
  const looks = new Set<() => void>();
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const one = { question: JSON.parse(body) as Question, body, headers: request.headers };
    asked.push(one);
    for (const look of looks) look();
    if (one.question.event === 'asked') reply(one, response);
    else response.end();
  };
  const server = tls
    ? createSecure({ cert: await readFile(tls.certfile), key: await readFile(tls.keyfile) }, handle)
    : createPlain(handle);
  server.on('error', () => {});
  server.on('clientError', (_, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  const event = (name: string) =>
    new Promise<Asked>((resolve) => {
      const look = () => {
        const found = asked.find(({ question }) => question.event === name);
        if (found === undefined) return;
        looks.delete(look);
        resolve(found);
      };
      looks.add(look);
      look();
    });
  return { asked, event, url: `${tls ? 'https://localhost' : 'http://127.0.0.1'}:${port}/ask` };
}

const answering =
  (answer: object): Reply =>
  ({ question: { id } }, response) =>
    response.end(JSON.stringify({ id, ...answer }));

const started = (webhook: object, approvals: object = {}, env: Record<string, string> = {}) =>
  startGateway(
    {
      plugins: [plugin('asks.mjs')],
      gateway: { upstreams: { one: everything }, approvals: { by: ['webhook'], webhook, ...approvals } },
    },
    { env },
  );

describe('an approver elsewhere', { timeout: 90_000 }, () => {
  it('says yes over TLS of a private CA, to a question that is signed', async () => {
    const { url, asked } = await approver(answering({ decision: 'approve', by: 'grace' }), {
      certfile: cert('server.crt'),
      keyfile: cert('server.key'),
    });
    const secretFile = join(await temporaryFolder(), 'secret');
    await writeFile(secretFile, 'of the webhook\n');
    const headers = { Authorization: '{{ env.APPROVER }}' };
    const webhook = { url, secret_file: secretFile, headers, tls: { ca_bundle: cert('ca.crt') } };
    const gateway = await started(webhook, {}, { APPROVER: 'Bearer of mine' });
    const client = await legacyClient(gateway.url);
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('Echo: ask me');
    const [one] = asked as [Asked];
    const { question, body, headers: sent } = one;
    expect(question).toMatchObject({
      event: 'asked',
      method: 'tools/call',
      name: 'echo',
      upstream: 'one',
      stage: 'call',
      wants: [{ source: 'plugin Plugin', reason: 'it says ask' }],
      args: { text: '{\n  "message": "ask me"\n}', left: 0 },
    });
    expect(question).not.toHaveProperty('principal');
    const signature = createHmac('sha256', 'of the webhook').update(body).digest('hex');
    expect(sent['x-sallyport-signature-256']).toBe(`sha256=${signature}`);
    expect(sent['authorization']).toBe('Bearer of mine');
    const line = await gateway.waitForLog(({ msg }) => msg === 'approval approved');
    expect(line).toMatchObject({ way: 'webhook', by: 'grace' });
  });

  it('says no, with a reason that the client is told', async () => {
    const { url } = await approver(answering({ decision: 'refuse', by: 'grace', reason: 'not today' }));
    const client = await legacyClient((await started({ url })).url);
    await expect(client.callTool(echo('ask me'))).rejects.toThrow(
      'grace has refused it (webhook): not today',
    );
  });

  it('is asked again where it has no answer yet', async () => {
    let times = 0;
    const { url, asked } = await approver((one, response) => {
      times += 1;
      if (times < 3) response.writeHead(202, { 'Retry-After': '1' }).end();
      else answering({ decision: 'approve' })(one, response);
    });
    const client = await legacyClient((await started({ url })).url);
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('Echo: ask me');
    expect(new Set(asked.map(({ question }) => question.id)).size).toBe(1);
  });

  it.each<[string, Reply]>([
    ['an error', (_, response) => response.writeHead(500).end()],
    ['no JSON', (_, response) => response.end('yes')],
    ['another id', (_, response) => response.end('{"id":"x","decision":"approve"}')],
    ['no decision', answering({ decision: true })],
    ['a redirect', (_, response) => response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end()],
    [
      'too much',
      (one, response) => answering({ decision: 'approve', by: 'x'.repeat(100_000) })(one, response),
    ],
    ['nothing', (_, response) => response.destroy()],
  ])('that gives %s approves nothing, and the next is asked', async (_, reply) => {
    const { url } = await approver(reply);
    const gateway = await started({ url });
    const client = await legacyClient(gateway.url);
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('SALLY_APPROVAL_NOBODY');
    await gateway.waitForLog(({ msg }) => msg.startsWith('no approval by webhook'));
    const next = await started({ url }, { by: ['webhook', 'elicitation'] });
    const { client: asking } = await askedClient('legacy', next.url, () => yes);
    expect(await outcomeOf(asking.callTool(echo('ask me')))).toBe('Echo: ask me');
  });

  it('hears that a question is withdrawn where another answer was first', async () => {
    const { url, event } = await approver(() => {});
    const gateway = await started({ url }, { by: ['webhook', 'elicitation'], together: true });
    const { client } = await askedClient('legacy', gateway.url, async () => {
      await event('asked');
      return yes;
    });
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('Echo: ask me');
    const { question } = await event('withdrawn');
    expect(question.id).toBe((await event('asked')).question.id);
  });

  it('is refused where it does not answer in time', async () => {
    const { url, event } = await approver(() => {});
    const client = await legacyClient((await started({ url }, { timeout: 1 })).url);
    expect(await outcomeOf(client.callTool(echo('ask me')))).toBe('SALLY_APPROVAL_TIMEOUT');
    await event('withdrawn');
  });

  it('is not whoever calls', async () => {
    const tokens = join(await temporaryFolder(), 'tokens.json');
    const { stdout } = await sallyport(['token', 'create', '--file', tokens, '--user', 'ada', '--json']);
    const { token } = JSON.parse(stdout) as { token: string };
    const { url } = await approver(answering({ decision: 'approve', by: 'ada' }));
    const gateway = await startGateway({
      plugins: [plugin('asks.mjs')],
      gateway: {
        upstreams: { one: everything },
        auth: { kind: 'bearer', tokens_file: tokens },
        approvals: { by: ['webhook'], webhook: url },
      },
    });
    const client = await legacyClient(gateway.url, { token });
    await expect(client.callTool(echo('ask me'))).rejects.toThrow('nobody approves a call of their own');
  });
});

it.each([
  ['unencrypted', { by: ['webhook'], webhook: 'http://approver.example/ask' }, 'would go unencrypted'],
  [
    'with a secret in the file',
    { webhook: { url: 'https://a.example/', secret: 'x' } },
    'stands in the file',
  ],
  ['nowhere', { by: ['webhook'] }, 'a webhook is to be asked, and none is named'],
  ['on a page that is not there', { by: ['page'] }, 'the page is to be asked, and there is none'],
  ['in a way that is not known', { by: ['mail'] }, 'elicitation, page, webhook'],
])('a configuration that asks %s is refused', { timeout: 60_000 }, async (_, approvals, words) => {
  const path = await writeConfig({ gateway: { upstreams: { one: everything }, approvals } });
  const { status, stderr } = await sallyport(['gateway', '--config', path, '--port', '0']);
  expect(status).not.toBe(0);
  expect(stderr).toContain(words);
});
