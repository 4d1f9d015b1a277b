import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, buildConnector } from 'undici';

const prefix = 'io.modelcontextprotocol/';
const envelope = {
  [`${prefix}protocolVersion`]: '2026-07-28',
  [`${prefix}clientInfo`]: { name: 'soak', version: '1.0.0' },
  [`${prefix}clientCapabilities`]: {},
};
const base = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
};

/** The body of a call of an upstream's tool, and the headers that go with it. */
export function toolRequest(name, mark, more = {}) {
  const params = { name, arguments: { mark, ...more }, _meta: envelope };
  const body = JSON.stringify({ jsonrpc: '2.0', id: `id ${mark}`, method: 'tools/call', params });
  return { headers: { ...base, 'mcp-name': name }, body };
}

/** The body of a hook call straight at a plugin server. */
export function hookRequest(mark) {
  const payload = { name: 'direct', args: { mark } };
  const context = { state: {}, metadata: {}, global_context: { request_id: mark, state: {}, metadata: {} } };
  const args = { hook_type: 'tool_pre_invoke', plugin_name: 'Guard', payload, context };
  const params = { name: 'invoke_hook', arguments: args, _meta: envelope };
  const body = JSON.stringify({ jsonrpc: '2.0', id: `id ${mark}`, method: 'tools/call', params });
  return { headers: { ...base, 'mcp-name': 'invoke_hook' }, body };
}

/** Connections to an origin, with the client certificate where one is given; its files are read at each new connection. */
export function openClient(origin, tls, options = {}) {
  const connect = (where, done) => {
    buildConnector({ ...readPair(tls), timeout: 20_000, maxCachedSessions: 0 })(where, done);
  };
  const agent = new Agent({
    connections: 32,
    headersTimeout: 20_000,
    bodyTimeout: 20_000,
    connectTimeout: 20_000,
    ...(tls && { connect }),
    ...options,
  });
  return {
    /** Makes one call; what came of it, with its mark. */
    async call(make, mark = randomUUID()) {
      const { headers, body } = make(mark);
      let status;
      let text;
      try {
        const reply = await agent.request({ origin, path: '/mcp', method: 'POST', headers, body });
        status = reply.statusCode;
        text = await reply.body.text();
      } catch (error) {
        return { mark, kind: 'broken', detail: error.code ?? error.message };
      }
      return { mark, ...judge(status, text, mark) };
    },
    close: () => agent.destroy(),
  };
}

/** Key and certificate are two files: between the two renames of a renewal they are not of each other. */
function readPair({ certfile, keyfile, ca_bundle }) {
  for (;;) {
    const [cert, key, ca] = [certfile, keyfile, ca_bundle].map((path) => readFileSync(path));
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return { cert, key, ca };
  }
}

/** Whether a reply is that of its call, an error as it should be, or neither. */
function judge(status, text, mark) {
  const foreign = (text.match(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g) ?? []).filter(
    (one) => one !== mark,
  );
  let message;
  try {
    // A stream holds the reply as its last event.
    message = JSON.parse(text.startsWith('{') ? text : text.slice(text.lastIndexOf('data: ') + 6));
  } catch {
    return { kind: 'improper', detail: `${status} ${text.slice(0, 200)}` };
  }
  if (status === 503) return { kind: 'error', detail: '503' };
  const { id, result, error } = message;
  const told = result?.content?.[0]?.text ?? '';
  if (result && status === 200) {
    if (id !== `id ${mark}` || foreign.length > 0 || !told.includes(mark))
      return { kind: 'wrong', detail: text.slice(0, 400) };
    return { kind: result.isError ? 'error' : 'ok', detail: 'isError' };
  }
  const proper =
    Number.isInteger(error?.code) &&
    typeof error.message === 'string' &&
    (id === `id ${mark}` || id === null);
  if (!proper) return { kind: 'improper', detail: `${status} ${text.slice(0, 200)}` };
  return { kind: 'error', detail: String(error.data?.code ?? error.message).slice(0, 80) };
}

/** Makes calls, so many at a time, until `over` says so: how many of each kind, and which marks. */
export async function load(callers, over, onOutcome = () => {}) {
  const counts = {};
  const details = {};
  const outcomes = [];
  await Promise.all(
    callers.map(async (call) => {
      while (!over()) {
        const outcome = await call();
        counts[outcome.kind] = (counts[outcome.kind] ?? 0) + 1;
        outcomes.push(outcome);
        onOutcome(outcome);
        if (outcome.kind === 'ok') continue;
        const key = `${outcome.kind}: ${outcome.detail}`;
        details[key] = (details[key] ?? 0) + 1;
        // Nothing there: not in a circle as fast as it goes.
        if (outcome.kind === 'broken') await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }),
  );
  return { counts, details, outcomes };
}

/** The most frequent of what was not well, as a line. */
export function worst(details, most = 4) {
  const sorted = Object.entries(details).sort(([, a], [, b]) => b - a);
  return sorted
    .slice(0, most)
    .map(([detail, count]) => `${count} × ${detail}`)
    .join('; ');
}
