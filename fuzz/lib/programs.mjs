import { createServer } from 'node:http';
import { createGateway, createPluginServer, openPluginManager, parseConfig } from 'sallyport';
import { Pool } from 'undici';
import { disagree } from './judge.mjs';

const version = '0.0.0';

/** A log that remembers what is logged as a defect: `check` fails with it. */
function watchedLog() {
  const defects = [];
  const look = (fields, message) => {
    const told = `${message} ${fields.error ?? ''}`;
    if (
      fields.code === 'SALLY_INTERNAL' ||
      /could not be answered|went wrong|not a function|Cannot read/.test(told)
    )
      defects.push(JSON.stringify({ ...fields, message }));
  };
  const ignore = () => {};
  return {
    log: {
      debug: ignore,
      info: ignore,
      warn: look,
      error: look,
      isLevelEnabled: (level) => level !== 'debug',
    },
    check() {
      if (defects.length > 0) disagree('the log has a defect', defects.splice(0));
    },
  };
}

function config(content, side) {
  const options = { path: 'fuzz.yaml', cwd: process.cwd(), env: {}, side, exists: () => false };
  return parseConfig(JSON.stringify(content), options);
}

const filter = {
  name: 'Words',
  kind: 'plugins.regex_filter.search_replace.SearchReplacePlugin',
  hooks: ['tool_pre_invoke', 'tool_post_invoke', 'prompt_post_fetch'],
  config: { words: [{ search: 'crap', replace: 'crud' }] },
};

/** A plugin server without TLS: where to post to. */
export async function openServer() {
  const watched = watchedLog();
  const content = { plugins: [filter], server_settings: { host: '127.0.0.1' } };
  const server = await createPluginServer(config(content, 'server'), { log: watched.log, version });
  const { port } = await server.listen({ port: 0 });
  return { port, check: watched.check };
}

/** A gateway before an upstream, with a plugin of its own. */
export async function openGateway(upstreamPort, more = {}) {
  const watched = watchedLog();
  const upstreams = { one: { url: `http://127.0.0.1:${upstreamPort}/mcp`, timeout: 2 } };
  const content = { plugins: [filter], gateway: { upstreams, ...more } };
  const gateway = await createGateway(config(content, 'gateway'), { log: watched.log, version });
  const { port } = await gateway.listen({ port: 0 });
  await gateway.settled(AbortSignal.timeout(10_000));
  return { gateway, port, check: watched.check };
}

/** The plugins behind a plugin server, as a gateway sees them. */
export async function openPlugins(port) {
  const plugins = [
    {
      name: 'Words',
      kind: 'external',
      hooks: ['tool_pre_invoke'],
      mcp: { url: `http://127.0.0.1:${port}/mcp` },
    },
  ];
  const settings = { plugin_timeout: 2 };
  const watched = watchedLog();
  const manager = await openPluginManager(config({ plugins, plugin_settings: settings }, 'gateway'), {
    log: watched.log,
  });
  return { manager, check: watched.check };
}

const meta = { 'io.modelcontextprotocol/serverInfo': { name: 'upstream', version: '1.0.0' } };
const schema = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } };
const results = {
  'server/discover': {
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
    ttlMs: 60_000,
    cacheScope: 'public',
  },
  'tools/list': { tools: [{ name: 'search', inputSchema: schema }], ttlMs: 60_000, cacheScope: 'private' },
  'prompts/list': { prompts: [{ name: 'ask' }], ttlMs: 60_000, cacheScope: 'private' },
  'resources/list': { resources: [{ uri: 'file:///a', name: 'a' }], ttlMs: 60_000, cacheScope: 'private' },
  'resources/templates/list': { resourceTemplates: [], ttlMs: 60_000, cacheScope: 'private' },
  'prompts/get': { messages: [{ role: 'user', content: { type: 'text', text: 'crap' } }] },
  'resources/read': { contents: [{ uri: 'file:///a', text: 'a' }], ttlMs: 0, cacheScope: 'private' },
  'completion/complete': { completion: { values: ['a'] } },
};

/** An upstream of 2026-07-28 in this thread; `answer` gives `{type, body}` for a request of one method, of its message. */
export async function openUpstream(answer, answered = 'tools/call') {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    let message;
    try {
      message = JSON.parse(Buffer.concat(chunks).toString());
    } catch {
      return response.writeHead(405).end();
    }
    const { id, method } = message;
    if (id === undefined) return response.writeHead(202).end();
    const result = results[method];
    const standard = result
      ? { result: { resultType: 'complete', ...result, _meta: meta } }
      : { error: { code: -32601, message: 'Method not found' } };
    const { type = 'application/json', body } =
      method === answered ? answer(message) : { body: JSON.stringify({ jsonrpc: '2.0', id, ...standard }) };
    response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
    return response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

/** Posts to a port of this machine; a stream is read until its first event. */
export function openPost(port) {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 4, bodyTimeout: 10_000 });
  return async (headers, body) => {
    const {
      statusCode: status,
      headers: answered,
      body: stream,
    } = await pool.request({
      path: '/mcp',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body,
    });
    stream.on('error', () => {});
    if (!String(answered['content-type']).startsWith('text/event-stream'))
      return { status, headers: answered, text: await stream.text() };
    let text = '';
    for await (const chunk of stream) {
      text += chunk;
      if (text.includes('data: {')) break;
    }
    return { status, headers: answered, text };
  };
}

const prefix = 'io.modelcontextprotocol/';
export const envelope = {
  [`${prefix}protocolVersion`]: '2026-07-28',
  [`${prefix}clientInfo`]: { name: 'fuzz', version: '1.0.0' },
  [`${prefix}clientCapabilities`]: {},
};

/** The headers that a client of 2026-07-28 sends with a message, where they can be sent. */
export function modernHeaders(input) {
  let message;
  try {
    message = JSON.parse(input.toString('utf8'));
  } catch {}
  const named = message?.params?.name ?? message?.params?.uri;
  const header = (value) => (typeof value === 'string' && /^[!-~]{1,100}$/.test(value) ? value : 'x');
  return {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': header(message?.method),
    ...(named !== undefined && { 'mcp-name': header(named) }),
  };
}
