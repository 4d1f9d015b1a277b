import { resolve } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, it, vi } from 'vitest';
import {
  firstText,
  gatewayCommand,
  legacyClient,
  startGateway,
  stdioClient,
} from '../../support/gateway-run.js';
import { serveSessions } from '../../support/mcp-fixture.js';
import { patience } from '../../support/patience.js';

const script = resolve(import.meta.dirname, '../../support/mcp-asking.mjs');
const asking = { command: process.execPath, args: [script], share: 'session' };

it('the reason of a cancellation reaches an upstream on stdio', async () => {
  const gateway = await startGateway({ gateway: { upstreams: { one: asking } } });
  const client = await legacyClient(gateway.url);
  const control = new AbortController();
  const call = client.callTool({ name: 'hold' }, undefined, { signal: control.signal });
  call.catch(() => {});
  await client.callTool({ name: 'pid' });
  control.abort('the user pressed Escape');
  await vi.waitFor(
    async () => expect(firstText(await client.callTool({ name: 'givenUp' }))).toBe('the user pressed Escape'),
    { timeout: patience(5_000) },
  );
});

it('the reason of a cancellation reaches an upstream over HTTP, from a client on stdio', async () => {
  const { url, seen, events } = await serveSessions();
  const gateway = await startGateway({ gateway: { upstreams: { web: { url } } } });
  const command = gatewayCommand('--config', `${gateway.folder}/gateway.yaml`, '--stdio');
  const client = await stdioClient(command, gateway.folder);
  const control = new AbortController();
  const begun = new Promise((done) => events.once('slow', done));
  const call = client.callTool({ name: 'slow' }, undefined, { signal: control.signal });
  call.catch(() => {});
  await begun;
  control.abort('the user pressed Escape');
  await vi.waitFor(
    () => {
      const cancelled = seen.requests
        .map(({ body }) => JSON.parse(body || 'null'))
        .find((message) => message?.method === 'notifications/cancelled');
      expect(cancelled?.params.reason).toBe('the user pressed Escape');
    },
    { timeout: patience(5_000) },
  );
});

it('the reason for which an upstream takes a question back reaches the client', async () => {
  const gateway = await startGateway({ gateway: { upstreams: { one: asking } } });
  const client = new Client({ name: 'asked', version: '1.0.0' }, { capabilities: { sampling: {} } });
  let asked = () => {};
  const isAsked = new Promise<void>((done) => {
    asked = done;
  });
  const reason = new Promise((done) => {
    client.setRequestHandler(CreateMessageRequestSchema, async (_request, { signal }) => {
      asked();
      await new Promise((gone) => signal.addEventListener('abort', gone));
      done(signal.reason);
      throw signal.reason;
    });
  });
  await legacyClient(gateway.url, { client });
  const call = client.callTool({ name: 'askInVain' });
  await isAsked;
  await client.callTool({ name: 'release' });
  expect(await reason).toBe('found it by myself');
  expect(firstText(await call)).toBe('done');
});
