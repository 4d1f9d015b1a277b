import { describe, expect, it } from 'vitest';
import { modeTable, type PluginMode } from '../../src/config/index.js';
import { PluginFailed } from '../../src/errors.js';
import { globalContext, type HookResult } from '../../src/hooks/index.js';
import { decide } from '../../src/manager/decide.js';
import type { Outcome } from '../../src/plugin/handle.js';
import { block, modify, proceed } from '../../src/plugin/index.js';

const error = PluginFailed(PluginFailed.example);
const violation = { reason: 'no', code: 'NO', description: 'no', details: {} };
const answered = (result: HookResult): Outcome => ({
  kind: 'answered',
  outcome: { result, context: { state: {}, metadata: {}, global_context: globalContext('1') } },
});

const outcomes = {
  proceeds: answered(proceed()),
  modifies: answered(modify({ name: 'new' })),
  blocks: answered(block(violation)),
  'blocks without saying why': answered({ continue_processing: false, modified_payload: null }),
  'modifies and blocks': answered({ ...block(violation), modified_payload: { name: 'new' } }),
  fails: { kind: 'failed', error },
} satisfies Record<string, Outcome>;

const goesOn = { kind: 'continue' };
const changed = { kind: 'continue', modified: { name: 'new' } };
const wouldBlock = { kind: 'continue', note: { kind: 'violation', violation } };
const wouldBlockUnsaid = { kind: 'continue', note: { kind: 'violation', violation: null } };
const ignored = { kind: 'continue', note: { kind: 'error', error } };
const blocked = (name: 'blocks' | 'blocks without saying why' | 'modifies and blocks') => ({
  kind: 'block',
  result: (outcomes[name] as Extract<Outcome, { kind: 'answered' }>).outcome.result,
});

const blocking = {
  blocks: blocked('blocks'),
  'blocks without saying why': blocked('blocks without saying why'),
  'modifies and blocks': blocked('modifies and blocks'),
};
const enforce = { proceeds: goesOn, modifies: changed, ...blocking, fails: { kind: 'fail', error } };
const permissive = {
  proceeds: goesOn,
  modifies: changed,
  blocks: wouldBlock,
  'blocks without saying why': wouldBlockUnsaid,
  'modifies and blocks': { ...wouldBlock, ...changed },
  fails: ignored,
};
const watching = { ...permissive, modifies: goesOn, 'modifies and blocks': wouldBlock };

const expected: Record<Exclude<PluginMode, 'disabled'>, Record<keyof typeof outcomes, object>> = {
  enforce,
  sequential: enforce,
  enforce_ignore_error: { ...enforce, fails: ignored },
  permissive,
  transform: permissive,
  audit: watching,
  concurrent: { ...enforce, modifies: goesOn },
  fire_and_forget: watching,
};

describe.each(Object.entries(expected))('%s', (mode, row) => {
  it.each(Object.entries(row))('[G6] a plugin that %s', (name, decision) => {
    const effect = modeTable[mode as keyof typeof expected];
    expect(decide(effect, outcomes[name as keyof typeof outcomes])).toEqual(decision);
  });
});

it('every mode of the table is tried here', () => {
  expect([...Object.keys(expected), 'disabled'].sort()).toEqual(Object.keys(modeTable).sort());
});

it('[G6] a modified payload may be any value but null', () => {
  for (const value of [false, 0, '', [], {}]) {
    expect(decide(modeTable.enforce, answered(modify(value)))).toEqual({ kind: 'continue', modified: value });
  }
  expect(decide(modeTable.enforce, answered(modify(null)))).toEqual(goesOn);
});
