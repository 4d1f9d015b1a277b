import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../../interop/lib/processes.mjs';
import { members } from './members.mjs';
import { openChild, openHttp } from './pipes.mjs';

/** How long a server may take for one answer. */
const answerMs = 45_000;
/** How long servers may take to ask for the roots that have changed. */
const movedMs = 2_000;

const clientInfo = { name: 'realworld', version: '1.0.0' };
const capabilities = { roots: { listChanged: true }, sampling: {}, elicitation: { form: {} } };
export const modernRevision = '2026-07-28';
const metaPrefix = 'io.modelcontextprotocol';

/** What this client says where a server asks it something. */
const replies = (root) => ({
  'roots/list': () => ({ roots: [{ uri: `file://${root()}`, name: 'work' }] }),
  'sampling/createMessage': () => ({
    role: 'assistant',
    content: { type: 'text', text: 'a sample' },
    model: 'none',
    stopReason: 'endTurn',
  }),
  'elicitation/create': ({ requestedSchema }) => ({ action: 'accept', content: filled(requestedSchema) }),
  ping: () => ({}),
});

/** Answers for a form: what each field takes first. */
function filled({ properties = {} } = {}) {
  const samples = { string: 'a', number: 1, integer: 1, boolean: true, array: [] };
  const value = (schema) => {
    const choices = schema.enum ?? (schema.oneOf ?? schema.anyOf)?.map((one) => one.const);
    if (schema.default !== undefined) return schema.default;
    if (choices) return choices[0];
    if (schema.format === 'email') return 'a@example.com';
    if (schema.format === 'uri') return 'https://example.com/';
    if (schema.format?.startsWith('date')) return '2026-01-01';
    return samples[schema.type];
  };
  return Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, value(schema)]));
}

/**
 * A session with a server, of either era, that hides nothing: an answer is `{result}` or `{error}` as text, with what
 * the server said on the way to it.
 * @param target `{url}`, or the `{command, args, env, cwd}` of a child
 */
export async function openSession(target, { era = 'legacy', root = '/' } = {}) {
  const waiting = new Map();
  const heard = [];
  let place = root;
  const answerTo = replies(() => place);
  let listener = () => {};
  let failure;

  const take = (text, refused) => {
    if (text instanceof Error) {
      failure = text;
      for (const { reject } of waiting.values()) reject(text);
      waiting.clear();
      return;
    }
    // Some servers greet on standard output: what is no JSON-RPC message is nobody's.
    if (!text.trimStart().startsWith('{')) return;
    const parts = members(text);
    const method = parts.method && JSON.parse(parts.method);
    if (method) {
      heard.push({ method, params: parts.params ?? '{}' });
      listener();
      if (parts.id) answer(JSON.parse(parts.id), method, JSON.parse(parts.params ?? '{}'));
      return;
    }
    const id = refused ?? (parts.id && JSON.parse(parts.id));
    waiting.get(id)?.resolve(parts.error ? { error: parts.error } : { result: parts.result });
  };
  const answer = (id, method, params) => {
    const reply = answerTo[method];
    const said = reply ? { result: reply(params) } : { error: { code: -32601, message: 'Method not found' } };
    pipe.send({ jsonrpc: '2.0', id, ...said }).catch(() => {});
  };
  const pipe = target.url ? openHttp(target.url, take) : openChild(target, take);

  let nextId = 0;
  /** Sends a request; the answer resolves later. */
  function start(method, params = {}, ms = answerMs) {
    if (failure) throw failure;
    nextId += 1;
    const id = nextId;
    const answered = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    answered.catch(() => {});
    const sent = pipe.send(
      { jsonrpc: '2.0', id, method, params: era === 'modern' ? withMeta(params) : params },
      headersOf(method, params),
    );
    const done = within(
      ms,
      `the answer to ${method}`,
      sent.then(() => answered),
    ).finally(() => waiting.delete(id));
    done.catch(() => {});
    return { id, done };
  }
  const headersOf = (method, params) => {
    if (era !== 'modern') return {};
    const name = params.name ?? params.uri;
    const named = ['tools/call', 'prompts/get', 'resources/read'].includes(method) && name !== undefined;
    return {
      'mcp-protocol-version': modernRevision,
      'mcp-method': method,
      ...(named && {
        'mcp-name': /^[\x21-\x7e][\x20-\x7e]*$/.test(name)
          ? name
          : `=?base64?${Buffer.from(name).toString('base64')}?=`,
      }),
    };
  };
  const withMeta = (params) => ({
    ...params,
    _meta: {
      ...params._meta,
      [`${metaPrefix}/protocolVersion`]: modernRevision,
      [`${metaPrefix}/clientInfo`]: clientInfo,
      [`${metaPrefix}/clientCapabilities`]: capabilities,
    },
  });

  /** The answer to a request; a modern server's questions are answered on the way. */
  async function ask(method, params = {}, ms = answerMs) {
    let answered = await start(method, params, ms).done;
    for (let round = 0; era === 'modern' && round < 5 && answered.result; round += 1) {
      const result = JSON.parse(answered.result);
      if (result?.resultType !== 'input_required') break;
      const inputResponses = {};
      for (const [key, question] of Object.entries(result.inputRequests ?? {})) {
        heard.push({ method: question.method, params: JSON.stringify(question.params ?? {}) });
        inputResponses[key] = answerTo[question.method]?.(question.params ?? {});
      }
      answered = await start(method, { ...params, inputResponses, requestState: result.requestState }, ms)
        .done;
    }
    return answered;
  }

  async function open() {
    if (era === 'modern') return ask('server/discover');
    const opened = await ask('initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo });
    if (opened.error) return opened;
    const { protocolVersion } = JSON.parse(opened.result);
    const initialized = pipe.opened(protocolVersion);
    await pipe.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    await initialized;
    return opened;
  }

  return {
    open,
    ask,
    start,
    notify: (method, params) => pipe.send({ jsonrpc: '2.0', method, params }),
    /** Has another root from now on: the servers are told so, and have their time to ask for it. */
    async moveTo(other) {
      place = other;
      await pipe.send({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
      await sleep(movedMs);
    },
    /** What came by itself since the last look. */
    heard: () => heard.splice(0),
    /** Resolves once a message of that method has come, or after `ms`. */
    async hears(method, ms) {
      if (heard.some((one) => one.method === method)) return;
      const came = new Promise((resolve) => {
        listener = () => heard.some((one) => one.method === method) && resolve();
      });
      await within(ms, method, came).catch(() => {});
    },
    tail: pipe.tail,
    close: pipe.close,
  };
}
