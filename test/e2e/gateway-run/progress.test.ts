import { resolve } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, it, onTestFinished } from 'vitest';
import { firstText, startGateway } from '../../support/gateway-run.js';

const script = resolve(import.meta.dirname, '../../support/mcp-asking.mjs');
const asking = { command: process.execPath, args: [script], share: 'session' };

it('a client of 2026-07-28 hears of progress after it has answered a question within the call', async () => {
  const gateway = await startGateway({ gateway: { upstreams: { one: asking } } });
  const client = new Client(
    { name: 'modern', version: '1.0.0' },
    { capabilities: { sampling: {} }, versionNegotiation: { mode: 'auto' } },
  );
  const answer = { role: 'assistant', model: 'none', content: { type: 'text', text: 'go on' } } as const;
  client.setRequestHandler('sampling/createMessage', () => answer as never);
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url)));
  onTestFinished(() => client.close().catch(() => {}));
  const steps: number[] = [];
  const result = await client.callTool(
    { name: 'askAndStep', arguments: {} },
    { onprogress: ({ progress }) => void steps.push(progress) },
  );
  expect(firstText(result)).toBe('done');
  // The SDK tells of the round first, by itself.
  expect(steps.slice(1)).toEqual([1, 2, 3]);
});
