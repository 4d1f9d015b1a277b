import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { marks, payloads } from './hooks.mjs';
import { clientTls, gatewayEntries } from './lib/ends.mjs';
import { until } from './lib/processes.mjs';

/** Thrown where a scenario does not apply to a cell: the cell says so, and why. */
export class NotApplicable extends Error {}

const tool = (name, args, more = {}) => ({ name, args, ...more });
const probe = (args) => tool('probe', args);

const violation = {
  reason: 'not allowed',
  description: 'the probe was told to block: größer ≠ besser',
  code: 'PROBE_BLOCKED',
  details: { nested: { list: [1, 'two', null], none: null }, text: '日本' },
  mcp_error_code: -32042,
};

/** The answer of a call that must not fail. */
async function ok(answer) {
  const result = await answer;
  assert.equal(result.error, undefined, `the call failed: ${result.error?.message}`);
  return result;
}

/** Nulls and defaults that a peer's models add to typed fields are not looked at; everything else has to match. */
function contains(actual, expected, path = 'payload') {
  if (typeof expected !== 'object' || expected === null) {
    assert.deepEqual(actual, expected, `${path} is ${JSON.stringify(actual)}`);
    return;
  }
  assert.equal(typeof actual, 'object', `${path} is ${JSON.stringify(actual)}`);
  for (const [key, value] of Object.entries(expected)) contains(actual?.[key], value, `${path}.${key}`);
}

/**
 * What is tried in every cell, in this order. A cell is `{ gateway, server, transport, direction, peer, openGateway }`;
 * a scenario that throws has failed.
 */
export const scenarios = {
  'connect and list': async ({ gateway }) => {
    await ok(gateway.call('tool_pre_invoke', probe({ do: 'nothing' })));
    const [first] = await gateway.plugins();
    assert.equal(first.name, 'Probe');
    assert.equal(first.priority, 30, 'the priority is the one that the server reports');
    const missing = Object.keys(payloads).filter((hook) => !first.hooks.includes(hook));
    assert.deepEqual(missing, [], `hooks missing: ${missing}`);
    // The newer frameworks call it sequential.
    assert.ok(['enforce', 'sequential'].includes(first.mode), `the mode is ${first.mode}`);
  },

  'get_plugin_config in another case': async ({ gateway }) => {
    await gateway.call('tool_pre_invoke', tool('lettercase', { do: 'nothing' }));
    const found = (await gateway.plugins()).find((plugin) => plugin.name === 'LETTERCASE');
    assert.equal(found?.priority, 30, 'the server knows LetterCase');
  },

  'invoke_hook in another case': async ({ gateway }) => {
    const { payload } = await ok(gateway.call('tool_pre_invoke', tool('lettercase', { do: 'modify' })));
    contains(payload, { args: { added: { by: 'probe' } } });
  },

  'missing plugin ({})': async ({ server, openGateway }) => {
    const entries = [{ name: 'Nowhere', kind: 'external', mcp: server.mcp }];
    const error = await openGateway({ entries }).then(
      async (gateway) => {
        const answer = await gateway.call('tool_pre_invoke', probe({}));
        // Newer peers leave out a plugin that does not start, and go on without it.
        const left = !(await gateway.plugins()).some(({ name }) => name === 'Nowhere');
        await gateway.close();
        return left ? new Error('Nowhere is left out') : answer.error;
      },
      (thrown) => thrown,
    );
    assert.ok(error, 'a plugin that the server does not have is used');
    assert.match(error.message, /Nowhere|configuration|validation/i);
  },

  ...Object.fromEntries(Object.keys(payloads).map((hook) => [hook, (cell) => everyHook(cell, hook)])),

  'a payload that stays as it is': async ({ gateway }) => {
    const result = await ok(gateway.call('tool_pre_invoke', probe({ do: 'nothing' })));
    assert.equal(result.continue_processing, true);
    if (result.payload !== null) contains(result.payload, probe({ do: 'nothing' }));
  },

  violation: async ({ gateway }) => {
    const result = await ok(gateway.call('tool_pre_invoke', probe({ do: 'block', violation })));
    assert.equal(result.continue_processing, false);
    contains(result.violation, violation, 'violation');
  },

  'an error in the plugin': async ({ gateway }) => {
    const { error } = await gateway.call('tool_pre_invoke', probe({ do: 'fail' }));
    assert.ok(error, 'no error');
    assert.match(`${error.message} ${JSON.stringify(error.model)}`, /the probe was told to fail/);
  },

  'state from pre- to post-hook': async ({ gateway }) => {
    const request = 'request-with-state';
    const note = { text: 'kept', list: [1, null] };
    await ok(gateway.call('tool_pre_invoke', probe({ do: 'remember', note }), { request }));
    const after = await ok(
      gateway.call('tool_post_invoke', { name: 'probe', result: { ok: true } }, { request }),
    );
    assert.deepEqual(after.payload.result, { ok: true, note, step: 'pre' });
    const other = await ok(gateway.call('tool_post_invoke', { name: 'probe', result: { ok: true } }));
    assert.equal(other.payload.result.note, null, 'another request sees the state');
  },

  'global state': async ({ gateway }) => {
    const request = 'request-with-global-state';
    const global = { state: { tally: 3, other: 'stays' }, user: 'ada', tenant_id: 't-1', server_id: 's-1' };
    await ok(gateway.call('tool_pre_invoke', probe({ do: 'count' }), { request, global }));
    const { state } = await ok(gateway.call('tool_pre_invoke', probe({ do: 'count' }), { request }));
    assert.deepEqual(state, { tally: 5, other: 'stays' });
  },

  'the context as it is sent': async ({ gateway }) => {
    const request = 'request-with-context';
    const global = {
      user: 'ada',
      tenant_id: 't-1',
      server_id: 's-1',
      metadata: { trace: 'abc', none: null },
    };
    const { payload } = await ok(
      gateway.call('tool_pre_invoke', probe({ do: 'context' }), { request, global }),
    );
    contains(payload.args.context.global_context, { request_id: request, ...global }, 'global_context');
  },

  'unknown extra fields': async ({ gateway, direction }) => {
    const more = direction === 'B' ? { later: { version: 2 } } : {};
    const payload = tool('probe', { do: 'extras', free: { any: [1] } }, more);
    const global = direction === 'B' ? { user_context: { user_id: 'ada' }, later: 1 } : {};
    const result = await ok(gateway.call('tool_pre_invoke', payload, { global }));
    contains(result.payload.args, { do: 'extras', free: { any: [1] }, seen: true });
  },

  'nulls inside free-form args': async ({ gateway }) => {
    const args = { do: 'mirror', none: null, list: [null, 1, { none: null }], deep: { none: null, some: 1 } };
    const { payload } = await ok(gateway.call('tool_pre_invoke', probe(args)));
    assert.deepEqual(payload.args.received, args);
  },

  'numbers, unicode and empty values': async ({ gateway }) => {
    const args = {
      do: 'mirror',
      text: 'žluťoučký 🐎 \u0000\u001f "\\ \u2028 日本語',
      'ключ 🔑': true,
      numbers: [0, -1, 1.5, 1e21, 9007199254740991, -0.000001],
      empty: { text: '', list: [], object: {} },
    };
    const { payload } = await ok(gateway.call('tool_pre_invoke', probe(args)));
    assert.deepEqual(payload.args.received, args);
  },

  'a payload of 900 KB': async ({ gateway }) => {
    const args = { do: 'mirror', text: 'x'.repeat(900_000) };
    const { payload } = await ok(gateway.call('tool_pre_invoke', probe(args)));
    assert.equal(payload.args.received.text.length, 900_000);
  },

  'permissive: a violation goes on': async ({ gateway }) => {
    const result = await ok(gateway.call('tool_pre_invoke', tool('permissive', { do: 'block', violation })));
    assert.equal(result.continue_processing, true);
  },

  'permissive: an error goes on': async ({ gateway }) => {
    const result = await ok(gateway.call('tool_pre_invoke', tool('permissive', { do: 'fail' })));
    assert.equal(result.continue_processing, true);
  },

  'permissive as the server reports it': async ({ gateway }) => {
    // A gateway that could not reach the server at its start learns the mode by the first call.
    await ok(gateway.call('tool_pre_invoke', tool('lenient', { do: 'nothing' })));
    const blocked = await ok(gateway.call('tool_pre_invoke', tool('lenient', { do: 'block', violation })));
    assert.equal(blocked.continue_processing, true);
    const failed = await ok(gateway.call('tool_pre_invoke', tool('lenient', { do: 'fail' })));
    assert.equal(failed.continue_processing, true);
  },

  'enforce_ignore_error: an error goes on': async ({ gateway }) => {
    const result = await ok(gateway.call('tool_pre_invoke', tool('ignoreerror', { do: 'fail' })));
    assert.equal(result.continue_processing, true);
  },

  'enforce_ignore_error: a violation blocks': async ({ gateway }) => {
    const result = await ok(gateway.call('tool_pre_invoke', tool('ignoreerror', { do: 'block', violation })));
    assert.equal(result.continue_processing, false, 'the request goes on');
  },

  'disabled: never called': async ({ gateway }) => {
    const result = await ok(gateway.call('tool_pre_invoke', tool('disabled', { do: 'block', violation })));
    assert.equal(result.continue_processing, true);
  },

  '32 calls at once': async ({ gateway }) => {
    const calls = Array.from({ length: 32 }, (_, n) =>
      ok(gateway.call('tool_pre_invoke', probe({ do: 'mirror', n }), { request: `at-once-${n}` })),
    );
    const answers = await Promise.all(calls);
    assert.deepEqual(
      answers.map(({ payload }) => payload.args.received.n),
      answers.map((_, n) => n),
    );
  },

  'restart of the other side': async ({ gateway, server }) => {
    const before = await ok(gateway.call('tool_pre_invoke', probe({ do: 'pid' })));
    if (server.restart) await server.restart();
    else process.kill(before.metadata.pid, 'SIGKILL');
    let answer;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      if (attempt > 0) await sleep(1_000);
      answer = await gateway.call('tool_pre_invoke', probe({ do: 'pid' }));
      if (!answer.error) break;
    }
    assert.equal(answer.error, undefined, `still fails at the third call: ${answer.error?.message}`);
    assert.notEqual(answer.metadata.pid, before.metadata.pid);
  },

  'started by its script, gone after the close': async ({ server, transport, openGateway }) => {
    if (transport !== 'stdio') throw new NotApplicable('nothing is started by the gateway');
    const entries = [{ name: 'Probe', kind: 'external', mcp: server.byScript }];
    const gateway = await openGateway({ entries });
    const { metadata } = await ok(gateway.call('tool_pre_invoke', probe({ do: 'pid' })));
    await gateway.close();
    await until(5_000, `the end of the server process ${metadata.pid}`, () => !isAlive(metadata.pid));
  },

  'no client certificate: refused': (cell) =>
    refused(cell, ({ certs }) => ({ ca_bundle: clientTls(certs).ca_bundle }), {
      A: 'SALLY_TLS_NO_CLIENT_CERT',
      B: 'SALLY_TLS_NO_CLIENT_CERT',
    }),

  // Its own side is not verified: it has to be the server that refuses.
  'client certificate of another CA: refused': (cell) =>
    refused(cell, ({ otherCerts }) => ({ ...clientTls(otherCerts), verify: false, check_hostname: false }), {
      A: 'SALLY_TLS_UNKNOWN_CA',
      B: 'SALLY_TLS_CLIENT_CERT_REFUSED',
    }),

  'server certificate of another CA: refused': (cell) =>
    refused(cell, ({ otherCerts }) => clientTls(otherCerts), {
      // Python's client closes without an alert.
      A: 'SALLY_TLS_HANDSHAKE',
      B: 'SALLY_TLS_UNKNOWN_CA',
    }),

  'the server as it was released': async ({ direction, transport, startServer }) => {
    if (direction === 'A') throw new NotApplicable('its server is not in this direction');
    if (transport !== 'mtls') throw new NotApplicable('only its TLS settings are changed here');
    const server = await startServer({ env: { INTEROP_AS_RELEASED: '1' } });
    await server.stop();
  },
};

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function everyHook({ gateway }, hook) {
  const payload = payloads[hook];
  const result = await gateway.call(hook, payload);
  if (result.unknown_hook) throw new NotApplicable('its version does not know this hook');
  await ok(result);
  contains(result.payload, marks[hook](payload));
}

/**
 * A gateway that must not get through, neither when it opens nor when it calls. Our side has to say why: its server's
 * log in direction A, its gateway's error in direction B.
 */
async function refused({ transport, direction, server, openGateway, ...cell }, tls, codes) {
  if (transport !== 'mtls') throw new NotApplicable('there are no certificates');
  const logged = server.tail().length;
  const [entry] = gatewayEntries({ ...server.mcp, tls: tls(cell) });
  const error = await openGateway({ entries: [entry] }).then(
    async (gateway) => {
      const answer = await gateway.call('tool_pre_invoke', probe({ do: 'nothing' }));
      const left = (await gateway.plugins()).length === 0;
      await gateway.close();
      return left ? new Error('the plugin is left out') : answer.error;
    },
    (thrown) => thrown,
  );
  assert.ok(error, 'the connection was accepted');
  const said = direction === 'A' ? server.tail().slice(logged) : error.code;
  assert.ok(said?.includes(codes[direction]), `refused, but not with ${codes[direction]}: ${said}`);
}
