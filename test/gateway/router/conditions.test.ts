import { expect, it } from 'vitest';
import type { Condition } from '../../../src/config/index.js';
import { needsLists, unmatchedConditions } from '../../../src/gateway/router/conditions.js';
import { handle } from '../../manager/handles.js';

const offered = [
  { upstream: 'files', tools: new Set(['read_file', 'delete_file']), prompts: new Set<string>() },
  { upstream: 'web', tools: new Set(['search']), prompts: new Set(['summary']) },
];
const unmatched = (conditions: Condition[], at = offered as Parameters<typeof unmatchedConditions>[1]) =>
  unmatchedConditions([handle({ name: 'P', conditions })], at).map(({ context }) => context);

it.each<[string, Condition]>([
  ['by the name that the upstream has', { tools: ['delete_file'] }],
  ['by the name that clients see', { tools: ['files__delete_file'] }],
  ['of its server', { server_ids: ['files'], tools: ['delete_file', 'files__read_file'] }],
  ['in a prompt', { prompts: ['summary', 'web__summary'] }],
  ['in nothing at all', {}],
  ['in what no list has', { resources: ['file:///a'], agents: ['a'], tenant_ids: ['t'] }],
])('[G6] a condition that can be met is not spoken of: %s', (_title, condition) => {
  expect(unmatched([condition])).toEqual([]);
});

it.each<[string, Condition, object]>([
  ['a misspelt tool', { tools: ['delet_file'] }, { key: 'tools', name: 'delet_file', meant: 'delete_file' }],
  [
    'a misspelt name of clients',
    { tools: ['files__delte_file'] },
    { key: 'tools', name: 'files__delte_file', meant: 'files__delete_file' },
  ],
  ['a pattern', { tools: ['*'] }, { key: 'tools', name: '*', meant: undefined }],
  [
    'a tool of another server',
    { server_ids: ['web'], tools: ['delete_file'] },
    { key: 'tools', name: 'delete_file', meant: undefined },
  ],
  [
    'the prefix of another server',
    { tools: ['web__delete_file'] },
    { key: 'tools', name: 'web__delete_file', meant: 'files__delete_file' },
  ],
  ['a prompt', { prompts: ['sumary'] }, { key: 'prompts', name: 'sumary', meant: 'summary' }],
  ['an upstream', { server_ids: ['file'] }, { key: 'server_ids', name: 'file', meant: 'files' }],
])('[G6] a condition that no call can meet is told, with what was meant: %s', (_title, condition, told) => {
  expect(unmatched([condition])).toContainEqual({ plugin: 'P', ...told });
});

it('[G6] nothing is said of a name that an upstream may have whose list is not known', () => {
  const away = [...offered, { upstream: 'new', tools: undefined, prompts: undefined }];
  expect(unmatched([{ tools: ['delet_file'] }], away)).toEqual([]);
  expect(unmatched([{ server_ids: ['files'], tools: ['delet_file'] }], away)).toHaveLength(1);
});

it('[G6] nothing is said of a plugin that is disabled, and once of a name that stands twice', () => {
  const conditions = [{ tools: ['x'] }, { tools: ['x', 'x'] }];
  expect(unmatchedConditions([handle({ mode: 'disabled', conditions })], offered)).toEqual([]);
  expect(unmatched(conditions)).toHaveLength(1);
});

it('lists are read only where a condition is about them', () => {
  const needs = (conditions: Condition[]) => needsLists([handle({ conditions })]);
  expect(needsLists([handle({ mode: 'disabled', conditions: [{ tools: ['a'] }] })])).toBe(false);
  expect([needs([]), needs([{ server_ids: ['a'] }]), needs([{ tools: [] }])]).toEqual([false, false, false]);
  expect([needs([{ tools: ['a'] }]), needs([{}, { prompts: ['a'] }])]).toEqual([true, true]);
});
