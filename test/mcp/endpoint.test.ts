import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientGone } from '../../src/errors.js';
import { readInitialize } from '../../src/mcp/endpoint-call.js';
import { Questions } from '../../src/mcp/endpoint-questions.js';
import { StatelessClient } from '../../src/mcp/endpoint-stateless.js';
import { classify, createParamHeaderCheck } from '../../src/mcp/headers.js';
import { modernResponse, readMessage, statusOf } from '../../src/mcp/messages.js';

const prefix = 'io.modelcontextprotocol/';
const envelope = {
  [`${prefix}protocolVersion`]: '2026-07-28',
  [`${prefix}clientCapabilities`]: { elicitation: {} },
  [`${prefix}clientInfo`]: { name: 'c', version: '1' },
};

/** Objects within objects, so deep. */
const nested = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}{}${'}'.repeat(levels)}`) as object;

describe('messages', () => {
  it('whatever JSON comes, it is one of four things', () => {
    const kinds = ['request', 'notification', 'reply', 'invalid'];
    fc.assert(fc.property(fc.jsonValue(), (json) => kinds.includes(readMessage(json).kind)));
  });

  it('answers are told from requests', () => {
    const error = { code: 1, message: 'no', data: [] };
    expect(readMessage({ jsonrpc: '2.0', id: 1, result: { a: 1 } })).toEqual({
      kind: 'reply',
      id: 1,
      response: { result: { a: 1 } },
    });
    expect(readMessage({ jsonrpc: '2.0', id: null, error })).toEqual({
      kind: 'reply',
      id: null,
      response: { error },
    });
    expect(readMessage({ jsonrpc: '2.0', id: 1, result: {}, error }).kind).toBe('invalid');
    expect(readMessage({ jsonrpc: '2.0', id: 1, error: { code: 'x', message: '' } }).kind).toBe('invalid');
  });
});

describe('the era of a message', () => {
  const request = (meta?: object, method = 'tools/list') => ({
    kind: 'request' as const,
    id: 1,
    method,
    params: meta ? { _meta: meta } : {},
  });

  it('on stdio, is that of its envelope; there are no headers to agree with', () => {
    expect(classify(request(envelope))).toEqual({
      kind: 'modern',
      envelope: {
        revision: '2026-07-28',
        capabilities: { elicitation: {} },
        info: { name: 'c', version: '1' },
      },
    });
    expect(classify(request())).toEqual({ kind: 'legacy' });
    expect(classify(request({ progressToken: 1 }))).toEqual({ kind: 'legacy' });
    expect(classify(request(undefined, 'initialize'))).toEqual({ kind: 'legacy' });
  });

  it('what a client says of itself may be nested as deep as anyone would, and no deeper', () => {
    const open = (capabilities: object) =>
      readInitialize({ protocolVersion: '2025-11-25', capabilities, clientInfo: {} }) !== undefined;
    const wanted = [nested(31), { a: [[nested(28)]] }];
    const tooDeep = [nested(32), nested(50_000), { a: [[nested(29)]] }];
    expect([wanted.map(open), tooDeep.map(open)]).toEqual([
      [true, true],
      [false, false, false],
    ]);
  });

  it('initialize is of the era with sessions, unless its envelope says otherwise', () => {
    expect(classify(request(envelope, 'initialize')).kind).toBe('modern');
    const old = { ...envelope, [`${prefix}protocolVersion`]: '2025-11-25' };
    expect(classify(request(old, 'initialize')).kind).toBe('legacy');
  });

  it.each([
    [{ [`${prefix}protocolVersion`]: 7 }],
    [{ [`${prefix}protocolVersion`]: '2026-07-28' }],
    [{ ...envelope, [`${prefix}clientCapabilities`]: [] }],
    [{ ...envelope, [`${prefix}clientInfo`]: 'me' }],
    [{ ...envelope, [`${prefix}clientCapabilities`]: nested(33) }],
    [{ ...envelope, [`${prefix}clientInfo`]: nested(33) }],
  ])('an envelope that is broken is refused, not taken for none: %j', (meta) => {
    expect(classify(request(meta))).toMatchObject({
      kind: 'refused',
      refusal: { status: 400, error: { code: -32602 } },
    });
  });
});

describe('parameters in headers', () => {
  const schema = {
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      size: { type: 'integer', 'x-mcp-header': 'Size' },
      where: { properties: { zone: { type: 'boolean', 'x-mcp-header': 'Zone' } } },
      list: { items: { properties: { no: { 'x-mcp-header': 'No' } } } },
    },
  };

  it.each([
    [{}, {}, undefined],
    [{ region: null }, {}, undefined],
    [{ list: [{ no: 'x' }] }, {}, undefined],
    [{ region: 'a' }, { 'mcp-param-region': 'a' }, undefined],
    [{ region: 'a' }, {}, 'mcp-param-region'],
    [{ region: 'a' }, { 'mcp-param-region': 'b' }, 'mcp-param-region'],
    [{ size: 42 }, { 'mcp-param-size': '42.0' }, undefined],
    [{ size: 42 }, { 'mcp-param-size': '0x2a' }, 'mcp-param-size'],
    [{ where: { zone: true } }, { 'mcp-param-zone': 'true' }, undefined],
    [{ where: { zone: true } }, { 'mcp-param-zone': 'false' }, 'mcp-param-zone'],
    ['no object', {}, undefined],
  ])('%j with %j: %s', (args, headers, problem) => {
    const check = createParamHeaderCheck();
    const seen = check(schema, args, headers);
    if (problem === undefined) expect(seen).toBeUndefined();
    else expect(seen).toContain(problem);
  });

  it('a schema that has no end of depth is walked to an end', () => {
    const deep: Record<string, unknown> = {};
    deep['properties'] = { again: deep };
    expect(createParamHeaderCheck()(deep, {}, {})).toBeUndefined();
  });
});

describe('what a client is asked', () => {
  const never = new AbortController().signal;

  it('is answered once, and by its own answer', async () => {
    const sent: { id: number }[] = [];
    const questions = new Questions();
    const send = (json: string) => void sent.push(JSON.parse(json) as { id: number });
    const [first, second] = [
      questions.ask(send, 'roots/list', undefined, never),
      questions.ask(send, 'sampling/createMessage', { maxTokens: 1 }, never),
    ];
    expect(sent).toMatchObject([{ method: 'roots/list' }, { params: { maxTokens: 1 } }]);
    questions.resolve(sent[1]?.id ?? null, { result: { n: 2 } });
    questions.resolve(sent[1]?.id ?? null, { result: { n: 3 } });
    questions.resolve('other', { result: { n: 4 } });
    questions.resolve(sent[0]?.id ?? null, { error: { code: -1, message: 'no' } });
    expect(await second).toEqual({ result: { n: 2 } });
    expect(await first).toEqual({ error: { code: -1, message: 'no' } });
  });

  it('is called off where the request that it is for ends, and the client is told', async () => {
    const sent: object[] = [];
    const control = new AbortController();
    const questions = new Questions();
    const asked = questions.ask((json) => sent.push(JSON.parse(json)), 'roots/list', {}, control.signal);
    control.abort();
    await expect(asked).rejects.toMatchObject({ code: 'SALLY_GATEWAY_ASK_CANCELLED' });
    expect(sent).toMatchObject([{ id: 1 }, { method: 'notifications/cancelled', params: { requestId: 1 } }]);
    await expect(questions.ask(() => {}, 'roots/list', {}, control.signal)).rejects.toMatchObject({
      code: 'SALLY_GATEWAY_ASK_CANCELLED',
    });
  });

  it('is not asked without end', async () => {
    const questions = new Questions();
    for (let i = 0; i < 100; i += 1)
      void questions.ask(() => {}, 'roots/list', {}, new AbortController().signal);
    await expect(questions.ask(() => {}, 'roots/list', {}, never)).rejects.toMatchObject({
      code: 'SALLY_GATEWAY_QUESTIONS',
    });
  });

  it('gets no answer from a client that has gone', async () => {
    const questions = new Questions();
    const before = questions.ask(() => {}, 'roots/list', {}, never);
    questions.end(ClientGone({ client: 'c/1' }));
    await expect(before).rejects.toMatchObject({ code: 'SALLY_GATEWAY_CLIENT_GONE' });
    await expect(questions.ask(() => {}, 'roots/list', {}, never)).rejects.toMatchObject({
      code: 'SALLY_GATEWAY_CLIENT_GONE',
    });
  });
});

describe('a client without a session', () => {
  const ada = { user: 'ada', tenant: null, method: 'bearer' as const };
  const said = { revision: '2026-07-28', capabilities: {}, info: {} };

  it('has the same key for one principal and one set of capabilities, and no other', () => {
    const key = (user: string, capabilities: object) =>
      new StatelessClient('modern', { ...ada, user }, { ...said, capabilities: { ...capabilities } }).key;
    expect(key('ada', {})).toBe(key('ada', {}));
    expect(key('ada', {})).not.toBe(key('bob', {}));
    expect(key('ada', {})).not.toBe(key('ada', { sampling: {} }));
    expect(key('ada', { experimental: { x: 'y'.repeat(10_000) } }).length).toBeLessThan(100);
  });

  it('cannot be asked', async () => {
    await expect(new StatelessClient('modern', ada, said).ask('roots/list')).rejects.toMatchObject({
      code: 'SALLY_GATEWAY_NOT_ASKABLE',
    });
  });

  it('is told who answers, and of what type the result is, unless the result says so', () => {
    const own = { name: 'sallyport', version: '1' };
    const key = `${prefix}serverInfo`;
    expect(modernResponse({ result: { a: 1 } }, own)).toEqual({
      result: { a: 1, resultType: 'complete', _meta: { [key]: own } },
    });
    const theirs = { resultType: 'input_required', _meta: { [key]: { name: 'other' }, x: 1 } };
    expect(modernResponse({ result: theirs }, own)).toEqual({ result: theirs });
  });

  it.each([
    [-32601, 404],
    [-32020, 400],
    [-32021, 400],
    [-32022, 400],
    [-32602, 200],
    [-32603, 200],
    [-32000, 200],
  ])('an error %i has the status %i', (code, status) => {
    expect(statusOf({ error: { code, message: '' } }, true)).toBe(status);
    expect(statusOf({ result: {} }, true)).toBe(200);
  });
});
