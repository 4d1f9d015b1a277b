import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globalContext, type HookResult, type PluginContext } from '../../src/hooks/index.js';
import { block, modify, proceed } from '../../src/plugin/index.js';
import {
  type InvokeReply,
  readChainReply,
  readReply,
  writeError,
  writeResult,
} from '../../src/wire/index.js';

const empty: PluginContext = { state: {}, metadata: {}, global_context: globalContext('1') };
const written = (result: HookResult, context = empty) => JSON.parse(writeResult('P', result, context));

function read(text: string): InvokeReply {
  const reply = readReply(text);
  expect(reply).toBeTypeOf('object');
  return reply as InvokeReply;
}

describe('the text of a result', () => {
  it('[S9] is that of the contract', () => {
    const context = { ...empty, global_context: globalContext('1', { state: { a: 1 } }) };
    expect(written(proceed(), context)).toEqual({
      plugin_name: 'P',
      result: { continue_processing: true, modified_payload: null, violation: null, metadata: {} },
      context: { state: {}, metadata: {}, global_context: { request_id: '1', state: { a: 1 } } },
    });
  });

  it('[S9] has every field of a result, whatever was left out', () => {
    const least: HookResult = { continue_processing: true, modified_payload: undefined };
    expect(written(least)).toEqual({
      plugin_name: 'P',
      result: { continue_processing: true, modified_payload: null, violation: null, metadata: {} },
    });
  });

  it('[S9] gives a violation its details, and keeps what else it has', () => {
    const violation = { reason: 'r', description: 'd', code: 'C', details: null, http_status_code: 429 };
    expect(written({ ...block(violation), violation }).result.violation).toEqual({
      ...violation,
      details: {},
    });
  });

  it('[S9] keeps nulls inside what was modified', () => {
    const payload = { name: 't', args: { a: null, b: [null] } };
    expect(written(modify(payload)).result.modified_payload).toEqual(payload);
  });
});

describe('the context of a result', () => {
  it.each<[string, Partial<PluginContext>, boolean]>([
    ['nothing', {}, false],
    ['state', { state: { a: 1 } }, true],
    ['a state of null', { state: { a: null } }, true],
    ['metadata', { metadata: { a: 1 } }, true],
    ['global state', { global_context: globalContext('1', { state: { a: 1 } }) }, true],
    ['global metadata', { global_context: globalContext('1', { metadata: { a: 1 } }) }, false],
    ['a user', { global_context: globalContext('1', { user: 'ada', tenant_id: 't' }) }, false],
  ])('[S9] with %s in it', (_title, parts, present) => {
    expect('context' in written(proceed(), { ...empty, ...parts })).toBe(present);
  });
});

describe('there and back', () => {
  const json = fc
    .jsonValue({ depthSize: 'small' })
    .filter((value) => !JSON.stringify(value).includes('__proto__'));
  const record = fc.dictionary(
    fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
    json,
  );
  const violation = fc.record({
    reason: fc.string(),
    description: fc.string(),
    code: fc.string(),
    details: record,
    mcp_error_code: fc.option(fc.integer()),
  });
  const result = fc.record({
    continue_processing: fc.boolean(),
    modified_payload: json,
    violation: fc.option(violation),
    metadata: record,
  });

  it('[S9] any result comes back as it was, its context where it holds something', () => {
    fc.assert(
      fc.property(result, record, record, record, (answer, state, metadata, globalState) => {
        const global_context = globalContext('1', { state: globalState });
        const reply = read(writeResult('P', answer, { state, metadata, global_context }));
        // What JSON cannot hold (-0) is not what is looked for here.
        const expected = JSON.parse(
          JSON.stringify({ result: answer, context: { state, metadata, globalState } }),
        );
        const held = [state, metadata, globalState].some((part) => Object.keys(part).length > 0);
        expect(reply).toEqual({
          kind: 'result',
          result: expected.result,
          ...(held && { context: expected.context }),
        });
      }),
    );
  });

  it('[S9] any error comes back as it was', () => {
    const error = fc.record({
      message: fc.string(),
      plugin_name: fc.string(),
      code: fc.string(),
      details: record,
      mcp_error_code: fc.integer(),
    });
    fc.assert(
      fc.property(error, (given) => {
        expect(read(writeError('P', given))).toEqual({
          kind: 'error',
          error: JSON.parse(JSON.stringify(given)),
        });
      }),
    );
  });

  it('[S9] an error of the message alone gets the fields of the contract', () => {
    expect(JSON.parse(writeError('P', { message: 'm' }))).toEqual({
      plugin_name: 'P',
      error: { message: 'm', plugin_name: 'P', code: '', details: {}, mcp_error_code: -32603 },
    });
  });
});

describe('what peers send', () => {
  const result = { continue_processing: true, modified_payload: null };

  it('[S9] a result of a server that drops nulls', () => {
    const text = '{"plugin_name":"P","result":{"continue_processing":true}}';
    expect(read(text)).toEqual({ kind: 'result', result: { continue_processing: true } });
  });

  it('[S9] unknown fields are kept in the result and let pass elsewhere', () => {
    const text = JSON.stringify({
      plugin_name: 'P',
      took_ms: 3,
      result: { ...result, retry_policy: { times: 2 } },
    });
    expect(read(text)).toEqual({ kind: 'result', result: { ...result, retry_policy: { times: 2 } } });
  });

  it('[S9] parts of a context that are absent or null are empty', () => {
    const nothing = { state: {}, metadata: {}, globalState: {} };
    for (const context of [
      {},
      { state: null, metadata: null, global_context: null },
      { global_context: {} },
    ]) {
      expect(read(JSON.stringify({ result, context }))).toMatchObject({ context: nothing });
    }
  });

  it.each([[undefined], [null]])('[S9] a context of %j is none', (context) => {
    expect(read(JSON.stringify({ result, context }))).toEqual({ kind: 'result', result });
  });

  it('[S9] an error wins over a result', () => {
    expect(read(JSON.stringify({ result, error: { message: 'm' } })).kind).toBe('error');
  });
});

describe('what is not a reply', () => {
  it.each([
    ['', /^no JSON: /],
    ['<html>', /^no JSON: <html>/],
    ['{"result":', /^no JSON/],
    ['null', /expected object, received null/],
    ['[]', /expected object/],
    ['"text"', /expected object/],
    ['{}', /^neither a result nor an error$/],
    ['{"plugin_name":"P"}', /^neither a result nor an error$/],
    ['{"result":7}', /^result: expected object/],
    ['{"result":{"continue_processing":"yes","modified_payload":null}}', /^result.continue_processing: /],
    ['{"error":{}}', /^error.message: /],
    ['{"result":{"modified_payload":null},"context":{"state":[]}}', /^context.state: /],
  ])('[S9] %s', (text, reason) => {
    expect(readReply(text)).toMatch(reason);
  });

  it('[S9] a long text is cut', () => {
    expect((readReply('x'.repeat(100_000)) as string).length).toBeLessThan(300);
  });

  it('[S9] whatever the text: a reply or a reason, never an exception', () => {
    const reply = fc.record(
      { result: fc.jsonValue(), error: fc.jsonValue(), context: fc.jsonValue(), plugin_name: fc.jsonValue() },
      { requiredKeys: [] },
    );
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      reply.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (given) => {
        const answer = readReply(given);
        if (typeof answer === 'string') expect(answer).not.toBe('');
        else expect(['result', 'error']).toContain(answer.kind);
      }),
      { numRuns: 500 },
    );
  });
});

it.each(['{"result":{"continue_processing":true},"error":null}', '{"result":null,"error":{"message":"m"}}'])(
  '[S9] null for what is not there: %s',
  (text) => {
    expect(readReply(text)).toBeTypeOf('object');
  },
);

describe('the replies of a chain', () => {
  const reply = (plugin: string) => writeResult(plugin, proceed(), empty);
  const chain = (...replies: string[]) => `{"replies":[${replies.join(',')}]}`;
  const kinds = (text: string) => {
    const replies = readChainReply(text, ['A', 'B']);
    return typeof replies === 'string' ? replies : replies.map(({ kind }) => kind);
  };

  it('are those of its steps, in their order, or of the first of them', () => {
    expect(kinds(chain(reply('A'), reply('B')))).toEqual(['result', 'result']);
    expect(kinds(chain('null', '{"late":true}'))).toEqual(['untouched', 'late']);
    expect(kinds(chain(reply('A')))).toEqual(['result']);
  });

  it('are none where one is of another plugin, or there are more than there are steps', () => {
    expect(kinds(chain(reply('B'), reply('A')))).toMatch(
      /^replies.0: expected that of the plugin A, received one of B/,
    );
    expect(kinds(chain('null', writeError('A', { message: 'no', plugin_name: 'A' })))).toMatch(/^replies.1/);
    expect(kinds(chain('null', 'null', 'null'))).toBe('replies: expected at most 2');
  });
});
