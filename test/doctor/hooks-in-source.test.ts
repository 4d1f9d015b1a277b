import { expect, it } from 'vitest';
import { ownImports, readHooks } from '../../src/doctor/hooks-in-source.js';

it.each([
  [
    'hooks: { tool_pre_invoke() {}, "tool_post_invoke": fn, async prompt_pre_fetch(p) { return { a: [1] }; } }',
    true,
  ],
  ['hooks: { tool_pre_invoke, tool_post_invoke, prompt_pre_fetch }', true],
  [
    'const hooks: Hooks = { tool_pre_invoke() {}, tool_post_invoke() {}, prompt_pre_fetch: async (p) => ({ p }) };',
    true,
  ],
  ['hooks = { tool_pre_invoke() {}, tool_post_invoke() {}, prompt_pre_fetch() {}, ...more }', false],
  ['hooks: { tool_pre_invoke() {}, tool_post_invoke() {}, [name]: fn, prompt_pre_fetch() {} }', false],
])('reads the names within hooks: %s', (source, whole) => {
  expect(readHooks([source])).toMatchObject({
    named: ['tool_pre_invoke', 'tool_post_invoke', 'prompt_pre_fetch'],
    whole,
    misspelt: undefined,
  });
});

it('is not led astray by regular expressions, templates and comments', () => {
  const source = `
    const a = /['"{]/.test(b) ? c / d : \`\${e} {\`; /* hooks: { x: 1 } */
    export default { setup: () => ({ hooks: { tool_pre_invok: fn } }) };`;
  expect(readHooks([source])).toMatchObject({
    named: ['tool_pre_invok'],
    whole: true,
    misspelt: 'tool_pre_invok',
  });
});

it('finds a misspelt name as a member of a class, or given by a bracket, where the right one is nowhere', () => {
  expect(readHooks(['class A { tool_pre_invok(p) { return p } }']).misspelt).toBe('tool_pre_invok');
  expect(readHooks(["own['tool_pre_invok'] = fn"]).misspelt).toBe('tool_pre_invok');
  expect(readHooks(['class A { tool_pre_invok(p) { return p } }', 'x.tool_pre_invoke']).misspelt).toBe(
    undefined,
  );
  expect(readHooks(['tool_pre_invok(1); f(tool_pre_invok)']).misspelt).toBe(undefined);
});

it('finds what a source imports of its own', () => {
  const source = `import a from './a.js'; export * from "../b.mjs"; const c = require('./c'); import('./d.js'); import 'e';`;
  expect(ownImports(source)).toEqual(['./a.js', '../b.mjs', './c', './d.js']);
});
