import { describe, expect, it } from 'vitest';
import { errorOf, openGateway } from '../support/gateway.js';
import { startPluginServer } from '../support/plugin-server.js';
import { startRecordedServer } from './recorded-server.js';
import { type Exchange, type Message, readMessage, recordings, texts } from './recordings.js';

// Sessions with the Python peers, as interop/record.mjs recorded them. `make interop` runs the peers themselves.

const probe = { name: 'Probe', kind: './interop/plugins/probe.mjs', priority: 30 };

async function send(url: string, { request }: Exchange): Promise<Response> {
  const { method, headers, body } = request;
  return fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

/** The parts of a reply that the peer reads: fields that it does not know may come and go. */
function asRead(message: Message | undefined): unknown {
  const { result = {}, error } = message ?? {};
  if (error) return { error: error.code };
  if ('content' in result) return { isError: result['isError'] ?? false, texts: texts(message) };
  if ('tools' in result) {
    const tools = result['tools'] as { name: string; inputSchema: { required?: string[] } }[];
    return Object.fromEntries(tools.map(({ name, inputSchema }) => [name, inputSchema.required]));
  }
  const { protocolVersion, capabilities } = result;
  return { protocolVersion, capabilities };
}

describe('requests of a recorded gateway get replies that it can read', () => {
  it.each(recordings('client'))('$peer', async ({ exchanges }) => {
    const server = await startPluginServer({ tls: null, plugins: [probe, { ...probe, name: 'Other' }] });
    expect(exchanges.length).toBeGreaterThan(20);
    for (const exchange of exchanges) {
      const response = await send(server.url, exchange);
      const type = response.headers.get('content-type');
      const body = await response.text();
      const recorded = exchange.response;
      expect(response.status).toBe(recorded.status);
      const before = asRead(readMessage(recorded.body, recorded.headers['content-type']));
      const now = asRead(readMessage(body, type));
      expect(now).toMatchObject(before as object);
    }
  });
});

describe('replies of a recorded plugin server are understood', () => {
  it.each(recordings('server'))('$peer', async (recording) => {
    const url = await startRecordedServer(recording);
    const gateway = await openGateway({ url, tls: null, name: 'Probe' });
    const requests = new Map<string, ReturnType<typeof gateway.request>>();
    for (const { call, answer } of recording.calls) {
      const request =
        requests.get(call.request) ?? gateway.request({ request_id: call.request, ...call.global });
      requests.set(call.request, request);
      const result = request.invokeForeign(call.hook, call.payload);
      if (answer.error !== undefined) {
        expect((await errorOf(result)).code).toBe('SALLY_PLUGIN_ERROR');
        continue;
      }
      const { continue_processing, modified_payload, violation, metadata } = await result;
      const now = { continue_processing, violation, payload: modified_payload ?? null, metadata };
      expect({ ...now, state: request.global.state }).toMatchObject(answer);
    }
    expect(gateway.plugins.map(({ hooks }) => hooks?.length)).toEqual([12]);
  });

  it.each(recordings('server'))('$peer: a plugin that it does not have', async (recording) => {
    const url = await startRecordedServer(recording);
    const gateway = await openGateway({ url, tls: null, name: 'Nowhere' });
    const error = await errorOf(gateway.request().invoke('tool_pre_invoke', { name: 'probe', args: {} }));
    expect(error.code).toBe('SALLY_PLUGIN_NOT_FOUND');
    expect(error.message).toContain('Probe');
  });
});
