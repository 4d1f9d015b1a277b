import { describe, expect, it } from 'vitest';
import {
  capabilitiesOf,
  type Described,
  instructionsOf,
  passedCapabilities,
} from '../../../src/gateway/router/capabilities.js';

const upstream = (name: string, capabilities: Record<string, unknown>, more: object = {}): Described => ({
  name,
  said: { era: 'legacy', capabilities, instructions: undefined, ...more },
});

describe('what the gateway says that it can', () => {
  it('is what its upstreams can together, and that lists change: an upstream can go', () => {
    const both = [
      upstream('a', { tools: {}, logging: {} }),
      upstream('b', { resources: { subscribe: true } }),
    ];
    expect(capabilitiesOf(both, 'legacy')).toEqual({
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      logging: {},
    });
  });

  it('has room for an upstream that was never reached', () => {
    const capabilities = capabilitiesOf([upstream('a', { tools: {} }), { name: 'b' }], 'legacy');
    expect(Object.keys(capabilities)).toEqual(['tools', 'prompts', 'resources']);
  });

  it('passes on what one upstream alone can be asked', () => {
    const tasks = { list: {}, requests: { tools: { call: {} } } };
    const one = [upstream('a', { tools: {}, tasks, experimental: { x: {} } })];
    expect(capabilitiesOf(one, 'legacy')).toMatchObject({ tasks, experimental: { x: {} } });
    expect(capabilitiesOf(one, 'modern')).not.toHaveProperty('tasks');
    expect(capabilitiesOf([...one, upstream('b', {})], 'legacy')).not.toHaveProperty('tasks');
  });

  it('has no tasks of the newer era, whose results pass no hook', () => {
    const extensions = { 'io.modelcontextprotocol/tasks': {}, 'io.example/ui': {} };
    expect(capabilitiesOf([upstream('a', { extensions })], 'modern')).toEqual({
      extensions: { 'io.example/ui': {} },
    });
    expect(passedCapabilities({ extensions })).toEqual({ extensions: { 'io.example/ui': {} } });
    expect(passedCapabilities({ roots: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } })).toEqual({
      roots: {},
    });
  });

  it('has the instructions of one upstream as they are, and of several under their names', () => {
    const a = upstream('a', {}, { instructions: 'Do A.' });
    const b = upstream('b', {}, { instructions: 'Do B.' });
    expect(instructionsOf([a])).toBe('Do A.');
    expect(instructionsOf([a, b])).toBe('# a\n\nDo A.\n\n# b\n\nDo B.');
    expect(instructionsOf([a, upstream('c', {})])).toBe('# a\n\nDo A.');
    expect(instructionsOf([upstream('c', {})])).toBeUndefined();
  });
});
